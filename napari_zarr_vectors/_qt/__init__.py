"""Widgets: they show and ask, and hold no logic."""

from napari_zarr_vectors._qt._while_shown import WhileShown
from napari_zarr_vectors._qt.display import DisplayDock, DisplayPanel
from napari_zarr_vectors._qt.extract import ExtractDock
from napari_zarr_vectors._qt.objects import ObjectsDock

__all__ = ["DisplayDock", "DisplayPanel", "ExtractDock", "ObjectsDock", "WhileShown"]
