"""`make flight`: how smooth the viewer is. A real napari window, stores of every kind, a scripted camera.

Prints the figures of docs/benchmarks/flight.md and writes them there. Run it on a machine that does nothing else.
``--kinds points`` flies over some kinds only, and writes nothing.
"""

from __future__ import annotations

import argparse
import json
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks import _scenes
from benchmarks._frames import SLOW
from benchmarks._machine import steadiness
from benchmarks.flying import Flight, clustered_points, open_files, resident_mb, streaming_threads, tour
from zarr_vectors.multiresolution.coarsen import build_pyramid
from zarr_vectors.types.points import write_points

KINDS = {"streamlines": "100 k streamlines", "neurons": "200 neurons", "surface": "a surface of 1 M faces"}
REPORT = Path(__file__).resolve().parents[1] / "docs" / "benchmarks" / "flight.md"


def make_store(folder: Path, count: int) -> Path:
    path = folder / "clusters.zarrvectors"
    points, radius = clustered_points(count)
    write_points(path, points, chunk_shape=62.5, bin_shape=12.5, attributes={"radius": radius})
    build_pyramid(path, [(2, 1)] * 3)
    return path


def make_kind(folder: Path, kind: str, share: float) -> Path:
    """Make a store of one kind, with a share of what `KINDS` names."""
    path = folder / f"{kind}.zarrvectors"
    if kind == "streamlines":
        _scenes.write_bundles(path, round(100_000 * share), 60)
    elif kind == "neurons":
        _scenes.write_neurons(path, round(200 * share))
    else:
        _scenes.write_knot(path, 500, round(1000 * share))
    build_pyramid(path, [(2, 1)] * 3)
    return path


def fly(path: Path, budget: int, **display: object) -> list[tuple[str, str, str]]:
    flight = Flight(path, budget=budget, **display)
    tour(flight)
    counts, frames = flight.counts, flight.frames
    collected, steady = frames.collected_ms, frames.steady_ms
    rows = [
        ("over-budget moments", f"{counts.over_budget} of {counts.looks}", "0"),
        ("holes after first cover", f"{counts.holes} of {counts.looks}", "0"),
        ("ours on the GUI thread, a frame", _largest(frames.cpu_ms), "<= 4 ms"),
        (
            f"the same but for {len(frames.cpu_ms) - len(steady)} of {len(frames.cpu_ms)} frames "
            f"before which the loop (below) took {SLOW:g} times its usual time",
            _largest(steady),
            "<= 4 ms",
        ),
        ("all by the clock, others on the cores", f"max {frames.max:.1f}, p95 {frames.p95:.1f} ms", "<= 4 ms"),
        (
            "Python's garbage collections in them, not counted",
            f"{sum(ms > 1 for ms in collected)} of more than 1 ms, max {max(collected, default=0):.0f} ms",
            "-",
        ),
        ("a loop of plain Python before each frame", _spread(frames.loop_ms), "-"),
        ("ours, while opening", _largest(flight.opening_ms), "<= 4 ms"),
        ("open_layer returns", f"{flight.open_s:.2f} s", "-"),
        ("first pixels", f"{counts.first_pixels_s:.2f} s", "<= 0.5 s"),
        ("first complete view", f"{counts.first_complete_s:.2f} s", "-"),
        (
            "complete after a jump",
            f"max {max(counts.jumps_s):.2f}, all {np.round(counts.jumps_s, 2)} s",
            "<= 2 s",
        ),
        ("jumps that did not complete", str(counts.incomplete_jumps), "0"),
        ("most vertices shown", f"{counts.most_shown:,} of {budget:,}", "-"),
        ("threads gone after viewer.close()", f"{flight.close():.2f} s, left {streaming_threads()}", "<= 1 s"),
    ]
    other = Flight(path, budget=budget // 4, **display)
    # napari loads its units with the first layer of a process, whatever it is: 0.2 s and more.
    rows.insert(6, ("first pixels of the process' next layer", f"{other.counts.first_pixels_s:.2f} s", "<= 0.5 s"))
    rows.append(("threads gone after the window's X", f"{other.click_x():.2f} s, left {streaming_threads()}", "<= 1 s"))
    return rows


def _largest(ms: list[float]) -> str:
    ms = ms or [0.0]
    return f"max {max(ms):.1f}, p95 {np.percentile(ms, 95):.1f} ms CPU"


def _spread(ms: list[float]) -> str:
    ms = ms or [0.0]
    return f"max {max(ms):.1f}, p95 {np.percentile(ms, 95):.2f}, middle {np.median(ms):.2f} ms CPU"


def rounds(path: Path, count: int) -> list[tuple[str, str, str]]:
    """Open and close many viewers in this process; gives what is left over."""
    sizes, files = [], []
    for _ in range(count):
        flight = Flight(path, budget=100_000, size=(500, 400))
        flight.close()
        sizes.append(resident_mb())
        files.append(open_files())
    half = sizes[len(sizes) // 2]
    return [
        ("open/close rounds without abort", str(count), "50"),
        ("threads left", str(len(streaming_threads())), "0"),
        ("open files, after the 2nd and the last round", f"{files[min(1, count - 1)]}, {files[-1]}", "equal"),
        ("resident MB, halfway and at the end", f"{half:.0f}, {sizes[-1]:.0f}", "-"),
    ]


def table(rows: list[tuple[str, str, str]]) -> str:
    return "\n".join(["| figure | here | target |", "|---|---|---|", *(f"| {a} | {b} | {c} |" for a, b, c in rows)])


def fly_apart(path: Path, budget: int) -> list[tuple[str, str, str]]:
    """Fly over a store in a process of its own: the first layer of a process is the one that people wait for."""
    command = [sys.executable, "-m", "benchmarks.flight", "--budget", str(budget), "--only-flight", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        print(done.stderr[-3000:], file=sys.stderr)
        return [("flight", f"exit code {done.returncode}", "0")]
    return json.loads(done.stdout.strip().splitlines()[-1])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=2_000_000)
    parser.add_argument("--budget", type=int, default=500_000)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--share", type=float, default=1.0, help="of the other kinds' sizes")
    parser.add_argument("--kinds", nargs="*", choices=["points", *KINDS], default=["points", *KINDS])
    parser.add_argument("--only-rounds", metavar="STORE")
    parser.add_argument("--only-flight", metavar="STORE")
    args = parser.parse_args()
    if args.only_rounds:
        print(json.dumps(rounds(Path(args.only_rounds), args.rounds)))
        return 0
    if args.only_flight:
        print(json.dumps(fly(Path(args.only_flight), args.budget)))
        return 0
    text = f"# Flight\n\n`make flight`, {time.strftime('%Y-%m-%d')}, {platform.machine()}, budget {args.budget:,}, "
    text += f"Python {platform.python_version()}; every frame counts.\n"
    text += f"\n## The machine alone: a loop of plain Python, nothing of ours\n\n{table(steadiness())}\n"
    with tempfile.TemporaryDirectory() as folder:
        if "points" in args.kinds:
            text += f"\n## {args.points:,} clustered points\n\n{table(fly_points(Path(folder), args))}\n"
        for kind in [kind for kind in KINDS if kind in args.kinds]:
            path = make_kind(Path(folder), kind, args.share)
            text += f"\n## {KINDS[kind].capitalize()}\n\n{table(fly_apart(path, args.budget))}\n"
            shutil.rmtree(path)
    print(text)
    if set(args.kinds) == {"points", *KINDS} and args.share == 1:
        REPORT.write_text(text)
    return 0


def fly_points(folder: Path, args: argparse.Namespace) -> list[tuple[str, str, str]]:
    path = make_store(folder, args.points)
    rows = fly(path, args.budget, color_by="radius")
    # In a process of its own: an abort there must not take the figures here with it.
    command = [sys.executable, "-m", "benchmarks.flight", "--rounds", str(args.rounds), "--only-rounds", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = done.stdout.strip().splitlines()
    if done.returncode or not found:
        print(done.stderr[-3000:], file=sys.stderr)
        return [*rows, ("open/close rounds", f"exit code {done.returncode}", "0")]
    return rows + json.loads(found[-1])


if __name__ == "__main__":
    sys.exit(main())
