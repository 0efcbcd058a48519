"""One level made from another: the others stay, grids nest, and what it says of itself is true."""

from __future__ import annotations

import numpy as np
import pytest
from zarr.storage import MemoryStore

from zarr_vectors.exceptions import ArgumentError
from zarr_vectors.lazy import open_zv
from zarr_vectors.multiresolution.coarsen import build_pyramid, coarsen_level
from zarr_vectors.types.points import write_points
from zarr_vectors.types.polylines import read_polylines, write_polylines

N = 40_000


@pytest.fixture
def cloud(tmp_path):
    rng = np.random.default_rng(3)
    path = tmp_path / "c.zv"
    write_points(path, rng.uniform(0, 160, (N, 3)), chunk_shape=10, bin_shape=5, attributes={"n": np.ones(N, np.int32)})
    return path


def files(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_two_levels_made_one_by_one_are_those_of_a_pyramid(cloud, tmp_path):
    coarsen_level(cloud, 0, 1, coarsen_factor=2)
    coarsen_level(cloud, 1, 2, coarsen_factor=2)
    one_by_one = files(cloud)
    build_pyramid(cloud, [(2, 1)] * 2)
    at_once = files(cloud)
    assert {k: v for k, v in one_by_one.items() if k != "zarr.json"} == {
        k: v for k, v in at_once.items() if k != "zarr.json"
    }
    with open_zv(cloud) as store:
        assert store.bin_shape_at(2) == (20.0,) * 3


def test_a_level_may_be_made_of_any_finer_one(cloud):
    build_pyramid(cloud, [(2, 1)])
    coarsen_level(cloud, 0, 2, coarsen_factor=4, agg_mode="sum")
    with open_zv(cloud) as store:
        assert store.levels == [0, 1, 2]
        assert store.vertex_count(2) == pytest.approx(N / 64, rel=0.15)
        assert store.chunk_shape_at(2) == (40.0,) * 3
        assert store.bin_ratio_at(2) == (4.0,) * 3
        assert store.read(2).attributes["n"].sum() == N  # of level 0, not of the means of level 1


def test_a_level_is_replaced_and_the_others_stay(cloud):
    build_pyramid(cloud, [(2, 1)] * 2)
    before = files(cloud)
    coarsen_level(cloud, 0, 1, coarsen_factor=2, sparsity_factor=3, sparsity_seed=5)
    after = files(cloud)
    for level in ("0/", "2/"):
        assert {k: v for k, v in after.items() if k.startswith(level)} == {
            k: v for k, v in before.items() if k.startswith(level)
        }
    with open_zv(cloud) as store:
        assert store.vertex_count(1) == pytest.approx(N / 24, rel=0.15)


@pytest.mark.parametrize(("source", "target"), [(0, 0), (1, 0), (0, 3), (2, 3), (-1, 1), (0, 1.5), (True, 2)])
def test_numbers_of_levels_that_cannot_be_are_refused(cloud, source, target):
    build_pyramid(cloud, [(2, 1)])
    before = files(cloud)
    with pytest.raises(ArgumentError, match="levels 0 to 1"):
        coarsen_level(cloud, source, target, coarsen_factor=2)
    assert files(cloud) == before


def test_chunks_that_do_not_nest_with_the_next_levels_are_refused(cloud):
    build_pyramid(cloud, [(2, 1)] * 2)
    before = files(cloud)
    with pytest.raises(ArgumentError, match="whole multiple"):
        coarsen_level(cloud, 0, 1, coarsen_factor=3)
    assert files(cloud) == before


def test_a_factor_that_changes_nothing_is_refused(cloud):
    with pytest.raises(ArgumentError, match="equal"):
        coarsen_level(cloud, 0, 1)


def test_objects_that_stay_are_nested_whatever_level_they_come_from():
    store, rng = MemoryStore(), np.random.default_rng(0)
    lines = [np.cumsum(rng.normal(size=(20, 3)), axis=0) + rng.uniform(0, 90, 3) for _ in range(64)]
    write_polylines(store, lines, chunk_shape=30)
    kept = []
    for level in (1, 2, 3):
        coarsen_level(store, level - 1, level, coarsen_factor=1, sparsity_factor=2)
        kept.append(set(read_polylines(store, level=level).object_ids.tolist()))
    assert [len(k) for k in kept] == [32, 16, 8]
    assert kept[2] < kept[1] < kept[0]


@pytest.mark.parametrize(("source", "target"), [(0, 1), (0, 2)])
def test_links_between_the_two_levels_are_written_where_they_are_asked_for(cloud, source, target):
    build_pyramid(cloud, [(2, 1)] * 2, cross_level_storage="implicit")
    coarsen_level(cloud, source, target, coarsen_factor=2**target, cross_level_storage="explicit")
    with open_zv(cloud) as store:
        pairs = store.lineage(source, target - source)
        assert pairs[:, 0].tolist() == list(range(N))
        assert np.unique(pairs[:, 1]).tolist() == list(range(store.vertex_count(target)))
        assert len(store.lineage(target, source - target)) == N
        if target == 2:
            assert len(store.lineage(0, 1)) == N  # of levels that stay
        with pytest.raises(ArgumentError, match="no links"):
            store.lineage(1, 1)  # what they led to is gone
    coarsen_level(cloud, source, target, coarsen_factor=2**target)
    with open_zv(cloud) as store, pytest.raises(ArgumentError, match="no links"):
        store.lineage(source, target - source)
