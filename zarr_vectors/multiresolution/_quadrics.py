"""Where the one vertex lies that stands for several of a surface (Garland and Heckbert 1997, Lindstrom 2000).

The squared distance to the planes of all faces around the vertices is a quadratic function; its least place keeps edges
and corners of the surface where a mean would round them off. Where the faces are flat the function has a valley: along
it the place stays at the mean. All pieces are solved at once.
"""

from __future__ import annotations

import numpy as np

from zarr_vectors.typing import Float64Array, FloatArray, Int64Array

__all__ = ["best_places"]

_FLAT = 1e-2
"""Eigenvalues below this share of the largest are a valley: noise would throw the place far away along it."""


def best_places(
    positions: FloatArray, faces: Int64Array, piece: Int64Array, count: int, reach: Float64Array
) -> Float64Array:
    """Find the place of each piece's vertex.

    Parameters
    ----------
    positions : (N, 3)
        World units.
    faces : (M, L) int64, L >= 3
        Of more than three corners the plane of the first three counts.
    piece : (N,) int64
        Piece of each vertex.
    count : int
        P, the number of pieces; each has a vertex.
    reach : (3,) float64
        How far from the mean of its vertices a place may lie along each axis.

    Returns
    -------
    (P, 3) float64
    """
    points = positions.astype(np.float64)
    middle = _means(points, piece, count)
    normal, area = _normals(points, faces)
    matrix = np.zeros((count, 3, 3))
    vector = np.zeros((count, 3))
    outer = normal[:, :, None] * normal[:, None, :] * area[:, None, None]
    for corner in faces.T:
        at = piece[corner]
        # Distances are counted from the middle of the piece, which keeps the sums exact far from the origin.
        offset = np.einsum("ij,ij->i", normal, points[corner] - middle[at])
        matrix += _sums(outer.reshape(-1, 9), at, count).reshape(-1, 3, 3)
        vector += _sums((area * offset)[:, None] * normal, at, count)
    return middle + np.clip(_least(matrix, vector), -reach, reach)


def _means(points: Float64Array, piece: Int64Array, count: int) -> Float64Array:
    return np.asarray(_sums(points, piece, count) / np.bincount(piece, minlength=count)[:, None])


def _sums(values: Float64Array, piece: Int64Array, count: int) -> Float64Array:
    """Add up rows, (N, C), by piece."""
    return np.stack([np.bincount(piece, column, minlength=count) for column in values.T], axis=1)


def _normals(points: Float64Array, faces: Int64Array) -> tuple[Float64Array, Float64Array]:
    """Give unit normals, (M, 3), and areas, (M,); a face without area has normal 0."""
    a, b, c = (points[corner] for corner in faces.T[:3])
    normal = np.cross(b - a, c - a)
    length = np.linalg.norm(normal, axis=1)
    return normal / np.where(length > 0, length, 1)[:, None], length / 2


def _least(matrix: Float64Array, vector: Float64Array) -> Float64Array:
    """Solve (P, 3, 3) x = (P, 3) in the least squares sense, valleys left alone."""
    values, axes = np.linalg.eigh(matrix)
    steep = values > _FLAT * values[:, -1:]
    inverse = np.where(steep, 1 / np.where(steep, values, 1), 0)
    along = np.einsum("pij,pi->pj", axes, vector)
    return np.asarray(np.einsum("pij,pj->pi", axes, along * inverse))
