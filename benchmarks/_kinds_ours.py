"""Our side of the benchmark of lines, graphs and meshes: one file a cell, no compressor."""

from _shapes import BINS, BOX_EDGE, CHUNKS, EDGE, box_corners

from zarr_vectors.lazy import open_zv
from zarr_vectors.types.graphs import read_graph, write_graph
from zarr_vectors.types.meshes import read_mesh, write_mesh
from zarr_vectors.types.points import read_points, write_points
from zarr_vectors.types.polylines import read_polylines, write_polylines

LAYOUT = {"chunk_shape": EDGE / CHUNKS, "bin_shape": EDGE / CHUNKS / BINS, "shard_shape": 1, "compressor": "none"}


def points_write(path, data):
    write_points(path, data["positions"], object_ids=data["owner"], **LAYOUT)


def points_ids(path, data):
    return len(read_points(path, object_ids=data["ids"].tolist()).positions)


def lines_write(path, data):
    write_polylines(path, list(data["lines"]), **LAYOUT)


def lines_read(path, data):
    found = read_polylines(path)
    return len(found["polylines"]), len(found.positions)


def lines_ids(path, data):
    found = read_polylines(path, object_ids=data["ids"].tolist())
    return len(found["polylines"]), len(found.positions)


def lines_box(path, data):
    with open_zv(path) as store:
        found = [store.read(bbox=(lo, lo + BOX_EDGE)) for lo in box_corners()]
    return [len(one["polylines"]) for one in found]


def graph_write(path, data):
    write_graph(path, data["nodes"], data["edges"], object_ids=data["owner"], **LAYOUT)


def graph_read(path, data):
    found = read_graph(path)
    return len(found.positions), len(found.edges)


def graph_ids(path, data):
    found = read_graph(path, object_ids=data["ids"].tolist())
    return len(found.positions), len(found.edges)


def graph_box(path, data):
    with open_zv(path) as store:
        found = [store.read(bbox=(lo, lo + BOX_EDGE)) for lo in box_corners()]
    return [len(one.edges) for one in found]


def skeleton_write(path, data):
    more = {"geometry_type": "skeleton", "is_tree": True}
    write_graph(path, data["nodes"], data["edges"], object_ids=data["owner"], **more, **LAYOUT)


skeleton_read, skeleton_ids, skeleton_box = graph_read, graph_ids, graph_box


def mesh_write(path, data):
    owner = {"object_ids": data["owner"]} if "owner" in data else {}
    write_mesh(path, data["vertices"], data["faces"], **owner, **LAYOUT)


def mesh_read(path, data):
    found = read_mesh(path)
    return len(found.positions), len(found.faces)


def mesh_ids(path, data):
    found = read_mesh(path, object_ids=data["ids"].tolist())
    return len(found.positions), len(found.faces)


def mesh_box(path, data):
    with open_zv(path) as store:
        found = [store.read(bbox=(lo, lo + BOX_EDGE)) for lo in box_corners()]
    return [len(one.faces) for one in found]
