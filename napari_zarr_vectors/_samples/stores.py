"""Sample stores on disk: made once in the user's cache, then opened like any other store."""

from __future__ import annotations

import os
import shutil
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_zarr_vectors._samples._write import write_sample
from napari_zarr_vectors._samples.galaxy import spiral_galaxy
from napari_zarr_vectors._samples.neurons import cortex_neurons
from napari_zarr_vectors._samples.surface import brain_surface
from napari_zarr_vectors._samples.terrain import lidar_terrain
from napari_zarr_vectors._samples.timelapse import embryo
from napari_zarr_vectors._samples.tractogram import tractogram
from zarr_vectors.core.store import load_store
from zarr_vectors.exceptions import ZarrVectorsError
from zarr_vectors.multiresolution.coarsen import build_pyramid

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from napari_zarr_vectors._samples._sample import Sample

__all__ = ["SAMPLES", "SampleStore", "has_sample_store", "sample_store"]


VERSION = 2
"""Of the generators: a store that was made by another version is made anew."""


@dataclass(frozen=True, slots=True)
class SampleStore:
    """A sample, how much of it there is, and how it looks best.

    Attributes
    ----------
    make : callable
        Gives the sample for an amount.
    amount : int
        Points, or what `unit` says.
    display : dict
        Keywords of `open_layer`.
    angles : (3,) float
        Of a 3-D camera, degrees.
    zoom : float
        In times the zoom that shows everything.
    unit : str
        What `amount` counts.
    """

    make: Callable[[int], Sample]
    amount: int
    display: Mapping[str, Any]
    angles: tuple[float, float, float]
    zoom: float
    unit: str = "points"


_GALAXY: Mapping[str, Any] = {
    "color_by": "rgb",
    "size": 2.0,
    "shading": "soft",
    "blending": "additive",
    "opacity": 0.08,
}
# Returns lie 1.8 m apart, on water and steep rock farther: so large, the ground is closed.
_TERRAIN: Mapping[str, Any] = {"color_by": "rgb", "size": 6.5, "size_mode": "world", "blending": "opaque"}
_SPARSE: Mapping[str, Any] = {**_TERRAIN, "size": 25.0}  # a twentieth of the points, each as much larger
_TRACTS: Mapping[str, Any] = {"color_by": "direction", "size": 0.5, "size_mode": "world", "blending": "opaque"}
_NEURONS: Mapping[str, Any] = {"color_by": "rgb", "size": 2.0, "size_mode": "world", "blending": "opaque"}
_SURFACE: Mapping[str, Any] = {"color_by": "depth", "colormap": "I Bordeaux", "blending": "opaque"}
_CELLS: Mapping[str, Any] = {
    "color_by": "rgb",
    "size": 16.0,
    "size_mode": "world",
    "shading": "round",
    "blending": "opaque",
}
_TILT = (0.0, -35.0, 55.0)
_FRONT = (58.0, 0.0, -69.6)
_BACK = (38.7, 0.0, -72.7)
_FLAT = (5.7, 0.0, -83.2)
_OVER = (0.0, -25.0, 60.0)

SAMPLES: Mapping[str, SampleStore] = {
    "galaxy": SampleStore(spiral_galaxy, 2_000_000, _GALAXY, _TILT, 1.9),
    "galaxy-1m": SampleStore(spiral_galaxy, 1_000_000, _GALAXY, _TILT, 1.9),
    "terrain": SampleStore(lidar_terrain, 2_000_000, _TERRAIN, _OVER, 1.05),
    "terrain-small": SampleStore(lidar_terrain, 100_000, _SPARSE, _OVER, 1.05),
    "tractogram": SampleStore(tractogram, 20_000, _TRACTS, _FRONT, 1.1, "streamlines"),
    "neurons": SampleStore(cortex_neurons, 200, _NEURONS, _FLAT, 1.15, "neurons"),
    "surface": SampleStore(brain_surface, 360_000, _SURFACE, _FRONT, 1.0, "faces"),
    "timelapse": SampleStore(embryo, 32_000, _CELLS, _BACK, 0.8, "cells"),
}


def cache_folder() -> Path:
    """Give the folder for samples: where the system keeps caches of this user."""
    if sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    elif sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "napari-zarr-vectors"


def sample_store(name: str, folder: Path | None = None) -> Path:
    """Give the path of a sample store, made if it is not there yet.

    Parameters
    ----------
    name : str
        A key of `SAMPLES`.
    folder : Path, optional
        Where samples are kept; default the user's cache.
    """
    sample = SAMPLES[name]
    place = _sample_place(name, folder)
    with _MAKING:
        if not _is_whole(place):
            _write(place, sample.make(sample.amount))
    return place


_MAKING = threading.Lock()
"""One at a time: whoever asks for a sample that is being made waits for it."""


def has_sample_store(name: str, folder: Path | None = None) -> bool:
    """Tell whether `sample_store` would give the store at once."""
    return _is_whole(_sample_place(name, folder))


def _sample_place(name: str, folder: Path | None) -> Path:
    return (folder or cache_folder()) / f"{name}.zarrvectors"


def _is_whole(place: Path) -> bool:
    """Tell whether the store was made by this version of the generators."""
    try:
        root = load_store(place).root
    except (ZarrVectorsError, OSError):
        return False
    return bool(root.crs == {"sample_version": VERSION})


def _write(place: Path, sample: Sample) -> None:
    """Write beside the place and move there, so that two napari windows may make it at once."""
    making = place.with_name(f".{place.name}.{os.getpid()}")
    making.parent.mkdir(parents=True, exist_ok=True)
    try:
        write_sample(making, sample, coordinate_system={"sample_version": VERSION})
        build_pyramid(making, sample.factors)
        shutil.rmtree(place, ignore_errors=True)
        making.rename(place)
    finally:
        shutil.rmtree(making, ignore_errors=True)
