"""A layer's state can be captured and replayed as napari-animation does it, and replaying the same does nothing."""

import contextlib
from copy import deepcopy
from dataclasses import asdict

import numpy as np
import pytest

from napari_zarr_vectors._layers import StreamingLines, StreamingPoints
from napari_zarr_vectors._layers._state import state_of, taken
from napari_zarr_vectors._model import DisplayFilter, DisplayStyle, LodControl, ObjectSelection


def layer():
    return StreamingPoints([[0, 0, 0], [10, 20, 30]], name="a", source="s.zv")


def capture(layer):
    state = dict(layer.as_layer_data_tuple()[1])
    state.pop("metadata")
    return deepcopy(state)


def replay(layer, state):
    """Set what has changed, key by key."""
    now = layer.as_layer_data_tuple()[1]
    for name, value in state.items():
        if not np.array_equal(value, now[name]) if not isinstance(value, dict) else value != now[name]:
            with contextlib.suppress(AttributeError):
                setattr(layer, name, value)


def between(a, b, part):
    """What lies between two states: numbers at their place, everything else of the second."""
    if isinstance(a, dict) and a and not isinstance(b, type(None)):
        return {key: between(a[key], b.get(key), part) for key in a}
    if isinstance(a, dict) and a:
        return dict.fromkeys(a)
    if isinstance(a, bool) or isinstance(b, bool):
        return b
    if isinstance(a, int | float) and isinstance(b, int | float):
        return (type(b) if isinstance(a, int) else type(a))(a + (b - a) * part)
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return type(a)(between(x, y, part) for x, y in zip(a, b, strict=False))
    return b


def told(model):
    heard = []
    model.events.connect(heard.append)
    return heard


def test_every_key_of_the_state_is_an_attribute_that_takes_it_and_the_models_stay_the_same():
    one, other = layer(), layer()
    one.style.size, one.style.color, one.style.contrast_limits = 7, (1, 0, 0), (2, 3)
    one.lod.budget, one.lod.level = 123_456, 2
    one.filter.where, one.filter.share = {"mass": (">", 5)}, 0.5
    one.filter.groups, one.filter.object_ids = ["b", "a"], [5, 3]
    one.selection.ids = [17, 3]
    models = other.style, other.lod, other.filter, other.selection
    assert all(hasattr(other, name) for name in capture(one))
    replay(other, capture(one))
    assert (other.style, other.lod, other.filter, other.selection) == models
    assert asdict(other.style) == asdict(one.style)
    assert (other.lod.budget, other.lod.level) == (123_456, 2)
    assert asdict(other.filter) == asdict(one.filter) | {"groups": ("a", "b"), "object_ids": (3, 5)}
    assert other.selection.ids == (3, 17)
    np.testing.assert_equal(capture(other), capture(one))


def test_replaying_the_state_of_now_tells_nothing_and_one_change_tells_itself():
    mine = layer()
    mine.selection.ids = [17, 3]
    mine.filter.object_ids = [5, 3]
    state = capture(mine)
    heard = [told(model) for model in (mine.style, mine.lod, mine.filter, mine.selection)]
    replay(mine, state)
    for name in ("style", "lod", "shown", "selection"):
        setattr(mine, name, state[name])
    assert heard == [[], [], [], []]
    assert mine.selection.ids == (17, 3)
    state["style"]["gamma"] = 2.0
    replay(mine, state)
    assert [len(each) for each in heard] == [1, 0, 0, 0]


def test_between_two_states_numbers_run_ids_do_not_and_conditions_that_go_are_gone():
    mine = layer()
    mine.style.size, mine.lod.budget, mine.lod.level = 2, 100_000, 0
    mine.filter.where, mine.selection.ids, mine.filter.object_ids = {"mass": (">", 4)}, [10, 20], [1, 9]
    first = capture(mine)
    mine.style.size, mine.lod.budget, mine.lod.level = 4, 200_001, 2
    mine.filter.where, mine.selection.ids, mine.filter.object_ids = {"mass": (">", 8)}, [30], [2]
    second = capture(mine)
    mine.filter.where = None
    third = capture(mine)
    replay(mine, between(first, second, 0.5))
    assert (mine.style.size, mine.lod.budget, mine.lod.level) == (3, 150_000, 1)
    assert mine.filter.where == {"mass": (">", 6)}
    assert (mine.selection.ids, mine.filter.object_ids) == ((30,), (2,))
    replay(mine, between(second, third, 0.5))
    assert mine.filter.where is None


def test_a_box_runs_and_stays_open_where_it_is():
    mine, inf = layer(), float("inf")
    mine.filter.box = ([-inf, 0, 0], [inf, 10, inf])
    first = capture(mine)
    mine.filter.box = ([-inf, 4, 0], [inf, 20, 6])
    replay(mine, between(first, capture(mine), 0.5))
    assert mine.filter.box == ((-inf, 2, 0), (inf, 15, inf))


def test_a_layer_made_of_a_state_has_it():
    mine = layer()
    mine.filter.groups, mine.selection.ids = ["b"], [4]
    again = StreamingPoints.from_state(mine.data, **mine._get_state())
    np.testing.assert_equal(capture(again), capture(mine))
    assert again.shown is again.filter


def test_a_model_is_taken_over_by_its_values():
    mine = StreamingLines([[0, 0], [1, 1]])
    style, before = DisplayStyle(size=9), mine.style
    mine.style = style
    assert mine.style is before
    assert mine.style.size == 9


@pytest.mark.parametrize("model", [DisplayStyle(), LodControl(), DisplayFilter(), ObjectSelection()])
def test_what_is_no_state_is_refused_and_changes_nothing(model):
    before = state_of(model)
    for state in ({"no such": 1}, 3, None, [("size", 3)]):
        with pytest.raises(ValueError, match=f"{type(model).__name__} is set by a dict of"):
            taken(model, state)
    assert state_of(model) == before


@pytest.mark.parametrize(
    ("color", "rgba"),
    [("orange", (1, 165 / 255, 0, 1)), ("#ff8000", (1, 128 / 255, 0, 1)), ("#ff800080", (1, 128 / 255, 0, 128 / 255))],
)
def test_a_style_takes_colours_as_napari_takes_them_and_holds_numbers(color, rgba):
    mine = layer()
    heard = []
    mine.style.events.color.connect(heard.append)
    mine.style.color = color
    assert mine.style.color == pytest.approx(rgba)
    assert heard == [mine.style.color]
    mine.style.color = rgba
    mine.style = {"color": "white"}
    assert mine.style.color == (1, 1, 1, 1)


@pytest.mark.parametrize("color", ["orangey", "#ff800", "", " ", 3, None])
def test_a_colour_that_is_none_is_refused_and_the_one_before_stays(color):
    mine = layer()
    mine.style.color = "orange"
    before = mine.style.color
    with pytest.raises(ValueError, match="knows no colour|color must be 3 or 4 numbers"):
        mine.style.color = color
    assert mine.style.color == before
