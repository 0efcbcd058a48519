"""Points are where they must be, in the colour they must be, in a real window."""

import gc
import threading
import weakref

import numpy as np
import pytest
from napari.settings import get_settings

from napari_zarr_vectors._build import build_points, nearest, pack_rgb
from napari_zarr_vectors._layers import PagePool, StreamingPoints, ValueInfo
from napari_zarr_vectors._layers._lut import DISTINCT, category_lut

pytestmark = pytest.mark.gui

FIVE = np.array([[50, 50, 50], [20, 30, 70], [80, 70, 20], [35, 80, 80], [60, 20, 40]], dtype=float)
RED, GREEN = (255, 0, 0), (0, 255, 0)


def assert_points_at(stage, layer, points, colour=RED, tolerance=1.0):
    picture = stage.picture()
    for at in stage.project(layer, points):
        centre, size = stage.blob(picture, at, reach=8)
        assert size, f"nothing at {at}"
        assert np.abs(centre - at).max() <= tolerance
        assert tuple(picture[int(at[1]), int(at[0])]) == colour


def set_3d(stage, angles=(0, 0, 90), perspective=0.0):
    stage.viewer.dims.ndisplay = 3
    stage.viewer.reset_view()
    stage.viewer.scene.camera.angles = angles
    stage.viewer.scene.camera.perspective = perspective


@pytest.mark.parametrize("turned", [False, True], ids=["plain", "transformed"])
def test_points_are_drawn_where_the_camera_says(stage, turned):
    options = {"scale": (2, 1, 0.5), "translate": (5, -7, 9), "rotate": (10, 20, 30)} if turned else {}
    layer = stage.add(FIVE, **options)
    for angles, perspective in (((0, 0, 90), 0), ((20, -30, 50), 0), ((-40, 25, 110), 45)):
        set_3d(stage, angles, perspective)
        assert_points_at(stage, layer, FIVE)
    stage.viewer.scene.camera.orientation = ("towards", "up", "right")
    assert_points_at(stage, layer, FIVE)
    if turned:
        return
    flat = FIVE.copy()
    stage.viewer.dims.ndisplay = 2
    layer.style.slab_thickness = 1000
    stage.viewer.reset_view()
    for order in ((0, 1, 2), (1, 2, 0), (2, 1, 0), (0, 2, 1)):
        stage.viewer.dims.order = order
        stage.viewer.reset_view()
        assert_points_at(stage, layer, flat)


def test_a_far_origin_costs_no_pixel_in_3d(stage):
    far = FIVE + 5e5
    layer = stage.add(far, bounds=((5e5,) * 3, (5e5 + 100,) * 3))
    set_3d(stage, (20, -30, 50), 30)
    stage.viewer.scene.camera.center = far[1]
    stage.viewer.scene.camera.zoom = 300
    near = far[1:2]
    assert_points_at(stage, layer, near)
    origin_px = stage.project(layer, near)[0]
    assert np.abs(origin_px - np.array(stage.viewer.canvas.size)[::-1] / 2).max() <= 1


def test_the_slab_hides_and_stepping_uploads_nothing(stage, monkeypatch):
    layer = stage.add([[10, 50, 30], [20, 50, 70]])
    stage.viewer.reset_view()
    sink = stage.visual(layer).node.sink
    for name in ("write_vertices", "write_values", "write_indices", "allocate"):
        monkeypatch.setattr(sink, name, lambda *a, **k: pytest.fail("uploaded"))
    left, right = stage.project(layer, [[10, 50, 30], [20, 50, 70]])
    for depth, seen in ((10, (True, False)), (20, (False, True)), (15, (False, False)), (8, (False, False))):
        stage.viewer.dims.set_point(0, depth)
        picture = stage.picture()
        assert tuple(stage.blob(picture, at)[1] > 0 for at in (left, right)) == seen
    layer.style.slab_thickness = 11
    stage.viewer.dims.set_point(0, 15)
    assert all(stage.blob(stage.picture(), at)[1] for at in (left, right))
    stage.viewer.dims.set_point(0, 0)
    stage.viewer.dims.margin_right = (10, 0, 0)
    picture = stage.picture()
    assert [stage.blob(picture, at)[1] > 0 for at in (left, right)] == [True, False]


def test_a_view_that_is_said_already_paints_nothing_anew(stage, monkeypatch):
    layer = stage.add([[50, 50, 50]])
    node = stage.visual(layer).node
    painted = []
    monkeypatch.setattr(node, "update", lambda: painted.append(1))
    displayed, slab = layer.displayed_axes, layer.painted_slab()
    layer.show_frame(displayed, *slab)
    layer.forget_frame()
    assert not painted
    node.set_view(displayed, slab[0], np.minimum(slab[1], 60.0))
    assert painted


def test_a_frame_is_told_where_sliders_choose_what_is_seen_and_not_where_all_axes_are_on_the_canvas(stage):
    layer = stage.add([[50, 50, 50]])
    told = []
    layer.events.frame.connect(lambda: told.append(layer.displayed_axes))
    slab = layer.painted_slab()
    layer.show_frame((1, 2), *slab)
    layer.show_frame((1, 2), *(end.copy() for end in slab))
    assert told == [(1, 2)]
    set_3d(stage)
    free = np.full(3, np.inf)
    layer.show_frame((0, 1, 2), -free, free)
    layer.forget_frame()
    assert told == [(1, 2)]
    stage.viewer.dims.ndisplay = 2
    layer.show_frame((1, 2), *slab)
    layer.forget_frame()
    assert told == [(1, 2)] * 3


def test_only_committed_rows_are_drawn(stage):
    layer = stage.add(FIVE)
    set_3d(stage)
    rows = layer.pool.chunk(1).positions + layer.origin
    places = stage.project(layer, rows)
    for shown in (3, 1, 0, 5):
        layer.pool.commit([1], [0], [shown])
        picture = stage.picture()
        assert [stage.blob(picture, at)[1] > 0 for at in places] == [row < shown for row in range(5)]
    layer.pool.resize(3 << 20)
    assert_points_at(stage, layer, FIVE)
    layer.pool.evict([1])
    assert stage.picture().max() == 0


def test_clipping_planes_visible_and_opacity(stage):
    layer = stage.add(FIVE)
    set_3d(stage)
    layer.experimental_clipping_planes = [{"position": (0, 0, 45), "normal": (0, 0, 1), "enabled": True}]
    picture = stage.picture()
    seen = [stage.blob(picture, at)[1] > 0 for at in stage.project(layer, FIVE)]
    assert seen == (FIVE[:, 2] > 45).tolist()
    layer.experimental_clipping_planes = []
    layer.opacity = 0.5
    at = np.round(stage.project(layer, FIVE)[0]).astype(int)
    assert abs(int(stage.picture()[at[1], at[0], 0]) - 128) <= 2
    layer.visible = False
    assert stage.picture().max() == 0
    layer.visible = True
    assert stage.picture().max() > 100


def test_blending_adds_and_depth_hides(stage):
    near, far = [[20, 50, 50]], [[80, 50, 50]]
    red, green = stage.add(near), stage.add(far)
    green.style.color = (0, 1, 0)
    set_3d(stage)
    stage.viewer.scene.camera.set_view_direction((1, 0, 0))
    at = np.round(stage.project(red, near)[0]).astype(int)

    def colour():
        return tuple(stage.picture()[at[1], at[0]])

    assert colour() == RED
    stage.viewer.scene.camera.set_view_direction((-1, 0, 0))
    assert colour() == GREEN
    stage.viewer.scene.camera.set_view_direction((1, 0, 0))
    red.blending = green.blending = "opaque"
    assert colour() == RED
    red.blending = green.blending = "translucent_no_depth"
    assert colour() == GREEN  # the layer that is drawn last
    red.blending = green.blending = "additive"
    assert colour() == (255, 255, 0)


def test_values_become_colours_and_a_new_look_uploads_nothing(stage, monkeypatch):
    values = np.array([0, 64, 128, 255, 300], np.float32)
    layer = stage.add(FIVE, values=values)
    set_3d(stage)
    sink = stage.visual(layer).node.sink
    for name in ("write_vertices", "write_values", "write_indices", "allocate"):
        monkeypatch.setattr(sink, name, lambda *a, **k: pytest.fail("uploaded"))
    places = np.round(stage.project(layer, FIVE)).astype(int)

    def colours():
        picture = stage.picture()
        return [tuple(map(int, picture[row, column])) for column, row in places]

    layer.value_info = ValueInfo("scalar", limits=(0, 255))
    layer.style.colormap = "gray"
    assert set(colours()) == {RED}
    layer.style.color_by = "intensity"
    grey = [0, 64, 128, 255, 255]
    assert np.abs(np.array(colours()) - np.array(grey)[:, None]).max() <= 1
    layer.style.contrast_limits = (0, 510)
    assert np.abs(np.array(colours())[:, 0] - np.array([0, 32, 64, 128, 150])).max() <= 1
    layer.style.gamma = 2
    assert abs(colours()[3][0] - 64) <= 1
    layer.style.colormap = "green"
    assert colours()[3][0] == 0
    layer.value_info = ValueInfo("category", categories=3)
    first, second, third, _, _ = colours()
    assert first == colours()[4]  # 0 and 300 are the same code modulo 3
    assert len({first, second, third}) == 3  # 0, 1, 2
    layer.style.color_by = None
    assert set(colours()) == {RED}


def test_whole_numbers_are_labels_with_a_colour_of_their_own_where_the_style_says_so(stage):
    layer = stage.add(FIVE, values=np.array([0, 1, -1, 65, 2], np.float32))
    set_3d(stage)
    layer.style.color_by = "region"
    layer.value_info = ValueInfo("scalar", limits=(-1, 65), labels=(-1, 0, 1, 2, 65))
    places = np.round(stage.project(layer, FIVE)).astype(int)

    def colours():
        picture = stage.picture()
        return [tuple(map(int, picture[row, column])) for column, row in places]

    by_colormap = colours()
    layer.style.color_mode = "cycle"
    lut = category_lut(DISTINCT)
    assert np.abs(np.array(colours()) - lut[[0, 1, 63, 1, 2], :3].astype(int)).max() <= 1
    layer.value_info = ValueInfo("scalar", limits=(-1, 65))
    assert colours() == by_colormap, "numbers that are no labels"


def test_another_choice_paints_nothing_until_its_values_are_there(stage, monkeypatch):
    layer = stage.add(FIVE, values=np.arange(5))
    layer.value_info, layer.style.color_by = ValueInfo("scalar", name="first"), "first"
    painted = []
    monkeypatch.setattr(stage.visual(layer).node, "update", lambda: painted.append("asked"))
    layer.style.color_by = "second"
    assert not painted
    layer.value_info = ValueInfo("scalar", name="second")
    assert painted
    painted.clear()
    layer.style.color_by = None  # one colour needs no values
    assert painted


def test_rgb_values_are_shown_exactly_and_can_be_replaced(stage):
    rgb = np.array([[255, 255, 255], [1, 2, 3], [200, 100, 50], [0, 0, 255], [254, 1, 128]], np.uint8)
    layer = stage.add(FIVE, values=pack_rgb(rgb))
    layer.value_info, layer.style.color_by = ValueInfo("rgb"), "rgb"
    set_3d(stage)
    places = np.round(stage.project(layer, FIVE)).astype(int)
    picture = stage.picture()
    assert [picture[row, column].tolist() for column, row in places] == rgb.tolist()
    layer.pool.stage(1, layer.pool.chunk(1).with_values(pack_rgb(np.full((5, 3), 77, np.uint8)), None))
    assert np.array_equal(stage.picture(), picture)  # until all are there
    layer.pool.swap()
    picture = stage.picture()
    assert {tuple(picture[row, column]) for column, row in places} == {(77, 77, 77)}


def test_points_are_as_large_as_their_sizes_say(stage):
    points = [[50, 50, 20], [50, 50, 50], [50, 50, 80]]
    layer = stage.add(points, sizes=[1, 3, 0])
    layer.style.size = 4
    stage.viewer.reset_view()
    stage.viewer.dims.set_point(0, 50)
    at = stage.project(layer, points)

    def areas():
        picture = stage.picture()
        return [stage.blob(picture, place)[1] for place in at]

    assert areas() == [16, 16, 16]
    layer.style.size_by = "mass"
    assert areas() == [16, 16, 16]  # until sizes are there
    layer.value_info = ValueInfo(size_by="mass")
    assert areas() == [16, 144, 1]
    sight = layer._sight()
    half = np.array(stage.picture().shape[1::-1]) / 2
    for place, reach in zip(at, (2, 6, 0.5), strict=True):  # what is seen is picked
        middle = (place - half) * (1, -1)
        for away, picked in ((reach - 0.4, True), (reach + 1, False)):
            hit = nearest(layer.pool.drawn(), sight, middle + np.array([away, 0]), 0.0)
            assert (hit is not None) == picked
    layer.style.shading = "soft"  # compiles anew
    layer.style.shading = "flat"
    assert areas() == [16, 144, 1]
    layer.style.size_mode, layer.style.size = "world", 4 / stage.viewer.scene.camera.zoom
    assert areas() == [16, 144, 1]
    layer.pool.stage(1, layer.pool.chunk(1).with_values(layer.pool.values(1), np.full(3, 2, np.float32)))
    layer.pool.swap()
    assert areas() == [64, 64, 64]
    layer.style.size_by = None
    assert areas() == [16, 16, 16]


def test_sizes_and_shapes(stage):
    points = [[50, 50, 30], [50, 50, 70]]
    layer = stage.add(points)
    stage.viewer.reset_view()
    stage.viewer.dims.set_point(0, 50)
    at = stage.project(layer, points)[0]
    layer.style.size = 10
    assert stage.blob(stage.picture(), at)[1] == 100
    layer.style.shading = "round"
    assert abs(stage.blob(stage.picture(), at)[1] - 79) <= 6
    layer.style.shading = "soft"
    edge = stage.picture()[int(at[1]), int(at[0]) - 10 : int(at[0]) + 10, 0]
    assert len({int(v) for v in edge if 0 < v < 255}) >= 1
    layer.style.shading, layer.style.size_mode, layer.style.size = "flat", "world", 3.0
    stage.viewer.scene.camera.zoom = 5
    at = stage.project(layer, points)[0]
    assert abs(stage.blob(stage.picture(), at, reach=20)[1] - 15**2) <= 2 * 15


def test_a_soft_edge_hides_nothing_behind_it(stage):
    front, back = stage.add([[20, 50, 50]]), stage.add([[80, 50, 50]])
    front.style.shading, front.style.size = "soft", 20
    back.style.color, back.style.size = (0, 1, 0), 40
    set_3d(stage)
    stage.viewer.scene.camera.set_view_direction((1, 0, 0))
    column, row = np.round(stage.project(front, [[20, 50, 50]])[0]).astype(int)
    around = stage.picture()[row - 18 : row + 18, column - 18 : column + 18]
    assert tuple(around[18, 18]) == RED
    assert around.max(axis=2).min() > 120
    assert (around[..., 1] == 255).sum() > 36 * 36 - 20 * 20


def test_in_perspective_what_is_nearer_is_larger_by_the_right_amount(stage):
    points = np.array([[10, 50, 40], [90, 50, 60]], dtype=float)
    layer = stage.add(points)
    layer.style.size_mode, layer.style.size = "world", 4.0
    set_3d(stage, perspective=50)
    stage.viewer.scene.camera.set_view_direction((1, 0, 0))
    picture = stage.picture()
    widths = [stage.blob(picture, at, reach=40)[1] ** 0.5 for at in stage.project(layer, points)]
    side = np.array([0, 2, 0])
    ends = [stage.project(layer, [p - side, p + side]) for p in points]
    true = [np.linalg.norm(b - a) for a, b in ends]
    assert np.abs(np.array(widths) - true).max() <= 1
    assert widths[0] > widths[1] + 5


def test_five_axes_in_any_order(stage):
    rng = np.random.default_rng(3)
    points = rng.uniform(20, 80, (4, 5))
    layer = stage.add(points, bounds=((0,) * 5, (100,) * 5))
    layer.style.slab_thickness = 1000
    for order in ((0, 1, 2, 3, 4), (0, 1, 4, 2, 3), (4, 2, 0, 1, 3)):
        stage.viewer.dims.order = order
        for ndisplay in (2, 3):
            stage.viewer.dims.ndisplay = ndisplay
            stage.viewer.reset_view()
            assert_points_at(stage, layer, points)
    layer.style.slab_thickness = 2
    stage.viewer.dims.order, stage.viewer.dims.ndisplay = (0, 1, 2, 3, 4), 2
    stage.viewer.dims.order = (3, 4, 0, 1, 2)
    for axis in (3, 4, 0):
        stage.viewer.dims.set_point(axis, points[2, axis])
    stage.viewer.reset_view()
    picture = stage.picture()
    assert [stage.blob(picture, at)[1] > 0 for at in stage.project(layer, points)] == [False, False, True, False]


def test_napari_does_to_it_what_it_does_to_layers(stage, qtbot):
    viewer = stage.viewer
    layer = stage.add(FIVE, name="a", units=("um", "um", "um"), axis_labels=("z", "y", "x"))
    stage.add(FIVE, name="b", units=("um", "um", "um"))
    set_3d(stage)
    layer.bounding_box.visible = True
    viewer.layers.move(0, 2)
    viewer.canvas.grid.enabled = True
    viewer.canvas.grid.shape = (1, 2)
    picture = stage.picture()
    middle = picture.shape[1] // 2
    assert picture[:, :middle].max() > 100
    assert picture[:, middle:].max() > 100
    viewer.canvas.grid.enabled = False
    viewer.layers.selection = {layer}
    layer.mode = "transform"
    layer.mode = "pan_zoom"
    layer.affine = np.diag([2.0, 2, 2, 1])
    layer.shear = (0.1, 0, 0)
    layer.units = ("mm", "mm", "mm")
    viewer.reset_view()
    stage.viewer.layers[1 - viewer.layers.index(layer)].visible = False
    assert_points_at(stage, layer, FIVE)
    layer.refresh()
    data, state, kind = layer.as_layer_data_tuple()
    assert (kind, state["name"], str(data)) == ("streamingpoints", "a", "")


@pytest.mark.parametrize("async_slicing", [False, True])
def test_sliders_work_whatever_the_slicing(stage, async_slicing, monkeypatch):
    get_settings().experimental.async_ = async_slicing
    layer = stage.add([[10, 50, 50]])
    stage.viewer.reset_view()
    at = stage.project(layer, [[10, 50, 50]])[0]
    for depth in (10, 40, 10):
        stage.viewer.dims.set_point(0, depth)
        assert (stage.blob(stage.picture(), at)[1] > 0) is (depth == 10)
    layer.visible = False
    stage.viewer.dims.set_point(0, 40)
    layer.visible = True
    assert stage.picture().max() == 0


def test_bounds_are_the_extent_before_any_data(stage):
    layer = StreamingPoints([[0, 0, 0], [10, 2000, 3000]], scale=(2, 1, 1), source="s3://bucket/a.zarrvectors")
    assert layer.thumbnail[..., :3].max() > 0
    before = layer.thumbnail.copy()
    stage.viewer.add_layer(layer)
    assert np.allclose(stage.viewer.layers.extent.world, [[0, 0, 0], [20, 2000, 3000]])
    assert stage.viewer.dims.range[0].stop == 20
    stage.viewer.reset_view()
    assert np.allclose(stage.viewer.scene.camera.center[-2:], (1000, 1500))
    assert stage.picture().max() == 0
    layer.set_preview([[0, 0], [3000, 2000]], (0, 1, 0, 1))
    assert not np.array_equal(layer.thumbnail, before)
    assert layer.thumbnail[..., 1].max() == 255


def test_status_can_be_asked_from_any_thread(stage):
    layer = stage.add(FIVE, source="/data/a.zarrvectors")
    answers = []
    thread = threading.Thread(target=lambda: answers.append(layer.get_status((1, 2, 3), world=True)))
    thread.start()
    thread.join()
    assert answers[0]["layer_base"] == "/data/a.zarrvectors"
    assert "1" in answers[0]["coordinates"]


def test_the_controls_are_napari_s_own(stage):
    layer = stage.add(FIVE)
    controls = stage.viewer.window._qt_viewer.controls.widgets[layer]
    assert type(controls).__name__ == "QtLayerControls"
    layer.opacity = 0.25
    layer.blending = "additive"


def test_a_removed_layer_is_collected_and_its_pool_survives_a_move(stage, qtbot):
    layer = stage.add(FIVE)
    set_3d(stage)
    sink = weakref.ref(stage.visual(layer).node.sink)
    stage.viewer.layers.remove(layer)
    gc.collect()
    assert sink() is None  # the layer may live on, its buffers must not
    assert stage.picture().max() == 0
    layer.style.size = 9  # nobody listens any more
    layer.pool.commit([1], [0], [4])
    stage.viewer.add_layer(layer)
    stage.viewer.dims.ndisplay = 3
    assert stage.picture().max() > 100
    stage.viewer.layers.remove(layer)
    stage.layers.clear()
    gone, pool = weakref.ref(layer), weakref.ref(layer.pool)
    del layer
    qtbot.wait(20)
    gc.collect()
    assert gone() is None
    assert pool() is None


def test_a_million_points_are_committed_and_drawn(stage):
    rng = np.random.default_rng(0)
    layer = stage.add(FIVE, pool_rows=1_200_000)
    layer.style.size = 1
    pool = layer.pool
    assert isinstance(pool, PagePool)
    for node in range(2, 102):
        points = rng.uniform(0, 100, (10_000, 3))
        built = build_points(points, None, origin=layer.origin, chunk_lo=[0] * 3, cell_shape=[100] * 3, ratios=[])
        assert pool.upload(node, built)
    assert pool.commit(np.arange(2, 102), np.zeros(100, int), np.full(100, 10_000)) == 1_000_000
    set_3d(stage)
    assert (stage.picture()[..., 0] > 100).sum() > 50_000


def test_units_of_another_kind_than_the_viewers_are_left_alone_as_napari_leaves_them(stage):
    layer = stage.add(FIVE, name="a")
    set_3d(stage)
    before = stage.picture()
    layer.units = ("mm", "mm", "mm")  # it was pixels
    assert np.array_equal(stage.picture(), before)
    stage.add(FIVE, name="b").visible = False
    layer.units = ("um", "um", "um")
    assert_points_at(stage, layer, FIVE)
