"""How the slab moves along an axis, and where it will be next, so that what is played is read ahead. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from napari_zarr_vectors._lod.camera import CameraState

__all__ = ["Steps", "is_step", "next_cameras", "note_step"]

HORIZON_S = 0.5
"""So far ahead is read, in seconds of the motion."""
FEWEST, MOST = 2, 6
"""Positions that are read ahead."""
LASTING_S = 2.0
"""A motion that has stopped for so long has ended."""
_LEAP = 3.0
"""A step back by more than so many steps forwards is the end of a loop."""
_SMOOTHING = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """What is known of a slab's motion.

    Attributes
    ----------
    camera : CameraState
        Seen last.
    axis : int
        Along which it moved last, -1 for none.
    step : float
        Data units from one position to the next, with a sign.
    period_s : float
        Seconds from one to the next, smoothed.
    at : float
        When it moved last, seconds.
    """

    camera: CameraState
    axis: int = -1
    step: float = 0.0
    period_s: float = math.inf
    at: float = -math.inf


def note_step(before: Steps | None, camera: CameraState, now: float) -> Steps:
    """Enter the camera of a moment."""
    if before is None or camera.displayed != before.camera.displayed:
        return Steps(camera)
    shift = _middle(camera) - _middle(before.camera)
    moved = np.flatnonzero(shift)
    if not len(moved):
        return replace(before, camera=camera)
    if len(moved) > 1 or not np.isfinite(shift[moved[0]]):
        return Steps(camera)
    axis, step = int(moved[0]), float(shift[moved[0]])
    goes_on = axis == before.axis and now - before.at < LASTING_S
    if goes_on and step * before.step < 0 and abs(step) > _LEAP * abs(before.step):
        step = before.step
    period = max(now - before.at, 1e-3)
    if goes_on and step * before.step > 0 and math.isfinite(before.period_s):
        period = before.period_s + _SMOOTHING * (period - before.period_s)
    return Steps(camera, axis, step, period, now)


def next_cameras(steps: Steps, bounds: npt.NDArray[np.float64], now: float) -> list[CameraState]:
    """Give the cameras of the next positions, nearest first; a motion that ends at the bounds begins anew.

    Parameters
    ----------
    steps : Steps
    bounds : (2, D) float64
        Lowest and highest coordinates of the data.
    now : float
    """
    camera, axis = steps.camera, steps.axis
    if axis < 0 or now - steps.at > LASTING_S:
        return []
    number = min(MOST, max(FEWEST, math.ceil(HORIZON_S / steps.period_s)))
    low, high = float(bounds[0, axis]), float(bounds[1, axis])
    here = float(_middle(camera)[axis])
    half = (camera.slab_hi[axis] - camera.slab_lo[axis]) / 2
    found = []
    for k in range(1, number + 1):
        place = here + k * steps.step
        if not low <= place <= high:
            place = low + (place - low) % (high - low + abs(steps.step))
        lo, hi = camera.slab_lo.copy(), camera.slab_hi.copy()
        lo[axis], hi[axis] = place - half, place + half
        found.append(replace(camera, slab_lo=lo, slab_hi=hi))
    return found


def is_step(before: CameraState, camera: CameraState) -> bool:
    """Tell whether two cameras differ in nothing but where the slab is along axes that are not displayed."""
    hidden = np.ones(len(camera.slab_lo), np.bool_)
    hidden[list(camera.displayed)] = False
    moved = (camera.slab_lo != before.slab_lo) | (camera.slab_hi != before.slab_hi)
    eyes = [np.empty(0) if c.eye is None else c.eye for c in (before, camera)]
    return bool(
        camera.displayed == before.displayed
        and camera.canvas_px == before.canvas_px
        and np.array_equal(eyes[0], eyes[1])
        and np.array_equal(camera.planes, before.planes)
        and moved.any()
        and not moved[~hidden].any()
    )


def _middle(camera: CameraState) -> npt.NDArray[np.float64]:
    """Middle of the slab along each axis, (D,); 0 where it is endless."""
    middle = np.zeros(len(camera.slab_lo))
    bounded = np.isfinite(camera.slab_lo) & np.isfinite(camera.slab_hi)
    middle[bounded] = (camera.slab_lo[bounded] + camera.slab_hi[bounded]) / 2
    return middle
