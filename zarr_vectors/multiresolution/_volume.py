"""Closed parts of a surface hold what they held: fewer vertices cut off what bulges, and small things would shrink.

A part's vertices are moved along their normals, by the same way each, until its volume is what it was. Where so few
faces are left that its area would then be larger than it was, as that of a die is larger than that of a ball that holds
as much, they stop halfway: the volume is as much too small as the area is too large. The product of both is then what
it was, so that only what the shape loses adds up from level to level, and no level has to know of level 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zarr_vectors.multiresolution._contract import contracted_links
from zarr_vectors.multiresolution._parts import Parts, extremes
from zarr_vectors.typing import BoolArray, Float64Array, FloatArray, Int64Array

__all__ = ["Settled", "settled"]

_ROUNDS = 3  # of Newton's method
_CLOSE = 2e-3  # a share of the volume that is not worth a move
_FLAT = 1e-6
"""Volume squared over area cubed, of a ball's: what is flatter holds nothing."""
_BALL = 36 * np.pi
_PIECE_FACES = 1 << 15  # what stays in the processor's cache: all else made of faces is several times as large
_LONGEST_STEP = 0.5  # bins a round


@dataclass(frozen=True, slots=True, eq=False)
class Settled:
    """Parts of a surface of fewer vertices.

    Attributes
    ----------
    places : (V, D) float64
        Where its vertices lie.
    areas, volumes : (P,) float64
        Area and volume of each part, over what they were. NaN where there is no volume to speak of: for parts that are
        not closed, not whole, not of triangles in space, or flat.
    thickness : (P,) float64
        Six times the volume of each part over its area, as they were: the diameter of a ball.
    """

    places: Float64Array
    areas: Float64Array
    volumes: Float64Array
    thickness: Float64Array


@dataclass(frozen=True, slots=True, eq=False)
class _Sizes:
    """Areas and volumes of parts, (P,) each; where faces are turned inwards a volume is negative."""

    areas: Float64Array
    volumes: Float64Array

    def over(self, other: _Sizes) -> tuple[Float64Array, Float64Array]:
        """Give both as shares of another's, (P,) each, NaN where that is nothing."""
        return _share(self.areas, other.areas), _share(self.volumes, other.volumes)

    def of(self, which: BoolArray) -> _Sizes:
        return _Sizes(self.areas[which], self.volumes[which])

    def are_solid(self) -> BoolArray:
        solid: BoolArray = _BALL * self.volumes**2 > _FLAT * self.areas**3
        return solid


def settled(
    parts: Parts,
    piece: Int64Array,
    places: Float64Array,
    bins: Float64Array,
    bounds: Float64Array,
    *,
    were_carried: bool,
) -> Settled:
    """Give closed parts their volume back, and tell what each part has kept.

    Parameters
    ----------
    parts : Parts
        What there was, each face once.
    piece : (N,) int64
        New vertex of each old one.
    places : (V, D) float64
        Where these lie.
    bins : (D,) float64
        A new vertex is moved no farther than that along any axis: if `were_carried`, from its place, else from any old
        one that it stands for.
    bounds : (2, D)
        No vertex that is moved gets out of them.
    were_carried : bool
        Whether vertices may lie far, along the surface, from those that they stand for.
    """
    if parts.points.shape[1] != 3 or parts.faces.shape[1] != 3:
        return Settled(places, *[np.full(len(parts), np.nan)] * 3)
    middles = _middles(places, _owners(parts, piece, places), len(parts))
    had = _sizes(parts.points, parts.faces, parts.of_face, middles)
    area, volume = _sizes(places, piece[parts.faces], parts.of_face, middles).over(had)
    volume[~(parts.is_whole & had.are_solid())] = np.nan
    off = np.abs(volume - 1) > _CLOSE
    if off.any():
        some, rows = parts.chosen(off)
        names, own = np.unique(piece[rows], return_inverse=True)
        now = _given_back(some, own.reshape(-1), places[names], had.of(off), bins, bounds, were_carried=were_carried)
        area[off], volume[off] = now.areas, now.volumes
        places = places.copy()
        places[names] = now.places
    return Settled(places, area, volume, 6 * np.abs(_share(had.volumes, had.areas)))


def _given_back(
    parts: Parts,
    piece: Int64Array,
    places: Float64Array,
    had: _Sizes,
    bins: Float64Array,
    bounds: Float64Array,
    *,
    were_carried: bool,
) -> _Seen:
    """Move those parts that are closed; of others the volume is NaN."""
    owner = _owners(parts, piece, places)
    faces = contracted_links(parts.faces, piece, directed=False)[0]
    # What was closed may have lost one of two faces of the same corners, and then says nothing certain either.
    closed = _are_closed(parts.faces, parts.of_face, len(parts)) & _are_closed(faces, owner[faces[:, 0]], len(parts))
    if were_carried:
        low, high = places - bins, places + bins
    else:
        low, high = extremes(parts.points, piece)
        low, high = np.minimum(high - bins, places), np.maximum(low + bins, places)
    room = np.maximum(low, bounds[0]), np.minimum(high, bounds[1])
    middles = _middles(places, owner, len(parts))
    now = _Moving(faces, owner, had, middles, room, _LONGEST_STEP * float(bins.max())).moved(places, closed)
    return _Seen(now.places, now.areas, np.where(closed, now.volumes, np.nan))


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """Places of vertices, (V, 3), and what the areas and volumes of parts, (P,) each, are over what they were."""

    places: Float64Array
    areas: Float64Array
    volumes: Float64Array


@dataclass(frozen=True, slots=True, eq=False)
class _Moving:
    """Closed parts that are moved.

    Attributes
    ----------
    faces : (M, 3) int64
    owner : (V,) int64
        Part of each vertex.
    had : _Sizes
    middles : (P, 3) float64
    room : pair of (V, 3) float64
    longest : float
    """

    faces: Int64Array
    owner: Int64Array
    had: _Sizes
    middles: Float64Array
    room: tuple[Float64Array, Float64Array]
    longest: float

    def moved(self, places: Float64Array, closed: BoolArray) -> _Seen:
        """Move vertices, (V, 3), of closed parts, (P,) bool, that are not flat, and give each part's best round."""
        best = now = self._seen(places)
        has = _Sizes(now.areas * self.had.areas, now.volumes * self.had.volumes)
        may = (closed & (now.volumes > 0) & has.are_solid())[self.owner][:, None]
        for _ in range(_ROUNDS):
            now = self._seen(np.clip(now.places + np.where(may, self._step(now), 0), *self.room))
            better = _misses(now) < _misses(best)
            best = _Seen(
                np.where(better[self.owner][:, None], now.places, best.places),
                np.where(better, now.areas, best.areas),
                np.where(better, now.volumes, best.volumes),
            )
        return best

    def _seen(self, places: Float64Array) -> _Seen:
        return _Seen(places, *_sizes(places, self.faces, self.owner[self.faces[:, 0]], self.middles).over(self.had))

    def _step(self, now: _Seen) -> Float64Array:
        """Give the next step of each vertex, (V, 3): along its normal, equally long in a part."""
        for_volume, for_area = _gradients(now.places, self.faces)
        outwards = np.sign(self.had.volumes)[self.owner]
        length = np.linalg.norm(for_volume, axis=1) * outwards
        along = for_volume / np.where(length == 0, np.inf, length)[:, None]
        volume, area = np.maximum(now.volumes, _CLOSE), np.maximum(now.areas, _CLOSE)
        grows = self._per_part(for_volume, along) / (self.had.volumes * volume)
        widens = self._per_part(for_area, along) / (self.had.areas * area)
        slope = grows + np.where(area > 1, widens, 0)
        wanted = -np.log(volume) - np.log(np.maximum(area, 1))
        way = np.clip(wanted / np.where(slope > 0, slope, np.inf), -self.longest, self.longest)
        return np.asarray(along * way[self.owner][:, None])

    def _per_part(self, gradient: Float64Array, along: Float64Array) -> Float64Array:
        way = np.einsum("ij,ij->i", gradient, along)
        return np.asarray(np.bincount(self.owner, way, minlength=len(self.middles)), np.float64)


def _misses(seen: _Seen) -> Float64Array:
    """Tell how far volume or area, whichever is worse, of each part are from what they were, as a logarithm."""
    return np.asarray(np.maximum(*(np.abs(np.log(np.maximum(share, 1e-9))) for share in (seen.areas, seen.volumes))))


def _sizes(points: FloatArray, faces: Int64Array, of: Int64Array, middles: Float64Array) -> _Sizes:
    """Measure parts; the nearer their `middles`, (P, 3), are, the more exact are the volumes."""
    shares = np.empty((2, len(faces)))
    for low in range(0, len(faces), _PIECE_FACES):
        some = slice(low, low + _PIECE_FACES)
        a, b, c = (points[corner].astype(np.float64) - middles[of[some]] for corner in faces[some].T)
        across = np.cross(b - a, c - a)
        shares[:, some] = np.linalg.norm(across, axis=1) / 2, np.einsum("ij,ij->i", a, across) / 6
    area, volume = (np.asarray(np.bincount(of, share, minlength=len(middles)), np.float64) for share in shares)
    return _Sizes(area, volume)


def _gradients(places: Float64Array, faces: Int64Array) -> tuple[Float64Array, Float64Array]:
    """Tell how much volume and area grow for each way that a vertex goes, (V, 3) each."""
    a, b, c = (places[corner] for corner in faces.T)
    normal = np.cross(b - a, c - a)
    length = np.linalg.norm(normal, axis=1)
    unit = normal / np.where(length > 0, length, 1)[:, None]
    volume, area = np.zeros(places.shape), np.zeros(places.shape)
    for corner, opposite in zip(faces.T, (c - b, a - c, b - a), strict=True):
        sideways = np.cross(unit, opposite) / 2
        for axis in range(3):
            volume[:, axis] += np.bincount(corner, normal[:, axis] / 6, minlength=len(places))
            area[:, axis] += np.bincount(corner, sideways[:, axis], minlength=len(places))
    return volume, area


def _share(values: Float64Array, whole: Float64Array) -> Float64Array:
    """Divide; NaN where the whole is nothing."""
    return np.asarray(values / np.where(whole == 0, np.nan, whole), np.float64)


def _owners(parts: Parts, piece: Int64Array, places: Float64Array) -> Int64Array:
    """Give the part of each new vertex, (V,)."""
    owner = np.zeros(len(places), np.int64)
    owner[piece] = parts.part
    return owner


def _middles(places: Float64Array, owner: Int64Array, count: int) -> Float64Array:
    number = np.maximum(np.bincount(owner, minlength=count), 1)
    return np.stack([np.bincount(owner, axis, minlength=count) / number for axis in places.T], axis=1)


def _are_closed(faces: Int64Array, of: Int64Array, count: int) -> BoolArray:
    """Tell which parts, (count,), are closed: each edge is gone along as often one way as the other."""
    closed = np.ones(count, bool)
    if not len(faces):
        return closed
    first, second = faces.T.reshape(-1), faces[:, [1, 2, 0]].T.reshape(-1)
    key = np.minimum(first, second).astype(np.int64) * (int(faces.max()) + 1) + np.maximum(first, second)
    order = np.argsort(key)
    starts = np.flatnonzero(np.diff(key[order], prepend=-1))
    balance = np.add.reduceat(np.sign(second - first)[order], starts)  # from a corner to itself is no way
    closed[np.tile(of, 3)[order[starts[balance != 0]]]] = False
    return closed
