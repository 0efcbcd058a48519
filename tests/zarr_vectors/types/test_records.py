"""Edges and faces are refused with what, where, got and expected, and many objects become one array."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zarr_vectors.exceptions import ArgumentError
from zarr_vectors.types._records import check_edges, check_faces, check_same_object, is_many, join_parts


@pytest.mark.parametrize(
    ("edges", "said"),
    [
        ([[0, 1], [1, 3]], r"edges must name vertices 0 to 2, got row 1 = \[1, 3\]"),
        ([[0, 1], [-1, 2]], r"got row 1 = \[-1, 2\]"),
        (np.array([[0, 2**64 - 1]], np.uint64), r"0 to 2, got row 0 = \[0, 18446744073709551615\]"),
        ([[0, 1], [2, 2]], r"two different vertices, got edge 1 = \[2, 2\]"),
        ([[0.0, 1.0]], r"whole numbers of vertices, got dtype float64"),
        (np.array([[True, False]]), r"got dtype bool"),
        ([["a", "b"]], r"got dtype <U1"),
        ([0, 1], r"shape \(M, 2\), got \(2,\)"),
        ([[0, 1, 2]], r"shape \(M, 2\), got \(1, 3\)"),
        (np.empty((0, 3)), r"shape \(M, 2\), got \(0, 3\)"),
        ([[0, 1], [0]], r"all edges must have the same number of vertices"),
        (None, r"shape \(M, 2\)"),
        (np.array([[0, 1], [2, 2**62]], object), r"got dtype object"),
    ],
)
def test_edges_are_refused(edges, said):
    with pytest.raises(ArgumentError, match=said):
        check_edges(edges, 3)


@pytest.mark.parametrize(
    ("faces", "said"),
    [
        ([[0, 1, 5]], r"faces must name vertices 0 to 4, got row 0 = \[0, 1, 5\]"),
        ([[0, 1]], r"shape \(M, L\) with L from 3 to 20, got \(1, 2\)"),
        ([list(range(21))], r"L from 3 to 20, got \(1, 21\)"),
        ([[0, 1, 2], [0, 1, 2, 3]], r"all faces must have the same number of vertices"),
        ([[0, 1, 2], [1, 2, 1]], r"3 or more different corners, got face 1 = \[1, 2, 1\]"),
        ([[0, 1, 0, 1]], r"3 or more different corners, got face 0"),
        ([[0, 1, 2.0]], r"dtype float64"),
    ],
)
def test_faces_are_refused(faces, said):
    with pytest.raises(ArgumentError, match=said):
        check_faces(faces, 5)


def test_a_quad_may_stand_for_a_triangle():
    assert check_faces([[0, 1, 2, 2], [0, 1, 2, 3]], 4).tolist() == [[0, 1, 2, 2], [0, 1, 2, 3]]


@pytest.mark.parametrize("none", [[], np.empty((0, 2)), np.empty(0), ()])
def test_no_edges_are_edges(none):
    assert check_edges(none, 0).shape == (0, 2)
    assert check_edges(none, 5).dtype == np.int64


@given(data=st.data())
def test_lists_of_objects_are_one_array(data):
    counts = data.draw(st.lists(st.integers(0, 5), min_size=1, max_size=6))
    vertices = [np.full((n, 2), i, float) for i, n in enumerate(counts)]
    edges = [
        data.draw(st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)).filter(lambda e: e[0] != e[1])))
        if n > 1
        else []
        for n in counts
    ]
    assert is_many(vertices)
    parts = join_parts(vertices, "positions")
    assert parts.counts.tolist() == counts
    found = check_edges(join_parts(edges, "edges", 2, len(counts)), parts.counts)
    expected = [
        (a + start, b + start) for start, each in zip(np.cumsum([0, *counts]), edges, strict=False) for a, b in each
    ]
    assert found.tolist() == [list(pair) for pair in expected]
    owners = parts.values[found][:, :, 0] if len(found) else np.empty((0, 2))
    assert (owners[:, :1] == owners).all()


def test_a_list_of_another_length_or_an_index_into_another_object_is_refused():
    vertices = np.array([2, 3])
    with pytest.raises(ArgumentError, match=r"faces of 2 objects must be a list of 2 arrays, got 1 of them"):
        join_parts([np.zeros((1, 3), int)], "faces", 3, 2)
    with pytest.raises(ArgumentError, match=r"edges of 2 objects must be a list of 2 arrays, got ndarray"):
        join_parts(np.zeros((1, 2), int), "edges", 2, 2)
    with pytest.raises(ArgumentError, match=r"edges of object 1 must name its own vertices 0 to 2, got row 1"):
        check_edges(join_parts([[[0, 1]], [[0, 1], [1, 3]]], "edges", 2, 2), vertices)
    with pytest.raises(ArgumentError, match="object 1 has faces of 4 corners, object 0 of 3"):
        join_parts([np.zeros((1, 3), int), np.zeros((1, 4), int)], "faces", 3, 2)
    with pytest.raises(ArgumentError, match="cannot be put together"):
        join_parts([[[0, 1, 2]], [[0, 1], [1]]], "faces", 3, 2)
    with pytest.raises(ArgumentError, match="must be a list of arrays, one an object"):
        join_parts([1, 2], "edges", 2, 2)


def test_attributes_of_many_objects_are_joined():
    parts = join_parts([np.zeros((2, 3)), np.zeros((0, 3)), np.zeros((1, 3))], "vertices")
    found = parts.join_attributes({"a": [[1, 2], [], [3]], "b": np.arange(3), "c": [["x", "long"], [], ["y"]]})
    assert found["a"].tolist() == [1, 2, 3]
    assert found["a"].dtype.kind == "i"
    assert found["b"].tolist() == [0, 1, 2]
    assert found["c"].tolist() == ["x", "long", "y"]
    with pytest.raises(ArgumentError, match=r"'a' of object 2 must have 1 rows, one for each of its vertices, got 2"):
        parts.join_attributes({"a": [[1, 2], [], [3, 4]]})


def test_what_is_no_list_of_objects():
    assert not is_many([[0.0, 1.0], [2.0, 3.0]])
    assert not is_many(np.zeros((4, 2, 3)))
    assert not is_many([])


def test_a_face_of_two_objects_is_refused():
    ids, owner = np.array([-5, 70]), np.array([0, 1, 0, 1])
    check_same_object(np.array([[0, 2], [1, 3]]), owner, ids, "edges")
    with pytest.raises(ArgumentError, match=r"got faces row 1 = \[0, 2, 3\] of objects \[-5, -5, 70\]"):
        check_same_object(np.array([[0, 2, 0], [0, 2, 3]]), owner, ids, "faces")


def test_values_of_objects_that_do_not_belong_together_are_refused():
    parts = join_parts([np.zeros((2, 3)), np.zeros((1, 3))], "vertices")
    with pytest.raises(ArgumentError, match=r"'a' must have one type in all objects, got kinds \['U', 'i'\]"):
        parts.join_attributes({"a": [[1, 2], ["x"]]})
    hidden = np.ma.masked_array(np.zeros((1, 3)), mask=[[True, False, False]])
    with pytest.raises(ArgumentError, match="masked values"):
        join_parts([np.zeros((2, 3)), hidden], "vertices")
