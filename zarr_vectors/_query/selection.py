"""What a reader asks for: a box, some objects, a condition, some attributes. Checked, nothing is looked up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from zarr_vectors._query.where import Condition, Where, comparisons, parse_where
from zarr_vectors.exceptions import ArgumentError
from zarr_vectors.spatial import BoxLike, as_box, as_planes, inside, inside_planes
from zarr_vectors.typing import BoolArray, Float64Array, FloatArray, Int64Array

__all__ = ["GroupChoice", "Selection", "check_ids", "select"]

GroupChoice = str | int | Sequence[str | int]
"""A group's name or row number, or several of them."""


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """A checked request.

    Attributes
    ----------
    box : ((D,), (D,)) float64 or None
        Half-open box ``lo <= p < hi``, world units.
    attributes : tuple of str
        Names of the vertex attributes to read.
    object_ids : (k,) int64 or None
        Objects asked for, in that order.
    groups : tuple of str or int, or None
        Names or row numbers of groups whose members are asked for.
    condition : Condition or None
    planes : (P, D + 1) float64
        Half-spaces ``planes[:, :D] @ p + planes[:, D] >= 0`` that cut the box further; there are none without a box.
    """

    box: tuple[Float64Array, Float64Array] | None
    attributes: tuple[str, ...]
    object_ids: Int64Array | None = None
    groups: tuple[str | int, ...] | None = None
    condition: Condition | None = None
    planes: Float64Array | None = None

    @property
    def is_everything(self) -> bool:
        """Whether nothing restricts the vertices."""
        return self.box is None and not self.names_objects and self.condition is None

    def inside(self, positions: FloatArray) -> BoolArray:
        """Tell which of (N, D) positions lie in the box and on the inner side of the planes."""
        mask = np.ones(len(positions), bool) if self.box is None else inside(positions, *self.box)
        return mask if self.planes is None else mask & inside_planes(positions, self.planes)

    @property
    def names_objects(self) -> bool:
        """Whether it asks for objects by id or group."""
        return self.object_ids is not None or self.groups is not None


def select(
    ndim: int,
    known: Sequence[str],
    bbox: BoxLike | None,
    attributes: Iterable[str] | None,
    place: str,
    *,
    object_ids: npt.ArrayLike | None = None,
    groups: GroupChoice | None = None,
    where: Where | None = None,
    planes: npt.ArrayLike | None = None,
) -> Selection:
    """Check a request against a level with vertex attributes `known`; ``attributes=None`` asks for all.

    Parameters
    ----------
    place : str
        What to call the level in messages.
    """
    condition = None if where is None else parse_where(where)
    if planes is not None and bbox is None:
        bbox = (np.full(ndim, -np.inf), np.full(ndim, np.inf))
    return Selection(
        None if bbox is None else as_box(bbox, ndim),
        _check_names(known, attributes, place),
        None if object_ids is None else check_ids(object_ids),
        None if groups is None else _check_groups(groups),
        condition if condition is not None and comparisons(condition) else None,
        None if planes is None else as_planes(planes, ndim),
    )


def _check_names(known: Sequence[str], attributes: Iterable[str] | None, place: str) -> tuple[str, ...]:
    if attributes is None:
        return tuple(known)
    if isinstance(attributes, str):
        msg = f"attributes must be a list of names, got the string {attributes!r}"
        raise ArgumentError(msg)
    if not isinstance(attributes, Iterable):
        msg = f"attributes must be a list of names, got {attributes!r}"
        raise ArgumentError(msg)
    asked = tuple(attributes)
    unknown = [name for name in asked if name not in known]
    if unknown:
        have = ", ".join(map(repr, known)) or "none"
        msg = f"{place} has no vertex attribute {unknown[0]!r}; it has {have}"
        raise ArgumentError(msg)
    return tuple(dict.fromkeys(asked))


def check_ids(object_ids: npt.ArrayLike) -> Int64Array:
    """Check a list of object ids: whole numbers of 64 bits, each once."""
    try:
        ids = np.asarray(object_ids)
    except ValueError as error:
        msg = f"object_ids must be a list of whole numbers, got {object_ids!r}"
        raise ArgumentError(msg) from error
    if ids.ndim != 1 or (ids.dtype.kind not in "iu" and ids.size):
        msg = f"object_ids must be a list of whole numbers, got {ids.dtype} of shape {ids.shape}"
        raise ArgumentError(msg)
    if ids.dtype.kind == "u" and ids.size and int(ids.max()) > np.iinfo(np.int64).max:
        msg = f"object ids are signed 64-bit numbers, got {ids.max()}"
        raise ArgumentError(msg)
    values, counts = np.unique(ids, return_counts=True)
    if (counts > 1).any():
        msg = f"object_ids names {values[counts > 1][0]} more than once"
        raise ArgumentError(msg)
    return ids.astype(np.int64)


def _check_groups(groups: GroupChoice) -> tuple[str | int, ...]:
    if not isinstance(groups, str | int | np.integer | Iterable):
        msg = f"groups are names or row numbers, got {groups!r}"
        raise ArgumentError(msg)
    items = (groups,) if isinstance(groups, str | int | np.integer) else tuple(groups)
    for item in items:
        if isinstance(item, bool) or not isinstance(item, str | int | np.integer):
            msg = f"groups are names or row numbers, got {item!r}"
            raise ArgumentError(msg)
    return tuple(item if isinstance(item, str) else int(item) for item in items)
