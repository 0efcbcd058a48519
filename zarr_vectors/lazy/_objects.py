"""What a store says of objects, groups and headers, for people: names and numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zarr_vectors.core.arrays._groups import read_groups
from zarr_vectors.core.arrays._level import LevelArrays
from zarr_vectors.core.arrays._objects import open_objects
from zarr_vectors.core.store import OpenStore
from zarr_vectors.exceptions import ArgumentError
from zarr_vectors.typing import AnyArray, Int64Array

__all__ = ["group_members", "object_attribute_names", "object_count", "object_values"]


def object_count(store: OpenStore, levels: Sequence[int]) -> int:
    """Give the objects of levels that hold one content; 0 where none has an object index."""
    found = [index for index in (open_objects(store, level) for level in levels) if index is not None]
    if len(found) < 2:
        return sum(index.num_objects for index in found)
    return len(np.unique(np.concatenate([index.ids for index in found])))


def object_attribute_names(store: OpenStore, level: int) -> tuple[str, ...]:
    """Give the names of a level's object attributes, sorted."""
    found = open_objects(store, level)
    return () if found is None else found.attribute_names


def group_members(store: OpenStore, level: int) -> dict[str, Int64Array]:
    """Give the member ids of each group by its name, ``group_<row>`` where it has none."""
    found = read_groups(store, level)
    return {} if found is None else {name: found.members_of(name) for name in found.names}


def object_values(arrays: LevelArrays, name: str | None) -> tuple[Int64Array, AnyArray]:
    """Give the ids of a level's objects and the values of an attribute of theirs; NaN or None where one has none.

    Raises
    ------
    ArgumentError
        If there are no objects, or no attribute of that name.
    """
    index = arrays.objects
    if index is None:
        msg = f"{arrays.where} has no objects"
        raise ArgumentError(msg)
    if name is None:
        return index.ids, index.ids
    if name not in index.attribute_names:
        have = ", ".join(map(repr, index.attribute_names)) or "none"
        msg = f"{arrays.where} has no object attribute {name!r}; it has {have}"
        raise ArgumentError(msg)
    values, present = index.attributes.read_with_presence(name)
    if not present.all() and values.dtype.kind == "f":
        values = np.where(present.reshape(-1, *[1] * (values.ndim - 1)), values, np.nan)
    return index.ids, values
