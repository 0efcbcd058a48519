"""Our side of the benchmark of pyramids, laid out as the peer and the limit are: one file a cell."""

from _cloud import BINS, EDGE
from _shapes import CHUNKS

from zarr_vectors.lazy import open_zv
from zarr_vectors.multiresolution.coarsen import build_pyramid
from zarr_vectors.types.points import write_points
from zarr_vectors.types.polylines import write_polylines

FACTORS = [(2, 1)] * 3


def points_write(path, data, chunks):
    edge = EDGE / chunks
    shapes = {"chunk_shape": edge, "bin_shape": edge / BINS, "shard_shape": 1}
    write_points(path, data["positions"], **shapes, attributes={n: data[n] for n in "ab"}, compressor="none")


def lines_write(path, data, chunks):
    edge = EDGE / CHUNKS
    shapes = {"chunk_shape": edge, "bin_shape": edge / BINS, "shard_shape": 1}
    write_polylines(path, list(data["lines"]), **shapes, compressor="none")


def points_build(path):
    build_pyramid(path, FACTORS)


lines_build = points_build


def counts(path):
    """Give the vertices of each level."""
    with open_zv(path) as store:
        return [store.vertex_count(level) for level in store.levels]
