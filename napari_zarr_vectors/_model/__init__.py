"""What a person sets and reads, as evented values that know neither napari nor Qt."""

from napari_zarr_vectors._model.display import DisplayStyle
from napari_zarr_vectors._model.filter import DisplayFilter
from napari_zarr_vectors._model.lod import LodControl, LodStatus
from napari_zarr_vectors._model.selection import ObjectSelection
from napari_zarr_vectors._model.timings import Timings

__all__ = ["DisplayFilter", "DisplayStyle", "LodControl", "LodStatus", "ObjectSelection", "Timings"]
