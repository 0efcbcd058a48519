"""Cutting polylines at the faces of a box.

A segment meets the box from its parameter t0 to t1, with t = 0 at its first vertex and 1 at its second (the slab
method: Kay and Kajiya 1986). Vertices inside stay as they are; where a segment enters or leaves, a new vertex lies on
the face. What is emitted, in order along the lines, are

* a vertex that is inside,
* the place where a segment with its first vertex outside enters,
* the place where a segment with its second vertex outside leaves,

and a piece begins at every place of entry and at every inside vertex that nothing emitted leads to.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zarr_vectors.spatial.bbox import inside
from zarr_vectors.typing import AnyArray, BoolArray, Float64Array, FloatArray, Int64Array

__all__ = ["ClippedLines", "clip_lines"]


@dataclass(frozen=True, slots=True, eq=False)
class ClippedLines:
    """Pieces of polylines in a box.

    Attributes
    ----------
    offsets : (p + 1,) int64
        Piece ``i`` has the vertices ``offsets[i]:offsets[i + 1]``.
    lines : (p,) int64
        The line that each piece is of, ascending.
    positions : (V, D)
    before, after : (V,) int64
        The vertices of the input that each vertex lies between; the same one twice where it is that vertex.
    weight : (V,) float64
        How far it lies on the way from the one to the other, 0..1.
    """

    offsets: Int64Array
    lines: Int64Array
    positions: FloatArray
    before: Int64Array
    after: Int64Array
    weight: Float64Array

    def interpolate(self, values: AnyArray) -> AnyArray:
        """Give a per-vertex attribute, (N,) or (N, C), at the vertices of the pieces.

        Floating point numbers are interpolated linearly; all others are those of the nearer vertex.
        """
        out: AnyArray = np.take(values, np.where(self.weight > 0.5, self.after, self.before), axis=0)
        cut = np.flatnonzero(self.before != self.after)
        if values.dtype.kind != "f" or not len(cut):
            return out
        weight = self.weight[cut].reshape(-1, *(1,) * (values.ndim - 1))
        first, second = (values[ends[cut]].astype(np.float64) for ends in (self.before, self.after))
        out[cut] = first * (1 - weight) + second * weight
        return out


def clip_lines(positions: FloatArray, offsets: Int64Array, lo: Float64Array, hi: Float64Array) -> ClippedLines:
    """Cut polylines at the faces of the half-open box ``lo <= p < hi``.

    Parameters
    ----------
    positions : (N, D) float
    offsets : (k + 1,) int64
        Line ``i`` has the vertices ``offsets[i]:offsets[i + 1]``.
    lo, hi : (D,) float64
        Infinite edges are allowed.
    """
    is_in = inside(positions, lo, hi)
    joined = _segments(offsets, len(positions))
    crossing = joined[~(is_in[joined] & is_in[joined + 1])]  # the first vertex of each segment that is not inside
    enter, leave = _slabs(positions[crossing], positions[crossing + 1], lo, hi)
    first_in, second_in = is_in[crossing], is_in[crossing + 1]
    meets = leave.t > enter.t
    enters = ~first_in & np.where(second_in, enter.t < 1, meets)
    leaves = ~second_in & np.where(first_in, leave.t > 0, meets)
    kept = np.flatnonzero(is_in)
    # Along a line: vertex v, then where the segment after it enters, then where it leaves.
    keys = np.concatenate([3 * kept, 3 * crossing[enters] + 1, 3 * crossing[leaves] + 2])
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    before = keys // 3
    after = np.where(keys % 3 == 0, before, before + 1)
    weight = np.concatenate([np.zeros(len(kept)), enter.t[enters], leave.t[leaves]])[order]
    first, second = positions[crossing], positions[crossing + 1]
    entries = _points(first[enters], second[enters], enter.take(enters), (lo, hi))
    exits = _points(first[leaves], second[leaves], leave.take(leaves), (hi, lo))
    points = np.concatenate([positions[kept], entries, exits])[order]
    starts = _piece_starts(keys, is_in, offsets)
    lines = np.searchsorted(offsets, before[starts], side="right") - 1
    return ClippedLines(np.append(np.flatnonzero(starts), len(keys)), lines, points, before, after, weight)


def _segments(offsets: Int64Array, count: int) -> Int64Array:
    """Give the first vertex of each segment: every vertex but the last of each line."""
    is_last = np.zeros(count, bool)
    is_last[offsets[1:][np.diff(offsets) > 0] - 1] = True
    return np.flatnonzero(~is_last)


def _piece_starts(keys: Int64Array, is_in: BoolArray, offsets: Int64Array) -> BoolArray:
    """Tell which of what is emitted begins a piece."""
    kind, vertex = keys % 3, keys // 3
    starts = np.asarray(kind == 1, bool)
    is_vertex = np.flatnonzero(kind == 0)
    here = vertex[is_vertex]
    is_first = np.zeros(len(is_in) + 1, bool)
    is_first[offsets[:-1]] = True
    led = np.zeros(len(is_vertex), bool)
    later = is_vertex > 0
    # What leads to a vertex is the vertex before it, or the place where the segment between them enters.
    prior = keys[is_vertex[later] - 1]
    led[later] = (prior // 3 == here[later] - 1) & (prior % 3 != 2)
    starts[is_vertex] = ~led | is_first[here]
    return starts


@dataclass(frozen=True, slots=True, eq=False)
class _Cut:
    """Where segments cross a face: parameter (n,), and the axis of that face (n,)."""

    t: Float64Array
    axis: Int64Array

    def take(self, chosen: BoolArray) -> _Cut:
        return _Cut(self.t[chosen], self.axis[chosen])


def _slabs(first: FloatArray, second: FloatArray, lo: Float64Array, hi: Float64Array) -> tuple[_Cut, _Cut]:
    """Give where segments, (n, D) each end, enter the box and where they leave it; not at all if they leave before."""
    start = first.astype(np.float64)
    step = second.astype(np.float64) - start
    with np.errstate(divide="ignore", invalid="ignore"):
        low, high = (lo - start) / step, (hi - start) / step
    near, far = np.minimum(low, high), np.maximum(low, high)
    still = step == 0  # it stays in the slab or outside of it
    within = (start >= lo) & (start < hi)
    near = np.where(still, np.where(within, -np.inf, np.inf), near)
    far = np.where(still, np.where(within, np.inf, -np.inf), far)
    rows = np.arange(len(start))
    last_in, first_out = near.argmax(axis=1), far.argmin(axis=1)
    enter = np.maximum(near[rows, last_in], 0) if len(start) else np.empty(0)
    leave = np.minimum(far[rows, first_out], 1) if len(start) else np.empty(0)
    return _Cut(enter, last_in), _Cut(leave, first_out)


def _points(first: FloatArray, second: FloatArray, cut: _Cut, faces: tuple[Float64Array, Float64Array]) -> FloatArray:
    """Give the points where segments cross faces: exactly on the face, within the box on the other axes.

    `faces` are those that a segment crosses on an axis along which it rises, and along which it falls.
    """
    start, end = first.astype(np.float64), second.astype(np.float64)
    t = cut.t[:, None]
    points = np.clip(start * (1 - t) + end * t, np.minimum(*faces), np.maximum(*faces))
    rows = np.arange(len(points))
    rising = end[rows, cut.axis] > start[rows, cut.axis]
    points[rows, cut.axis] = np.where(rising, faces[0][cut.axis], faces[1][cut.axis])
    out: FloatArray = points.astype(first.dtype)
    return out
