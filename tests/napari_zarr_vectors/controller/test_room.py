"""A pool grows to what the budget or a plan needs, and it is told whether it has."""

from __future__ import annotations

from napari_zarr_vectors._controller import _tuning as tuning
from napari_zarr_vectors._controller._room import Room
from napari_zarr_vectors._layers import PagePool

BUDGET = 1000


def room(monkeypatch, *, most=10**9):
    monkeypatch.setattr(tuning, "POOL_SLACK_ROWS", 0)
    pool = PagePool(64, page_rows=16)
    monkeypatch.setattr(tuning, "POOL_BYTES", most * pool.row_bytes)
    made = Room(pool)
    made.most_rows = 10**9
    return made, pool


def test_a_pool_grows_once_for_a_budget(monkeypatch):
    made, pool = room(monkeypatch)
    assert made.make(BUDGET)
    assert pool.capacity_rows >= 2 * BUDGET
    assert not made.make(BUDGET)
    assert not made.ask(2 * BUDGET, BUDGET)


def test_what_a_plan_asks_for_is_made_with_room_to_spare_and_not_asked_for_again(monkeypatch):
    made, pool = room(monkeypatch)
    made.make(BUDGET)
    assert made.ask(5000, BUDGET)
    assert made.rows(BUDGET) == 5000 * tuning.POOL_HEADROOM <= pool.capacity_rows
    assert not made.ask(5000, BUDGET)


def test_where_a_pool_may_not_grow_nobody_is_told_that_it_has(monkeypatch):
    made, pool = room(monkeypatch, most=3000)
    made.make(BUDGET)
    assert made.ask(10**6, BUDGET)
    before = pool.capacity_rows
    assert before < 3100
    assert not made.ask(10**6, BUDGET), "or plans would be made without end"
    assert pool.capacity_rows == before


def test_a_store_that_cannot_fill_more_takes_no_more(monkeypatch):
    made, _ = room(monkeypatch)
    made.most_rows = 200
    assert made.rows(BUDGET) == 400
    assert made.rows(10) == 20
