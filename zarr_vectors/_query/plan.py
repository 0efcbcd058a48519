"""Selection -> which chunks to read. Pure: no storage is touched."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zarr_vectors._query.selection import Selection
from zarr_vectors.spatial import chunks_of_box, meets_planes
from zarr_vectors.typing import BoolArray, Float64Array, Int64Array

__all__ = ["ReadPlan", "meets", "plan_read"]

_FARTHEST = 2.0**62


@dataclass(frozen=True, slots=True, eq=False)
class ReadPlan:
    """The chunks that answer a selection by its box.

    Attributes
    ----------
    rows : (n,) int64
        Rows of the level's chunk list, ascending.
    box : ((D,), (D,)) float64 or None
        What is left to be cut from the chunks' rows.
    attributes : tuple of str
    """

    rows: Int64Array
    box: tuple[Float64Array, Float64Array] | None
    attributes: tuple[str, ...]


def plan_read(selection: Selection, coords: Int64Array, chunk_shape: Float64Array) -> ReadPlan:
    """Choose the chunks that a selection's box can meet.

    Parameters
    ----------
    coords : (n, R) int64
        Chunk coordinates; of a level that is chunked by an attribute the trailing D components are the place.
    chunk_shape : (D,) float64
    """
    return ReadPlan(np.flatnonzero(meets(selection, coords, chunk_shape)), selection.box, selection.attributes)


def meets(selection: Selection, coords: Int64Array, chunk_shape: Float64Array) -> BoolArray:
    """Tell which chunks, shape (n, R), a selection's box and planes can meet; all of them where there is no box."""
    out = _meets_box(coords, selection.box, chunk_shape)
    return out if selection.planes is None else out & meets_planes(coords, selection.planes, chunk_shape)


def _meets_box(
    coords: Int64Array, box: tuple[Float64Array, Float64Array] | None, chunk_shape: Float64Array
) -> BoolArray:
    out = np.ones(len(coords), bool)
    if box is None:
        return out
    # Compared with floats, all coordinates would be turned into floats first.
    first, last = np.clip(chunks_of_box(*box, chunk_shape), -_FARTHEST, _FARTHEST).astype(np.int64)
    ndim = len(chunk_shape)
    for axis in range(ndim):
        column = coords[:, axis - ndim]
        out &= (column >= first[axis]) & (column <= last[axis])
    return out
