"""Segments cut where they leave a place, so that what lies in a place can be shown or hidden alone. Pure numpy.

A chunk draws of a segment what lies inside the chunk. What lies neither in the chunk of one end nor in that of the other
(coarse levels have long steps) is drawn by the chunk that the segment belongs to.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

__all__ = ["BLOCK", "Pieces", "cut_segments"]

Float64Array = npt.NDArray[np.float64]
Int64Array = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

BLOCK = 1 << 14
"""Segments that are cut at once: few enough that their numbers stay near, and that no other thread waits for long."""
MOST_CUTS = 64
"""A segment through more places than this is one piece: there is something wrong with it, or with the grid."""


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """Parts of segments.

    Attributes
    ----------
    segment : (P,) int64
    begin, end : (P,) float64
        From 0 at the first end to 1 at the second one.
    cells : (P, D) int64
        Cell of the place of each, counted from the chunk's first one, clipped into the chunk.
    """

    segment: Int64Array
    begin: Float64Array
    end: Float64Array
    cells: Int64Array


def cut_segments(unit: Float64Array, links: Int64Array, shape: Int64Array, owned: BoolArray) -> Pieces:
    """Cut segments at the faces of cells and leave those pieces that a chunk draws.

    Parameters
    ----------
    unit : (N, D) float64
        Vertices, in cells from the chunk's lower corner.
    links : (M, 2) int64
        Ends of segments.
    shape : (D,) int64
        Cells of the chunk.
    owned : (M,) bool
        Whether a segment is the chunk's own.
    """
    found = [Pieces(np.empty(0, np.int64), np.empty(0), np.empty(0), np.empty((0, unit.shape[1]), np.int64))]
    for begin in range(0, len(links), BLOCK):
        block = slice(begin, begin + BLOCK)
        first, second = unit.take(links[block, 0], axis=0), unit.take(links[block, 1], axis=0)
        part = _cut_block(first, second, shape, owned[block])
        found.append(Pieces(part.segment + begin, part.begin, part.end, part.cells))
    return Pieces(*(np.concatenate([getattr(part, f.name) for part in found]) for f in fields(Pieces)))


def _cut_block(first: Float64Array, second: Float64Array, shape: Int64Array, owned: BoolArray) -> Pieces:
    low, high = np.floor(first).astype(np.int64), np.floor(second).astype(np.int64)
    crossed = np.abs(high - low)
    faces = sum(crossed.T)
    crossed[faces > MOST_CUTS] = 0
    # Most segments are whole, which is quickly said.
    is_cut = (faces > 0) & (faces <= MOST_CUTS)
    whole, cut = np.flatnonzero(~is_cut), np.flatnonzero(is_cut)
    whole = whole[_inside(low[whole], shape) | owned[whole]]
    parts = _cut(first[cut], second[cut], (low[cut], high[cut]), crossed[cut], shape, owned[cut])
    return Pieces(
        np.concatenate([whole, cut[parts.segment]]),
        np.concatenate([np.zeros(len(whole)), parts.begin]),
        np.concatenate([np.ones(len(whole)), parts.end]),
        np.concatenate([np.clip(low[whole], 0, shape - 1), parts.cells]),
    )


def _cut(
    first: Float64Array,
    second: Float64Array,
    ends: tuple[Int64Array, Int64Array],
    crossed: Int64Array,
    shape: Int64Array,
    owned: BoolArray,
) -> Pieces:
    """Cut segments that cross so many faces along each axis, (M, D)."""
    low, high = ends
    segment, at = _crossings(first, second, low, crossed)
    order = np.lexsort((at, segment))
    segment, at = segment[order], at[order]
    # Each segment has one piece more than crossings.
    counts = np.bincount(segment, minlength=len(first))
    pieces = np.repeat(np.arange(len(first)), counts + 1)
    starts = np.cumsum(counts + 1) - (counts + 1)
    begin, end = np.zeros(len(pieces)), np.ones(len(pieces))
    inner = np.ones(len(pieces), bool)
    inner[starts] = False
    begin[inner] = at
    last = np.ones(len(pieces), bool)
    last[starts + counts] = False
    end[last] = at
    middle = ((begin + end) / 2)[:, None]
    cell = np.floor(first[pieces] + middle * (second - first)[pieces]).astype(np.int64)
    kept = _drawn(cell, pieces, ends, shape, owned) & (end > begin)
    return Pieces(pieces[kept], begin[kept], end[kept], np.clip(cell[kept], 0, shape - 1))


def _crossings(
    first: Float64Array, second: Float64Array, low: Int64Array, crossed: Int64Array
) -> tuple[Int64Array, Float64Array]:
    """Give where segments cross faces of cells: the segment and the place on it, axis by axis."""
    segments, places = [np.empty(0, np.int64)], [np.empty(0)]
    for axis in np.flatnonzero(crossed.any(axis=0)).tolist():
        counts = crossed[:, axis]
        segment = np.repeat(np.arange(len(first)), counts)
        number = np.arange(len(segment)) - np.repeat(np.cumsum(counts) - counts, counts)
        p, q = first[segment, axis], second[segment, axis]
        face = np.where(q > p, low[segment, axis] + 1 + number, low[segment, axis] - number)
        segments.append(segment)
        places.append(np.clip((face - p) / (q - p), 0, 1))
    return np.concatenate(segments), np.concatenate(places)


def _drawn(
    cell: Int64Array, pieces: Int64Array, ends: tuple[Int64Array, Int64Array], shape: Int64Array, owned: BoolArray
) -> BoolArray:
    """Tell which pieces the chunk draws: those inside of it and, of its own segments, those between both ends' chunks."""
    drawn = _inside(cell, shape)
    beyond = np.flatnonzero(owned.take(pieces) & ~drawn)
    chunk, segment = cell[beyond] // shape, pieces[beyond]
    of_an_end = [(chunk == end[segment] // shape).all(axis=1) for end in ends]
    drawn[beyond] = ~(of_an_end[0] | of_an_end[1])
    return drawn


def _inside(cell: Int64Array, shape: Int64Array) -> BoolArray:
    """Tell which (n, D) cells are the chunk's; axis by axis, which is several times as fast as over rows of D."""
    inside = np.ones(len(cell), bool)
    for axis, size in enumerate(shape.tolist()):
        inside &= (cell[:, axis] >= 0) & (cell[:, axis] < size)
    return inside
