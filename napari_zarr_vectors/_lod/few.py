"""Which level and which box give the few points of a view that an ordinary layer can hold. Pure numpy.

There is no tree here: one level is shown at a time, whole where it fits. How many points of a chunk lie in the box
is known for chunks wholly inside and wholly outside only, so that the answer is a short list of levels to try.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from napari_zarr_vectors._lod.camera import CameraState
    from zarr_vectors.lazy import Catalogue, LevelCatalogue

__all__ = ["FewPlan", "chunks_in", "plan_few", "view_box"]

BoolArray = npt.NDArray[np.bool_]
Float64Array = npt.NDArray[np.float64]

_PARALLEL = 1e-12
"""Determinant of unit normals below which planes have no corner."""
_EDGE = 1e-9
"""Tolerance of corners, in half edges of the bounds."""
_MARGIN = 1e-6
"""What a box is larger, in half edges of the bounds: rounding shall not cost points on its faces."""


@dataclass(frozen=True, slots=True, eq=False)
class FewPlan:
    """What to read for one view.

    Attributes
    ----------
    box : (2, D) float64
        Lowest and highest coordinates, both inclusive, data units; infinite where the view reaches the end of the
        store.
    levels : tuple of int
        To be read one after the other until one has few enough points in the box; the last is thinned if it has
        more. Empty where nothing is in view.
    """

    box: Float64Array
    levels: tuple[int, ...]


def plan_few(
    catalogue: Catalogue, camera: CameraState, *, most: int, most_read: int, level: int | None = None
) -> FewPlan:
    """Choose the finest level whose part in the view has at most `most` points.

    Parameters
    ----------
    catalogue : Catalogue
    camera : CameraState
    most : int
        Points that can be shown.
    most_read : int
        A level of which more points must be read to know is not tried; the coarsest always is.
    level : int, optional
        The only level to try.
    """
    box = view_box(camera, catalogue.bounds)
    if box is None:
        return FewPlan(catalogue.bounds, ())
    box = _opened(box, catalogue.bounds)
    if level in [entry.level for entry in catalogue.levels]:
        return FewPlan(box, tuple(entry.level for entry in catalogue.levels if entry.level == level))
    return FewPlan(box, _levels_to_try(catalogue, box, most, most_read))


def _opened(box: Float64Array, bounds: Float64Array) -> Float64Array:
    """Move faces that cut nothing off to infinity, so that chunks at the end of the store lie wholly inside."""
    lo, hi = np.where(box[0] <= bounds[0], -np.inf, box[0]), np.where(box[1] >= bounds[1], np.inf, box[1])
    return np.stack([lo, hi])


def _levels_to_try(catalogue: Catalogue, box: Float64Array, most: int, most_read: int) -> tuple[int, ...]:
    found: list[int] = []
    for entry in catalogue.levels:
        touched, whole = chunks_in(entry, box)
        at_most = int(entry.counts[touched].sum())
        at_least = int(entry.counts[whole].sum()) if entry.counts_exact else 0
        if at_most <= most:
            return (*found, entry.level)
        if at_most <= most_read and at_least <= most:
            found.append(entry.level)
    coarsest = catalogue.levels[-1].level
    return (*(number for number in found if number != coarsest), coarsest)


def chunks_in(entry: LevelCatalogue, box: Float64Array) -> tuple[BoolArray, BoolArray]:
    """Tell which chunks of a level meet a box (2, D) and which lie wholly inside: (n,) each."""
    low = entry.coords * entry.chunk_shape  # (n, D)
    high = low + entry.chunk_shape
    touched = ((low <= box[1]) & (high >= box[0])).all(axis=1)
    whole = ((low >= box[0]) & (high <= box[1])).all(axis=1)
    return touched, whole


def view_box(camera: CameraState, bounds: Float64Array) -> Float64Array | None:
    """Give the smallest box (2, D) around what a camera sees of some bounds; None if it sees nothing of them."""
    lo, hi = np.maximum(bounds[0], camera.slab_lo), np.minimum(bounds[1], camera.slab_hi)
    if (lo > hi).any():
        return None
    axes = list(camera.displayed)
    middle, half = bounds[:, axes].mean(axis=0), float(np.ptp(bounds[:, axes], axis=0).max()) / 2
    unit = half if half > 0 else 1.0
    corners = _corners(_planes_around(camera, bounds, middle, unit))
    if not len(corners):
        return None
    lo[axes] = middle + unit * (corners.min(axis=0) - _MARGIN)
    hi[axes] = middle + unit * (corners.max(axis=0) + _MARGIN)
    return np.stack([lo, hi])


def _planes_around(camera: CameraState, bounds: Float64Array, middle: Float64Array, unit: float) -> Float64Array:
    """Give the half-spaces of the view and of the bounds, (P + 2 d, d + 1), in units from the middle of the bounds."""
    d = len(middle)
    normals, offsets = camera.planes[:, :d], camera.planes[:, d]
    seen = np.column_stack([normals, (offsets + normals @ middle) / unit])
    reach = np.ptp(bounds[:, list(camera.displayed)], axis=0) / 2 / unit
    return np.concatenate([seen, np.column_stack([np.eye(d), reach]), np.column_stack([-np.eye(d), reach])])


def _corners(planes: Float64Array) -> Float64Array:
    """Give the corners (n, d) of the convex body ``planes[:, :d] @ x + planes[:, d] >= 0``, which is bounded."""
    d = planes.shape[1] - 1
    sets = planes[np.array(list(combinations(range(len(planes)), d)))]  # (c, d, d + 1)
    sets = sets[np.abs(np.linalg.det(sets[:, :, :d])) > _PARALLEL]
    points = np.linalg.solve(sets[:, :, :d], -sets[:, :, d:])[:, :, 0]
    inside = (points @ planes[:, :d].T + planes[:, d] >= -_EDGE).all(axis=1)
    return np.asarray(points[inside], dtype=np.float64)
