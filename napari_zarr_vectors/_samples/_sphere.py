"""A sphere of even triangles, and what its neighbours say of a surface."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Float64Array = npt.NDArray[np.float64]
Int64Array = npt.NDArray[np.int64]


def sphere(divisions: int) -> tuple[Float64Array, Int64Array]:
    """Divide each edge of an icosahedron and blow it up.

    Returns
    -------
    directions : (10 * divisions**2 + 2, 3)
    faces : (20 * divisions**2, 3) int64
        Counter-clockwise from outside.
    """
    corners, sides = _icosahedron()
    i, j = (part.ravel() for part in np.meshgrid(*[np.arange(divisions + 1)] * 2, indexing="ij"))
    inside = i + j <= divisions
    number = np.full((divisions + 1, divisions + 1), -1)
    number[i[inside], j[inside]] = np.arange(inside.sum())
    weights = np.stack([divisions - i - j, i, j], axis=1)[inside] / divisions  # (v, 3)
    points = np.einsum("vk,fkc->fvc", weights, corners[sides]).reshape(-1, 3)
    up = _triangles(number, i, j, i + j < divisions, ((0, 0), (1, 0), (0, 1)))
    down = _triangles(number, i, j, i + j < divisions - 1, ((1, 0), (1, 1), (0, 1)))
    small = np.concatenate([up, down])
    faces = (small[None] + np.arange(20)[:, None, None] * len(weights)).reshape(-1, 3)
    _, first, same = np.unique(np.round(points * 1e7).astype(np.int64), axis=0, return_index=True, return_inverse=True)
    points = points[first]
    return points / np.linalg.norm(points, axis=1, keepdims=True), same.reshape(-1)[faces]


def _icosahedron() -> tuple[Float64Array, Int64Array]:
    g = (1 + 5**0.5) / 2
    corners = np.array(
        [[-1, g, 0], [1, g, 0], [-1, -g, 0], [1, -g, 0], [0, -1, g], [0, 1, g],
         [0, -1, -g], [0, 1, -g], [g, 0, -1], [g, 0, 1], [-g, 0, -1], [-g, 0, 1]]
    )  # fmt: skip
    sides = np.array(
        [[0, 11, 5], [0, 5, 1], [0, 1, 7], [0, 7, 10], [0, 10, 11], [1, 5, 9], [5, 11, 4],
         [11, 10, 2], [10, 7, 6], [7, 1, 8], [3, 9, 4], [3, 4, 2], [3, 2, 6], [3, 6, 8],
         [3, 8, 9], [4, 9, 5], [2, 4, 11], [6, 2, 10], [8, 6, 7], [9, 8, 1]]
    )  # fmt: skip
    return corners, sides


def _triangles(
    number: Int64Array, i: Int64Array, j: Int64Array, chosen: npt.NDArray[np.bool_], steps: tuple[tuple[int, int], ...]
) -> Int64Array:
    rows, columns = i[chosen], j[chosen]
    return np.stack([number[rows + di, columns + dj] for di, dj in steps], axis=1)


def normals_of(points: Float64Array, faces: Int64Array) -> Float64Array:
    """Return the outward normals (N, 3) of the vertices of a closed surface."""
    a, b, c = (points[faces[:, k]] for k in range(3))
    across = np.cross(b - a, c - a)
    total = _summed(np.concatenate([across] * 3), faces.T.ravel(), len(points))
    return np.asarray(total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12))


def smoothed(values: Float64Array, faces: Int64Array, rounds: int) -> Float64Array:
    """Average values (N, C) with those of the neighbours, again and again."""
    ends, others = faces.T.ravel(), np.roll(faces, -1, axis=1).T.ravel()  # each edge once from each end
    count = np.bincount(ends, minlength=len(values))[:, None]
    for _ in range(rounds):
        values = 0.5 * values + 0.5 * _summed(values[others], ends, len(values)) / count
    return values


def curvature_of(points: Float64Array, faces: Int64Array) -> Float64Array:
    """Return the mean curvature (N,), 1 / unit of length: above 0 on crowns, below in valleys."""
    ends, others = faces.T.ravel(), np.roll(faces, -1, axis=1).T.ravel()
    count = np.bincount(ends, minlength=len(points))
    mean = _summed(points[others], ends, len(points)) / count[:, None] - points
    square = np.bincount(ends, ((points[others] - points[ends]) ** 2).sum(axis=1), len(points)) / count
    return np.asarray(-2 * (mean * normals_of(points, faces)).sum(axis=1) / np.maximum(square, 1e-12))


def _summed(values: Float64Array, rows: Int64Array, size: int) -> Float64Array:
    return np.stack([np.bincount(rows, column, size) for column in values.T], axis=1)
