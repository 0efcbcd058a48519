"""Which chunk and bin a vertex is in, and the order that puts chunks and bins together.

A vertex belongs to chunk ``floor(p / chunk_shape)`` and to bin ``floor(p / bin_shape)``, computed in float64. Both are
packed in one unsigned key, ``chunk_rank * bins_per_chunk + local_bin`` (both in C order, last axis fastest), as narrow
as it fits, because numpy's stable sort of 16-bit numbers is a radix sort.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from zarr_vectors.constants import MAX_BINS_PER_CHUNK
from zarr_vectors.exceptions import ArgumentError, LimitError
from zarr_vectors.typing import BoolArray, Float64Array, FloatArray, Int64Array

__all__ = ["BinGrid", "DividedGrid", "bins_per_chunk", "group_order", "run_starts", "sort_order"]

_PIECE_ROWS = 1 << 14
_SORTED_ROWS = 1 << 15
_RADIX_BITS = 16
_MOST_KEYS = 2**62  # keys and their differences are also reckoned with as int64


def bins_per_chunk(chunk_shape: Float64Array, bin_shape: Float64Array) -> tuple[int, ...]:
    """Give the bins along each axis of a chunk; ``ArgumentError`` unless they are whole numbers."""
    with np.errstate(over="ignore", invalid="ignore"):
        ratio = chunk_shape / bin_shape
        whole = np.round(ratio)
        misses = ~(np.abs(ratio - whole) <= 1e-9 * np.maximum(1, whole))
    if misses.any() or (whole < 1).any():
        msg = (
            f"chunk_shape must be a whole multiple of bin_shape on every axis, got "
            f"{chunk_shape.tolist()} / {bin_shape.tolist()} = {ratio.tolist()}"
        )
        raise ArgumentError(msg)
    bins = tuple(int(n) for n in whole)
    if math.prod(bins) > MAX_BINS_PER_CHUNK:
        msg = (
            f"bin_shape {bin_shape.tolist()} is too small: a chunk of {chunk_shape.tolist()} would hold {bins} bins, "
            f"more than {MAX_BINS_PER_CHUNK}; use larger bins or smaller chunks"
        )
        raise LimitError(msg)
    return bins


@dataclass(frozen=True, slots=True, eq=False)
class BinGrid:
    """A grid of chunks that holds some extent, and the bins of each chunk.

    Attributes
    ----------
    chunk_shape, bin_shape : (D,) float64
        Edge lengths, world units.
    bins : tuple of D ints
        Bins along each axis of a chunk.
    origin : (D,) int64
        First chunk coordinate.
    shape : tuple of D ints
        Chunks along each axis.
    """

    chunk_shape: Float64Array
    bin_shape: Float64Array
    bins: tuple[int, ...]
    origin: Int64Array
    shape: tuple[int, ...]

    @classmethod
    def of_extent(cls, extent: Float64Array, chunk_shape: Float64Array, bin_shape: Float64Array) -> BinGrid:
        """Lay the grid over an extent, shape (2, D)."""
        with np.errstate(over="ignore"):
            first, last = np.floor(extent / chunk_shape)
        if not np.abs([first, last]).max(initial=0) <= 2**53:
            msg = (
                f"chunk_shape {chunk_shape.tolist()} is too small: positions from {extent[0].tolist()} to "
                f"{extent[1].tolist()} lie too far apart for it, or too far from 0; use larger chunks"
            )
            raise LimitError(msg)
        origin = first.astype(np.int64)
        shape = tuple(int(n) for n in (last - first).astype(np.int64) + 1)
        return cls(chunk_shape, bin_shape, bins_per_chunk(chunk_shape, bin_shape), origin, shape)

    @property
    def bin_count(self) -> int:
        """Bins of one chunk."""
        return math.prod(self.bins)

    @property
    def key_dtype(self) -> np.dtype[Any]:
        """The narrowest unsigned dtype that holds every key."""
        keys = math.prod(self.shape) * self.bin_count
        if keys > _MOST_KEYS:
            msg = (
                f"chunk_shape {self.chunk_shape.tolist()} and bin_shape {self.bin_shape.tolist()} are too small: a "
                f"grid of {self.shape} chunks of {self.bins} bins has more cells than can be numbered; use larger ones"
            )
            raise LimitError(msg)
        return next(np.dtype(d) for d in (np.uint16, np.uint32, np.uint64) if keys - 1 <= np.iinfo(d).max)

    def keys(self, positions: FloatArray) -> npt.NDArray[np.unsignedinteger[Any]]:
        """Give the key of each row, shape (N,); rows must lie in the grid."""
        dtype = self.key_dtype
        out = np.empty(len(positions), dtype)
        axes = [self._axis_table(axis, dtype) for axis in range(len(self.bins))]
        exact = self._one_division_is_exact(positions.dtype)
        # In pieces that stay in cache: every step below makes an array of its own.
        for start in range(0, len(positions), _PIECE_ROWS):
            piece = slice(start, start + _PIECE_ROWS)
            key = out[piece]
            key[...] = 0
            for axis, table in enumerate(axes):
                index = self._bin_index(positions[piece, axis], axis, one_division=bool(exact[axis]))
                key += table(index)
        return out

    def chunk_coords(self, ranks: npt.NDArray[Any]) -> Int64Array:
        """Turn chunk ranks (key // bin_count) into chunk coordinates, shape (n, D)."""
        unravelled = np.unravel_index(ranks.astype(np.int64), self.shape)
        return np.stack(unravelled, axis=1).astype(np.int64) + self.origin

    def _one_division_is_exact(self, dtype: np.dtype[Any]) -> BoolArray:
        """Tell per axis whether p / bin in float64 cannot round across a chunk face.

        So it is for float32 rows and bins that are float32 numbers and make up the chunk exactly; else the chunk
        is divided out first and the bin is kept inside it.
        """
        b = self.bin_shape
        with np.errstate(over="ignore"):
            narrow = b.astype(np.float32).astype(np.float64)
        exact: BoolArray = (dtype == np.float32) & (narrow == b) & (b * self.bins == self.chunk_shape)
        return exact

    def _bin_index(self, column: FloatArray, axis: int, *, one_division: bool) -> npt.NDArray[np.intp]:
        """Give the bin of each coordinate, counted from the grid's first bin."""
        x = column.astype(np.float64)
        q = np.floor(x / self.bin_shape[axis])
        n = self.bins[axis]
        if not one_division:
            first = np.floor(x / self.chunk_shape[axis]) * n
            np.clip(q, first, first + (n - 1), out=q)
        index: npt.NDArray[np.intp] = q.astype(np.intp)
        index -= int(self.origin[axis]) * n
        return index

    def _axis_table(self, axis: int, dtype: np.dtype[Any]) -> _AxisKeys:
        chunk_step = math.prod(self.shape[axis + 1 :]) * self.bin_count
        bin_step = math.prod(self.bins[axis + 1 :])
        return _AxisKeys(self.shape[axis], self.bins[axis], chunk_step, bin_step, dtype)


@dataclass(frozen=True, slots=True, eq=False)
class DividedGrid:
    """A grid of chunks of which each is divided by what its vertices are.

    Attributes
    ----------
    places : BinGrid
        One bin a chunk.
    codes : (N,) whole numbers
        Of each vertex, 0 to count - 1: the first component of its chunk coordinate.
    count : int
    """

    places: BinGrid
    codes: npt.NDArray[np.integer[Any]]
    count: int

    @property
    def origin(self) -> Int64Array:
        """First chunk coordinate, (D + 1,)."""
        return np.concatenate([[0], self.places.origin])

    @property
    def shape(self) -> tuple[int, ...]:
        """Chunks along each axis, D + 1 of them."""
        return (max(1, self.count), *self.places.shape)

    def divide(self, keys: npt.NDArray[np.unsignedinteger[Any]]) -> npt.NDArray[np.unsignedinteger[Any]]:
        """Turn the number of each vertex' place, (N,), into that of its chunk."""
        cells = math.prod(self.places.shape)
        if math.prod(self.shape) > _MOST_KEYS:
            msg = f"a grid of {self.shape} chunks has more cells than can be numbered"
            raise LimitError(msg)
        most = math.prod(self.shape) - 1
        dtype = next(np.dtype(d) for d in (np.uint16, np.uint32, np.uint64) if most <= np.iinfo(d).max)
        out: npt.NDArray[np.unsignedinteger[Any]] = self.codes.astype(dtype) * dtype.type(cells)
        out += keys.astype(dtype, copy=False)
        return out

    def chunk_coords(self, ranks: npt.NDArray[Any]) -> Int64Array:
        """Turn numbers of chunks into chunk coordinates, shape (n, D + 1)."""
        unravelled = np.unravel_index(ranks.astype(np.int64), self.shape)
        return np.stack(unravelled, axis=1).astype(np.int64) + self.origin


class _AxisKeys:
    """What one axis adds to the key of a bin: a table where it is small, arithmetic where it is not."""

    _TABLE_LIMIT = 1 << 20

    def __init__(self, chunks: int, bins: int, chunk_step: int, bin_step: int, dtype: np.dtype[Any]) -> None:
        self.bins, self.chunk_step, self.bin_step, self.dtype = bins, chunk_step, bin_step, dtype
        self.table = self._add(np.arange(chunks * bins)) if chunks * bins <= self._TABLE_LIMIT else None

    def _add(self, index: npt.NDArray[np.intp]) -> npt.NDArray[Any]:
        chunk, local = np.divmod(index, self.bins)
        whole = chunk.astype(self.dtype) * self.dtype.type(self.chunk_step)
        key: npt.NDArray[Any] = whole + local.astype(self.dtype) * self.dtype.type(self.bin_step)
        return key

    def __call__(self, index: npt.NDArray[np.intp]) -> npt.NDArray[Any]:
        if self.table is None:
            return self._add(index)
        return np.take(self.table, index)


def run_starts(ordered: npt.NDArray[Any]) -> Int64Array:
    """Give the first row of each run of equal values, shape (runs,)."""
    if not len(ordered):
        return np.empty(0, np.int64)
    return np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))


def sort_order(keys: npt.NDArray[np.unsignedinteger[Any]]) -> npt.NDArray[np.intp]:
    """Give the stable order of unsigned keys: 16 bits at a time, lowest first, each a radix sort."""
    if keys.itemsize <= 2 or not len(keys):
        return np.argsort(keys, kind="stable")
    order = np.argsort(keys.astype(np.uint16), kind="stable")
    rest = int(keys.max()) >> _RADIX_BITS
    shift = _RADIX_BITS
    while rest:
        digit = (np.take(keys, order) >> keys.dtype.type(shift)).astype(np.uint16)
        if rest < 256:
            digit = digit.astype(np.uint8)
        order = np.take(order, np.argsort(digit, kind="stable"))
        rest >>= _RADIX_BITS
        shift += _RADIX_BITS
    return order


def group_order(
    keys: npt.NDArray[np.unsignedinteger[Any]], groups: int
) -> tuple[npt.NDArray[np.unsignedinteger[Any]], Int64Array]:
    """Give the stable order of keys below `groups`, and where each group begins in it, shape (groups + 1,).

    Takes 4 bytes a key and 16 a group: keys are sorted in pieces that fit the cache, and what a piece has of a group
    goes behind what earlier pieces had.
    """
    pieces = [slice(low, low + _SORTED_ROWS) for low in range(0, len(keys), _SORTED_ROWS)]
    starts = np.zeros(groups + 1, np.int64)
    for piece in pieces:
        starts[1:] += np.bincount(keys[piece].astype(np.int64), minlength=groups)
    np.cumsum(starts, out=starts)
    cursor = starts[:-1].copy()
    narrow: np.dtype[Any] = np.dtype(np.uint32 if len(keys) <= np.iinfo(np.uint32).max else np.uint64)
    order = np.empty(len(keys), narrow)
    for piece in pieces:
        by_key = sort_order(keys[piece])
        ordered = keys[piece][by_key]
        begin = run_starts(ordered)
        group, counts = ordered[begin], np.diff(begin, append=len(ordered))
        places = np.repeat(cursor[group] - begin, counts)
        places += np.arange(len(ordered))
        order[places] = by_key + piece.start
        cursor[group] += counts
    return order, starts
