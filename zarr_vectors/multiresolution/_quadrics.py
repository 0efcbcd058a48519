"""Where the one vertex lies that stands for several of a surface (Garland and Heckbert 1997, Lindstrom 2000).

The squared distance to the planes of all faces around the vertices is a quadratic function; its least place keeps edges
and corners of the surface where a mean would round them off. Where the faces are flat the function has a valley: along
it the place stays at the mean. All pieces are solved at once.
"""

from __future__ import annotations

from itertools import combinations_with_replacement, pairwise

import numpy as np

from zarr_vectors.multiresolution._reduce import group_numbers
from zarr_vectors.typing import AnyArray, Float64Array, FloatArray, Int64Array

__all__ = ["areas", "best_places", "open_edges"]

_FLAT = 1e-2
"""Eigenvalues below this share of the largest are a valley: noise would throw the place far away along it."""
_PIECE_FACES = 1 << 15
_BORDER = 10.0
"""Weight of the planes that stand on open edges, against those of faces: there are fewer of them in a piece."""


def best_places(positions: FloatArray, faces: AnyArray, piece: Int64Array, cell: Float64Array) -> Float64Array:
    """Find the place of each piece's vertex.

    Parameters
    ----------
    positions : (N, 3)
        World units; N >= 1.
    faces : (M, L) int64, L >= 3
        Of more than three corners the plane of the first three counts. Where an edge has one face only, the surface
        ends, and a plane that stands on the edge keeps it from shrinking.
    piece : (N,) int64
        Piece of each vertex: numbers from 0 on, without gaps.
    cell : (3,) float64
        No vertex is moved farther than that along any axis, where the vertices of a piece lie within one cell.

    Returns
    -------
    (P, 3) float64
    """
    points = positions.astype(np.float64)
    count = int(piece.max()) + 1
    middle = _means(points, piece, count)
    matrix, vector = np.zeros((count, 3, 3)), np.zeros((count, 3))
    for some in _pieces(faces):
        normal, area = _normals(points, faces[some])
        for corner in faces[some].T:
            _add_planes(matrix, vector, normal, area, points[corner] - middle[piece[corner]], piece[corner])
    ends, face = open_edges(faces)
    along = points[ends[:, 1]] - points[ends[:, 0]]
    upright = np.cross(along, _normals(points, faces[face])[0])
    length = np.linalg.norm(upright, axis=1)
    upright /= np.where(length > 0, length, 1)[:, None]
    for corner in ends.T:
        offset = points[corner] - middle[piece[corner]]
        _add_planes(matrix, vector, upright, _BORDER * length**2, offset, piece[corner])
    groups = group_numbers(piece)
    ordered = points[groups.order]
    low, high = (extreme.reduceat(ordered, groups.starts[:-1], axis=0) for extreme in (np.minimum, np.maximum))
    # Rounding may make a piece larger than a cell by a hair: then the middle is within both.
    within = np.minimum(high - cell, middle), np.maximum(low + cell, middle)
    return np.clip(middle + _least(matrix, vector), *within)


def areas(positions: FloatArray, faces: AnyArray) -> Float64Array:
    """Area of each face, (M,), in any number of dimensions; of more than three corners: of the fan from the first."""
    area = np.zeros(len(faces))
    for piece in _pieces(faces):
        corners = [positions[column].astype(np.float64) for column in faces[piece].T]
        for b, c in pairwise(corners[1:]):
            u, v = b - corners[0], c - corners[0]
            uu, vv, uv = (np.einsum("ij,ij->i", *both) for both in ((u, u), (v, v), (u, v)))
            # Lagrange's identity: it holds in any number of dimensions.
            area[piece] += np.sqrt(np.maximum(uu * vv - uv * uv, 0)) / 2
    return area


def _pieces(faces: AnyArray) -> list[slice]:
    """Cut faces into pieces that stay in the processor's cache: all else made of them is several times as large."""
    return [slice(low, low + _PIECE_FACES) for low in range(0, len(faces), _PIECE_FACES)]


def open_edges(faces: AnyArray) -> tuple[Int64Array, Int64Array]:
    """Find the edges, (K, 2), that one face has alone, and that face, (K,)."""
    width, number = faces.shape[1], np.uint64(faces.max(initial=0) + 1)
    keys = np.empty((width, len(faces)), np.uint64)
    for i in range(width):
        # An edge is one number: few vertices are more than 32 bits can count.
        first, second = faces[:, i], faces[:, (i + 1) % width]
        np.multiply(np.minimum(first, second).astype(np.uint64), number, out=keys[i])
        keys[i] += np.maximum(first, second).astype(np.uint64)
    order = np.argsort(keys.reshape(-1), kind="stable")
    ordered = keys.reshape(-1)[order]
    begins = np.ones(len(order) + 1, bool)
    begins[1:-1] = ordered[1:] != ordered[:-1]
    corner, face = np.divmod(order[begins[:-1] & begins[1:]], max(1, len(faces)))
    return np.stack([faces[face, corner], faces[face, (corner + 1) % width]], axis=1), face


def _add_planes(
    matrix: Float64Array,
    vector: Float64Array,
    normal: Float64Array,
    weight: Float64Array,
    offset: Float64Array,
    at: Int64Array,
) -> None:
    """Add the squared distances to planes, (K,), each to the quadric of the piece `at` which it counts.

    Offsets of the planes are counted from the middle of the piece, which keeps the sums exact far from the origin.
    """
    distance = np.einsum("ij,ij->i", normal, offset)
    # Number by number: nothing of nine numbers a face is made.
    for i, j in combinations_with_replacement(range(3), 2):
        total = np.bincount(at, normal[:, i] * normal[:, j] * weight, minlength=len(matrix))
        matrix[:, i, j] += total
        if i != j:
            matrix[:, j, i] += total
    vector += _sums((weight * distance)[:, None] * normal, at, len(matrix))


def _means(points: Float64Array, piece: Int64Array, count: int) -> Float64Array:
    return np.asarray(_sums(points, piece, count) / np.bincount(piece, minlength=count)[:, None])


def _sums(values: Float64Array, piece: Int64Array, count: int) -> Float64Array:
    """Add up rows, (N, C), by piece."""
    return np.stack([np.bincount(piece, column, minlength=count) for column in values.T], axis=1)


def _normals(points: Float64Array, faces: AnyArray) -> tuple[Float64Array, Float64Array]:
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
