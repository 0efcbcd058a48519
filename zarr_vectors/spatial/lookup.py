"""Finding chunks in a list of chunk coordinates, many at a time.

Where the chunks fill a good part of their grid the answer is one table of the grid's cells; where they are few and far
between it is a search in their numbers (C order, last axis fastest), or in their bytes where the grid is too wide to be
numbered.
"""

from __future__ import annotations

import math

import numpy as np

from zarr_vectors.typing import AnyArray, BoolArray, Int64Array

__all__ = ["ChunkLookup"]

_TABLE_CELLS = 1 << 20
_PIECE_ROWS = 1 << 14
_MOST_CELLS = 2**62  # numbers of cells are int64


class ChunkLookup:
    """The rows of chunk coordinates in a list.

    Parameters
    ----------
    coords : (n, R) int64
        In any order, each once.
    """

    def __init__(self, coords: Int64Array) -> None:
        self._count = len(coords)
        count, rank = coords.shape
        self._low = coords.min(axis=0) if count else np.zeros(rank, np.int64)
        high = coords.max(axis=0) if count else np.full(rank, -1, np.int64)
        self._shape = [int(b) - int(a) + 1 for a, b in zip(self._low, high, strict=True)]
        cells = math.prod(self._shape)
        self._is_numbered = cells <= _MOST_CELLS
        self._table: AnyArray | None = None
        if cells <= max(_TABLE_CELLS, 8 * count):
            self._table = np.full(cells, -1, np.int64)
            self._table[self._numbers(coords)[0]] = np.arange(count)
            return
        keys = self._numbers(coords)[0] if self._is_numbered else _as_records(coords)
        self._order = np.argsort(keys, kind="stable")
        self._sorted = keys[self._order]

    def find(self, coords: Int64Array) -> Int64Array:
        """Give the row of each chunk, shape (m, R), in the list; -1 for one that is not in it."""
        out = np.full(len(coords), -1, np.int64)
        if self._count:
            # In pieces that stay in cache: every step makes an array of its own.
            for start in range(0, len(coords), _PIECE_ROWS):
                piece = slice(start, start + _PIECE_ROWS)
                self._find_into(coords[piece], out[piece])
        return out

    def _find_into(self, coords: Int64Array, out: Int64Array) -> None:
        numbers, inside = self._numbers(coords)
        if inside.all():
            out[:] = self._find_inside(coords, numbers)
        else:
            out[inside] = self._find_inside(coords[inside], numbers[inside])

    def _find_inside(self, coords: Int64Array, numbers: Int64Array) -> Int64Array:
        if self._table is not None:
            found: Int64Array = np.take(self._table, numbers)
            return found
        keys = numbers if self._is_numbered else _as_records(coords)
        places = np.minimum(np.searchsorted(self._sorted, keys), self._count - 1)
        return np.where(self._sorted[places] == keys, self._order[places], -1).astype(np.int64)

    def _numbers(self, coords: Int64Array) -> tuple[Int64Array, BoolArray]:
        """Number the cells of the grid that holds all chunks, and tell which coordinates lie in it."""
        numbers = np.zeros(len(coords), np.int64)
        inside = np.ones(len(coords), bool)
        for axis, size in enumerate(self._shape):
            step = coords[:, axis] - self._low[axis]
            # Seen as unsigned, what lies below the grid lies far above it.
            inside &= step.view(np.uint64) < min(size, 2**64 - 1)
            numbers *= size if self._is_numbered else 1
            numbers += step
        return numbers, inside


def _as_records(coords: Int64Array) -> AnyArray:
    """See coordinates, shape (n, R), as n records that compare axis by axis, the first axis first."""
    # Big-endian with the sign bit flipped, bytes compare as the numbers do.
    unsigned = (np.ascontiguousarray(coords).view(np.uint64) ^ np.uint64(1 << 63)).astype(">u8")
    return np.ascontiguousarray(unsigned).view(f"S{8 * coords.shape[1]}").reshape(-1)
