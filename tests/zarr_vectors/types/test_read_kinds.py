"""What is read of each kind by box, id, group and condition, held against the same done in plain numpy.

Positions are all different, so that a row of a result is known by its position: `rows_of` leads back to the input.
"""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest

from tests.zarr_vectors.types.kinds import (
    ALL_WHERE,
    BOX,
    CHUNK,
    EMPTY,
    GROUPS,
    KINDS,
    LINE_KINDS,
    MAKE,
    NOWHERE,
    READ,
    TINY,
    VERTEX_KINDS,
    groups_of,
    in_box,
    matches,
    split,
    write,
)
from zarr_vectors.core._backends import LocalFiles
from zarr_vectors.exceptions import ArgumentError, UnsupportedFeatureError
from zarr_vectors.lazy import open_zv
from zarr_vectors.types.graphs import read_graph, write_graph
from zarr_vectors.types.meshes import read_mesh, write_mesh
from zarr_vectors.types.points import read_points, write_points
from zarr_vectors.types.polylines import read_polylines


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kinds")
    out = {}
    for seed, kind in enumerate(KINDS):
        data = MAKE[kind](np.random.default_rng(seed))
        write(folder / kind, kind, data)
        out[kind] = folder / kind, data
    return out


# -- points, graphs, skeletons, meshes -------------------------------------------------------------------------------


def level_order(data):
    """Chunks ascending; in them objects ascending; then as given."""
    return np.lexsort((data.owner, *np.floor(data.positions.astype(float) / CHUNK).T[::-1]))


def check_vertices(kind, data, found, wanted, *, ordered=True):
    """Check a result against the rows that are wanted, a mask."""
    rows = data.rows_of(found.positions)
    if kind == "mesh" and found.object_ids is not None:
        assert found.object_ids.tolist() == data.ids[data.owner[rows]].tolist()
    if kind == "skeleton":  # nodes are stored depth first
        assert sorted(rows.tolist()) == np.flatnonzero(wanted).tolist()
    elif ordered:
        order = level_order(data)
        assert rows.tolist() == order[wanted[order]].tolist()
    for name, values in data.attributes.items():
        assert found.attributes[name].dtype == values.dtype
        assert np.array_equal(found.attributes[name].astype(object), values[rows].astype(object)) or name == "f"
    assert np.array_equal(found.attributes["f"], data.attributes["f"][rows], equal_nan=True)
    return rows


def check_links(kind, data, found, rows, wanted_links):
    """Check that exactly these links are there, with their direction, winding and attributes."""
    ends = found.faces if kind == "mesh" else found.edges
    got = rows[ends] if len(ends) else np.empty((0, data.links.shape[1]), int)
    expected = data.links[wanted_links]
    assert sorted(map(tuple, got.tolist())) == sorted(map(tuple, expected.tolist()))
    number = {tuple(link): i for i, link in enumerate(data.links.tolist())}
    for name, values in data.link_attributes.items():
        assert found.edge_attributes[name].tolist() == [values[number[tuple(g)]] for g in got.tolist()]


def expected_of(kind, data, mask, box):
    """The vertices and links that belong to a mask of vertices and a box."""
    if kind == "points":
        return mask & (True if box is None else in_box(data.positions, box)), None
    if kind == "mesh" and box is not None:
        links = in_box(data.positions[data.links].astype(float).mean(axis=1), box) & mask[data.links].all(axis=1)
        used = np.zeros(len(mask), bool)
        used[data.links[links]] = True
        return used, links
    mask = mask if box is None else mask & in_box(data.positions, box)
    return mask, mask[data.links].all(axis=1)


SELECTIONS = list(itertools.product([None, BOX, TINY, EMPTY, NOWHERE], [None, *ALL_WHERE], [None, "some", "none"]))
SOME = [s for i, s in enumerate(SELECTIONS) if i % 3 == 0 or s[1:] == (None, None)]


@pytest.mark.parametrize("kind", VERTEX_KINDS)
def test_vertices_and_links_are_those_of_the_selection(stores, kind):
    path, data = stores[kind]
    with open_zv(path) as kept, open_zv(path, cache_size=0) as bare:
        for box, where, group in SOME:
            mask = np.ones(len(data.positions), bool) if where is None else matches(kind, data, where)
            if group is not None:
                mask = mask & np.isin(data.ids[data.owner], GROUPS[group])
            wanted, links = expected_of(kind, data, mask, box)
            asked = {"bbox": box, "where": where, "groups": group}
            for found in (READ[kind](path, **asked), kept.read(**asked), bare.read(**asked)):
                rows = check_vertices(kind, data, found, wanted)
                if links is not None:
                    check_links(kind, data, found, rows, links)


@pytest.mark.parametrize("kind", VERTEX_KINDS)
def test_objects_come_in_the_order_asked_for(stores, kind):
    path, data = stores[kind]
    for ids in ([10, -5], [7_000_000_000], [3, 10, -5, 7_000_000_000], []):
        found = READ[kind](path, object_ids=ids, **({"return_object_ids": True} if READ[kind] is read_graph else {}))
        rows = data.rows_of(found.positions)
        assert found.object_ids.tolist() == data.ids[data.owner[rows]].tolist()
        assert list(dict.fromkeys(found.object_ids.tolist())) == ids
        assert sorted(rows.tolist()) == np.flatnonzero(np.isin(data.ids[data.owner], ids)).tolist()
        if kind != "points":
            check_links(kind, data, found, rows, np.isin(data.ids[data.owner[data.links]], ids).all(axis=1))
        few = READ[kind](path, object_ids=ids, group_ids=["some"], bbox=BOX)
        there = data.ids[data.owner[in_box(data.positions, BOX)]]
        kept = [i for i in ids if i in GROUPS["some"] and i in there]
        assert kind == "mesh" or list(dict.fromkeys(data.ids[data.owner[data.rows_of(few.positions)]].tolist())) == kept


@pytest.mark.parametrize("kind", ["graph", "skeleton"])
def test_boundary_edges_come_with_their_outer_nodes_last(stores, kind):
    path, data = stores[kind]
    for asked, mask in (
        ({"bbox": BOX}, in_box(data.positions, BOX)),
        ({"bbox": TINY}, in_box(data.positions, TINY)),
        ({"bbox": NOWHERE}, np.zeros(len(data.positions), bool)),
        ({"bbox": BOX, "object_ids": [10, 3]}, in_box(data.positions, BOX) & np.isin(data.owner, [1, 2])),
        ({"where": {"k": (">", 0)}}, data.attributes["k"] > 0),
        ({}, np.ones(len(data.positions), bool)),
    ):
        inner = read_graph(path, **asked)
        found = read_graph(path, include_boundary_edges=True, return_object_ids=True, **asked)
        rows = data.rows_of(found.positions)
        assert found.positions[: inner.node_count].tolist() == inner.positions.tolist()
        links = mask[data.links].any(axis=1)
        outer = np.setdiff1d(data.links[links], np.flatnonzero(mask))
        assert sorted(rows[inner.node_count :].tolist()) == outer.tolist()
        check_links(kind, data, found, rows, links)
        assert found.object_ids.tolist() == data.ids[data.owner[rows]].tolist()
        for name in ("k", "rgb"):
            assert found.attributes[name].tolist() == data.attributes[name][rows].tolist()


def test_a_graph_tells_objects_only_if_asked(stores):
    assert read_graph(stores["graph"][0]).object_ids is None
    assert read_graph(stores["graph"][0], return_object_ids=True).object_ids is not None


# -- lines and polylines ---------------------------------------------------------------------------------------------


def check_lines(kind, data, found, objects):
    """Check a result against the objects that are wanted, in this order."""
    assert found.object_ids.tolist() == data.ids[objects].tolist()
    parts = split(data.positions, data)
    if kind == "lines":
        assert found.lines.tolist() == [parts[o].tolist() for o in objects]
        assert found.positions.base is not None
        assert (found.line_count, found.vertex_count) == (len(objects), 2 * len(objects))
    else:
        assert [line.tolist() for line in found.polylines] == [parts[o].tolist() for o in objects]
        assert np.diff(found.offsets).tolist() == [len(parts[o]) for o in objects]
        assert found.polyline_count == len(objects)
        assert found["polylines"] is found.polylines
    for name, values in data.attributes.items():
        got, expected = found.attributes[name], split(values, data)
        assert [str(g.tolist()) for g in got] == [str(expected[o].tolist()) for o in objects]
        assert all(g.dtype == values.dtype for g in got)


@pytest.mark.parametrize("kind", LINE_KINDS)
def test_whole_lines_are_those_of_the_selection(stores, kind):
    path, data = stores[kind]
    with open_zv(path) as kept, open_zv(path, cache_size=0) as bare:
        for box, where, group in SOME:
            mask = np.ones(len(data.ids), bool) if where is None else matches(kind, data, where)
            if group is not None:
                mask = mask & np.isin(data.ids, groups_of(data)[group])
            if box is not None:
                inside = in_box(data.positions, box)
                mask = mask & [inside[data.owner == o].any() for o in range(len(data.ids))]
            asked = {"bbox": box, "where": where, "groups": group}
            for found in (READ[kind](path, **asked), kept.read(**asked), bare.read(**asked)):
                check_lines(kind, data, found, np.flatnonzero(mask))


@pytest.mark.parametrize("kind", LINE_KINDS)
def test_lines_come_in_the_order_asked_for(stores, kind):
    path, data = stores[kind]
    for ids in ([25, 3], [10, 9, 8, 29], []):
        check_lines(kind, data, READ[kind](path, object_ids=ids), ids)
    ids = np.random.default_rng(0).permutation(len(data.ids))
    check_lines(kind, data, READ[kind](path, object_ids=ids), ids)
    inside = in_box(data.positions, BOX)
    hit = [o for o in ids.tolist() if inside[data.owner == o].any()]
    check_lines(kind, data, READ[kind](path, object_ids=ids, bbox=BOX), hit)
    few = [i for i in (20, 7, 5) if i in groups_of(data)["some"]]
    check_lines(kind, data, READ[kind](path, object_ids=[20, 7, 5], group_ids="some"), few)
    check_lines(kind, data, READ[kind](path, group_ids=[0, "some"]), [3, 7, 10, 20])


@pytest.mark.parametrize("kind", LINE_KINDS)
def test_object_attributes_come_if_asked_for(stores, kind):
    path, data = stores[kind]
    found = READ[kind](path, object_ids=[5, 2], include_object_attributes=True)
    assert {k: v.tolist() for k, v in found["object_attributes"].items()} == {
        k: v[[5, 2]].tolist() for k, v in data.objects.items()
    }
    assert "object_attributes" not in READ[kind](path)


def test_polylines_are_cut_at_the_faces(stores):
    path, data = stores["polylines"]
    lo, hi = BOX
    whole = read_polylines(path, bbox=BOX)
    found = read_polylines(path, bbox=BOX, clip=True, include_object_attributes=True)
    assert set(found.object_ids.tolist()) == set(whole.object_ids.tolist())
    assert found.polyline_count > whole.polyline_count
    assert ((found.positions >= lo) & (found.positions <= hi)).all()
    assert found.object_attributes["mass"].tolist() == data.objects["mass"][found.object_ids].tolist()
    kept = [p.tobytes() for p in found.positions if p.tobytes() in data.by_position]
    inside = in_box(data.positions, BOX)
    assert kept == [p.tobytes() for p in data.positions[inside]]
    for line, f, k in zip(found.polylines, found.attributes["f"], found.attributes["k"], strict=True):
        assert len(line) == len(f) == len(k)
        assert f.dtype == "f4"
        assert k.dtype == "i2"
        for end in (line[0], line[-1]):
            on_face = (end == lo.astype("f4")) | (end == hi.astype("f4"))
            assert end.tobytes() in data.by_position or on_face.any()
    same = read_polylines(path, bbox=([-999] * 3, [999] * 3), clip=True)
    assert [p.tolist() for p in same.polylines] == [p.tolist() for p in split(data.positions, data) if len(p)]


# -- what is the same for all kinds ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_attributes_are_all_some_or_none(stores, kind):
    path, data = stores[kind]
    for asked, names in ((None, sorted(data.attributes)), ([], []), (["k", "word"], ["k", "word"])):
        found = READ[kind](path, attributes=asked, bbox=BOX)
        assert list(found.attributes) == names
        assert found.vertex_count == READ[kind](path, bbox=BOX).vertex_count
    # A condition may name what is not asked for.
    assert list(READ[kind](path, attributes=["f"], where={"k": (">", 0)}).attributes) == ["f"]


KEYS = {
    "points": set(), "lines": {"lines", "line_count"}, "polylines": {"polylines", "offsets", "polyline_count"},
    "graph": {"edges", "node_count", "edge_count", "edge_attributes"}, "mesh": {"vertices", "faces", "face_count"},
    "skeleton": {"edges", "node_count", "edge_count", "edge_attributes"},
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_a_result_is_a_mapping_over_what_its_kind_has(stores, kind):
    found = READ[kind](stores[kind][0])
    assert set(found) == {"positions", "attributes", "level", "vertex_count", "object_ids"} | KEYS[kind]
    assert all(found[key] is getattr(found, key) or np.array_equal(found[key], getattr(found, key)) for key in found)
    assert len(found) == len(list(found))
    assert len(found["positions"]) == found["vertex_count"]
    with pytest.raises(KeyError):
        found["_lists"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"object_ids": [12345]}, "no object 12345"),
        ({"object_ids": [10, 3, 10]}, "10 more than once"),
        ({"object_ids": [1.5]}, "whole numbers"),
        ({"object_ids": [[1]]}, "whole numbers"),
        ({"object_ids": np.array([2**63], "u8")}, "signed 64-bit"),
        ({"group_ids": ["x"]}, "no group 'x'"),
        ({"group_ids": 7}, "no group 7"),
        ({"group_ids": [1.5]}, "names or row numbers"),
        ({"group_ids": [0], "groups": [0]}, "one argument"),
        ({"where": {"x": ("==", 1)}}, re.escape("no attribute 'x' of objects or vertices; it has 'mass', 'name', 'f'")),
        ({"where": {"rgb": ("==", 1)}}, "3 channels"),
        ({"where": {"word": ("==", 1)}}, "holds strings"),
        ({"where": {"mass": ("==", "a")}}, "holds numbers"),
        ({"where": 5}, "mapping"),
        ({"attributes": ["x"]}, "no vertex attribute 'x'"),
        ({"attributes": "f"}, "list of names"),
        ({"bbox": ([0, 0], [1, 1])}, "bbox"),
        ({"level": 1}, "has levels"),
    ],
)
def test_a_request_for_what_is_not_there_is_refused(stores, kind, asked, said):
    with pytest.raises(ArgumentError, match=said):
        READ[kind](stores[kind][0], **asked)


@pytest.mark.parametrize("kind", KINDS)
def test_each_door_reads_its_own_kind(stores, kind):
    for other in KINDS:
        if READ[other] is not READ[kind]:
            with pytest.raises(UnsupportedFeatureError, match="holds a"):
                READ[other](stores[kind][0])


@pytest.mark.parametrize("kind", ["points", "graph", "mesh"])
def test_a_store_without_objects_has_none_to_choose_from(tmp_path, kind):
    if kind == "points":
        write_points(tmp_path / "s", [[0.0, 0.0], [1.0, 1.0]], chunk_shape=1.0, attributes={"k": [1, 2]})
        for asked in ({"object_ids": [0]}, {"groups": ["a"]}):
            with pytest.raises(ArgumentError, match="no objects"):
                read_points(tmp_path / "s", **asked)
        assert read_points(tmp_path / "s", where={"k": ("==", 2)}).positions.tolist() == [[1.0, 1.0]]
        assert read_points(tmp_path / "s").object_ids is None
        return
    points = np.eye(3)
    write = {"graph": write_graph, "mesh": write_mesh}[kind]
    write(tmp_path / "s", points, [[0, 1]] if kind == "graph" else [[0, 1, 2]], chunk_shape=1.0)
    with pytest.raises(ArgumentError, match="no groups"):
        READ[kind](tmp_path / "s", groups=["a"])


# -- what is fetched -------------------------------------------------------------------------------------------------


@pytest.fixture
def fetched(monkeypatch):
    """The cells that are read, by array, each as often as it is read."""
    seen: dict[str, list[tuple[int, ...]]] = {}
    original = LocalFiles._opened

    def opened(self, file, folder=None):
        array, _, cell = file.removeprefix(self.root).partition("/c/")
        if cell:
            seen.setdefault(array, []).append(tuple(map(int, cell.split("/"))))
        return original(self, file, folder)

    monkeypatch.setattr(LocalFiles, "_opened", opened)
    return seen


def cells_of(data, rows):
    """The cells of vertices, counted from the first chunk of the store."""
    chunk = np.floor(data.positions.astype(float) / CHUNK).astype(int)
    return sorted(map(tuple, np.unique((chunk - chunk.min(axis=0))[rows], axis=0).tolist()))


@pytest.mark.parametrize("kind", KINDS)
def test_a_few_objects_touch_only_their_chunks(stores, fetched, kind):
    path, data = stores[kind]
    ids = [10] if kind in VERTEX_KINDS else [4, 9]
    READ[kind](path, object_ids=ids, attributes=["k"])
    mine = np.isin(data.ids[data.owner], ids)
    assert sorted(fetched["/0/vertices"]) == cells_of(data, mine)
    assert sorted(fetched["/0/vertex_attributes/k"]) == cells_of(data, mine)
    assert "/0/vertex_attributes/f" not in fetched
    assert set(fetched["/0/vertex_fragments"]) <= set(cells_of(data, mine))


def box_in_a_chunk(data):
    """A box inside the chunk that has the most vertices, and which vertices that chunk has."""
    chunk = np.floor(data.positions.astype(float) / CHUNK)
    found, counts = np.unique(chunk, axis=0, return_counts=True)
    coord = found[counts.argmax()]
    return (coord * CHUNK + 0.5, coord * CHUNK + 9.5), (chunk == coord).all(axis=1)


@pytest.mark.parametrize("kind", ["points", "graph", "skeleton"])
def test_a_box_touches_only_its_chunks(stores, fetched, kind):
    path, data = stores[kind]
    box, mine = box_in_a_chunk(data)
    assert READ[kind](path, bbox=box, attributes=["k"]).vertex_count
    assert fetched["/0/vertices"] == cells_of(data, mine)


@pytest.mark.parametrize("kind", LINE_KINDS)
def test_a_box_touches_its_chunks_and_those_of_its_lines_each_once(stores, fetched, kind):
    path, data = stores[kind]
    box, mine = box_in_a_chunk(data)
    found = READ[kind](path, bbox=box, attributes=["k"])
    assert found.vertex_count
    needed = np.isin(data.owner, found.object_ids) | mine
    for array in ("/0/vertices", "/0/vertex_attributes/k", "/0/vertex_fragments"):
        assert sorted(fetched[array]) == cells_of(data, needed)
    assert len(cells_of(data, needed)) < len(cells_of(data, slice(None)))


def test_a_box_on_a_mesh_touches_the_chunks_of_faces_that_may_lie_in_it(stores, fetched):
    path, data = stores["mesh"]
    box, _ = box_in_a_chunk(data)
    assert read_mesh(path, bbox=box, attributes=[]).face_count
    here = np.floor(box[0] / CHUNK)
    chunk = np.floor(data.positions.astype(float) / CHUNK)[data.links]
    around = ((chunk.min(axis=1) <= here) & (chunk.max(axis=1) >= here)).all(axis=1)
    assert sorted(fetched["/0/vertices"]) == cells_of(data, np.unique(data.links[around]))


# -- chunks ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_chunks_say_their_fragments_objects_and_links(stores, kind):
    path, data = stores[kind]
    chunks_of = np.floor(data.positions.astype(float) / CHUNK).astype(int)
    with open_zv(path) as store:
        seen = []
        for coord, chunk in store.iter_chunks(prefetch=2):
            rows = data.rows_of(chunk["positions"])
            seen += rows.tolist()
            assert (chunks_of[rows] == coord).all()
            assert chunk["attributes"]["k"].tolist() == data.attributes["k"][rows].tolist()
            assert len(chunk["objects"]) == chunk["fragments"].num_fragments
            for f, owner in enumerate(chunk["objects"].tolist()):
                assert set(data.ids[data.owner[rows[chunk["fragments"].indices(f)]]].tolist()) == {owner}
            if kind in ("graph", "skeleton", "mesh"):
                inside = (chunks_of[data.links] == coord).all(axis=(1, 2))
                got = rows[chunk["links"]]
                assert sorted(map(tuple, got.tolist())) == sorted(map(tuple, data.links[inside].tolist()))
            else:
                assert "links" not in chunk
        assert sorted(seen) == list(range(len(data.positions)))
        coords = store.catalogue().levels[0].coords
        batch = store.read_chunks(0, coords[::-1], attributes=["k"])
        assert sorted(data.rows_of(batch.positions).tolist()) == list(range(len(data.positions)))
        assert store.geometry_type in ("point_cloud", "line", "polyline", "graph", "skeleton", "mesh")
