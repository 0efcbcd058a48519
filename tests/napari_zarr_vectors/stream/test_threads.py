"""Threads are there before there is work, and go when they are told to."""

from __future__ import annotations

import threading
import time

import pytest

from napari_zarr_vectors._stream import Threads

NAME = "zarr-vectors-test"


def running():
    return [thread for thread in threading.enumerate() if thread.name.startswith(NAME)]


def test_work_that_is_given_starts_no_thread():
    threads = Threads(3, NAME)
    before = set(running())
    assert len(before) == threads.count == 3
    gate = threading.Event()
    waiting = [threads.submit(gate.wait) for _ in range(5)]
    assert set(running()) == before
    gate.set()
    assert all(future.result(10) for future in waiting)
    threads.shutdown()
    assert not running()


def test_where_the_system_gives_no_more_threads_those_that_are_there_end(monkeypatch):
    start, started = threading.Thread.start, []

    def refuse(thread):
        if len(started) == 2:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(RuntimeError, match="new thread"):
        Threads(3, NAME)
    for thread in started:
        thread.join(10)
    assert not running()


def test_threads_that_end_before_they_have_met_wait_for_nobody(monkeypatch):
    barrier = threading.Barrier
    monkeypatch.setattr(threading, "Barrier", lambda count: barrier(count + 1))
    Threads(3, NAME).shutdown(wait=False, cancel_futures=True)
    end = time.monotonic() + 5
    while running() and time.monotonic() < end:
        time.sleep(0.005)
    assert not running()
