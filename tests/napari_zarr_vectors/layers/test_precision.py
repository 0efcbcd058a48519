"""Far from the origin of the data small things stay where they are: an offset of 1e6 units, details of 0.01."""

import numpy as np
import pytest

from napari_zarr_vectors._build import to_pixels

pytestmark = pytest.mark.gui

FAR = np.array([1e6, -1e6, 1e6 + 0.37])
BOUNDS = np.stack([FAR - 50, FAR + 50])
STEP, ZOOM = 0.01, 4000.0  # 40 px a step
GRID = np.stack(np.meshgrid(np.arange(-3, 4), np.arange(-4, 5), indexing="ij"), axis=-1).reshape(-1, 2) * STEP
LONGEST = np.array([[-3, -4], [3, -4], [3, 4], [-3, 4]]) * STEP


def place(grid, ndisplay):
    """Put (n, 2) offsets, down and to the right on the screen, into the plane that faces the eye."""
    out = np.tile(FAR, (len(grid), 1))
    out[:, [1, 2] if ndisplay == 2 else [0, 2]] += grid
    return out


def look(stage, ndisplay, perspective=0.0):
    """Look straight at the plane; give the picture and its middle, (row, column)."""
    viewer = stage.viewer
    viewer.dims.ndisplay = ndisplay
    viewer.reset_view()
    camera = viewer.scene.camera
    camera.center, camera.zoom = tuple(FAR), ZOOM
    if ndisplay == 3:
        camera.angles, camera.perspective = (0, 0, 90), perspective
    else:
        viewer.dims.set_point(0, FAR[0])
    picture = stage.picture()
    return picture, np.array(picture.shape[:2]) / 2


@pytest.mark.parametrize(("ndisplay", "perspective"), [(2, 0), (3, 0), (3, 30)])
def test_points_are_within_a_pixel(stage, ndisplay, perspective):
    stage.add(place(GRID, ndisplay), bounds=BOUNDS, default_slab=np.full(3, 1.0))
    picture, middle = look(stage, ndisplay, perspective)
    wanted = (middle + ZOOM * GRID)[:, ::-1]
    seen = [stage.blob(picture, at) for at in wanted]
    assert all(count == 49 for _, count in seen)
    assert np.abs(np.array([centre for centre, _ in seen]) - wanted).max() < 1


@pytest.mark.parametrize("ndisplay", [2, 3])
def test_segments_are_within_a_pixel(stage, ndisplay):
    ends = place(GRID.reshape(7, 9, 2)[:, [0, -1]].reshape(-1, 2), ndisplay)
    layer = stage.add_linked(ends, np.arange(14).reshape(7, 2), bounds=BOUNDS, default_slab=np.full(3, 1.0))
    layer.style.size = 5
    picture, middle = look(stage, ndisplay)
    lit = picture[:, int(middle[1]) + 20].max(axis=1) > 60
    edges = np.flatnonzero(np.diff(lit.astype(int), prepend=0, append=0))
    wanted = middle[0] + ZOOM * STEP * np.arange(-3, 4)
    assert np.abs(edges.reshape(7, 2).mean(axis=1) - wanted).max() < 1


@pytest.mark.parametrize("ndisplay", [2, 3])
def test_faces_are_within_a_pixel(stage, ndisplay):
    corners = place(LONGEST, ndisplay)
    stage.add_linked(corners, [[0, 1, 2], [0, 2, 3]], bounds=BOUNDS, default_slab=np.full(3, 1.0))
    picture, middle = look(stage, ndisplay)
    lit = picture.max(axis=2) > 60
    rows, columns = np.flatnonzero(lit.any(axis=1)), np.flatnonzero(lit.any(axis=0))
    found = np.array([[rows[0], columns[0]], [rows[-1] + 1, columns[-1] + 1]])
    assert np.abs(found - (middle + ZOOM * LONGEST[[0, 2]])).max() < 1


@pytest.mark.parametrize("ndisplay", [2, 3])
def test_picking_knows_the_same_places(stage, ndisplay):
    points = place(GRID, ndisplay)
    layer = stage.add(points, bounds=BOUNDS, default_slab=np.full(3, 1.0))
    look(stage, ndisplay)
    sight = stage.visual(layer).node.sight
    at = np.array([to_pixels(sight, point) for point in points])
    assert np.abs(at - ZOOM * GRID[:, ::-1] * [1, -1]).max() < 0.1  # from the middle, upwards
