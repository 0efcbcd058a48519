"""Stores that zarr-vectors 0.9.2 wrote are read exactly: every row, every attribute, in the stored order.

The archive holds five stores and, beside each, the data its writer was given (``*.expected.npz`` with ``/`` in keys
written as ``|``, and ``*.expected.json``).
"""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import numpy as np
import pytest

from zarr_vectors.core.arrays import read_fragment_index
from zarr_vectors.lazy import open_zv
from zarr_vectors.types.points import read_points

ARCHIVE = Path(__file__).with_name("points_0.9.2.tar.gz")
NAMES = {"s01": "points2d_plain", "s02": "points3d_full", "s10": "points3d_sharded_zstd", "s11": "points3d_pyramid"}
EMPTY = "s13_empty3d"


@pytest.fixture(scope="session")
def stores(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("peer_0.9.2")
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
    return folder


def store(stores: Path, name: str) -> Path:
    return stores / f"{name}_{NAMES[name]}.zarrvectors"


def expected(stores: Path, name: str) -> tuple[dict[str, np.ndarray], dict]:
    stem = f"{name}_{NAMES[name]}.expected"
    with np.load(stores / f"{stem}.npz") as arrays:
        return dict(arrays), json.loads((stores / f"{stem}.json").read_text())


def order_of(positions, path, object_ids=None) -> np.ndarray:
    """Rows by chunk, then by object or bin, then as given."""
    with open_zv(path) as found:
        chunk, bins = np.array(found.chunk_shape), np.array(found.bin_shape)
    p = positions.astype(np.float64)
    inner = np.floor(p / bins).T[::-1] if object_ids is None else (object_ids,)
    return np.lexsort((*inner, *np.floor(p / chunk).T[::-1]))


@pytest.mark.parametrize("name", NAMES)
def test_positions_are_those_the_peer_was_given(stores, name):
    data, _ = expected(stores, name)
    order = order_of(data["pos"], store(stores, name), data.get("oid"))
    found = read_points(store(stores, name))
    assert found.positions.dtype == data["pos"].dtype
    assert found.positions.tobytes() == data["pos"][order].tobytes()
    with open_zv(store(stores, name)) as lazy:
        assert lazy.read().positions.tobytes() == found.positions.tobytes()
        assert lazy.vertex_count(0) == len(data["pos"])
        chunks = [chunk["positions"] for _, chunk in lazy.iter_chunks()]
        assert np.concatenate(chunks).tobytes() == found.positions.tobytes()
        assert lazy.catalogue().levels[0].counts.sum() >= len(data["pos"])


def test_every_attribute_of_the_full_store_is_read(stores):
    data, words = expected(stores, "s02")
    order = order_of(data["pos"], store(stores, "s02"), data["oid"])
    found = read_points(store(stores, "s02")).attributes
    numbers = {key.removeprefix("attr|"): values for key, values in data.items() if key.startswith("attr|")}
    assert sorted(found) == sorted([*numbers, *words["categorical"]])
    for name, values in numbers.items():
        assert found[name].dtype == values.dtype
        assert found[name].tolist() == values[order].tolist()
    for name, values in words["categorical"].items():
        assert found[name].tolist() == np.array(values, dtype=object)[order].tolist()
    assert None in found["label"].tolist()


def test_the_attribute_of_the_sharded_store_is_read(stores):
    data, _ = expected(stores, "s10")
    order = order_of(data["pos"], store(stores, "s10"))
    assert read_points(store(stores, "s10")).attributes["i"].tolist() == data["attr|i"][order].tolist()


def test_the_levels_of_the_pyramid_are_read(stores):
    data, facts = expected(stores, "s11")
    with open_zv(store(stores, "s11")) as lazy:
        assert lazy.levels == [0, 1]
        assert lazy.read(1).positions.tolist() == data["peer_L1|positions"].tolist()
        assert lazy.bin_shape_at(1) == tuple(facts["pyramid"]["bins"][0])
        assert lazy.chunk_shape_at(1) == tuple(facts["pyramid"]["chunks"][0])
        assert lazy.resolution_at(1) == lazy.bin_shape_at(1)
        lo, hi = np.full(3, 2.0), np.full(3, 11.0)
        for level in lazy.levels:
            p = lazy.read(level).positions
            inside = ((p >= lo) & (p < hi)).all(axis=1)
            assert 0 < inside.sum() < len(p)
            assert lazy.read(level, bbox=(lo, hi)).positions.tolist() == p[inside].tolist()


def test_the_empty_store_is_empty(stores):
    path = stores / f"{EMPTY}.zarrvectors"
    facts = json.loads((stores / f"{EMPTY}.expected.json").read_text())
    found = read_points(path)
    assert found.positions.shape == (0, 3)
    with open_zv(path) as lazy:
        assert lazy.spatial_dims == facts["ndim"]
        assert lazy.bounding_box[0].tolist() == facts["bounds"][0]
        assert list(lazy.iter_chunks()) == []


def test_the_fragments_of_a_bin_hold_its_rows(stores):
    with open_zv(store(stores, "s01")) as lazy:
        bins, chunk = np.array(lazy.bin_shape), np.array(lazy.chunk_shape)
        per = np.round(chunk / bins).astype(int)
        group = lazy.level_group(0)
        for coord, found in lazy.iter_chunks():
            index = read_fragment_index(group, "vertex_fragments", coord)
            assert index.num_fragments == per.prod()
            for f in range(index.num_fragments):
                rows = found["positions"][index.indices(f)].astype(np.float64)
                local = np.floor(rows / bins) - np.array(coord) * per
                assert (local == np.unravel_index(f, per)).all()


def test_objects_groups_and_metadata_of_the_full_store_are_told(stores):
    data, facts = expected(stores, "s02")
    with open_zv(store(stores, "s02")) as found:
        assert found.n_objects == len(data["object_ids"]) == found.object_count_at(0)
        assert found.object_attribute_names() == ("bbox2", "mass", "rank")
        groups = found.groups
        assert list(groups) == facts["group_names"]
        for row, members in enumerate(groups.values()):
            assert members.tolist() == data[f"group|{row}"].tolist()


@pytest.mark.parametrize("name", ["s01", "s11"])
def test_a_cloud_without_objects_has_none(stores, name):
    with open_zv(store(stores, name)) as found:
        assert (found.n_objects, found.object_attribute_names(), found.groups) == (0, (), {})
        assert (found.headers, found.user_metadata) == ({}, {})
