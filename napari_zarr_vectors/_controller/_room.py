"""How many rows a pool has: for the budget, no more than the store can fill; or what plans ask for. GUI thread only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_zarr_vectors._controller import _tuning as tuning

if TYPE_CHECKING:
    from napari_zarr_vectors._layers import PagePool

__all__ = ["Room"]


class Room:
    """Grows a pool."""

    def __init__(self, pool: PagePool) -> None:
        self._pool = pool
        self._asked = 0
        self.most_rows, self.padding = 0, 1.0
        """What `prepare` found out."""

    def rows(self, budget: int) -> int:
        """Give the rows that the pool should have."""
        wanted = int(tuning.POOL_SHARE * budget * self.padding)
        usual = min(wanted, 2 * self.most_rows) + tuning.POOL_SLACK_ROWS
        return max(usual, min(self._asked, tuning.POOL_BYTES // self._pool.row_bytes))

    def make(self, budget: int) -> bool:
        """Grow the pool to what it should have, by half at least, because growing sends everything anew.

        Returns
        -------
        bool
            Whether there is more room than before.
        """
        wanted, rows = self.rows(budget), self._pool.capacity_rows
        if wanted > tuning.LEAST_GROWTH * rows:
            most = max(wanted, tuning.POOL_BYTES // self._pool.row_bytes)
            self._pool.resize(min(max(wanted, int(1.5 * rows)), most))
        return self._pool.capacity_rows > rows

    def ask(self, rows: int, budget: int) -> bool:
        """Make room for what a plan asks for; tell whether there is more than before."""
        if rows <= self.rows(budget):
            return False
        self._asked = int(tuning.POOL_HEADROOM * rows)
        return self.make(budget)
