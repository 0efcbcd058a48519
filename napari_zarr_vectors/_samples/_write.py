"""A sample of any kind as a store of one level."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_zarr_vectors._samples._sample import LineSample, MeshSample, PointSample, TreeSample
from zarr_vectors.types.graphs import write_graph
from zarr_vectors.types.meshes import write_mesh
from zarr_vectors.types.points import write_points
from zarr_vectors.types.polylines import write_polylines

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy.typing as npt

    from napari_zarr_vectors._samples._sample import ObjectSample, Sample

__all__ = ["write_sample"]


def write_sample(path: Path, sample: Sample, *, coordinate_system: Mapping[str, Any]) -> None:
    """Write a sample in place of whatever store lies at `path`."""
    options: dict[str, Any] = {
        "chunk_shape": sample.chunk_shape,
        "bin_shape": sample.bin_shape,
        "attributes": sample.attributes,
        "object_attributes": sample.object_attributes,
        "groups": sample.groups,
        "axes": [{"name": name, "type": "time" if name == "t" else "space"} for name in sample.axes],
        "axis_units": sample.units,
        "coordinate_system": coordinate_system,
        "overwrite": True,
    }
    match sample:
        case LineSample():
            lines = np.split(sample.positions, sample.offsets[1:-1])
            write_polylines(path, lines, geometry_type="streamline", **options)
        case TreeSample():
            ids = _owners(sample)
            write_graph(path, sample.positions, sample.edges, geometry_type="skeleton", object_ids=ids, **options)
        case MeshSample():
            ids = _owners(sample)
            write_mesh(path, sample.positions, sample.faces, winding_order="ccw", object_ids=ids, **options)
        case PointSample():
            write_points(path, sample.positions, object_ids=sample.object_ids, **options)
        case _:
            raise TypeError(f"{sample.name} is a {type(sample).__name__}, which nothing writes")


def _owners(sample: ObjectSample) -> npt.NDArray[np.int64]:
    """Give the object of each vertex, (N,)."""
    return np.repeat(np.arange(sample.object_count), np.diff(sample.offsets))
