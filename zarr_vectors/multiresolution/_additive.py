"""Additive levels of points: nested subsets, each point stored once, on the coarsest level that has it.

A level is thinned as any other (`_points`), but what stays goes on to the next level, and what goes is written here for
good. So level 0 is written anew too. Points keep their own values: nothing is aggregated.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from zarr_vectors._query import RaggedBatch, read_batch
from zarr_vectors._spec import LevelMetadata, RootMetadata
from zarr_vectors.constants import BLOCK_ROWS
from zarr_vectors.core._backends import Backend, LocalFiles
from zarr_vectors.core._commit import put_group
from zarr_vectors.core.arrays._level import LevelArrays
from zarr_vectors.core.arrays._vertices import Column
from zarr_vectors.core.store import OpenStore
from zarr_vectors.exceptions import UnsupportedFeatureError
from zarr_vectors.multiresolution._options import LevelOptions
from zarr_vectors.multiresolution._search import grid_over, rows_of, search_cell, tiles_of
from zarr_vectors.multiresolution._shelf import remove_scratch
from zarr_vectors.multiresolution._source import LevelSource
from zarr_vectors.multiresolution._steps import Step
from zarr_vectors.multiresolution._thin import thin
from zarr_vectors.spatial import BinGrid
from zarr_vectors.types._pipeline import LevelWriter
from zarr_vectors.types._sort import SortedRows, sort_rows
from zarr_vectors.types._tasks import TaskRunner
from zarr_vectors.typing import BoolArray, Float64Array, Int64Array

__all__ = ["CAPABILITY", "additive_root", "check_additive", "write_additive_levels"]

CAPABILITY = "additive_levels"
_VERSION = "0.9.3"
_SCRATCH = ".thinned"
_CARRIED = {"vertices", "vertex_fragments", "vertex_attributes"}


def check_additive(arrays: LevelArrays) -> None:
    """Refuse a store whose level 0 cannot be written anew as a part of itself.

    Raises
    ------
    UnsupportedFeatureError
    """
    lost = sorted(set(arrays.meta.arrays_present) - _CARRIED - {"links"})
    lost += [] if arrays.divided is None else ["chunks divided by an attribute"]
    if lost:
        msg = f"{arrays.where} has {', '.join(lost)}, which additive levels do not carry"
        raise UnsupportedFeatureError(msg)
    if not arrays.is_local:
        msg = (
            f"{arrays.store.name}: additive levels replace level 0, which only a folder on this machine can do all at "
            "once; build them there and copy the store"
        )
        raise UnsupportedFeatureError(msg)


def additive_root(root: RootMetadata) -> RootMetadata:
    """Say that readers have to know of additive levels."""

    def named(capabilities: tuple[str, ...]) -> tuple[str, ...]:
        return capabilities if CAPABILITY in capabilities else (*capabilities, CAPABILITY)

    return replace(
        root,
        version=_VERSION,
        format_capabilities=named(root.format_capabilities),
        required_capabilities=named(root.required_capabilities),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Split:
    """What a task has to know to split a tile: the grids of what goes and of what stays, and the cell."""

    goes: BinGrid
    stays: BinGrid
    cell: Float64Array


def write_additive_levels(
    target: LocalFiles, arrays: LevelArrays, steps: Sequence[Step], options: LevelOptions, runner: TaskRunner
) -> None:
    """Write levels 0, 1, .. of `steps` and the level that the first one is made from.

    Parameters
    ----------
    target : LocalFiles
        Where levels are written; what stays of a level lies in a folder there until the next one is made of it.
    arrays : LevelArrays
        The whole of level 0.
    steps, options, runner
        See `thinned_level`.
    """
    scratch = LocalFiles(Path(target.root, _SCRATCH))
    put_group(scratch, "", {})
    first = LevelMetadata(arrays.meta.level, 0, resolution=np.zeros(arrays.ndim))
    meta = replace(first, other=arrays.meta.other, attribute_names=_names(arrays))
    for at, step in enumerate(steps):
        is_last = at == len(steps) - 1
        kept = target if is_last else scratch
        coarser = _split_level(target, kept, arrays, (meta, step), options, runner)
        arrays = LevelArrays(OpenStore(kept, arrays.store.root, ()), coarser)
        if step.source:
            shutil.rmtree(scratch.path(str(step.source)))
        meta = coarser
    remove_scratch(Path(scratch.root))


def _split_level(
    target: Backend,
    kept: Backend,
    arrays: LevelArrays,
    levels: tuple[LevelMetadata, Step],
    options: LevelOptions,
    runner: TaskRunner,
) -> LevelMetadata:
    """Write what goes as the level it was part of, what stays as the next one, and give the metadata of that."""
    meta, step = levels
    source = LevelSource(arrays)
    tiles = tiles_of(arrays, step, options.storage)
    cell, tiles = search_cell(source, tiles, step, runner)
    plan = _Split(grid_over(source, tiles, step, step.source_bin_shape(arrays.store.root)),
                  grid_over(source, tiles, step), cell)  # fmt: skip
    columns = [Column("positions", arrays.positions.column.dtype, (arrays.ndim,))]
    columns += [arrays.attribute(name).column for name in arrays.attribute_names]
    writers = [LevelWriter(target, meta.level, plan.goes, columns, options.storage),
               LevelWriter(kept, step.level, plan.stays, columns, options.storage)]  # fmt: skip
    counts = [0, 0]
    calls = [(source, tile, plan, (options.seed, step.level, number)) for number, tile in enumerate(tiles)]
    for tile, parts in zip(tiles, runner.map(_split_tile, calls), strict=True):
        for side, (writer, rows) in enumerate(zip(writers, parts, strict=True)):
            writer.put(rows)
            counts[side] += int(rows.counts.sum())
        runner.advance(rows_of(arrays, tile), f"level {step.level}")
    error = np.zeros(arrays.ndim) if meta.resolution is None else meta.resolution
    coarser = LevelMetadata(
        step.level,
        counts[1],
        resolution=np.maximum(cell, error),
        parent_level=step.source,
        coarsening_method="grid_thinning",
        object_sparsity=1 / step.sparsity,
        attribute_names=meta.attribute_names,
    )
    coarser = _described(coarser, counts[1])
    writers[0].close(replace(_described(meta, counts[0]), refinement="add"))
    writers[1].close(coarser)
    return coarser


def _described(meta: LevelMetadata, count: int) -> LevelMetadata:
    present = ("vertices", "vertex_fragments", *(["vertex_attributes"] if meta.attribute_names else []))
    return replace(meta, vertex_count=count, arrays_present=present, fragments_tile=True)


def _names(arrays: LevelArrays) -> dict[str, tuple[str, ...]]:
    return {"vertex_attributes": arrays.attribute_names} if arrays.attribute_names else {}


def _split_tile(
    source: LevelSource, tile: Int64Array, plan: _Split, seed: tuple[int, ...]
) -> tuple[SortedRows, SortedRows]:
    """Give the rows of a tile that go and those that stay."""
    arrays = source.arrays
    batch = read_batch(arrays, tile, arrays.attribute_names)
    stays = np.zeros(len(batch.positions), bool)
    if len(stays):
        stays[thin(batch.positions, plan.cell, seed).kept] = True
    return _sorted(arrays, batch, ~stays, plan.goes), _sorted(arrays, batch, stays, plan.stays)


def _sorted(arrays: LevelArrays, batch: RaggedBatch, mask: BoolArray, grid: BinGrid) -> SortedRows:
    columns = [(arrays.attribute(name).column, values[mask]) for name, values in batch.attributes.items()]
    column = Column("positions", batch.positions.dtype, (arrays.ndim,))
    return sort_rows(grid, batch.positions[mask], column, columns, block_rows=BLOCK_ROWS)
