"""Rows of any order -> rows chunk by chunk, bin by bin.

Rows are sorted in blocks small enough to stay in the processor's cache while they are gathered; a chunk's runs from
several blocks are merged when the chunk is written. Inside a bin rows keep their order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from zarr_vectors.constants import FRAGMENT_GROUP_BINS
from zarr_vectors.core.arrays._vertices import Column
from zarr_vectors.encoding import encode_tiling_ranges
from zarr_vectors.spatial import BinGrid, run_starts, sort_order
from zarr_vectors.typing import AnyArray, Int64Array, UInt8Array

__all__ = ["SortedRows", "sort_rows"]

Key = npt.NDArray[np.unsignedinteger[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class _Block:
    """One sorted block: its keys and, per column, its rows as bytes."""

    keys: Key
    columns: tuple[UInt8Array, ...]


@dataclass(frozen=True, slots=True, eq=False)
class SortedRows:
    """Rows in chunk and bin order, in one or more blocks.

    Attributes
    ----------
    grid : BinGrid
    ranks : (n,) int64
        Number of each non-empty chunk in the grid, ascending.
    coords : (n, D) int64
        Its chunk coordinate.
    counts : (n,) int64
        Its rows.
    """

    grid: BinGrid
    ranks: Int64Array
    coords: Int64Array
    counts: Int64Array
    _blocks: tuple[_Block, ...]
    _starts: Int64Array  # (blocks, n + 1): where each chunk's rows begin in each block

    @property
    def fragment_counts(self) -> Int64Array:
        """Fragments of each chunk, shape (n,): its bins."""
        return np.full(len(self.counts), self.grid.bin_count)

    @property
    def fragment_group(self) -> int:
        """How many chunks' fragments are encoded together."""
        return max(1, FRAGMENT_GROUP_BINS // self.grid.bin_count)

    def fragment_cells(self, low: int, high: int) -> UInt8Array:
        """Encode the fragment indices of chunks ``low:high``; all are equally long, shape (high - low, b)."""
        return encode_tiling_ranges(self.bin_counts(low, high))

    def bin_counts(self, first: int, last: int) -> Int64Array:
        """Give the rows of each bin of chunks ``first:last``, shape (last - first, bins of a chunk)."""
        bins = self.grid.bin_count
        total = np.zeros((last - first) * bins, np.int64)
        for block, starts in zip(self._blocks, self._starts, strict=True):
            keys = block.keys[starts[first] : starts[last]]
            # Keys ascend: the runs of equal ones are the bins that hold rows.
            begin = run_starts(keys)
            present = keys[begin].astype(np.int64)
            chunk = np.searchsorted(self.ranks[first:last], present // bins)
            local = present - self.ranks[first:last][chunk] * bins
            total[chunk * bins + local] += np.diff(begin, append=len(keys))
        return total.reshape(last - first, bins)

    def rows(self, chunk: int) -> list[UInt8Array]:
        """Give the rows of one chunk as bytes, one flat array a column."""
        parts = [
            (block, int(starts[chunk]), int(starts[chunk + 1]))
            for block, starts in zip(self._blocks, self._starts, strict=True)
            if starts[chunk + 1] > starts[chunk]
        ]
        if len(parts) == 1:
            block, start, stop = parts[0]
            return [column[start:stop].reshape(-1) for column in block.columns]
        return self._merged(parts, int(self.ranks[chunk]))

    def _merged(self, parts: Sequence[tuple[_Block, int, int]], rank: int) -> list[UInt8Array]:
        bins = self.grid.bin_count
        keys = np.concatenate([block.keys[start:stop] for block, start, stop in parts])
        local = keys - keys.dtype.type(rank * bins)
        order = np.argsort(local.astype(np.uint8) if bins <= 256 else local, kind="stable")
        out = []
        for i, column in enumerate(parts[0][0].columns):
            together = np.concatenate([block.columns[i][start:stop] for block, start, stop in parts])
            # As one opaque item a row, so that taking rows moves whole rows.
            rows = together.view(f"V{column.shape[1]}").reshape(-1)
            out.append(np.take(rows, order).view(np.uint8))
        return out


def sort_rows(
    grid: BinGrid,
    positions: AnyArray,
    position_column: Column,
    columns: Sequence[tuple[Column, AnyArray]],
    *,
    block_rows: int,
) -> SortedRows:
    """Sort positions, shape (N, D), and the columns that go with them.

    Sources are sliced block by block and never read whole: arrays, memory maps, HDF5 and zarr arrays will do.
    """
    blocks = []
    for start in range(0, positions.shape[0], block_rows):
        piece = slice(start, start + block_rows)
        place = np.asarray(positions[piece]).astype(position_column.dtype, copy=False)
        keys = grid.keys(place)
        order = sort_order(keys)
        gathered = [_gather(place, order, position_column)]
        gathered += [_gather(np.asarray(source[piece]), order, column) for column, source in columns]
        blocks.append(_Block(np.take(keys, order, mode="clip"), tuple(gathered)))
    return _join(grid, blocks)


def _gather(values: AnyArray, order: npt.NDArray[np.intp], column: Column) -> UInt8Array:
    """Take rows in order and give them as bytes, shape (n, row bytes)."""
    # The order names rows that are there: without the check of that, numpy takes a third of the time.
    taken = np.take(values, order, axis=0, mode="clip").astype(column.dtype, copy=False)
    return np.ascontiguousarray(taken).view(np.uint8).reshape(len(order), column.row_bytes)


def _join(grid: BinGrid, blocks: list[_Block]) -> SortedRows:
    bins = grid.bin_count
    firsts = []
    for block in blocks:
        # Keys are sorted: a chunk begins where the key's chunk part changes.
        chunk = (block.keys // block.keys.dtype.type(bins)) if bins > 1 else block.keys
        begin = run_starts(chunk)
        firsts.append((chunk[begin].astype(np.int64), begin))
    ranks = np.sort(np.concatenate([np.empty(0, np.int64), *(chunks for chunks, _ in firsts)]))
    ranks = ranks[run_starts(ranks)]
    starts = np.empty((len(blocks), len(ranks) + 1), np.int64)
    for b, (block, (chunks, begin)) in enumerate(zip(blocks, firsts, strict=True)):
        # A chunk that is absent from a block starts where the next present one does: an empty run.
        nearest = np.searchsorted(chunks, ranks)
        starts[b, :-1] = np.append(begin, len(block.keys))[nearest]
        starts[b, -1] = len(block.keys)
    counts = np.diff(starts, axis=1).sum(axis=0)
    return SortedRows(grid, ranks, grid.chunk_coords(ranks), counts, tuple(blocks), starts)
