"""`make pictures`: every kind at every level, seen by one camera, and how far levels are from level 0, in figures.

Run as ``python -m benchmarks.pictures [NAME ..]`` with a display (tools/with_display.sh). Pictures go to
docs/images/pyramids, figures into docs/benchmarks/pyramids.md; with names only those pictures are made, and no page.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from benchmarks import _pages
from benchmarks._drawings import PICTURES
from benchmarks._panels import Painter, save

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images" / "pyramids"
PAGE = ROOT / "docs" / "benchmarks" / "pyramids.md"


def draw(names, folder=IMAGES):
    """Write the pictures of these names."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        began = time.perf_counter()
        # Made anew each time: napari's window, which draws the galaxy, takes the current context away.
        size = save(PICTURES[name](Painter()), folder / f"{name}.png")
        print(f"{folder / name}.png: {size / 1000:.0f} kB, {time.perf_counter() - began:.1f} s", flush=True)


if __name__ == "__main__":
    if sys.argv[1:]:
        draw(sys.argv[1:])
    else:
        draw(PICTURES)
        _pages.renew(PAGE)
        print(PAGE)
