"""From one number a vertex to one number a corner: what colours, hides and sizes rows, without their geometry.

A chunk that is built keeps which vertices its rows draw and where on a link a row begins and ends. So other numbers need
neither positions nor links, and building uses the same function.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["HIDDEN_VALUE", "MISSING_VALUE", "Far", "ValueMap", "compact"]

Float32Array = npt.NDArray[np.float32]
Int64Array = npt.NDArray[np.int64]

HIDDEN_VALUE = 3.0e38
"""Value of a vertex that is not to be seen; all that is above 1e38 is not. A row is hidden with any of its corners."""
MISSING_VALUE = -3.0e38
"""Value of a vertex that has none; so is all that is below -1e38. It is drawn grey, whatever the colours."""
_SEGMENT_CORNERS = 4


@dataclass(frozen=True, slots=True, eq=False)
class Far:
    """Vertices of other chunks that rows of a chunk draw.

    Attributes
    ----------
    coords : (K, D) int64
        Those chunks.
    chunk : (F,) unsigned
        Which of them each vertex lies in.
    rows : (F,) int32
        Its row there.
    """

    coords: Int64Array
    chunk: npt.NDArray[np.unsignedinteger]
    rows: npt.NDArray[np.int32]

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return self.coords.nbytes + self.chunk.nbytes + self.rows.nbytes


@dataclass(frozen=True, slots=True, eq=False)
class ValueMap:
    """Which vertices the corners of n rows take their numbers from.

    Attributes
    ----------
    vertices : (n,) or (n, L) whole numbers
        The vertex of each point; the ends of each segment's link; the corners of each triangle. The chunk's own come
        first, then those of other chunks.
    corners : int
        Corners of a row.
    cut : (k,) int32
        Segments that are a part of their link, ascending.
    at : (k, 2) float32
        Where on it they begin and end: 0 at the first end, 1 at the second one.
    owners : (V,) int32 or None
        Row in the level's object index of each vertex' object, -1 for none; None where nobody asked.
    far : Far or None
        Where the vertices of other chunks lie; None where that is not known.
    """

    vertices: npt.NDArray[np.integer]
    corners: int
    cut: npt.NDArray[np.int32]
    at: Float32Array
    owners: npt.NDArray[np.int32] | None = None
    far: Far | None = None

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        optional = (self.owners, self.far)
        return self.vertices.nbytes + self.cut.nbytes + self.at.nbytes + sum(a.nbytes for a in optional if a is not None)

    def of(
        self, values: Float32Array, *, smooth: bool = True, sides: npt.NDArray[np.int8] | None = None
    ) -> Float32Array:
        """Give the number of each corner, (C n,).

        Parameters
        ----------
        values : (V,) float32
            Of the vertices. Where one of a row's is hidden, the row is.
        smooth : bool
            Whether numbers between two ends are those between theirs; else those of the nearer end.
        sides : (V, C) int8 or None
            Which rows are hidden besides: those with a column where none of their vertices has 1 and none differ.
        """
        if self.vertices.ndim == 1:
            return values.take(self.vertices)
        if self.corners != _SEGMENT_CORNERS:
            corners = values.take(self.vertices)
        else:
            corners = np.empty((len(self.vertices), _SEGMENT_CORNERS), np.float32)
            corners[:, 0], corners[:, 2] = values.take(self.vertices[:, 0]), values.take(self.vertices[:, 1])
            if len(self.cut):
                ends = corners[self.cut, 0], corners[self.cut, 2]
                corners[self.cut, 0] = _between(*ends, self.at[:, 0], smooth=smooth)
                corners[self.cut, 2] = _between(*ends, self.at[:, 1], smooth=smooth)
            corners[:, 1], corners[:, 3] = corners[:, 0], corners[:, 2]
        is_hidden = values > HIDDEN_VALUE / 2
        if is_hidden.any():
            corners[is_hidden.take(self.vertices).any(axis=1)] = HIDDEN_VALUE
        if sides is not None:
            corners[~_have_some(sides[self.vertices])] = HIDDEN_VALUE
        return corners.reshape(-1)


def compact(numbers: npt.NDArray[np.integer], count: int) -> npt.NDArray[np.unsignedinteger]:
    """Give numbers below `count` in as few bytes as hold them."""
    return numbers.astype(np.min_scalar_type(max(0, count - 1)))


def _have_some(sides: npt.NDArray[np.int8]) -> npt.NDArray[np.bool_]:
    """Tell on which rows, (n, L, C), lies something that is wanted, for all C reasons."""
    low, high = sides.min(axis=1), sides.max(axis=1)
    return np.asarray(((low < high) | (low == 1)).all(axis=1))


def _between(first: Float32Array, second: Float32Array, at: Float32Array, *, smooth: bool) -> Float32Array:
    if not smooth:
        return np.where(at < 0.5, first, second)
    between = first + at * (second.astype(np.float64) - first)
    # Nothing lies between a number and none: the nearer end says it.
    is_missing = np.minimum(first, second) < MISSING_VALUE / 2
    between = np.where(is_missing, np.where(at < 0.5, first, second), between)
    return np.where(at <= 0, first, np.where(at >= 1, second, between)).astype(np.float32)
