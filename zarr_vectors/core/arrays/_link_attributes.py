"""Reading link attributes: one value a record, in arrays that mirror those of the links."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np

from zarr_vectors.core.arrays._cells import open_grid
from zarr_vectors.core.arrays._link_family import LINK_ATTRIBUTES, link_attributes_path
from zarr_vectors.core.arrays._vertices import Column, VertexColumn
from zarr_vectors.core.store import OpenStore, check_attribute_names
from zarr_vectors.exceptions import ArgumentError, CorruptStoreError
from zarr_vectors.typing import AnyArray, Int64Array

__all__ = ["LinkAttributes"]


class LinkAttributes:
    """The attributes of one family of links, opened when they are first needed; safe to share between threads."""

    def __init__(self, store: OpenStore, level: int, delta: int) -> None:
        self.store, self.base, self.delta = store, str(level), delta
        self._lock = threading.Lock()
        self._names: tuple[str, ...] | None = None
        self._columns: dict[str, Column] = {}
        self._arrays: dict[tuple[str, str], VertexColumn] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the attributes, sorted."""
        if self._names is None:
            path = f"{self.base}/{LINK_ATTRIBUTES}"
            names = tuple(n for n in _listed(self.store, path) if self.store.backend.list_names(self._path(n)))
            if self.delta == 0:
                check_attribute_names(self.store, path, names)
            self._names = names
        return self._names

    def column(self, name: str) -> Column:
        """Tell what a row of an attribute is: what the first of its arrays says."""
        if name not in self.names:
            have = ", ".join(map(repr, self.names)) or "none"
            msg = f"{self.store.name}: links of level {self.base} have no attribute {name!r}; they have {have}"
            raise ArgumentError(msg)
        if name not in self._columns:
            arrays = _listed(self.store, self._path(name))
            self._columns[name] = self._open(name, arrays[0]).column if arrays else Column(name, np.dtype("<f4"))
        return self._columns[name]

    def read(self, name: str, parts: Sequence[tuple[str, Int64Array, Int64Array]]) -> AnyArray:
        """Give the values of records, one part after the other.

        Parameters
        ----------
        name : str
        parts : list of (name of the offsets array, cells (c, R), records of each cell (c,))

        Raises
        ------
        CorruptChunkError
            If a cell has another number of rows than its links.
        CorruptStoreError
            If an array is missing or its rows are of another kind than those of the others.
        """
        column = self.column(name)
        found = [self._part(name, *part) for part in parts if part[2].any()]
        if not found:
            return np.empty((0, *column.row_shape), column.dtype)
        if len({(values.dtype, values.shape[1:]) for values in found}) > 1:
            msg = f"{self.store.name}/{self._path(name)}: rows of its arrays differ in dtype or shape"
            raise CorruptStoreError(msg)
        return np.concatenate(found)

    def _part(self, name: str, segment: str, cells: Int64Array, counts: Int64Array) -> AnyArray:
        opened = self._open(name, segment)
        cells, counts = cells[counts > 0], counts[counts > 0]
        values, found = opened.read(cells, counts)
        if found is counts or np.array_equal(found, counts):
            return values
        # Some writers say row_shape [] for several columns: the cells tell how many there are.
        channels = len(values) // int(counts.sum())
        if not opened.column.row_shape and channels and (found == counts * channels).all():
            return values.reshape(-1, channels)
        bad = int(np.argmax(found != counts))
        opened.wrong_length(cells[bad].tolist(), f"it has {found[bad]} rows for {counts[bad]} links")

    def _open(self, name: str, segment: str) -> VertexColumn:
        with self._lock:
            if (name, segment) not in self._arrays:
                path = f"{self._path(name)}/{segment}"
                array = open_grid(self.store, path)
                if array is None:
                    msg = f"{self.store.name}: there is no array {path} for the links of these offsets"
                    raise CorruptStoreError(msg)
                column = Column.of_attribute(name, array.grid, f"{self.store.name}/{path}")
                self._arrays[name, segment] = VertexColumn(array, column)
            return self._arrays[name, segment]

    def _path(self, name: str) -> str:
        return link_attributes_path(self.base, name, self.delta)


def _listed(store: OpenStore, path: str) -> list[str]:
    return [name for name in store.backend.list_names(path) if name != "zarr.json" and not name.startswith(".")]
