"""Meshes come back: vertices, winding and start of every face, values of both, objects; with Draco to the lattice."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from zarr.storage import MemoryStore

from tests.zarr_vectors.types.ties import REAL_STORE, Cloud, clouds, counted, owners_of, same_values, values
from zarr_vectors.encoding import draco
from zarr_vectors.exceptions import ArgumentError, CorruptChunkError, UnsupportedFeatureError
from zarr_vectors.lazy import open_zv
from zarr_vectors.types.meshes import read_mesh, write_mesh

CORNERS = st.integers(3, 5)


@st.composite
def faces_within(draw, cloud: Cloud, corners=CORNERS, *, most: int = 20):
    """Faces of one number of corners, in any order of corners, some between two objects."""
    width, node = draw(corners), st.integers(0, len(cloud.positions) - 1)
    rows = draw(st.lists(st.lists(node, min_size=width, max_size=width), max_size=most))
    return np.array([r for r in rows if len(set(r)) >= 3], np.int64).reshape(-1, width)


def same_mesh(found, cloud: Cloud, faces, vertex_values, face_values) -> None:
    order = found.attributes["vkey"]
    assert sorted(order.tolist()) == list(range(len(cloud.positions)))
    assert found.positions.tobytes() == cloud.positions.astype(found.positions.dtype)[order].tobytes()
    same_values(found.attributes, vertex_values, order)
    given_faces = order[found.faces].reshape(-1, faces.shape[1])
    assert counted(given_faces) == counted(faces)
    if face_values:
        by_key = found.face_attributes["fkey"]
        assert given_faces.tolist() == faces[by_key].tolist()
        same_values(found.face_attributes, face_values, by_key)
    assert found.object_ids.tolist() == owners_of(cloud)[order].tolist()


@REAL_STORE
@given(data=st.data())
def test_meshes_come_back(tmp_path, data):
    cloud = data.draw(clouds())
    faces = data.draw(faces_within(cloud))
    vertex_values = data.draw(values(len(cloud.positions), "v"))
    face_values = data.draw(st.one_of(st.just({}), values(len(faces), "f")))
    path = tmp_path / "m.zv"
    shutil.rmtree(path, ignore_errors=True)
    winding = data.draw(st.sampled_from([None, "cw", "ccw"]))
    write_mesh(path, cloud.positions, faces, chunk_shape=cloud.chunk, winding_order=winding, attributes=vertex_values,
               face_attributes=face_values, object_ids=cloud.object_ids,
               shard_shape=data.draw(st.sampled_from([None, 1, 2])))  # fmt: skip
    found = read_mesh(path)
    same_mesh(found, cloud, faces, vertex_values, face_values)
    assert found.winding_order == winding
    with open_zv(path) as store:
        assert store.winding_order == winding
        assert store.geometry_type == "mesh"
        same_mesh(store.read(), cloud, faces, vertex_values, face_values)


@settings(max_examples=30)
@given(data=st.data(), with_draco=st.booleans())
def test_a_box_gives_the_faces_whose_centroids_are_inside(data, with_draco):
    if with_draco:
        pytest.importorskip("DracoPy")
    cloud = data.draw(clouds(ndims=st.just(3)) if with_draco else clouds())
    faces = data.draw(faces_within(cloud, st.just(3) if with_draco else st.integers(3, 4)))
    memory, key = MemoryStore(), {"vkey": np.arange(len(cloud.positions))}
    write_mesh(memory, cloud.positions, faces, chunk_shape=cloud.chunk, attributes=key, object_ids=cloud.object_ids,
               use_draco=with_draco)  # fmt: skip
    whole = read_mesh(memory)
    p = np.empty(cloud.positions.shape)
    p[whole.attributes["vkey"]] = whole.positions
    centroids = p[faces].mean(axis=1)
    low, high = np.sort(p[[data.draw(st.integers(0, len(p) - 1)) for _ in range(2)]], axis=0)
    found = read_mesh(memory, bbox=(low, high))
    order = found.attributes["vkey"]
    inside = ((centroids >= low) & (centroids < high)).all(axis=1)
    assert counted(order[found.faces].reshape(-1, faces.shape[1])) == counted(faces[inside])
    assert sorted(order.tolist()) == np.unique(faces[inside]).tolist()


@settings(max_examples=40)
@given(data=st.data())
def test_draco_keeps_order_and_rounds_positions(data):
    pytest.importorskip("DracoPy")
    cloud = data.draw(clouds(ndims=st.just(3)))
    faces = data.draw(faces_within(cloud, st.just(3)))
    vertex_values, bits = data.draw(values(len(cloud.positions), "v")), data.draw(st.integers(4, 16))
    memory = MemoryStore()
    write_mesh(memory, cloud.positions, faces, chunk_shape=cloud.chunk, attributes=vertex_values, use_draco=True,
               object_ids=cloud.object_ids, draco_quantization=bits)  # fmt: skip
    found = read_mesh(memory)
    order = found.attributes["vkey"]
    same_values(found.attributes, vertex_values, order)
    assert counted(order[found.faces].reshape(-1, 3)) == counted(faces)
    assert found.object_ids.tolist() == owners_of(cloud)[order].tolist()
    step = cloud.chunk.max() / (2**bits - 1)
    assert np.abs(found.positions - cloud.positions.astype(np.float32)[order]).max() <= step + 1e-5
    # Every vertex is where its chunk says, and the bounds are those of what is read.
    with open_zv(memory) as store:
        for coord, chunk in store.iter_chunks():
            assert (np.floor(chunk["positions"].astype(float) / cloud.chunk) == coord).all()
        low, high = store.bounding_box
        assert low.tolist() == found.positions.min(axis=0).tolist()
        assert store.read(bbox=(low, high)).face_count == len(faces)
        raw = store.raw_array("vertices", 0)
        assert raw.shape[-1] == 3
    for wanted in set(owners_of(cloud).tolist()):
        one = read_mesh(memory, object_ids=[wanted])
        assert one.face_count == (owners_of(cloud)[faces] == wanted).all(axis=1).sum()


def test_draco_without_the_package_is_refused_both_ways(tmp_path, monkeypatch):
    pytest.importorskip("DracoPy")
    vertices, faces = np.eye(3), [[0, 1, 2]]
    write_mesh(tmp_path / "m.zv", vertices, faces, chunk_shape=10, use_draco=True)
    monkeypatch.setattr(draco, "DracoPy", None)
    with pytest.raises(UnsupportedFeatureError, match=r"m\.zv.*pip install 'napari-zarr-vectors\[draco\]'"):
        read_mesh(tmp_path / "m.zv")
    with pytest.raises(UnsupportedFeatureError, match="pip install"):
        write_mesh(tmp_path / "n.zv", vertices, faces, chunk_shape=10, use_draco=True)
    assert not (tmp_path / "n.zv").exists()


def test_a_broken_bitstream_is_named(tmp_path):
    pytest.importorskip("DracoPy")
    write_mesh(tmp_path / "m.zv", np.eye(3), [[0, 1, 2]], chunk_shape=10, use_draco=True, compressor="none")
    cell = tmp_path / "m.zv/0/vertices/c/0/0/0"
    about = tmp_path / "m.zv/0/vertices/zarr.json"
    doc = json.loads(about.read_text())
    doc["codecs"] = [c for c in doc["codecs"] if c["name"] != "crc32c"]
    about.write_text(json.dumps(doc, indent=1))
    raw = cell.read_bytes()
    size = int(np.frombuffer(raw[:8], "<u4")[1])
    cell.write_bytes(raw[:8] + b"X" * size)
    with pytest.raises(CorruptChunkError, match=r"0\.0\.0.*no Draco bitstream"):
        read_mesh(tmp_path / "m.zv")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"faces": [[0, 1, 2, 3]]}, "triangles in 3 dimensions"),
        ({"vertices": np.zeros((4, 2))}, "triangles in 3 dimensions"),
        ({"dtype": "float64"}, "got faces of 3 corners in 3 and float64"),
        ({"face_attributes": {"a": [1]}}, "no room for face_attributes"),
        ({"draco_quantization": 25}, r"1 to 24 bits, got 25"),
        ({"draco_quantization": 11.5}, r"1 to 24 bits, got 11\.5"),
        ({"draco_quantization": True}, r"got True"),
    ],
)
def test_what_draco_cannot_hold_is_refused(tmp_path, arguments, said):
    pytest.importorskip("DracoPy")
    options = {"vertices": np.zeros((4, 3)), "faces": [[0, 1, 2]], "chunk_shape": 1, "use_draco": True, **arguments}
    with pytest.raises(ArgumentError, match=said):
        write_mesh(tmp_path / "m.zv", options.pop("vertices"), options.pop("faces"), **options)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"faces": [[0, 1, 4]]}, r"faces must name vertices 0 to 3, got row 0 = \[0, 1, 4\]"),
        ({"faces": [[0, 1, 1]]}, r"3 or more different corners"),
        ({"faces": [[0, 1, 2]], "winding_order": "left"}, r"winding_order must be 'ccw', 'cw' or None, got 'left'"),
        ({"faces": [[0, 1, 2]], "face_attributes": {"a": [1, 2]}}, r"'a' must have shape \(1,\)"),
        ({"faces": [[0, 1, 2]], "bin_shape": 3}, r"whole multiple"),
    ],
)
def test_what_cannot_be_written_writes_nothing(tmp_path, arguments, said):
    options = {"chunk_shape": 10, **arguments}
    with pytest.raises(ArgumentError, match=said):
        write_mesh(tmp_path / "m.zv", np.eye(4, 3), options.pop("faces"), **options)
    assert not list(tmp_path.iterdir())


def test_many_meshes_in_one_store():
    square = np.array([[0, 0, 0], [12, 0, 0], [12, 12, 0], [0, 12, 0]], np.float32)
    memory = MemoryStore()
    write_mesh(
        memory, [square, square + 5, square * 2], [[[0, 1, 2], [0, 2, 3]], [], [[3, 2, 1]]], chunk_shape=10,
        attributes={"shade": [["a"] * 4, ["b"] * 4, ["c"] * 4]}, face_attributes={"area": [[1.0, 2.0], [], [3.0]]},
        object_attributes={"volume": [1.0, 2.0, 3.0]}, groups={"even": [0, 2]}, group_attributes={"n": [2]},
    )  # fmt: skip
    found = read_mesh(memory, object_ids=[2])
    assert found.attributes["shade"].tolist() == ["c"] * 4
    assert (square * 2)[[3, 2, 1]].tolist() == found.vertices[found.faces[0]].tolist()
    assert found.face_attributes["area"].tolist() == [3.0]
    assert read_mesh(memory, object_ids=[1]).face_count == 0
    assert read_mesh(memory, group_ids="even").face_count == 3
    assert read_mesh(memory, where={"volume": (">", 2.5)}).face_count == 1
    with open_zv(memory) as store:
        assert store.raw_array("object_attributes/volume", 0)[:].tolist() == [1.0, 2.0, 3.0]


def test_a_mesh_without_faces_or_vertices():
    memory = MemoryStore()
    write_mesh(memory, np.eye(3), [], chunk_shape=10)
    assert read_mesh(memory).faces.shape == (0, 3)
    write_mesh(memory, np.empty((0, 3)), [], chunk_shape=10, overwrite=True)
    assert read_mesh(memory).vertex_count == 0
