"""Pyramids of every kind: the peer validates them at its highest level and reads every level of them."""

from __future__ import annotations

from shutil import copytree

import numpy as np
import pytest

from tests.interop.peer import accepts, judge
from zarr_vectors.lazy import open_zv
from zarr_vectors.multiresolution.coarsen import build_pyramid
from zarr_vectors.types.graphs import write_graph
from zarr_vectors.types.lines import write_lines
from zarr_vectors.types.meshes import write_mesh
from zarr_vectors.types.points import write_points
from zarr_vectors.types.polylines import write_polylines

pytestmark = pytest.mark.interop

RNG = np.random.default_rng(0)
WALK = np.cumsum(RNG.normal(size=(12, 40, 3)), axis=1).astype("f4")
PARENT = np.array([max(0, i - int(RNG.integers(1, 4))) for i in range(1, 300)])
TREE = np.stack([np.arange(1, 300), PARENT], axis=1)
NODES = np.zeros((300, 3), "f4")
for child, parent in TREE:
    NODES[child] = NODES[parent] + RNG.normal(size=3)
GRID = np.stack(np.meshgrid(np.arange(20.0), np.arange(20.0), indexing="ij"), axis=-1).reshape(-1, 2)
CORNER = np.arange(400).reshape(20, 20)[:-1, :-1].reshape(-1)
FACES = np.concatenate(
    [np.stack([CORNER, CORNER + 20, CORNER + 21], 1), np.stack([CORNER, CORNER + 21, CORNER + 1], 1)]
)
SHEET = np.append(GRID, np.sin(GRID[:, :1] / 3), axis=1).astype("f4")
LAYOUT = {"chunk_shape": 8.0, "bin_shape": 2.0}
OBJECTS = {"object_attributes": {"size": np.arange(12.0)}, "groups": {"few": [0, 3]}}

WRITERS = {
    "polyline": lambda path: write_polylines(
        path, list(WALK), vertex_attributes={"fa": [line[:, 0] for line in WALK]}, **OBJECTS, **LAYOUT
    ),
    "streamline": lambda path: write_polylines(path, list(WALK), geometry_type="streamline", **LAYOUT),
    "line": lambda path: write_lines(path, WALK[:, :2], **LAYOUT),
    "skeleton": lambda path: write_graph(
        path, NODES, TREE, geometry_type="skeleton", vertex_attributes={"radius": NODES[:, 0]}, **LAYOUT
    ),
    "graph": lambda path: write_graph(path, NODES, TREE, edge_attributes={"w": np.arange(299)}, **LAYOUT),
    "mesh": lambda path: write_mesh(path, SHEET, FACES, vertex_attributes={"z": SHEET[:, 2]}, **LAYOUT),
    "points": lambda path: write_points(path, NODES, attributes={"x": NODES[:, 0]}, **LAYOUT),
    "objects": lambda path: write_points(path, NODES, object_ids=np.arange(300) % 7, **LAYOUT),
}


@pytest.fixture(scope="session")
def judged(peer_python, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pyramids")
    for name, write in WRITERS.items():
        write(folder / f"{name}.zv")
        build_pyramid(folder / f"{name}.zv", [(2, 1), (2, 2)])
        copytree(folder / f"{name}.zv", folder / f"{name} linked.zv")
        build_pyramid(
            folder / f"{name} linked.zv", [(2, 1), (2, 2)], cross_level_storage="explicit", cross_level_depth=-1
        )
    names = [*WRITERS, *(f"{name} linked" for name in WRITERS)]
    paths = [folder / f"{name}.zv" for name in names]
    return {name: (path, report) for name, path, report in zip(names, paths, judge(peer_python, paths), strict=True)}


@pytest.mark.parametrize("linked", ["", " linked"])
@pytest.mark.parametrize("name", WRITERS)
def test_the_peer_accepts_and_reads_every_level(judged, name, linked):
    path, report = judged[name + linked]
    accepts(report)
    with open_zv(path) as store:
        assert report["levels"].keys() == {"0", "1", "2"}
        for level in store.levels:
            assert report["levels"][str(level)]["vertex_count"] == store.vertex_count(level)
