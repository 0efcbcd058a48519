"""What `write_graph` and `write_mesh` have in common: vertices of one or many objects, and records that tie them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from zarr_vectors.constants import BLOCK_ROWS
from zarr_vectors.core.arrays._vertices import Column
from zarr_vectors.types._content import Links
from zarr_vectors.types._owners import (
    GroupsLike,
    Objects,
    check_attributes_of,
    check_groups,
    ids_of_list,
    owners_of_ids,
)
from zarr_vectors.types._records import Parts, check_same_object, is_many, join_parts
from zarr_vectors.types._source import check_attributes, check_mapping, check_positions
from zarr_vectors.typing import AnyArray, Float64Array, Int64Array

__all__ = ["Nodes", "check_links", "check_nodes", "check_objects"]


@dataclass(frozen=True, slots=True, eq=False)
class Nodes:
    """Checked vertices and the object of each.

    Attributes
    ----------
    positions : (N, D) source
    column : Column
        How they are stored.
    bounds : (2, D) float64
    attributes : list of (Column, (N,) or (N, C) source)
    ids : (O,) int64
        Ascending.
    owner : (N,) whole numbers or None
        Row of each vertex' object in `ids`; None where there is one object at most.
    parts : Parts or None
        Where the arguments are lists, one array an object: how many vertices each has.
    rank : (O,) int64 or None
        Where the arguments are lists: the place of each row of `ids` in them.
    """

    positions: AnyArray
    column: Column
    bounds: Float64Array
    attributes: list[tuple[Column, AnyArray]]
    ids: Int64Array
    owner: AnyArray | None
    parts: Parts | None = field(default=None)
    rank: Int64Array | None = field(default=None)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self.column.row_shape[0]

    @property
    def limits(self) -> int | Int64Array:
        """How many vertices records may name: in all, or those of each object where arguments are lists."""
        return int(self.positions.shape[0]) if self.parts is None else self.parts.counts


def check_nodes(
    positions: object,
    name: str,
    dtype: npt.DTypeLike | None,
    attributes: Mapping[str, Any] | None,
    object_ids: npt.ArrayLike | None,
) -> Nodes:
    """Check vertices: one (N, D) array with an object id each, or a list of arrays, one an object."""
    if not is_many(positions):
        source, column, bounds = check_positions(positions, dtype, BLOCK_ROWS)
        rows = int(source.shape[0])
        ids, owner = np.zeros(min(rows, 1), np.int64), None
        if object_ids is not None:
            ids, owner = owners_of_ids(object_ids, rows)
        return Nodes(source, column, bounds, check_attributes(attributes, rows), ids, owner if len(ids) > 1 else None)
    parts = join_parts(positions, name)
    source, column, bounds = check_positions(parts.values, dtype, BLOCK_ROWS)
    count = len(parts.counts)
    given = ids_of_list(object_ids, count)
    rank = np.argsort(given)
    row = np.empty(count, np.uint32)
    row[rank] = np.arange(count, dtype=np.uint32)
    checked = check_attributes(parts.join_attributes(attributes), int(source.shape[0]))
    return Nodes(source, column, bounds, checked, given[rank], np.repeat(row, parts.counts), parts, rank)


def check_links(
    nodes: Nodes,
    records: object,
    name: str,
    width: int,
    check: Callable[[object, int | Int64Array], Int64Array],
    attributes: Mapping[str, Any] | None,
    *,
    directed: bool = False,
    within_objects: bool = False,
) -> Links:
    """Check edges or faces and their attributes.

    Parameters
    ----------
    nodes : Nodes
    records : (M, L) whole numbers, or a list of these
    name : str
        What they are.
    width : int
        L where there are none to tell it.
    check : callable
        `check_edges` or `check_faces`.
    attributes : dict of (M,) or (M, C) values
    directed : bool
    within_objects : bool
        Whether none may join two objects.
    """
    named = check_mapping(attributes, f"{name[:-1]}_attributes")
    if nodes.parts is not None:
        records = join_parts(records, name, width, len(nodes.parts.counts))
        named = check_mapping(records.join_attributes(named), name)
    ends = check(records, nodes.limits)
    if within_objects and nodes.owner is not None and nodes.parts is None:
        check_same_object(ends, nodes.owner, nodes.ids, name)
    return Links(ends, directed, check_attributes(named, len(ends)))


def check_objects(
    nodes: Nodes,
    object_attributes: Mapping[str, Any] | None,
    groups: GroupsLike | None,
    group_attributes: Mapping[str, Any] | None,
) -> Objects:
    """Check what is said of objects; attributes run parallel to ascending ids, or to the list of objects."""
    attributes = check_attributes_of("object", object_attributes, len(nodes.ids))
    if nodes.rank is not None:
        attributes = {name: values[nodes.rank] for name, values in attributes.items()}
    return Objects(
        nodes.ids, nodes.owner, attributes=attributes, groups=check_groups(groups, group_attributes, nodes.ids)
    )
