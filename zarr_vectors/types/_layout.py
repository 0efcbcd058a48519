"""How a new store is laid out: the arguments that all writers have in common, checked."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy.typing as npt

from zarr_vectors._spec import Axis, Codec, codec_chain
from zarr_vectors.core.arrays._codecs import CellCodec
from zarr_vectors.exceptions import ArgumentError, UnsupportedFeatureError
from zarr_vectors.spatial import bins_per_chunk
from zarr_vectors.types._pipeline import Storage, automatic_shards
from zarr_vectors.types._source import check_axes, check_shape, check_shard_shape
from zarr_vectors.typing import Float64Array, Int64Array

__all__ = ["Layout", "check_json", "check_layout"]


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Chunks, bins, axes and codecs of a new store.

    Attributes
    ----------
    chunk_shape, bin_shape : (D,) float64
        Edge lengths, world units.
    has_bins : bool
        Whether bins were asked for: else the root names none.
    axes : tuple of D Axis
    crs : JSON value
    compressor : str or tuple of codec objects
    shard_shape : tuple of D ints or None
        Cells of a shard as asked; None = by the number of chunks and how full their grid is.
    """

    chunk_shape: Float64Array
    bin_shape: Float64Array
    has_bins: bool
    axes: tuple[Axis, ...]
    crs: object
    compressor: str | tuple[Codec, ...]
    shard_shape: tuple[int, ...] | None

    def storage(self, coords: Int64Array, grid_shape: tuple[int, ...]) -> Storage:
        """Say how the cells of chunks are stored; `coords`, shape (n, R), are those of non-empty chunks."""
        asked = self._asked(len(grid_shape))
        return Storage(self.compressor, asked or automatic_shards(coords, grid_shape, len(self.axes)))

    def link_storage(self, coords: Int64Array, grid_shape: tuple[int, ...]) -> Storage:
        """Say how links are stored: many arrays of small cells, which are sharded where nothing else was asked for."""
        many = automatic_shards(coords, grid_shape, len(self.axes), above=0)
        # A shard wider than the grid would only lengthen its index.
        fitting = tuple(map(min, grid_shape, many))
        return Storage(self.compressor, self._asked(len(grid_shape)) or fitting)

    def _asked(self, rank: int) -> tuple[int, ...] | None:
        """Give the shards that were asked for; none holds chunks of two values of an attribute that divides them."""
        return self.shard_shape and (1,) * (rank - len(self.axes)) + self.shard_shape


def check_layout(
    ndim: int,
    *,
    chunk_shape: npt.ArrayLike,
    bin_shape: npt.ArrayLike | None,
    axes: Sequence[object] | None,
    axis_units: Sequence[str | None] | str | None,
    coordinate_system: object,
    compressor: str | Sequence[Codec],
    shard_shape: Sequence[int] | int | None,
) -> Layout:
    """Check the layout of a store of `ndim` axes; see `write_points` for the arguments.

    Raises
    ------
    ArgumentError
        If one of them cannot be used.
    LimitError
        If a chunk would hold too many bins.
    """
    chunk = check_shape(chunk_shape, ndim, "chunk_shape")
    bins = chunk if bin_shape is None else check_shape(bin_shape, ndim, "bin_shape")
    bins_per_chunk(chunk, bins)
    named = check_axes(axes, axis_units, ndim)
    codecs, shards = _check_compressor(compressor), check_shard_shape(shard_shape, ndim)
    check_json(coordinate_system, "coordinate_system")
    return Layout(chunk, bins, bin_shape is not None, named, coordinate_system, codecs, shards)


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


def check_json(value: object, name: str) -> None:
    """Check that a value can be stored as JSON and read back the same."""
    try:
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        msg = f"{name} must be a JSON value, got {value!r}: {error}"
        raise ArgumentError(msg) from error
