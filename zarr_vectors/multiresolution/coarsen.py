"""Coarser levels of a store, each made from the one before.

A factor ``(coarsen, sparsity)`` leaves about ``1 / coarsen**D`` of the vertices, and ``1 / sparsity`` of the objects.
Bins grow by the coarsen factor, chunks grow with them, and a level's ``resolution`` says how far a vertex may have been
moved.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from zarr_vectors._spec import LevelScale, RootMetadata, codec_chain
from zarr_vectors.constants import POINT_CLOUD
from zarr_vectors.core._backends import Backend, LocalFiles
from zarr_vectors.core._commit import check_revisable, revised_store
from zarr_vectors.core.arrays._level import LevelArrays
from zarr_vectors.core.multiscale import stamp_root
from zarr_vectors.core.store import OpenStore, StoreLike, load_store
from zarr_vectors.exceptions import ArgumentError, UnsupportedFeatureError
from zarr_vectors.multiresolution._additive import additive_root, check_additive, write_additive_levels
from zarr_vectors.multiresolution._lineage import CrossLinks, Lineage, check_cross_links, place_of, stale_families
from zarr_vectors.multiresolution._objects import ObjectLevels
from zarr_vectors.multiresolution._options import LevelOptions
from zarr_vectors.multiresolution._points import thinned_level
from zarr_vectors.multiresolution._reduce import AggMode, check_agg_mode
from zarr_vectors.multiresolution._sparsity import check_strategy_name
from zarr_vectors.multiresolution._steps import Factor, Step, automatic_factors, plan_one_step, plan_steps
from zarr_vectors.multiresolution._surface import takes_quadrics
from zarr_vectors.types._pipeline import Storage
from zarr_vectors.types._read import kind_of, level_metadata
from zarr_vectors.types._tasks import Cancel, Progress, TaskRunner
from zarr_vectors.types._topology import OWNED_POINTS, POINTS, TOPOLOGIES, Topology

__all__ = ["build_pyramid", "coarsen_level"]

_SCRATCH = ".held"  # inside the folder that levels are written into, gone before that is published


def build_pyramid(
    path: StoreLike,
    factors: Sequence[Factor] | None = None,
    *,
    method: str = "auto",
    agg_mode: AggMode = "mean",
    chunk_scale: str | int = "auto",
    sparsity_strategy: str = "random",
    sparsity_seed: int | None = None,
    cross_level_depth: int = 1,
    cross_level_storage: str = "none",
    refinement: str = "replace",
    executor: Executor | None = None,
    progress: Progress | None = None,
    cancel: Cancel | None = None,
) -> None:
    """Build coarser levels 1, 2, .. from level 0, in place of those that exist.

    The store at `path` stays as it was until all levels are written, then the new ones take their place at once. Points
    without objects are worked on in tiles of about half a million: what that takes does not grow with the store. Of
    other kinds some lines or a block of vertices are worked on at a time; what is not lies in files beside the store,
    which are gone afterwards, and all that grows is an index of a few bytes a vertex.

    Parameters
    ----------
    path : str, Path, zarr Store or zarr Group
    factors : list of (coarsen, sparsity), optional
        The i-th factor makes level i + 1 from level i. `coarsen` is a whole number, or one for each axis: about
        ``1 / coarsen**D`` of the vertices stay, more where they would have to be moved by more than a bin.
        `sparsity` >= 1 keeps that much fewer objects (of points without objects: vertices) still. Line segments are
        only ever left out. Without factors space is halved again and again, time left as it is, so often that no more
        is left than a chunk of level 0 holds on average, counting on an eighth to stay of each level (a quarter of two
        axes of space).
    method : "auto", "clustering" or "quadric"
        How surfaces become coarser; other kinds have "auto" only. "quadric" collapses the edges of closed surfaces
        where that changes the shape least; it takes triangles in 3-D and needs the extra ``quadric``. "clustering"
        makes one of the vertices of a cell, and is what open surfaces have anyway. "auto" takes quadrics if they are
        installed, but not where vertices or faces have values, which would be blurred where a surface is flat.
    agg_mode : "mean", "sum", "mode", "count", "min", "max", or a dict of them by attribute
        How an attribute's values become one. Labels (strings, bools, single integers) default to "mode".
    chunk_scale : "auto" or int
        How much chunks grow from level to level; "auto" = with the bins.
    sparsity_strategy : "random", "spatial_coverage", "length" or "attribute:<name>"
        Which objects stay: drawn by chance, evenly over space, the longest, or those with the largest value of an
        object attribute. What a level keeps is a part of what a finer one keeps.
    sparsity_seed : int, optional
        Of what is drawn by chance; default 0, so that the same data give the same pyramid.
    cross_level_depth : int
        How many levels up links between levels lead at most; -1 = all.
    cross_level_storage : "none", "implicit" or "explicit"
        Whether to store which coarse vertex stands for each finer one: "implicit" from finer to coarser levels,
        "explicit" also back. They take 16 bytes a vertex and direction, and as much memory; see `LazyStore.lineage`.
    refinement : "replace" or "add"
        "add", of points without objects: level 0 is written anew too, each point is stored once, on the coarsest level
        that has it, and a level is read as the union with all coarser ones. Points keep their own values, so `agg_mode`
        says nothing, and chunks do not grow. Readers of format 0.9.2 see parts of such a store only.
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
    UnsupportedFeatureError
        If the package of a method is missing, or the store holds what no pyramid can be built of.
    IncompleteStoreError
        If a file of the build's own lost what was put into it, or cannot be removed. The store is as it was.
    CancelledError
        If `cancel` was set. The store is as it was.
    """
    store = load_store(path)
    check_revisable(store.backend)
    arrays = _source_level(store, 0)
    if factors is None:
        factors = automatic_factors(store.root, arrays.meta.vertex_count, len(arrays.coords))
    is_additive = _check_refinement(refinement)
    steps = plan_steps(store.root, factors, chunk_scale, is_additive=is_additive)
    links = check_cross_links(cross_level_depth, cross_level_storage)
    options = _options(arrays, method, agg_mode, sparsity_strategy, sparsity_seed, links)
    first = LevelScale(0, np.ones(store.root.ndim), store.root.bin_shape)
    runner = _runner(f"building the pyramid of {store.name}", arrays, steps, executor, progress, cancel)
    scales = [first, *(_scale(store.root, step) for step in steps)]
    if is_additive and steps:
        _write_additive(arrays, steps, options, runner, scales)
    else:
        _write_levels(arrays, steps, options, runner, scales)


def coarsen_level(
    path: StoreLike,
    source_level: int,
    target_level: int,
    *,
    coarsen_factor: npt.ArrayLike = 1,
    sparsity_factor: float = 1,
    method: str = "auto",
    agg_mode: AggMode = "mean",
    chunk_scale: str | int = "auto",
    sparsity_strategy: str = "random",
    sparsity_seed: int | None = None,
    cross_level_storage: str = "none",
    executor: Executor | None = None,
    progress: Progress | None = None,
    cancel: Cancel | None = None,
) -> None:
    """Make one coarser level from a finer one, in place of the level of that number or as a new coarsest one.

    All other levels stay, but for links between them and the level that is replaced. The store is as it was until the
    level is whole.

    Parameters
    ----------
    path : str, Path, zarr Store or zarr Group
    source_level, target_level : int
        The target is coarser, and at most one number beyond the coarsest level.
    coarsen_factor : int or one for each axis
    sparsity_factor : float
        Both against the source; see `build_pyramid`, as for all that follows.
    method, agg_mode, chunk_scale, sparsity_strategy, sparsity_seed, executor, progress, cancel
    cross_level_storage : "none", "implicit" or "explicit"
        Links between these two levels.

    Raises
    ------
    ArgumentError
        If an argument cannot be used, or chunks of the new level would not nest with those of the next levels.
    IncompleteStoreError
        If a file of the build's own lost what was put into it, or cannot be removed. The store is as it was.
    CancelledError
        If `cancel` was set.
    """
    store = load_store(path)
    check_revisable(store.backend)
    _check_numbers(store, source_level, target_level)
    arrays = _source_level(store, source_level)
    step = plan_one_step(store.root, arrays.meta, target_level, (coarsen_factor, sparsity_factor), chunk_scale)
    _check_nesting(store, step)
    links = check_cross_links(target_level - source_level, cross_level_storage)
    options = _options(arrays, method, agg_mode, sparsity_strategy, sparsity_seed, links)
    kept = [scale for scale in _scales(store) if scale.level != target_level]
    scales = sorted([*kept, _scale(store.root, step)], key=lambda scale: scale.level)
    runner = _runner(f"making level {target_level} of {store.name}", arrays, [step], executor, progress, cancel)
    _write_levels(arrays, [step], options, runner, scales)


def _options(
    arrays: LevelArrays, method: str, agg_mode: AggMode, strategy: str, sparsity_seed: int | None, links: CrossLinks
) -> LevelOptions:
    columns = {name: arrays.attribute(name).column for name in arrays.attribute_names}
    modes = check_agg_mode(agg_mode, columns)
    check_strategy_name(strategy)
    topology = _topology(arrays)
    quadrics = takes_quadrics(method, arrays, topology)
    if topology is POINTS and strategy != "random":
        msg = f"sparsity_strategy {strategy!r} chooses objects, and {arrays.store.name} holds points without any"
        raise ArgumentError(msg)
    return LevelOptions(topology, modes, strategy, _check_seed(sparsity_seed), _storage_of(arrays), quadrics, links)


def _source_level(store: OpenStore, level: int) -> LevelArrays:
    meta = level_metadata(store, level)
    if meta.refinement == "add":
        msg = (
            f"{store.name}: level {level} adds to coarser levels, of which no pyramid is built; write a new store of it"
        )
        raise UnsupportedFeatureError(msg)
    return LevelArrays(store, meta)


def _check_numbers(store: OpenStore, source: int, target: int) -> None:
    coarsest = max(meta.level for meta in store.levels)
    numbers = [isinstance(n, (int, np.integer)) and not isinstance(n, bool) for n in (source, target)]
    if not all(numbers) or not 0 <= source < target <= coarsest + 1 or source > coarsest:
        msg = (
            f"{store.name} has levels 0 to {coarsest}: source_level must be one of them and target_level a larger "
            f"number up to {coarsest + 1}, got {source!r} and {target!r}"
        )
        raise ArgumentError(msg)


def _check_nesting(store: OpenStore, step: Step) -> None:
    """Refuse chunks that are no whole multiple of the next finer level's, or no part of the next coarser one's."""
    own = step.chunk_shape(store.root)
    for meta in store.levels:
        other = store.root.chunk_shape if meta.chunk_shape is None else meta.chunk_shape
        fine, coarse = (other, own) if meta.level < step.level else (own, other)
        ratio = coarse / fine
        if meta.level in (step.level - 1, step.level + 1) and not np.allclose(ratio, np.maximum(1, np.round(ratio))):
            msg = (
                f"level {step.level} would have chunks of {own.tolist()}, and level {meta.level} has {other.tolist()}: "
                f"the coarser must be a whole multiple; choose another factor or chunk_scale, or build all levels"
            )
            raise ArgumentError(msg)


def _runner(
    what: str,
    arrays: LevelArrays,
    steps: Sequence[Step],
    executor: Executor | None,
    progress: Progress | None,
    cancel: Cancel | None,
) -> TaskRunner:
    """Count in vertices that are read until all levels are there."""
    total, rows = 0.0, float(arrays.meta.vertex_count)
    for step in steps:
        total += rows
        rows *= step.share
    runner = TaskRunner(what, max(1, round(total)), executor=executor, progress=progress, cancel=cancel)
    runner.check()
    return runner


def _write_levels(
    arrays: LevelArrays, steps: Sequence[Step], options: LevelOptions, runner: TaskRunner, scales: Sequence[LevelScale]
) -> None:
    """Write levels and publish the store with these scales; levels that are in neither go."""
    store = arrays.store
    stays = {scale.level for scale in scales} - {step.level for step in steps}

    def keep(name: str) -> bool:
        return not name.isdecimal() or int(name) in stays

    with revised_store(store.backend, keep, drop=stale_families(store, stays)) as publication:
        if options.topology is POINTS:
            lineage = _thin_points(publication.backend, arrays, steps, options, runner)
        else:
            lineage = _cluster_objects(publication.backend, arrays, steps, options, runner)
        if lineage is not None:
            lineage.write(publication.backend, options.links, options.storage)
        runner.finish("publishing")
        root, links = store.root, options.links
        stamp = {"cross_level_depth": links.depth if links else 0, "cross_level_storage": links.storage}
        other: dict[str, Any] = {**root.other, **stamp}
        stamp_root(publication, replace(root, scales=tuple(scales), other=other), store.backend)


def _check_refinement(refinement: str) -> bool:
    if refinement not in ("replace", "add"):
        msg = f"refinement must be 'replace' or 'add', got {refinement!r}"
        raise ArgumentError(msg)
    return refinement == "add"


def _write_additive(
    arrays: LevelArrays, steps: Sequence[Step], options: LevelOptions, runner: TaskRunner, scales: Sequence[LevelScale]
) -> None:
    """Write all levels anew, each point once, and publish the store with these scales."""
    store = arrays.store
    if options.topology is not POINTS or options.links:
        what = "links between levels" if options.topology is POINTS else f"a {options.topology.kind} with objects"
        msg = f"{store.name}: refinement='add' is for points without objects and goes without links, not for {what}"
        raise UnsupportedFeatureError(msg)
    check_additive(arrays)
    with revised_store(store.backend, keep=lambda name: not name.isdecimal()) as publication:
        if isinstance(publication.backend, LocalFiles):
            write_additive_levels(publication.backend, arrays, steps, options, runner)
        runner.finish("publishing")
        other: dict[str, Any] = {**store.root.other, "cross_level_depth": 0, "cross_level_storage": "none"}
        root = additive_root(replace(store.root, scales=tuple(scales), other=other))
        stamp_root(publication, root, store.backend)


def _scale(root: RootMetadata, step: Step) -> LevelScale:
    return LevelScale(step.level, step.bin_ratio.astype(np.float64), step.bin_shape(root))


def _scales(store: OpenStore) -> list[LevelScale]:
    """Give the bins of each level, also where the root does not list them."""
    listed = {scale.level: scale for scale in store.root.scales}
    plain = np.ones(store.root.ndim)
    return [listed.get(meta.level, LevelScale(meta.level, plain, store.root.bin_shape)) for meta in store.levels]


def _topology(arrays: LevelArrays) -> Topology:
    kind = kind_of(arrays.store)
    if kind not in TOPOLOGIES:
        msg = f"{arrays.store.name} holds {kind!r}; pyramids are built of {', '.join(TOPOLOGIES)}"
        raise UnsupportedFeatureError(msg)
    return OWNED_POINTS if kind == POINT_CLOUD and arrays.objects is not None else TOPOLOGIES[kind]


def _thin_points(
    target: Backend, arrays: LevelArrays, steps: Sequence[Step], options: LevelOptions, runner: TaskRunner
) -> Lineage | None:
    lineage = Lineage(place_of(arrays)) if options.links else None
    error = np.zeros(arrays.ndim) if arrays.meta.resolution is None else arrays.meta.resolution
    for step in steps:
        meta = thinned_level(target, arrays, step, options, error, runner, lineage)
        if meta.resolution is not None:
            error = meta.resolution
        written = OpenStore(target, arrays.store.root, ())
        arrays = LevelArrays(written, meta)
    return lineage


def _cluster_objects(
    target: Backend, arrays: LevelArrays, steps: Sequence[Step], options: LevelOptions, runner: TaskRunner
) -> Lineage | None:
    if not isinstance(target, LocalFiles):
        msg = f"levels are written into a folder of this machine, got {target.name}"
        raise TypeError(msg)
    levels = ObjectLevels(arrays, options, Path(target.root, _SCRATCH))
    levels.write(target, steps, runner)
    return levels.lineage


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
