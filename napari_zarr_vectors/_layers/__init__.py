"""The only bridge to napari: layer, visual, camera snapshot, clock."""

from napari_zarr_vectors._layers._clock import Clock
from napari_zarr_vectors._layers._fallback import FallbackPoints
from napari_zarr_vectors._layers._layer import LevelInfo, StreamHandle, StreamingPoints, ValueInfo
from napari_zarr_vectors._layers._napari import REASON
from napari_zarr_vectors._layers._notify import notify
from napari_zarr_vectors._layers._pool import PagePool
from napari_zarr_vectors._layers._snapshot import snapshot
from napari_zarr_vectors._layers._viewer import current_viewer, known_units
from napari_zarr_vectors._layers._window import Window
from napari_zarr_vectors._layers._wrapper import register

__all__ = [
    "REASON",
    "Clock",
    "FallbackPoints",
    "LevelInfo",
    "PagePool",
    "StreamHandle",
    "StreamingPoints",
    "ValueInfo",
    "Window",
    "current_viewer",
    "known_units",
    "notify",
    "register",
    "snapshot",
]
