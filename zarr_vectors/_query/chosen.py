"""Which objects a selection asks for: by id, by group, by what their attributes say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from zarr_vectors._query.selection import Selection
from zarr_vectors._query.where import Comparison, Condition, compare, compare_codes, comparisons, resolve
from zarr_vectors.core.arrays._chunk_values import ChunkValues
from zarr_vectors.core.arrays._groups import read_groups
from zarr_vectors.core.arrays._level import LevelArrays
from zarr_vectors.core.arrays._objects import ObjectIndex
from zarr_vectors.core.arrays._vertices import VertexColumn
from zarr_vectors.exceptions import ArgumentError, CorruptStoreError
from zarr_vectors.typing import AnyArray, BoolArray, Int64Array

__all__ = ["Chosen", "choose_objects", "chunk_masks", "vertex_masks"]


@dataclass(frozen=True, slots=True, eq=False)
class Chosen:
    """What a selection says of a level's objects.

    Attributes
    ----------
    rows : (k,) int64 or None
        Objects that may have vertices that were asked for: in the order of the ids asked for, else ascending. None
        where vertices need not be of any object.
    is_ordered : bool
        Whether their order is the one asked for.
    masks : dict of (O,) bool
        Which objects match each comparison of an object attribute.
    condition : Condition or None
    names : tuple of str
        Vertex attributes that the condition compares.
    """

    rows: Int64Array | None
    is_ordered: bool
    masks: Mapping[Comparison, BoolArray]
    condition: Condition | None
    names: tuple[str, ...]


def choose_objects(arrays: LevelArrays, selection: Selection) -> Chosen:
    """Look up the objects that a selection names.

    Raises
    ------
    ArgumentError
        For an unknown object, group or attribute.
    """
    rows = _named_rows(arrays, selection) if selection.names_objects else None
    is_ordered = selection.object_ids is not None
    if selection.condition is None:
        return Chosen(rows, is_ordered, {}, None, ())
    tests = comparisons(selection.condition)
    masks = _object_masks(arrays, tests)
    names = tuple(dict.fromkeys(test.name for test in tests if test not in masks))
    known = arrays.attribute_names
    for name in names:
        if name not in known:
            objects = () if arrays.objects is None else arrays.objects.attribute_names
            have = ", ".join(map(repr, (*objects, *known))) or "none"
            msg = f"{arrays.where} has no attribute {name!r} of objects or vertices; it has {have}"
            raise ArgumentError(msg)
    may_match = resolve(selection.condition, masks.get)
    if may_match is not None:
        rows = np.flatnonzero(may_match) if rows is None else rows[may_match[rows]]
    return Chosen(rows, is_ordered, masks, selection.condition, names)


def _named_rows(arrays: LevelArrays, selection: Selection) -> Int64Array:
    index = _require_objects(arrays)
    rows = None if selection.object_ids is None else index.rows_of(selection.object_ids)
    if selection.groups is None:
        return np.empty(0, np.int64) if rows is None else rows
    members = np.isin(index.ids, _members(arrays, selection.groups))
    return np.flatnonzero(members) if rows is None else rows[members[rows]]


def _require_objects(arrays: LevelArrays) -> ObjectIndex:
    if arrays.objects is None:
        msg = f"{arrays.where} has no objects to choose from"
        raise ArgumentError(msg)
    return arrays.objects


def _members(arrays: LevelArrays, wanted: tuple[str | int, ...]) -> Int64Array:
    # Ids are the same on all levels, and not every writer repeats the groups on each.
    levels = dict.fromkeys((arrays.meta.level, arrays.store.levels[0].level))
    found = next((g for g in (read_groups(arrays.store, level) for level in levels) if g is not None), None)
    if found is None:
        msg = f"{arrays.store.name} has no groups"
        raise ArgumentError(msg)
    return np.concatenate([np.empty(0, np.int64), *(found.members_of(item) for item in wanted)])


def _object_masks(arrays: LevelArrays, tests: tuple[Comparison, ...]) -> dict[Comparison, BoolArray]:
    index = arrays.objects
    if index is None:
        return {}
    return {test: _object_mask(index, test) for test in tests if test.name in index.attribute_names}


def _object_mask(index: ObjectIndex, test: Comparison) -> BoolArray:
    values, present = index.attributes.read_with_presence(test.name)
    return compare(test, values) & present


def vertex_masks(
    arrays: LevelArrays, chosen: Chosen, attributes: Mapping[str, AnyArray]
) -> dict[Comparison, BoolArray]:
    """Tell which vertices with these attributes (codes) match each comparison of a vertex attribute, (N,) bool each."""
    tests = () if chosen.condition is None else comparisons(chosen.condition)
    return {test: _vertex_mask(arrays, test, attributes[test.name]) for test in tests if test not in chosen.masks}


def chunk_masks(arrays: LevelArrays, chosen: Chosen, coords: Int64Array) -> dict[Comparison, BoolArray]:
    """Tell which chunks, (n, R), match each comparison of the attribute that divides them, (n,) bool each."""
    divided = arrays.divided
    if divided is None or chosen.condition is None:
        return {}
    tests = [test for test in comparisons(chosen.condition) if test.name == divided.column.name]
    return {test: _chunk_mask(arrays, test, divided, coords[:, 0]) for test in tests if test not in chosen.masks}


def _chunk_mask(arrays: LevelArrays, test: Comparison, divided: ChunkValues, bins: Int64Array) -> BoolArray:
    known = (bins >= 0) & (bins < len(divided.values))
    # What has no value is found out, and told, when it is read.
    out = np.ones(len(bins), bool)
    out[known] = _mask_of(arrays, test, divided, divided.values)[bins[known]]
    return out


def _vertex_mask(arrays: LevelArrays, test: Comparison, values: AnyArray) -> BoolArray:
    return _mask_of(arrays, test, arrays.attribute(test.name), values)


def _mask_of(arrays: LevelArrays, test: Comparison, column: VertexColumn | ChunkValues, values: AnyArray) -> BoolArray:
    if column.column.categories is None:
        return compare(test, values)
    try:
        return compare_codes(test, values, column.column.categories)
    except ValueError as error:
        if isinstance(error, ArgumentError):
            raise
        msg = f"{arrays.store.name}: array {column.array.path!r}: {error}"
        raise CorruptStoreError(msg) from error
