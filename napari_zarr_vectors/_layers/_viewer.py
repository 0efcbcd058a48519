"""The viewer that is open, where it looks from, and units that napari knows."""

from __future__ import annotations

import inspect
from collections.abc import Sequence

import napari
import pint
from napari.layers import Layer
from napari.viewer import Viewer

from napari_zarr_vectors._layers._napari import native_canvas
from napari_zarr_vectors._layers._snapshot import camera_of

__all__ = ["LAYER_OPTIONS", "current_viewer", "has_window", "known_units", "look"]

LAYER_OPTIONS = tuple(set(inspect.signature(Layer.__init__).parameters) - {"self", "data", "ndim", "multiscale"})
"""What napari takes for a layer of any kind: name, scale, opacity, ..."""

Angles = tuple[float, float, float]


def current_viewer() -> Viewer | None:
    """Give the viewer in front; None where napari runs without one."""
    viewer: Viewer | None = napari.current_viewer()
    return viewer


def has_window(viewer: Viewer) -> bool:
    """Whether a viewer is shown anywhere."""
    return native_canvas(viewer) is not None


def look(viewer: Viewer, *, angles: Angles, zoom: float) -> None:
    """Look at everything in 3-D from these angles (degrees), `zoom` times as near as fits."""
    viewer.dims.ndisplay = 3
    viewer.reset_view()
    camera = camera_of(viewer)
    camera.angles = angles
    camera.zoom *= zoom


def known_units(units: Sequence[str | None]) -> tuple[str, ...] | None:
    """Give units as napari takes them: all of them lengths or times it knows, else None."""
    registry = pint.get_application_registry()
    out = []
    for unit in units:
        if unit is None or unit not in registry:
            return None
        out.append(unit)
    return tuple(out)
