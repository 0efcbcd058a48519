"""Lazy reading: the cache, iteration, batches, padded views, levels, the end."""

from __future__ import annotations

import json
import shutil
import threading
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import zarr
from zarr.storage import MemoryStore

from zarr_vectors.core._backends import LocalFiles
from zarr_vectors.core.arrays import read_fragment_index
from zarr_vectors.exceptions import (
    ArgumentError,
    CorruptChunkError,
    LimitError,
    StoreClosedError,
)
from zarr_vectors.lazy import LazyStore, open_zv
from zarr_vectors.lazy import _arrays as arrays_module
from zarr_vectors.lazy._cache import ChunkCache
from zarr_vectors.types.points import write_points

ORIGIN, CELLS = (-2, -1, 0), (4, 2, 3)


def chunk_of(data, coord):
    """The rows of one chunk in stored order."""
    p = data[0].astype(float)
    rows = np.flatnonzero((np.floor(p / 10) == coord).all(axis=1))
    local = np.floor(p[rows] / 5).astype(int) - 2 * np.array(coord)
    return rows[np.lexsort(local.T[::-1])]


def coords_of(data):
    return sorted(map(tuple, np.unique(np.floor(data[0].astype(float) / 10).astype(int), axis=0).tolist()))


# -- iteration --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prefetch", [0, 1, 3, 100])
def test_iteration_gives_every_chunk_once_ascending_and_whole(path, data, spy, prefetch):
    with open_zv(path) as store:
        found = list(store.iter_chunks(prefetch=prefetch))
    assert [c for c, _ in found] == coords_of(data)
    for coord, chunk in found:
        rows = chunk_of(data, coord)
        assert chunk["positions"].tolist() == data[0][rows].tolist()
        assert {k: v.tolist() for k, v in chunk["attributes"].items()} == {
            k: v[rows].tolist() for k, v in data[1].items()
        }
        assert set(chunk) == {"positions", "attributes"}
    assert set(spy.values()) == {1}
    assert len(spy) == len(found)


@pytest.mark.parametrize("prefetch", [0, 4])
def test_iteration_over_a_box_gives_the_chunks_it_meets(path, data, prefetch):
    box = ([-3.0, -9.0, 11.0], [10.0, -1.0, 19.0])
    with open_zv(path) as store:
        found = [c for c, _ in store.iter_chunks(bbox=box, prefetch=prefetch, attributes=["f"])]
    met = [c for c in coords_of(data) if all(c[a] * 10 < box[1][a] and (c[a] + 1) * 10 > box[0][a] for a in range(3))]
    assert found == met
    assert 0 < len(found) < len(coords_of(data))


@pytest.mark.parametrize(("prefetch", "most"), [(0, 3), (2, 5), (5, 8)])
def test_leaving_the_loop_early_stops_the_fetching(path, spy, prefetch, most):
    with open_zv(path) as store:
        loop = store.iter_chunks(prefetch=prefetch)
        for _ in range(3):
            next(loop)
        loop.close()
        assert 3 <= sum(spy.values()) <= most
        before = sum(spy.values())
        assert sum(spy.values()) == before


def test_prefetch_has_the_next_chunks_in_flight_while_one_is_used(path, monkeypatch):
    began = threading.Semaphore(0)
    original = LocalFiles._opened

    def opened(self, file, folder=None):
        if "/vertices/c/" in file:
            began.release()
        return original(self, file, folder)

    monkeypatch.setattr(LocalFiles, "_opened", opened)
    with open_zv(path) as store:
        loop = store.iter_chunks(prefetch=3, attributes=[])
        next(loop)
        for _ in range(4):  # the one in hand and three more
            assert began.acquire(timeout=10)
        loop.close()


def test_what_iteration_hands_out_belongs_to_the_caller(path):
    with open_zv(path) as store:
        box = ([0, 0, 0], [10, 10, 10])
        before = store.read(bbox=box).positions.copy()
        for _ in range(2):
            for _, chunk in store.iter_chunks(bbox=box):
                chunk["positions"][:] = 0
                chunk["attributes"]["f"][:] = 0
        assert store.read(bbox=box).positions.tolist() == before.tolist()


@pytest.mark.parametrize(
    "bad",
    [
        {"prefetch": -1},
        {"prefetch": "a"},
        {"n_workers": 0},
        {"n_workers": 1.5},
        {"level": 3},
        {"attributes": ["x"]},
        {"bbox": 5},
    ],
)
def test_iteration_refuses_what_it_cannot_do_at_once(path, bad):
    with open_zv(path) as store, pytest.raises(ArgumentError):
        store.iter_chunks(**bad)


# -- the cache --------------------------------------------------------------------------------------------------

BOX = ([0.0, 0.0, 0.0], [10.0, 10.0, 10.0])


def columns(size):
    return {"a": np.zeros(size, "u1")}


def test_the_least_recently_used_chunk_goes_first():
    cache = ChunkCache(2, None)
    for key in "ab":
        cache.put(key, columns(1))
    assert cache.get("a", ("a",)) is not None
    cache.put("c", columns(1))
    assert [cache.get(key, ("a",)) is not None for key in "abc"] == [True, False, True]
    assert len(cache) == 2


def test_a_cache_of_bytes_counts_bytes():
    cache = ChunkCache(256, 100)
    cache.put("a", columns(60))
    cache.put("b", columns(40))
    assert (len(cache), cache.nbytes) == (2, 100)
    cache.put("b", {"more": np.zeros(10, "u1")})
    assert (len(cache), cache.nbytes) == (1, 50)
    cache.put("c", columns(101))
    assert (len(cache), cache.nbytes) == (0, 0)
    cache.put("b", columns(5))
    cache.clear()
    assert (len(cache), cache.nbytes) == (0, 0)


def test_a_chunk_without_a_column_that_is_asked_for_is_not_a_hit():
    cache = ChunkCache(2, None)
    cache.put("a", columns(1))
    assert cache.get("a", ("a", "b")) is None


def test_a_box_read_again_is_read_from_the_cache(path, spy):
    with open_zv(path) as store:
        first = store.read(bbox=BOX)
        fetched = sum(spy.values())
        again = store.read(bbox=BOX)
        assert sum(spy.values()) == fetched
        assert again.positions.tolist() == first.positions.tolist()
        assert again.attributes["word"].tolist() == first.attributes["word"].tolist()
        again.positions[:] = 0
        assert store.read(bbox=BOX).positions.tolist() == first.positions.tolist()


def test_boxes_that_overlap_fetch_only_what_is_new(path, data, spy):
    with open_zv(path) as store:
        store.read(bbox=([0, 0, 0], [9, 9, 9]))
        store.read(bbox=([0, 0, 0], [9, 9, 19]))
        assert set(spy.values()) == {1}
        got = store.read(bbox=([0, 0, 0], [9, 9, 19]), attributes=[])
        p = data[0]
        assert got.vertex_count == ((p >= 0) & (p < [9, 9, 19])).all(axis=1).sum()


@pytest.mark.parametrize("options", [{"cache_size": 0}, {"cache_bytes": 0}])
def test_no_cache_keeps_nothing(path, spy, options):
    with open_zv(path, **options) as store:
        store.read(bbox=BOX)
        once = sum(spy.values())
        store.read(bbox=BOX)
        assert sum(spy.values()) == 2 * once
        assert len(store._cache) == 0


def test_the_cache_stays_within_its_chunks_and_bytes(path, data):
    for options in ({"cache_size": 3}, {"cache_bytes": 20_000}):
        with open_zv(path, **options) as store:
            for c in coords_of(data):
                lo = np.array(c) * 10.0
                store.read(bbox=(lo, lo + 5))
            assert len(store._cache) > 0
            assert len(store._cache) <= options.get("cache_size", 10**9)
            assert store._cache.nbytes <= options.get("cache_bytes", 10**9)


def test_many_threads_may_read_one_store(path, data):
    p, found, errors = data[0], [], []
    with open_zv(path, cache_size=4) as store:

        def work(seed):
            rng = np.random.default_rng(seed)
            try:
                for _ in range(10):
                    lo = rng.uniform([-20, -10, 0], [10, 0, 20])
                    count = store.read(bbox=(lo, lo + 10)).vertex_count
                    found.append(count == ((p >= lo) & (p < lo + 10)).all(axis=1).sum())
            except Exception as error:  # noqa: BLE001 - a thread must hand its error to the test
                errors.append(error)

        threads = [threading.Thread(target=work, args=(i,)) for i in range(6)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
    assert errors == []
    assert len(found) == 60
    assert all(found)


# -- batches for the viewer -------------------------------------------------------------------------------------


def test_a_batch_holds_chunks_in_the_order_asked_for_with_codes(path, data):
    coords = [coords_of(data)[i] for i in (5, 0, 5, 2)]
    with open_zv(path) as store:
        batch = store.read_chunks(0, coords)
        words = store.categories("word")
        assert store.categories("f") is None
    assert batch.coords.tolist() == list(map(list, coords))
    for i, coord in enumerate(coords):
        rows = chunk_of(data, coord)
        part = slice(batch.offsets[i], batch.offsets[i + 1])
        assert batch.positions[part].tolist() == data[0][rows].tolist()
        assert [words[c] for c in batch.attributes["word"][part]] == data[1]["word"][rows].tolist()
    assert batch.attributes["word"].dtype == "u1"
    assert batch.nbytes == batch.positions.nbytes + sum(a.nbytes for a in batch.attributes.values())


@pytest.mark.parametrize("counts", ["said", "not said", "wrong"])
def test_values_alone_are_those_of_the_batch_whatever_is_said_of_counts(path, tmp_path, counts):
    place = tmp_path / "copy.zv"
    shutil.copytree(path, place)
    file = place / "0" / "vertices" / "zarr.json"
    doc = json.loads(file.read_text())
    said = doc["attributes"].pop("chunk_counts")
    assert len(said) > 1
    if counts != "not said":
        doc["attributes"]["chunk_counts"] = said if counts == "said" else [said[0] - 1, said[1] + 1, *said[2:]]
    del doc["attributes"]["zv_crc32c"]
    file.write_text(json.dumps(doc))
    with open_zv(place) as store:
        coords = store.catalogue().levels[0].coords[::-1]
        batch, values = store.read_chunks(0, coords), store.read_values(0, coords)
    assert values.offsets.tolist() == batch.offsets.tolist()
    assert values.attributes.keys() == batch.attributes.keys() != set()
    for name, column in batch.attributes.items():
        assert np.array_equal(values.attributes[name], column)


def test_an_empty_batch_is_a_batch(path):
    with open_zv(path) as store:
        assert store.read_values(0, [], attributes=["f"]).attributes["f"].shape == (0,)
        batch = store.read_chunks(0, [], attributes=["f"])
    assert batch.positions.shape == (0, 3)
    assert batch.attributes["f"].shape == (0,)
    assert batch.offsets.tolist() == [0]


@pytest.mark.parametrize("bad", [[(9, 9, 9)], [(-2, 0, 2)], [(0, 0)], [(0.5, 0, 0)], (0, 0, 0), [("a", "b", "c")]])
def test_a_batch_of_chunks_that_are_not_there_is_refused(path, bad):
    with open_zv(path) as store, pytest.raises(ArgumentError, match="chunk|coords"):
        store.read_chunks(0, bad)


def test_the_catalogue_counts_every_chunk(path, data):
    with open_zv(path) as store:
        level = store.catalogue().levels[0]
        assert store.catalogue().bounds.tolist() == [data[0].min(0).tolist(), data[0].max(0).tolist()]
    assert list(map(tuple, level.coords.tolist())) == coords_of(data)
    assert level.counts.tolist() == [len(chunk_of(data, c)) for c in coords_of(data)]
    assert level.counts_exact
    assert level.vertex_count == len(data[0])


# -- padded views ------------------------------------------------------------------------------------------------

PADDING = {"vertices": np.nan, "f": np.nan, "i": 0, "b": False, "rgb": 0, "word": "", "maybe": ""}


def padded(data, name):
    """The whole view, made the naive way."""
    values = data[0] if name == "vertices" else data[1][name]
    longest = max(len(chunk_of(data, c)) for c in coords_of(data))
    dtype = object if values.dtype.kind in "OU" else values.dtype
    out = np.full((*CELLS, longest, *values.shape[1:]), PADDING[name], dtype)
    for c in coords_of(data):
        rows = chunk_of(data, c)
        out[tuple(np.array(c) - ORIGIN)][: len(rows)] = values[rows]
    return out


def alike(found, expected):
    assert found.shape == expected.shape
    both = (np.asarray(a).astype(object) for a in (found, expected))
    assert all(a == b or (a != a and b != b) for a, b in zip(*(x.ravel() for x in both), strict=True))


@pytest.mark.parametrize("name", PADDING)
def test_a_view_is_the_padded_array(path, data, name):
    expected = padded(data, name)
    with open_zv(path) as store:
        view = store.raw_array("vertices" if name == "vertices" else f"vertex_attributes/{name}", 0)
        assert view.shape == expected.shape
        assert view.ndim == expected.ndim
        assert view.dtype == (object if name == "maybe" else "U3" if name == "word" else expected.dtype)
        assert tuple(view.origin) == ORIGIN
        assert len(view) == 4
        for key in (
            (2, 1, 1), (0, 0, 2), (-1, -1, -1), (2,), 2, (slice(1, 3), 1), (slice(None, None, -1), 0, slice(0, 2)),
            (...,), (1, ...), (..., 0), (1, 1, 1, slice(0, 5)), (slice(0, 0),), (2, 1, 1, 0), (np.int64(2), 1, 1, ...),
            slice(1, 99),
        ):  # fmt: skip
            alike(np.asarray(view[key]), np.asarray(expected[key]))
        alike(np.asarray(view), expected)


def test_a_view_fetches_only_the_cell_that_is_indexed(path, spy):
    with open_zv(path) as store:
        view = store.raw_array("vertices", 0)
        assert not spy
        view[2, 1, 1]
        assert dict(spy) == {"2/1/1": 1}


def test_a_view_refuses_what_it_cannot_index(path, monkeypatch):
    with open_zv(path) as store:
        view = store.raw_array("vertices", 0)
        for key in ((9, 0, 0), (-5,), (0,) * 6, (..., ...)):
            with pytest.raises(IndexError):
                view[key]
        for key in (0.5, "a", None, [0, 1]):
            with pytest.raises(ArgumentError, match="whole numbers and slices"):
                view[key]
        monkeypatch.setattr(arrays_module, "_MAX_ELEMENTS", 100)
        with pytest.raises(LimitError, match="fewer cells"):
            view[...]


def test_other_arrays_are_those_of_zarr(path):
    group = zarr.open_group(path, mode="r")
    with open_zv(path) as store:
        assert isinstance(store.raw_array("vertex_fragments", 0), zarr.Array)
        for bad in ("vertex_attributes/x", "vertex_attributes", "nothing", "../zarr.json"):
            with pytest.raises(ArgumentError):
                store.raw_array(bad, 0)
        assert dict(store.level_group(0).attrs) == dict(group["0"].attrs)


def test_the_fragments_of_a_chunk_are_its_bins(path, data):
    with open_zv(path) as store:
        group = store.level_group(0)
    for coord in coords_of(data):
        index = read_fragment_index(group, "vertex_fragments", coord)
        rows = data[0][chunk_of(data, coord)].astype(float)
        local = np.floor(rows / 5).astype(int) - 2 * np.array(coord)
        counts = np.bincount(np.ravel_multi_index(tuple(local.T), (2, 2, 2)), minlength=8)
        assert index.num_fragments == index.num_range_fragments == 8
        assert [index.range(f) for f in range(8)] == list(
            zip((np.cumsum(counts) - counts).tolist(), counts.tolist(), strict=True)
        )
    with pytest.raises(ArgumentError, match="components"):
        read_fragment_index(group, "vertex_fragments", (0, 0))
    with pytest.raises(ArgumentError, match="no array"):
        read_fragment_index(group, "nothing", (0, 0, 0))


@pytest.mark.parametrize("coord", [(-2, 0, 2), (9, 0, 0), (-3, 0, 0), np.array([0, 0, 2**40])])
def test_fragments_of_a_chunk_that_there_is_not_are_an_argument_not_damage(path, data, coord):
    assert tuple(coord) not in coords_of(data)
    with open_zv(path) as store, pytest.raises(ArgumentError, match="has no chunk"):
        read_fragment_index(store.level_group(0), "vertex_fragments", coord)


@pytest.mark.parametrize("coord", [(0.5, 0, 0), "abc", 5, None, [(0, 0, 0)]])
def test_what_is_no_chunk_coordinate_is_refused(path, coord):
    with open_zv(path) as store, pytest.raises(ArgumentError, match="components"):
        read_fragment_index(store.level_group(0), "vertex_fragments", coord)


def test_fragments_of_a_chunk_that_lost_them_are_damage(tmp_path, data):
    write_points(tmp_path / "s.zv", data[0], chunk_shape=10.0)
    shutil.rmtree(tmp_path / "s.zv/0/vertex_fragments/c")
    with open_zv(tmp_path / "s.zv") as store, pytest.raises(CorruptChunkError):
        read_fragment_index(store.level_group(0), "vertex_fragments", coords_of(data)[0])


# -- the end -----------------------------------------------------------------------------------------------------


def test_use_after_close_is_an_error(path):
    store = open_zv(path)
    store.read(bbox=BOX)
    loop, ahead, view = store.iter_chunks(), store.iter_chunks(prefetch=2), store.raw_array("vertices", 0)
    next(loop)
    next(ahead)
    store.close()
    store.close()
    assert len(store._cache) == 0
    calls = [
        store.read, store.iter_chunks, lambda: store.read_chunks(0, []), lambda: store.raw_array("vertices"),
        store.level_group, store.vertex_count, store.attribute_names, lambda: store.bounding_box, store.catalogue,
        lambda: next(loop), lambda: list(ahead), lambda: view[0, 0, 0], lambda: view[...],
        lambda: store.categories("word"),
    ]  # fmt: skip
    # A name outlives its store, for what is said of it; nothing else does.
    properties = {name for name, member in vars(LazyStore).items() if isinstance(member, property)}
    calls += [partial(getattr, store, name) for name in properties if name != "name" and not name.startswith("_")]
    for call in calls:
        with pytest.raises(StoreClosedError, match="was closed"):
            call()
    assert "closed" in repr(store)
    assert store.name.endswith(Path(path).name)


@pytest.mark.parametrize("value", [-1, "a", 2.5, None, True, [1]])
@pytest.mark.parametrize("name", ["cache_size", "cache_bytes", "n_workers"])
def test_a_bound_that_is_no_whole_number_is_refused_by_name(path, name, value):
    if (name, value) != ("cache_bytes", None):
        with pytest.raises(ArgumentError, match=f"{name} must be a whole number"):
            open_zv(path, **{name: value})


@pytest.mark.parametrize("number", [10, 10.0, np.float32(10), np.int16(10), np.float64(10), Fraction(10)])
def test_a_resolution_may_be_any_real_number(path, number):
    with open_zv(path) as store:
        assert store.read(target_resolution=number).level == 0


@pytest.mark.parametrize("bad", [{"cache_size": -1}, {"cache_bytes": -1}, {"n_workers": 0}])
def test_a_store_is_not_opened_with_bounds_that_are_none(path, bad):
    with pytest.raises(ArgumentError):
        open_zv(path, **bad)


@pytest.mark.parametrize("value", [-1, np.nan, np.inf, "fine", True, np.float32(-1), [1]])
def test_a_resolution_that_is_none_is_refused(path, value):
    with open_zv(path) as store, pytest.raises(ArgumentError, match="target_resolution"):
        store.read(target_resolution=value)


def test_opening_reads_only_metadata(path, monkeypatch):
    seen = []
    original = LocalFiles._opened
    monkeypatch.setattr(LocalFiles, "_opened", lambda self, file, *at: seen.append(file) or original(self, file, *at))
    open_zv(path)
    assert len(seen) <= 5
    assert all(name.endswith("zarr.json") for name in seen)


def test_a_store_in_memory_can_be_read_ahead_of(data):
    memory = MemoryStore()
    write_points(memory, data[0], chunk_shape=10.0, attributes={"f": data[1]["f"]})
    with open_zv(memory) as store:
        for prefetch in (0, 3):
            found = list(store.iter_chunks(prefetch=prefetch))
            assert [c for c, _ in found] == coords_of(data)
            found[0][1]["positions"][:] = 0  # it belongs to the caller
