"""Quadric decimation of triangle surfaces by the package fast-simplification (the extra ``quadric``).

The package collapses edges one by one, the cheapest first. It takes one surface a call and holds Python's lock
meanwhile, so parts that do not hang together go to it in batches: many small ones are one call, and no call takes long
unless one part alone is that large. It compares errors with fixed numbers, so each part is brought to its middle and
to a unit in which the last of these numbers is the largest error that is wanted.
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from zarr_vectors.exceptions import UnsupportedFeatureError
from zarr_vectors.multiresolution._pile import number_type
from zarr_vectors.multiresolution._reduce import group_numbers
from zarr_vectors.spatial import run_starts
from zarr_vectors.typing import AnyArray, BoolArray, Float64Array, FloatArray, Int64Array

try:
    import fast_simplification
except ImportError:
    fast_simplification = None

__all__ = ["Decimated", "check_quadric", "decimated", "has_quadric"]

_BATCH_FACES = 100_000
_LAST_ROUND = 102.0
_STEEPNESS = 7.0
_UNIT = float(np.sqrt(1e-9 * _LAST_ROUND**_STEEPNESS))
"""The package's largest distance: in round k of 100 edges below ``1e-9 * (k + 3) ** 7``, a squared distance, go."""

_lock = threading.Lock()  # the package keeps the surface it works on in global variables


def has_quadric() -> bool:
    """Tell whether fast-simplification is installed."""
    return fast_simplification is not None


def check_quadric() -> None:
    """Raise ``UnsupportedFeatureError`` where fast-simplification is not installed."""
    if not has_quadric():
        msg = (
            "method 'quadric' needs the package fast-simplification: pip install 'napari-zarr-vectors[quadric]'; "
            "method 'clustering' needs none"
        )
        raise UnsupportedFeatureError(msg)


@dataclass(frozen=True, slots=True, eq=False)
class Decimated:
    """A surface of fewer vertices.

    Attributes
    ----------
    group : (N,) int64
        New vertex of each old one: numbers from 0 on, without gaps.
    places : (P, 3) float64
        Where the new ones lie; NaN for those without a face.
    """

    group: Int64Array
    places: Float64Array


def decimated(positions: FloatArray, faces: AnyArray, part: Int64Array, keep: float, limit: Float64Array) -> Decimated:
    """Decimate parts of a surface, each for itself.

    Parameters
    ----------
    positions : (N, 3)
        World units.
    faces : (M, 3) int64
        Three different corners of one part each.
    part : (N,) int64
        Which vertices hang together: numbers from 0 on, without gaps.
    keep : float
        The share of the faces that is wanted; more stay where the error would be too large.
    limit : (P, 3) float64
        How far a vertex may come to lie from the planes of the faces that meet in it, for each part.

    Returns
    -------
    Decimated
    """
    groups = group_numbers(part)
    counts, starts = groups.counts, groups.starts
    points = positions[groups.order].astype(np.float64)
    middle = np.add.reduceat(points, starts[:-1], axis=0) / counts[:, None]
    scale = _UNIT / limit
    points -= np.repeat(middle, counts, axis=0)
    points *= np.repeat(scale, counts, axis=0)
    place = np.empty(len(part), number_type(len(part)))
    place[groups.order] = np.arange(len(part))
    of = part[faces[:, 0]]
    faces = place[faces[np.argsort(of, kind="stable")]]
    face_starts = np.append(0, np.cumsum(np.bincount(of, minlength=len(counts))))
    root, places = np.arange(len(part)), np.full(points.shape, np.nan)
    borders = np.append(run_starts(face_starts[:-1] // _BATCH_FACES), len(counts))
    for first, last in pairwise(borders.tolist()):
        rows = slice(int(starts[first]), int(starts[last]))
        own = faces[face_starts[first] : face_starts[last]]
        own -= rows.start
        if len(own):
            root[rows], places[rows] = _decimate(points[rows], own, part[groups.order[rows]], keep)
            root[rows] += rows.start
    stay, new = np.unique(root, return_inverse=True)
    group = np.empty(len(part), np.int64)
    group[groups.order] = new.reshape(-1)
    stays = part[groups.order[stay]]
    return Decimated(group, places[stay] / scale[stays] + middle[stays])


def _decimate(points: Float64Array, faces: AnyArray, part: Int64Array, keep: float) -> tuple[Int64Array, Float64Array]:
    """Give the vertex that each becomes, (n,), and the places of those that have faces, (n, 3); NaN for others."""
    wanted = min(len(faces), math.ceil(len(faces) * keep))
    with _lock:
        moved, _, collapses = fast_simplification.simplify(
            points, faces.astype(np.int32, copy=False), target_count=wanted, agg=_STEEPNESS, return_collapses=True
        )
    root = np.arange(len(points))
    gone, into = np.asarray(collapses, np.int64).reshape(-1, 2).T[::-1]
    root[gone] = into
    while not np.array_equal(further := root[root], root):
        root = further
    mapped = root.astype(faces.dtype)[faces]
    used = np.zeros(len(points), bool)
    used[mapped[_are_whole(mapped)]] = True
    if int(used.sum()) != len(moved):
        msg = f"fast-simplification gave {len(moved)} vertices where its collapses leave {int(used.sum())}"
        raise UnsupportedFeatureError(f"{msg}; install another version of it, or use method 'clustering'")
    places = np.full(points.shape, np.nan)
    places[used] = moved
    return _with_faces(root, mapped, used, part), places


def _with_faces(root: Int64Array, mapped: AnyArray, used: BoolArray, part: Int64Array) -> Int64Array:
    """Let vertices that lost all their faces go with a neighbour; where no face is left, all of a part are one."""
    used = used.copy()
    edges = np.concatenate([mapped[:, [0, 1]], mapped[:, [1, 2]], mapped[:, [2, 0]]])
    edges = np.concatenate([edges, edges[:, ::-1]])
    heir = np.arange(len(root))
    while len(found := edges[used[edges[:, 0]] & ~used[edges[:, 1]]]):
        heir[found[:, 1]] = heir[found[:, 0]]
        used[found[:, 1]] = True
    root = heir[root]
    first = run_starts(part)  # parts follow one another
    bare = np.repeat(~np.logical_or.reduceat(used, first), np.diff(np.append(first, len(part))))
    return np.where(bare, np.repeat(first, np.diff(np.append(first, len(part)))), root)


def _are_whole(faces: AnyArray) -> BoolArray:
    a, b, c = faces.T
    different: BoolArray = (a != b) & (b != c) & (c != a)
    return different
