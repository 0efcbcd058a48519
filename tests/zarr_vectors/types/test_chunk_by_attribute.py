"""Writing levels whose chunks are divided by an attribute, and what reading gains from it."""

from __future__ import annotations

import json

import numpy as np
import pytest
from zarr.storage import MemoryStore

from zarr_vectors.core._backends import LocalFiles
from zarr_vectors.exceptions import ArgumentError, LimitError
from zarr_vectors.lazy import open_zv
from zarr_vectors.types.graphs import read_graph, write_graph
from zarr_vectors.types.lines import read_lines, write_lines
from zarr_vectors.types.meshes import read_mesh, write_mesh
from zarr_vectors.types.points import read_points, write_points
from zarr_vectors.types.polylines import read_polylines, write_polylines

RNG = np.random.default_rng(11)
P = RNG.uniform(-30, 30, (300, 3)).astype("f4")
ROW = np.arange(300)
KIND = RNG.choice(["axon", "bouton", "soma"], 300)
OWNER = RNG.integers(0, 12, 300)
OF_OWNER = np.array([5, 250, 7, 5] * 3, "u1")
EDGES = RNG.integers(0, 300, (500, 2))
EDGES = EDGES[EDGES[:, 0] != EDGES[:, 1]]
FACES = RNG.integers(0, 300, (300, 3))
FACES = FACES[[len(set(face)) == 3 for face in FACES.tolist()]]
CHUNK = {"chunk_shape": 20.0, "attributes": {"row": ROW}}
BOX = (np.full(3, -18.0), np.full(3, 15.0))


def inside(p):
    return ((p >= BOX[0]) & (p < BOX[1])).all(axis=1)


def level_keys(path) -> dict:
    return json.loads((path / "0/zarr.json").read_text())["attributes"]["zarr_vectors_level"]


@pytest.fixture
def touched(monkeypatch):
    """The cells of vertices that are read, by their key in the level."""
    seen = []
    get_many, get, opened = LocalFiles.get_many, LocalFiles.get, LocalFiles._opened

    def note(key):
        if "/vertices/c/" in key:
            seen.append(key.partition("/vertices/c/")[2])

    def noted_many(self, requests):
        for key, _ in requests:
            note(key)
        return get_many(self, requests)

    def noted(self, key, *more):
        note(key)
        return get(self, key, *more)

    def noted_open(self, path, folder=None):
        note(path)
        return opened(self, path, folder)

    monkeypatch.setattr(LocalFiles, "get_many", noted_many)
    monkeypatch.setattr(LocalFiles, "get", noted)
    monkeypatch.setattr(LocalFiles, "_opened", noted_open)
    return seen


@pytest.mark.parametrize("ids", [None, OWNER])
def test_points_of_one_word_are_read_without_the_others(tmp_path, touched, ids):
    values = {"row": ROW, "kind": KIND}
    write_points(tmp_path / "s", P, chunk_shape=20.0, attributes=values, object_ids=ids, chunk_by_attribute="kind")
    keys = level_keys(tmp_path / "s")
    assert keys["chunk_dims"] == ["kind", "x", "y", "z"]
    assert keys["chunk_attribute_values"] == ["axon", "bouton", "soma"]
    assert not (tmp_path / "s/0/vertex_attributes/kind").exists()
    for where, wanted in [
        ({"kind": ("==", "soma")}, KIND == "soma"),
        ({"kind": ("in", ["axon", "soma"]), "row": ("<", 200)}, (KIND != "bouton") & (ROW < 200)),
        ({"or": [{"kind": ("==", "axon")}, {"row": (">", 290)}]}, (KIND == "axon") | (ROW > 290)),
    ]:
        touched.clear()
        found = read_points(tmp_path / "s", where=where)
        assert sorted(found.attributes["row"].tolist()) == np.flatnonzero(wanted).tolist()
        assert found.attributes["kind"].tolist() == KIND[found.attributes["row"]].tolist()
        assert found.object_ids.tolist() == (ROW if ids is None else ids)[found.attributes["row"]].tolist()
        bins = {"axon": "0", "bouton": "1", "soma": "2"}
        pruned = "or" not in where
        assert {key[0] for key in touched} == ({bins[word] for word in KIND[wanted]} if pruned else set("012"))
    touched.clear()
    near = read_points(tmp_path / "s", where={"kind": ("==", "bouton")}, bbox=BOX)
    assert sorted(near.attributes["row"].tolist()) == np.flatnonzero((KIND == "bouton") & inside(P)).tolist()
    assert {key[0] for key in touched} == {"1"}


@pytest.mark.parametrize("values", [np.array([-7, 3, 3, 90], "i2"), np.array([2**64 - 1, 0, 5, 5], "u8"),
                                    np.array([True, False, True, True]), np.array(["", "b", "b", "a"])])  # fmt: skip
def test_values_keep_their_type(tmp_path, values):
    write_points(tmp_path / "s", P[:4], chunk_shape=20.0, attributes={"v": values, "row": ROW[:4]},
                 chunk_by_attribute="v")  # fmt: skip
    found = read_points(tmp_path / "s")
    assert found.attributes["v"].dtype.kind == values.dtype.kind
    assert values.dtype.kind == "U" or found.attributes["v"].dtype == values.dtype
    assert found.attributes["v"].tolist() == values[found.attributes["row"]].tolist()


def test_polylines_are_cut_where_it_changes(tmp_path, touched):
    offsets = np.sort(RNG.integers(0, 300, 29))
    lines = np.split(P, offsets)
    values = {"kind": np.split(KIND, offsets), "row": np.split(ROW, offsets)}
    write_polylines(tmp_path / "s", lines, chunk_shape=20.0, attributes=values, chunk_by_attribute="kind")
    found = read_polylines(tmp_path / "s")
    assert [line.tolist() for line in found.polylines] == [line.tolist() for line in lines]
    assert [kind.tolist() for kind in found.attributes["kind"]] == [kind.tolist() for kind in values["kind"]]
    some = read_polylines(tmp_path / "s", where={"kind": ("==", "soma")}, bbox=BOX)
    wanted = [i for i in range(30) if "soma" in values["kind"][i] and inside(lines[i]).any()]
    assert some.object_ids.tolist() == wanted
    touched.clear()
    assert read_polylines(tmp_path / "s", where={"kind": ("==", "nothing")}).polyline_count == 0
    assert touched == []


def test_lines_of_one_value_are_read_without_the_others(tmp_path, touched):
    lines, fa = P.reshape(150, 2, 3), RNG.integers(0, 4, 150).astype("i2")
    write_lines(tmp_path / "o", lines, chunk_shape=20.0, object_attributes={"fa": fa}, chunk_by_attribute="fa")
    write_lines(tmp_path / "v", lines, chunk_shape=20.0, attributes={"fa": np.repeat(fa, 2).reshape(150, 2)},
                chunk_by_attribute="fa")  # fmt: skip
    for name in "ov":
        touched.clear()
        found = read_lines(tmp_path / name, where={"fa": (">=", 2)})
        assert found.object_ids.tolist() == np.flatnonzero(fa >= 2).tolist()
        assert found.lines.tolist() == lines[fa >= 2].tolist()
        assert found.attributes["fa"].tolist() == np.repeat(fa[fa >= 2], 2).reshape(-1, 2).tolist()
        assert {key[0] for key in touched} == {"2", "3"}


def test_graphs_and_meshes_of_one_value_are_read_without_the_others(tmp_path, touched):
    options = {**CHUNK, "object_ids": OWNER, "object_attributes": {"kind": OF_OWNER}, "chunk_by_attribute": "kind"}
    write_graph(tmp_path / "g", P, EDGES, edge_attributes={"n": np.arange(len(EDGES))}, **options)
    write_mesh(tmp_path / "m", P, FACES, **options)
    skeleton = np.stack([np.flatnonzero(OWNER == 3)[1:], np.flatnonzero(OWNER == 3)[:-1]], axis=1)
    write_graph(tmp_path / "s", P, skeleton, geometry_type="skeleton", **options)
    for where in ({"kind": (">", 6)}, {"kind": ("==", 5), "row": ("<", 150)}, None):
        kind = OF_OWNER[OWNER]
        wanted = np.ones(300, bool) if where is None else kind > 6 if len(where) == 1 else (kind == 5) & (ROW < 150)
        with open_zv(tmp_path / "g") as store:
            graph = store.read(where=where)
        assert sorted(graph.attributes["row"].tolist()) == np.flatnonzero(wanted).tolist()
        edges = graph.attributes["row"][graph.edges]
        kept = EDGES[wanted[EDGES].all(axis=1)]
        assert sorted(map(tuple, edges.tolist())) == sorted(map(tuple, kept.tolist()))
        assert graph.attributes["kind"].dtype == np.uint8
        assert EDGES[graph.edge_attributes["n"]].tolist() == edges.tolist()
        mesh = read_mesh(tmp_path / "m", where=where)
        kept = FACES[wanted[FACES].all(axis=1)]
        faces = mesh.attributes["row"][mesh.faces]
        assert sorted(map(tuple, faces.tolist())) == sorted(map(tuple, kept.tolist()))
    touched.clear()
    read_mesh(tmp_path / "m", where={"kind": ("==", 250)})
    assert {key[0] for key in touched} == {"2"}
    tree = read_graph(tmp_path / "s", object_ids=[3])
    assert sorted(map(tuple, tree.attributes["row"][tree.edges].tolist())) == sorted(map(tuple, skeleton.tolist()))
    near = read_graph(tmp_path / "g", bbox=BOX, include_boundary_edges=True)
    assert near.edge_count == inside(P)[EDGES].any(axis=1).sum()
    faces = read_mesh(tmp_path / "m", bbox=BOX)
    assert faces.face_count == inside(P.astype("f8")[FACES].mean(axis=1)).sum()


def test_many_chunks_are_sharded_value_by_value(tmp_path):
    wide = RNG.uniform(0, 120, (2000, 2))
    kind = RNG.integers(0, 3, 2000)
    write_points(tmp_path / "s", wide, chunk_shape=4.0, attributes={"k": kind}, chunk_by_attribute="k")
    doc = json.loads((tmp_path / "s/0/vertices/zarr.json").read_text())
    assert doc["chunk_grid"]["configuration"]["chunk_shape"] == [1, 16, 16]
    found = read_points(tmp_path / "s", where={"k": ("==", 1)})
    assert sorted(map(tuple, found.positions.tolist())) == sorted(map(tuple, wide[kind == 1].tolist()))
    write_points(tmp_path / "t", wide, chunk_shape=4.0, attributes={"k": kind}, chunk_by_attribute="k", shard_shape=5)
    assert len(read_points(tmp_path / "t").positions) == 2000


def test_nothing_is_divided_into_nothing():
    store = MemoryStore()
    write_points(store, np.empty((0, 2)), chunk_shape=1.0, attributes={"k": np.empty(0, int)}, chunk_by_attribute="k")
    found = read_points(store)
    assert found.attributes["k"].shape == (0,)


REFUSED = {
    "no such attribute": ({"chunk_by_attribute": "x"}, "got 'x'; there is 'row'"),
    "no name": ({"chunk_by_attribute": 5}, "got 5"),
    "floats": ({"attributes": {"k": P[:, 0]}}, "whole numbers, bools or strings, got float32"),
    "channels": ({"attributes": {"k": np.zeros((300, 2), int)}}, "channels"),
    "None": ({"attributes": {"k": np.array([None, *["a"] * 299], object)}}, "None"),
    "an axis": ({"attributes": {"x": ROW}, "chunk_by_attribute": "x"}, "name of an axis"),
    "of few rows": ({"attributes": {"k": ROW[:5]}}, "shape"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_divide_is_refused(tmp_path, case):
    options, said = REFUSED[case]
    with pytest.raises(ArgumentError, match=said):
        write_points(tmp_path / "s", P, **{**CHUNK, "chunk_by_attribute": "k", **options})
    assert list(tmp_path.iterdir()) == []


def test_objects_of_two_values_are_refused(tmp_path):
    divided = {"chunk_shape": 20.0, "attributes": {"k": ROW % 2}, "chunk_by_attribute": "k"}
    writers = (
        lambda: write_graph(tmp_path / "s", P, EDGES, **divided),
        lambda: write_graph(tmp_path / "s", P, EDGES[:0], geometry_type="skeleton", object_ids=OWNER, **divided),
        lambda: write_mesh(tmp_path / "s", P, FACES, object_ids=OWNER, **divided),
        lambda: write_lines(tmp_path / "s", P.reshape(150, 2, 3), **{**divided, "attributes": {"k": [[0, 1]] * 150}}),
    )
    for write in writers:
        with pytest.raises(ArgumentError, match="one value for all vertices of an object, object 0 has several"):
            write()
    with pytest.raises(LimitError, match="100000 values"):
        write_points(tmp_path / "s", np.zeros((100_000, 2)), chunk_shape=1.0, attributes={"k": np.arange(100_000)},
                     chunk_by_attribute="k")  # fmt: skip
    pytest.importorskip("DracoPy")
    with pytest.raises(ArgumentError, match="Draco cannot be divided"):
        write_mesh(tmp_path / "s", P, FACES, use_draco=True, chunk_by_attribute="k", chunk_shape=20.0)
    assert list(tmp_path.iterdir()) == []
