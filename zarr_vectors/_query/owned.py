"""Objects, fragments and rows: which rows of a batch are whose.

The fragments of a batch's chunks are numbered through. A block of these chunks is such a number, and a number is a
range (or a list) of batch rows. The ranges of an object, one after the other, are its vertices.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from zarr_vectors._query.execute import RaggedBatch, Runs
from zarr_vectors.core.arrays._level import LevelArrays
from zarr_vectors.encoding import FragmentTable, offsets_of
from zarr_vectors.exceptions import CorruptChunkError, CorruptStoreError
from zarr_vectors.spatial import group_order
from zarr_vectors.typing import AnyArray, BoolArray, Int64Array

__all__ = [
    "any_of_fragments",
    "any_of_runs",
    "batch_fragments",
    "check_reach",
    "named_fragments",
    "numbers_of",
    "some_fragments",
]


def batch_fragments(arrays: LevelArrays, batch: RaggedBatch) -> FragmentTable:
    """Read the fragments of a batch's chunks; their rows are batch rows.

    Raises
    ------
    CorruptChunkError
        If a fragment names a row that is not there.
    """
    return _of_batch(arrays, batch, arrays.fragment_table(batch.coords))


def named_fragments(
    arrays: LevelArrays, batch: RaggedBatch, places: AnyArray, fragments: AnyArray
) -> tuple[FragmentTable, Int64Array]:
    """Read the fragments of a batch's chunks and keep those that blocks name: few of many, as a rule.

    Parameters
    ----------
    places, fragments
        As for `numbers_of`.

    Returns
    -------
    table : FragmentTable
        Chunk by chunk, a fragment a block; rows are batch rows.
    numbers : (B,) int64
        The number in the table of each block.
    """
    order, bounds = group_order(places.astype(np.min_scalar_type(len(batch.coords))), len(batch.coords))
    table = some_fragments(arrays, batch.coords, fragments[order], bounds)
    numbers = np.empty(len(order), np.int64)
    numbers[order] = np.arange(len(order))
    return _of_batch(arrays, batch, table), numbers


def some_fragments(arrays: LevelArrays, coords: Int64Array, fragments: AnyArray, bounds: Int64Array) -> FragmentTable:
    """Read some fragments of chunks; see `decode_some`.

    Raises
    ------
    CorruptStoreError
        If a chunk has no such fragment.
    """
    kept, low = [], 0
    for cells in arrays.iter_fragments(coords):
        high = low + len(cells.coords)
        own, first = fragments[bounds[low] : bounds[high]], bounds[low : high + 1]
        found = cells.some(own, first)
        if found is None:
            table, first = cells.table(), first - first[0]
            places = np.repeat(np.arange(high - low), np.diff(first))
            found = table.take(numbers_of(arrays, table, places, own), first)
        kept.append(found)
        low = high
    return FragmentTable.joined(kept)


def _of_batch(arrays: LevelArrays, batch: RaggedBatch, table: FragmentTable) -> FragmentTable:
    """Turn rows of chunks into rows of the batch."""
    check_reach(arrays, batch, table.vertex_counts())
    base = np.repeat(batch.offsets[:-1], np.diff(table.first))
    if table.only_ranges:
        return replace(table, start=table.start + base)
    listed = ~table.is_range
    rows = table.rows + np.repeat(base[listed], table.count[listed])
    return replace(table, start=np.where(listed, table.start, table.start + base), rows=rows)


def check_reach(arrays: LevelArrays, batch: RaggedBatch, reach: Int64Array) -> None:
    """Check that the chunks of a batch have as many rows as fragments name, (n,); ``CorruptChunkError`` if not."""
    counts = np.diff(batch.offsets)
    if (reach > counts).any():
        chunk = int(np.argmax(reach > counts))
        reason = f"it names row {reach[chunk] - 1}, the chunk has {counts[chunk]} vertices"
        raise CorruptChunkError(arrays.store.name, arrays.fragment_path, _key(batch.coords[chunk]), reason)


def numbers_of(arrays: LevelArrays, table: FragmentTable, places: AnyArray, fragments: AnyArray) -> AnyArray:
    """Give the number in the table of each block.

    Parameters
    ----------
    places : (B,) whole numbers
        Which chunk of the batch each block is in.
    fragments : (B,) whole numbers
        Number of the fragment in that chunk.
    """
    narrow = fragments.dtype if table.first[-1] <= np.iinfo(fragments.dtype).max else np.dtype(np.int64)
    counts = np.diff(table.first).astype(narrow)
    _check_named(arrays, fragments, counts[places])
    return table.first.astype(narrow)[places] + fragments


def _check_named(arrays: LevelArrays, fragments: AnyArray, counts: AnyArray | int) -> None:
    """Check that there are the fragments that blocks name, of chunks that have so many."""
    wrong = (fragments < 0) | (fragments >= counts)
    if wrong.any():
        block = int(np.argmax(wrong))
        count = np.broadcast_to(counts, wrong.shape)[block]
        msg = f"{arrays.where}: a manifest names fragment {fragments[block]} of a chunk that has {count}"
        raise CorruptStoreError(msg)


def any_of_fragments(table: FragmentTable, runs: Runs, mask: BoolArray) -> BoolArray:
    """Tell of each fragment whether any of its rows is marked, (N,) bool, in the batch that its chunk is in."""
    starts, counts = table.start[runs.numbers] + runs.bases, table.count[runs.numbers]
    if table.is_range[runs.numbers].all():
        before = _marked_before(mask)
        return np.asarray(before[starts + counts] > before[starts], bool)
    rows, counts = table.rows_of(runs.numbers)
    return any_of_runs(mask[rows + np.repeat(runs.bases, counts)], offsets_of(counts))


def any_of_runs(mask: BoolArray, offsets: Int64Array) -> BoolArray:
    """Tell of each run ``offsets[i]:offsets[i + 1]`` whether any value in it is true."""
    before = _marked_before(mask)[offsets]
    return np.asarray(before[1:] > before[:-1], bool)


def _marked_before(mask: BoolArray) -> AnyArray:
    """Give how many marks there are before each place, (n + 1,)."""
    before = np.zeros(len(mask) + 1, np.int64 if len(mask) > np.iinfo(np.int32).max else np.int32)
    np.cumsum(mask, out=before[1:])
    return before


def _key(coord: Int64Array) -> str:
    return ".".join(map(str, coord.tolist()))
