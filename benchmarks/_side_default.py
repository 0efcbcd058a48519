"""Our side as callers get it who choose no layout: many chunks share files (shards)."""

from _cloud import BINS, EDGE
from _side_ours import boxes, iterate, read_all

from zarr_vectors.types.points import write_points

__all__ = ["boxes", "iterate", "read_all", "write"]


def write(path, positions, attributes, chunks):
    edge = EDGE / chunks
    write_points(path, positions, chunk_shape=edge, bin_shape=edge / BINS, attributes=attributes, compressor="none")
