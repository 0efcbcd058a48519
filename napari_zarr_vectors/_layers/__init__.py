"""The only bridge to napari: layer, visual, camera snapshot, clock."""

from napari_zarr_vectors._layers._apart import run_apart
from napari_zarr_vectors._layers._background import Background
from napari_zarr_vectors._layers._clock import Clock
from napari_zarr_vectors._layers._colored import napari_size
from napari_zarr_vectors._layers._extracted import Look, Net, Paths, Shells, layers_of
from napari_zarr_vectors._layers._fallback import MOST_POINTS, FallbackPoints
from napari_zarr_vectors._layers._flying import fly_to
from napari_zarr_vectors._layers._highlight import ChosenObjects, Highlight
from napari_zarr_vectors._layers._layer import (
    LevelInfo,
    StreamHandle,
    StreamingLayer,
    StreamingLines,
    StreamingPoints,
    StreamingSurface,
    ValueInfo,
)
from napari_zarr_vectors._layers._napari import REASON, is_napari_mishap, refusal
from napari_zarr_vectors._layers._notify import notify
from napari_zarr_vectors._layers._pool import PagePool, Prepared
from napari_zarr_vectors._layers._snapshot import (
    ViewerState,
    camera_of,
    clips_of,
    snapshot,
    viewer_state,
    world_step,
    world_unit,
)
from napari_zarr_vectors._layers._still import canvas_picture, save_png
from napari_zarr_vectors._layers._viewer import LAYER_OPTIONS, current_viewer, has_window, known_units, look
from napari_zarr_vectors._layers._waiting import wait_alive
from napari_zarr_vectors._layers._window import Window
from napari_zarr_vectors._layers._wrapper import register

__all__ = [
    "LAYER_OPTIONS",
    "MOST_POINTS",
    "REASON",
    "Background",
    "ChosenObjects",
    "Clock",
    "FallbackPoints",
    "Highlight",
    "LevelInfo",
    "Look",
    "Net",
    "PagePool",
    "Paths",
    "Prepared",
    "Shells",
    "StreamHandle",
    "StreamingLayer",
    "StreamingLines",
    "StreamingPoints",
    "StreamingSurface",
    "ValueInfo",
    "ViewerState",
    "Window",
    "camera_of",
    "canvas_picture",
    "clips_of",
    "current_viewer",
    "fly_to",
    "has_window",
    "is_napari_mishap",
    "known_units",
    "layers_of",
    "look",
    "napari_size",
    "notify",
    "refusal",
    "register",
    "run_apart",
    "save_png",
    "snapshot",
    "viewer_state",
    "wait_alive",
    "world_step",
    "world_unit",
]
