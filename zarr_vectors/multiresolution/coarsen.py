"""Coarser levels of a store, each made from the one before.

A factor ``(coarsen, sparsity)`` leaves about ``1 / coarsen**D`` of the vertices, and ``1 / sparsity`` of the objects.
Bins grow by the coarsen factor, chunks grow with them, and a level's ``resolution`` says how far a vertex may have been
moved.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from zarr_vectors._spec import LevelMetadata, LevelScale, RootMetadata, codec_chain
from zarr_vectors.constants import POINT_CLOUD
from zarr_vectors.core._backends import Backend
from zarr_vectors.core._commit import check_revisable, revised_store
from zarr_vectors.core.arrays._level import LevelArrays
from zarr_vectors.core.multiscale import stamp_root
from zarr_vectors.core.store import OpenStore, StoreLike, load_store
from zarr_vectors.exceptions import ArgumentError, UnsupportedFeatureError
from zarr_vectors.multiresolution._cluster import coarsened, without_objects
from zarr_vectors.multiresolution._content import read_content
from zarr_vectors.multiresolution._points import ThinningOptions, thinned_level
from zarr_vectors.multiresolution._reduce import AggMode, check_agg_mode
from zarr_vectors.multiresolution._sparsity import check_strategy, rank_objects
from zarr_vectors.multiresolution._steps import Factor, Step, automatic_factors, plan_steps
from zarr_vectors.types._content import prepare_level, put_level
from zarr_vectors.types._layout import Layout
from zarr_vectors.types._pipeline import Storage
from zarr_vectors.types._read import kind_of, level_metadata
from zarr_vectors.types._tasks import Cancel, Progress, TaskRunner
from zarr_vectors.types._topology import OWNED_POINTS, POINTS, TOPOLOGIES, Topology

__all__ = ["build_pyramid"]


def build_pyramid(
    path: StoreLike,
    factors: Sequence[Factor] | None = None,
    *,
    agg_mode: AggMode = "mean",
    chunk_scale: str | int = "auto",
    sparsity_strategy: str = "random",
    sparsity_seed: int | None = None,
    executor: Executor | None = None,
    progress: Progress | None = None,
    cancel: Cancel | None = None,
) -> None:
    """Build coarser levels 1, 2, .. from level 0, in place of those that exist.

    The store at `path` stays as it was until all levels are written, then the new ones take their place at once. Points
    without objects are worked on in tiles of about half a million: what that takes does not grow with the store.

    Parameters
    ----------
    path : str, Path, zarr Store or zarr Group
    factors : list of (coarsen, sparsity), optional
        The i-th factor makes level i + 1 from level i. `coarsen` is a whole number, or one for each axis: about
        ``1 / coarsen**D`` of the vertices stay, more where they would have to be moved by more than a bin.
        `sparsity` >= 1 keeps that much fewer objects (of points without objects: vertices) still. Line segments are
        only ever left out. Without factors space is halved again and again, time left as it is, until about one chunk's
        worth is left.
    agg_mode : "mean", "sum", "mode", "count", "min", "max", or a dict of them by attribute
        How an attribute's values become one. Labels (strings, bools, single integers) default to "mode".
    chunk_scale : "auto" or int
        How much chunks grow from level to level; "auto" = with the bins.
    sparsity_strategy : "random", "spatial_coverage", "length" or "attribute:<name>"
        Which objects stay: drawn by chance, evenly over space, the longest, or those with the largest value of an
        object attribute. What a level keeps is a part of what a finer one keeps.
    sparsity_seed : int, optional
        Of what is drawn by chance; default 0, so that the same data give the same pyramid.
    executor : concurrent.futures.Executor, optional
        Where tiles are worked on: threads, processes or a cluster that sees the store; the result is the same. It is
        not shut down. Without one, and for kinds with objects, all is done here.
    progress : callable, optional
        Called here as ``progress(done, total, message)``; in vertices that are read.
    cancel : object with ``is_set()``, optional
        Such as a ``threading.Event``: asked between tiles.

    Raises
    ------
    ArgumentError
        If an argument cannot be used, or a sum does not fit its attribute's dtype. The store is as it was.
    CancelledError
        If `cancel` was set. The store is as it was.
    """
    store = load_store(path)
    check_revisable(store.backend)
    meta = level_metadata(store, 0)
    if meta.refinement == "add":
        msg = f"{store.name}: level 0 adds to coarser levels, which a pyramid would replace; write a new store of it"
        raise UnsupportedFeatureError(msg)
    arrays = LevelArrays(store, meta)
    if factors is None:
        factors = automatic_factors(store.root, meta.vertex_count, len(arrays.coords))
    steps = plan_steps(store.root, factors, chunk_scale)
    seed = _check_seed(sparsity_seed)
    columns = {name: arrays.attribute(name).column for name in arrays.attribute_names}
    modes = check_agg_mode(agg_mode, columns)
    topology = _topology(arrays)
    if topology is POINTS and sparsity_strategy != "random":
        msg = f"sparsity_strategy {sparsity_strategy!r} chooses objects, and {store.name} holds points without any"
        raise ArgumentError(msg)
    total = _rows_to_read(meta.vertex_count, steps)
    what = f"building the pyramid of {store.name}"
    runner = TaskRunner(what, total, executor=executor, progress=progress, cancel=cancel)
    runner.check()
    options = ThinningOptions(modes, seed, _storage_of(arrays))
    with revised_store(store.backend, keep=lambda name: name == "0" or not name.isdecimal()) as publication:
        if topology is POINTS:
            _thin_points(publication.backend, arrays, steps, options, runner)
        else:
            for put_one in _coarsened_objects(arrays, topology, steps, options, sparsity_strategy, runner):
                put_one(publication.backend)
        runner.finish("publishing")
        stamp_root(publication, _revised_root(store.root, steps), store.backend)


def _rows_to_read(vertices: int, steps: Sequence[Step]) -> int:
    """Give about how many vertices are read until all levels are there."""
    total, rows = 0.0, float(vertices)
    for step in steps:
        total += rows
        rows *= step.share
    return max(1, round(total))


def _topology(arrays: LevelArrays) -> Topology:
    kind = kind_of(arrays.store)
    if kind not in TOPOLOGIES:
        msg = f"{arrays.store.name} holds {kind!r}; pyramids are built of {', '.join(TOPOLOGIES)}"
        raise UnsupportedFeatureError(msg)
    return OWNED_POINTS if kind == POINT_CLOUD and arrays.objects is not None else TOPOLOGIES[kind]


def _thin_points(
    target: Backend, arrays: LevelArrays, steps: Sequence[Step], options: ThinningOptions, runner: TaskRunner
) -> None:
    error = np.zeros(arrays.ndim)
    for step in steps:
        meta = thinned_level(target, arrays, step, options, error, runner)
        if meta.resolution is not None:
            error = meta.resolution
        written = OpenStore(target, arrays.store.root, ())
        arrays = LevelArrays(written, meta)


Put: TypeAlias = Callable[[Backend], object]
"""Writes one level."""


def _coarsened_objects(
    arrays: LevelArrays,
    topology: Topology,
    steps: Sequence[Step],
    options: ThinningOptions,
    strategy: str,
    runner: TaskRunner,
) -> list[Put]:
    root, storage = arrays.store.root, options.storage
    content = read_content(arrays, topology)
    check_strategy(strategy, content)
    rank = rank_objects(content, strategy, options.seed)
    present = len(content.objects.ids) if content.objects is not None else 0
    error, thinner = np.zeros(root.ndim), 1.0
    out: list[Put] = []
    for step in steps:
        thinner *= step.sparsity
        rows = len(content.positions)
        runner.check()
        content = without_objects(content, rank < math.ceil(present / thinner))
        chunk = step.chunk_shape(root)
        coarse = coarsened(content, step.coarsen, step.bin_shape(root), options.modes)
        content, error = coarse.content, error + coarse.error
        layout = Layout(chunk, chunk, has_bins=False, axes=root.axes, crs=None, **_as_layout(storage))
        meta = LevelMetadata(
            step.level,
            0,
            chunk_shape=None if np.array_equal(chunk, root.chunk_shape) else chunk,
            resolution=error,
            parent_level=step.level - 1,
            coarsening_method="clusters",
            object_sparsity=1 / step.sparsity,
            other={"preserves_object_ids": True, "inherited_num_objects": present},
        )
        out.append(partial(put_level, prepared=prepare_level(content, layout), meta=meta))
        runner.advance(rows, f"level {step.level}")
    return out


def _as_layout(storage: Storage) -> dict[str, Any]:
    return {"compressor": storage.compressor, "shard_shape": storage.shard_shape}


def _check_seed(seed: int | None) -> int:
    if seed is None:
        return 0
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        msg = f"sparsity_seed must be a whole number >= 0, got {seed!r}"
        raise ArgumentError(msg)
    return int(seed)


def _storage_of(arrays: LevelArrays) -> Storage:
    """Store the new levels as level 0 is stored."""
    grid = arrays.positions.array.grid
    itemsize = arrays.positions.column.dtype.itemsize
    for word in ("auto", "none", "zstd", "blosc"):
        if list(codec_chain(word, itemsize)) == [dict(c) for c in grid.codecs]:
            return Storage(word, grid.shard_shape)
    return Storage(grid.codecs, grid.shard_shape)


def _revised_root(root: RootMetadata, steps: Sequence[Step]) -> RootMetadata:
    first = LevelScale(0, np.ones(root.ndim), root.bin_shape)
    scales = [LevelScale(s.level, s.bin_ratio.astype(np.float64), root.bin_shape * s.bin_ratio) for s in steps]
    other: dict[str, Any] = {**root.other, "cross_level_depth": 0, "cross_level_storage": "none"}
    return replace(root, scales=(first, *scales), other=other)
