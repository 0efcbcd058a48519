"""Which pages of a vertex buffer are free, and how to write scattered pieces in few calls. Pure numpy."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["FreePages", "covering_runs", "exact_runs"]

IntArray = npt.NDArray[np.int64]


class FreePages:
    """Free pages of a buffer; hands out neighbours where there are some.

    Parameters
    ----------
    pages : int
        Size of the buffer.
    reserved : int
        Pages at the front that are never handed out.
    """

    def __init__(self, pages: int, reserved: int) -> None:
        self._free = np.ones(pages, dtype=bool)
        self._free[:reserved] = False
        self._next = reserved

    @property
    def count(self) -> int:
        """Pages that are free."""
        return int(np.count_nonzero(self._free))

    def take(self, number: int) -> IntArray | None:
        """Mark `number` pages as used and return them, ascending; None when there are not enough."""
        behind = self._free[self._next : self._next + number]
        if len(behind) == number and behind.all():  # the usual case costs no search
            pages = np.arange(self._next, self._next + number, dtype=np.int64)
        else:
            free = np.flatnonzero(self._free)
            if len(free) < number:
                return None
            pages = _neighbours(free, number)
        self._free[pages] = False
        if number:
            self._next = int(pages[-1]) + 1
        return pages

    def give(self, pages: IntArray) -> None:
        """Mark pages as free again."""
        self._free[pages] = True

    def grow(self, pages: int) -> None:
        """Make the buffer `pages` pages long; it never shrinks."""
        self._free = np.concatenate([self._free, np.ones(pages - len(self._free), dtype=bool)])


def _neighbours(free: IntArray, number: int) -> IntArray:
    """`number` of the (f,) ascending free pages: the first run that is long enough, else the longest runs."""
    if not number:
        return free[:0]
    starts, stops = exact_runs(free)
    lengths = stops - starts
    fits = np.flatnonzero(lengths >= number)
    if len(fits):
        return np.arange(starts[fits[0]], starts[fits[0]] + number, dtype=np.int64)
    longest = np.argsort(-lengths, kind="stable")
    ranges = [np.arange(starts[run], stops[run], dtype=np.int64) for run in longest[:number]]
    return np.sort(np.concatenate(ranges)[:number])


def exact_runs(indices: IntArray) -> tuple[IntArray, IntArray]:
    """Runs of consecutive numbers in an ascending array.

    Returns
    -------
    starts, stops : (r,) int64
        Half-open.
    """
    if not len(indices):
        return indices, indices
    cuts = np.flatnonzero(np.diff(indices) != 1) + 1
    first = np.concatenate([[0], cuts])
    last = np.concatenate([cuts, [len(indices)]]) - 1
    return indices[first], indices[last] + 1


def covering_runs(indices: IntArray, *, bridge: int, most: int) -> tuple[IntArray, IntArray]:
    """A few runs that cover an ascending array.

    Parameters
    ----------
    indices : (n,) int64
        Ascending.
    bridge : int
        Gaps of at most this many numbers are written over rather than left out.
    most : int
        Runs at most; the smallest gaps are closed first.

    Returns
    -------
    starts, stops : (r,) int64
        Half-open, ``r <= most``.
    """
    starts, stops = exact_runs(indices)
    gaps = starts[1:] - stops[:-1]
    if len(gaps) >= most:
        bridge = max(bridge, int(np.sort(gaps)[len(gaps) - most]))
    kept = np.flatnonzero(gaps > bridge)
    return np.concatenate([starts[:1], starts[kept + 1]]), np.concatenate([stops[kept], stops[-1:]])
