"""Content -> coarser content: which vertices become one, kind by kind, and everything else carried along.

A kind only says how vertices cluster (docs/decisions/0012-pyramids.md). Attributes follow by their mode of aggregation,
links are mapped to the new vertices, objects keep their rows and ids, also those that have no vertices any more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from zarr_vectors._spec.names import WEIGHTS
from zarr_vectors.encoding import expand_ranges, offsets_of
from zarr_vectors.multiresolution._content import owners
from zarr_vectors.multiresolution._contract import (
    Clusters,
    contracted_links,
    find_cell,
    in_one_cell,
    pieces,
    representatives,
)
from zarr_vectors.multiresolution._lines import nearest_kept, significance
from zarr_vectors.multiresolution._reduce import WEIGHTS_COLUMN, Groups, reduce_rows, total_weights
from zarr_vectors.multiresolution._surface import surface_clusters
from zarr_vectors.types._content import Content, Links
from zarr_vectors.types._forest import depth_first, parents_of
from zarr_vectors.types._owners import Objects
from zarr_vectors.typing import AnyArray, BoolArray, Float64Array, FloatArray, Int64Array

__all__ = ["Coarse", "coarsened", "without_objects"]

_SAMPLE_LINES = 2000
_BLOCK_ROWS = 1 << 18


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


def without_objects(content: Content, stays: BoolArray) -> tuple[Content, Int64Array | None]:
    """Take the vertices and links of some objects away; their rows, ids and attributes stay.

    Parameters
    ----------
    content : Content
    stays : (O,) bool

    Returns
    -------
    content : Content
    vertices : (M,) int64 or None
        Those that stay; None for all.
    """
    objects = content.objects
    if objects is None or stays.all():
        return content, None
    if objects.paths is not None:
        paths = np.asarray(objects.paths, np.int64)
        counts = np.where(stays, np.diff(paths), 0)
        rows = expand_ranges(paths[:-1], counts)
        return _taken(content, rows, replace(objects, paths=offsets_of(counts))), rows
    owner = owners(content)
    rows = np.flatnonzero(stays[owner])
    return _taken(content, rows, replace(objects, owner=owner[rows])), rows


def _taken(content: Content, rows: Int64Array, objects: Objects) -> Content:
    place = np.full(len(content.positions), -1, np.int64)
    place[rows] = np.arange(len(rows))
    links = None if content.links is None else _remaining(content.links, place)
    return replace(
        content,
        positions=content.positions[rows],
        attributes=[(column, values[rows]) for column, values in content.attributes],
        objects=objects,
        links=links,
    )


def coarsened(
    content: Content,
    coarsen: Int64Array,
    bins: Float64Array,
    modes: Mapping[str, str],
    *,
    quadrics: bool = False,
    with_parents: bool = False,
) -> Coarse:
    """Make one of about ``prod(coarsen)`` vertices each, none moved by more than a bin.

    Parameters
    ----------
    content : Content
        Of a kind with objects.
    coarsen : (D,) int64
    bins : (D,) float64
        Bins of the coarser level, world units.
    modes : dict
        How each vertex attribute is aggregated.
    quadrics : bool
        Whether the closed parts of meshes are decimated by quadrics.
    with_parents : bool
        Whether to tell which vertex stands for each.
    """
    target = round(len(content.positions) / float(np.prod(coarsen)))
    if not len(content.positions) or content.objects is None or content.topology.kind == "line":
        return Coarse(content, np.zeros(len(bins)), np.arange(len(content.positions)) if with_parents else None)
    if content.objects.paths is not None:
        tolerance = min(_tolerance(content.positions, content.objects.paths, target), float(bins.min()))
        return _simplified_lines(content, content.objects, tolerance, modes, with_parents=with_parents)
    if content.topology.kind == "mesh" and content.links is not None:
        found = surface_clusters(content, owners(content), target, bins, quadrics=quadrics)
    else:
        found = _contracted(content, owners(content), target, bins)
    carried, parents = _carried(content, content.objects, found, modes)
    return Coarse(carried, found.error, parents if with_parents else None)


# -- lines ----------------------------------------------------------------------------------------------------------


def _simplified_lines(
    content: Content, objects: Objects, tolerance: float, modes: Mapping[str, str], *, with_parents: bool
) -> Coarse:
    """Leave out what lies within a tolerance, some lines at a time: beside the content that is all that is held."""
    paths = np.asarray(objects.paths, np.int64)
    edges = np.unique(np.append(np.flatnonzero(np.diff(paths // _BLOCK_ROWS, prepend=-1)), len(paths) - 1))
    parts, parents, before = [], [], 0
    for low, high in pairwise(edges.tolist()):
        rows = slice(int(paths[low]), int(paths[high]))
        begins = paths[low : high + 1] - paths[low]
        own = replace(objects, paths=begins)
        some = replace(
            content,
            positions=content.positions[rows],
            attributes=[(column, values[rows]) for column, values in content.attributes],
            objects=own,
        )
        coarse, group = _carried(some, own, _simplified(some.positions, begins, tolerance), modes)
        parts.append(coarse)
        if with_parents:
            parents.append(group + before)
        before += len(coarse.positions)
    joined = _joined(content, objects, parts)
    error = np.full(content.positions.shape[1], tolerance)
    return Coarse(joined, error, np.concatenate(parents) if with_parents else None)


def _joined(content: Content, objects: Objects, parts: list[Content]) -> Content:
    """Put the lines of all parts one behind the other."""
    paths = [part.objects.paths for part in parts if part.objects is not None]
    counts = [np.diff(np.asarray(each, np.int64)) for each in paths]
    attributes = [
        (column, np.concatenate([part.attributes[i][1] for part in parts]))
        for i, (column, _) in enumerate(parts[0].attributes)
    ]
    return replace(
        content,
        positions=np.concatenate([part.positions for part in parts]),
        attributes=attributes,
        objects=replace(objects, paths=offsets_of(np.concatenate(counts))),
    )


def _simplified(positions: FloatArray, paths: Int64Array, tolerance: float) -> Clusters:
    """Leave out what lies within a tolerance."""
    if not len(positions):
        return Clusters(
            Groups(np.empty(0, np.intp), np.zeros(1, np.int64)), np.empty(0, np.int64), None, np.full(0, 0.0)
        )
    stays = significance(positions, paths, tolerance) > tolerance
    kept = np.flatnonzero(stays)
    group = nearest_kept(kept, len(positions))
    starts = np.searchsorted(group, np.arange(len(kept) + 1))
    ndim = positions.shape[1]
    return Clusters(Groups(np.arange(len(positions)), starts), kept, None, np.full(ndim, tolerance))


def _tolerance(positions: FloatArray, paths: AnyArray | range, target: int) -> float:
    """Find the tolerance that leaves about `target` vertices, on some of the lines."""
    paths = np.asarray(paths, np.int64)
    lines = np.flatnonzero(np.diff(paths) > 0)
    some = lines[np.unique(np.linspace(0, len(lines) - 1, _SAMPLE_LINES).astype(np.int64))]
    counts = np.diff(paths)[some]
    found = significance(positions[expand_ranges(paths[:-1][some], counts)], offsets_of(counts), -1.0)
    inner = np.sort(found[np.isfinite(found)])
    ends = len(found) - len(inner)
    wanted = max(0, round(len(found) * target / len(positions)) - ends)
    return float(inner[len(inner) - wanted - 1]) if wanted < len(inner) else 0.0


# -- graphs, points of objects -----------------------------------------------------------------------------------------


def _contracted(content: Content, owner: Int64Array, target: int, bins: Float64Array) -> Clusters:
    edges = np.empty((0, 2), np.int64) if content.links is None else content.links.ends

    def count(cell: Float64Array) -> int:
        return int(_pieces(content, edges, owner, cell).max()) + 1

    cell = find_cell(count, target, bins)
    groups, kept = representatives(content.positions, edges, _pieces(content, edges, owner, cell))
    return Clusters(groups, kept, None, cell)


def _pieces(content: Content, edges: Int64Array, owner: Int64Array, cell: Float64Array) -> Int64Array:
    """Tell which vertices become one: those of a cell that hang together; where nothing hangs together, all."""
    if content.topology.links == "none":
        return in_one_cell(content.positions, owner, cell)
    return pieces(content.positions, edges, owner, cell)


# -- carrying along ---------------------------------------------------------------------------------------------------


def _carried(
    content: Content, objects: Objects, found: Clusters, modes: Mapping[str, str]
) -> tuple[Content, Int64Array]:
    """Make the content of the clusters, and tell which one each vertex went into."""
    group = np.empty(len(content.positions), np.int64)
    group[found.groups.order] = np.repeat(np.arange(len(found.kept)), found.groups.counts)
    own = {column.name: values for column, values in content.attributes}
    weights = own[WEIGHTS].astype(np.int64) if WEIGHTS in own else None
    attributes = [
        (column, reduce_rows(values, found.groups, modes[column.name], column.name, weights))
        for column, values in content.attributes
        if column.name != WEIGHTS
    ]
    attributes.append((WEIGHTS_COLUMN, total_weights(found.groups, weights)))
    positions = content.positions[found.kept] if found.positions is None else found.positions
    if objects.paths is not None:
        begins = np.searchsorted(found.kept, objects.paths)
        objects = replace(objects, paths=begins)
        return replace(content, positions=positions, attributes=attributes, objects=objects), group
    owner = owners(content)[found.kept]
    links = None if content.links is None else _mapped(content.links, group)
    coarse = replace(
        content, positions=positions, attributes=attributes, objects=replace(objects, owner=owner), links=links
    )
    if content.topology.links != "branches":
        return coarse, group
    ordered, place = _in_depth_first_order(coarse)
    return ordered, place[group]


def _mapped(links: Links, group: Int64Array) -> Links:
    """Lead links to the new vertices; those that collapse or repeat go."""
    return _chosen(links, *contracted_links(links.ends, group, directed=links.directed))


def _remaining(links: Links, place: Int64Array) -> Links:
    """Number the links of vertices that stay anew; the others go."""
    ends = place[links.ends]
    source = np.flatnonzero((ends >= 0).all(axis=1))
    return _chosen(links, ends[source], source)


def _chosen(links: Links, ends: Int64Array, source: Int64Array) -> Links:
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
