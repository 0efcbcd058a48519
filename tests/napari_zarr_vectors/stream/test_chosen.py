"""Chosen objects come whole, at the finest level at which they are few enough, of every kind."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_zarr_vectors._stream import Wanted, read_chosen
from napari_zarr_vectors._stream.chosen import _fitting
from napari_zarr_vectors._stream.coloring import _known
from zarr_vectors.exceptions import CancelledError
from zarr_vectors.lazy import open_zv
from zarr_vectors.multiresolution.coarsen import build_pyramid
from zarr_vectors.types.graphs import write_graph
from zarr_vectors.types.lines import write_lines
from zarr_vectors.types.meshes import write_mesh
from zarr_vectors.types.points import write_points
from zarr_vectors.types.polylines import write_polylines

IDS = np.array([30, 4, 17, 8])
ROWS = 40


def write(kind, path):
    rng = np.random.default_rng(0)
    common = {"chunk_shape": 20.0, "bin_shape": 5.0, "groups": {"even": [30, 8]}}
    paths = [np.cumsum(rng.normal(0, 2, (ROWS, 3)), axis=0) + np.array([30 * k, 40, 40]) for k in range(len(IDS))]
    positions, owner = np.concatenate(paths), np.repeat(IDS, ROWS)
    if kind == "points":
        write_points(path, positions, object_ids=owner, **common)
    elif kind == "polylines":
        write_polylines(path, paths, object_ids=IDS, **common)
    elif kind == "lines":
        ends = np.stack([np.array([[10 * k, 1, 1], [10 * k + 9, 60, 60]], float) for k in range(len(IDS))])
        write_lines(path, ends, object_ids=IDS, **common)
    elif kind == "skeleton":
        edges = np.concatenate([np.stack([np.arange(1, ROWS), np.arange(ROWS - 1)], 1) + ROWS * k for k in range(4)])
        write_graph(path, positions, edges, geometry_type="skeleton", object_ids=owner, **common)
    else:
        faces = np.stack([np.arange(ROWS - 2), np.arange(1, ROWS - 1), np.arange(2, ROWS)], axis=1)
        write_mesh(path, paths, [faces] * 4, object_ids=IDS, **common)
    if kind != "lines":
        build_pyramid(path, [(2, 1)] * 3)


@pytest.fixture(scope="module", params=["points", "polylines", "lines", "skeleton", "mesh"])
def store(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("chosen") / "s.zv"
    write(request.param, path)
    with open_zv(path) as opened:
        yield request.param, opened


def read(store, most, *, go_on=lambda: True, **wanted):
    kind, opened = store
    shape = {"points": "points", "mesh": "surface"}.get(kind, "lines")
    return read_chosen(opened, Wanted(**wanted), most, go_on, origin=np.zeros(3), shape=shape)


def test_they_are_whole_at_the_finest_level(store):
    found = read(store, 10**6, object_ids=(8, 30))
    assert (found.level, found.is_finest, found.ids.tolist()) == (0, True, [8, 30])
    wanted = store[1].read(object_ids=[8, 30])
    assert np.array_equal(found.positions, wanted["positions"])
    assert set(found.built.objects.tolist()) == {8, 30}
    assert found.built.vertices == len(found.positions)


def test_the_level_follows_what_there_is_room_for(store):
    kind, opened = store
    sizes = {level: opened.filter(level, object_ids=IDS).objects()[1].sum() for level in opened.levels}
    for most in (10**6, *sorted(sizes.values(), reverse=True)):
        found = read(store, int(most), object_ids=tuple(IDS.tolist()))
        assert found.level == min(level for level, size in sizes.items() if size <= most)
        assert len(found.positions) == sizes[found.level] or kind == "lines"
        assert found.ids.tolist() == IDS.tolist()
    # At no level is there room for all: those that fit come whole, in the order given.
    last = opened.levels[-1]
    own = opened.filter(last, object_ids=IDS).objects()[1]
    found = read(store, int(own[:2].sum()), object_ids=tuple(IDS.tolist()))
    assert (found.level, found.ids.tolist(), found.is_finest) == (last, IDS[:2].tolist(), False)
    assert read(store, 0, object_ids=(8,)) is None


def test_one_that_is_too_large_does_not_keep_out_those_after_it(tmp_path):
    positions = np.random.default_rng(0).uniform(0, 50, (17, 3))
    edges = np.array([[i, i + 1] for i in range(16) if i not in (9, 13)])
    write_graph(tmp_path / "s.zv", positions, edges, object_ids=np.repeat([9, 2, 5], [10, 4, 3]), chunk_shape=20)
    with open_zv(tmp_path / "s.zv") as store:
        for ids, room, expected in (
            ((9, 2, 5), 5, [2]),
            ((2, 9, 5), 7, [2, 5]),
            ((9, 5, 2), 12, [9]),
            ((2, 9), 3, None),
        ):
            found = read_chosen(store, Wanted(object_ids=ids), room, lambda: True, origin=np.zeros(3), shape="lines")
            assert (None if found is None else found.ids.tolist()) == expected


@given(st.lists(st.integers(1, 20)), st.integers(0, 60))
def test_as_many_come_as_fit_in_the_order_given(sizes, room):
    expected, left = [], room
    for k, size in enumerate(sizes):
        if size <= left:
            expected.append(k)
            left -= size
    assert _fitting(np.array(sizes, np.int64), room).tolist() == expected


def test_what_the_filter_hides_of_whole_objects_is_not_read(store):
    assert sorted(read(store, 10**6, object_ids=(4, 8, 30), groups=("even",)).ids.tolist()) == [8, 30]
    assert read(store, 10**6, object_ids=(4,), groups=("even",)) is None
    assert read(store, 10**6, object_ids=(99,)) is None
    with pytest.raises(CancelledError):
        read(store, 10**6, go_on=lambda: False, object_ids=(4,))


@given(st.lists(st.integers(-5, 12)), st.lists(st.integers(-5, 12), unique=True))
def test_known_ids_are_those_that_there_are(ids, every):
    found = _known(np.array(ids, np.int64), np.array(every, np.int64)).tolist()
    assert sorted(found) == sorted(set(ids) & set(every))
    if len(set(ids)) == len(ids):
        assert found == [number for number in ids if number in every]


@pytest.mark.parametrize("shape", ["points", "lines"])
def test_they_are_as_large_as_their_vertices_or_objects_say(tmp_path, shape):
    lines = [np.array([[k, 1, 1], [k, 5, 5], [k, 9, 9]], float) for k in range(3)]
    numbers = {"width": np.array([1, 2, 3, 4, np.nan, 6, 7, 8, -9], "f4")}
    common = {"chunk_shape": 20.0, "attributes": numbers, "object_attributes": {"weight": np.array([10, 20, 30], "f4")}}
    if shape == "points":
        write_points(tmp_path / "s.zv", np.concatenate(lines), object_ids=np.repeat([0, 1, 2], 3), **common)
    else:
        write_polylines(tmp_path / "s.zv", lines, **common)
    with open_zv(tmp_path / "s.zv") as store:
        for size_by, expected in (
            (None, None),
            ("width", {1: {4, 0, 6}, 2: {7, 8, 0}}),
            ("weight", {1: {20}, 2: {30}}),
            ("nothing", {1: {1}, 2: {1}}),
        ):
            wanted = Wanted(object_ids=(1, 2))
            built = read_chosen(store, wanted, 99, lambda: True, origin=np.zeros(3), shape=shape, size_by=size_by).built
            if expected is None:
                assert built.sizes is None
                continue
            owners = np.repeat(built.objects, built.corners)
            assert {k: set(built.sizes[owners == k]) for k in (1, 2)} == expected
