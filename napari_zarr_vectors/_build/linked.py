"""Decoded vertices and links of one chunk -> segments or triangles that can be uploaded as they are.

Segments are cut where they leave a place, so that levels meet at the faces of places without gaps. A triangle is a row of
each place in which a vertex of it lies, in each chunk that it touches: where levels meet, they overlap by a ring.

Rows are put in the order of a hash of their object, then sorted by place, so that the first rows of a place are whole
objects as far as they lie there, the same ones from frame to frame and in every chunk.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_zarr_vectors._build.chunk import NODE_STEP, BuiltChunk
from napari_zarr_vectors._build.pieces import BLOCK, cut_segments
from napari_zarr_vectors._build.places import cells_of, place_keys, place_shape
from napari_zarr_vectors._build.points import pack_axes, stable_order
from napari_zarr_vectors._build.slabs import bins_of
from napari_zarr_vectors._build.values import Far, ValueMap
from zarr_vectors.spatial import splitmix64

__all__ = ["CORNER_STEP", "LinkedPart", "Place", "build_segments", "build_triangles"]

Float32Array = npt.NDArray[np.float32]
Float64Array = npt.NDArray[np.float64]
Int64Array = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

CORNER_STEP = 16
"""A corner's number times this is added to its level: one number a vertex says both."""
_SEGMENT_CORNERS, _TRIANGLE_CORNERS = 4, 3
_EDGE = 2
_MOST_RANK, _SPARE = float(2**64 - 2**11), 1.5
"""The largest rank that a float tells from the next power of two; a share is looked for among so many times as many."""


@dataclass(frozen=True, slots=True, eq=False)
class LinkedPart:
    """One chunk's share of what was read.

    Attributes
    ----------
    positions : (N, D) float32 or float64
        Store units; the chunk's own vertices and, anywhere among them, those of others that its links lead to.
    own : (lo, hi)
        Rows of the chunk's own vertices.
    links : (M, L) int64
        All that touch the chunk.
    owned : (M,) bool
        Which of them are the chunk's own.
    values, sizes : (N,) float32 or None
        What colours and sizes the vertices.
    objects : (N,) int64 or None
        Id of the object of each vertex, `NO_OBJECT` for none.
    owners : (N,) int32 or None
        Row in the level's object index of the object of each vertex, -1 for none.
    sides : (N, C) int8 or None
        What hides links besides values, as `ValueMap.of` takes it.
    beyond : (F,) int64 or None
        Of a part that is alone: which rows of what was read the vertices behind its own ones are.
    far : Far or None
        Where these lie.
    """

    positions: npt.NDArray[np.floating]
    own: tuple[int, int]
    links: Int64Array
    owned: BoolArray
    values: Float32Array | None = None
    sizes: Float32Array | None = None
    objects: Int64Array | None = None
    owners: npt.NDArray[np.int32] | None = None
    sides: npt.NDArray[np.int8] | None = None
    beyond: Int64Array | None = None
    far: Far | None = None

    def alone(self) -> LinkedPart:
        """Give the same, its own vertices first, without any that neither are these nor an end of its links."""
        low, high = self.own
        beyond = (self.links < low) | (self.links >= high)
        far, place = np.unique(self.links[beyond], return_inverse=True)
        rows = np.concatenate([np.arange(low, high), far])
        number = self.links - low
        number[beyond] = high - low + place
        columns = (self.values, self.sizes, self.objects, self.owners, self.sides)
        picked = [None if a is None else a[rows] for a in columns]
        part = LinkedPart(self.positions[rows], (0, high - low), number, self.owned, *picked)
        return replace(part, beyond=far)


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Where a chunk lies; as the arguments of `build_points`."""

    origin: npt.ArrayLike
    chunk_lo: npt.ArrayLike
    cell_shape: npt.ArrayLike
    ratios: npt.ArrayLike
    level: int = 0
    seed: int = 0


def build_segments(part: LinkedPart, place: Place, *, fraction: float = 1.0, smooth: bool = True) -> BuiltChunk:
    """Make segments of steps and edges, four corners each; a vertex without any becomes one of no length.

    Parameters
    ----------
    part : LinkedPart
        Links of two ends; its own vertices come first.
    place : Place
    fraction : float
        Share of the chunk's vertices that may be drawn, in (0, 1]. A larger share contains a smaller one. It is
        chosen before anything is cut, so that a small one takes little time.
    smooth : bool
        Whether values between two ends are those between their values; else those of the nearer end.
    """
    alone = _alone(part)
    links = np.concatenate([part.links.reshape(-1, _EDGE), alone])
    owned = np.concatenate([part.owned, np.ones(len(alone), bool)])
    shape = place_shape(place.ratios, part.positions.shape[1])
    some = _share_of(part, place, links, fraction)
    links, owned = links[some], owned[some]
    pieces = cut_segments(*_in_cells(part, place, links, shape), shape, owned)
    rows = _ordered(part, links, pieces.segment, _keys_of(pieces.cells, place), fraction)
    positions = part.positions.astype(np.float64)
    blocks = []
    for begin in range(0, max(1, len(rows.order)), BLOCK):
        chosen = rows.order[begin : begin + BLOCK]
        segment = links[pieces.segment[chosen]]
        along = pieces.begin[chosen], pieces.end[chosen]
        blocks.append(_segments(place, positions, segment, along, shape))
    return _built(
        part,
        place,
        rows,
        **{name: _joined([block[name] for block in blocks], axis=-1 if name == "bins" else 0) for name in blocks[0]},
        steps=len(np.reshape(place.ratios, (-1, len(shape)))),
        at=(pieces.begin[rows.order], pieces.end[rows.order]),
        smooth=smooth,
    )


def _in_cells(part: LinkedPart, place: Place, links: Int64Array, shape: Int64Array) -> tuple[Float64Array, Int64Array]:
    """Give where vertices lie, in cells of the chunk, and (M, 2) links by their numbers there.

    Where few links are left, that is found of few vertices.
    """
    vertices = np.arange(len(part.positions))
    if 2 * links.size < len(vertices):
        vertices, number = np.unique(links, return_inverse=True)
        links = number.reshape(links.shape)
    unit = part.positions.take(vertices, axis=0).astype(np.float64)
    unit -= np.asarray(place.chunk_lo, np.float64)
    unit /= np.asarray(place.cell_shape, np.float64)
    # Division rounds: a vertex of the chunk is not to come to lie beyond its face.
    own = slice(*vertices.searchsorted(part.own))
    np.clip(unit[own], 0, np.nextafter(shape.astype(np.float64), 0), out=unit[own])
    return unit, links


def _joined(parts: list[npt.NDArray[Any] | None], axis: int) -> Any:  # noqa: ANN401  # an array, None for none
    return None if parts[0] is None else np.concatenate([a for a in parts if a is not None], axis=axis)


def _segments(
    place: Place,
    positions: Float64Array,
    segment: Int64Array,
    along: tuple[Float64Array, Float64Array],
    shape: Int64Array,
) -> dict[str, npt.NDArray[Any] | None]:
    """Make the corners of some parts of links, (n, 2), from one place along them to another; names as of `_built`."""
    ends = [_between(positions, segment, at) for at in along]
    packed = [pack_axes(end, place.origin) for end in ends]
    bins = [bins_of(end, place.chunk_lo, place.cell_shape, shape) for end in ends]
    return {
        "positions": _corners(packed[0][0], packed[1][0]),
        "extra": _corners_or_none(packed[0][1], packed[1][1]),
        "others": _corners(packed[1][0], packed[0][0]),
        "others_extra": _corners_or_none(packed[1][1], packed[0][1]),
        "bins": np.stack([np.minimum(*bins), np.maximum(*bins)]),
    }


def _nodes(begin: Float64Array, end: Float64Array) -> Float32Array:
    """Tell of each corner of parts of links whether a vertex lies there (1), and at the other end (2), (4 n,)."""
    first, second = (begin <= 0).astype(np.float32), (end >= 1).astype(np.float32)
    return _corners(first + 2 * second, second + 2 * first)


def build_triangles(part: LinkedPart, place: Place, *, fraction: float = 1.0) -> BuiltChunk:
    """Make triangles of faces, three corners each; faces of more corners are fans.

    Parameters
    ----------
    part : LinkedPart
        Links of three or more corners; its own vertices come first.
    place : Place
    fraction : float
        Share of the chunk's vertices that may be drawn, in (0, 1].
    """
    every = _fans(part.links)
    faces = every[_share_of(part, place, every, fraction)]
    triangle, keys = _places_of(part, place, faces)
    rows = _ordered(part, faces, triangle, keys, fraction)
    here = faces[triangle[rows.order]].reshape(-1)
    main, extra = pack_axes(part.positions, place.origin)
    shape = place_shape(place.ratios, part.positions.shape[1])
    bins = bins_of(part.positions, place.chunk_lo, place.cell_shape, shape)[:, here].reshape(len(shape), -1, 3)
    return _built(
        part,
        place,
        rows,
        positions=main[here],
        extra=None if extra is None else extra[here],
        others=vertex_normals(main, every)[here],
        others_extra=None,
        bins=np.stack([bins.min(axis=2), bins.max(axis=2)]),
        steps=len(np.reshape(place.ratios, (-1, len(shape)))),
    )


def vertex_normals(positions: Float32Array, faces: Int64Array) -> Float32Array:
    """Give the mean normal of the faces around each vertex, weighed by area, (N, 3); 0 where there are none."""
    corners = positions[faces].astype(np.float64)  # (M, 3, 3)
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    flat, weights = faces.reshape(-1), np.repeat(across, faces.shape[1], axis=0)
    total = np.stack([np.bincount(flat, weights[:, k], len(positions)) for k in range(3)], axis=1)
    length = np.linalg.norm(total, axis=1, keepdims=True)
    unit: Float32Array = np.divide(total, length, out=np.zeros(total.shape), where=length > 0).astype(np.float32)
    return unit


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """Which links become rows, in their order, with places; names as of `BuiltChunk`.

    `drawn` are the ends of each: the chunk's own vertices, then those of others.
    """

    order: Int64Array
    keys: Int64Array
    starts: Int64Array
    cost: Int64Array
    vertices: int
    drawn: npt.NDArray[np.int32]
    fraction: float


def _share_of(part: LinkedPart, place: Place, links: Int64Array, fraction: float) -> Int64Array:
    """Put (M, L) links in the order of their objects' hashes, and leave out as many as a share asks."""
    if not 0 < fraction <= 1:
        msg = f"fraction must be in (0, 1], got {fraction!r}"
        raise ValueError(msg)
    low, high = part.own
    ranks = _ranks(part, place, links)
    if fraction == 1:
        return np.argsort(ranks, kind="stable")
    # Strictly: a row draws several vertices, and none may be more than there is room for.
    most = math.floor(fraction * (high - low) * (1 + 1e-12))
    # Ranks are spread evenly: those of the lowest hold the share, with some to spare, and need not all be sorted.
    low_ones = np.flatnonzero(ranks <= int(min(_SPARE * fraction, 1.0) * _MOST_RANK))
    for some in (low_ones, np.arange(len(ranks))):
        order = some[np.argsort(ranks[some], kind="stable")]
        cost = _cost(links[order], low, high)
        if cost[-1] > most:
            break
    return order[: int(np.searchsorted(cost, most, side="right")) - 1]


def _ordered(part: LinkedPart, links: Int64Array, link: Int64Array, keys: Int64Array, fraction: float) -> _Rows:
    """Order rows, (P,) each a part of one of (M, L) links in a place, by place and then as their links are."""
    low, high = part.own
    count = high - low
    order = np.argsort(link, kind="stable")
    by_place = stable_order(keys[order])
    order = order[by_place]
    found, starts = np.unique(keys[order], return_index=True)
    own = links[link[order]]
    starts = np.append(starts, len(order)).astype(np.int64)
    cost = _cost(links, low, high)
    return _Rows(order, found, starts, cost[1:][link[order]], int(cost[-1]), own.astype(np.int32), fraction)


def _ranks(part: LinkedPart, place: Place, links: Int64Array) -> npt.NDArray[np.uint64]:
    """Give a number that looks random to each link: the same for all links of an object."""
    if part.objects is None:
        return splitmix64(np.arange(len(links)), place.seed)
    return splitmix64(part.objects[links[:, 0]])


def _cost(links: Int64Array, low: int, high: int) -> Int64Array:
    """Count the chunk's own vertices that the links before each draw, (M + 1,): each where it comes first."""
    flat = links.reshape(-1)
    seen = np.full(high - low, len(links), np.int64)
    at = np.flatnonzero((flat >= low) & (flat < high))[::-1]
    seen[flat[at] - low] = at // max(1, links.shape[1])  # of values that are set twice the last one stays
    out = np.zeros(len(links) + 1, np.int64)
    np.cumsum(np.bincount(seen, minlength=len(links) + 1)[: len(links)], out=out[1:])
    return out


def _keys_of(cells: Int64Array, place: Place) -> Int64Array:
    if np.all(place_shape(place.ratios, cells.shape[1]) == 1):
        return np.zeros(len(cells), dtype=np.int64)
    return place_keys(cells, place.ratios)


def _places_of(part: LinkedPart, place: Place, faces: Int64Array) -> tuple[Int64Array, Int64Array]:
    """Give each triangle with each place of the chunk in which a vertex of it lies, as two columns (P,)."""
    low, high = part.own
    shape = place_shape(place.ratios, part.positions.shape[1])
    keys = _keys_of(cells_of(part.positions[low:high], place.chunk_lo, place.cell_shape, shape), place)
    own = (faces >= low) & (faces < high)
    of = np.full(faces.shape, -1, np.int64)
    of[own] = keys[faces[own] - low]
    of.sort(axis=1)
    distinct = of >= 0
    distinct[:, 1:] &= of[:, 1:] != of[:, :-1]
    return np.nonzero(distinct)[0], of[distinct]


def _alone(part: LinkedPart) -> Int64Array:
    """Give links from vertices of the chunk that no link of its own leads to, to themselves."""
    low, high = part.own
    used = np.zeros(len(part.positions), bool)
    used[part.links.reshape(-1)] = True
    alone = low + np.flatnonzero(~used[low:high])
    return np.stack([alone, alone], axis=1)


def _fans(faces: Int64Array) -> Int64Array:
    """Cut (M, L) faces into triangles, (M (L - 2), 3)."""
    corners = faces.shape[1]
    if corners == 3:
        return faces
    cut = np.stack([np.zeros(corners - 2, int), np.arange(1, corners - 1), np.arange(2, corners)], axis=1)
    return faces[:, cut].reshape(-1, 3)


def _between(positions: Float64Array, links: Int64Array, at: Float64Array) -> Float64Array:
    """Give points on links, (P, D); exactly the ends at 0 and 1."""
    first, second = positions.take(links[:, 0], axis=0), positions.take(links[:, 1], axis=0)
    whole = np.flatnonzero(at >= 1)
    between = second - first
    between *= at[:, None]
    between += first
    between[whole] = second[whole]
    return between


def _corners(first: Float32Array, second: Float32Array) -> Float32Array:
    """Put two corners at each of two ends, (4 P, ..), row by row."""
    return np.stack([first, first, second, second], axis=1).reshape(-1, *first.shape[1:])


def _corners_or_none(first: Float32Array | None, second: Float32Array | None) -> Float32Array | None:
    return None if first is None or second is None else _corners(first, second)


def _built(
    part: LinkedPart,
    place: Place,
    rows: _Rows,
    *,
    positions: Float32Array,
    extra: Float32Array | None,
    others: Float32Array,
    others_extra: Float32Array | None,
    bins: npt.NDArray[np.uint8],
    steps: int,
    at: tuple[Float64Array, Float64Array] | None = None,
    smooth: bool = True,
) -> BuiltChunk:
    corners = _TRIANGLE_CORNERS if at is None else _SEGMENT_CORNERS
    source = _value_map(part, rows, corners, at)
    corner = np.arange(corners, dtype=np.float32) * CORNER_STEP + place.level
    levels = np.tile(corner, len(rows.order))
    return BuiltChunk(
        positions=positions,
        values=np.zeros(len(positions), np.float32)
        if part.values is None
        else source.of(part.values, smooth=smooth, sides=part.sides),
        objects=None if part.objects is None else part.objects[rows.drawn[:, 0]],
        levels=levels if at is None else levels + NODE_STEP * _nodes(*at),
        extra=extra,
        keys=rows.keys,
        starts=rows.starts,
        count=part.own[1] - part.own[0],
        fraction=rows.fraction,
        corners=corners,
        steps=steps,
        others=others,
        others_extra=others_extra,
        sizes=None if part.sizes is None else source.of(part.sizes),
        cost=rows.cost,
        vertices=rows.vertices,
        drawn=rows.drawn,
        bins=bins,
        source=source,
    )


def _value_map(
    part: LinkedPart, rows: _Rows, corners: int, at: tuple[Float64Array, Float64Array] | None
) -> ValueMap:
    """Say what the corners of rows take their values from, given where on their link segments begin and end."""
    begin, end = (np.zeros(0), np.ones(0)) if at is None else at
    cut = np.flatnonzero((begin > 0) | (end < 1))
    parts = np.stack([begin[cut], end[cut]], axis=1).astype(np.float32)
    return ValueMap(rows.drawn, corners, cut.astype(np.int32), parts, part.owners, part.far)
