"""Levels as documented: counts, resolutions, exact boxes, every attribute carried."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from zarr.storage import MemoryStore

from zarr_vectors.exceptions import ArgumentError
from zarr_vectors.lazy import open_zv
from zarr_vectors.multiresolution.coarsen import build_pyramid, coarsen_level
from zarr_vectors.types.points import read_points, write_points


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """The cloud of the documentation."""
    rng = np.random.default_rng(0)
    p = rng.uniform(0, 2000, (500_000, 3)).astype("f4")
    attributes = {
        "intensity": rng.random(500_000, dtype="f4"),
        "label": rng.integers(0, 5, 500_000).astype("u1"),
        "kind": np.array(["a", "b"])[rng.integers(0, 2, 500_000)],
        "colour": rng.integers(0, 255, (500_000, 3)).astype("u1"),
    }
    path = tmp_path_factory.mktemp("sample") / "s.zarrvectors"
    write_points(path, p, chunk_shape=200, bin_shape=50, attributes=attributes)
    build_pyramid(path, [(2, 1)] * 3)
    return path, p, attributes


def test_levels_thin_out_as_documented(sample):
    with open_zv(sample[0]) as store:
        assert store.levels == [0, 1, 2, 3]
        assert store.vertex_count(0) == 500_000
        for level, count in ((1, 63_000), (2, 8_000), (3, 1_000)):
            assert store.vertex_count(level) == pytest.approx(count, rel=0.15)
            assert store.read(level).vertex_count == store.vertex_count(level)


def test_bins_and_chunks_grow_as_documented(sample):
    with open_zv(sample[0]) as store:
        assert [store.bin_shape_at(n) for n in range(4)] == [(50.0 * 2**n,) * 3 for n in range(4)]
        assert [store.bin_ratio_at(n) for n in range(4)] == [(2.0**n,) * 3 for n in range(4)]
        assert [store.chunk_shape_at(n) for n in range(4)] == [(200.0 * 2**n,) * 3 for n in range(4)]
        finer = np.zeros(3)
        for level in range(1, 4):
            assert (np.array(store.resolution_at(level)) > finer).all()
            finer = np.array(store.resolution_at(level))
        assert store.resolution_at(0) == (0.0,) * 3


@pytest.mark.parametrize(
    ("resolution", "level"), [(200, 2), (50, 0), (49, 0), (0, 0), (100, 1), (399, 2), (400, 3), (1e9, 3)]
)
def test_a_target_resolution_picks_the_coarsest_level_that_is_fine_enough(sample, resolution, level):
    with open_zv(sample[0]) as store:
        assert store.read(target_resolution=resolution, attributes=[]).level == level


def test_level_and_target_resolution_together_are_refused(sample):
    with open_zv(sample[0]) as store, pytest.raises(ArgumentError, match="not both"):
        store.read(level=1, target_resolution=200)


@pytest.mark.parametrize("level", range(4))
def test_boxes_are_exact_at_every_level(sample, level):
    rng = np.random.default_rng(level)
    with open_zv(sample[0]) as store:
        whole = store.read(level)
        for i in range(6):
            lo = rng.uniform(0, 1500, 3)
            hi = lo + rng.uniform(10, 900, 3)
            if i == 0:  # on a face, and on a vertex
                lo, hi = np.full(3, 400.0), np.maximum(whole.positions[len(whole.positions) // 2], 400.0).astype("f8")
            inside = ((whole.positions >= lo) & (whole.positions < hi)).all(axis=1)
            found = store.read(level, bbox=(lo, hi))
            assert found.positions.tolist() == whole.positions[inside].tolist()
            for name, values in whole.attributes.items():
                assert found.attributes[name].tolist() == values[inside].tolist()
        lo, hi = store.bounding_box
        assert store.read(level, bbox=(lo, hi), attributes=[]).vertex_count == store.vertex_count(level)


def test_coarse_vertices_are_vertices_of_the_level_before(sample):
    with open_zv(sample[0]) as store:
        before = set(map(bytes, sample[1]))
        for level in range(1, 4):
            now = set(map(bytes, store.read(level, attributes=[]).positions))
            assert len(now) == store.vertex_count(level)
            assert now <= before
            before = now


def test_every_attribute_is_carried_with_its_dtype(sample):
    _, _, attributes = sample
    with open_zv(sample[0]) as store:
        for level in range(1, 4):
            found = store.read(level)
            assert sorted(found.attributes) == sorted(attributes)
            for name, values in attributes.items():
                assert found.attributes[name].dtype == values.dtype
                assert found.attributes[name].shape[1:] == values.shape[1:]
            assert set(found.attributes["kind"]) == {"a", "b"}
            assert set(found.attributes["label"]) <= set(range(5))
            assert found.attributes["intensity"].mean() == pytest.approx(0.5, abs=0.05)
        assert store.read(3).attributes["intensity"].std() < 0.05


def test_chunks_and_counts_of_every_level_agree(sample):
    with open_zv(sample[0]) as store:
        for level in store.catalogue().levels:
            counts = [(c, len(chunk["positions"])) for c, chunk in store.iter_chunks(level.level, attributes=[])]
            assert [c for c, _ in counts] == list(map(tuple, level.coords.tolist()))
            assert [n for _, n in counts] == level.counts.tolist()


@pytest.fixture
def place():
    memory = MemoryStore()
    p = np.random.default_rng(1).uniform(-50, 50, (4000, 3))
    write_points(memory, p, chunk_shape=20.0, bin_shape=10.0, attributes={"n": np.arange(4000), "x": p[:, 0]})
    return memory


def test_an_axis_with_factor_one_is_not_thinned(place):
    build_pyramid(place, [((1, 2, 2), 1)])
    with open_zv(place) as store:
        assert store.bin_shape_at(1) == (10.0, 20.0, 20.0)
        assert store.chunk_shape_at(1) == (20.0, 40.0, 40.0)
        assert store.vertex_count(1) == pytest.approx(1000, rel=0.15)


def test_sparsity_keeps_that_much_less(place):
    build_pyramid(place, [(1, 4), (2, 2)])
    with open_zv(place) as store:
        assert store.vertex_count(1) == pytest.approx(1000, rel=0.1)
        assert store.vertex_count(2) == pytest.approx(1000 / 16, rel=0.15)


def test_the_same_store_gives_the_same_pyramid_and_another_seed_another(place):
    found = []
    for options in ({}, {}, {"sparsity_seed": 0}, {"sparsity_seed": 7}):
        build_pyramid(place, [(2, 1)], **options)
        found.append(read_points(place, level=1).positions.tolist())
    assert found[0] == found[1] == found[2] != found[3]


def test_building_again_replaces_the_levels(place):
    build_pyramid(place, [(2, 1)] * 3)
    build_pyramid(place, [(2, 1)])
    with open_zv(place) as store:
        assert store.levels == [0, 1]
        assert store.vertex_count(0) == 4000
    build_pyramid(place, [])
    with open_zv(place) as store:
        assert store.levels == [0]


def test_attributes_aggregate_as_asked_for(place):
    build_pyramid(place, [(2, 1)], agg_mode={"n": "sum", "x": "max"})
    found = read_points(place, level=1)
    assert found.attributes["n"].sum() == np.arange(4000).sum()
    assert found.attributes["x"].max() == read_points(place).attributes["x"].max()
    assert (found.attributes["x"] >= found.positions[:, 0]).all()


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_chunks_grow_as_asked_for(place, scale):
    build_pyramid(place, [(2, 1), (2, 1)], chunk_scale=scale)
    with open_zv(place) as store:
        assert [store.chunk_shape_at(n)[0] for n in range(3)] == [20.0, 20.0 * scale, 20.0 * scale**2]
        for level in (1, 2):
            assert store.read(level).vertex_count == store.vertex_count(level)


def test_a_pyramid_keeps_the_root_as_it_was(tmp_path):
    crs = {"unit": "µm"}
    p = np.random.default_rng(1).uniform(0, 50, (500, 2))
    write_points(tmp_path / "s", p, chunk_shape=20.0, coordinate_system=crs, axes=["b", "a"], compressor="zstd",
                 shard_shape=2)  # fmt: skip
    with open_zv(tmp_path / "s") as store:
        before = store.crs, store.axes, [b.tolist() for b in store.bounding_box], store.read().positions.tolist()
    build_pyramid(tmp_path / "s", [(2, 1)])
    with open_zv(tmp_path / "s") as store:
        assert before == (
            store.crs, store.axes, [b.tolist() for b in store.bounding_box], store.read().positions.tolist()
        )  # fmt: skip
        new, old = (store.level_group(n)["vertices"].metadata for n in (1, 0))
    assert [c.to_dict() for c in new.codecs] == [c.to_dict() for c in old.codecs]


def test_an_empty_cloud_has_an_empty_pyramid(tmp_path):
    write_points(tmp_path / "s", np.empty((0, 3), "f4"), chunk_shape=10.0, attributes={"n": np.empty(0, "i4")})
    build_pyramid(tmp_path / "s", [(2, 1)] * 2)
    with open_zv(tmp_path / "s") as store:
        assert [store.read(n).vertex_count for n in store.levels] == [0, 0, 0]


@pytest.mark.parametrize("ndim", [2, 3, 4, 5])
@pytest.mark.parametrize("kind", ["one point", "equal points", "a line"])
def test_clouds_without_volume_have_a_pyramid(tmp_path, ndim, kind):
    p = {
        "one point": np.zeros((1, ndim)),
        "equal points": np.full((100, ndim), 7.0),
        "a line": np.repeat(np.arange(1000.0)[:, None], ndim, 1) * np.eye(ndim)[0],
    }[kind]
    write_points(tmp_path / "s", p, chunk_shape=100.0, bin_shape=50.0)
    build_pyramid(tmp_path / "s", [(2, 1)] * 2)
    with open_zv(tmp_path / "s") as store:
        counts = [store.read(n).vertex_count for n in store.levels]
    assert counts == sorted(counts, reverse=True)
    assert counts[-1] >= 1


@pytest.mark.parametrize("count", [3, 1000, 30_000])
def test_resolution_never_falls_from_level_to_level(tmp_path, count):
    positions = np.random.default_rng(0).uniform(0, 1000, (count, 3)).astype(np.float32)
    write_points(tmp_path / "s", positions, chunk_shape=100)
    build_pyramid(tmp_path / "s", [(2, 1)] * 8)
    with open_zv(tmp_path / "s") as store:
        resolutions = np.array([store.resolution_at(level) for level in store.levels])
    assert (np.diff(resolutions, axis=0) >= 0).all()
    assert (resolutions[1:] > 0).all()


@pytest.mark.parametrize(("axes", "halved"), [(["z", "y", "x"], [2, 2, 2]), (["t", "y", "x"], [1, 2, 2])])
def test_without_factors_space_is_halved_until_about_a_chunk_is_left(axes, halved):
    store, rng = MemoryStore(), np.random.default_rng(0)
    named = [{"name": name, "type": "time" if name == "t" else "space"} for name in axes]
    write_points(store, rng.uniform(0, 64, (20_000, 3)), chunk_shape=8, bin_shape=2, axes=named)
    build_pyramid(store)
    with open_zv(store) as opened:
        assert opened.levels == list(range(1 + (3 if halved[0] == 2 else 5)))
        assert opened.bin_ratio_at(1) == tuple(map(float, halved))
        assert opened.vertex_count(opened.levels[-1]) <= 1.2 * 20_000 / 512 * 8


def test_one_chunk_needs_no_levels():
    store = MemoryStore()
    write_points(store, np.random.default_rng(0).uniform(0, 10, (100, 3)), chunk_shape=10)
    build_pyramid(store)
    with open_zv(store) as opened:
        assert opened.levels == [0]


def test_a_strategy_for_objects_is_refused_where_there_are_none():
    store = MemoryStore()
    write_points(store, np.random.default_rng(0).uniform(0, 10, (100, 3)), chunk_shape=10)
    with pytest.raises(ArgumentError, match="points without any"):
        build_pyramid(store, [(2, 2)], sparsity_strategy="length")
    for make in (build_pyramid, partial(coarsen_level, source_level=0, target_level=1, coarsen_factor=2)):
        with pytest.raises(ArgumentError, match=r"must be one of 'random', .* or 'attribute:<name>', got 'lenght'"):
            make(store, sparsity_strategy="lenght")
