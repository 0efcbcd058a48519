"""What a store says of objects, groups and headers: small metadata, read with zarr when asked."""

from __future__ import annotations

from typing import Any

import numpy as np
import zarr

from zarr_vectors.exceptions import CorruptStoreError
from zarr_vectors.typing import Int64Array

__all__ = ["group_members", "header_blocks", "object_attribute_names", "object_count"]


def object_count(level: zarr.Group) -> int:
    """Give the object rows of a level; 0 where it has no object index."""
    index = level.get("object_index")
    return int(str(index.attrs.get("num_objects", 0))) if isinstance(index, zarr.Group) else 0


def object_attribute_names(level: zarr.Group) -> tuple[str, ...]:
    """Give the names of a level's object attributes, sorted."""
    found = level.get("object_attributes")
    return tuple(sorted(found.array_keys())) if isinstance(found, zarr.Group) else ()


def group_members(level: zarr.Group) -> dict[str, Int64Array]:
    """Give the member ids of each group by its name, ``group_<row>`` where it has none.

    Raises
    ------
    CorruptStoreError
        If members are no whole 64-bit numbers.
    """
    array = level.get("groups")
    if not isinstance(array, zarr.Array):
        return {}
    keys: dict[str, Any] = dict(array.attrs)
    names, ranges = keys.get("group_names") or [], keys.get("group_ranges") or {}
    out: dict[str, Int64Array] = {}
    for row, blob in enumerate(np.asarray(array[:]).tolist()):
        name = names[row] if row < len(names) and names[row] else f"group_{row}"
        if str(row) in ranges:
            out[name] = np.arange(*ranges[str(row)], dtype=np.int64)
        elif len(blob) % 8:
            msg = f"groups, row {row}: {len(blob)} bytes are no whole 64-bit ids"
            raise CorruptStoreError(msg)
        else:
            out[name] = np.frombuffer(blob, "<i8").astype(np.int64)
    return out


def header_blocks(root: zarr.Group) -> dict[str, dict[str, Any]]:
    """Give the foreign formats' headers that the store keeps, by format."""
    found = root.get("headers")
    if not isinstance(found, zarr.Group):
        return {}
    return {name: dict(group.attrs) for name, group in sorted(found.groups())}
