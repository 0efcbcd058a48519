"""How steadily this machine works, with nothing of ours: a loop of plain Python, after a sleep or without one."""

from __future__ import annotations

import time

import numpy as np

STEPS, LONGEST = 30, 3000
ROUND_S = 10.0


def steadiness() -> list[tuple[str, str, str]]:
    """Time short pieces of a loop, 3 ms of them together, after sleeps of 4 ms and without any."""
    _pieces()
    return [_figures("without a sleep", 0.0), _figures("after sleeping 4 ms", 0.004)]


def _pieces() -> np.ndarray:
    """Give the microseconds that each of equal pieces of a loop took, (LONGEST,)."""
    now, times = time.perf_counter, [0.0] * (LONGEST + 1)
    times[0] = now()
    for piece in range(1, LONGEST + 1):
        total = 0
        for number in range(STEPS):
            total += number
        times[piece] = now()
    return 1e6 * np.diff(times)


def _figures(when: str, sleep_s: float) -> tuple[str, str, str]:
    rounds, end = [], time.perf_counter() + ROUND_S
    while time.perf_counter() < end:
        if sleep_s:
            time.sleep(sleep_s)
        rounds.append(_pieces())
    usual = float(np.median(rounds))
    slow_ms = [float(pieces[pieces > 5 * usual].sum()) / 1e3 for pieces in rounds]
    long = [ms for ms in slow_ms if ms > 1]
    found = f"{len(long)} of {len(rounds)} have more than 1 ms at a fifth of the pace or less, "
    return f"rounds of {LONGEST * usual / 1e3:.1f} ms {when}", f"{found}at most {max(slow_ms):.0f} ms", "-"
