"""Graphs and skeletons come back: nodes, the direction of edges, values of both, objects."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from zarr.storage import MemoryStore

from tests.zarr_vectors.types.ties import REAL_STORE, Cloud, clouds, counted, owners_of, same_values, values
from zarr_vectors.exceptions import ArgumentError
from zarr_vectors.lazy import open_zv
from zarr_vectors.types.graphs import read_graph, write_graph


@st.composite
def edges_within(draw, cloud: Cloud, *, most: int = 30):
    """Edges of any direction, some of them twice, some between two objects."""
    node = st.integers(0, len(cloud.positions) - 1)
    pairs = draw(st.lists(st.tuples(node, node), max_size=most))
    return np.array([p for p in pairs if p[0] != p[1]], np.int64).reshape(-1, 2)


@st.composite
def trees_within(draw, cloud: Cloud):
    """Edges ``[child, parent]`` of a forest, in any order."""
    owner = owners_of(cloud)
    names = draw(st.permutations(range(len(owner))))
    edges = []
    for i in range(1, len(names)):
        above = draw(st.integers(-1, i - 1))
        if above >= 0 and owner[names[i]] == owner[names[above]]:
            edges.append((names[i], names[above]))
    return np.array(draw(st.permutations(edges)), np.int64).reshape(-1, 2)


def same_graph(found, cloud: Cloud, edges, node_values, edge_values) -> None:
    """What was found is what was written, whatever the order."""
    order = found.attributes["nkey"]
    assert sorted(order.tolist()) == list(range(len(cloud.positions)))
    native = cloud.positions.astype(cloud.positions.dtype.newbyteorder("="))
    assert found.positions.dtype == native.dtype
    assert found.positions.tobytes() == native[order].tobytes()
    same_values(found.attributes, node_values, order)
    given_edges = order[found.edges].reshape(-1, 2)
    assert counted(given_edges) == counted(edges)
    assert found.edge_count == len(edges)
    if edge_values:
        by_key = found.edge_attributes["ekey"]
        assert given_edges.tolist() == edges[by_key].tolist()
        same_values(found.edge_attributes, edge_values, by_key)
    if found.object_ids is not None:
        assert found.object_ids.tolist() == owners_of(cloud)[order].tolist()


@REAL_STORE
@given(data=st.data(), kind=st.sampled_from(["graph", "skeleton"]), directed=st.booleans())
def test_graphs_and_skeletons_come_back(tmp_path, data, kind, directed):
    cloud = data.draw(clouds())
    edges = data.draw(trees_within(cloud) if kind == "skeleton" else edges_within(cloud))
    node_values = data.draw(values(len(cloud.positions), "n"))
    edge_values = data.draw(st.one_of(st.just({}), values(len(edges), "e")))
    path = tmp_path / "g.zv"
    shutil.rmtree(path, ignore_errors=True)
    write_graph(path, cloud.positions, edges, chunk_shape=cloud.chunk, geometry_type=kind, is_directed=directed,
                vertex_attributes=node_values, edge_attributes=edge_values, object_ids=cloud.object_ids,
                shard_shape=data.draw(st.sampled_from([None, 1, 2])),
                compressor=data.draw(st.sampled_from(["none", "zstd"])))  # fmt: skip
    same_graph(read_graph(path, return_object_ids=True), cloud, edges, node_values, edge_values)
    with open_zv(path) as store:
        assert store.geometry_type == kind
        same_graph(store.read(), cloud, edges, node_values, edge_values)


@settings(max_examples=30)
@given(data=st.data(), kind=st.sampled_from(["graph", "skeleton"]))
def test_objects_are_read_alone(data, kind):
    cloud = data.draw(clouds())
    edges = data.draw(trees_within(cloud) if kind == "skeleton" else edges_within(cloud))
    memory, key = MemoryStore(), {"nkey": np.arange(len(cloud.positions))}
    write_graph(memory, cloud.positions, edges, chunk_shape=cloud.chunk, geometry_type=kind, attributes=key,
                object_ids=cloud.object_ids)  # fmt: skip
    owner = owners_of(cloud)
    wanted = data.draw(st.permutations(sorted(set(owner.tolist()))))
    wanted = wanted[: data.draw(st.integers(1, len(wanted)))]
    found = read_graph(memory, object_ids=wanted, return_object_ids=True)
    order = found.attributes["nkey"]
    assert sorted(order.tolist()) == np.flatnonzero(np.isin(owner, wanted)).tolist()
    assert counted(order[found.edges].reshape(-1, 2)) == counted(edges[np.isin(owner[edges], wanted).all(axis=1)])
    # Object by object, in the order they were asked for.
    assert list(dict.fromkeys(found.object_ids.tolist())) == list(wanted)
    across = read_graph(memory, object_ids=wanted, include_boundary_edges=True)
    touching = edges[np.isin(owner[edges], wanted).any(axis=1)]
    assert counted(across.attributes["nkey"][across.edges].reshape(-1, 2)) == counted(touching)


@settings(max_examples=30)
@given(data=st.data(), kind=st.sampled_from(["graph", "skeleton"]))
def test_a_box_cuts_edges_at_its_boundary(data, kind):
    cloud = data.draw(clouds())
    edges = data.draw(trees_within(cloud) if kind == "skeleton" else edges_within(cloud))
    memory, key = MemoryStore(), {"nkey": np.arange(len(cloud.positions))}
    write_graph(memory, cloud.positions, edges, chunk_shape=cloud.chunk, geometry_type=kind, attributes=key,
                object_ids=cloud.object_ids)  # fmt: skip
    p = cloud.positions.astype(np.float64)
    low, high = np.sort(p[[data.draw(st.integers(0, len(p) - 1)) for _ in range(2)]], axis=0)
    inside = ((p >= low) & (p < high)).all(axis=1)
    found = read_graph(memory, bbox=(low, high))
    order = found.attributes["nkey"]
    assert sorted(order.tolist()) == np.flatnonzero(inside).tolist()
    assert counted(order[found.edges].reshape(-1, 2)) == counted(edges[inside[edges].all(axis=1)])
    across = read_graph(memory, bbox=(low, high), include_boundary_edges=True)
    order = across.attributes["nkey"]
    touching = edges[inside[edges].any(axis=1)]
    assert counted(order[across.edges].reshape(-1, 2)) == counted(touching)
    assert sorted(order.tolist()) == sorted({*np.flatnonzero(inside).tolist(), *touching.reshape(-1).tolist()})


def test_edges_lead_out_of_a_box_that_holds_all_of_its_chunks():
    nodes, edges = np.array([[1.0, 1.0], [2.0, 3.0], [15.0, 1.0], [25.0, 1.0]]), [[0, 1], [2, 0], [1, 3], [2, 3]]
    memory = MemoryStore()
    write_graph(memory, nodes, edges, chunk_shape=10.0, attributes={"n": np.arange(4)})
    around = read_graph(memory, bbox=([0, 0], [9, 9]), include_boundary_edges=True)
    assert counted(around.attributes["n"][around.edges]) == counted([[0, 1], [2, 0], [1, 3]])
    assert around.attributes["n"].tolist() == [0, 1, 2, 3]


def test_many_graphs_in_one_store():
    rng = np.random.default_rng(0)
    sizes = [4, 0, 3, 6]
    positions = [rng.uniform(0, 30, (n, 3)) for n in sizes]
    edges = [np.stack([np.arange(1, n), np.arange(n - 1)], axis=1) if n else np.empty((0, 2), int) for n in sizes]
    memory = MemoryStore()
    write_graph(
        memory, positions, edges, chunk_shape=10, geometry_type="skeleton", object_ids=[70, 3, -2, 9],
        attributes={"radius": [np.full(n, float(i)) for i, n in enumerate(sizes)]},
        edge_attributes={"weight": [np.full(len(e), i) for i, e in enumerate(edges)]},
        object_attributes={"name": ["a", "b", "c", "d"]}, groups={"odd": [3, 9]},
    )  # fmt: skip
    with open_zv(memory) as store:
        assert store.n_objects == 4
        names = dict(zip([-2, 3, 9, 70], store.raw_array("object_attributes/name", 0)[:].tolist(), strict=True))
        assert names == {70: "a", 3: "b", -2: "c", 9: "d"}
        assert store.groups["odd"].tolist() == [3, 9]
    found = read_graph(memory, object_ids=[70], return_object_ids=True)
    assert (found.node_count, found.edge_count, set(found.attributes["radius"].tolist())) == (4, 3, {0.0})
    assert set(found.edge_attributes["weight"].tolist()) == {0}
    assert read_graph(memory, object_ids=[3]).node_count == 0
    assert read_graph(memory, group_ids=["odd"]).node_count == 6


def test_an_empty_graph():
    memory = MemoryStore()
    write_graph(memory, np.empty((0, 3)), [], chunk_shape=5)
    found = read_graph(memory)
    assert (found.node_count, found.edges.shape) == (0, (0, 2))


def test_a_skeleton_stores_only_what_the_order_does_not_say():
    n = 1000
    positions = np.stack([np.linspace(0, 99.9, n), np.zeros(n)], axis=1)
    edges = np.stack([np.arange(1, n), np.arange(n - 1)], axis=1)
    shuffled = np.random.default_rng(0).permutation(n)
    back = np.argsort(shuffled)
    memory = MemoryStore()
    write_graph(memory, positions[shuffled], back[edges], chunk_shape=10, geometry_type="skeleton")
    with open_zv(memory) as store:
        assert dict(store.level_group(0)["links/0"].attrs)["num_links"] == 9  # one where a chunk ends
    found = read_graph(memory)
    assert np.array_equal(found.edges, edges)


def test_edges_of_a_large_skeleton_come_back_as_those_of_a_small_one():
    rng = np.random.default_rng(1)
    n = 50_000  # more than are looked at together
    place = np.arange(n)[:, None] * [0.001, 0.0] + [0.0, 0.5]
    parents = np.where(rng.random(n) < 0.1, (rng.random(n) * np.arange(n)).astype(int), np.arange(-1, n - 1))
    parents[rng.random(n) < 0.01] = -1  # many trees
    children = np.flatnonzero(parents >= 0)
    edges = np.stack([children, parents[children]], axis=1)
    memory = MemoryStore()
    key = {"nkey": np.arange(n)}
    write_graph(memory, place, edges, chunk_shape=10, geometry_type="skeleton", attributes=key)
    found = read_graph(memory)
    assert (np.diff(found.edges[:, 0]) > 0).all()
    assert counted(found.attributes["nkey"][found.edges]) == counted(edges)


TWO = [[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"edges": [[0, 3]]}, r"vertices 0 to 2, got row 0 = \[0, 3\]"),
        ({"edges": [[0, 1], [1, 2], [2, 0]], "is_tree": True}, "some of them make a circle"),
        ({"edges": [[1, 0], [1, 2]], "geometry_type": "skeleton"}, r"node 1 has the parents \[0, 2\]"),
        ({"edges": [[1, 0], [2, 1], [0, 2]], "geometry_type": "skeleton"}, r"no circles.* got 2 -> 1 -> 0 -> 2"),
        *(
            ({"edges": [[0, 1]], "object_ids": [1, 2, 2], **tree}, r"got edges row 0 = \[0, 1\] of objects \[1, 2\]")
            for tree in ({"is_tree": True}, {"geometry_type": "skeleton"})
        ),
        ({"edges": [[0, 1]], "object_ids": [1, 2]}, r"object_ids must have shape \(3,\), got \(2,\)"),
        ({"edges": [[0, 1]], "object_ids": [1.0, 2.0, 2.0]}, r"object_ids must be whole numbers"),
        ({"edges": [[0, 1]], "edge_attributes": {"w": [1, 2]}}, r"'w' must have shape \(1,\) or \(1, C\), got \(2,\)"),
        ({"edges": [[0, 1]], "edge_attributes": [1]}, r"edge_attributes must be a mapping"),
        ({"edges": [[0, 1]], "attributes": {"w": [1]}}, r"'w' must have shape \(3,\)"),
        ({"edges": [[0, 1]], "attributes": {}, "vertex_attributes": {}}, r"are one argument"),
        ({"edges": [[0, 1]], "object_attributes": {"w": [1, 2]}}, r"'w'"),
        ({"edges": [[0, 1]], "groups": {"g": [5]}}, r"group 'g' names object 5, which is no object"),
        ({"edges": [[0, 1]], "geometry_type": "tree"}, r"'graph' or 'skeleton', got 'tree'"),
        ({"edges": [[0, 1]], "positions": [[0, 0], [np.nan, 1], [2, 2]]}, r"finite.*row 1, axis 0 is nan"),
        ({"edges": [[0, 1]], "chunk_shape": 0}, r"chunk_shape"),
    ],
)
def test_what_cannot_be_written_writes_nothing(tmp_path, arguments, said):
    path = tmp_path / "g.zv"
    options = {"positions": TWO, "chunk_shape": 1, **arguments}
    with pytest.raises(ArgumentError, match=said):
        write_graph(path, options.pop("positions"), options.pop("edges"), **options)
    assert not list(tmp_path.iterdir())


def test_a_directed_tree_may_run_either_way():
    for edges in ([[1, 0], [2, 0]], [[0, 1], [0, 2]]):
        write_graph(MemoryStore(), TWO, edges, chunk_shape=1, is_tree=True, is_directed=True)
    four = [*TWO, [3.0, 3.0]]
    with pytest.raises(ArgumentError, match="one parent each"):
        write_graph(MemoryStore(), four, [[0, 1], [0, 2], [3, 2]], chunk_shape=1, is_tree=True, is_directed=True)
