"""Simplification of lines: the vertices without which a line would leave its tolerance (Douglas and Peucker 1973).

All lines are taken at once. A *span* is a stretch between two vertices that stay. Each pass finds the vertex of every
span that lies farthest from the chord, and cuts the span there if that is beyond the floor; passes are as many as the
recursion is deep, not as there are vertices. What comes out is not a choice but a *significance* of each vertex: the
tolerance up to which it stays. So one run serves all levels, and a coarse level keeps a part of what a finer one keeps.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from zarr_vectors.encoding import offsets_of
from zarr_vectors.typing import FloatArray, Int64Array

__all__ = ["nearest_kept", "significance"]

Float32Array = npt.NDArray[np.float32]
Float64Array = npt.NDArray[np.float64]


def significance(positions: FloatArray, offsets: Int64Array, floor: float) -> Float64Array:
    """Give the largest tolerance at which each vertex still stays.

    Keeping the vertices whose significance is above a tolerance t >= `floor` leaves every vertex of the old line within
    t of the new one. Vertices that are as far as a chord are equal: the first one stays.

    Parameters
    ----------
    positions : (N, D)
        World units, line after line.
    offsets : (P + 1,) int64
        Where lines begin; a line of no vertices is none.
    floor : float
        What lies within it is not looked at more closely, and has significance 0; below 0 all is.

    Returns
    -------
    (N,) float64
        The ends of lines have infinity.
    """
    out = np.zeros(len(positions))
    first, last = offsets[:-1], offsets[1:] - 1
    used = last >= first
    first, last = first[used], last[used]
    out[first] = out[last] = np.inf
    limit = np.full(len(first), np.inf)  # of a span: the significance of what cut it out
    points = np.asarray(positions, np.float64)
    while True:
        inner = last - first > 1
        first, last, limit = first[inner], last[inner], limit[inner]
        if not len(first):
            return out
        farthest, distance = _farthest(points, first, last)
        far = distance > floor
        first, last, farthest = first[far], last[far], farthest[far]
        limit = np.minimum(limit[far], distance[far])
        out[farthest] = limit
        first, last = np.concatenate([first, farthest]), np.concatenate([farthest, last])
        limit = np.concatenate([limit, limit])


def _farthest(points: Float64Array, first: Int64Array, last: Int64Array) -> tuple[Int64Array, Float64Array]:
    """Find the inner vertex of each span, (S,) both, that lies farthest from its chord, and how far."""
    counts = last - first - 1
    begins = offsets_of(counts)[:-1]
    rows = np.arange(int(counts.sum())) + np.repeat(first + 1 - begins, counts)
    start, chord = points[first], points[last] - points[first]
    length = np.einsum("ij,ij->i", chord, chord)
    length[length == 0] = 1  # a span that ends where it begins: distance from that place
    away = points[rows] - np.repeat(start, counts, axis=0)
    along = np.repeat(chord, counts, axis=0)
    part = np.clip(np.einsum("ij,ij->i", away, along) / np.repeat(length, counts), 0, 1)
    away -= part[:, None] * along
    distance = np.einsum("ij,ij->i", away, away)
    most = np.maximum.reduceat(distance, begins)
    at = np.flatnonzero(distance == np.repeat(most, counts))
    # Of equals the first: later ones are overwritten from the back.
    which = np.empty(len(first), np.int64)
    span = np.searchsorted(begins, at, side="right") - 1
    which[span[::-1]] = rows[at[::-1]]
    return which, np.sqrt(most)


def nearest_kept(kept: Int64Array, count: int) -> Int64Array:
    """Tell which kept vertex each of `count` vertices goes with: the next one by number, of two the first.

    The ends of lines are kept, so that no vertex goes with another line.

    Parameters
    ----------
    kept : (M,) int64
        Ascending; M >= 1.

    Returns
    -------
    (count,) int64
        Positions in `kept`.
    """
    borders = (kept[:-1] + kept[1:]) // 2 + 1  # the first vertex that is nearer to the second of two
    return np.searchsorted(borders, np.arange(count), side="right")
