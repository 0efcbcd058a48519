"""Which row of what is drawn lies under a place on the screen: the sums of the shaders, in numpy. Pure.

Everything is in clip space of the last paint, as the shaders have it, and in framebuffer pixels from the middle of the
view, x to the right and y upwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product

import numpy as np
import numpy.typing as npt

from napari_zarr_vectors._build.chunk import NODE_STEP, BuiltChunk
from napari_zarr_vectors._build.values import HIDDEN_VALUE

__all__ = ["Hit", "Sight", "nearest", "to_pixels"]

Float64Array = npt.NDArray[np.float64]
Int64Array = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

_CORNERS = np.array(list(product((0, 1), repeat=5)))
"""Which end of a box each of its corners is, by axis."""
_ENDS = {4: (0, 2), 3: (0, 1, 2)}
"""Corners of a row at different places, by the number of its corners."""
_ROUNDING = 1e-9
_SEGMENT_CORNERS, _TRIANGLE_CORNERS = 4, 3


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """What the last paint was made with.

    Attributes
    ----------
    origin : (D,) float64
        What was subtracted from data.
    axes : (5, 4) float64
        Images of the data axes in clip space.
    base : (4,) float64
        Image of the origin.
    half_px : (2,) float64
        Half the view.
    lo, hi : (5,) float64
        The slab, relative to the origin.
    size : (size, px a unit, least px, most px)
        Of points or lines; px are divided by clip w where `in_world`.
    in_world, sized, square : bool
        Whether sizes are data units, whether rows' own sizes count, and whether points are squares.
    spacing : (16,) float64
        Of points, by level; zeros where they keep their size.
    fill : (px a data unit, most px)
        Of points.
    thin : float
        Points that each shown one stands for beside its own weight.
    nodes : float
        Diameter of the balls at vertices of lines, in the unit of `size`; 0 for none.
    planes : (P, 6) float64
        What is seen lies where ``planes[:, :5] @ x + planes[:, 5] >= 0``, x relative to the origin.
    front : float
        Of triangles whose corners run clockwise on the screen -1 if these alone are drawn, 1 if the others are; 0 for all.
    section : (axis, radius in px) or None
        Of the lines in which triangles meet the middle of the slab along an axis; None where none are drawn.
    """

    origin: Float64Array
    axes: Float64Array
    base: Float64Array
    half_px: Float64Array
    lo: Float64Array
    hi: Float64Array
    size: tuple[float, float, float, float]
    in_world: bool
    sized: bool
    square: bool
    spacing: Float64Array
    fill: tuple[float, float]
    thin: float
    nodes: float = 0.0
    planes: Float64Array = field(default_factory=lambda: np.zeros((0, 6)))
    front: float = 0.0
    section: tuple[int, float] | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """A row under a place: how far from what is drawn (0: on it), how deep, and which it is."""

    distance: float
    depth: float
    chunk: int
    row: int

    @property
    def order(self) -> tuple[float, float]:
        """What lies under the place first, the nearest to the eye first."""
        return self.distance, self.depth


def to_pixels(sight: Sight, point: npt.ArrayLike) -> Float64Array | None:
    """Give where a point, (D,) data units, is on the screen, (2,); None behind the eye."""
    relative = np.zeros(5)
    given = np.asarray(point, np.float64) - sight.origin
    relative[: len(given)] = given
    clip = relative @ sight.axes + sight.base
    return clip[:2] / clip[3] * sight.half_px if clip[3] > 0 else None


def nearest(
    chunks: Sequence[tuple[BuiltChunk, npt.NDArray[np.float32], Int64Array, Int64Array]],
    sight: Sight,
    at_px: Float64Array,
    reach_px: float,
) -> Hit | None:
    """Find the row that is seen at a place, or the nearest within reach.

    Parameters
    ----------
    chunks : list of (chunk, values, starts, stops)
        What is drawn: half-open ranges of rows, (m,) int64, and the values of all corners.
    sight : Sight
    at_px : (2,) float64
    reach_px : float
    """
    best: Hit | None = None
    away = _away([chunk[0] for chunk in chunks], sight, at_px, reach_px)
    for number in np.flatnonzero(away >= 0).tolist():
        built, values, starts, stops = chunks[number]
        rows = _rows_near(built, _rows(starts, stops), sight, at_px, float(away[number]))
        rows = rows[values[rows * built.corners] < HIDDEN_VALUE / 2]
        if not len(rows):
            continue
        look = {_SEGMENT_CORNERS: _segments, _TRIANGLE_CORNERS: _triangles}.get(built.corners, _points)
        distance, depth = look(built, rows, sight, at_px)
        order = np.lexsort((depth, distance))[:1]
        hit = Hit(float(distance[order[0]]), float(depth[order[0]]), number, int(rows[order[0]]))
        if hit.distance <= reach_px and (best is None or hit.order < best.order):
            best = hit
    return best


def _away(built: Sequence[BuiltChunk], sight: Sight, at_px: Float64Array, reach_px: float) -> Float64Array:
    """Give how far from a place chunks may draw what is near it, (n,); -1 for those whose boxes lie elsewhere: most."""
    if not built:
        return np.zeros(0)
    boxes = np.stack([chunk.box for chunk in built]).astype(np.float64)  # (n, 2, 5)
    clip = boxes[:, _CORNERS, np.arange(5)] @ sight.axes + sight.base  # (n, 32, 4)
    w = clip[..., 3]
    ahead = (w > 0).all(axis=1)
    px = clip[..., :2] / np.where(w > 0, w, 1.0)[..., None] * sight.half_px
    size, px_a_unit, least, most = sight.size
    size = max(size, sight.nodes)
    own = np.array([1.0 if c.sizes is None or not sight.sized else c.sizes.max(initial=0.0) for c in built])
    diameter = size * px_a_unit * own / (np.where(ahead, w.min(axis=1), 1.0) if sight.in_world else 1.0)
    away = (np.maximum(np.clip(diameter, least, most), sight.fill[1]) / 2 + reach_px + 1)[:, None]
    there = ((at_px >= px.min(axis=1) - away) & (at_px <= px.max(axis=1) + away)).all(axis=1)
    cut = ((boxes[:, 0] <= sight.hi + _ROUNDING) & (boxes[:, 1] >= sight.lo - _ROUNDING)).all(axis=1)
    return np.where((there | ~ahead) & cut, away[:, 0], -1.0)


def _rows_near(built: BuiltChunk, rows: Int64Array, sight: Sight, at_px: Float64Array, away: float) -> Int64Array:
    """Leave out the rows all of whose ends lie on one side of a place: the sums below cost ten times as much."""
    low, high = np.full((len(rows), 2), np.inf), np.full((len(rows), 2), -np.inf)
    kept = np.zeros(len(rows), bool)
    columns = np.array([0, 1, 3])
    for corner in _ENDS.get(built.corners, (0,)):
        at = rows * built.corners + corner
        clip = built.positions[at].astype(np.float64) @ sight.axes[:3, columns] + sight.base[columns]
        if built.extra is not None:
            clip += built.extra[at].astype(np.float64) @ sight.axes[3:, columns]
        behind = clip[:, 2] <= 0
        px = clip[:, :2] / np.where(behind, 1.0, clip[:, 2])[:, None] * sight.half_px
        kept |= behind
        low, high = np.minimum(low, px), np.maximum(high, px)
    kept |= ((low <= at_px + away) & (high >= at_px - away)).all(axis=1)
    return rows[kept]


def _rows(starts: Int64Array, stops: Int64Array) -> Int64Array:
    counts = stops - starts
    ends = np.cumsum(counts)
    return np.asarray(np.arange(int(ends[-1]) if len(ends) else 0) + np.repeat(starts - (ends - counts), counts))


def _clip(
    sight: Sight, main: npt.NDArray[np.float32], extra: npt.NDArray[np.float32] | None
) -> tuple[Float64Array, Float64Array]:
    """Give positions (n, 5) relative to the origin and their images (n, 4)."""
    data = np.zeros((len(main), 5))
    data[:, :3] = main
    if extra is not None:
        data[:, 3:] = extra
    return data, data @ sight.axes + sight.base


def _beyond(sight: Sight, data: Float64Array) -> Float64Array:
    """Give how far positions (n, 5) lie on the side of each plane that is seen, (n, P)."""
    return np.asarray(data @ sight.planes[:, :5].T + sight.planes[:, 5])


def _pixels(sight: Sight, clip: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Give pixels (n, 2) and depth (n,); what is behind the eye is far away."""
    w = clip[:, 3]
    ahead = w > 0
    safe = np.where(ahead, w, 1.0)[:, None]
    px = np.where(ahead[:, None], clip[:, :2] / safe * sight.half_px, np.inf)
    return px, np.where(ahead, clip[:, 2] / safe[:, 0], np.inf)


def _sizes(
    sight: Sight, w: Float64Array, own: npt.NDArray[np.float32] | None, diameter: float | None = None
) -> Float64Array:
    """Give diameters in pixels: of points and lines, or of what has another diameter."""
    size, px_a_unit, least, most = sight.size
    px = np.full(len(w), (size if diameter is None else diameter) * px_a_unit)
    if sight.sized and own is not None:
        px *= own
    if sight.in_world:
        px = px / np.maximum(w, 1e-30)
    clipped: Float64Array = np.clip(px, least, most)
    return clipped


def _points(built: BuiltChunk, rows: Int64Array, sight: Sight, at: Float64Array) -> tuple[Float64Array, Float64Array]:
    data, clip = _clip(sight, built.positions[rows], None if built.extra is None else built.extra[rows])
    px, depth = _pixels(sight, clip)
    own = _sizes(sight, clip[:, 3], None if built.sizes is None else built.sizes[rows])
    code = built.levels[rows].astype(np.float64)
    level = code.astype(np.int64)
    weight = sight.thin * np.exp2(32.0 * (code - level))
    cell = sight.fill[0] * sight.spacing[np.minimum(level, len(sight.spacing) - 1)] / np.maximum(clip[:, 3], 1e-30)
    size = np.maximum(own, np.minimum(np.minimum(cell, own * np.sqrt(weight)), sight.fill[1]))
    aside = np.abs(px - at)
    away = np.maximum((aside.max(axis=1) if sight.square else np.hypot(*aside.T)) - size / 2, 0)
    seen: BoolArray = np.asarray(((data >= sight.lo) & (data <= sight.hi)).all(axis=1))
    seen &= (_beyond(sight, data) >= 0).all(axis=1)
    return _within(away, seen), depth


def _segments(built: BuiltChunk, rows: Int64Array, sight: Sight, at: Float64Array) -> tuple[Float64Array, Float64Array]:
    first = rows * _SEGMENT_CORNERS
    second = first + 2
    ends = [_clip(sight, built.positions[k], None if built.extra is None else built.extra[k]) for k in (first, second)]
    (p, p_clip), (q, q_clip) = ends
    # Beyond a plane is one axis more, along which what is seen has no upper end.
    free = np.zeros(len(sight.planes))
    low, high = _cut(
        np.column_stack([p, _beyond(sight, p)]),
        np.column_stack([q, _beyond(sight, q)]),
        np.append(sight.lo, free),
        np.append(sight.hi, free + np.inf),
    )
    begin = p_clip + low[:, None] * (q_clip - p_clip)
    end = p_clip + high[:, None] * (q_clip - p_clip)
    (here, depth), (there, far) = _pixels(sight, begin), _pixels(sight, end)
    seen = (low <= high) & np.isfinite(here).all(axis=1) & np.isfinite(there).all(axis=1)
    here, there = np.where(seen[:, None], here, 1e9), np.where(seen[:, None], there, 1e9)
    along = there - here
    length = np.maximum((along**2).sum(axis=1), 1e-12)
    t = np.clip(((at - here) * along).sum(axis=1) / length, 0, 1)
    sizes = [None if built.sizes is None else built.sizes[k] for k in (first, second)]
    radii = [_sizes(sight, clip[:, 3], own) / 2 for clip, own in zip((begin, end), sizes, strict=True)]
    away = np.hypot(*(here + t[:, None] * along - at).T) - np.maximum(radii[0] + t * (radii[1] - radii[0]), 0.5)
    if sight.nodes:
        nodes = built.levels[first].astype(np.int64) // NODE_STEP
        marked = ((nodes % 2 > 0) & (low <= 0), (nodes > 1) & (high >= 1))
        for px, clip, own, there_is in zip((here, there), (begin, end), sizes, marked, strict=True):
            from_node = np.hypot(*(px - at).T) - _sizes(sight, clip[:, 3], own, sight.nodes) / 2
            away = np.where(there_is, np.minimum(away, from_node), away)
    depth, far = np.where(seen, depth, 0.0), np.where(seen, far, 0.0)
    return _within(np.maximum(away, 0), seen), depth + t * (far - depth)


def _cut(p: Float64Array, q: Float64Array, lo: Float64Array, hi: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Give the part of segments, from 0 to 1, that lies in the slab; the first above the second where none does."""
    step = q - p
    flat = np.abs(step) < 1e-30
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        a, b = (lo - p) / step, (hi - p) / step
    outside = flat & ((p < lo) | (p > hi))
    enter = np.where(flat, np.where(outside, 2.0, 0.0), np.minimum(a, b)).max(axis=1)
    leave = np.where(flat, np.where(outside, -1.0, 1.0), np.maximum(a, b)).min(axis=1)
    return np.clip(enter, 0, 2), np.clip(leave, -1, 1)


def _triangles(
    built: BuiltChunk, rows: Int64Array, sight: Sight, at: Float64Array
) -> tuple[Float64Array, Float64Array]:
    corners = [rows * _TRIANGLE_CORNERS + k for k in range(_TRIANGLE_CORNERS)]
    found = [_clip(sight, built.positions[k], None if built.extra is None else built.extra[k]) for k in corners]
    px, depth = zip(*(_pixels(sight, clip) for _, clip in found), strict=True)
    seen = np.isfinite(np.stack(px)).all(axis=(0, 2))
    a, b, c = (np.where(seen[:, None], p, 1e9) for p in px)
    total = _cross(b - a, c - a)
    with np.errstate(divide="ignore", invalid="ignore"):
        weights = np.stack([_cross(b - at, c - at), _cross(c - at, a - at), _cross(a - at, b - at)]) / total
    inside = seen & (np.abs(total) > 1e-9) & (total * sight.front >= 0) & (weights >= -1e-9).all(axis=0)
    weights = np.where(inside, weights, 0.0)
    where = np.einsum("kn,knd->nd", weights, np.stack([data for data, _ in found]))
    inside &= (where >= sight.lo - 1e-9).all(axis=1) & (where <= sight.hi + 1e-9).all(axis=1)
    inside &= (_beyond(sight, where) >= -1e-9).all(axis=1)
    depths = np.stack([np.where(seen, d, 0.0) for d in depth])
    level = built.levels[corners[0]].astype(np.float64)
    away = _within(np.zeros(len(rows)), inside)
    if sight.section is not None:
        away = np.minimum(away, _section(sight, np.stack([data for data, _ in found]), np.stack([a, b, c]), at))
    return away, (weights * depths).sum(axis=0) + 2e-5 * level


def _section(sight: Sight, data: Float64Array, px: Float64Array, at: Float64Array) -> Float64Array:
    """Give how far a place is from the lines in which triangles, (3, n, 5) and (3, n, 2) px, meet the slice, (n,)."""
    axis, radius = sight.section or (0, 0.0)
    count = data.shape[1]
    off = data[..., axis] - (sight.lo[axis] + sight.hi[axis]) / 2
    above = off >= 0
    met = np.flatnonzero(above.any(axis=0) & ~above.all(axis=0))
    above, rows = above[:, met], met[None, :]
    # The corner that lies alone on its side comes first.
    alone = np.where(above[1] == above[2], 0, np.where(above[0] == above[2], 1, 2))
    order = (alone + np.arange(3)[:, None]) % 3
    off, px, data = off[order, rows], px[order, rows], data[order, rows]
    part = (off[0] / (off[0] - off[1:]))[..., None]
    here, there = px[0] + part * (px[1:] - px[0])
    along = there - here
    t = np.clip(((at - here) * along).sum(axis=1) / np.maximum((along**2).sum(axis=1), 1e-12), 0, 1)[:, None]
    away = np.hypot(*(here + t * along - at).T)
    to_b, to_c = px[1:] - px[0]
    level = (off[1] - off[0])[:, None] * to_c - (off[2] - off[0])[:, None] * to_b
    seen = (sight.hi[axis] - sight.lo[axis]) * np.abs(_cross(to_b, to_c)) <= 2 * radius * np.hypot(*level.T)
    first, second = data[0] + part * (data[1:] - data[0])
    place = first + t * (second - first)
    place[:, axis] = (sight.lo[axis] + sight.hi[axis]) / 2
    seen &= ((place >= sight.lo) & (place <= sight.hi)).all(axis=1) & (_beyond(sight, place) >= 0).all(axis=1)
    out = np.full(count, np.inf)
    out[met[seen]] = np.maximum(away[seen] - radius, 0)
    return out


def _cross(u: Float64Array, v: Float64Array) -> Float64Array:
    return np.asarray(u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0])


def _within(away: Float64Array, seen: BoolArray) -> Float64Array:
    return np.where(seen, away, np.inf)
