"""In which order the planner asks for what it wants: one level at a time, best first all the same."""

from __future__ import annotations

from itertools import groupby
from types import SimpleNamespace

import numpy as np
import pytest

from napari_zarr_vectors._stream.planner import WINDOW, read_order


@pytest.mark.parametrize("count", [0, 1, WINDOW, 5 * WINDOW + 7])
def test_nodes_of_a_level_come_together_within_their_tier_and_window(count):
    rng = np.random.default_rng(count)
    level = rng.integers(0, 4, count)
    tree = SimpleNamespace(levels=(3, 2, 1, 0), level_of=lambda nodes: level[nodes])
    nodes, tier = np.arange(count), np.sort(rng.integers(0, 3, count)).astype(np.int8)
    order = read_order(tree, nodes, tier)
    assert sorted(order.tolist()) == nodes.tolist()
    assert np.array_equal(tier[order], tier)
    assert np.array_equal(order // WINDOW, nodes // WINDOW)
    runs = [key for key, _ in groupby((int(tier[k]), k // WINDOW, int(level[k])) for k in order.tolist())]
    assert len(runs) == len(set(runs))
    assert not count or order[0] == 0, "the best one is the first all the same"
    for one in set(runs):
        members = [k for k in order.tolist() if (int(tier[k]), k // WINDOW, int(level[k])) == one]
        assert members == sorted(members)
