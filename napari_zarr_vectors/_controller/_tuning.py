"""The numbers that the engine is tuned by."""

from __future__ import annotations

import os

__all__ = [
    "FIRST_WAIT_S",
    "LATE_S",
    "LEAST_GROWTH",
    "LOADERS",
    "LONGEST_HOLE_S",
    "LONGEST_WAIT_S",
    "PAINTS_A_COMMIT",
    "PAINTS_A_COVER",
    "POOL_BYTES",
    "POOL_HEADROOM",
    "POOL_SHARE",
    "POOL_SLACK_ROWS",
    "REST_S",
    "SETTLE_S",
    "SLOW_PAINT_S",
    "UPLOAD_BYTES",
    "UPLOAD_MS",
]

UPLOAD_MS = 1.5
"""What a frame does is over by then, but for the one array that is under way."""
UPLOAD_BYTES = 4 << 20
"""The pool only hands arrays on; the next paint sends them, which takes a millisecond for so many."""
LOADERS = min(4, max(2, (os.cpu_count() or 2) // 2))
"""More threads than cores that decode load no faster, and the planner waits for the interpreter's lock."""
FIRST_WAIT_S = 0.5
"""Where what is seen first takes longer to be read, plans are made without it."""
LATE_S = 0.5
"""What is painted is the slab of the last commit, for so long at most after the sliders have moved."""
POOL_SHARE = 2.0
"""Rows of the pool for each vertex of the budget: what is shown, and room for whatever replaces it."""
POOL_SLACK_ROWS = 1 << 18
"""And for the last pages of small chunks, which are not full."""
POOL_BYTES = 512 << 20
"""The most that a pool grows to for chunks of which little is drawn, as of thin slices, or whose lines are cut into
more pieces than was guessed."""
POOL_HEADROOM = 1.25
"""And so much more at once: growing sends everything anew."""
LEAST_GROWTH = 1.1
"""For less it is not worth it."""
PAINTS_A_COMMIT = 1.0
LONGEST_WAIT_S = 1.0
"""What has arrived waits for some paints after a paint, at most this long: see `_pace`."""
PAINTS_A_COVER = 0.5
LONGEST_HOLE_S = 0.3
"""The same while a part of the view has nothing to show."""
SLOW_PAINT_S = 0.05
"""Where paints take longer than this, frames come quicker while uploads wait: each is as short as ever."""
SETTLE_S = 0.3
"""A plan is made once more this long after the last change: what was held against flicker may go now."""
REST_S = 0.5
"""A view that has not changed for so long is looked at: it may take longer to paint."""
