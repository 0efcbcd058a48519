"""What a layer is opened with and its store has not is told, and all else is in force; in a real window."""

from __future__ import annotations

import numpy as np
import pytest
from napari.utils.notifications import notification_manager

from napari_zarr_vectors._build import HIDDEN_VALUE
from napari_zarr_vectors._controller import open_layer
from napari_zarr_vectors._controller._running import objects_of
from napari_zarr_vectors._layers import Window
from zarr_vectors.exceptions import ArgumentError
from zarr_vectors.types.points import write_points
from zarr_vectors.types.polylines import write_polylines

pytestmark = pytest.mark.gui

LINES, ROWS = 20, 30


def write(path):
    rows = np.linspace(1, 89, ROWS)
    lines = [np.stack([np.full(ROWS, 4.0 * k + 1), 45 + 5 * np.sin(rows), rows], axis=1) for k in range(LINES)]
    write_polylines(
        path,
        lines,
        chunk_shape=30,
        bin_shape=10,
        groups={"few": [3, 5]},
        object_attributes={"mass": np.arange(LINES, dtype="f4")},
        attributes={"along": [k + np.arange(ROWS, dtype="f4") / 100 for k in range(LINES)]},
    )
    return path


@pytest.fixture(scope="module")
def tracts(tmp_path_factory):
    return write(tmp_path_factory.mktemp("refused") / "tracts.zarrvectors")


@pytest.fixture
def viewer():
    window = Window(ndisplay=3, size=(400, 300))
    yield window.viewer
    window.close()


@pytest.fixture
def told():
    count = len(notification_manager.records)
    return lambda: [record.message for record in notification_manager.records[count:]]


def shown_lines(layer):
    """Number of each line of which a row has a value that is seen."""
    pool, found = layer.pool, set()
    for node in pool.resident:
        seen = pool.values(node)[:: pool.corners] < HIDDEN_VALUE / 2
        x = pool.chunk(node).positions[:: pool.corners, 0] + layer.origin[0]
        found |= set(np.round((x[seen] - 1) / 4).astype(int).tolist())
    return found


def damage(folder):
    for file in folder.rglob("*"):
        if file.is_file() and file.name != "zarr.json":
            file.write_bytes(b"damaged")


@pytest.mark.parametrize(("name", "value", "said"), [
    ("where", {"volume": (">", "big")}, "volume"),
    ("where", {"mass": (">", "big")}, "mass"),
    ("where", {"mass": ("~", 1)}, "~"),
    ("groups", ["nope"], "has no group 'nope'; it has 'few'"),
])  # fmt: skip
def test_a_filter_that_cannot_be_is_told_and_the_layer_opens_unfiltered(
    viewer, tracts, settle, told, name, value, said
):
    (layer,) = open_layer(viewer, tracts, size_by="mass", **{name: value})
    settle(layer)
    assert [said in message for message in told()] == [True]
    assert layer.filter.is_open
    assert (layer.style.color_by, layer.style.size_by) == ("along", "mass")
    assert shown_lines(layer) == set(range(LINES))
    layer.filter.groups = ["few"]
    assert not layer.lod.status.complete
    settle(layer)
    assert shown_lines(layer) == {3, 5}


def test_a_size_that_cannot_be_is_told_and_the_filter_stays(viewer, tracts, settle, told):
    (layer,) = open_layer(viewer, tracts, size_by="nothing", groups=["few"])
    settle(layer)
    assert ["no number named 'nothing' to size by" in message for message in told()] == [True]
    assert (layer.style.size_by, layer.filter.groups) == (None, ("few",))
    assert shown_lines(layer) == {3, 5}


def test_all_that_cannot_be_is_told_once_each(viewer, tracts, settle, told):
    (layer,) = open_layer(viewer, tracts, size_by="nothing", groups=["nope"])
    settle(layer)
    assert [("'nope'" in message, "'nothing'" in message) for message in told()] == [(True, False), (False, True)]
    assert (layer.style.size_by, layer.filter.groups) == (None, None)


def test_a_colour_that_cannot_be_read_is_told_and_there_is_none(viewer, tmp_path, settle, told):
    path = write(tmp_path / "tracts.zarrvectors")
    damage(path / "0" / "vertex_attributes" / "along")
    (layer,) = open_layer(viewer, path, groups=["few"])
    settle(layer)
    assert len(told()) == 1
    assert "along" in told()[0]
    assert (layer.style.color_by, layer.filter.groups) == (None, ("few",))
    assert shown_lines(layer) == {3, 5}


def test_an_attribute_that_cannot_be_read_and_that_nobody_asks_for_takes_nothing_away(viewer, tmp_path, settle, told):
    path = write(tmp_path / "tracts.zarrvectors")
    damage(path / "0" / "object_attributes" / "mass")
    (layer,) = open_layer(viewer, path, size_by="along")
    settle(layer)
    assert told() == []
    assert (layer.style.color_by, layer.style.size_by) == ("along", "along")
    layer.style.color_by = "mass"
    settle(layer)
    assert ["object_attributes/mass' is corrupt" in message for message in told()] == [True]
    assert layer.style.color_by == "along"


def test_what_is_changed_while_the_store_is_read_is_not_taken_back(viewer, tracts, settle, told):
    (layer,) = open_layer(viewer, tracts, size_by="nothing", groups=["nope"])
    layer.style.color_by = "mass"
    settle(layer)
    assert len(told()) == 2
    assert (layer.style.color_by, layer.style.size_by, layer.filter.groups) == ("mass", None, None)
    (other,) = open_layer(viewer, tracts, groups=["nope"])
    other.filter.groups = ["few"]
    settle(other)
    assert (other.style.color_by, other.filter.groups) == ("along", ("few",)), "the colour is still the automatic one"
    assert shown_lines(other) == {3, 5}


def test_ids_that_no_object_has_are_told_when_a_layer_is_opened_with_them(viewer, tracts, settle, told):
    (layer,) = open_layer(viewer, tracts, object_ids=[3, 99])
    settle(layer)
    assert told() == ["tracts.zarrvectors: no object has 1 of 2 object ids: 99"]
    assert shown_lines(layer) == {3}
    layer.filter.object_ids = [99]
    settle(layer)
    assert told()[1:] == ["tracts.zarrvectors: no object has 1 of 1 object ids: 99"]
    assert (layer.filter.object_ids, shown_lines(layer)) == ((99,), set()), "they stay, and show nothing"


def test_ids_that_no_object_has_are_told_once_when_they_are_chosen(viewer, tracts, told, qtbot):
    (layer,) = open_layer(viewer, tracts, object_ids=[3, 5])
    qtbot.waitUntil(lambda: layer.lod.status.complete)

    def choose(*ids):
        layer.selection.ids = ids
        qtbot.waitUntil(lambda: not objects_of(layer)[0].busy)

    choose(99, 3, -1)
    assert told() == ["tracts.zarrvectors: no object has 2 of 3 chosen ids: 99, -1"]
    assert (layer.selection.ids, layer.highlight.shown.ids.tolist()) == ((99, 3, -1), [3])
    layer.filter.object_ids = None
    qtbot.waitUntil(lambda: not objects_of(layer)[0].busy)
    choose(7, 4)
    assert len(told()) == 1
    choose(99)
    assert told()[1:] == ["tracts.zarrvectors: no object has 1 of 1 chosen ids: 99"]
    assert layer.highlight.shown is None


def test_where_there_are_no_objects_no_object_has_the_chosen_ids(viewer, tmp_path, told, qtbot):
    write_points(tmp_path / "cloud.zv", np.random.default_rng(0).uniform(0, 10, (50, 3)), chunk_shape=5)
    (layer,) = open_layer(viewer, tmp_path / "cloud.zv")
    layer.selection.ids = [1]
    qtbot.waitUntil(lambda: not objects_of(layer)[0].busy)
    assert told() == ["cloud.zv: no object has 1 of 1 chosen ids: 1"]


def test_a_level_that_the_store_has_not_is_refused_where_it_is_asked_and_nobody_hears_of_it(viewer, tracts, settle):
    with pytest.raises(ArgumentError, match=r"has levels \[0\], not 7"):
        open_layer(viewer, tracts, level=7)
    assert not viewer.layers
    (layer,) = open_layer(viewer, tracts)
    settle(layer)
    heard = []
    layer.lod.events.level.connect(heard.append)
    for before in (None, 0):
        layer.lod.level = before
        settle(layer)
        with pytest.raises(ValueError, match="level must be None or one of 0, got 7"):
            layer.lod.level = 7
        assert layer.lod.level == before
        assert layer.lod.status.complete, "nothing has changed"
    assert heard == [0]


def test_a_layer_that_comes_back_with_a_level_that_its_store_has_not_follows_the_camera(viewer, tracts, settle, told):
    (layer,) = open_layer(viewer, tracts)
    settle(layer)
    data, state, _ = layer.as_layer_data_tuple()
    state["lod"]["level"] = 3
    viewer.layers.remove(layer)
    other = viewer.add_layer(type(layer).from_state(data, **state))
    settle(other)
    assert other.lod.level is None
    assert ["level must be None or one of 0, got 3" in message for message in told()] == [True]
