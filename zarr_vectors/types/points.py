"""Point clouds: write and read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from zarr_vectors._query import plan_read, run_read, select
from zarr_vectors._spec import Axis, Codec, LevelMetadata, LevelScale, RootMetadata, codec_chain
from zarr_vectors.constants import BLOCK_ROWS, POINT_CLOUD
from zarr_vectors.core._commit import check_target, new_store
from zarr_vectors.core.arrays._codecs import CellCodec
from zarr_vectors.core.arrays._level import LevelArrays
from zarr_vectors.core.arrays._vertices import Column
from zarr_vectors.core.multiscale import stamp_root
from zarr_vectors.core.store import OpenStore, StoreLike, backend_of, load_store
from zarr_vectors.exceptions import ArgumentError, UnsupportedFeatureError
from zarr_vectors.spatial import BinGrid, BoxLike
from zarr_vectors.types._pipeline import Storage, automatic_shards, write_level
from zarr_vectors.types._read import points_result
from zarr_vectors.types._result import PointsResult
from zarr_vectors.types._sort import sort_rows
from zarr_vectors.types._source import (
    check_attributes,
    check_axes,
    check_positions,
    check_shape,
    check_shard_shape,
)
from zarr_vectors.typing import AnyArray, Float64Array

__all__ = ["read_points", "write_points"]

_EMPTY_BOUNDS = 128.0


def write_points(
    path: StoreLike,
    positions: npt.ArrayLike,
    *,
    chunk_shape: npt.ArrayLike,
    bin_shape: npt.ArrayLike | None = None,
    attributes: Mapping[str, npt.ArrayLike] | None = None,
    dtype: npt.DTypeLike | None = None,
    coordinate_system: object = None,
    axis_units: Sequence[str | None] | str | None = None,
    axes: Sequence[object] | None = None,
    compressor: str | Sequence[Codec] = "auto",
    shard_shape: Sequence[int] | int | None = None,
    overwrite: bool = False,
) -> None:
    """Write a point cloud as a new store with one level.

    Everything is checked before the first byte is written, and the store appears at `path` whole or not at all.

    Parameters
    ----------
    path : str, Path, zarr Store or zarr Group
    positions : (N, D) numbers, D = 2..5
        World units. float64 stays float64; integers and float16 become float32 where that is exact, else
        float64. Arrays, memory maps, HDF5 and zarr arrays are read block by block.
    chunk_shape : number or D numbers
        Edge lengths of a chunk, world units.
    bin_shape : number or D numbers, optional
        Edge lengths of a bin; a chunk must hold a whole number of them along each axis. None = one bin a chunk.
    attributes : dict of (N,) or (N, C) numbers or bools, or (N,) strings
        Strings (or objects that are strings and None) are stored as categories.
    dtype : float32 or float64, optional
        How positions are stored.
    coordinate_system : JSON value, optional
        Stored as the root's ``crs``.
    axis_units : str or D strings, optional
    axes : D names or `Axis`, optional
        Default x, y, z, w, v.
    compressor : "none", "zstd", "blosc", "auto" or a list of codecs
    shard_shape : int or D ints, optional
        Cells of a shard; 1 = one file a cell. None = one file a cell for up to 512 chunks, else shards, because then
        files, not bytes, are what writing and copying costs.
    overwrite : bool
        Replace a Zarr Vectors store at `path`; anything else there is never replaced.

    Raises
    ------
    ArgumentError
        If an argument cannot be used.
    StoreExistsError, ConcurrentWriteError
        If something lies at `path`, or another writer was first.
    """
    target = backend_of(path)
    spec = _plan_write(positions, chunk_shape, bin_shape, attributes, dtype, axes, axis_units)
    ndim = len(spec.axes)
    codecs, asked_shards = _check_compressor(compressor), check_shard_shape(shard_shape, ndim)
    _check_json(coordinate_system)
    check_target(target, overwrite=overwrite)
    grid = BinGrid.of_extent(spec.bounds, spec.chunk_shape, spec.bin_shape)
    rows = sort_rows(grid, spec.positions, spec.position_column, spec.attributes, block_rows=BLOCK_ROWS)
    columns = [spec.position_column, *(column for column, _ in spec.attributes)]
    storage = Storage(codecs, asked_shards or automatic_shards(len(rows.counts), ndim))
    with new_store(target, overwrite=overwrite) as publication:
        write_level(publication.backend, _level_zero(spec), rows, columns, storage)
        root = RootMetadata(
            chunk_shape=spec.chunk_shape,
            bounds=spec.bounds,
            geometry_types=(POINT_CLOUD,),
            axes=spec.axes,
            scales=(LevelScale(0, np.ones(ndim), spec.bin_shape),),
            base_bin_shape=None if bin_shape is None else spec.bin_shape,
            crs=coordinate_system,
        )
        stamp_root(publication, root, target)


@dataclass(frozen=True, slots=True, eq=False)
class _WriteSpec:
    """A checked request to write points."""

    positions: AnyArray
    position_column: Column
    bounds: Float64Array
    chunk_shape: Float64Array
    bin_shape: Float64Array
    attributes: list[tuple[Column, AnyArray]]
    axes: tuple[Axis, ...]


def _plan_write(
    positions: npt.ArrayLike,
    chunk_shape: npt.ArrayLike,
    bin_shape: npt.ArrayLike | None,
    attributes: Mapping[str, npt.ArrayLike] | None,
    dtype: npt.DTypeLike | None,
    axes: Sequence[object] | None,
    axis_units: Sequence[str | None] | str | None,
) -> _WriteSpec:
    source, column, bounds = check_positions(positions, dtype, BLOCK_ROWS)
    ndim = column.row_shape[0]
    chunk = check_shape(chunk_shape, ndim, "chunk_shape")
    bins = chunk if bin_shape is None else check_shape(bin_shape, ndim, "bin_shape")
    if source.shape[0] == 0:
        bounds = np.stack([np.zeros(ndim), np.full(ndim, _EMPTY_BOUNDS)])
    checked = check_attributes(attributes, int(source.shape[0]))
    return _WriteSpec(source, column, bounds, chunk, bins, checked, check_axes(axes, axis_units, ndim))


def _level_zero(spec: _WriteSpec) -> LevelMetadata:
    present = ["vertices", "vertex_fragments", *(["vertex_attributes"] if spec.attributes else [])]
    return LevelMetadata(
        level=0,
        vertex_count=int(spec.positions.shape[0]),
        arrays_present=tuple(present),
        resolution=np.zeros(len(spec.axes)),
        fragments_tile=True,
    )


def _check_compressor(compressor: str | Sequence[Codec]) -> str | tuple[Codec, ...]:
    try:
        chain = codec_chain(compressor, 4)
        json.dumps(chain, allow_nan=False)
        # Some options are only looked at when something is encoded.
        CellCodec(chain).encode([b"cell"])
    except (TypeError, ValueError, RuntimeError, UnsupportedFeatureError) as error:
        msg = f"compressor {compressor!r} cannot be used: {error}"
        raise ArgumentError(msg) from error
    return compressor if isinstance(compressor, str) else chain


def _check_json(value: object) -> None:
    try:
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        msg = f"coordinate_system must be a JSON value, got {value!r}: {error}"
        raise ArgumentError(msg) from error


def read_points(
    path: StoreLike,
    level: int = 0,
    bbox: BoxLike | None = None,
    attributes: Iterable[str] | None = None,
) -> PointsResult:
    """Read the points of a level.

    Parameters
    ----------
    path : str, Path, zarr Store or zarr Group
    level : int
    bbox : (lo, hi), optional
        Half-open box ``lo <= p < hi``, world units.
    attributes : list of str, optional
        None = all vertex attributes, [] = none.

    Returns
    -------
    PointsResult
        Points in level order: chunks ascending, rows as stored.
    """
    store = load_store(path)
    arrays = LevelArrays(store, level_metadata(store, level))
    check_kind(store)
    selection = select(store.root.ndim, arrays.attribute_names, bbox, attributes, f"level {level} of {store.name}")
    positions, values = run_read(arrays, plan_read(selection, arrays.coords, arrays.chunk_shape))
    return points_result(arrays, positions, values)


def level_metadata(store: OpenStore, level: int) -> LevelMetadata:
    """Give a level's metadata; ``ArgumentError`` if the store has no such level."""
    for meta in store.levels:
        if meta.level == level:
            return meta
    msg = f"{store.name} has levels {[meta.level for meta in store.levels]}, not {level!r}"
    raise ArgumentError(msg)


def check_kind(store: OpenStore) -> None:
    """Refuse a store whose vertices are not points."""
    kinds: tuple[Any, ...] = store.root.geometry_types
    if kinds and POINT_CLOUD not in kinds:
        msg = f"{store.name} holds {', '.join(kinds)}; this version of the library reads point clouds"
        raise UnsupportedFeatureError(msg)
