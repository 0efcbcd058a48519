"""Per-vertex arrays of a level: positions and vertex attributes, one row a vertex."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from zarr_vectors._spec import GridMetadata
from zarr_vectors._spec._fields import array, wholes
from zarr_vectors._spec.names import WEIGHTS
from zarr_vectors.core._backends import room
from zarr_vectors.core.arrays._cells import GridArray
from zarr_vectors.encoding import MISSING, Categories
from zarr_vectors.encoding.draco import check_draco
from zarr_vectors.exceptions import CorruptChunkError, CorruptStoreError, UnsupportedFeatureError
from zarr_vectors.typing import AnyArray, Int64Array, UInt8Array

__all__ = ["Column", "VertexColumn"]

_WIDEST_NUMBER = 8  # bytes
_DRACO_NDIM = 3


@dataclass(frozen=True, slots=True)
class Column:
    """What one row of a per-vertex array is.

    Attributes
    ----------
    name : str
        ``"positions"`` or the attribute's name.
    dtype : numpy dtype
        Little-endian.
    row_shape : tuple of int
        ``()`` for one number a vertex, ``(C,)`` for channels.
    categories : Categories or None
        The words behind integer codes.
    encoding : "raw" or "draco"
        What a cell of positions is: the rows, or a Draco bitstream of them.
    """

    name: str
    dtype: np.dtype[Any]
    row_shape: tuple[int, ...] = ()
    categories: Categories | None = None
    encoding: str = "raw"

    @property
    def row_bytes(self) -> int:
        """Bytes of one row."""
        return self.dtype.itemsize * math.prod(self.row_shape)

    def attributes(self) -> dict[str, Any]:
        """Give the keys that a vertex attribute's array carries for this column."""
        if self.name == WEIGHTS:
            return {"zv_array": "vertex_weights", "dtype": self.dtype.name, "row_shape": []}
        out: dict[str, Any] = {
            "zv_array": "attribute",
            "name": self.name,
            "dtype": self.dtype.name,
            "row_shape": list(self.row_shape),
        }
        if self.row_shape:
            out["channel_names"] = [f"ch{i}" for i in range(self.row_shape[0])]
        if self.categories is not None:
            out |= {
                "encoding": "dictionary",
                "categories": list(self.categories.words),
                "ordered": False,
            }
            if self.categories.has_missing:
                out["_FillValue"] = -1
        return out

    @classmethod
    def of_positions(cls, grid: GridMetadata, ndim: int, where: str) -> Column:
        """Read the column of a ``vertices`` array."""
        encoding = grid.attributes.get("encoding", "raw")
        if encoding not in ("raw", "draco") or (encoding == "draco" and ndim != _DRACO_NDIM):
            msg = f"{where}: vertices in {ndim} dimensions are encoded as {encoding!r}, which is not read"
            raise UnsupportedFeatureError(msg)
        dtype = _dtype(grid.attributes.get("dtype", "float32"), where)
        if encoding == "draco":
            check_draco(f"{where}: Draco")
            dtype = np.dtype("<f4")
        if dtype.kind != "f":
            msg = f"{where}: positions must be floating point, got {dtype.name}"
            raise CorruptStoreError(msg)
        return cls("positions", dtype, (ndim,), encoding=str(encoding))

    @classmethod
    def of_attribute(cls, name: str, grid: GridMetadata, where: str) -> Column:
        """Read the column of a ``vertex_attributes/<name>`` array."""
        keys = grid.attributes
        shape = keys.get("row_shape")
        if shape is None:
            channels = len(array(keys.get("channel_names") or [], f"{where}: channel_names"))
            shape = [channels] if channels > 1 else []
        rows = wholes(shape, f"{where}: row_shape", least=1)
        dtype = _dtype(keys.get("dtype", "float32"), where)
        categories = _categories(keys, where)
        if categories is not None and (dtype.kind not in "iu" or rows):
            msg = f"{where}: codes of categories must be one whole number a vertex, got {dtype.name} of shape {rows}"
            raise CorruptStoreError(msg)
        return cls(name, dtype, rows, categories)


def _dtype(name: object, where: str) -> np.dtype[Any]:
    try:
        dtype = np.dtype(str(name)).newbyteorder("<")
    except (TypeError, ValueError, SyntaxError) as error:
        msg = f"{where}: dtype {name!r} is unknown"
        raise CorruptStoreError(msg) from error
    if dtype.kind not in "biuf" or dtype.itemsize > _WIDEST_NUMBER:
        msg = f"{where}: dtype must be a number of at most 64 bits or bool, got {name!r}"
        raise CorruptStoreError(msg)
    return dtype


def _categories(keys: Mapping[str, Any], where: str) -> Categories | None:
    if keys.get("encoding") != "dictionary":
        return None
    words = keys.get("categories")
    if not isinstance(words, list) or not all(isinstance(w, str) for w in words):
        msg = f"{where}: categories must be a list of strings, got {words!r}"
        raise CorruptStoreError(msg)
    missing = keys.get("_FillValue")
    if missing not in (None, MISSING):
        msg = f"{where}: the code of a missing word is {MISSING}, got _FillValue {missing!r}"
        raise UnsupportedFeatureError(msg)
    return Categories(tuple(words), missing is not None)


class VertexColumn:
    """A per-vertex grid array and the meaning of its rows."""

    def __init__(self, array: GridArray, column: Column) -> None:
        self.array, self.column = array, column

    def read(self, coords: Int64Array, counts: Int64Array | None) -> tuple[AnyArray, Int64Array]:
        """Give the rows of chunks one after the other, and the rows of each chunk.

        Parameters
        ----------
        coords : (n, D) int64
        counts : (n,) int64 or None
            Rows of each chunk where they are known. A cell that disagrees with a count wins.
        """
        out = None if counts is None else self._room(int(counts.sum()))
        if counts is not None and out is not None:
            try:
                self.array.read_into(coords, counts * self.column.row_bytes, out.reshape(-1).view(np.uint8))
            except CorruptChunkError:
                # Either the count is stale or the cell is broken; reading without counts tells which.
                pass
            else:
                return out, counts
        payloads = self.array.read(coords)
        found = np.array([self._rows(p, coords[i].tolist()) for i, p in enumerate(payloads)], np.int64)
        flat = np.concatenate(payloads) if payloads else np.empty(0, np.uint8)
        return flat.view(self.column.dtype).reshape(-1, *self.column.row_shape), found

    def _room(self, rows: int) -> AnyArray | None:
        """Give room for this many rows; None where no machine has it, so that the number must be wrong."""
        try:
            return room(rows * math.prod(self.column.row_shape), self.column.dtype).reshape(-1, *self.column.row_shape)
        except (MemoryError, ValueError):
            return None

    def read_one(self, coord: Sequence[int], count: int | None = None) -> AnyArray:
        """Give the rows of one chunk, which must be `count` where that is known for sure."""
        payload = self.array.read_one(coord)
        rows = self._rows(payload, coord)
        if not payload.flags.writeable:
            payload = payload.copy()  # what is returned belongs to the caller
        values = payload.view(self.column.dtype)
        if count is None or rows == count:
            return values.reshape(rows, *self.column.row_shape)
        if not self.column.row_shape and count and rows % count == 0:
            return values.reshape(count, -1)
        self.wrong_length(coord, f"it has {rows} rows, its chunk has {count} vertices")

    def _rows(self, payload: UInt8Array, coord: Sequence[int]) -> int:
        rows, rest = divmod(len(payload), self.column.row_bytes)
        if rest:
            self.wrong_length(coord, f"{len(payload)} bytes are no whole rows of {self.column.row_bytes} bytes")
        return rows

    def read_aligned(self, coords: Int64Array, counts: Int64Array) -> AnyArray:
        """Give the rows of chunks whose vertex counts are known for sure; ``CorruptChunkError`` if one differs."""
        values, found = self.read(coords, counts)
        if found is counts or np.array_equal(found, counts):
            return values
        total = int(counts.sum())
        # Some writers say row_shape [] for several columns: the cells tell how many there are.
        channels, rest = divmod(len(values), max(1, total))
        if not self.column.row_shape and channels and not rest and (found == counts * channels).all():
            return values.reshape(total, channels)
        bad = int(np.flatnonzero(found != counts)[0])
        self.wrong_length(coords[bad].tolist(), f"it has {found[bad]} rows, its chunk has {counts[bad]} vertices")

    def wrong_length(self, coord: Sequence[int], reason: str) -> NoReturn:
        """Raise ``CorruptChunkError`` for one of this array's chunks."""
        raise CorruptChunkError(self.array.backend.name, self.array.path, ".".join(map(str, coord)), reason)
