"""A colormap that napari does not know is refused, whatever the colours are made of."""

from __future__ import annotations

import numpy as np
import pytest
from napari.utils.notifications import notification_manager

from napari_zarr_vectors._layers import ValueInfo
from napari_zarr_vectors._model import DisplayStyle

pytestmark = pytest.mark.gui

FIVE = np.array([[50, 50, 50], [50, 20, 20], [50, 20, 80], [50, 80, 20], [50, 80, 80]], float)
COLORED = pytest.mark.parametrize(
    ("info", "mode"),
    [
        (ValueInfo("scalar"), "colormap"),
        (ValueInfo("category"), "colormap"),
        (ValueInfo("scalar", labels=(0,)), "cycle"),
        (ValueInfo("rgb"), "colormap"),
    ],
    ids=["numbers", "categories", "labels", "colours"],
)


@COLORED
def test_an_unknown_colormap_is_said_and_changes_nothing(stage, info, mode):
    layer = stage.add(FIVE, values=np.zeros(5, np.float32))
    layer.value_info, layer.style.color_by, layer.style.color_mode = info, "a", mode
    stage.viewer.dims.ndisplay = 3
    stage.viewer.reset_view()
    before = stage.picture()
    layer.style.colormap = "nonsense"
    assert "no colormap 'nonsense'" in notification_manager.records[-1].message
    assert layer.style.colormap == "viridis", "it would be said again with the next change"
    assert np.array_equal(stage.picture(), before)


@COLORED
def test_an_unknown_colormap_at_first_is_said_and_replaced(stage, info, mode):
    style = DisplayStyle(color_by="a", colormap="nonsense", color_mode=mode)
    layer = stage.add(FIVE, values=np.zeros(5, np.float32), style=style)
    assert "no colormap 'nonsense'" in notification_manager.records[-1].message
    layer.value_info = info
    assert layer.style.colormap == "viridis"
