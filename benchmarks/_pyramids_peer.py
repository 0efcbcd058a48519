"""The public package zarr-vectors 0.9.2, run by an interpreter of its own. Its coarse levels have no attributes."""

from _cloud import BINS, EDGE
from _shapes import CHUNKS

import zarr_vectors
from zarr_vectors.multiresolution.coarsen import build_pyramid
from zarr_vectors.types.points import write_points
from zarr_vectors.types.polylines import write_polylines

FACTORS = [(2.0, 1.0)] * 3


def points_write(path, data, chunks):
    edge = EDGE / chunks
    shapes = {"chunk_shape": (edge,) * 3, "bin_shape": (edge / BINS,) * 3}
    write_points(path, data["positions"], **shapes, attributes={n: data[n] for n in "ab"})


def lines_write(path, data, chunks):
    edge = EDGE / CHUNKS
    write_polylines(path, list(data["lines"]), chunk_shape=(edge,) * 3, bin_shape=(edge / BINS,) * 3)


def points_build(path):
    build_pyramid(path, factors=FACTORS)


lines_build = points_build


def counts(path):
    store = zarr_vectors.open(path)
    return [store.level(level).vertex_count for level in sorted(store.levels, key=int)]
