"""Where napari takes no layer of our own, an ordinary one with few points is shown, and it is said why."""

import numpy as np
import pytest
from napari.layers import Points

from napari_zarr_vectors._build import MISSING_VALUE, pack_rgb
from napari_zarr_vectors._layers import FallbackPoints, StreamingPoints, ValueInfo, _napari, refusal, register
from napari_zarr_vectors._layers._lut import MISSING_RGBA, category_lut, colormap_lut
from napari_zarr_vectors._model import DisplayStyle

pytestmark = pytest.mark.gui

BOUNDS = [[0, 0, 0], [100, 200, 300]]
NO_VALUES = ValueInfo()
POINTS = np.random.default_rng(0).uniform(10, 90, (40, 3))


@pytest.fixture
def show(make_napari_viewer):
    """Show some points, with these values, in a style."""

    def run(style=None, values=None, info=NO_VALUES, features=None, points=POINTS, **options):
        viewer = make_napari_viewer(show=True)
        fallback = FallbackPoints(BOUNDS, DisplayStyle() if style is None else style, **options)
        viewer.add_layer(fallback.layer)
        fallback.show(viewer, points, values, info, features or {})
        return viewer, fallback

    return run


def test_it_is_napari_s_own_layer_with_the_bounds_as_its_extent(show):
    empty = FallbackPoints(BOUNDS, DisplayStyle()).layer
    assert type(empty) is Points
    assert np.array_equal(empty.extent.data, BOUNDS)
    assert (empty.face_color[:, 3] == 0).all()
    for points in (POINTS, POINTS[:0]):
        viewer, fallback = show(points=points)
        assert np.array_equal(fallback.layer.extent.data, BOUNDS)
        assert np.array_equal(fallback.layer.data[2:], points)
        assert (fallback.layer.face_color[:2, 3] == 0).all()
        assert [r.stop for r in viewer.dims.range] == [100, 200, 300]


def test_points_come_and_go(show):
    viewer, fallback = show(features={"a": np.arange(40.0)})
    fallback.layer.selected_data = {5, 41}
    for count in (3, 30, 0, 7):
        fallback.show(viewer, POINTS[:count], None, ValueInfo(), {"b": np.arange(count)})
        assert len(fallback.layer.data) == len(fallback.layer.face_color) == len(fallback.layer.size) == count + 2
        assert fallback.layer.features["b"].tolist()[2:] == list(range(count))
        assert viewer.screenshot(canvas_only=True, flash=False).any()


def test_a_size_is_in_pixels_of_the_view_or_in_data_units(show):
    viewer, fallback = show(DisplayStyle(size=6), scale=(1, 1, 2))
    assert np.allclose(fallback.layer.size * 2 * viewer.scene.camera.zoom, 6)
    _, fallback = show(DisplayStyle(size=6, size_mode="world"), scale=(2, 2, 2))
    assert np.allclose(fallback.layer.size, 6)
    _, fallback = show(DisplayStyle(size=6, size_mode="world"), scale=(1, 1, 4))
    assert np.allclose(fallback.layer.size * 4, 6 * 2), "the mean of the two axes on the canvas"


def test_one_pixel_s_worth_is_what_is_painted(show):
    viewer, fallback = show(DisplayStyle(size=9, color=(1, 0, 0)), points=np.array([[50.0, 100, 150]]))
    viewer.dims.ndisplay = 3
    viewer.reset_view()
    fallback.show(viewer, np.array([[50.0, 100, 150]]), None, ValueInfo(), {})
    red = viewer.screenshot(canvas_only=True, flash=False)[..., 0] / 255
    assert 2 * np.sqrt(red.sum() / np.pi) == pytest.approx(9, abs=1.5)


@pytest.mark.parametrize("limits", [None, (0.0, 20.0)])
def test_numbers_have_the_colormap_s_colours(show, limits):
    values = np.array([-5, 0, 10, 20, 40, MISSING_VALUE], np.float32)
    style = DisplayStyle(colormap="magma", contrast_limits=limits)
    _, fallback = show(style, values, ValueInfo("scalar", (0.0, 20.0)), points=POINTS[:6])
    lut = colormap_lut("magma")
    assert np.allclose(fallback.layer.face_color[2:-1] * 255, lut[[0, 0, 128, 255, 255]], atol=0.01)
    assert np.allclose(fallback.layer.face_color[-1], MISSING_RGBA), "what has no value is no minimum"


def test_categories_and_colours_are_theirs(show):
    _, fallback = show(None, np.array([0, 2, 1], np.float32), ValueInfo("category", categories=3), points=POINTS[:3])
    assert np.allclose(fallback.layer.face_color[2:] * 255, category_lut(3)[[0, 2, 1]], atol=0.01)
    labels = np.array([64, 2, -1], np.float32), ValueInfo("scalar", (-1, 64), labels=(-1, 2, 64))
    _, fallback = show(DisplayStyle(color_mode="cycle"), *labels, points=POINTS[:3])
    assert np.allclose(fallback.layer.face_color[2:] * 255, category_lut(64)[[0, 2, 63]], atol=0.01)
    rgb = np.array([[1, 2, 3], [255, 0, 128]], np.uint8)
    _, fallback = show(None, pack_rgb(rgb), ValueInfo("rgb"), points=POINTS[:2])
    assert np.allclose(fallback.layer.face_color[2:] * 255, [[1, 2, 3, 255], [255, 0, 128, 255]], atol=0.01)


def test_a_colormap_that_is_unknown_is_said_and_replaced(monkeypatch):
    said = []
    monkeypatch.setattr("napari_zarr_vectors._layers._colored.notify", said.append)
    FallbackPoints(BOUNDS, DisplayStyle(colormap="no such"))
    assert len(said) == 1
    assert "no such" in said[0]


def test_its_camera_has_the_slab_that_napari_shows(show):
    viewer, fallback = show(scale=(2, 1, 1))
    viewer.dims.set_point(0, 80.0)
    camera = fallback.camera(viewer)
    assert camera.displayed == (1, 2)
    assert (camera.slab_lo[0], camera.slab_hi[0]) == (39.5, 40.5)
    viewer.dims.margin_left = (20.0, 0, 0)
    camera = fallback.camera(viewer)
    assert (camera.slab_lo[0], camera.slab_hi[0]) == (30, 40)


def test_registration_that_is_impossible_says_why(monkeypatch):
    assert refusal() is None
    monkeypatch.setattr(_napari, "REASON", "no such thing as layer_to_visual")
    assert refusal() == "no such thing as layer_to_visual"
    with pytest.raises(RuntimeError, match="no such thing as layer_to_visual"):
        register()


def test_registering_again_changes_nothing():
    register()
    register()
    assert _napari.is_registered(StreamingPoints)
