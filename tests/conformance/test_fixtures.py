"""Stores that zarr-vectors 0.9.2 wrote are read exactly: every row, object, link, attribute and level."""

from __future__ import annotations

import numpy as np
import pytest

from tests import geometries as geo
from tests.conformance import decode
from tests.conformance.fixtures import NAMES, case_of, expected, path_of
from zarr_vectors.core.arrays import read_fragment_index
from zarr_vectors.core.arrays._fragments import open_fragment_attribute
from zarr_vectors.core.arrays._links import open_links
from zarr_vectors.core.store import load_store
from zarr_vectors.lazy import open_zv
from zarr_vectors.types.graphs import read_graph
from zarr_vectors.types.points import read_points
from zarr_vectors.types.polylines import read_polylines

CLOUDS = ("s01", "s02", "s10", "s11")
SHARED, EMPTY = "s12", "s13"  # vertices that several objects share; none


@pytest.mark.parametrize("name", [name for name in NAMES if name not in (SHARED, EMPTY)])
def test_everything_that_a_store_was_made_from_is_read(stores, name):
    case = case_of(stores, name)
    geo.same(geo.ours(path_of(stores, name), case), case)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in (SHARED, EMPTY)])
def test_what_a_store_was_made_from_can_be_written_again(stores, tmp_path, name):
    case = case_of(stores, name)
    geo.write(tmp_path / "again.zv", case)
    geo.same(geo.ours(tmp_path / "again.zv", case), case)


def order_of(positions, path, object_ids=None) -> np.ndarray:
    """Rows by chunk, then by object or bin, then as given."""
    with open_zv(path) as found:
        chunk, bins = np.array(found.chunk_shape), np.array(found.bin_shape)
    p = positions.astype(np.float64)
    inner = np.floor(p / bins).T[::-1] if object_ids is None else (object_ids,)
    return np.lexsort((*inner, *np.floor(p / chunk).T[::-1]))


@pytest.mark.parametrize("name", CLOUDS)
def test_positions_are_those_the_peer_was_given(stores, name):
    data, _ = expected(stores, name)
    order = order_of(data["pos"], path_of(stores, name), data.get("oid"))
    found = read_points(path_of(stores, name))
    assert found.positions.dtype == data["pos"].dtype
    assert found.positions.tobytes() == data["pos"][order].tobytes()
    with open_zv(path_of(stores, name)) as lazy:
        assert lazy.read().positions.tobytes() == found.positions.tobytes()
        assert lazy.vertex_count(0) == len(data["pos"])
        chunks = [chunk["positions"] for _, chunk in lazy.iter_chunks()]
        assert np.concatenate(chunks).tobytes() == found.positions.tobytes()
        assert lazy.catalogue().levels[0].counts.sum() >= len(data["pos"])


def test_every_attribute_of_the_full_store_is_read(stores):
    data, words = expected(stores, "s02")
    order = order_of(data["pos"], path_of(stores, "s02"), data["oid"])
    found = read_points(path_of(stores, "s02")).attributes
    numbers = {key.removeprefix("attr|"): values for key, values in data.items() if key.startswith("attr|")}
    assert sorted(found) == sorted([*numbers, *words["categorical"]])
    for name, values in numbers.items():
        assert found[name].dtype == values.dtype
        assert found[name].tolist() == values[order].tolist()
    for name, values in words["categorical"].items():
        assert found[name].tolist() == np.array(values, dtype=object)[order].tolist()
    assert None in found["label"].tolist()


def test_the_attribute_of_the_sharded_store_is_read(stores):
    data, _ = expected(stores, "s10")
    order = order_of(data["pos"], path_of(stores, "s10"))
    assert read_points(path_of(stores, "s10")).attributes["i"].tolist() == data["attr|i"][order].tolist()


def test_the_levels_of_the_pyramid_are_read(stores):
    data, facts = expected(stores, "s11")
    with open_zv(path_of(stores, "s11")) as lazy:
        assert lazy.levels == [0, 1]
        assert lazy.read(1).positions.tolist() == data["peer_L1|positions"].tolist()
        assert lazy.bin_shape_at(1) == tuple(facts["pyramid"]["bins"][0])
        assert lazy.chunk_shape_at(1) == tuple(facts["pyramid"]["chunks"][0])
        assert lazy.resolution_at(1) == lazy.bin_shape_at(1)
        lo, hi = np.full(3, 2.0), np.full(3, 11.0)
        for level in lazy.levels:
            p = lazy.read(level).positions
            inside = ((p >= lo) & (p < hi)).all(axis=1)
            assert 0 < inside.sum() < len(p)
            assert lazy.read(level, bbox=(lo, hi)).positions.tolist() == p[inside].tolist()


def test_the_empty_store_is_empty(stores):
    path, (_, facts) = path_of(stores, EMPTY), expected(stores, EMPTY)
    found = read_points(path)
    assert found.positions.shape == (0, 3)
    with open_zv(path) as lazy:
        assert lazy.spatial_dims == facts["ndim"]
        assert lazy.bounding_box[0].tolist() == facts["bounds"][0]
        assert list(lazy.iter_chunks()) == []


def test_the_fragments_of_a_bin_hold_its_rows(stores):
    with open_zv(path_of(stores, "s01")) as lazy:
        bins, chunk = np.array(lazy.bin_shape), np.array(lazy.chunk_shape)
        per = np.round(chunk / bins).astype(int)
        group = lazy.level_group(0)
        for coord, found in lazy.iter_chunks():
            index = read_fragment_index(group, "vertex_fragments", coord)
            assert index.num_fragments == per.prod()
            for f in range(index.num_fragments):
                rows = found["positions"][index.indices(f)].astype(np.float64)
                local = np.floor(rows / bins) - np.array(coord) * per
                assert (local == np.unravel_index(f, per)).all()


def test_objects_groups_and_metadata_of_the_full_store_are_told(stores):
    data, facts = expected(stores, "s02")
    with open_zv(path_of(stores, "s02")) as found:
        assert found.n_objects == len(data["object_ids"]) == found.object_count_at(0)
        assert found.object_attribute_names() == ("bbox2", "mass", "rank")
        groups = found.groups
        assert list(groups) == facts["group_names"]
        for row, members in enumerate(groups.values()):
            assert members.tolist() == data[f"group|{row}"].tolist()


@pytest.mark.parametrize("level", [0, 1, 2])
def test_the_levels_of_streamlines_are_read(stores, level):
    """Coarse lines share vertices, so no line has rows of its own; of those that were dropped nothing is left."""
    path, plain = path_of(stores, "s06"), decode.Store(path_of(stores, "s06")).levels[level]
    data, facts = expected(stores, "s06")
    found = read_polylines(path, level=level, include_object_attributes=True)
    left = {number: rows for number, rows in plain.objects.items() if len(rows)}
    assert found.object_ids.tolist() == list(left)
    for line, rows in zip(found.polylines, left.values(), strict=True):
        assert line.tobytes() == plain.positions[rows].tobytes()
    if level:
        assert sorted(map(bytes, found.positions)) == sorted(map(bytes, data[f"peer_L{level}|positions"]))
        assert len(left) == facts["pyramid"]["kept"][level - 1]
    for name, values in plain.table("object_attributes").items():
        assert found.object_attributes[name].tolist() == values[list(left)].tolist()
    with open_zv(path) as lazy:
        assert lazy.levels == [0, 1, 2]
        geo.alike(found, lazy.read(level))
        if level:
            assert lazy.bin_shape_at(level) == tuple(facts["pyramid"]["bins"][level - 1])
            assert lazy.chunk_shape_at(level) == tuple(facts["pyramid"]["chunks"][level - 1])


@pytest.mark.parametrize(("level", "delta"), [(0, 1), (0, 2), (1, 1), (1, -1), (2, -1), (2, -2)])
def test_links_between_levels_are_read(stores, level, delta):
    store, levels = load_store(path_of(stores, "s06")), decode.Store(path_of(stores, "s06")).levels
    found = open_links(store, level, delta).read(None)
    starts = [np.array([*levels[n].first.values()]) for n in (level, level + delta)]
    ends = np.stack([starts[i][found.chunk[:, i]] + found.row[:, i] for i in (0, 1)], axis=1)
    assert ends.tolist() == levels[level].records(delta).ends.tolist()


def test_vertices_that_objects_share_are_read_once_for_each(stores):
    data, _ = expected(stores, SHARED)
    path, cuts = path_of(stores, SHARED), data["poly_off"][1:-1]
    found = read_polylines(path)
    assert found.object_ids.tolist() == [0, 1, 2, 3, 4]
    pairs = ((found.polylines, data["poly"]), (found.attributes["q"], data["attr|q"]))
    for lists, values in pairs:
        for one, two in zip(lists, np.split(values, cuts), strict=True):
            assert (one.dtype, one.tobytes()) == (two.dtype, two.tobytes())
    with open_zv(path) as lazy:
        assert lazy.vertex_count(0) == 14
        buffers = [chunk["positions"] for _, chunk in lazy.iter_chunks()]
        for buffer, name in zip(buffers, ("chunk0_buffer", "chunk1_buffer"), strict=True):
            assert buffer.tobytes() == data[name].tobytes()


@pytest.mark.parametrize(("name", "attribute"), [("s02", "object_id"), ("s14", "object_id"), ("s14", "segment_id")])
def test_attributes_of_fragments_are_read(stores, name, attribute):
    store, plain = load_store(path_of(stores, name)), decode.Store(path_of(stores, name)).levels[0]
    coords = np.array(plain.coords)
    values, counts = open_fragment_attribute(store, 0, attribute, 3).read(coords, None)
    wanted = plain.fragment_attribute(attribute)
    assert counts.tolist() == [len(rows) for rows in wanted.values()]
    assert values.tolist() == np.concatenate(list(wanted.values())).tolist()
    owners = {pair: number for number, pairs in plain.manifests.items() for pair in pairs}
    if attribute == "object_id":
        ids = [owners[coord, f] for coord, pieces in plain.fragments.items() for f in range(len(pieces))]
        assert values.tolist() == ids


OWNED = ("s02", "s03", "s05", "s07", "s08", "s09", "s14")


@pytest.mark.parametrize("name", OWNED)
def test_every_object_is_read_alone(stores, name):
    case, path = case_of(stores, name), path_of(stores, name)
    for number in case.object_ids.tolist():
        found = geo.READ[case.kind](path, object_ids=[number])
        found_keys, wanted_keys = geo.keys(found.positions), geo.keys(geo.vertices_of(case, number))
        is_skeleton = case.kind == "skeleton"  # whose order is depth first
        if is_skeleton:
            found_keys, wanted_keys = sorted(found_keys), sorted(wanted_keys)
        assert found_keys == wanted_keys
        if case.kind in geo.TIED:
            whole = (case.owners[case.links] == number).all(axis=1)
            assert len(found.faces if case.kind == "mesh" else found.edges) == whole.sum()


@pytest.mark.parametrize("name", ["s02", "s05"])
def test_every_group_is_read_alone(stores, name):
    case, path = case_of(stores, name), path_of(stores, name)
    for row, (group, members) in enumerate(case.groups.items()):
        by_name, by_row = (geo.READ[case.kind](path, group_ids=[key]) for key in (group, row))
        geo.alike(by_name, by_row)
        there = sorted(set(members) & set(case.object_ids.tolist()))
        assert sorted(set(by_name.object_ids.tolist())) == there
        wanted = [key for number in there for key in geo.keys(geo.vertices_of(case, number))]
        assert sorted(geo.keys(by_name.positions)) == sorted(wanted)


def test_what_a_writer_took_away_from_coordinates_is_told_and_not_added(stores):
    data, facts = expected(stores, "s14")
    with open_zv(path_of(stores, "s14")) as found:
        assert found.coordinate_offset.tolist() == facts["coordinate_offset"]
        assert geo.keys(np.sort(found.read().positions, axis=0)) == geo.keys(np.sort(data["pos"], axis=0))
    with open_zv(path_of(stores, "s07")) as found:
        assert found.coordinate_offset.tolist() == [0.0, 0.0, 0.0]


def test_edges_of_streamed_skeletons_lead_from_child_to_parent(stores):
    """The peer stores those between chunks the other way round, and reads 2 of 25 falsely."""
    case = case_of(stores, "s14")
    found = read_graph(path_of(stores, "s14"))
    at = geo.rows_by_name(geo.Found(found.positions, {}), case)
    assert found.edge_count == 25
    assert sorted(at[found.edges].tolist()) == sorted(case.links.tolist())


@pytest.mark.parametrize("name", ["s01", "s11"])
def test_a_cloud_without_objects_has_none(stores, name):
    with open_zv(path_of(stores, name)) as found:
        assert (found.n_objects, found.object_attribute_names(), found.groups) == (0, (), {})
        assert (found.headers, found.user_metadata) == ({}, {})
