"""A person who does anything at any time sees no error, no hole, no point over the budget, and leaves no thread."""

from __future__ import annotations

import os

import pytest

from benchmarks.flying import streaming_threads
from benchmarks.fuzzing import fuzz, make_store

pytestmark = pytest.mark.gui

COUNT = 30_000


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return make_store(tmp_path_factory.mktemp("fuzz") / "clusters.zarrvectors", COUNT)


def check(store, seed, steps):
    one = fuzz(store, seed, steps)
    assert one.errors == [], (seed, one.done)
    assert one.looks > steps
    assert streaming_threads() == []


@pytest.mark.parametrize("seed", range(3))
def test_whatever_is_done_in_whatever_order(store, seed):
    check(store, seed, steps=40)


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_for_long(store):
    """``make soak``: so many windows (`SOAK_ROUNDS`) from a seed (`SOAK_SEED`) on."""
    first = int(os.environ.get("SOAK_SEED", "1000"))
    for seed in range(first, first + int(os.environ.get("SOAK_ROUNDS", "50"))):
        check(store, seed, steps=120)
