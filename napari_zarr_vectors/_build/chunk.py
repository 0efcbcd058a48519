"""Vertices of one chunk as they lie in the pool: rows of points, segments or triangles, sorted by place."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_zarr_vectors._build.slabs import bins_of_drawn, make_profile
from napari_zarr_vectors._model.bins import unpack_cut

if TYPE_CHECKING:
    from napari_zarr_vectors._build.values import ValueMap

__all__ = ["NODE_STEP", "NO_OBJECT", "BuiltChunk", "concatenated", "row_range"]

Float32Array = npt.NDArray[np.float32]
Int64Array = npt.NDArray[np.int64]

NO_OBJECT = -(2**63)
"""Id of no object."""
NODE_STEP = 64
"""Added to the level of a corner of a segment if a vertex lies where it is, and twice if one lies at the other end."""


@dataclass(frozen=True, slots=True, eq=False)
class BuiltChunk:
    """One chunk, ready to be copied into pages. The arrays are never written again.

    A row is what is drawn or not: a point, a segment or a triangle. It has C corners, each with numbers of its own.

    Attributes
    ----------
    positions : (C n, 3) float32
        Up to three data axes minus the origin; 0 where there are fewer.
    values : (C n,) float32
        What colours the corners.
    levels : (C n,) float32
        Level and weight (see `weights`); of corners also which of their row each is.
    extra : (C n, 2) float32 or None
        Data axes 3 and 4 minus the origin; None up to three axes.
    keys : (s,) int64
        The places that hold rows, ascending.
    starts : (s + 1,) int64
        Rows of place i are ``starts[i]:starts[i + 1]``.
    count : int
        Vertices of the chunk in the store.
    vertices : int
        Those of them that all rows draw.
    fraction : float
        Share of them that was kept.
    corners : int
        C.
    others : (C n, 3) float32 or None
        Of segments the other end; of triangles the normal.
    others_extra : (C n, 2) float32 or None
        Data axes 3 and 4 of the other end.
    sizes : (C n,) float32 or None
        What sizes the corners.
    objects : (n,) int64 or None
        Id of each row's object, `NO_OBJECT` for none.
    cost : (n,) int64 or None
        Vertices of the chunk that are drawn as soon as each row is, with all rows that go before it in the order of
        their objects, in whatever place; ascending within a place. None where each draws one of its own.
    drawn : (n, L) int32 or None
        The vertices of the chunk that each row draws, by number; `count` and more for other chunks'. None where each
        draws one of its own.
    bins : (1 or 2, D, n) uint8 or None
        First and last bin of the chunk's box in which each row lies, along each axis; one where they are the same.
    source : ValueMap or None
        What values and sizes are made of; None where that is not known.
    steps : int or None
        Steps down the tree over which its places are told apart; None for all.
    """

    positions: Float32Array
    values: Float32Array
    levels: Float32Array
    extra: Float32Array | None
    keys: Int64Array
    starts: Int64Array
    count: int
    vertices: int
    fraction: float
    corners: int = 1
    others: Float32Array | None = None
    others_extra: Float32Array | None = None
    sizes: Float32Array | None = None
    objects: Int64Array | None = None
    cost: Int64Array | None = None
    drawn: npt.NDArray[np.int32] | None = None
    bins: npt.NDArray[np.uint8] | None = None
    source: ValueMap | None = None
    steps: int | None = None
    box: Float32Array = field(init=False, repr=False)
    """Lowest and highest of the corners, (2, 5), as `positions` and `extra`; zeros without any."""

    def __post_init__(self) -> None:
        box = np.zeros((2, 5), np.float32)
        for part, columns in ((self.positions, slice(0, 3)), (self.extra, slice(3, 5))):
            if part is not None and len(part):
                # Column by column: a twentieth of the time that numpy takes over rows of three.
                box[:, columns] = np.array([(column.min(), column.max()) for column in part.T]).T
        object.__setattr__(self, "box", box)

    @property
    def rows(self) -> int:
        """How many points, segments or triangles there are."""
        return len(self.positions) // self.corners

    def with_values(self, values: Float32Array, sizes: Float32Array | None) -> BuiltChunk:
        """Give the same rows with other values and sizes."""
        other = copy.copy(self)  # not `replace`: the box is found among all corners
        object.__setattr__(other, "values", values)
        object.__setattr__(other, "sizes", sizes)
        return other

    def picked(self, starts: Int64Array, stops: Int64Array, cut: int) -> Int64Array:
        """List those rows of (m,) ranges that lie in the bins that a cut meets; 0 is all."""
        rows = concatenated(starts, stops)
        if not cut or self.bins is None:
            return rows
        for axis, first, last in unpack_cut(cut, self.bins.shape[1]):
            met = self.bins[-1, axis].take(rows) >= first
            met &= self.bins[0, axis].take(rows) <= last
            rows = rows[met]
        return rows

    def picked_vertices(self, rows: Int64Array) -> int:
        """Count the vertices that some rows draw, whatever rows are left out beside them.

        A row that draws none of the chunk's own, a piece on the way through, counts one.
        """
        if self.drawn is None:
            return len(rows)
        drawn = np.minimum(self.drawn.take(rows, axis=0), self.count)
        is_drawn = np.zeros(self.count + 1, np.bool_)
        is_drawn[drawn] = True
        passing = int(np.count_nonzero((drawn == self.count).all(axis=1))) if is_drawn[-1] else 0
        return min(self.count, int(np.count_nonzero(is_drawn[:-1])) + passing)

    @property
    def profile(self) -> Int64Array | None:
        """How the vertices of rows lie in the bins, (2, D, BINS + 1): never fewer than `picked_vertices` counts."""
        if self.bins is None:
            return None
        return make_profile(self.bins if self.drawn is None else bins_of_drawn(self.bins, self.drawn, self.count))

    @property
    def value_bytes(self) -> int:
        """Bytes of values and sizes."""
        return self.values.nbytes + (0 if self.sizes is None else self.sizes.nbytes)

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        shared = self.source is not None and self.source.vertices is self.drawn
        drawn = None if shared else self.drawn
        one_a_row = (self.objects, self.cost, drawn, self.bins, self.source)
        optional = (self.extra, self.others, self.others_extra, self.sizes, *one_a_row)
        rows = self.positions.nbytes + self.values.nbytes + self.levels.nbytes
        return rows + self.keys.nbytes + self.starts.nbytes + sum(a.nbytes for a in optional if a is not None)


def concatenated(starts: Int64Array, stops: Int64Array) -> Int64Array:
    """``[*range(starts[0], stops[0]), *range(starts[1], stops[1]), ..]`` without a loop."""
    if not len(starts):
        return np.zeros(0, dtype=np.int64)
    lengths = stops - starts
    ends = np.cumsum(lengths)
    return np.asarray(np.arange(ends[-1]) + np.repeat(starts - (ends - lengths), lengths))


def row_range(built: BuiltChunk, lo_key: int, hi_key: int) -> tuple[int, int]:
    """Rows of the places with ``lo_key <= key < hi_key``, half-open."""
    first, last = np.searchsorted(built.keys, (lo_key, hi_key))
    return int(built.starts[first]), int(built.starts[last])
