"""What a row of a coarse chunk stands for: all weights add up, and follow what lies below."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from napari_zarr_vectors._build import Below, build_points
from napari_zarr_vectors._build.weights import level_codes


def taken_apart(codes):
    level = np.floor(codes)
    return level, 2.0 ** (32 * (codes - level))


def test_rows_that_stand_for_themselves_weigh_one():
    codes = level_codes(3, np.arange(40_000), None)
    assert codes.shape == (40_000,)
    assert np.all(codes == 3)


@given(
    counts=st.lists(st.integers(20, 100_000), min_size=1, max_size=20),
    rows=st.lists(st.integers(0, 19), min_size=1, max_size=200),
    level=st.integers(0, 15),
)
def test_weights_add_up_to_what_lies_below(counts, rows, level):
    keys = np.sort(np.array(rows)) % len(counts)
    keys.sort()
    below = Below(np.arange(len(counts)), np.array(counts) * len(rows))
    found, weights = taken_apart(level_codes(level, keys, below).astype(float))
    assert np.all(found == level)
    np.testing.assert_allclose(weights.sum(), below.counts.sum(), rtol=2e-4)


def test_dense_parts_weigh_more_than_sparse_ones():
    keys = np.repeat([0, 8], 500)
    _, weights = taken_apart(level_codes(1, keys, Below(np.array([0, 8]), np.array([50_000, 2_000]))).astype(float))
    np.testing.assert_allclose(weights[:500], 100, rtol=0.02)
    np.testing.assert_allclose(weights[500:], 4, rtol=0.15)


def test_each_row_has_the_weight_that_the_store_says_however_many_are_kept():
    positions = np.random.default_rng(0).uniform(0, 16, (500, 3)).astype("f4")
    weights = np.arange(1, 501).astype("u4")
    built = build_points(
        positions,
        weights.astype("f4"),
        origin=[0] * 3,
        chunk_lo=[0] * 3,
        cell_shape=[4] * 3,
        ratios=[[2] * 3, [2] * 3],
        fraction=0.5,
        level=2,
        below=Below(np.arange(8) * 8, np.arange(1, 9) * 100_000),
        weights=weights,
    )
    level, found = taken_apart(built.levels.astype(float))
    assert np.all(level == 2)
    np.testing.assert_allclose(found, built.values, rtol=2e-4)


@given(share=st.floats(0.01, 1), seed=st.integers(0, 2**32))
def test_a_thinned_chunk_has_the_light_of_the_whole_once_it_is_known_how_much_is_shown(share, seed):
    positions = np.random.default_rng(seed).uniform(0, 16, (4000, 3))
    below = Below(np.arange(8) * 8, np.arange(1, 9) * 100_000)
    built = build_points(
        positions,
        None,
        origin=[0] * 3,
        chunk_lo=[0] * 3,
        cell_shape=[4] * 3,
        ratios=[[2] * 3, [2] * 3],
        fraction=share,
        level=2,
        below=below,
    )
    _, weights = taken_apart(built.levels.astype(float))
    np.testing.assert_allclose(weights.sum() / built.fraction, below.counts.sum(), rtol=1e-3)
