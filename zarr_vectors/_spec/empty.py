"""The root of a store without vertices, from what a caller says of it."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from zarr_vectors._spec.multiscales import Axis, LevelScale, default_axes
from zarr_vectors._spec.root import RootMetadata
from zarr_vectors.exceptions import ArgumentError
from zarr_vectors.typing import Float64Array

__all__ = ["plan_empty_root"]

_MOST_CELLS = 1 << 31


def plan_empty_root(
    bounds: tuple[Sequence[float], Sequence[float]] | None,
    chunk_shape: npt.ArrayLike | None,
    base_bin_shape: npt.ArrayLike | None,
    axes: Sequence[Axis | str] | None,
    ndim: int | None,
    geometry_types: Sequence[str],
    crs: object,
) -> RootMetadata:
    """Check what a store without vertices is made of; see `zarr_vectors.core.store.create_store`."""
    named = None if axes is None else tuple(axis if isinstance(axis, Axis) else Axis(str(axis)) for axis in axes)
    if named is not None and len({axis.name for axis in named}) < len(named):
        msg = f"axes must have different names, got {axes!r}"
        raise ArgumentError(msg)
    kinds = () if isinstance(geometry_types, str) else tuple(geometry_types)
    if isinstance(geometry_types, str) or not all(isinstance(kind, str) for kind in kinds):
        msg = f"geometry_types must be a list of strings, got {geometry_types!r}"
        raise ArgumentError(msg)
    box: Sequence[object] = (0.0, 128.0) if bounds is None else bounds
    if not isinstance(box, Sequence | np.ndarray) or len(box) != 2:
        msg = f"bounds must be (smallest, largest) coordinates, got {bounds!r}"
        raise ArgumentError(msg)
    count = _ndim([named, box[0], box[1], chunk_shape, base_bin_shape], ndim)
    lo, hi = (_floats(edge, count, "bounds") for edge in box)
    if (lo > hi).any():
        msg = f"bounds must be (smallest, largest) coordinates, got {bounds!r}"
        raise ArgumentError(msg)
    chunk = _lengths(np.where(hi > lo, hi - lo, 1.0) if chunk_shape is None else chunk_shape, count, "chunk_shape")
    bins = chunk if base_bin_shape is None else _lengths(base_bin_shape, count, "base_bin_shape")
    if not np.allclose(chunk / bins, np.maximum(1, np.round(chunk / bins))):
        msg = f"chunk_shape must be a whole multiple of base_bin_shape, got {chunk.tolist()} and {bins.tolist()}"
        raise ArgumentError(msg)
    if (np.abs(np.stack([lo, hi]) / chunk) > _MOST_CELLS).any():
        msg = f"bounds {bounds!r} hold too many chunks of {chunk.tolist()}"
        raise ArgumentError(msg)
    own_bins = None if base_bin_shape is None else bins
    scales = (LevelScale(0, np.ones(count), bins),)
    root = RootMetadata(
        chunk, np.stack([lo, hi]), kinds, named or default_axes(count), scales, base_bin_shape=own_bins, crs=crs
    )
    try:
        json.dumps(root.to_dict(""), ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        msg = f"crs, axes and geometry_types must be JSON values: {error}"
        raise ArgumentError(msg) from error
    return root


def _ndim(told: Sequence[object], ndim: int | None) -> int:
    """Give the number of axes that arguments tell, which must agree."""
    counts = {len(value) for value in told if isinstance(value, Sequence | np.ndarray) and not isinstance(value, str)}
    counts |= set() if ndim is None else {ndim}
    if len(counts) > 1 or not counts <= set(range(2, 6)):
        msg = f"axes, bounds, chunk_shape, base_bin_shape and ndim must agree on 2 to 5 axes, got {sorted(counts)}"
        raise ArgumentError(msg)
    return counts.pop() if counts else 3


def _floats(value: object, ndim: int, name: str) -> Float64Array:
    try:
        if any(isinstance(each, bool | np.bool_ | str) for each in np.asarray(value, object).flat):
            msg = "bools and strings are no lengths"
            raise TypeError(msg)
        found = np.broadcast_to(np.asarray(value, np.float64), (ndim,)).copy()
    except (TypeError, ValueError) as error:
        msg = f"{name} must be {ndim} numbers, got {value!r}"
        raise ArgumentError(msg) from error
    if not np.isfinite(found).all():
        msg = f"{name} must be {ndim} finite numbers, got {value!r}"
        raise ArgumentError(msg)
    return found


def _lengths(value: object, ndim: int, name: str) -> Float64Array:
    found = _floats(value, ndim, name)
    if (found <= 0).any():
        msg = f"{name} must be {ndim} positive numbers, got {value!r}"
        raise ArgumentError(msg)
    return found
