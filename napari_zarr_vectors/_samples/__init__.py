"""Samples of each kind, made from a seed by plain numpy: nothing to download, the same bytes on every machine.

Axis order of all positions is ``(z, y, x)``, time before them, so that napari's first view looks down on the subject.
"""

from __future__ import annotations

from napari_zarr_vectors._samples._sample import LineSample, MeshSample, PointSample, Sample, TreeSample
from napari_zarr_vectors._samples.galaxy import spiral_galaxy
from napari_zarr_vectors._samples.neurons import cortex_neurons
from napari_zarr_vectors._samples.stores import SAMPLES, SampleStore, has_sample_store, sample_store
from napari_zarr_vectors._samples.surface import brain_surface
from napari_zarr_vectors._samples.terrain import lidar_terrain
from napari_zarr_vectors._samples.timelapse import embryo
from napari_zarr_vectors._samples.tractogram import tractogram

__all__ = [
    "SAMPLES",
    "LineSample",
    "MeshSample",
    "PointSample",
    "Sample",
    "SampleStore",
    "TreeSample",
    "brain_surface",
    "cortex_neurons",
    "embryo",
    "has_sample_store",
    "lidar_terrain",
    "sample_store",
    "spiral_galaxy",
    "tractogram",
]
