"""A person who does anything at any time sees no error, no hole, no point over the budget, and leaves no thread."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.fuzzing import make_store

pytestmark = pytest.mark.gui

COUNT = 30_000
ROOT = Path(__file__).resolve().parents[2]
USUAL = {"SEED": 1000, "ROUNDS": 50, "LAYERS": 1}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return make_store(tmp_path_factory.mktemp("fuzz") / "clusters.zarrvectors", COUNT)


def check(store, seed, *, steps, layers=1):
    words = [str(word) for word in (store, seed, steps, layers)]
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.fuzzing", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, cwd=ROOT)
    assert done.returncode == 0, (words[1:], done.stdout[-3000:], done.stderr[-3000:])
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("seed", range(2))
def test_whatever_is_done_in_whatever_order(store, seed):
    check(store, seed, steps=40)


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_for_long(store):
    """``make soak``: so many windows (`SOAK_ROUNDS`) from a seed (`SOAK_SEED`) on, of `SOAK_LAYERS` layers at most."""
    first, rounds, layers = (int(os.environ.get(f"SOAK_{name}", usual)) for name, usual in USUAL.items())
    for seed in range(first, first + rounds):
        check(store, seed, steps=120, layers=layers)
