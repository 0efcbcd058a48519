"""Which faces turn away is what the data say, not what the canvas makes of them."""

from itertools import cycle, permutations

import numpy as np
import pytest

from napari_zarr_vectors._build import nearest
from napari_zarr_vectors._layers import StreamingSurface, ValueInfo

STEPS = np.linspace(0, np.pi, 9)


def ball():
    """Corners and faces of a closed surface, counter-clockwise from outside in right-handed axes."""
    around, down = np.meshgrid(2 * STEPS, STEPS, indexing="ij")
    corners = np.stack([np.cos(around) * np.sin(down), np.sin(around) * np.sin(down), np.cos(down)], axis=-1)
    first = (np.arange(8)[:, None] * 9 + np.arange(8)).ravel()
    faces = np.stack([first, first + 1, first + 10, first, first + 10, first + 9], axis=1).reshape(-1, 3)
    corners = corners.reshape(-1, 3)
    ends = corners[faces]
    normals = np.cross(ends[:, 1] - ends[:, 0], ends[:, 2] - ends[:, 0])
    assert (normals * ends.mean(axis=1)).sum(axis=1).min() > -1e-9
    return 50 + 40 * corners, faces


@pytest.mark.gui
@pytest.mark.parametrize("scale", [(1, 1, 1), (1, -1, 1)], ids=["plain", "mirrored"])
@pytest.mark.parametrize("winding", [None, "ccw", "cw"])
def test_without_backs_a_closed_surface_looks_the_same_in_any_order_of_axes(stage, winding, scale):
    corners, faces = ball()
    values = corners @ (1.0, 2.0, 4.0)
    layer = stage.add_linked(
        corners, faces[:, ::-1] if winding == "cw" else faces, values=values, winding_order=winding, scale=scale
    )
    assert layer.winding_order == winding
    layer.style.color_by, layer.value_info = "h", ValueInfo("scalar", (0, 700), name="h")
    stage.viewer.dims.ndisplay = 3
    for order, perspective in zip(permutations(range(3)), cycle([0, 50]), strict=False):
        stage.viewer.dims.order = order
        stage.viewer.reset_view()
        stage.viewer.scene.camera.angles, stage.viewer.scene.camera.perspective = (20, 40, 60), perspective
        pictures = []
        for layer.style.backfaces in (True, False):
            pictures.append(stage.picture().astype(int))
        both, one = pictures
        assert (both > 60).any()
        assert np.abs(both - one).mean() < 0.05
    stage.visual(layer).node.set_winding(clockwise=winding != "cw")
    assert np.abs(both - stage.picture()).mean() > 1, "else the test sees no difference"


@pytest.mark.gui
@pytest.mark.parametrize("scale", [(1, 1, 1), (1, -1, 1)], ids=["plain", "mirrored"])
def test_what_is_not_drawn_since_it_turns_away_is_not_picked(stage, scale):
    corners, faces = ball()
    far = faces[corners[faces].mean(axis=1)[:, 0] > 50]
    near = faces[corners[faces].mean(axis=1)[:, 0] < 50]
    stage.viewer.dims.ndisplay = 3
    found = []
    for half in (far, near):
        layer = stage.add_linked(corners, half, scale=scale)
        stage.viewer.reset_view()
        stage.viewer.scene.camera.angles = (10, 15, 80)
        for layer.style.backfaces in (True, False):
            picture = stage.picture()
            middle = np.array(picture.shape[:2]) // 2
            hit = nearest(layer.pool.drawn(), layer._sight(), np.zeros(2), 0.0)
            assert (hit is not None) == (picture[tuple(middle)].max() > 60)
            found.append(hit is not None)
        stage.viewer.layers.remove(layer)
    assert sorted(found) == [False, True, True, True]


@pytest.mark.gui
def test_in_a_slice_no_face_turns_away(stage):
    flat = np.array([[50, 20, 20], [50, 80, 20], [50, 50, 80]], dtype=float)
    for face in ([0, 1, 2], [0, 2, 1]):
        layer = stage.add_linked(flat, [face])
        layer.style.backfaces = False
        stage.viewer.reset_view()
        stage.viewer.dims.set_point(0, 50)
        assert (stage.picture().max(axis=2) > 60).sum() > 1000
        stage.viewer.layers.remove(layer)


def test_a_layer_that_is_made_again_keeps_its_winding():
    layer = StreamingSurface([[0, 0, 0], [1, 1, 1]], winding_order="cw")
    data, state, _ = layer.as_layer_data_tuple()
    assert StreamingSurface.from_state(data, **state).winding_order == "cw"
