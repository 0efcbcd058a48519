"""What is chosen is drawn in front, in napari's colour, within the slab and the planes that cut the layer."""

from __future__ import annotations

import numpy as np
import pytest
from napari.settings import get_settings

from napari_zarr_vectors._build import build_points
from napari_zarr_vectors._layers import ChosenObjects

pytestmark = pytest.mark.gui

BEHIND, APART = (40.0, 50.0, 50.0), (50.0, 20.0, 80.0)


def chosen_of(layer, points):
    points = np.asarray(points, float)
    built = build_points(
        points,
        None,
        origin=layer.origin,
        chunk_lo=points.min(axis=0),
        cell_shape=np.ones(3),
        ratios=[],
        objects=np.full(len(points), 5),
    )
    return ChosenObjects(built, np.array([5]), 0, True, np.stack([points.min(0), points.max(0)]), points[0])


def pixel(stage, layer, point, aside=0):
    column, row = np.round(stage.project(layer, [point])[0]).astype(int)
    return stage.picture()[row, column + aside].tolist()


def test_it_is_drawn_and_picked_in_front_of_what_lies_nearer(stage):
    stage.viewer.dims.ndisplay = 3
    layer = stage.add([(60.0, 50.0, 50.0), BEHIND, APART])
    layer.style.size = 11
    stage.viewer.reset_view()
    assert stage.viewer.scene.camera.view_direction[0] < -0.99, "down the first axis"
    red = [255, 0, 0]
    assert pixel(stage, layer, BEHIND) == red
    room = []
    layer.highlight.show(chosen_of(layer, [BEHIND]), lambda: room.append(layer.highlight.left_of(10)))
    assert room == [9]
    blue = np.round(255 * np.array(get_settings().appearance.highlight.highlight_color[:3])).tolist()
    assert pixel(stage, layer, BEHIND) == blue
    assert pixel(stage, layer, APART) == red
    assert layer.object_at(BEHIND) == 5
    assert layer.shown_vertices == 4
    get_settings().appearance.highlight.highlight_color = [0, 1, 0, 1]
    assert pixel(stage, layer, BEHIND) == [0, 255, 0]
    get_settings().appearance.highlight.highlight_color = [0, 0.6, 1, 1]
    # Another layer's depth is not disturbed: it is hidden or seen as before.
    layer.highlight.hide()
    assert pixel(stage, layer, BEHIND) == red
    assert layer.shown_vertices == 3


def test_a_black_rim_sets_it_off(stage):
    stage.viewer.dims.ndisplay = 3
    layer = stage.add([(60, y, x) for y in range(35, 66) for x in range(35, 66)])
    stage.viewer.reset_view()
    layer.style.size = 12  # 18 px for what is chosen, 29 px for its rim
    layer.highlight.show(chosen_of(layer, [BEHIND]), lambda: None)
    colors = [pixel(stage, layer, BEHIND, aside) for aside in (0, 6, 12, 18)]
    assert [color[2] for color in colors] == [255, 255, 0, 0]
    assert [color[0] for color in colors] == [0, 0, 0, 255]


def test_slabs_planes_and_visibility_are_those_of_the_layer(stage):
    layer = stage.add([APART])
    stage.viewer.dims.set_point(0, 50)
    stage.viewer.reset_view()
    layer.highlight.show(chosen_of(layer, [APART, BEHIND]), lambda: None)
    assert pixel(stage, layer, APART)[2] == 255
    assert pixel(stage, layer, BEHIND) == [0, 0, 0], "it lies in another slice"
    layer.visible = False
    assert pixel(stage, layer, APART) == [0, 0, 0]
    layer.visible = True
    layer.experimental_clipping_planes = [{"position": (50, 50, 50), "normal": (0, 1, 0), "enabled": True}]
    assert pixel(stage, layer, APART) == [0, 0, 0], "a plane cuts it away"
    layer.experimental_clipping_planes = []
    assert pixel(stage, layer, APART)[2] == 255
    stage.viewer.layers.remove(layer)
    stage.viewer.add_layer(layer)
    assert pixel(stage, layer, APART)[2] == 255
    assert layer.shown_vertices == 3


def test_budgets_ask_for_coarser_and_finer_ones(stage):
    layer = stage.add([APART])
    asked = []
    highlight = layer.highlight
    highlight.asked = lambda: asked.append(highlight.most)
    highlight.fit(40)
    highlight.show(chosen_of(layer, [APART] * 10), lambda: None)
    highlight.fit(20)
    assert highlight.shown is not None
    assert not asked
    highlight.fit(19)
    assert highlight.shown is None
    assert highlight.left_of(19) == 19
    assert asked == [4]
    highlight.tried = 4
    highlight.fit(31)
    assert asked == [4]
    highlight.fit(32)
    assert asked == [4, 8]
