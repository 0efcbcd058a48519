"""Which pages of a vertex buffer are free, and how to write scattered pieces in few calls.

Free pages are kept as runs in plain lists: there are few of them, and a numpy call gives up the interpreter's lock,
which the GUI thread may then wait for longer than the whole upload of a small chunk takes.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

__all__ = ["FreePages", "covering_runs", "exact_runs"]

IntArray = npt.NDArray[np.int64]
Run = tuple[int, int]


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
        self._pages = pages
        self._starts, self._stops = [reserved], [pages]  # of the free runs, ascending, never touching
        self._next = 0  # the run where the search goes on
        self.count = pages - reserved
        """Pages that are free."""

    def take(self, number: int) -> list[Run] | None:
        """Mark `number` pages as used and give their runs, half-open; None when there are not enough.

        One run if there is one that is long enough, else the longest ones.
        """
        if number > self.count:
            return None
        left, runs = number, []
        if number:
            fits = self._fitting(number)
            longest = sorted(range(len(self._starts)), key=self._length, reverse=True) if fits is None else [fits]
            for run in longest:
                start = self._starts[run]
                taken = min(left, self._stops[run] - start)
                runs.append((start, start + taken))
                self._starts[run] += taken
                left -= taken
                if not left:
                    break
            self._forget_empty(longest[: len(runs)])
        self.count -= number
        return sorted(runs)

    def _length(self, run: int) -> int:
        return self._stops[run] - self._starts[run]

    def _fitting(self, number: int) -> int | None:
        """The next run from where the last search ended that is long enough, if any."""
        total = len(self._starts)
        for step in range(total):
            run = (self._next + step) % total
            if self._stops[run] - self._starts[run] >= number:
                self._next = run
                return run
        return None

    def _forget_empty(self, runs: Iterable[int]) -> None:
        for run in sorted(runs, reverse=True):
            if self._starts[run] == self._stops[run]:
                del self._starts[run], self._stops[run]

    def give(self, runs: Iterable[Run]) -> None:
        """Mark (start, stop) runs of pages, ascending, as free again."""
        for start, stop in _joined(runs):
            self.count += stop - start
            at = bisect_left(self._starts, start)
            joins_before = at > 0 and self._stops[at - 1] == start
            joins_after = at < len(self._starts) and self._starts[at] == stop
            if joins_before and joins_after:
                self._stops[at - 1] = self._stops[at]
                del self._starts[at], self._stops[at]
            elif joins_before:
                self._stops[at - 1] = stop
            elif joins_after:
                self._starts[at] = start
            else:
                self._starts.insert(at, start)
                self._stops.insert(at, stop)

    def grow(self, pages: int) -> None:
        """Make the buffer `pages` pages long; it never shrinks."""
        if pages > self._pages:
            self.give([(self._pages, pages)])
            self._pages = pages


def _joined(runs: Iterable[Run]) -> list[Run]:
    """Ascending runs, those that touch made one."""
    found: list[Run] = []
    for start, stop in runs:
        if found and found[-1][1] == start:
            found[-1] = (found[-1][0], stop)
        elif start < stop:
            found.append((start, stop))
    return found


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
