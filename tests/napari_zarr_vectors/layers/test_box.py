"""A box and clipping planes: what is outside is neither seen nor picked, at once, on every kind."""

import numpy as np
import pytest

from napari_zarr_vectors._build import nearest
from napari_zarr_vectors._layers import snapshot
from napari_zarr_vectors._layers._geometry import boxed

pytestmark = pytest.mark.gui

LINE = np.array([[50, 50, 10], [50, 50, 90]], dtype=float)
TRIANGLE = np.array([[50, 10, 10], [50, 90, 10], [50, 50, 90]], dtype=float)
ROW = np.stack([np.full(9, 50), np.full(9, 50), np.linspace(10, 90, 9)], axis=1)
VIEWS = (((10, 20, 80), 0), ((20, 30, 60), 40))
WALL = ((-np.inf, -np.inf, 30), (np.inf, np.inf, 60))


@pytest.fixture(params=["points", "line", "triangle"])
def shown(request, stage):
    """A layer in 3-D, places along its axis 2, and which places of a picture are lit and picked there."""
    options = {"scale": (2, 1, 0.5), "translate": (5, -7, 9)}
    if request.param == "points":
        layer = stage.add(ROW, **options)
    else:
        points, links = {"line": (LINE, [[0, 1]]), "triangle": (TRIANGLE, [[0, 1, 2]])}[request.param]
        layer = stage.add_linked(points, links, **options)
    stage.viewer.dims.ndisplay = 3
    stage.viewer.reset_view()
    return layer


def seen(stage, layer):
    """Of nine places along axis 2 those that are lit, after all that are lit have been found to be what is picked."""
    picture = stage.picture()
    at = np.floor(stage.project(layer, ROW)).astype(int)
    lit = picture[at[:, 1], at[:, 0], 0] > 60
    half = np.array([picture.shape[1], picture.shape[0]]) / 2
    sight = layer._sight()
    hits = [nearest(layer.pool.drawn(), sight, (px + 0.5 - half) * (1, -1), 0.0) is not None for px in at]
    assert lit.tolist() == hits
    return ROW[lit, 2].tolist()


def test_what_is_outside_of_a_box_or_of_planes_is_not_seen_and_not_picked(stage, shown, monkeypatch):
    for name in ("write_vertices", "write_values", "write_indices", "write_others", "allocate"):
        monkeypatch.setattr(stage.visual(shown).node.sink, name, lambda *a, **k: pytest.fail("uploaded"))
    for angles, perspective in VIEWS:
        stage.viewer.scene.camera.angles = angles
        stage.viewer.scene.camera.perspective = perspective
        assert set(seen(stage, shown)) >= {20, 30, 40, 50, 60, 70, 80}
        shown.filter.box = ((-np.inf, -np.inf, 35), (np.inf, np.inf, 65))
        assert seen(stage, shown) == [40, 50, 60]
        shown.filter.box = ((60, 0, 0), (100, 100, 100))
        assert seen(stage, shown) == []
        shown.filter.box = None
        # napari's planes lie in the world of the canvas.
        above = {"position": (0, 0, 9 + 0.5 * 35), "normal": (0, 0, 1), "enabled": True}
        shown.experimental_clipping_planes = [above]
        assert [z for z in seen(stage, shown) if z < 85] == [40, 50, 60, 70, 80]
        shown.experimental_clipping_planes = [above, {"position": (0, 0, 9 + 0.5 * 65), "normal": (0, 0, -1)}]
        assert seen(stage, shown) == [40, 50, 60]
        shown.experimental_clipping_planes = []
    stage.viewer.dims.ndisplay = 2
    stage.viewer.reset_view()
    stage.viewer.dims.set_point(0, 2 * 50 + 5)
    shown.filter.box = WALL
    assert {40, 50} <= set(seen(stage, shown)) <= {30, 40, 50, 60}
    shown.filter.box = ((80, 0, 0), (90, 100, 100))  # the slider is elsewhere
    assert seen(stage, shown) == []


def test_a_line_ends_at_the_face_of_a_box(stage):
    layer = stage.add_linked(LINE, [[0, 1]])
    stage.viewer.dims.ndisplay = 3
    stage.viewer.reset_view()
    stage.viewer.scene.camera.angles = (0, 0, 90)
    layer.filter.box = ((0, 0, 33), (100, 100, 61))
    picture = stage.picture()
    columns = np.nonzero(picture[..., 0].max(axis=0) > 60)[0]
    rows = np.nonzero(picture[..., 0].max(axis=1) > 60)[0]
    ends = stage.project(layer, [[50, 50, 33], [50, 50, 61]])
    for axis, found in enumerate((columns, rows)):
        low, high = np.sort(ends[:, axis])
        assert found.min() == pytest.approx(low - 3.5, abs=1.5)  # ends are round
        assert found.max() == pytest.approx(high + 3.5, abs=1.5)


def test_the_planner_knows_the_box(stage):
    layer = stage.add(ROW)
    layer.filter.box = WALL
    for ndisplay in (3, 2):
        stage.viewer.dims.ndisplay = ndisplay
        camera = snapshot(stage.viewer, layer)
        assert (camera.slab_lo[2], camera.slab_hi[2]) == (30, 60)
    assert (camera.slab_lo[0], camera.slab_hi[0]) == (49, 51)


def test_what_a_slab_and_a_box_have_in_common():
    slab = np.array([-np.inf, 2.0, 5.0]), np.array([np.inf, 4.0, 6.0])
    assert boxed(slab, None) is slab
    lo, hi = boxed(slab, ((0, 3, 7), (1, 9, 9)))
    assert (lo[:2].tolist(), hi[:2].tolist()) == ([0, 3], [1, 4])
    assert lo[2] == hi[2] > 1e99  # nothing: a place where nothing is
