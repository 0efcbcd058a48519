"""Boxes and extents of positions, shape (N, D), axis order as stored.

Boxes are half-open, ``lo <= p < hi`` per axis, and exact: a float64 edge is moved to the next number of the
positions' own dtype before comparing, which changes no answer and lets float32 rows be compared as float32.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from zarr_vectors.exceptions import ArgumentError
from zarr_vectors.typing import BoolArray, Float64Array, FloatArray

__all__ = ["BoxLike", "as_box", "chunks_of_box", "extent", "inside", "upper_edge"]

BoxLike: TypeAlias = tuple[npt.ArrayLike, npt.ArrayLike] | Sequence[npt.ArrayLike] | npt.NDArray[Any]

_WIDE_ROWS = 4096


def as_box(bbox: BoxLike, ndim: int) -> tuple[Float64Array, Float64Array]:
    """Check a box ``(lo, hi)`` of `ndim` axes; infinite edges are allowed, NaN is not."""
    try:
        lo, hi = (np.asarray(edge, dtype=np.float64) for edge in bbox)
    except (TypeError, ValueError) as error:
        msg = f"bbox must be (lo, hi) of {ndim} numbers each, got {bbox!r}"
        raise ArgumentError(msg) from error
    if lo.shape != (ndim,) or hi.shape != (ndim,):
        msg = f"bbox must be (lo, hi) of {ndim} numbers each, got {bbox!r}"
        raise ArgumentError(msg)
    for name, edge in (("lo", lo), ("hi", hi)):
        if np.isnan(edge).any():
            msg = f"bbox must hold no NaN, got {name} {edge.tolist()}: axis {int(np.argmax(np.isnan(edge)))}"
            raise ArgumentError(msg)
    if (hi < lo).any():
        axis = int(np.argmax(hi < lo))
        msg = (
            f"bbox must have lo <= hi on every axis, got lo {lo.tolist()} and hi {hi.tolist()}: on axis {axis} "
            f"lo is {lo[axis]} and hi is {hi[axis]}"
        )
        raise ArgumentError(msg)
    return lo, hi


def _edge_in(edge: Float64Array, dtype: np.dtype[Any]) -> FloatArray:
    """Give the smallest numbers of `dtype` that are not below `edge`, so that ``p < edge`` means the same."""
    # An edge beyond the dtype's range becomes infinite, which is what the comparison needs.
    with np.errstate(over="ignore"):
        near = edge.astype(dtype)
        above = np.nextafter(near, np.array(np.inf, dtype))
    return np.where(near.astype(np.float64) < edge, above, near)


def inside(positions: FloatArray, lo: Float64Array, hi: Float64Array) -> BoolArray:
    """Tell which rows lie in the half-open box."""
    mask = np.ones(len(positions), dtype=bool)
    low, high = _edge_in(lo, positions.dtype), _edge_in(hi, positions.dtype)
    for axis in range(positions.shape[1]):
        column = positions[:, axis]
        if low[axis] != -np.inf:
            mask &= column >= low[axis]
        if high[axis] != np.inf:
            mask &= column < high[axis]
    return mask


def chunks_of_box(lo: Float64Array, hi: Float64Array, chunk_shape: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Give the first and last chunk coordinate, as floats, that a half-open box can meet."""
    with np.errstate(over="ignore"):
        # The largest number below hi, divided as positions are: so no row is missed. Below 0 it may be rounded to 0.
        return np.floor(lo / chunk_shape), np.floor(np.nextafter(hi, -np.inf) / chunk_shape)


def extent(positions: FloatArray) -> Float64Array:
    """Give smallest and largest coordinate per axis, (2, D) float64; NaN where a coordinate is NaN.

    numpy reduces an (N, 3) array along its first axis 20 times slower than a wide one; the rows are
    therefore looked at as wide rows, which moves nothing in memory.
    """
    rows, ndim = positions.shape
    whole = rows // _WIDE_ROWS * _WIDE_ROWS
    if not positions.flags.c_contiguous or whole == 0:
        return np.stack([positions.min(axis=0), positions.max(axis=0)]).astype(np.float64)
    wide = positions[:whole].reshape(-1, _WIDE_ROWS * ndim)
    rest = positions[whole:]
    low = np.concatenate([wide.min(axis=0).reshape(-1, ndim), rest]).min(axis=0)
    high = np.concatenate([wide.max(axis=0).reshape(-1, ndim), rest]).max(axis=0)
    return np.stack([low, high]).astype(np.float64)


def upper_edge(maxima: Float64Array, dtype: np.dtype[Any]) -> Float64Array:
    """Give the exclusive upper edge of inclusive `maxima`: the next number of the positions' dtype."""
    with np.errstate(over="ignore"):
        near = maxima.astype(dtype)
        # Rounded down, the next number may still not be above the maximum.
        near = np.where(near.astype(np.float64) < maxima, np.nextafter(near, np.array(np.inf, dtype)), near)
        out: Float64Array = np.nextafter(near, np.array(np.inf, dtype)).astype(np.float64)
    return out
