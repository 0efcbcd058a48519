"""What our frames took of the GUI thread, with Python's garbage collections told apart.

A collection of all generations takes a process with napari in it 0.1 to 0.3 s, whoever made the last object. Where one
begins while code of ours runs, that frame would say more of the process than of us. Time by the clock says also how
long the thread stood still because other threads and processes had the cores; processor time does not. On a virtual
machine processor time says also what else the machine was given to do: a loop that is always the same is timed before
every frame. `_machine.py` shows, with nothing of ours, that there all code may take ten times as long for some
milliseconds.
"""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable

import numpy as np

from napari_zarr_vectors._model import Timings

MOST_FRAMES = 1_000_000
LOOP_STEPS = 1000
SLOW = 3.0
"""Where the loop takes so many times as long as it mostly does, the machine is slow."""


class Frames(Timings):
    """Frames by the clock, and in `cpu_ms`, without the collections in them; these are in `collected_ms`.

    `loop_ms` is the processor time of the same loop of plain Python before each: after it the caches would be ours.

    Parameters
    ----------
    callbacks : list of callables
        What is called every frame; they are replaced by such as are watched.
    """

    def __init__(self, callbacks: list[Callable[[], None]]) -> None:
        super().__init__(window=MOST_FRAMES)
        self.cpu_ms: list[float] = []
        self.loop_ms: list[float] = []
        self.collected_ms: list[float] = []
        self._thread = 0  # whose frame is under way
        self._began, self._pauses = _now(), np.zeros(2)
        callbacks[:] = [self._watched(callback) for callback in callbacks]
        gc.callbacks.append(self._on_collection)

    @property
    def steady_ms(self) -> list[float]:
        """Those of `cpu_ms` before which the machine was as fast as it mostly is."""
        most = SLOW * float(np.median(self.loop_ms or [0.0]))
        return [ms for ms, loop in zip(self.cpu_ms, self.loop_ms, strict=True) if loop <= most]

    def leave(self) -> None:
        gc.callbacks.remove(self._on_collection)

    def frame(self, ms: float = 0.0) -> None:
        super().frame(ms - self._pauses[0])

    def reset(self) -> None:
        super().reset()
        self.cpu_ms, self.loop_ms, self.collected_ms = [], [], []

    def _watched(self, callback: Callable[[], None]) -> Callable[[], None]:
        def call() -> None:
            self.loop_ms.append(_loop_ms())
            self._thread, self._pauses, began = threading.get_ident(), np.zeros(2), _now()
            callback()
            self._thread = 0
            self.cpu_ms.append(float((_now() - began - self._pauses)[1]))

        return call

    def _on_collection(self, phase: str, info: dict[str, int]) -> None:
        del info
        if threading.get_ident() != self._thread:
            return
        if phase == "start":
            self._began = _now()
        else:
            took = _now() - self._began
            self._pauses += took
            self.collected_ms.append(float(took[0]))


def _loop_ms() -> float:
    began, total = time.thread_time(), 0
    for number in range(LOOP_STEPS):
        total += number
    return 1e3 * (time.thread_time() - began)


def _now() -> np.ndarray:
    """Give milliseconds by the clock, and of this thread."""
    return 1e3 * np.array([time.perf_counter(), time.thread_time()])
