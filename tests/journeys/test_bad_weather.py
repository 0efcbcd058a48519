"""Stores that break while they are shown: one notification, a count, and everything else goes on."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from benchmarks.flying import Flight
from napari_zarr_vectors import _controller
from zarr_vectors.multiresolution.coarsen import build_pyramid
from zarr_vectors.types.points import write_points

pytestmark = pytest.mark.gui

COUNT = 20_000


@pytest.fixture
def store(tmp_path):
    rng = np.random.default_rng(0)
    path = tmp_path / "cloud.zarrvectors"
    positions = rng.uniform(0, 400, (COUNT, 3)).astype(np.float32)
    write_points(path, positions, chunk_shape=100, bin_shape=25, shard_shape=1)
    build_pyramid(path, [(2, 1), (2, 1)])
    return path


@pytest.fixture
def said(monkeypatch):
    messages = []
    for room in (_controller._engine, _controller._arrivals):
        monkeypatch.setattr(room, "notify", messages.append)
    return messages


@pytest.fixture
def fly():
    flights = []

    def start(path, **options):
        flights.append(Flight(path, size=(400, 320), **options))
        return flights[-1]

    yield start
    for flight in flights:
        flight.close()


def cells_of(store, level):
    return sorted(p for p in (store / str(level) / "vertices" / "c").rglob("*") if p.is_file())


def break_cell(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(bytes(data))


def test_a_broken_chunk_is_counted_named_once_and_replaced_by_its_ancestor(store, said, fly):
    broken = cells_of(store, 0)[:3]
    for path in broken:
        break_cell(path)
    flight = fly(store, budget=10 * COUNT)
    flight.layer.lod.level = 0
    assert flight.settle()
    status = flight.layer.lod.status
    assert status.failed == 3
    assert COUNT * 0.8 < status.shown_vertices < COUNT
    assert len(said) == 1
    assert "vertices" in said[0]
    assert "checksum" in said[0]
    assert flight.counts.holes == 0


def test_retry_reads_what_has_been_repaired(store, said, fly):
    whole = {path: path.read_bytes() for path in cells_of(store, 0)[:2]}
    for path in whole:
        break_cell(path)
    flight = fly(store, budget=10 * COUNT)
    flight.layer.lod.level = 0
    flight.settle()
    assert flight.layer.lod.status.failed == 2
    for path, data in whole.items():
        path.write_bytes(data)
    flight.layer.lod.retry()
    assert flight.settle()
    assert flight.layer.lod.status.failed == 0
    assert flight.layer.lod.status.shown_vertices == COUNT


def test_a_store_that_is_removed_while_open_keeps_what_is_shown_and_says_so_once(store, said, fly):
    flight = fly(store, budget=1_000)  # too few for level 0: it has not been read
    flight.settle()
    shown = flight.layer.lod.status.shown_vertices
    shutil.rmtree(store)
    flight.layer.lod.budget = 10 * COUNT
    flight.layer.lod.level = 0
    flight.window.wait_until(lambda: bool(said) and flight.layer.lod.status.complete, 10)
    status = flight.layer.lod.status
    assert status.failed > 0
    assert status.shown_vertices >= shown > 0
    assert len(said) == 1
    assert "removed while it was open" in said[0]


def test_a_store_whose_chunk_list_is_broken_is_one_notification_and_an_empty_layer(store, said, fly):
    meta = store / "1" / "vertices" / "zarr.json"
    meta.write_text(meta.read_text().replace('"nonempty_chunks":["0.0.0"', '"nonempty_chunks":["no.key.here"'))
    flight = fly(store, budget=COUNT, patience_s=3)
    assert flight.window.wait_until(lambda: bool(said), 5)
    assert len(said) == 1
    assert "1/vertices" in said[0]
    assert flight.layer.lod.status.shown_vertices == 0


def test_a_store_that_is_overwritten_while_open_is_told_once_and_never_mixed(store, said, fly, monkeypatch):
    flight = fly(store, budget=1_000)  # too few for level 0: it has not been read
    flight.settle()
    shown = flight.layer.lod.status.shown_vertices
    positions = np.random.default_rng(1).uniform(0, 400, (COUNT, 3)).astype(np.float32)
    write_points(store, positions, chunk_shape=100, bin_shape=25, overwrite=True)
    build_pyramid(store, [(2, 1), (2, 1)])
    flight.layer.lod.budget = 10 * COUNT
    flight.layer.lod.level = 0
    assert flight.settle()
    flight.jump(zoom=flight.viewer.scene.camera.zoom * 1.5)
    status = flight.layer.lod.status
    assert status.failed > 0
    assert status.levels.isdisjoint({0})
    assert status.shown_vertices >= shown > 0
    assert len(said) == 1
    assert "overwritten while it was open" in said[0]
    flight.layer.lod.retry()
    flight.settle()
    assert len(said) == 2  # a person asked


def test_levels_that_are_added_while_a_store_is_open_disturb_nobody(tmp_path, said, fly, monkeypatch):
    path = tmp_path / "growing.zarrvectors"
    positions = np.random.default_rng(0).uniform(0, 400, (COUNT, 3)).astype(np.float32)
    write_points(path, positions, chunk_shape=50, bin_shape=25)
    flight = fly(path, budget=COUNT)
    flight.viewer.scene.camera.zoom *= 20
    flight.settle()
    build_pyramid(path, [(2, 1)])
    flight.viewer.reset_view()
    assert flight.settle()
    assert flight.layer.lod.status.shown_vertices == COUNT
    assert said == []
