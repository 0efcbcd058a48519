"""Opening a layer leaves nothing behind where it fails, and a layer that comes back or is duplicated streams again."""

from __future__ import annotations

import re
import shutil
import time
from unittest.mock import MagicMock

import numpy as np
import obstore.store
import pytest
import zarr.storage
from napari.layers import Layer

from benchmarks.flying import streaming_threads
from napari_zarr_vectors._controller import _open, _running, engine_of, open_layer
from napari_zarr_vectors._controller._pace import Pace
from napari_zarr_vectors._layers import StreamingPoints, Window, _napari
from zarr_vectors.exceptions import ArgumentError
from zarr_vectors.lazy import open_zv
from zarr_vectors.multiresolution.coarsen import build_pyramid
from zarr_vectors.types.meshes import write_mesh
from zarr_vectors.types.points import write_points

pytestmark = pytest.mark.gui

COUNT = 5_000


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    path = tmp_path_factory.mktemp("opening") / "cloud.zarrvectors"
    positions = np.random.default_rng(0).uniform(0, 100, (COUNT, 3)).astype(np.float32)
    write_points(path, positions, chunk_shape=50, bin_shape=10, attributes={"height": positions[:, 0]})
    build_pyramid(path, [(2, 1)])
    return path


@pytest.fixture
def viewer():
    window = Window(ndisplay=3, size=(500, 420))
    yield window.viewer
    window.close()


@pytest.fixture
def opened(monkeypatch):
    """The stores that are opened."""
    stores = []

    def opening(*args, **options):
        stores.append(open_zv(*args, **options))
        return stores[-1]

    monkeypatch.setattr(_open, "open_zv", opening)
    return stores


@pytest.fixture
def said(monkeypatch):
    messages = []
    monkeypatch.setattr(_running, "notify", messages.append)
    return messages


@pytest.mark.parametrize(("option", "said"), [
    ("colour_by", "no option 'colour_by'; did you mean 'color_by'"),
    ("bugdet", "no option 'bugdet'; did you mean 'budget'?"),
    ("opacities", "did you mean 'opacity'"),
    ("qqq", "it has adaptive_size, affine, axis_labels, backfaces, "),
])  # fmt: skip
def test_a_word_that_is_no_option_is_named_with_the_nearest(viewer, store, option, said):
    with pytest.raises(ArgumentError, match=re.escape(said)):
        open_layer(viewer, store, **{option: 1})
    assert not viewer.layers


@pytest.mark.parametrize("refused", [False, True], ids=["streaming", "fallback"])
@pytest.mark.parametrize(("option", "value"), [
    ("size", -1), ("contrast_limits", (3, 1)), ("budget", 0), ("level", -1), ("share", 3), ("groups", "few"),
    ("object_ids", [2**63]), ("box", ((0, 0), (1,))), ("blending", "none"),
])  # fmt: skip
def test_a_value_that_an_option_cannot_have_is_an_argument_error_that_names_it(
    viewer, store, opened, monkeypatch, option, value, refused
):
    if refused:
        monkeypatch.setattr(_napari, "REASON", "for a test")
    with pytest.raises(ArgumentError, match=option.title() if option == "blending" else option):
        open_layer(viewer, store, **{option: value})
    assert not viewer.layers
    assert [found._closed for found in opened] == [True]


def test_a_box_of_other_axes_than_the_store_has_is_refused(viewer, store):
    with pytest.raises(ArgumentError, match="box must have"):
        open_layer(viewer, store, box=([0], [1]))


def assert_no_thread(seconds=1.0):
    end = time.monotonic() + seconds
    while streaming_threads() and time.monotonic() < end:
        time.sleep(0.01)
    assert streaming_threads() == []


class Stop(BaseException):
    """Not an `Exception`, as KeyboardInterrupt."""


@pytest.mark.parametrize("refused", [False, True], ids=["streaming", "fallback"])
@pytest.mark.parametrize("where", ["add_layer", "Clock", "Engine", "watch"])
def test_whatever_raises_while_opening_leaves_no_layer_no_thread_and_no_open_store(
    viewer, store, opened, monkeypatch, where, refused
):
    def fail(*args, **options):
        raise Stop

    if refused:
        monkeypatch.setattr(_napari, "REASON", "for a test")
        monkeypatch.setattr(_open, "notify", lambda message: None)
    if where == "add_layer":
        monkeypatch.setattr(type(viewer), "add_layer", fail)
    elif where == "Engine":
        monkeypatch.setattr(_open, "Fallback" if refused else "Engine", fail)
    else:
        monkeypatch.setattr(_open if where == "watch" else _running, where, fail)
    with pytest.raises(Stop):
        open_layer(viewer, store)
    assert len(viewer.layers) == 0
    assert [found._closed for found in opened] == [True]
    assert _running._ENGINES == {}
    assert_no_thread()


def test_a_visual_that_cannot_be_made_leaves_no_thread_and_no_open_store(viewer, store, opened, monkeypatch):
    def fail(*args, **options):
        raise RuntimeError("no GL today")

    monkeypatch.setattr(StreamingPoints, "slab", fail)
    with pytest.raises(RuntimeError, match="no GL today"):
        open_layer(viewer, store)
    assert [found._closed for found in opened] == [True]
    assert_no_thread()
    assert len(viewer.layers) == 0


def test_a_layer_that_was_removed_streams_again_when_it_is_put_back(viewer, store, settle):
    layer = open_layer(viewer, store, color_by="height", budget=2_000)[0]
    settle(layer)
    viewer.layers.remove(layer)
    assert_no_thread()
    for _ in range(2):
        viewer.layers.append(layer)
        assert not layer.lod.status.complete
        settle(layer)
        assert 0 < layer.lod.status.shown_vertices <= 2_000
        assert layer.value_info.kind == "scalar"
        assert viewer.screenshot(canvas_only=True, flash=False)[..., :3].max() > 50
        viewer.layers.remove(layer)
        assert engine_of(layer) is None


@pytest.mark.parametrize("place", ["path", "zarr store"])
def test_a_duplicated_layer_is_a_second_streaming_view_of_the_store(viewer, store, settle, place):
    path = store if place == "path" else zarr.storage.LocalStore(store, read_only=True)
    layer = open_layer(viewer, path, color_by=None, color=(1, 0, 0), budget=2_000, size=3, scale=(1, 2, 1))[0]
    settle(layer)
    viewer.layers.selection = {layer}
    layer_actions = pytest.importorskip("napari.layers._layer_actions")
    layer_actions._duplicate_layer(viewer.layers)
    first, second = viewer.layers
    assert first is layer
    assert type(second) is StreamingPoints
    assert second.name == f"{layer.name} copy"
    assert (second.style.size, second.style.color, second.lod.budget) == (3, (1, 0, 0, 1), 2_000)
    assert second.scale.tolist() == [1, 2, 1]
    settle(first, second)
    assert second.lod.status.shown_vertices == first.lod.status.shown_vertices > 0
    assert engine_of(first).store is not engine_of(second).store
    second.style.size = 5
    second.lod.budget = 500
    assert (first.style.size, first.lod.budget) == (3, 2_000)
    viewer.layers.remove(first)
    settle(second)
    assert second.lod.status.shown_vertices > 0


def test_a_layer_is_named_after_the_last_part_of_where_its_store_lies_and_after_its_kind_where_it_lies_nowhere(
    viewer, store, tmp_path, monkeypatch
):
    monkeypatch.chdir(store)
    memory, nested = (zarr.storage.MemoryStore() for _ in range(2))
    points = np.random.default_rng(1).uniform(0, 100, (500, 3))
    write_points(memory, points, chunk_shape=50)
    write_points(zarr.open_group(nested, path="lab/inner.zv"), points, chunk_shape=50)
    named = {
        "cloud.zarrvectors": [
            store,
            ".",
            f"{store}/",
            f"file://{store}",
            zarr.storage.LocalStore(store),
            zarr.storage.LocalStore("."),
            zarr.open_group(store, mode="r"),
            zarr.storage.ObjectStore(obstore.store.LocalStore(store), read_only=True),
            zarr.storage.FsspecStore.from_url(f"file://{store}", read_only=True),
        ],
        "inner.zv": [zarr.open_group(nested, path="lab/inner.zv", mode="r")],
        "point cloud": [memory, zarr.open_group(memory, mode="r")],
    }
    for name, places in named.items():
        for place in places:
            viewer.layers.clear()
            (layer,) = open_layer(viewer, place)
            assert layer.name == name


def test_a_layer_from_its_tuple_is_filled_when_it_is_added(viewer, store, settle):
    layer = open_layer(viewer, store)[0]
    settle(layer)
    tuple_of = layer.as_layer_data_tuple()
    viewer.layers.remove(layer)
    again = Layer.create(*tuple_of)
    assert np.array_equal(again.extent.data, layer.extent.data)
    viewer.layers.append(again)
    settle(again)
    assert again.lod.status.shown_vertices > 0


def test_all_of_a_layer_is_ended_where_one_part_raises(viewer, store, settle):
    layer = open_layer(viewer, store)[0]
    settle(layer)
    parts, told = _running.objects_of(layer), []
    parts[1].load(lambda table: None)
    parts[0]._layer = None  # so that closing it raises
    _running.on_end(layer, lambda: told.append("ended"))
    with pytest.raises(AttributeError):
        viewer.layers.remove(layer)
    assert_no_thread()
    assert told == ["ended"]
    assert [of(layer) for of in (engine_of, _running.objects_of, _running.viewer_of)] == [None] * 3


def test_a_layer_whose_store_has_gone_is_told_and_shows_nothing_when_it_is_put_back(
    viewer, store, tmp_path, settle, said
):
    gone = tmp_path / "gone.zarrvectors"
    shutil.copytree(store, gone)
    layer = open_layer(viewer, gone)[0]
    settle(layer)
    viewer.layers.remove(layer)
    shutil.rmtree(gone)
    viewer.layers.append(layer)
    assert len(said) == 1
    assert "gone.zarrvectors" in said[0]
    assert engine_of(layer) is None
    assert (layer.pool.draw_count, layer.shown_vertices) == (0, 0)
    assert (layer.lod.status.shown_vertices, layer.lod.status.complete) == (0, False)
    assert_no_thread()


def test_a_layer_whose_store_holds_other_points_is_told_when_it_is_put_back(viewer, tmp_path, settle, said):
    points = np.random.default_rng(1).uniform(0, 100, (500, 3))
    write_points(tmp_path / "s.zv", points, chunk_shape=50)
    layer = open_layer(viewer, tmp_path / "s.zv")[0]
    settle(layer)
    viewer.layers.remove(layer)
    write_points(tmp_path / "s.zv", points + 5000, chunk_shape=50, overwrite=True)
    viewer.layers.append(layer)
    assert ["other points now" in message for message in said] == [True]
    assert engine_of(layer) is None
    assert layer.shown_vertices == 0


def test_the_other_layer_of_a_pair_does_not_notice_that_one_was_put_back(viewer, store, settle):
    first, second = (open_layer(viewer, store)[0] for _ in range(2))
    settle(first, second)
    engine = engine_of(second)
    viewer.layers.remove(first)
    viewer.layers.insert(0, first)
    settle(first, second)
    assert engine_of(second) is engine
    viewer.layers.move(0, 2)
    assert engine_of(second) is engine


def test_another_layer_is_painted_after_one_was_removed(viewer, store, settle, qtbot):
    """Some drivers crash where the GL program of a visual is deleted and another has the same shaders."""
    first, second = (open_layer(viewer, store)[0] for _ in range(2))
    settle(first, second)
    viewer.layers.remove(first)
    for _ in range(5):
        viewer.scene.camera.zoom *= 1.1
        settle(second)
        assert viewer.screenshot(canvas_only=True, flash=False)[..., :3].max() > 50


@pytest.mark.parametrize("refused", [False, True], ids=["streaming", "fallback"])
@pytest.mark.parametrize(
    ("color", "rgba"),
    [
        ("orange", (1, 165 / 255, 0, 1)),
        ("#ff000080", (1, 0, 0, 128 / 255)),
        ("transparent", (0, 0, 0, 0)),
        ([0, 1, 0], (0, 1, 0, 1)),
        (np.array([0, 0, 1, 0.5]), (0, 0, 1, 0.5)),
    ],
)
def test_every_colour_that_napari_knows_is_taken(viewer, store, monkeypatch, color, rgba, refused):
    if refused:
        monkeypatch.setattr(_napari, "REASON", "for a test")
        monkeypatch.setattr(_open, "notify", lambda message: None)
    layer = open_layer(viewer, store, color=color, color_by=None)[0]
    style = _running._ENGINES[id(layer)]._points._style if refused else layer.style
    assert style.color == pytest.approx(rgba, abs=1e-6)


def test_a_colour_that_napari_does_not_know_is_refused_before_a_layer_is_added(viewer, store, opened):
    with pytest.raises(ArgumentError, match="no colour 'orangey'"):
        open_layer(viewer, store, color="orangey")
    with pytest.raises(ValueError, match="color"):
        open_layer(viewer, store, color=(1, 2))
    assert len(viewer.layers) == 0
    assert [found._closed for found in opened] == [True, True]
    assert_no_thread()


def test_a_layer_that_napari_trips_over_once_is_opened_all_the_same(viewer, store, settle, monkeypatch):
    add, tried = type(viewer).add_layer, []

    def trip(self, layer):
        tried.append(layer)
        if len(tried) == 1:
            raise RuntimeError('cannot place callback before "None" and after "None" for callbacks: ()')
        return add(self, layer)

    monkeypatch.setattr(type(viewer), "add_layer", trip)
    layer = open_layer(viewer, store)[0]
    settle(layer)
    assert list(viewer.layers) == [layer] == tried[1:]


def test_what_the_pace_holds_back_is_neither_planned_nor_shown(viewer, store, settle, qtbot, monkeypatch):
    layer = open_layer(viewer, store, budget=2_000)[0]
    settle(layer)
    engine, pace = engine_of(layer), MagicMock(spec=Pace, paint_s=0.0)
    qtbot.waitUntil(lambda: engine._loader.idle and not engine._planner.busy, timeout=20_000)
    monkeypatch.setattr(engine, "_pace", pace)
    pace.due.return_value, before = False, engine._last
    engine._on_change()
    for _ in range(3):
        engine._on_frame()
    assert not layer.lod.status.complete
    assert not engine._planner.busy, "no plan is asked for"
    assert pace.due.call_args.kwargs == {"generation": layer.lod.status.generation, "idle": True}
    pace.due.return_value = True
    engine._on_frame()
    assert engine._planner.busy
    pace.due.return_value = False
    while not engine._planner._flight.done():
        time.sleep(0.001)
    for _ in range(3):
        engine._on_frame()
    assert engine._last is before, "a plan that is ready waits too"
    pace.due.return_value = True
    settle(layer)
    assert engine._last is not before


def test_a_surface_has_the_winding_of_its_store(viewer, tmp_path):
    corners, faces = np.array([[1, 1, 1], [1, 9, 1], [9, 1, 5.0]]), [[0, 1, 2]]
    for winding in (None, "cw", "ccw"):
        write_mesh(tmp_path / f"{winding}.zv", corners, faces, chunk_shape=10.0, winding_order=winding)
        (layer,) = open_layer(viewer, tmp_path / f"{winding}.zv")
        assert layer.winding_order == winding
