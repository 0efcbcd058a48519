"""Copying the rows of fragments out of batches to where they belong.

Batches come chunk by chunk, rows belong to objects that run through many chunks. Fragments are sorted by chunk; where
each row comes from and goes to is numbered for many chunks at once, and a batch then costs one take and one scatter a
column.
"""

from __future__ import annotations

import numpy as np

from zarr_vectors._query.execute import RaggedBatch, as_items
from zarr_vectors.encoding import FragmentTable, expand_ranges, offsets_of
from zarr_vectors.spatial import sort_order
from zarr_vectors.typing import AnyArray, FloatArray, Int64Array

__all__ = ["Gather"]

_WINDOW_ROWS = 1 << 18


class Gather:
    """Room for the rows of fragments, filled batch by batch.

    Parameters
    ----------
    table : FragmentTable
        The fragments of chunks, rows counted in each chunk.
    places : (B,) int64
        Which of these chunks each fragment is in.
    numbers : (B,) int64
        Number of each fragment in the table.
    """

    def __init__(self, table: FragmentTable, places: Int64Array, numbers: Int64Array) -> None:
        chunks = len(table.first) - 1
        starts = offsets_of(table.count[numbers])
        self.starts = starts
        order = sort_order(places.astype(np.uint16 if chunks < 1 << 16 else np.uint64))
        self._bounds = offsets_of(np.bincount(places, minlength=chunks))  # fragments of each chunk, in that order
        self._table, self._places, self._numbers = table, places[order], numbers[order]
        self._starts = starts[:-1][order]
        self._before = offsets_of(table.count[self._numbers])  # rows before each, in that order
        self._window = (0, 0)
        self._rows = self._targets = np.empty(0, np.int64)
        self._room: list[AnyArray] = []
        self._names: tuple[str, ...] = ()

    def add(self, batch: RaggedBatch, first: int) -> None:
        """Copy the rows of the next batch, whose chunks are number `first` and those that follow."""
        sources = [batch.positions, *batch.attributes.values()]
        if not self._room:
            self._names = tuple(batch.attributes)
            self._room = [np.empty((int(self.starts[-1]), *a.shape[1:]), a.dtype) for a in sources]
        low, high = self._bounds[[first, first + len(batch.coords)]].tolist()
        rows, targets = self._numbered(low, high)
        if not len(rows):
            return
        if len(batch.coords) > 1:
            bases = batch.offsets[self._places[low:high] - first]
            rows = rows + np.repeat(bases, np.diff(self._before[low : high + 1]))
        begin, end = int(targets[0]), int(targets[-1]) + 1
        is_run = end - begin == len(targets) and bool((targets[1:] > targets[:-1]).all())
        for source, room in zip(sources, self._room, strict=True):
            items, target = as_items(source), as_items(room)
            if is_run:
                np.take(items, rows, mode="clip", out=target[begin:end])
            else:
                target[targets] = np.take(items, rows, mode="clip")

    def _numbered(self, low: int, high: int) -> tuple[Int64Array, Int64Array]:
        """Give where the rows of fragments ``low:high`` come from, in their chunks, and where they go."""
        begin, end = self._window
        if not begin <= low <= high <= end:
            begin = low
            reach = int(np.searchsorted(self._before, self._before[low] + _WINDOW_ROWS, side="right")) - 1
            end = max(high, reach)
            self._window = begin, end
            self._rows, sizes = self._table.rows_of(self._numbers[begin:end])
            self._targets = expand_ranges(self._starts[begin:end], sizes)
        part = slice(*(self._before[[low, high]] - self._before[begin]).tolist())
        return self._rows[part], self._targets[part]

    @property
    def positions(self) -> FloatArray:
        """The rows' positions, (V, D)."""
        return self._room[0]

    @property
    def attributes(self) -> dict[str, AnyArray]:
        """The rows' attributes, (V,) or (V, C) each."""
        return dict(zip(self._names, self._room[1:], strict=True))
