"""Levels of many small blocks, held in files: all that is promised of kinds with objects holds of them too."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from zarr.storage import MemoryStore

from tests.zarr_vectors.multiresolution import test_lineage, test_pyramid_kinds, test_surfaces, test_weights
from zarr_vectors.core.arrays._level import LevelArrays
from zarr_vectors.core.store import load_store
from zarr_vectors.exceptions import CancelledError
from zarr_vectors.multiresolution import _content, _shelf, _simplify, _spread, _tiled
from zarr_vectors.multiresolution._blocks import Blocked, mended
from zarr_vectors.multiresolution._content import read_blocks
from zarr_vectors.multiresolution._shelf import Shelf
from zarr_vectors.multiresolution.coarsen import build_pyramid
from zarr_vectors.types._topology import TOPOLOGIES
from zarr_vectors.types.graphs import read_graph, write_graph
from zarr_vectors.types.meshes import read_mesh, write_mesh
from zarr_vectors.types.polylines import write_polylines


@pytest.fixture(autouse=True, scope="module")
def small_blocks():
    with pytest.MonkeyPatch.context() as patch:
        for module in (_content, _spread, _tiled):
            patch.setattr(module, "BLOCK_ROWS", 2000)
        patch.setattr(_tiled, "_SAMPLE_ROWS", 4000)
        patch.setattr(_spread, "_READ_ROWS", 100)
        patch.setattr(_spread, "_READ_LINKS", 100)
        patch.setattr(_simplify, "_BLOCK_ROWS", 200)
        patch.setattr(_shelf, "_IN_MEMORY", 0)
        yield


@pytest.fixture
def smaller_blocks(monkeypatch):
    for module in (_content, _spread, _tiled):
        monkeypatch.setattr(module, "BLOCK_ROWS", 1000)


# What is asked of any pyramid, asked again.
test_linked = test_lineage.test_each_vertex_is_linked_to_the_one_that_stands_for_it
test_skeletons_linked = test_lineage.test_skeletons_that_are_put_in_another_order_have_the_right_links
test_nested = test_pyramid_kinds.test_a_strategy_chooses_the_objects_that_stay
test_graphs = test_pyramid_kinds.test_graphs_keep_their_pieces_and_the_values_of_edges
test_bounds = test_pyramid_kinds.test_no_vertex_of_a_coarse_surface_leaves_the_bounds_of_the_fine_one
test_owned_points = test_pyramid_kinds.test_points_of_objects_keep_their_objects
test_segments = test_pyramid_kinds.test_segments_are_left_out_or_whole
test_shapes = test_pyramid_kinds.test_surfaces_keep_area_volume_and_winding_and_objects_do_not_vanish
test_border = test_surfaces.test_a_surface_keeps_its_border
test_closed = test_surfaces.test_closed_surfaces_stay_closed_and_keep_area_and_volume
test_distance = test_surfaces.test_no_vertex_is_farther_from_the_coarse_surface_than_its_resolution_says
test_small_surfaces = test_surfaces.test_small_surfaces_never_vanish_before_they_are_below_a_bin
test_soup = test_surfaces.test_a_soup_of_triangles_is_the_surface_that_it_looks_like
test_values = test_surfaces.test_values_objects_and_groups_follow
test_weighed = test_weights.test_the_weights_of_a_level_are_the_vertices_of_level_0


def forest(trees, nodes, seed=0):
    """Trees in a box of 100: positions, edges ``[child, parent]``, object of each node."""
    rng = np.random.default_rng(seed)
    parent = np.array([[-1, *(int(rng.integers(max(0, i - 3), i)) for i in range(1, nodes))] for _ in range(trees)])
    place = rng.uniform(0, 100, (trees, 1, 3)) + np.zeros((trees, nodes, 3))
    for i in range(1, nodes):
        place[:, i] = np.take_along_axis(place, parent[:, i, None, None], axis=1)[:, 0] + rng.normal(size=(trees, 3))
    first = np.arange(trees)[:, None] * nodes
    edges = np.stack([first + np.arange(1, nodes), first + parent[:, 1:]], axis=2).reshape(-1, 2)
    return place.reshape(-1, 3).astype("f4"), edges, np.repeat(np.arange(trees), nodes)


def blocks_of(store, kind, folder):
    opened = load_store(store)
    arrays = LevelArrays(opened, opened.levels[0])
    return read_blocks(arrays, TOPOLOGIES[kind], Shelf(folder))[0]


@pytest.mark.parametrize("seed", range(8))
def test_trees_stay_trees(seed, monkeypatch):
    for module in (_content, _spread, _tiled):
        monkeypatch.setattr(module, "BLOCK_ROWS", 40)
    sizes = np.random.default_rng(seed).integers(1, 60, 4).tolist()
    test_pyramid_kinds.test_trees_stay_trees_on_every_level.hypothesis.inner_test(seed=seed, sizes=[*sizes, 90])


def edge_rows(positions, ends, values):
    """Give each link as the places of its ends and its value, sorted."""
    flat = positions[ends].reshape(len(ends), -1)
    rows = np.column_stack([flat, values if values is not None else np.zeros(len(ends))])
    return rows[np.lexsort(rows.T)]


@pytest.mark.parametrize("kind", ["graph", "skeleton", "mesh"])
@pytest.mark.parametrize("directed", [False, True])
@pytest.mark.parametrize("trees", [1, 40])
def test_a_level_in_blocks_is_the_level(smaller_blocks, tmp_path, kind, directed, trees):
    positions, edges, owner = forest(trees, 3000 // trees)
    store, values = MemoryStore(), {"x": positions[:, 0]}
    if kind == "mesh":
        faces = np.column_stack([edges[:-1], edges[1:, 0]])
        faces = faces[owner[faces[:, 0]] == owner[faces[:, 2]]]
        width = {"face_attributes": {"w": np.arange(len(faces))}}
        write_mesh(store, positions, faces, chunk_shape=20, object_ids=owner, vertex_attributes=values, **width)
        whole = read_mesh(store)
        links, weight = whole.faces, whole.face_attributes["w"]
    else:
        weights = {} if trees > 1 and kind == "skeleton" else {"w": np.arange(len(edges))}
        write_graph(store, positions, edges, chunk_shape=20, object_ids=owner, vertex_attributes=values,
                    edge_attributes=weights, geometry_type=kind, is_directed=directed)  # fmt: skip
        whole = read_graph(store, return_object_ids=True)
        links, weight = whole.edges, whole.edge_attributes.get("w")
    found = blocks_of(store, kind, tmp_path / "held")
    content = found.content
    assert len(found) >= (3 if trees > 1 else 2)
    assert np.diff(found.starts).max() < 3000
    order, other = np.lexsort(content.positions.T), np.lexsort(whole.positions.T)
    np.testing.assert_array_equal(content.positions[order], whole.positions[other])
    np.testing.assert_array_equal(content.objects.owner[order], whole.object_ids[other])
    np.testing.assert_array_equal(content.attributes[0][1], content.positions[:, 0])
    own = content.links.attributes[0][1] if weight is not None else None
    ends = content.links.ends
    if kind == "graph" and not directed:
        ends, links = (np.take_along_axis(e, np.argsort(p[e][..., 0], axis=1), axis=1)
                       for e, p in ((ends, content.positions), (links, whole.positions)))  # fmt: skip
    np.testing.assert_array_equal(edge_rows(content.positions, ends, own), edge_rows(whole.positions, links, weight))
    block = np.searchsorted(found.starts, content.links.ends, side="right") - 1
    inside = np.concatenate([np.concatenate([np.arange(low, high) for low, high in runs]) for runs in found.links])
    assert sorted([*inside.tolist(), *found.between.tolist()]) == list(range(len(links)))
    assert (block[inside] == block[inside, :1]).all()
    assert (block[found.between] != block[found.between, :1]).any(axis=1).all()
    if trees > 1:
        assert not len(found.between)  # small objects are whole
    else:
        assert len(found.between)


def test_a_block_knows_all_that_its_links_reach(smaller_blocks, tmp_path):
    positions, edges, _ = forest(1, 3000)
    store = MemoryStore()
    write_graph(store, positions, edges, chunk_shape=20)
    found = blocks_of(store, "graph", tmp_path / "held")
    degree = np.bincount(np.asarray(found.content.links.ends).reshape(-1), minlength=3000)
    for number in range(len(found)):
        block = found.block(number, None)
        np.testing.assert_array_equal(block.content.positions[: block.own], found.content.positions[block.rows])
        seen = np.bincount(block.content.links.ends.reshape(-1), minlength=len(block.content.positions))
        np.testing.assert_array_equal(seen[: block.own], degree[block.rows])
        assert (seen[block.own :] > 0).all()
        assert block.own < len(block.content.positions)
    assert sum(found.rows_of(number, None) for number in range(len(found))) == 3000
    assert found.block(0, np.zeros(1, bool)).own == found.rows_of(0, np.zeros(1, bool)) == 0


def test_a_sheet_that_wavers_about_the_face_of_chunks_is_not_torn(smaller_blocks, tmp_path):
    rng = np.random.default_rng(4)
    u, v = np.meshgrid(np.arange(60.0), np.arange(40.0), indexing="ij")
    points = np.stack([0.01 * rng.normal(size=u.shape), u, v], axis=-1).reshape(-1, 3)
    corner = (np.arange(59)[:, None] * 40 + np.arange(39)).reshape(-1, 1)
    faces = np.concatenate([corner + np.array([0, 40, 1]), corner + np.array([40, 41, 1])])
    store = MemoryStore()
    write_mesh(store, points, faces, chunk_shape=100, bin_shape=5)
    found = blocks_of(store, "mesh", tmp_path / "held")
    assert len(found) == 1
    build_pyramid(store, [(2, 1)], method="clustering")
    mesh = read_mesh(store, level=1)
    assert test_surfaces.measures(mesh.positions, mesh.faces)[0] == pytest.approx(59 * 39, rel=0.01)


def test_only_blocks_that_many_links_join_are_joined(smaller_blocks, tmp_path):
    positions, edges, _ = forest(1, 3000)
    store = MemoryStore()
    write_graph(store, positions, edges, chunk_shape=20)
    found = blocks_of(store, "graph", tmp_path / "held")
    assert mended(found) is found
    assert len(Blocked.whole(found.content)) == 1


@pytest.mark.parametrize("kind", ["graph", "polylines"])
def test_progress_is_told_block_by_block_and_a_build_stops_between_them(tmp_path, kind):
    positions, edges, owner = forest(60, 100)
    path, told, cancel = tmp_path / "s.zv", [], threading.Event()
    if kind == "graph":
        write_graph(path, positions, edges, chunk_shape=20, object_ids=owner)
    else:
        write_polylines(path, list(positions.reshape(60, 100, 3)), chunk_shape=20)
    build_pyramid(path, [(2, 1)] * 2, progress=lambda *what: told.append(what))
    done, totals, messages = (list(column) for column in zip(*told, strict=True))
    assert done == sorted(done)
    assert done[-1] == totals[0]
    assert set(totals) == {totals[0]}
    assert messages.count("level 1") > 2
    assert messages[-1] == "publishing"
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    with pytest.raises(CancelledError):
        build_pyramid(path, [(2, 1)], progress=lambda *_: cancel.set(), cancel=cancel)
    assert {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} == before
