"""Other colours, filters and sizes of built chunks: the values of a full read, and nothing is read but columns."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_zarr_vectors._lod import build_tree
from napari_zarr_vectors._stream import (
    ByteCache,
    Coloring,
    LinkedSource,
    ObjectValues,
    PointSource,
    Request,
    Wanted,
)
from tests.geometries import KINDS, LABEL, cases, write
from zarr_vectors.lazy import open_zv
from zarr_vectors.multiresolution.coarsen import build_pyramid
from zarr_vectors.types.polylines import write_polylines

PLAIN = Coloring(LABEL, "scalar")
OTHER = "other"


def source_of(store, kind, coloring):
    tree = build_tree(store.catalogue())
    given = (store, tree, np.zeros(store.spatial_dims), ByteCache(1 << 26))
    points = kind in ("point_cloud", "objects") or store.adds_levels
    source = PointSource(*given) if points else LinkedSource(*given, is_surface=kind == "mesh")
    source.coloring[0] = coloring
    return source


def load(source, requests):
    """Load as the loader does: what goes together."""
    found = {}
    while requests:
        some = requests[: source.batch(requests)]
        found |= {r.node: built for r, built in zip(some, source.load(some), strict=True)}
        requests = requests[len(some) :]
    return found


def colorings(store):
    """What a person may ask for of a store."""
    some = [
        Coloring(),
        Coloring(OTHER, "scalar"),
        Coloring("nowhere", "scalar"),
        Coloring(OTHER, "scalar", size_by=LABEL),
        Coloring(LABEL, "scalar", wanted=Wanted(where={OTHER: (">", 10)})),
        Coloring(wanted=Wanted(where={OTHER: ("between", (5, 6)), LABEL: (">", 3)})),
    ]
    if store.n_objects:
        ids = np.sort(store.object_values()[0])
        by_object = ObjectValues(ids, np.arange(len(ids), dtype=np.float32) + 7)
        some += [
            Coloring(kind="scalar", objects=by_object),
            Coloring(kind="category", words=("a",), objects=by_object, sizes=by_object),
            Coloring(wanted=Wanted(object_ids=tuple(ids[: len(ids) // 2].tolist()))),
            Coloring(OTHER, "scalar", wanted=Wanted(share=0.5)),
        ]
    return st.sampled_from(some)


def assert_equal(found, wanted):
    assert found.keys() == wanted.keys()
    for node, built in found.items():
        assert np.array_equal(built.positions, wanted[node].positions)
        assert np.array_equal(built.values, wanted[node].values)
        assert (built.sizes is None) == (wanted[node].sizes is None)
        assert built.sizes is None or np.array_equal(built.sizes, wanted[node].sizes)


def refuse(*_args, **_options):
    raise AssertionError("vertices and links were read")


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=15)
@given(st.data())
def test_new_values_of_every_kind_are_those_of_a_full_read(kind, data):
    case = data.draw(cases(kind, plain=True))
    case.attributes[LABEL] = np.arange(len(case.positions), dtype=np.float32)
    case.attributes[OTHER] = np.random.default_rng(0).integers(0, 20, len(case.positions)).astype("f4")
    fraction = data.draw(st.sampled_from([1.0, 0.7]))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "s.zarrvectors"
        write(path, case)
        with open_zv(path, cache_size=0) as store:
            coloring = data.draw(colorings(store))
            source, anew = source_of(store, kind, PLAIN), source_of(store, kind, coloring)
            nodes = range(len(source._tree.count))
            wanted = load(anew, [Request(node, fraction) for node in nodes])
            built = load(source, [Request(node, fraction) for node in nodes])
            source.coloring[1] = coloring
            store.read_linked = store.read_chunks = refuse
            requests = [Request(node, chunk.fraction, 1, chunk) for node, chunk in built.items()]
            data.draw(st.randoms()).shuffle(requests)
            assert_equal(load(source, requests), wanted)


@pytest.fixture(scope="module")
def lines(tmp_path_factory):
    path, rng = tmp_path_factory.mktemp("lines") / "s.zarrvectors", np.random.default_rng(1)
    made = [np.cumsum(rng.normal(size=(40, 3)), axis=0) + 30 for _ in range(60)]
    values = {LABEL: [rng.random(40).astype("f4") for _ in made], OTHER: [rng.random(40).astype("f4") for _ in made]}
    masses = {"mass": np.arange(60, dtype="f4")}
    write_polylines(path, made, chunk_shape=10, bin_shape=5, attributes=values, object_attributes=masses)
    build_pyramid(path, [(2, 1), (2, 1)])
    return path


def test_values_are_right_on_every_level_and_cut_rows_are_among_them(lines):
    with open_zv(lines, cache_size=0) as store:
        source, anew = source_of(store, "polyline", PLAIN), source_of(store, "polyline", Coloring(OTHER, "scalar"))
        every = [Request(node) for node in range(len(source._tree.count))]
        built, wanted = load(source, every), load(anew, every)
        assert sum(len(chunk.source.cut) for chunk in built.values()) > 1000
        assert sum(len(chunk.source.far.rows) for chunk in built.values()) > 1000
        source.coloring[1], store.read_linked = Coloring(OTHER, "scalar"), refuse
        assert_equal(load(source, [Request(n, 1.0, 1, chunk) for n, chunk in built.items()]), wanted)


def test_each_column_is_read_once_and_what_is_said_of_objects_is_not_read(lines):
    with open_zv(lines, cache_size=0) as store:
        source = source_of(store, "polyline", PLAIN)
        built = load(source, [Request(node) for node in range(len(source._tree.count))])
        read, calls = store.read_values, []
        store.read_linked = refuse
        store.read_values = lambda level, coords, names: (
            calls.append((level, len(coords))) or read(level, coords, names)
        )
        mass = ObjectValues(*store.object_values("mass"))
        colorings = [
            Coloring(OTHER, "scalar"),
            Coloring(kind="scalar", objects=mass),
            Coloring(wanted=Wanted(share=0.3)),
            Coloring(OTHER, "scalar", wanted=Wanted(where={"mass": (">", 30)})),
        ]
        for epoch, coloring in enumerate(colorings, start=1):
            source.coloring[epoch] = coloring
            built = load(source, [Request(n, 1.0, epoch, chunk) for n, chunk in built.items()])
            source.forget(epoch)
        assert sum(count for _, count in calls) == len(built), "columns of neighbours are not read again"


def test_a_chunk_in_the_cache_gets_the_values_of_now_and_is_kept_once(lines):
    with open_zv(lines, cache_size=0) as store:
        source, anew = source_of(store, "polyline", PLAIN), source_of(store, "polyline", Coloring())
        (before,), size = source.load([Request(3)]), source._cache.nbytes
        source.coloring[1] = Coloring()
        store.read_linked, store.read_values = refuse, refuse
        (now,) = source.load([Request(3, epoch=1)])
        assert now.positions is before.positions
        assert source._cache.nbytes == size
        assert source.load([Request(3, epoch=1)]) == [now]
        del store.read_linked
        assert_equal({3: now}, {3: anew.load([Request(3)])[0]})


def test_what_came_late_does_not_replace_newer_values(lines):
    with open_zv(lines, cache_size=0) as store:
        source = source_of(store, "polyline", PLAIN)
        source.coloring[1] = Coloring()
        (new,) = source.load([Request(3, epoch=1)])
        (old,) = source.load([Request(3)])
        assert old.values.any()
        assert not new.values.any()
        assert source.load([Request(3, epoch=1)]) == [new]


def test_chunks_that_only_get_values_go_together_and_never_with_those_that_are_built(lines):
    with open_zv(lines, cache_size=0) as store:
        source = source_of(store, "polyline", PLAIN)
        depth = source._tree.level_of(np.arange(len(source._tree.count)))
        fine = np.flatnonzero(depth == depth.max())[:20].tolist()
        (built,) = source.load([Request(fine[0])])
        anew = [Request(node, epoch=1) for node in fine]
        values = [Request(node, 1.0, 1, built) for node in fine]
        assert source.batch(anew) == 20
        assert source.batch(values) == 20
        assert source.batch([*values[:5], *anew]) == 5
        assert source.batch([*anew[:5], *values]) == 5
        assert source.batch([*values[:5], Request(0, 1.0, 1, built)]) == 5
        assert source.batch([*values[:5], Request(fine[0], 1.0, 2, built)]) == 5
