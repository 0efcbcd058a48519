"""Lines and surfaces are where they must be, as thick and as bright as they must be, in a real window."""

import numpy as np
import pytest

from napari_zarr_vectors._layers import ValueInfo
from napari_zarr_vectors._layers._lut import category_lut, colormap_lut

pytestmark = pytest.mark.gui

ENDS = np.array([[50, 20, 30], [50, 80, 70]], dtype=float)
RED = (255, 0, 0)
FACING, AWAY = ((0, 0, 0), (20, 30, 10), (-35, 40, 0)), (0, 180, 0)
TRIANGLE = np.array([[50, 20, 20], [50, 80, 20], [50, 50, 80]], dtype=float)


def set_3d(stage, angles=(0, 0, 90), perspective=0.0):
    stage.viewer.dims.ndisplay = 3
    stage.viewer.reset_view()
    stage.viewer.scene.camera.angles = angles
    stage.viewer.scene.camera.perspective = perspective


def across(stage, layer, first, second, at=0.5):
    """A place on a segment on the canvas, and the direction across it."""
    p, q = stage.project(layer, [first, second])
    along = (q - p) / np.linalg.norm(q - p)
    return p + at * (q - p), np.array([-along[1], along[0]]), along


def lit(picture, at):
    return picture[int(at[1]), int(at[0])].max() > 60


@pytest.mark.parametrize("turned", [False, True], ids=["plain", "transformed"])
def test_a_segment_runs_from_end_to_end_as_thick_as_asked(stage, turned):
    options = {"scale": (2, 1, 0.5), "translate": (5, -7, 9), "rotate": (10, 20, 30)} if turned else {}
    layer = stage.add_linked(ENDS, [[0, 1]], **options)
    for angles, perspective in (((0, 0, 90), 0), ((20, -30, 50), 0), ((-40, 25, 110), 45)):
        set_3d(stage, angles, perspective)
        picture = stage.picture()
        for at in (0.02, 0.5, 0.98):
            centre, side, _ = across(stage, layer, *ENDS, at)
            assert tuple(picture[int(centre[1]), int(centre[0])]) == RED
            assert lit(picture, centre + 2.5 * side)
            assert lit(picture, centre - 2.5 * side)
            assert not lit(picture, centre + 5 * side)
            assert not lit(picture, centre - 5 * side)
        begin, _, along = across(stage, layer, *ENDS, 0)
        assert lit(picture, begin - 2 * along), "ends are round"
        assert not lit(picture, begin - 5.5 * along)


def test_a_width_in_world_units_grows_with_the_zoom_and_with_the_vertices_sizes(stage):
    layer = stage.add_linked(ENDS, [[0, 1]], sizes=[2, 1])
    layer.style.size_mode, layer.style.size, layer.style.size_by = "world", 3, "radius"
    layer.value_info = ValueInfo(size_by="radius")
    set_3d(stage)
    zoom = stage.viewer.scene.camera.zoom
    picture = stage.picture()
    for at, width in ((0.1, 5.7), (0.9, 3.3)):
        centre, side, _ = across(stage, layer, *ENDS, at)
        assert lit(picture, centre + (width * zoom / 2 - 1.5) * side)
        assert not lit(picture, centre + (width * zoom / 2 + 2) * side)
    layer.style.size_by = None
    picture = stage.picture()
    centre, side, _ = across(stage, layer, *ENDS, 0.1)
    assert not lit(picture, centre + (3 * zoom / 2 + 2) * side)


def test_a_segment_is_cut_at_the_slab_and_a_step_uploads_nothing(stage, monkeypatch):
    ends = np.array([[10, 20, 20], [90, 80, 80]], dtype=float)
    layer = stage.add_linked(ends, [[0, 1]])
    layer.style.slab_thickness = 10
    stage.viewer.reset_view()
    for name in ("write_vertices", "write_values", "write_indices", "write_others", "allocate"):
        monkeypatch.setattr(stage.visual(layer).node.sink, name, lambda *a, **k: pytest.fail("uploaded"))
    for depth in (30, 50, 70):
        stage.viewer.dims.set_point(0, depth)
        picture = stage.picture()
        for at in np.linspace(0.02, 0.98, 49):
            z = 10 + 80 * at
            centre, _, _ = across(stage, layer, *ends, at)
            if abs(z - depth) < 4.5:
                assert lit(picture, centre), (depth, z)
            elif abs(z - depth) > 6.5:
                assert not lit(picture, centre), (depth, z)


def test_a_segment_that_begins_behind_the_eye_ends_at_it(stage):
    ends = np.array([[50, 50, 50], [50, 50, -400]], dtype=float)
    layer = stage.add_linked(ends, [[0, 1]], bounds=((0, 0, -400), (100, 100, 100)))
    set_3d(stage, (0, 5, 0), 60)
    stage.viewer.scene.camera.center = (50, 50, 50)
    stage.viewer.scene.camera.zoom = 20
    picture = stage.picture()
    at = stage.project(layer, ends[:1])[0]
    assert lit(picture, at)
    columns = np.nonzero((picture.max(axis=2) > 60).any(axis=0))[0]
    rows = np.nonzero((picture.max(axis=2) > 60).any(axis=1))[0]
    assert min(np.ptp(columns), np.ptp(rows)) < 60, "it is one stripe, not turned over"


def test_values_colour_from_end_to_end(stage):
    layer = stage.add_linked(ENDS, [[0, 1]], values=[0, 1])
    layer.value_info = ValueInfo("scalar", (0, 1))
    layer.style.color_by, layer.style.colormap = "v", "gray"
    set_3d(stage)
    picture = stage.picture()
    lut = colormap_lut("gray")
    for at in (0.25, 0.5, 0.75):
        centre, _, _ = across(stage, layer, *ENDS, at)
        found = picture[int(centre[1]), int(centre[0])].astype(int)
        assert np.abs(found - lut[round(255 * at), :3]).max() <= 3


LABELS = {
    "category": ValueInfo("category", categories=64),
    "labels": ValueInfo("scalar", (0, 63), labels=(0, 20, 63)),
}


@pytest.mark.parametrize("info", list(LABELS.values()), ids=list(LABELS))
@pytest.mark.parametrize("perspective", [0, 45])
def test_between_corners_of_two_categories_is_the_one_or_the_other(stage, info, perspective):
    line = stage.add_linked(ENDS, [[0, 1]], values=[63, 20])
    face = stage.add_linked(TRIANGLE, [[0, 1, 2]], values=[0, 20, 0])
    three = stage.add_linked(TRIANGLE, [[0, 1, 2]], values=[0, 20, 63])
    lut = category_lut(64)[:, :3].astype(int)
    for layer in (line, face, three):
        layer.value_info, layer.style.color_by, layer.style.color_mode = info, "region", "cycle"
        layer.visible, layer.style.shading = False, "flat" if layer is line else "soft"
    set_3d(stage, (20, -30, 50), perspective)

    def code_at(layer, weights):
        layer.visible = True
        at = np.round(stage.project(layer, [np.array(weights) @ (ENDS if layer is line else TRIANGLE)])[0]).astype(int)
        found = stage.picture()[at[1], at[0]].astype(int)
        layer.visible = False
        distance = np.abs(lut - found).max(axis=1)
        assert distance.min() <= 2, "a colour of no category"
        return int(distance.argmin())

    for weights, code in (((0.95, 0.05), 63), ((0.55, 0.45), 63), ((0.45, 0.55), 20), ((0.05, 0.95), 20)):
        assert code_at(line, weights) == code
    for weights, code in (((0.6, 0.2, 0.2), 0), ((0.3, 0.45, 0.25), 0), ((0.2, 0.55, 0.25), 20), ((0.1, 0.8, 0.1), 20)):
        assert code_at(face, weights) == code
    for weights, code in (((0.4, 0.3, 0.3), 0), ((0.3, 0.4, 0.3), 20), ((0.3, 0.3, 0.4), 63), ((0.53, 0.02, 0.45), 0)):
        assert code_at(three, weights) == code


def test_directions_colour_by_the_names_of_axes(stage):
    layer = stage.add_linked(ENDS, [[0, 1]], axis_labels=("z", "y", "x"))
    layer.value_info = ValueInfo("direction")
    layer.style.color_by = "direction"
    set_3d(stage)
    picture = stage.picture()
    centre, _, _ = across(stage, layer, *ENDS)
    step = np.abs(ENDS[1] - ENDS[0])
    wanted = 255 * step[::-1] / np.linalg.norm(step)  # x is red
    assert np.abs(picture[int(centre[1]), int(centre[0])] - wanted).max() <= 2


@pytest.mark.parametrize("perspective", [0, 45])
def test_a_triangle_covers_what_lies_between_its_corners(stage, perspective):
    layer = stage.add_linked(TRIANGLE, [[0, 1, 2]])
    set_3d(stage, (20, -30, 50), perspective)
    picture = stage.picture()
    rng = np.random.default_rng(0)
    for weights in rng.dirichlet(np.ones(3), 60):
        if weights.min() < 0.03:
            continue
        at = stage.project(layer, [weights @ TRIANGLE])[0]
        assert tuple(picture[int(at[1]), int(at[0])]) == RED
    for outside in ((1.1, -0.05, -0.05), (-0.05, 1.1, -0.05), (-0.1, 0.55, 0.55)):
        at = stage.project(layer, [np.array(outside) @ TRIANGLE])[0]
        assert not lit(picture, at)


def test_a_surface_is_as_bright_as_it_turns_to_the_eye(stage):
    layer = stage.add_linked(TRIANGLE, [[0, 1, 2]])
    set_3d(stage)
    camera = stage.viewer.scene.camera
    for shading in ("flat", "round"):
        layer.style.shading = shading
        for angles in FACING:
            camera.angles = angles
            facing = abs(np.array(camera.view_direction)[0])  # the triangle lies across axis 0
            assert facing > 0.3
            picture = stage.picture()
            at = stage.project(layer, [TRIANGLE.mean(axis=0)])[0]
            wanted = 255 * (0.25 + 0.75 * facing)
            assert abs(int(picture[int(at[1]), int(at[0]), 0]) - wanted) <= 3, (shading, angles)


def test_faces_that_turn_away_and_wires(stage):
    layer = stage.add_linked(TRIANGLE, [[0, 1, 2]])
    set_3d(stage, FACING[0])
    seen = []
    layer.style.backfaces = False
    for angles in (FACING[0], AWAY):
        stage.viewer.scene.camera.angles = angles
        seen.append(lit(stage.picture(), stage.project(layer, [TRIANGLE.mean(axis=0)])[0]))
    assert sorted(seen) == [False, True]
    layer.style.backfaces = True
    stage.viewer.scene.camera.angles = FACING[0]
    at, edge = stage.project(layer, [TRIANGLE.mean(axis=0), TRIANGLE[:2].mean(axis=0) + np.array([0, 0, 0.1])])
    layer.style.wireframe, layer.style.size = True, 2
    picture = stage.picture()
    assert not lit(picture, at)
    assert lit(picture, edge)


def test_a_surface_is_cut_at_the_slab(stage):
    tilted = TRIANGLE.copy()
    tilted[:, 0] = [20, 20, 80]
    layer = stage.add_linked(tilted, [[0, 1, 2]])
    layer.style.slab_thickness = 10
    stage.viewer.reset_view()
    stage.viewer.dims.set_point(0, 50)
    picture = stage.picture()
    for z in range(25, 80, 3):
        t = (z - 20) / 60
        at = stage.project(layer, [(1 - t) * tilted[:2].mean(axis=0) + t * tilted[2]])[0]
        assert lit(picture, at) == (abs(z - 50) < 5), z


def test_four_axes_draw_the_segments_of_the_slider(stage):
    ends = np.array([[0, 10, 20, 20], [0, 10, 80, 80], [1, 10, 20, 80], [1, 10, 80, 20]], dtype=float)
    layer = stage.add_linked(ends, [[0, 1], [2, 3]], bounds=((0, 0, 0, 0), (1, 20, 100, 100)))
    layer.default_slab = (0.5, 30, 200, 200)
    stage.viewer.reset_view()
    for time, first in ((0, True), (1, False)):
        stage.viewer.dims.set_point(0, time)
        stage.viewer.dims.set_point(1, 10)
        picture = stage.picture()
        for segment in (0, 1):
            at = stage.project(layer, ends[2 * segment : 2 * segment + 2])
            quarter = at[0] + 0.25 * (at[1] - at[0])
            assert lit(picture, quarter) == (first == (segment == 0))
