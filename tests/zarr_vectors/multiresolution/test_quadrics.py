"""Places of thinned surfaces: corners stay sharp, flat parts stay flat, area and volume stay."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import ConvexHull

from zarr_vectors.multiresolution._contract import contracted_links, pieces
from zarr_vectors.multiresolution._quadrics import best_places


def edges_of(faces):
    return np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])


def thinned(positions, faces, edge):
    cell = np.full(3, float(edge))
    piece = pieces(positions, edges_of(faces), np.zeros(len(positions), np.int64), cell)
    places = best_places(positions, faces, piece, cell)
    return places, contracted_links(faces, piece, directed=False)[0]


def area(points, faces):
    a, b, c = (points[corner] for corner in faces.T)
    return np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2


def volume(points, faces):
    a, b, c = (points[corner] for corner in faces.T)
    return np.einsum("ij,ij->", a, np.cross(b, c)) / 6


def sphere(count, radius=10.0):
    """Even points on a sphere, faces turned outwards."""
    k = np.arange(count) + 0.5
    polar, turn = np.arccos(1 - 2 * k / count), np.pi * (1 + 5**0.5) * k
    points = radius * np.stack([np.cos(turn) * np.sin(polar), np.sin(turn) * np.sin(polar), np.cos(polar)], axis=1)
    faces = ConvexHull(points).simplices.astype(np.int64)
    a, b, c = (points[corner] for corner in faces.T)
    inward = np.einsum("ij,ij->i", a, np.cross(b - a, c - a)) < 0
    faces[inward] = faces[inward][:, ::-1]
    return points, faces


def box(cells):
    """The surface of a cube from 0 to 10, `cells` squares along an edge, each two triangles; corners are shared."""
    i, j = (axis.reshape(-1) for axis in np.meshgrid(np.arange(cells + 1), np.arange(cells + 1), indexing="ij"))
    sides = []
    for axis in range(3):
        for end in (0, cells):
            side = np.zeros((len(i), 3), np.int64)
            side[:, axis], side[:, (axis + 1) % 3], side[:, (axis + 2) % 3] = end, i, j
            sides.append(side)
    corner = np.arange(cells * (cells + 1)).reshape(cells, cells + 1)[:, :-1].reshape(-1)
    square = np.stack([corner, corner + cells + 1, corner + cells + 2, corner + 1], axis=1)
    faces = []
    for side in range(6):
        turned = square if side % 2 else square[:, ::-1]
        faces += [turned[:, [0, 1, 2]] + side * len(i), turned[:, [0, 2, 3]] + side * len(i)]
    points, number = np.unique(np.concatenate(sides), axis=0, return_inverse=True)
    return points * (10.0 / cells), number.reshape(-1)[np.concatenate(faces)]


@pytest.mark.parametrize("shift", [0.0, 1e6])
def test_area_and_volume_of_a_sphere_stay_within_five_per_cent(shift):
    points, faces = sphere(20_000)
    places, links = thinned(points + shift, faces, 1.3)
    places = places - shift
    assert len(places) < 20_000 / 8
    assert area(places, links) == pytest.approx(area(points, faces), rel=0.05)
    assert volume(places, links) == pytest.approx(volume(points, faces), rel=0.05)


def test_a_box_keeps_its_corners_edges_and_volume():
    points, faces = box(40)
    assert volume(points, faces) == pytest.approx(1000)
    places, links = thinned(points + 0.3, faces, 1.7)
    places = places - 0.3
    corners = np.array(np.meshgrid([0, 10], [0, 10], [0, 10])).reshape(3, -1).T
    nearest = np.linalg.norm(places[:, None] - corners, axis=2).min(axis=0)
    assert nearest.max() < 0.05
    assert volume(places, links) == pytest.approx(1000, rel=0.01)
    assert area(places, links) == pytest.approx(600, rel=0.01)


def test_a_flat_sheet_stays_flat_and_inside():
    rng = np.random.default_rng(0)
    points = np.append(rng.uniform(0, 10, (2000, 2)), np.full((2000, 1), 3.0), axis=1)
    faces = rng.integers(0, 2000, (3000, 3))
    places, _ = thinned(points, faces, 2.0)
    np.testing.assert_allclose(places[:, 2], 3.0, atol=1e-9)
    assert places[:, :2].min() >= 0
    assert places[:, :2].max() <= 10
