"""The extract dock: it asks for what is set, follows a job, says how it went; and once in a real napari window."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from npe2 import PluginManager, PluginManifest

from napari_zarr_vectors._controller._extract_panel import Counts
from napari_zarr_vectors._jobs import Job, Part
from napari_zarr_vectors._lod import Count
from napari_zarr_vectors._model import ObjectSelection
from zarr_vectors.exceptions import ArgumentError, StoreClosedError

pytestmark = pytest.mark.gui


@dataclass
class Target:
    """A layer of which everything is known."""

    name: str = "<b>bundles</b>"
    levels: tuple = (0, 1)
    is_open: bool = True
    selection: ObjectSelection = field(default_factory=ObjectSelection)
    asked: list = field(default_factory=list)
    go: threading.Event = field(default_factory=threading.Event)

    def part(self, choice):
        return None if choice == "selected" and not self.selection.ids else Part(groups=(choice,))

    def count(self, part, generation):
        from napari_zarr_vectors._controller._extract_panel import Counts

        n = {"visible": 100, "all": 5000, "selected": 7}[part.groups[0]]
        return Job(lambda tell, cancel: Counts({0: Count(n, n), 1: Count(n // 10, n)}, is_upper=n == 7), generation)

    def begin(self, choice, level, to, *, limited):
        self.asked.append((choice, level, to, limited))

        def work(tell, cancel):
            tell(30, 100, "reading")
            while not (self.go.wait(0.01) or cancel.is_set()):
                pass
            return "cancelled" if cancel.is_set() else to

        return Job(work)

    def finish(self, job):
        from napari_zarr_vectors._controller._extract_panel import Outcome

        return Outcome(f"made {job.result()}", None if job.result() in (None, "cancelled") else Path(job.result()))

    def open(self, path):
        from napari_zarr_vectors._controller._extract_panel import Outcome

        return Outcome(f"{path} was opened.")

    def still(self, path, *, scale, budget, cancel):
        from napari_zarr_vectors._controller._extract_panel import Outcome

        return Outcome(f"{path} {scale:g} {budget} {cancel.is_set()}")


@pytest.fixture
def dock(qtbot):
    from napari_zarr_vectors._qt import ExtractDock

    dock = ExtractDock()
    qtbot.addWidget(dock)
    dock.show()
    yield dock
    dock.running.end()


def test_it_says_that_there_is_no_layer_and_shows_one_with_its_counts(dock, until):
    assert dock.is_empty
    dock.show_target(Target())
    assert not dock.is_empty
    assert dock.name.text() == "<b>bundles</b>"
    until(lambda: dock.level.itemText(0) == "Level 0: about 100 vertices")
    assert dock.level.itemText(1) == "Level 1: about 10 vertices"
    dock.part.setCurrentIndex(2)
    until(lambda: dock.level.itemText(0) == "Level 0: about 5,000 vertices")


def test_nothing_can_be_extracted_of_no_selection_and_to_no_place(dock, until):
    target = Target()
    dock.show_target(target)
    dock.part.setCurrentIndex(1)
    assert not dock.run.isEnabled()
    target.selection.ids = [3]
    until(lambda: dock.level.itemText(0) == "Level 0: at most 7 vertices")
    assert dock.run.isEnabled()
    dock.to.setCurrentIndex(1)
    assert not dock.run.isEnabled()
    dock.path.setText("/x/y.zv")
    assert dock.run.isEnabled()


def test_it_asks_for_what_is_set_follows_the_job_and_says_how_it_went(dock, until):
    target = Target()
    dock.show_target(target)
    dock.part.setCurrentIndex(2)
    dock.level.setCurrentIndex(1)
    dock.to.setCurrentIndex(1)
    dock.path.setText("/x/y.zv")
    dock.unlimited.setChecked(True)
    dock.run.click()
    assert target.asked == [("all", 1, "/x/y.zv", False)]
    assert not dock.run.isEnabled()
    until(lambda: dock.progress.value() == 300)
    assert dock.progress.format() == "reading %p%"
    target.go.set()
    until(lambda: dock.said.text() == "made /x/y.zv")
    assert dock.run.isEnabled()
    assert not dock.progress.isVisible()
    dock.open.click()
    assert dock.said.text() == "/x/y.zv was opened."
    assert not dock.open.isVisible()


def test_it_cancels_and_goes_on_while_it_is_hidden(dock, until):
    dock.show_target(Target())
    dock.run.click()
    dock.hide()
    dock.show_target(None)
    assert dock.is_busy
    dock.cancel.click()
    until(lambda: not dock.is_busy)
    assert dock.said.text() == "made cancelled"


def test_a_still_is_saved_with_what_is_set(dock):
    dock.show_target(Target())
    dock.scale.setValue(3)
    dock.detail.setCurrentIndex(1)
    dock.save_still("/x/a")
    assert dock.said.text() == "/x/a.png 3 shown False"
    assert not dock.is_busy


def test_a_count_of_another_layer_is_not_shown(dock, until):
    class Slow(Target):
        def count(self, part, generation):
            counts = Counts({0: Count(111, 111), 1: Count(11, 11)}, is_upper=False)
            self.job = Job(lambda tell, cancel: self.go.wait(20) and counts, generation)
            return self.job

    slow, fast = Slow(), Target()
    dock.show_target(slow)
    until(lambda: hasattr(slow, "job"))
    dock.show_target(fast)
    assert slow.job.stop.is_set()
    slow.go.set()
    shown = []
    until(lambda: shown.append(dock.level.itemText(0)) or shown[-1] == "Level 0: about 100 vertices")
    assert not any("111" in text for text in shown)


def test_it_says_that_a_count_or_a_job_failed_and_is_free_again(dock, until, qtbot):
    class Closed(Target):
        def count(self, part, generation):
            def work(tell, cancel):
                raise StoreClosedError("bundles is closed")

            return Job(work, generation)

        def finish(self, job):
            raise KeyError("a mistake of ours")

    target = Closed()
    dock.show_target(target)
    until(lambda: dock.said.text() == "It could not be counted: bundles is closed")
    assert dock.run.isEnabled()
    target.go.set()
    dock._timer.stop()
    dock.run.click()
    dock._timer.stop()
    until(lambda: dock.running.job.is_done)
    with pytest.raises(KeyError):
        dock.poll()
    assert "It failed" in dock.said.text()
    assert dock.run.isEnabled()
    assert not dock.progress.isVisible()


def test_it_says_that_nothing_can_be_begun(dock, until):
    class Gone(Target):
        def begin(self, choice, level, to, *, limited):
            raise ArgumentError("it has left its viewer")

    dock.show_target(Gone())
    dock.run.click()
    assert dock.said.text() == "it has left its viewer"
    assert not dock.is_busy


@pytest.fixture
def window(make_napari_viewer, cells, until):
    from napari_zarr_vectors._controller import open_layer

    manager = PluginManager.instance()
    if "napari-zarr-vectors" not in manager._manifests:
        manifest = PluginManifest.from_file(str(files("napari_zarr_vectors").joinpath("napari.yaml")))
        manager.register(manifest)
    viewer = make_napari_viewer(show=True, ndisplay=3)
    _, widget = viewer.window.add_plugin_dock_widget("napari-zarr-vectors", "Extract")
    (layer,) = open_layer(viewer, cells)
    viewer.reset_view()
    viewer.scene.camera.zoom *= 0.4
    until(lambda: layer.lod.status.complete)
    return viewer, widget, layer


def test_in_napari_layers_and_a_store_come_out_and_a_still(window, until, tmp_path):
    viewer, widget, layer = window
    until(lambda: "about 20,000 vertices" in widget.level.itemText(0))
    widget.run.click()
    until(lambda: "became" in widget.said.text())
    assert widget.said.text() == "20,000 vertices of level 0 became 'cells visible'."
    assert len(viewer.layers["cells visible"].data) == 20_000
    assert not widget.is_empty
    widget.to.setCurrentIndex(1)
    widget.path.setText(str(tmp_path / "new.zv"))
    until(lambda: widget.run.isEnabled() and "Level 1: about" in widget.level.itemText(1))
    widget.level.setCurrentIndex(1)
    widget.run.click()
    until(lambda: "were written to" in widget.said.text())
    widget.open.click()
    assert viewer.layers[-1].name == "new.zv"
    viewer.layers[-1].visible = False
    viewer.layers.selection = {layer}
    widget.save_still(str(tmp_path / "still.png"))
    assert "20,000 vertices of level 0" in widget.said.text()
    assert (tmp_path / "still.png").exists()
    widget.save_still(str(tmp_path / "no" / "still.png"))
    assert "is no folder" in widget.said.text()


def test_what_is_refused_is_said(window, until):
    viewer, widget, layer = window
    widget.to.setCurrentIndex(1)
    widget.path.setText(str(np.__file__))
    widget.run.click()
    until(lambda: "is there already" in widget.said.text())
    viewer.layers.remove(layer)
    assert widget.is_empty
