"""Content -> coarser content: which vertices become one, kind by kind, and everything else carried along.

A kind only says how vertices cluster (docs/decisions/0012-pyramids.md). Attributes follow by their mode of aggregation,
links are mapped to the new vertices, objects keep their rows and ids, also those that have no vertices any more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from zarr_vectors._spec.names import WEIGHTS
from zarr_vectors.multiresolution._content import owners
from zarr_vectors.multiresolution._contract import (
    Clusters,
    contracted_links,
    in_one_cell,
    pieces,
    representatives,
)
from zarr_vectors.multiresolution._reduce import WEIGHTS_COLUMN, reduce_rows, total_weights
from zarr_vectors.multiresolution._surface import Surface
from zarr_vectors.types._content import Content, Links
from zarr_vectors.types._forest import depth_first, parents_of
from zarr_vectors.types._owners import Objects
from zarr_vectors.typing import AnyArray, Float64Array, Int64Array

__all__ = ["Coarse", "Web", "carried", "carried_lines", "contracted", "web_of"]


@dataclass(frozen=True, slots=True, eq=False)
class Coarse:
    """A coarser level's content.

    Attributes
    ----------
    content : Content
    error : (D,) float64
        How far it may be from the finer one.
    parents : (N,) int64 or None
        The vertex that stands for each of the finer one's, where it was asked for.
    """

    content: Content
    error: Float64Array
    parents: Int64Array | None


def web_of(content: Content, own: int) -> Web:
    """Tell what of content can become one; see `Web`."""
    is_surface = content.topology.kind == "mesh" and content.links is not None
    return Surface(content, owners(content), own) if is_surface else _Graph(content, owners(content), own)


class Web(Protocol):
    """Vertices and what they hang together by.

    The first ones are those that become one; others only say what these hang together with, and stay as they are.
    """

    def count(self, cell: Float64Array) -> int:
        """Count what is left of the first vertices with cells of a size, (D,)."""
        ...

    def clusters(self, cell: Float64Array, target: int, bins: Float64Array, *, quadrics: bool) -> Clusters:
        """Cluster the first vertices.

        Parameters
        ----------
        cell : (D,) float64
        target : int
            How many are wanted; `cell` was found for it.
        bins : (D,) float64
        quadrics : bool
        """
        ...


class _Graph:
    """The web of graphs, skeletons and points of objects."""

    def __init__(self, content: Content, owner: AnyArray, own: int) -> None:
        self._positions, self._own, self._owner = content.positions, own, owner
        self._edges: AnyArray = np.empty((0, 2), np.int64) if content.links is None else content.links.ends
        self._inner = self._edges if own == len(owner) else self._edges[(self._edges < own).all(axis=1)]
        self._hangs = content.topology.links != "none"

    def count(self, cell: Float64Array) -> int:
        return int(self._pieces(cell).max(initial=-1)) + 1

    def _pieces(self, cell: Float64Array) -> Int64Array:
        """Tell which vertices become one: those of a cell that hang together; where nothing hangs together, all."""
        positions, owner = self._positions[: self._own], self._owner[: self._own]
        if not self._hangs:
            return in_one_cell(positions, owner, cell)
        return pieces(positions, self._inner, owner, cell)

    def clusters(self, cell: Float64Array, target: int, bins: Float64Array, *, quadrics: bool) -> Clusters:
        del target, bins, quadrics
        groups, kept = representatives(self._positions[: self._own], self._edges, self._pieces(cell))
        return Clusters(groups, kept, None, cell)


# -- carrying along ---------------------------------------------------------------------------------------------------


def carried(
    content: Content, objects: Objects, found: Clusters, modes: Mapping[str, str]
) -> tuple[Content, Int64Array]:
    """Make the content of the clusters, and tell which one each vertex went into, -1 for one that is in none.

    Links of vertices that are in none go.
    """
    group = np.full(len(content.positions), -1, np.int64)
    group[found.groups.order] = np.repeat(np.arange(len(found.kept)), found.groups.counts)
    owner = owners(content)[found.kept]
    links = None if content.links is None else contracted(content.links, group)
    coarse = replace(_represented(content, found, modes), objects=replace(objects, owner=owner), links=links)
    if content.topology.links != "branches":
        return coarse, group
    ordered, place = _in_depth_first_order(coarse)
    return ordered, np.where(group < 0, -1, place[group])


def carried_lines(content: Content, objects: Objects, found: Clusters, modes: Mapping[str, str]) -> Content:
    """Make the content of the clusters of lines, which are stretches of them."""
    paths = np.searchsorted(found.kept, np.asarray(objects.paths))
    return replace(_represented(content, found, modes), objects=replace(objects, paths=paths))


def _represented(content: Content, found: Clusters, modes: Mapping[str, str]) -> Content:
    """Put what stands for the clusters in place of the vertices; objects and links are as they were."""
    own = {column.name: values for column, values in content.attributes}
    weights = own[WEIGHTS].astype(np.int64) if WEIGHTS in own else None
    attributes = [
        (column, reduce_rows(values, found.groups, modes[column.name], column.name, weights))
        for column, values in content.attributes
        if column.name != WEIGHTS
    ]
    attributes.append((WEIGHTS_COLUMN, total_weights(found.groups, weights)))
    positions = content.positions[found.kept] if found.positions is None else found.positions
    return replace(content, positions=positions, attributes=attributes)


def contracted(links: Links, group: Int64Array) -> Links:
    """Lead links to the new vertices; those that collapse or repeat go."""
    return _chosen(links, *contracted_links(links.ends, group, directed=links.directed))


def _chosen(links: Links, ends: AnyArray, source: Int64Array) -> Links:
    return Links(ends, links.directed, [(column, values[source]) for column, values in links.attributes])


def _in_depth_first_order(content: Content) -> tuple[Content, Int64Array]:
    """Put the nodes of trees so that most follow their parent, as they are stored, and tell where each went."""
    count = len(content.positions)
    edges = np.empty((0, 2), np.int64) if content.links is None else content.links.ends
    parents = parents_of(edges, count)
    order = depth_first(parents)
    place = np.empty(count, np.int64)
    place[order] = np.arange(count)
    objects = content.objects
    ordered = replace(
        content,
        positions=content.positions[order],
        attributes=[(column, values[order]) for column, values in content.attributes],
        objects=None if objects is None else replace(objects, owner=owners(content)[order]),
        links=None if content.links is None else replace(content.links, ends=place[edges]),
        breaks=parents[order] < 0,
    )
    return ordered, place
