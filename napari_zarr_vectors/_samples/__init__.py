"""Sample clouds, made from a seed by plain numpy: nothing to download, the same bytes on every machine.

Axis order of all positions is ``(z, y, x)``, so that napari's first view looks down on the subject.
"""

from __future__ import annotations

from napari_zarr_vectors._samples._sample import PointSample
from napari_zarr_vectors._samples.galaxy import spiral_galaxy
from napari_zarr_vectors._samples.stores import SAMPLES, SampleStore, has_sample_store, sample_store
from napari_zarr_vectors._samples.terrain import lidar_terrain

__all__ = [
    "SAMPLES",
    "PointSample",
    "SampleStore",
    "has_sample_store",
    "lidar_terrain",
    "sample_store",
    "spiral_galaxy",
]
