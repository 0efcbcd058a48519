"""Pyramids of kinds with objects: the same data, thinned. Nothing is renumbered, nothing is torn apart."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from zarr.storage import MemoryStore

from zarr_vectors.core.arrays._groups import read_groups
from zarr_vectors.core.arrays._objects import open_objects
from zarr_vectors.core.store import load_store
from zarr_vectors.exceptions import ArgumentError
from zarr_vectors.lazy import open_zv
from zarr_vectors.multiresolution.coarsen import build_pyramid
from zarr_vectors.types.graphs import read_graph, write_graph
from zarr_vectors.types.lines import read_lines, write_lines
from zarr_vectors.types.meshes import read_mesh, write_mesh
from zarr_vectors.types.points import read_points, write_points
from zarr_vectors.types.polylines import read_polylines, write_polylines

LINES, LENGTH = 60, 80
IDS = np.arange(LINES) * 7 - 100
FACTORS = [(2, 1), (2, 2), (2, 2)]


def walks(seed=0):
    """Smooth lines that cross many chunks."""
    rng = np.random.default_rng(seed)
    heading = np.cumsum(rng.normal(size=(LINES, LENGTH, 3)) * 0.1, axis=1) + rng.normal(size=(LINES, 1, 3))
    return (np.cumsum(heading, axis=1) + rng.uniform(-100, 100, (LINES, 1, 3))).astype("f4")


@pytest.fixture(scope="module")
def tract():
    store, lines = MemoryStore(), walks()
    write_polylines(
        store,
        list(lines),
        chunk_shape=40,
        bin_shape=10,
        object_ids=IDS,
        vertex_attributes={
            "fa": [line[:, 0] for line in lines],
            "part": [np.repeat([3, 4], LENGTH // 2).astype("u1") for _ in lines],
        },
        object_attributes={"length": np.arange(LINES, dtype="f4"), "name": [f"n{i}" for i in range(LINES)]},
        groups={"left": IDS[:30], "right": IDS[30:]},
        group_attributes={"colour": [1, 2]},
    )
    build_pyramid(store, FACTORS)
    return store, lines


def distance_to_line(points, line):
    if len(line) == 1:
        return np.linalg.norm(points - line[0], axis=1)
    best = np.full(len(points), np.inf)
    for start, end in pairwise(line):
        chord = end - start
        part = np.clip((points - start) @ chord / max(chord @ chord, 1e-30), 0, 1)
        best = np.minimum(best, np.linalg.norm(points - start - part[:, None] * chord, axis=1))
    return best


def test_lines_keep_their_ends_and_stay_within_the_stated_bound(tract):
    store, lines = tract
    with open_zv(store) as opened:
        bounds = [opened.resolution_at(level)[0] for level in range(4)]
    assert bounds[0] == 0
    assert all(b >= a for a, b in pairwise(bounds))
    for level in (1, 2, 3):
        found = read_polylines(store, level=level)
        for number, line in zip(found.object_ids, found.polylines, strict=True):
            old = lines[np.searchsorted(IDS, number)].astype(float)
            np.testing.assert_array_equal(line[[0, -1]], old[[0, -1]])
            assert distance_to_line(old, line.astype(float)).max() <= bounds[level] * (1 + 1e-6) + 1e-6


def test_lines_thin_out_as_documented(tract):
    counts = [read_polylines(tract[0], level=level).vertex_count for level in range(4)]
    assert counts[1] == pytest.approx(counts[0] / 8, rel=0.15)
    assert counts[0] > counts[1] > counts[2] > counts[3]


def test_objects_that_stay_are_nested_and_as_many_as_asked_for(tract):
    kept = [set(read_polylines(tract[0], level=level).object_ids.tolist()) for level in range(4)]
    assert [len(ids) for ids in kept] == [60, 60, 30, 15]
    assert kept[0] >= kept[1] >= kept[2] >= kept[3]


def test_rows_attributes_and_groups_of_objects_are_the_same_on_every_level(tract):
    store = load_store(tract[0])
    objects, groups = open_objects(store, 0), read_groups(store, 0)
    for level in (1, 2, 3):
        here, there = open_objects(store, level), read_groups(store, level)
        np.testing.assert_array_equal(here.ids, IDS)
        assert here.attribute_names == ("length", "name")
        for name in ("length", "name"):
            np.testing.assert_array_equal(here.attribute(name), objects.attribute(name))
        assert there.names == groups.names == ("left", "right")
        for name in groups.names:
            np.testing.assert_array_equal(there.members_of(name), groups.members_of(name))
        np.testing.assert_array_equal(there.attribute("colour"), [1, 2])


def test_vertex_attributes_follow_as_asked_for(tract):
    found = read_polylines(tract[0], level=1)
    for line, fa, part in zip(found.polylines, found.attributes["fa"], found.attributes["part"], strict=True):
        assert fa.dtype == np.float32
        assert np.abs(fa - line[:, 0]).max() < 12  # a mean of what lies around the vertex
        assert set(part.tolist()) <= {3, 4}
        assert part[0] == 3
        assert part[-1] == 4


@pytest.mark.parametrize("strategy", ["random", "spatial_coverage", "length", "attribute:length"])
def test_a_strategy_chooses_the_objects_that_stay(strategy):
    store, lines = MemoryStore(), walks(1)
    measure = np.random.default_rng(2).permutation(LINES).astype("f4")
    attributes = {"length": measure}
    write_polylines(store, list(lines), chunk_shape=40, object_ids=IDS, object_attributes=attributes)
    build_pyramid(store, [(1, 3)], sparsity_strategy=strategy)
    kept = np.searchsorted(IDS, read_polylines(store, level=1).object_ids)
    assert len(kept) == LINES // 3
    if strategy == "attribute:length":
        assert measure[kept].min() == LINES - LINES // 3
    if strategy == "length":
        size = np.linalg.norm(np.diff(lines, axis=1), axis=2).sum(axis=1)
        np.testing.assert_array_equal(np.sort(kept), np.sort(np.argsort(-size)[: LINES // 3]))
    if strategy == "spatial_coverage":
        middles = lines.mean(axis=1)
        reach = np.linalg.norm(middles[:, None] - middles[kept], axis=2).min(axis=1)
        draws = [np.random.default_rng(s).choice(LINES, LINES // 3, replace=False) for s in range(50)]
        by_chance = [np.linalg.norm(middles[:, None] - middles[d], axis=2).min(axis=1).mean() for d in draws]
        assert reach.mean() < np.mean(by_chance)


def test_an_unknown_strategy_is_refused_before_the_first_byte():
    store = MemoryStore()
    write_polylines(store, list(walks()), chunk_shape=40, object_attributes={"name": ["x"] * LINES})
    before = dict(store._store_dict)
    for strategy in ("heaviest", "attribute:nothing", "attribute:name", 3):
        with pytest.raises(ArgumentError, match="sparsity_strategy"):
            build_pyramid(store, [(2, 2)], sparsity_strategy=strategy)
    assert store._store_dict.keys() == before.keys()


# -- graphs and trees ---------------------------------------------------------------------------------------------


def tree(rng, count):
    parent = np.array([-1, *(int(rng.integers(max(0, i - 3), i)) for i in range(1, count))])
    positions = np.zeros((count, 3))
    for i in range(1, count):
        positions[i] = positions[parent[i]] + rng.normal(size=3)
    return positions, np.stack([np.arange(1, count), parent[1:]], axis=1)


def parts(edges, count):
    return connected_components(coo_array((np.ones(len(edges)), edges.T), (count, count)), directed=False)[0]


@given(seed=st.integers(0, 2**32), sizes=st.lists(st.integers(1, 60), min_size=1, max_size=5))
@settings(max_examples=25)
def test_trees_stay_trees_on_every_level(seed, sizes):
    rng = np.random.default_rng(seed)
    grown = [tree(rng, size) for size in sizes]
    starts = np.cumsum([0, *sizes[:-1]])
    positions = np.concatenate([p + 30 * rng.normal(size=3) for p, _ in grown])
    edges = np.concatenate([e + start for (_, e), start in zip(grown, starts, strict=True)])
    ids = np.repeat(np.arange(len(sizes)) * 5 + 2, sizes)
    store = MemoryStore()
    write_graph(
        store,
        positions,
        edges,
        chunk_shape=12,
        bin_shape=4,
        geometry_type="skeleton",
        object_ids=ids,
        vertex_attributes={"radius": rng.random(len(positions))},
    )
    build_pyramid(store, [(2, 1), (2, 1)])
    for level in (1, 2):
        found = read_graph(store, level=level, return_object_ids=True)
        count = len(found.positions)
        assert set(found.object_ids.tolist()) == set(ids.tolist())
        assert len(found.edges) == count - len(sizes)
        assert parts(found.edges, count) == len(sizes)
        assert len(np.unique(found.edges[:, 0])) == len(found.edges)  # one parent each
        rows = {p.tobytes() for p in positions}
        assert all(p.tobytes() in rows for p in found.positions)  # none is moved
        assert found.attributes["radius"].shape == (count,)


@pytest.mark.parametrize("directed", [False, True])
def test_graphs_keep_their_pieces_and_the_values_of_edges(directed):
    rng = np.random.default_rng(3)
    positions, edges = tree(rng, 900)
    extra = np.stack([np.arange(0, 800, 40), np.arange(60, 860, 40)], axis=1)
    edges = np.concatenate([edges, extra])
    store = MemoryStore()
    weight = np.arange(len(edges))
    write_graph(
        store, positions, edges, chunk_shape=12, bin_shape=4, is_directed=directed, edge_attributes={"w": weight}
    )
    build_pyramid(store, [(2, 1), (2, 1)])
    for level in (1, 2):
        found = read_graph(store, level=level)
        assert 0 < len(found.positions) < 900 / 2**level
        assert parts(found.edges, len(found.positions)) == 1
        assert found.edge_attributes["w"].dtype == weight.dtype
        assert set(found.edge_attributes["w"].tolist()) <= set(weight.tolist())


# -- surfaces -----------------------------------------------------------------------------------------------------


def ball(radius, count, centre):
    from scipy.spatial import ConvexHull

    k = np.arange(count) + 0.5
    polar, turn = np.arccos(1 - 2 * k / count), np.pi * (1 + 5**0.5) * k
    points = np.stack([np.cos(turn) * np.sin(polar), np.sin(turn) * np.sin(polar), np.cos(polar)], axis=1)
    faces = ConvexHull(points).simplices.astype(np.int64)
    a, b, c = (points[corner] for corner in faces.T)
    inward = np.einsum("ij,ij->i", a, np.cross(b - a, c - a)) < 0
    faces[inward] = faces[inward][:, ::-1]
    return radius * points + centre, faces


def measures(positions, faces):
    a, b, c = (positions.astype(float)[corner] for corner in faces.T)
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2
    return area, np.einsum("ij,ij->", a, np.cross(b, c)) / 6


def test_surfaces_keep_area_volume_and_winding_and_objects_do_not_vanish():
    big, big_faces = ball(40, 12_000, [50, 0, -20])
    small, small_faces = ball(18, 3_000, [-30, 10, 5])
    store = MemoryStore()
    write_mesh(
        store,
        np.concatenate([big, small]),
        np.concatenate([big_faces, small_faces + len(big)]),
        chunk_shape=32,
        bin_shape=8,
        object_ids=np.repeat([9, 4], [len(big), len(small)]),
        face_attributes={"side": np.repeat([1, 2], [len(big_faces), len(small_faces)]).astype("u1")},
    )
    build_pyramid(store, [(2, 1), (2, 1)])
    for level in (1, 2):
        found = read_mesh(store, level=level)
        assert set(found.object_ids.tolist()) == {4, 9}
        for number, surface, side in ((9, (big, big_faces), 1), (4, (small, small_faces), 2)):
            one = read_mesh(store, level=level, object_ids=[number])
            area, volume = measures(one.positions, one.faces)
            old_area, old_volume = measures(*surface)
            assert area == pytest.approx(old_area, rel=0.05)
            # Thirty vertices are hardly a ball any more.
            assert volume == pytest.approx(old_volume, rel=0.05 if len(one.positions) > 100 else 0.15)
            assert set(one.face_attributes["side"].tolist()) == {side}
    assert len(read_mesh(store, level=1).positions) == pytest.approx(15_000 / 8, rel=0.15)


def test_no_vertex_of_a_coarse_surface_leaves_the_bounds_of_the_fine_one():
    points, faces = ball(32, 4_000, [0, 0, 0])
    points = points - points.min(axis=0)
    points *= 63.999 / points.max(axis=0)  # up to the last face of the last chunk
    store = MemoryStore()
    write_mesh(store, points, faces, chunk_shape=8, bin_shape=4)
    build_pyramid(store, [(2, 1), (2, 1)], chunk_scale=1)
    with open_zv(store) as opened:
        for level in (1, 2):
            inside = opened.read(level=level, bbox=opened.bounding_box)
            assert len(inside.positions) == opened.vertex_count(level)


# -- points and segments ------------------------------------------------------------------------------------------


def test_points_of_objects_keep_their_objects():
    rng = np.random.default_rng(5)
    positions, ids = rng.uniform(0, 100, (20_000, 3)), rng.integers(-3, 4, 20_000) * 11
    store = MemoryStore()
    write_points(store, positions, chunk_shape=50, bin_shape=25, object_ids=ids, attributes={"id": ids})
    build_pyramid(store, [(2, 1), (2, 1)])
    for level in (1, 2):
        found = read_points(store, level=level)
        assert found.vertex_count == pytest.approx(20_000 / 8**level, rel=0.15)
        np.testing.assert_array_equal(found.object_ids, found.attributes["id"])
        assert set(found.object_ids.tolist()) == set(ids.tolist())


def test_segments_are_left_out_or_whole():
    segments = np.random.default_rng(6).uniform(0, 100, (500, 2, 3)).astype("f4")
    store = MemoryStore()
    write_lines(store, segments, chunk_shape=50)
    build_pyramid(store, [(2, 5)])
    found = read_lines(store, level=1)
    assert found.line_count == 100
    np.testing.assert_array_equal(found.lines, segments[found.object_ids])


def test_boxes_and_ids_are_exact_on_coarse_levels(tract):
    store, _ = tract
    whole = read_polylines(store, level=1)
    lo, hi = np.full(3, -20.0), np.full(3, 60.0)
    meets = [bool(((line >= lo) & (line < hi)).all(axis=1).any()) for line in whole.polylines]
    found = read_polylines(store, level=1, bbox=(lo, hi))
    np.testing.assert_array_equal(found.object_ids, whole.object_ids[meets])
    some = read_polylines(store, level=3, object_ids=IDS)
    assert some.polyline_count == LINES
    assert sum(len(line) > 0 for line in some.polylines) == 15
