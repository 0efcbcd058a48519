"""Coarser levels of a store, each made from the one before.

A factor ``(coarsen, sparsity)`` leaves about ``1 / coarsen**D`` of the vertices, and ``1 / sparsity`` of the objects.
Bins grow by the coarsen factor, chunks grow with them, and a level's ``resolution`` says how far a vertex may have been
moved.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from zarr_vectors._query import read_batch
from zarr_vectors._spec import LevelMetadata, LevelScale, RootMetadata, codec_chain
from zarr_vectors.constants import BLOCK_ROWS, POINT_CLOUD
from zarr_vectors.core._backends import Backend
from zarr_vectors.core._commit import check_revisable, revised_store
from zarr_vectors.core.arrays._level import LevelArrays
from zarr_vectors.core.arrays._vertices import Column
from zarr_vectors.core.multiscale import stamp_root
from zarr_vectors.core.store import StoreLike, load_store
from zarr_vectors.exceptions import ArgumentError, UnsupportedFeatureError
from zarr_vectors.multiresolution._cluster import coarsened, without_objects
from zarr_vectors.multiresolution._content import read_content
from zarr_vectors.multiresolution._reduce import AggMode, check_agg_mode, reduce_rows
from zarr_vectors.multiresolution._sparsity import check_strategy, rank_objects
from zarr_vectors.multiresolution._thin import thin
from zarr_vectors.spatial import BinGrid, bins_per_chunk, extent
from zarr_vectors.types._content import prepare_level, put_level
from zarr_vectors.types._layout import Layout
from zarr_vectors.types._pipeline import Storage, write_level
from zarr_vectors.types._read import kind_of, level_metadata
from zarr_vectors.types._sort import SortedRows, sort_rows
from zarr_vectors.types._topology import OWNED_POINTS, POINTS, TOPOLOGIES, Topology
from zarr_vectors.typing import AnyArray, Float64Array, FloatArray, Int64Array

__all__ = ["build_pyramid"]

_MOST_LEVELS = 12

Factor: TypeAlias = tuple[npt.ArrayLike, float]


@dataclass(frozen=True, slots=True, eq=False)
class _Step:
    """How one level is made from the one before."""

    level: int
    coarsen: Int64Array  # (D,)
    sparsity: float
    bin_ratio: Int64Array  # (D,) against the root
    chunk_ratio: Int64Array  # (D,) against the root


@dataclass(frozen=True, slots=True, eq=False)
class _ArrangedLevel:
    """A level that is ready to be written."""

    meta: LevelMetadata
    rows: SortedRows
    columns: tuple[Column, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Vertices:
    """A level in memory."""

    positions: FloatArray
    attributes: Mapping[str, AnyArray]


def build_pyramid(
    path: StoreLike,
    factors: Sequence[Factor] | None = None,
    *,
    agg_mode: AggMode = "mean",
    chunk_scale: str | int = "auto",
    sparsity_strategy: str = "random",
    sparsity_seed: int | None = None,
) -> None:
    """Build coarser levels 1, 2, .. from level 0, in place of those that exist.

    The store at `path` stays as it was until all levels are written, then the new ones take their place at once.

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

    Raises
    ------
    ArgumentError
        If an argument cannot be used; nothing has been written then.
    """
    store = load_store(path)
    check_revisable(store.backend)
    meta = level_metadata(store, 0)
    if meta.refinement == "add":
        msg = f"{store.name}: level 0 adds to coarser levels, which a pyramid would replace; write a new store of it"
        raise UnsupportedFeatureError(msg)
    arrays = LevelArrays(store, meta)
    steps = _plan_steps(store.root, _automatic(arrays) if factors is None else factors, chunk_scale)
    seed = _check_seed(sparsity_seed)
    columns = {name: arrays.attribute(name).column for name in arrays.attribute_names}
    modes = check_agg_mode(agg_mode, columns)
    # Everything that can be refused is found out before the first byte is written.
    topology = _topology(arrays)
    if topology is POINTS:
        if sparsity_strategy != "random":
            msg = f"sparsity_strategy {sparsity_strategy!r} chooses objects, and {store.name} holds points without any"
            raise ArgumentError(msg)
        put = _thinned_points(arrays, steps, columns, modes, seed)
    else:
        put = _coarsened_objects(arrays, topology, steps, modes, sparsity_strategy, seed)
    with revised_store(store.backend, keep=lambda name: name == "0" or not name.isdecimal()) as publication:
        for put_one in put:
            put_one(publication.backend)
        stamp_root(publication, _revised_root(store.root, steps), store.backend)


def _automatic(arrays: LevelArrays) -> list[Factor]:
    """Halve every axis but time until what is left is what a chunk holds, on average."""
    coarsen = np.array([1 if axis.type == "time" else 2 for axis in arrays.store.root.axes])
    shrinks = float(np.prod(coarsen))
    if shrinks == 1 or not arrays.meta.vertex_count:
        return []
    levels = math.ceil(math.log(max(1, len(arrays.coords))) / math.log(shrinks))
    return [(coarsen, 1)] * min(levels, _MOST_LEVELS)


def _topology(arrays: LevelArrays) -> Topology:
    kind = kind_of(arrays.store)
    if kind not in TOPOLOGIES:
        msg = f"{arrays.store.name} holds {kind!r}; pyramids are built of {', '.join(TOPOLOGIES)}"
        raise UnsupportedFeatureError(msg)
    return OWNED_POINTS if kind == POINT_CLOUD and arrays.objects is not None else TOPOLOGIES[kind]


Put: TypeAlias = Callable[[Backend], object]
"""Writes one level."""


def _thinned_points(
    arrays: LevelArrays, steps: Sequence[_Step], columns: Mapping[str, Column], modes: Mapping[str, str], seed: int
) -> list[Put]:
    root, storage = arrays.store.root, _storage_of(arrays)
    levels, vertices = [], _read_level(arrays)
    cell = np.zeros(root.ndim)
    for step in steps:
        vertices, own = _thinned(vertices, step, root.bin_shape, modes, seed + step.level)
        # Where few points are left any small cell keeps them apart; they were still moved by what came before.
        cell = np.maximum(cell, own)
        levels.append(_arranged(root, step, vertices, columns, cell))
    return [partial(_put_points, level=level, storage=storage) for level in levels]


def _put_points(backend: Backend, level: _ArrangedLevel, storage: Storage) -> None:
    write_level(backend, level.meta, level.rows, level.columns, storage)


def _coarsened_objects(
    arrays: LevelArrays,
    topology: Topology,
    steps: Sequence[_Step],
    modes: Mapping[str, str],
    strategy: str,
    seed: int,
) -> list[Put]:
    root, storage = arrays.store.root, _storage_of(arrays)
    content = read_content(arrays, topology)
    check_strategy(strategy, content)
    rank = rank_objects(content, strategy, seed)
    present = len(content.objects.ids) if content.objects is not None else 0
    error, thinner = np.zeros(root.ndim), 1.0
    out: list[Put] = []
    for step in steps:
        thinner *= step.sparsity
        content = without_objects(content, rank < math.ceil(present / thinner))
        chunk, bins = root.chunk_shape * step.chunk_ratio, root.bin_shape * step.bin_ratio
        coarse = coarsened(content, step.coarsen, bins, modes)
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


def _plan_steps(root: RootMetadata, factors: Sequence[Factor], chunk_scale: str | int) -> list[_Step]:
    bin_ratio = np.ones(root.ndim, np.int64)
    chunk_ratio = np.ones(root.ndim, np.int64)
    steps = []
    if not isinstance(factors, Sequence) or isinstance(factors, str):
        msg = f"factors must be a list of (coarsen, sparsity), got {factors!r}"
        raise ArgumentError(msg)
    for level, factor in enumerate(factors, 1):
        coarsen, sparsity = _check_factor(factor, root.ndim)
        bin_ratio = bin_ratio * coarsen
        chunk_ratio = _grow(chunk_ratio, bin_ratio, chunk_scale)
        _check_bins(root, bin_ratio, chunk_ratio)
        steps.append(_Step(level, coarsen, sparsity, bin_ratio, chunk_ratio))
    return steps


def _check_bins(root: RootMetadata, bin_ratio: Int64Array, chunk_ratio: Int64Array) -> None:
    """Refuse bins that fit in their chunk, but not a whole number of times."""
    chunk, bins = root.chunk_shape * chunk_ratio, root.bin_shape * bin_ratio
    bins_per_chunk(chunk, np.where(bins > chunk, chunk, bins))


def _check_factor(factor: Factor, ndim: int) -> tuple[Int64Array, float]:
    msg = (
        f"a factor is (coarsen, sparsity) with whole coarsen >= 1 (or {ndim} of them) and sparsity >= 1, got {factor!r}"
    )
    try:
        coarsen, sparsity = factor
        edges = np.broadcast_to(np.asarray(coarsen, np.float64), (ndim,))
        thinner = float(sparsity)
    except (TypeError, ValueError) as error:
        raise ArgumentError(msg) from error
    if not (edges >= 1).all() or (edges != np.round(edges)).any() or not 1 <= thinner < np.inf:
        raise ArgumentError(msg)
    if (edges == 1).all() and thinner == 1:
        msg = f"factor {factor!r} would make a level equal to the one before"
        raise ArgumentError(msg)
    return edges.astype(np.int64), thinner


def _grow(before: Int64Array, bin_ratio: Int64Array, chunk_scale: str | int) -> Int64Array:
    """Give the chunk ratio of the next level: a whole multiple of the one before, so that grids nest."""
    if chunk_scale == "auto":
        grown: Int64Array = before * np.maximum(1, bin_ratio // before)
        return grown
    if not isinstance(chunk_scale, int) or isinstance(chunk_scale, bool) or chunk_scale < 1:
        msg = f"chunk_scale must be 'auto' or a whole number >= 1, got {chunk_scale!r}"
        raise ArgumentError(msg)
    return before * chunk_scale


def _storage_of(arrays: LevelArrays) -> Storage:
    """Store the new levels as level 0 is stored."""
    grid = arrays.positions.array.grid
    itemsize = arrays.positions.column.dtype.itemsize
    for word in ("auto", "none", "zstd", "blosc"):
        if list(codec_chain(word, itemsize)) == [dict(c) for c in grid.codecs]:
            return Storage(word, grid.shard_shape)
    return Storage(grid.codecs, grid.shard_shape)


def _read_level(arrays: LevelArrays) -> _Vertices:
    batch = read_batch(arrays, np.arange(len(arrays.coords)), arrays.attribute_names)
    return _Vertices(batch.positions, batch.attributes)


def _arranged(
    root: RootMetadata, step: _Step, vertices: _Vertices, columns: Mapping[str, Column], cell: Float64Array
) -> _ArrangedLevel:
    """Sort a level's vertices into its chunks and bins."""
    position_column = Column("positions", vertices.positions.dtype, (root.ndim,))
    chunk, bins = root.chunk_shape * step.chunk_ratio, root.bin_shape * step.bin_ratio
    bounds = extent(vertices.positions) if len(vertices.positions) else root.bounds
    # A bin larger than its chunk orders nothing: such a chunk is one bin.
    grid = BinGrid.of_extent(bounds, chunk, np.where(bins > chunk, chunk, bins))
    own = [(columns[name], values) for name, values in vertices.attributes.items()]
    rows = sort_rows(grid, vertices.positions, position_column, own, block_rows=BLOCK_ROWS)
    meta = _metadata(step, len(vertices.positions), chunk, root, cell, sorted(vertices.attributes))
    return _ArrangedLevel(meta, rows, (position_column, *(column for column, _ in own)))


def _thinned(
    source: _Vertices, step: _Step, root_bin: Float64Array, modes: Mapping[str, str], seed: int
) -> tuple[_Vertices, Float64Array]:
    total = len(source.positions)
    if total == 0:
        return source, root_bin * step.bin_ratio
    target = round(total / (float(np.prod(step.coarsen)) * step.sparsity))
    scales = step.coarsen > 1 if (step.coarsen > 1).any() else np.ones(len(step.coarsen), bool)
    found = thin(source.positions, target, root_bin * step.bin_ratio, scales, seed)
    attributes = {
        name: reduce_rows(values, found.groups, modes[name], name) for name, values in source.attributes.items()
    }
    return _Vertices(np.take(source.positions, found.kept, axis=0), attributes), found.cell_shape


def _metadata(
    step: _Step, count: int, chunk: Float64Array, root: RootMetadata, cell: Float64Array, attributes: list[str]
) -> LevelMetadata:
    present: tuple[str, ...] = ("vertices", "vertex_fragments")
    return LevelMetadata(
        level=step.level,
        vertex_count=count,
        arrays_present=(*present, "vertex_attributes") if attributes else present,
        chunk_shape=None if np.array_equal(chunk, root.chunk_shape) else chunk,
        resolution=cell,
        parent_level=step.level - 1,
        coarsening_method="grid_thinning",
        object_sparsity=1 / step.sparsity,
        fragments_tile=True,
        attribute_names={"vertex_attributes": tuple(attributes)} if attributes else {},
    )


def _revised_root(root: RootMetadata, steps: Sequence[_Step]) -> RootMetadata:
    first = LevelScale(0, np.ones(root.ndim), root.bin_shape)
    scales = [LevelScale(s.level, s.bin_ratio.astype(np.float64), root.bin_shape * s.bin_ratio) for s in steps]
    other: dict[str, Any] = {**root.other, "cross_level_depth": 0, "cross_level_storage": "none"}
    return replace(root, scales=(first, *scales), other=other)
