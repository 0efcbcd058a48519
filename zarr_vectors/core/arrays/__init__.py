"""One array family a file: cells, vertices and their attributes, fragments."""

from zarr_vectors.core.arrays._fragments import read_fragment_index

__all__ = ["read_fragment_index"]
