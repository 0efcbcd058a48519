"""Weights: how many vertices of level 0 each coarse vertex stands for; its values are those of all of them."""

from __future__ import annotations

import numpy as np
import pytest
from zarr.storage import MemoryStore

from zarr_vectors._query import read_batch
from zarr_vectors._spec.names import WEIGHTS
from zarr_vectors.core.arrays._level import LevelArrays
from zarr_vectors.core.store import load_store
from zarr_vectors.exceptions import ArgumentError, CorruptStoreError
from zarr_vectors.lazy import open_zv
from zarr_vectors.multiresolution.coarsen import build_pyramid, coarsen_level
from zarr_vectors.types.graphs import write_graph
from zarr_vectors.types.meshes import write_mesh
from zarr_vectors.types.points import read_points, write_points
from zarr_vectors.types.polylines import write_polylines

N = 8000


def written(kind):
    store, rng = MemoryStore(), np.random.default_rng(1)
    positions = rng.uniform(0, 100, (N, 3))
    if kind == "points":
        write_points(store, positions, chunk_shape=25, bin_shape=5)
    elif kind == "points of objects":
        write_points(store, positions, chunk_shape=25, bin_shape=25, object_ids=rng.integers(0, 5, N))
    elif kind == "polylines":
        lines = np.cumsum(rng.normal(size=(N // 100, 100, 3)), axis=1) + 50
        write_polylines(store, list(lines), chunk_shape=25, bin_shape=25)
    elif kind == "graph":
        write_graph(store, positions, np.stack([np.arange(N - 1), np.arange(1, N)], axis=1), chunk_shape=25)
    else:
        side = np.stack(np.meshgrid(np.arange(80), np.arange(100), [0.0], indexing="ij"), axis=-1).reshape(-1, 3)
        corner = (np.arange(79)[:, None] * 100 + np.arange(99)).reshape(-1)
        faces = np.stack([corner, corner + 1, corner + 100], axis=1)
        write_mesh(store, side, faces, chunk_shape=25, bin_shape=25)
    return store


def weights_of(store, level):
    opened = load_store(store)
    arrays = LevelArrays(opened, opened.levels[level])
    return read_batch(arrays, np.arange(len(arrays.coords)), (WEIGHTS,)).attributes[WEIGHTS]


@pytest.mark.parametrize("kind", ["points", "points of objects", "polylines", "graph", "mesh"])
def test_the_weights_of_a_level_are_the_vertices_of_level_0(kind):
    store = written(kind)
    build_pyramid(store, [(2, 1)] * 2)
    for level in (1, 2):
        weights = weights_of(store, level)
        assert weights.sum() == N
        assert weights.min() >= 1
        assert weights.max() > 1


def test_values_are_those_of_all_vertices_that_one_stands_for():
    store, rng = MemoryStore(), np.random.default_rng(2)
    # A crowd of one kind in each corner cell, a few of another kind around it.
    positions = rng.uniform(0, 40, (N, 3))
    positions[: N // 2] = rng.normal(0.5, 0.05, (N // 2, 3))
    label = np.repeat([7, 9], N // 2).astype(np.uint8)
    value = np.repeat([1.0, 0.0], N // 2)
    write_points(
        store, positions, chunk_shape=40, bin_shape=40, attributes={"label": label, "value": value}, dtype=np.float64
    )
    build_pyramid(store, [(4, 1), (4, 1), (2, 1)])
    for level in (1, 2, 3):
        read, weights = read_points(store, level=level), weights_of(store, level)
        assert (read.attributes["value"] * weights).sum() == pytest.approx(N / 2)
        crowd = np.argmin(((read.positions - 0.5) ** 2).sum(axis=1))
        assert read.attributes["label"][crowd] == 7


def test_weights_are_no_attribute_and_level_0_has_none():
    store = written("points")
    build_pyramid(store, [(2, 1)])
    assert dict(read_points(store, level=1).attributes) == {}
    with pytest.raises(ArgumentError, match="stands for itself"):
        weights_of(store, 0)
    with open_zv(store) as opened:
        assert [opened.has_weights(level) for level in opened.levels] == [False, True]
        assert opened.attribute_names(1) == ()
        coords = opened.catalogue().levels[1].coords
        assert opened.read_chunks(1, coords).attributes == {}
        assert opened.read_chunks(1, coords, [WEIGHTS]).attributes[WEIGHTS].sum() == N
        with pytest.raises(ArgumentError, match="no vertex attribute"):
            opened.read_chunks(0, opened.catalogue().levels[0].coords, [WEIGHTS])


@pytest.mark.parametrize("kind", ["points", "graph"])
def test_lost_weights_are_missed(kind):
    store = written(kind)
    build_pyramid(store, [(2, 1)])
    for key in [key for key in store._store_dict if key.startswith("1/vertex_weights/")]:
        del store._store_dict[key]
    with pytest.raises(CorruptStoreError, match="1/vertex_weights is listed"):
        weights_of(store, 1)
    with pytest.raises(CorruptStoreError, match="1/vertex_weights is listed"):
        coarsen_level(store, 1, 2, coarsen_factor=2)
