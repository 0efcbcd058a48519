"""Lines, a forest of neurons and a surface in a cube of edge 1000, made from a seed; the same for every side."""

import numpy as np

EDGE = 1000.0
CHUNKS = 5
BINS = 4
LINE_ROWS = 100
BOXES = 20
BOX_EDGE = EDGE / 4  # a box is 1/64 of the volume


def lines(count):
    """(count, 100, 3) float32: random walks that keep their direction for a while."""
    rng = np.random.default_rng(1)
    out = np.empty((count, LINE_ROWS, 3), "f4")
    for start in range(0, count, 20_000):
        n = min(20_000, count - start)
        turns = np.cumsum(rng.normal(size=(n, LINE_ROWS, 3)) * 0.25, axis=1)
        steps = rng.normal(size=(n, 1, 3)) + turns
        steps *= 4.0 / np.linalg.norm(steps, axis=2, keepdims=True)
        path = np.abs(rng.uniform(0, EDGE, (n, 1, 3)) + np.cumsum(steps, axis=1))
        out[start : start + n] = np.clip(EDGE - np.abs(EDGE - path), 0, EDGE - 1e-3)
    return out


def segments(count):
    """(count, 2, 3) float32: short segments."""
    rng = np.random.default_rng(5)
    ends = rng.uniform(10, EDGE - 10, (count, 1, 3)) + rng.normal(size=(count, 2, 3)) * 2
    return np.clip(ends, 0, EDGE - 1e-3).astype("f4")


def forest(trees, nodes):
    """Positions (N, 3) float32, edges (M, 2) child first, object of each node: branching walks."""
    rng = np.random.default_rng(2)
    parent = np.tile(np.arange(-1, nodes - 1), (trees, 1))
    branches = rng.random((trees, nodes)) < 0.05
    branches[:, :2] = False
    parent[branches] = (rng.random((trees, nodes)) * np.arange(nodes)).astype(int)[branches]
    steps = rng.normal(size=(trees, nodes, 3)) * 4 + rng.normal(size=(trees, 1, 3))
    steps[:, 0] = rng.uniform(100, 900, (trees, 3))
    place = np.empty((trees, nodes, 3))
    place[:, 0] = steps[:, 0]
    for node in range(1, nodes):
        place[:, node] = np.take_along_axis(place, parent[:, node, None, None], axis=1)[:, 0] + steps[:, node]
    first = (np.arange(trees) * nodes)[:, None]
    edges = np.stack([np.broadcast_to(np.arange(1, nodes), (trees, nodes - 1)) + first, parent[:, 1:] + first], axis=2)
    positions = np.clip(place, 0, EDGE - 1e-3).astype("f4").reshape(-1, 3)
    return positions, edges.reshape(-1, 2), np.repeat(np.arange(trees), nodes)


def surface(around, along):
    """Vertices (V, 3) float32 and faces (F, 3): a dented ball."""
    u = np.linspace(0, 2 * np.pi, around, endpoint=False)[:, None]
    v = np.linspace(0.01, np.pi - 0.01, along)[None]
    radius = 400 + 30 * np.sin(6 * u) * np.sin(5 * v)
    place = np.stack([radius * np.sin(v) * np.cos(u), radius * np.sin(v) * np.sin(u), radius * np.cos(v)], axis=-1)
    i, j = np.arange(around)[:, None], np.arange(along - 1)[None]
    a, b = i * along + j, (i + 1) % around * along + j
    faces = np.concatenate([np.stack([a, b, a + 1], -1).reshape(-1, 3), np.stack([b, b + 1, a + 1], -1).reshape(-1, 3)])
    return (place.reshape(-1, 3) + EDGE / 2).astype("f4"), faces


def balls(count, around, along):
    """`count` small surfaces: vertices, faces, object of each vertex."""
    rng = np.random.default_rng(3)
    vertices, faces = surface(around, along)
    size = len(vertices)
    places = (vertices - EDGE / 2) / 10 + rng.uniform(50, EDGE - 50, (count, 1, 3))
    all_faces = faces + size * np.arange(count)[:, None, None]
    return places.astype("f4").reshape(-1, 3), all_faces.reshape(-1, 3), np.repeat(np.arange(count), size)


def box_corners():
    """Lower corners of the boxes, (BOXES, 3)."""
    return np.random.default_rng(4).uniform(0, EDGE - BOX_EDGE, (BOXES, 3))
