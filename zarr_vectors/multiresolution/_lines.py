"""Simplification of lines: the vertices without which a line would leave its tolerance (Douglas and Peucker 1973).

All lines are taken at once. A *span* is a stretch between two vertices that stay. Each pass finds the vertex of every
span that lies farthest from the chord, and cuts the span there if that is beyond the floor; passes are as many as the
recursion is deep, not as there are vertices. What comes out is not a choice but a *significance* of each vertex: the
tolerance up to which it stays. So one run serves all levels, and a coarse level keeps a part of what a finer one keeps.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from zarr_vectors.encoding import offsets_of
from zarr_vectors.typing import FloatArray, Int64Array

__all__ = ["significance", "stretches"]

Float64Array = npt.NDArray[np.float64]

_PIECE_ROWS = 1 << 15


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
    # Some lines at a time: what a pass makes stays in the processor's cache.
    for some in np.split(np.arange(len(first)), np.flatnonzero(np.diff(last // _PIECE_ROWS)) + 1):
        if len(some):
            low, high = int(first[some[0]]), int(last[some[-1]]) + 1
            _cut(positions[low:high], first[some] - low, last[some] - low, floor, out[low:high])
    return out


def _cut(positions: FloatArray, first: Int64Array, last: Int64Array, floor: float, out: Float64Array) -> None:
    """Write the significance of the inner vertices of spans, (S,) both, which go from end to end of a line."""
    limit = np.full(len(first), np.inf)  # of a span: the significance of what cut it out
    axes = [np.ascontiguousarray(column, np.float64) for column in positions.T]
    while True:
        inner = last - first > 1
        first, last, limit = first[inner], last[inner], limit[inner]
        if not len(first):
            return
        farthest, distance = _farthest(axes, first, last)
        far = distance > floor
        first, last, farthest = first[far], last[far], farthest[far]
        limit = np.minimum(limit[far], distance[far])
        out[farthest] = limit
        first, last = np.concatenate([first, farthest]), np.concatenate([farthest, last])
        limit = np.concatenate([limit, limit])


def _farthest(axes: Sequence[Float64Array], first: Int64Array, last: Int64Array) -> tuple[Int64Array, Float64Array]:
    """Find the inner vertex of each span, (S,) both, that lies farthest from its chord, and how far.

    Parameters
    ----------
    axes : list of (N,) float64
        Coordinates of the vertices, axis by axis: rows of few numbers are slow to reckon with.
    first, last : (S,) int64
    """
    counts = last - first - 1
    begins = offsets_of(counts)[:-1]
    # What belongs to a span is repeated, not looked up for each vertex: that reads less.
    rows = np.arange(int(counts.sum()))
    rows += (first + 1 - begins).repeat(counts)
    length, along = np.zeros(len(first)), np.zeros(len(rows))
    aways, chords = [], []
    for axis in axes:
        start = axis[first]
        chord = axis[last] - start
        length += chord * chord
        away, of_span = axis.take(rows, mode="clip"), chord.repeat(counts)  # unchecked: all rows are there
        away -= start.repeat(counts)
        along += away * of_span
        aways.append(away)
        chords.append(of_span)
    length[length == 0] = 1  # a span that ends where it begins: distance from that place
    part = along
    part /= length.repeat(counts)
    np.maximum(part, 0, out=part)
    np.minimum(part, 1, out=part)
    distance = np.zeros(len(rows))
    for away, chord in zip(aways, chords, strict=True):
        chord *= part
        away -= chord
        away *= away
        distance += away
    most = np.maximum.reduceat(distance, begins)
    # Of equals the first. A span of places that are no numbers has none, and any will do: nothing is above a floor.
    at = np.append(np.flatnonzero(distance == most.repeat(counts)), 0)
    return rows[at[np.searchsorted(at[:-1], begins)]], np.sqrt(most)


def stretches(kept: Int64Array, count: int) -> Int64Array:
    """Give a stretch of `count` vertices to each kept one: those nearer to it, by number, than to others, of two first.

    The ends of lines are kept, so that no stretch reaches into another line.

    Parameters
    ----------
    kept : (M,) int64
        Ascending.

    Returns
    -------
    (M + 1,) int64
        Where each begins.
    """
    out = np.zeros(len(kept) + 1, np.int64)
    out[1:-1] = (kept[:-1] + kept[1:]) // 2 + 1
    out[-1] = count
    return out
