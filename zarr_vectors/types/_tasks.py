"""Running tasks on an executor: in order, a few in flight, with progress and cancel.

What is run are functions of picklable arguments, so that threads, processes and clusters will do.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from typing import Any, Protocol, TypeAlias, TypeVar

from zarr_vectors.exceptions import ArgumentError, CancelledError

__all__ = ["Cancel", "Progress", "TaskRunner"]

Progress: TypeAlias = Callable[[int, int, str], object]
"""Called as ``progress(done, total, message)``, from the thread that started the work."""

Result = TypeVar("Result")


class Cancel(Protocol):
    """What can be asked whether the work should stop, such as a ``threading.Event``."""

    def is_set(self) -> bool:
        """Tell whether the work should stop."""
        ...


class TaskRunner:
    """Runs the tasks of one piece of work.

    Parameters
    ----------
    what : str
        What is being done, for messages.
    total : int
        What `done` grows to, in any unit.
    executor : concurrent.futures.Executor, optional
        Without one tasks run here, one after the other. It is not shut down.
    progress : callable, optional
    cancel : object with ``is_set()``, optional

    Raises
    ------
    ArgumentError
        If one of them is not what it should be.
    """

    def __init__(
        self,
        what: str,
        total: int,
        *,
        executor: Executor | None = None,
        progress: Progress | None = None,
        cancel: Cancel | None = None,
    ) -> None:
        if executor is not None and not callable(getattr(executor, "submit", None)):
            msg = f"executor must be a concurrent.futures.Executor, got {executor!r}"
            raise ArgumentError(msg)
        if progress is not None and not callable(progress):
            msg = f"progress must be callable as progress(done, total, message), got {progress!r}"
            raise ArgumentError(msg)
        if cancel is not None and not callable(getattr(cancel, "is_set", None)):
            msg = f"cancel must have a method is_set(), as a threading.Event has, got {cancel!r}"
            raise ArgumentError(msg)
        self._what, self._total, self._done = what, total, 0
        self._executor, self._progress, self._cancel = executor, progress, cancel

    def check(self) -> None:
        """Raise ``CancelledError`` if the work should stop."""
        if self._cancel is not None and self._cancel.is_set():
            msg = f"{self._what} was cancelled"
            raise CancelledError(msg)

    def advance(self, amount: int, message: str) -> None:
        """Say that some more was done; never more than there is."""
        self.check()
        self._done = min(self._total, self._done + amount)
        if self._progress is not None:
            self._progress(self._done, self._total, message)

    def finish(self, message: str) -> None:
        """Say that all was done."""
        self.advance(self._total, message)

    def map(self, task: Callable[..., Result], calls: Sequence[tuple[Any, ...]]) -> Iterator[Result]:
        """Give the result of ``task(*call)`` for each call, in their order.

        At most two more tasks than processors are in flight: it bounds what results take. When the caller stops early
        or a task fails, tasks that have not begun are called off and those that run are waited for.
        """
        if self._executor is None:
            for call in calls:
                self.check()
                yield task(*call)
            return
        flying: deque[Future[Result]] = deque()
        waiting = iter(calls)
        try:
            for call in waiting:
                flying.append(self._executor.submit(task, *call))
                if len(flying) > (os.cpu_count() or 1) + 1:
                    self.check()
                    yield flying.popleft().result()
            while flying:
                self.check()
                yield flying.popleft().result()
        finally:
            for future in flying:
                future.cancel()
            for future in flying:
                if not future.cancelled():
                    future.exception()
