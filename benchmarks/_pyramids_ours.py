"""Our side of the benchmark of pyramids, laid out as the peer and the limit are: one file a cell."""

import numpy as np
from _cloud import BINS, EDGE

from zarr_vectors.lazy import open_zv
from zarr_vectors.multiresolution.coarsen import build_pyramid
from zarr_vectors.types.graphs import write_graph
from zarr_vectors.types.lines import write_lines
from zarr_vectors.types.meshes import write_mesh
from zarr_vectors.types.points import write_points
from zarr_vectors.types.polylines import write_polylines

FACTORS = [(2, 1)] * 3
SPARSER = [(1, 2)] * 3  # segments have nothing to simplify


def points_write(path, data, chunks):
    edge = EDGE / chunks
    shapes = {"chunk_shape": edge, "bin_shape": edge / BINS, "shard_shape": 1}
    write_points(path, data["positions"], **shapes, attributes={n: data[n] for n in "ab"}, compressor="none")


def lines_write(path, data, chunks):
    write_polylines(path, list(data["lines"]), **_shapes(chunks))


def segments_write(path, data, chunks):
    write_lines(path, data["lines"], **_shapes(chunks))


def skeletons_write(path, data, chunks):
    write_graph(
        path, data["positions"], data["edges"], object_ids=data["owner"], geometry_type="skeleton", **_shapes(chunks)
    )


def owned_write(path, data, chunks):
    owner = np.random.default_rng(1).integers(0, 100, len(data["positions"]))
    write_points(path, data["positions"], object_ids=owner, attributes={n: data[n] for n in "ab"}, **_shapes(chunks))


def mesh_write(path, data, chunks):
    write_mesh(path, data["positions"], data["faces"], object_ids=data.get("owner"), **_shapes(chunks))


balls_write = mesh_write


def _shapes(chunks):
    edge = EDGE / chunks
    return {"chunk_shape": edge, "bin_shape": edge / BINS, "shard_shape": 1, "compressor": "none"}


def points_build(path):
    build_pyramid(path, FACTORS)


def segments_build(path):
    build_pyramid(path, SPARSER)


lines_build = skeletons_build = owned_build = mesh_build = balls_build = points_build


def counts(path):
    """Give the vertices of each level."""
    with open_zv(path) as store:
        return [store.vertex_count(level) for level in store.levels]
