"""Parts of a surface: what hangs together, vertices of an object that lie at one place being one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zarr_vectors.multiresolution._quadrics import areas, open_edges
from zarr_vectors.multiresolution._reduce import group_numbers
from zarr_vectors.typing import AnyArray, BoolArray, Float64Array, FloatArray, Int64Array

__all__ = ["Parts", "extremes"]

_NO_AREA = 1e-6
"""Of the square of a part's extent: what has less lies on a line, but for the rounding of its vertices."""


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """Some parts of a surface.

    Attributes
    ----------
    points : (N, D)
        Vertices, world units.
    faces : (M, L) int32 or int64
    edges : (K, 2) int32 or int64
        What may become one.
    part : (N,) int64
        Part of each vertex: numbers from 0 on, without gaps.
    is_whole : (P,) bool
        Nothing of it leads to vertices that stay as they are.
    """

    points: FloatArray
    faces: AnyArray
    edges: AnyArray
    part: Int64Array
    is_whole: BoolArray

    def __len__(self) -> int:
        """Number of parts."""
        return len(self.is_whole)

    @property
    def of_face(self) -> Int64Array:
        """Part of each face's first corner, (M,)."""
        return self.part[self.faces[:, 0]]

    def chosen(self, which: BoolArray) -> tuple[Parts, Int64Array]:
        """Give only some parts, (P,) bool, and the rows of their vertices; faces between parts go with either."""
        if which.all():
            return self, np.arange(len(self.points))
        rows = np.flatnonzero(which[self.part])
        number = np.full(len(self.points), -1, self.faces.dtype)
        number[rows] = np.arange(len(rows))
        faces, edges = (ends[(ends >= 0).all(axis=1)] for ends in (number[self.faces], number[self.edges]))
        part = (np.cumsum(which) - 1)[self.part[rows]]
        return Parts(self.points[rows], faces, edges, part, self.is_whole[which]), rows

    def extents(self) -> Float64Array:
        """Extent of each part along each axis, (P, D)."""
        low, high = extremes(self.points, self.part)
        return high - low

    def areas_kept(self, piece: Int64Array, places: Float64Array) -> Float64Array:
        """Give the area of each part, (P,), over what it was, where vertices become others that lie at some places.

        NaN where a part had none.
        """
        had, has = (
            np.bincount(self.of_face, areas(points, faces), minlength=len(self))
            for points, faces in ((self.points, self.faces), (places, piece[self.faces]))
        )
        none = had <= _NO_AREA * self.extents().max(axis=1) ** 2
        return np.asarray(has / np.where(none, np.nan, had))

    def have_borders(self) -> BoolArray:
        """Tell which parts, (P,), end in borders that are longer than a square of their area is wide."""
        first, second = open_edges(self.faces)[0].T
        length = np.linalg.norm(self.points[first].astype(np.float64) - self.points[second], axis=1)
        border = np.bincount(self.part[first], length, minlength=len(self))
        area = np.bincount(self.of_face, areas(self.points, self.faces), minlength=len(self))
        return np.asarray(border**2 > area)


def extremes(rows: FloatArray, number: Int64Array) -> tuple[Float64Array, Float64Array]:
    """Least and greatest values of the rows, (N, D), of each number, (P, D) each; numbers have no gaps."""
    groups = group_numbers(number)
    ordered = rows[groups.order].astype(np.float64)
    starts = groups.starts[:-1]
    return np.minimum.reduceat(ordered, starts), np.maximum.reduceat(ordered, starts)
