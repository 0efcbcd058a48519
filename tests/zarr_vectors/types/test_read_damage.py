"""Indices, manifests and links that contradict the vertices are one clear error, whatever is asked for."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from zarr_vectors.core._backends import LocalFiles
from zarr_vectors.core.arrays._objects import write_objects
from zarr_vectors.encoding import FragmentIndex, Manifests, encode_fragments
from zarr_vectors.exceptions import CorruptChunkError, CorruptStoreError
from zarr_vectors.lazy import open_zv
from zarr_vectors.types.graphs import read_graph, write_graph
from zarr_vectors.types.lines import read_lines, write_lines
from zarr_vectors.types.meshes import read_mesh, write_mesh
from zarr_vectors.types.points import read_points, write_points
from zarr_vectors.types.polylines import read_polylines, write_polylines

PLAIN = {"chunk_shape": 10.0, "compressor": [], "shard_shape": 1}
BOX = ([-1.0, -1.0], [9.0, 9.0])
POINTS = np.array([[1.0, 1], [2, 2], [12, 2], [3, 12]])  # chunks (0, 0) twice, (1, 0), (0, 1)
EVERYTHING = ({}, {"bbox": BOX}, {"object_ids": [0]}, {"bbox": BOX, "object_ids": [0]})


def cell(payload):
    return np.array([1, len(payload)], "<u4").tobytes() + payload


def ranges(*pairs):
    table = np.array(pairs, np.int64).reshape(-1, 2)
    none = np.zeros(0, np.int64)
    return FragmentIndex(np.ones(len(table), bool), table, np.zeros(1, np.int64), none)


def manifests(chunks, fragments, sizes):
    offsets = np.cumsum([0, *sizes])
    return Manifests(offsets, np.array(chunks, np.int64).reshape(-1, 2), np.array(fragments, np.int64))


def replace_manifests(path, found, count):
    shutil.rmtree(path / "0/object_index")
    write_objects(LocalFiles(path), "0", np.arange(count), found, 2, compressor="none")


@pytest.fixture(params=["points", "polylines", "graph", "mesh"])
def store(request, tmp_path):
    path = tmp_path / "s.zv"
    match request.param:
        case "points":
            write_points(path, POINTS, object_ids=np.zeros(4, int), **PLAIN)
            return path, read_points
        case "polylines":
            write_polylines(path, [POINTS], **PLAIN)
            return path, read_polylines
        case "graph":
            write_graph(path, POINTS, [[0, 1], [1, 2], [3, 0]], **PLAIN)
            return path, lambda p, **asked: read_graph(p, return_object_ids=True, **asked)
        case _:
            write_mesh(path, POINTS, [[0, 1, 2], [1, 2, 3]], **PLAIN)
            return path, read_mesh


def fails(path, read, error, said, asked=EVERYTHING):
    for request in asked:
        with pytest.raises(error, match=said) as caught:
            read(path, **request)
        assert "s.zv" in str(caught.value)


def test_a_manifest_that_names_a_chunk_without_vertices(store):
    path, read = store
    replace_manifests(path, manifests([(0, 0), (7, 7)], [0, 0], [2]), 1)
    asked = EVERYTHING if read is read_points else [{}, {"object_ids": [0]}]
    fails(path, read, CorruptStoreError, r"names chunk \(7, 7\)", asked)


@pytest.mark.parametrize("fragment", [9, -1])
def test_a_manifest_that_names_a_fragment_that_is_not_there(store, fragment):
    path, read = store
    replace_manifests(path, manifests([(0, 0)], [fragment], [1]), 1)
    said = "names fragment" if fragment > 0 else "fragment|corrupt"
    # Of no face are all corners in the chunk that the manifest is left with: a box has nothing to look up there.
    fails(path, read, CorruptStoreError, said, EVERYTHING[: 3 if read is read_mesh else 4])


def test_a_fragment_that_names_a_row_that_is_not_there(store):
    path, read = store
    (path / "0/vertex_fragments/c/0/0").write_bytes(cell(encode_fragments(ranges((0, 3)))))
    fails(path, read, CorruptChunkError, "names row 2, the chunk has 2 vertices")


def test_a_chunk_without_its_fragments(store):
    path, read = store
    (path / "0/vertex_fragments/c/0/0").unlink()
    fails(path, read, CorruptChunkError, "vertex_fragments")
    shutil.rmtree(path / "0/vertex_fragments")
    fails(path, read, CorruptStoreError, "vertex_fragments")


@pytest.mark.parametrize("kind", ["graph", "mesh"])
def test_a_link_that_names_a_row_that_is_not_there(tmp_path, kind):
    path = tmp_path / "s.zv"
    ends = np.array([[0, 1], [1, 2]]) if kind == "graph" else np.array([[0, 1, 2], [1, 2, 3]])
    (write_graph if kind == "graph" else write_mesh)(path, POINTS, ends, **PLAIN)
    read = read_graph if kind == "graph" else read_mesh
    # The last number of every cell is a row.
    for found in (path / "0/links/0").rglob("c/*/*"):
        raw = np.frombuffer(found.read_bytes()[8:], "<i8").copy()
        raw[-1] = 99
        found.write_bytes(cell(raw.tobytes()))
    asked = [{}, {"bbox": ([-1.0, -1.0], [30.0, 30.0])}, {"object_ids": [0]}]
    asked += [{"bbox": BOX, "include_boundary_edges": True}] if kind == "graph" else []
    fails(path, read, CorruptStoreError, "row", asked)


@pytest.mark.parametrize("rows", [0, 1, 3, 5])
def test_an_attribute_of_fewer_or_more_rows_than_its_chunk(tmp_path, rows):
    path = tmp_path / "s.zv"
    write_points(path, np.zeros((2, 2)), attributes={"k": np.arange(2.0)}, **PLAIN)
    (path / "0/vertex_attributes/k/c/0/0").write_bytes(cell(np.zeros(rows).tobytes()))
    document = path / "0/vertex_attributes/k/zarr.json"
    keys = json.loads(document.read_text())
    del keys["attributes"]["row_shape"]
    document.write_text(json.dumps(keys))
    fails(path, read_points, CorruptChunkError, f"{rows} rows, its chunk has 2 vertices", [{}, {"bbox": BOX}])


def test_lines_without_an_object_index(tmp_path):
    write_polylines(tmp_path / "s.zv", [POINTS], **PLAIN)
    shutil.rmtree(tmp_path / "s.zv/0/object_index")
    fails(tmp_path / "s.zv", read_polylines, CorruptStoreError, "object_index", EVERYTHING[:2])


def test_a_line_of_three_vertices(tmp_path):
    path = tmp_path / "s.zv"
    write_lines(path, POINTS.reshape(2, 2, 2), **PLAIN)
    replace_manifests(path, manifests([(0, 0), (1, 0)], [0, 0], [2, 0]), 2)
    fails(path, read_lines, CorruptStoreError, "line 0 has 3 vertices", EVERYTHING[:2])


def test_a_line_without_vertices_is_left_out_and_one_of_one_vertex_has_equal_ends(tmp_path):
    path = tmp_path / "s.zv"
    write_lines(path, POINTS.reshape(2, 2, 2), attributes={"k": np.arange(4).reshape(2, 2)}, **PLAIN)
    replace_manifests(path, manifests([(1, 0)], [0], [0, 1]), 2)
    found = read_lines(path)
    assert found.lines.tolist() == [[[12.0, 2.0], [12.0, 2.0]]]
    assert found.attributes["k"].tolist() == [[2, 2]]
    assert found.object_ids.tolist() == [1]


def test_fragments_that_share_and_repeat_rows(tmp_path):
    path = tmp_path / "s.zv"
    write_polylines(path, [POINTS], attributes={"k": [np.arange(4)]}, **PLAIN)
    is_range = np.array([True, False, False])
    index = FragmentIndex(is_range, np.array([[0, 2]]), np.array([0, 3, 3]), np.array([1, 0, 1]))
    (path / "0/vertex_fragments/c/0/0").write_bytes(cell(encode_fragments(index)))
    named = manifests([(0, 0), (1, 0), (0, 0), (0, 0), (0, 0)], [1, 0, 0, 2, 1], [3, 2])
    replace_manifests(path, named, 2)
    for found in (read_polylines(path), open_zv(path).read(), read_polylines(path, object_ids=[0, 1])):
        assert found.attributes["k"][0].tolist() == [1, 0, 1, 2, 0, 1]
        assert found.attributes["k"][1].tolist() == [1, 0, 1]
    assert read_polylines(path, object_ids=[1], bbox=([1.5, 1.5], [3, 3])).polyline_count == 1
    assert read_polylines(path, where={"k": ("==", 2)}).object_ids.tolist() == [0]
    with open_zv(path) as store:
        chunk = dict(store.iter_chunks())[0, 0]
        assert [chunk["fragments"].indices(f).tolist() for f in range(3)] == [[0, 1], [1, 0, 1], []]
        assert chunk["objects"].tolist() == [0, 0, 1]


def test_points_that_two_objects_share(tmp_path):
    path = tmp_path / "s.zv"
    options = {"object_ids": [0, 0, 0, 1], "object_attributes": {"m": [1, 5]}, "attributes": {"k": np.arange(4)}}
    write_points(path, POINTS, **options, **PLAIN)
    replace_manifests(path, manifests([(0, 0), (0, 0), (0, 1)], [0, 0, 0], [1, 2]), 2)  # and (1, 0) is no object's
    k = {tuple(p): i for i, p in enumerate(POINTS.tolist())}

    def rows(**asked):
        found = read_points(path, **asked)
        return [k[tuple(p)] for p in found.positions.tolist()], found.object_ids.tolist()

    assert rows() == ([0, 1, 3, 2], [0, 0, 1, -1])
    assert rows(object_ids=[1, 0]) == ([0, 1, 3, 0, 1], [1, 1, 1, 0, 0])
    assert rows(where={"m": ("==", 5)}) == ([0, 1, 3], [1, 1, 1])
    assert rows(where={"m": ("<", 9)}) == ([0, 1, 3], [0, 0, 1])
    assert rows(where={"or": [{"m": ("==", 1)}, {"k": ("==", 2)}]}) == ([0, 1, 2], [0, 0, -1])
    assert rows(where={"m": ("==", 5), "k": ("<", 1)}) == ([0], [1])
