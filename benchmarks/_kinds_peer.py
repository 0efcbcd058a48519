"""The public package zarr-vectors 0.9.2, run by an interpreter of its own.

It has no way to read some objects of a graph or a mesh. Its boxes are closed and those of lines give what has a chunk
in common with them, which is more than was asked for; it is asked for the first few of the boxes only, as each takes
long, and times are a box.
"""

from _shapes import BINS, BOX_EDGE, CHUNKS, EDGE, box_corners

from zarr_vectors.types.graphs import read_graph, write_graph
from zarr_vectors.types.meshes import read_mesh, write_mesh
from zarr_vectors.types.points import read_points, write_points
from zarr_vectors.types.polylines import read_polylines, write_polylines

LAYOUT = {"chunk_shape": (EDGE / CHUNKS,) * 3, "bin_shape": (EDGE / CHUNKS / BINS,) * 3}
SOME_BOXES = 4


def points_write(path, data):
    write_points(path, data["positions"], object_ids=data["owner"], **LAYOUT)


def points_ids(path, data):
    return len(read_points(path, object_ids=data["ids"].tolist())["positions"])


def lines_write(path, data):
    write_polylines(path, list(data["lines"]), **LAYOUT)


def lines_read(path, data):
    found = read_polylines(path)
    return len(found["polylines"]), found["vertex_count"]


def lines_ids(path, data):
    found = read_polylines(path, object_ids=data["ids"].tolist())
    return len(found["polylines"]), found["vertex_count"]


def lines_box(path, data):
    return [len(read_polylines(path, bbox=(lo, lo + BOX_EDGE))["polylines"]) for lo in box_corners()[:SOME_BOXES]]


def graph_write(path, data):
    write_graph(path, data["nodes"], data["edges"], object_ids=data["owner"], **LAYOUT)


def graph_read(path, data):
    found = read_graph(path)
    return len(found["positions"]), len(found["edges"])


def graph_box(path, data):
    return [len(read_graph(path, bbox=(lo, lo + BOX_EDGE))["edges"]) for lo in box_corners()[:SOME_BOXES]]


def skeleton_write(path, data):
    write_graph(path, data["nodes"], data["edges"], object_ids=data["owner"], kind="skeleton", **LAYOUT)


skeleton_read, skeleton_box = graph_read, graph_box


def mesh_write(path, data):
    owner = {"object_ids": data["owner"]} if "owner" in data else {}
    write_mesh(path, data["vertices"], data["faces"], **owner, **LAYOUT)


def mesh_read(path, data):
    found = read_mesh(path)
    return len(found["vertices"]), len(found["faces"])


def mesh_box(path, data):
    return [len(read_mesh(path, bbox=(lo, lo + BOX_EDGE))["faces"]) for lo in box_corners()[:SOME_BOXES]]
