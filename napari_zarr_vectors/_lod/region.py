"""What a camera sees as a box and half-spaces over all axes of the data, and how many vertices lie in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_zarr_vectors._lod.few import view_box

if TYPE_CHECKING:
    from napari_zarr_vectors._lod.camera import CameraState
    from zarr_vectors.lazy import LevelCatalogue

__all__ = ["Count", "Region", "box_region", "count_in", "seen_region"]

Float64Array = npt.NDArray[np.float64]

_STEPS = 4
_MOST_SAMPLES = 1 << 21
"""Places at which chunks on the border are looked at; of more chunks only the middle."""


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """A convex part of space, data units.

    Attributes
    ----------
    lo, hi : (D,) float64
        Half-open box ``lo <= p < hi``; ends may be infinite.
    planes : (P, D + 1) float64
        Half-spaces ``planes[:, :D] @ p + planes[:, D] >= 0`` that cut it further.
    """

    lo: Float64Array
    hi: Float64Array
    planes: Float64Array

    def within(self, lo: npt.ArrayLike, hi: npt.ArrayLike) -> Region:
        """Cut by a half-open box."""
        low, high = np.maximum(self.lo, lo), np.minimum(self.hi, hi)
        return Region(low, np.maximum(low, high), self.planes)


@dataclass(frozen=True, slots=True)
class Count:
    """Vertices of a level in a region: about so many, and certainly no more than `at_most`."""

    about: int
    at_most: int


def box_region(lo: npt.ArrayLike, hi: npt.ArrayLike) -> Region:
    """Make a region of a half-open box."""
    low, high = np.array(lo, dtype=np.float64), np.array(hi, dtype=np.float64)
    return Region(low, high, np.empty((0, len(low) + 1)))


def seen_region(camera: CameraState, bounds: Float64Array, clips: Float64Array | None = None) -> Region:
    """Give what a camera sees of some bounds (2, D): the view, the slab, and what clipping planes leave.

    Parameters
    ----------
    camera : CameraState
    bounds : (2, D) float64
    clips : (m, D + 1) float64, optional
        Half-spaces as those of a region; what lies in all of them is seen.
    """
    ndim = bounds.shape[1]
    planes = np.zeros((len(camera.planes), ndim + 1))
    planes[:, list(camera.displayed)] = camera.planes[:, :-1]
    planes[:, -1] = camera.planes[:, -1]
    if clips is not None:
        planes = np.concatenate([planes, clips])
    around = view_box(camera, bounds)
    if around is None:
        return Region(bounds[0], bounds[0], planes)
    # Where the box is no tighter than the bounds it cuts nothing off: coarse vertices may lie on their rim.
    lo = np.where(around[0] <= bounds[0], -np.inf, around[0])
    hi = np.where(around[1] >= bounds[1], np.inf, around[1])
    slab = Region(camera.slab_lo, np.nextafter(camera.slab_hi, np.inf), planes)
    return slab.within(lo, np.nextafter(hi, np.inf))


def count_in(entry: LevelCatalogue, region: Region | None) -> Count:
    """Count the vertices of a level in a region, by its chunks; a chunk on the border counts by its share."""
    counts = entry.counts.astype(np.int64)
    if region is None:
        return Count(int(counts.sum()), int(counts.sum()))
    shape = np.asarray(entry.chunk_shape, dtype=np.float64)
    low = entry.coords * shape
    touched = ((low < region.hi) & (low + shape >= region.lo)).all(axis=1)
    touched &= _sides(low, shape, region.planes, inside=False)
    rows = np.flatnonzero(touched)
    whole = ((low[rows] >= region.lo) & (low[rows] + shape <= region.hi)).all(axis=1)
    whole &= _sides(low[rows], shape, region.planes, inside=True)
    share = np.ones(len(rows))
    share[~whole] = _shares(low[rows[~whole]], shape, region)
    at_most = int(counts[rows].sum())
    return Count(min(at_most, round(float((counts[rows] * share).sum()))), at_most)


def _sides(low: Float64Array, shape: Float64Array, planes: Float64Array, *, inside: bool) -> npt.NDArray[np.bool_]:
    """Tell which boxes lie wholly (or at least with a corner) on the inner side of all planes, (n,)."""
    out = np.ones(len(low), bool)
    for plane in planes:
        reach = float(np.abs(plane[:-1]) @ shape) / 2
        out &= (low + shape / 2) @ plane[:-1] + plane[-1] >= (reach if inside else -reach)
    return out


def _shares(low: Float64Array, shape: Float64Array, region: Region) -> Float64Array:
    """Give the part of each box (n,) that lies in a region, as places spread over it tell."""
    ndim = len(shape)
    steps = _STEPS if len(low) * _STEPS**ndim <= _MOST_SAMPLES else 1
    ticks = (np.arange(steps) + 0.5) / steps
    grid = np.stack(np.meshgrid(*[ticks] * ndim, indexing="ij"), axis=-1).reshape(-1, ndim) * shape
    places = low[:, None, :] + grid  # (n, s, D)
    inside = ((places >= region.lo) & (places < region.hi)).all(axis=2)
    for plane in region.planes:
        inside &= places @ plane[:-1] + plane[-1] >= 0
    out: Float64Array = inside.mean(axis=1)
    return out
