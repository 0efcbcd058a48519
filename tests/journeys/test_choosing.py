"""A click chooses the object that is seen, its row and its picture follow; a row is flown to. In a real window."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QApplication

from napari_zarr_vectors._build import to_pixels
from napari_zarr_vectors._controller import _highlight, open_layer
from napari_zarr_vectors._controller._running import objects_of
from napari_zarr_vectors._layers import Window
from napari_zarr_vectors._layers._napari import native_canvas
from napari_zarr_vectors._widgets import ObjectsWidget
from zarr_vectors.multiresolution.coarsen import build_pyramid
from zarr_vectors.types.graphs import write_graph
from zarr_vectors.types.meshes import write_mesh
from zarr_vectors.types.points import write_points
from zarr_vectors.types.polylines import write_polylines

pytestmark = pytest.mark.gui

IDS = np.array([11, 4, -7, 30, 25, 8])
CENTRES = np.array([[30 + 20 * (k % 3), 30 + 50 * (k // 3), 40 + 60 * (k % 3)] for k in range(6)], float)
FACTS = {"mass": np.arange(6) * 10.0, "kind": np.array(["axon", "soma"])[np.arange(6) % 2]}
GROUPS = {"first/a": IDS[:2].tolist(), "first/b": IDS[2:4].tolist(), "last": IDS[4:].tolist()}
KINDS = ["points", "lines", "skeletons", "meshes"]


def write(kind, path):
    """Six objects that cross chunks, with two coarser levels."""
    common = {"chunk_shape": 25.0, "bin_shape": 5.0, "object_attributes": FACTS, "groups": GROUPS}
    if kind == "points":
        rng = np.random.default_rng(0)
        spread = np.concatenate([[[0, 0, 0]], rng.normal(0, 3, (79, 3))])
        positions = (CENTRES[:, None] + spread).reshape(-1, 3)
        ids = np.repeat(IDS, 80)
        # Attributes of objects whose ids are given point by point are in the order of the ids.
        order = np.argsort(IDS)
        common["object_attributes"] = {name: values[order] for name, values in FACTS.items()}
        write_points(path, positions, object_ids=ids, **common)
    elif kind == "meshes":
        side, corners = np.linspace(-12, 12, 9), np.arange(72).reshape(8, 9)
        grid = np.stack(np.meshgrid([0.0], side, side, indexing="ij"), axis=-1).reshape(-1, 3)
        first = corners[:, :-1].reshape(-1)
        halves = [[first, first + 1, first + 9], [first + 1, first + 10, first + 9]]
        faces = np.concatenate([np.stack(half, axis=1) for half in halves])
        write_mesh(path, [c + grid for c in CENTRES], [faces] * 6, **common, object_ids=IDS)
    else:
        along = np.stack([np.zeros(25), np.linspace(-12, 12, 25), np.linspace(-6, 6, 25)], axis=1)
        if kind == "lines":
            write_polylines(path, [c + along for c in CENTRES], **common, object_ids=IDS)
        else:
            edges = np.stack([np.arange(1, 25), np.arange(24)], axis=1)
            positions = (CENTRES[:, None] + along).reshape(-1, 3)
            links = np.concatenate([edges + 25 * k for k in range(6)])
            order = np.argsort(IDS)
            common["object_attributes"] = {name: values[order] for name, values in FACTS.items()}
            write_graph(path, positions, links, geometry_type="skeleton", object_ids=np.repeat(IDS, 25), **common)
    build_pyramid(path, [(2, 1)] * 2)


class Journey:
    """A window with one layer and the dock."""

    def __init__(self, kind, path, qtbot, ndisplay=3):
        write(kind, path)
        self.qtbot = qtbot
        self.window = Window(ndisplay=ndisplay, size=(560, 500))
        self.viewer = self.window.viewer
        shading = "soft" if kind == "meshes" else "flat"
        (self.layer,) = open_layer(self.viewer, path, color_by=None, size=5.0, shading=shading, level=1)
        self.dock = ObjectsWidget(self.viewer)
        qtbot.addWidget(self.dock)
        self.dock.resize(400, 600)
        self.dock.show()
        self.viewer.reset_view()
        self.settle()
        qtbot.waitUntil(lambda: not self.dock.is_empty)

    def settle(self):
        done = lambda: self.layer.lod.status.complete and not objects_of(self.layer)[0].busy  # noqa: E731
        self.qtbot.waitUntil(done, timeout=20_000)

    def place(self, point):
        """Where a point of the data is on the canvas, logical pixels from its upper left."""
        canvas = native_canvas(self.viewer)
        x, y = to_pixels(self.layer._sight(), point)
        return int(canvas.width() / 2 + x), int(canvas.height() / 2 - y)

    def click(self, point, modifier=Qt.KeyboardModifier.NoModifier):
        self.click_px(*self.place(point), modifier)

    def click_px(self, x, y, modifier=Qt.KeyboardModifier.NoModifier):
        canvas = native_canvas(self.viewer)
        self.qtbot.mouseClick(canvas, Qt.MouseButton.LeftButton, modifier, QPoint(x, y))
        self.settle()

    def drag(self, point):
        canvas, (x, y) = native_canvas(self.viewer), self.place(point)
        self.qtbot.mousePress(canvas, Qt.MouseButton.LeftButton, pos=QPoint(x, y))
        for step in (10, 20, 0):
            at, button = QPointF(x + step, y), Qt.MouseButton.LeftButton
            none, free = Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier
            # `qtbot.mouseMove` moves the pointer, of which the window hears sooner or later.
            QApplication.sendEvent(canvas, QMouseEvent(QEvent.Type.MouseMove, at, at, none, button, free))
        self.qtbot.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=QPoint(x, y))
        self.settle()

    def picture(self):
        return self.viewer.screenshot(canvas_only=True, flash=False)[..., :3].astype(int)

    def blue(self):
        """Pixels in napari's colour for what is selected."""
        picture = self.picture()
        return (picture[..., 2] > 100) & (picture[..., 0] < 40)

    def chosen_rows(self):
        return np.flatnonzero(self.dock.table.selection.chosen.mask)


@pytest.fixture
def start(qtbot, tmp_path):
    journeys = []

    def begin(kind, ndisplay=3):
        journeys.append(Journey(kind, tmp_path / f"{kind}.zarrvectors", qtbot, ndisplay))
        return journeys[-1]

    yield begin
    for journey in journeys:
        journey.dock.close()
        journey.window.close()


@pytest.mark.parametrize("kind", KINDS)
def test_a_click_chooses_and_a_row_is_flown_to(start, kind):
    journey = start(kind)
    layer, viewer, dock = journey.layer, journey.viewer, journey.dock
    table = objects_of(layer)[1].table
    before = layer.lod.status.shown_vertices
    assert not journey.blue().any()
    # The canvas: what is clicked on a coarse level is chosen, shown whole at the finest, and its row is too.
    journey.click(CENTRES[2])
    assert layer.selection.ids == (-7,)
    assert table.ids[journey.chosen_rows()].tolist() == [-7]
    assert layer.highlight.shown.level == 0
    assert layer.highlight.shown.vertices == layer.lod.status.shown_vertices - before
    x, y = journey.place(CENTRES[2])
    blue = journey.blue()
    assert blue[y - 3 : y + 4, x - 3 : x + 4].any()
    x, y = journey.place(CENTRES[3])
    assert not blue[y - 12 : y + 13, x - 12 : x + 13].any()
    # More of them, one less, none.
    journey.click(CENTRES[4], Qt.KeyboardModifier.ShiftModifier)
    assert layer.selection.ids == (-7, 25)
    assert layer.highlight.shown.ids.tolist() == [-7, 25]
    journey.click(CENTRES[2], Qt.KeyboardModifier.ControlModifier)
    assert layer.selection.ids == (25,)
    journey.drag(CENTRES[0])
    assert layer.selection.ids == (25,), "a drag turns the view and chooses nothing"
    journey.click_px(5, 5)
    assert layer.selection.ids == ()
    assert layer.lod.status.shown_vertices == before
    assert not journey.blue().any()
    # The table: a row is chosen and flown to.
    row = int(table.rows_of([8])[0])
    dock.table.selection.select(dock.table.rows.index(row, 0), dock.table.selection.SelectionFlag.ClearAndSelect)
    dock.fly.click()
    journey.settle()
    assert layer.selection.ids == (8,)
    height, width = journey.picture().shape[:2]
    corners = np.array([journey.place(corner) for corner in layer.highlight.shown.bounds])
    assert (corners > 0).all()
    assert (corners < [width, height]).all()
    assert np.ptp(corners, axis=0).max() > 0.3 * min(width, height)
    rows, columns = np.nonzero(journey.blue())
    assert len(rows) > 20
    assert abs(rows.mean() - height / 2) < height / 8
    assert abs(columns.mean() - width / 2) < width / 8
    # What is drawn in front is what is picked.
    assert layer.object_at(CENTRES[5]) == 8
    viewer.layers.remove(layer)
    assert dock.is_empty


def test_sliders_filters_and_budgets_follow_in_two_dimensions(start):
    journey = start("points", ndisplay=2)
    layer, viewer, dock = journey.layer, journey.viewer, journey.dock
    viewer.dims.set_point(0, 0)
    layer.selection.ids = [25]
    journey.settle()
    dock.fly.click()
    assert abs(viewer.dims.point[0] - CENTRES[4][0]) < 3
    journey.settle()
    assert journey.blue().any()
    world = np.array([viewer.dims.point[0], *CENTRES[4][1:]])
    view = {"dims_displayed": [1, 2], "view_direction": None, "world": True}
    assert layer.get_status(world, **view)["value"] == "25, kind axon, mass 40"
    assert layer._get_tooltip_text(world, **view) == "<span>object 25<br>kind: axon<br>mass: 40</span>"
    assert layer._get_tooltip_text(world + 1000, **view) == ""
    # What the filter hides of whole objects is not drawn.
    layer.filter.groups = ["first/a"]
    journey.settle()
    assert layer.highlight.shown is None
    assert not journey.blue().any()
    dock.groups.shown.emit(None)
    assert layer.filter.groups is None
    dock.only.click()
    assert layer.filter.object_ids == (25,)
    journey.settle()
    assert layer.highlight.shown.ids.tolist() == [25]
    # Budgets: chosen objects take a quarter at most, and never break it.
    layer.filter.object_ids = None
    viewer.dims.ndisplay = 3
    viewer.reset_view()
    layer.selection.ids, layer.lod.level = IDS, 0
    for budget in (2000, 400, 100, 30, 3, 10_000):
        layer.lod.budget = budget
        assert layer.lod.status.shown_vertices <= budget
        journey.settle()
        assert layer.lod.status.shown_vertices <= budget
        if layer.highlight.shown is not None:
            assert 0 < layer.highlight.shown.vertices <= budget // 4
    assert layer.highlight.shown.level == 0
    assert sorted(layer.highlight.shown.ids.tolist()) == sorted(IDS.tolist())
    dock.groups.chosen.emit(["first/a", "last"])
    assert sorted(layer.selection.ids) == [4, 8, 11, 25]
    dock.clear.click()
    assert layer.selection.ids == ()


def test_the_gui_thread_does_not_look_for_the_chosen_among_the_shown(start, monkeypatch):
    journey, threads, both = start("lines"), [], _highlight._both
    monkeypatch.setattr(_highlight, "_both", lambda *ids: threads.append(threading.current_thread()) or both(*ids))
    journey.layer.filter.object_ids = (8, 4)
    journey.layer.selection.ids = (4, 11)
    journey.settle()
    assert journey.layer.highlight.shown.ids.tolist() == [4]
    assert threads
    assert threading.main_thread() not in threads
