"""Reads of one level through the cache: boxes, single chunks, batches, iteration."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from zarr_vectors._query import (
    DirectSource,
    LinkedBatch,
    RaggedBatch,
    ReadPlan,
    ValueBatch,
    read_batch,
    read_linked,
    read_values,
    select,
)
from zarr_vectors.core.arrays._level import LevelArrays
from zarr_vectors.core.arrays._link_sources import LinkSources
from zarr_vectors.encoding import FragmentIndex, FragmentTable, expand_ranges, offsets_of
from zarr_vectors.exceptions import ArgumentError
from zarr_vectors.lazy._cache import ChunkCache
from zarr_vectors.lazy._chunk import Chunk, ChunkParts
from zarr_vectors.spatial import ChunkLookup
from zarr_vectors.types._read import SKELETON, decode_attributes, kind_of
from zarr_vectors.typing import AnyArray, Int64Array

SEQUENCES = ("line", "polyline", "streamline")

__all__ = ["LevelReader", "check_coords", "iterate"]

_POSITIONS = "\0positions"  # no attribute can have such a name
_FRAGMENTS = ("\0is_range", "\0ranges", "\0offsets", "\0rows")


class LevelReader:
    """Reads chunks of one level, decoded chunks going through a cache."""

    def __init__(self, arrays: LevelArrays, cache: ChunkCache) -> None:
        self.arrays, self.cache = arrays, cache
        self._parts = ChunkParts(arrays)
        # Where an attribute divides the chunks several lie in one place.
        ordered = arrays.coords[:, arrays.rank - arrays.ndim :]
        self._order = np.lexsort(ordered.T[::-1]) if arrays.rank > arrays.ndim else np.arange(len(ordered))
        ordered = ordered[self._order]
        self._starts = np.append(_run_starts(ordered), len(ordered))
        self.places = ordered[self._starts[:-1]]
        self._lookup: ChunkLookup | None = None
        self._lock = threading.Lock()
        self._sources: LinkSources | None = None

    def batch(self, rows: Int64Array, attributes: tuple[str, ...], *, of: int) -> RaggedBatch:
        """Read whole chunks, given as rows of the level's chunk list, in that order; kept where the request fits."""
        if of and self.cache.admits(of):
            return self._cached_batch(rows, attributes)
        return read_batch(self.arrays, rows, attributes)

    def batches(self, rows: Int64Array, attributes: tuple[str, ...], *, of: int) -> Iterator[RaggedBatch]:
        """Read the same chunks as several batches: one by one where they are kept, without copying what is."""
        if not of or not self.cache.admits(of):
            yield from DirectSource(self.arrays).batches(rows, attributes, of=of)
        elif self.arrays.is_local and len(rows):
            for row in rows.tolist():
                yield self._cached_chunk(row, attributes)
        else:
            yield self._cached_batch(rows, attributes)

    def _cached_chunk(self, row: int, attributes: tuple[str, ...]) -> RaggedBatch:
        """Give one chunk as it is kept."""
        key, wanted = (self.arrays.meta.level, row), (_POSITIONS, *attributes)
        kept = self.cache.get(key, wanted)
        if kept is None:
            batch = read_batch(self.arrays, np.array([row]), attributes)
            self.cache.put(key, self._columns(batch, 0, attributes))
            return batch
        offsets = np.array([0, len(kept[_POSITIONS])])
        values = {name: kept[name] for name in attributes}
        return RaggedBatch(key[0], self.arrays.coords[row : row + 1], offsets, kept[_POSITIONS], values)

    def fragments(self, rows: Int64Array, *, of: int) -> FragmentTable:
        """Read the fragments of chunks, those the cache has from there."""
        self.arrays.check_open()
        if not of or not self.cache.admits(of):
            return self.arrays.fragment_table(self.arrays.coords[rows])
        level = self.arrays.meta.level
        parts = [self.cache.get((level, row), _FRAGMENTS) for row in rows.tolist()]
        missing = rows[[part is None for part in parts]]
        found = iter(self.arrays.fragment_indices(self.arrays.coords[missing]))
        indices = [next(found) if part is None else FragmentIndex(*part.values()) for part in parts]
        for row, part, index in zip(rows.tolist(), parts, indices, strict=True):
            if part is None:
                arrays = (index.is_range, index.ranges, index.offsets, index.rows)
                self.cache.put((level, row), dict(zip(_FRAGMENTS, arrays, strict=True)))
        return FragmentTable.of(indices)

    def _cached_batch(self, rows: Int64Array, attributes: tuple[str, ...]) -> RaggedBatch:
        """Read chunks, those the cache has from there and all others in one batch."""
        wanted = (_POSITIONS, *attributes)
        level = self.arrays.meta.level
        parts = {row: self.cache.get((level, row), wanted) for row in rows.tolist()}
        missing = np.array([row for row, part in parts.items() if part is None], np.int64)
        if len(missing) or not len(rows):
            batch = read_batch(self.arrays, missing, attributes)
            for i, row in enumerate(missing.tolist()):
                parts[row] = self._columns(batch, i, attributes)
                self.cache.put((level, row), {name: a.copy() for name, a in parts[row].items()})  # type: ignore[union-attr]
        if len(missing) == len(rows):
            return batch
        chunks = [part for part in parts.values() if part is not None]
        counts = np.array([len(part[_POSITIONS]) for part in chunks], np.int64)
        positions, *values = (np.concatenate([part[name] for part in chunks]) for name in wanted)
        return RaggedBatch(
            level,
            self.arrays.coords[rows],
            offsets_of(counts),
            positions,
            dict(zip(attributes, values, strict=True)),
        )

    @staticmethod
    def _columns(batch: RaggedBatch, i: int, attributes: tuple[str, ...]) -> dict[str, AnyArray]:
        rows = slice(int(batch.offsets[i]), int(batch.offsets[i + 1]))
        values = {name: batch.attributes[name][rows] for name in attributes}
        return {_POSITIONS: batch.positions[rows], **values}

    def names(self, attributes: Iterable[str] | None) -> tuple[str, ...]:
        """Check which attributes are asked for; None for all of them; weights only by name."""
        arrays = self.arrays
        asked = arrays.attribute_names if attributes is None else attributes
        return select(arrays.ndim, arrays.value_names, None, asked, arrays.where).attributes

    def read_chunks(self, coords: Int64Array, attributes: tuple[str, ...]) -> RaggedBatch:
        """Read chunks by place, (n, D), in that order; codes for categorical attributes."""
        rows, counts = self._chunks_at(coords)
        batch = read_batch(self.arrays, rows, attributes)
        offsets = batch.offsets[offsets_of(counts)]
        return RaggedBatch(batch.level, coords, offsets, batch.positions, batch.attributes)

    def read_values(self, coords: Int64Array, attributes: tuple[str, ...]) -> ValueBatch:
        """Read the attributes alone of chunks by place, (n, D), in that order."""
        rows, counts = self._chunks_at(coords)
        batch = read_values(self.arrays, rows, attributes)
        return ValueBatch(batch.offsets[offsets_of(counts)], batch.attributes)

    def read_linked(self, coords: Int64Array, attributes: tuple[str, ...], *, with_objects: bool) -> LinkedBatch:
        """Read the vertices and links of chunks by place, (n, D), in that order."""
        rows, counts = self._chunks_at(coords)
        kind = kind_of(self.arrays.store)
        is_sequence = kind in SEQUENCES
        sources = None if is_sequence else self._link_sources()
        batch = read_linked(
            self.arrays,
            rows,
            attributes,
            is_sequence=is_sequence,
            is_skeleton=kind == SKELETON,
            sources=sources,
            with_objects=with_objects,
            groups=np.repeat(np.arange(len(counts)), counts) if (counts > 1).any() else None,
        )
        return replace(
            batch,
            coords=coords,
            offsets=batch.offsets[offsets_of(counts)],
            others=batch.others[:, self.arrays.rank - self.arrays.ndim :],
            outside=self._in_places(batch),
        )

    def _in_places(self, batch: LinkedBatch) -> Int64Array | None:
        """Count the rows of vertices in other chunks from the first of their place; None where that is not known."""
        arrays = self.arrays
        if arrays.rank == arrays.ndim or batch.outside is None:
            return batch.outside
        if arrays.counts is None:
            return None
        first = offsets_of(arrays.counts[self._order])
        before = np.empty(len(self._order), np.int64)
        before[self._order] = first[:-1] - np.repeat(first[self._starts[:-1]], np.diff(self._starts))
        out = batch.outside.copy()
        out[:, 1] += before[arrays.lookup.find(batch.others)][out[:, 0]]
        return out

    def _link_sources(self) -> LinkSources | None:
        with self._lock:
            if self._sources is None and self.arrays.links is not None:
                self._sources = LinkSources(self.arrays.links, self.arrays.lookup)
            return self._sources

    def vertex_counts(self, counts: Int64Array) -> Int64Array:
        """Give the vertices in each place, given those of each chunk."""
        before: Int64Array = offsets_of(counts[self._order])[self._starts]
        return np.diff(before)

    def known_counts(self) -> tuple[Int64Array, bool]:
        """Give the vertices in each place without reading any, and whether that is exact."""
        arrays = self.arrays
        counts, exact = arrays.counts, True
        if counts is None:
            sizes = arrays.positions.array.payload_sizes(arrays.coords)
            if sizes is not None:
                counts = np.maximum(sizes, 0) // arrays.positions.column.row_bytes
            else:
                share = -(-arrays.meta.vertex_count // max(1, len(arrays.coords)))
                counts, exact = np.full(len(arrays.coords), share, np.int64), False
        return self.vertex_counts(counts), exact

    def _chunks_at(self, coords: Int64Array) -> tuple[Int64Array, Int64Array]:
        """Give the chunks that lie in places, as rows of the level's chunk list, and how many in each."""
        self.arrays.check_open()
        places = self._find(coords)
        counts = np.diff(self._starts)[places]
        return self._order[expand_ranges(self._starts[places], counts)], counts

    def _find(self, coords: Int64Array) -> Int64Array:
        """Find places; ``ArgumentError`` for one that is empty."""
        if self._lookup is None:
            self._lookup = ChunkLookup(self.places)
        found = self._lookup.find(coords)
        if (found < 0).any():
            bad = tuple(coords[found < 0][0].tolist())
            msg = f"{self.arrays.store.name}: level {self.arrays.meta.level} has no chunk {bad}"
            raise ArgumentError(msg)
        return found

    def chunk(self, row: int, attributes: tuple[str, ...]) -> Chunk:
        """Read and decode one chunk."""
        arrays = self.arrays
        arrays.check_open()
        cached = self.cache.get((arrays.meta.level, row), (_POSITIONS, *attributes))
        if cached is not None:
            # What is kept stays as it is, whatever the caller does with its own.
            positions, *values = (values.copy() for values in cached.values())
        else:
            coord = arrays.coords[row].tolist()
            positions = arrays.positions.read_one(coord)
            values = [arrays.attribute(name).read_one(coord, len(positions)) for name in attributes]
        named = dict(zip(attributes, values, strict=True))
        return self._parts.complete(row, positions, decode_attributes(arrays, named))

    def iterate(self, plan: ReadPlan, prefetch: int, n_workers: int) -> Generator[tuple[tuple[int, ...], Chunk]]:
        """Yield (chunk coordinate, chunk) in ascending order, the next `prefetch` being read meanwhile."""
        coords = self.arrays.coords[plan.rows]
        return iterate(self.chunk, plan.rows, coords, plan.attributes, prefetch, n_workers)


def check_coords(coords: npt.ArrayLike, ndim: int) -> Int64Array:
    """Check chunk coordinates, (n, D)."""
    given = np.asarray(coords)
    if not given.size:
        given = np.empty((0, ndim), np.int64)
    if given.shape[1:] != (ndim,) or given.dtype.kind not in "iu":
        msg = f"coords must be whole numbers of shape (n, {ndim}), got {given.dtype} {given.shape}"
        raise ArgumentError(msg)
    return np.ascontiguousarray(given, dtype=np.int64)


def iterate(
    read: Callable[[int, tuple[str, ...]], Chunk],
    rows: Int64Array,
    coords: Int64Array,
    attributes: tuple[str, ...],
    prefetch: int,
    n_workers: int,
) -> Generator[tuple[tuple[int, ...], Chunk]]:
    """Yield (chunk coordinate, what `read` gives for a row), the next `prefetch` being read meanwhile."""
    keys = [tuple(c) for c in coords.tolist()]
    wanted = rows.tolist()
    if prefetch == 0:
        for key, row in zip(keys, wanted, strict=True):
            yield key, read(row, attributes)
        return
    with ThreadPoolExecutor(max(1, min(n_workers, prefetch)), "zarr-vectors-iter") as pool:
        ahead: deque[Future[Chunk]] = deque()
        try:
            for i, key in enumerate(keys):
                while len(ahead) <= prefetch and i + len(ahead) < len(wanted):
                    ahead.append(pool.submit(read, wanted[i + len(ahead)], attributes))
                yield key, ahead.popleft().result()
        finally:
            # Leaving the loop early ends here: what has not begun is not begun.
            pool.shutdown(wait=True, cancel_futures=True)


def _run_starts(coords: Int64Array) -> Int64Array:
    """Give where each run of equal coordinates, (n, D), begins."""
    if not len(coords):
        return np.empty(0, np.int64)
    return np.flatnonzero(np.append(True, (coords[1:] != coords[:-1]).any(axis=1)))
