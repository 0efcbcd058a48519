"""Tasks on an executor: in order, few in flight, called off when nobody waits for them any more."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from zarr_vectors.exceptions import ArgumentError, CancelledError
from zarr_vectors.types._tasks import TaskRunner


def slow_square(number, seconds=0.0):
    time.sleep(seconds)
    return number * number


def test_results_come_in_the_order_of_the_calls():
    with ThreadPoolExecutor(4) as pool:
        runner = TaskRunner("squaring", 10, executor=pool)
        calls = [(n, 0.01 * (n % 3)) for n in range(20)]
        assert list(runner.map(slow_square, calls)) == [n * n for n in range(20)]
    assert list(TaskRunner("squaring", 10).map(slow_square, calls)) == [n * n for n in range(20)]


def test_few_tasks_are_in_flight():
    begun = []
    with ThreadPoolExecutor(64) as pool:
        results = TaskRunner("counting", 10, executor=pool).map(begun.append, [(n,) for n in range(200)])
        next(results)
        assert len(begun) <= os.cpu_count() + 2
        results.close()


def test_without_an_executor_a_task_runs_when_its_result_is_asked_for():
    begun = []
    results = TaskRunner("counting", 10).map(begun.append, [(1,), (2,)])
    next(results)
    assert begun == [1]


def test_when_the_caller_stops_waiting_tasks_are_called_off():
    gate, begun = threading.Event(), []

    def task(number):
        begun.append(number)
        gate.wait(10)

    with ThreadPoolExecutor(1) as pool:
        results = TaskRunner("waiting", 10, executor=pool).map(task, [(n,) for n in range(50)])
        gate.set()
        next(results)
        results.close()
        pool.submit(int).result(5)  # whatever was in flight is over
    assert len(begun) <= os.cpu_count() + 3


def test_a_cancel_ends_the_work_between_tasks():
    cancel = threading.Event()
    runner = TaskRunner("counting", 10, cancel=cancel)
    results = runner.map(slow_square, [(n,) for n in range(5)])
    next(results)
    cancel.set()
    with pytest.raises(CancelledError, match="counting was cancelled"):
        next(results)
    with pytest.raises(CancelledError):
        runner.advance(1, "more")


def test_progress_never_passes_the_total():
    told = []
    runner = TaskRunner("counting", 10, progress=lambda *what: told.append(what))
    for amount in (4, 4, 4):
        runner.advance(amount, "on")
    runner.finish("done")
    assert told == [(4, 10, "on"), (8, 10, "on"), (10, 10, "on"), (10, 10, "done")]


@pytest.mark.parametrize("wrong", [{"executor": 3}, {"progress": "yes"}, {"cancel": object()}])
def test_what_cannot_run_tell_or_be_asked_is_refused(wrong):
    with pytest.raises(ArgumentError, match=next(iter(wrong))):
        TaskRunner("counting", 10, **wrong)
