"""Coarser levels of a store, each made from the one before.

A factor ``(coarsen, sparsity)`` leaves about ``1 / (coarsen**D * sparsity)`` of the vertices. Bins grow by the coarsen
factor, chunks grow with them, and a level's ``resolution`` says how far a vertex may have been moved.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from zarr_vectors._query import read_batch
from zarr_vectors._spec import LevelMetadata, LevelScale, RootMetadata, codec_chain
from zarr_vectors.constants import BLOCK_ROWS, POINT_CLOUD
from zarr_vectors.core._commit import check_revisable, revised_store
from zarr_vectors.core.arrays._level import LevelArrays
from zarr_vectors.core.arrays._vertices import Column
from zarr_vectors.core.multiscale import stamp_root
from zarr_vectors.core.store import StoreLike, load_store
from zarr_vectors.exceptions import ArgumentError, UnsupportedFeatureError
from zarr_vectors.multiresolution._reduce import AggMode, check_agg_mode, reduce_rows
from zarr_vectors.multiresolution._thin import thin
from zarr_vectors.spatial import BinGrid, bins_per_chunk, extent
from zarr_vectors.types._pipeline import Storage, write_level
from zarr_vectors.types._read import check_kind, level_metadata
from zarr_vectors.types._sort import SortedRows, sort_rows
from zarr_vectors.typing import AnyArray, Float64Array, FloatArray, Int64Array

__all__ = ["build_pyramid"]

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
    factors: Sequence[Factor],
    *,
    agg_mode: AggMode = "mean",
    chunk_scale: str | int = "auto",
    sparsity_seed: int | None = None,
) -> None:
    """Build coarser levels 1, 2, .. from level 0, in place of those that exist.

    The store at `path` stays as it was until all levels are written, then the new ones take their place at once.

    Parameters
    ----------
    path : str, Path, zarr Store or zarr Group
    factors : list of (coarsen, sparsity)
        The i-th factor makes level i + 1 from level i. `coarsen` is a whole number, or one for each axis; axes with
        factor 1 are not thinned. `sparsity` >= 1 keeps that much fewer vertices still.
    agg_mode : "mean", "sum", "mode", "count", "min", "max", or a dict of them by attribute
        How an attribute's values become one. Labels (strings, bools, single integers) default to "mode".
    chunk_scale : "auto" or int
        How much chunks grow from level to level; "auto" = with the bins.
    sparsity_seed : int, optional
        Of the choice of representatives; default 0, so that the same data give the same pyramid.

    Raises
    ------
    ArgumentError
        If an argument cannot be used; nothing has been written then.
    """
    store = load_store(path)
    check_kind(store, POINT_CLOUD)
    check_revisable(store.backend)
    meta = level_metadata(store, 0)
    if meta.refinement == "add":
        msg = f"{store.name}: level 0 adds to coarser levels, which a pyramid would replace; write a new store of it"
        raise UnsupportedFeatureError(msg)
    arrays = LevelArrays(store, meta)
    steps = _plan_steps(store.root, factors, chunk_scale)
    seed = _check_seed(sparsity_seed)
    columns = {name: arrays.attribute(name).column for name in arrays.attribute_names}
    modes = check_agg_mode(agg_mode, columns)
    storage = _storage_of(arrays)
    # Everything that can be refused is found out before the first byte is written.
    levels, vertices = [], _read_level(arrays)
    cell = np.zeros(store.root.ndim)
    for step in steps:
        vertices, own = _thinned(vertices, step, store.root.bin_shape, modes, seed + step.level)
        # Where few points are left any small cell keeps them apart; they were still moved by what came before.
        cell = np.maximum(cell, own)
        levels.append(_arranged(store.root, step, vertices, columns, cell))
    with revised_store(store.backend, keep=lambda name: name == "0" or not name.isdecimal()) as publication:
        for level in levels:
            write_level(publication.backend, level.meta, level.rows, level.columns, storage)
        stamp_root(publication, _revised_root(store.root, steps), store.backend)


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
