"""Wires camera -> plan -> stream -> layer; knows no window."""

from napari_zarr_vectors._controller._extract import extract
from napari_zarr_vectors._controller._open import open_layer
from napari_zarr_vectors._controller._running import engine_of, status_of
from napari_zarr_vectors._controller._still import save_still

__all__ = ["engine_of", "extract", "open_layer", "save_still", "status_of"]
