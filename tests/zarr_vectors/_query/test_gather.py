"""Rows of fragments come to where they belong, however the fragments lie in their chunks and batches are cut."""

import numpy as np
import pytest

from zarr_vectors._query.execute import RaggedBatch
from zarr_vectors._query.gather import Gather
from zarr_vectors.encoding import FragmentIndex, FragmentTable, offsets_of


def _index(starts, counts):
    """A chunk whose fragments are ranges."""
    ranges = np.stack([starts, counts], axis=1).astype(np.int64)
    return FragmentIndex(np.ones(len(ranges), bool), ranges, np.zeros(1, np.int64), np.empty(0, np.int64))


def _listed(rows):
    """A chunk of one fragment that lists its rows."""
    return FragmentIndex(
        np.zeros(1, bool), np.empty((0, 2), np.int64), np.array([0, len(rows)]), np.array(rows, np.int64)
    )


def _tiles(rng, chunk=0):
    counts = rng.integers(0, 6, 8)
    return _index(np.cumsum(counts) - counts, counts), int(counts.sum())


def _tiles_and_more(rng, chunk=0):
    """Rows behind those that fragments name are nobody's."""
    index, rows = _tiles(rng)
    return index, rows + int(rng.integers(1, 4))


def _shared(rng, chunk=0):
    """Fragments overlap and leave rows out."""
    return _index(rng.integers(0, 10, 8), rng.integers(0, 6, 8)), 16


def _lists(rng, chunk=0):
    return _listed(rng.integers(0, 9, 5)), 9


def _list_then_tiles(rng, chunk=0):
    """Where the first list begins looks like the first row of a range."""
    return _tiles(rng) if chunk else (_listed([4, 2, 3, 1, 0]), 5)


def _long(rng, chunk=0):
    """Runs of all lengths around those of the pieces that they are copied in."""
    counts = np.array([0, 1, 2, 3, 4, 63, 64, 65, 4095, 4096, 4097, 8191, 8192, 8193, 12300])
    counts = rng.permutation(counts)[: 5 + chunk]
    return _index(np.cumsum(counts) - counts, counts), int(counts.sum())


@pytest.mark.parametrize("of_chunk", [_tiles, _tiles_and_more, _shared, _lists, _list_then_tiles, _long])
@pytest.mark.parametrize("order", ["as they lie", "objects that cross chunks", "any", "some", "some of them twice"])
@pytest.mark.parametrize("step", [1, 3])
def test_rows_come_to_their_objects(of_chunk, order, step):
    rng = np.random.default_rng(3)
    chunks = [of_chunk(rng, chunk) for chunk in range(7)]
    table = FragmentTable.of([index for index, _ in chunks])
    place_of = np.repeat(np.arange(7), np.diff(table.first))
    numbers = np.arange(len(place_of))
    if order == "objects that cross chunks":
        numbers = numbers[np.argsort(numbers - table.first[place_of], kind="stable")]
    elif order == "any":
        numbers = rng.permutation(numbers)
    elif order.startswith("some"):
        numbers = rng.choice(numbers, 3 * len(numbers) // 4, replace=order != "some")
    places = place_of[numbers]
    values = [rng.random((rows, 3)).astype("f4") for _, rows in chunks]
    codes = [rng.integers(0, 200, rows).astype("u1") for _, rows in chunks]

    gather = Gather(table, places, numbers)
    for low in range(0, 7, step):
        some = slice(low, low + step)
        offsets = offsets_of(np.array([len(v) for v in values[some]]))
        coords = np.arange(7)[some, None]
        batch = RaggedBatch(0, coords, offsets, np.concatenate(values[some]), {"code": np.concatenate(codes[some])})
        gather.add(batch, low)

    local = numbers - table.first[places]
    rows = [chunks[c][0].indices(f) for c, f in zip(places.tolist(), local.tolist(), strict=True)]
    assert gather.starts.tolist() == offsets_of(np.array(list(map(len, rows)))).tolist()
    whole = [values[c][r] for c, r in zip(places.tolist(), rows, strict=True)]
    assert np.array_equal(gather.positions, np.concatenate(whole))
    whole = [codes[c][r] for c, r in zip(places.tolist(), rows, strict=True)]
    assert np.array_equal(gather.attributes["code"], np.concatenate(whole))
