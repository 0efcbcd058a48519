"""Manifests seen from the chunks of a level: which fragments of which chunk are whose.

A manifest entry is a *block*: a chunk, as a row of the level's chunk list, and the number of a fragment in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from zarr_vectors.core.arrays._objects import ObjectIndex
from zarr_vectors.encoding import Manifests, expand_ranges, offsets_of
from zarr_vectors.exceptions import CorruptStoreError
from zarr_vectors.spatial import ChunkLookup, sort_order
from zarr_vectors.typing import AnyArray, BoolArray, Int64Array

__all__ = ["Blocks", "distinct", "find_blocks", "join_blocks"]


@dataclass(frozen=True, eq=False)
class Blocks:
    """The fragments of some objects; may be used from several threads at once.

    Attributes
    ----------
    offsets : (k + 1,) int64
        Object ``i`` has the blocks ``offsets[i]:offsets[i + 1]``, in the order of its vertices.
    chunks : (B,) int32 or int64
        Row of each block's chunk in the level's chunk list.
    fragments : (B,) int32 or int64
        Number of each block's fragment in its chunk.
    """

    offsets: Int64Array
    chunks: AnyArray
    fragments: AnyArray

    @property
    def nbytes(self) -> int:
        """Bytes of all numbers, those by chunk included."""
        return int(self.offsets.nbytes + 3 * self.chunks.nbytes)

    @cached_property
    def owners(self) -> Int64Array:
        """Which object, 0..k-1, each block is of, (B,)."""
        return np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))

    def take(self, objects: Int64Array) -> Blocks:
        """Give the blocks of some of these objects, (m,), in this order."""
        starts = self.offsets[:-1][objects]
        counts = self.offsets[1:][objects] - starts
        some = expand_ranges(starts, counts)
        return Blocks(offsets_of(counts), self.chunks[some], self.fragments[some])

    def within(self, chosen: BoolArray) -> Blocks:
        """Leave the blocks out that are not chosen, (B,) bool; objects stay, some of them empty."""
        if chosen.all():
            return self
        before = offsets_of(chosen.astype(np.int64))
        return Blocks(before[self.offsets], self.chunks[chosen], self.fragments[chosen])

    def of_chunks(self, chunks: Int64Array) -> Int64Array:
        """Give the blocks in some chunks, (m,), chunk by chunk, in each ascending."""
        order, starts = self._by_chunk
        known = np.minimum(chunks, len(starts) - 2)
        counts = np.where(known == chunks, starts[known + 1] - starts[known], 0)
        return order[expand_ranges(starts[known], counts)]

    @cached_property
    def _by_chunk(self) -> tuple[Int64Array, Int64Array]:
        """The blocks in the order of their chunks, (B,), and where each chunk's begin, (largest chunk + 2,)."""
        most = int(self.chunks.max(initial=0))
        order = sort_order(self.chunks.astype(np.uint16 if most < 1 << 16 else np.uint64))
        return order, offsets_of(np.bincount(self.chunks, minlength=most + 1))


def find_blocks(manifests: Manifests, lookup: ChunkLookup, index: ObjectIndex, rank: int) -> Blocks:
    """Find the chunks that manifests name in a level's list of chunks, whose coordinates have `rank` components.

    Raises
    ------
    CorruptStoreError
        If there is no such chunk.
    """
    where = f"{index.store.name}: level {index.level}"
    if manifests.chunks.shape[1] != rank:
        msg = f"{where}: manifests name chunks of {index.rank} components, the vertices have {rank}"
        raise CorruptStoreError(msg)
    chunks = lookup.find(manifests.chunks)
    if (chunks < 0).any():
        coord = tuple(manifests.chunks[int(np.argmax(chunks < 0))].tolist())
        msg = f"{where}: a manifest in {index.path} names chunk {coord}, which has no vertices"
        raise CorruptStoreError(msg)
    return Blocks(manifests.offsets, _narrow(chunks), _narrow(manifests.fragments))


def join_blocks(parts: Sequence[Blocks]) -> Blocks:
    """Put the blocks of objects, some of them in each part, together."""
    none = np.empty(0, np.int32)
    counts = np.concatenate([none, *(np.diff(part.offsets) for part in parts)])
    chunks = np.concatenate([none, *(part.chunks for part in parts)])
    return Blocks(offsets_of(counts), chunks, np.concatenate([none, *(part.fragments for part in parts)]))


def distinct(chunks: AnyArray) -> Int64Array:
    """Give the chunks that are named, (B,) rows of the level's chunk list, each once, ascending."""
    named = np.zeros(int(chunks.max(initial=-1)) + 1, bool)
    named[chunks] = True
    return np.flatnonzero(named)


def _narrow(numbers: Int64Array) -> AnyArray:
    """Give numbers in 32 bits where all of them fit."""
    return numbers.astype(np.int32) if int(numbers.max(initial=0)) <= np.iinfo(np.int32).max else numbers
