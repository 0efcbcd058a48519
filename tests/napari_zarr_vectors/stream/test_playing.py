"""A time series that is played from a slow source: chunks are there before their time; a second lap reads none."""

from __future__ import annotations

import time
from collections import Counter
from functools import partial

import numpy as np
import pytest

from napari_zarr_vectors._build import build_points
from napari_zarr_vectors._lod import CameraState, build_tree
from napari_zarr_vectors._stream import ByteCache, Loader, Planner, Threads, View
from zarr_vectors.lazy._catalogue import Catalogue, LevelCatalogue

TIMES, SIDE, POINTS = 12, 4, 40
LATENCY_S, STEP_S = 0.03, 0.12
LONGEST_S = 10.0  # other processes may have the cores
BOUNDS = np.array([[0.0, 0, 0], [TIMES - 1, SIDE, SIDE]])


@pytest.fixture(scope="module")
def tree():
    """One chunk a time and place, one level."""
    coords = np.stack(np.meshgrid(*map(np.arange, (TIMES, SIDE, SIDE)), indexing="ij"), axis=-1).reshape(-1, 3)
    counts = np.full(len(coords), POINTS)
    level = LevelCatalogue(0, np.ones(3), np.zeros(3), coords, counts, True, int(counts.sum()))
    return build_tree(Catalogue(BOUNDS, (level,)))


class Slow:
    """A source that takes its time, with the cache that the real one has; it counts what it had to read."""

    def __init__(self, tree):
        self.tree, self.cache, self.reads, self.hits = tree, ByteCache(1 << 26), Counter(), 0

    def batch(self, requests):
        return min(8, len(requests))

    def load(self, requests):
        found = [self.cache.get(request) for request in requests]
        if None in found:
            time.sleep(LATENCY_S)
        return [self.make(r) if f is None else self.hit(f) for r, f in zip(requests, found, strict=True)]

    def hit(self, built):
        self.hits += 1
        return built

    def make(self, request):
        self.reads[request.node] += 1
        coords = self.tree.coords[request.node]
        at = coords + np.random.default_rng(request.node).random((POINTS, 3))
        built = build_points(at, None, origin=[0] * 3, chunk_lo=coords, cell_shape=[1] * 3, ratios=self.tree.ratios)
        self.cache.put(request, built)
        return built


def camera(moment):
    return CameraState(
        displayed=(1, 2),
        planes=np.array([[1.0, 0, 9], [-1, 0, 9]]),
        eye=None,
        axis_scale=np.ones(2),
        focal_px=500.0,
        canvas_px=(800.0, 800.0),
        focus=np.zeros(2),
        forward=np.zeros(2),
        slab_lo=np.array([moment, -np.inf, -np.inf]),
        slab_hi=np.array([moment + 0.9, np.inf, np.inf]),
    )


class Player:
    """What the engine does, without a window: a pool that holds a little more than one moment."""

    def __init__(self, tree, bounds):
        self.source, self.chunks, self.held = Slow(tree), {}, []
        rows = 3 * SIDE * SIDE * POINTS
        self.capacity = rows + 1000
        self.planner = Planner(tree, 8, self.chunks.get, lambda ranges: ranges, Threads(1, "plan"), bounds=bounds)
        self.loader = Loader(self.source, Threads(2, "load"))
        self.number = 0

    def plan(self, moment):
        self.number += 1
        self.planner.submit(View(partial(camera, moment), 10**6, None, self.number, self.capacity))
        planned = self.planner.take(wait=True)
        for node in planned.plan.evict.tolist():
            self.chunks.pop(node, None)
        self.loader.want(planned.requests, planned.ahead)
        return planned

    def show(self, moment):
        """Step to a moment and live there until all is read; give whether it was complete at once."""
        began, first, idle = time.monotonic(), None, False
        while time.monotonic() < began + (STEP_S if idle else LONGEST_S):
            planned = self.plan(moment)
            first = planned.plan if first is None else first
            self.held.append(planned.plan.held)
            assert planned.plan.shown_vertices <= SIDE * SIDE * POINTS  # never two moments at once
            time.sleep(0.01)
            while (item := self.loader.take()) is not None:
                request, built = item
                if request.node in planned.keep and request.node not in self.chunks:
                    self.chunks[request.node] = built
                    self.planner.loaded(request.node, built)
            idle = self.loader.idle
        return first.complete

    def close(self):
        self.loader.close()
        self.planner.close()


@pytest.fixture
def play(tree):
    players = []

    def start(bounds=BOUNDS):
        players.append(Player(tree, bounds))
        return players[-1]

    yield start
    for player in players:
        player.close()


def test_a_play_forward_finds_its_chunks_there_and_a_second_lap_reads_nothing(play, tree):
    player = play()
    first = [player.show(moment) for moment in range(TIMES)]
    assert sum(first[3:]) >= TIMES - 4
    read = sum(player.source.reads.values())
    second = [player.show(moment) for moment in range(TIMES)]
    assert sum(second) >= TIMES - 1
    asked = read + player.source.hits
    assert asked >= len(tree.count)
    assert sum(player.source.reads.values()) - read <= 0.05 * len(tree.count)  # a hit rate of 95 % and more
    assert max(player.source.reads.values()) == 1


def test_without_reading_ahead_each_moment_has_to_be_waited_for(play):
    player = play(bounds=None)
    assert sum(player.show(moment) for moment in range(5)) == 0


def test_the_last_frame_is_held_until_the_next_one_is_covered_and_no_longer_than_a_moment(play):
    player = play(bounds=None)
    player.show(0)
    player.held.clear()
    player.show(1)
    assert player.held[0]
    assert not player.held[-1]
    player.source.load = lambda requests: time.sleep(0.6) or []
    player.plan(2)
    began, plan = time.monotonic(), player.plan(2).plan
    while plan.held and time.monotonic() < began + 5:
        time.sleep(0.01)
        plan = player.plan(2).plan
    assert 0.1 < time.monotonic() - began < 2
    assert plan.holes > 0
