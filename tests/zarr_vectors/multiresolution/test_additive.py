"""Additive levels of points: nested subsets, each point stored once, read as the union."""

from __future__ import annotations

import json

import numpy as np
import pytest
from zarr.storage import MemoryStore

from zarr_vectors.core.store import load_store
from zarr_vectors.exceptions import ArgumentError, CancelledError, UnsupportedFeatureError
from zarr_vectors.lazy import open_zv
from zarr_vectors.multiresolution import _search
from zarr_vectors.multiresolution.coarsen import build_pyramid
from zarr_vectors.types.points import read_points, write_points

N = 20_000
FACTORS = [(2, 1)] * 3


@pytest.fixture
def path(tmp_path):
    rng = np.random.default_rng(5)
    positions = np.concatenate([rng.uniform(-50, 50, (N // 2, 3)), rng.normal(10, 3, (N // 2, 3))])
    attributes = {"row": np.arange(N), "word": np.array(["axon", "soma"])[rng.integers(0, 2, N)]}
    write_points(tmp_path / "s.zv", positions, attributes=attributes, chunk_shape=25.0, bin_shape=5.0)
    return tmp_path / "s.zv"


def rows(path, level):
    return read_points(path, level=level).attributes["row"]


def test_each_point_is_stored_once_and_a_level_is_the_union(path):
    before = read_points(path)
    build_pyramid(path, FACTORS, refinement="add")
    stored = [meta.vertex_count for meta in load_store(path).levels]
    assert sum(stored) == N
    assert all(count > 0 for count in stored)
    with open_zv(path) as store:
        assert [store.vertex_count(level) for level in store.levels] == np.cumsum(stored[::-1])[::-1].tolist()
        found = [np.sort(rows(path, level)) for level in store.levels]
        for level, count in enumerate([N, N / 8, N / 64, N / 512]):
            assert len(found[level]) == store.vertex_count(level) == pytest.approx(count, rel=0.15)
            assert len(np.unique(found[level])) == len(found[level])
            chunks = [chunk["attributes"]["row"] for _, chunk in store.iter_chunks(level)]
            assert np.sort(np.concatenate(chunks)).tolist() == found[level].tolist()
            catalogue = store.catalogue().levels[level]
            assert catalogue.counts.sum() == len(found[level])
            batch = store.read_chunks(level, catalogue.coords, ["row"])
            assert np.sort(batch.attributes["row"]).tolist() == found[level].tolist()
            assert not store.has_weights(level)
    assert found[0].tolist() == list(range(N))
    assert set(found[3]) < set(found[2]) < set(found[1]) < set(found[0])
    after = read_points(path)
    was, now = (np.argsort(each.attributes["row"]) for each in (before, after))
    assert after.attributes["word"][now].tolist() == before.attributes["word"][was].tolist()
    assert np.array_equal(after.positions[now], before.positions[was])


def test_readers_that_do_not_know_of_it_are_told_to_refuse(path):
    build_pyramid(path, FACTORS, refinement="add")
    block = json.loads((path / "zarr.json").read_bytes())["attributes"]["zarr_vectors"]
    assert block["zv_version"] == "0.9.3"
    assert block["required_capabilities"] == ["additive_levels"]
    assert "additive_levels" in block["format_capabilities"]
    levels = [json.loads((path / str(n) / "zarr.json").read_bytes())["attributes"] for n in range(4)]
    said = [level["zarr_vectors_level"].get("refinement") for level in levels]
    assert said == ["add", "add", "add", None]
    assert sorted(child.name for child in path.iterdir()) == ["0", "1", "2", "3", "zarr.json"]


def test_a_box_finds_what_lies_in_it_on_all_levels(path):
    box = ([-10, -10, -10], [20.0, 20.0, 20.0])
    before = np.sort(read_points(path, bbox=box).attributes["row"])
    build_pyramid(path, FACTORS, refinement="add")
    assert np.sort(read_points(path, bbox=box).attributes["row"]).tolist() == before.tolist()


def test_tiles_and_threads_give_the_same_points(path, tmp_path, monkeypatch):
    from concurrent.futures import ThreadPoolExecutor
    from shutil import copytree

    copytree(path, tmp_path / "t.zv")
    monkeypatch.setattr(_search, "_TILE_ROWS", 3000)
    build_pyramid(path, FACTORS, refinement="add")
    with ThreadPoolExecutor(2) as executor:
        build_pyramid(tmp_path / "t.zv", FACTORS, refinement="add", executor=executor)
    for level in range(4):
        assert rows(path, level).tolist() == rows(tmp_path / "t.zv", level).tolist()
    assert np.sort(rows(path, 0)).tolist() == list(range(N))


def test_a_cancelled_build_leaves_the_store_as_it_was(path):
    before = {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}

    class Soon:
        asked = 0

        def is_set(self):
            self.asked += 1
            return self.asked > 6

    with pytest.raises(CancelledError):
        build_pyramid(path, FACTORS, refinement="add", cancel=Soon())
    assert {file: file.read_bytes() for file in path.rglob("*") if file.is_file()} == before
    assert [child.name for child in path.parent.iterdir()] == ["s.zv"]


def test_what_cannot_be_done_is_refused(path):
    with pytest.raises(ArgumentError, match="refinement must be"):
        build_pyramid(path, FACTORS, refinement="union")
    with pytest.raises(ArgumentError, match="chunk_scale"):
        build_pyramid(path, FACTORS, refinement="add", chunk_scale=2)
    with pytest.raises(UnsupportedFeatureError, match="links between levels"):
        build_pyramid(path, FACTORS, refinement="add", cross_level_storage="implicit")
    memory = MemoryStore()
    write_points(memory, np.zeros((3, 3)), chunk_shape=1.0)
    with pytest.raises(UnsupportedFeatureError, match="folder on this machine"):
        build_pyramid(memory, FACTORS, refinement="add")
    write_points(path, np.zeros((3, 3)), chunk_shape=1.0, object_ids=[0, 0, 1], overwrite=True)
    with pytest.raises(UnsupportedFeatureError, match="with objects"):
        build_pyramid(path, FACTORS, refinement="add")


def test_an_empty_store_and_a_single_point_stay_what_they_are(path):
    for positions in (np.zeros((0, 3)), np.ones((1, 3))):
        write_points(path, positions, chunk_shape=1.0, overwrite=True)
        build_pyramid(path, FACTORS, refinement="add")
        assert np.array_equal(read_points(path).positions, positions)
