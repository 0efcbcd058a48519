"""How fast pyramids are built, and in how much memory: us, the public package zarr-vectors 0.9.2, and plain files.

Three levels, each axis halved, of points with two attributes and of lines of 100 vertices. The rules are those of
`bench_io`: every sample a child process, sides take turns, no compressor, CPU is what counts. What is built of is
written before, by each side in its own way, and copied for each sample. Memory is a run of its own: what the build adds
to the child's peak, over the vertices of level 0. How both grow with the store is shown of ours alone.
"""

import importlib
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
SIDES = ("ours", "peer", "limit")
# Kind, size (points or lines), chunks along each axis.
CASES = (("points", 1_000_000, 5), ("lines", 10_000, 5))
FULL = (("points", 10_000_000, 10),)
GROWTH = (
    ("points", 1_000_000, 5), ("points", 4_096_000, 8), ("points", 8_000_000, 10),
    ("lines", 10_000, 5), ("lines", 20_000, 6), ("lines", 40_000, 8), ("lines", 80_000, 10),
    ("segments", 500_000, 5), ("segments", 1_000_000, 6), ("segments", 2_000_000, 8),
    ("skeletons", 1_000, 5), ("skeletons", 2_000, 6), ("skeletons", 4_000, 8),
    ("owned", 1_000_000, 5), ("owned", 2_000_000, 6), ("owned", 4_000_000, 8),
    ("mesh", 1_000, 5), ("mesh", 1_414, 7), ("mesh", 2_000, 10),
    ("balls", 500, 4), ("balls", 1_000, 5), ("balls", 2_000, 6),
)  # fmt: skip
LEAST, MOST = 3, 3
"""The peer's CPU over ours that is wanted at least, and ours over the limit's at most."""
WARM_BYTES = 400 << 20
GROWTH_REPEATS = 1  # it is memory that is looked at, and that is the same each time
NODES = 1000  # of a skeleton, as many as a ball has vertices
# Kind: vertices of one, what many are called.
KINDS = {"points": (1, "points"), "lines": (100, "lines"), "segments": (2, "line segments"),
         "skeletons": (NODES, "skeletons"), "owned": (1, "points of 100 objects"),
         "balls": (NODES, "meshes")}  # fmt: skip


def _helpers():
    sys.path.insert(0, str(HERE))
    return importlib.import_module("bench_io"), importlib.import_module("bench_kinds")


def _data(kind, size):
    shapes = importlib.import_module("_shapes")
    if kind in ("points", "owned"):
        positions, attributes = importlib.import_module("_cloud").make(size)
        return {"positions": positions, **attributes}
    if kind == "skeletons":
        return dict(zip(("positions", "edges", "owner"), shapes.forest(size, NODES), strict=True))
    if kind == "mesh":
        return dict(zip(("positions", "faces"), shapes.surface(size, size), strict=True))
    if kind == "balls":
        return dict(zip(("positions", "faces", "owner"), shapes.balls(size, 40, 25), strict=True))
    return {"lines": shapes.segments(size) if kind == "segments" else shapes.lines(size)}


def child(side, what, kind, store, size, chunks):
    """Write a store, or build its pyramid and print what that took."""
    if side != "peer":
        sys.path.insert(1, str(ROOT))
    module = importlib.import_module(f"_pyramids_{side}")
    if what == "write":
        getattr(module, f"{kind}_write")(store, _data(kind, int(size)), int(chunks))
        print("{}")
        return
    status = importlib.import_module("bench_kinds")._status_bytes
    if what == "time":
        import numpy as np

        # Memory that was touched before costs less to touch again: without this, allocation hides everything else.
        np.ones(WARM_BYTES, np.uint8)
    before, wall, cpu = status("VmRSS:"), time.perf_counter(), time.process_time()
    getattr(module, f"{kind}_build")(store)
    out = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}
    out["memory"] = max(0, status("VmHWM:") - before)
    print(json.dumps(out | {"counts": module.counts(store)}))


def _call(side, *arguments):
    bench_io = _helpers()[0]
    python = str(bench_io.peer_python()) if side == "peer" else sys.executable
    command = [python, "-E", "-W", "ignore", HERE / "bench_pyramids.py", "child", side, *arguments]
    call = [str(part) for part in command]
    done = subprocess.run(call, capture_output=True, text=True, check=False, env=bench_io.ALONE)
    if done.returncode:
        raise RuntimeError(f"{side} {arguments}: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def sample(side, what, case, folder):
    """Build the pyramid of a copy of a side's store."""
    kind, size, chunks = case
    written, copy = folder / f"{side}_{kind}_{size}", folder / "copy"
    if not written.exists():
        _call(side, "write", kind, written, size, chunks)
    shutil.copytree(written, copy)
    try:
        return _call(side, what, kind, copy, size, chunks)
    finally:
        shutil.rmtree(copy)


def measure(case, folder, sides, repeats):
    out = {side: [] for side in sides}
    for repeat in range(repeats):
        for side in [*sides[repeat % len(sides) :], *sides[: repeat % len(sides)]]:
            out[side].append(sample(side, "time", case, folder))
    for side in sides:
        out[side].append(sample(side, "memory", case, folder))
    for store in folder.iterdir():
        shutil.rmtree(store)
    return out


def _vertices(case):
    return case[1] ** 2 if case[0] == "mesh" else case[1] * KINDS[case[0]][0]


def _size(case):
    kind, size, _ = case
    millions = f"{_vertices(case) / 1e6:.2g}M"
    if kind == "mesh":
        return f"{millions} in one mesh"
    each, name = KINDS[kind]
    return f"{millions} {name}" if each == 1 else f"{millions} in {size // 1000}k {name}"


def _comparison(case, found, sides):
    """Give the table's line of one case, and what falls short."""
    median = _helpers()[1]._median
    timed = {side: samples[:-1] for side, samples in found.items()}
    cpu = {side: median(samples, "cpu") for side, samples in timed.items()}
    times = [f"{cpu[s]:.3f} ({median(timed[s], 'wall'):.3f})" if s in sides else "-" for s in SIDES]
    memory = [f"{found[s][-1]['memory'] / _vertices(case):.0f}" if s in sides else "-" for s in SIDES]
    faster = cpu["peer"] / cpu["ours"] if "peer" in sides else None
    above = cpu["ours"] / cpu["limit"]
    counts = " ".join(f"{count:,}".replace(",", " ") for count in found["ours"][0]["counts"][1:])
    ratio = "-" if faster is None else f"{faster:.1f}"
    line = [_size(case), *times, ratio, f">= {LEAST}", f"{above:.2f}", f"<= {MOST}", " / ".join(memory), counts]
    missed = []
    if faster is not None and faster < LEAST:
        missed.append(f"{_size(case)}: {faster:.1f} times as fast as the peer, {LEAST} is wanted")
    if above > MOST:
        missed.append(f"{_size(case)}: {above:.2f} times the limit, {MOST} is wanted")
    return f"| {' | '.join(line)} |", missed


def _growth(cases, folder, repeats):
    """Give the table of how time and memory grow."""
    yield "| vertices | CPU s | CPU s a million | memory, MB | bytes a vertex |"
    yield f"|{' --- |' * 5}"
    for case in cases:
        found = measure(case, folder, ["ours"], repeats)["ours"]
        cpu, memory = _helpers()[1]._median(found[:-1], "cpu"), found[-1]["memory"]
        millions = _vertices(case) / 1e6
        cells = [f"{cpu:.2f}", f"{cpu / millions:.3f}", f"{memory / 1e6:.0f}", f"{memory / millions / 1e6:.0f}"]
        yield f"| {_size(case)} | {' | '.join(cells)} |"


def run(*, full=False, small=False, repeats=3):
    """Measure everything: give the lines of the comparison, of the growth, and what falls short."""
    sides = [side for side in SIDES if side != "peer" or _helpers()[0].peer_python()]
    titles = ["vertices", *(f"{s} CPU (wall) s" for s in SIDES), "peer / ours", "wanted", "ours / limit", "wanted",
              "bytes a vertex: ours / peer / limit", "vertices of levels 1 to 3"]  # fmt: skip
    table, missed = [f"| {' | '.join(titles)} |", f"|{' --- |' * len(titles)}"], []
    folder = Path(tempfile.mkdtemp(prefix="bench_pyramids_"))
    try:
        for case in (*CASES, *(FULL if full else ())):
            line, short = _comparison(case, measure(case, folder, sides, repeats), sides)
            table.append(line)
            missed += short
            print(line, file=sys.stderr, flush=True)
        growth = [] if small else list(_growth((*GROWTH, *(FULL if full else ())), folder, GROWTH_REPEATS))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return table, growth, missed


if __name__ == "__main__":
    if sys.argv[1:2] == ["child"]:
        sys.path.insert(0, str(HERE))
        child(*sys.argv[2:])
    else:
        quick = "--quick" in sys.argv
        for part in run(full="--full" in sys.argv, small=quick, repeats=1 if quick else 3):
            print("\n".join(part), end="\n\n")
