"""What is shown can be said, and nothing else can."""

import numpy as np
import pytest

from napari_zarr_vectors._model import DisplayFilter, ObjectSelection, selection


def test_everything_is_shown_at_first_and_each_change_is_told():
    shown, told = DisplayFilter(), []
    assert shown.is_open
    shown.events.connect(lambda info: told.append(info.signal.name))
    shown.where = {"length": (">", 10)}
    shown.groups = ["a", "b"]
    shown.object_ids = np.array([3, 1])
    shown.share = 0.5
    shown.box = np.array([[0, 1], [2, np.inf]])
    assert told == ["where", "groups", "object_ids", "share", "box"]
    assert shown.box == ((0.0, 1.0), (2.0, np.inf))
    assert (shown.groups, shown.object_ids) == (("a", "b"), (3, 1))
    assert not shown.is_open


@pytest.mark.parametrize(
    ("name", "value"),
    [("where", "length > 10"), ("groups", "a"), ("groups", [1]), ("object_ids", [0.5]), ("object_ids", 3),
     ("box", 3), ("box", ((0, 0), (1, -1))), ("box", ((0,), (1, 1))), ("box", ((float("nan"),), (1,))), ("box", "ab"),
     ("object_ids", [True]), ("object_ids", [2**63]), ("share", 1.5), ("share", float("nan")), ("share", True)],
)  # fmt: skip
def test_what_is_no_filter_is_refused_and_changes_nothing(name, value):
    shown = DisplayFilter()
    with pytest.raises(ValueError, match=name):
        setattr(shown, name, value)
    assert shown.is_open


def test_a_box_has_as_many_axes_as_the_layer():
    shown = DisplayFilter(box=((0, 0), (1, 1)))
    assert not shown.is_open
    with pytest.raises(ValueError, match="3 numbers"):
        shown.bind_axes(3)
    shown.bind_axes(2)
    with pytest.raises(ValueError, match="2 numbers"):
        shown.box = ((0,), (1,))
    assert shown.box == ((0, 0), (1, 1))


def test_ids_are_not_looked_at_one_by_one(monkeypatch):
    chosen, shown = ObjectSelection(), DisplayFilter()
    monkeypatch.setattr(selection, "_is_id", None)
    chosen.ids = np.arange(9)
    shown.object_ids = chosen.ids
    assert shown.object_ids is chosen.ids
    shown.object_ids = np.array([7, 2], np.uint16)
    assert shown.object_ids == (7, 2)
    chosen.ids = (5, 4, 5)
    assert chosen.ids == (5, 4)
