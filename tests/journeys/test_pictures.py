"""The streamed picture at full detail is that of the same data drawn by napari, or by plain arithmetic."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from napari_zarr_vectors._controller import open_layer
from napari_zarr_vectors._layers import Window
from napari_zarr_vectors._layers._napari import visual_of
from zarr_vectors.multiresolution.coarsen import build_pyramid
from zarr_vectors.types.meshes import write_mesh
from zarr_vectors.types.points import write_points
from zarr_vectors.types.polylines import write_polylines

pytestmark = pytest.mark.gui

SIZE = np.array([100.0, 100.0, 100.0])
TURNED = (25, -40, 60)


@pytest.fixture
def window():
    window = Window(ndisplay=3, size=(700, 640))
    yield window
    window.close()


def look(viewer, ndisplay, perspective=0.0, depth=50.0):
    viewer.dims.ndisplay = ndisplay
    viewer.reset_view()
    if ndisplay == 3:
        viewer.scene.camera.angles, viewer.scene.camera.perspective = TURNED, perspective
    else:
        viewer.dims.set_point(0, depth)


def picture(window, layer):
    """What is on the canvas when the layer is complete, of level 0 only: (height, width, 3) float."""
    assert window.wait_until(lambda: layer.lod.status.complete, 20)
    assert layer.lod.status.levels == {0}
    return taken(window)


def pictures(window, layer, other):
    """Our picture, and that of a layer of napari's with the same data."""
    other.visible = False
    window.process(0.1)  # the panel of another layer changes the canvas
    ours = picture(window, layer)
    layer.visible, other.visible = False, True
    return ours, taken(window)


def taken(window):
    return window.viewer.screenshot(canvas_only=True, flash=False)[..., :3].astype(float)


def difference(one, other):
    """Mean absolute difference where either picture has something (0..255), and the share of such pixels over 24."""
    lit = (one.max(axis=2) > 0) | (other.max(axis=2) > 0)
    assert lit.mean() > 0.02, "there is something to be seen"
    apart = np.abs(one - other).max(axis=2)[lit]
    return apart.mean(), (apart > 24).mean()


@pytest.mark.parametrize(("ndisplay", "perspective"), [(2, 0), (3, 0), (3, 45)])
def test_points_are_those_of_naparis_layer(window, tmp_path, ndisplay, perspective):
    rng = np.random.default_rng(1)
    points = rng.uniform(0, SIZE, (3000, 3)).astype("f4")
    if ndisplay == 2:
        points[:, 0] = 50
    height = points[:, 1].copy()
    write_points(tmp_path / "p.zv", points, chunk_shape=25, bin_shape=25, attributes={"height": height})
    build_pyramid(tmp_path / "p.zv", [(2, 1)])
    viewer = window.viewer
    options = {"size_mode": "world", "size": 2.0, "color_by": "height", "contrast_limits": (0, 100), "level": 0}
    (layer,) = open_layer(viewer, tmp_path / "p.zv", adaptive_size=False, **options)
    other = viewer.add_points(
        points, size=2.0, border_width=0, antialiasing=0, features={"height": height}, face_color="height",
        face_colormap="viridis", face_contrast_limits=(0, 100), out_of_slice_display=False, blending="translucent",
    )  # fmt: skip
    look(viewer, ndisplay, perspective)
    mean, share = difference(*pictures(window, layer, other))
    assert mean < 2
    assert share < 0.01


@pytest.mark.parametrize("perspective", [0, 45])
def test_faces_are_those_of_naparis_layer(window, tmp_path, perspective):
    u, v = np.meshgrid(np.linspace(0, 2 * np.pi, 80, False), np.linspace(0, 2 * np.pi, 40, False), indexing="ij")
    ring = 30 + (12 + 2 * np.sin(5 * u)) * np.cos(v)
    vertices = (50 + np.stack([12 * np.sin(v), ring * np.cos(u), ring * np.sin(u)], axis=-1)).reshape(-1, 3)
    cell = np.arange(vertices.shape[0]).reshape(80, 40)
    a, b, c, d = (
        s.ravel() for s in (cell, np.roll(cell, -1, 0), np.roll(cell, (-1, -1), (0, 1)), np.roll(cell, -1, 1))
    )
    faces = np.concatenate([np.stack([a, b, c], axis=1), np.stack([a, c, d], axis=1)])
    value = vertices[:, 2].astype("f4")
    write_mesh(tmp_path / "m.zv", vertices, faces, chunk_shape=25, bin_shape=12.5, attributes={"v": value})
    build_pyramid(tmp_path / "m.zv", [(2, 1)])
    viewer = window.viewer
    options = {"shading": "soft", "color_by": "v", "contrast_limits": (0, 100), "level": 0}
    (layer,) = open_layer(viewer, tmp_path / "m.zv", **options)
    other = viewer.add_surface(
        (vertices, faces, value), shading="none", colormap="viridis", contrast_limits=(0, 100), blending="translucent"
    )
    look(viewer, 3, perspective)
    mean, share = difference(*pictures(window, layer, other))
    assert mean < 2
    assert share < 0.003


def strokes(shape, ends, width):
    """What round-ended strokes of (n, 2, 2) px ends cover: pixels whose middle is within half the width."""
    covered = np.zeros(shape, bool)
    radius = width / 2
    for p, q in ends:
        low = np.clip(np.floor(np.minimum(p, q) - radius).astype(int), 0, shape[::-1])
        high = np.clip(np.ceil(np.maximum(p, q) + radius).astype(int) + 1, 0, shape[::-1])
        x, y = np.meshgrid(np.arange(low[0], high[0]) + 0.5, np.arange(low[1], high[1]) + 0.5)
        along = q - p
        at = np.clip(((x - p[0]) * along[0] + (y - p[1]) * along[1]) / max(along @ along, 1e-12), 0, 1)
        near = np.hypot(x - p[0] - at * along[0], y - p[1] - at * along[1]) <= radius
        covered[low[1] : high[1], low[0] : high[0]] |= near
    return covered


@pytest.mark.parametrize(("ndisplay", "perspective"), [(2, 0), (3, 0), (3, 45)])
def test_lines_cover_what_arithmetic_says(window, tmp_path, ndisplay, perspective):
    rng = np.random.default_rng(2)
    lines = [50 + np.cumsum(rng.normal(0, 3, (30, 3)), axis=0) for _ in range(25)]
    lines = [np.clip(line, 1, 99) for line in lines]
    if ndisplay == 2:
        for line in lines:
            line[:, 0] = 50
    write_polylines(tmp_path / "l.zv", lines, chunk_shape=20, bin_shape=10)
    build_pyramid(tmp_path / "l.zv", [(2, 1)])
    viewer = window.viewer
    (layer,) = open_layer(viewer, tmp_path / "l.zv", color_by=None, color=(1, 1, 1), shading="flat", size=3, level=0)
    look(viewer, ndisplay, perspective)
    ours = picture(window, layer)
    steps = np.concatenate([[[p, q] for p, q in pairwise(line)] for line in lines])
    shown = list(layer.displayed_axes)[::-1]
    xyz = np.zeros((2 * len(steps), 4))
    xyz[:, : len(shown)], xyz[:, 3] = steps.reshape(-1, 3)[:, shown], 1
    at = visual_of(viewer, layer).node.transforms.get_transform("visual", "canvas").map(xyz)
    covered = strokes(ours.shape[:2], (at[:, :2] / at[:, 3:]).reshape(-1, 2, 2), 3)
    _, share = difference(ours, 255.0 * np.repeat(covered[..., None], 3, axis=2))
    assert share < 0.003
