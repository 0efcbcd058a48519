"""Decoded chunks -> vertex buffers; pure numpy, runs on the loader's threads."""

from napari_zarr_vectors._build.chunk import NO_OBJECT, BuiltChunk, concatenated, row_range
from napari_zarr_vectors._build.linked import LinkedPart, Place, build_segments, build_triangles
from napari_zarr_vectors._build.picking import Hit, Sight, nearest, to_pixels
from napari_zarr_vectors._build.places import place_interval, place_keys, place_shape
from napari_zarr_vectors._build.points import build_points, pack_rgb, unpack_rgb
from napari_zarr_vectors._build.values import HIDDEN_VALUE, MISSING_VALUE, Far, ValueMap, compact
from napari_zarr_vectors._build.weights import Below

__all__ = [
    "HIDDEN_VALUE",
    "MISSING_VALUE",
    "NO_OBJECT",
    "Below",
    "BuiltChunk",
    "Far",
    "Hit",
    "LinkedPart",
    "Place",
    "Sight",
    "ValueMap",
    "build_points",
    "build_segments",
    "build_triangles",
    "compact",
    "concatenated",
    "nearest",
    "pack_rgb",
    "place_interval",
    "place_keys",
    "place_shape",
    "row_range",
    "to_pixels",
    "unpack_rgb",
]
