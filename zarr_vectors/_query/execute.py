"""Chunks -> values + offsets: the one place that reads rows of a level."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from zarr_vectors.core.arrays._level import LevelArrays
from zarr_vectors.encoding import FragmentTable, offsets_of
from zarr_vectors.exceptions import CorruptChunkError
from zarr_vectors.typing import AnyArray, FloatArray, Int64Array

__all__ = [
    "ChunkSource",
    "DirectSource",
    "RaggedBatch",
    "Runs",
    "ValueBatch",
    "Vertices",
    "as_items",
    "chunk_groups",
    "join_batches",
    "read_batch",
    "read_values",
    "take_rows",
]

_GROUP_ROWS = 1 << 16


@dataclass(frozen=True, slots=True, eq=False)
class RaggedBatch:
    """The rows of some chunks, one chunk after the other.

    Attributes
    ----------
    level : int
    coords : (n, D) int64
        Chunk coordinates, in the order asked for.
    offsets : (n + 1,) int64
        Chunk ``i`` has rows ``offsets[i]:offsets[i + 1]``.
    positions : (N, D) float32 or float64
        World units, axis order as stored.
    attributes : dict of (N,) or (N, C) arrays
        Codes for categorical attributes.
    """

    level: int
    coords: Int64Array
    offsets: Int64Array
    positions: FloatArray
    attributes: Mapping[str, AnyArray]

    @property
    def nbytes(self) -> int:
        """Bytes of all values."""
        return int(self.positions.nbytes + sum(a.nbytes for a in self.attributes.values()))


@dataclass(frozen=True, slots=True, eq=False)
class ValueBatch:
    """Attributes of the rows of some chunks, one chunk after the other, without their positions.

    Attributes
    ----------
    offsets : (n + 1,) int64
        Chunk ``i`` has rows ``offsets[i]:offsets[i + 1]``.
    attributes : dict of (N,) or (N, C) arrays
        Codes for categorical attributes.
    """

    offsets: Int64Array
    attributes: Mapping[str, AnyArray]


class ChunkSource(Protocol):
    """Where a query gets its chunks from: the store, or a cache before it.

    May be called from several threads. Batches belong to the caller.
    """

    @property
    def arrays(self) -> LevelArrays:
        """The level."""
        ...

    def batch(self, rows: Int64Array, attributes: tuple[str, ...], *, of: int) -> RaggedBatch:
        """Read whole chunks, given as rows of the level's chunk list, in that order.

        Parameters
        ----------
        of : int
            How many chunks the request reads of which these are some; 0 if it reads the level and is not worth keeping.
        """
        ...

    def batches(self, rows: Int64Array, attributes: tuple[str, ...], *, of: int) -> Iterator[RaggedBatch]:
        """Read the same chunks as several batches one after the other, which must not be changed."""
        ...

    def fragments(self, rows: Int64Array, *, of: int) -> FragmentTable:
        """Read the fragments of chunks."""
        ...


@dataclass(frozen=True, slots=True)
class DirectSource:
    """Reads every chunk from the store."""

    arrays: LevelArrays

    def batch(self, rows: Int64Array, attributes: tuple[str, ...], *, of: int) -> RaggedBatch:
        """Read whole chunks; nothing is kept."""
        del of
        return read_batch(self.arrays, rows, attributes)

    def batches(self, rows: Int64Array, attributes: tuple[str, ...], *, of: int) -> Iterator[RaggedBatch]:
        """Read chunks in groups, so that no more than a group need be held; at once where reading is waited for."""
        del of
        for group in chunk_groups(self.arrays, rows):
            yield read_batch(self.arrays, group, attributes)

    def fragments(self, rows: Int64Array, *, of: int) -> FragmentTable:
        """Read the fragments of chunks; nothing is kept."""
        del of
        return self.arrays.fragment_table(self.arrays.coords[rows])


def chunk_groups(arrays: LevelArrays, rows: Int64Array) -> list[Int64Array]:
    """Cut a list of chunks into groups of some hundred thousand vertices; not at all where reading is waited for."""
    if not arrays.is_local:
        return [rows]
    share = -(-arrays.meta.vertex_count // max(1, len(arrays.coords)))
    counts = np.full(len(rows), share) if arrays.counts is None else arrays.counts[rows]
    return np.split(rows, np.flatnonzero(np.diff(np.cumsum(counts) // _GROUP_ROWS)) + 1)


def read_batch(arrays: LevelArrays, rows: Int64Array, attributes: tuple[str, ...]) -> RaggedBatch:
    """Read whole chunks, given as rows of the level's chunk list, in that order."""
    arrays.check_open()
    coords = arrays.coords[rows]
    known = None if arrays.counts is None else arrays.counts[rows]
    positions, counts = arrays.positions.read(coords, known)
    values = {name: arrays.attribute(name).read_aligned(coords, counts) for name in attributes}
    return RaggedBatch(arrays.meta.level, coords, offsets_of(counts), positions, values)


def read_values(arrays: LevelArrays, rows: Int64Array, attributes: tuple[str, ...]) -> ValueBatch:
    """Read attributes of whole chunks; positions only where nothing else says how many vertices a chunk has."""
    arrays.check_open()
    coords = arrays.coords[rows]
    if arrays.counts is not None:
        counts = arrays.counts[rows]
        try:
            values = {name: arrays.attribute(name).read_aligned(coords, counts) for name in attributes}
        except CorruptChunkError:
            # Either a count is stale or a cell is broken; the positions tell which.
            pass
        else:
            return ValueBatch(offsets_of(counts), values)
    batch = read_batch(arrays, rows, attributes)
    return ValueBatch(batch.offsets, batch.attributes)


def join_batches(first: RaggedBatch, second: RaggedBatch) -> RaggedBatch:
    """Put the chunks of the second batch behind those of the first; both have the same attributes."""
    if not len(second.coords):
        return first
    values = {name: np.concatenate([a, second.attributes[name]]) for name, a in first.attributes.items()}
    return RaggedBatch(
        first.level,
        np.concatenate([first.coords, second.coords]),
        np.concatenate([first.offsets, second.offsets[1:] + first.offsets[-1]]),
        np.concatenate([first.positions, second.positions]),
        values,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Vertices:
    """Rows that were cut out of a batch: positions (N, D), attributes (codes for categorical ones)."""

    positions: FloatArray
    attributes: dict[str, AnyArray]


def take_rows(
    batch: RaggedBatch | Vertices, rows: Int64Array | None, attributes: tuple[str, ...] | None = None
) -> Vertices:
    """Give some rows of a batch, in this order; None takes all of them as they are, and all attributes."""
    names = tuple(batch.attributes) if attributes is None else attributes
    values = {name: _take(batch.attributes[name], rows) for name in names}
    return Vertices(_take(batch.positions, rows), values)


@dataclass(frozen=True, slots=True, eq=False)
class Runs:
    """Fragments of a batch's chunks: their numbers, (B,), and the batch row at which the chunk of each begins, (B,)."""

    numbers: Int64Array
    bases: Int64Array


def _take(values: AnyArray, rows: Int64Array | None) -> AnyArray:
    if rows is None:
        return values
    out = np.empty((len(rows), *values.shape[1:]), values.dtype)
    if len(rows):
        np.take(as_items(values), rows, mode="clip", out=as_items(out))
    return out


def as_items(values: AnyArray) -> AnyArray:
    """See rows of several numbers as one opaque item each: they are taken three times as fast."""
    if values.ndim == 1:
        return values
    width = values.itemsize * math.prod(values.shape[1:])
    return np.ascontiguousarray(values).view(f"V{width}").reshape(-1)
