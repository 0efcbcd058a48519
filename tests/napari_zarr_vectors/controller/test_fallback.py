"""A napari that takes no layer of our own: an ordinary Points layer is filled with what is in view, and it is said."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from napari.layers import Points
from typer.testing import CliRunner

from napari_zarr_vectors import _reader
from napari_zarr_vectors._cli import app
from napari_zarr_vectors._cli._demo import demo
from napari_zarr_vectors._controller import _fallback, _open, _running, engine_of, open_layer, status_of
from napari_zarr_vectors._controller._few import FewReader
from napari_zarr_vectors._layers import MOST_POINTS, Window, _napari
from napari_zarr_vectors._widgets import DisplayWidget
from zarr_vectors.exceptions import ArgumentError
from zarr_vectors.multiresolution.coarsen import build_pyramid
from zarr_vectors.types.points import write_points

pytestmark = pytest.mark.gui

COUNT = 60_000  # more than is shown at once
REASON = "no such thing as layer_to_visual"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    path = tmp_path_factory.mktemp("fallback") / "cloud.zarrvectors"
    positions = np.random.default_rng(0).uniform(0, 100, (COUNT, 3)).astype(np.float32)
    attributes = {"height": positions[:, 0], "part": np.array(["soma", "axon"])[np.arange(COUNT) % 2]}
    options = {"axes": ["z", "y", "x"], "axis_units": "micrometer"}
    write_points(path, positions, chunk_shape=25, bin_shape=5, attributes=attributes, **options)
    build_pyramid(path, [(2, 1)] * 2)
    return path


@pytest.fixture
def said(monkeypatch):
    """napari takes no layer of our own; what a person is told."""
    messages = []
    monkeypatch.setattr(_napari, "REASON", REASON)
    monkeypatch.setattr(_open, "_refused", [])
    monkeypatch.setattr(_open, "notify", messages.append)
    monkeypatch.setattr(_fallback, "notify", messages.append)
    return messages


@pytest.fixture
def window(said):
    window = Window(ndisplay=3, size=(500, 420))
    yield window
    window.close()


def threads():
    return [t.name for t in threading.enumerate() if t.name.startswith("zarr-vectors-")]


def settle(window, layer):
    return window.wait_until(lambda: status_of(layer).complete, 20)


def shown(layer):
    """The points without the two corners of the bounds."""
    return layer.data[2:]


def picture(window):
    return window.viewer.screenshot(canvas_only=True, flash=False)[..., :3]


def test_the_whole_of_it(window, store, said, monkeypatch):
    readers = set()
    whole = FewReader.read

    def read(self, *args):
        readers.add(threading.current_thread().name)
        return whole(self, *args)

    monkeypatch.setattr(FewReader, "read", read)
    layer = open_layer(window.viewer, store, scale=(1, 2, 3), name="few", color_by="height")[0]
    # Before any point has come:
    assert type(layer) is Points
    assert len(said) == 1
    assert REASON in said[0]
    assert "50,000" in said[0]
    assert (layer.name, layer.axis_labels) == ("few", ("z", "y", "x"))
    assert [str(unit) for unit in layer.units] == ["micrometer"] * 3
    assert layer.scale.tolist() == [1, 2, 3]
    assert layer.metadata["zarr_vectors"]["path"] == str(store)
    extent = layer.extent.data.copy()
    assert np.allclose(extent, [[0] * 3, [100] * 3], atol=0.1)
    window.viewer.reset_view()
    assert picture(window).max() == 0
    # Too many at level 0, so that level 1 is shown, and whole:
    assert settle(window, layer)
    status = status_of(layer)
    assert status.levels == {1}
    assert 0 < status.shown_vertices == len(shown(layer)) <= MOST_POINTS
    assert np.array_equal(layer.extent.data, extent)
    assert (picture(window).max(axis=2) > 50).mean() > 0.01
    # Nearer, level 0 fits:
    window.viewer.scene.camera.zoom *= 3
    assert not status_of(layer).complete
    assert settle(window, layer)
    assert status_of(layer).levels == {0}
    assert np.array_equal(layer.features["height"][2:], shown(layer)[:, 0].astype(np.float32))
    assert np.array_equal(layer.extent.data, extent)
    assert readers == {"zarr-vectors-few_0"}
    engine = _running._ENGINES[id(layer)]
    window.viewer.layers.remove(layer)
    assert engine.store._closed
    assert _running._ENGINES == {}
    assert window.wait_until(lambda: not threads(), 2)
    assert len(said) == 1


def test_in_2d_it_is_the_rectangle_and_what_napari_shows_about_the_slider(window, store):
    window.viewer.dims.ndisplay = 2
    layer = open_layer(window.viewer, store, size=5)[0]
    window.viewer.dims.set_point(0, 40.0)
    window.viewer.reset_view()
    assert settle(window, layer)
    z = shown(layer)[:, 0]
    assert status_of(layer).levels == {0}
    assert 400 < len(z) < 800  # a hundredth
    assert abs(z - window.viewer.dims.point[0]).max() <= 0.5
    assert len(layer._view_indices) == len(z)  # napari shows all that was read
    assert (picture(window).max(axis=2) > 50).any()
    window.viewer.dims.set_point(0, 70.0)
    assert not status_of(layer).complete
    assert settle(window, layer)
    assert abs(shown(layer)[:, 0] - window.viewer.dims.point[0]).max() <= 0.5
    window.viewer.scene.camera.zoom *= 10
    assert settle(window, layer)
    assert (np.ptp(shown(layer)[:, 1:], axis=0) < 40).all()
    assert window.viewer.dims.range[0].stop > 99


def test_it_waits_until_the_view_is_still(window, store, monkeypatch):
    layer = open_layer(window.viewer, store)[0]
    settle(window, layer)
    monkeypatch.setattr(_fallback, "SETTLE_S", 2.0)  # much longer than a step takes on a busy machine
    begun = []
    begin = _fallback.Fallback._begin
    monkeypatch.setattr(_fallback.Fallback, "_begin", lambda self: begun.append(0) or begin(self))
    for _ in range(8):
        window.viewer.scene.camera.zoom *= 1.05
        window.process(0.1)
    assert begun == []
    assert settle(window, layer)
    assert len(begun) == 1
    window.process(2.5)
    assert len(begun) == 1  # what it does itself is no change of the view


def test_what_was_read_for_a_view_that_has_changed_is_dropped(window, store, monkeypatch):
    layer = open_layer(window.viewer, store)[0]
    settle(window, layer)
    before = layer.data.copy()
    go, go_on, reading, asked = threading.Event(), threading.Event(), threading.Event(), []
    read = FewReader.read

    def slow(self, camera, wanted):
        reading.set()
        assert (go_on if asked else go).wait(10)
        asked.append(wanted())
        return read(self, camera, lambda: True)  # a reader that has nearly done

    monkeypatch.setattr(FewReader, "read", slow)
    window.viewer.scene.camera.zoom *= 5
    assert window.wait_until(reading.is_set, 5)
    assert status_of(layer).loading == 1
    window.viewer.scene.camera.zoom /= 4
    go.set()
    assert window.wait_until(lambda: asked, 10)
    window.process(0.2)
    assert asked == [False]
    assert np.array_equal(layer.data, before)
    go_on.set()
    assert settle(window, layer)
    assert not np.array_equal(layer.data, before)


def test_a_hidden_layer_reads_nothing_until_it_is_seen(window, store):
    layer = open_layer(window.viewer, store, visible=False)[0]
    window.process(0.6)
    assert len(shown(layer)) == 0
    layer.visible = True
    assert settle(window, layer)
    assert len(shown(layer))


END_WHILE_READING = """
import sys, threading
from napari_zarr_vectors._controller import _running, open_layer
from napari_zarr_vectors._controller._few import FewReader
from napari_zarr_vectors._layers import Window, _napari

_napari.REASON = "it is a test"
reading, read = threading.Event(), FewReader.read
FewReader.read = lambda self, *args: reading.set() or read(self, *args)
window = Window(ndisplay=3, size=(400, 300))
layer = open_layer(window.viewer, sys.argv[1])[0]
engine = _running._ENGINES[id(layer)]
assert window.wait_until(reading.is_set, 5)
getattr(window, sys.argv[2])()
ours = lambda: [t.name for t in threading.enumerate() if t.name.startswith("zarr-vectors-")]
assert window.wait_until(lambda: not ours(), 1)
assert engine.store._closed and not _running._ENGINES
window.process(0.5)
print("ended well")
"""


def run(script, *words):
    command = [sys.executable, "-W", "ignore", "-c", script, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("end", ["close", "click_x"])
def test_closing_the_viewer_and_clicking_x_while_it_reads_end_it_well(store, end):
    done = run(END_WHILE_READING, store, end)
    assert (done.returncode, done.stdout.splitlines()[-1:]) == (0, ["ended well"]), done.stderr[-2000:]
    assert "Error" not in done.stderr


def test_a_store_that_goes_away_is_told_once_and_what_is_shown_stays(window, store, said, tmp_path):
    path = tmp_path / "gone.zarrvectors"
    shutil.copytree(store, path)
    layer = open_layer(window.viewer, path)[0]
    settle(window, layer)
    before = layer.data.copy()
    shutil.rmtree(path)
    for _ in range(2):
        window.viewer.scene.camera.zoom *= 4
        assert window.wait_until(lambda: status_of(layer).failed == 1 and not status_of(layer).wanted, 10)
    assert len(said) == 2  # why it is no streaming layer, and this
    assert "gone" in said[1]
    assert status_of(layer).failed == 1
    assert np.array_equal(layer.data, before)


@pytest.fixture
def failing(monkeypatch):
    """How many of the next reads fail, and when each was."""
    read, left, times = FewReader.read, [0], []

    def fail(self, *args):
        times.append(time.monotonic())
        left[0] -= 1
        if left[0] >= 0:
            raise OSError("the network is tired")
        return read(self, *args)

    monkeypatch.setattr(FewReader, "read", fail)
    return left, times


def test_a_read_that_fails_for_a_moment_is_tried_again_with_growing_pauses(window, store, said, failing):
    left, times = failing
    left[0] = 2
    layer = open_layer(window.viewer, store)[0]
    assert settle(window, layer)
    assert len(shown(layer)) > 0
    assert status_of(layer).failed == 0
    assert len(said) == 1  # why it is no streaming layer
    assert len(times) == 3
    assert times[1] - times[0] >= 0.2
    assert times[2] - times[1] >= 0.4


def test_a_read_that_goes_on_failing_is_given_up_and_told_once_until_something_was_shown(window, store, said, failing):
    left, times = failing
    left[0] = 6
    layer = open_layer(window.viewer, store)[0]
    for reads in (3, 6):
        assert window.wait_until(lambda reads=reads: len(times) == reads and status_of(layer).failed == 1, 10)
        window.process(1.0)
        assert len(times) == reads
        assert len(said) == 2
        assert "the network is tired" in said[1]
        assert not status_of(layer).complete
        window.viewer.scene.camera.zoom *= 1.1
    assert settle(window, layer)
    assert status_of(layer).failed == 0
    left[0] = 3
    window.viewer.scene.camera.zoom *= 1.1
    assert window.wait_until(lambda: len(said) == 3, 10)


def test_intent_is_followed_as_far_as_it_goes(window, store, said):
    layer = open_layer(window.viewer, store, budget=500, level=0, color=(1, 0, 0), color_by=None, size=4)[0]
    assert settle(window, layer)
    assert (status_of(layer).shown_vertices, status_of(layer).levels) == (500, {0})
    assert (layer.face_color[2:] == [1, 0, 0, 1]).all()
    assert np.allclose(layer.size * window.viewer.scene.camera.zoom, 4)
    assert engine_of(layer) is None
    other = open_layer(window.viewer, store, size=3, size_mode="world", colormap="magma", scale=(1, 1, 8))[0]
    assert settle(window, other)
    assert np.allclose(other.size * 8, 3 * 2)  # the mean of the three axes on the canvas
    assert len(said) == 1  # not once more


def test_a_filter_is_told_to_be_left_out(window, store, said):
    open_layer(window.viewer, store, box=((0, 0, 0), (1, 1, 1)))
    assert any("is shown whole" in message for message in said)


def test_categories_have_the_colours_of_the_streaming_layer(window, store):
    layer = open_layer(window.viewer, store, color_by="part")[0]
    assert settle(window, layer)
    words = layer.features["part"].to_numpy()[2:]
    colors = {word: np.unique(layer.face_color[2:][words == word], axis=0) for word in ("soma", "axon")}
    assert [len(found) for found in colors.values()] == [1, 1]
    assert not np.array_equal(colors["soma"], colors["axon"])


def test_what_there_is_not_is_refused_before_a_layer_is_added(window, store, said):
    with pytest.raises(ArgumentError, match="nothing named 'typo' to colour by; it has "):
        open_layer(window.viewer, store, color_by="typo")
    with pytest.raises(ValueError, match="budget"):
        open_layer(window.viewer, store, budget=-1)
    with pytest.raises(ArgumentError, match="no colormap 'no such'"):
        open_layer(window.viewer, store, colormap="no such")
    assert len(window.viewer.layers) == 0
    assert said == []


def test_the_reader_and_the_dock_work_with_it(window, store, said):
    widget = DisplayWidget(window.viewer)
    assert _reader.read(str(store)) == [(None,)]
    (layer,) = window.viewer.layers
    assert type(layer) is Points
    window.viewer.layers.selection.active = layer
    assert widget.is_empty
    assert settle(window, layer)
    assert len(said) == 1
    widget.close()


def test_the_command_line_shows_it(store, said, monkeypatch, qapp):
    seen = []

    def look(window):
        (layer,) = window.viewer.layers
        settle(window, layer)
        seen.append((type(layer), status_of(layer).shown_vertices))

    monkeypatch.setattr(Window, "run", look)
    monkeypatch.setattr("napari_zarr_vectors._cli.no_display", lambda: None)
    words = ["view", str(store), "--budget", "100", "--color-by", "height", "--colormap", "magma"]
    result = CliRunner().invoke(app, words)
    assert (result.exit_code, result.stderr) == (0, "")
    assert seen == [(Points, 100)]


def test_the_demo_paints_it(said, monkeypatch, tmp_path, qapp):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert demo("terrain-small", tmp_path / "terrain.png") == 0
    assert (tmp_path / "terrain.png").is_file()


WITHOUT_A_CLASS = """
import sys
import napari
from napari._vispy.visuals import clipping_planes_mixin
from napari._vispy.utils import visual  # has taken from it what it needs
del clipping_planes_mixin.ClippingPlanesMixin
from napari_zarr_vectors._controller import open_layer, status_of
from napari_zarr_vectors._layers import Window

window = Window(ndisplay=3, size=(400, 300))
layer = open_layer(window.viewer, sys.argv[1])[0]
done = window.wait_until(lambda: status_of(layer).complete, 20)
print(type(layer).__name__, done, len(layer.data) > 1000)
window.close()
"""


def test_a_napari_that_lacks_what_we_need_is_one_of_these(store):
    """Nothing is patched in our code: a class that napari itself needs no more is taken away before we look for it."""
    done = run(WITHOUT_A_CLASS, store)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "Points True True", done.stdout + done.stderr
    assert "ClippingPlanesMixin" in done.stdout
