"""A scripted camera in a real napari window: the counts of `make flight`, on a store small enough for a test."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import weakref

import numpy as np
import pytest

from benchmarks.flying import Flight, clustered_points, streaming_threads, tour
from napari_zarr_vectors import _controller
from napari_zarr_vectors._controller import engine_of, open_layer
from napari_zarr_vectors._controller._arrivals import Arrivals
from napari_zarr_vectors._controller._engine import Engine
from napari_zarr_vectors._layers import Window
from zarr_vectors.exceptions import ArgumentError
from zarr_vectors.multiresolution.coarsen import build_pyramid
from zarr_vectors.types.points import write_points

pytestmark = pytest.mark.gui

COUNT = 60_000


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    path = tmp_path_factory.mktemp("flight") / "clusters.zarrvectors"
    points, radius = clustered_points(COUNT)
    write_points(path, points, chunk_shape=125, bin_shape=25, attributes={"radius": radius})
    build_pyramid(path, [(2, 1)] * 3)
    return path


@pytest.fixture
def fly(store):
    flights = []

    def start(**options):
        flights.append(Flight(store, size=(500, 420), **options))
        return flights[-1]

    yield start
    for flight in flights:
        flight.close()
    assert streaming_threads() == []


def test_the_budget_holds_at_every_moment_and_nothing_vanishes(fly):
    flight = fly(budget=20_000, color_by="radius")
    tour(flight)
    counts = flight.counts
    assert counts.looks > 100
    assert counts.over_budget == 0
    assert counts.holes == 0
    assert counts.incomplete_jumps == 0
    assert 0 < counts.most_shown <= 20_000


def test_a_view_that_fits_the_budget_is_shown_at_level_0_whole(fly):
    flight = fly(budget=COUNT)
    flight.layer.lod.level = 0
    assert flight.settle()
    status = flight.layer.lod.status
    assert status.levels == {0}
    assert status.shown_vertices == COUNT
    assert (status.wanted, status.loading, status.failed) == (0, 0, 0)


def test_many_tiny_chunks_that_fit_the_budget_are_shown_whole(tmp_path):
    points = np.random.default_rng(5).uniform(0, 240, (60_000, 3)).astype(np.float32)
    write_points(tmp_path / "tiny.zarrvectors", points, chunk_shape=20, bin_shape=10)
    build_pyramid(tmp_path / "tiny.zarrvectors", [(2, 1)] * 2)
    flight = Flight(tmp_path / "tiny.zarrvectors", size=(500, 420), budget=90_000)
    try:
        assert flight.settle()
        status = flight.layer.lod.status
        assert (status.levels, status.shown_vertices) == ({0}, 60_000)
    finally:
        flight.close()


def test_lowering_the_budget_holds_before_the_setter_returns(fly):
    flight = fly(budget=COUNT)
    flight.layer.lod.level = 0
    flight.settle()
    for budget in (10_000, 777, 40, 1):
        flight.layer.lod.budget = budget
        status = flight.layer.lod.status
        assert status.budget == budget
        assert status.shown_vertices <= budget
    flight.layer.lod.level = None
    flight.layer.lod.budget = 30_000
    assert flight.settle()
    assert flight.layer.lod.status.shown_vertices > 1_000


def test_every_change_makes_the_view_incomplete_at_once(fly):
    flight = fly(budget=20_000)
    viewer, lod = flight.viewer, flight.layer.lod
    changes = {
        "camera": lambda: setattr(viewer.scene.camera, "zoom", viewer.scene.camera.zoom * 1.3),
        "level": lambda: setattr(lod, "level", 1),
        "ndisplay": lambda: setattr(viewer.dims, "ndisplay", 2),
        "dims": lambda: viewer.dims.set_point(0, 300.0),
    }
    for name, change in changes.items():
        assert flight.settle(), name
        change()
        assert not lod.status.complete, name


def test_a_slab_in_2d_reads_only_what_it_meets(fly):
    flight = fly(budget=COUNT)
    flight.viewer.dims.ndisplay = 2
    flight.viewer.dims.set_point(0, 500.0)
    flight.layer.lod.level = 0
    assert flight.settle()
    engine = engine_of(flight.layer)
    desired = engine._last.desired
    tree = engine._planner._tree
    lo = tree.coords[desired][:, 0] * tree.chunk_shape[-1][0]
    assert len(desired)
    assert ((lo <= 500 + 12.5) & (lo + 125 >= 500 - 12.5)).all()


def test_colours_change_without_reading_positions_anew_and_end_right(fly):
    flight = fly(budget=20_000, color_by="radius")
    flight.layer.style.color_by = None
    assert flight.window.wait_until(lambda: flight.layer.value_info.kind == "none", 5)
    flight.layer.style.color_by = "radius"
    assert flight.window.wait_until(lambda: flight.layer.value_info.kind == "scalar", 5)
    flight.settle()
    pool = flight.layer.pool
    fine = [node for node in pool.resident if node >= engine_of(flight.layer)._planner._tree.base[-2]]
    assert fine  # of level 0: coarser levels carry means
    for node in fine[:20]:
        built = pool.chunk(node)
        radius = np.linalg.norm(built.positions + flight.layer.origin - 500, axis=1)
        assert np.allclose(pool.values(node), radius, atol=0.01)


def test_colours_change_while_new_chunks_arrive(fly):
    flight = fly(budget=20_000)
    camera, zoom = flight.viewer.scene.camera, float(flight.viewer.scene.camera.zoom)
    for k, name in enumerate(["radius", None, "radius", None, "radius"]):
        camera.zoom = zoom * (1 + k)
        camera.center = (500 + 30 * k, 500, 500 - 30 * k)
        flight.layer.style.color_by = name
        flight.window.process(0.02)
    assert flight.settle()
    assert flight.window.wait_until(lambda: flight.layer.value_info.kind == "scalar", 5)
    assert flight.layer.style.color_by == "radius"


def test_a_colour_asked_for_before_the_store_is_read_is_not_forgotten(store):
    window = Window(ndisplay=3, size=(400, 300))
    layer = open_layer(window.viewer, store, budget=5_000, color_by=None)[0]
    layer.style.color_by = "radius"
    window.wait_until(lambda: layer.lod.status.complete and layer.value_info.kind == "scalar", 20)
    found = layer.style.color_by, layer.value_info.kind
    window.close()
    assert found == ("radius", "scalar")


def test_an_unknown_colour_attribute_is_refused_before_a_layer_is_added(store):
    window = Window(ndisplay=3, size=(400, 300))
    try:
        with pytest.raises(ArgumentError, match="nothing named 'typo' to colour by; it has .*radius"):
            open_layer(window.viewer, store, color_by="typo")
        assert len(window.viewer.layers) == 0
    finally:
        window.close()


def test_the_budget_may_wander_without_a_hole_or_a_stuck_view(fly):
    flight = fly(budget=20_000)
    flight.layer.lod.level = 0  # thinned: every change of the budget changes the share of each chunk
    rng = np.random.default_rng(0)
    for budget in rng.integers(50, 80_000, 25).tolist():
        flight.layer.lod.budget = budget
        flight._look()
        flight.window.process(0.03)
        flight._look()
    flight.layer.lod.budget = 2 * COUNT
    assert flight.settle()
    assert flight.counts.over_budget == 0
    assert flight.layer.lod.status.shown_vertices == COUNT


END_MID_FLIGHT = """
import sys
from benchmarks.flying import Flight, streaming_threads
flight = Flight(sys.argv[1], size=(400, 300), budget=20_000)
flight.viewer.scene.camera.zoom *= 4
getattr(flight, sys.argv[2])()
assert streaming_threads() == []
flight.window.process(0.3)
print("ended well")
"""


@pytest.mark.parametrize("end", ["close", "click_x"])
def test_closing_the_viewer_and_clicking_x_end_every_thread_and_the_process_well(store, end):
    command = [sys.executable, "-W", "ignore", "-c", END_MID_FLIGHT, str(store), end]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout.splitlines()[-1:]) == (0, ["ended well"]), done.stderr[-2000:]
    assert "Error" not in done.stderr


def test_a_closed_viewer_leaves_no_layer_behind(store):
    flight = Flight(store, size=(400, 300), budget=20_000)
    layer = weakref.ref(flight.layer)
    flight.close()
    del flight
    gc.collect()
    assert layer() is None


def test_removing_the_layer_mid_read_ends_every_thread(store):
    flight = Flight(store, size=(400, 300), budget=20_000)
    flight.viewer.scene.camera.zoom *= 6
    flight.viewer.layers.remove(flight.layer)
    flight.window.wait_until(lambda: not streaming_threads(), 10)
    assert streaming_threads() == []
    flight.close()
    assert threading.main_thread().is_alive()


def test_a_frame_commits_or_uploads_or_exchanges_and_never_two_of_these(fly, monkeypatch):
    done, frames = [], []

    def log(owner, name, counts=lambda self: True):
        method = getattr(owner, name)

        def logged(self, *args):
            done.extend([name] * counts(self))
            return method(self, *args)

        monkeypatch.setattr(owner, name, logged)

    def on_frame(self, method=Engine._on_frame):
        done.clear()
        method(self)
        frames.append(set(done))

    log(Engine, "_commit")
    log(Arrivals, "_place")
    log(Arrivals, "exchange", lambda self: self.has_larger)
    monkeypatch.setattr(Engine, "_on_frame", on_frame)
    flight = fly(budget=20_000)
    flight.jump(zoom=flight.viewer.scene.camera.zoom * 4)
    assert {"_commit"} in frames
    assert {"_place"} in frames
    assert max(map(len, frames)) == 1


def test_what_is_in_place_does_not_come_again(fly, monkeypatch):
    again, place = [], Arrivals._place

    def placed(self, planner, request, built):
        pool = self._pool
        again.append(request.node in pool.resident and pool.chunk(request.node).fraction >= built.fraction)
        return place(self, planner, request, built)

    monkeypatch.setattr(_controller._tuning, "FIRST_WAIT_S", 60.0)  # what takes longer is asked for anew
    monkeypatch.setattr(Arrivals, "_place", placed)
    flight = fly(budget=COUNT)
    for step in range(40):  # plans are made while chunks arrive
        flight.viewer.scene.camera.zoom *= 1.5 if step % 10 < 5 else 1 / 1.5
        flight.window.process(0.03)
    assert flight.settle()
    assert len(again) > 100
    assert not any(again)


def test_a_budget_beyond_the_store_takes_no_more_memory_than_the_store(fly):
    flight = fly(budget=10**10)
    assert flight.layer.lod.status.shown_vertices > 0
    flight.layer.lod.budget = 10**12
    assert flight.settle()
    assert flight.layer.pool.capacity_rows < 20 * COUNT + (1 << 20)


def test_what_fits_the_budget_is_drawn_whole_whatever_was_shown_before(fly):
    flight = fly(budget=COUNT)
    zoom = flight.viewer.scene.camera.zoom
    for budget in (COUNT, COUNT // 3, COUNT):
        flight.layer.lod.budget = budget
        flight.jump(zoom=zoom * 40)
        flight.jump(zoom=zoom * 30)
    assert flight.layer.lod.status.levels == {0}


def test_a_thinned_view_changes_its_colours_without_an_error(fly):
    flight = fly(budget=1000, color_by="radius")
    for name in (None, "radius", None, "radius"):
        flight.layer.style.color_by = name
        assert flight.window.wait_until(lambda name=name: not engine_of(flight.layer)._recolouring.repainting, 5)
        flight.window.process(0.1)
    assert flight.settle()
    assert flight.layer.value_info.kind == "scalar"
