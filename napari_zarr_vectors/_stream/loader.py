"""Reads what is wanted, best first, on a few threads, and forgets what is no longer wanted.

The wanted list is replaced at each plan, and so is what is read ahead when nothing is wanted; that leaves a thread
free. A batch that has begun is finished; one that has not is never begun once
its entries are off the list. A failing batch is read again entry by entry, an entry with growing pauses, and given up
after a few tries. Results and failures wait in order until the GUI thread takes them.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from zarr_vectors.exceptions import ConcurrentWriteError, StoreClosedError, ZarrVectorsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from napari_zarr_vectors._build import BuiltChunk
    from napari_zarr_vectors._stream.threads import Threads

__all__ = ["Failure", "Loader", "Request", "Source"]

Result = TypeVar("Result")
Result_co = TypeVar("Result_co", covariant=True)

RETRIES = 3
FIRST_PAUSE_S = 0.2
FEW, BATCH = 8, 32
"""What one read may ask for at least, and at most where each thread has so many: small chunks cost little more
together than one alone."""


@dataclass(slots=True, unsafe_hash=True)
class Request:
    """One chunk to read: its node, the share of its rows, and the epoch (what its values mean). It never changes.

    `built` is the chunk as it was read for another epoch, where only its values are asked for.
    """

    # Not frozen: the GUI thread makes thousands in a frame, which would take it three times as long.

    node: int
    fraction: float = 1.0
    epoch: int = 0
    built: BuiltChunk | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Failure:
    """A chunk that was given up, and why."""

    node: int
    error: Exception


@dataclass(slots=True)
class _Job:
    """What one thread reads next; found when it begins."""

    batch: list[Request] = field(default_factory=list)
    is_ahead: bool = False


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is wanted.

    Attributes
    ----------
    wanted, ahead : list of Request
    have : dict
        Share of each chunk that came before these lists, which were made without it.
    taken : list of Request or Failure
        What was taken since these lists were made: it is not read again.
    """

    wanted: Sequence[Request]
    ahead: Sequence[Request]
    have: Mapping[int, float]
    taken: list[Request | Failure] = field(default_factory=list)


class Source(Protocol[Result_co]):
    """Where chunks come from. Called on loader threads, several at once.

    ``load`` gives one result a request, in order; it raises ``ZarrVectorsError`` or ``OSError`` if any of them
    cannot be read. ``batch`` gives how many of the first requests go well together (at least 1).
    """

    def load(self, requests: Sequence[Request]) -> Sequence[Result_co]:
        """Read chunks."""
        ...

    def batch(self, requests: Sequence[Request]) -> int:
        """Tell how many of the first requests make one read."""
        ...


class Loader(Generic[Result]):
    """A few threads over a list that changes.

    Parameters
    ----------
    source : Source
    threads : Threads
        As many reads are under way at once; ended by the loader.
    clock : callable
        Seconds; for tests.
    """

    def __init__(
        self, source: Source[Result], threads: Threads, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._source, self._clock, self._pool, self._threads = source, clock, threads, threads.count
        self._lock = threading.Lock()
        self._wanted: deque[Request] = deque()
        self._paused: deque[Request] = deque()
        self._ahead: deque[Request] = deque()
        self._running_ahead = 0
        self._busy: set[Request] = set()
        self._running = 0
        self._tries: dict[int, int] = {}
        self._not_before: dict[int, float] = {}
        self._done: deque[tuple[Request, Result] | Failure] = deque()
        self._unexpected: deque[BaseException] = deque()
        self._told: set[type[BaseException]] = set()
        self._closed = False
        self._newest = _Asked((), (), {})  # of the caller
        self._asked: _Asked | None = None  # the same, until a thread takes it over
        self._adopting = False

    @property
    def loading(self) -> int:
        """Chunks that are being read."""
        return len(self._busy)

    @property
    def wanting(self) -> int:
        """Entries of the newest wanted list that no thread has begun with; asks for no lock."""
        asked = self._asked
        return len(self._wanted if asked is None else asked.wanted)

    @property
    def waiting(self) -> int:
        """Results and failures that wait to be taken."""
        return len(self._done)

    @property
    def idle(self) -> bool:
        """Nothing is wanted, being read or waiting to be taken; asks for no lock."""
        # In this order: a thread that takes lists over says so before they are no longer asked for.
        waiting = self._asked is not None or self._adopting or self._wanted or self._ahead or self._paused
        return not (waiting or self._running or self._done or self._unexpected)

    def want(
        self, requests: Sequence[Request], ahead: Sequence[Request] = (), *, have: Mapping[int, float] | None = None
    ) -> None:
        """Replace the wanted list, best first, and what is read once nothing is wanted.

        What is being read or waits to be taken is not read again, nor is what there is as large a share of already
        (`have`), unless it is asked for its values.
        """
        self._asked = self._newest = _Asked(requests, ahead, have or {})
        self.pump()

    def _adopt(self) -> None:
        """Take over the newest lists; the lock is held."""
        asked = self._asked
        if asked is None:
            return
        self._adopting, self._asked = True, None
        # First what waits, then what was taken: what is taken meanwhile is in both.
        waiting = [item if isinstance(item, Failure) else item[0] for item in [*self._done]] + asked.taken
        known = self._busy | {item for item in waiting if isinstance(item, Request)}
        gone = {item.node for item in waiting if isinstance(item, Failure)}
        nodes = {r.node for r in known} | gone
        news = [r for r in asked.wanted if r.node not in nodes or (r.node not in gone and r not in known)]
        if have := asked.have:
            news = [r for r in news if r.built is not None or have.get(r.node, 0.0) < r.fraction]
            nodes |= have.keys()
        self._wanted = deque(r for r in news if r.node not in self._tries) if self._tries else deque(news)
        self._paused = deque(r for r in news if r.node in self._tries) if self._tries else deque()
        self._ahead = deque(r for r in asked.ahead if r.node not in nodes and r.node not in self._tries)
        self._adopting = False

    def take(self) -> tuple[Request, Result] | Failure | None:
        """Give the next result or failure, if any.

        Raises
        ------
        BaseException
            What a thread raised that no source should: a bug, shown where people see it.
        """
        if self._unexpected:
            raise self._unexpected.popleft()
        if not self._done:
            return None
        item = self._done[0]
        # Before it is off the other list: threads look at both.
        self._newest.taken.append(item if isinstance(item, Failure) else item[0])
        return self._done.popleft()

    def forget_failures(self) -> None:
        """Give entries that were given up their tries back, also those of which nobody has been told."""
        with self._lock:
            self._done = deque(item for item in self._done if not isinstance(item, Failure))
            self._tries.clear()
            self._not_before.clear()
            self._told.clear()

    def pump(self, *, wait: bool = False) -> None:
        """Begin what can be begun: called after changes, and now and then for entries that pause.

        Cheap, because the GUI thread calls it: the newest lists, of thousands of entries, are taken over on the threads
        that read (`wait`), which find there what is read next. Where one of them has the lock nothing is waited for,
        unless asked: it does this itself when it lets go.
        """
        while self._lock.acquire(blocking=wait):
            try:
                if wait:
                    self._adopt()
                free = self._begin_more()
            finally:
                self._lock.release()
            for _ in range(free):
                self._begin(_Job())
            if self._asked is None or not wait:
                return

    def _begin_more(self) -> int:
        """Count the threads that may begin, which may be more than there is work for; the lock is held."""
        now = self._clock()
        asked = len(self._wanted) + min(len(self._ahead), self._free_ahead)
        if self._asked is not None:  # whatever it is, somebody has to take it over
            asked = max(1, len(self._asked.wanted) + len(self._asked.ahead))
        asked += sum(self._not_before.get(request.node, 0.0) <= now for request in self._paused)
        free = 0 if self._closed else min(self._threads - self._running, asked)
        self._running += free
        return free

    @property
    def _free_ahead(self) -> int:
        """How many threads may begin to read ahead: one is left for what may be wanted at any moment."""
        return max(1, self._threads - 1) - self._running_ahead

    @property
    def pausing(self) -> bool:
        """Some entries wait before they are tried again."""
        return bool(self._paused)

    def _take_batch(self, job: _Job) -> None:
        """Take the next requests off the lists that go together; one that failed before goes alone."""
        now = self._clock()
        for _ in range(len(self._paused)):
            request = self._paused.popleft()
            if self._not_before.get(request.node, 0.0) <= now:
                job.batch.append(request)
                return
            self._paused.append(request)
        if self._wanted:
            self._take_head(self._wanted, job)
        elif self._ahead and self._free_ahead > 0:
            job.is_ahead = True
            self._running_ahead += 1
            self._take_head(self._ahead, job)

    def _take_head(self, asked: deque[Request], job: _Job) -> None:
        share = -(-len(asked) // self._threads)
        head = list(islice(asked, min(max(share, FEW), BATCH)))
        # The first one is off the list whatever the source says to it: it is given up if that raises.
        job.batch.append(asked.popleft())
        size = self._source.batch(head)
        job.batch += [asked.popleft() for _ in range(min(size, len(head)) - 1)]

    def _begin(self, job: _Job) -> None:
        try:
            future = self._pool.submit(self._run, job)
        except RuntimeError:  # closed in the meantime
            return
        future.add_done_callback(lambda f: self._finish(job, f))

    def _run(self, job: _Job) -> Sequence[Result]:
        with self._lock:
            if self._closed:
                return []
            self._adopt()
            self._take_batch(job)
            self._busy |= set(job.batch)
        if self._asked is not None:
            self.pump(wait=True)
        found = self._source.load(job.batch) if job.batch else []
        if len(found) != len(job.batch):
            msg = f"a source gave {len(found)} results for {len(job.batch)} requests"
            raise ValueError(msg)
        return found

    def _finish(self, job: _Job, future: Future[Sequence[Result]]) -> None:
        """Enter a batch's outcome; runs on the loader thread."""
        batch = job.batch
        error = None if future.cancelled() else future.exception()
        with self._lock:
            if not (self._closed or future.cancelled()):
                self._enter(batch, error, future)
            self._busy -= set(batch)
            self._running_ahead -= job.is_ahead
            # Last: whoever asks whether there is anything to wait for asks for no lock.
            self._running -= 1
            again = not self._closed and (bool(batch) or (error is None and bool(self._wanted)))
        if again or self._asked is not None:
            self.pump(wait=True)

    def _enter(self, batch: list[Request], error: BaseException | None, future: Future[Sequence[Result]]) -> None:
        """Hand out results or failures, or have entries tried again; the lock is held."""
        if error is None:
            self._done.extend(zip(batch, future.result(), strict=True))
        elif isinstance(error, (ZarrVectorsError, OSError)):
            self._failed(batch, error)
        else:
            # A bug: told once, and its chunks are given up, or each plan would ask for them and tell it again.
            if type(error) not in self._told:
                self._told.add(type(error))
                self._unexpected.append(error)
            reason = RuntimeError(f"{type(error).__name__}: {error}")
            self._done.extend(Failure(request.node, reason) for request in batch)

    def _failed(self, batch: list[Request], error: Exception) -> None:
        hopeless = isinstance(error, (StoreClosedError, ConcurrentWriteError))
        for request in batch:
            # A batch says nothing of its members: each is tried alone, the batch counting as no try.
            tries = self._tries.get(request.node, 0) + (len(batch) == 1)
            self._tries[request.node] = tries
            if hopeless or tries >= RETRIES:
                self._done.append(Failure(request.node, error))
            else:
                pause = FIRST_PAUSE_S * 2 ** (tries - 1) if tries else 0.0
                self._not_before[request.node] = self._clock() + pause
                self._paused.append(request)

    def close(self) -> None:
        """End: nothing is begun any more, what is being read ends by itself and is dropped."""
        with self._lock:
            self._closed = True
            self._wanted.clear()
            self._ahead.clear()
            self._paused.clear()
            self._done.clear()
        self._pool.shutdown(wait=False, cancel_futures=True)
