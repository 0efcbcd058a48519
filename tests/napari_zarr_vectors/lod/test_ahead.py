"""What is played is read ahead, and the last whole frame stays for a moment: P22, and nothing else suffers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_zarr_vectors._lod.ahead import is_step, next_cameras, note_step
from napari_zarr_vectors._lod.fetching import AHEAD
from tests.napari_zarr_vectors.lod import strategies as s
from tests.napari_zarr_vectors.lod.test_plan import assert_sound

some = s.examples(60)
BOUNDS = np.array([[0.0, 0, 0], [50.0, 9, 9]])


@pytest.fixture
def camera():
    tree = s.build_tree(s.make_catalogue(np.zeros((1, 3)), base=[1.0] * 3, ratios=[], rng=np.random.default_rng(0)))
    return s.look(tree, np.random.default_rng(0), displayed=(1, 2), perspective=False)


def at(camera, place, half=0.5):
    lo, hi = (np.array([place + sign * half, s.INF * sign, s.INF * sign]) for sign in (-1, 1))
    return replace(camera, slab_lo=lo, slab_hi=hi)


def middles(cameras):
    return [float(c.slab_lo[0] + c.slab_hi[0]) / 2 for c in cameras]


def walk(camera, places, period=0.1):
    steps = None
    for k, place in enumerate(places):
        steps = note_step(steps, at(camera, place), k * period)
    return steps, (len(places) - 1) * period


@pytest.mark.parametrize(("places", "period", "expected"), [
    ([3], 0.1, []),
    ([3, 4], 10.0, [5, 6]),
    ([3, 4, 5], 0.1, [6, 7, 8, 9, 10]),
    ([3, 4, 5], 0.02, [6, 7, 8, 9, 10, 11]),
    ([9, 7, 5], 0.25, [3, 1]),
    ([3, 2, 1, 0], 0.2, [50, 49, 48]),
    ([48, 49], 0.2, [50, 0]),
    ([49, 50, 0], 0.2, [1, 2, 3]),
    ([3, 3, 3], 0.1, []),
])  # fmt: skip
def test_the_next_positions_go_on_as_the_last_ones_did(camera, places, period, expected):
    steps, now = walk(camera, places, period)
    found = middles(next_cameras(steps, BOUNDS, now))
    assert found[: len(expected)] == pytest.approx(expected)
    assert bool(found) == bool(expected)


def test_a_motion_ends_by_itself_or_where_other_axes_are_shown(camera):
    steps, now = walk(camera, [1, 2, 3])
    assert next_cameras(steps, BOUNDS, now + 1)
    assert not next_cameras(steps, BOUNDS, now + 3)
    assert note_step(steps, replace(camera, displayed=(0, 1)), now).axis == -1


def test_only_a_move_of_the_slab_is_a_step(camera):
    here, there = at(camera, 1), at(camera, 2)
    assert is_step(here, there)
    assert not is_step(here, at(camera, 1))
    assert not is_step(here, replace(there, planes=there.planes + 1))
    assert not is_step(here, replace(there, canvas_px=(1.0, 2.0)))
    assert not is_step(here, replace(there, displayed=(2, 1)))
    shown = replace(there, slab_hi=np.array([2.5, 4.0, s.INF]))
    assert not is_step(here, shown)


@some
@given(s.scenes(dims=(3, 4)), st.integers(1, 4))
def test_what_lies_ahead_comes_last_and_takes_only_room_that_is_left(scene, number):
    residency = scene.random_residency(0.3)
    residency.capacity_rows = residency.used_pages * s.PAGE + int(scene.rng.integers(0, 3000))
    budget = scene.budget()
    ahead = [scene.another_camera() for _ in range(number)]
    plain = s.decide(scene, budget, residency)
    result = s.decide(scene, budget, residency, ahead=ahead)
    s.same(plain, result, but=("fetch", "fetch_tier", "evict", "keep"))
    own = int(np.searchsorted(result.fetch_tier, AHEAD))
    assert result.fetch[:own].tolist() == plain.fetch.tolist()
    further = result.fetch[own:]
    wanted = [s.decide(scene, budget, residency, camera=c).desired for c in ahead]
    assert np.isin(further, np.concatenate(wanted)).all()
    assert not residency.failed[further].any()
    assert len(set(result.fetch.tolist())) == len(result.fetch)
    assert not np.isin(result.evict, np.concatenate([result.keep, result.show, result.desired])).any()
    residency.keep(result.keep, 0)
    residency.evict(result.evict)
    need = np.ceil(np.ceil(residency.count[result.fetch] * result.fetch_fraction) / s.PAGE).sum()
    assert residency.used_pages + need <= residency.capacity_pages


@some
@given(s.scenes(dims=(3, 4)))
def test_with_room_for_all_the_next_position_is_complete_when_it_comes(scene):
    residency = scene.residency()
    there = scene.another_camera()
    result = s.decide(scene, 2**40, residency, ahead=[there])
    residency.load(result.fetch, residency.count[result.fetch], 1.0)
    then = s.decide(scene, 2**40, residency, None, camera=there)
    assert then.complete


@some
@given(s.scenes(dims=(3, 4)))
def test_p22_a_held_frame_is_the_one_before_and_covers_what_it_covered(scene):
    residency = scene.random_residency(0.5)
    budget = scene.ample_budget()
    residency.load(scene.tree.tops, residency.count[scene.tree.tops], 1.0)
    first = s.decide(scene, budget, residency)
    assert first.holes == 0
    there = scene.another_camera()
    gone = np.setdiff1d(residency.residents, first.show)
    residency.evict(gone)
    second = s.decide(scene, budget, residency, first, camera=there, hold=True)
    plain = s.decide(scene, budget, residency, first, camera=there)
    if not plain.holes or not first.shown_vertices:
        s.same(second, plain)
        return
    assert second.held
    assert not second.complete
    for name in ("show", "part", "cuts"):
        assert np.array_equal(getattr(second, name), getattr(first, name))
    assert s.drawn_rows(residency, second) <= second.shown_vertices <= budget
    assert np.isin(first.show, second.keep).all()
    assert not np.isin(first.show, second.evict).any()
    assert np.array_equal(second.desired, plain.desired)
    smaller = s.decide(scene, second.shown_vertices - 1, residency, first, camera=there, hold=True)
    assert not smaller.held
    assert_sound(scene, smaller, residency, there)
