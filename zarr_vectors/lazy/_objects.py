"""What a store says of objects, groups and headers, for people: names and numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zarr_vectors._spec.names import GROUP_ATTRIBUTES
from zarr_vectors.core.arrays._groups import read_groups
from zarr_vectors.core.arrays._level import LevelArrays
from zarr_vectors.core.arrays._objects import open_objects
from zarr_vectors.core.arrays._tables import Table
from zarr_vectors.core.store import OpenStore
from zarr_vectors.exceptions import ArgumentError
from zarr_vectors.typing import AnyArray, Int64Array

__all__ = [
    "group_attribute_names",
    "group_members",
    "group_values",
    "object_attribute_names",
    "object_count",
    "object_values",
]


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


def group_attribute_names(store: OpenStore, level: int) -> tuple[str, ...]:
    """Give the names of a level's group attributes, sorted."""
    return tuple(sorted(Table(store, f"{level}/{GROUP_ATTRIBUTES}", 0, "group").names))


def group_values(store: OpenStore, level: int, name: str) -> AnyArray:
    """Give the value of each group of a level, in the order of `group_members`; NaN or None where one has none.

    Raises
    ------
    ArgumentError
        If there are no groups, or no attribute of that name.
    """
    found = read_groups(store, level)
    names = () if found is None else found.attributes.names
    if found is None or name not in names:
        have = ", ".join(map(repr, sorted(names))) or "none"
        msg = f"level {level} of {store.name} has no group attribute {name!r}; it has {have}"
        raise ArgumentError(msg)
    return _with_missing(found.attributes, name)


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
    return index.ids, _with_missing(index.attributes, name)


def _with_missing(table: Table, name: str) -> AnyArray:
    values, present = table.read_with_presence(name)
    if not present.all() and values.dtype.kind == "f":
        return np.where(present.reshape(-1, *[1] * (values.ndim - 1)), values, np.nan)
    return values
