"""Runs of rows that come in one order and belong in another, put there by way of files: nothing is touched at random.

A *stripe* is some hundred thousand rows that follow one another in the order wanted. As runs come they are put behind
those of their stripe; stripe by stripe they are put in order then. Put to their places at once, short runs would touch
all of a file again and again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np

from zarr_vectors._query.gather import copy_runs
from zarr_vectors.encoding import offsets_of
from zarr_vectors.spatial import run_starts, sort_order
from zarr_vectors.types._mapped import release
from zarr_vectors.typing import AnyArray, Int64Array

__all__ = ["Room", "Stripes", "put_in_order"]

Room: TypeAlias = Callable[[tuple[int, ...], np.dtype[Any]], AnyArray]
"""Gives an array of a shape and a dtype to write to."""

_STRIPE_ROWS = 1 << 18
_PIECE = 1 << 17


class Stripes:
    """Rows on their way.

    Parameters
    ----------
    targets : (R,) whole numbers
        Where each run goes, in the order in which they come.
    sizes : (R,) whole numbers
        Rows of each.
    rows : int
        Of all; runs tile them.
    room : Room
    """

    def __init__(self, targets: AnyArray, sizes: AnyArray, rows: int, room: Room) -> None:
        self._targets, self._sizes, self._total, self._new = targets, sizes, rows, room
        self._count = -(-rows // _STRIPE_ROWS)
        held, runs = np.zeros(self._count, np.int64), np.zeros(self._count, np.int64)
        for low in range(0, len(targets), _PIECE):
            piece = slice(low, low + _PIECE)
            stripe = self._stripe_of(targets[piece])
            held += np.bincount(stripe, sizes[piece], self._count).astype(np.int64)
            runs += np.bincount(stripe, minlength=self._count)
            release(targets, sizes)
        self._rows, self._runs = offsets_of(held), offsets_of(runs)
        self._next_row, self._next_run = self._rows[:-1].copy(), self._runs[:-1].copy()
        # Targets and sizes, stripe by stripe.
        self._to, self._each = room(targets.shape, targets.dtype), room(sizes.shape, sizes.dtype)
        self._columns: list[AnyArray] = []

    def _stripe_of(self, targets: AnyArray) -> Int64Array:
        # A run that begins behind the last row has none.
        stripes: Int64Array = np.minimum(targets // _STRIPE_ROWS, max(0, self._count - 1)).astype(np.int64)
        return stripes

    def put(self, low: int, high: int, starts: AnyArray, sources: Sequence[AnyArray]) -> None:
        """Put the next runs ``low:high``, which begin at `starts` in each of the sources, arrays of rows."""
        if not self._columns:
            self._columns = [self._new((self._total, *each.shape[1:]), each.dtype) for each in sources]
        if not self._count:
            return
        stripe = self._stripe_of(self._targets[low:high])
        order = sort_order(stripe.astype(np.uint32))
        begin = run_starts(stripe[order])
        of, counts = stripe[order][begin], np.diff(begin, append=len(order))
        sizes = self._sizes[low:high][order].astype(np.int64)
        before = offsets_of(sizes)
        into = np.repeat(self._next_row[of] - before[begin], counts) + before[:-1]
        copy_runs(starts[order], into, sizes, zip(sources, self._columns, strict=True))
        at = np.repeat(self._next_run[of] - begin, counts) + np.arange(len(order))
        self._to[at], self._each[at] = self._targets[low:high][order], sizes
        self._next_row[of] += np.diff(before[np.append(begin, len(order))])
        self._next_run[of] += counts
        release(*self._columns, self._to, self._each, self._targets, self._sizes)

    def ordered(self) -> list[AnyArray]:
        """Put all rows where they belong, and give them, column by column."""
        spans = zip(pairwise(self._rows.tolist()), pairwise(self._runs.tolist()), strict=True)
        for (low, high), (first, last) in spans:
            sizes, to = self._each[first:last].astype(np.int64), self._to[first:last].astype(np.int64) - low
            stripe = [each[low:high] for each in self._columns]
            sources = [each.copy() for each in stripe]
            copy_runs(offsets_of(sizes)[:-1], to, sizes, zip(sources, stripe, strict=True))
            release(*self._columns, self._to, self._each)
        return self._columns


def put_in_order(
    columns: Sequence[AnyArray], order: AnyArray, sizes: AnyArray, targets: AnyArray, room: Room
) -> list[AnyArray]:
    """Put the runs that arrays of rows are made of in another order.

    Parameters
    ----------
    columns : list of (N, ...) arrays
    order : (R,) whole numbers, R >= 1
        Runs in the order wanted.
    sizes, targets : (R,) whole numbers
        Rows of each, and where it goes, in that order.
    room : Room
    """
    sizes, targets = _undone(sizes, order, room), _undone(targets, order, room)
    stripes, row = Stripes(targets, sizes, len(columns[0]), room), 0
    for low in range(0, len(sizes), _PIECE):
        high = min(low + _PIECE, len(sizes))
        starts = offsets_of(sizes[low:high].astype(np.int64))
        rows = slice(row, row + int(starts[-1]))
        stripes.put(low, high, starts[:-1], [values[rows] for values in columns])
        release(*columns)
        row = rows.stop
    return stripes.ordered()


def _undone(values: AnyArray, order: AnyArray, room: Room) -> AnyArray:
    """Give values that are in an order as they were before."""
    out = room(values.shape, values.dtype)
    for low in range(0, len(order), _PIECE):
        out[order[low : low + _PIECE]] = values[low : low + _PIECE]
    release(out)
    return out
