"""How far the vertices of a surface are from the surface that replaces it."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from zarr_vectors.encoding import expand_ranges
from zarr_vectors.multiresolution._reduce import group_numbers
from zarr_vectors.typing import Float64Array, FloatArray, Int64Array

__all__ = ["displacements"]

_BLOCK_PAIRS = 20_000  # what stays in the processor's cache


def displacements(positions: FloatArray, group: Int64Array, places: FloatArray, faces: Int64Array) -> Float64Array:
    """Bound how far vertices are from a new surface, along each axis.

    Only the faces around the new vertex of each old one are looked at, so that no distance comes out too small.

    Parameters
    ----------
    positions : (N, 3)
        Old vertices, world units.
    group : (N,) int64
        New vertex of each old one.
    places : (P, 3)
        New vertices.
    faces : (M, 3) int64
        Of new vertices; of one that repeats a corner its edges count.

    Returns
    -------
    (N, 3) float64
    """
    ends = places.astype(np.float64)
    out = positions - ends[group]
    corners = group_numbers(faces.reshape(-1))
    counts = np.bincount(faces.reshape(-1), minlength=len(places))
    begins = np.append(0, np.cumsum(counts))[:-1]
    rows = np.flatnonzero((out != 0).any(axis=1) & (counts[group] > 0))
    pairs = np.append(0, np.cumsum(counts[group[rows]]))
    blocks = np.searchsorted(pairs, np.arange(0, int(pairs[-1]) + _BLOCK_PAIRS, _BLOCK_PAIRS))
    for first, last in pairwise(blocks.tolist()):
        own = rows[first:last]
        if len(own):
            near = counts[group[own]]
            at = corners.order[expand_ranges(begins[group[own]], near)]
            face = faces[at // 3]
            turned = [face[np.arange(len(at)), (at + turn) % 3] for turn in (1, 2)]
            out[own] = _from_fan(out[own], near, ends[group[own]], [ends[corner] for corner in turned])
    return np.abs(out)


def _part(dot: Float64Array, square: Float64Array) -> Float64Array:
    """How far along an edge the foot of a point is, 0 to 1."""
    return np.clip(dot / np.where(square > 0, square, 1), 0, 1)


def _from_fan(away: Float64Array, near: Int64Array, origin: Float64Array, ends: list[Float64Array]) -> Float64Array:
    """Give the shortest way, (n, 3), to any of the `near` triangles, (n,), around each origin, from `away` of it."""
    around = np.repeat(origin, near, axis=0)
    u, v = (end - around for end in ends)
    w = np.repeat(away, near, axis=0)
    uu, vv, uv, uw, vw = (np.einsum("ij,ij->i", a, b) for a, b in ((u, u), (v, v), (u, v), (u, w), (v, w)))
    spread = uu * vv - uv * uv
    solid = np.where(spread > 0, spread, 1)
    s, t = (uw * vv - vw * uv) / solid, (vw * uu - uw * uv) / solid
    along_u, along_v, across = _part(uw, uu), _part(vw, vv), _part(vw - uw + uu - uv, uu + vv - 2 * uv)
    # The foot on the plane; where that is outside, the nearest of the feet on the three edges.
    none = np.zeros_like(s)
    feet = ((along_u, none), (none, along_v), (1 - across, across))
    inside = (spread > 0) & (s >= 0) & (t >= 0) & (s + t <= 1)
    gain = np.where(inside, np.inf, -np.inf)
    for on_u, on_v in feet:
        better = (own := 2 * (on_u * uw + on_v * vw) - on_u**2 * uu - on_v**2 * vv - 2 * on_u * on_v * uv) > gain
        gain, s, t = np.where(better, own, gain), np.where(better, on_u, s), np.where(better, on_v, t)
    left = w - s[:, None] * u - t[:, None] * v
    length = np.einsum("ij,ij->i", left, left)
    starts = np.append(0, np.cumsum(near))[:-1]
    least = np.flatnonzero(length == np.repeat(np.minimum.reduceat(length, starts), near))
    owner = np.repeat(np.arange(len(near)), near)[least]
    out = np.empty_like(away)
    out[owner] = left[least]
    return out
