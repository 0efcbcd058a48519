"""Trees: one parent a node, no circles, and an order in which every node's tree comes whole after it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zarr_vectors.exceptions import ArgumentError
from zarr_vectors.types._forest import check_acyclic, depth_first, parents_of


@st.composite
def forests(draw, most: int = 30):
    """Parents of a forest whose nodes are numbered in any order, and the node that each draw was."""
    nodes = draw(st.integers(0, most))
    above = [draw(st.integers(-1, i - 1)) for i in range(nodes)]
    names = draw(st.permutations(range(nodes)))
    parents = np.full(nodes, -1, np.int64)
    for i, parent in enumerate(above):
        parents[names[i]] = -1 if parent < 0 else names[parent]
    return parents


def edges_of(parents) -> np.ndarray:
    children = np.flatnonzero(parents >= 0)
    return np.stack([children, parents[children]], axis=1)


def plain_depth_first(parents) -> list[int]:
    """The definition: a node, then the trees of its children by number."""
    out, stack = [], [int(n) for n in np.flatnonzero(parents < 0)[::-1]]
    while stack:
        out.append(stack.pop())
        stack += np.flatnonzero(parents == out[-1])[::-1].tolist()
    return out


@given(parents=forests())
def test_the_order_is_depth_first(parents):
    assert depth_first(parents).tolist() == plain_depth_first(parents)


@given(parents=forests(), data=st.data())
def test_parents_are_found_from_edges_of_any_order(parents, data):
    edges = edges_of(parents)
    order = data.draw(st.permutations(range(len(edges))))
    assert np.array_equal(parents_of(edges[list(order)], len(parents)), parents)


@given(parents=forests(), data=st.data())
def test_a_forest_is_acyclic_whatever_the_direction_of_its_edges(parents, data):
    edges = edges_of(parents)
    turned = data.draw(st.lists(st.booleans(), min_size=len(edges), max_size=len(edges)))
    edges = np.where(np.array(turned, bool)[:, None], edges[:, ::-1], edges).astype(np.int64)
    check_acyclic(edges, len(parents))


@given(parents=forests(), data=st.data())
def test_an_edge_inside_a_tree_makes_a_circle(parents, data):
    edges = edges_of(parents)
    if not len(edges):
        return
    low, high = edges[data.draw(st.integers(0, len(edges) - 1))]
    with pytest.raises(ArgumentError, match="some of them make a circle"):
        check_acyclic(np.concatenate([edges, [[high, low]]]), len(parents))


@given(parents=forests(), data=st.data())
def test_a_circle_is_named(parents, data):
    if not len(parents):
        return
    # A root that becomes its own tree's child closes a circle.
    root = data.draw(st.sampled_from(np.flatnonzero(parents < 0).tolist()))
    line = plain_depth_first(np.where(np.arange(len(parents)) == root, -1, parents))
    below = [n for n in line if top_of(parents, n) == root]
    parents[root] = data.draw(st.sampled_from(below))
    with pytest.raises(ArgumentError, match=rf"no circles.*\b{parents[root]}\b") as caught:
        depth_first(parents)
    assert "child, parent" in str(caught.value)


def top_of(parents, node: int) -> int:
    while parents[node] >= 0:
        node = int(parents[node])
    return node


def test_two_parents_are_named():
    with pytest.raises(ArgumentError, match=r"node 2 has the parents \[0, 1\] \(edges \[0, 2\]\)"):
        parents_of(np.array([[2, 0], [1, 0], [2, 1]]), 3)


@pytest.mark.parametrize("shape", ["path", "star", "roots", "comb"])
def test_a_large_forest_of_any_shape_takes_linear_time(shape):
    nodes = 200_000  # quadratic time in a node's children would take hours
    parents = {
        "path": np.arange(-1, nodes - 1),
        "star": np.where(np.arange(nodes) == 0, -1, 0),
        "roots": np.full(nodes, -1),
        "comb": np.where(np.arange(nodes) % 2 == 0, np.arange(nodes) - 2, np.arange(nodes) - 1),
    }[shape].astype(np.int64)
    parents[0] = -1
    order = depth_first(parents)
    assert np.array_equal(np.sort(order), np.arange(nodes))
    place = np.empty(nodes, np.int64)
    place[order] = np.arange(nodes)
    below = parents >= 0
    assert (place[below] > place[parents[below]]).all()
