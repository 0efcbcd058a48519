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
    select,
)
from zarr_vectors._query.gather import Gather
from zarr_vectors._query.owned import check_reach, numbers_of
from zarr_vectors.core.arrays._groups import read_groups
from zarr_vectors.core.arrays._level import LevelArrays
from zarr_vectors.core.arrays._objects import ObjectIndex
from zarr_vectors.core.arrays._vertices import Column
from zarr_vectors.encoding import FragmentTable, expand_ranges
from zarr_vectors.exceptions import UnsupportedFeatureError
from zarr_vectors.multiresolution._blocks import Blocked
from zarr_vectors.multiresolution._runs import Lines, read_runs
from zarr_vectors.multiresolution._shelf import Shelf
from zarr_vectors.multiresolution._spread import BLOCK_ROWS, spread_level
from zarr_vectors.spatial import extent
from zarr_vectors.types._content import Content, Links
from zarr_vectors.types._mapped import release
from zarr_vectors.types._owners import GroupTable, Objects
from zarr_vectors.types._topology import SKELETONS, Topology
from zarr_vectors.typing import AnyArray, Float64Array, FloatArray, Int64Array

__all__ = ["owners", "read_blocks", "read_lines"]


_ROWS = "/rows"  # no attribute can have such a name


def read_lines(
    arrays: LevelArrays, topology: Topology, shelf: Shelf, starts: Int64Array | None = None
) -> tuple[Content, Int64Array | None]:
    """Read a level of lines of any kind.

    Parameters
    ----------
    arrays : LevelArrays
    topology : Topology
    shelf : Shelf
        Where its vertices are put.
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
        If the level has no objects, or its chunks are divided by an attribute.
    """
    index = _index(arrays, topology)
    return _without_rows(_lines(*_source(arrays, starts), topology, index, shelf))


def read_blocks(
    arrays: LevelArrays, topology: Topology, shelf: Shelf, starts: Int64Array | None = None
) -> tuple[Blocked, Int64Array | None]:
    """Read a level of any other kind that has objects: one block where it is small.

    As `read_lines`; it is an ``UnsupportedFeatureError`` too if the level has vertices of no object.
    """
    index = _index(arrays, topology)
    if arrays.meta.vertex_count > 2 * BLOCK_ROWS:
        found = spread_level(arrays, _like(arrays, topology, index, shelf), shelf)
        if found is not None:
            return found.blocked, None if starts is None else _inverse(found.places)
    source, names = _source(arrays, starts)
    selection = select(arrays.ndim, names, None, None, arrays.where)
    content, rows = _without_rows(_network(source, selection, topology, index, shelf))
    return Blocked.whole(content), rows


def _index(arrays: LevelArrays, topology: Topology) -> ObjectIndex:
    index = arrays.objects
    if index is None:
        msg = f"{arrays.where} has no object index; a pyramid of a {topology.kind} needs one"
        raise UnsupportedFeatureError(msg)
    if arrays.divided is not None:
        by = arrays.divided.column.name
        msg = f"{arrays.where} has chunks divided by {by!r}, of which no pyramid can be built yet"
        raise UnsupportedFeatureError(msg)
    return index


def _source(arrays: LevelArrays, starts: Int64Array | None) -> tuple[ChunkSource, tuple[str, ...]]:
    if starts is None:
        return DirectSource(arrays), arrays.value_names
    return _Numbered(arrays, starts), (*arrays.value_names, _ROWS)


def _without_rows(content: Content) -> tuple[Content, Int64Array | None]:
    rows = [values for column, values in content.attributes if column.name == _ROWS]
    kept = [(column, values) for column, values in content.attributes if column.name != _ROWS]
    return replace(content, attributes=kept), rows[0] if rows else None


def _inverse(places: AnyArray) -> Int64Array:
    out = np.empty(len(places), np.int64)
    out[places] = np.arange(len(places))
    return out


def _like(arrays: LevelArrays, topology: Topology, index: ObjectIndex, shelf: Shelf) -> Content:
    """Give a level as content without a vertex."""
    nothing = np.empty((0, arrays.ndim), arrays.positions.column.dtype)
    links = _no_links(arrays) if topology.links != "none" else None
    return Content(topology, nothing, _position_column(arrays), arrays.store.root.bounds,
                   objects=_objects(arrays, index, shelf), links=links)  # fmt: skip


def _no_links(arrays: LevelArrays) -> Links:
    reader = arrays.links
    if reader is None:
        return Links(np.empty((0, 2), np.int64))
    columns = [reader.attribute_column(name) for name in reader.attribute_names]
    values = [(column, np.empty((0, *column.row_shape), column.dtype)) for column in columns]
    return Links(np.empty((0, reader.family.width), np.int64), reader.family.directed, values)


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


def _lines(
    source: ChunkSource, names: tuple[str, ...], topology: Topology, index: ObjectIndex, shelf: Shelf
) -> Content:
    """Read lines chunk by chunk, each vertex to where its line has it."""
    arrays = source.arrays
    objects = _objects(arrays, index, shelf)
    found = read_runs(source, names, index, shelf) or _gathered(source, names, shelf)
    held = np.stack(found.bounds) if found.bounds else np.asarray(arrays.store.root.bounds)[None]
    return Content(
        topology,
        found.columns[0],
        _position_column(arrays),
        np.stack([held[:, 0].min(axis=0), held[:, 1].max(axis=0)]),
        [(_own_column(arrays, name), values) for name, values in zip(names, found.columns[1:], strict=True)],
        objects=replace(objects, paths=found.paths),
    )


def _gathered(source: ChunkSource, names: tuple[str, ...], shelf: Shelf) -> Lines:
    """Read lines of any fragments."""
    arrays = source.arrays
    blocks, chunks = arrays.blocks(), np.arange(len(arrays.coords))
    table = source.fragments(chunks, of=0)
    gather = Gather(table, blocks.chunks, numbers_of(arrays, table, blocks.chunks, blocks.fragments), shelf.room)
    reach, first, bounds = table.vertex_counts(), 0, []
    for batch in source.batches(chunks, names, of=0):
        last = first + len(batch.coords)
        check_reach(arrays, batch, reach[first:last])
        gather.add(batch, first)
        release(gather.positions, *gather.attributes.values())
        first = last
        if len(batch.positions):
            bounds.append(extent(batch.positions))
    columns = [gather.positions, *(gather.attributes[name] for name in names)]
    return Lines(columns, gather.starts[blocks.offsets], bounds)


def _network(
    source: ChunkSource, selection: Selection, topology: Topology, index: ObjectIndex, shelf: Shelf
) -> Content:
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
        objects=replace(_objects(arrays, index, shelf), owner=owner),
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


def _objects(arrays: LevelArrays, index: ObjectIndex, shelf: Shelf) -> Objects:
    attributes = {name: shelf.kept(index.attribute(name)) for name in index.attribute_names}
    return Objects(shelf.kept(index.read_ids()), attributes=attributes, groups=_groups(arrays))


def _groups(arrays: LevelArrays) -> GroupTable | None:
    found = read_groups(arrays.store, arrays.meta.level)
    if found is None:
        return None
    attributes = {name: found.attribute(name) for name in found.attributes.names}
    return GroupTable(found.names, found.offsets, found.members, attributes)
