"""Reading lines whose fragments are runs of rows, each of one line: what that takes hardly grows with the level.

1. Where the fragments of all chunks begin, and their rows, are put to files.
2. Manifests are read some thousand lines at a time: they tell where each fragment belongs.
3. Chunks are read in order, and their fragments put behind those that belong near by, a *stripe* of consecutive rows.
   Stripe by stripe they are put in order then. Put to their places at once, short ones would touch all of a file
   with every few chunks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from zarr_vectors._query import ChunkSource
from zarr_vectors._query.gather import copy_runs
from zarr_vectors._query.owned import check_reach, numbers_of
from zarr_vectors.core.arrays._blocks import find_blocks
from zarr_vectors.core.arrays._level import LevelArrays
from zarr_vectors.core.arrays._objects import ObjectIndex
from zarr_vectors.encoding import FragmentTable, offsets_of
from zarr_vectors.multiresolution._pile import number_type
from zarr_vectors.multiresolution._shelf import Shelf
from zarr_vectors.spatial import extent, run_starts, sort_order
from zarr_vectors.types._mapped import release
from zarr_vectors.typing import AnyArray, Float64Array, Int64Array

__all__ = ["Lines", "read_runs"]

_STRIPE_ROWS = 1 << 18
_PIECE = 1 << 17


@dataclass(frozen=True, slots=True, eq=False)
class Lines:
    """Lines that were read.

    Attributes
    ----------
    columns : list of (N, ...) arrays
        Positions, then attributes.
    paths : (O + 1,) whole numbers
        Line ``o`` is the vertices ``paths[o]:paths[o + 1]``.
    bounds : list of (2, D) float64
        Of some vertices each.
    """

    columns: list[AnyArray]
    paths: AnyArray
    bounds: list[Float64Array]


@dataclass(frozen=True, slots=True, eq=False)
class _Runs:
    """The fragments of a level, (F,) each, chunk by chunk.

    Attributes
    ----------
    table : FragmentTable
        Numbers in it are as narrow as they can be: sums do not fit.
    reach : (n,) int64
        Rows that fragments name of each chunk.
    """

    table: FragmentTable
    reach: Int64Array


def read_runs(source: ChunkSource, names: tuple[str, ...], index: ObjectIndex, shelf: Shelf) -> Lines | None:
    """Read lines; None where a fragment is no run, or is not named once by all lines together.

    Parameters
    ----------
    source : ChunkSource
    names : tuple of str
        The attributes.
    index : ObjectIndex
    shelf : Shelf
    """
    runs = _runs(source.arrays, shelf)
    placed = None if runs is None else _placed(source.arrays, runs, index, shelf)
    if runs is None or placed is None:
        return None
    targets, paths = placed
    rows = _Rows(runs.table, targets, int(paths[-1]), shelf)
    bounds, first = [], 0
    for batch in source.batches(np.arange(len(source.arrays.coords)), names, of=0):
        last = first + len(batch.coords)
        check_reach(source.arrays, batch, runs.reach[first:last])
        rows.put([batch.positions, *batch.attributes.values()], batch.offsets, first)
        first = last
        if len(batch.positions):
            bounds.append(extent(batch.positions))
    return Lines(rows.ordered(), paths, bounds)


def _runs(arrays: LevelArrays, shelf: Shelf) -> _Runs | None:
    """Read the fragments of all chunks."""
    if arrays.counts is None or not len(arrays.coords):
        return None
    narrow = np.min_scalar_type(int(arrays.counts.max()))
    start, count = shelf.pile((), narrow), shelf.pile((), narrow)
    counts, reach = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for cells in arrays.iter_fragments(arrays.coords):
        table = cells.table()
        if not table.only_ranges:
            return None
        counts.append(np.diff(table.first))
        reach.append(table.vertex_counts())
        if (reach[-1] > arrays.counts.max()).any() or int(table.start.max(initial=0)) > arrays.counts.max():
            return None
        start.put(table.start)
        count.put(table.count)
    first = offsets_of(np.concatenate(counts))
    all_true = np.broadcast_to(np.True_, (int(first[-1]),))
    table = FragmentTable(first, all_true, start.array(), count.array(), np.empty(0, np.int64))
    return _Runs(table, np.concatenate(reach))


def _placed(arrays: LevelArrays, runs: _Runs, index: ObjectIndex, shelf: Shelf) -> tuple[AnyArray, AnyArray] | None:
    """Give the row of the whole where each fragment begins, (F,), and where lines begin, (O + 1,)."""
    table = runs.table
    fragments, number = len(table.count), number_type(arrays.meta.vertex_count)
    targets = shelf.room((fragments,), number)
    targets[:] = -1
    paths = shelf.room((index.num_objects + 1,), number)
    line = named = row = 0
    for manifests in index.parts():
        blocks = find_blocks(manifests, arrays.lookup, index, arrays.rank)
        numbers = numbers_of(arrays, table, blocks.chunks, blocks.fragments)
        begins = row + offsets_of(table.count[numbers].astype(np.int64))
        named, row = named + len(numbers), int(begins[-1])
        if named > fragments or row > arrays.meta.vertex_count:
            return None
        targets[numbers] = begins[:-1]
        paths[line : line + len(blocks.offsets) - 1] = begins[blocks.offsets[:-1]]
        line += len(blocks.offsets) - 1
        release(paths)
    paths[line:] = row
    is_whole = named == fragments and int(targets.min(initial=0)) >= 0
    release(targets, paths, table.count)
    return (targets, paths) if is_whole else None


class _Rows:
    """The rows of fragments, stripe by stripe."""

    def __init__(self, table: FragmentTable, targets: AnyArray, rows: int, shelf: Shelf) -> None:
        self._table, self._targets, self._total, self._shelf = table, targets, rows, shelf
        self._stripes = -(-rows // _STRIPE_ROWS)
        held, runs = np.zeros(self._stripes, np.int64), np.zeros(self._stripes, np.int64)
        for piece in _pieces(len(targets)):
            stripe = self._stripe_of(targets[piece])
            held += np.bincount(stripe, table.count[piece], self._stripes).astype(np.int64)
            runs += np.bincount(stripe, minlength=self._stripes)
            release(targets, table.count)
        self._rows, self._runs = offsets_of(held), offsets_of(runs)
        self._row, self._run = self._rows[:-1].copy(), self._runs[:-1].copy()  # where the next go
        self._to = shelf.room(targets.shape, targets.dtype)
        self._sizes = shelf.room(targets.shape, table.count.dtype)
        self._room: list[AnyArray] = []

    def _stripe_of(self, targets: AnyArray) -> Int64Array:
        # What is behind the last row has no rows.
        stripes: Int64Array = np.minimum(targets // _STRIPE_ROWS, max(0, self._stripes - 1)).astype(np.int64)
        return stripes

    def put(self, sources: list[AnyArray], offsets: Int64Array, first: int) -> None:
        """Put the rows of the next chunks, which begin at `offsets`; `first` is the number of the first one."""
        if not self._room:
            self._room = [self._shelf.room((self._total, *each.shape[1:]), each.dtype) for each in sources]
        table, bounds = self._table, self._table.first[first : first + len(offsets)]
        some = slice(int(bounds[0]), int(bounds[-1]))
        starts = table.start[some] + np.repeat(offsets[:-1], np.diff(bounds))
        targets, sizes = self._targets[some], table.count[some].astype(np.int64)
        stripe = self._stripe_of(targets)
        order = sort_order(stripe.astype(np.uint32))
        begin = run_starts(stripe[order])
        counts, of = np.diff(begin, append=len(order)), stripe[order][begin]
        sizes = sizes[order]
        before = offsets_of(sizes)
        into = np.repeat(self._row[of] - before[begin], counts) + before[:-1]
        copy_runs(starts[order], into, sizes, zip(sources, self._room, strict=True))
        at = np.repeat(self._run[of] - begin, counts) + np.arange(len(order))
        self._to[at], self._sizes[at] = targets[order], sizes
        self._row[of] += np.diff(before[np.append(begin, len(order))])
        self._run[of] += counts
        release(*self._room, self._to, self._sizes, self._targets, table.start, table.count)

    def ordered(self) -> list[AnyArray]:
        """Put all rows where they belong, and give them."""
        spans = zip(pairwise(self._rows.tolist()), pairwise(self._runs.tolist()), strict=True)
        for (low, high), (first, last) in spans:
            sizes, to = self._sizes[first:last].astype(np.int64), self._to[first:last] - low
            stripe = [each[low:high] for each in self._room]
            sources = [each.copy() for each in stripe]
            copy_runs(offsets_of(sizes)[:-1], to, sizes, zip(sources, stripe, strict=True))
            release(*self._room, self._to, self._sizes)
        return self._room


def _pieces(count: int) -> Iterator[slice]:
    for low in range(0, count, _PIECE):
        yield slice(low, low + _PIECE)
