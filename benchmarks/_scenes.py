"""Data with structure that can be looked at, one scene a kind, made from a seed; positions are (z, y, x) or (y, x).

Each scene is written by the library's own writer. Sizes are arguments, so that tests take small ones of the same make.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import ConvexHull, Delaunay

from zarr_vectors.types.graphs import write_graph
from zarr_vectors.types.lines import write_lines
from zarr_vectors.types.meshes import write_mesh
from zarr_vectors.types.points import write_points
from zarr_vectors.types.polylines import write_polylines

KINDS = np.array(["background", "broad", "narrow", "sheet"])
NUCLEI_ACROSS = 7


# -- points -----------------------------------------------------------------------------------------------------------


def cloud(count, seed=1):
    """Positions (N, 3), a scalar and words of a cloud whose density spans more than three decades."""
    rng = np.random.default_rng(seed)
    sizes = (np.array([0.08, 0.36, 0.24]) * count).astype(int)
    sizes = np.append(sizes, count - sizes.sum())
    background = rng.uniform(0, 200, (sizes[0], 3))
    broad = _blobs(rng, sizes[1], 9, 40, (7, 16))
    narrow = _blobs(rng, sizes[2], 26, 20, (0.7, 2.2))
    y, x = rng.uniform(10, 190, (2, sizes[3]))
    sheet = np.stack([40 + 14 * np.sin(x / 24) + 10 * np.cos(y / 19) + rng.normal(size=sizes[3]) * 0.4, y, x], axis=1)
    positions = np.clip(np.concatenate([background, broad, narrow, sheet]), 0, 199.99)
    kind = KINDS[np.repeat(np.arange(4), sizes)]
    wave = np.sin(positions[:, 0] / 31) + np.sin(positions[:, 1] / 23) + np.sin(positions[:, 2] / 27)
    return positions.astype("f4"), (wave + rng.normal(size=count) * 0.25).astype("f4"), kind


def _blobs(rng, count, blobs, margin, spread):
    centres, widths = rng.uniform(margin, 200 - margin, (blobs, 3)), rng.uniform(*spread, blobs)
    which = rng.integers(0, blobs, count)
    return centres[which] + rng.normal(size=(count, 3)) * widths[which, None]


def write_cloud(store, count, chunk_shape=50.0, bin_shape=12.5):
    positions, wave, kind = cloud(count)
    attributes = {"wave": wave, "kind": kind}
    write_points(store, positions, chunk_shape=chunk_shape, bin_shape=bin_shape, attributes=attributes)


def rolling_land(count, seed=2):
    """Positions (N, 3) and height of points that a scanner would see: a surface, points drawn by chance."""
    rng = np.random.default_rng(seed)
    y, x = rng.uniform(0, 100, (2, count))
    z = 5 * np.sin(x / 15 + np.sin(y / 21)) + 4 * np.cos(y / 17) + 1.2 * np.sin((x + y) / 4) + 20
    return np.stack([z, y, x], axis=1).astype("f4"), z.astype("f4")


# -- lines ------------------------------------------------------------------------------------------------------------


def bundles(lines, rows, seed=3):
    """(lines, rows, 3) float32 streamlines in ten bundles, and a scalar (lines, rows): smooth along a line."""
    rng = np.random.default_rng(seed)
    count = 10
    t = np.linspace(0, 1, rows)
    # Curves over five control places, mirrored in pairs; fibres keep their place in the bundle, and fan out.
    control = np.empty((count, 5, 3))
    half = rng.uniform([35, 25, 12], [125, 190, 78], (count // 2, 5, 3))
    half[:, :, 1] = np.sort(half[:, :, 1], axis=1)
    half[0, :, 1], half[0, :, 2] = [120, 128, 130, 128, 120], [15, 50, 90, 130, 165]  # one crosses to the other side
    control[::2] = half
    control[1::2] = half * [1, 1, -1] + [0, 0, 180]
    basis = _spline(t)  # (rows, 5)
    centre = np.einsum("rk,bkd->brd", basis, control)
    which = np.arange(lines) % count
    place = rng.normal(size=(lines, 1, 3)) * rng.uniform(2.0, 5.0, count)[which, None, None]
    fan = 1 + 2.2 * np.abs(2 * t - 1)[None, :, None] ** 2
    sway = np.einsum("rk,bkd->brd", basis, rng.normal(size=(lines, 5, 3)) * 1.5)
    path = centre[which] + place * fan * 0.7 + sway
    # A fine undulation, so that lines are no plain splines: what the coarse levels are to smooth away first.
    phase, pace = rng.uniform(0, 2 * np.pi, (lines, 1, 3)), rng.uniform(9, 15, (lines, 1, 1))
    path += 0.35 * np.sin(2 * np.pi * pace * t[None, :, None] + phase)
    fa = (
        0.75
        - 0.5 * np.abs(2 * t - 1) ** 1.5
        + 0.08 * np.sin(9 * t + which[:, None])
        + rng.normal(size=(lines, 1)) * 0.03
    )
    return np.clip(path, 0, 219.9).astype("f4"), np.clip(fa, 0, 1).astype("f4")


def _spline(t):
    """Weights (rows, 5) of a Bezier curve."""
    binomial = np.array([1, 4, 6, 4, 1])
    k = np.arange(5)
    return binomial * t[:, None] ** k * (1 - t[:, None]) ** (4 - k)


def write_bundles(store, lines, rows):
    path, fa = bundles(lines, rows)
    write_polylines(
        store,
        path,
        chunk_shape=20.0,
        bin_shape=1.0,
        geometry_type="streamline",
        attributes={"fa": fa.reshape(-1)},
    )


def wind(count, seed=4):
    """Segments (N, 2, 3) of a flow around two rolls, and its speed at both ends (N, 2)."""
    rng = np.random.default_rng(seed)
    place = rng.uniform(0, 100, (count, 3))
    away = place[:, None, 1:] - np.array([[50.0, 32.0], [50.0, 70.0]])  # (N, 2, 2)
    reach = np.exp(-(away**2).sum(axis=2) / 500) * [1, -1]
    flow = np.stack(
        [0.6 * np.abs(reach).sum(axis=1), *(reach[:, None, :] @ (away[..., ::-1] * [1, -1]) / 12)[:, 0].T], 1
    )
    ends = np.stack([place, place + flow * 4.5], axis=1)
    speed = np.linalg.norm(flow, axis=1)
    return np.clip(ends, 0, 99.99).astype("f4"), np.stack([speed, speed], axis=1).astype("f4")


def write_wind(store, count):
    ends, speed = wind(count)
    write_lines(store, ends, chunk_shape=25.0, attributes={"speed": speed})


# -- trees and networks -----------------------------------------------------------------------------------------------


def neuron(rng, generations, rows):
    """Positions (N, 3), edges [child, parent] and radius of one tree: 2**generations tips on each of five stems."""
    stems = 5
    heading = rng.normal(size=(stems, 3)) * [0.4, 1, 1]
    heading /= np.linalg.norm(heading, axis=1, keepdims=True)
    start, above = np.zeros((stems, 3)), np.zeros(stems, np.int64)
    places, parents, radii = [np.zeros((1, 3))], [np.array([-1])], [np.array([4.5])]
    known = 1
    for generation in range(generations + 1):
        branches = len(start)
        turns = np.cumsum(rng.normal(size=(branches, rows, 3)) * 0.13, axis=1)
        steps = heading[:, None] + turns
        steps *= (1.6 * 0.92**generation) / np.linalg.norm(steps, axis=2, keepdims=True)
        path = start[:, None] + np.cumsum(steps * [0.35, 1, 1], axis=1)
        number = known + np.arange(branches * rows).reshape(branches, rows)
        parent = np.concatenate([above[:, None], number[:, :-1]], axis=1)
        taper = np.linspace(1, 0.75, rows)
        places.append(path.reshape(-1, 3))
        parents.append(parent.reshape(-1))
        radii.append(np.tile(2.4 * 0.72**generation * taper, branches))
        known += branches * rows
        fork = rng.normal(size=(branches, 3)) * 0.75
        last = steps[:, -1] / np.linalg.norm(steps[:, -1], axis=1, keepdims=True)
        heading = np.concatenate([last + fork, last - fork])
        heading /= np.linalg.norm(heading, axis=1, keepdims=True)
        start, above = np.tile(path[:, -1], (2, 1)), np.tile(number[:, -1], 2)
    parent = np.concatenate(parents)
    edges = np.stack([np.arange(1, known), parent[1:]], axis=1)
    return np.concatenate(places).astype("f4"), edges, np.concatenate(radii).astype("f4")


def neurons(count, generations=4, rows=24, seed=5):
    """Lists of positions, edges and radii."""
    rng = np.random.default_rng(seed)
    somata = np.stack([rng.uniform(-15, 15, count), *_spread(count).T], axis=1)
    grown = [neuron(rng, generations, rows) for _ in range(count)]
    return (
        [p + s.astype("f4") for (p, _, _), s in zip(grown, somata, strict=True)],
        [e for _, e, _ in grown],
        [r for _, _, r in grown],
    )


def _spread(count):
    across = int(np.ceil(np.sqrt(count * 1.3)))
    number = np.arange(count)
    return np.stack([number // across * 130 + 30 * (number % 2), number % across * 130], axis=1).astype(float)


def write_neurons(store, count, generations=4, rows=24):
    positions, edges, radii = neurons(count, generations, rows)
    write_graph(
        store,
        positions,
        edges,
        geometry_type="skeleton",
        chunk_shape=64.0,
        bin_shape=4.0,
        attributes={"radius": radii},
        object_ids=np.arange(count) * 3 + 1,
    )


def streets(crossings, rows, seed=6):
    """Nodes (N, 2), edges (M, 2) and traffic of a town: crossings joined by bent streets of `rows` inner nodes."""
    rng = np.random.default_rng(seed)
    angle, reach = rng.uniform(0, 2 * np.pi, crossings), 95 * rng.random(crossings) ** 0.8
    corner = 100 + np.stack([np.sin(angle), np.cos(angle)], axis=1) * reach[:, None]
    sides = Delaunay(corner).simplices
    pairs = np.unique(np.sort(sides[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1), axis=0)
    a, b = corner[pairs[:, 0]], corner[pairs[:, 1]]
    # Gabriel's rule leaves streets out that pass another crossing closely.
    middle, radius = (a + b) / 2, np.linalg.norm(a - b, axis=1) / 2
    empty = np.ones(len(pairs), bool)
    for start in range(0, len(pairs), 2000):
        part = slice(start, start + 2000)
        away = np.linalg.norm(middle[part, None] - corner[None], axis=2)
        empty[part] = (away < radius[part, None] * 0.999).sum(axis=1) == 0
    pairs, a, b = pairs[empty], a[empty], b[empty]
    t = np.linspace(0, 1, rows + 2)[1:-1]
    bend = rng.normal(size=(len(pairs), 1, 1)) * 0.12 * np.sin(np.pi * t)[:, None]
    side = (b - a)[:, ::-1] * [1, -1]
    inner = a[:, None] + (b - a)[:, None] * t[:, None] + side[:, None] * bend
    number = crossings + np.arange(len(pairs) * rows).reshape(len(pairs), rows)
    chain = np.concatenate([pairs[:, :1], number, pairs[:, 1:]], axis=1)
    edges = np.stack([chain[:, :-1], chain[:, 1:]], axis=2).reshape(-1, 2)
    nodes = np.concatenate([corner, inner.reshape(-1, 2)])
    traffic = np.exp(-np.linalg.norm(nodes - 100, axis=1) / 45) + 0.1 * rng.random(len(nodes))
    return np.clip(nodes, 0, 199.99).astype("f4"), edges, traffic.astype("f4")


def write_streets(store, crossings, rows):
    nodes, edges, traffic = streets(crossings, rows)
    write_graph(store, nodes, edges, chunk_shape=25.0, bin_shape=1.25, attributes={"traffic": traffic})


# -- surfaces ---------------------------------------------------------------------------------------------------------


def knot(around, along):
    """Vertices (V, 3), faces (F, 3) and height of the bumps of a knotted tube, closed, corners anticlockwise."""
    u = np.linspace(0, 2 * np.pi, along, endpoint=False)
    v = np.linspace(0, 2 * np.pi, around, endpoint=False)
    curve = np.stack([-np.sin(3 * u), np.cos(u) - 2 * np.cos(2 * u), np.sin(u) + 2 * np.sin(2 * u)], axis=1) * 26
    tangent = np.gradient(np.concatenate([curve[-2:], curve, curve[:2]]), axis=0)[2:-2]
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    side = np.cross(tangent, [1.0, 0.0, 0.0])
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    up = np.cross(side, tangent)
    bump = np.sin(18 * u)[:, None] * np.sin(4 * v)[None]
    radius = (11 + 1.6 * bump)[..., None]
    ring = np.cos(v)[None, :, None] * side[:, None] + np.sin(v)[None, :, None] * up[:, None]
    place = curve[:, None] + radius * ring + 100
    return place.reshape(-1, 3).astype("f4"), _closed(along, around), bump.reshape(-1).astype("f4")


def _closed(rows, columns):
    i, j = np.arange(rows)[:, None], np.arange(columns)[None]
    a, b = i * columns + j, i * columns + (j + 1) % columns
    c, d = (i + 1) % rows * columns + j, (i + 1) % rows * columns + (j + 1) % columns
    return np.concatenate([np.stack([a, c, b], -1).reshape(-1, 3), np.stack([b, c, d], -1).reshape(-1, 3)])


def write_knot(store, around, along):
    vertices, faces, bump = knot(around, along)
    write_mesh(store, vertices, faces, chunk_shape=32.0, bin_shape=4.0, attributes={"bump": bump})


def nuclei(columns, seed=7):
    """Lists of vertices and faces of small dented balls of different sizes, in a sheet."""
    rng = np.random.default_rng(seed)
    rows = columns
    u = np.linspace(0, 2 * np.pi, columns, endpoint=False)[:, None]
    v = np.pi * (np.arange(rows) + 0.5)[None] / rows
    ball = np.stack([np.cos(v) + 0 * u, np.sin(v) * np.sin(u), np.sin(v) * np.cos(u)], axis=-1)  # (columns, rows, 3)
    i, j = np.arange(columns)[:, None], np.arange(rows - 1)[None]
    a, c = i * rows + j, (i + 1) % columns * rows + j
    faces = np.concatenate([np.stack([a, a + 1, c], -1).reshape(-1, 3), np.stack([a + 1, c + 1, c], -1).reshape(-1, 3)])
    size = columns * rows
    north, south = np.arange(columns) * rows, np.arange(columns) * rows + rows - 1
    caps = [
        np.stack([np.full(columns, size), north, np.roll(north, -1)], axis=1),
        np.stack([np.full(columns, size + 1), np.roll(south, -1), south], axis=1),
    ]
    faces = np.concatenate([faces, *caps])
    unit = np.concatenate([ball.reshape(-1, 3), [[1.0, 0, 0], [-1.0, 0, 0]]])
    count = NUCLEI_ACROSS**2
    grid = np.stack(np.divmod(np.arange(count), NUCLEI_ACROSS), axis=1) * 24.0 + 20
    places = np.concatenate([rng.uniform(14, 26, (count, 1)), grid + rng.uniform(-4, 4, (count, 2))], axis=1)
    waves = rng.normal(size=(count, 3, 3)) * 2.2
    out = []
    for place, wave, size_px in zip(places, waves, rng.uniform(3.5, 10.5, count), strict=True):
        dent = 1 + 0.09 * np.sin(unit @ wave.T).sum(axis=1)
        out.append((place + unit * dent[:, None] * size_px).astype("f4"))
    return out, [faces] * count


def write_nuclei(store, columns):
    vertices, faces = nuclei(columns)
    number = [np.full(len(one), i, "u2") for i, one in enumerate(vertices)]
    write_mesh(store, vertices, faces, chunk_shape=48.0, bin_shape=3.0, attributes={"nucleus": number})


def balls(count, seed=0):
    """Vertices, faces and object of each vertex of balls of radius 1 to 3 that do not touch, 60 vertices each."""
    k = np.arange(60) + 0.5
    polar, turn = np.arccos(1 - k / 30), np.pi * (1 + 5**0.5) * k
    unit = np.stack([np.cos(turn) * np.sin(polar), np.sin(turn) * np.sin(polar), np.cos(polar)], axis=1)
    corners = ConvexHull(unit).simplices
    a, b, c = (unit[corner] for corner in corners.T)
    inwards = np.einsum("ij,ij->i", a, np.cross(b - a, c - a)) < 0
    corners = np.where(inwards[:, None], corners[:, ::-1], corners)
    rng = np.random.default_rng(seed)
    across = int(np.ceil(count ** (1 / 3)))
    grid = np.stack(np.unravel_index(np.arange(count), (across,) * 3), axis=1)
    middles = (grid + 0.5) * 8.5 + rng.uniform(-1, 1, (count, 3))
    return _many(unit, corners, rng.uniform(1, 3, count), middles)


def tubes(count, along=360, around=10):
    """Vertices, faces and object of each vertex of wavy tubes of radius 1 and length 300 with closed ends."""
    u = np.arange(around) / around * 2 * np.pi
    x = np.linspace(0, 300, along)[:, None]
    rings = np.stack([x + 0 * u, np.cos(u) + 8 * np.sin(x / 30), np.sin(u) + 0 * x], axis=-1).reshape(-1, 3)
    i, j = np.arange(along - 1)[:, None] * around, np.arange(around)[None]
    a, b = i + j, i + (j + 1) % around
    sides = [np.stack([a, b, a + around], -1), np.stack([b, b + around, a + around], -1)]
    last, n = (along - 1) * around, len(rings)
    ends = [np.stack([j[0], np.full(around, n), (j[0] + 1) % around], axis=1)]
    ends.append(np.stack([last + (j[0] + 1) % around, np.full(around, n + 1), last + j[0]], axis=1))
    tips = np.stack([rings[:around].mean(axis=0), rings[last:].mean(axis=0)])
    faces = np.concatenate([*(side.reshape(-1, 3) for side in sides), *ends])
    rng = np.random.default_rng(0)
    places = np.stack([np.zeros(count), np.arange(count) * 25 + 20.0, rng.uniform(5, 50, count)], axis=1)
    return _many(np.concatenate([rings, tips]), faces, np.ones(count), places)


def _many(vertices, faces, scales, places):
    """The same surface many times, scaled and moved."""
    number = np.arange(len(scales))
    moved = vertices * scales[:, None, None] + places[:, None]
    return (
        moved.reshape(-1, 3).astype("f4"),
        (faces + len(vertices) * number[:, None, None]).reshape(-1, 3),
        np.repeat(number, len(vertices)),
    )


def write_objects(store, made, bins):
    vertices, faces, owner = made
    write_mesh(store, vertices, faces, object_ids=owner, chunk_shape=64.0, bin_shape=bins)
