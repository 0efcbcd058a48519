"""Links between levels: each vertex is linked to the one that stands for it, however many levels up."""

from __future__ import annotations

import numpy as np
import pytest
from zarr.storage import MemoryStore

from tests.zarr_vectors.multiresolution.test_weights import N, weights_of, written
from zarr_vectors.exceptions import ArgumentError
from zarr_vectors.lazy import open_zv
from zarr_vectors.multiresolution import _lines, _search, _shelf, _simplify
from zarr_vectors.multiresolution.coarsen import build_pyramid, coarsen_level
from zarr_vectors.types.graphs import write_graph
from zarr_vectors.types.polylines import read_polylines, write_polylines

KINDS = ["points", "points of objects", "polylines", "graph", "mesh"]
FACTORS = [(2, 1)] * 3


def positions_of(store, level):
    """Give all positions in the order in which rows are counted."""
    with open_zv(store) as opened:
        return opened.read_chunks(level, opened.catalogue().levels[level].coords, []).positions.astype(float)


def pairs_of(store, level, delta=1):
    with open_zv(store) as opened:
        return opened.lineage(level, delta)


@pytest.mark.parametrize(("kind", "storage"), [("points", "implicit"), *((kind, "explicit") for kind in KINDS)])
def test_each_vertex_is_linked_to_the_one_that_stands_for_it(kind, storage):
    store = written(kind)
    build_pyramid(store, FACTORS, cross_level_storage=storage, cross_level_depth=-1)
    with open_zv(store) as opened:
        bounds = [np.array(opened.resolution_at(level)) for level in opened.levels]
    for level in range(3):
        for delta in range(1, 4 - level):
            pairs = pairs_of(store, level, delta)
            finer, coarser = positions_of(store, level), positions_of(store, level + delta)
            assert pairs[:, 0].tolist() == list(range(len(finer)))
            assert np.unique(pairs[:, 1]).tolist() == list(range(len(coarser)))
            away = np.abs(finer[pairs[:, 0]] - coarser[pairs[:, 1]])
            if kind != "polylines":  # whose bound is that of the distance from the line
                assert (away <= sum(bounds[level + 1 : level + delta + 1]) + 1e-6).all()
            back = pairs_of(store, level + delta, -delta)
            assert back[np.lexsort(back.T)].tolist() == pairs[:, ::-1].tolist()
    whole = pairs_of(store, 0, 3)
    assert np.bincount(whole[:, 1]).tolist() == weights_of(store, 3).tolist()


def test_links_of_many_tiles_are_those_of_one(monkeypatch):
    stores = [written("points"), written("points")]
    build_pyramid(stores[0], [(2, 1)], cross_level_storage="implicit")
    monkeypatch.setattr(_search, "_TILE_ROWS", 500)
    build_pyramid(stores[1], [(2, 1)], cross_level_storage="implicit")
    pairs = pairs_of(stores[1], 0)
    assert len(pairs) == N
    assert np.bincount(pairs[:, 1]).tolist() == weights_of(stores[1], 1).tolist()
    away = np.abs(positions_of(stores[1], 0) - positions_of(stores[1], 1)[pairs[:, 1]])
    with open_zv(stores[1]) as opened:
        assert (away <= opened.resolution_at(1)).all()


def test_vertices_of_objects_that_are_left_out_have_no_link():
    store, rng = MemoryStore(), np.random.default_rng(0)
    lines = np.cumsum(rng.normal(size=(50, 40, 3)), axis=1)
    write_polylines(store, list(lines), chunk_shape=10.0)
    build_pyramid(store, [(2, 2), (1, 5)], cross_level_storage="implicit")
    with open_zv(store) as opened:
        assert len(opened.lineage(0)) == 25 * 40
        kept = opened.read(level=2)
        left = opened.read(level=1, object_ids=kept.object_ids[np.diff(kept.offsets) > 0])
        assert len(opened.lineage(1)) == len(left.positions) < opened.vertex_count(1)


def test_skeletons_that_are_put_in_another_order_have_the_right_links():
    store, rng = MemoryStore(), np.random.default_rng(3)
    parents = np.array([max(0, i - int(rng.integers(1, 4))) for i in range(1, 800)])
    nodes = np.zeros((800, 3))
    for child, parent in enumerate(parents, 1):
        nodes[child] = nodes[parent] + rng.normal(size=3)
    edges = np.stack([np.arange(1, 800), parents], axis=1)
    write_graph(store, nodes, edges, geometry_type="skeleton", chunk_shape=8.0, bin_shape=2.0)
    build_pyramid(store, FACTORS, cross_level_storage="explicit", cross_level_depth=-1)
    for level in range(3):
        pairs = pairs_of(store, level)
        away = np.abs(positions_of(store, level) - positions_of(store, level + 1)[pairs[:, 1]])
        with open_zv(store) as opened:
            assert (away <= np.array(opened.resolution_at(level + 1)) + 1e-6).all()


def test_depth_and_storage_say_what_is_written_and_what_is_written_again_replaces_it():
    store = written("graph")

    def families():
        return sorted({key.split("/")[0] + key.split("/")[2] for key in store._store_dict if "/links/" in key} - {""})

    own = ["0" + "0", "10", "20", "30"]
    build_pyramid(store, FACTORS, cross_level_storage="explicit", cross_level_depth=2)
    wanted = [*own, "0+1", "0+2", "1+1", "1+2", "2+1", "1-1", "2-1", "2-2", "3-1", "3-2"]
    assert families() == sorted([*wanted, *(f"{level}zarr.json" for level in range(4))])
    build_pyramid(store, FACTORS, cross_level_storage="implicit")
    wanted = [*own, "0+1", "1+1", "2+1"]
    assert families() == sorted([*wanted, *(f"{level}zarr.json" for level in range(4))])
    coarsen_level(store, 1, 2, coarsen_factor=2)
    wanted = [*own, "0+1"]
    assert families() == sorted([*wanted, *(f"{level}zarr.json" for level in range(4))])
    build_pyramid(store, FACTORS)
    assert families() == sorted([*own, *(f"{level}zarr.json" for level in range(4))])
    with pytest.raises(ArgumentError, match="no links to level 1"):
        pairs_of(store, 0)


def test_points_have_no_empty_group_of_links_left():
    store = written("points")
    build_pyramid(store, FACTORS, cross_level_storage="explicit")
    assert any("/links/" in key for key in store._store_dict)
    build_pyramid(store, FACTORS)
    assert not any("/links" in key for key in store._store_dict)


def test_what_was_there_is_not_touched_before_all_is_there(tmp_path):
    path = tmp_path / "s.zv"
    edges = np.stack([np.arange(99), np.arange(1, 100)], axis=1)
    write_graph(path, np.random.default_rng(0).uniform(0, 50, (100, 3)), edges, chunk_shape=10.0)
    before = (path / "0" / "links" / "zarr.json").stat()
    build_pyramid(path, [(2, 1)], cross_level_storage="explicit")
    after = (path / "0" / "links" / "zarr.json").stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


@pytest.mark.parametrize(
    "asked",
    [{"cross_level_storage": "all"}, {"cross_level_depth": -2, "cross_level_storage": "implicit"},
     {"cross_level_depth": 1.5}, {"cross_level_depth": True}],
)  # fmt: skip
def test_what_cannot_be_asked_for_is_refused(asked):
    with pytest.raises(ArgumentError, match="cross_level"):
        build_pyramid(written("points"), [(2, 1)], **asked)


def test_lines_taken_some_at_a_time_are_those_taken_at_once(monkeypatch):
    rng = np.random.default_rng(8)
    lines = [np.cumsum(rng.normal(size=(count, 3)), axis=0) for count in (*rng.integers(1, 60, 80), 0, 0)]
    values = [rng.normal(size=len(line)) for line in lines]
    found = []
    for rows, held in ((1 << 18, 1 << 24), (64, 0)):
        monkeypatch.setattr(_simplify, "_BLOCK_ROWS", rows)
        monkeypatch.setattr(_lines, "_PIECE_ROWS", rows)
        monkeypatch.setattr(_shelf, "_IN_MEMORY", held)
        store = MemoryStore()
        write_polylines(store, lines, chunk_shape=10.0, bin_shape=5.0, vertex_attributes={"v": values})
        build_pyramid(store, FACTORS, cross_level_storage="implicit")
        levels = [read_polylines(store, level=level) for level in range(4)]
        found.append([(each.positions.tolist(), each.offsets.tolist(), each.attributes.flat("v").tolist())
                      for each in levels] + [pairs_of(store, level).tolist() for level in range(3)])  # fmt: skip
    assert found[0] == found[1]
