"""The automatic budget follows the time from paint to paint while the view moves."""

from __future__ import annotations

import pytest

from napari_zarr_vectors._controller._governor import LEAST, MOST, START, Governor


def paint(governor, frame_s, seconds, *, moving=True, needed=True, start=0.0):
    now, changes = start, 0
    while now < start + seconds:
        changes += governor.painted(now, moving=moving, needed=needed)
        now += frame_s
    return changes


def test_slow_paints_shrink_it_and_never_below_the_least():
    governor = Governor()
    assert paint(governor, 0.1, 3.0)
    assert LEAST <= governor.budget < START
    paint(governor, 0.1, 600.0, start=10.0)
    assert governor.budget == LEAST


def test_very_slow_paints_are_not_taken_for_pauses():
    governor = Governor()
    paint(governor, 0.45, 30.0)
    assert governor.budget < START


def test_fast_paints_grow_it_and_never_above_the_most():
    governor = Governor()
    paint(governor, 0.01, 2.5)
    assert governor.budget == int(START * 1.05)
    paint(governor, 0.016, 2000.0, start=10.0)
    assert governor.budget == MOST


def test_it_does_not_grow_where_more_would_not_be_shown():
    governor = Governor()
    assert paint(governor, 0.01, 20.0, needed=False) == 0


@pytest.mark.parametrize("frame_s", [0.024, 0.033, 0.039])
def test_paints_near_the_target_leave_it_alone(frame_s):
    assert paint(Governor(), frame_s, 30.0) == 0


def test_paints_at_rest_say_nothing():
    assert paint(Governor(), 0.2, 30.0, moving=False) == 0


def test_a_pause_is_no_slow_paint():
    governor, now = Governor(), 0.0
    for _ in range(200):
        governor.painted(now, moving=True, needed=False)
        governor.painted(now + 0.03, moving=True, needed=False)
        now += 5.0
    assert governor.budget == START


def test_a_view_that_rests_has_at_least_the_budget_of_the_start():
    governor = Governor()
    paint(governor, 0.1, 600.0)
    governor.resting = True
    assert governor.budget == START
    governor.resting = False
    assert governor.budget == LEAST
    paint(governor, 0.016, 2000.0, start=1000.0)
    governor.resting = True
    assert governor.budget == MOST
