"""From a store on disk to shown rows, without a window: what is shown is in the store, once."""

from __future__ import annotations

import json
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from napari_zarr_vectors._build import HIDDEN_VALUE, MISSING_VALUE
from napari_zarr_vectors._lod import CameraState, build_tree
from napari_zarr_vectors._lod.fetching import AHEAD, VISIBLE
from napari_zarr_vectors._lod.plan import plan as make_plan
from napari_zarr_vectors._stream import (
    MOST_VALUE,
    ByteCache,
    Coloring,
    Loader,
    Planner,
    PointSource,
    Request,
    Threads,
    View,
    Wanted,
    color_values,
)
from napari_zarr_vectors._stream import planner as planner_module
from zarr_vectors.lazy import WEIGHTS, open_zv
from zarr_vectors.multiresolution.coarsen import build_pyramid
from zarr_vectors.types.points import write_points

COUNT = 20_000


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    rng = np.random.default_rng(0)
    positions = (rng.normal(size=(COUNT, 3)) * [40, 80, 20]).astype(np.float32)
    place = tmp_path_factory.mktemp("store") / "cloud.zarrvectors"
    write_points(
        place,
        positions,
        chunk_shape=40,
        bin_shape=10,
        attributes={
            "number": np.arange(COUNT, dtype=np.int32),
            "word": np.array(["a", "b"])[np.arange(COUNT) % 2],
            "rgb": rng.integers(0, 255, (COUNT, 3), dtype=np.uint8),
        },
    )
    build_pyramid(place, [(2, 1), (2, 1)])
    return place


def everything(tree):
    """A camera that sees all of it from afar, in parallel projection, pixels as small as asked."""
    return CameraState(
        displayed=(0, 1, 2),
        planes=np.array([[1.0, 0, 0, 1e6]]),
        eye=None,
        axis_scale=np.ones(3),
        focal_px=50.0,
        canvas_px=(800.0, 800.0),
        focus=np.zeros(3),
        forward=np.array([1.0, 0, 0]),
        slab_lo=np.full(3, -np.inf),
        slab_hi=np.full(3, np.inf),
    )


def settle(path, budget, coloring, *, locked_level=None):
    """Plan and load until complete; give the plan's ranges, the chunks and the tree."""
    with open_zv(path, cache_size=0) as store:
        tree = build_tree(store.catalogue())
        source = PointSource(store, tree, np.zeros(3), ByteCache(1 << 26))
        source.coloring[0] = coloring
        chunks = {}
        planner, loader = (
            Planner(tree, 256, chunks.get, lambda ranges: ranges, Threads(1, "plan")),
            Loader(source, Threads(2, "load")),
        )
        view = View(partial(everything, tree), budget, locked_level, 1, 4 * budget + 100_000)
        try:
            for _ in range(500):
                planned = planner.plan_now(view)
                assert planned.plan.shown_vertices <= budget
                for node in planned.plan.evict.tolist():
                    chunks.pop(node)
                if planned.plan.complete and loader.idle:
                    return planned, chunks, tree
                loader.want([Request(n, planned.plan.fetch_fraction) for n in planned.plan.fetch.tolist()])
                while not loader.idle:
                    while (item := loader.take()) is not None:
                        chunks[item[0].node] = item[1]
                        planner.loaded(item[0].node, item[1], item[0].fraction)
                    time.sleep(0.001)
        finally:
            loader.close()
            planner.close()
    raise AssertionError("the view was never complete")


def shown_rows(planned, chunks):
    ranges = planned.commit
    rows = {n: np.column_stack([chunks[n].positions, chunks[n].values]) for n in set(ranges.nodes.tolist())}
    parts = [rows[n][a:b] for n, a, b in zip(ranges.nodes, ranges.starts, ranges.stops, strict=True)]
    return np.concatenate(parts)


def test_a_budget_that_holds_everything_shows_every_point_of_level_0_once(path):
    planned, chunks, _ = settle(path, 10 * COUNT, Coloring("number", "scalar"))
    rows = shown_rows(planned, chunks)
    assert planned.plan.levels == {0}
    assert sorted(rows[:, 3].tolist()) == list(range(COUNT))


def test_values_belong_to_their_positions(path):
    planned, chunks, _ = settle(path, 10 * COUNT, Coloring("number", "scalar"))
    rows = shown_rows(planned, chunks)
    with open_zv(path) as store:
        found = store.read(0)
    expected = found.positions[np.argsort(found.attributes["number"])]
    assert np.array_equal(rows[np.argsort(rows[:, 3]), :3], expected)


@pytest.mark.parametrize("budget", [200, 1000, 5000, 15000])
def test_a_small_budget_is_kept_and_used(path, budget):
    planned, chunks, _ = settle(path, budget, Coloring())
    shown = len(shown_rows(planned, chunks))
    assert budget * 0.3 < shown <= budget


def test_a_locked_level_is_shown_whole(path):
    planned, chunks, _ = settle(path, 10 * COUNT, Coloring(), locked_level=1)
    with open_zv(path) as store:
        assert len(shown_rows(planned, chunks)) == store.vertex_count(1)


def test_rows_that_are_found_again_fit_the_budget_too(path):
    planned, chunks, tree = settle(path, COUNT // 4, Coloring("number", "scalar"), locked_level=0)

    def drawn(ranges):  # chance put three times as much into the slab as the plan counted
        return 3 * int((ranges.stops - ranges.starts).sum())

    planner = Planner(tree, 256, chunks.get, lambda ranges: ranges, Threads(1, "plan"), drawn=drawn)
    try:
        assert 0 < drawn(planner.commit_of(planned.plan, chunks)) <= COUNT // 4
    finally:
        planner.close()


def test_a_locked_level_above_the_budget_is_thinned_evenly(path):
    planned, chunks, _ = settle(path, COUNT // 4, Coloring("number", "scalar"), locked_level=0)
    rows = shown_rows(planned, chunks)
    assert COUNT / 8 < len(rows) <= COUNT // 4
    assert len(np.unique(rows[:, 3])) == len(rows)
    with open_zv(path) as store:
        everything_sd = store.read(0).positions.std(axis=0)
    assert np.allclose(rows[:, :3].std(axis=0), everything_sd, rtol=0.1)


@pytest.mark.parametrize(("name", "kind"), [("word", "category"), ("rgb", "rgb")])
def test_words_are_codes_and_colours_are_packed(path, name, kind):
    planned, chunks, _ = settle(path, 10 * COUNT, Coloring(name, kind, ("a", "b")))
    values = shown_rows(planned, chunks)[:, 3]
    with open_zv(path) as store:
        found = store.read(0).attributes[name]
    if kind == "category":
        assert np.bincount(values.astype(int)).tolist() == [np.sum(found == "a"), np.sum(found == "b")]
    else:
        packed = found.astype(np.int64) @ np.array([65536, 256, 1])
        assert sorted(values.astype(np.int64).tolist()) == sorted(packed.tolist())


def test_a_level_without_the_attribute_is_shown_all_the_same(path, tmp_path):
    bare = tmp_path / "bare.zarrvectors"
    shutil.copytree(path, bare)
    shutil.rmtree(bare / "1" / "vertex_attributes")
    doc = json.loads((bare / "1" / "zarr.json").read_text())
    about = doc["attributes"]["zarr_vectors_level"]  # as of a writer that carries no attributes and does not name them
    del about["attribute_names"]
    about["arrays_present"].remove("vertex_attributes")
    (bare / "1" / "zarr.json").write_text(json.dumps(doc, indent=1))
    for name, kind in (("number", "scalar"), ("word", "category"), ("rgb", "rgb")):
        planned, chunks, _ = settle(bare, 10 * COUNT, Coloring(name, kind, ("a", "b")), locked_level=1)
        assert (shown_rows(planned, chunks)[:, 3] == np.float32(MISSING_VALUE)).all()
        with open_zv(bare) as store:
            assert len(shown_rows(planned, chunks)) == store.vertex_count(1)


def test_a_missing_word_is_none_of_the_words(tmp_path):
    place = tmp_path / "missing.zarrvectors"
    words = np.array(["a", None, "b", None], dtype=object)
    write_points(place, np.arange(12.0).reshape(4, 3), chunk_shape=100, attributes={"word": words})
    planned, chunks, _ = settle(place, 100, Coloring("word", "category", ("a", "b")))
    assert sorted(shown_rows(planned, chunks)[:, 3].tolist()) == [np.float32(MISSING_VALUE)] * 2 + [0, 1]


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_a_number_that_is_missing_is_none_and_one_without_end_is_the_last(dtype):
    numbers = np.array([np.nan, -np.inf, np.inf, np.finfo(dtype).min, 3], dtype)
    values = color_values(Coloring("number", "scalar"), numbers)
    lowest, highest = -np.float32(MOST_VALUE), np.float32(MOST_VALUE)
    assert values.tolist() == [np.float32(MISSING_VALUE), lowest, highest, lowest, 3]
    assert highest < 1e38, "what is above is hidden"


@pytest.mark.parametrize("level", [0, 1, 2])
@pytest.mark.parametrize(
    ("where", "shown"),
    [
        (None, {"oak", "ash", "yew", "birch"}),
        ({"x": (">", 20)}, {"ash", "yew", "birch"}),
        ({"word": ("in", ["birch", "oak"])}, {"oak", "birch"}),
    ],
)
def test_a_word_has_one_colour_on_every_level_and_under_every_filter(tmp_path, level, where, shown):
    place, words = tmp_path / "wood.zarrvectors", ("oak", "ash", "yew", "birch")
    positions = np.random.default_rng(1).uniform(0, 80, (4000, 3))
    positions[:, 0] = 20 * (positions[:, 0] // 20) + 7 + 0.3 * (positions[:, 0] % 20)  # no cell has two words
    attributes = {"word": np.array(words)[(positions[:, 0] // 20).astype(int)], "x": positions[:, 0].astype("f4")}
    write_points(place, positions, chunk_shape=20, bin_shape=5, attributes=attributes)
    build_pyramid(place, [(2, 1), (2, 1)])
    with open_zv(place) as store:
        known = store.categories("word", 0)
    coloring = Coloring("word", "category", known, wanted=None if where is None else Wanted(where=where))
    planned, chunks, _ = settle(place, 10_000, coloring, locked_level=level)
    rows = shown_rows(planned, chunks)
    rows = rows[rows[:, 3] < HIDDEN_VALUE / 2]
    pairs = {(words[int(x // 20)], known[int(code)]) for x, _, _, code in rows.tolist()}
    assert pairs == {(word, word) for word in shown}


def test_the_planner_thread_hands_out_each_plan_once_and_ends(path):
    with open_zv(path, cache_size=0) as store:
        tree = build_tree(store.catalogue())
    planner = Planner(tree, 256, {}.get, lambda ranges: ranges, Threads(1, "plan"))
    view = View(partial(everything, tree), 1000, None, 7, 100_000)
    assert planner.submit(view)
    assert not planner.submit(view)
    planned = planner.take(wait=True)
    assert planned.plan.generation == 7
    assert planner.take() is None
    planner.close()
    end = time.monotonic() + 1
    while time.monotonic() < end and any(t.name.startswith("zarr-vectors-plan") for t in threading.enumerate()):
        time.sleep(0.005)
    assert not [t for t in threading.enumerate() if t.name.startswith("zarr-vectors-plan")]


def test_nodes_of_a_level_are_asked_for_together_and_what_lies_ahead_as_it_comes(path, monkeypatch):
    with open_zv(path, cache_size=0) as store:
        tree = build_tree(store.catalogue())
    levels = tree.level_of(np.arange(len(tree.coords)))
    coarse, fine = (np.flatnonzero(levels == level)[:8] for level in np.unique(levels)[:2])
    mixed = np.stack([coarse, fine], axis=1).reshape(-1)
    wanted = np.concatenate([mixed, mixed[::-1]]).astype(np.int32)
    tier = np.repeat([VISIBLE, AHEAD], len(mixed)).astype(np.int8)

    def plan_that_wants(*args, **options):
        return replace(make_plan(*args, **options), fetch=wanted, fetch_tier=tier)

    monkeypatch.setattr(planner_module, "plan", plan_that_wants)
    planner = Planner(tree, 256, {}.get, lambda ranges: ranges, Threads(1, "plan"))
    planned = planner.plan_now(View(partial(everything, tree), 1000, None, 7, 100_000))
    planner.close()
    assert [request.node for request in planned.requests] == [*coarse, *fine]
    assert [request.node for request in planned.ahead] == mixed[::-1].tolist()


def test_a_larger_share_for_which_there_was_no_room_is_not_asked_for_again_as_long_as_there_is_none(path):
    chunks = {}
    with open_zv(path, cache_size=0) as store:
        tree = build_tree(store.catalogue())
        source = PointSource(store, tree, np.zeros(3), ByteCache(1 << 26))
        planner = Planner(tree, 256, chunks.get, lambda ranges: ranges, Threads(1, "plan"), rows_a_vertex=0.5)
        tops, capacity = len(tree.tops), 256 * 6 * len(tree.tops)
        view = View(partial(everything, tree), 2 * COUNT, 2, 1, capacity)
        try:
            for node in tree.tops.tolist():
                (chunks[node],) = source.load([Request(node, 0.01)])
                planner.loaded(node, chunks[node], 0.01)
            first = planner.plan_now(view)
            assert first.plan.fetch_fraction == 1
            assert len(first.requests) == tops, "by what is known of shares there is room for all of them"
            # Of each there are many times the rows that its share let expect.
            wanted = source.load([Request(request.node) for request in first.requests])
            for request, whole in zip(first.requests, wanted, strict=True):
                rows = np.resize(np.arange(whole.rows), 3000)
                planner.too_large(request.node, replace(whole, positions=whole.positions[rows]), 1.0)
            asked = planner.plan_now(view)
        finally:
            planner.close()
    assert all(request.fraction < first.plan.fetch_fraction for request in asked.requests)
    assert asked.plan.fetch_fraction * 3000 * len(first.requests) <= capacity


def test_what_was_loaded_is_known_to_the_plan_after_one_whose_camera_could_not_be_reckoned(path):
    def no_camera():
        raise np.linalg.LinAlgError

    with open_zv(path, cache_size=0) as store:
        tree = build_tree(store.catalogue())
        source = PointSource(store, tree, np.zeros(3), ByteCache(1 << 26))
        node = int(tree.tops[0])
        (built,) = source.load([Request(node)])
        planner = Planner(tree, 256, {node: built}.get, lambda ranges: ranges, Threads(1, "plan"))
        try:
            planner.loaded(node, built)
            with pytest.raises(np.linalg.LinAlgError):
                planner.plan_now(View(no_camera, COUNT, None, 1, 100_000))
            planned = planner.plan_now(View(partial(everything, tree), COUNT, None, 2, 100_000))
        finally:
            planner.close()
    assert node in planned.commit.nodes


def test_a_plan_that_raises_evicts_nothing_and_the_next_one_does(path, monkeypatch):
    chunks, broken = {}, [False]

    def prepare(ranges):
        if broken[0]:
            raise MemoryError
        return ranges

    def plan_that_evicts(*args, **options):
        return replace(make_plan(*args, **options), evict=np.array(sorted(chunks)[1:], np.int32))

    with open_zv(path, cache_size=0) as store:
        tree = build_tree(store.catalogue())
        planner = Planner(tree, 256, chunks.get, prepare, Threads(1, "plan"))
        view = View(partial(everything, tree), 1000, None, 7, 100_000)
        fetched = [Request(node) for node in planner.plan_now(view).plan.fetch.tolist()]
        for request in fetched[:3]:
            (chunks[request.node],) = PointSource(store, tree, np.zeros(3), ByteCache(1 << 26)).load([request])
            planner.loaded(request.node, chunks[request.node])
    monkeypatch.setattr(planner_module, "plan", plan_that_evicts)
    broken[0] = True
    assert planner.submit(view)
    with pytest.raises(MemoryError):
        planner.take(wait=True)
    assert not planner.busy
    book = planner._book
    assert book.residents.tolist() == sorted(chunks)
    assert book.used_pages == book.pages(np.array(sorted(chunks))).sum() > 0
    broken[0] = False
    planner.plan_now(view)
    assert book.residents.tolist() == sorted(chunks)[:1]
    planner.close()


def test_each_coarse_point_has_the_weight_that_the_store_says(path):
    with open_zv(path) as store:
        tree = build_tree(store.catalogue())
        source = PointSource(store, tree, np.zeros(3), ByteCache(1 << 26))
        nodes = [n for n in range(len(tree.coords)) if tree.levels[int(tree.level_of(np.array(n)))] == 1]
        fullest = max(nodes, key=lambda n: tree.count[n])
        (built,) = source.load([Request(fullest)])
        found = store.read_chunks(1, tree.coords[[fullest]], [WEIGHTS])
    said = dict(zip(map(tuple, found.positions.tolist()), found.attributes[WEIGHTS].tolist(), strict=True))
    weights = 2.0 ** (32 * (built.levels.astype(float) - 1))
    wanted = [said[place] for place in map(tuple, built.positions.tolist())]
    assert len(set(wanted)) > 1
    np.testing.assert_allclose(weights, wanted, rtol=2e-4)


def test_what_an_epoch_knew_is_forgotten_once_nothing_of_it_is_read(path, monkeypatch):
    reading, go_on = threading.Event(), threading.Event()
    with open_zv(path) as store, ThreadPoolExecutor(1) as pool:
        source = PointSource(store, build_tree(store.catalogue()), np.zeros(3), ByteCache(1 << 26))
        source.coloring[0] = Coloring("number", "scalar", wanted=Wanted(where={"number": ("<", 0)}))
        source.coloring[1] = Coloring("number", "scalar")
        monkeypatch.setattr(source, "_look", lambda: reading.set() or go_on.wait(30))
        old = pool.submit(source.load, [Request(0)])
        assert reading.wait(30)
        source.forget(1)
        assert set(source.coloring) == {0, 1}
        go_on.set()
        assert (old.result()[0].values == np.float32(HIDDEN_VALUE)).all()
        assert set(source.coloring) == {1}
        assert not source._questions
        # One that was on its way comes with the values of now; nobody takes it.
        (late,), (now,) = source.load([Request(0)]), source.load([Request(0, epoch=1)])
        assert late is now
        assert (now.values < COUNT).all()
