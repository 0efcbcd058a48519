"""What every door has in common: values of fragments, ids, edges that join objects, names."""

from __future__ import annotations

import numpy as np
import pytest
from zarr.storage import MemoryStore

from zarr_vectors.exceptions import ArgumentError
from zarr_vectors.lazy import open_zv
from zarr_vectors.types.graphs import read_graph, write_graph
from zarr_vectors.types.lines import read_lines, write_lines
from zarr_vectors.types.meshes import read_mesh, write_mesh
from zarr_vectors.types.polylines import read_polylines, write_polylines

RNG = np.random.default_rng(5)
P = RNG.uniform(-20, 20, (60, 3)).astype("f4")
OWNER = np.sort(RNG.choice([-5, 3, 2**40], 60))
EDGES = np.stack([np.arange(60), (np.arange(60) + 1) % 60], axis=1)
FACES = np.stack([np.arange(58), np.arange(1, 59), np.arange(2, 60)], axis=1)
CHUNK = {"chunk_shape": 10.0}
TIED = {
    "graph": lambda path, **more: write_graph(path, P, EDGES, object_ids=OWNER, **CHUNK, **more),
    "skeleton": lambda path, **more: write_graph(
        path, P, EDGES[:0], object_ids=OWNER, geometry_type="skeleton", **CHUNK, **more
    ),
    "mesh": lambda path, **more: write_mesh(path, P, FACES, object_ids=OWNER, **CHUNK, **more),
}


def fragments(kind) -> dict[tuple[int, ...], np.ndarray]:
    """The object of each fragment by chunk; each node of a skeleton without edges is a tree of its own."""
    cells = np.floor(P.astype("f8") / 10).astype(int)
    held = {c: OWNER[(cells == c).all(axis=1)] for c in set(map(tuple, cells.tolist()))}
    return held if kind == "skeleton" else {c: np.unique(ids) for c, ids in held.items()}


@pytest.mark.parametrize("kind", TIED)
def test_fragments_of_objects_have_attributes(tmp_path, decode, kind):
    owners = fragments(kind)
    pairs = {c: np.stack([ids, -ids], axis=1).astype("f8") for c, ids in owners.items()}
    TIED[kind](tmp_path / "s", fragment_attributes={"object_id": owners, "pair": pairs})
    found = decode(tmp_path / "s")
    expected = np.concatenate([owners[c] for c in found.chunks])
    assert found.column("object_id", "fragment_attributes").tolist() == expected.tolist()
    assert found.column("pair", "fragment_attributes")[:, 1].tolist() == (-expected).tolist()
    with pytest.raises(ArgumentError, match="each of the chunks"):
        TIED[kind](tmp_path / "t", fragment_attributes={"x": {(9, 9, 9): [1]}})
    assert not (tmp_path / "t").exists()


def test_an_edge_that_joins_two_objects_comes_with_both():
    graph, mesh = MemoryStore(), MemoryStore()
    TIED["graph"](graph)
    TIED["mesh"](mesh)
    for ids in ([3], [3, -5], [2**40]):
        nodes = np.flatnonzero(np.isin(OWNER, ids))
        assert read_graph(graph, object_ids=ids).edge_count == np.isin(EDGES, nodes).all(axis=1).sum()
        around = read_graph(graph, object_ids=ids, include_boundary_edges=True)
        assert around.edge_count == np.isin(EDGES, nodes).any(axis=1).sum()
        assert read_mesh(mesh, object_ids=ids).face_count == np.isin(FACES, nodes).all(axis=1).sum()
    assert read_graph(graph).edge_count == 60


LINE_IDS = np.array([7, -3, 2**62, 0])


@pytest.mark.parametrize("kind", ["line", "polyline", "streamline"])
def test_lines_have_any_ids(tmp_path, decode, kind):
    lines = P[:8].reshape(4, 2, 3)
    told = {"object_ids": LINE_IDS, "groups": {"g": [0, 7]}, "object_attributes": {"mass": [1.0, 2.0, 3.0, 4.0]}}
    if kind == "line":
        write_lines(tmp_path / "s", lines, **CHUNK, **told)
        read = read_lines
    else:
        write_polylines(tmp_path / "s", lines, geometry_type=kind, **CHUNK, **told)
        read = read_polylines
    assert decode(tmp_path / "s").objects()[0] == LINE_IDS.tolist()
    found = read(tmp_path / "s", include_object_attributes=True)
    assert found.object_ids.tolist() == LINE_IDS.tolist()
    assert found.object_attributes["mass"].tolist() == [1.0, 2.0, 3.0, 4.0]
    assert found.positions.reshape(4, 2, 3).tolist() == lines.tolist()
    some = read(tmp_path / "s", object_ids=[0, 7])
    assert some.positions.reshape(2, 2, 3).tolist() == lines[[3, 0]].tolist()
    assert read(tmp_path / "s", groups=["g"]).object_ids.tolist() == [7, 0]
    assert read(tmp_path / "s", where={"mass": (">", 2)}).object_ids.tolist() == [2**62, 0]
    with open_zv(tmp_path / "s") as store:
        assert {int(i) for _, chunk in store.iter_chunks() for i in chunk["objects"]} == set(LINE_IDS.tolist())


@pytest.mark.parametrize(
    ("ids", "said"),
    [
        ([1, 1, 2, 3], "1 more than once"), ([1, 2, 3], r"must have shape \(4,\)"), ([0.5, 1, 2, 3], "whole numbers"),
        (np.array([0, 1, 2, 2**63], "u8"), "64 bits"), ("abcd", "must have shape|whole numbers"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("write", [write_lines, write_polylines])
def test_ids_that_cannot_be_are_refused(tmp_path, write, ids, said):
    with pytest.raises(ArgumentError, match=said):
        write(tmp_path / "s", P[:8].reshape(4, 2, 3), object_ids=ids, **CHUNK)
    assert list(tmp_path.iterdir()) == []
