"""New values from what a built chunk knows are those of a chunk that is built anew, cut and hidden rows included."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_zarr_vectors._build import (
    HIDDEN_VALUE,
    MISSING_VALUE,
    LinkedPart,
    Place,
    build_points,
    build_segments,
    build_triangles,
    compact,
)

RATIOS = [(2, 2, 2), (2, 1, 3)]
SHAPE = np.prod(RATIOS, axis=0)
PLACE = Place(origin=np.zeros(3), chunk_lo=np.zeros(3), cell_shape=np.ones(3), ratios=RATIOS, level=2, seed=5)


def part_of(rng, count, width):
    """A chunk at 0 and what its links reach, (M, width): own vertices first, or anywhere among the others."""
    positions = rng.uniform(-3, SHAPE + 3, (count, 3))
    inside = (np.floor(positions / SHAPE) == 0).all(axis=1)
    order = np.concatenate([np.flatnonzero(inside), np.flatnonzero(~inside)])
    positions = np.roll(positions[order], low := int(rng.integers(0, 1 + (~inside).sum())), axis=0)
    own = (low, low + int(inside.sum()))
    links = np.stack([rng.permutation(count)[:width] for _ in range(2 * count)])
    touching = ((links >= own[0]) & (links < own[1])).any(axis=1)
    links = links[touching]
    return LinkedPart(positions, own, links, rng.random(len(links)) < 0.5, objects=rng.integers(0, 4, count))


def columns_of(rng, part):
    """Two columns of which some are hidden or missing."""
    values = rng.normal(size=(2, len(part.positions))).astype(np.float32)
    values[rng.random(values.shape) < 0.2] = HIDDEN_VALUE
    values[rng.random(values.shape) < 0.1] = MISSING_VALUE
    return values


@settings(max_examples=80)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(4, 40),
    st.sampled_from([2, 3, 4]),
    st.sampled_from([1.0, 0.6]),
    st.booleans(),
    st.booleans(),
)
def test_values_from_what_a_chunk_knows_are_those_of_one_built_anew(seed, count, width, fraction, smooth, sized):
    rng = np.random.default_rng(seed)
    part = part_of(rng, count, width)
    before, after = columns_of(rng, part)
    sizes = rng.random(count).astype(np.float32) if sized else None

    def built(values, sizes):
        alone = replace(part, values=values, sizes=sizes).alone()
        if width > 2:
            return alone, build_triangles(alone, PLACE, fraction=fraction)
        return alone, build_segments(alone, PLACE, fraction=fraction, smooth=smooth)

    _, first = built(before, None)
    alone, anew = built(after, sizes)
    other = first.with_values(
        first.source.of(alone.values, smooth=smooth), None if sizes is None else first.source.of(alone.sizes)
    )
    assert np.array_equal(other.values, anew.values)
    assert (other.sizes is None) == (anew.sizes is None)
    assert other.sizes is None or np.array_equal(other.sizes, anew.sizes)
    assert np.array_equal(other.positions, anew.positions)
    assert np.array_equal(other.box, anew.box)
    assert other.rows == anew.rows


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(4, 40), st.integers(0, 2))
def test_a_cut_row_has_the_values_of_the_places_where_it_begins_and_ends(seed, count, axis):
    part = part_of(np.random.default_rng(seed), count, 2).alone()
    built = build_segments(part, PLACE)
    ends = built.source.of(part.positions[:, axis].astype(np.float32))
    assert np.allclose(ends, built.positions[:, axis], atol=1e-4)
    whole = np.setdiff1d(np.arange(built.rows), built.source.cut)
    assert np.array_equal(ends.reshape(-1, 4)[whole, 0], part.positions[:, axis].astype("f4")[built.drawn[whole, 0]])


def test_no_number_lies_between_one_and_none():
    positions = np.array([[0.5, 0.5, 0.5], [3.5, 0.5, 0.5]])
    part = LinkedPart(positions, (0, 2), np.array([[0, 1]]), np.ones(1, bool))
    source = build_segments(part, PLACE).source
    assert len(source.cut) > 1
    corners = source.of(np.array([7, MISSING_VALUE], np.float32)).reshape(-1, 4)[:, [0, 2]]
    assert np.array_equal(corners[source.cut], np.where(source.at < 0.5, np.float32(7), np.float32(MISSING_VALUE)))


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(4, 40), st.sampled_from([2, 3]))
def test_a_row_is_hidden_with_any_vertex_of_its_link(seed, count, width):
    rng = np.random.default_rng(seed)
    part = part_of(rng, count, width).alone()
    built = (build_segments if width == 2 else build_triangles)(part, PLACE)
    shown = rng.random(len(part.positions)) < 0.7
    values = built.source.of(np.where(shown, np.float32(1), np.float32(HIDDEN_VALUE)))
    wanted = np.where(shown[built.drawn].all(axis=1), np.float32(1), np.float32(HIDDEN_VALUE))
    assert np.array_equal(values.reshape(-1, built.corners), np.repeat(wanted[:, None], built.corners, axis=1))


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(1, 300), st.floats(0.05, 1))
def test_new_values_of_points_are_those_of_points_built_anew(seed, count, fraction):
    rng = np.random.default_rng(seed)
    positions = rng.uniform(0, SHAPE, (count, 3))
    before, after = rng.normal(size=(2, count)).astype(np.float32)
    place = {"origin": np.zeros(3), "chunk_lo": np.zeros(3), "cell_shape": np.ones(3), "ratios": RATIOS}
    first, anew = (build_points(positions, v, v, **place, fraction=fraction, seed=seed) for v in (before, after))
    assert np.array_equal(first.source.of(after), anew.values)
    assert np.array_equal(first.source.of(positions[:, 0].astype("f4")), first.positions[:, 0])
    assert first.with_values(anew.values, anew.sizes).sizes is anew.sizes


@pytest.mark.parametrize(("count", "size"), [(0, 1), (256, 1), (257, 2), (65536, 2), (65537, 4)])
def test_numbers_take_as_few_bytes_as_hold_them(count, size):
    assert compact(np.arange(count), count).itemsize == size
    assert np.array_equal(compact(np.arange(count), count), np.arange(count))


def test_what_a_chunk_knows_counts_once():
    part = part_of(np.random.default_rng(0), 40, 2).alone()
    built = build_segments(replace(part, owners=np.zeros(len(part.positions), np.int32)), PLACE)
    source = built.source
    assert source.vertices is built.drawn
    known = source.cut.nbytes + source.at.nbytes + source.owners.nbytes
    assert built.nbytes == replace(built, source=None).nbytes + known
    assert built.value_bytes == built.values.nbytes


@given(st.integers(0, 2**32 - 1), st.integers(4, 30), st.sampled_from([2, 3]), st.integers(0, 2))
def test_rows_without_anything_wanted_between_their_vertices_are_hidden(seed, count, width, columns):
    rng = np.random.default_rng(seed)
    part = part_of(rng, count, width)
    values, sides = rng.normal(size=count).astype(np.float32), rng.integers(0, 3, (count, columns)).astype(np.int8)
    part = replace(part, values=values, sides=sides).alone()
    built = build_triangles(part, PLACE) if width > 2 else build_segments(part, PLACE)
    ends = part.sides[built.source.vertices]
    wanted = [all(1 in column or len(set(column)) > 1 for column in row.T.tolist()) for row in ends]
    hidden = built.values.reshape(-1, built.corners) > HIDDEN_VALUE / 2
    assert hidden.all(axis=1).tolist() == hidden.any(axis=1).tolist() == [not one for one in wanted]
