import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_zarr_vectors._build import build_points, pack_rgb, place_interval, row_range, unpack_rgb


def points(n, ndim, *, ratios=(), seed=0, dtype=np.float64):
    """n random points in a chunk at (10, 10, ..) with level-0 cells of 4 units."""
    ratios = np.array(ratios, dtype=np.int64).reshape(-1, ndim)
    size = 4.0 * np.prod(ratios, axis=0)
    positions = 10 + np.random.default_rng(seed).random((n, ndim)) * size
    grid = {"chunk_lo": [10.0] * ndim, "cell_shape": [4.0] * ndim, "ratios": ratios}
    return positions.astype(dtype), grid


def as_rows(built, ndim):
    columns = [built.positions[:, : min(ndim, 3)]]
    if built.extra is not None:
        columns.append(built.extra[:, : ndim - 3])
    return np.concatenate(columns, axis=1)


def sorted_rows(array):
    return array[np.lexsort(array.T)]


@given(st.integers(0, 300), st.integers(1, 5), st.integers(0, 2), st.sampled_from([np.float32, np.float64]))
@settings(deadline=None)
def test_a_whole_build_keeps_every_point_and_its_value(n, ndim, depth, dtype):
    positions, grid = points(n, ndim, ratios=[[2] * ndim] * depth, dtype=dtype)
    values = np.arange(n, dtype=np.float32)
    built = build_points(positions, values, origin=[7.0] * ndim, **grid)
    assert (built.positions.dtype, built.values.dtype) == (np.float32, np.float32)
    assert (built.positions.shape, built.values.shape) == ((n, 3), (n,))
    assert (built.extra is None) == (ndim <= 3)
    assert (built.count, built.fraction) == (n, 1.0)
    order = built.values.astype(int)
    np.testing.assert_array_equal(as_rows(built, ndim), (positions[order] - 7.0).astype(np.float32))
    assert sorted(order) == list(range(n))
    assert built.nbytes >= built.positions.nbytes + built.values.nbytes


@given(st.integers(1, 4), st.integers(1, 2))
@settings(deadline=None)
def test_the_rows_of_every_descendant_are_one_range(ndim, depth):
    ratios = [[2, 3, 1, 2][:ndim]] * depth
    positions, grid = points(400, ndim, ratios=ratios)
    built = build_points(positions, None, origin=np.zeros(ndim), **grid)
    assert np.all(np.diff(built.keys) > 0)
    assert built.starts[0] == 0
    assert built.starts[-1] == 400
    for level in range(depth + 1):
        width = 4.0 * np.prod(grid["ratios"][level:], axis=0)
        cells = np.floor((as_rows(built, ndim).astype(float) - 10) / width).astype(int)
        for cell in np.unique(cells, axis=0):
            start, stop = row_range(built, *place_interval(cell, level, grid["ratios"]))
            assert np.all(cells[start:stop] == cell)
            assert stop - start == np.all(cells == cell, axis=1).sum()


def test_an_interval_without_rows_is_an_empty_range():
    positions, grid = points(5, 2, ratios=[[8, 8]])
    built = build_points(positions, None, origin=[0, 0], **grid)
    missing = next(key for key in range(64) if key not in built.keys)
    start, stop = row_range(built, missing, missing + 1)
    assert start == stop


@pytest.mark.parametrize("n", [1, 7, 1000])
def test_a_larger_fraction_contains_a_smaller_one(n):
    positions, grid = points(n, 3, ratios=[[2, 2, 2]])
    values = np.arange(n, dtype=np.float32)
    kept = set()
    for fraction in (0.01, 0.25, 0.5, 1.0):
        built = build_points(positions, values, origin=np.zeros(3), fraction=fraction, seed=3, **grid)
        rows = set(built.values.astype(int))
        assert len(rows) == max(1, int(fraction * n))
        assert kept <= rows
        assert built.fraction == len(rows) / n
        assert built.count == n
        kept = rows


@given(st.integers(1, 5000), st.floats(1e-3, 1))
@settings(deadline=None, max_examples=60)
def test_asking_for_the_share_that_a_chunk_has_gives_the_same_rows(n, fraction):
    positions, grid = points(n, 2)
    first = build_points(positions, None, origin=[0, 0], fraction=fraction, **grid)
    again = build_points(positions, None, origin=[0, 0], fraction=first.fraction, **grid)
    assert len(again.values) == len(first.values)


def test_the_first_rows_of_a_place_are_an_honest_sample():
    n = 20_000
    positions = np.sort(np.random.default_rng(1).random((n, 1)), axis=0)  # stored sorted: the worst case
    built = build_points(positions, None, origin=[0], chunk_lo=[0], cell_shape=[1], ratios=[])
    assert abs(float(built.positions[: n // 20, 0].mean()) - 0.5) < 0.03
    thin = build_points(positions, None, origin=[0], chunk_lo=[0], cell_shape=[1], ratios=[], fraction=0.05)
    assert abs(float(thin.positions[:, 0].mean()) - 0.5) < 0.03


def test_the_same_seed_gives_the_same_rows_and_another_one_others():
    positions, grid = points(100, 3)
    first, again, other = (
        build_points(positions, None, origin=np.zeros(3), seed=s, **grid).positions for s in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_points_outside_their_chunk_count_to_its_edge():
    positions = np.array([[-1e30, 11.0], [1e30, 11.0], [10.0, 10.0]])
    built = build_points(positions, None, origin=[0, 0], chunk_lo=[10, 10], cell_shape=[4, 4], ratios=[[2, 2]])
    assert built.keys.tolist() == [0, 2]
    assert len(built.positions) == 3


def test_the_origin_is_subtracted_before_precision_is_lost():
    positions = 5e6 + np.array([[0.001, 0.002, 0.003]])
    built = build_points(positions, None, origin=[5e6] * 3, chunk_lo=[5e6] * 3, cell_shape=[1] * 3, ratios=[])
    np.testing.assert_allclose(built.positions[0], [0.001, 0.002, 0.003], rtol=1e-5)


def test_what_does_not_fit_is_refused():
    positions, grid = points(4, 2)
    with pytest.raises(ValueError, match="fraction"):
        build_points(positions, None, origin=[0, 0], fraction=0, **grid)
    with pytest.raises(ValueError, match=r"expected shape \(4,\), got \(3,\)"):
        build_points(positions, np.zeros(3, np.float32), origin=[0, 0], **grid)


@given(st.lists(st.tuples(*[st.integers(0, 255)] * 3), max_size=50))
def test_rgb_round_trips(colours):
    rgb = np.array(colours, dtype=np.uint8).reshape(-1, 3)
    packed = pack_rgb(rgb)
    assert packed.dtype == np.float32
    np.testing.assert_array_equal(unpack_rgb(packed), rgb)


def test_rgb_extremes_are_exact():
    assert pack_rgb(np.array([[255, 255, 255], [255, 255, 254]], np.uint8)).tolist() == [
        16777215.0,
        16777214.0,
    ]
