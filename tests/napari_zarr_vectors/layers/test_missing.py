"""What has no value is grey, and no minimum: in a real window, whatever the kind of layer and its colours."""

import numpy as np
import pytest

from napari_zarr_vectors._build import MISSING_VALUE, pack_rgb
from napari_zarr_vectors._layers import ValueInfo
from napari_zarr_vectors._layers._lut import category_lut, colormap_lut

pytestmark = pytest.mark.gui

GREY = (128, 128, 128)
BLUE = (0, 10, 255)
CORNERS = np.array([[50, 20, 20], [50, 80, 20], [50, 50, 80]], dtype=float)
INFOS = {
    "scalar": ValueInfo("scalar", (0, 1)),
    "category": ValueInfo("category", categories=2, words=("a", "b")),
    "rgb": ValueInfo("rgb"),
}
FIRST = {
    "scalar": (0, tuple(colormap_lut("viridis")[0, :3])),
    "category": (0, tuple(category_lut(2)[0, :3])),
    "rgb": (pack_rgb(np.array([BLUE], np.uint8))[0], BLUE),
}
"""A value and its colour."""
NEAR_FIRST = {
    "points": [(1, 0, 0)],
    "lines": [(0.95, 0.05, 0), (0.55, 0.45, 0)],
    "surface": [(0.8, 0.1, 0.1), (0.4, 0.45, 0.15)],
}
NEAR_SECOND = {
    "points": [(0, 1, 0)],
    "lines": [(0.05, 0.95, 0), (0.45, 0.55, 0)],
    "surface": [(0.1, 0.8, 0.1), (0.3, 0.55, 0.15)],
}
LINKS = {"points": None, "lines": [[0, 1]], "surface": [[0, 1, 2]]}


def show(stage, kind, values, info):
    links = LINKS[kind]
    values = np.array(values, np.float32)
    layer = stage.add(CORNERS, values=values) if links is None else stage.add_linked(CORNERS, links, values=values)
    layer.value_info = info
    layer.style.color_by = "v"
    stage.viewer.dims.ndisplay = 3
    stage.viewer.reset_view()
    stage.viewer.scene.camera.angles = (20, -30, 50)
    return layer


def seen(stage, layer, weights):
    """The colour at a place between the corners."""
    at = stage.project(layer, [np.array(weights) @ CORNERS])[0]
    return stage.picture()[int(at[1]), int(at[0])].astype(int)


def is_close(found, wanted):
    return np.abs(found - np.array(wanted, int)).max() <= 2


@pytest.mark.parametrize("coloring", list(INFOS))
@pytest.mark.parametrize("kind", list(LINKS))
def test_what_has_no_value_is_grey(stage, kind, coloring):
    value, color = FIRST[coloring]
    layer = show(stage, kind, [value, MISSING_VALUE, value], INFOS[coloring])
    for weights in NEAR_FIRST[kind]:
        assert is_close(seen(stage, layer, weights), color), "a minimum keeps its colour, half-way to what has no value"
    for weights in NEAR_SECOND[kind]:
        assert is_close(seen(stage, layer, weights), GREY)


@pytest.mark.parametrize("kind", list(LINKS))
def test_neither_limits_nor_gamma_nor_colormap_change_it(stage, kind):
    layer = show(stage, kind, [MISSING_VALUE] * 3, INFOS["scalar"])
    place = NEAR_FIRST[kind][-1]
    for style in (
        {"colormap": "magma"},
        {"contrast_limits": (-1e37, 1e37)},
        {"gamma": 0.2},
        {"contrast_limits": (0, 0.01)},
    ):
        for name, value in style.items():
            setattr(layer.style, name, value)
        assert is_close(seen(stage, layer, place), GREY), style
    layer.style.color_by = None
    assert is_close(seen(stage, layer, place), (255, 0, 0)), "one colour is that of all"
