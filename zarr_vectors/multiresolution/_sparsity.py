"""Which objects stay on coarser levels: all are ranked once, and a level keeps the first of the rank.

So what a coarse level keeps is a part of what a finer one keeps. Every rank is a fixed one: it depends on the data, the
strategy and the seed, and on nothing else.
"""

from __future__ import annotations

import numpy as np

from zarr_vectors.exceptions import ArgumentError
from zarr_vectors.multiresolution._content import owners
from zarr_vectors.multiresolution._quadrics import areas
from zarr_vectors.spatial import splitmix64
from zarr_vectors.types._content import Content
from zarr_vectors.typing import BoolArray, Float64Array, Int64Array

__all__ = ["check_strategy", "rank_objects"]

_STRATEGIES = ("random", "spatial_coverage", "length")
_BY_ATTRIBUTE = "attribute:"
_GRID_BITS = 10


def check_strategy(strategy: str, content: Content) -> None:
    """Refuse a strategy that does not exist, or names what cannot rank objects."""
    if strategy in _STRATEGIES:
        return
    attributes = {} if content.objects is None else content.objects.attributes
    name = strategy.removeprefix(_BY_ATTRIBUTE) if isinstance(strategy, str) else ""
    if not isinstance(strategy, str) or not strategy.startswith(_BY_ATTRIBUTE) or name not in attributes:
        known = [*_STRATEGIES, *(f"{_BY_ATTRIBUTE}{name}" for name in sorted(attributes))]
        msg = f"sparsity_strategy must be one of {', '.join(map(repr, known))}, got {strategy!r}"
        raise ArgumentError(msg)
    if attributes[name].ndim != 1 or attributes[name].dtype.kind not in "biuf":
        msg = f"sparsity_strategy {strategy!r} needs an attribute of one number an object"
        raise ArgumentError(msg)


def rank_objects(content: Content, strategy: str, seed: int) -> Int64Array:
    """Give the place of each object, (O,), in the order in which they are kept: 0 is kept longest.

    Parameters
    ----------
    content : Content
        Of level 0.
    strategy : str
        ``"random"``; ``"length"``, longest first (of meshes: largest, of points: most); ``"spatial_coverage"``, evenly
        over space; ``"attribute:<name>"``, largest first.
    seed : int
    """
    objects = content.objects
    if objects is None or not len(objects.ids):
        return np.empty(0, np.int64)
    tie = splitmix64(objects.ids, seed)
    if strategy == "random":
        order = np.argsort(tie, kind="stable")
    elif strategy == "length":
        order = np.lexsort((tie, -_sizes(content)))
    elif strategy == "spatial_coverage":
        along = np.lexsort((tie, _along_curve(_middles(content))))
        order = along[np.argsort(_reversed_bits(len(along)), kind="stable")]
    else:
        values = np.asarray(objects.attributes[strategy.removeprefix(_BY_ATTRIBUTE)], np.float64)
        order = np.lexsort((tie, -np.where(np.isnan(values), -np.inf, values)))
    # What has no vertices takes nobody's place.
    order = order[np.argsort(~_has_vertices(content)[order], kind="stable")]
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return rank


def _count(content: Content) -> int:
    return 0 if content.objects is None else len(content.objects.ids)


def _has_vertices(content: Content) -> BoolArray:
    return np.bincount(owners(content), minlength=_count(content)) > 0


def _sizes(content: Content) -> Float64Array:
    """Length of each object's lines or edges, area of its faces, number of its points."""
    owner, points = owners(content), content.positions.astype(np.float64)
    objects = content.objects
    if objects is not None and objects.paths is not None:
        first = np.flatnonzero(owner[1:] == owner[:-1])
        sizes, of = np.linalg.norm(points[first + 1] - points[first], axis=1), owner[first]
    elif content.links is None or content.topology.links == "none":
        sizes, of = np.ones(len(owner)), owner
    else:
        ends = content.links.ends
        sizes = _lengths(points, ends) if ends.shape[1] == 2 else areas(points, ends)
        of = owner[ends[:, 0]]
    return np.asarray(np.bincount(of, sizes, minlength=_count(content)), np.float64)


def _lengths(points: Float64Array, edges: Int64Array) -> Float64Array:
    return np.asarray(np.linalg.norm(points[edges[:, 1]] - points[edges[:, 0]], axis=1))


def _middles(content: Content) -> Float64Array:
    owner, count = owners(content), _count(content)
    sums = np.stack([np.bincount(owner, axis, minlength=count) for axis in content.positions.T], axis=1)
    return np.asarray(sums / np.maximum(np.bincount(owner, minlength=count), 1)[:, None])


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
