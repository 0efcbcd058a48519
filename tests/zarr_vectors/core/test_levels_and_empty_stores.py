"""A level as a group, a level taken out, a store without vertices: what API.md names in `zarr_vectors.core.store`."""

from __future__ import annotations

import os
import subprocess

import numpy as np
import pytest
import zarr
from zarr.storage import MemoryStore

from tests.package_index import peer_interpreter
from zarr_vectors.core import _commit
from zarr_vectors.core.store import (
    create_store,
    get_resolution_level,
    list_resolution_levels,
    open_store,
    remove_resolution_level,
)
from zarr_vectors.exceptions import ArgumentError, StoreExistsError, UnsupportedFeatureError
from zarr_vectors.lazy import open_zv
from zarr_vectors.multiresolution.coarsen import build_pyramid, coarsen_level
from zarr_vectors.types.points import read_points, write_points

POSITIONS = np.random.default_rng(0).uniform(0, 40, (2000, 3)).astype("f4")


@pytest.fixture(params=["disk", "memory"])
def place(request, tmp_path):
    path = tmp_path / "s.zv" if request.param == "disk" else MemoryStore()
    write_points(path, POSITIONS, chunk_shape=10.0, user_metadata={"lab": {"a": 1}})
    build_pyramid(path, [(2, 1)] * 3)
    return path


def listed(root) -> list[str]:
    """Levels that the root's documents name, OME's too."""
    attributes = open_store(root).attrs
    datasets = [item["path"] for item in attributes["multiscales"][0]["datasets"]]
    assert datasets == [node["name"] for node in attributes["ome"]["nodes"]]
    return datasets


def test_a_level_is_the_group_of_its_number(place):
    root = open_store(place)
    for n in (0, 3, np.int64(2)):
        found = get_resolution_level(root, n)
        assert dict(found.attrs) == dict(root[str(n)].attrs)
        assert found["vertices"].shape == root[f"{n}/vertices"].shape
    for bad in (4, -1, True, "0", None, 0.0):
        with pytest.raises(ArgumentError, match="has no level .*; it has 0, 1, 2, 3"):
            get_resolution_level(root, bad)


@pytest.mark.parametrize("level", [1, 2, 3])
def test_a_level_that_is_removed_is_gone_from_the_store_and_its_root(place, level):
    before = {n: read_points(place, level=n).positions for n in range(4)}
    assert remove_resolution_level(open_store(place, "r+"), level_index=level) is None
    rest = [n for n in range(4) if n != level]
    root = open_store(place)
    assert list_resolution_levels(root) == rest
    assert listed(place) == list(map(str, rest))
    assert str(level) not in root
    assert root.attrs["user_metadata"] == {"lab": {"a": 1}}
    for n in rest:
        assert read_points(place, level=n).positions.tolist() == before[n].tolist()
    with pytest.raises(ArgumentError, match="level"):
        read_points(place, level=level)
    coarsen_level(place, level - 1, level, coarsen_factor=2)
    assert list_resolution_levels(open_store(place)) == [0, 1, 2, 3]


@pytest.mark.parametrize(("level", "said"), [(0, "is the data"), (4, "no level 4"), (True, "no level"), ("1", "has")])
def test_level_0_and_levels_that_there_are_not_stay(place, level, said):
    with pytest.raises(ArgumentError, match=said):
        remove_resolution_level(place, level)
    assert list_resolution_levels(open_store(place)) == [0, 1, 2, 3]


def test_a_store_that_is_open_for_reading_keeps_its_levels(place):
    with pytest.raises(ArgumentError, match="reading only"):
        remove_resolution_level(open_store(place), 1)


def test_a_level_that_another_one_adds_to_stays(place):
    group = zarr.open_group(place, path="1", mode="r+")
    group.attrs["zarr_vectors_level"] = {**group.attrs["zarr_vectors_level"], "refinement": "add"}
    with pytest.raises(UnsupportedFeatureError, match="level 1 adds to level 2"):
        remove_resolution_level(place, 2)


def test_a_level_that_another_one_has_links_to_stays(tmp_path):
    path = tmp_path / "s.zv"
    write_points(path, POSITIONS, chunk_shape=10.0)
    build_pyramid(path, [(2, 1)] * 2, cross_level_storage="implicit")
    with pytest.raises(UnsupportedFeatureError, match="level 1 .*has links to it"):
        remove_resolution_level(path, 2)
    assert list_resolution_levels(open_store(path)) == [0, 1, 2]


def test_a_removal_that_is_stopped_leaves_the_store_as_it_was(tmp_path, monkeypatch):
    path = tmp_path / "s.zv"
    write_points(path, POSITIONS, chunk_shape=10.0)
    build_pyramid(path, [(2, 1)])
    monkeypatch.setattr(_commit.Publication, "publish", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        remove_resolution_level(path, 1)
    assert list_resolution_levels(open_store(path)) == [0, 1]
    assert os.listdir(tmp_path) == ["s.zv"]


# -- empty stores ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["disk", "memory"])
def test_a_store_that_is_created_reads_as_empty_and_is_replaced_by_the_writers(tmp_path, where):
    place = tmp_path / "s.zv" if where == "disk" else MemoryStore()
    root = create_store(
        place, bounds=([-5, 0, 0], [95, 50, 10]), chunk_shape=10.0, base_bin_shape=5.0, geometry_types=["point_cloud"],
        axes=["a", "b", "c"], crs={"name": "room"},
    )  # fmt: skip
    assert list_resolution_levels(root) == [0]
    assert root["0/vertices"].shape == root["0/vertex_fragments"].shape == (11, 6, 2)
    root.attrs["mine"] = 1  # it is open to write
    with open_zv(place) as store:
        assert store.read().vertex_count == store.vertex_count() == store.n_objects == 0
        assert list(store.iter_chunks()) == []
        assert store.extent.tolist() == [[-5, 0, 0], [95, 50, 10]]
        assert (store.chunk_shape, store.bin_shape) == ((10.0,) * 3, (5.0,) * 3)
        assert [axis.name for axis in store.axes] == ["a", "b", "c"]
        assert store.crs == {"name": "room"}
    assert read_points(place).vertex_count == 0
    with pytest.raises(StoreExistsError):
        write_points(place, POSITIONS, chunk_shape=10.0)
    with pytest.raises(StoreExistsError):
        create_store(place)
    write_points(place, POSITIONS, chunk_shape=10.0, overwrite=True)
    assert read_points(place).vertex_count == len(POSITIONS)


def test_a_store_that_is_created_without_a_word_has_one_chunk_of_three_axes(tmp_path):
    create_store(tmp_path / "s.zv")
    with open_zv(tmp_path / "s.zv") as store:
        assert store.extent.tolist() == [[0.0] * 3, [128.0] * 3]
        assert store.chunk_shape == (128.0,) * 3
    create_store(tmp_path / "flat.zv", ndim=2, chunk_shape=32)
    with open_zv(tmp_path / "flat.zv") as store:
        assert store.chunk_shape == (32.0, 32.0)


@pytest.mark.parametrize(
    "bad",
    [
        {"bounds": ([1, 1, 1], [0, 2, 2])}, {"bounds": ([0, 0], [1, 1, 1])}, {"bounds": (0, np.nan)}, {"ndim": 6},
        {"chunk_shape": 0}, {"chunk_shape": "ten"}, {"chunk_shape": (1, 2), "ndim": 3}, {"axes": ["x", "x", "y"]},
        {"chunk_shape": 10, "base_bin_shape": 3}, {"crs": {1, 2}}, {"crs": np.nan}, {"bounds": 5},
        {"geometry_types": "mesh"}, {"chunk_shape": True}, {"bounds": (0, 1e300), "chunk_shape": 1}, {"ndim": "3"},
    ],
    ids=repr,
)  # fmt: skip
def test_an_empty_store_that_cannot_be_is_refused_and_nothing_is_left(tmp_path, bad):
    with pytest.raises(ArgumentError):
        create_store(tmp_path / "s.zv", **bad)
    assert not list(tmp_path.iterdir())


@pytest.mark.interop
def test_the_peer_opens_an_empty_store(tmp_path):
    create_store(tmp_path / "s.zarrvectors", chunk_shape=10.0, geometry_types=["point_cloud"])
    code = (
        "import sys; from zarr_vectors.core.store import open_store, list_resolution_levels as l; "
        "from zarr_vectors.types.points import read_points; p = sys.argv[1]; "
        "print(l(open_store(p)), len(read_points(p)['positions']))"
    )
    done = subprocess.run(
        [peer_interpreter(), "-c", code, tmp_path / "s.zarrvectors"], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.stdout.strip() == "[0] 0", done.stderr
