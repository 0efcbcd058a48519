"""When the next plan is made and shown: paints and reads share the machine. Pure; fed with times in seconds.

A plan of another view, and one after which nothing is missing, are shown at once. What has merely arrived waits: where
a paint takes seconds (software GL), showing each chunk as it comes would paint all the time and load nothing.
"""

from __future__ import annotations

from napari_zarr_vectors._controller import _tuning as tuning

__all__ = ["Pace"]


class Pace:
    """Keeps commits apart by some of the paints that they cause."""

    def __init__(self, now: float) -> None:
        self._last_frame: float | None = now
        self._next = 0.0
        self._wait: tuple[float, float] | None = None
        self._generation = -1
        self.paint_s = 0.0
        """Smoothed time of a paint."""

    def frame(self, now: float) -> None:
        """Enter that a frame begins: the event loop was busy painting for as long as it is late."""
        if self._last_frame is not None:
            self.paint_s += 0.5 * (min(now - self._last_frame, tuning.LONGEST_WAIT_S) - self.paint_s)
        self._last_frame = now
        if self._wait is not None:
            # What was shown is painted by now.
            paints, longest = self._wait
            self._next, self._wait = now + min(longest, paints * self.paint_s), None

    def rest(self) -> None:
        """Enter that frames end: the time until the next one is no paint."""
        self._last_frame = None

    def due(self, now: float, *, generation: int, idle: bool) -> bool:
        """Tell whether a plan may be made and shown.

        Parameters
        ----------
        now : float
        generation : int
            Number of the view.
        idle : bool
            All that was wanted is there.
        """
        return idle or generation != self._generation or (self._wait is None and now >= self._next)

    def shown(self, *, generation: int, holes: int) -> None:
        """Enter that a plan is shown, of which view, and whether it has holes, which are filled sooner."""
        self._generation = generation
        arrivals = tuning.PAINTS_A_COMMIT, tuning.LONGEST_WAIT_S
        self._wait = (tuning.PAINTS_A_COVER, tuning.LONGEST_HOLE_S) if holes else arrivals
