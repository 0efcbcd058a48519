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


KINDS = ("points", "lines", "surface")


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fuzz")
    return {kind: make_store(folder / f"{kind}.zarrvectors", COUNT, kind) for kind in KINDS}


def check(store, seed, *, steps, layers=1):
    words = [str(word) for word in (store, seed, steps, layers)]
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.fuzzing", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, cwd=ROOT)
    assert done.returncode == 0, (words[1:], done.stdout[-3000:], done.stderr[-3000:])
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("kind", "seed"), [("points", 0), ("points", 1), ("lines", 2), ("surface", 3)])
def test_whatever_is_done_in_whatever_order(stores, kind, seed):
    check(stores[kind], seed, steps=12)


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_for_long(stores):
    """``make soak``: so many windows (`SOAK_ROUNDS`) from a seed (`SOAK_SEED`) on, of `SOAK_LAYERS` layers at most.

    The kinds take turns.
    """
    first, rounds, layers = (int(os.environ.get(f"SOAK_{name}", usual)) for name, usual in USUAL.items())
    for seed in range(first, first + rounds):
        check(stores[KINDS[seed % len(KINDS)]], seed, steps=120, layers=layers)
