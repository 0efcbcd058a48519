"""Zarr Vectors: chunked, multi-resolution points, lines, graphs and meshes on Zarr v3."""

from zarr_vectors.exceptions import ZarrVectorsError
from zarr_vectors.lazy import open_zv

__all__ = ["ZarrVectorsError", "__version__", "open_zv"]

__version__ = "0.1.0"
