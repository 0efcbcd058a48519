"""Eye-dome lighting: edges of depth are dark, what is even keeps its colour, and depth is that of the points."""

from __future__ import annotations

import numpy as np
import pytest
from vispy.visuals.transforms import MatrixTransform

from napari_zarr_vectors._layers._eye_dome import sightline
from napari_zarr_vectors._layers._still import canvas_picture

NEAR, FAR, LEAST = 80.0, 20.0, 30.0
"""Depths of the two walls, and where an edge between them is dark: below this."""


def frustum(near, far, half_at_one):
    """Clip space of an eye at 0 that looks along -z, half of whose view is so high at distance 1."""
    transform = MatrixTransform()
    transform.set_frustum(-half_at_one * near, half_at_one * near, -half_at_one * near, half_at_one * near, near, far)
    return transform


@pytest.mark.parametrize(("near", "far", "half"), [(1, 100, 0.5), (0.01, 1e5, 0.2), (5, 6, 2)])
def test_with_perspective_distance_grows_as_its_part_of_the_view(near, far, half):
    camera = frustum(near, far, half)
    line = sightline(camera)
    for away in (near * 1.01, (near * far) ** 0.5, far * 0.99):
        step = 1e-4 * away
        a, b = camera.map([[0, 0, -away, 1], [0, 0, -away - step, 1]])
        found = line.far[0] * np.log(b[3] / a[3]) + line.far[1] * (b[2] - a[2])
        assert found == pytest.approx(step / (half * away), rel=1e-3)
        assert line.depth[0] + line.depth[1] / a[3] == pytest.approx(a[2] / a[3], abs=1e-6)


def test_without_perspective_distance_grows_with_depth():
    camera = MatrixTransform()
    camera.set_ortho(-30, 30, -20, 20, -500, 700)
    line = sightline(camera)
    a, b = camera.map([[0, 0, 10, 1], [0, 0, 7, 1]])
    assert line.far[0] == 0
    assert line.far[1] * (b[2] - a[2]) == pytest.approx(3 / 20)


@pytest.fixture
def walls(stage):
    """A wall of points, and a nearer one before the middle of it; the depth axis is the first."""

    def add(perspective=0.0, **options):
        wide = np.stack([np.full(101 * 101, FAR), *np.mgrid[0:101, 0:101].reshape(2, -1)], axis=1)
        near = np.stack([np.full(41 * 41, NEAR), *np.mgrid[30:71, 30:71].reshape(2, -1)], axis=1)
        layer = stage.add(np.concatenate([wide, near]), **options)
        layer.style.size, layer.style.shading = 12, "round"
        stage.viewer.dims.ndisplay = 3
        stage.viewer.scene.camera.angles = (0, 0, 90)
        stage.viewer.scene.camera.perspective = perspective
        stage.viewer.reset_view()
        return layer

    return add


def across(stage, layer, row=50.0):
    """Red along a line over both walls, from the middle of the near one to the edge of the far one."""
    ends = stage.project(layer, [[FAR, row, 50], [FAR, row, 98]])
    picture = stage.picture()
    columns = np.arange(int(ends[0, 0]), int(ends[1, 0]), 1 if ends[1, 0] > ends[0, 0] else -1)
    return picture[round(float(ends[0, 1])), columns, 0].astype(float)


@pytest.mark.gui
@pytest.mark.parametrize("perspective", [0.0, 45.0])
def test_edges_of_depth_are_dark_and_even_walls_keep_their_colour(stage, walls, perspective):
    layer = walls(perspective)
    assert across(stage, layer).min() == 255
    layer.style.eye_dome = 1.0
    red = across(stage, layer)
    assert red.min() < LEAST
    assert np.median(red) > 240
    assert (red < LEAST).mean() < 0.1
    layer.style.eye_dome = 0.0
    assert across(stage, layer).min() == 255


@pytest.mark.gui
def test_a_weaker_shade_is_less_dark(stage, walls):
    layer = walls()
    least = []
    for strength in (1.0, 0.03, 0.01):
        layer.style.eye_dome = strength
        least.append(across(stage, layer).min())
    assert least == sorted(least)
    assert least[-1] > least[0] + 30


@pytest.mark.gui
@pytest.mark.parametrize("perspective", [0.0, 45.0])
def test_what_lies_between_hides_and_is_hidden_as_without_it(stage, walls, perspective):
    layer = walls(perspective)
    layer.style.eye_dome = 0.0
    other = stage.add([[50, 50, 50], [50, 50, 90]])
    other.style.color, other.style.size = (0, 1, 0), 9

    def seen():
        picture = stage.picture()
        at = np.round(stage.project(other, [[50, 50, 50], [50, 50, 90]])).astype(int)
        return [tuple(int(v) for v in picture[row, column] > 128) for column, row in at]

    before = seen()
    assert sorted(before) == [(0, 1, 0), (1, 0, 0)]
    layer.style.eye_dome = 1.0
    assert seen() == before
    stage.viewer.layers.reverse()
    assert seen() == before


@pytest.mark.gui
def test_opacity_is_that_of_the_layer(stage, walls):
    layer = walls()
    layer.style.eye_dome = 1.0
    layer.opacity = 0.5
    red = across(stage, layer)
    assert np.median(red) == pytest.approx(128, abs=4)
    assert red.min() < LEAST


@pytest.mark.gui
def test_where_light_adds_up_and_in_2d_nothing_is_shaded(stage, walls):
    layer = walls()
    layer.style.eye_dome = 1.0
    layer.blending = "additive"
    assert across(stage, layer).min() == 255
    layer.blending = "translucent"
    assert across(stage, layer).min() < LEAST
    layer.style.slab_thickness = 1000.0
    stage.viewer.dims.ndisplay = 2
    stage.viewer.reset_view()
    assert across(stage, layer).min() == 255


@pytest.mark.gui
def test_colours_that_are_seen_through_are_left_out_and_nothing_is_kept_when_it_is_off(stage, walls):
    layer = walls()
    layer.style.eye_dome = 1.0
    layer.style.color = (1, 0, 0, 0.7)
    assert np.median(across(stage, layer)) > 240
    layer.style.color = (1, 0, 0, 0.3)
    assert across(stage, layer).max() == 0
    layer.style.eye_dome = 0.0
    assert stage.visual(layer).node._dome is None
    assert across(stage, layer).max() > 150


@pytest.mark.gui
@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0])
def test_a_still_of_any_scale_shows_what_the_screen_shows(stage, walls, scale):
    layer = walls()
    layer.style.eye_dome = 1.0
    screen = stage.picture()
    still = canvas_picture(stage.viewer, scale)
    rows, columns = (np.linspace(0, 1, 200, endpoint=False) for _ in range(2))

    def sampled(picture):
        at = [(part * size).astype(int) for part, size in zip((rows, columns), picture.shape, strict=False)]
        return picture[np.ix_(*at)][..., 0].astype(float)

    assert np.abs(sampled(still) - sampled(screen)).mean() < 12
    assert (sampled(still) > 128).mean() == pytest.approx((sampled(screen) > 128).mean(), abs=0.03)
    assert np.array_equal(stage.picture(), screen)


@pytest.mark.gui
def test_in_a_grid_each_box_has_its_own(stage, walls):
    layer, other = walls(), walls()
    other.style.color = (0, 1, 0)
    stage.viewer.canvas.grid.enabled = True
    stage.viewer.reset_view()
    stage.picture()  # napari lays boxes out with a paint
    before = stage.picture().astype(float)
    layer.style.eye_dome = 1.0
    after = stage.picture().astype(float)
    assert np.array_equal(after[..., 1], before[..., 1])
    lit = before[..., 0] > 128
    assert 0.75 < (after[..., 0] > 128).sum() / lit.sum() < 0.999
    assert not (after[..., 0] > 128)[~lit].any()
