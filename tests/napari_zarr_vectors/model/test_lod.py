import dataclasses

import numpy as np
import pytest

from napari_zarr_vectors._model import LodControl, LodStatus, Timings


@pytest.mark.parametrize("budget", ["auto", 1, 500_000, np.int64(7), 1e6])
def test_a_budget_is_a_whole_number_or_auto(budget):
    lod = LodControl()
    seen = []
    lod.events.budget.connect(seen.append)
    lod.budget = budget
    assert lod.budget == budget
    assert lod.budget == "auto" or type(lod.budget) is int
    assert seen == ([] if budget == "auto" else [budget])


@pytest.mark.parametrize("budget", [0, -1, 1.5, True, None, "many", float("nan")])
def test_another_budget_is_refused_and_the_one_before_stays(budget):
    lod = LodControl(budget=10)
    seen = []
    lod.events.budget.connect(seen.append)
    with pytest.raises(ValueError, match=r"budget must be .* got "):
        lod.budget = budget
    assert (lod.budget, seen) == (10, [])


@pytest.mark.parametrize(("level", "good"), [(None, True), (0, True), (3, True), (-1, False), ("0", False)])
def test_a_level_is_none_or_from_0(level, good):
    lod = LodControl()
    if good:
        lod.level = level
        assert lod.level == level
    else:
        with pytest.raises(ValueError, match="level must be"):
            lod.level = level


def test_an_unchanged_value_signals_nothing():
    lod = LodControl(budget=10)
    seen = []
    lod.events.budget.connect(seen.append)
    lod.budget = 10
    assert seen == []


def test_status_is_asked_for_at_every_read():
    lod = LodControl()
    assert lod.status == LodStatus()
    assert not lod.status.complete
    count = iter(range(10))
    lod.set_status_provider(lambda: LodStatus(generation=next(count)))
    assert [lod.status.generation, lod.status.generation] == [0, 1]
    lod.set_status_provider(None)
    assert lod.status == LodStatus()


def test_status_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        LodStatus().complete = True


def test_retry_is_a_signal_that_is_called():
    lod, calls = LodControl(), []
    lod.retry.connect(lambda: calls.append(1))
    lod.retry()
    LodControl().retry()
    assert calls == [1]


def test_timings_count_the_slots_of_a_frame_together_and_forget_old_frames():
    timings = Timings(window=3)
    assert (timings.max, timings.p95, timings.total) == (0, 0, 0)
    timings.add(1)
    timings.add(2)
    assert timings.max == 3
    timings.frame(1)
    assert (timings.max, timings.total, timings.frames) == (4, 4, 1)
    for ms in (1, 1, 1):
        timings.frame(ms)
    assert (timings.max, timings.total) == (1, 3)
    timings.reset()
    assert timings.frames == 0


def test_levels_that_a_store_has_not_are_refused_once_they_are_known():
    lod, heard = LodControl(level=3), []
    lod.events.level.connect(heard.append)
    with pytest.raises(ValueError, match="level must be None or one of 0, 2, got 3"):
        lod.bind_levels([0, 2])
    for level in (2, None, 0):
        lod.level = level
    with pytest.raises(ValueError, match="got 1"):
        lod.level = 1
    assert heard == [2, None, 0]
    assert lod.level == 0
    lod.bind_levels([0, 1])
    lod.level = 1
