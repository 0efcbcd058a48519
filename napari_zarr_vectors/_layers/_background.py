"""Work on a thread of its own whose result is given on the GUI thread: the newest one only, and none after the end."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from qtpy.QtCore import QObject, Signal

from zarr_vectors.exceptions import CancelledError, ZarrVectorsError

__all__ = ["Background"]

Work = Callable[[Callable[[], bool]], Any]


class Background(QObject):
    """One thread that does what was asked last; made, asked and closed on the GUI thread.

    Parameters
    ----------
    name : str
        Of the thread, which begins with the first work.
    """

    _came = Signal(object)
    _soon = Signal(object)

    def __init__(self, name: str) -> None:
        super().__init__()
        self._pool = ThreadPoolExecutor(1, name)
        self._number, self._closed = 0, False
        self._future: Future[Any] | None = None
        self._came.connect(self._deliver)
        self._soon.connect(self._call)

    @property
    def busy(self) -> bool:
        """Whether something was asked that was not given yet."""
        return self._future is not None

    def ask(self, work: Work, then: Callable[[Any], None], failed: Callable[[Exception], None]) -> None:
        """Have work done in place of what was asked before, whose result is dropped.

        Parameters
        ----------
        work : callable
            Called on the thread with a callable that tells whether its result is still wanted. May raise
            ``CancelledError``, of which nobody hears.
        then : callable
            Called on the GUI thread with what `work` gave.
        failed : callable
            Called on the GUI thread with a ``ZarrVectorsError``, ``OSError`` or ``ValueError`` that it raised; any
            other error is a bug and is raised there.
        """
        self.cancel()
        if self._closed:
            return
        number = self._number
        future = self._pool.submit(work, lambda: number == self._number)
        self._future = future
        # The signal crosses to the thread that this object lives on.
        future.add_done_callback(lambda done: self._came.emit((number, done, then, failed)))

    def call_soon(self, act: Callable[[], None]) -> None:
        """Have `act` called on the GUI thread; any thread may ask."""
        self._soon.emit(act)

    def cancel(self) -> None:
        """Drop what was asked."""
        self._number += 1
        future, self._future = self._future, None
        if future is not None:
            future.cancel()

    def close(self) -> None:
        """End: what runs is told, and ends by itself."""
        self.cancel()
        self._closed = True
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _call(self, act: Callable[[], None]) -> None:
        if not self._closed:
            act()

    def _deliver(self, came: tuple[int, Future[Any], Callable[[Any], None], Callable[[Exception], None]]) -> None:
        number, future, then, failed = came
        if number != self._number or future.cancelled():
            return
        self._future = None
        error = future.exception()
        if error is None:
            then(future.result())
        elif isinstance(error, ZarrVectorsError | OSError | ValueError) and not isinstance(error, CancelledError):
            failed(error)
        elif not isinstance(error, CancelledError):
            raise error
