"""A slip in the name of an attribute is an error that says the nearest name, never a new attribute."""

import re

import pytest

from napari_zarr_vectors._model import DisplayFilter, DisplayStyle, LodControl, ObjectSelection

ALL = (DisplayStyle, DisplayFilter, LodControl, ObjectSelection)


@pytest.mark.parametrize(("make", "name", "said"), [
    (DisplayStyle, "colour_by", "DisplayStyle has no 'colour_by'; did you mean 'color_by' or "),
    (DisplayStyle, "qqq", "it has adaptive_size, backfaces, "),
    (DisplayFilter, "whre", "DisplayFilter has no 'whre'; did you mean 'where' or "),
    (LodControl, "bugdet", "LodControl has no 'bugdet'; did you mean 'budget'?"),
    (ObjectSelection, "idz", "ObjectSelection has no 'idz'; did you mean 'ids'?"),
])  # fmt: skip
def test_a_name_that_is_none_is_refused_with_the_nearest(make, name, said):
    model = make()
    with pytest.raises(AttributeError, match=re.escape(said)):
        setattr(model, name, 1)
    assert not hasattr(model, name)


@pytest.mark.parametrize("make", ALL)
def test_names_that_begin_with_an_underscore_may_be_set(make):
    model = make()
    model._note = 1
    assert model._note == 1


@pytest.mark.parametrize(("make", "name", "value"), [
    (DisplayStyle, "color_by", "fa"),
    (DisplayFilter, "where", {"fa": (">", 0.5)}),
    (LodControl, "budget", 7),
    (ObjectSelection, "ids", (3,)),
])  # fmt: skip
def test_what_is_set_is_told_before_and_after_a_slip(make, name, value):
    model, told = make(), []
    before = getattr(model, name)
    getattr(model.events, name).connect(told.append)
    setattr(model, name, value)
    with pytest.raises(AttributeError):
        model.qqq = 1
    setattr(model, name, before)
    assert told == [value, before]


def test_retry_is_still_a_signal():
    lod, told = LodControl(), []
    lod.retry.connect(lambda: told.append(1))
    lod.retry()
    assert told == [1]
