"""Simplified lines stay within their tolerance, keep their ends, and nest."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from zarr_vectors.multiresolution._lines import significance, stretches


@st.composite
def lines(draw):
    counts = draw(st.lists(st.integers(0, 30), min_size=1, max_size=6))
    ndim = draw(st.integers(2, 3))
    steps = st.floats(-4, 4, width=32)
    points = draw(hnp.arrays(np.float32, (sum(counts), ndim), elements=steps))
    if draw(st.booleans()):
        points = np.cumsum(points, axis=0)
    return points, np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


def distance_to_chord(points, start, end):
    chord = end - start
    length = chord @ chord
    part = np.clip((points - start) @ chord / (length or 1), 0, 1)
    return np.linalg.norm(points - start - part[:, None] * chord, axis=1)


def kept_by_recursion(points, tolerance):
    """Douglas and Peucker as in the book."""
    if len(points) < 3:
        return list(range(len(points)))
    distance = distance_to_chord(points[1:-1], points[0], points[-1])
    at = int(np.argmax(distance)) + 1
    if distance[at - 1] <= tolerance:
        return [0, len(points) - 1]
    left = kept_by_recursion(points[: at + 1], tolerance)
    right = kept_by_recursion(points[at:], tolerance)
    return left + [at + i for i in right[1:]]


# At 0 rounding decides what stays of a straight line.
@given(lines(), st.floats(1e-6, 5))
@settings(max_examples=100)
def test_what_stays_is_what_the_book_keeps(drawn, tolerance):
    points, offsets = drawn
    points = points.astype(np.float64)
    stays = significance(points, offsets, -1) > tolerance
    for begin, end in pairwise(offsets.tolist()):
        book = kept_by_recursion(points[begin:end], tolerance)
        kept = np.flatnonzero(stays[begin:end])
        # Vertices that are equally far may be cut in another order; what counts is the bound.
        if kept.tolist() != book:
            for low, high in pairwise(kept.tolist()):
                line = points[begin:end]
                away = distance_to_chord(line[low : high + 1], line[low], line[high])
                assert away.max() <= tolerance * (1 + 1e-9) + 1e-9
            assert abs(len(kept) - len(book)) <= 0.2 * len(book) + 1


@given(lines(), st.floats(0, 5))
@settings(max_examples=100)
def test_no_vertex_is_farther_than_the_tolerance_from_what_stays(drawn, tolerance):
    points, offsets = drawn
    stays = significance(points, offsets, 0.1) > max(tolerance, 0.1)
    for begin, end in pairwise(offsets.tolist()):
        line, kept = points[begin:end].astype(np.float64), np.flatnonzero(stays[begin:end])
        if end > begin:
            assert kept[0] == 0
            assert kept[-1] == end - begin - 1
        for low, high in pairwise(kept.tolist()):
            away = distance_to_chord(line[low : high + 1], line[low], line[high])
            assert away.max() <= max(tolerance, 0.1) * (1 + 1e-9) + 1e-9


@given(lines(), st.floats(0, 2))
def test_a_floor_changes_nothing_above_it(drawn, floor):
    points, offsets = drawn
    whole, cut = significance(points, offsets, -1), significance(points, offsets, floor)
    above = np.minimum(whole, cut) > floor
    np.testing.assert_array_equal((whole > floor), (cut > floor))
    np.testing.assert_array_equal(whole[above], cut[above])


def test_a_line_of_places_that_are_no_numbers_changes_nothing_of_others():
    walk = np.cumsum(np.random.default_rng(0).normal(size=(60, 3)), axis=0)
    offsets = np.array([0, 20, 40, 60])
    for line in range(3):
        broken = walk.copy()
        broken[offsets[line] + 7] = np.nan
        others = np.arange(60) // 20 != line
        found, whole = significance(broken, offsets, 0.1), significance(walk, offsets, 0.1)
        np.testing.assert_array_equal(found[others], whole[others])


@given(st.sets(st.integers(1, 40)))
def test_every_vertex_goes_with_the_nearest_that_stays(inner):
    kept = np.array(sorted({0, 41, *inner}))
    found = kept[np.repeat(np.arange(len(kept)), np.diff(stretches(kept, 42)))]
    best = np.abs(kept[:, None] - np.arange(42)).min(axis=0)
    np.testing.assert_array_equal(np.abs(found - np.arange(42)), best)
