"""A level of a store as the content it was written from: what a coarser level is made of.

Vertices are in stored order, objects keep their rows, links are rows of these vertices.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from zarr_vectors._query import (
    ChunkSource,
    DirectSource,
    Network,
    RaggedBatch,
    Selection,
    chunk_groups,
    read_batch,
    read_graph,
    read_sequences,
    select,
)
from zarr_vectors.core.arrays._groups import read_groups
from zarr_vectors.core.arrays._level import LevelArrays
from zarr_vectors.core.arrays._objects import ObjectIndex
from zarr_vectors.core.arrays._vertices import Column
from zarr_vectors.encoding import FragmentTable, expand_ranges, offsets_of
from zarr_vectors.exceptions import UnsupportedFeatureError
from zarr_vectors.spatial import extent
from zarr_vectors.types._content import Content, Links
from zarr_vectors.types._owners import GroupTable, Objects
from zarr_vectors.types._topology import SKELETONS, Topology
from zarr_vectors.typing import Float64Array, FloatArray, Int64Array

__all__ = ["owners", "read_content"]


_ROWS = "/rows"  # no attribute can have such a name


def read_content(
    arrays: LevelArrays, topology: Topology, starts: Int64Array | None = None
) -> tuple[Content, Int64Array | None]:
    """Read a level of a kind that has objects.

    Parameters
    ----------
    arrays : LevelArrays
    topology : Topology
    starts : (n + 1,) int64 or None
        Where the rows of each chunk begin, to be told the row of each vertex.

    Returns
    -------
    content : Content
    rows : (N,) int64 or None
        The row of each vertex, where `starts` are given.

    Raises
    ------
    UnsupportedFeatureError
        If the level has vertices of no object, or its chunks are divided by an attribute.
    """
    index = arrays.objects
    if index is None:
        msg = f"{arrays.where} has no object index; a pyramid of a {topology.kind} needs one"
        raise UnsupportedFeatureError(msg)
    if arrays.divided is not None:
        by = arrays.divided.column.name
        msg = f"{arrays.where} has chunks divided by {by!r}, of which no pyramid can be built yet"
        raise UnsupportedFeatureError(msg)
    source = DirectSource(arrays) if starts is None else _Numbered(arrays, starts)
    names = arrays.value_names if starts is None else (*arrays.value_names, _ROWS)
    selection = select(arrays.ndim, names, None, None, arrays.where)
    content = (_lines if topology.fragments == "runs" else _network)(source, selection, topology, index)
    rows = [values for column, values in content.attributes if column.name == _ROWS]
    kept = [(column, values) for column, values in content.attributes if column.name != _ROWS]
    return replace(content, attributes=kept), rows[0] if rows else None


def owners(content: Content) -> Int64Array:
    """Give the row of each vertex' object, (N,)."""
    objects = content.objects
    if objects is not None and objects.paths is not None:
        return np.repeat(np.arange(len(objects.ids)), np.diff(objects.paths))
    if objects is None or objects.owner is None:
        return np.zeros(len(content.positions), np.int64)
    return np.asarray(objects.owner, np.int64)


@dataclass(frozen=True, slots=True)
class _Numbered:
    """Gives the rows of vertices along with them, as if they were an attribute; else a `DirectSource`."""

    arrays: LevelArrays
    starts: Int64Array

    def batch(self, rows: Int64Array, attributes: tuple[str, ...], *, of: int) -> RaggedBatch:
        del of
        found = read_batch(self.arrays, rows, tuple(name for name in attributes if name != _ROWS))
        numbers = expand_ranges(self.starts[rows], np.diff(found.offsets))
        named = {**found.attributes, _ROWS: numbers}
        return replace(found, attributes={name: named[name] for name in attributes})

    def batches(self, rows: Int64Array, attributes: tuple[str, ...], *, of: int) -> Iterator[RaggedBatch]:
        for group in chunk_groups(self.arrays, rows):
            yield self.batch(group, attributes, of=of)

    def fragments(self, rows: Int64Array, *, of: int) -> FragmentTable:
        return DirectSource(self.arrays).fragments(rows, of=of)


def _lines(source: ChunkSource, selection: Selection, topology: Topology, index: ObjectIndex) -> Content:
    arrays = source.arrays
    found = read_sequences(source, selection)
    counts = np.zeros(index.num_objects, np.int64)
    counts[found.objects] = np.diff(found.offsets)
    return Content(
        topology,
        found.positions,
        _position_column(arrays),
        _bounds(found.positions, arrays),
        [(_own_column(arrays, name), values) for name, values in found.attributes.items()],
        objects=replace(_objects(arrays, index), paths=offsets_of(counts)),
    )


def _network(source: ChunkSource, selection: Selection, topology: Topology, index: ObjectIndex) -> Content:
    arrays = source.arrays
    found = read_graph(
        source,
        selection,
        is_skeleton=topology is SKELETONS,
        with_owners=True,
        with_boundary=False,
    )
    owner = np.zeros(len(found.positions), np.int64) if found.owners is None else found.owners
    if (owner < 0).any():
        msg = f"{arrays.where}: {int((owner < 0).sum())} vertices are of no object, which pyramids cannot carry yet"
        raise UnsupportedFeatureError(msg)
    return Content(
        topology,
        found.positions,
        _position_column(arrays),
        _bounds(found.positions, arrays),
        [(_own_column(arrays, name), values) for name, values in found.attributes.items()],
        objects=replace(_objects(arrays, index), owner=owner),
        links=_links(arrays, found),
    )


def _links(arrays: LevelArrays, found: Network) -> Links | None:
    reader = arrays.links
    if reader is None:
        return Links(found.links) if len(found.links) else None
    named = {name: reader.attribute_column(name) for name in found.link_attributes}
    attributes = [(named[name], values) for name, values in found.link_attributes.items()]
    return Links(found.links, reader.family.directed, attributes)


def _position_column(arrays: LevelArrays) -> Column:
    # A coarse level of a compressed mesh is stored as plain numbers.
    return replace(arrays.positions.column, encoding="raw")


def _own_column(arrays: LevelArrays, name: str) -> Column:
    if name == _ROWS:
        return Column(name, np.dtype(np.int64))
    return arrays.attribute(name).column


def _bounds(positions: FloatArray, arrays: LevelArrays) -> Float64Array:
    return extent(positions) if len(positions) else arrays.store.root.bounds


def _objects(arrays: LevelArrays, index: ObjectIndex) -> Objects:
    attributes = {name: index.attribute(name) for name in index.attribute_names}
    return Objects(index.ids, attributes=attributes, groups=_groups(arrays))


def _groups(arrays: LevelArrays) -> GroupTable | None:
    found = read_groups(arrays.store, arrays.meta.level)
    if found is None:
        return None
    attributes = {name: found.attribute(name) for name in found.attributes.names}
    return GroupTable(found.names, found.offsets, found.members, attributes)
