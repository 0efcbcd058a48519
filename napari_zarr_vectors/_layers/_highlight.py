"""What is drawn of a layer's chosen objects, over what is streamed: a pool of its own, and how large it may be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_zarr_vectors._layers._pool import PagePool

if TYPE_CHECKING:
    from napari_zarr_vectors._build import BuiltChunk, Sight

__all__ = ["ChosenObjects", "Highlight"]

SHARE = 4
"""Chosen objects are read at the finest level at which they take no more than this part of the budget."""
PAGE_ROWS = 64


@dataclass(frozen=True, slots=True, eq=False)
class ChosenObjects:
    """Chosen objects as they are drawn.

    Attributes
    ----------
    built : BuiltChunk
    ids : (k,) int64
        The objects that are in it.
    level : int
    is_finest : bool
        Whether nothing is left out: all of them, at level 0.
    bounds : (2, D) float64
    middle : (D,) float64
        The vertex nearest to the middle of all.
    """

    built: BuiltChunk
    ids: npt.NDArray[np.int64]
    level: int
    is_finest: bool
    bounds: npt.NDArray[np.float64]
    middle: npt.NDArray[np.float64]

    @property
    def vertices(self) -> int:
        """Vertices that it draws."""
        return self.built.vertices


class Highlight:
    """Chosen objects of one layer on their way to the screen; GUI thread.

    Parameters
    ----------
    extra : bool
        As of `PagePool`.
    pattern : tuple of int
        As of `PagePool`.

    Attributes
    ----------
    pool : PagePool
        What is drawn; empty while nothing is chosen.
    shown : ChosenObjects or None
    asked : callable
        Called when the budget asks for a coarser level, or allows a finer one.
    """

    def __init__(self, *, extra: bool, pattern: tuple[int, ...]) -> None:
        self.pool = PagePool(PAGE_ROWS, PAGE_ROWS, extra=extra, pattern=pattern)
        self.shown: ChosenObjects | None = None
        self.asked: Callable[[], None] = _nothing
        self.most = 0
        """Vertices that chosen objects may have."""
        self.tried: int | None = None
        """For how many vertices they were read, where a larger budget would show more of them."""
        self._reserved = self._node = 0
        self._sight: Callable[[], Sight | None] = lambda: None

    @property
    def sight(self) -> Sight | None:
        """What its last paint was made with."""
        return self._sight()

    def set_sight_provider(self, provider: Callable[[], Sight | None] | None) -> None:
        """Have `provider` say what the last paint was made with."""
        self._sight = (lambda: None) if provider is None else provider

    def left_of(self, budget: int) -> int:
        """Give the vertices of a budget that are left for what is streamed."""
        return max(0, budget - self._reserved)

    def fit(self, budget: int) -> None:
        """Take a new budget: what takes more than half of it is not drawn any more before this returns."""
        self.most = budget // SHARE
        if self._reserved > 2 * self.most:
            self.hide()
            self.asked()
        elif self.tried is not None and self.most >= 2 * self.tried:
            self.asked()

    def show(self, chosen: ChosenObjects, make_room: Callable[[], None]) -> None:
        """Draw these in place of those before, once `make_room` has left so many vertices of the budget to them."""
        self.hide()
        self._reserved = chosen.vertices
        make_room()
        if self._reserved != chosen.vertices:  # the budget has become smaller meanwhile
            return
        self.shown = chosen
        self.pool.resize(chosen.built.rows)
        # A number of its own: whoever picks on another thread may still have the ranges of the one before.
        self._node += 1
        self.pool.upload(self._node, chosen.built)
        self.pool.commit([self._node], [0], [chosen.built.rows])

    def hide(self) -> None:
        """Draw nothing."""
        self.pool.clear()
        self.shown, self._reserved = None, 0


def _nothing() -> None:
    """Stand for a controller that there is not."""
