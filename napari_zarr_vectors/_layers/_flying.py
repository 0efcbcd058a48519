"""Looking at a part of a layer: camera and sliders."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_zarr_vectors._layers._geometry import world_map
from napari_zarr_vectors._layers._snapshot import camera_of

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_zarr_vectors._layers._layer import StreamingLayer

__all__ = ["fly_to"]

FILLED = 0.75
"""Part of the canvas that is filled."""
SMALLEST = 1e-3
"""Nothing is looked at from nearer than if it were this part of the layer."""


def fly_to(
    viewer: Viewer, layer: StreamingLayer, bounds: npt.NDArray[np.float64], middle: npt.NDArray[np.float64]
) -> None:
    """Put the camera before a box, and the sliders of axes that are not displayed at a place in it.

    Parameters
    ----------
    viewer : napari.Viewer
    layer : StreamingLayer
    bounds : (2, D) float64
        Data units.
    middle : (D,) float64
        Where the sliders go, data units: a place where there is something.
    """
    dims, to_world = viewer.dims, world_map(layer, viewer.dims.units)
    before = dims.ndim - layer.ndim  # axes of the viewer that the layer has not
    place = to_world.linear @ middle + to_world.offset
    for axis in dims.not_displayed:
        if axis >= before:
            dims.set_point(axis, float(place[axis - before]))
    shown = [axis - before for axis in dims.displayed if axis >= before]
    if len(shown) < len(dims.displayed):
        return
    corners = np.array(list(product(*bounds[:, shown].T)))
    rest = np.tile(middle, (len(corners), 1))
    rest[:, shown] = corners
    world = (rest @ to_world.linear.T + to_world.offset)[:, shown]  # (2**k, k)
    whole = np.ptp(layer.bounds[:, shown] @ np.abs(to_world.linear[np.ix_(shown, shown)]).T, axis=0)
    size = np.maximum(np.ptp(world, axis=0), SMALLEST * max(float(whole.max()), 1e-30))
    canvas = np.array(viewer.canvas.viewbox_size(viewer.layers), dtype=np.float64)
    camera = camera_of(viewer)
    centre = (world.min(axis=0) + world.max(axis=0)) / 2
    camera.center = (*camera.center[: 3 - len(shown)], *centre.tolist())
    in_view = canvas.min() / np.linalg.norm(size) if len(shown) == 3 else (canvas / size[-2:]).min()
    camera.zoom = FILLED * float(in_view)
