"""Finding chunks in a list."""

from __future__ import annotations

import numpy as np
import pytest

from zarr_vectors.spatial import ChunkLookup


@pytest.mark.parametrize("span", [5, 1000, 2**40, 2**62], ids=["table", "few", "far", "too far to be numbered"])
@pytest.mark.parametrize("rank", [1, 2, 3, 5])
def test_a_chunk_is_found_where_it_is_and_else_not(span, rank):
    rng = np.random.default_rng(rank)
    coords = np.unique(rng.integers(-span, span, (200, rank)), axis=0)
    coords = coords[rng.permutation(len(coords))]
    limits = np.array([[2**63 - 1] * rank, [-(2**63)] * rank])
    asked = np.concatenate([coords[rng.integers(0, len(coords), 300)], rng.integers(-span, span, (300, rank)), limits])
    known = {tuple(c): i for i, c in enumerate(coords.tolist())}
    assert ChunkLookup(coords).find(asked).tolist() == [known.get(tuple(c), -1) for c in asked.tolist()]


def test_nothing_is_found_among_no_chunks_and_nothing_finds_nothing():
    none = np.empty((0, 3), np.int64)
    assert ChunkLookup(none).find(np.zeros((2, 3), np.int64)).tolist() == [-1, -1]
    assert ChunkLookup(np.zeros((1, 3), np.int64)).find(none).shape == (0,)


def test_many_are_found_as_one_is():
    coords = np.stack(np.unravel_index(np.arange(60), (3, 4, 5)), axis=1).astype(np.int64)
    asked = np.random.default_rng(0).integers(0, 60, 50_000)
    assert (ChunkLookup(coords).find(coords[asked]) == asked).all()
