"""Chunks that hold next to nothing: a warning with numbers, and shards whose index does not outweigh them."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pytest

from zarr_vectors.exceptions import SmallChunksWarning
from zarr_vectors.types._advice import small_chunks
from zarr_vectors.types._pipeline import automatic_shards
from zarr_vectors.types.lines import write_lines
from zarr_vectors.types.points import read_points, write_points


def advised(said):
    return float(re.search(r"chunk_shape=\[([^,\]]+)", said)[1])


def chunks_of(positions, edge):
    return np.unique(np.floor(positions / edge).astype(np.int64), axis=0)


CLOUDS = {
    "volume": lambda rng: rng.uniform(0, 1000, (200_000, 3)),
    "surface": lambda rng: rng.uniform(-500, 500, (200_000, 3)) * [1, 1, 0],
    "curve": lambda rng: np.linspace(-50_000, 50_000, 200_000)[:, None] * [1, 1, 1],
}


@pytest.mark.parametrize("cloud", CLOUDS)
def test_the_chunks_that_are_advised_hold_about_ten_thousand(cloud):
    positions = CLOUDS[cloud](np.random.default_rng(0))
    said = small_chunks(chunks_of(positions, 1), len(positions), np.ones(3))
    mean = len(positions) / len(chunks_of(positions, advised(said)))
    assert 5_000 <= mean <= 20_000


def test_chunks_that_are_few_or_full_are_no_matter():
    coords = np.argwhere(np.ones((11, 10, 100)))
    assert small_chunks(coords[:10_000], 10_000, np.ones(3)) is None
    assert small_chunks(coords, 100 * len(coords), np.ones(3)) is None
    assert "11,000 chunks, 99 each on average" in small_chunks(coords, 99 * len(coords), np.ones(3))


def test_chunks_that_are_divided_too_far_are_not_advised_to_grow():
    coords = np.stack([np.arange(20_000), np.zeros(20_000), np.zeros(20_000)], axis=1).astype(np.int64)
    assert "attribute of fewer values" in small_chunks(coords, 40_000, np.ones(2))


@pytest.mark.parametrize("write", [write_points, lambda path, p, **how: write_lines(path, p.reshape(-1, 2, 2), **how)])
def test_a_writer_warns_and_writes(tmp_path, write):
    positions = np.random.default_rng(0).uniform(0, 150, (20_002, 2)).astype("float32")
    path = tmp_path / "many.zarrvectors"
    with pytest.warns(SmallChunksWarning, match=r"20,002 vertices into 1\d,\d{3} chunks") as caught:
        write(path, positions, chunk_shape=1.0, shard_shape=64)
    assert caught[0].filename == __file__  # the caller's line
    assert path.is_dir()


def test_a_warning_made_an_error_leaves_nothing_behind(tmp_path):
    positions = np.random.default_rng(0).uniform(0, 150, (20_000, 2))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(SmallChunksWarning):
            write_points(tmp_path / "many.zarrvectors", positions, chunk_shape=1.0)
    assert list(tmp_path.iterdir()) == []


def test_a_full_grid_has_shards_of_a_few_hundred_cells():
    for ndim, edge in {2: 40, 3: 10, 4: 6, 5: 6}.items():
        coords = np.argwhere(np.ones((edge,) * ndim))
        assert 200 < np.prod(automatic_shards(coords, (edge,) * ndim, ndim)) <= 512
    assert automatic_shards(coords[:512], (6,) * 5, 5) == (1,) * 5


def test_cells_that_lie_far_apart_are_not_sharded():
    coords = np.unique(np.random.default_rng(0).integers(0, 1000, (2_000, 3)), axis=0)
    assert automatic_shards(coords, (1000,) * 3, 3) == (1, 1, 1)


def test_no_shard_holds_two_values_of_an_attribute():
    coords = np.argwhere(np.ones((3, 30, 30)))
    assert automatic_shards(coords, (3, 30, 30), 2) == (1, 16, 16)


def test_indices_of_shards_do_not_outweigh_a_sparse_store(tmp_path):
    positions = np.random.default_rng(0).uniform(0, 1000, (2_000, 3)).astype("float32")
    path = tmp_path / "sparse.zarrvectors"
    write_points(path, positions, chunk_shape=1.0)
    assert sum(file.stat().st_size for file in path.rglob("*") if file.is_file()) < 500_000  # shards: 32 MB
    assert read_points(path).vertex_count == 2_000
