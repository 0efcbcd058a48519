"""What every test shares: hypothesis profiles, and the rule that no worker thread outlives its test."""

from __future__ import annotations

import copy
import functools
import gc
import os
import threading
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Iterator

settings.register_profile("default", deadline=None)
# A change is judged by what it does, not by the draw: CI has the same examples each time, others have new and more.
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True, max_examples=25)
settings.load_profile("ci" if os.environ.get("CI") else "default")

KEPT = pytest.StashKey[int]()
FROZEN = 200_000  # objects that a process with a window has at least
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


@pytest.fixture(scope="session", autouse=True)
def manifests_are_parsed_once() -> Iterator[None]:
    """Parse each plugin's manifest once: napari's own fixture has all read for each window, a fifth of its time."""
    import npe2.manifest._bases as reading

    parse = functools.cache(reading._load_yaml_no_duplicates)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "_load_yaml_no_duplicates", lambda stream: copy.deepcopy(parse(stream.read())))
        yield


@pytest.fixture(autouse=True)
def what_stays_is_looked_at_once(request: pytest.FixtureRequest) -> Iterator[None]:
    """Keep what the first windows load out of all further garbage collections.

    napari's own fixture asks for four of them a test, which look at half a million objects of napari, vispy and Qt: a
    fifth of the time of all tests with windows.
    """
    yield
    if request.node.get_closest_marker("gui") and request.config.stash.get(KEPT, 0) < FROZEN:
        gc.collect()
        gc.freeze()
        request.config.stash[KEPT] = gc.get_freeze_count()  # counting takes 30 ms


@pytest.fixture(autouse=True)
def naparis_application_is_made_anew(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let windows open in any order of tests.

    napari's own fixture makes napari forget that plugins are registered, and registering them twice is an error.
    """
    yield
    if "make_napari_viewer" in request.fixturenames:
        from app_model import Application
        from napari._qt._qapp_model.qactions import init_qactions
        from napari.plugins import _initialize_plugins

        Application.destroy("napari")
        _initialize_plugins.cache_clear()
        init_qactions.cache_clear()
