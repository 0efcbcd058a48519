"""Coarser levels of kinds with objects: the objects that stay, their vertices clustered, all else carried along.

Levels are made some lines or one block of vertices at a time, and lie in files meanwhile where they are large;
docs/decisions/0012-pyramids.md.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from zarr_vectors._spec import LevelMetadata
from zarr_vectors.core._backends import Backend
from zarr_vectors.core.arrays._level import LevelArrays
from zarr_vectors.core.arrays._links import RowGrid
from zarr_vectors.encoding import offsets_of
from zarr_vectors.multiresolution._blocks import Blocked
from zarr_vectors.multiresolution._cluster import Coarse
from zarr_vectors.multiresolution._content import read_blocks, read_lines
from zarr_vectors.multiresolution._lineage import LevelPlace, Lineage, place_of
from zarr_vectors.multiresolution._options import LevelOptions
from zarr_vectors.multiresolution._shelf import Shelf, remove_scratch
from zarr_vectors.multiresolution._simplify import line_parts, simplified_lines
from zarr_vectors.multiresolution._sparsity import Rank, check_strategy, rank_objects
from zarr_vectors.multiresolution._steps import Step
from zarr_vectors.multiresolution._tiled import coarsened_blocks
from zarr_vectors.types._content import Content, prepare_level, put_level
from zarr_vectors.types._layout import Layout
from zarr_vectors.types._order import OrderedRows
from zarr_vectors.types._tasks import TaskRunner
from zarr_vectors.typing import BoolArray, Float64Array, Int64Array

__all__ = ["ObjectLevels"]


class ObjectLevels:
    """Makes levels one after the other, each from the one before.

    Parameters
    ----------
    arrays : LevelArrays
        The level that the first one is made from.
    options : LevelOptions
    folder : Path
        Where what is too much to be held is put meanwhile; it is gone when `write` returns.

    Attributes
    ----------
    lineage : Lineage or None
        Which vertex stands for which, where links between levels are asked for.

    Raises
    ------
    ArgumentError
        If the strategy does not fit the objects.
    UnsupportedFeatureError
        If a coarser level could not say all that this level says.
    """

    def __init__(self, arrays: LevelArrays, options: LevelOptions, folder: Path) -> None:
        self._root, self._options, self._folder = arrays.store.root, options, folder
        self.lineage = Lineage(place_of(arrays)) if options.links else None
        starts = None if self.lineage is None else self.lineage.last.rows.starts
        self._shelf = Shelf(folder / str(arrays.meta.level))
        arrays = LevelArrays(arrays.store, arrays.meta)  # what these keep of the index goes with them
        self._blocked: Blocked | None = None
        if options.topology.fragments == "runs":
            self._content, self._rows = read_lines(arrays, options.topology, self._shelf, starts)
        else:
            self._blocked, self._rows = read_blocks(arrays, options.topology, self._shelf, starts)
            self._content = self._blocked.content
        objects = self._content.objects
        check_strategy(options.strategy, {} if objects is None else objects.attributes)
        self._objects = 0 if objects is None else len(objects.ids)
        resolution = arrays.meta.resolution
        self._error: Float64Array = np.zeros(self._root.ndim) if resolution is None else resolution
        # What was left out on the way to this level was left out by the same rank.
        self._thinner = _thinned_before(arrays)
        self._rank: Rank | None = None

    def write(self, target: Backend, steps: Sequence[Step], runner: TaskRunner) -> None:
        """Make and write these levels, once.

        Raises
        ------
        IncompleteStoreError
            If what was put into the folder cannot be removed: it must not be published with the levels.
        """
        if any(step.sparsity > 1 for step in steps):
            self._rank = self._ranked()
        for step in steps:
            self._write_level(target, step, runner)
        # Some systems remove no file that is mapped. After an error the folder goes with the one that it lies in.
        del self._content, self._blocked, self._rows, self._rank
        remove_scratch(self._folder)

    def _ranked(self) -> Rank | None:
        objects = self._content.objects
        if objects is None:
            return None
        return rank_objects(objects, self._parts(), self._options.strategy, self._options.seed)

    def _write_level(self, target: Backend, step: Step, runner: TaskRunner) -> None:
        runner.check()
        meta, parents = self._make(step, runner)
        chunk, storage = step.chunk_shape(self._root), self._options.storage
        layout = Layout(
            chunk,
            chunk,
            has_bins=False,
            axes=self._root.axes,
            crs=None,
            compressor=storage.compressor,
            shard_shape=storage.shard_shape,
        )
        ordered = Shelf(self._folder / f"{step.level}-ordered")
        prepared = prepare_level(self._content, layout, ordered.room)
        if self.lineage is not None and isinstance(prepared.rows, OrderedRows):
            self._note(self.lineage, prepared.rows, parents, step)
        put_level(target, prepared, meta)
        ordered.clear()

    def _parts(self) -> Iterable[tuple[Content, int]]:
        return line_parts(self._content) if self._blocked is None else self._blocked.parts()

    def _note(self, lineage: Lineage, ordered: OrderedRows, parents: Int64Array | None, step: Step) -> None:
        """Note which stored row stands for each stored row of the level before."""
        rows = np.asarray(ordered.places(np.arange(len(self._content.positions))), np.int64)
        grown = np.full(lineage.last.rows.num_rows, -1, np.int64)
        if parents is not None:
            grown[self._rows] = np.append(rows, -1)[parents]
        own = RowGrid(ordered.coords, offsets_of(ordered.counts))
        grid = ordered.grid
        lineage.add(LevelPlace(step.level, own, grid.origin, grid.shape, step.chunk_ratio), grown)
        self._rows = rows

    def _make(self, step: Step, runner: TaskRunner) -> tuple[LevelMetadata, Int64Array | None]:
        """Make the next content; tell which of its vertices stands for each one of this, -1 for one that goes.

        It is told only where links between levels are asked for.
        """
        self._thinner *= step.sparsity
        shelf = Shelf(self._folder / str(step.level))
        stays = None if self._rank is None else self._rank.first(math.ceil(self._objects / self._thinner))
        coarse = self._coarser(step, stays, shelf, runner)
        if coarse.content is not self._content:
            self._content = coarse.content
            self._shelf.clear()
            self._shelf = shelf
        self._error = self._error + coarse.error
        chunk = step.chunk_shape(self._root)
        meta = LevelMetadata(
            step.level,
            0,
            chunk_shape=None if np.array_equal(chunk, self._root.chunk_shape) else chunk,
            resolution=self._error,
            parent_level=step.source,
            coarsening_method="quadric" if self._options.quadrics else "clusters",
            object_sparsity=1 / step.sparsity,
            other={"preserves_object_ids": True, "inherited_num_objects": self._objects},
        )
        return meta, coarse.parents

    def _coarser(self, step: Step, stays: BoolArray | None, shelf: Shelf, runner: TaskRunner) -> Coarse:
        options, bins, linked = self._options, step.bin_shape(self._root), self.lineage is not None
        message = f"level {step.level}"
        if self._blocked is None:
            return simplified_lines(
                self._content, stays, step.coarsen, bins, options.modes, shelf, runner, message, with_parents=linked
            )
        coarse, self._blocked = coarsened_blocks(
            self._blocked,
            stays,
            step.coarsen,
            bins,
            options.modes,
            shelf,
            runner,
            message,
            quadrics=options.quadrics,
            with_parents=linked,
        )
        return coarse


def _thinned_before(arrays: LevelArrays) -> float:
    """Tell how many times fewer objects this level keeps than level 0."""
    levels = {meta.level: meta for meta in arrays.store.levels}
    out, meta = 1.0, arrays.meta
    while meta.level and meta.parent_level is not None and meta.parent_level < meta.level:
        out /= meta.object_sparsity or 1
        meta = levels.get(meta.parent_level, levels[0])
    return out
