"""What every test shares: hypothesis profiles, and the rule that no worker thread outlives its test."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Iterator

settings.register_profile("default", deadline=None)
# A change is judged by what it does, not by the draw: CI has the same examples each time, people have new ones.
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")

GRACE_S = 1.0  # how long a worker may take to end once the test is over


def workers_alive() -> set[threading.Thread]:
    """Our own threads: every one is named ``zarr-vectors-*``."""
    return {t for t in threading.enumerate() if t.name.startswith("zarr-vectors-") and t.is_alive()}


@pytest.fixture(autouse=True)
def no_worker_outlives_its_test() -> Iterator[None]:
    before = workers_alive()
    yield
    end = time.monotonic() + GRACE_S
    while (left := workers_alive() - before) and time.monotonic() < end:
        time.sleep(0.01)
    if left:
        pytest.fail(f"threads still alive {GRACE_S:g} s after the test: {sorted(t.name for t in left)}")
