"""Trees among nodes: one parent each, no circles, and depth-first order.

Children are threaded into a binary tree (a node's first child, its next sibling), whose depth-first order is that of
the forest. In it a node has at most two followers, so that the search looks at each of them once, however many
children a node or however many roots the forest has; roots are siblings.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components, depth_first_order

from zarr_vectors.exceptions import ArgumentError, LimitError
from zarr_vectors.spatial import run_starts, sort_order
from zarr_vectors.typing import Int64Array

__all__ = ["check_acyclic", "depth_first", "parents_of"]

Int32Array: TypeAlias = npt.NDArray[np.int32]

_ABSENT = -1
_MOST_NODES = 2**31 - 1  # scipy numbers the nodes of a graph with 32 bits


def parents_of(edges: Int64Array, nodes: int) -> Int64Array:
    """Give the parent of each node, -1 for roots, shape (nodes,).

    Parameters
    ----------
    edges : (M, 2) int64
        ``[child, parent]``.
    nodes : int

    Raises
    ------
    ArgumentError
        If a node has two parents.
    """
    parents = np.full(nodes, _ABSENT, np.int64)
    parents[edges[:, 0]] = edges[:, 1]
    if np.count_nonzero(parents != _ABSENT) != len(edges):
        child = int(np.argmax(np.bincount(edges[:, 0], minlength=nodes) > 1))
        rows = np.flatnonzero(edges[:, 0] == child)
        msg = (
            f"a tree's nodes have one parent each, edges are [child, parent]: "
            f"node {child} has the parents {edges[rows, 1].tolist()[:5]} (edges {rows.tolist()[:5]})"
        )
        raise ArgumentError(msg)
    return parents


def depth_first(parents: Int64Array) -> Int64Array:
    """Give the nodes in depth-first order: a node, then its children's trees by number; roots by number.

    Parameters
    ----------
    parents : (N,) int64
        -1 for roots.

    Raises
    ------
    ArgumentError
        If nodes follow each other in a circle.
    """
    nodes = len(parents)
    if not nodes:
        return np.empty(0, np.int64)
    if nodes > _MOST_NODES:
        msg = f"trees of {nodes} nodes are too large to be put in depth-first order; the most is {_MOST_NODES}"
        raise LimitError(msg)
    # The search takes numbers of 32 bits; with wider ones this is what writing skeletons takes most memory for.
    narrow = parents.astype(np.int32)
    by_parent = sort_order((narrow + np.int32(1)).view(np.uint32)).astype(np.int32)
    root = int(by_parent[0])
    if narrow[root] != _ABSENT:
        raise ArgumentError(_circle(parents, np.ones(nodes, bool)))
    next_of = _threads(narrow, by_parent)
    del narrow, by_parent
    graph = _graph(next_of)
    del next_of
    found = depth_first_order(graph, root, return_predecessors=False)
    if len(found) != nodes:
        missed = np.ones(nodes, bool)
        missed[found] = False
        raise ArgumentError(_circle(parents, missed))
    return np.asarray(found, np.int64)


def _threads(parents: Int32Array, by_parent: Int32Array) -> Int32Array:
    """Give the first child and the next sibling of each node, (N, 2); -1 where there is none."""
    ordered = parents[by_parent]
    starts = run_starts(ordered)
    starts = starts[ordered[starts] != _ABSENT]
    next_of = np.full((len(parents), 2), _ABSENT, np.int32)
    next_of[ordered[starts], 0] = by_parent[starts]
    together = np.flatnonzero(ordered[1:] == ordered[:-1])
    next_of[by_parent[together], 1] = by_parent[together + 1]
    return next_of


def _graph(next_of: Int32Array) -> csr_array:
    """Give the graph of what follows each node, (N, 2), in this order in each row."""
    is_there = next_of != _ABSENT
    followers = next_of[is_there]
    ends = np.zeros(len(next_of) + 1, np.int32)
    np.cumsum(is_there.sum(axis=1, dtype=np.int32), out=ends[1:])
    return csr_array((np.ones(len(followers)), followers, ends), shape=(len(next_of),) * 2)


def _circle(parents: Int64Array, missed: npt.NDArray[np.bool_]) -> str:
    """Say which nodes follow each other in a circle, where no root leads to the `missed` ones."""
    # From a missed node one goes up for ever: after as many steps as there are nodes one is in the circle.
    jump = np.where(missed, parents, np.arange(len(parents)))
    for _ in range(len(parents).bit_length()):
        jump = jump[jump]
    circle = [int(jump[np.argmax(missed)])]
    while len(circle) < 8 and (above := int(parents[circle[-1]])) != circle[0]:
        circle.append(above)
    way = " -> ".join(map(str, circle)) + (f" -> {circle[0]}" if int(parents[circle[-1]]) == circle[0] else " -> ..")
    return f"a tree has no circles, edges are [child, parent]: got {way}"


def check_acyclic(edges: Int64Array, nodes: int) -> None:
    """Check that edges, shape (M, 2), of any direction make no circle: a forest has nodes - components edges.

    Raises
    ------
    ArgumentError
        If they do.
    """
    ones = np.ones(len(edges), np.int8)
    graph = csr_array((ones, (edges[:, 0], edges[:, 1])), shape=(nodes, nodes))
    components, labels = connected_components(graph, directed=True, connection="weak")
    if len(edges) == nodes - components:
        return
    surplus = np.bincount(labels[edges[:, 0]], minlength=components) - np.bincount(labels, minlength=components) + 1
    worst = int(np.argmax(surplus))
    members = np.flatnonzero(labels == worst)
    msg = (
        f"a tree has one edge less than it has nodes: the {len(members)} nodes connected with node {members[0]} have "
        f"{len(members) - 1 + int(surplus[worst])} edges, so that some of them make a circle"
    )
    raise ArgumentError(msg)
