"""Reads of one level through the cache: boxes, single chunks, batches, iteration."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from zarr_vectors._query import RaggedBatch, ReadPlan, cut_box, read_batch
from zarr_vectors.core.arrays._level import LevelArrays
from zarr_vectors.encoding import offsets_of
from zarr_vectors.exceptions import ArgumentError
from zarr_vectors.lazy._cache import ChunkCache
from zarr_vectors.types._read import decode_attributes
from zarr_vectors.typing import AnyArray, FloatArray, Int64Array

__all__ = ["Chunk", "LevelReader"]

_POSITIONS = "\0positions"  # no attribute can have this name


@dataclass(frozen=True, slots=True, eq=False)
class Chunk(Mapping[str, Any]):
    """One decoded chunk: ``chunk["positions"]`` (n, D) and ``chunk["attributes"][name]`` (n,) or (n, C)."""

    positions: FloatArray
    attributes: Mapping[str, AnyArray]

    def __getitem__(self, key: str) -> Any:  # noqa: ANN401 - one type a key
        if key not in ("positions", "attributes"):
            raise KeyError(key)
        return getattr(self, key)

    def __iter__(self) -> Iterator[str]:
        return iter(("positions", "attributes"))

    def __len__(self) -> int:
        return 2


class LevelReader:
    """Reads chunks of one level, decoded chunks going through a cache."""

    def __init__(self, arrays: LevelArrays, cache: ChunkCache) -> None:
        self.arrays, self.cache = arrays, cache
        self._records: AnyArray | None = None

    def run(self, plan: ReadPlan) -> tuple[FloatArray, dict[str, AnyArray]]:
        """Carry a plan out: positions and attributes (codes) of the rows asked for."""
        if plan.box is None or not self.cache.admits(len(plan.rows)):
            return cut_box(read_batch(self.arrays, plan.rows, plan.attributes), plan)
        return cut_box(self._cached_batch(plan.rows, plan.attributes), plan)

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

    def read_chunks(self, coords: Int64Array, attributes: tuple[str, ...]) -> RaggedBatch:
        """Read chunks by coordinate, in that order; codes for categorical attributes."""
        return read_batch(self.arrays, self.rows_of(coords), attributes)

    def rows_of(self, coords: Int64Array) -> Int64Array:
        """Find chunks in the level's list; ``ArgumentError`` for one that is empty."""
        known = self.arrays.coords
        if self._records is None:
            self._records = _as_records(known)
        rows = np.searchsorted(self._records, _as_records(coords))
        unknown = np.ones(len(coords), bool)
        near = np.flatnonzero(rows < len(known))
        unknown[near] = (known[rows[near]] != coords[near]).any(axis=1)
        if unknown.any():
            bad = tuple(coords[unknown][0].tolist())
            msg = f"{self.arrays.store.name}: level {self.arrays.meta.level} has no chunk {bad}"
            raise ArgumentError(msg)
        return rows

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
        return Chunk(positions, decode_attributes(arrays, dict(zip(attributes, values, strict=True))))

    def iterate(self, plan: ReadPlan, prefetch: int, n_workers: int) -> Iterator[tuple[tuple[int, ...], Chunk]]:
        """Yield (chunk coordinate, chunk) in ascending order, the next `prefetch` being read meanwhile."""
        keys = [tuple(c) for c in self.arrays.coords[plan.rows].tolist()]
        rows = plan.rows.tolist()
        if prefetch == 0:
            for key, row in zip(keys, rows, strict=True):
                yield key, self.chunk(row, plan.attributes)
            return
        with ThreadPoolExecutor(max(1, min(n_workers, prefetch)), "zarr-vectors-iter") as pool:
            ahead: deque[Future[Chunk]] = deque()
            try:
                for i, key in enumerate(keys):
                    while len(ahead) <= prefetch and i + len(ahead) < len(rows):
                        ahead.append(pool.submit(self.chunk, rows[i + len(ahead)], plan.attributes))
                    yield key, ahead.popleft().result()
            finally:
                # Leaving the loop early ends here: what has not begun is not begun.
                pool.shutdown(wait=True, cancel_futures=True)


def _as_records(coords: Int64Array) -> AnyArray:
    """See coordinates, shape (n, D), as n records that compare axis by axis, the first axis first."""
    # Big-endian with the sign bit flipped, bytes compare as the numbers do.
    unsigned = (coords.view(np.uint64) ^ np.uint64(1 << 63)).astype(">u8")
    return np.ascontiguousarray(unsigned).view(f"S{8 * coords.shape[1]}").reshape(-1)
