"""Coarser levels of points without objects, tile by tile: what a level holds is never in memory at once.

How it goes is in docs/decisions/0015-pyramids-tile-by-tile.md.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from zarr_vectors._query import read_batch
from zarr_vectors._spec import LevelMetadata, RootMetadata
from zarr_vectors._spec.names import VERTEX_WEIGHTS, WEIGHTS
from zarr_vectors.constants import BLOCK_ROWS
from zarr_vectors.core._backends import Backend
from zarr_vectors.core.arrays._level import LevelArrays
from zarr_vectors.core.arrays._links import RowGrid
from zarr_vectors.core.arrays._vertices import Column
from zarr_vectors.core.store import OpenStore
from zarr_vectors.encoding import expand_ranges
from zarr_vectors.multiresolution._lineage import Lineage, place_of
from zarr_vectors.multiresolution._options import LevelOptions
from zarr_vectors.multiresolution._reduce import WEIGHTS_COLUMN, Groups, reduce_rows, total_weights
from zarr_vectors.multiresolution._source import LevelSource
from zarr_vectors.multiresolution._steps import Step
from zarr_vectors.multiresolution._thin import find_cell, occupied, thin
from zarr_vectors.multiresolution._tiles import spread_sample, tile_chunks
from zarr_vectors.spatial import BinGrid, ChunkLookup, extent, sort_order
from zarr_vectors.types._pipeline import LevelWriter, Storage
from zarr_vectors.types._sort import SortedRows, sort_rows
from zarr_vectors.types._tasks import TaskRunner
from zarr_vectors.typing import BoolArray, Float64Array, FloatArray, Int64Array

__all__ = ["thinned_level"]

_TILE_ROWS = 1 << 19
_SAMPLE_ROWS = 1 << 20
_COUNT_TOLERANCE = 0.03
_MOST_PASSES = 3


@dataclass(frozen=True, slots=True, eq=False)
class _TilePlan:
    """What a task has to know to thin a tile."""

    grid: BinGrid
    cell: Float64Array
    modes: Mapping[str, str]
    with_parents: bool


@dataclass(frozen=True, slots=True, eq=False)
class _Thinned:
    """A tile's rows, and for each row that they were made from the one that stands for it, (n,), where asked for."""

    rows: SortedRows
    parents: Int64Array | None


def thinned_level(
    target: Backend,
    arrays: LevelArrays,
    step: Step,
    options: LevelOptions,
    error: Float64Array,
    runner: TaskRunner,
    lineage: Lineage | None,
) -> LevelMetadata:
    """Write one level, thinned from another.

    Parameters
    ----------
    target : Backend
        Where the level is written.
    arrays : LevelArrays
        The level that it is made from.
    step : Step
    options : LevelOptions
    error : (D,) float64
        How far vertices of the source may have been moved already.
    runner : TaskRunner
    lineage : Lineage or None
        Where it is noted which row stands for which.
    """
    root = arrays.store.root
    source = LevelSource(arrays)
    tiles = _tiles(arrays, step, options.storage)
    message = f"level {step.level}"
    cell, tiles = _search(source, tiles, step, runner)
    grid = _grid(source, tiles, step)
    columns = [Column("positions", arrays.positions.column.dtype, (root.ndim,))]
    columns += [arrays.attribute(name).column for name in arrays.attribute_names]
    columns.append(WEIGHTS_COLUMN)
    writer = LevelWriter(target, step.level, grid, columns, options.storage)
    plan = _TilePlan(grid, cell, options.modes, lineage is not None)
    left, noted = 0, []
    calls = [(source, tile, plan, (options.seed, step.level, number)) for number, tile in enumerate(tiles)]
    for tile, found in zip(tiles, runner.map(_thin_tile, calls), strict=True):
        writer.put(found.rows)
        left += int(found.rows.counts.sum())
        if found.parents is not None:
            noted.append((tile, found.rows.coords, found.rows.counts, found.parents))
        runner.advance(_rows_of(arrays, tile), message)
    # Where few points are left any small cell keeps them apart; they were still moved by what came before.
    meta = _metadata(step, left, root, np.maximum(cell, error), arrays.attribute_names)
    writer.close(meta)
    if lineage is not None:
        written = place_of(LevelArrays(OpenStore(target, root, ()), meta))
        lineage.add(written, _parents(lineage.last.rows, written.rows, noted))
    return meta


def _parents(
    fine: RowGrid, coarse: RowGrid, tiles: Sequence[tuple[Int64Array, Int64Array, Int64Array, Int64Array]]
) -> Int64Array:
    """Give the coarse row for each fine one.

    Parameters
    ----------
    fine, coarse : RowGrid
    tiles : list of (fine chunks (m,), coords (c, D) and counts (c,) of coarse chunks, parents (n,) among their rows)
    """
    out = np.full(fine.num_rows, -1, np.int64)
    lookup = ChunkLookup(coarse.coords)
    for chunks, coords, counts, parents in tiles:
        rows = expand_ranges(fine.starts[chunks], np.diff(fine.starts)[chunks])
        out[rows] = expand_ranges(coarse.starts[lookup.find(coords)], counts)[parents]
    return out


def _tiles(arrays: LevelArrays, step: Step, storage: Storage) -> list[Int64Array]:
    ndim = arrays.ndim
    shards = np.array(storage.shard_shape or (1,) * ndim, np.int64)[-ndim:]
    return tile_chunks(arrays.coords[:, -ndim:], _counts(arrays), step.chunk_growth, shards, _TILE_ROWS)


def _counts(arrays: LevelArrays) -> Int64Array:
    """Give the rows of each chunk, or where the store does not tell them what a chunk holds on average."""
    if arrays.counts is not None:
        return arrays.counts
    chunks = len(arrays.coords)
    return np.full(chunks, math.ceil(arrays.meta.vertex_count / max(1, chunks)), np.int64)


def _rows_of(arrays: LevelArrays, tile: Int64Array) -> int:
    return int(_counts(arrays)[tile].sum())


def _grid(source: LevelSource, tiles: Sequence[Int64Array], step: Step) -> BinGrid:
    """Lay the coarse grid over what it is going to hold."""
    arrays = source.arrays
    root = arrays.store.root
    chunk, bins = step.chunk_shape(root), step.bin_shape(root)
    if len(tiles) == 1 and len(positions := _positions(source, tiles[0])):
        held = extent(positions)
    elif len(tiles) > 1:
        coarse = arrays.coords[:, -arrays.ndim :] // step.chunk_growth
        held = (np.stack([coarse.min(axis=0), coarse.max(axis=0)]) + 0.5) * chunk
    else:
        held = root.bounds
    # A bin larger than its chunk orders nothing: such a chunk is one bin.
    return BinGrid.of_extent(held, chunk, np.where(bins > chunk, chunk, bins))


# -- the cell ---------------------------------------------------------------------------------------------------------


def _search(
    source: LevelSource, tiles: list[Int64Array], step: Step, runner: TaskRunner
) -> tuple[Float64Array, list[Int64Array]]:
    """Search the cell that leaves the wanted share of all rows; give the tiles too, which may have to become one."""
    arrays = source.arrays
    total = arrays.meta.vertex_count
    unit = step.bin_shape(arrays.store.root)
    if not total:
        return unit, tiles
    rows = np.array([_rows_of(arrays, tile) for tile in tiles])
    chosen = spread_sample(rows, _SAMPLE_ROWS)
    sample = list(runner.map(_positions, [(source, tiles[i]) for i in chosen.tolist()]))
    spread = np.ptp(arrays.coords[:, -arrays.ndim :], axis=0) + 1
    find = _Finder(sample, spread * arrays.chunk_shape, unit, step.scales)
    wanted = max(1, round(total * step.share))
    cell = find(wanted * sum(map(len, sample)) / total)
    if len(tiles) == 1:
        return cell, tiles
    tried: list[tuple[float, Float64Array]] = []
    for _ in range(_MOST_PASSES):
        counted = list(runner.map(_count_tile, [(source, tile, cell, step) for tile in tiles]))
        if not all(count.is_nested for count in counted):
            everything = [np.arange(len(arrays.coords))]
            return _search(source, everything, step, runner)
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


@dataclass(frozen=True, slots=True)
class _TileCount:
    """Occupied cells of a tile, and whether all rows lie in the coarse chunk that their own chunk is a part of.

    They do unless rounding at a face says otherwise, or another writer reckoned in other ways. Rows that do not would
    get into a chunk of another tile.
    """

    occupied: int
    is_nested: bool


def _count_tile(source: LevelSource, tile: Int64Array, cell: Float64Array, step: Step) -> _TileCount:
    arrays = source.arrays
    batch = read_batch(arrays, tile, ())
    chunk = step.chunk_shape(arrays.store.root)
    owner = (batch.coords[:, -arrays.ndim :] // step.chunk_growth).astype(np.float64)
    rows = np.diff(batch.offsets)
    is_nested = all(
        np.array_equal(
            np.floor(batch.positions[:, axis].astype(np.float64) / chunk[axis]), np.repeat(owner[:, axis], rows)
        )
        for axis in range(arrays.ndim)
    )
    return _TileCount(occupied(batch.positions, cell), is_nested)


def _thin_tile(source: LevelSource, tile: Int64Array, plan: _TilePlan, seed: tuple[int, ...]) -> _Thinned:
    arrays = source.arrays
    batch = read_batch(arrays, tile, arrays.value_names)
    position_column = Column("positions", batch.positions.dtype, (arrays.ndim,))
    if not len(batch.positions):
        nothing = sort_rows(plan.grid, batch.positions, position_column, [], block_rows=BLOCK_ROWS)
        return _Thinned(nothing, np.empty(0, np.int64) if plan.with_parents else None)
    found = thin(batch.positions, plan.cell, seed)
    weights = batch.attributes[WEIGHTS].astype(np.int64) if arrays.has_weights else None
    columns = [
        (arrays.attribute(name).column, reduce_rows(values, found.groups, plan.modes[name], name, weights))
        for name, values in batch.attributes.items()
        if name != WEIGHTS
    ]
    columns.append((WEIGHTS_COLUMN, total_weights(found.groups, weights)))
    kept = np.take(batch.positions, found.kept, axis=0)
    rows = sort_rows(plan.grid, kept, position_column, columns, block_rows=BLOCK_ROWS)
    return _Thinned(rows, _own_parents(plan.grid, kept, found.groups) if plan.with_parents else None)


def _own_parents(grid: BinGrid, kept: FloatArray, groups: Groups) -> Int64Array:
    """Tell for each row of a tile which of its sorted coarse rows stands for it; `kept` are these before sorting."""
    place = np.empty(len(kept), np.int64)
    place[sort_order(grid.keys(kept))] = np.arange(len(kept))
    out = np.empty(len(groups.order), np.int64)
    out[groups.order] = np.repeat(place, groups.counts)
    return out


def _metadata(
    step: Step, count: int, root: RootMetadata, resolution: Float64Array, attributes: tuple[str, ...]
) -> LevelMetadata:
    present: tuple[str, ...] = ("vertices", "vertex_fragments", VERTEX_WEIGHTS)
    chunk = step.chunk_shape(root)
    return LevelMetadata(
        level=step.level,
        vertex_count=count,
        arrays_present=(*present, "vertex_attributes") if attributes else present,
        chunk_shape=None if np.array_equal(chunk, root.chunk_shape) else chunk,
        resolution=resolution,
        parent_level=step.source,
        coarsening_method="grid_thinning",
        object_sparsity=1 / step.sparsity,
        fragments_tile=True,
        attribute_names={"vertex_attributes": attributes} if attributes else {},
    )
