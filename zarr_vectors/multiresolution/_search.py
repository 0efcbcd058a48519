"""The cell that leaves the wanted share of a level's points, and the tiles that they are worked on in."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from zarr_vectors._query import RaggedBatch, read_batch
from zarr_vectors.core.arrays._level import LevelArrays
from zarr_vectors.multiresolution._source import LevelSource
from zarr_vectors.multiresolution._steps import Step
from zarr_vectors.multiresolution._thin import find_cell, occupied
from zarr_vectors.multiresolution._tiles import spread_sample, tile_chunks
from zarr_vectors.spatial import BinGrid, extent
from zarr_vectors.types._pipeline import Storage
from zarr_vectors.types._tasks import TaskRunner
from zarr_vectors.typing import BoolArray, Float64Array, FloatArray, Int64Array

__all__ = ["grid_over", "rows_of", "search_cell", "tiles_of"]

_TILE_ROWS = 1 << 19
_SAMPLE_ROWS = 1 << 20
_COUNT_TOLERANCE = 0.03
_MOST_PASSES = 3


def tiles_of(arrays: LevelArrays, step: Step, storage: Storage) -> list[Int64Array]:
    """Divide a level's chunks, as rows of its chunk list, into tiles."""
    ndim = arrays.ndim
    shards = np.array(storage.shard_shape or (1,) * ndim, np.int64)[-ndim:]
    return tile_chunks(arrays.coords[:, -ndim:], _counts(arrays), step.chunk_growth, shards, _TILE_ROWS)


def _counts(arrays: LevelArrays) -> Int64Array:
    """Give the rows of each chunk, or where the store does not tell them what a chunk holds on average."""
    if arrays.counts is not None:
        return arrays.counts
    chunks = len(arrays.coords)
    return np.full(chunks, math.ceil(arrays.meta.vertex_count / max(1, chunks)), np.int64)


def rows_of(arrays: LevelArrays, tile: Int64Array) -> int:
    """Count the rows of a tile."""
    return int(_counts(arrays)[tile].sum())


def grid_over(
    source: LevelSource, tiles: Sequence[Int64Array], step: Step, bins: Float64Array | None = None
) -> BinGrid:
    """Lay the coarse grid over what it is going to hold; its bins are those of the coarse level if not given."""
    arrays = source.arrays
    root = arrays.store.root
    chunk = step.chunk_shape(root)
    bins = step.bin_shape(root) if bins is None else bins
    if len(tiles) == 1 and len(positions := _positions(source, tiles[0])):
        held = extent(positions)
    elif len(tiles) > 1:
        coarse = arrays.coords[:, -arrays.ndim :] // step.chunk_growth
        held = (np.stack([coarse.min(axis=0), coarse.max(axis=0)]) + 0.5) * chunk
    else:
        held = root.bounds
    # A bin larger than its chunk orders nothing, and some do not divide one: such a chunk is one bin.
    divides = (bins <= chunk) & np.isclose(chunk / bins, np.round(chunk / bins))
    return BinGrid.of_extent(held, chunk, np.where(divides, bins, chunk))


def search_cell(
    source: LevelSource, tiles: list[Int64Array], step: Step, runner: TaskRunner
) -> tuple[Float64Array, list[Int64Array]]:
    """Search the cell that leaves the wanted share of all rows; give the tiles too, which may have to become one."""
    arrays = source.arrays
    total = arrays.meta.vertex_count
    unit = step.bin_shape(arrays.store.root)
    if not total:
        return unit, tiles
    rows = np.array([rows_of(arrays, tile) for tile in tiles])
    chosen = spread_sample(rows, _SAMPLE_ROWS)
    sampled = list(runner.map(_sample_tile, [(source, tiles[i], step) for i in chosen.tolist()]))
    sample = [tile.positions for tile in sampled]
    spread = np.ptp(arrays.coords[:, -arrays.ndim :], axis=0) + 1
    find = _Finder(sample, spread * arrays.chunk_shape, unit, step.scales)
    wanted = max(1, round(total * step.share))
    cell = find(wanted * sum(map(len, sample)) / total)
    if len(tiles) == 1 or (len(chosen) == len(tiles) and all(tile.is_nested for tile in sampled)):
        return cell, tiles
    tried: list[tuple[float, Float64Array]] = []
    for _ in range(_MOST_PASSES):
        counted = list(runner.map(_count_tile, [(source, tile, cell, step) for tile in tiles]))
        if not all(count.is_nested for count in counted):
            everything = [np.arange(len(arrays.coords))]
            return search_cell(source, everything, step, runner)
        found = sum(count.occupied for count in counted)
        tried.append((abs(math.log(found / wanted)), cell))
        if tried[-1][0] < _COUNT_TOLERANCE:
            break
        cell = find(find.count(cell) * wanted / found)
    return min(tried, key=lambda miss: miss[0])[1], tiles


class _Finder:
    """Finds the cell that leaves so many points of a sample."""

    def __init__(self, sample: Sequence[FloatArray], size: Float64Array, unit: Float64Array, scales: BoolArray) -> None:
        self._sample, self._size, self._unit, self._scales = sample, size, unit, scales

    def count(self, cell: Float64Array) -> int:
        return sum(occupied(positions, cell) for positions in self._sample)

    def __call__(self, wanted: float) -> Float64Array:
        return find_cell(self.count, self._size, wanted, self._unit, self._scales)


# -- tasks ------------------------------------------------------------------------------------------------------------


def _positions(source: LevelSource, tile: Int64Array) -> FloatArray:
    return read_batch(source.arrays, tile, ()).positions


@dataclass(frozen=True, slots=True, eq=False)
class _Sample:
    """Positions of a tile, (N, D), and whether they are nested."""

    positions: FloatArray
    is_nested: bool


@dataclass(frozen=True, slots=True)
class _TileCount:
    """Occupied cells of a tile, and whether its rows are nested."""

    occupied: int
    is_nested: bool


def _sample_tile(source: LevelSource, tile: Int64Array, step: Step) -> _Sample:
    batch = read_batch(source.arrays, tile, ())
    return _Sample(batch.positions, _is_nested(source, batch, step))


def _count_tile(source: LevelSource, tile: Int64Array, cell: Float64Array, step: Step) -> _TileCount:
    batch = read_batch(source.arrays, tile, ())
    return _TileCount(occupied(batch.positions, cell), _is_nested(source, batch, step))


def _is_nested(source: LevelSource, batch: RaggedBatch, step: Step) -> bool:
    """Tell whether all rows lie in the coarse chunk that their own chunk is a part of.

    They do unless rounding at a face says otherwise, or another writer reckoned in other ways. Rows that do not would
    get into a chunk of another tile.
    """
    arrays = source.arrays
    chunk = step.chunk_shape(arrays.store.root)
    owner = (batch.coords[:, -arrays.ndim :] // step.chunk_growth).astype(np.float64)
    rows = np.diff(batch.offsets)
    return all(
        np.array_equal(
            np.floor(batch.positions[:, axis].astype(np.float64) / chunk[axis]), np.repeat(owner[:, axis], rows)
        )
        for axis in range(arrays.ndim)
    )
