"""Other colours, filters and sizes in a real window: they paint what a fresh layer does, and quick ones are seen."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from napari_zarr_vectors._build import HIDDEN_VALUE
from napari_zarr_vectors._controller import _tuning, engine_of, open_layer
from napari_zarr_vectors._layers import ViewerState, Window
from napari_zarr_vectors._stream import PointSource, Request
from zarr_vectors.multiresolution.coarsen import build_pyramid
from zarr_vectors.types.meshes import write_mesh
from zarr_vectors.types.points import write_points
from zarr_vectors.types.polylines import write_polylines

pytestmark = pytest.mark.gui

OBJECTS, ROWS = 20, 60
KINDS = ("points", "lines", "mesh")
CHANGES = {
    "an attribute": {"color_by": "second"},
    "an attribute of objects": {"color_by": "mass"},
    "one colour": {"color_by": None},
    "a condition": {"where": {"second": (">", 0.4)}},
    "objects": {"object_ids": (2, 3, 5, 7, 11)},
    "all at once": {"color_by": "mass", "size_by": "second", "share": 0.5},
}


def write(kind, path):
    """Objects that run through many chunks, with two numbers a vertex and one an object."""
    rng = np.random.default_rng(3)
    walks = np.cumsum(rng.normal(0, 1.5, (OBJECTS, ROWS, 3)), axis=1) + rng.uniform(30, 60, (OBJECTS, 1, 3))
    numbers = {name: rng.random((OBJECTS, ROWS)).astype("f4") for name in ("first", "second")}
    options = {"chunk_shape": 10, "bin_shape": 5, "object_attributes": {"mass": np.arange(OBJECTS, dtype="f4")}}
    flat = {name: column.reshape(-1) for name, column in numbers.items()}
    if kind == "points":
        owners = np.repeat(np.arange(OBJECTS), ROWS)
        write_points(path, walks.reshape(-1, 3), attributes=flat, object_ids=owners, **options)
    elif kind == "lines":
        write_polylines(path, list(walks), attributes={n: list(column) for n, column in numbers.items()}, **options)
    else:
        strip = np.stack([np.arange(ROWS - 2), np.arange(1, ROWS - 1), np.arange(2, ROWS)], axis=1)
        write_mesh(path, list(walks), [strip] * OBJECTS, attributes={n: list(c) for n, c in numbers.items()}, **options)
    build_pyramid(path, [(2, 1)])
    return path


@pytest.fixture(scope="module", params=KINDS)
def store(request, tmp_path_factory):
    return write(request.param, tmp_path_factory.mktemp("changes") / f"{request.param}.zarrvectors")


def shown_in(window, path, **display):
    """Show a store in a window; without light and soft edges the order of chunks, which is by chance, is not seen."""
    shading = "soft" if path.stem == "mesh" else "flat"
    (layer,) = open_layer(window.viewer, path, size=3, contrast_limits=(0, 20), shading=shading, **display)
    window.viewer.reset_view()
    assert window.wait_until(lambda: layer.lod.status.complete, 30)
    return layer


def picture(window):
    return window.viewer.screenshot(canvas_only=True, flash=False)[..., :3]


def is_same(one, other):
    """Compare two pictures: which of two chunks paints the joint between them is by chance, and rounded otherwise."""
    apart = np.abs(one.astype(int) - other).max(axis=2)
    return apart.max() <= 1 and (apart > 0).sum() <= 0.001 * one.any(axis=2).sum()


def apply(layer, change):
    for name, value in change.items():
        setattr(layer.style if hasattr(layer.style, name) else layer.filter, name, value)


def refuse(*_args, **_options):
    raise AssertionError("vertices and links were read")


def complete(window, layer):
    assert window.wait_until(lambda: layer.lod.status.complete, 60)


def test_a_change_of_values_paints_what_a_fresh_layer_paints(store, monkeypatch):
    window = Window(ndisplay=3, size=(900, 460))
    try:
        layer = shown_in(window, store, color_by="first")
        plain = {"color_by": "first", "size_by": None, "where": None, "object_ids": None, "share": 1.0}
        for level, names in ((0, list(CHANGES)), (1, ["an attribute of objects", "all at once"])):
            layer.lod.level = level
            complete(window, layer)
            monkeypatch.setattr(engine_of(layer).store, "read_linked", refuse)
            before = picture(window)
            for name in names:
                change = CHANGES[name]
                apply(layer, change)
                complete(window, layer)
                changed = picture(window)
                layer.visible = False
                fresh = shown_in(window, store, level=level, **{"color_by": "first", **change})
                assert fresh.lod.status.levels == {level}
                assert is_same(picture(window), changed), (name, level)
                assert not is_same(changed, before), (name, level)
                window.viewer.layers.remove(fresh)
                layer.visible = True
                apply(layer, plain)
                complete(window, layer)
                assert is_same(picture(window), before), (name, level)
            monkeypatch.undo()
    finally:
        window.close()


def test_of_changes_that_come_faster_than_they_are_done_some_are_seen_and_the_last_one_stays(store, monkeypatch):
    window = Window(ndisplay=3, size=(900, 460))
    revalued = PointSource._revalued

    def slowly(*args):
        time.sleep(0.05)  # several of these a change
        return revalued(*args)

    try:
        layer = shown_in(window, store, color_by="first")
        monkeypatch.setattr(PointSource, "_revalued", slowly)
        seen, asked = [], 0
        layer.events.value_info.connect(lambda _: seen.append(layer.value_info.name))
        names = ("second", "mass", "first")
        while len(set(seen)) < len(names) and asked < 400:
            layer.style.color_by = names[asked % 3]
            layer.filter.share = 1 - (asked % 10) / 100
            asked += 1
            window.process(0.01)
            assert not layer.lod.status.complete, "another change is always under way"
            assert layer.shown_vertices > 0, "what is shown stays until the next colours are there"
        assert set(seen) == set(names)
        layer.style.color_by, layer.filter.share, layer.filter.object_ids = "mass", 1.0, (1, 4)
        assert window.wait_until(lambda: layer.lod.status.complete, 60)
        assert (layer.style.color_by, layer.value_info.name) == ("mass", "mass")
        values = np.concatenate([layer.pool.values(node) for node in list(layer.pool.resident)])
        assert set(values[values < HIDDEN_VALUE / 2].tolist()) == {1, 4}
    finally:
        window.close()


def test_a_share_that_came_before_the_colours_changed_is_not_put_in_place_after(store):
    window = Window(ndisplay=3, size=(900, 460))
    try:
        layer = shown_in(window, store, color_by="first")
        engine, pool = engine_of(layer), layer.pool
        node = next(iter(pool.resident))
        old = pool.chunk(node)
        layer.style.color_by = "second"
        complete(window, layer)
        now = pool.chunk(node)
        assert not np.array_equal(now.values, old.values)
        larger = replace(old, fraction=2.0)  # as if more had come just before
        engine._arrivals._larger[node] = Request(node, 2.0, 0), larger
        engine._arrivals.exchange(engine._planner, engine._last)
        assert pool.chunk(node) is now
        engine._arrivals._larger[node] = Request(node, 2.0, engine._recolouring.epoch), larger
        engine._arrivals.exchange(engine._planner, engine._last)
        assert pool.chunk(node) is larger
    finally:
        window.close()


def test_a_share_for_which_there_is_no_room_is_told_to_the_plan_that_comes(store, window, monkeypatch):
    layer = shown_in(window, store, color_by="first")
    engine, pool = engine_of(layer), layer.pool
    planner, node = engine._planner, next(iter(pool.resident))
    now = pool.chunk(node)
    larger = replace(now, fraction=2.0)
    told = []
    monkeypatch.setattr(planner, "too_large", lambda *what: told.append(what))
    monkeypatch.setattr(planner, "loaded", lambda *what: told.append(what))
    for way in ("exchange", "upload"):
        monkeypatch.setattr(pool, way, lambda *_: False)
    engine._arrivals._larger[node] = Request(node, 2.0, engine._recolouring.epoch), larger
    engine._arrivals.exchange(planner, engine._last)
    assert told == [(node, larger, 2.0)]
    assert pool.chunk(node) is now


def test_a_plan_that_wants_what_came_meanwhile_is_made_anew(store, window):
    layer = shown_in(window, store, color_by="first")
    engine, pool = engine_of(layer), layer.pool
    assert window.wait_until(lambda: engine._loader.idle and not engine._planner.busy, 20)
    node = next(iter(pool.resident))
    built = pool.chunk(node)
    pool.evict([node])
    arrivals = engine._arrivals
    arrivals.asked()
    request = Request(node, built.fraction)
    assert not arrivals.want(frozenset([node]))
    assert arrivals._place(engine._planner, request, built)
    engine._stale = False
    engine._want(SimpleNamespace(requests=[request], wanted=frozenset([node]), ahead=[]), arrivals.fresh)
    assert engine._stale
    arrivals.asked()
    assert not arrivals.want(frozenset([node]))


def test_larger_shares_take_a_frame_of_their_own(store, window, monkeypatch):
    layer = shown_in(window, store, color_by="first")
    engine = engine_of(layer)
    assert window.wait_until(lambda: engine._loader.idle and not engine._planner.busy, 20)
    arrivals, did = engine._arrivals, []

    def put(*_):
        did.append("put")
        arrivals._larger[0] = ()
        return True

    monkeypatch.setattr(arrivals, "put", put)
    monkeypatch.setattr(arrivals, "exchange", lambda *_: did.append("exchange"))
    for _ in range(2):  # nothing else is done between these frames
        engine._on_frame()
    arrivals._larger.clear()
    assert did == ["put", "exchange"]


def test_the_view_is_reckoned_on_the_planner_s_thread(store, window, monkeypatch):
    layer = shown_in(window, store, color_by="first")
    complete(window, layer)
    threads, camera = [], ViewerState.camera
    monkeypatch.setattr(
        ViewerState, "camera", lambda self: threads.append(threading.current_thread().name) or camera(self)
    )
    window.viewer.scene.camera.zoom *= 2
    complete(window, layer)
    assert threads
    assert all(name.startswith("zarr-vectors-plan") for name in threads)


def test_what_came_before_the_next_plan_is_asked_for_is_not_read_again_for_the_one_at_hand(store, window, monkeypatch):
    layer = shown_in(window, store, color_by="first")
    engine = engine_of(layer)
    assert window.wait_until(lambda: engine._loader.idle and not engine._planner.busy, 20)
    planner, loader, asked, told = engine._planner, engine._loader, [], []
    planned = planner.plan_now(engine._view())
    node = next(iter(layer.pool.resident))
    engine._arrivals._fresh[node] = 1.0
    monkeypatch.setattr(_tuning, "UPLOAD_MS", 1e9)  # however slow the machine is
    monkeypatch.setattr(planner, "take", lambda **_: planned)
    monkeypatch.setattr(planner, "submit", asked.append)
    monkeypatch.setattr(engine, "_is_due", lambda *_: True)
    monkeypatch.setattr(engine, "_asks", lambda *_: True)
    monkeypatch.setattr(loader, "want", lambda *_, have: told.append(have))
    engine._stream(planner, loader, time.perf_counter())
    assert len(asked) == 1
    assert told == [{node: 1.0}]


@pytest.mark.parametrize("is_changed", [False, True], ids=["opened so", "changed"])
def test_a_filter_does_not_empty_coarse_levels_of_lines(window, tmp_path, is_changed):
    path, along = tmp_path / "straight.zarrvectors", np.linspace(0, 1, 60)
    lines = [np.stack([along * 50, np.full(60, 3.0 + 8 * k), np.full(60, 5.0 + k)], axis=1) for k in range(6)]
    write_polylines(path, lines, chunk_shape=60, bin_shape=15, attributes={"v": [along] * 6})
    build_pyramid(path, [(2, 1)])
    where = {"v": ("between", (0.45, 0.55))}
    layer = shown_in(window, path, level=1, where=None if is_changed else where)
    if is_changed:
        layer.filter.where = where
        complete(window, layer)
    assert layer.lod.status.levels == {1}
    lit = picture(window).any(axis=2)
    layer.filter.where = None
    complete(window, layer)
    assert lit.sum() > 0.05 * picture(window).any(axis=2).sum()
    layer.filter.where = {"v": ("between", (2, 3))}
    complete(window, layer)
    assert not picture(window).any()
