"""Polylines cut at the faces of a box, held against the same done segment by segment with fractions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zarr_vectors.spatial import clip_lines


def span(a, b, lo, hi):
    """The part (t0, t1) of a segment in the closed box, exactly; None where it misses it."""
    t0, t1 = Fraction(0), Fraction(1)
    for p, q, low, high in zip(a, b, lo, hi, strict=True):
        if p == q:
            if not low <= p < high:
                return None
            continue
        near, far = sorted((Fraction(low - p) / Fraction(q - p), Fraction(high - p) / Fraction(q - p)))
        t0, t1 = max(t0, near), min(t1, far)
    return (t0, t1) if t0 < t1 else None


def pieces_of(line, lo, hi):
    """Pieces as lists of (segment, t); a vertex i is (i, 0)."""
    inside = [all(low <= x < high for x, low, high in zip(p, lo, hi, strict=True)) for p in line]
    out, current = [], []

    def end():
        nonlocal current
        if current:
            out.append(current)
        current = []

    for i, point in enumerate(line):
        if inside[i]:
            current.append((i, Fraction(0)))
        else:
            end()
        if i + 1 == len(line):
            break
        part = span(point, line[i + 1], lo, hi)
        if inside[i] and inside[i + 1]:
            continue
        if part is not None:
            t0, t1 = part
            if not inside[i] and t0 < 1:
                end()
                current.append((i, t0))
            if not inside[i + 1] and t1 > 0:
                current.append((i, t1))
        if not inside[i + 1]:
            end()
    end()
    return out


grid = st.integers(-3, 9)


@given(
    lines=st.lists(st.lists(st.tuples(grid, grid, grid), max_size=7), max_size=4),
    lo=st.tuples(*[st.integers(-2, 3)] * 3),
    size=st.tuples(*[st.integers(1, 5)] * 3),
)
def test_pieces_are_those_found_segment_by_segment(lines, lo, size):
    hi = tuple(a + b for a, b in zip(lo, size, strict=True))
    points = [p for line in lines for p in line]
    positions = np.array(points, np.float64).reshape(-1, 3)
    offsets = np.cumsum([0, *map(len, lines)])
    found = clip_lines(positions, offsets, np.array(lo, float), np.array(hi, float))
    expected = [(i, piece) for i, line in enumerate(lines) for piece in pieces_of(line, lo, hi)]
    assert found.lines.tolist() == [i for i, _ in expected]
    assert np.diff(found.offsets).tolist() == [len(piece) for _, piece in expected]
    at = 0
    ramp = np.arange(len(positions), dtype=np.float64)
    values = found.interpolate(ramp)
    for i, piece in expected:
        for segment, t in piece:
            first = int(offsets[i]) + segment
            second = min(first + 1, len(positions) - 1)
            exact = [Fraction(a) + t * Fraction(b - a) for a, b in zip(points[first], points[second], strict=True)]
            assert np.allclose(found.positions[at], [float(x) for x in exact], rtol=0, atol=1e-12)
            assert abs(values[at] - (first + float(t))) < 1e-12
            at += 1
    assert at == len(found.positions)
    inner = (found.positions >= np.array(lo)) & (found.positions <= np.array(hi))
    assert inner.all()


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_a_cut_lies_exactly_on_the_face(dtype):
    rng = np.random.default_rng(1)
    positions = rng.uniform(-10, 10, (500, 3)).astype(dtype)
    lo, hi = np.array([-3.3, -2.1, -4.7]), np.array([2.9, 3.1, 1.3])
    found = clip_lines(positions, np.array([0, 500]), lo, hi)
    cut = found.before != found.after
    assert cut.sum() > 100
    on_face = (found.positions == lo.astype(dtype)) | (found.positions == hi.astype(dtype))
    assert on_face[cut].any(axis=1).all()
    assert found.positions.dtype == dtype


def test_open_edges_cut_nothing():
    positions = np.random.default_rng(2).uniform(-10, 10, (50, 2))
    lo, hi = np.array([-np.inf, -np.inf]), np.array([np.inf, 1.0])
    found = clip_lines(positions, np.array([0, 20, 20, 50]), lo, hi)
    assert set(found.lines.tolist()) <= {0, 2}
    assert (found.positions[:, 1] <= 1.0).all()
    assert (found.positions[found.before == found.after][:, 1] < 1.0).all()


def test_numbers_that_are_no_floats_are_those_of_the_nearer_vertex():
    positions = np.array([[0.0, 0.5], [10.0, 0.5]])
    found = clip_lines(positions, np.array([0, 2]), np.array([4.0, 0]), np.array([7.0, 1]))
    assert found.positions.tolist() == [[4.0, 0.5], [7.0, 0.5]]
    assert found.interpolate(np.array([1, 9], "u1")).tolist() == [1, 9]
    assert np.allclose(found.interpolate(np.array([[1, 5], [9, 7]], "f4")), [[4.2, 5.8], [6.6, 6.4]])
    assert np.isnan(found.interpolate(np.array([np.nan, 1.0]))).all()
