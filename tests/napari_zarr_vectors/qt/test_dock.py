"""The display dock in a real napari window, on a real store; and the ends, in every order."""

import gc
import weakref
from importlib.resources import files

import pytest
from npe2 import PluginManager, PluginManifest

pytestmark = pytest.mark.gui

PLUGIN, WIDGET = "napari-zarr-vectors", "Display"


@pytest.fixture
def window(make_napari_viewer, cells, until):
    """A viewer with the dock and one layer whose store has been looked at."""
    from napari_zarr_vectors._controller import open_layer

    manager = PluginManager.instance()
    if PLUGIN not in manager._manifests:
        manifest = PluginManifest.from_file(str(files("napari_zarr_vectors").joinpath("napari.yaml")))
        manager.register(manifest)
    viewer = make_napari_viewer(show=True, ndisplay=3)
    dock, widget = viewer.window.add_plugin_dock_widget(PLUGIN, WIDGET)
    layer = open_layer(viewer, cells, budget=50_000)[0]
    until(lambda: layer.lod.status.complete)
    return [viewer, dock, widget, layer]


def connected(viewer, layer):
    """How many slots of ours the selection, the layer and its models would call."""
    emitters = [viewer.layers.selection.events.changed, layer.events.value_info, layer.events.name]
    callbacks = [callback for emitter in emitters for callback in emitter.callbacks if isinstance(callback, tuple)]
    followers = [type(owner()).__module__ for owner, _ in callbacks]
    slots = [repr(slot) for events in (layer.style.events, layer.lod.events) for slot in events.all._slots]
    ours = [name for name in followers if name.endswith(("._panels", "._selection"))]
    return len(ours) + sum("_qt._" in slot or "Section" in slot for slot in slots)


def test_it_shows_the_layer_that_is_selected(window, until):
    viewer, _, widget, layer = window
    assert not widget.is_empty
    assert widget.panel.name.text() == layer.name
    assert widget.panel.colors.color_by.currentText() == layer.style.color_by == "rgb"
    assert [widget.panel.colors.color_by.itemText(i) for i in range(4)] == ["one colour", "height", "part", "rgb"]
    assert widget.panel.detail.level.count() == 4
    until(lambda: widget.panel.status.line.text().startswith("Complete"))
    layer.name = "<i>renamed</i>"
    assert widget.panel.name.text() == "<i>renamed</i>"
    other = viewer.add_points([[0, 0, 0]])
    assert widget.is_empty
    viewer.layers.selection.active = layer
    assert not widget.is_empty
    viewer.layers.selection = {layer, other}
    assert not widget.is_empty
    viewer.layers.selection.clear()
    assert widget.is_empty


def test_what_is_set_there_is_drawn(window, until):
    _, _, widget, layer = window
    combo = widget.panel.colors.color_by
    for name, kind in (("part", "category"), ("height", "scalar")):
        combo.setCurrentIndex(combo.findText(name))
        combo.activated.emit(combo.findText(name))
        until(lambda kind=kind: layer.value_info.kind == kind and layer.lod.status.complete)
    legend = widget.panel.colors.legend
    assert [legend.item(i).text() for i in range(legend.count())] == ["<b>soma</b>", "axon", "dendrite"]
    low, high = layer.value_info.limits
    assert widget.panel.colors.limits.low.value() == pytest.approx(low)
    assert widget.panel.colors.limits.high.value() == pytest.approx(high)
    level = widget.panel.detail.level
    level.activated.emit(2)
    until(lambda: layer.lod.status.complete and layer.lod.status.levels == {1})
    widget.panel.detail.budget.setValue(1000)
    assert layer.lod.status.shown_vertices <= 1000


def test_a_layer_of_the_right_kind_without_a_store_is_shown_too(make_napari_viewer):
    from napari_zarr_vectors._layers import StreamingPoints, register
    from napari_zarr_vectors._widgets import DisplayWidget

    register()
    viewer = make_napari_viewer()
    widget = DisplayWidget(viewer)
    assert widget.is_empty
    viewer.add_layer(StreamingPoints([[0, 0], [10, 10]], name="bare"))
    assert widget.panel.name.text() == "bare"
    assert widget.panel.detail.level.count() == 1
    widget.close()
    viewer.layers.clear()
    assert widget.is_empty


def test_hidden_it_follows_nothing_and_shown_again_it_catches_up(window):
    viewer, dock, widget, layer = window
    assert connected(viewer, layer) > 0
    dock.hide()
    assert not widget.follows
    assert connected(viewer, layer) == 0
    layer.style.size = 11.0
    dock.show()
    assert widget.follows
    assert widget.panel.points.size.value() == 11.0


def test_the_dock_goes_first(window, until):
    viewer, dock, widget, layer = window
    dock.destroyOnClose()
    assert not widget.follows
    assert connected(viewer, layer) == 0
    assert not widget.panel.polls
    gone = weakref.ref(widget)
    window.clear()
    del widget, dock
    until(lambda: gc.collect() >= 0 and gone() is None)
    layer.style.size = 5.0
    viewer.layers.remove(layer)


def test_the_layer_goes_first(window):
    viewer, _, widget, layer = window
    viewer.layers.remove(layer)
    assert widget.is_empty
    assert not widget.panel.polls
    assert connected(viewer, layer) == 1, "the selection is still followed, the layer is not"
    layer.style.size = 5.0


def test_the_viewer_goes_first(window):
    viewer, _, widget, layer = window
    viewer.close()
    assert not widget.follows
    assert connected(viewer, layer) == 0
    layer.style.size = 5.0
    layer.lod.retry()


def test_it_is_deleted_without_being_hidden(make_napari_viewer, qapp):
    from qtpy.QtCore import QEvent

    from napari_zarr_vectors._layers import StreamingPoints, register
    from napari_zarr_vectors._widgets import DisplayWidget

    register()
    viewer = make_napari_viewer()
    layer = StreamingPoints([[0, 0], [10, 10]])
    viewer.add_layer(layer)
    widget = DisplayWidget(viewer)
    assert connected(viewer, layer) > 0
    widget.deleteLater()
    qapp.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    assert connected(viewer, layer) == 0
    layer.style.size = 5.0
    viewer.layers.selection.clear()
