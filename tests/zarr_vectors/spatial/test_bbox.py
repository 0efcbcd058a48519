"""Boxes are half-open and exact; extents are exact."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from zarr_vectors.exceptions import ArgumentError
from zarr_vectors.spatial import as_box, chunks_of_box, extent, inside, upper_edge

FLOAT = {np.float32: 32, np.float64: 64}


def near(value, dtype, steps: int):
    """Step through the numbers of a dtype from one of them."""
    out = dtype(value)
    for _ in range(abs(steps)):
        out = np.nextafter(out, dtype(np.inf if steps > 0 else -np.inf))
    return out


@given(st.data())
def test_boxes_are_exact_to_the_last_bit(data):
    dtype = data.draw(st.sampled_from(sorted(FLOAT, key=str)))
    middle = data.draw(st.floats(-1e6, 1e6, width=32))
    edges = st.builds(
        lambda s, d: float(near(middle, d, s)), st.integers(-3, 3), st.sampled_from([np.float32, np.float64])
    )
    edges = st.one_of(edges, st.sampled_from([-np.inf, np.inf, 1e300, -1e300]))
    rows = st.builds(lambda s: near(middle, dtype, s), st.integers(-3, 3))
    positions = np.array(data.draw(st.lists(st.tuples(rows, rows), min_size=1, max_size=20)), dtype)
    lo, hi = (np.array([data.draw(edges), data.draw(edges)]) for _ in range(2))
    expected = [all(lo[a] <= float(p) < hi[a] for a, p in enumerate(row)) for row in positions]
    assert inside(positions, lo, hi).tolist() == expected


@given(st.data())
def test_no_row_of_a_box_lies_in_a_chunk_that_is_left_out(data):
    chunk = np.array([data.draw(st.sampled_from([0.1, 3.3, 7.7, 10.0]))] * 2)
    step = data.draw(st.integers(-50, 50))
    p = np.array([[near(step * chunk[0], np.float64, data.draw(st.integers(-2, 2)))] * 2])
    lo = hi = p[0]
    hi = np.nextafter(hi, np.inf)
    assert inside(p, lo, hi).all()
    first, last = chunks_of_box(lo, hi, chunk)
    own = np.floor(p[0] / chunk)
    assert (first <= own).all()
    assert (own <= last).all()


@given(st.lists(st.integers(-50, 50), min_size=2, max_size=2), st.sampled_from([5.0, 0.5, 20.0]))
def test_a_box_meets_no_chunk_that_begins_at_its_upper_side(steps, edge):
    lo, hi = (np.array([step * edge] * 2) for step in sorted(steps))
    first, last = chunks_of_box(lo, hi, np.array([edge] * 2))
    assert first.tolist() == (lo / edge).tolist()
    assert (last[0] == hi[0] / edge - 1) or hi[0] == 0  # the numbers next to 0 are in chunk 0


@given(hnp.arrays(st.sampled_from([np.float32, np.float64]), st.tuples(st.integers(1, 40), st.integers(2, 5)),
                  elements=st.floats(-1e6, 1e6, width=32)), st.integers(1, 400))  # fmt: skip
def test_extent_is_min_and_max(positions, times):
    many = np.tile(positions, (times, 1))
    for rows in (many, np.asfortranarray(many), many[::-1]):
        assert extent(rows).tolist() == [positions.min(0).tolist(), positions.max(0).tolist()]


@given(st.floats(-1e30, 1e30), st.sampled_from([np.float32, np.float64]))
def test_the_upper_edge_is_above_the_maximum_and_next_to_it(maximum, dtype):
    edge = upper_edge(np.array([maximum]), np.dtype(dtype))[0]
    assert edge > maximum
    stored = dtype(maximum)
    assert edge <= near(stored, dtype, 2)
    if float(stored) == maximum:
        assert edge == near(stored, dtype, 1)


def test_the_upper_edge_of_the_largest_number_is_infinite():
    assert upper_edge(np.array([float(np.finfo(np.float32).max)]), np.dtype(np.float32))[0] == np.inf


@pytest.mark.parametrize(
    "bad",
    [([0, 0], [1, 1, 1]), ([0, 0, 0], [1, 1, -1]), ([0, 0, np.nan], [1, 1, 1]), 5, "ab", (), ([0, 0, 0],), None,
     ([0, 0, 0], [1, 1, 1], [2, 2, 2]), ([[0, 0, 0]], [[1, 1, 1]]), ("abc", "def")],
)  # fmt: skip
def test_a_box_that_is_none_is_refused(bad):
    with pytest.raises(ArgumentError, match="bbox must"):
        as_box(bad, 3)


def test_a_box_may_be_a_pair_of_anything_array_like():
    for box in (((0, 0), (1, np.inf)), [[0, 0], [1, np.inf]], np.array([[0, 0], [1, np.inf]])):
        lo, hi = as_box(box, 2)
        assert (lo.tolist(), hi.tolist()) == ([0, 0], [1, np.inf])
