"""Tiles: every chunk in one, coarse chunks whole, shards together, none too large."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from zarr_vectors.multiresolution._tiles import spread_sample, tile_chunks


@st.composite
def levels(draw):
    ndim = draw(st.integers(2, 4))
    coords = draw(hnp.arrays(np.int64, (draw(st.integers(1, 60)), ndim), elements=st.integers(-9, 9)))
    coords = np.unique(coords, axis=0)
    counts = draw(hnp.arrays(np.int64, len(coords), elements=st.integers(1, 50)))
    ratio = draw(hnp.arrays(np.int64, ndim, elements=st.integers(1, 3)))
    shard = draw(hnp.arrays(np.int64, ndim, elements=st.integers(1, 3)))
    return coords, counts, ratio, shard, draw(st.integers(1, 300))


@given(levels())
def test_tiles_hold_every_chunk_once_and_coarse_chunks_whole(level):
    coords, counts, ratio, shard, most = level
    tiles = tile_chunks(coords, counts, ratio, shard, most)
    assert np.sort(np.concatenate(tiles)).tolist() == list(range(len(coords)))
    coarse = coords // ratio
    owner = {}
    for number, tile in enumerate(tiles):
        assert (np.diff(tile) > 0).all()
        for place in map(tuple, np.unique(coarse[tile], axis=0).tolist()):
            assert owner.setdefault(place, number) == number
        assert counts[tile].sum() <= most or len(np.unique(coarse[tile], axis=0)) == 1


@given(levels())
def test_the_tiles_of_a_shard_follow_one_another(level):
    coords, counts, ratio, shard, most = level
    coarse = coords // ratio
    shards = (coarse - coarse.min(axis=0)) // shard
    seen = []
    for tile in tile_chunks(coords, counts, ratio, shard, most):
        here = list(map(tuple, np.unique(shards[tile], axis=0).tolist()))
        if len(here) > 1:  # only whole shards lie together in a tile
            assert not set(here) & set(seen)
        for place in here:
            assert place not in seen or place == seen[-1]
        seen += [place for place in here if place not in seen]


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=200), st.integers(1, 20_000))
def test_a_sample_of_tiles_is_spread_and_about_as_large_as_wanted(rows, wanted):
    rows = np.array(rows)
    chosen = spread_sample(rows, wanted)
    assert (np.diff(chosen) > 0).all()
    assert 0 <= chosen[0] <= chosen[-1] < len(rows)
    if rows.sum() <= wanted:
        assert len(chosen) == len(rows)
    else:
        assert len(chosen) == max(1, int(len(rows) * wanted / rows.sum()))


def test_a_level_without_chunks_has_no_tiles():
    nothing = np.empty((0, 3), np.int64)
    assert tile_chunks(nothing, np.empty(0, np.int64), np.ones(3, np.int64), np.ones(3, np.int64), 5) == []
