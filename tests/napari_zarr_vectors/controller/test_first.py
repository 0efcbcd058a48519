"""What is seen first of a layer: all that is in view, a share of it where it is much, and more in its place later."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from napari_zarr_vectors._controller import _kinds, engine_of, open_layer
from napari_zarr_vectors._controller import _tuning as tuning
from napari_zarr_vectors._controller._engine import Engine
from napari_zarr_vectors._controller._pace import Pace
from napari_zarr_vectors._controller._room import Room
from napari_zarr_vectors._stream import Planner, PointSource
from zarr_vectors.multiresolution.coarsen import build_pyramid
from zarr_vectors.types.polylines import write_polylines

pytestmark = pytest.mark.gui

LINES, ROWS = 300, 12


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    path = tmp_path_factory.mktemp("first") / "lines.zarrvectors"
    rng = np.random.default_rng(2)
    walks = np.cumsum(rng.normal(0, 3, (LINES, ROWS, 3)), axis=1) + rng.uniform(20, 140, (LINES, 1, 3))
    write_polylines(path, list(walks.astype(np.float32)), chunk_shape=40, bin_shape=10)
    build_pyramid(path, [(2, 1)])
    return path


@pytest.fixture
def commits(monkeypatch):
    """The holes of each plan that is shown, the vertices drawn and the smallest share that is resident."""
    seen = []
    commit = Engine._commit

    def watched(self, planned):
        shown = commit(self, planned)
        least = min((self._pool.chunk(node).fraction for node in self._pool.resident), default=0.0)
        seen.append((planned.plan.holes, self._pool.shown_vertices, least))
        return shown

    monkeypatch.setattr(Engine, "_commit", watched)
    return seen


def read_otherwise(monkeypatch, instead):
    """Have what is read while the layer is made go through a call; all else is read as ever."""
    read = PointSource.load

    def load(self, requests):
        if threading.current_thread().name.startswith("zarr-vectors-open"):
            instead()
        return read(self, requests)

    monkeypatch.setattr(PointSource, "load", load)


@pytest.fixture
def gate(window, monkeypatch):
    """Until it is set, what is read while the layer is made does not come."""
    gate = threading.Event()
    read_otherwise(monkeypatch, lambda: gate.wait(60))
    yield gate
    gate.set()


def test_the_first_plan_shows_all_that_is_in_view_however_long_it_takes_to_read_and_send(
    store, window, commits, settle, monkeypatch
):
    read_otherwise(monkeypatch, lambda: time.sleep(0.3))
    monkeypatch.setattr(tuning, "UPLOAD_MS", 0.0)  # one chunk a frame
    settle(open_layer(window.viewer, store)[0])
    holes, vertices, share = commits[0]
    assert (holes, share) == (0, 1.0)
    assert vertices > 0


def test_a_share_is_seen_first_and_the_whole_in_its_place_with_no_rows_found_on_the_gui_thread(
    store, window, commits, settle, monkeypatch
):
    def find_rows(*_):
        raise AssertionError("rows are found where plans are made")

    monkeypatch.setattr(_kinds, "FIRST_LINKED", 200)
    monkeypatch.setattr(Planner, "commit_of", find_rows)
    layer = open_layer(window.viewer, store)[0]
    settle(layer)
    assert all(layer.pool.chunk(node).fraction == 1 for node in layer.pool.resident)
    assert not layer.pool.exchanging
    assert {holes for holes, _, _ in commits} == {0}
    _, vertices, share = commits[0]
    assert 0 < vertices <= 200
    assert share < 0.5
    drawn = [vertices for _, vertices, _ in commits]
    assert drawn == sorted(drawn), "what is shown only becomes more"
    assert drawn[-1] > 1000


def test_what_there_was_no_room_for_is_wanted_before_anything_is_painted(store, window, commits, qtbot, monkeypatch):
    answers = iter([True])
    monkeypatch.setattr(Room, "ask", lambda *_: next(answers, False))
    monkeypatch.setattr(Pace, "due", lambda *_, **__: not commits)  # what is painted is painted for ever
    open_layer(window.viewer, store, budget=50_000)
    qtbot.waitUntil(lambda: len(commits) == 2, timeout=20_000)
    window.process(0.1)
    assert len(commits) == 2


def test_what_is_never_read_while_the_layer_is_made_keeps_nothing_from_being_shown(
    store, window, gate, settle, monkeypatch
):
    monkeypatch.setattr(tuning, "FIRST_WAIT_S", 0.05)
    layer = open_layer(window.viewer, store)[0]
    settle(layer)
    shown = layer.shown_vertices
    assert shown > 0
    gate.set()
    window.process(0.3)
    settle(layer)
    assert layer.shown_vertices == shown, "what comes late is there already"


@pytest.mark.parametrize("error", [OSError("gone"), ValueError("a bug")])
def test_what_cannot_be_read_while_the_layer_is_made_is_asked_for_by_the_first_plan(
    store, window, settle, monkeypatch, error
):
    def fail():
        raise error

    read_otherwise(monkeypatch, fail)
    layer = open_layer(window.viewer, store)[0]
    settle(layer)
    assert layer.shown_vertices > 0


def test_a_budget_that_is_set_before_the_first_plan_waits_for_it(store, window, gate, commits, settle, monkeypatch):
    monkeypatch.setattr(tuning, "FIRST_WAIT_S", 60.0)
    layer = open_layer(window.viewer, store)[0]
    assert window.wait_until(lambda: engine_of(layer)._first is not None, 20)
    layer.lod.budget = 1000
    window.process(0.1)
    assert commits == []
    gate.set()
    settle(layer)
    assert commits[0][0] == 0
    assert max(vertices for _, vertices, _ in commits) <= 1000


def test_what_was_read_first_is_not_kept_beside_the_pool(store, window, settle):
    layer = open_layer(window.viewer, store)[0]
    settle(layer)
    assert engine_of(layer)._threads.future.result().first.take() == []
