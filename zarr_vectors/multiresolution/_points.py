"""Coarser levels of points without objects, tile by tile: what a level holds is never in memory at once.

How it goes is in docs/decisions/0015-pyramids-tile-by-tile.md.
"""

from __future__ import annotations

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
from zarr_vectors.multiresolution._search import grid_over, rows_of, search_cell, tiles_of
from zarr_vectors.multiresolution._source import LevelSource
from zarr_vectors.multiresolution._steps import Step
from zarr_vectors.multiresolution._thin import thin
from zarr_vectors.spatial import BinGrid, ChunkLookup, sort_order
from zarr_vectors.types._pipeline import LevelWriter
from zarr_vectors.types._sort import SortedRows, sort_rows
from zarr_vectors.types._tasks import TaskRunner
from zarr_vectors.typing import Float64Array, FloatArray, Int64Array

__all__ = ["thinned_level"]


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
    tiles = tiles_of(arrays, step, options.storage)
    message = f"level {step.level}"
    cell, tiles = search_cell(source, tiles, step, runner)
    grid = grid_over(source, tiles, step)
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
        runner.advance(rows_of(arrays, tile), message)
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


# -- tasks ------------------------------------------------------------------------------------------------------------


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
