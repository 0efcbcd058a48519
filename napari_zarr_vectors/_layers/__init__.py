"""The only bridge to napari: layer, visual, camera snapshot, clock."""

from napari_zarr_vectors._layers._apart import run_apart
from napari_zarr_vectors._layers._background import Background
from napari_zarr_vectors._layers._clock import Clock
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
from napari_zarr_vectors._layers._snapshot import snapshot
from napari_zarr_vectors._layers._viewer import LAYER_OPTIONS, current_viewer, known_units, look
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
    "PagePool",
    "Prepared",
    "StreamHandle",
    "StreamingLayer",
    "StreamingLines",
    "StreamingPoints",
    "StreamingSurface",
    "ValueInfo",
    "Window",
    "current_viewer",
    "fly_to",
    "is_napari_mishap",
    "known_units",
    "look",
    "notify",
    "refusal",
    "register",
    "run_apart",
    "snapshot",
]
