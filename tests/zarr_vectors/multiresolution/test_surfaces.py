"""Pyramids of surfaces by either method: closed stays closed, shapes stay, nothing vanishes before it is small."""

from __future__ import annotations

import numpy as np
import pytest
from zarr.storage import MemoryStore

from zarr_vectors.core.arrays._groups import read_groups
from zarr_vectors.core.store import load_store
from zarr_vectors.exceptions import ArgumentError, UnsupportedFeatureError
from zarr_vectors.lazy import open_zv
from zarr_vectors.multiresolution import _decimate, _surface
from zarr_vectors.multiresolution._decimate import decimated, has_quadric
from zarr_vectors.multiresolution._distance import displacements
from zarr_vectors.multiresolution.coarsen import build_pyramid
from zarr_vectors.types._read import level_metadata
from zarr_vectors.types.graphs import write_graph
from zarr_vectors.types.meshes import read_mesh, write_mesh
from zarr_vectors.types.points import write_points

needs_package = pytest.mark.skipif(not has_quadric(), reason="fast-simplification is not installed")
METHODS = ["clustering", pytest.param("quadric", marks=needs_package)]


def lattice(around, along, *, closed):
    """Triangles of a sheet of around x along vertices that closes on itself along the first axis, or along both."""
    i, j = np.meshgrid(np.arange(around), np.arange(along if closed else along - 1), indexing="ij")
    a, b, c, d = (((i + x) % around * along + (j + y) % along).reshape(-1) for x, y in ((0, 0), (1, 0), (1, 1), (0, 1)))
    return np.concatenate([np.stack([a, b, c], axis=1), np.stack([a, c, d], axis=1)])


def torus(large=60.0, small=20.0, around=240, along=80, bump=0.0):
    u, v = np.meshgrid(*(np.arange(n) / n * 2 * np.pi for n in (around, along)), indexing="ij")
    r = small * (1 + bump * np.sin(6 * u) * np.cos(4 * v))
    points = [(large + r * np.cos(v)) * np.cos(u), (large + r * np.cos(v)) * np.sin(u), r * np.sin(v)]
    return np.stack(points, axis=-1).reshape(-1, 3), lattice(around, along, closed=True)


def tube(length=300.0, radius=1.0, along=400, around=10):
    """A thin closed tube: its ends are shut by fans."""
    u, v = np.meshgrid(np.arange(around) / around * 2 * np.pi, np.linspace(0, length, along), indexing="ij")
    points = np.stack([v, radius * np.cos(u) + 8 * np.sin(v / 30), radius * np.sin(u)], axis=-1).reshape(-1, 3)
    faces, rim = lattice(around, along, closed=False), np.arange(around) * along
    ends = [points[rim].mean(axis=0), points[rim + along - 1].mean(axis=0)]
    n, after = len(points), np.roll(rim, -1)
    fans = [np.stack([rim, np.full(around, n), after], axis=1)]
    fans.append(np.stack([after + along - 1, np.full(around, n + 1), rim + along - 1], axis=1))
    return np.concatenate([points, ends]), np.concatenate([faces, *fans])


def dice(count, size, seed=0):
    """Small closed surfaces: octahedra cut once, scattered."""
    corners = np.concatenate([np.eye(3), -np.eye(3)])
    middles = np.array([corners[a] + corners[b] for a in range(6) for b in range(a + 1, 6) if b != a + 3])
    number = {tuple(p): i + 6 for i, p in enumerate(middles.tolist())}
    faces = []
    for x in (0, 3):
        for y in (1, 4):
            for z in (2, 5):
                m = [number[tuple((corners[a] + corners[b]).tolist())] for a, b in ((x, y), (y, z), (z, x))]
                inner = [[x, m[0], m[2]], [y, m[1], m[0]], [z, m[2], m[1]], m]
                faces += inner if (x + y + z) % 2 else [face[::-1] for face in inner]
    unit = np.concatenate([corners, middles / np.sqrt(2)])
    rng = np.random.default_rng(seed)
    centres, radii = rng.uniform(0, size, (count, 3)), rng.uniform(1, 3, count)
    points = (unit * radii[:, None, None] + centres[:, None]).reshape(-1, 3)
    return points, (np.array(faces) + np.arange(count)[:, None, None] * len(unit)).reshape(-1, 3), centres, radii


def open_edge_count(faces):
    edges = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1)
    return int((np.unique(edges, axis=0, return_counts=True)[1] == 1).sum())


def measures(positions, faces):
    a, b, c = (positions.astype(float)[corner] for corner in faces.T)
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2
    return area, abs(np.einsum("ij,ij->", a, np.cross(b, c)) / 6)


def pyramid(points, faces, factors, *, chunk=32.0, bins=4.0, method="auto", **options):
    store = MemoryStore()
    write_mesh(store, points, faces, chunk_shape=chunk, bin_shape=bins, **options)
    build_pyramid(store, factors, method=method)
    return store


def brute_distance(point, corners):
    """Distance of a point from the nearest of many triangles, from a dense sample of them."""
    s, t = (x.reshape(-1) for x in np.meshgrid(np.linspace(0, 1, 21), np.linspace(0, 1, 21)))
    s, t = s[s + t <= 1], t[s + t <= 1]
    a, b, c = corners.transpose(1, 0, 2)
    sample = a[:, None] + s[:, None] * (b - a)[:, None] + t[:, None] * (c - a)[:, None]
    return np.linalg.norm(sample - point, axis=2).min()


# -- shape ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shift", [0.0, 1e6])
@pytest.mark.parametrize("bump", [0.0, 0.1])
def test_closed_surfaces_stay_closed_and_keep_area_and_volume(method, shift, bump):
    # Bins of 4 and 8 for a surface that bends with radius 20: what a level is shown for. Chunks of 32 cut it up.
    points, faces = torus(bump=bump)
    store = pyramid(points + shift, faces, [(2, 1), (2, 1)], method=method)
    area, volume = measures(points, faces)
    for level in (1, 2):
        found = read_mesh(store, level=level)
        assert open_edge_count(found.faces) == 0
        assert measures(found.positions - shift, found.faces) == pytest.approx((area, volume), rel=0.05)
        assert len(found.positions) < len(points) / 4**level


@pytest.mark.parametrize("method", METHODS)
def test_a_surface_keeps_its_border(method):
    # A flat disc: all that can be lost is its rim.
    rng = np.random.default_rng(0)
    turn, r = np.meshgrid(np.arange(120) / 120 * 2 * np.pi, np.linspace(5, 50, 46), indexing="ij")
    points = np.stack([r * np.cos(turn), r * np.sin(turn), 0.02 * rng.normal(size=r.shape)], axis=-1).reshape(-1, 3)
    faces = lattice(120, 46, closed=False)
    store = pyramid(points, faces, [(2, 1), (2, 1)], method=method)
    for level in (1, 2):
        found = read_mesh(store, level=level)
        assert measures(found.positions, found.faces)[0] == pytest.approx(np.pi * (50**2 - 5**2), rel=0.02)
        assert np.linalg.norm(found.positions, axis=1).max() == pytest.approx(50, rel=0.02)


@pytest.mark.parametrize("method", METHODS)
def test_a_soup_of_triangles_is_the_surface_that_it_looks_like(method):
    points, faces = torus()
    soup = points[faces].reshape(-1, 3)
    store = pyramid(soup, np.arange(len(soup)).reshape(-1, 3), [(2, 1), (2, 1)], method=method)
    for level in (1, 2):
        found = read_mesh(store, level=level)
        assert open_edge_count(found.faces) == 0
        assert measures(found.positions, found.faces) == pytest.approx(measures(points, faces), rel=0.05)


# -- what vanishes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("by_object", [False, True])
def test_small_surfaces_never_vanish_before_they_are_below_a_bin(method, by_object):
    points, faces, centres, radii = dice(400, 150)
    ids = {"object_ids": np.repeat(np.arange(400), 18)} if by_object else {}
    store = pyramid(points, faces, [(2, 1)] * 3, bins=1.0, method=method, **ids)
    for level, bins in ((1, 2.0), (2, 4.0), (3, 8.0)):
        found = read_mesh(store, level=level)
        corners = found.positions[found.faces]
        # Each face is of the one that it lies in: surfaces that do not hang together are not merged.
        at = np.linalg.norm(corners.mean(axis=1)[:, None] - centres, axis=2) / radii
        seen = np.zeros(400, bool)
        seen[at.argmin(axis=1)] = True
        assert seen[2 * radii >= bins].all()
        if level == 1:
            assert measures(found.positions, found.faces)[0] > 0.5 * measures(points, faces)[0]


@pytest.mark.parametrize("method", METHODS)
def test_a_tube_thinner_than_a_bin_is_still_seen_from_end_to_end(method):
    points, faces = tube()
    store = pyramid(points, faces, [(2, 1)] * 3, chunk=64.0, bins=2.0, method=method)
    for level in (1, 2, 3):
        found = read_mesh(store, level=level)
        assert open_edge_count(found.faces) == 0
        used = found.positions[np.unique(found.faces)]
        assert used[:, 0].min() < 2.0 * 2**level
        assert used[:, 0].max() > 300 - 2.0 * 2**level
        assert measures(found.positions, found.faces)[0] > 0.4 * measures(points, faces)[0]


@pytest.mark.parametrize("method", METHODS)
def test_what_has_no_area_loses_none_and_is_clustered_once(method, monkeypatch):
    turns, places = [], _surface._places
    monkeypatch.setattr(_surface, "_places", lambda *given: turns.append(0) or places(*given))
    row = np.arange(500)
    points = np.stack([np.linspace(3, 103, 502), np.full(502, 3.0), np.full(502, 3.0)], axis=1)
    store = pyramid(points, np.stack([row, row + 1, row + 2], axis=1), [(2, 1)] * 2, bins=2.0, method=method)
    assert len(turns) == 2  # one a level; before 32, and no two vertices became one
    assert len(read_mesh(store, level=1).positions) < 502 / 4


@pytest.mark.parametrize("method", METHODS)
def test_no_vertex_is_farther_from_the_coarse_surface_than_its_resolution_says(method):
    points, faces = torus(around=100, along=40, bump=0.2)
    store = pyramid(points, faces, [(2, 1), (2, 1)], method=method)
    for level in (1, 2):
        found = read_mesh(store, level=level)
        corners = found.positions[found.faces]
        bound = np.linalg.norm(open_zv(store).resolution_at(level))
        assert 0 < bound <= np.linalg.norm([4.0 * (2**level + 2 ** (level - 1) * (level > 1))] * 3)
        assert max(brute_distance(p, corners) for p in points[::37]) <= bound + 1.0  # the sample's own coarseness


def test_distances_from_faces_are_those_to_the_nearest_place_of_them():
    rng = np.random.default_rng(1)
    places = np.append(rng.normal(size=(4, 3)), [[50.0, 0, 0]], axis=0)
    faces = np.array([[0, 1, 2], [3, 0, 1], [2, 2, 0]])  # all meet in vertex 0, nothing in 4
    points = rng.normal(size=(300, 3)) * 2
    found = displacements(points, np.zeros(300, np.int64), places, faces)
    s, t = (x.reshape(-1) for x in np.meshgrid(np.linspace(0, 1, 201), np.linspace(0, 1, 201)))
    s, t = s[s + t <= 1, None], t[s + t <= 1, None]
    a, b, c = (places[corner][:, None] for corner in faces.T)
    sample = (a + s * (b - a) + t * (c - a)).reshape(-1, 3)
    least = [np.linalg.norm(sample - p, axis=1).min() for p in points]
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), least, atol=0.02)
    alone = displacements(points[:1], np.array([4]), places, faces)
    np.testing.assert_allclose(alone, np.abs(points[:1] - places[4]))


# -- what follows ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_values_objects_and_groups_follow(method):
    points, faces, _, _ = dice(60, 100, seed=3)
    number = np.arange(60) * 3 - 7
    store = pyramid(
        points,
        faces,
        [(2, 1)],
        method=method,
        object_ids=np.repeat(number, 18),
        vertex_attributes={"id": np.repeat(number, 18), "place": points.astype("f4")},
        face_attributes={"of": np.repeat(number, 32).astype("i2")},
        object_attributes={"size": np.arange(60.0)},
        groups={"low": number[:20]},
    )
    found = read_mesh(store, level=1)
    np.testing.assert_array_equal(found.attributes["id"], found.object_ids)
    assert set(found.object_ids.tolist()) == set(number.tolist())
    np.testing.assert_array_equal(found.face_attributes["of"], found.object_ids[found.faces[:, 0]])
    assert found.attributes["place"].dtype == np.float32
    assert np.abs(found.attributes["place"] - found.positions).max() < 4
    assert read_groups(load_store(store), 1).members_of("low").tolist() == number[:20].tolist()


# -- which method ----------------------------------------------------------------------------------------------------


def method_of(store):
    return level_metadata(load_store(store), 1).coarsening_method


@needs_package
def test_auto_takes_quadrics_for_bare_triangles_in_space_and_clustering_for_the_rest():
    points, faces = torus(around=30, along=12)
    assert method_of(pyramid(points, faces, [(2, 1)])) == "quadric"
    assert method_of(pyramid(points, faces, [(2, 1)], method="clustering")) == "clusters"
    colours = {"v": points[:, 0]}
    assert method_of(pyramid(points, faces, [(2, 1)], vertex_attributes=colours)) == "clusters"
    assert method_of(pyramid(points, faces, [(2, 1)], vertex_attributes=colours, method="quadric")) == "quadric"
    assert method_of(pyramid(points, faces, [(2, 1)], face_attributes={"v": faces[:, 0]})) == "clusters"
    assert method_of(pyramid(points[:, :2], faces, [(2, 1)])) == "clusters"
    half = pyramid(points, faces[: len(faces) // 2], [(2, 1)])
    np.testing.assert_array_equal(
        read_mesh(half, level=1).positions,
        read_mesh(pyramid(points, faces[: len(faces) // 2], [(2, 1)], method="clustering"), level=1).positions,
    )
    assert method_of(pyramid(points, faces[:, [0, 1, 2, 2]], [(2, 1)])) == "clusters"


@needs_package
def test_values_say_how_far_they_were_carried_though_the_surface_hardly_moved():
    # Quadrics move vertices along a smooth surface, which its shape does not show, but colours would.
    points, faces = torus()
    bare = pyramid(points, faces, [(2, 1)], method="quadric")
    coloured = pyramid(points, faces, [(2, 1)], method="quadric", vertex_attributes={"x": points[:, 0]})
    assert 3 * open_zv(bare).resolution_at(1)[0] < open_zv(coloured).resolution_at(1)[0]


def test_a_missing_package_is_refused_before_the_first_byte_and_auto_goes_without(monkeypatch):
    monkeypatch.setattr(_decimate, "fast_simplification", None)
    points, faces = torus(around=30, along=12)
    store = pyramid(points, faces, [(2, 1)])
    assert method_of(store) == "clusters"
    before = {key: value.to_bytes() for key, value in store._store_dict.items()}
    with pytest.raises(UnsupportedFeatureError, match=r"pip install 'napari-zarr-vectors\[quadric\]'"):
        build_pyramid(store, [(2, 1)], method="quadric")
    assert {key: value.to_bytes() for key, value in store._store_dict.items()} == before


@needs_package
def test_data_that_a_method_cannot_take_are_refused_before_the_first_byte():
    points, faces = torus(around=30, along=12)
    flat, quads, graph, cloud = (MemoryStore() for _ in range(4))
    write_mesh(flat, points[:, :2], faces, chunk_shape=32)
    write_mesh(quads, points, faces[:, [0, 1, 2, 2]], chunk_shape=32)
    write_graph(graph, points, faces[:, :2], chunk_shape=32)
    write_points(cloud, points, chunk_shape=32)
    asked = [(flat, "quadric"), (quads, "quadric"), (graph, "quadric"), (graph, "clustering"), (cloud, "clustering")]
    for store, method in [*asked, (flat, "best"), (cloud, None)]:
        before = set(store._store_dict)
        with pytest.raises(ArgumentError, match="method"):
            build_pyramid(store, [(2, 1)], method=method)
        assert set(store._store_dict) == before


@needs_package
def test_many_parts_are_decimated_in_few_calls_and_each_for_itself(monkeypatch):
    calls = []
    simplify = _decimate.fast_simplification.simplify
    monkeypatch.setattr(
        _decimate.fast_simplification, "simplify", lambda *a, **k: calls.append(len(a[1])) or simplify(*a, **k)
    )
    points, faces, _, _ = dice(10_000, 400)
    part = np.repeat(np.arange(10_000), 18)
    found = decimated(points, faces, part, 0.5, np.full((10_000, 3), 4.0))
    assert sum(calls) == len(faces)
    assert len(calls) <= 5
    assert len(found.places) == pytest.approx(90_000, rel=0.2)
    first = np.unique(found.group, return_index=True)[1]
    np.testing.assert_array_equal(part[first][found.group], part)
