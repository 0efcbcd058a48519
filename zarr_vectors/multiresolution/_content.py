"""A level of a store as the content it was written from: what a coarser level is made of.

Vertices are in stored order, objects keep their rows, links are rows of these vertices.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from zarr_vectors._query import DirectSource, Network, Selection, read_graph, read_sequences, select
from zarr_vectors.core.arrays._groups import read_groups
from zarr_vectors.core.arrays._level import LevelArrays
from zarr_vectors.core.arrays._objects import ObjectIndex
from zarr_vectors.core.arrays._vertices import Column
from zarr_vectors.encoding import offsets_of
from zarr_vectors.exceptions import UnsupportedFeatureError
from zarr_vectors.spatial import extent
from zarr_vectors.types._content import Content, Links
from zarr_vectors.types._owners import GroupTable, Objects
from zarr_vectors.types._topology import SKELETONS, Topology
from zarr_vectors.typing import Float64Array, FloatArray, Int64Array

__all__ = ["owners", "read_content"]


def read_content(arrays: LevelArrays, topology: Topology) -> Content:
    """Read a level of a kind that has objects.

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
    if topology.fragments == "runs":
        return _lines(arrays, topology, index)
    return _network(arrays, topology, index)


def owners(content: Content) -> Int64Array:
    """Give the row of each vertex' object, (N,)."""
    objects = content.objects
    if objects is not None and objects.paths is not None:
        return np.repeat(np.arange(len(objects.ids)), np.diff(objects.paths))
    if objects is None or objects.owner is None:
        return np.zeros(len(content.positions), np.int64)
    return np.asarray(objects.owner, np.int64)


def _everything(arrays: LevelArrays) -> Selection:
    return select(arrays.ndim, arrays.value_names, None, None, arrays.where)


def _lines(arrays: LevelArrays, topology: Topology, index: ObjectIndex) -> Content:
    found = read_sequences(DirectSource(arrays), _everything(arrays))
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


def _network(arrays: LevelArrays, topology: Topology, index: ObjectIndex) -> Content:
    found = read_graph(
        DirectSource(arrays),
        _everything(arrays),
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
