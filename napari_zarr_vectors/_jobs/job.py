"""One piece of work on a thread: it says how far it is, can be cancelled, and ends."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

__all__ = ["Job", "Step", "Tell"]

T = TypeVar("T")
Tell = Callable[[int, int, str], object]
"""Called as ``tell(done, total, message)``, on the job's thread."""


@dataclass(frozen=True, slots=True)
class Step:
    """How far a job is: `done` of `total`, in any unit."""

    done: int = 0
    total: int = 1
    message: str = ""

    @property
    def share(self) -> float:
        """From 0 to 1."""
        return min(1.0, self.done / max(1, self.total))


class Job(Generic[T]):
    """Work that has begun when this is made.

    Parameters
    ----------
    work : callable
        Called as ``work(tell, cancel)`` on a thread of its own, with a `Tell` and a ``threading.Event``; it raises
        ``CancelledError`` soon after the event is set.
    generation : int
        A number of the caller's, by which it knows what is still wanted.
    """

    def __init__(self, work: Callable[[Tell, threading.Event], T], generation: int = 0) -> None:
        self.generation = generation
        self.stop = threading.Event()
        """Set once it was asked to end; who keeps this keeps neither the job nor what it made."""
        self._step = Step()
        pool = ThreadPoolExecutor(1, "zarr-vectors-job")
        self._future: Future[T] = pool.submit(work, self._tell, self.stop)
        pool.shutdown(wait=False)

    def _tell(self, done: int, total: int, message: str) -> None:
        self._step = Step(done, total, message)

    @property
    def step(self) -> Step:
        """How far it is; any thread may ask."""
        return self._step

    @property
    def is_done(self) -> bool:
        """Whether it has ended, in whatever way."""
        return self._future.done()

    def cancel(self) -> None:
        """Ask it to end; it may take a moment."""
        self.stop.set()

    def result(self) -> T:
        """Give what it made, once it is done; whatever it raised is raised here."""
        return self._future.result()
