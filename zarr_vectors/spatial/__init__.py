"""Coordinates to chunks, bins and order; pure numpy, no storage."""

from zarr_vectors.spatial.bbox import BoxLike, as_box, chunks_of_box, extent, inside, upper_edge
from zarr_vectors.spatial.binning import BinGrid, DividedGrid, bins_per_chunk, group_order, run_starts, sort_order
from zarr_vectors.spatial.clip import ClippedLines, clip_lines
from zarr_vectors.spatial.hashing import GOLDEN, mix_bits, splitmix64
from zarr_vectors.spatial.lookup import ChunkLookup
from zarr_vectors.spatial.planes import as_planes, inside_planes, meets_planes

__all__ = [
    "GOLDEN",
    "BinGrid",
    "BoxLike",
    "ChunkLookup",
    "ClippedLines",
    "DividedGrid",
    "as_box",
    "as_planes",
    "bins_per_chunk",
    "chunks_of_box",
    "clip_lines",
    "extent",
    "group_order",
    "inside",
    "inside_planes",
    "meets_planes",
    "mix_bits",
    "run_starts",
    "sort_order",
    "splitmix64",
    "upper_edge",
]
