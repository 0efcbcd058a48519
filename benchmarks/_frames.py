"""What our frames took of the GUI thread, with Python's garbage collections told apart.

A collection of all generations takes a process with napari in it 0.1 to 0.3 s, whoever made the last object. Where one
begins while code of ours runs, that frame would say more of the process than of us.
"""

from __future__ import annotations

import gc
import sys
import time
from types import CodeType

from napari_zarr_vectors._model import Timings

MOST_FRAMES = 1_000_000


class Frames(Timings):
    """Every frame of a flight without the collections that fell into it; these are in `collected_ms`.

    Parameters
    ----------
    slot : code object
        Of what closes a frame.
    """

    def __init__(self, slot: CodeType) -> None:
        super().__init__(window=MOST_FRAMES)
        self._slot = slot
        self.collected_ms: list[float] = []
        self._pauses_ms = self._began = 0.0
        gc.callbacks.append(self._on_collection)

    def leave(self) -> None:
        gc.callbacks.remove(self._on_collection)

    def reset(self) -> None:
        super().reset()
        self.collected_ms = []

    def frame(self, ms: float = 0.0) -> None:
        super().frame(ms - self._pauses_ms)
        self._pauses_ms = 0.0

    def _on_collection(self, phase: str, info: dict[str, int]) -> None:
        del info
        if phase == "start":
            self._began = time.perf_counter()
        elif self._is_ours():
            took = 1e3 * (time.perf_counter() - self._began)
            self._pauses_ms += took
            self.collected_ms.append(took)

    def _is_ours(self) -> bool:
        """Tell whether the collection began in the slot: collections run where the last object was made."""
        frame = sys._getframe()
        while frame is not None and frame.f_code is not self._slot:
            frame = frame.f_back
        return frame is not None
