"""The byte-budget cache."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from napari_zarr_vectors._build import build_points
from napari_zarr_vectors._stream import ByteCache, default_cache_bytes


def built(rows):
    positions = np.zeros((rows, 3), np.float32)
    return build_points(positions, None, origin=np.zeros(3), chunk_lo=np.zeros(3), cell_shape=np.ones(3), ratios=[])


ONE = built(100).nbytes


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), max_size=60), st.integers(0, 6))
def test_the_least_recently_used_leave_first_and_the_bytes_stay_within_the_budget(steps, capacity):
    cache, model = ByteCache(capacity * ONE), []
    chunk = built(100)
    for key, is_put in steps:
        found = cache.get(key)
        assert (found is not None) == (key in model)
        if key in model:
            model.remove(key)
            model.append(key)
        if is_put:
            cache.put(key, chunk)
            model = ([k for k in model if k != key] + [key])[-capacity:] if capacity else []
        assert cache.nbytes == len(model) * ONE <= cache.max_bytes
        assert len(cache) == len(model)


def test_an_entry_above_the_budget_is_not_kept():
    cache = ByteCache(ONE - 1)
    cache.put("a", built(100))
    assert cache.get("a") is None
    assert cache.nbytes == 0


def test_replacing_counts_once_and_clearing_forgets():
    cache = ByteCache(10 * ONE)
    cache.put("a", built(100))
    cache.put("a", built(100))
    assert cache.nbytes == ONE
    cache.clear()
    assert (cache.nbytes, len(cache)) == (0, 0)


def test_the_default_is_a_gibibyte_at_most():
    assert 0 < default_cache_bytes() <= 1 << 30
