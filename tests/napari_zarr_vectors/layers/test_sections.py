"""In a slice a surface is seen where it meets the slice, also where it stands upright on it and has no area."""

import numpy as np
import pytest

from napari_zarr_vectors._build import HIDDEN_VALUE, nearest
from napari_zarr_vectors._layers import ValueInfo

pytestmark = pytest.mark.gui

BOX = np.array([[z, y, x] for z in (20, 80) for y in (20, 80) for x in (20, 80)], dtype=float)
SIDES = np.array([[0, 1, 5], [0, 5, 4], [2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 3, 7], [1, 7, 5]])
LEFT = [4, 5]
MIDDLES = np.array([[50, 50, 20], [50, 50, 80], [50, 20, 50], [50, 80, 50]], dtype=float)


def sliced(stage, points=BOX, faces=SIDES, order=(0, 1, 2), **options):
    layer = stage.add_linked(points, faces, **options)
    stage.viewer.dims.order = order
    stage.viewer.reset_view()
    stage.viewer.dims.set_point(stage.viewer.dims.order[0], 50)
    return layer


def colors_at(stage, layer, places):
    """The brightest colour within a pixel of each of (n, 3) places."""
    picture = stage.picture()
    at = np.floor(stage.project(layer, places)).astype(int)
    near = [picture[y - 1 : y + 2, x - 1 : x + 2].reshape(-1, 3) for x, y in at]
    return np.array([some[some.sum(axis=1).argmax()] for some in near])


@pytest.mark.parametrize(("order", "corner"), [((0, 1, 2), 0), ((1, 2, 0), 1), ((2, 1, 0), 2)])
def test_walls_that_stand_on_the_slice_are_lines(stage, order, corner):
    layer = sliced(stage, faces=np.roll(SIDES, corner, axis=1), order=order)
    for across in {1, 2} - {order[0]}:
        along = 3 - order[0] - across
        for side in (20, 80):
            places = np.full((57, 3), 50.0)
            places[:, across], places[:, along] = side, np.linspace(22, 78, 57)
            assert (colors_at(stage, layer, places)[:, 0] > 200).all()
    width = (stage.picture()[stage.picture().shape[0] // 2, :, 0] > 100).sum()
    assert width <= 8, "lines are thin"
    stage.viewer.dims.set_point(order[0], 90)
    assert not stage.picture().any(), "the surface ends below"


def test_what_lies_flat_in_the_slice_is_a_face_and_not_a_line_round_its_middle(stage):
    roof = np.array([[49.5, 20, 20], [50.5, 80, 20], [49.5, 20, 80]])
    layer = sliced(stage, roof, [[0, 1, 2]])
    lit = stage.picture()[..., 0] > 100
    corners = stage.project(layer, roof)
    layer.opacity = 0.5
    assert stage.picture()[..., 0].max() <= 132, "nothing is drawn over the face"
    a, b = corners[1] - corners[0], corners[2] - corners[0]
    assert lit.sum() == pytest.approx(abs(a[0] * b[1] - a[1] * b[0]) / 2, rel=0.02)


def test_a_line_has_the_colours_between_the_corners(stage):
    layer = sliced(stage, values=BOX[:, 0] + BOX[:, 1])
    layer.style.colormap, layer.style.color_by = "gray", "v"
    layer.value_info = ValueInfo("scalar", (0, 200), name="v")
    places = np.array([[50, y, 20.0] for y in (25, 40, 50, 60, 75)])
    wanted = (places[:, 0] + places[:, 1]) / 200 * 255
    assert np.abs(colors_at(stage, layer, places)[:, 0] - wanted).max() < 4


def test_a_line_has_the_category_of_the_nearer_corner(stage):
    wall = np.array([[20, 20, 50], [20, 80, 50], [80, 20, 50]], dtype=float)
    layer = sliced(stage, wall, [[0, 1, 2]], values=np.array([0, 1, 2]))
    layer.style.color_by = "kind"
    layer.value_info = ValueInfo("category", categories=4, name="kind", words=("a", "b", "c"))
    stage.viewer.dims.set_point(0, 40)
    table = [stage.visual(layer)._colors[k] for k in range(3)]
    found = colors_at(stage, layer, np.array([[40, 25, 50], [40, 55, 50.0]]))
    assert np.abs(found.astype(int) - np.array([table[0], table[1]])[:, :3]).max() <= 2


def test_hidden_rows_boxes_and_clipping_planes_hide_their_lines(stage):
    values = np.zeros(8)
    values[[0, 4]] = HIDDEN_VALUE  # of the sides at y 20 and at x 20
    layer = sliced(stage, values=values)
    assert (colors_at(stage, layer, MIDDLES)[:, 0] > 200).tolist() == [False, True, False, True]
    stage.viewer.layers.remove(layer)
    layer = sliced(stage)
    layer.filter.box = ((0, 0, 40), (100, 100, 100))
    assert (colors_at(stage, layer, MIDDLES)[:, 0] > 200).tolist() == [False, True, True, True]
    layer.filter.box = None
    layer.experimental_clipping_planes = [{"position": (0, 0, 40), "normal": (0, 0, 1), "enabled": True}]
    assert (colors_at(stage, layer, MIDDLES)[:, 0] > 200).tolist() == [False, True, True, True]


def test_a_line_is_as_opaque_as_its_layer(stage):
    layer = sliced(stage)
    layer.opacity = 0.5
    assert np.abs(colors_at(stage, layer, MIDDLES + (0, 7, 7) * (MIDDLES == 50))[:, 0].astype(int) - 128).max() <= 4


def test_a_step_of_the_slider_sends_nothing(stage, monkeypatch):
    layer = sliced(stage)
    stage.picture()
    for name in ("write_vertices", "write_values", "write_indices", "write_others", "allocate"):
        monkeypatch.setattr(stage.visual(layer).node.sink, name, lambda *a, **k: pytest.fail("uploaded"))
    for z in (30, 60, 79):
        stage.viewer.dims.set_point(0, z)
        assert (colors_at(stage, layer, MIDDLES)[:, 0] > 200).all()


def test_what_is_seen_as_a_line_is_picked(stage):
    layer = sliced(stage, objects=np.arange(8))
    picture = stage.picture()
    half = np.array([picture.shape[1], picture.shape[0]]) / 2
    sight = layer._sight()
    for place, rows in zip(MIDDLES, ([4, 5], [6, 7], [0, 1], [2, 3]), strict=True):
        at = (stage.project(layer, place[None])[0] - half) * (1, -1)
        hit = nearest(layer.pool.drawn(), sight, at, 0.0)
        drawn = layer.pool.drawn()[0][0].drawn[hit.row]
        assert sorted(drawn.tolist()) in [sorted(SIDES[row].tolist()) for row in rows]
        beside = nearest(layer.pool.drawn(), sight, at + 6, 0.0)
        assert beside is None
