"""The rows of a level as one sequence: which chunk each lies in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zarr_vectors.typing import Int64Array

__all__ = ["RowGrid"]


@dataclass(frozen=True, slots=True, eq=False)
class RowGrid:
    """The chunks of a level and where the rows of each begin in the level's stored order.

    A *sorted row* is the number of a vertex in that order: chunks ascending by coordinate, rows as stored.

    Attributes
    ----------
    coords : (n, R) int64
        Chunk coordinates, ascending.
    starts : (n + 1,) int64
        Sorted rows of chunk i are ``starts[i]`` to ``starts[i + 1]``.
    """

    coords: Int64Array
    starts: Int64Array

    @property
    def num_rows(self) -> int:
        """Rows of all chunks."""
        return int(self.starts[-1])

    def chunk_of(self, sorted_rows: Int64Array) -> Int64Array:
        """Give the number of the chunk that each sorted row lies in, of the same shape."""
        return np.searchsorted(self.starts, sorted_rows, side="right").astype(np.int64, copy=False) - 1
