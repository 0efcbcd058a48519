"""How long our own code ran on the GUI thread, frame by frame, over a sliding window."""

from __future__ import annotations

from collections import deque

import numpy as np

__all__ = ["Timings"]

WINDOW_FRAMES = 512


class Timings:
    """Milliseconds per frame of everything that ran on the GUI thread.

    A frame may consist of several slots: `add` collects them, `frame` closes the frame. What has been added
    and not closed yet counts as a frame, so that a long slot is seen by whoever reads right after it.

    Parameters
    ----------
    window : int
        Frames that are remembered; older ones drop out.
    """

    def __init__(self, window: int = WINDOW_FRAMES) -> None:
        self._frames: deque[float] = deque(maxlen=window)
        self._open = 0.0

    def add(self, ms: float) -> None:
        """Add one slot's `ms` milliseconds to the frame under way."""
        self._open += ms

    def frame(self, ms: float = 0.0) -> None:
        """Close the frame under way, with `ms` more milliseconds."""
        self._frames.append(self._open + ms)
        self._open = 0.0

    def reset(self) -> None:
        """Forget every frame."""
        self._frames.clear()
        self._open = 0.0

    def _window(self) -> list[float]:
        return [*self._frames, self._open] if self._open else list(self._frames)

    @property
    def frames(self) -> int:
        """Number of frames in the window."""
        return len(self._window())

    @property
    def max(self) -> float:
        """The longest frame, ms; 0 before the first one."""
        return max(self._window(), default=0.0)

    @property
    def p95(self) -> float:
        """95 % of the frames took at most this many ms; 0 before the first one."""
        frames = self._window()
        return float(np.percentile(frames, 95)) if frames else 0.0

    @property
    def total(self) -> float:
        """Sum over the window, ms."""
        return float(sum(self._window()))

    def __repr__(self) -> str:
        return f"<Timings of {self.frames} frames: max {self.max:.2f} ms, p95 {self.p95:.2f} ms>"
