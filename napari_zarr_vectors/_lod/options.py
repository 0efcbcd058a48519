"""The planner's tuning numbers; every one of them has its only default here."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["LodOptions"]


@dataclass(frozen=True, slots=True)
class LodOptions:
    """How the cut is chosen and how much is asked for.

    Attributes
    ----------
    tau_px : float
        Displacement on the screen that needs no refinement, pixels.
    rho_px : float
        Spacing of vertices on the screen that needs no refinement, pixels.
    hysteresis : float
        Factor on the error of what the previous plan refined.
    slack : float
        Share of the budget that new refinements may fill; held ones may fill all of it.
    bins : int
        Bins of the histogram over log2(error), 16 octaves.
    hold_s : float
        Seconds for which a refinement is held, budget permitting.
    max_fetch : int
        Longest fetch list.
    """

    tau_px: float = 1.5
    rho_px: float = 0.5
    hysteresis: float = 1.25
    slack: float = 0.95
    bins: int = 1024
    hold_s: float = 0.25
    max_fetch: int = 2048

    def __post_init__(self) -> None:
        """Refuse numbers with which the order of errors would be lost."""
        if self.tau_px <= 0 or self.rho_px <= 0 or self.hysteresis < 1 or not 0 < self.slack <= 1 or self.bins < 2:
            raise ValueError(f"{self}: expected tau_px > 0, rho_px > 0, hysteresis >= 1, 0 < slack <= 1 and bins >= 2")
