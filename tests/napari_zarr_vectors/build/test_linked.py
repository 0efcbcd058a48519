"""Segments and triangles of a chunk: drawn once where they lie, whole objects first, never more vertices than said."""

from __future__ import annotations

from itertools import pairwise
from unittest import mock

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from napari_zarr_vectors._build import (
    LinkedPart,
    Place,
    build_segments,
    build_triangles,
    linked,
    place_interval,
    row_range,
)
from napari_zarr_vectors._build.chunk import NODE_STEP
from napari_zarr_vectors._build.linked import CORNER_STEP, vertex_normals
from napari_zarr_vectors._build.pieces import cut_segments
from napari_zarr_vectors._model.bins import BINS, pack_cut

RATIOS = np.array([[2, 2, 2], [2, 1, 3]])
SHAPE = np.array([4, 2, 6])  # cells of a chunk


def scene(rng, count, spread=20.0):
    """Vertices around and the chunk of each, in cells."""
    positions = rng.uniform(-spread, spread, (count, 3))
    return positions, np.floor(positions / SHAPE).astype(int)


@given(st.integers(0, 2**32 - 1), st.integers(2, 12))
def test_all_chunks_together_draw_each_segment_once_from_end_to_end(seed, count):
    rng = np.random.default_rng(seed)
    positions, chunks = scene(rng, count)
    links = rng.integers(0, count, (20, 2))
    covered = np.zeros(len(links))
    for chunk in np.unique(chunks, axis=0):
        inside = (chunks == chunk).all(axis=1)
        touching = np.flatnonzero(inside[links].any(axis=1))
        owned = inside[links[touching, 0]]
        unit = positions - chunk * SHAPE
        found = cut_segments(unit, links[touching], SHAPE, owned)
        np.add.at(covered, touching[found.segment], found.end - found.begin)
        assert (found.cells >= 0).all()
        assert (found.cells < SHAPE).all()
        middle = (found.begin + found.end) / 2
        first, second = (unit[links[touching, k]][found.segment] for k in (0, 1))
        at = first + middle[:, None] * (second - first)
        mine = (np.floor(at / SHAPE) == 0).all(axis=1)
        assert np.array_equal(np.floor(at[mine]).astype(int), found.cells[mine])
    assert np.allclose(covered[links[:, 0] != links[:, 1]], 1)


def test_a_segment_through_very_many_places_is_one_piece():
    found = cut_segments(np.array([[0.5, 0.5, 0.5], [1e9, 0.5, 0.5]]), np.array([[0, 1]]), SHAPE, np.array([True]))
    assert len(found.segment) == 1
    assert (found.begin[0], found.end[0]) == (0, 1)


def lines(rng, objects=6, rows=8):
    """Random walks in and around the chunk at 0: positions, links, objects."""
    steps = rng.normal(0, 0.8, (objects, rows, 3))
    positions = (rng.uniform(0, SHAPE, (objects, 1, 3)) + np.cumsum(steps, axis=1)).reshape(-1, 3)
    number = np.arange(objects * rows).reshape(objects, rows)
    links = np.stack([number[:, :-1].ravel(), number[:, 1:].ravel()], axis=1)
    return positions, links, np.repeat(np.arange(objects), rows)


def part_of(positions, links, objects, **more):
    """What the chunk at 0 gets of a scene."""
    inside = (np.floor(positions / SHAPE) == 0).all(axis=1)
    order = np.concatenate([np.flatnonzero(inside), np.flatnonzero(~inside)])
    number = np.argsort(order)
    touching = inside[links].any(axis=1)
    owned = inside[links[touching, 0]]
    values = order.astype(np.float32)
    return LinkedPart(
        positions[order], (0, int(inside.sum())), number[links[touching]], owned, values, None, objects[order], **more
    )


PLACE = Place(origin=np.zeros(3), chunk_lo=np.zeros(3), cell_shape=np.ones(3), ratios=RATIOS, level=2, seed=5)


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.floats(0.05, 1.0))
def test_rows_draw_no_more_vertices_than_the_share_and_more_of_them_contain_fewer(seed, fraction):
    rng = np.random.default_rng(seed)
    part = part_of(*lines(rng)).alone()
    whole, some = build_segments(part, PLACE), build_segments(part, PLACE, fraction=fraction)
    assert whole.vertices == part.own[1]
    assert some.vertices <= int(fraction * part.own[1] + 1e-9)

    def drawn(built):
        return set(map(tuple, np.concatenate([built.positions, built.others], axis=1).tolist()))

    assert drawn(some) <= drawn(whole)


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.floats(0.05, 0.9), st.integers(1, 40))
def test_a_share_looked_for_among_the_first_objects_is_that_among_all(seed, fraction, objects):
    part = part_of(*lines(np.random.default_rng(seed), objects)).alone()
    some = build_segments(part, PLACE, fraction=fraction)
    with mock.patch.object(linked, "_SPARE", np.inf):
        among_all = build_segments(part, PLACE, fraction=fraction)
    for name in ("positions", "others", "values", "levels", "keys", "starts", "drawn", "cost", "bins", "objects"):
        assert np.array_equal(getattr(some, name), getattr(among_all, name)), name


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1), st.sampled_from([2, 3]), st.booleans())
def test_a_slice_counts_every_vertex_that_its_rows_draw_and_the_planner_no_fewer(seed, ends, walk):
    rng = np.random.default_rng(seed)
    positions, links, objects = lines(rng)
    if not walk or ends == 3:  # a graph or faces: what is joined are no neighbours in the order of rows
        links = rng.integers(0, len(positions), (40, ends))
    part = part_of(positions, links, objects).alone()
    # What is drawn is told by values: each vertex has its own.
    part = LinkedPart(*(getattr(part, name) for name in ("positions", "own", "links", "owned", "values")))
    built = (build_segments if ends == 2 else build_triangles)(part, PLACE)
    own = part.values[: part.own[1]]
    first, last = np.sort(rng.integers(0, BINS, (2, 3)), axis=0)
    cut = sum(int(pack_cut(axis, first[axis, None], last[axis, None])[0]) for axis in range(3))
    rows = built.picked(np.array([0]), np.array([built.rows]), cut)
    drawn = np.intersect1d(built.values.reshape(-1, built.corners)[rows], own)
    begun, ended = built.profile
    planned = min(begun[axis, last[axis] + 1] - ended[axis, first[axis]] for axis in range(3))
    assert len(drawn) <= built.picked_vertices(rows) <= min(planned, built.count)
    if ends == 3:  # whose corners are never cut
        passing = np.count_nonzero(~np.isin(built.values.reshape(-1, 3)[rows], own).any(axis=1))
        assert built.picked_vertices(rows) == len(drawn) + passing


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1), st.sampled_from([2, 3]), st.booleans())
def test_rows_that_cost_no_more_than_so_much_draw_no_more_vertices_and_are_the_first_of_each_place(seed, ends, walk):
    rng = np.random.default_rng(seed)
    positions, links, objects = lines(rng)
    if not walk or ends == 3:
        links = rng.integers(0, len(positions), (40, ends))
    part = part_of(positions, links, objects).alone()
    built = (build_segments if ends == 2 else build_triangles)(part, PLACE)
    for most in range(built.vertices + 1):
        rows = np.flatnonzero(built.cost <= most)
        assert built.picked_vertices(rows) <= most
        assert most - built.picked_vertices(rows) < ends, "the next one would be too much"
    assert built.vertices == built.picked_vertices(np.arange(built.rows))
    for low, high in pairwise(built.starts.tolist()):
        assert (np.diff(built.cost[low:high]) >= 0).all()


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1))
def test_the_rows_of_a_place_lie_in_it_and_join_its_ends(seed):
    rng = np.random.default_rng(seed)
    part = part_of(*lines(rng)).alone()
    built = build_segments(part, PLACE)
    assert built.rows == built.starts[-1]
    for depth in range(len(RATIOS) + 1):
        cells = np.prod(RATIOS[:depth], axis=0)
        size = SHAPE / cells
        for cell in np.ndindex(*cells):
            low, high = row_range(built, *place_interval(cell, depth, RATIOS))
            middle = (built.positions[4 * low : 4 * high : 4] + built.others[4 * low : 4 * high : 4]) / 2
            where = middle / size
            inside = ((where >= np.array(cell) - 1e-4) & (where <= np.array(cell) + 1 + 1e-4)).all(axis=1)
            between = ((middle < 0) | (middle > SHAPE)).any(axis=1)  # in no chunk of its ends: the nearest place has it
            assert (inside | between).all()
    corners = (built.levels % NODE_STEP).reshape(-1, 4)
    assert (corners == np.arange(4) * CORNER_STEP + PLACE.level).all()
    ends = built.positions.reshape(-1, 4, 3)
    others = built.others.reshape(-1, 4, 3)
    assert np.array_equal(ends[:, 0], others[:, 2])
    assert np.array_equal(ends[:, 2], others[:, 0])


def test_a_thinned_chunk_shows_whole_objects():
    rng = np.random.default_rng(1)
    part = part_of(*lines(rng, objects=40)).alone()
    objects = dict(zip(part.values.tolist(), part.objects.tolist(), strict=True))
    whole, some = (build_segments(part, PLACE, fraction=f, smooth=False) for f in (1.0, 0.4))

    def rows_by_object(built):
        owner = np.array([objects[value] for value in built.values[::4].tolist()])
        return dict(zip(*np.unique(owner, return_counts=True), strict=True))

    kept, all_rows = rows_by_object(some), rows_by_object(whole)
    assert 0 < len(kept) < len(all_rows)
    cut = [number for number, count in kept.items() if count < all_rows[number]]
    assert len(cut) <= 1, "at most the last object is cut"


def test_a_small_share_is_chosen_before_anything_is_cut(monkeypatch):
    part = part_of(*lines(np.random.default_rng(1), objects=40)).alone()
    cut = []

    def counting(unit, links, *rest):
        cut.append(len(links))
        return cut_segments(unit, links, *rest)

    monkeypatch.setattr(linked, "cut_segments", counting)
    for fraction in (1.0, 0.1):
        build_segments(part, PLACE, fraction=fraction)
    assert cut[0] >= len(part.links)
    assert cut[1] <= 0.15 * cut[0]


def test_values_between_two_ends_are_between_theirs_or_the_nearer_ones():
    positions = np.array([[0.5, 0.5, 0.5], [3.5, 0.5, 0.5]])
    part = LinkedPart(positions, (0, 2), np.array([[0, 1]]), np.array([True]), np.array([0, 3], np.float32))
    assert sorted(np.unique(build_segments(part, PLACE).values)) == pytest.approx([0, 0.5, 1.5, 2.5, 3])
    assert sorted(np.unique(build_segments(part, PLACE, smooth=False).values)) == [0, 3]


def test_a_vertex_that_rounding_puts_beyond_the_face_of_its_chunk_is_drawn_all_the_same():
    part = LinkedPart(np.array([[0.5, 0.5, 0.5], [4, 2, 6.0]]), (0, 2), np.array([[0, 1]]), np.array([True]))
    built = build_segments(part, PLACE)
    drawn = built.others.reshape(-1, 4, 3)[:, 0] - built.positions.reshape(-1, 4, 3)[:, 0]
    assert np.allclose(drawn.sum(axis=0), [3.5, 1.5, 5.5])


def test_a_vertex_that_nothing_leads_to_is_a_dot():
    part = LinkedPart(np.array([[0.5, 0.5, 0.5]]), (0, 1), np.empty((0, 2), int), np.empty(0, bool))
    built = build_segments(part, PLACE)
    assert built.rows == 1
    assert np.array_equal(built.positions, built.others)


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.sampled_from([3, 4]))
def test_a_triangle_is_in_each_place_in_which_a_vertex_of_it_lies(seed, width):
    rng = np.random.default_rng(seed)
    positions = rng.uniform(-2, 7, (30, 3))
    faces = np.array([rng.permutation(30)[:width] for _ in range(12)])
    part = part_of(positions, faces, np.zeros(30, int)).alone()
    built = build_triangles(part, PLACE)
    fans = [tuple(face[[0, k, k + 1]]) for face in part.links for k in range(1, width - 1)]
    assume(len(set(fans)) == len(fans))  # below a triangle is known by its corners
    cell_of = np.floor(part.positions).astype(int)
    wanted = sorted({(i, tuple(cell_of[v])) for i, face in enumerate(fans) for v in face if v < part.own[1]})
    found = []
    number = np.zeros(30, int)
    number[part.values.astype(int)] = np.arange(len(part.values))
    for cell in np.ndindex(*SHAPE):
        low, high = row_range(built, *place_interval(cell, 2, RATIOS))
        for row in range(low, high):
            corners = number[built.values[3 * row : 3 * row + 3].astype(int)]
            found.append((fans.index(tuple(corners)), tuple(cell)))
    assert sorted(found) == wanted
    assert built.vertices == len({v for face in fans for v in face if v < part.own[1]})


def test_normals_are_the_mean_of_the_faces_around():
    grid = np.stack(np.meshgrid(*[np.arange(4.0)] * 2, indexing="ij"), axis=-1).reshape(-1, 2)
    flat = np.column_stack([np.zeros(16), grid]).astype(np.float32)
    square = np.arange(16).reshape(4, 4)
    corners = [square[:-1, :-1], square[1:, :-1], square[1:, 1:], square[:-1, 1:]]
    a, b, c, d = (x.ravel() for x in corners)
    faces = np.concatenate([np.stack([a, b, c], axis=1), np.stack([a, c, d], axis=1)])
    normals = vertex_normals(flat, faces)
    assert np.allclose(np.abs(normals[:, 0]), 1)
    assert np.allclose(normals[:, 1:], 0)


@pytest.mark.parametrize("fraction", [0, -1, 1.5])
def test_a_share_beyond_all_is_refused(fraction):
    part = LinkedPart(np.zeros((1, 3)), (0, 1), np.empty((0, 2), int), np.empty(0, bool))
    with pytest.raises(ValueError, match="fraction"):
        build_segments(part, PLACE, fraction=fraction)
