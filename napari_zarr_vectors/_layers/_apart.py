"""Slow work for a viewer in a process of its own, and what follows from it on the GUI thread.

A thread cannot be ended, and one that computes takes the interpreter from the GUI: a process has neither fault. It
ends with the window it works for, at the latest with the application.
"""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from qtpy.compat import isalive
from qtpy.QtCore import QObject, QProcess, QProcessEnvironment, QTimer

from napari_zarr_vectors._layers._napari import native_canvas

if TYPE_CHECKING:
    from napari.viewer import Viewer

__all__ = ["run_apart"]

LOOK_MS = 100
TIDY_MS, PATIENCE_MS = 5000, 800
"""So long a process may take to tidy up after it was asked to end: while there is a window, and when there is none."""
POLITE = "import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(1)); "
"""Asked to end, it leaves its `with` and `finally` blocks."""
_RUNNING: set[_Apart] = set()


def run_apart(
    viewer: Viewer, code: str, words: Sequence[str], then: Callable[[], None], failed: Callable[[str], None]
) -> Callable[[], bool]:
    """Run Python code in a process; then call back on the GUI thread, unless the viewer's window is gone by then.

    Parameters
    ----------
    viewer : napari.Viewer
    code : str
        Imports what this interpreter can import; its words are ``sys.argv[1:]``.
    words : sequence of str
    then : callable
        Called when the code has ended well.
    failed : callable
        Called with the last line that it wrote to its standard error, where it has not.

    Returns
    -------
    callable
        Tells whether it still runs.
    """
    apart = _Apart(viewer, then, failed)
    _RUNNING.add(apart)
    apart.start(POLITE + code, words)
    if native_canvas(viewer) is None:  # a viewer model without a window: nobody sees it wait
        apart.wait()
    return lambda: apart in _RUNNING and not apart.ended


class _Apart(QObject):
    """One process."""

    def __init__(self, viewer: Viewer, then: Callable[[], None], failed: Callable[[str], None]) -> None:
        super().__init__()
        self._then, self._failed = then, failed
        self.ended = False
        self._canvas = native_canvas(viewer)
        self._was_visible = self._canvas is not None and self._canvas.window().isVisible()
        self._process = QProcess(self)
        self._process.setStandardOutputFile(QProcess.nullDevice())
        self._process.finished.connect(self._on_finished)
        self._process.errorOccurred.connect(self._on_error)
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._look)

    def start(self, code: str, words: Sequence[str]) -> None:
        surroundings = QProcessEnvironment.systemEnvironment()
        surroundings.insert("PYTHONPATH", os.pathsep.join(path or os.getcwd() for path in sys.path))
        self._process.setProcessEnvironment(surroundings)
        self._process.start(sys.executable, ["-P", "-c", code, *words])
        self._timer.start(LOOK_MS)

    def wait(self) -> None:
        self._process.waitForFinished(-1)

    def end(self) -> None:
        """Ask it to end and tell nobody; it may take a while to tidy up."""
        if not self.ended:
            self.ended = True
            self._process.terminate()
            self._timer.start(TIDY_MS)

    def end_now(self) -> None:
        """End it before this returns."""
        self.end()
        if not self._process.waitForFinished(PATIENCE_MS):
            self._kill()

    def _kill(self) -> None:
        self._process.kill()
        self._process.waitForFinished(PATIENCE_MS)

    def _look(self) -> None:
        if self.ended:
            self._kill()
        elif not self._is_open():
            self.end()

    def _is_open(self) -> bool:
        if self._canvas is None:
            return True
        return isalive(self._canvas) and (self._canvas.window().isVisible() or not self._was_visible)

    def _on_finished(self, code: int, status: object = None) -> None:
        wanted = not self.ended and self._is_open()
        then, failed = self._forget()
        if not wanted:
            return
        if code == 0 and self._process.exitStatus() == QProcess.ExitStatus.NormalExit:
            then()
        else:
            said = bytes(self._process.readAllStandardError().data()).decode(errors="replace").strip()
            failed(said.rpartition("\n")[2] or f"its process ended with {code}")

    def _on_error(self, error: object) -> None:
        """Tell that there is no process; whatever else goes wrong ends it, and is told then."""
        if error == QProcess.ProcessError.FailedToStart:
            _, failed = self._forget()
            if not self.ended:
                failed(f"{sys.executable}: {self._process.errorString()}")

    def _forget(self) -> tuple[Callable[[], None], Callable[[str], None]]:
        """Let go of everything, the viewer above all; give what was to be called."""
        calls = self._then, self._failed
        self._then, self._failed, self._canvas = _nothing, _nothing, None
        self._timer.stop()
        _RUNNING.discard(self)
        return calls


def _nothing(*_words: str) -> None:
    """Stand for a call that is not to come any more."""


@atexit.register
def _end_all() -> None:
    """Leave no process behind an application that ends."""
    for apart in list(_RUNNING):
        if isalive(apart):
            apart.end_now()
