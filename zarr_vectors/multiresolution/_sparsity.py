"""Which objects stay on coarser levels: all are ranked once, and a level keeps the first of the rank.

So what a coarse level keeps is a part of what a finer one keeps. Every rank is a fixed one: it depends on the data, the
strategy and the seed, and on nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from zarr_vectors.exceptions import ArgumentError
from zarr_vectors.multiresolution._content import owners
from zarr_vectors.multiresolution._quadrics import areas
from zarr_vectors.spatial import splitmix64
from zarr_vectors.types._content import Content
from zarr_vectors.types._mapped import release
from zarr_vectors.types._owners import Objects
from zarr_vectors.typing import AnyArray, BoolArray, Float64Array, Int64Array, UInt64Array

__all__ = ["Rank", "check_strategy", "check_strategy_name", "rank_objects"]

_STRATEGIES = ("random", "spatial_coverage", "length")
_BY_ATTRIBUTE = "attribute:"
_GRID_BITS = 10
_PIECE_ROWS = 1 << 16
_TOP_BITS = 16


def check_strategy_name(strategy: str) -> None:
    """Refuse a strategy that no store has, whatever it holds."""
    if strategy not in _STRATEGIES and not (isinstance(strategy, str) and strategy.startswith(_BY_ATTRIBUTE)):
        known = ", ".join(map(repr, _STRATEGIES))
        msg = f"sparsity_strategy must be one of {known} or '{_BY_ATTRIBUTE}<name>', got {strategy!r}"
        raise ArgumentError(msg)


def check_strategy(strategy: str, attributes: Mapping[str, AnyArray]) -> None:
    """Refuse a strategy that does not exist, or names what cannot rank objects."""
    check_strategy_name(strategy)
    if strategy in _STRATEGIES:
        return
    name = strategy.removeprefix(_BY_ATTRIBUTE)
    if name not in attributes:
        known = [*_STRATEGIES, *(f"{_BY_ATTRIBUTE}{name}" for name in sorted(attributes))]
        msg = f"sparsity_strategy must be one of {', '.join(map(repr, known))}, got {strategy!r}"
        raise ArgumentError(msg)
    if attributes[name].ndim != 1 or attributes[name].dtype.kind not in "biuf":
        msg = f"sparsity_strategy {strategy!r} needs an attribute of one number an object"
        raise ArgumentError(msg)


class Rank(Protocol):
    """The order in which objects are kept."""

    def first(self, count: int) -> BoolArray | None:
        """Tell which objects, (O,), are the first `count`; None where these are all that have vertices."""
        ...


def rank_objects(objects: Objects, parts: Iterable[tuple[Content, int]], strategy: str, seed: int) -> Rank:
    """Rank objects; those without vertices come last and take nobody's place.

    Parameters
    ----------
    objects : Objects
    parts : iterable of (Content, int)
        What there is of level 0, part by part, with the object of each vertex, and how many of a part's vertices are
        its own: others are ends of links that reach into further parts. Gone through once.
    strategy : str
        ``"random"``; ``"length"``, longest first (of meshes: largest, of points: most); ``"spatial_coverage"``, evenly
        over space; ``"attribute:<name>"``, largest first.
    seed : int
    """
    if strategy == "random":
        return _Drawn(objects.ids, seed, _present(parts, len(objects.ids)))
    tie = splitmix64(objects.ids, seed)
    counts, sizes, sums = _measured(parts, len(objects.ids), strategy)
    if strategy == "length":
        order = np.lexsort((tie, -sizes))
    elif strategy == "spatial_coverage":
        along = np.lexsort((tie, _along_curve(sums / np.maximum(counts, 1)[:, None])))
        order = along[np.argsort(_reversed_bits(len(along)), kind="stable")]
    else:
        values = np.asarray(objects.attributes[strategy.removeprefix(_BY_ATTRIBUTE)], np.float64)
        order = np.lexsort((tie, -np.where(np.isnan(values), -np.inf, values)))
    return _Ordered(order[counts[order] > 0], len(order))


@dataclass(frozen=True, slots=True, eq=False)
class _Ordered:
    """The objects that have vertices, (P,) of O, in the order in which they are kept."""

    order: Int64Array
    count: int

    def first(self, count: int) -> BoolArray | None:
        if count >= len(self.order):
            return None
        out = np.zeros(self.count, bool)
        out[self.order[:count]] = True
        return out


@dataclass(frozen=True, slots=True, eq=False)
class _Drawn:
    """Objects by the hash of their ids, the smallest first: reckoned anew, for holding it takes more than all else.

    Attributes
    ----------
    ids : (O,) int64
    seed : int
    present : (O,) bool
        Which have vertices.
    """

    ids: Int64Array
    seed: int
    present: BoolArray

    def first(self, count: int) -> BoolArray | None:
        if count >= np.count_nonzero(self.present):
            return None
        last = self._hash_of(count - 1)
        out = np.empty(len(self.ids), bool)
        for piece, hashes in self._hashes():
            np.less_equal(hashes, last, out=out[piece])
        out &= self.present
        return out

    def _hash_of(self, place: int) -> np.uint64:
        """Find the hash at a place of the order: first its upper bits, by counting, then among those that have them."""
        shift = np.uint64(64 - _TOP_BITS)
        counts = np.zeros(1 << _TOP_BITS, np.int64)
        for piece, hashes in self._hashes():
            counts += np.bincount((hashes[self.present[piece]] >> shift).astype(np.int64), minlength=len(counts))
        ends = np.cumsum(counts)
        top = int(np.searchsorted(ends, place, side="right"))
        found = [some[self.present[piece] & (some >> shift == top)] for piece, some in self._hashes()]
        return np.uint64(np.sort(np.concatenate(found))[place - int(ends[top] - counts[top])])

    def _hashes(self) -> Iterator[tuple[slice, UInt64Array]]:
        for low in range(0, len(self.ids), _PIECE_ROWS):
            piece = slice(low, low + _PIECE_ROWS)
            yield piece, splitmix64(self.ids[piece], self.seed)
            release(self.ids)


def _present(parts: Iterable[tuple[Content, int]], count: int) -> BoolArray:
    """Tell which objects have vertices, (O,)."""
    out = np.zeros(count, bool)
    for part, own in parts:
        out[owners(part)[:own]] = True
    return out


def _measured(
    parts: Iterable[tuple[Content, int]], count: int, strategy: str
) -> tuple[Int64Array, Float64Array, Float64Array]:
    """Give the vertices of each object, (O,), and as the strategy needs them its size, (O,), and the sum of its places.

    Returns
    -------
    counts : (O,) int64
    sizes : (O,) float64
        Length of its lines or edges, area of its faces, number of its points.
    sums : (O, D) float64
    """
    counts, sizes = np.zeros(count, np.int64), np.zeros(count)
    sums: Float64Array = np.empty(0)
    for part, own in parts:
        owner = owners(part)
        _add(counts, owner[:own])
        if strategy == "length":
            _add(sizes, *_sizes(part, owner, own))
        if strategy == "spatial_coverage":
            sums = sums if sums.size else np.zeros((count, part.positions.shape[1]))
            for column, values in zip(sums.T, part.positions[:own].T, strict=True):
                _add(column, owner[:own], values)
    return counts, sizes, sums


def _add(total: AnyArray, owner: Int64Array, values: AnyArray | None = None) -> None:
    """Add values, ones where there are none, to what their objects have."""
    if len(owner):
        low = int(owner.min())
        found = np.bincount(owner - low, values)
        total[low : low + len(found)] += found.astype(total.dtype, copy=False)


def _sizes(content: Content, owner: Int64Array, own: int) -> tuple[Int64Array, Float64Array]:
    """Give objects and what is added to the size of each."""
    points = content.positions.astype(np.float64)
    if content.topology.fragments == "runs":
        first = np.flatnonzero(owner[1:] == owner[:-1])
        sizes, of = np.linalg.norm(points[first + 1] - points[first], axis=1), owner[first]
    elif content.links is None or content.topology.links == "none":
        sizes, of = np.ones(own), owner[:own]
    else:
        ends = content.links.ends
        sizes = _lengths(points, ends) if ends.shape[1] == 2 else areas(points, ends)
        of = owner[ends[:, 0]]
    return of, np.asarray(sizes, np.float64)


def _lengths(points: Float64Array, edges: AnyArray) -> Float64Array:
    return np.asarray(np.linalg.norm(points[edges[:, 1]] - points[edges[:, 0]], axis=1))


def _along_curve(middles: Float64Array) -> Int64Array:
    """Number places, (O, D), along a curve that fills space: neighbours have near numbers (Morton)."""
    low, high = middles.min(axis=0), middles.max(axis=0)
    steps = (middles - low) / np.where(high > low, high - low, 1) * (2**_GRID_BITS - 1)
    cells = steps.astype(np.int64)
    out = np.zeros(len(cells), np.int64)
    for bit in range(_GRID_BITS - 1, -1, -1):
        for axis in cells.T:
            out = out * 2 + (axis >> bit & 1)
    return out


def _reversed_bits(count: int) -> Int64Array:
    """Order of 0 .. count - 1 in which any first part is even (van der Corput)."""
    bits = max(1, int(count - 1).bit_length())
    numbers, out = np.arange(count), np.zeros(count, np.int64)
    for bit in range(bits):
        out |= (numbers >> bit & 1) << (bits - 1 - bit)
    return out
