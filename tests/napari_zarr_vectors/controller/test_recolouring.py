"""Which of several changes is seen: the last one always, every second one at least, whatever comes when. No window."""

from __future__ import annotations

import sys
from concurrent.futures import Future
from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from napari_zarr_vectors._build import build_points
from napari_zarr_vectors._controller import _recolouring as module
from napari_zarr_vectors._controller import _unknown
from napari_zarr_vectors._controller._prepare import Colors
from napari_zarr_vectors._controller._recolouring import Recolouring
from napari_zarr_vectors._layers import ValueInfo
from napari_zarr_vectors._layers._pool import PagePool
from napari_zarr_vectors._model import DisplayFilter, DisplayStyle
from napari_zarr_vectors._stream import Coloring, Wanted
from zarr_vectors.exceptions import ArgumentError

NODES = 4


def chunk(rows=3):
    place = {"origin": np.zeros(1), "chunk_lo": np.zeros(1), "cell_shape": np.ones(1), "ratios": []}
    return build_points(np.zeros((rows, 1)), np.zeros(rows), **place)


def colors(name):
    return Colors(Coloring(name, "scalar"), ValueInfo("scalar", name=name), name=name)


class World:
    """A layer without a canvas, a source without a store, and a thread that finds out what it is told to."""

    def __init__(self):
        self.pool = PagePool(4096, page_rows=16)
        for node in range(NODES):
            self.pool.upload(node, chunk())
        self.layer = SimpleNamespace(
            pool=self.pool,
            style=DisplayStyle(color_by="0"),
            filter=DisplayFilter(),
            value_info=ValueInfo(),
            events=SimpleNamespace(value_info=lambda: None),
            name="layer",
        )
        self.source = SimpleNamespace(coloring={0: Coloring()}, forget=lambda epoch: None, tree=None)
        self.looks: list[tuple[str, Future]] = []
        opener = SimpleNamespace(submit=self._submit)
        self.recolouring = Recolouring(self.layer, SimpleNamespace(), opener, lambda: None)
        self.recolouring.start(self.source, colors("0"))

    def _submit(self, call, first, *names, **_more):
        if not names:
            return call(first)
        self.looks.append((names[0], Future()))
        return self.looks[-1][1]

    def ask(self, name):
        self.layer.style.color_by = name
        self.recolouring.ask()

    def find(self, error=None, wanted=None, unknown=()):
        """Answer the look that is under way."""
        name, future = self.looks[-1]
        if error is None:
            found = colors(name)
            future.set_result(replace(found, coloring=replace(found.coloring, wanted=wanted), unknown=unknown))
        else:
            future.set_exception(error)

    def take(self, count=NODES):
        """Give some of the chunks that are asked for their values: the number that they are named by."""
        for request in self.recolouring.requests(frozenset())[:count]:
            number = float(self.source.coloring[request.epoch].attribute)
            values = np.full(len(request.built.values), number, np.float32)
            assert self.recolouring.take(request, request.built.with_values(values, None))

    def step(self, failed=frozenset(), *, others_wait=False):
        self.recolouring.step(failed, others_wait=others_wait)

    def settle(self):
        for _ in range(20):
            if self.looks and not self.looks[-1][1].done():
                self.find()
            self.take()
            self.step()

    @property
    def shown(self):
        """What is drawn: one number for all chunks, and what it is said to be."""
        values = {v for node in self.pool.resident for v in self.pool.values(node).tolist()}
        assert len(values) == 1, "all changes at once"
        assert values == {float(self.recolouring.colors.name)}
        assert self.layer.value_info.name == self.recolouring.colors.name
        return self.recolouring.colors.name


@pytest.fixture
def world():
    return World()


def begin(world, name):
    world.ask(name)
    world.find()
    world.step()


def test_a_change_pushes_aside_the_one_under_way_and_is_then_finished_before_the_newest(world):
    begin(world, "1")
    world.take(2)
    begin(world, "2")
    assert world.recolouring.epoch == 2
    begin(world, "3")
    assert world.recolouring.epoch == 2, "what has pushed another aside is finished"
    world.take()
    world.step()
    world.step()
    assert world.shown == "2"
    assert world.layer.style.color_by == "3", "a person's choice is not taken back by what is done before it"
    assert world.recolouring.busy
    world.settle()
    assert world.shown == world.layer.style.color_by == "3"
    assert not world.recolouring.busy


def test_new_values_are_asked_for_some_at_a_time_in_order_and_all_come(world, monkeypatch):
    monkeypatch.setattr(module, "MOST_ASKED", 3)
    begin(world, "1")
    recolouring = world.recolouring
    asked = recolouring.requests(frozenset())
    assert [request.node for request in asked] == [0, 1, 2]
    assert recolouring.requests(frozenset()) == asked, "they are made once"
    assert recolouring.may_ask(module.FEW_LEFT - 1)
    assert not recolouring.may_ask(module.FEW_LEFT)
    world.take()
    assert [request.node for request in recolouring.requests(frozenset())] == [3]
    assert not recolouring.may_ask(0), "there is no more to ask for"
    world.settle()
    assert world.shown == "1"


def test_what_failed_is_not_asked_for_again_and_keeps_nothing_from_being_asked_for(world, monkeypatch):
    monkeypatch.setattr(module, "MOST_ASKED", 2)
    begin(world, "1")
    assert [request.node for request in world.recolouring.requests({0, 1})] == [2, 3]
    world.pool.evict([2])
    assert [request.node for request in world.recolouring.requests({0, 1})] == [3]
    assert not world.recolouring.has_more


def test_old_values_are_let_go_of_where_nobody_waits(world):
    begin(world, "1")
    world.take()
    old = world.recolouring._old[0]
    world.step()
    held = sys.getrefcount(old)
    world.step()
    assert world.shown == "1"
    assert held - sys.getrefcount(old) == 3, "the pool, a request and the list of old ones held it"


def test_what_waits_to_be_put_in_place_is_before_the_next_change_begins(world):
    begin(world, "1")
    world.take()
    world.step(others_wait=True)
    world.step(others_wait=True)
    assert world.shown == "1"
    world.ask("2")
    world.find()
    world.step(others_wait=True)
    assert world.recolouring.epoch == 1
    assert not world.recolouring.repainting
    world.step()
    assert world.recolouring.epoch == 2


def test_what_is_asked_while_it_is_found_out_what_was_asked_is_found_out_next(world):
    for name in "123":
        world.ask(name)
    assert [name for name, _ in world.looks] == ["1"]
    world.find()
    world.step()
    assert [name for name, _ in world.looks] == ["1", "3"]
    world.settle()
    assert world.shown == "3"


def test_an_error_of_what_nobody_asks_for_any_more_is_not_told(world, monkeypatch):
    told = []
    monkeypatch.setattr(module, "notify", told.append)
    world.ask("1")
    world.ask("2")
    world.find(ArgumentError("no 1"))
    world.step()
    world.settle()
    assert (told, world.shown) == ([], "2")
    world.ask("3")
    world.find(ArgumentError("no 3"))
    world.step()
    assert told == ["layer: no 3"]
    assert world.shown == world.layer.style.color_by == "2"
    assert not world.recolouring.busy


def test_a_condition_that_cannot_be_is_taken_back_and_sets_nothing_off(world, monkeypatch):
    told = []
    monkeypatch.setattr(module, "notify", told.append)
    for event in (world.layer.filter.events.where, world.layer.filter.events.groups, world.layer.style.events.color_by):
        event.connect(lambda *_: world.recolouring.ask())
    world.layer.filter.where = {"length": (">", 1)}
    world.find(wanted=Wanted(where={"length": (">", 1)}))
    world.step()
    world.layer.filter.where, world.layer.filter.groups = {"lenght": (">", 2)}, ("nobody",)
    world.find(ArgumentError("no 'lenght'"))
    world.step()
    world.find(ArgumentError("no 'lenght'"))  # of the groups, which were asked for meanwhile
    world.step()
    assert told == ["layer: no 'lenght'"]
    assert world.layer.filter.where == {"length": (">", 1)}
    assert world.layer.filter.groups is None
    assert len(world.looks) == 3
    world.settle()
    assert not world.recolouring.busy
    assert world.recolouring.colors.coloring.wanted == Wanted(where={"length": (">", 1)})


def test_ids_that_no_object_has_are_told_once(world, monkeypatch):
    told = []
    monkeypatch.setattr(_unknown, "notify", told.append)
    for name, ids in (("1", (3, 99)), ("2", (3, 99)), ("3", tuple(range(10, 20)))):
        world.ask(name)
        world.find(wanted=Wanted(object_ids=ids), unknown=tuple(n for n in ids if n > 9))
        world.settle()
    assert told == [
        "layer: no object has 1 of 2 object ids: 99",
        "layer: no object has 10 of 10 object ids: 10, 11, 12, 13, 14, ..",
    ]


def test_chunks_that_failed_or_went_are_not_waited_for_and_those_exchanged_are(world):
    begin(world, "1")
    world.take(2)  # 0 and 1
    world.pool.evict([3])
    world.pool.upload(0, chunk(5))
    world.step({2})
    world.step({2})
    assert world.recolouring.repainting
    assert {request.node: len(request.built.values) for request in world.recolouring.requests(frozenset())} == {0: 5}
    world.take()
    world.step({2})
    world.step({2})
    assert [world.pool.values(node).tolist() for node in (0, 1, 2)] == [[1] * 5, [1] * 3, [0] * 3]


def test_colours_wait_for_the_commit_that_draws_a_larger_share(world):
    world.pool.commit(range(NODES), [0] * NODES, [3] * NODES)
    world.pool.exchange(0, chunk(5))
    begin(world, "1")
    world.take()
    world.step()
    world.step()
    assert world.recolouring.repainting, "what is drawn of chunk 0 has the old colours and no new ones"
    world.pool.commit([0], [0], [5])
    world.step()
    assert not world.recolouring.repainting
    assert world.pool.values(0).tolist() == [1] * 5


class AnyChanges(RuleBasedStateMachine):
    """People ask, threads answer, chunks arrive and frames are made in any order."""

    def __init__(self):
        super().__init__()
        self.world, self.count, self.begun, self.seen = World(), 0, ["0"], ["0"]

    @rule()
    def ask(self):
        self.count += 1
        self.world.ask(str(self.count))

    @precondition(lambda self: self.world.looks and not self.world.looks[-1][1].done())
    @rule()
    def find(self):
        self.world.find()

    @rule(count=st.integers(1, NODES))
    def take(self, count):
        self.world.take(count)

    @rule(others_wait=st.booleans())
    def step(self, others_wait):
        epoch = self.world.recolouring.epoch
        self.world.step(others_wait=others_wait)
        if self.world.shown != self.seen[-1]:
            self.seen.append(self.world.shown)
        if self.world.recolouring.epoch != epoch:
            self.begun.append(self.world.source.coloring[self.world.recolouring.epoch].attribute)

    @invariant()
    def every_second_one_is_seen_in_the_order_asked(self):
        assert [name for name in self.begun if name in self.seen] == self.seen
        under_way = 1 + self.world.recolouring._has_pushed if self.world.recolouring.repainting else 0
        done = self.begun[: len(self.begun) - under_way]
        assert all(a in self.seen or b in self.seen for a, b in pairwise(done))
        assert not done or done[-1] in self.seen

    def teardown(self):
        self.world.settle()
        assert self.world.shown == self.world.layer.style.color_by == str(self.count)
        assert not self.world.recolouring.busy


AnyChanges.TestCase.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
TestAnyChanges = AnyChanges.TestCase
