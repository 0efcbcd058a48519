"""Decoded chunks -> vertex buffers; pure numpy, runs on the loader's threads."""

from napari_zarr_vectors._build.places import place_interval, place_keys, place_shape
from napari_zarr_vectors._build.points import BuiltChunk, build_points, pack_rgb, row_range, unpack_rgb
from napari_zarr_vectors._build.weights import Below

__all__ = [
    "Below",
    "BuiltChunk",
    "build_points",
    "pack_rgb",
    "place_interval",
    "place_keys",
    "place_shape",
    "row_range",
    "unpack_rgb",
]
