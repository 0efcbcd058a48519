"""A part of a store of any kind becomes a store that reads back equal, or nothing."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from napari_zarr_vectors._jobs import Part, extract_part, saving, write_extracted
from napari_zarr_vectors._lod import box_region
from zarr_vectors.exceptions import CancelledError, CorruptStoreError
from zarr_vectors.lazy import open_zv, read_part
from zarr_vectors.types.graphs import write_graph
from zarr_vectors.types.lines import write_lines
from zarr_vectors.types.meshes import write_mesh
from zarr_vectors.types.points import write_points
from zarr_vectors.types.polylines import write_polylines

RNG = np.random.default_rng(8)
COUNT = 1200
SPREAD = RNG.uniform(-3, 3, (COUNT, 3))
POSITIONS = (np.repeat(RNG.uniform(3, 97, (COUNT // 20, 3)), 20, axis=0) + SPREAD).astype("float32")
OWNER = np.repeat(np.arange(COUNT // 20) * 3 - 5, 20)
IDS = np.unique(OWNER)
PATHS = np.arange(COUNT).reshape(-1, 20)
VALUES = {
    "row": np.arange(COUNT),
    "word": np.array(["axon", None, "dendrite"], dtype=object)[np.arange(COUNT) % 3],
    "rgb": RNG.integers(0, 255, (COUNT, 3), dtype=np.uint8),
}
GIVEN = {
    "chunk_shape": 25.0,
    "bin_shape": 12.5,
    "axes": ["z", "y", "x"],
    "axis_units": "micrometer",
    "user_metadata": {"lab": {"mouse": 7}},
    "headers": {"trk": {"version": 2}},
}
OWNED = {
    "object_ids": OWNER,
    "object_attributes": {"mass": RNG.uniform(0, 10, len(IDS)), "name": np.array([f"n{i}" for i in IDS])},
    "groups": {"low": IDS[:50].tolist(), "high": IDS[50:].tolist()},
    "group_attributes": {"mass": [0.5, np.nan], "side": ["left", None]},
}
KINDS = ("point_cloud", "objects", "line", "streamline", "skeleton", "graph", "mesh")
SOME = [1, 13, 40]


def write(path, kind):
    if kind in ("skeleton", "graph"):
        child = np.delete(np.arange(COUNT), np.arange(0, COUNT, 20))
        edges = np.stack([child, child - 1], axis=1)
        given = {"geometry_type": kind, "attributes": VALUES, "edge_attributes": {"flow": child}}
        write_graph(path, POSITIONS, edges, **given, **GIVEN, **OWNED)
    elif kind == "mesh":
        faces = np.stack([PATHS[:, :-2], PATHS[:, 1:-1], PATHS[:, 2:]], axis=-1).reshape(-1, 3)
        given = {"attributes": VALUES, "face_attributes": {"area": np.arange(len(faces))}, "winding_order": "ccw"}
        write_mesh(path, POSITIONS, faces, **given, **GIVEN, **OWNED)
    elif kind == "streamline":
        by_line = {name: [values[p] for p in PATHS] for name, values in VALUES.items()}
        given = OWNED | {"object_ids": IDS, "geometry_type": kind, "attributes": by_line}
        write_polylines(path, list(POSITIONS[PATHS]), **given, **GIVEN)
    elif kind == "line":
        by_end = {name: values.reshape(-1, 2, *values.shape[1:]) for name, values in VALUES.items()}
        objects = {"object_attributes": {"mass": np.arange(COUNT // 2) * 0.5}, "groups": {"low": [1, 2]}}
        write_lines(path, POSITIONS.reshape(-1, 2, 3), attributes=by_end, **objects, **GIVEN)
    else:
        write_points(path, POSITIONS, attributes=VALUES, **GIVEN, **(OWNED if kind == "objects" else {}))


def save(source, target, part):
    with open_zv(source) as store:
        extracted = extract_part(store, part)
        write_extracted(target, extracted, store, lambda *step: None, threading.Event())
        return extracted


def told(found, objects):
    """What a result says, in an order that is its own: vertices by row, links by the rows that they join."""
    attributes = found.attributes
    values = {n: attributes.flat(n) if hasattr(attributes, "flat") else attributes[n] for n in attributes}
    values = {n: column.reshape(found.vertex_count, -1) for n, column in values.items()}
    row = values["row"][:, 0]
    out = {n: column[np.argsort(row)].tolist() for n, column in (values | {"positions": found.positions}).items()}
    for name, more in (("edges", "edge_attributes"), ("faces", "face_attributes")):
        if name in found:
            links = row[found[name]]
            order = np.lexsort(links.T)
            out |= {name: links[order].tolist()} | {n: v[order].tolist() for n, v in found[more].items()}
    out["winding"] = found.get("winding_order")
    out["ids"] = None if found.object_ids is None else np.sort(found.object_ids).tolist()
    return out | {name: dict(zip(*map(np.ndarray.tolist, objects(name)), strict=True)) for name in ("mass", "name")}


def groups_of(store):
    return {name: list(map(str, store.group_values(name).tolist())) for name in store.group_attribute_names()}


def objects_of(store):
    def of(name):
        return store.object_values(name) if name in store.object_attribute_names() else (np.empty(0), np.empty(0))

    return of


@pytest.mark.parametrize("kind", KINDS)
def test_all_of_a_store_becomes_an_equal_one(tmp_path, kind):
    write(tmp_path / "s.zv", kind)
    save(tmp_path / "s.zv", tmp_path / "out.zv", Part())
    with open_zv(tmp_path / "s.zv") as old, open_zv(tmp_path / "out.zv") as new:
        assert told(read_part(new), objects_of(new)) == told(read_part(old), objects_of(old))
        same = ("geometry_type", "axes", "chunk_shape", "bin_shape", "levels", "user_metadata", "headers")
        assert all(getattr(new, name) == getattr(old, name) for name in same)
        assert {n: sorted(v.tolist()) for n, v in new.groups.items()} == {
            n: sorted(v.tolist()) for n, v in old.groups.items()
        }
        assert groups_of(new) == groups_of(old)
        assert new.attribute_dtype("rgb") == old.attribute_dtype("rgb")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.zv", "s.zv"]


@pytest.mark.parametrize("kind", KINDS[1:])
def test_some_objects_become_a_store_with_what_is_said_of_them(tmp_path, kind):
    write(tmp_path / "s.zv", kind)
    save(tmp_path / "s.zv", tmp_path / "out.zv", Part(object_ids=tuple(SOME)))
    with open_zv(tmp_path / "s.zv") as old, open_zv(tmp_path / "out.zv") as new:
        of_some = {name: dict(zip(*objects_of(old)(name), strict=True)) for name in ("mass", "name")}
        of_some = {name: (np.array(SOME), np.array([v[i] for i in SOME] if v else [])) for name, v in of_some.items()}
        of_some = {name: pair if len(pair[1]) else (np.empty(0), np.empty(0)) for name, pair in of_some.items()}
        wanted = told(read_part(old, object_ids=SOME), of_some.__getitem__)
        assert told(read_part(new), objects_of(new)) == wanted
        assert new.groups["low"].tolist() == [i for i in SOME if i in old.groups["low"]]
        assert groups_of(new) == groups_of(old)


@pytest.mark.parametrize("kind", KINDS)
def test_what_lies_in_a_box_becomes_a_store(tmp_path, kind):
    write(tmp_path / "s.zv", kind)
    extracted = save(tmp_path / "s.zv", tmp_path / "out.zv", Part(region=box_region([0, 0, 0], [60, 60, 100])))
    assert 0 < extracted.vertex_count <= COUNT
    with open_zv(tmp_path / "out.zv") as new:
        assert told(read_part(new), objects_of(new)) == told(extracted.result, objects_of(new))


def test_a_store_that_reads_back_otherwise_is_not_published(tmp_path, monkeypatch):
    write(tmp_path / "s.zv", "objects")
    written = saving._write

    def wrong(path, extracted, source):
        extracted.result.attributes["row"][3] += 1
        written(path, extracted, source)
        extracted.result.attributes["row"][3] -= 1

    monkeypatch.setattr(saving, "_write", wrong)
    with pytest.raises(CorruptStoreError, match="row read back is not what was written"):
        save(tmp_path / "s.zv", tmp_path / "out.zv", Part())
    assert [p.name for p in tmp_path.iterdir()] == ["s.zv"]


def test_cancelled_while_it_verifies_it_leaves_nothing(tmp_path):
    write(tmp_path / "s.zv", "mesh")
    stop = threading.Event()

    def tell(done, total, message):
        if message == "verifying":
            stop.set()

    with open_zv(tmp_path / "s.zv") as store:
        extracted = extract_part(store, Part())
        with pytest.raises(CancelledError):
            write_extracted(tmp_path / "out.zv", extracted, store, tell, stop)
    assert [p.name for p in tmp_path.iterdir()] == ["s.zv"]


def swapped(values):
    """The same values, each with another owner."""
    return np.roll(values, 1, axis=0)


LIES = [
    ("objects", "write_points", "attributes", "row", swapped),
    ("objects", "write_points", "attributes", "word", swapped),
    ("objects", "write_points", "object_attributes", "mass of objects", swapped),
    ("objects", "write_points", "object_attributes", "name of objects", swapped),
    ("line", "write_lines", "attributes", "rgb", swapped),
    ("streamline", "write_polylines", "attributes", "row", swapped),
    ("skeleton", "write_graph", "edge_attributes", "flow of edges", swapped),
    ("graph", "write_graph", "edge_attributes", "flow of edges", np.zeros_like),
    ("graph", "write_graph", "groups", "group low", lambda ids: ids[1:]),
    ("mesh", "write_mesh", "group_attributes", "side of groups", swapped),
    ("mesh", "write_mesh", "face_attributes", "area of faces", swapped),
]


@pytest.mark.parametrize(("kind", "writer", "key", "name", "lie"), LIES)
def test_what_is_said_of_the_wrong_thing_is_not_published(tmp_path, monkeypatch, kind, writer, key, name, lie):
    write(tmp_path / "s.zv", kind)
    real, at = getattr(saving, writer), name.removeprefix("group ").partition(" of ")[0]

    def wrong(*given, **options):
        return real(*given, **options | {key: options[key] | {at: lie(options[key][at])}})

    monkeypatch.setattr(saving, writer, wrong)
    with pytest.raises(CorruptStoreError, match=f"{name} read back is not what was written"):
        save(tmp_path / "s.zv", tmp_path / "out.zv", Part())
    assert [p.name for p in tmp_path.iterdir()] == ["s.zv"]


@pytest.mark.parametrize(
    ("kind", "writer", "name"), [("graph", "write_graph", "edges"), ("mesh", "write_mesh", "faces")]
)
def test_other_links_as_many_as_before_are_not_published(tmp_path, monkeypatch, kind, writer, name):
    write(tmp_path / "s.zv", kind)
    real = getattr(saving, writer)

    def wrong(path, positions, links, **options):
        links = links.copy()
        links[0] = links[0][::-1]
        return real(path, positions, links, **options)

    monkeypatch.setattr(saving, writer, wrong)
    with pytest.raises(CorruptStoreError, match=f"{name} read back is not what was written"):
        save(tmp_path / "s.zv", tmp_path / "out.zv", Part())


def test_links_between_objects_and_words_of_every_length_read_back_equal(tmp_path):
    ends = RNG.integers(0, COUNT, (3000, 2))
    ends = np.unique(ends[ends[:, 0] != ends[:, 1]], axis=0)
    words = np.array(["", "a", None, "a longer one", "\u00e9\U0001f41f"], dtype=object)
    objects = {
        "word": words[1 + np.arange(len(IDS)) % 4],
        "good": IDS % 2 == 0,
        "xyz": RNG.uniform(0, 1, (len(IDS), 3)),
    }
    objects["many"] = np.where(IDS % 3 == 0, np.nan, IDS)
    more = OWNED | {"object_attributes": objects, "groups": {"low": IDS[:9].tolist(), "none": []}}
    values = {"word": words[np.arange(COUNT) % 5], "odd": np.where(np.arange(COUNT) % 2, np.nan, -0.0)}
    said = {"word": words[np.arange(len(ends)) % 5], "w": RNG.uniform(0, 1, (len(ends), 2))}
    write_graph(tmp_path / "g.zv", POSITIONS, ends, attributes=values, edge_attributes=said, **GIVEN, **more)
    for number, part in enumerate((Part(), Part(object_ids=(1, 13)), Part(region=box_region([0] * 3, [60] * 3)))):
        save(tmp_path / "g.zv", tmp_path / f"{number}.zv", part)
    save(tmp_path / "g.zv", tmp_path / "empty.zv", Part(region=box_region([500] * 3, [600] * 3)))
