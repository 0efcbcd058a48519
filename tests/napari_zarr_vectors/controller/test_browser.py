"""The browser follows the selected layer and lets go of it; a store without objects is told."""

from __future__ import annotations

import shutil
import threading

import numpy as np
import pytest

from napari_zarr_vectors._controller import _objects as reading
from napari_zarr_vectors._controller import open_layer
from napari_zarr_vectors._controller._browser import Browser
from napari_zarr_vectors._controller._running import objects_of
from napari_zarr_vectors._layers import Background, Window
from napari_zarr_vectors._model.objects import Arrangement
from zarr_vectors.exceptions import ArgumentError, CancelledError
from zarr_vectors.types.points import write_points

pytestmark = pytest.mark.gui

IDS = np.repeat([3, 1, 2], 5)


class View:
    """Keeps what it is told."""

    def __init__(self):
        self.said, self.table, self.rows, self.chosen, self.groups = [], None, None, None, None

    def show_sentence(self, text):
        self.said.append(text)
        self.table = None

    def show_table(self, name, table):
        self.table = table

    def show_rows(self, rows):
        self.rows = rows.tolist()

    def show_chosen(self, rows):
        self.chosen = rows.tolist()

    def show_groups(self, shown, colors):
        self.groups = shown, None if colors is None else len(colors)

    def say(self, text):
        self.said.append(text)


@pytest.fixture
def viewer():
    window = Window(ndisplay=3, size=(300, 260))
    yield window.viewer
    window.close()


def write(path, **options):
    positions = np.random.default_rng(0).uniform(0, 10, (15, 3))
    write_points(path, positions, chunk_shape=5.0, **options)
    return path


def slots(layer):
    events = (layer.selection.events.all, layer.selection.events.ids, layer.filter.events.groups)
    return sum("Browser" in repr(slot) for emitter in events for slot in emitter._slots)


def test_it_shows_sorts_chooses_and_lets_go(viewer, tmp_path, qtbot):
    attributes = {"mass": np.array([30.0, 20.0, 10.0])}
    path = write(tmp_path / "s.zv", object_ids=IDS, object_attributes=attributes, groups={"a": [3, 1]})
    (layer,) = open_layer(viewer, path, color_by="group")
    view = View()
    browser = Browser(viewer, view)
    browser.open()
    qtbot.waitUntil(lambda: view.table is not None)
    ids = view.table.ids
    assert sorted(ids.tolist()) == [1, 2, 3]
    assert view.chosen == []
    qtbot.waitUntil(lambda: view.groups == (None, 1))
    browser.arrange(Arrangement(0, is_descending=True))
    qtbot.waitUntil(lambda: view.rows is not None)
    assert ids[view.rows].tolist() == [3, 2, 1]
    browser.arrange(Arrangement(where={"lenght": (">", 1)}))
    qtbot.waitUntil(lambda: "no object attribute 'lenght'" in view.said[-1])
    browser.choose(view.table.rows_of([2, 3]))
    assert layer.selection.ids == (2, 3)
    assert view.chosen == [], "what a view asked for it shows already"
    layer.selection.ids = [1]
    assert ids[view.chosen].tolist() == [1]
    browser.choose_groups(["a"])
    assert sorted(layer.selection.ids) == [1, 3]
    layer.filter.groups = ["a"]
    assert view.groups == (("a",), 1)
    browser.show_only()
    assert layer.filter.object_ids == layer.selection.ids
    browser.color_by_group()
    assert layer.style.color_by == "group"
    assert slots(layer) > 0
    browser.close()
    assert slots(layer) == 0
    layer.selection.ids = [2]
    browser.open()
    qtbot.waitUntil(lambda: ids[view.chosen].tolist() == [2])
    viewer.layers.remove(layer)
    assert "No streaming layer" in view.said[-1]
    assert slots(layer) == 0
    browser.close()


def test_a_store_without_objects_is_told_and_nothing_can_be_chosen(viewer, tmp_path, qtbot):
    (layer,) = open_layer(viewer, write(tmp_path / "cloud.zv"))
    view = View()
    browser = Browser(viewer, view)
    browser.open()
    qtbot.waitUntil(lambda: "cloud.zv has no objects" in view.said[-1])
    layer.selection.ids = [1]
    qtbot.waitUntil(lambda: not objects_of(layer)[0].busy)
    assert layer.highlight.shown is None
    browser.close()


def test_ids_that_are_not_there_draw_nothing(viewer, tmp_path, qtbot):
    (layer,) = open_layer(viewer, write(tmp_path / "s.zv", object_ids=IDS))
    highlighter = objects_of(layer)[0]
    layer.selection.ids = [77, 2]
    qtbot.waitUntil(lambda: not highlighter.busy)
    assert layer.highlight.shown.ids.tolist() == [2]
    layer.selection.ids = [77]
    qtbot.waitUntil(lambda: not highlighter.busy)
    assert layer.highlight.shown is None


def test_only_the_newest_work_is_given_and_none_after_the_end(qtbot):
    background, given, failed = Background("zarr-vectors-test"), [], []
    go = threading.Event()
    wanted = []

    def slow(go_on):
        go.wait(5)
        wanted.append(go_on())
        return 1

    background.ask(slow, given.append, failed.append)
    background.ask(lambda _: 2, given.append, failed.append)
    go.set()
    qtbot.waitUntil(lambda: not background.busy)
    assert given == [2]
    assert wanted in ([False], []), "told that nobody waits, or never begun"
    background.ask(lambda _: (_ for _ in ()).throw(ArgumentError("no")), given.append, failed.append)
    qtbot.waitUntil(lambda: bool(failed))
    background.ask(lambda _: (_ for _ in ()).throw(CancelledError("no")), given.append, failed.append)
    qtbot.waitUntil(lambda: not background.busy)
    said = []
    threading.Thread(target=lambda: background.call_soon(lambda: said.append(threading.current_thread()))).start()
    qtbot.waitUntil(lambda: bool(said))
    assert said == [threading.main_thread()]
    background.ask(lambda _: 3, given.append, failed.append)
    background.close()
    qtbot.wait(20)
    background.ask(lambda _: 4, given.append, failed.append)
    assert given == [2]
    assert len(failed) == 1


def test_objects_that_could_not_be_read_are_told_and_read_when_they_are_asked_for_again(
    viewer, tmp_path, qtbot, monkeypatch
):
    (layer,) = open_layer(viewer, write(tmp_path / "s.zv", object_ids=IDS))
    view = View()
    browser, facts = Browser(viewer, view), objects_of(layer)[1]
    with monkeypatch.context() as broken:

        def fail(*_):
            raise OSError("the disk is away")

        broken.setattr(reading, "read_objects", fail)
        told = []
        broken.setattr(reading, "notify", told.append)
        browser.open()
        qtbot.waitUntil(lambda: "could not be read: the disk is away" in view.said[-1])
        assert len(told) == 1
        assert facts.table is None
        assert not any("has no objects" in text for text in view.said)
        assert facts.describe(3) == {}
        browser.close()
    browser.open()
    qtbot.waitUntil(lambda: view.table is not None)
    assert sorted(facts.table.ids.tolist()) == [1, 2, 3]
    browser.close()


def test_of_an_object_nothing_but_its_id_is_said_until_its_attributes_are_read(viewer, tmp_path, qtbot):
    attributes = {"mass": np.array([30.0, 20.0, 10.0])}
    (layer,) = open_layer(viewer, write(tmp_path / "s.zv", object_ids=IDS, object_attributes=attributes))
    facts = objects_of(layer)[1]
    assert facts.describe(3) == {}
    qtbot.waitUntil(lambda: facts.table is not None)
    assert facts.describe(3) == {"mass": "10"}
    assert facts.describe(99) == {}


def test_a_layer_that_is_opened_while_the_browser_is_open_is_shown(viewer, tmp_path, qtbot):
    view = View()
    browser = Browser(viewer, view)
    browser.open()
    (layer,) = open_layer(viewer, write(tmp_path / "s.zv", object_ids=IDS))
    qtbot.waitUntil(lambda: view.table is not None)
    layer.selection.ids = [2]
    assert view.table.ids[view.chosen].tolist() == [2]
    viewer.layers.remove(layer)
    assert view.table is None
    viewer.layers.append(layer)
    qtbot.waitUntil(lambda: view.table is not None)
    assert slots(layer) > 0
    viewer.layers.remove(layer)
    shutil.rmtree(tmp_path / "s.zv")
    viewer.layers.append(layer)
    assert view.said[-1] == "s.zv is not being read: it is being opened, or its store could not be read."
    browser.close()
    assert slots(layer) == 0
