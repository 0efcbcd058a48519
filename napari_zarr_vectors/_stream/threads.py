"""Threads that run before there is anything to do."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

__all__ = ["Threads"]


class Threads(ThreadPoolExecutor):
    """An executor whose threads have all been started.

    To start one waits until it runs, for which it needs Python's lock: on the GUI thread, while others compute, 5 ms
    and more. So it is done before that, not when the first work is given to each.

    Parameters
    ----------
    count : int
    name : str
        What the names of the threads begin with.
    """

    def __init__(self, count: int, name: str) -> None:
        super().__init__(count, name)
        self.count = count
        self._together = threading.Barrier(count)  # none is free for the next call before all are there
        try:
            for _ in range(count):
                self.submit(self._together.wait)
        except RuntimeError:  # the system gives no more threads: those that are there would wait for ever
            self.shutdown(wait=False)
            raise

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End, as any executor does; also when not all threads have met yet."""
        self._together.abort()
        super().shutdown(wait, cancel_futures=cancel_futures)
