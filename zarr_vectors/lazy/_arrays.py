"""Grid arrays seen as dense, padded arrays: one cell is fetched when it is indexed."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np
import numpy.typing as npt
import zarr

from zarr_vectors._spec.names import VERTEX_ATTRIBUTES, VERTICES
from zarr_vectors.core.arrays._level import LevelArrays
from zarr_vectors.core.arrays._vertices import VertexColumn
from zarr_vectors.core.store import OpenStore, zarr_group
from zarr_vectors.exceptions import ArgumentError, CorruptStoreError, LimitError
from zarr_vectors.lazy._place import Place, at_place
from zarr_vectors.types._read import decode_attribute
from zarr_vectors.typing import AnyArray, Int64Array

__all__ = ["PaddedArray", "level_group", "raw_array"]

_MAX_ELEMENTS = 1 << 31


def level_group(store: OpenStore, level: int) -> zarr.Group:
    """Give the zarr group of a level."""
    found = zarr_group(store.backend).get(str(level))
    if not isinstance(found, zarr.Group):
        msg = f"level {level} of {store.name} is no group"
        raise CorruptStoreError(msg)
    return found


def raw_array(arrays: LevelArrays, path: str, place: Place) -> PaddedArray | zarr.Array[Any]:
    """Give an array of a level by its path; see `LazyStore.raw_array`."""
    if not isinstance(path, str):
        msg = f"an array's path must be a string such as 'vertex_attributes/fa', got {path!r}"
        raise ArgumentError(msg)
    if path == VERTICES:
        return PaddedArray(arrays, arrays.positions, place, is_positions=True)
    folder, _, name = path.partition("/")
    column = arrays.attribute(name) if folder == VERTEX_ATTRIBUTES and name else None
    if isinstance(column, VertexColumn):
        return PaddedArray(arrays, column, place, is_positions=False)
    group = level_group(arrays.store, arrays.meta.level)
    found = None if {"", ".", ".."} & set(path.split("/")) else group.get(path)
    if not isinstance(found, zarr.Array):
        msg = f"level {arrays.meta.level} of {arrays.store.name} has no array {path!r}"
        raise ArgumentError(msg)
    return found


class PaddedArray:
    """A per-vertex array as ``(C0, .., N_max)`` or ``(C0, .., N_max, D)``.

    ``view[2, 3, 1]`` (index of a cell, counted from 0) fetches that chunk only and gives ``(N_max, ..)``, padded with
    NaN (floats), 0, False or "". Slices work. ``view.origin`` is the chunk coordinate of cell 0.
    """

    def __init__(self, arrays: LevelArrays, column: VertexColumn, place: Place, *, is_positions: bool) -> None:
        self._arrays, self._column, self._place, self._is_positions = arrays, column, place, is_positions
        self._rows = {tuple(c): i for i, c in enumerate((arrays.coords - self.origin).tolist())}
        self._n_max: int | None = None

    @property
    def origin(self) -> Int64Array:
        """Chunk coordinate of cell 0, (D,) int64."""
        return self._column.array.grid.origin

    @property
    def dtype(self) -> np.dtype[Any]:
        """Dtype of the data; strings for categorical attributes."""
        column = self._column.column
        if column.categories is None:
            return column.dtype
        return np.dtype(object) if column.categories.has_missing else np.array(column.categories.words, str).dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """Cells along each axis, then the longest chunk, then channels."""
        return (*self._cells, self._longest(), *self._column.column.row_shape)

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self._cells) + 1 + len(self._column.column.row_shape)

    @property
    def _cells(self) -> tuple[int, ...]:
        return self._column.array.grid.shape

    @at_place
    def _longest(self) -> int:
        if self._n_max is None:
            counts = self._arrays.counts
            if counts is None:
                sizes = self._column.array.payload_sizes(self._arrays.coords)
                if sizes is None:
                    sizes = np.array([len(p) for p in self._column.array.read(self._arrays.coords)], np.int64)
                counts = sizes // self._column.column.row_bytes
            self._n_max = int(counts.max(initial=0))
        return self._n_max

    def __len__(self) -> int:
        return self._cells[0]

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> AnyArray:
        if copy is False:
            msg = "a padded view is made when it is read; it cannot be had without a copy"
            raise ValueError(msg)
        return np.asarray(self[...], dtype=dtype)

    @at_place
    def __getitem__(self, key: object) -> AnyArray:
        index = key if isinstance(key, tuple) else (key,)
        index = _expand_ellipsis(index, self.ndim)
        grid_rank = len(self._cells)
        cells = [_axis_index(i, n) for i, n in zip(index[:grid_rank], self._cells, strict=False)]
        cells += [_axis_index(slice(None), n) for n in self._cells[len(cells) :]]
        picked = [np.atleast_1d(c) for c in cells]
        inner = (self._longest(), *self._column.column.row_shape)
        total = math.prod(len(p) for p in picked) * math.prod(inner)
        if total > _MAX_ELEMENTS:
            msg = f"this slice would hold {total} padded numbers; take fewer cells at a time"
            raise LimitError(msg)
        out = np.full((*(len(p) for p in picked), *inner), self._padding(), self.dtype)
        self._fill(out, picked)
        found: AnyArray = out[tuple(0 if c.ndim == 0 else slice(None) for c in cells)]
        kept = (slice(None),) * sum(c.ndim for c in cells)
        return found[(*kept, *index[grid_rank:])]

    def _padding(self) -> object:
        match self.dtype.kind:
            case "f":
                return np.nan
            case "U" | "O":
                return ""
            case _:
                return 0

    def _fill(self, out: AnyArray, picked: list[Int64Array]) -> None:
        self._arrays.check_open()
        for place in np.ndindex(*(len(p) for p in picked)):
            row = self._rows.get(tuple(int(p[i]) for p, i in zip(picked, place, strict=True)))
            if row is None:
                continue
            values = self._column.read(self._arrays.coords[row : row + 1], None)[0]
            if not self._is_positions:
                values = decode_attribute(self._arrays, self._column.column.name, values)
            out[place][: len(values)] = values


def _expand_ellipsis(index: tuple[Any, ...], ndim: int) -> tuple[Any, ...]:
    places = [at for at, i in enumerate(index) if i is Ellipsis]
    if len(places) > 1 or len(index) - len(places) > ndim:
        msg = f"too many indices for {ndim} dimensions: {index!r}"
        raise IndexError(msg)
    if not places:
        return index
    at = places[0]
    return (*index[:at], *[slice(None)] * (ndim - len(index) + 1), *index[at + 1 :])


def _axis_index(index: object, size: int) -> Int64Array:
    """Give the cells an index names along one axis: 0-d for an integer, 1-d for a slice."""
    if isinstance(index, slice):
        return np.arange(size, dtype=np.int64)[index]
    try:
        number = operator.index(index)  # type: ignore[arg-type]  # anything else raises, which is the point
    except TypeError as error:
        msg = f"cells are picked by whole numbers and slices, got {index!r}"
        raise ArgumentError(msg) from error
    if not -size <= number < size:
        msg = f"cell {number} of {size}"
        raise IndexError(msg)
    return np.array(number % size, np.int64)
