"""Sizes in units of the data are that, whatever lies between the data and the world."""

import numpy as np
import pytest

from napari_zarr_vectors._build import nearest
from napari_zarr_vectors._layers import ValueInfo

PLACE = np.array([[50.0, 50, 50]])
ENDS = np.array([[50, 20, 50], [50, 80, 50]], dtype=float)
MAPS = {
    "plain": {},
    "scaled": {"scale": (3, 3, 3)},
    "tiny": {"scale": (0.001, 0.001, 0.001)},
    "mirrored": {"scale": (2, -2, 2)},
    "turned": {"scale": (2, 2, 2), "rotate": (10, 20, 30)},
    "in other units": {"units": ("nm", "nm", "nm")},
    "affine": {"affine": np.diag([4, 4, 4, 1])},
}


def unit_px(stage, layer):
    """Pixels of a data unit that lies in the canvas, whatever way it points."""
    at = stage.project(layer, np.concatenate([PLACE, PLACE + np.eye(3)]))
    return np.linalg.norm(at[1:] - at[0], ord=2)


def lit_around(stage, layer):
    """Diameter in pixels of the disc, or of the ball, in the middle."""
    lit = stage.picture().max(axis=2) > 60
    (at,) = stage.project(layer, PLACE)
    top, left = np.maximum(np.round(at[::-1] - 60).astype(int), 0)
    return 2 * np.sqrt(lit[top : top + 120, left : left + 120].sum() / np.pi)


@pytest.mark.gui
@pytest.mark.parametrize("ndisplay", [2, 3])
@pytest.mark.parametrize("between", MAPS.values(), ids=MAPS)
def test_a_size_in_data_units_covers_so_many_data_units_on_the_screen(stage, between, ndisplay):
    stage.viewer.add_image(np.zeros((2, 2, 2)), scale=(1e-6,) * 3, units=("um",) * 3, visible=False)
    layer = stage.add(PLACE, sizes=[2.0], **{"units": ("um",) * 3, **between})
    layer.style.shading, layer.style.size_mode, layer.style.size, layer.style.slab_thickness = "round", "world", 4, 1000
    layer.style.size_by = "radius"
    layer.value_info = ValueInfo(size_by="radius")
    stage.viewer.dims.ndisplay = ndisplay
    stage.viewer.reset_view()
    wanted = 8 * unit_px(stage, layer)
    assert wanted > 15
    assert lit_around(stage, layer) == pytest.approx(wanted, abs=1.5)
    sight, half = layer._sight(), np.array(stage.picture().shape[1::-1]) / 2
    middle = (stage.project(layer, PLACE)[0] - half) * (1, -1)
    for away, is_picked in ((wanted / 2 - 2, True), (wanted / 2 + 2, False)):
        assert (nearest(layer.pool.drawn(), sight, middle + np.array([away, 0]), 0.0) is not None) == is_picked


@pytest.mark.gui
@pytest.mark.parametrize("between", [MAPS["scaled"], MAPS["in other units"]], ids=["scaled", "in other units"])
def test_lines_and_their_nodes_are_as_thick_as_so_many_data_units(stage, between):
    stage.viewer.add_image(np.zeros((2, 2, 2)), scale=(1e-6,) * 3, units=("um",) * 3, visible=False)
    layer = stage.add_linked(ENDS, [[0, 1]], **{"units": ("um",) * 3, **between})
    layer.style.size_mode, layer.style.size, layer.style.node_size = "world", 4, 10
    layer.style.slab_thickness = 1000
    stage.viewer.reset_view()
    px = unit_px(stage, layer)
    lit = stage.picture().max(axis=2) > 60
    for place, size in ((PLACE[0], 4), (ENDS[0], 10)):
        row = int(stage.project(layer, [place])[0][1])
        assert lit[row].sum() == pytest.approx(size * px, abs=1.5)


@pytest.mark.gui
def test_of_axes_with_different_scales_a_unit_is_the_geometric_mean_of_those_on_the_canvas(stage):
    layer = stage.add(PLACE, scale=(7, 1, 4))
    layer.style.shading, layer.style.size_mode, layer.style.size = "round", "world", 3
    stage.viewer.reset_view()
    zoom = stage.viewer.scene.camera.zoom
    assert lit_around(stage, layer) == pytest.approx(3 * 2 * zoom, abs=1.5)
    stage.viewer.dims.ndisplay = 3
    stage.viewer.reset_view()
    zoom = stage.viewer.scene.camera.zoom
    assert lit_around(stage, layer) == pytest.approx(3 * 28 ** (1 / 3) * zoom, abs=1.5)
