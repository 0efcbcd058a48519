"""Chosen objects come whole, at the finest level at which they are few enough, of every kind."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_zarr_vectors._stream import Wanted, read_chosen
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
    drawn = int(found.built.vertices(np.array([0]), np.array([found.built.rows]))[0])
    assert drawn == len(found.positions)


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
