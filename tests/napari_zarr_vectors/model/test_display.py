import numpy as np
import pytest

from napari_zarr_vectors._model import DisplayStyle

GOOD = [
    ("size", 3, 3.0),
    ("size_mode", "world", "world"),
    ("color_by", "mean_fa", "mean_fa"),
    ("color_mode", "cycle", "cycle"),
    ("color", np.array([1, 0, 0.5]), (1.0, 0.0, 0.5, 1.0)),
    ("color", [0, 0, 0, 0.25], (0.0, 0.0, 0.0, 0.25)),
    ("colormap", "magma", "magma"),
    ("contrast_limits", [1, 2], (1.0, 2.0)),
    ("contrast_limits", np.array([2**63, 2**63 + 1], np.uint64), (2**63, 2**63 + 1)),
    ("gamma", 0.5, 0.5),
    ("eye_dome", 2, 2.0),
    ("node_size", 3, 3.0),
    ("shading", "soft", "soft"),
    ("slab_thickness", 4, 4.0),
]
BAD = [
    ("size", 0),
    ("size", "big"),
    ("size", float("inf")),
    ("size_mode", "screen"),
    ("color_by", ""),
    ("color_mode", "category"),
    ("color", "red"),
    ("color", (1, 2, 3)),
    ("colormap", None),
    ("contrast_limits", (1, 1)),
    ("contrast_limits", (0, float("nan"))),
    ("contrast_limits", 3),
    ("gamma", -1),
    ("eye_dome", -0.1),
    ("node_size", -1),
    ("shading", "phong"),
    ("slab_thickness", 0),
]


@pytest.mark.parametrize(("name", "value", "kept"), GOOD)
def test_a_good_value_is_kept_and_signalled_once(name, value, kept):
    style, seen = DisplayStyle(), []
    getattr(style.events, name).connect(seen.append)
    setattr(style, name, value)
    assert getattr(style, name) == kept
    assert seen == [kept]


@pytest.mark.parametrize(("name", "value"), BAD)
def test_a_bad_value_is_refused_with_its_name_and_itself(name, value):
    style = DisplayStyle()
    before = getattr(style, name)
    with pytest.raises(ValueError, match=name):
        setattr(style, name, value)
    with pytest.raises(ValueError, match=name):
        DisplayStyle(**{name: value})
    assert getattr(style, name) == before
