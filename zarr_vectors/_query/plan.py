"""Selection -> which chunks to read. Pure: no storage is touched."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zarr_vectors._query.selection import Selection
from zarr_vectors.spatial import chunks_of_box
from zarr_vectors.typing import Float64Array, Int64Array

__all__ = ["ReadPlan", "plan_read"]


@dataclass(frozen=True, slots=True, eq=False)
class ReadPlan:
    """The chunks that answer a selection.

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
    """Choose the chunks, shape (n, D), that a selection can meet."""
    if selection.box is None:
        return ReadPlan(np.arange(len(coords)), None, selection.attributes)
    first, last = chunks_of_box(*selection.box, chunk_shape)
    meets = ((coords >= first) & (coords <= last)).all(axis=1)
    return ReadPlan(np.flatnonzero(meets), selection.box, selection.attributes)
