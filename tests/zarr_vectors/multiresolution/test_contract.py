"""Contracted graphs: trees stay trees, pieces stay apart, tips and branches stay where there is one to keep."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from zarr_vectors.multiresolution._contract import contracted_links, pieces, representatives


@st.composite
def forests(draw):
    """Trees that wander, edges ``[child, parent]``; owner is the tree."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    count = draw(st.integers(1, 60))
    parent = np.array(
        [-1 if i == 0 or rng.random() < 0.1 else int(rng.integers(max(0, i - 4), i)) for i in range(count)]
    )
    steps = rng.normal(size=(count, 3))
    positions, owner = np.zeros((count, 3)), np.zeros(count, np.int64)
    for i in range(count):
        positions[i] = steps[i] + (positions[parent[i]] if parent[i] >= 0 else 20 * rng.normal(size=3))
        owner[i] = owner[parent[i]] if parent[i] >= 0 else i
    child = np.flatnonzero(parent >= 0)
    return positions, np.stack([child, parent[child]], axis=1), owner


def parts(edges, count):
    return connected_components(coo_array((np.ones(len(edges)), edges.T), (count, count)), directed=False)[0]


@given(forests(), st.floats(0.1, 30))
def test_trees_stay_trees_and_as_many(forest, edge):
    positions, edges, owner = forest
    piece = pieces(positions, edges, owner, np.full(3, edge))
    count = piece.max() + 1
    links, source = contracted_links(edges, piece, directed=True)
    assert parts(edges, len(positions)) == parts(links, count)
    assert len(links) == count - parts(links, count)
    assert len(np.unique(links[:, 0])) == len(links)  # each has one parent
    np.testing.assert_array_equal(piece[edges[source]], links)


@given(forests(), st.floats(0.1, 30))
def test_no_vertex_goes_with_one_of_another_cell(forest, edge):
    positions, edges, owner = forest
    cell = np.full(3, edge)
    groups, kept = representatives(positions, edges, pieces(positions, edges, owner, cell))
    standing = np.repeat(kept, groups.counts)
    np.testing.assert_array_equal(np.floor(positions[groups.order] / cell), np.floor(positions[standing] / cell))
    np.testing.assert_array_equal(owner[groups.order], owner[standing])


@given(forests(), st.floats(0.1, 30))
def test_tips_and_branches_stand_before_vertices_of_paths(forest, edge):
    positions, edges, owner = forest
    groups, kept = representatives(positions, edges, pieces(positions, edges, owner, np.full(3, edge)))
    degree = np.bincount(edges.reshape(-1), minlength=len(positions))
    for at, low, high in zip(kept, groups.starts[:-1], groups.starts[1:], strict=True):
        if (degree[groups.order[low:high]] != 2).any():
            assert degree[at] != 2


def test_faces_that_collapse_or_repeat_go_and_keep_their_winding():
    faces = np.array([[0, 1, 2], [2, 1, 3], [3, 4, 5], [6, 1, 2]])
    group = np.array([0, 1, 2, 3, 3, 4, 0])
    links, source = contracted_links(faces, group, directed=False)
    assert links.tolist() == [[0, 1, 2], [2, 1, 3]]
    assert source.tolist() == [0, 1]


def test_edges_between_the_same_two_are_one_unless_they_have_a_direction():
    edges = np.array([[0, 1], [1, 0], [0, 1], [1, 1]])
    assert contracted_links(edges, np.arange(2), directed=False)[0].tolist() == [[0, 1]]
    assert contracted_links(edges, np.arange(2), directed=True)[0].tolist() == [[0, 1], [1, 0]]


def test_edges_of_vertices_that_go_go_too():
    assert contracted_links(np.array([[0, 1], [1, 2]]), np.array([0, 1, -1]), directed=False)[0].tolist() == [[0, 1]]


def test_two_faces_of_the_same_corners_are_one_if_they_turn_the_same_way():
    faces = np.array([[0, 1, 2], [2, 1, 0], [1, 2, 0], [0, 2, 1], [3, 4, 5]])
    links, source = contracted_links(faces, np.array([0, 1, 2, 3, 4, 4]), directed=False)
    assert links.tolist() == [[0, 1, 2], [2, 1, 0]]
    assert source.tolist() == [0, 1]
