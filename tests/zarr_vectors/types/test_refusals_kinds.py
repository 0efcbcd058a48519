"""What no kind of geometry can store is refused by one clear error of ours, and nothing is left behind."""

from __future__ import annotations

import numpy as np
import pytest

from zarr_vectors.core.side_blocks import Parametric
from zarr_vectors.exceptions import ArgumentError, LimitError
from zarr_vectors.types.graphs import write_graph
from zarr_vectors.types.lines import write_lines
from zarr_vectors.types.meshes import write_mesh
from zarr_vectors.types.points import write_points
from zarr_vectors.types.polylines import write_polylines

P = np.random.default_rng(0).uniform(0, 30, (12, 3))
IDS = np.arange(12) // 4
EDGES, FACES = [[0, 1], [2, 3]], [[0, 1, 2], [3, 4, 5]]
TWO_EDGES, TWO_FACES = [[[0, 1]], [[0, 1]]], [[[0, 1, 2]], [[0, 1, 2]]]
HALVES = [P[:3], P[3:6]]


def with_nan():
    out = P.copy()
    out[7, 1] = np.nan
    return out


def plane(members):
    return Parametric([0], [[0, 0, 1, 5]], group_offsets=[0, len(members)], group_members=members)


def in_pairs(p):
    return p.reshape(6, 2, -1)


def in_lines(p):
    return [p[:5], p[5:6], p[6:]]


def ties(write, links, **fixed):
    def call(path, data=P, **options):
        write(path, data, options.pop("links", links), **{"chunk_shape": 10.0, **fixed, **options})

    return call


def plain(write, shape, **fixed):
    def call(path, data=None, **options):
        write(path, shape(P) if data is None else data, **{"chunk_shape": 10.0, **fixed, **options})

    return call


def same(p):
    return p


# The writer, how positions become its argument, how many vertices an attribute has, how many objects there are.
KINDS = {
    "points": (plain(write_points, same), same, 12, 0),
    "owned points": (plain(write_points, same, object_ids=IDS), same, 12, 3),
    "lines": (plain(write_lines, in_pairs), in_pairs, 6, 6),
    "polylines": (plain(write_polylines, in_lines), in_lines, 12, 3),
    "graph": (ties(write_graph, EDGES), same, 12, 1),
    "skeleton": (ties(write_graph, EDGES, geometry_type="skeleton"), same, 12, 1),
    "mesh": (ties(write_mesh, FACES), same, 12, 1),
}


def refused(folder, kind, said, **options):
    with pytest.raises((ArgumentError, LimitError), match=said) as caught:
        KINDS[kind][0](folder / "deep" / "s.zv", **options)
    assert len(str(caught.value)) > 20
    assert list(folder.iterdir()) == []


EVERYWHERE = {
    "attribute of another length": lambda n, o: ({"attributes": {"a": np.zeros(n - 1)}}, r"'a' must"),
    "attribute of complex numbers": lambda n, o: ({"attributes": {"a": np.zeros((n, 2), complex)}}, "'a'.*complex"),
    "attribute of dates": lambda n, o: ({"vertex_attributes": {"a": np.zeros((n, 2), "M8[s]")}}, "'a'.*datetime"),
    "attribute no folder is called": lambda n, o: ({"attributes": {"a/b": np.zeros(n)}}, "plain folder name"),
    "attributes in a list": lambda n, o: ({"attributes": [1]}, "must be a mapping"),
    "attributes twice": lambda n, o: ({"attributes": {}, "vertex_attributes": {}}, "are one argument"),
    "fragments of no chunk": lambda n, o: ({"fragment_attributes": {"a": {(9, 9, 9): [1]}}}, "'a' must be a mapping"),
    "fragments in an array": lambda n, o: ({"fragment_attributes": np.zeros(3)}, "must be a mapping"),
    "fragments in a list": lambda n, o: ({"fragment_attributes": [1]}, "must be a mapping"),
    "chunk below zero": lambda n, o: ({"chunk_shape": -1}, "chunk_shape must be 3 positive numbers"),
    "bin that fits no chunk": lambda n, o: ({"bin_shape": 3.0}, "whole multiple"),
    "whole numbers as positions": lambda n, o: ({"dtype": "int32"}, "float32 or float64, got dtype int32"),
    "unknown compressor": lambda n, o: ({"compressor": "lzma"}, "compressor 'lzma' cannot be used"),
    "shard of nothing": lambda n, o: ({"shard_shape": 0}, "shard_shape must be"),
    "two axes": lambda n, o: ({"axes": ["x", "y"]}, "axes must name 3"),
    "one unit in a list": lambda n, o: ({"axis_units": ["m"]}, "axis_units must be"),
    "crs that is no JSON": lambda n, o: ({"coordinate_system": {1}}, "must be a JSON value"),
    "headers in a list": lambda n, o: ({"headers": [1]}, "headers must be a mapping"),
    "header no folder is called": lambda n, o: ({"headers": {"a/b": {}}}, "plain folder name"),
    "header that is no object": lambda n, o: ({"headers": {"nifti": 5}}, "header of 'nifti' must be a mapping"),
    "header that is no JSON": lambda n, o: ({"headers": {"nifti": {"a": np.zeros(3)}}}, "must be a JSON value"),
    "notes without a namespace": lambda n, o: ({"user_metadata": {"a": 1}}, "keys by namespace"),
    "notes in a list": lambda n, o: ({"user_metadata": [1]}, "must be a mapping"),
    "notes that are no JSON": lambda n, o: ({"user_metadata": {"a": {"b": np.nan}}}, "must be a JSON value"),
    "parametric objects in a dict": lambda n, o: ({"parametric": {"types": [0]}}, "must be a Parametric"),
    "a group of planes that are not there": lambda n, o: ({"parametric": plane([0, 1])}, "parametric object 1"),
    "division by nothing": lambda n, o: ({"chunk_by_attribute": "nothing"}, "chunk_by_attribute"),
}
OF_OBJECTS = {
    "attribute of more objects": lambda n, o: ({"object_attributes": {"a": np.zeros(o + 1)}}, "object attribute 'a'"),
    "object attribute of dates": lambda n, o: ({"object_attributes": {"a": np.zeros(o, "M8[s]")}}, "datetime64"),
    "object attributes in a list": lambda n, o: ({"object_attributes": [3]}, "must be a mapping"),
    "unknown object in a group": lambda n, o: ({"groups": {"g": [99]}}, "group 'g' names object 99, which is no"),
    "object twice in a group": lambda n, o: ({"groups": {"g": [0, 0]}}, "group 'g' names object 0, which is named"),
    "half an object in a group": lambda n, o: ({"groups": {"g": [0.5]}}, "group 'g' must be a list"),
    "group attribute of two": lambda n, o: ({"groups": {"g": [0]}, "group_attributes": {"a": [1, 2]}}, "'a' must"),
    "group attribute without groups": lambda n, o: ({"group_attributes": {"a": [1, 2]}}, "'a' must"),
    "half an id": lambda n, o: ({"object_ids": np.arange(o if o in (3, 6) else n) + 0.5}, "object_ids must"),
    "ids of other things": lambda n, o: ({"object_ids": [1, 2]}, "object_ids must have shape"),
}


@pytest.mark.parametrize("case", EVERYWHERE)
@pytest.mark.parametrize("kind", KINDS)
def test_arguments_of_all_kinds(tmp_path, kind, case):
    options, said = EVERYWHERE[case](*KINDS[kind][2:])
    refused(tmp_path, kind, said, **options)


@pytest.mark.parametrize("case", OF_OBJECTS)
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "points"])
def test_arguments_of_objects(tmp_path, kind, case):
    options, said = OF_OBJECTS[case](*KINDS[kind][2:])
    refused(tmp_path, kind, said, **options)


POSITIONS = {
    "NaN": (with_nan(), "axis 1 is nan"),
    "infinite": (P * np.inf, "finite"),
    "complex": (P.astype(complex), "real numbers"),
    "words": (P.astype(str), "real numbers|must hold numbers"),
    "flags": (P > 10, "real numbers"),
    "objects": (P.astype(object), "real numbers|one array a line|shape"),
    "masked": (np.ma.masked_less(P, 5), "masked"),
    "too wide": (P * 1e300, "chunk|wide"),
    "one axis": (P[:, :1], "D from 2 to 5"),
    "six axes": (np.zeros((12, 6)), "D from 2 to 5"),
}


@pytest.mark.parametrize("case", POSITIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_positions(tmp_path, kind, case):
    positions, said = POSITIONS[case]
    refused(tmp_path, kind, said, data=KINDS[kind][1](positions))


ODD = {
    "lines": {
        "nothing": ({"data": 5}, r"segments must have shape \(N, 2, D\), got \(\)"),
        "one end": ({"data": P[:, None]}, r"\(N, 2, D\), got \(12, 1, 3\)"),
        "three ends": ({"data": P.reshape(4, 3, 3)}, r"got \(4, 3, 3\)"),
        "no lines": ({"data": P}, r"got \(12, 3\)"),
        "ragged": ({"data": [P[:2], P[:3]]}, r"segments must have shape \(N, 2, D\)"),
        "an empty one": ({"data": [P[:2], P[:0]]}, r"segments must have shape \(N, 2, D\)"),
        "one value a line": ({"attributes": {"a": np.zeros(6)}}, "is an object attribute"),
        "an id twice": ({"object_ids": [1, 2, 3, 1, 5, 6]}, "1 more than once"),
    },
    "polylines": {
        "other axes": ({"data": [P[:2], P[:2, :2]]}, r"got line 1 of shape \(2, 2\)"),
        "a vertex for a line": ({"data": [P[0]]}, r"got line 0 of shape \(3,\)"),
        "a number for a line": ({"data": [5]}, "a single number"),
        "ragged line": ({"data": [[[1, 2, 3], [1, 2]]]}, "one array a line"),
        "one array of vertices": ({"data": P}, r"got shape \(12, 3\)"),
        "a mapping": ({"data": {"a": P}}, "got dict"),
        "a word": ({"data": "abc"}, "got str"),
        "attribute of few lines": ({"attributes": {"a": [[0.0] * 5, [0.0]]}}, "'a' must be a list of 3 arrays"),
        "attribute of other vertices": ({"attributes": {"a": [[0.0] * 5, [0.0, 1.0], [0.0] * 6]}}, "line 1 must have"),
        "attribute of two kinds": ({"attributes": {"a": [[0.0] * 5, ["x"], [0.0] * 6]}}, "one type in all lines"),
        "attribute of other channels": (
            {"attributes": {"a": [np.zeros((5, 2)), np.zeros((1, 3)), np.zeros((6, 2))]}}, "same channels",
        ),
        "no such kind": ({"geometry_type": "x"}, "geometry_type must be"),
        "metadata twice": (
            {"streamline_metadata": {"a": 1}, "user_metadata": {"streamline_metadata": {}}}, "pass one of them",
        ),
        "metadata no JSON": ({"streamline_metadata": {"a": {1}}}, "must be a JSON value"),
        "an id twice": ({"object_ids": [1, 1, 2]}, "1 more than once"),
    },
    "graph": {
        "no such kind": ({"geometry_type": "tree"}, "'graph' or 'skeleton', got 'tree'"),
        "circle in a tree": ({"links": [[0, 1], [1, 2], [2, 0]], "is_tree": True}, "make a circle"),
        "edge twice in a tree": ({"links": [[0, 1], [0, 1]], "is_tree": True}, "make a circle"),
        "two parents in a directed tree": (
            {"links": [[0, 1], [0, 2], [3, 2]], "is_tree": True, "is_directed": True}, "one parent each",
        ),
        "edge out of a tree": ({"links": [[0, 11]], "object_ids": IDS, "is_tree": True}, "of one object"),
    },
    "skeleton": {
        "circle": ({"links": [[0, 1], [1, 2], [2, 0]]}, "no circles"),
        "there and back": ({"links": [[0, 1], [1, 0]]}, "no circles"),
        "two parents": ({"links": [[0, 1], [0, 2]]}, r"node 0 has the parents \[1, 2\]"),
        "edge out of a tree": ({"links": [[0, 11]], "object_ids": IDS}, "of one object"),
    },
    "mesh": {
        "corner beyond": ({"links": [[0, 1, 12]]}, r"vertices 0 to 11, got .*\[0, 1, 12\]"),
        "corner below": ({"links": [[0, 1, -1]]}, r"vertices 0 to 11, got .*\[0, 1, -1\]"),
        "two corners": ({"links": [[0, 1]]}, r"L from 3 to 20, got \(1, 2\)"),
        "too many corners": ({"links": [list(range(12)) * 2]}, r"L from 3 to 20, got \(1, 24\)"),
        "corners of two numbers": ({"links": [[0, 1, 2], [0, 1, 2, 3]]}, "row 0 has 3, row 1 = "),
        "flat": ({"links": [[0, 0, 1]]}, r"3 or more different corners, got .*\[0, 0, 1\]"),
        "half corners": ({"links": [[0.0, 1.0, 2.0]]}, "whole numbers"),
        "no faces": ({"links": None}, "faces must have shape"),
        "one row": ({"links": [0, 1, 2]}, "faces must have shape"),
        "attribute of one face": ({"face_attributes": {"a": [1]}}, "'a' must have shape"),
        "unknown winding": ({"winding_order": "left"}, "winding_order must be"),
        "corners of two numbers in two meshes": (
            {"data": [P[:4], P[4:8]], "links": [[[0, 1, 2]], [[0, 1, 2, 3]]]}, "object 1 has faces of 4 corners",
        ),
        "an id twice": ({"data": HALVES, "links": TWO_FACES, "object_ids": [3, 3]}, "3 more than once"),
    },
}  # fmt: skip
EDGES_OF = {
    "to itself": ({"links": [[1, 1]]}, r"two different vertices|got .*\[1, 1\]"),
    "beyond": ({"links": [[0, 12]]}, r"vertices 0 to 11, got .*\[0, 12\]"),
    "below": ({"links": [[0, -1]]}, r"vertices 0 to 11, got .*\[0, -1\]"),
    "beyond 64 bits": ({"links": np.array([[0, 2**63]], "u8")}, "vertices 0 to 11"),
    "half nodes": ({"links": [[0.0, 1.0]]}, "whole numbers"),
    "flags": ({"links": np.zeros((2, 2), bool)}, "whole numbers"),
    "words": ({"links": [["a", "b"]]}, "whole numbers"),
    "masked": ({"links": np.ma.masked_equal(EDGES, 1)}, "masked"),
    "of three nodes": ({"links": [[0, 1, 2]]}, r"shape \(M, 2\), got \(1, 3\)"),
    "ragged": ({"links": [[0, 1], [2]]}, r"row 0 has 2, row 1 = \[2\]"),
    "none": ({"links": None}, r"shape \(M, 2\), got \(\)"),
    "attribute of one": ({"edge_attributes": {"a": [1]}}, "'a' must have shape"),
    "an id twice": ({"data": HALVES, "links": TWO_EDGES, "object_ids": [1, 1]}, "1 more than once"),
    "beyond the own object": ({"data": HALVES, "links": [[[0, 1]], [[0, 3]]]}, "object 1 must name its own vertices"),
    "of fewer objects": ({"data": HALVES, "links": [[[0, 1]]]}, "list of 2 arrays, got 1"),
    "flat lists": ({"data": HALVES, "links": [[0, 1], [0, 1]]}, r"shape \(M, 2\)"),
    "other axes": ({"data": [P[:3], P[3:6, :2]], "links": TWO_EDGES}, "object 1 has positions of 2 axes"),
    "attribute of other nodes": (
        {"data": HALVES, "links": TWO_EDGES, "attributes": {"a": [[1, 2, 3], [1, 2]]}}, "object 1 must have 3 rows",
    ),
    "attribute of two kinds": (
        {"data": HALVES, "links": TWO_EDGES, "attributes": {"a": [[1, 2, 3], ["a", "b", "c"]]}}, "one type",
    ),
}  # fmt: skip
CASES = [(kind, case) for kind, cases in ODD.items() for case in cases]


@pytest.mark.parametrize(("kind", "case"), CASES)
def test_what_one_kind_cannot_be(tmp_path, kind, case):
    options, said = ODD[kind][case]
    refused(tmp_path, kind, said, **options)


@pytest.mark.parametrize("case", EDGES_OF)
@pytest.mark.parametrize("kind", ["graph", "skeleton"])
def test_edges(tmp_path, kind, case):
    options, said = EDGES_OF[case]
    refused(tmp_path, kind, said, **options)


DRACO = {
    "too many bits": {"draco_quantization": 99},
    "two axes": {"data": P[:, :2]},
    "four corners": {"links": [[0, 1, 2, 3]]},
    "float64": {"dtype": "float64"},
    "values of faces": {"face_attributes": {"a": [1, 2]}},
    "a division": {"chunk_by_attribute": "a", "attributes": {"a": np.zeros(12, int)}},
}


@pytest.mark.parametrize("case", DRACO)
def test_what_draco_cannot_hold(tmp_path, case):
    pytest.importorskip("DracoPy")
    refused(tmp_path, "mesh", "Draco|draco", use_draco=True, **DRACO[case])


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (lambda p: write_mesh(p, [P, P], [[[0, 1, 2]], [[0, 1, 2, 3]]], chunk_shape=10.0),
         "object 1 has faces of 4 corners, object 0 of 3"),
        (lambda p: write_mesh(p, [P, P, P], [np.empty((0, 3), int), [[0, 1, 2]], [[0, 1, 2, 3]]], chunk_shape=10.0),
         "object 2 has faces of 4 corners, object 1 of 3"),
        (lambda p: write_graph(p, [P, P[:, :2]], TWO_EDGES, chunk_shape=10.0),
         "object 1 has positions of 2 axes, object 0 of 3"),
        (lambda p: write_graph(p, HALVES, TWO_EDGES, chunk_shape=10.0, attributes={"a": [np.zeros((3, 1)), P[:3]]}),
         "object 1 has attribute 'a' of 3 channels, object 0 of 1"),
    ],
)  # fmt: skip
def test_objects_whose_rows_do_not_match_are_told_in_a_sentence_of_ours(tmp_path, write, said):
    with pytest.raises(ArgumentError, match=said):
        write(tmp_path / "s")
    assert not list(tmp_path.iterdir())
