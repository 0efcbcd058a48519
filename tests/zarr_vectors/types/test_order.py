"""The stored order by index is what sorting rows one by one gives, and every number that follows from it agrees."""

from __future__ import annotations

from itertools import groupby
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zarr_vectors.core.arrays._vertices import Column
from zarr_vectors.encoding import decode_fragments
from zarr_vectors.spatial import BinGrid, extent
from zarr_vectors.types import _stripes
from zarr_vectors.types._order import order_by_objects, order_by_runs

CHUNK = np.array([10.0, 5.0])
POSITIONS = Column("positions", np.dtype("<f4"), (2,))
NUMBER = Column("number", np.dtype("<u2"))


def grid_of(positions):
    bounds = extent(positions.astype("f4")) if len(positions) else np.zeros((2, 2))
    return BinGrid.of_extent(bounds, CHUNK, CHUNK)


def chunk_of(row):
    return tuple(np.floor(row.astype("f4").astype("f8") / CHUNK).astype(int).tolist())


def stored(ordered):
    """Give what the cells hold: rows, numbers and fragments chunk by chunk."""
    positions, numbers, fragments = [], [], []
    cells = ordered.fragment_cells(0, len(ordered.counts))
    for i, cell in enumerate(cells):
        row, number = ordered.rows(i)
        positions.append(row.view("<f4").reshape(-1, 2))
        numbers += number.view("<u2").tolist()
        index = decode_fragments(cell)
        fragments.append([index.range(f) for f in range(index.num_fragments)])
        assert [start for start, _ in fragments[-1]] == np.cumsum([0, *(n for _, n in fragments[-1])])[:-1].tolist()
    assert [len(p) for p in positions] == ordered.counts.tolist()
    return np.concatenate([np.empty((0, 2), "f4"), *positions]), numbers, fragments


@st.composite
def clouds(draw):
    """Points of few objects in few chunks, so that all collisions happen; some dtype that has to be converted."""
    rows = draw(st.lists(st.tuples(st.integers(-12, 12), st.integers(-6, 6)), max_size=30))
    dtype = draw(st.sampled_from(["<f4", "<f8", ">f8", "<i2"]))
    positions = np.array(rows, dtype).reshape(-1, 2)
    num_objects = draw(st.integers(1, 4))
    owner = draw(st.lists(st.integers(0, num_objects - 1), min_size=len(rows), max_size=len(rows)))
    breaks = draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows)) | st.none())
    return positions, np.array(owner, draw(st.sampled_from([np.int64, np.uint32]))), num_objects, breaks


def expected_manifests(order, chunks, owner, num_objects, breaks, new_path):
    """Cut sorted rows into fragments one by one; give the (chunk, number) pairs of each object."""
    out = [[] for _ in range(num_objects)]
    numbers: dict = {}
    before = None
    for v in order:
        here = (chunks[v], owner[v])
        if here != before or (breaks is not None and breaks[v]) or new_path(v):
            number = numbers.setdefault(chunks[v], 0)
            numbers[chunks[v]] += 1
            out[owner[v]].append((chunks[v], number))
        before = here
    return out


def manifests_of(ordered):
    source = ordered.fragments.manifests(ordered.coords)
    found = source.part(0, len(source.offsets) - 1)
    pairs = [(tuple(c), f) for c, f in zip(found.chunks.tolist(), found.fragments.tolist(), strict=True)]
    return [pairs[a:b] for a, b in zip(found.offsets[:-1], found.offsets[1:], strict=True)]


@given(case=clouds(), block_rows=st.sampled_from([1, 5, 1000]))
def test_by_objects_rows_are_sorted_by_chunk_object_and_input(case, block_rows):
    positions, owner, num_objects, breaks = case
    numbers = np.arange(len(positions)).astype(">u2")
    flags = None if breaks is None else np.array(breaks, bool)
    columns = [(POSITIONS, positions), (NUMBER, numbers)]
    given_owner = None if num_objects == 1 else owner
    ordered = order_by_objects(
        grid_of(positions), columns, given_owner, num_objects, breaks=flags, block_rows=block_rows
    )
    chunks = [chunk_of(row) for row in positions]
    expected = sorted(range(len(positions)), key=lambda v: (chunks[v], owner[v], v))
    rows, found, _ = stored(ordered)
    assert found == expected
    assert np.array_equal(rows, positions[expected].astype("f4"))
    assert list(map(tuple, ordered.coords.tolist())) == sorted(set(chunks))
    assert ordered.places(np.array(expected, np.int64)).tolist() == list(range(len(expected)))
    assert manifests_of(ordered) == expected_manifests(
        expected, chunks, owner, num_objects, breaks, new_path=lambda _: False
    )


@given(
    case=clouds(),
    cuts=st.lists(st.integers(0, 30), max_size=4),
    room=st.sampled_from([None, np.empty]),
    stripe=st.sampled_from([1, 3, 1000]),
)
def test_by_runs_paths_are_cut_where_the_chunk_changes(case, cuts, room, stripe):
    with patch.object(_stripes, "_STRIPE_ROWS", stripe):
        check_runs(case, cuts, room)


def check_runs(case, cuts, room):
    positions, *_ = case
    total = len(positions)
    paths = np.array([0, *sorted(min(cut, total) for cut in cuts), total], np.int64)
    owner = np.repeat(np.arange(len(paths) - 1), np.diff(paths))
    columns = [(POSITIONS, positions), (NUMBER, np.arange(total).astype("u2"))]
    ordered = order_by_runs(grid_of(positions), columns, paths, room)
    chunks = [chunk_of(row) for row in positions]
    runs = [
        (key[0], owner, [v for v, _ in members])
        for owner in range(len(paths) - 1)
        for key, members in groupby(
            [(v, chunks[v]) for v in range(paths[owner], paths[owner + 1])], key=lambda pair: (pair[1],)
        )
    ]
    by_chunk = sorted(range(len(runs)), key=lambda r: (runs[r][0], r))
    expected = [v for r in by_chunk for v in runs[r][2]]
    rows, found, fragments = stored(ordered)
    assert found == expected
    assert np.array_equal(rows, positions[expected].astype("f4"))
    assert [n for chunk in fragments for _, n in chunk] == [len(runs[r][2]) for r in by_chunk]
    numbers = {r: [q for q in by_chunk if runs[q][0] == runs[r][0]].index(r) for r in by_chunk}
    assert manifests_of(ordered) == [
        [(chunk, numbers[r]) for r, (chunk, o, _) in enumerate(runs) if o == owner] for owner in range(len(paths) - 1)
    ]
    place = {v: i for i, v in enumerate(expected)}
    assert ordered.places(np.arange(total)).tolist() == [place[v] for v in range(total)]
    between = [(v, v + 1) for v in range(total - 1) if owner[v] == owner[v + 1] and chunks[v] != chunks[v + 1]]
    assert ordered.fragments.transitions().tolist() == [[place[a], place[b]] for a, b in between]


@pytest.mark.parametrize("values", [np.arange(24.0)[::2], np.asfortranarray(np.arange(36.0).reshape(12, 3))])
def test_columns_of_any_layout_are_taken_row_by_row(values):
    positions = np.asfortranarray(np.random.default_rng(1).uniform(0, 50, (12, 2)))
    column = Column("values", np.dtype("<f8"), values.shape[1:])
    ordered = order_by_objects(
        grid_of(positions), [(POSITIONS, positions), (column, values)], None, 1, breaks=None, block_rows=100
    )
    order = np.argsort(ordered.places(np.arange(12)))
    found = np.concatenate(
        [ordered.rows(i)[1].view("<f8").reshape(-1, *values.shape[1:]) for i in range(len(ordered.counts))]
    )
    assert np.array_equal(found, values[order])


def test_more_objects_than_16_bits_count_are_told_apart():
    rng = np.random.default_rng(2)
    positions = rng.uniform(0, 40, (200_000, 2)).astype("f4")
    owner = rng.permutation(200_000)
    ordered = order_by_objects(
        grid_of(positions), [(POSITIONS, positions)], owner, 200_000, breaks=None, block_rows=50_000
    )
    cell = np.floor(positions / CHUNK.astype("f4")).astype(int)
    expected = np.lexsort((owner, cell[:, 1], cell[:, 0]))
    assert np.array_equal(ordered.places(expected), np.arange(200_000))
    assert np.array_equal(np.diff(ordered.fragments.objects), np.ones(200_000, int))
