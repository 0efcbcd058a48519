"""The loader: newest list wins, best first, bounded retries, nothing lost, a clean end."""

from __future__ import annotations

import threading
import time

import pytest

from napari_zarr_vectors._stream import Failure, Loader, Request, Threads
from zarr_vectors.exceptions import CorruptChunkError, StoreClosedError


class Source:
    """Gives the node back; what is in ``bad`` raises; a gate holds reads until it is opened."""

    def __init__(self, bad=(), error=None, gate=None, size=1):
        self.bad, self.gate, self.size = set(bad), gate, size
        self.error = error or CorruptChunkError("store", "array", "0.0", "broken")
        self.seen: list[int] = []
        self.lock = threading.Lock()
        self.batched_by: set[threading.Thread] = set()

    def batch(self, requests):
        self.batched_by.add(threading.current_thread())
        return min(self.size, len(requests))

    def load(self, requests):
        with self.lock:
            self.seen += [r.node for r in requests]
        if self.gate is not None:
            self.gate.wait(5)
        if any(r.node in self.bad for r in requests):
            raise self.error
        return [r.node for r in requests]


def collect(loader, seconds=5.0):
    out, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        while (item := loader.take()) is not None:
            out.append(item)
        if loader.idle:
            return out
        loader.pump()
        time.sleep(0.002)
    raise AssertionError(f"the loader did not come to rest: {out}")


def wait_for_begun(loader, count, seconds=5.0):
    end = time.monotonic() + seconds
    while loader.loading < count:
        assert time.monotonic() < end, f"{loader.loading} of {count} chunks are being read"
        time.sleep(0.001)


@pytest.fixture
def made():
    loaders = []

    def make(source, threads=2, **options):
        loaders.append(Loader(source, Threads(threads, "zarr-vectors-load"), **options))
        return loaders[-1]

    yield make
    for loader in loaders:
        loader.close()


def nodes(items):
    return [item[0].node for item in items if not isinstance(item, Failure)]


def test_everything_wanted_arrives_once(made):
    source = Source(size=3)
    loader = made(source)
    loader.want([Request(n) for n in range(40)])
    assert sorted(nodes(collect(loader))) == list(range(40))
    assert sorted(source.seen) == list(range(40))


def test_one_thread_reads_best_first(made):
    source = Source()
    loader = made(source, threads=1)
    loader.want([Request(n) for n in (5, 3, 9, 1)])
    assert nodes(collect(loader)) == [5, 3, 9, 1]


def test_a_new_list_replaces_the_old_one_and_stale_work_never_starts(made):
    gate = threading.Event()
    source = Source(gate=gate)
    loader = made(source, threads=1)
    loader.want([Request(n) for n in range(10)])
    wait_for_begun(loader, 1)
    loader.want([Request(n) for n in (20, 21)])
    gate.set()
    assert nodes(collect(loader)) == [0, 20, 21]
    assert source.seen == [0, 20, 21]


def test_what_is_being_read_is_not_read_again(made):
    gate = threading.Event()
    source = Source(gate=gate)
    loader = made(source, threads=1)
    loader.want([Request(1)])
    loader.want([Request(1), Request(2)])
    gate.set()
    assert nodes(collect(loader)) == [1, 2]
    assert source.seen == [1, 2]


def test_what_waits_to_be_taken_is_not_read_again(made):
    source = Source()
    loader = made(source, threads=1)
    loader.want([Request(1)])
    while loader.loading or not source.seen:
        time.sleep(0.001)
    loader.want([Request(1)])
    assert nodes(collect(loader)) == [1]
    assert source.seen == [1]


def test_a_failing_chunk_is_tried_three_times_then_given_up_and_blocks_nobody(made):
    source = Source(bad={2}, size=4)
    loader = made(source)
    loader.want([Request(n) for n in range(6)])
    items = collect(loader)
    failures = [item for item in items if isinstance(item, Failure)]
    assert sorted(nodes(items)) == [0, 1, 3, 4, 5]
    assert [f.node for f in failures] == [2]
    assert isinstance(failures[0].error, CorruptChunkError)
    assert 3 <= source.seen.count(2) <= 4  # alone three times, once in its batch


def test_pauses_between_tries_grow(made):
    source = Source(bad={1})
    times = []
    load = source.load
    source.load = lambda requests: (times.append(time.monotonic()), load(requests))[1]
    loader = made(source, threads=1)
    loader.want([Request(1)])
    collect(loader)
    first, second = times[1] - times[0], times[2] - times[1]
    assert first >= 0.19
    assert second >= 0.39


def test_a_closed_store_is_not_tried_again(made):
    source = Source(bad={1}, error=StoreClosedError("closed"))
    loader = made(source, threads=1)
    loader.want([Request(1)])
    assert [item.node for item in collect(loader)] == [1]
    assert source.seen == [1]


def test_forgotten_failures_may_be_asked_for_again(made):
    source = Source(bad={1}, error=StoreClosedError("closed"))
    loader = made(source, threads=1)
    loader.want([Request(1)])
    collect(loader)
    source.bad.clear()
    loader.forget_failures()
    loader.want([Request(1)])
    assert nodes(collect(loader)) == [1]


def test_a_bug_in_a_source_is_raised_where_results_are_taken(made):
    loader = made(Source(bad={1}, error=KeyError("bug")), threads=1)
    loader.want([Request(1), Request(2)])
    with pytest.raises(KeyError, match="bug"):
        collect(loader)
    items = collect(loader)
    assert [item.node for item in items if isinstance(item, Failure)] == [1]  # told once, and not asked for again
    assert nodes(items) == [2]


def test_two_requests_for_one_node_are_both_read_and_counted(made):
    gate = threading.Event()
    loader = made(Source(gate=gate), threads=2)
    loader.want([Request(1, 0.5)])
    wait_for_begun(loader, 1)
    loader.want([Request(1, 1.0)])
    wait_for_begun(loader, 2)
    gate.set()
    assert sorted(item[0].fraction for item in collect(loader)) == [0.5, 1.0]


def test_closing_mid_read_leaves_no_thread_and_no_result(made):
    gate = threading.Event()
    loader = made(Source(gate=gate))
    loader.want([Request(n) for n in range(10)])
    loader.close()
    gate.set()
    end = time.monotonic() + 1
    while time.monotonic() < end and any(t.name.startswith("zarr-vectors-load") for t in threading.enumerate()):
        time.sleep(0.005)
    assert not [t.name for t in threading.enumerate() if t.name.startswith("zarr-vectors-load")]
    assert loader.take() is None


def test_wanting_after_the_end_does_nothing(made):
    loader = made(Source())
    loader.close()
    loader.want([Request(1)])
    assert loader.take() is None


def test_the_caller_never_looks_for_batches_itself(made):
    source = Source(size=3)
    loader = made(source, 2)
    loader.want([Request(n) for n in range(30)])
    assert len(collect(loader)) == 30
    assert source.batched_by
    assert threading.current_thread() not in source.batched_by


class HeldAfterTheFirst(Source):
    """Reads node 1, and others once it is told to."""

    def __init__(self, opened):
        super().__init__()
        self.opened = opened

    def load(self, requests):
        if requests[0].node != 1:
            self.opened.wait(5)
        return super().load(requests)


class HeldUp(list):
    """A list that holds up who goes through it."""

    def __init__(self, items):
        super().__init__(items)
        self.reached, self.go_on = threading.Event(), threading.Event()

    def __iter__(self):
        self.reached.set()
        self.go_on.wait(5)
        return super().__iter__()


class LookedThrough(list):
    """A list that notes who goes through it."""

    def __init__(self, items):
        super().__init__(items)
        self.by = set()

    def __iter__(self):
        self.by.add(threading.current_thread())
        return super().__iter__()


def test_the_caller_never_goes_through_what_it_wants(made):
    wanted, ahead = (LookedThrough(Request(n) for n in some) for some in (range(9), range(9, 12)))
    loader = made(Source())
    loader.want(wanted, ahead)
    assert len(collect(loader)) == 12
    assert wanted.by
    assert threading.current_thread() not in wanted.by | ahead.by


def test_what_is_taken_before_a_thread_has_seen_the_newest_list_is_not_read_again(made):
    opened = threading.Event()
    source = HeldAfterTheFirst(opened)
    loader = made(source, threads=1)
    loader.want([Request(1), Request(2)])
    while not (loader.waiting and loader.loading):
        time.sleep(0.001)
    loader.want([Request(1), Request(3)])
    first = loader.take()
    opened.set()
    assert nodes([first]) == [1]
    assert nodes(collect(loader)) == [2, 3]
    assert source.seen == [1, 2, 3]


def test_what_is_there_already_is_not_read_but_for_its_values_or_a_larger_share(made):
    source, built = Source(), object()
    loader = made(source, threads=1)
    wanted = [Request(1), Request(2, 0.5), Request(3, 1.0), Request(4, built=built), Request(5)]
    loader.want(wanted, [Request(1), Request(6)], have={1: 1.0, 2: 0.5, 3: 0.5, 4: 1.0})
    assert sorted(nodes(collect(loader))) == [3, 4, 5, 6]
    loader.want([Request(1)])  # the next list knows by itself
    assert nodes(collect(loader)) == [1]


def test_a_chunk_given_up_while_the_next_list_waits_is_told_once_and_not_tried_again(made, monkeypatch):
    monkeypatch.setattr("napari_zarr_vectors._stream.loader.FIRST_PAUSE_S", 0.001)
    last, opened = threading.Event(), threading.Event()

    class Gated(Source):
        def load(self, requests):
            node = requests[0].node
            if node == 0 and self.seen.count(0) == 2:
                last.set()
            if node == 1 or last.is_set():
                opened.wait(5)
            return super().load(requests)

    source = Gated(bad={0})
    loader = made(source, threads=2)
    loader.want([Request(1), Request(0)])
    while not last.is_set():
        loader.pump()
        time.sleep(0.001)
    loader.want([Request(0), Request(2)])  # both threads are busy
    opened.set()
    items = collect(loader)
    assert [item.node for item in items if isinstance(item, Failure)] == [0]
    assert sorted(nodes(items)) == [1, 2]
    assert source.seen.count(0) == 3


def test_failures_that_nobody_has_taken_are_forgotten_with_the_others(made):
    source = Source(bad={1}, error=StoreClosedError("closed"))
    loader = made(source)
    loader.want([Request(1), Request(2)])
    while loader.waiting < 2:
        time.sleep(0.001)
    loader.forget_failures()
    source.bad = set()
    loader.want([Request(1)])
    items = collect(loader)
    assert not any(isinstance(item, Failure) for item in items)
    assert sorted(nodes(items)) == [1, 2]


def test_it_is_not_idle_while_a_thread_takes_a_list_over(made):
    gate, wanted = threading.Event(), HeldUp([Request(2)])
    loader = made(Source(gate=gate), threads=1)
    loader.want([Request(1)])
    wait_for_begun(loader, 1)
    loader.want(wanted)  # taken over when the thread has done the other
    gate.set()
    assert wanted.reached.wait(5)
    assert nodes([loader.take()]) == [1]
    idle = loader.idle
    wanted.go_on.set()
    assert nodes(collect(loader)) == [2]
    assert not idle


def test_what_is_taken_while_a_thread_takes_a_list_over_is_not_read_again(made):
    opened, wanted = threading.Event(), HeldUp([Request(1), Request(3)])
    source = HeldAfterTheFirst(opened)
    loader = made(source, threads=1)
    loader.want([Request(1), Request(2)])
    while not (loader.waiting and loader.loading):
        time.sleep(0.001)
    loader.want(wanted)
    opened.set()
    assert wanted.reached.wait(5)
    taken = loader.take()
    wanted.go_on.set()
    assert nodes([taken, *collect(loader)]) == [1, 2, 3]
    assert source.seen == [1, 2, 3]


def test_wanting_nothing_any_more_comes_to_rest(made):
    loader = made(Source())
    loader.want([])
    assert collect(loader) == []


def collect_past_bugs(loader):
    """What arrives, and what was told on the way."""
    out, told, end = [], [], time.monotonic() + 5
    while not loader.idle and time.monotonic() < end:
        try:
            item = loader.take()
        except (ValueError, KeyError) as error:
            told.append(error)
        else:
            out += [] if item is None else [item]
            time.sleep(0.001)
    assert loader.idle
    return out, told


@pytest.mark.parametrize("threads", [1, 3])
def test_a_source_that_cannot_say_what_goes_together_loses_that_chunk_only(made, threads):
    class Odd(Source):
        def batch(self, requests):
            if requests[0].node in (0, 4):
                raise ValueError(f"no batch for {requests[0].node}")
            return super().batch(requests)

    loader = made(Odd(size=2), threads=threads)
    loader.want([Request(n) for n in range(12)])
    items, told = collect_past_bugs(loader)
    failures = {item.node for item in items if isinstance(item, Failure)}
    assert 0 in failures
    assert failures <= {0, 4}  # 4 may have gone with the one before it
    assert sorted(nodes(items)) == sorted(set(range(12)) - failures)
    assert len(told) == 1  # however many chunks it is


@pytest.mark.parametrize("change", [lambda found: found[:-1], lambda found: [*found, 0]], ids=["few", "many"])
def test_a_source_that_gives_a_wrong_number_of_results_fails_these_and_strands_nothing(made, change):
    class Odd(Source):
        def load(self, requests):
            found = super().load(requests)
            return change(found) if 3 in found else found

    loader = made(Odd(), threads=2)
    loader.want([Request(n) for n in range(6)])
    items, told = collect_past_bugs(loader)
    assert [item.node for item in items if isinstance(item, Failure)] == [3]
    assert sorted(nodes(items)) == [0, 1, 2, 4, 5]
    assert len(told) == 1


def test_a_batch_of_none_is_a_batch_of_one(made):
    class Odd(Source):
        def batch(self, requests):
            return 0

    loader = made(Odd())
    loader.want([Request(n) for n in range(6)])
    assert sorted(nodes(collect(loader))) == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(("wanted", "largest"), [(200, 32), (40, 20), (6, 6)])
def test_a_long_list_is_read_in_large_batches_and_a_short_one_by_all_threads(made, wanted, largest):
    sizes = []

    class Counting(Source):
        def load(self, requests):
            sizes.append(len(requests))
            return super().load(requests)

    loader = made(Counting(size=1000), threads=2)
    loader.want([Request(node) for node in range(wanted)])
    assert len(collect(loader)) == wanted
    assert max(sizes) == largest
