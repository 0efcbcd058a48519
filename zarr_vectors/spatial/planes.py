"""Half-spaces: what lies on the inner side of planes, such as those of a camera's view.

Planes are rows ``(n_1, .., n_D, d)`` with ``n p + d >= 0`` for positions p on the inner side, the plane included.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from zarr_vectors.exceptions import ArgumentError
from zarr_vectors.typing import BoolArray, Float64Array, FloatArray, Int64Array

__all__ = ["as_planes", "inside_planes", "meets_planes"]

_EDGE = 1e-9
"""What a chunk is taken to be larger, in its edges: rounding shall not cost one."""


def as_planes(planes: npt.ArrayLike, ndim: int) -> Float64Array:
    """Check planes of `ndim` axes, (P, D + 1) finite numbers."""
    try:
        given = np.asarray(planes, dtype=np.float64)
    except (TypeError, ValueError) as error:
        msg = f"planes must be rows of {ndim + 1} numbers, got {planes!r}"
        raise ArgumentError(msg) from error
    if given.ndim != 2 or given.shape[1] != ndim + 1 or not np.isfinite(given).all():
        msg = f"planes must be rows of {ndim + 1} finite numbers, a normal and a distance, got {planes!r}"
        raise ArgumentError(msg)
    return given


def inside_planes(positions: FloatArray, planes: Float64Array) -> BoolArray:
    """Tell which of (N, D) positions lie on the inner side of all planes, computed in float64."""
    mask = np.ones(len(positions), bool)
    for plane in planes:
        away = np.full(len(positions), plane[-1])
        for axis in np.flatnonzero(plane[:-1]):
            away += plane[axis] * positions[:, axis].astype(np.float64)
        mask &= away >= 0
    return mask


def meets_planes(coords: Int64Array, planes: Float64Array, chunk_shape: Float64Array) -> BoolArray:
    """Tell which chunks, shape (n, R), may hold a position on the inner side of all planes."""
    ndim = len(chunk_shape)
    out = np.ones(len(coords), bool)
    middle = (coords[:, coords.shape[1] - ndim :] + 0.5) * chunk_shape
    for plane in planes:
        reach = (0.5 + _EDGE) * float(np.abs(plane[:-1]) @ chunk_shape)
        out &= middle @ plane[:-1] + plane[-1] >= -reach
    return out
