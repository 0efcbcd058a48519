"""The objects that own vertices: their ids, their attributes and the groups they are in, checked.

An object is a row, rows are in the order of ascending ids; `owner` names the row of each vertex. Groups hold ids.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from zarr_vectors.constants import BLOCK_ROWS
from zarr_vectors.core.arrays._groups import check_groups as groups_as_lists
from zarr_vectors.core.arrays._tables import check_columns
from zarr_vectors.exceptions import ArgumentError
from zarr_vectors.types._frames import unframed
from zarr_vectors.types._source import check_mapping, refuse_masked, sliceable
from zarr_vectors.typing import AnyArray, Int64Array

__all__ = [
    "GroupTable",
    "GroupsLike",
    "Objects",
    "check_attributes_of",
    "check_groups",
    "check_unique_ids",
    "ids_of_list",
    "owners_of_ids",
]

GroupsLike: TypeAlias = Mapping[str, Sequence[int]] | Mapping[int, Sequence[int]]
"""Ids of the members by a group's name, or by its number: all numbers from 0."""

_DENSE = 4  # a table of ids may be this much longer than there are vertices


@dataclass(frozen=True, slots=True, eq=False)
class GroupTable:
    """Groups of objects.

    Attributes
    ----------
    names : tuple of G str
    offsets : (G + 1,) int64
        Group ``g`` has the members ``members[offsets[g]:offsets[g + 1]]``.
    members : (sum,) int64
        Object ids.
    attributes : dict of (G,) or (G, C) arrays
    """

    names: tuple[str, ...]
    offsets: Int64Array
    members: Int64Array
    attributes: Mapping[str, AnyArray] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Objects:
    """The objects of a level.

    Attributes
    ----------
    ids : (O,) int64
        Ascending where fragments are by object, else in any order.
    owner : (N,) whole numbers or None
        Where fragments are by object: row of each vertex's object; None = all are of object 0.
    paths : (O + 1,) whole numbers, a range from 0, or None
        Where fragments are runs: object ``o`` is the vertices ``paths[o]:paths[o + 1]``.
    attributes : dict of (O,) or (O, C) arrays
        What `check_attributes_of` gave.
    groups : GroupTable or None
    """

    ids: Int64Array
    owner: AnyArray | None = None
    paths: AnyArray | range | None = None
    attributes: Mapping[str, AnyArray] = field(default_factory=dict)
    groups: GroupTable | None = None


def owners_of_ids(source: object, rows: int, name: str = "object_ids") -> tuple[Int64Array, AnyArray]:
    """Turn the object id of each vertex into the ids that occur, ascending, and the row of each vertex's id in them.

    Parameters
    ----------
    source : (N,) whole numbers
        Any of 64 bits with a sign.
    rows : int
        N.
    name : str

    Returns
    -------
    ids, owner : (O,) int64, (N,) uint32 or uint64
    """
    values = _whole_numbers(source, (rows,), name)
    if not rows:
        return np.empty(0, np.int64), np.empty(0, np.uint32)
    low, high = int(values.min()), int(values.max())
    if high - low < max(_DENSE * rows, 1 << 16):
        return _owners_by_table(values, low, high)
    ids = np.unique(values).astype(np.int64)
    owner = np.empty(rows, np.uint32 if len(ids) <= np.iinfo(np.uint32).max else np.uint64)
    for start in range(0, rows, BLOCK_ROWS):
        piece = slice(start, start + BLOCK_ROWS)
        owner[piece] = np.searchsorted(ids, values[piece].astype(np.int64))
    return ids, owner


def _owners_by_table(values: AnyArray, low: int, high: int) -> tuple[Int64Array, AnyArray]:
    is_there = np.zeros(high - low + 1, bool)
    owner = np.empty(len(values), np.uint32 if high - low < np.iinfo(np.uint32).max else np.uint64)
    pieces = [slice(start, start + BLOCK_ROWS) for start in range(0, len(values), BLOCK_ROWS)]
    for piece in pieces:
        is_there[values[piece].astype(np.int64) - low] = True
    found = np.flatnonzero(is_there)
    row_of = np.empty(high - low + 1, owner.dtype)
    row_of[found] = np.arange(len(found), dtype=owner.dtype)
    for piece in pieces:
        owner[piece] = np.take(row_of, values[piece].astype(np.int64) - low)
    return found + low, owner


def check_unique_ids(source: object, count: int, name: str = "object_ids") -> Int64Array:
    """Check one id an object, shape (O,), each once; they stay in the order they come in."""
    ids = _whole_numbers(source, (count,), name).astype(np.int64)
    ordered = np.sort(ids)
    if (twice := np.flatnonzero(ordered[1:] == ordered[:-1])).size:
        msg = f"{name} must name each object once, got {ordered[twice[0]]} more than once"
        raise ArgumentError(msg)
    return ids


def ids_of_list(source: object, count: int) -> Int64Array:
    """Give the ids of listed objects, (O,) int64: as asked for, each once, or 0 to O - 1."""
    return np.arange(count, dtype=np.int64) if source is None else check_unique_ids(source, count)


def _whole_numbers(source: object, shape: tuple[int, ...], name: str) -> AnyArray:
    values = sliceable(source)
    if tuple(values.shape) != shape:
        msg = f"{name} must have shape {shape}, got {tuple(values.shape)}"
        raise ArgumentError(msg)
    whole = np.asarray(values[...])
    if whole.size and whole.dtype.kind not in "iu":
        msg = f"{name} must be whole numbers, got dtype {whole.dtype}"
        raise ArgumentError(msg)
    if whole.dtype.kind == "u" and whole.size and (most := int(whole.max())) > np.iinfo(np.int64).max:
        msg = f"{name} must be numbers of 64 bits with a sign, got {most}"
        raise ArgumentError(msg)
    return whole


def check_attributes_of(what: str, attributes: Mapping[str, Any] | None, rows: int) -> dict[str, AnyArray]:
    """Check attributes of the objects or groups of a store: (rows,) or (rows, C) numbers, bools or strings."""
    named = {name: unframed(source) for name, source in check_mapping(attributes, f"{what}_attributes").items()}
    for source in named.values():
        refuse_masked(source)
    return check_columns(named, rows, what)


def check_groups(
    groups: GroupsLike | None, group_attributes: Mapping[str, Any] | None, ids: Int64Array
) -> GroupTable | None:
    """Check groups of objects whose ids, ascending, are `ids`; None if there are none."""
    numbered = _named(check_mapping(groups, "groups", plain_keys=False))
    for members in numbered.values():
        refuse_masked(members)
    names, offsets, members = groups_as_lists(numbered)
    attributes = check_attributes_of("group", group_attributes, len(names))
    _check_members(names, offsets, members, ids)
    return GroupTable(tuple(names), offsets, members, attributes) if names else None


def _named(groups: Mapping[Any, object]) -> Mapping[str, object]:
    """Give groups by name and lists of ids; numbers, which must be 0 to G - 1, become names, sets lists."""
    if groups and all(isinstance(key, int | np.integer) for key in groups):
        if sorted(groups) != list(range(len(groups))):
            msg = f"groups with numbers must be 0 to {len(groups) - 1}, got {list(groups)}"
            raise ArgumentError(msg)
        groups = {f"group_{key}": groups[key] for key in sorted(groups)}
    return {key: sorted(ids) if isinstance(ids, set | frozenset) else ids for key, ids in groups.items()}


def _check_members(names: Sequence[str], offsets: Int64Array, members: Int64Array, ids: Int64Array) -> None:
    """Refuse members that are no objects, and such as are named twice in a group."""
    group = np.repeat(np.arange(len(names)), np.diff(offsets))
    place = np.searchsorted(ids, members)
    known = np.zeros(len(members), bool)
    inside = place < len(ids)
    known[inside] = ids[place[inside]] == members[inside]
    order = np.lexsort((members, group))
    again = (members[order][1:] == members[order][:-1]) & (group[order][1:] == group[order][:-1])
    for what, rows in (("no object of this store", np.flatnonzero(~known)), ("named twice", order[1:][again])):
        if rows.size:
            msg = f"group {names[group[rows[0]]]!r} names object {members[rows[0]]}, which is {what}"
            raise ArgumentError(msg)
