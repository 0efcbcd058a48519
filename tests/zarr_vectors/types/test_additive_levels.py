"""Additive levels: a level that adds to the next coarser one holds only a part, and is read as the union.

Such a store is made by hand: the first level of one store becomes the next level of another.
"""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zarr_vectors.core._commit import dump_json, seal
from zarr_vectors.exceptions import ArgumentError, CorruptStoreError, UnsupportedFeatureError
from zarr_vectors.lazy import open_zv
from zarr_vectors.multiresolution.coarsen import build_pyramid
from zarr_vectors.types.graphs import read_graph, write_graph
from zarr_vectors.types.lines import read_lines, write_lines
from zarr_vectors.types.meshes import read_mesh, write_mesh
from zarr_vectors.types.points import read_points, write_points
from zarr_vectors.types.polylines import read_polylines, write_polylines

CHUNK = {"chunk_shape": (10.0, 10.0)}
BOX = (np.array([-7.0, -14.0]), np.array([12.0, 6.0]))
RNG = np.random.default_rng(3)
P = RNG.uniform(-25, 25, (240, 2)).astype("f4")
IDS = RNG.integers(0, 9, 240)
PART = RNG.integers(0, 3, 240)  # the level that holds each
VALUE = RNG.normal(size=240)
WORD = np.array(["axon", "soma", "spine"])[RNG.integers(0, 3, 240)]


def change(file, edit):
    doc = json.loads(file.read_bytes())
    doc["attributes"].pop("zv_crc32c", None)
    edit(doc["attributes"])
    file.write_bytes(seal(dump_json(doc)))


def stack(paths, refinement="add"):
    """Make the stores' first levels the levels 0, 1, .. of the first one, each but the last adding to the next."""
    first, last = paths[0], len(paths) - 1

    def root(keys):
        datasets = keys["multiscales"][0]["datasets"]
        for level in range(1, len(paths)):
            datasets.append({**datasets[0], "path": str(level)})
        keys["zarr_vectors"] |= {"zv_version": "0.9.3", "required_capabilities": ["additive_levels"],
                                 "format_capabilities": ["additive_levels"]}  # fmt: skip

    for level, path in enumerate(paths):
        if level:
            shutil.copytree(path / "0", first / str(level))
        edge = json.loads((path / "zarr.json").read_bytes())["attributes"]["zarr_vectors"]["chunk_shape"]
        told = {"level": level, **({"parent_level": level - 1, "chunk_shape": edge} if level else {}),
                **({"refinement": refinement} if level < last else {})}  # fmt: skip
        change(first / str(level) / "zarr.json", lambda keys, told=told: keys["zarr_vectors_level"].update(told))
    change(first / "zarr.json", root)
    return first


def parts(folder, write):
    """Write one store a part, by a function of its rows, and stack them."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    paths = [folder / f"part{i}" for i in range(3)]
    for i, path in enumerate(paths):
        write(path, np.flatnonzero(i == PART))
    return stack(paths)


def inside(p, box=BOX):
    return ((p >= box[0]) & (p < box[1])).all(axis=1)


def of(found, name="row"):
    return found.attributes[name].tolist()


@pytest.fixture
def cloud(tmp_path):
    def write(path, rows):
        values = {"row": rows, "value": VALUE[rows], "word": WORD[rows]}
        mass = {"mass": np.unique(IDS[rows]) * 1.5}
        write_points(path, P[rows], attributes=values, object_ids=IDS[rows], object_attributes=mass, **CHUNK)

    return parts(tmp_path / "s", write)


def test_points_of_a_level_are_those_of_all_that_complete_it(cloud):
    found = read_points(cloud)
    assert sorted(of(found)) == list(range(240))
    assert np.array_equal(found.positions, P[found.attributes["row"]])
    assert of(found, "word") == WORD[of(found)].tolist()
    assert found.object_ids.tolist() == IDS[of(found)].tolist()
    assert sorted(of(read_points(cloud, level=1))) == np.flatnonzero(PART > 0).tolist()
    assert sorted(of(read_points(cloud, level=2))) == np.flatnonzero(PART == 2).tolist()


def test_points_of_a_box_of_objects_and_of_a_comparison(cloud):
    for read in (lambda **more: read_points(cloud, **more), lambda **more: open_zv(cloud).read(**more)):
        assert sorted(of(read(bbox=BOX))) == np.flatnonzero(inside(P)).tolist()
        some = read(object_ids=[7, 2])
        ids = IDS[of(some)]
        assert ids.tolist() == some.object_ids.tolist() == sorted(ids.tolist(), reverse=True)
        assert sorted(of(some)) == np.flatnonzero(np.isin(IDS, [2, 7])).tolist()
        where = {"value": (">", 0.2), "mass": ("<", 6), "word": ("==", "soma")}
        wanted = (VALUE > 0.2) & (IDS * 1.5 < 6) & (WORD == "soma") & inside(P)
        assert sorted(of(read(where=where, bbox=BOX))) == np.flatnonzero(wanted).tolist()
        assert set(read(attributes=["row"]).attributes) == {"row"}
        with pytest.raises(ArgumentError, match="no object 77"):
            read(object_ids=[2, 77])


def test_chunks_are_put_together(cloud):
    cells = np.floor(P.astype("f8") / 10).astype(int)
    with open_zv(cloud) as store:
        assert [store.vertex_count(n) for n in store.levels] == [(n <= PART).sum() for n in range(3)]
        assert store.n_objects == len(np.unique(IDS))
        for prefetch in (0, 3):
            seen = dict(store.iter_chunks(prefetch=prefetch))
            assert list(seen) == sorted(set(map(tuple, cells.tolist())))
            for coord, chunk in seen.items():
                rows = chunk["attributes"]["row"]
                assert sorted(rows.tolist()) == np.flatnonzero((cells == coord).all(axis=1)).tolist()
                held = [rows[chunk["fragments"].indices(f)] for f in range(chunk["fragments"].num_fragments)]
                assert [set(IDS[r].tolist()) for r in held] == [{int(i)} for i in chunk["objects"]]
                assert sorted(np.concatenate(held).tolist()) == sorted(rows.tolist())
        near = [coord for coord, _ in store.iter_chunks(level=1, bbox=BOX)]
        assert near == sorted(set(map(tuple, cells[PART > 0].tolist())) & {(x - 1, y - 2) for x, y in np.ndindex(3, 3)})
        level = store.catalogue().levels[0]
        assert level.vertex_count == 240
        assert level.counts.tolist() == np.unique(cells, axis=0, return_counts=True)[1].tolist()
        batch = store.read_chunks(0, level.coords[::-1], ["row"])
        assert np.diff(batch.offsets).tolist() == level.counts[::-1].tolist()
        assert np.array_equal(batch.positions, P[batch.attributes["row"]])
        values = store.read_values(0, level.coords[::-1], ["row"])
        assert values.offsets.tolist() == batch.offsets.tolist()
        assert np.array_equal(values.attributes["row"], batch.attributes["row"])
        cell = np.repeat(level.coords[::-1], level.counts[::-1], axis=0)
        assert np.array_equal(cells[batch.attributes["row"]], cell)
        with pytest.raises(ArgumentError, match="no chunk"):
            store.read_chunks(0, [[99, 99]])
        with pytest.raises(ArgumentError, match="no chunk"):
            store.read_values(0, [[99, 99]], ["row"])


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(lo=st.tuples(*[st.floats(-26, 20)] * 2), size=st.tuples(*[st.floats(0.5, 30)] * 2), level=st.integers(0, 2))
def test_any_box_of_graphs_and_meshes(tied, lo, size, level):
    box = (np.array(lo), np.array(lo) + size)
    here = level <= PART
    graph = read_graph(tied["graph"], level, bbox=box)
    assert sorted(of(graph)) == np.flatnonzero(here & inside(P, box)).tolist()
    edges = tied["edges"]
    both = edges[(here & inside(P, box))[edges].all(axis=1)]
    assert sorted(map(tuple, graph.attributes["row"][graph.edges].tolist())) == sorted(map(tuple, both.tolist()))
    assert graph.edge_attributes["first"].tolist() == graph.attributes["row"][graph.edges[:, 0]].tolist()
    faces = tied["faces"][here[tied["faces"]].all(axis=1)]
    faces = faces[inside(P.astype("f8")[faces].mean(axis=1), box)]
    with open_zv(tied["mesh"]) as store:
        mesh = store.read(level, bbox=box)
    assert sorted(map(tuple, mesh.attributes["row"][mesh.faces].tolist())) == sorted(map(tuple, faces.tolist()))
    assert sorted(of(mesh)) == sorted(set(faces.reshape(-1).tolist()))


@pytest.fixture(scope="module")
def tied(tmp_path_factory):
    """Graphs, skeletons and meshes whose edges and faces stay within a level."""
    folder, rng = tmp_path_factory.mktemp("tied"), np.random.default_rng(8)
    rows = [np.flatnonzero(i == PART) for i in range(3)]
    edges = np.concatenate([rng.choice(own, (90, 2)) for own in rows])
    edges = edges[edges[:, 0] != edges[:, 1]]
    faces = np.concatenate([rng.choice(own, (60, 3)) for own in rows])
    faces = faces[[len(set(face)) == 3 for face in faces.tolist()]]
    place = np.empty(240, int)
    for own in rows:
        place[own] = np.arange(len(own))

    def graph(path, own):
        mine = edges[np.isin(edges[:, 0], own)]
        write_graph(path, P[own], place[mine], attributes={"row": own}, object_ids=IDS[own],
                    edge_attributes={"first": mine[:, 0]}, **CHUNK)  # fmt: skip

    def mesh(path, own):
        mine = faces[np.isin(faces[:, 0], own)]
        write_mesh(path, P[own], place[mine], attributes={"row": own}, object_ids=IDS[own], winding_order="cw", **CHUNK)

    return {"graph": parts(folder / "g", graph), "mesh": parts(folder / "m", mesh), "edges": edges, "faces": faces}


def test_objects_of_graphs_and_meshes(tied):
    graph = read_graph(tied["graph"], object_ids=[5, 1, 8], return_object_ids=True)
    assert list(dict.fromkeys(graph.object_ids.tolist())) == [5, 1, 8]
    assert graph.object_ids.tolist() == IDS[of(graph)].tolist()
    mine = np.isin(IDS[tied["edges"]], [5, 1, 8]).all(axis=1)
    found = graph.attributes["row"][graph.edges]
    assert sorted(map(tuple, found.tolist())) == sorted(map(tuple, tied["edges"][mine].tolist()))
    assert read_graph(tied["graph"], object_ids=[5]).object_ids is None
    mesh = read_mesh(tied["mesh"], object_ids=[4])
    mine = (IDS[tied["faces"]] == 4).all(axis=1)
    assert mesh.face_count == mine.sum()
    assert mesh.winding_order == "cw"
    around = read_graph(tied["graph"], object_ids=[5, 1], include_boundary_edges=True)
    assert around.edge_count == np.isin(IDS[tied["edges"]], [5, 1]).any(axis=1).sum()
    assert set(IDS[of(around)[: np.isin(IDS, [5, 1]).sum()]].tolist()) == {5, 1}
    with open_zv(tied["graph"]) as store:
        edges = sum(len(chunk["links"]) for _, chunk in store.iter_chunks())
        cells = np.floor(P.astype("f8") / 10)[tied["edges"]]
        assert edges == (cells[:, 0] == cells[:, 1]).all(axis=1).sum()


def lines_of(count, kind):
    sizes = np.full(count, 2) if kind == "line" else np.random.default_rng(1).integers(0, 7, count)
    return np.split(P[: sizes.sum()], np.cumsum(sizes)[:-1])


@pytest.mark.parametrize("kind", ["line", "polyline"])
def test_lines_are_whole_in_one_level(tmp_path, kind):
    lines, part = lines_of(40, kind), np.arange(40) % 3
    fa = np.linspace(0, 1, 40)

    def write(path, level):
        mine = np.flatnonzero(part == level)
        options = {"object_ids": mine * 10, "object_attributes": {"fa": fa[mine]}, **CHUNK}
        if kind == "line":
            write_lines(path, np.stack([lines[i] for i in mine]), **options)
        else:
            write_polylines(path, [lines[i] for i in mine], attributes={"n": [np.full(len(lines[i]), i) for i in mine]},
                            groups={"g": [int(mine[0]) * 10]}, **options)  # fmt: skip

    paths = [tmp_path / str(i) for i in range(3)]
    for level, path in enumerate(paths):
        write(path, level)
    store = stack(paths)
    read = read_lines if kind == "line" else read_polylines
    lists = (lambda found: found.lines) if kind == "line" else (lambda found: found.polylines)
    found = read(store, include_object_attributes=True)
    by_id = dict(zip(found.object_ids.tolist(), lists(found), strict=True))
    there = [i for i in range(40) if kind == "line" or len(lines[i]) or part[i] == 0]
    assert sorted(by_id) == [10 * i for i in there]
    assert all(by_id[10 * i].tolist() == lines[i].tolist() for i in there)
    assert found.object_attributes["fa"].tolist() == fa[found.object_ids // 10].tolist()
    asked = [i for i in (31, 2, 15, 4, 20) if len(lines[i])]
    some = read(store, object_ids=[10 * i for i in asked])
    assert [one.tolist() for one in lists(some)] == [lines[i].tolist() for i in asked]
    near = read(store, bbox=BOX, where={"fa": (">=", 0.3)})
    hit = [i for i in range(40) if fa[i] >= 0.3 and inside(lines[i]).any()]
    assert sorted(near.object_ids.tolist()) == [10 * i for i in hit]
    with open_zv(store) as lazy:
        assert lazy.read(bbox=BOX, where={"fa": (">=", 0.3)}).object_ids.tolist() == near.object_ids.tolist()
    if kind == "polyline":
        cut = read_polylines(store, bbox=BOX, clip=True)
        assert {int(i) for i in cut.object_ids} >= {10 * i for i in range(40) if inside(lines[i]).any()}
        assert [set(n.tolist()) for n in some.attributes["n"]] == [{i} for i in asked]


def test_what_cannot_be_joined_is_refused(tmp_path):
    lines = [P[:3], P[3:9]]
    for name in "ab":
        write_polylines(tmp_path / name, lines, **CHUNK)
    with pytest.raises(UnsupportedFeatureError, match="line 0 has vertices in two"):
        read_polylines(stack([tmp_path / "a", tmp_path / "b"]))
    with pytest.raises(UnsupportedFeatureError, match="line 1 has vertices in two"):
        read_polylines(tmp_path / "a", object_ids=[1])

    write_points(tmp_path / "c", P, attributes={"x": VALUE}, **CHUNK)
    write_points(tmp_path / "d", P, chunk_shape=20.0)
    path = stack([tmp_path / "c", tmp_path / "d"])
    with pytest.raises(CorruptStoreError, match="different attributes"):
        read_points(path)
    assert len(read_points(path, attributes=[]).positions) == 480
    with open_zv(path) as store, pytest.raises(UnsupportedFeatureError, match="not chunk by chunk"):
        next(store.iter_chunks())
    with pytest.raises(UnsupportedFeatureError, match="adds to coarser levels"):
        build_pyramid(path, [(2, 1)])

    write_points(tmp_path / "e", P, **CHUNK)
    write_points(tmp_path / "f", P, **CHUNK)
    with pytest.raises(UnsupportedFeatureError, match="refinement must be 'replace' or 'add', got 'multiply'"):
        read_points(stack([tmp_path / "e", tmp_path / "f"], "multiply"))


def test_levels_that_replace_are_read_alone(tmp_path):
    for name in "ab":
        write_points(tmp_path / name, P, **CHUNK)
    path = stack([tmp_path / "a", tmp_path / "b"], "replace")
    assert len(read_points(path).positions) == 240
