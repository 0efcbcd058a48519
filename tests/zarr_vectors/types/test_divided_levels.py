"""Levels whose chunks are divided by an attribute: their first coordinate is its value, the others are the place.

Such a store is made by hand: one with the value as its first axis, from which that axis is taken away.
"""

from __future__ import annotations

import json

import numpy as np
import pytest

from zarr_vectors.core._commit import dump_json, seal
from zarr_vectors.exceptions import CorruptStoreError, UnsupportedFeatureError
from zarr_vectors.lazy import open_zv
from zarr_vectors.types.graphs import read_graph, write_graph
from zarr_vectors.types.points import read_points, write_points
from zarr_vectors.types.polylines import read_polylines, write_polylines

PLAIN = {"chunk_shape": (1.0, 10.0, 10.0), "compressor": [], "shard_shape": 1}
BOX = (np.array([-8.0, -12.0]), np.array([7.0, 11.0]))


def change(file, edit):
    doc = json.loads(file.read_bytes())
    doc["attributes"].pop("zv_crc32c", None)
    edit(doc["attributes"])
    file.write_bytes(seal(dump_json(doc)))


def divide(path, values):
    """Take the first axis away: what it said is now said by the chunks."""

    def root(keys):
        block, scales = keys["zarr_vectors"], keys["multiscales"][0]
        block["chunk_shape"] = block["chunk_shape"][1:]
        block["bounds"] = [row[1:] for row in block["bounds"]]
        scales["axes"] = scales["axes"][1:]
        for transform in scales["datasets"][0]["coordinateTransformations"]:
            transform[transform["type"]] = transform[transform["type"]][1:]

    def level(keys):
        keys["zarr_vectors_level"] |= {
            "resolution": [0.0, 0.0], "chunk_dims": ["kind", "x", "y"],
            "chunk_attribute_name": "kind", "chunk_attribute_values": values,
        }  # fmt: skip

    change(path / "zarr.json", root)
    change(path / "0/zarr.json", level)
    for cell in (path / "0/vertices/c").rglob("*"):
        if cell.is_file():
            rows = np.frombuffer(cell.read_bytes()[8:], "f4").reshape(-1, 3)[:, 1:].tobytes()
            cell.write_bytes(np.array([1, len(rows)], "<u4").tobytes() + rows)
    return path


def vertices(n, bins=3, seed=0):
    rng = np.random.default_rng(seed)
    places = rng.uniform(-25, 25, (n, 2)).astype("f4")
    kind = rng.integers(0, bins, n)
    return places, kind, np.column_stack([kind + 0.5, places]).astype("f4")


def rows_of(positions, places):
    known = {p.tobytes(): i for i, p in enumerate(places)}
    return np.array([known[p.tobytes()] for p in np.ascontiguousarray(positions)])


@pytest.mark.parametrize("values", [[5, 7, 9], ["a", "b", "zz"], [False, True, True], [0.5, 1.5, 2.5]])
def test_the_attribute_is_told_by_the_chunks(tmp_path, values):
    places, kind, positions = vertices(300)
    write_points(tmp_path / "s", positions, attributes={"n": np.arange(300)}, **PLAIN)
    path = divide(tmp_path / "s", values)
    found = read_points(path)
    rows = rows_of(found.positions, places)
    assert sorted(rows.tolist()) == list(range(300))
    assert found.attributes["n"].tolist() == rows.tolist()
    assert found.attributes["kind"].tolist() == np.array(values)[kind[rows]].tolist()
    some = read_points(path, bbox=BOX, where={"kind": ("==", values[1])})
    inside = ((places >= BOX[0]) & (places < BOX[1])).all(axis=1) & (np.array(values)[kind] == values[1])
    assert sorted(rows_of(some.positions, places).tolist()) == np.flatnonzero(inside).tolist()
    with open_zv(path) as store:
        assert store.attribute_names() == ("kind", "n")
        assert store.read(bbox=BOX).vertex_count == ((places >= BOX[0]) & (places < BOX[1])).all(axis=1).sum()


def test_a_viewer_sees_places_not_their_divisions(tmp_path):
    places, kind, positions = vertices(300)
    write_points(tmp_path / "s", positions, attributes={"n": np.arange(300)}, **PLAIN)
    path = divide(tmp_path / "s", ["a", "b", "c"])
    chunk = np.floor(places.astype(float) / 10).astype(int)
    with open_zv(path) as store:
        level = store.catalogue().levels[0]
        expected, counts = np.unique(chunk, axis=0, return_counts=True)
        assert level.coords.tolist() == expected.tolist()
        assert level.counts.tolist() == counts.tolist()
        asked = level.coords[::-2]
        batch = store.read_chunks(0, asked)
        assert batch.coords.tolist() == asked.tolist()
        for i, coord in enumerate(asked):
            part = slice(int(batch.offsets[i]), int(batch.offsets[i + 1]))
            rows = rows_of(batch.positions[part], places)
            assert sorted(rows.tolist()) == np.flatnonzero((chunk == coord).all(axis=1)).tolist()
            assert batch.attributes["kind"][part].tolist() == kind[rows].tolist()
        values = store.read_values(0, asked)
        assert values.offsets.tolist() == batch.offsets.tolist()
        assert {name: column.tolist() for name, column in values.attributes.items()} == {
            name: column.tolist() for name, column in batch.attributes.items()
        }
        assert store.categories("kind") == ("a", "b", "c")
        coords = [coord for coord, _ in store.iter_chunks()]
        assert coords == sorted(map(tuple, np.unique(np.column_stack([kind, chunk]), axis=0).tolist()))


def test_polylines_and_graphs_are_divided_too(tmp_path):
    places, kind, positions = vertices(200)
    bounds = np.array([0, 50, 51, 51, 200])
    write_polylines(tmp_path / "p", np.split(positions, bounds[1:-1]), **PLAIN)
    found = read_polylines(divide(tmp_path / "p", [1, 2, 3]))
    assert [line.tolist() for line in found.polylines] == [part.tolist() for part in np.split(places, bounds[1:-1])]
    assert np.concatenate(found.attributes["kind"]).tolist() == (kind + 1).tolist()
    near = read_polylines(tmp_path / "p", bbox=BOX)
    inside = ((places >= BOX[0]) & (places < BOX[1])).all(axis=1)
    assert near.object_ids.tolist() == [i for i in range(4) if inside[bounds[i] : bounds[i + 1]].any()]

    edges = np.random.default_rng(1).integers(0, 200, (400, 2))
    edges = edges[edges[:, 0] != edges[:, 1]]
    write_graph(tmp_path / "g", positions, edges, **PLAIN)
    path = divide(tmp_path / "g", [1, 2, 3])
    graph = read_graph(path)
    rows = rows_of(graph.positions, places)
    assert sorted(map(tuple, rows[graph.edges].tolist())) == sorted(map(tuple, edges.tolist()))
    for boundary in (False, True):
        part = read_graph(path, bbox=BOX, include_boundary_edges=boundary)
        ends = rows_of(part.positions, places)[part.edges]
        kept = inside[edges].any(axis=1) if boundary else inside[edges].all(axis=1)
        assert sorted(map(tuple, ends.tolist())) == sorted(map(tuple, edges[kept].tolist()))


@pytest.mark.parametrize(
    ("edit", "error"),
    [
        ({"chunk_attribute_values": ["a"]}, CorruptStoreError),
        ({"chunk_attribute_values": "abc"}, CorruptStoreError),
        ({"chunk_attribute_values": [[1], [2], [3]]}, UnsupportedFeatureError),
        ({"chunk_attribute_values": ["a", 1, None]}, UnsupportedFeatureError),
        ({"chunk_attribute_name": 5}, CorruptStoreError),
        ({"chunk_dims": ["a", "b", "x", "y"]}, UnsupportedFeatureError),
        ({"chunk_dims": []}, CorruptStoreError),
    ],
)
def test_a_division_that_cannot_be_is_refused(tmp_path, edit, error):
    write_points(tmp_path / "s", vertices(50)[2], **PLAIN)
    path = divide(tmp_path / "s", ["a", "b", "c"])
    change(path / "0/zarr.json", lambda keys: keys["zarr_vectors_level"].update(edit))
    with pytest.raises(error, match="level 0|vertices"):
        read_points(path)


def test_a_division_without_a_name_is_no_attribute(tmp_path):
    places, _, positions = vertices(50)
    write_points(tmp_path / "s", positions, **PLAIN)
    path = divide(tmp_path / "s", [])

    def nameless(keys):
        del keys["zarr_vectors_level"]["chunk_attribute_name"], keys["zarr_vectors_level"]["chunk_attribute_values"]

    change(path / "0/zarr.json", nameless)
    found = read_points(path)
    assert found.attributes == {}
    assert sorted(rows_of(found.positions, places).tolist()) == list(range(50))
