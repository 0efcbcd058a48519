"""What changing the look of a million shown vertices costs on the GUI thread: a real napari window, three kinds.

``python -m benchmarks.changes`` prints the figures of docs/benchmarks/changes.md and writes them there. With
``--kinds points`` it measures some kinds only, and writes nothing. Run it on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import platform
import shutil
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks import _scenes
from benchmarks.flying import Flight, clustered_points
from napari_zarr_vectors._layers._napari import draw_event
from zarr_vectors.types.meshes import write_mesh
from zarr_vectors.types.points import write_points
from zarr_vectors.types.polylines import write_polylines

REPORT = Path(__file__).resolve().parents[1] / "docs" / "benchmarks" / "changes.md"
KINDS = ("points", "lines", "surface")
COUNT = 1_050_000
BUDGET = 1_500_000
QUICK, EVERY_S = 10, 2.0
"""So many changes, one every so many seconds, of which some should be seen while they come."""
HEAD = """# Changing the look of what is shown

`python -m benchmarks.changes`, {date}, {machine}, Python {python}; the views show
{shown} vertices, three rounds of every change, there and back. *Call*: until setting the value returns.
*Frame*: the longest frame of ours until the view is complete. *Send*: the longest that handing what was queued to the
driver took before a paint. CPU milliseconds of the GUI thread, largest and middle of the rounds. *Complete*: seconds
until the change is seen, middle, while the loaders read from the disk on the same cores; *CPU*: seconds of all threads
meanwhile, middle. *Quick*: {quick} changes of colours and filters in turn, one every {every:.0f} s.
"""


def write(folder: Path, kind: str) -> Path:
    """Make a store of a kind with two numbers a vertex, all of one level."""
    path, rng = folder / f"{kind}.zarrvectors", np.random.default_rng(3)
    if kind == "points":
        points, first = clustered_points(COUNT)
        second = rng.uniform(0, 1, COUNT).astype("f4")
        write_points(path, points, chunk_shape=62.5, bin_shape=12.5, attributes={"first": first, "second": second})
    elif kind == "lines":
        lines, fa = _scenes.bundles(COUNT // 60, 60)
        numbers = {"first": fa.reshape(-1), "second": rng.uniform(0, 1, fa.size).astype("f4")}
        write_polylines(path, lines, chunk_shape=20.0, bin_shape=1.0, geometry_type="streamline", attributes=numbers)
    else:
        vertices, faces, bump = _scenes.knot(500, COUNT // 500)
        numbers = {"first": bump, "second": rng.uniform(0, 1, len(bump)).astype("f4")}
        write_mesh(path, vertices, faces, chunk_shape=32.0, bin_shape=4.0, attributes=numbers)
    return path


def changes(layer):
    """What a person may change, and to what, alternating between two values."""
    style, shown = layer.style, layer.filter
    yield "colormap", lambda k: setattr(style, "colormap", ("magma", "viridis")[k])
    yield "limits", lambda k: setattr(style, "contrast_limits", ((0.1, 0.7), None)[k])
    yield "size", lambda k: setattr(style, "size", (1.5, 1.0)[k])
    yield "shading", lambda k: setattr(style, "shading", ("soft", "flat")[k])
    yield "box", lambda k: setattr(shown, "box", ((tuple(layer.bounds[0]), tuple(layer.bounds.mean(axis=0))), None)[k])
    yield "colour by", lambda k: setattr(style, "color_by", ("second", "first")[k])
    yield "filter", lambda k: setattr(shown, "where", ({"second": (">", 0.5)}, None)[k])


class Watch:
    """The longest frame of ours, and the longest that handing what is queued to the driver took before a paint, ms.

    Seconds of the GUI thread itself: what the loaders and others take of the cores does not count.
    """

    def __init__(self, flight):
        self.send, self._frames = 0.0, flight.frames
        self._canvas = flight.viewer.window._qt_viewer.canvas._scene_canvas
        draw_event(flight.viewer).connect(self._on_draw, position="first")

    def reset(self):
        self.send = 0.0
        self._frames.reset()

    @property
    def frame(self):
        return max(self._frames.cpu_ms, default=0.0)

    def _on_draw(self, event=None):
        began = time.thread_time()
        self._canvas.context.flush_commands()
        self.send = max(self.send, 1e3 * (time.thread_time() - began))


def measure(path: Path, only: list[str] | None = None) -> tuple[int, list[tuple[str, ...]], str]:
    """Give how many vertices are shown, a row a change, and what is seen of quick ones."""
    flight = Flight(path, budget=BUDGET, color_by="first", size=(500, 400), patience_s=120)
    layer, window = flight.layer, flight.window
    layer.style.shading, layer.style.size = "flat", 1.0
    window.process(1.0)
    watch, rows = Watch(flight), []
    shown = layer.lod.status.shown_vertices
    for name, change in changes(layer):
        if only is not None and name not in only:
            continue
        found = []
        for k in (0, 1) * 3:
            watch.reset()
            began, own, cpu = time.perf_counter(), time.thread_time(), time.process_time()
            change(k)
            call = 1e3 * (time.thread_time() - own)
            window.process(0.05)
            window.wait_until(lambda: layer.lod.status.complete, 120)
            complete, spent = time.perf_counter() - began, time.process_time() - cpu
            window.process(0.3)
            found.append((call, watch.frame, watch.send, complete, spent))
        worst, middle = np.max(found, axis=0), np.median(found, axis=0)
        ms = [f"{worst[i]:.1f}, {middle[i]:.1f}" for i in range(3)]
        rows.append((name, *ms, f"{middle[3]:.2f}", f"{middle[4]:.2f}"))
        print(path.stem, *rows[-1], sep=" | ", flush=True)
    told = quick(flight)
    print(path.stem, told, sep=" | ", flush=True)
    flight.close()
    return shown, rows, told


def quick(flight: Flight) -> str:
    """Tell how many of changes that come one after the other are seen while they come, and when the last one is."""
    layer, window, seen = flight.layer, flight.window, []
    swap = layer.pool.swap
    layer.pool.swap = lambda: seen.append(time.perf_counter()) or swap()
    for k in range(QUICK):
        began = time.perf_counter()
        if k % 2:
            layer.filter.where = {"second": (">", 0.1 * k)}
        else:
            layer.style.color_by = ("second", "first")[k // 2 % 2]
        if k < QUICK - 1:
            window.process(EVERY_S)
    meanwhile = len(seen)
    window.wait_until(lambda: layer.lod.status.complete, 120)
    return f"Quick: {meanwhile} of {QUICK - 1} seen before the last one, which takes {seen[-1] - began:.2f} s."


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kinds", nargs="*", choices=KINDS, default=list(KINDS))
    parser.add_argument("--only", nargs="*", metavar="CHANGE", help="only these, such as 'filter'")
    args = parser.parse_args()
    text, counts = "", []
    with tempfile.TemporaryDirectory() as folder:
        for kind in args.kinds:
            path = write(Path(folder), kind)
            shown, rows, told = measure(path, args.only)
            shutil.rmtree(path)
            counts.append(f"{shown:,}")
            text += f"\n## {kind.capitalize()}\n\n| change | call | frame | send | complete | CPU |\n"
            text += "|---|---|---|---|---|---|\n"
            text += "".join(f"| {' | '.join(row)} |\n" for row in rows) + f"\n{told}\n"
    text = (
        HEAD.format(
            date=time.strftime("%Y-%m-%d"),
            machine=platform.machine(),
            python=platform.python_version(),
            shown=", ".join(counts),
            quick=QUICK,
            every=EVERY_S,
        )
        + text
    )
    print(text)
    if set(args.kinds) == set(KINDS) and args.only is None:
        REPORT.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
