"""The snapshot agrees with what vispy really draws: sides of the view, scale, focus, eye and slab."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from napari_zarr_vectors._layers import clips_of, snapshot, viewer_state
from napari_zarr_vectors._layers._geometry import world_map

pytestmark = pytest.mark.gui

BOUNDS = ((0, 0, 0), (100, 200, 300))
VIEWS = {
    "2d": {"ndisplay": 2},
    "2d order zoom": {"ndisplay": 2, "order": (2, 0, 1), "zoom": 7.0},
    "2d flipped": {"ndisplay": 2, "orientation": ("away", "up", "left")},
    "3d parallel": {"ndisplay": 3, "angles": (10, 30, 40)},
    "3d 15": {"ndisplay": 3, "angles": (10, 30, 40), "perspective": 15},
    "3d 60 inside": {"ndisplay": 3, "angles": (-70, 10, 140), "perspective": 60, "zoom": 6.0},
    "3d left-handed": {
        "ndisplay": 3,
        "angles": (10, 30, 40),
        "perspective": 30,
        "orientation": ("towards", "up", "right"),
    },
    "3d order": {"ndisplay": 3, "angles": (5, 6, 7), "perspective": 30, "order": (1, 2, 0)},
    "3d tall": {"ndisplay": 3, "angles": (5, 6, 7), "perspective": 30, "size": (500, 900)},
    "3d grid": {"ndisplay": 3, "angles": (5, 6, 7), "grid": True, "perspective": 30},
}
UPRIGHT = ("towards", "down", "right")
LAYERS = [
    {},
    {"scale": (2, 0.5, 1), "translate": (30, -20, 10), "rotate": (10, 20, 30)},
    {"affine": [[1, 0.2, 0, 5], [0, 1, -0.3, 0], [0.1, 0, 3, -9], [0, 0, 0, 1]]},
    {"scale": (-1, 1, 2), "units": ("mm", "um", "um")},
]


def look(
    stage,
    *,
    ndisplay,
    order=(0, 1, 2),
    angles=(0, 0, 0),
    perspective=0,
    zoom=None,
    orientation=UPRIGHT,
    size=(900, 700),
    grid=False,
):
    viewer, camera = stage.viewer, stage.viewer.scene.camera
    viewer.window.resize(*size)
    viewer.canvas.grid.shape = (1, 2)
    viewer.canvas.grid.enabled = grid
    viewer.dims.order, viewer.dims.ndisplay = order, ndisplay
    camera.orientation = orientation
    stage.picture()
    viewer.reset_view()
    if ndisplay == 3:
        camera.angles = angles
    camera.perspective = perspective
    if zoom is not None:
        camera.zoom = zoom
    stage.picture()  # napari keeps the camera model right after each paint


@pytest.fixture
def scene(stage):
    def make(view, options):
        layer = stage.add([[50, 50, 50]], bounds=BOUNDS, **options)
        stage.add([[50, 50, 50]], bounds=BOUNDS, units=("um",) * 3 if "units" in options else None)
        look(stage, **view)
        return layer, snapshot(stage.viewer, layer)

    return make


def full(state, points):
    """(n, d) displayed data coordinates -> (n, 3) data coordinates."""
    everything = np.zeros((len(points), 3))
    everything[:, state.displayed] = points
    return everything


def depth_world(state, points):
    """Distance before the eye along the view, world units, or None in parallel projection."""
    return None if state.eye is None else (points - state.eye) * state.axis_scale @ state.forward


def around(state, n, rng, reach=1.0):
    """Points in a cube about the focus as wide as `reach` canvases."""
    span = reach * max(state.canvas_px) / state.focal_px / state.axis_scale
    if state.eye is not None:
        span = span * np.linalg.norm((state.focus - state.eye) * state.axis_scale)
    return state.focus + (rng.random((n, len(state.displayed))) - 0.5) * span


def test_the_snapshot_is_what_is_drawn(scene, stage):
    for name, view in VIEWS.items():
        print(name)  # said if it fails
        layer, state = scene(view, {"scale": (2, 0.5, 1), "translate": (30, -20, 10)})
        assert_focus_in_the_middle(stage, layer, state)
        assert_planes_are_the_edges(stage, layer, state, np.random.default_rng(0))
        assert_scale(stage, layer, state)
        assert_no_visible_box_is_missed(stage, layer, state, np.random.default_rng(1))
        assert state.canvas_px == tuple(stage.viewer.canvas.viewbox_size(stage.viewer.layers))
        assert (state.eye is None) is (view.get("perspective", 0) == 0)
        stage.viewer.layers.clear()


def test_the_layers_own_transform_is_folded_in(scene, stage):
    for name in ("2d order zoom", "3d 60 inside"):
        for options in LAYERS:
            print(name, options)
            layer, state = scene(VIEWS[name], options)
            assert_focus_in_the_middle(stage, layer, state)
            assert_planes_are_the_edges(stage, layer, state, np.random.default_rng(0))
            assert_no_visible_box_is_missed(stage, layer, state, np.random.default_rng(1))
            stage.viewer.layers.clear()


def test_a_transform_that_changes_is_in_the_next_snapshot(stage):
    layer = stage.add([[50, 50, 50]], bounds=BOUNDS, units=("um",) * 3)
    stage.viewer.dims.ndisplay = 3
    affine = np.array([[1, 0.2, 0, 5], [0, 1, -0.3, 0], [0.1, 0, 3, -9], [0, 0, 0, 1]])
    changes = {
        "scale": (2, 0.5, 1),
        "translate": (30, -20, 10),
        "rotate": (10, 20, 30),
        "shear": (0.1, 0, 0.2),
        "affine": affine,
        "units": ("mm", "um", "um"),
    }
    for name, value in changes.items():
        before = snapshot(stage.viewer, layer).planes
        setattr(layer, name, value)
        found, fresh = layer.world_map(stage.viewer.dims.units), world_map(layer, stage.viewer.dims.units)
        assert np.array_equal(found.linear, fresh.linear), name
        assert np.array_equal(found.offset, fresh.offset), name
        # Of one layer alone the world has the units.
        assert np.array_equal(snapshot(stage.viewer, layer).planes, before) is (name == "units"), name


def window_of(stage, layer):
    """(column, row) of the corner of the box that shows the layer, canvas px."""
    node = stage.visual(layer).node
    while not hasattr(node, "camera"):
        node = node.parent
    return np.array(node.get_transform("visual", "canvas").map((0, 0))[:2])


def in_window(stage, layer, state, points):
    return stage.project(layer, full(state, points)) - window_of(stage, layer)


def assert_focus_in_the_middle(stage, layer, state):
    at = in_window(stage, layer, state, state.focus[None])[0]
    assert np.abs(at - np.array(state.canvas_px)[::-1] / 2).max() <= 1


def assert_planes_are_the_edges(stage, layer, state, rng):
    """A point of a side plane lies on an edge of the canvas; each edge has its plane."""
    height, width = state.canvas_px
    edges = set()
    for plane in state.planes[:4]:
        normal = plane[:-1]
        assert np.isclose(np.linalg.norm(normal), 1)
        points = around(state, 400, rng)
        across = normal / state.axis_scale**2  # straight to the plane as the world sees it
        points -= np.outer((points @ normal + plane[-1]) / (across @ normal), across)
        depth = depth_world(state, points)
        if depth is not None:
            points = points[depth > 0.3 * np.linalg.norm((state.focus - state.eye) * state.axis_scale)]
        column, row = in_window(stage, layer, state, points).T
        near = {"left": column, "right": column - width, "top": row, "bottom": row - height}
        hit = [name for name, distance in near.items() if np.abs(distance).max() <= 1]
        assert len(hit) == 1
        edges.add(hit[0])
    assert len(edges) == 4


def assert_scale(stage, layer, state):
    """`focal_px` and `axis_scale` tell how many px a step across the view takes."""
    for k in range(len(state.displayed)):
        step = np.zeros(len(state.displayed))
        step[k] = 1e-3
        ends = in_window(stage, layer, state, np.stack([state.focus - step, state.focus + step]))
        across = 2e-3 * state.axis_scale[k] * np.sqrt(1 - state.forward[k] ** 2)
        px = across * state.focal_px
        if state.eye is not None:
            px /= np.linalg.norm((state.focus - state.eye) * state.axis_scale)
        assert np.linalg.norm(ends[1] - ends[0]) == pytest.approx(px, rel=0.02)


def assert_no_visible_box_is_missed(stage, layer, state, rng):
    height, width = state.canvas_px
    middles = around(state, 300, rng, reach=2.5)
    sizes = rng.random(middles.shape) * 0.2 * np.ptp(middles, axis=0)
    inside = middles[:, None] + (rng.random((300, 60, middles.shape[1])) - 0.5) * sizes[:, None]
    flat = inside.reshape(-1, middles.shape[1])
    column, row = in_window(stage, layer, state, flat).T
    depth = depth_world(state, flat)
    seen = (column > 0) & (column < width) & (row > 0) & (row < height)
    if depth is not None:
        seen &= depth > 0
    truly = seen.reshape(300, 60).any(axis=1)
    normals = state.planes[:, :-1]
    lo, hi = middles - sizes / 2, middles + sizes / 2
    corner = np.where(normals[:, None] > 0, hi, lo)  # (P, n, d)
    kept = np.all((corner * normals[:, None]).sum(axis=2) + state.planes[:, -1:] >= 0, axis=0)
    assert 20 < truly.sum() < 300
    assert not np.any(truly & ~kept)
    assert (~kept).sum() > 0.5 * (~truly).sum()  # and it does cull


def test_the_slab_is_the_one_that_is_drawn(stage):
    layer = stage.add([[50, 50, 50]], bounds=BOUNDS, scale=(2, 1, 1), translate=(10, 0, 0))
    dims = stage.viewer.dims
    dims.set_point(0, 110)

    def slab():
        state = snapshot(stage.viewer, layer)
        np.testing.assert_allclose(state.slab_lo, layer.slab()[0])
        np.testing.assert_allclose(state.slab_hi, layer.slab()[1])
        assert np.isinf(state.slab_lo[1:]).all()
        return [state.slab_lo[0], state.slab_hi[0]]

    assert slab() == [49, 51]
    layer.default_slab = (10, 1, 1)
    assert slab() == [45, 55]
    layer.style.slab_thickness = 4
    assert slab() == [48, 52]
    dims.margin_left, dims.margin_right = (2, 0, 0), (6, 0, 0)
    assert slab() == [49, 53]
    layer.scale = (-2, 1, 1)
    lo, hi = slab()
    assert hi - lo == 4
    state = snapshot(stage.viewer, layer, default_slab=(1, 1, 1))
    assert state.slab_hi[0] - state.slab_lo[0] == 4
    dims.ndisplay = 3
    assert np.isinf(snapshot(stage.viewer, layer).slab_lo).all()


def test_a_layer_with_fewer_axes_than_the_viewer(stage):
    flat = stage.add([[50, 50]], bounds=((0, 0), (100, 200)))
    stage.add([[50, 50, 50, 50]], bounds=((0,) * 4, (100,) * 4))
    stage.viewer.reset_view()
    state = snapshot(stage.viewer, flat)
    assert state.displayed == (0, 1)
    assert state.planes.shape == (4, 3)
    stage.viewer.dims.ndisplay = 3
    stage.viewer.scene.camera.perspective = 30
    stage.picture()
    state = snapshot(stage.viewer, flat)
    assert state.displayed == (0, 1)
    assert state.eye is None
    assert state.planes.shape == (5, 3)
    assert stage.picture().max() > 100


def test_clipping_planes_in_force_are_those_of_the_picture_whatever_axes_a_layer_has(stage):
    options = {
        2: {"scale": (2, 3), "translate": (4, 5), "rotate": 30, "units": ("um",) * 2},
        3: {"scale": (2, 1, 0.5), "translate": (1, 2, 3), "rotate": (10, 20, 30), "units": ("mm", "um", "um")},
        4: {"scale": (2, 1, 0.5, 3), "translate": (5, -7, 9, 1), "units": ("s", "mm", "um", "um")},
    }
    layers = [stage.add([[50] * n], bounds=((0,) * n, (100,) * n), **given) for n, given in options.items()]
    planes = [{"position": (1, 2, 9), "normal": (0.2, 0.5, 1)}, {"position": (3, -2, 1), "normal": (1, -0.5, 0.3)}]
    for layer in layers:
        assert clips_of(stage.viewer, layer).shape == (0, layer.ndim + 1)
        layer.experimental_clipping_planes = [*planes, planes[0] | {"enabled": False}]
    for ndisplay, order in ((3, (0, 1, 2, 3)), (3, (2, 0, 3, 1)), (2, (0, 1, 2, 3)), (2, (3, 1, 0, 2))):
        stage.viewer.dims.order, stage.viewer.dims.ndisplay = order, ndisplay
        stage.picture()
        for layer in layers:
            node = stage.visual(layer).node
            drawn = node._data_planes(node)  # five axes minus the origin, and an offset
            normals = drawn[:, : layer.ndim]
            wanted = np.column_stack([normals, drawn[:, -1] - normals @ layer.origin])
            np.testing.assert_allclose(clips_of(stage.viewer, layer), wanted, rtol=1e-5, atol=1e-4)


def test_a_layer_of_two_axes_alone_in_a_3d_view_lies_at_depth_0(stage):
    layer = stage.add([[50, 50]], bounds=((0, 0), (100, 200)))
    stage.viewer.dims.ndisplay = 3
    stage.picture()
    stage.viewer.reset_view()
    stage.picture()
    state = snapshot(stage.viewer, layer)
    np.testing.assert_allclose(state.focus, (50, 100), atol=1)
    corners = np.array([[0, 0], [0, 200], [100, 0], [100, 200]])
    assert (corners @ state.planes[:, :-1].T + state.planes[:, -1] >= 0).all()


def test_what_a_viewer_says_stays_as_it_was_read_and_is_reckoned_on_any_thread(stage):
    layer = stage.add([[50, 50, 50]], bounds=BOUNDS, scale=(2, 1, 1), rotate=(10, 20, 30))
    viewer = stage.viewer
    for ndisplay, perspective in ((2, 0), (3, 0), (3, 40)):
        viewer.dims.ndisplay = ndisplay
        viewer.scene.camera.perspective = perspective
        stage.picture()
        wanted, seen = snapshot(viewer, layer), viewer_state(viewer, layer)
        viewer.scene.camera.zoom *= 2
        viewer.scene.camera.center = (1, 2, 3)
        viewer.scene.camera.angles = (50, 40, 30)
        viewer.dims.set_point(0, 7)
        layer.translate, layer.default_slab = (9, 9, 9), (5, 5, 5)
        with ThreadPoolExecutor(1) as thread:
            found = thread.submit(seen.camera).result()
        for name in ("planes", "eye", "axis_scale", "focal_px", "focus", "forward", "slab_lo", "slab_hi"):
            np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name), err_msg=name)
