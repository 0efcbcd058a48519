"""A still has all the detail that was asked for, is whole, and changes nothing."""

from __future__ import annotations

import threading
import time

import imageio.v3 as iio
import numpy as np
import pytest
from qtpy.QtCore import QTimer

from napari_zarr_vectors import save_still
from napari_zarr_vectors._controller import _highlight as highlighting
from napari_zarr_vectors._controller import _still as still
from napari_zarr_vectors._controller import engine_of, open_layer
from napari_zarr_vectors._controller._running import objects_of
from zarr_vectors.exceptions import ArgumentError, CancelledError, LimitError
from zarr_vectors.multiresolution.coarsen import build_pyramid
from zarr_vectors.types.points import write_points
from zarr_vectors.types.polylines import write_polylines

pytestmark = pytest.mark.gui

COUNT = 30_000


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    path = tmp_path_factory.mktemp("still") / "s.zv"
    positions = np.random.default_rng(0).uniform(0, 100, (COUNT, 3)).astype("float32")
    write_points(path, positions, chunk_shape=25.0, bin_shape=6.25)
    build_pyramid(path, [(2, 1), (2, 1)])
    return path


@pytest.fixture
def shown(make_napari_viewer, cloud, qtbot):
    """A viewer with one layer that may show little."""
    viewer = make_napari_viewer(show=True, ndisplay=3)
    viewer.window.resize(700, 560)
    (layer,) = open_layer(viewer, cloud, budget=2_000, size=6, shading="flat")
    viewer.reset_view()
    qtbot.waitUntil(lambda: layer.lod.status.complete, timeout=20_000)
    return viewer, layer


def test_it_has_all_of_level_0_at_twice_the_resolution_and_puts_the_budget_back(shown, tmp_path, qtbot):
    viewer, layer = shown
    few = viewer.screenshot(flash=False)[..., :3]
    made = save_still(viewer, tmp_path / "a.png", scale=2)
    picture = iio.imread(tmp_path / "a.png")
    assert picture.shape == (2 * few.shape[0], 2 * few.shape[1], 3)
    assert made.size == (picture.shape[1], picture.shape[0])
    assert made.vertices == COUNT
    assert made.levels == {0}
    assert f"{COUNT:,} vertices of level 0" in str(made)
    assert (layer.lod.budget, layer.lod.level) == (2_000, None)
    assert layer.lod.status.shown_vertices <= 2_000
    # As much of the picture is lit as on the screen with the same vertices: points have the size that they have there.
    layer.lod.budget, layer.lod.level = 200_000, 0
    qtbot.waitUntil(lambda: layer.lod.status.complete, timeout=20_000)
    many = viewer.screenshot(flash=False)[..., :3]
    lit, on_screen = ((image > 60).any(axis=2) for image in (picture, many))
    assert lit.mean() == pytest.approx(on_screen.mean(), rel=0.02)
    assert (lit[::2, ::2] == on_screen).mean() > 0.97
    assert (few > 60).any(axis=2).mean() < 0.7 * lit.mean()


def test_a_budget_bounds_it_and_shown_leaves_it_and_what_cannot_be_is_refused(shown, tmp_path):
    viewer, _ = shown
    refused = [
        ("a.jpg", {}, "must end with .png"),
        ("no/such/a.png", {}, "is no folder"),
        ("a.png", {"scale": 0}, "scale must be"),
        ("a.png", {"budget": 1.5}, "budget must be"),
        ("a.png", {"budget": 0}, "budget must be"),
    ]
    for path, options, message in refused:
        with pytest.raises(ArgumentError, match=message):
            save_still(viewer, tmp_path / path, **options)
    assert save_still(viewer, tmp_path / "a.png", budget=9_000).vertices <= 9_000
    asis = save_still(viewer, tmp_path / "b.png", budget="shown")
    assert 0 < asis.vertices <= 2_000
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.png", "b.png"]


def test_cancelled_late_or_too_large_it_writes_nothing_and_puts_the_budget_back(shown, tmp_path, monkeypatch):
    viewer, layer = shown
    source = engine_of(layer)._loader._source
    go = threading.Event()
    load = source.load
    monkeypatch.setattr(source, "load", lambda requests: go.wait(5) and load(requests))
    with pytest.raises(LimitError, match=r"not complete after 0.2 s: s.zv"):
        save_still(viewer, tmp_path / "a.png", timeout=0.2)
    go.set()
    stop = threading.Event()
    stop.set()
    with pytest.raises(CancelledError, match="cancelled"):
        save_still(viewer, tmp_path / "a.png", cancel=stop)
    monkeypatch.setattr(still, "MOST_VERTICES", 100)
    with pytest.raises(LimitError, match="30,000 vertices of level 0 .* are in view, more than 100"):
        save_still(viewer, tmp_path / "a.png")
    with pytest.raises(LimitError, match="pixels is more than"):
        save_still(viewer, tmp_path / "a.png", scale=1000, budget="shown")
    assert (layer.lod.budget, layer.lod.level) == (2_000, None)
    assert list(tmp_path.iterdir()) == []


def test_the_window_goes_while_it_waits(shown, tmp_path, monkeypatch):
    viewer, layer = shown
    source = engine_of(layer)._loader._source
    load = source.load

    def load_late(requests):

        go.wait(5)
        return load(requests)

    go = threading.Event()
    monkeypatch.setattr(source, "load", load_late)
    QTimer.singleShot(50, lambda: (viewer.window._qt_window.hide(), go.set()))
    with pytest.raises(CancelledError, match="the window went"):
        save_still(viewer, tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def threads(make_napari_viewer, tmp_path, qtbot):
    """A viewer with a layer of lines that may show little."""
    starts = np.random.default_rng(1).uniform(5, 95, (60, 1, 3))
    steps = np.random.default_rng(2).normal(0, 0.3, (60, 400, 3)).cumsum(axis=1)
    write_polylines(tmp_path / "l.zv", list((starts + steps).astype("float32")), chunk_shape=20.0, bin_shape=5.0)
    build_pyramid(tmp_path / "l.zv", [(2, 1), (2, 1)])
    viewer = make_napari_viewer(show=True, ndisplay=3)
    (layer,) = open_layer(viewer, tmp_path / "l.zv", budget=2_000)
    viewer.reset_view()
    qtbot.waitUntil(lambda: layer.lod.status.complete, timeout=20_000)
    return viewer, layer


def test_of_lines_the_chunks_in_view_are_counted_and_no_object_is_asked(threads, monkeypatch):
    viewer, layer = threads
    store = engine_of(layer).store
    monkeypatch.setattr(store, "object_values", lambda *_, **__: pytest.fail("the objects were read"))
    monkeypatch.setattr(store, "filter", lambda *_, **__: pytest.fail("the objects were read"))
    assert still._all_in_view(viewer, layer) >= 24_000
    monkeypatch.setattr(still, "MOST_VERTICES", 12_000)
    with pytest.raises(LimitError, match="24,000 vertices of level 0"):
        still._all_in_view(viewer, layer)
    viewer.scene.camera.zoom *= 6
    viewer.screenshot(flash=False)
    assert still._all_in_view(viewer, layer) < 12_000 * 1.25 + still.SLACK_VERTICES
    viewer.scene.camera.center = (1e5, 1e5, 1e5)
    viewer.screenshot(flash=False)
    assert still._all_in_view(viewer, layer) == still.SLACK_VERTICES


def test_it_waits_for_the_chosen_objects(threads, tmp_path, monkeypatch, qtbot):
    viewer, layer = threads
    read = highlighting.read_chosen
    monkeypatch.setattr(highlighting, "read_chosen", lambda *a, **k: time.sleep(0.5) or read(*a, **k))
    seen, paint = [], still.canvas_picture

    def spy(viewer, scale):
        seen.append((objects_of(layer)[0].busy, layer.highlight.shown is not None))
        return paint(viewer, scale)

    monkeypatch.setattr(still, "canvas_picture", spy)
    layer.selection.ids = (3, 4)
    save_still(viewer, tmp_path / "a.png", budget="shown")
    layer.selection.ids = (5,)
    save_still(viewer, tmp_path / "b.png")
    assert seen == [(False, True)] * 2
