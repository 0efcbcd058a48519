"""Sample stores on disk: made once in the user's cache, then opened like any other store."""

from __future__ import annotations

import os
import shutil
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_zarr_vectors._samples.galaxy import spiral_galaxy
from napari_zarr_vectors._samples.terrain import lidar_terrain
from zarr_vectors.core.store import load_store
from zarr_vectors.exceptions import ZarrVectorsError
from zarr_vectors.multiresolution.coarsen import build_pyramid
from zarr_vectors.types.points import write_points

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from napari_zarr_vectors._samples._sample import PointSample

__all__ = ["SAMPLES", "SampleStore", "has_sample_store", "sample_store"]


VERSION = 2
"""Of the generators: a store that was made by another version is made anew."""


@dataclass(frozen=True, slots=True)
class SampleStore:
    """A sample, how many points of it there are, and how it looks best.

    Attributes
    ----------
    make : callable
        Gives the cloud for a number of points.
    points : int
    display : dict
        Keywords of `open_layer`.
    angles : (3,) float
        Of a 3-D camera, degrees.
    zoom : float
        In times the zoom that shows everything.
    """

    make: Callable[[int], PointSample]
    points: int
    display: Mapping[str, Any]
    angles: tuple[float, float, float]
    zoom: float


_GALAXY: Mapping[str, Any] = {
    "color_by": "rgb",
    "size": 2.0,
    "shading": "soft",
    "blending": "additive",
    "opacity": 0.08,
}
_TERRAIN: Mapping[str, Any] = {"color_by": "rgb", "size": 2.8, "size_mode": "world", "blending": "opaque"}
_SPARSE: Mapping[str, Any] = {**_TERRAIN, "size": 10.0}  # a twentieth of the points, each as much larger
_TILT = (0.0, -35.0, 55.0)
_OVER = (0.0, -25.0, 60.0)

SAMPLES: Mapping[str, SampleStore] = {
    "galaxy": SampleStore(spiral_galaxy, 2_000_000, _GALAXY, _TILT, 1.9),
    "galaxy-1m": SampleStore(spiral_galaxy, 1_000_000, _GALAXY, _TILT, 1.9),
    "terrain": SampleStore(lidar_terrain, 2_000_000, _TERRAIN, _OVER, 1.2),
    "terrain-small": SampleStore(lidar_terrain, 100_000, _SPARSE, _OVER, 1.2),
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
            _write(place, sample.make(sample.points))
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


def _write(place: Path, sample: PointSample) -> None:
    """Write beside the place and move there, so that two napari windows may make it at once."""
    making = place.with_name(f".{place.name}.{os.getpid()}")
    making.parent.mkdir(parents=True, exist_ok=True)
    try:
        write_points(
            making,
            sample.positions,
            chunk_shape=sample.chunk_shape,
            bin_shape=sample.bin_shape,
            attributes=sample.attributes,
            axes=sample.axes,
            axis_units=sample.units,
            coordinate_system={"sample_version": VERSION},
            overwrite=True,
        )
        build_pyramid(making, sample.factors)
        shutil.rmtree(place, ignore_errors=True)
        making.rename(place)
    finally:
        shutil.rmtree(making, ignore_errors=True)
