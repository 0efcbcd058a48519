"""Slices in a real window: as fine as what they show, never blank between two steps, and on the voxels of an image."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.flying import Flight
from napari_zarr_vectors._controller import engine_of, open_layer
from napari_zarr_vectors._layers import Window
from napari_zarr_vectors._layers._napari import visual_of
from napari_zarr_vectors._layers._residents import Resident
from zarr_vectors.multiresolution.coarsen import build_pyramid
from zarr_vectors.types.points import write_points

pytestmark = pytest.mark.gui

COUNT, SIDE = 60_000, 80.0


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    path = tmp_path_factory.mktemp("slices") / "cloud.zarrvectors"
    points = np.random.default_rng(0).uniform(0, SIDE, (COUNT, 3)).astype(np.float32)
    write_points(path, points, chunk_shape=40, bin_shape=5)
    build_pyramid(path, [(2, 1)])
    return path, points


@pytest.fixture
def flight(cloud):
    made = Flight(cloud[0], size=(500, 420), budget=COUNT // 6, color_by=None)
    made.viewer.dims.ndisplay = 2
    made.viewer.reset_view()
    made.viewer.dims.set_point(0, 20.0)
    assert made.settle()
    yield made
    made.close()


def lit(flight):
    return int((flight.viewer.screenshot(canvas_only=True, flash=False)[..., :3].max(axis=2) > 60).sum())


def test_a_slice_shows_all_of_its_points_and_counts_no_others(flight, cloud):
    status, z = flight.layer.lod.status, cloud[1][:, 0]
    inside = np.count_nonzero(abs(z - 20) <= 2.5)
    assert status.levels == {0}
    # Its chunks hold half of all points, three times the budget; rows are drawn by bins of a 32nd of a chunk.
    assert inside <= status.shown_vertices < 1.8 * inside < COUNT // 6
    rows = sum(len(rows) for _, rows in drawn(flight.layer))
    assert rows == status.shown_vertices


def drawn(layer):
    """Chunks and what of them stands in the index buffer."""
    shown, pool = layer.pool._shown.ranges, layer.pool
    for unit, node in enumerate(shown.units.tolist()):
        at = shown.of(unit)
        yield pool.chunk(node), pool.chunk(node).picked(shown.starts[at], shown.stops[at], int(shown.cuts[unit]))


def test_steps_inside_of_loaded_chunks_send_no_vertices_and_are_never_blank(flight, monkeypatch):
    sent = []
    monkeypatch.setattr(Resident, "send_vertices", lambda self, sink: sent.append(self))
    full = lit(flight)
    for height in (21.0, 23.0, 21.0, 22.0):  # what is read ahead lies in the same chunks
        before = flight.layer.painted_slab()[0][0]
        flight.viewer.dims.set_point(0, height)
        assert flight.layer.painted_slab()[0][0] == before  # the frame before is painted until the next one is there
        assert lit(flight) > full / 2
        assert flight.settle()
        assert flight.layer.painted_slab()[0][0] == flight.layer.slab()[0][0] != before
        assert lit(flight) > full / 2
    assert not sent
    assert flight.counts.over_budget == 0


def test_what_is_painted_follows_the_sliders_where_no_plan_comes(flight, monkeypatch):
    monkeypatch.setattr(type(engine_of(flight.layer)._planner), "submit", lambda self, view: False)
    flight.viewer.dims.set_point(0, 30.0)
    layer = flight.layer
    assert layer.painted_slab()[0][0] != layer.slab()[0][0]
    assert flight.window.wait_until(lambda: layer.painted_slab()[0][0] == layer.slab()[0][0], 5)


VOXEL_UM = np.array([2.0, 0.5, 0.25])
PLACE = np.array([4, 9, 20])


@pytest.mark.parametrize(("unit", "scale"), [("micrometer", VOXEL_UM), ("nanometer", 1000 * VOXEL_UM)])
def test_a_point_at_known_micrometres_lies_on_its_voxel_in_2d_and_3d(tmp_path, unit, scale):
    extent = VOXEL_UM * [9, 19, 39]
    points = np.stack([PLACE * VOXEL_UM, extent * 0, extent])
    write_points(tmp_path / "s.zv", points, chunk_shape=20, bin_shape=2, axes=["z", "y", "x"], axis_units="micrometer")
    voxels = np.zeros((10, 20, 40), np.float32)
    voxels[tuple(PLACE)] = 1
    window = Window(ndisplay=2, size=(600, 520))
    try:
        viewer = window.viewer
        image = viewer.add_image(voxels, scale=scale, units=[unit] * 3, contrast_limits=(0, 1))
        layer = open_layer(viewer, tmp_path / "s.zv", color_by=None, color=(1, 0, 0), size=5)[0]
        world = float((1 * layer.units[0]).to(viewer.dims.units[0]).magnitude) if viewer.dims.units else 1.0
        viewer.dims.set_point(0, PLACE[0] * VOXEL_UM[0] * world)
        for ndisplay, angles in ((2, None), (3, (25, 40, 70))):
            viewer.dims.ndisplay = ndisplay
            viewer.reset_view()
            if angles is not None:
                viewer.scene.camera.angles = angles
            window.wait_until(lambda: layer.lod.status.complete, 20)
            at, extents = [], []
            for shown, hidden in ((image, layer), (layer, image)):
                shown.visible, hidden.visible = True, False
                window.process(0.1)
                picture = viewer.screenshot(canvas_only=True, flash=False)[..., :3].max(axis=2)
                at.append(middle_of(picture, near=at[0] if at else None))
                extents.append(picture)
            layer.visible = image.visible = True
            assert np.abs(at[0] - at[1]).max() <= 2.0, (ndisplay, angles, at)
    finally:
        window.close()


def middle_of(picture, near=None):
    """Centre (row, column) of what is lit; within 30 px of a place."""
    rows, columns = np.nonzero(picture > 60)
    assert len(rows)
    if near is not None:
        close = np.hypot(rows - near[0], columns - near[1]) < 30
        assert close.any()
        rows, columns = rows[close], columns[close]
    return np.array([rows.mean(), columns.mean()])


def on_canvas(window, layer, point):
    """Where a point lies, (column, row) px, by vispy's own transforms."""
    shown = list(layer.displayed_axes)[::-1]
    node = visual_of(window.viewer, layer).node
    xyz = np.array([[*point[shown], *[0] * (3 - len(shown)), 1]])
    mapped = node.transforms.get_transform("visual", "canvas").map(xyz)[0]
    return mapped[:2] / mapped[3]


@pytest.mark.parametrize("axis", [{"name": "t", "type": "time"}, "t", {"name": "step", "type": "channel"}])
@pytest.mark.parametrize("ndim", [2, 3])
def test_one_moment_is_shown_however_many_a_bin_holds(tmp_path, axis, ndim):
    moment = np.arange(24.0)
    places = np.stack([10 + 20 * (moment % 5), 10 + 20 * (moment // 5)], axis=1)  # each has one of its own
    points = np.column_stack([moment, np.full(24, 50.0), places])
    write_points(tmp_path / "t.zv", points, chunk_shape=(8, 100, 100, 100), axes=[axis, "z", "y", "x"])
    window = Window(ndisplay=ndim, size=(500, 420))
    try:
        (layer,) = open_layer(window.viewer, tmp_path / "t.zv", size=7, shading="flat", color=(1, 1, 1))
        assert window.viewer.dims.nsteps[0] == 24
        for at in (0, 7, 8, 11, 23):
            window.viewer.dims.set_current_step(0, at)
            assert window.wait_until(lambda: layer.lod.status.complete, 20)
            picture = window.viewer.screenshot(canvas_only=True, flash=False)[..., :3].max(axis=2)
            assert 30 <= np.count_nonzero(picture > 60) <= 80, "one square of 7 pixels"
            x, y = on_canvas(window, layer, points[at])
            assert picture[int(y), int(x)] > 60, "that of this moment"
    finally:
        window.close()


@pytest.mark.parametrize(
    ("lowest", "highest", "bin_shape", "options"),
    [
        (-4.3, 4.5, 0.25, {}),
        (-4.3, 4.5, 0.25, {"scale": (3, 1, 1)}),
        (0, 7, 0.25, {}),
        (0, 7, 1.0, {}),
        (0, 7.9, 1.0, {}),
        (0, 1.7, 0.5, {}),
        (0.1, 0.7, 0.25, {}),
        (0.1, 0.3, 0.25, {}),
    ],
)
def test_every_vertex_is_shown_at_a_place_of_the_slider(tmp_path, lowest, highest, bin_shape, options):
    points = np.random.default_rng(0).uniform(lowest, highest, (2_000, 3)).astype(np.float32)
    points[0], points[1] = lowest, highest
    write_points(tmp_path / "s.zv", points, chunk_shape=1.0, bin_shape=bin_shape)
    window = Window(ndisplay=2, size=(500, 420))
    try:
        (layer,) = open_layer(window.viewer, tmp_path / "s.zv", **options)
        dims, is_seen = window.viewer.dims, np.zeros(len(points), bool)
        places = dims.nsteps[0]
        for step in range(places):
            dims.set_current_step(0, step)
            lo, hi = layer.slab()
            is_seen |= (points[:, 0] >= lo[0]) & (points[:, 0] <= hi[0])
        assert is_seen.all()
        assert layer.default_slab.max() <= 2 * bin_shape, "a slice is not much thicker than a bin"
        assert places >= (highest - lowest) / (2 * bin_shape), "nor are its places far apart"
    finally:
        window.close()


def test_a_slider_takes_any_extent(tmp_path):
    points = np.random.default_rng(0).uniform(0, 4e9, (500, 3))
    write_points(tmp_path / "s.zv", points, chunk_shape=1e9)
    window = Window(ndisplay=2, size=(500, 420))
    try:
        (layer,) = open_layer(window.viewer, tmp_path / "s.zv")
        assert window.wait_until(lambda: layer.lod.status.complete, 20)
        window.viewer.dims.set_point(0, 3e9)
        assert window.wait_until(lambda: layer.lod.status.complete, 20)
        assert window.viewer.dims.nsteps[0] < 2**31
    finally:
        window.close()
