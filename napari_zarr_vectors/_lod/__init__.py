"""Camera, tree, plan: what to show, read and drop. Pure numpy."""

from napari_zarr_vectors._lod.camera import CameraState
from napari_zarr_vectors._lod.few import FewPlan, chunks_in, plan_few
from napari_zarr_vectors._lod.first import plan_first
from napari_zarr_vectors._lod.options import LodOptions
from napari_zarr_vectors._lod.plan import LodPlan
from napari_zarr_vectors._lod.region import Count, Region, box_region, count_in, seen_region
from napari_zarr_vectors._lod.residency import Residency, empty_residency
from napari_zarr_vectors._lod.tree import Tree, build_tree

__all__ = [
    "CameraState",
    "Count",
    "FewPlan",
    "LodOptions",
    "LodPlan",
    "Region",
    "Residency",
    "Tree",
    "box_region",
    "build_tree",
    "chunks_in",
    "count_in",
    "empty_residency",
    "plan_few",
    "plan_first",
    "seen_region",
]
