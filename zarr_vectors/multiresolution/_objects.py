"""Coarser levels of kinds with objects: the objects that stay, their vertices clustered, all else carried along.

A level is held in memory while it is made; docs/decisions/0012-pyramids.md.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from zarr_vectors._spec import LevelMetadata
from zarr_vectors.core._backends import Backend
from zarr_vectors.core.arrays._level import LevelArrays
from zarr_vectors.core.arrays._links import RowGrid
from zarr_vectors.encoding import offsets_of
from zarr_vectors.multiresolution._cluster import coarsened, without_objects
from zarr_vectors.multiresolution._content import read_content
from zarr_vectors.multiresolution._lineage import LevelPlace, Lineage, place_of
from zarr_vectors.multiresolution._options import LevelOptions
from zarr_vectors.multiresolution._sparsity import check_strategy, rank_objects
from zarr_vectors.multiresolution._steps import Step
from zarr_vectors.types._content import prepare_level, put_level
from zarr_vectors.types._layout import Layout
from zarr_vectors.types._order import OrderedRows
from zarr_vectors.types._tasks import TaskRunner
from zarr_vectors.typing import Float64Array, Int64Array

__all__ = ["ObjectLevels"]


class ObjectLevels:
    """Makes levels one after the other, each from the one before.

    Parameters
    ----------
    arrays : LevelArrays
        The level that the first one is made from.
    options : LevelOptions

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

    def __init__(self, arrays: LevelArrays, options: LevelOptions) -> None:
        self._root, self._options = arrays.store.root, options
        self.lineage = Lineage(place_of(arrays)) if options.links else None
        starts = None if self.lineage is None else self.lineage.last.rows.starts
        self._content, self._rows = read_content(arrays, options.topology, starts)
        check_strategy(options.strategy, self._content)
        self._rank: Int64Array = rank_objects(self._content, options.strategy, options.seed)
        self._objects = 0 if self._content.objects is None else len(self._content.objects.ids)
        resolution = arrays.meta.resolution
        self._error: Float64Array = np.zeros(self._root.ndim) if resolution is None else resolution
        # What was left out on the way to this level was left out by the same rank.
        self._thinner = _thinned_before(arrays)

    def write(self, target: Backend, steps: Sequence[Step], runner: TaskRunner) -> None:
        """Make and write these levels."""
        for step in steps:
            runner.check()
            rows = len(self._content.positions)
            meta, parents = self._make(step)
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
            prepared = prepare_level(self._content, layout)
            if self.lineage is not None and isinstance(prepared.rows, OrderedRows):
                self._note(self.lineage, prepared.rows, parents, step)
            put_level(target, prepared, meta)
            runner.advance(rows, f"level {step.level}")

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

    def _make(self, step: Step) -> tuple[LevelMetadata, Int64Array | None]:
        """Make the next content; tell which of its vertices stands for each one of this, -1 for one that goes.

        It is told only where links between levels are asked for.
        """
        self._thinner *= step.sparsity
        content, stay = without_objects(self._content, self._rank < math.ceil(self._objects / self._thinner))
        quadrics = self._options.quadrics
        bins = step.bin_shape(self._root)
        linked = self.lineage is not None
        coarse = coarsened(content, step.coarsen, bins, self._options.modes, quadrics=quadrics, with_parents=linked)
        parents = coarse.parents
        if parents is not None and stay is not None:
            parents = np.full(len(self._content.positions), -1, np.int64)
            parents[stay] = np.asarray(coarse.parents)
        self._content, self._error = coarse.content, self._error + coarse.error
        chunk = step.chunk_shape(self._root)
        meta = LevelMetadata(
            step.level,
            0,
            chunk_shape=None if np.array_equal(chunk, self._root.chunk_shape) else chunk,
            resolution=self._error,
            parent_level=step.source,
            coarsening_method="quadric" if quadrics else "clusters",
            object_sparsity=1 / step.sparsity,
            other={"preserves_object_ids": True, "inherited_num_objects": self._objects},
        )
        return meta, parents


def _thinned_before(arrays: LevelArrays) -> float:
    """Tell how many times fewer objects this level keeps than level 0."""
    levels = {meta.level: meta for meta in arrays.store.levels}
    out, meta = 1.0, arrays.meta
    while meta.level and meta.parent_level is not None and meta.parent_level < meta.level:
        out /= meta.object_sparsity or 1
        meta = levels.get(meta.parent_level, levels[0])
    return out
