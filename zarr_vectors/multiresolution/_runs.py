"""Reading lines whose fragments are runs of rows, each of one line: what that takes hardly grows with the level.

1. Where the fragments of all chunks begin, and their rows, are put to files.
2. Manifests are read some thousand lines at a time: they tell where each fragment belongs.
3. Chunks are read in order, and their fragments put there by way of files; see `Stripes`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zarr_vectors._query import ChunkSource
from zarr_vectors._query.owned import check_reach, numbers_of
from zarr_vectors.core.arrays._blocks import find_blocks
from zarr_vectors.core.arrays._level import LevelArrays
from zarr_vectors.core.arrays._objects import ObjectIndex
from zarr_vectors.encoding import FragmentTable, offsets_of
from zarr_vectors.multiresolution._pile import number_type
from zarr_vectors.multiresolution._shelf import Shelf
from zarr_vectors.spatial import extent
from zarr_vectors.types._mapped import release
from zarr_vectors.types._stripes import Stripes
from zarr_vectors.typing import AnyArray, Float64Array, Int64Array

__all__ = ["Lines", "read_runs"]


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
    table, bounds, first = runs.table, [], 0
    stripes = Stripes(targets, table.count, int(paths[-1]), shelf.room)
    for batch in source.batches(np.arange(len(source.arrays.coords)), names, of=0):
        last = first + len(batch.coords)
        check_reach(source.arrays, batch, runs.reach[first:last])
        begins = table.first[first : last + 1]
        low, high = int(begins[0]), int(begins[-1])
        starts = table.start[low:high] + np.repeat(batch.offsets[:-1], np.diff(begins))
        stripes.put(low, high, starts, [batch.positions, *batch.attributes.values()])
        release(table.start)
        first = last
        if len(batch.positions):
            bounds.append(extent(batch.positions))
    return Lines(stripes.ordered(), paths, bounds)


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
