"""Long work on a thread of its own: with progress, a way to cancel it and an end. No napari, no Qt."""

from napari_zarr_vectors._jobs.features import edge_features, line_features, vertex_features
from napari_zarr_vectors._jobs.folder import check_free, is_store
from napari_zarr_vectors._jobs.job import Job, Step
from napari_zarr_vectors._jobs.part import (
    Extracted,
    Part,
    PartObjects,
    count_part,
    extract_part,
    left_out,
    refuse_too_large,
    spare_bytes,
)
from napari_zarr_vectors._jobs.saving import write_extracted

__all__ = [
    "Extracted",
    "Job",
    "Part",
    "PartObjects",
    "Step",
    "check_free",
    "count_part",
    "edge_features",
    "extract_part",
    "is_store",
    "left_out",
    "line_features",
    "refuse_too_large",
    "spare_bytes",
    "vertex_features",
    "write_extracted",
]
