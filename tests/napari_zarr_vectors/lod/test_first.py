"""What is read before anybody asks: small chunks of the coarsest level, in a share that is soon built."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_zarr_vectors._lod import plan_first
from napari_zarr_vectors._lod.first import MOST_CHUNKS, READ, READ_ALONE


def tree(counts):
    counts = np.asarray(counts, np.int64)
    return SimpleNamespace(count=np.append(counts, 7), tops=np.arange(len(counts), dtype=np.int32))


@pytest.mark.parametrize(("counts", "thins", "nodes", "share"), [
    ([300, 20, 40], True, [1, 2, 0], 2 ** (-15 / 8)),  # 100 of 360 vertices: the next lower step
    ([90, 20, 40], True, [1, 2, 0], 1.0),  # for less it is not worth reading twice
    ([300, 20, 40], False, [1, 2], 1.0),
    ([READ, 20], True, [1], 1.0),
    ([READ_ALONE], True, [0], 2 ** (-123 / 8)),
    ([READ_ALONE + 1], True, [], 1.0),
    ([READ_ALONE], False, [], 1.0),
    ([], True, [], 1.0),
    ([1] * 70, True, [*range(MOST_CHUNKS)], 1.0),
])  # fmt: skip
def test_the_smallest_are_read_and_a_share_of_them_where_they_are_large(counts, thins, nodes, share):
    found, some = plan_first(tree(counts), vertices=100, thins=thins)
    assert found.tolist() == nodes
    assert some == share


@given(st.lists(st.integers(1, 2 * READ), max_size=80), st.integers(1, 1 << 17), st.booleans())
def test_no_more_is_built_than_can_be_seen_at_once(counts, vertices, thins):
    nodes, share = plan_first(tree(counts), vertices=vertices, thins=thins)
    read = sum(counts[node] for node in nodes)
    assert share * read <= 2 * vertices
    assert thins or share == 1
    assert share == 1 or share * read > vertices * 2 ** (-1 / 8) * (1 - 1e-9)
