"""What a store says of objects, groups and headers, for people: names and numbers."""

from __future__ import annotations

from zarr_vectors.core.arrays._groups import read_groups
from zarr_vectors.core.arrays._objects import open_objects
from zarr_vectors.core.store import OpenStore
from zarr_vectors.typing import Int64Array

__all__ = ["group_members", "object_attribute_names", "object_count"]


def object_count(store: OpenStore, level: int) -> int:
    """Give the object rows of a level; 0 where it has no object index."""
    found = open_objects(store, level)
    return 0 if found is None else found.num_objects


def object_attribute_names(store: OpenStore, level: int) -> tuple[str, ...]:
    """Give the names of a level's object attributes, sorted."""
    found = open_objects(store, level)
    return () if found is None else found.attribute_names


def group_members(store: OpenStore, level: int) -> dict[str, Int64Array]:
    """Give the member ids of each group by its name, ``group_<row>`` where it has none."""
    found = read_groups(store, level)
    return {} if found is None else {name: found.members_of(name) for name in found.names}
