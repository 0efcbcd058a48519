"""The automatic budget: as many vertices as the machine paints in time. Pure; fed with the times of paints."""

from __future__ import annotations

__all__ = ["Governor"]

TARGET_S = 0.033
START, LEAST, MOST = 500_000, 50_000, 20_000_000
SMOOTHING = 0.2
SLOW, SLOW_FOR_S, SHRINK = 1.2, 0.5, 0.9
FAST, FAST_FOR_S, GROW = 0.7, 2.0, 1.05
PAUSE_S = 0.5


class Governor:
    """Moves a budget by the smoothed time from paint to paint while the view moves.

    Too slow for half a second: a tenth less. Well in time for two seconds: a twentieth more, if the budget was
    needed. A pause is no slow frame: paints further apart than half a second, or than three smoothed frames, start
    anew. A view that rests is looked at: it has the budget of the start, however slow its paints are.
    """

    def __init__(self) -> None:
        self.resting = False
        self._moving = START
        self._last: float | None = None
        self._smooth: float | None = None
        self._slow_since: float | None = None
        self._fast_since: float | None = None

    @property
    def budget(self) -> int:
        """The budget now."""
        return max(self._moving, START) if self.resting else self._moving

    def painted(self, now: float, *, moving: bool, needed: bool) -> bool:
        """Enter a paint at `now` seconds; tell whether the budget changed.

        Parameters
        ----------
        now : float
        moving : bool
            The view changed since the last paint; paints at rest say nothing.
        needed : bool
            The budget was nearly used up, so that a larger one would show more.
        """
        last, self._last = self._last, now
        if last is None or not moving or now - last > max(PAUSE_S, 3 * (self._smooth or 0)):
            self._slow_since = self._fast_since = None
            return False
        frame = now - last
        self._smooth = frame if self._smooth is None else self._smooth + SMOOTHING * (frame - self._smooth)
        self._slow_since = self._begin(self._slow_since, now, self._smooth > SLOW * TARGET_S)
        self._fast_since = self._begin(self._fast_since, now, self._smooth < FAST * TARGET_S and needed)
        if self._slow_since is not None and now - self._slow_since >= SLOW_FOR_S:
            self._slow_since = now
            return self._scale(SHRINK)
        if self._fast_since is not None and now - self._fast_since >= FAST_FOR_S:
            self._fast_since = now
            return self._scale(GROW)
        return False

    @staticmethod
    def _begin(since: float | None, now: float, holds: bool) -> float | None:
        if not holds:
            return None
        return now if since is None else since

    def _scale(self, factor: float) -> bool:
        before, told = self._moving, self.budget
        self._moving = int(min(MOST, max(LEAST, before * factor)))
        return self.budget != told
