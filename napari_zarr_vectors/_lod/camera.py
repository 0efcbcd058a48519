"""What the planner needs to know of a view: half-spaces, eye, scale and slab, in the layer's data units.

The snapshot of a viewer is turned into data units once (a few 3-vectors), so that the planner never transforms
a chunk. Axis order: `displayed` lists data axes as the canvas shows them (napari's order, last two = rows, columns);
every array over "d" follows that order, every array over "D" the data's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["CameraState"]

Float64Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class CameraState:
    """One view of one layer.

    Attributes
    ----------
    displayed : tuple of d ints
        Data axes on the canvas, d = 2 or 3.
    planes : (P, d + 1) float64
        Visible half-spaces ``planes[:, :d] @ x + planes[:, d] >= 0``, inward normals, data units.
    eye : (d,) float64 or None
        Position of a perspective camera, data units; None for parallel projection (3-D orthographic, all of 2-D).
    axis_scale : (d,) float64
        World units per data unit along each displayed axis.
    focal_px : float
        Perspective: pixels per (world unit / world unit of distance). Parallel: pixels per world unit.
    canvas_px : (height, width)
        Logical pixels.
    focus : (d,) float64
        The point at the middle of the canvas, data units.
    forward : (d,) float64
        Unit vector of the viewing direction, world axes (0s in 2-D).
    slab_lo, slab_hi : (D,) float64
        What is shown along each axis, data units: the slab on axes that are not displayed, a box on any of them;
        -inf and inf where there is no bound.
    """

    displayed: tuple[int, ...]
    planes: Float64Array
    eye: Float64Array | None
    axis_scale: Float64Array
    focal_px: float
    canvas_px: tuple[float, float]
    focus: Float64Array
    forward: Float64Array
    slab_lo: Float64Array
    slab_hi: Float64Array
