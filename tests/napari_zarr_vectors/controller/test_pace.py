"""When plans are made and shown: views and what completes them at once, arrivals after the paint and a pause."""

from __future__ import annotations

import pytest

from napari_zarr_vectors._controller import _tuning as tuning
from napari_zarr_vectors._controller._pace import Pace


def paced(paint_s, *, holes=0):
    """A pace that knows paints of some length, and the time at which the paint of a shown plan has ended."""
    pace, now = Pace(0.0), 0.0
    for _ in range(20):
        now += paint_s
        pace.frame(now)
    pace.shown(generation=1, holes=holes)
    assert not pace.due(now, generation=1, idle=False), "it is not painted yet"
    now += paint_s
    pace.frame(now)
    return pace, now


def waited(pace, now):
    """How long an arrival waits after a paint."""
    for millisecond in range(5000):
        if pace.due(now + 1e-3 * millisecond, generation=1, idle=False):
            return 1e-3 * millisecond
    return float("inf")


@pytest.mark.parametrize("paint_s", [0.016, 0.2, 0.7])
def test_what_arrives_leaves_as_much_time_for_reading_as_a_paint_takes(paint_s):
    assert waited(*paced(paint_s)) == pytest.approx(paint_s, abs=2e-3)


def test_nobody_waits_longer_than_the_longest_wait_however_slow_paints_are():
    assert waited(*paced(10.0)) == pytest.approx(tuning.LONGEST_WAIT_S, abs=2e-3)
    assert waited(*paced(10.0, holes=2)) == pytest.approx(tuning.LONGEST_HOLE_S, abs=2e-3)


def test_a_rest_is_no_paint():
    pace, now = paced(0.016)
    before = pace.paint_s
    pace.rest()
    pace.frame(now + 60)
    assert pace.paint_s == before
    pace.frame(now + 60.016)
    assert pace.paint_s == pytest.approx(0.016, abs=1e-3)


def test_holes_are_filled_sooner():
    assert waited(*paced(0.2, holes=2)) < 0.6 * waited(*paced(0.2))


def test_another_view_and_the_last_arrival_do_not_wait():
    pace, now = paced(1.0)
    assert not pace.due(now, generation=1, idle=False)
    assert pace.due(now, generation=2, idle=False)
    assert pace.due(now, generation=1, idle=True)
