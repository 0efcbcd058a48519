"""Chunk and bin of a vertex, and the order that brings them together."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from zarr_vectors.exceptions import ArgumentError, LimitError
from zarr_vectors.spatial import BinGrid, bins_per_chunk, extent, run_starts, sort_order

BIN_EDGES = (0.1, 0.25, 0.5, 1.0, 1.1, 3.3, 7.7, 10.0, 25.0, 1000 / 3)


@st.composite
def clouds(draw, wide=False):
    """Positions on and beside faces, with the chunk and bin shapes they are binned by."""
    ndim = draw(st.integers(2, 5))
    bins = np.array([draw(st.sampled_from(BIN_EDGES)) for _ in range(ndim)])
    per = np.array([draw(st.integers(1, 5)) for _ in range(ndim)])
    reach = 20_000 if wide else 12
    index = draw(hnp.arrays(np.int64, (draw(st.integers(1, 60)), ndim), elements=st.integers(-reach, reach)))
    where = draw(hnp.arrays(np.float64, index.shape, elements=st.sampled_from([0.0, 0.0, 0.5, 0.25, 0.999999])))
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    return ((index + where) * bins).astype(dtype), bins * per, bins


def naive_cell(p: float, chunk: float, edge: float, bins: int) -> tuple[int, int]:
    """Chunk, and bin inside it, of one coordinate: floats and whole numbers of Python."""
    c = math.floor(p / chunk)
    return c, min(max(math.floor(p / edge) - c * bins, 0), bins - 1)


def naive_keys(positions, grid: BinGrid) -> list[int]:
    out = []
    for row in positions.tolist():
        rank = local = 0
        for axis, p in enumerate(row):
            c, b = naive_cell(p, float(grid.chunk_shape[axis]), float(grid.bin_shape[axis]), grid.bins[axis])
            rank = rank * grid.shape[axis] + c - int(grid.origin[axis])
            local = local * grid.bins[axis] + b
        out.append(rank * math.prod(grid.bins) + local)
    return out


@given(clouds())
def test_keys_are_those_of_a_naive_floor(cloud):
    positions, chunk, edge = cloud
    grid = BinGrid.of_extent(extent(positions), chunk, edge)
    assert grid.keys(positions).tolist() == naive_keys(positions, grid)


@given(clouds(wide=True))
def test_keys_of_grids_wider_than_16_and_32_bits_are_those_of_a_naive_floor(cloud):
    positions, chunk, edge = cloud
    try:
        grid = BinGrid.of_extent(extent(positions), chunk, edge)
        keys = grid.keys(positions)
    except LimitError:
        assert math.prod(grid.shape) * grid.bin_count > 2**62
        return
    assert keys.tolist() == naive_keys(positions, grid)


@pytest.mark.parametrize(("chunks", "bits"), [(4, 16), (256, 16), (257, 32), (2**24, 32), (2**24 + 1, 64)])
def test_keys_are_as_narrow_as_they_can_be(chunks, bits):
    positions = np.array([[0.5, 0.5], [chunks - 0.5, 255.5]])
    grid = BinGrid.of_extent(extent(positions), np.ones(2), np.ones(2))
    assert grid.key_dtype.itemsize * 8 == bits
    assert int(grid.keys(positions)[1]) == chunks * 256 - 1


@given(clouds())
def test_chunk_coordinates_come_back_from_keys(cloud):
    positions, chunk, edge = cloud
    grid = BinGrid.of_extent(extent(positions), chunk, edge)
    coords = grid.chunk_coords(grid.keys(positions).astype(np.int64) // grid.bin_count)
    assert coords.tolist() == np.floor(positions.astype(np.float64) / chunk).astype(np.int64).tolist()


def test_a_vertex_on_a_face_belongs_to_the_higher_chunk_also_below_zero():
    positions = np.array([[0.0, -10.0], [10.0, -10.000001], [-0.0, 0.0]])
    grid = BinGrid.of_extent(extent(positions), np.full(2, 10.0), np.full(2, 5.0))
    coords = grid.chunk_coords(grid.keys(positions).astype(np.int64) // grid.bin_count)
    assert coords.tolist() == [[0, -1], [1, -2], [0, 0]]


def test_a_grid_too_wide_to_number_is_refused():
    with pytest.raises(LimitError, match="chunk_shape .* too small: .* lie too far apart"):
        BinGrid.of_extent(np.array([[0.0, 0.0], [1e300, 1.0]]), np.ones(2), np.ones(2))
    with pytest.raises(LimitError, match="chunk_shape .* too small: .* lie too far apart"):
        BinGrid.of_extent(np.array([[0.0, 0.0], [1e300, 1.0]]), np.full(2, 1e-300), np.full(2, 1e-300))
    wide = BinGrid.of_extent(np.array([[0.0] * 4, [1e6] * 4]), np.ones(4), np.ones(4))
    with pytest.raises(LimitError, match="chunk_shape .* and bin_shape .* more cells"):
        wide.keys(np.zeros((1, 4)))


@pytest.mark.parametrize(("chunk", "edge", "bins"), [(3.3, 1.1, 3), (0.3, 0.1, 3), (7.7, 7.7, 1), (1000, 1000 / 3, 3)])
def test_bins_that_divide_up_to_rounding_are_whole(chunk, edge, bins):
    assert bins_per_chunk(np.full(2, chunk), np.full(2, edge)) == (bins, bins)


@pytest.mark.parametrize(("chunk", "edge"), [(10.0, 3.0), (10.0, 20.0), (10.0, 10.001), (1e300, 1e-300)])
def test_bins_that_do_not_divide_are_refused(chunk, edge):
    with pytest.raises(ArgumentError, match="whole multiple"):
        bins_per_chunk(np.full(2, chunk), np.full(2, edge))


def test_more_bins_than_a_chunk_can_store_are_refused():
    with pytest.raises(LimitError, match="bins"):
        bins_per_chunk(np.full(3, 1000.0), np.full(3, 1.0))


@given(hnp.arrays(st.sampled_from([np.uint16, np.uint32, np.uint64]), st.integers(0, 200), elements=st.integers(0, 9)))
def test_sort_order_keeps_the_order_of_equal_keys(keys):
    assert sort_order(keys).tolist() == np.argsort(keys, kind="stable").tolist()


@given(st.data())
def test_sort_order_is_right_at_every_width(data):
    bits = data.draw(st.sampled_from([8, 16, 17, 24, 25, 32, 33, 48, 62]))
    dtype = np.uint16 if bits <= 16 else np.uint32 if bits <= 32 else np.uint64
    keys = data.draw(hnp.arrays(dtype, st.integers(0, 100), elements=st.integers(0, 2**bits - 1)))
    assert sort_order(keys).tolist() == np.argsort(keys, kind="stable").tolist()


@given(hnp.arrays(np.int64, st.integers(0, 50), elements=st.integers(0, 3)))
def test_run_starts_cut_where_values_change(values):
    ordered = np.sort(values)
    assert run_starts(ordered).tolist() == [i for i in range(len(ordered)) if i == 0 or ordered[i] != ordered[i - 1]]
