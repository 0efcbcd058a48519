"""What is picked is what is seen: random places of the picture, every kind, every level, 2-D and 3-D."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import _scenes
from napari_zarr_vectors._build import NO_OBJECT, nearest, to_pixels
from napari_zarr_vectors._controller import engine_of, open_layer
from napari_zarr_vectors._layers import Window
from napari_zarr_vectors._layers._lut import category_lut
from zarr_vectors.multiresolution.coarsen import build_pyramid
from zarr_vectors.types.points import write_points

pytestmark = pytest.mark.gui

MANY = pytest.param(1000, marks=pytest.mark.slow)  # what is asked of picking; the suite takes a tenth
FLAT = {"points": "flat", "lines": "flat", "neurons": "flat", "surface": "soft"}


def write(kind, path):
    if kind == "points":
        rng = np.random.default_rng(0)
        owner = rng.integers(0, 30, 4000)
        positions = np.clip(rng.uniform(10, 90, (30, 3))[owner] + rng.normal(0, 5, (4000, 3)), 0, 99)
        write_points(path, positions, chunk_shape=25.0, bin_shape=6.25, object_ids=owner * 3 - 7)
    elif kind == "lines":
        _scenes.write_bundles(path, 60, 40)
    elif kind == "neurons":
        _scenes.write_neurons(path, 6, 3, 10)
    else:
        _scenes.write_nuclei(path, 12)
    build_pyramid(path, [(2, 1)] * 2)


@pytest.fixture
def viewer():
    window = Window(ndisplay=3, size=(640, 560))
    yield window.viewer
    window.close()


@pytest.fixture(params=[*FLAT])
def layer(request, viewer, tmp_path, qtbot):
    write(request.param, tmp_path / "s.zarrvectors")
    (layer,) = open_layer(viewer, tmp_path / "s.zarrvectors", color_by="object", shading=FLAT[request.param])
    layer.style.size = max(layer.style.size, 4.0 if layer.style.size_mode == "px" else 0.0)
    viewer.reset_view()
    settle(layer, qtbot)
    return layer


def settle(layer, qtbot):
    qtbot.waitUntil(lambda: layer.lod.status.complete, timeout=20_000)


def clicks(viewer, layer, seed, count):
    """Random places where something is seen: pixels from the middle, and the colour there."""
    picture = viewer.screenshot(canvas_only=True, flash=False)[..., :3]
    rows, columns = np.nonzero(picture.max(axis=2) > 0)
    assert len(rows) > 500
    some = np.random.default_rng(seed).integers(0, len(rows), count)
    rows, columns = rows[some], columns[some]
    height, width = picture.shape[:2]
    return np.stack([columns + 0.5 - width / 2, height / 2 - rows - 0.5], axis=1), picture[rows, columns]


@pytest.mark.parametrize("count", [100, MANY])
def test_random_clicks_give_the_object_that_is_seen(viewer, layer, qtbot, count):
    camera = viewer.scene.camera
    ids = np.sort(engine_of(layer).store.object_values()[0])
    lut = category_lut(layer.value_info.categories)
    for level in (0, 1, 2):
        layer.lod.level = level
        for turn, (angles, perspective) in enumerate((((0, 0, 90), 0), ((20, -30, 50), 45))):
            camera.angles, camera.perspective = angles, perspective
            settle(layer, qtbot)
            places, colors = clicks(viewer, layer, turn, count)
            drawn, sight = layer.pool.drawn(), layer._sight()
            right = 0
            for at, color in zip(places, colors, strict=True):
                hit = nearest(drawn, sight, at, 3.0)
                found = None if hit is None else int(drawn[hit.chunk][0].objects[hit.row])
                if found is not None and found != NO_OBJECT:
                    right += bool((lut[np.searchsorted(ids, found), :3] == color).all())
            # 99 % of a thousand; of a hundred by chance a few more may be wrong.
            chance = 3 * (0.01 * count) ** 0.5 if count < 1000 else 0
            assert right >= 0.99 * count - chance, f"{right} of {count} at level {level}"


def test_the_cursor_tells_the_object(viewer, layer):
    settled = layer.pool.drawn()
    built, _, starts, _ = settled[0]
    row = int(starts[0])
    corner = built.positions[row * built.corners : (row + 1) * built.corners].mean(axis=0)
    point = corner + layer.origin
    sight = layer._sight()
    at = to_pixels(sight, point)
    hit = nearest(settled, sight, at, 3.0)
    wanted = int(settled[hit.chunk][0].objects[hit.row])
    assert layer.object_at(point) == wanted
    world = layer.data_to_world(point)
    direction = np.array(viewer.scene.camera.calculate_nd_view_direction(3, (0, 1, 2)))
    found = layer.get_value(world, view_direction=direction, dims_displayed=[0, 1, 2], world=True)
    assert found == wanted
    assert str(wanted) in layer.get_status(world, view_direction=direction, dims_displayed=[0, 1, 2])["value"]


def test_nothing_is_under_an_empty_place(viewer, layer):
    far = layer.bounds[1] + 10 * (layer.bounds[1] - layer.bounds[0])
    assert layer.object_at(far) is None
