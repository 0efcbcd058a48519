"""A store that lost an array says which, and does not read as one that never had it."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from zarr_vectors.core.arrays._groups import read_groups
from zarr_vectors.core.store import load_store
from zarr_vectors.exceptions import CorruptStoreError
from zarr_vectors.lazy import open_zv
from zarr_vectors.multiresolution.coarsen import build_pyramid
from zarr_vectors.types.graphs import write_graph
from zarr_vectors.types.meshes import write_mesh
from zarr_vectors.types.points import read_points, write_points
from zarr_vectors.types.polylines import write_polylines

POSITIONS = np.random.default_rng(0).uniform(0, 40, (60, 3)).astype("f4")
X = POSITIONS[:, 0]
PAIRS = np.stack([np.arange(1, 60), np.arange(59)], axis=1)
TABLES = {
    "object_attributes": {"mass": np.arange(3.0), "tag": np.array(["a", "b", "c"])},
    "groups": {"some": [0, 2]},
    "group_attributes": {"weight": np.ones(1)},
}


def cloud(path):
    write_points(path, POSITIONS, chunk_shape=20, attributes={"x": X, "word": np.array(["a", "b"] * 30)})
    build_pyramid(path, [(2, 1)])


def owned(path):
    write_points(path, POSITIONS, chunk_shape=20, attributes={"x": X}, object_ids=np.repeat([0, 1, 2], 20), **TABLES)


def polyline(path):
    write_polylines(path, np.split(POSITIONS, 3), chunk_shape=20, attributes={"x": np.split(X, 3)}, **TABLES)


def graph(path):
    options = {"attributes": {"x": X}, "edge_attributes": {"w": np.arange(59.0)}}
    write_graph(path, POSITIONS, PAIRS, chunk_shape=20, **options)


def skeleton(path):
    write_graph(path, POSITIONS, PAIRS, chunk_shape=20, geometry_type="skeleton", is_tree=True)


def mesh(path):
    write_mesh(path, POSITIONS, np.arange(60).reshape(20, 3), chunk_shape=20, attributes={"x": X})


def everything(path):
    """Ask for all that a store can tell of its levels."""
    with open_zv(path) as store:
        for level in store.levels:
            store.read(level)
        names = store.object_attribute_names()
        if store.n_objects:
            groups = read_groups(load_store(path), 0)
            return names, () if groups is None else groups.attributes.names
    return names, ()


LOSSES = [
    *((cloud, f"{level}/{lost}") for level in (0, 1)
      for lost in ("vertices", "vertex_attributes", "vertex_attributes/x", "vertex_attributes/word")),
    *((owned, f"0/{lost}") for lost in (
        "vertices", "vertex_fragments", "vertex_attributes/x", "object_index", "object_index/manifests",
        "object_attributes", "object_attributes/mass", "object_attributes/tag", "groups", "group_attributes",
        "group_attributes/weight")),
    *((polyline, f"0/{lost}") for lost in (
        "vertices", "vertex_fragments", "vertex_attributes/x", "object_index", "object_attributes/tag", "groups")),
    *((graph, f"0/{lost}") for lost in (
        "vertex_attributes/x", "links", "links/0", "link_attributes", "link_attributes/w", "link_attributes/w/0")),
    *((skeleton, f"0/{lost}") for lost in ("links", "links/0", "vertex_fragments")),
    *((mesh, f"0/{lost}") for lost in ("links", "links/0", "vertex_attributes", "vertex_attributes/x")),
]  # fmt: skip


@pytest.mark.parametrize(("write", "lost"), LOSSES, ids=lambda value: getattr(value, "__name__", value))
def test_what_a_store_lost_is_missed_by_name(tmp_path, write, lost):
    path = tmp_path / "store.zv"
    write(path)
    everything(path)
    shutil.rmtree(path / lost)
    with pytest.raises(CorruptStoreError) as caught:
        everything(path)
    assert str(path) in str(caught.value)
    family = lost.split("/")[1]
    assert family in str(caught.value) or {"manifests"} & set(lost.split("/"))


@pytest.mark.parametrize("write", [graph, skeleton, mesh])
@pytest.mark.parametrize("named", [True, False])
def test_links_without_the_document_that_says_what_they_are_are_not_no_links(tmp_path, write, named):
    path = tmp_path / "store.zv"
    write(path)
    if not named:  # a writer that does not list the arrays of its levels
        doc = json.loads((path / "0/zarr.json").read_text())
        doc["attributes"]["zarr_vectors_level"]["arrays_present"] = ["vertices", "vertex_fragments", "object_index"]
        (path / "0/zarr.json").write_text(json.dumps(doc, indent=1))
    (path / "0/links/0/zarr.json").unlink()
    with pytest.raises(CorruptStoreError, match="0/links/0 holds '.*', but zarr.json.* is missing"):
        everything(path)


def test_a_store_whose_writer_named_no_attributes_is_believed(tmp_path):
    path = tmp_path / "store.zv"
    write_points(path, POSITIONS, chunk_shape=20, attributes={"x": X, "y": X})
    doc = json.loads((path / "0" / "zarr.json").read_text())
    del doc["attributes"]["zarr_vectors_level"]["attribute_names"]
    (path / "0" / "zarr.json").write_text(json.dumps(doc, indent=1))  # as another writer lays it out
    shutil.rmtree(path / "0" / "vertex_attributes" / "x")
    assert list(read_points(path).attributes) == ["y"]
    shutil.rmtree(path / "0" / "vertex_attributes")
    with pytest.raises(CorruptStoreError, match="names 'vertex_attributes' in arrays_present but has none"):
        read_points(path)


def test_an_attribute_that_somebody_added_is_read(tmp_path):
    path = tmp_path / "store.zv"
    write_points(path, POSITIONS, chunk_shape=20, attributes={"x": X})
    shutil.copytree(path / "0" / "vertex_attributes" / "x", path / "0" / "vertex_attributes" / "z")
    assert sorted(read_points(path).attributes) == ["x", "z"]
