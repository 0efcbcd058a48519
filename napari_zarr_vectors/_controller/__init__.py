"""Wires camera -> plan -> stream -> layer; knows no window."""

from napari_zarr_vectors._controller._open import open_layer
from napari_zarr_vectors._controller._running import engine_of, status_of

__all__ = ["engine_of", "open_layer", "status_of"]
