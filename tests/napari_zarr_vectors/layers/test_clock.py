"""The clock tells changes of the view, frames and the end, each as often as it must."""

import gc
import os
import subprocess
import sys
import textwrap
import weakref

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_zarr_vectors._layers import Clock, StreamingPoints, snapshot

pytestmark = pytest.mark.gui


class Count:
    def __init__(self, clock):
        self.touch = self.view = self.frame = self.draw = self.end = 0
        for name in ("touch", "view", "frame", "draw", "end"):
            register = "on_view_change" if name == "view" else f"on_{name}"
            getattr(clock, register)(lambda name=name: setattr(self, name, getattr(self, name) + 1))


@pytest.fixture
def clock(stage, qtbot):
    layer = stage.add([[50, 50, 50]])
    stage.picture()
    qtbot.wait(50)
    clock = Clock(stage.viewer, layer)
    yield clock
    clock.close()


def test_a_burst_of_events_is_one_change(stage, clock, qtbot):
    count = Count(clock)
    camera = stage.viewer.scene.camera
    for k in range(1, 6):
        camera.center = (k, k, k)
        camera.zoom = k
    assert count.touch >= 10
    assert count.view == 0
    qtbot.waitUntil(lambda: count.view >= 1)
    assert count.view <= 2
    qtbot.wait(100)
    before = count.view
    qtbot.wait(100)
    assert count.view == before  # nothing changes, nothing is told
    assert not clock._timer.isActive()


CHANGES = {
    "perspective": lambda v, layer: setattr(v.scene.camera, "perspective", 20),
    "angles": lambda v, layer: setattr(v.scene.camera, "angles", (1, 2, 3)),
    "orientation": lambda v, layer: setattr(v.scene.camera, "orientation", ("away", "up", "right")),
    "point": lambda v, layer: v.dims.set_point(0, 30),
    "order": lambda v, layer: setattr(v.dims, "order", (2, 1, 0)),
    "margin": lambda v, layer: setattr(v.dims, "margin_left", (3, 0, 0)),
    "thickness": lambda v, layer: setattr(v.dims, "thickness", (8, 0, 0)),
    "ndisplay": lambda v, layer: setattr(v.dims, "ndisplay", 3),
    "visible": lambda v, layer: setattr(layer, "visible", False),
    "scale": lambda v, layer: setattr(layer, "scale", (2, 1, 1)),
    "translate": lambda v, layer: setattr(layer, "translate", (2, 1, 1)),
    "rotate": lambda v, layer: setattr(layer, "rotate", (20, 10, 10)),
    "affine": lambda v, layer: setattr(layer, "affine", np.diag([2.0, 1, 1, 1])),
    "default slab": lambda v, layer: setattr(layer, "default_slab", (9, 9, 9)),
    "slab": lambda v, layer: setattr(layer.style, "slab_thickness", 9),
    "window": lambda v, layer: v.window.resize(700, 600),
    "grid": lambda v, layer: setattr(v.canvas.grid, "enabled", True),
    "another part of the grid": lambda v, layer: v.add_points(np.zeros((1, 3))),
    "a part less": lambda v, layer: v.layers.pop(),
}


def test_everything_a_snapshot_depends_on_is_told(stage, clock, qtbot):
    count = Count(clock)
    for name, change in CHANGES.items():
        qtbot.wait(40)
        before = count.view
        change(stage.viewer, stage.layers[0])
        qtbot.waitUntil(lambda before=before: count.view > before, timeout=2000)
        assert count.view > before, name


def test_frames_come_only_while_something_is_under_way(stage, clock, qtbot):
    count = Count(clock)
    qtbot.wait(60)
    assert count.frame == 0
    clock.active = True
    qtbot.waitUntil(lambda: count.frame >= 3)
    clock.active = False
    qtbot.wait(40)
    before = count.frame
    qtbot.wait(60)
    assert count.frame == before


def test_paints_are_told(stage, clock):
    count = Count(clock)
    stage.picture()
    assert count.draw >= 1


def test_removing_the_layer_ends_it_once_and_nothing_runs_after(stage, clock, qtbot):
    count = Count(clock)
    other = stage.add([[1, 1, 1]])
    clock.active = True
    stage.viewer.layers.remove(other)
    assert (count.end, clock.ended) == (0, False)
    stage.viewer.layers.remove(stage.layers[0])
    assert (count.end, clock.ended) == (1, True)
    seen = (count.touch, count.view, count.frame, count.draw)
    stage.viewer.scene.camera.zoom = 9
    stage.layers[0].scale = (2, 2, 2)
    stage.layers[0].style.slab_thickness = 3
    clock.active = True
    stage.picture()
    qtbot.wait(50)
    clock.close()
    assert (count.touch, count.view, count.frame, count.draw) == seen
    assert count.end == 1


def test_closing_the_viewer_ends_it_once(stage, clock):
    count = Count(clock)
    stage.viewer.close()
    assert (count.end, clock.ended) == (1, True)


def test_everything_is_ended_in_order_where_one_part_raises(clock):
    seen = []
    for number in range(3):
        clock.on_end(lambda number=number: seen.append(1 / (1 - number)))
    with pytest.raises(ZeroDivisionError):
        clock.close()
    assert seen == [1, -1]


@pytest.mark.parametrize("closed", [True, False])
def test_a_dropped_clock_is_collected(stage, qtbot, closed):
    clock = Clock(stage.viewer, stage.add([[50, 50, 50]]))
    clock.on_frame(lambda: None)
    clock.active = True
    if closed:
        clock.close()
    gone = weakref.ref(clock)
    del clock
    gc.collect()
    assert gone() is None
    stage.viewer.scene.camera.zoom = 3
    stage.picture()
    qtbot.wait(40)


def test_a_viewer_without_a_window_is_enough(qapp, qtbot):
    viewer = ViewerModel()
    layer = StreamingPoints([[0, 0, 0], [10, 10, 10]])
    viewer.add_layer(layer)
    clock = Clock(viewer, layer)
    count = Count(clock)
    viewer.scene.camera.zoom = 3
    qtbot.waitUntil(lambda: count.view == 1)
    assert snapshot(viewer, layer).displayed == (1, 2)
    viewer.layers.remove(layer)
    assert count.end == 1


def test_the_windows_x_ends_it_once_and_the_process_ends_well():
    script = textwrap.dedent(
        """
        import napari, numpy as np
        from qtpy.QtCore import QTimer
        from napari_zarr_vectors._layers import Clock, StreamingPoints, register

        register()
        viewer = napari.Viewer()
        layer = StreamingPoints([[0, 0], [1, 1]])
        viewer.add_layer(layer)
        clock = Clock(viewer, layer)
        seen = []
        clock.on_end(lambda: seen.append("end"))
        clock.on_frame(lambda: seen.append("frame") if "end" in seen else None)
        clock.active = True
        QTimer.singleShot(500, lambda: setattr(viewer.scene.camera, "zoom", 3))
        QTimer.singleShot(510, viewer.window._qt_window.close)
        napari.run()
        viewer.scene.camera.zoom = 5
        layer.scale = (2, 2)
        print(seen, clock.ended, len(viewer.layers))
        """
    )
    env = {**os.environ, "PYTHONWARNINGS": "ignore"}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, env=env)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[-2] == "['end'] True 1", done.stdout + done.stderr
