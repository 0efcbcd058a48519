"""The public package zarr-vectors 0.9.2, run by an interpreter of its own."""

import numpy as np
from _shapes import BINS, CHUNKS, EDGE

from zarr_vectors.types.graphs import read_graph, write_graph
from zarr_vectors.types.meshes import read_mesh, write_mesh
from zarr_vectors.types.polylines import read_polylines, write_polylines

LAYOUT = {"chunk_shape": (EDGE / CHUNKS,) * 3, "bin_shape": (EDGE / CHUNKS / BINS,) * 3}


def lines_write(path, data):
    write_polylines(path, list(data["lines"]), **LAYOUT)


def lines_read(path, data):
    found = read_polylines(path)
    return len(found["polylines"]), sum(map(len, found["polylines"]))


def lines_ids(path, data):
    found = read_polylines(path, object_ids=data["ids"].tolist())
    return len(found["polylines"]), sum(map(len, found["polylines"]))


def lines_box(path, data):
    # Its box is closed and gives whole lines that have a chunk in common with it; only the time is compared.
    return (len(read_polylines(path, bbox=(np.full(3, 375.0), np.full(3, 625.0)))["polylines"]),)


def graph_write(path, data):
    write_graph(path, data["nodes"], data["edges"], object_ids=data["owner"], **LAYOUT)


def graph_read(path, data):
    found = read_graph(path)
    return len(found["positions"]), len(found["edges"])


def mesh_write(path, data):
    write_mesh(path, data["vertices"], data["faces"], **LAYOUT)


def mesh_read(path, data):
    found = read_mesh(path)
    return len(found["vertices"]), len(found["faces"])
