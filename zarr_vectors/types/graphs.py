"""Graphs and skeletons: write and read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from zarr_vectors._query import GroupChoice, Where
from zarr_vectors._spec import Codec
from zarr_vectors.core.side_blocks import Parametric
from zarr_vectors.core.store import StoreLike, backend_of
from zarr_vectors.exceptions import ArgumentError
from zarr_vectors.spatial import BoxLike
from zarr_vectors.types._beside import check_beside
from zarr_vectors.types._connected import Nodes, check_links, check_nodes, check_objects
from zarr_vectors.types._content import Content, FragmentAttributesLike, Links, write_content
from zarr_vectors.types._division import divide
from zarr_vectors.types._forest import check_acyclic, depth_first, parents_of
from zarr_vectors.types._layout import check_layout
from zarr_vectors.types._owners import GroupsLike
from zarr_vectors.types._read import Request, one_of_groups, read_store
from zarr_vectors.types._records import check_edges
from zarr_vectors.types._result import GraphResult
from zarr_vectors.types._source import one_of
from zarr_vectors.types._topology import GRAPHS, SKELETONS
from zarr_vectors.typing import AnyArray, BoolArray, Int64Array

__all__ = ["read_graph", "write_graph"]

_KINDS = {topology.kind: topology for topology in (GRAPHS, SKELETONS)}


def write_graph(
    path: StoreLike,
    positions: npt.ArrayLike | Sequence[npt.ArrayLike],
    edges: npt.ArrayLike | Sequence[npt.ArrayLike],
    *,
    chunk_shape: npt.ArrayLike,
    bin_shape: npt.ArrayLike | None = None,
    geometry_type: Literal["graph", "skeleton"] = "graph",
    is_tree: bool = False,
    is_directed: bool = False,
    attributes: Mapping[str, Any] | None = None,
    vertex_attributes: Mapping[str, Any] | None = None,
    edge_attributes: Mapping[str, Any] | None = None,
    object_ids: npt.ArrayLike | None = None,
    object_attributes: Mapping[str, Any] | None = None,
    groups: GroupsLike | None = None,
    group_attributes: Mapping[str, Any] | None = None,
    fragment_attributes: FragmentAttributesLike | None = None,
    chunk_by_attribute: str | None = None,
    headers: Mapping[str, Mapping[str, Any]] | None = None,
    user_metadata: Mapping[str, Mapping[str, Any]] | None = None,
    parametric: Parametric | None = None,
    dtype: npt.DTypeLike | None = None,
    coordinate_system: object = None,
    axis_units: Sequence[str | None] | str | None = None,
    axes: Sequence[object] | None = None,
    compressor: str | Sequence[Codec] = "auto",
    shard_shape: Sequence[int] | int | None = None,
    overwrite: bool = False,
) -> None:
    """Write a graph or skeleton, or many of them, as a new store with one level.

    Everything is checked before the first byte is written, and the store appears at `path` whole or not at all.
    Nodes come back in level order: chunk by chunk, in it object by object; of a skeleton depth first.

    Parameters
    ----------
    path : str, Path, zarr Store or zarr Group
    positions : (N, D) numbers, or a list of (n, D) arrays
        World units; see `write_points`. A list holds one graph an object.
    edges : (M, 2) whole numbers, or a list of (m, 2) arrays
        Two different nodes each, by row of `positions` (in a list: of their own object). Their direction is kept.
        Those of a skeleton are ``[child, parent]``, and both of one object, as are those of trees.
    chunk_shape, bin_shape : number or D numbers
        See `write_points`.
    geometry_type : "graph" or "skeleton"
        A skeleton is made of trees, of which only what the order of nodes does not say is stored.
    is_tree : bool
        Refuse edges that make a circle, or, directed ones, that lead from a node to two parents; a skeleton's always
        are.
    is_directed : bool
        Whether the graph as such is directed: it is written in the store, and edges are stored as they are.
    attributes, vertex_attributes : dict of (N,) or (N, C) numbers or bools, or (N,) strings
        One argument with two names. Where `positions` is a list values may be one too.
    edge_attributes : dict of (M,) or (M, C) values
        The same for edges. A skeleton with them stores all its edges.
    object_ids : (N,) whole numbers, optional
        Object of each node, any signed 64-bit number; None = all are of object 0. Where `positions` is a list, the O
        ids of its items; None = 0 to O - 1.
    object_attributes : dict of (O,) or (O, C) values
        One row an object: by ascending id, or, where `positions` is a list, by item.
    groups : dict of name to object ids
    group_attributes : dict of (G,) or (G, C) values
    fragment_attributes : dict of dict of (F,) or (F, C) arrays, optional
        By name and chunk coordinate: one row a fragment, which is an object in the chunk, of a skeleton a tree in it.
    chunk_by_attribute : str, optional
        An attribute of vertices or objects that divides the chunks, so that one value is read without the others:
        whole numbers, bools or strings, the same for all nodes of an object.
    headers, user_metadata, parametric, dtype, coordinate_system, axis_units, axes, compressor, shard_shape, overwrite
        See `write_points`.

    Raises
    ------
    ArgumentError
        If an argument cannot be used.
    StoreExistsError, ConcurrentWriteError
        If something lies at `path`, or another writer was first.
    """
    target = backend_of(path)
    topology = _KINDS.get(geometry_type)
    if topology is None:
        msg = f"geometry_type must be 'graph' or 'skeleton', got {geometry_type!r}"
        raise ArgumentError(msg)
    nodes = check_nodes(positions, "positions", dtype, one_of(attributes, vertex_attributes), object_ids)
    layout = check_layout(
        nodes.ndim,
        chunk_shape=chunk_shape,
        bin_shape=bin_shape,
        axes=axes,
        axis_units=axis_units,
        coordinate_system=coordinate_system,
        compressor=compressor,
        shard_shape=shard_shape,
    )
    is_skeleton = topology is SKELETONS
    links = check_links(
        nodes,
        edges,
        "edges",
        2,
        check_edges,
        edge_attributes,
        directed=bool(is_directed) and not is_skeleton,
        within_objects=is_skeleton or bool(is_tree),
    )
    breaks = None
    if is_skeleton:
        nodes, links, breaks = _depth_first(nodes, links)
    elif is_tree:
        _check_tree(links, int(nodes.positions.shape[0]))
    objects = check_objects(nodes, object_attributes, groups, group_attributes)
    rows = int(nodes.positions.shape[0])
    division, values = divide(chunk_by_attribute, nodes.attributes, objects, topology, rows=rows, axes=layout.axes)
    content = Content(
        topology,
        nodes.positions,
        nodes.column,
        nodes.bounds,
        values,
        objects=objects,
        links=links,
        breaks=breaks,
        fragment_attributes={} if fragment_attributes is None else fragment_attributes,
        division=division,
        beside=check_beside(headers, user_metadata, parametric),
        declared={"is_tree": True} if is_tree and not is_skeleton else {},
    )
    write_content(target, content, layout, overwrite=overwrite)


def read_graph(
    path: StoreLike,
    level: int = 0,
    bbox: BoxLike | None = None,
    attributes: Iterable[str] | None = None,
    object_ids: npt.ArrayLike | None = None,
    group_ids: GroupChoice | None = None,
    *,
    groups: GroupChoice | None = None,
    where: Where | None = None,
    include_boundary_edges: bool = False,
    return_object_ids: bool = False,
) -> GraphResult:
    """Read a graph or skeletons.

    Parameters
    ----------
    path : str, Path, zarr Store or zarr Group
    level : int
    bbox, object_ids, group_ids, groups, where
        Which nodes, as in `read_points`; edges come with them where both their nodes do.
    attributes : list of str, optional
        Node attributes; None = all, [] = none. Edge attributes always come.
    include_boundary_edges : bool
        Edges of which one node was asked for come too, and so do their other nodes, last.
    return_object_ids : bool
        Tell the object of each node: costs reading the object index.

    Returns
    -------
    GraphResult
        Nodes in level order (chunks ascending, rows as stored); object by object where `object_ids` are given. Edges
        have the direction in which they were written, those of a skeleton are ``[child, parent]``.

    Raises
    ------
    ArgumentError
        For a level, an attribute, an object or a group that is not there, or an object asked for twice.
    UnsupportedFeatureError
        If the store holds another kind of geometry.
    """
    request = Request(
        bbox=bbox,
        attributes=attributes,
        object_ids=object_ids,
        groups=one_of_groups(group_ids, groups),
        where=where,
        with_boundary=include_boundary_edges,
        with_object_ids=return_object_ids,
    )
    return read_store(path, level, request, GraphResult)


def _check_tree(links: Links, nodes: int) -> None:
    check_acyclic(links.ends, nodes)
    if not links.directed:
        return
    try:
        parents_of(links.ends, nodes)
    except ArgumentError:
        # Directed the other way, from the root to the leaves, they make a tree as well.
        if np.bincount(links.ends[:, 1], minlength=1).max() > 1:
            raise


def _depth_first(nodes: Nodes, links: Links) -> tuple[Nodes, Links, BoolArray]:
    """Put the nodes of trees in depth-first order; every root begins a fragment, the row before is no parent of it."""
    count = int(nodes.positions.shape[0])
    parents = parents_of(links.ends, count)
    order = depth_first(parents)
    roots = parents[order] < 0
    if np.array_equal(order, np.arange(count)):
        return nodes, links, roots
    place = np.empty(count, np.int64)
    place[order] = np.arange(count)
    ordered = replace(
        nodes,
        positions=_taken(nodes.positions, order),
        attributes=[(column, _taken(values, order)) for column, values in nodes.attributes],
        owner=None if nodes.owner is None else nodes.owner[order],
    )
    return ordered, replace(links, ends=place[links.ends]), roots


def _taken(source: AnyArray, order: Int64Array) -> AnyArray:
    return np.take(np.asarray(source[...]), order, axis=0)
