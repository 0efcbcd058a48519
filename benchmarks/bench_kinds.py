"""How fast lines, graphs and meshes are written and read: us, the peer, and plain files.

The rules are those of `bench_io`: every sample a child process, sides take turns, the clock over the operation alone,
no compressor, CPU is what counts. Memory is what the operation adds to the child's peak, beside the input's bytes.
"""

import importlib
import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
SIDES = ("ours", "peer", "limit")
# Title, least ratio of the peer's CPU and ours, most ratio of ours and the limit.
OPERATIONS = {
    "lines_write": ("write polylines", 8, 2),
    "lines_read": ("read polylines", 5, 2),
    "lines_ids": ("100 polylines by id", 5, None),
    "lines_box": ("box of polylines", 30, None),
    "graph_write": ("write graph", 2.5, 4),
    "graph_read": ("read graph", 8, 6),
    "mesh_write": ("write mesh", 2.5, 4),
    "mesh_read": ("read mesh", 8, 6),
}
NEEDS = {"lines": ("lines", "ids"), "graph": ("nodes", "edges", "owner"), "mesh": ("vertices", "faces")}


def make(folder, full):
    """Write the input and give {case: file}."""
    sys.path.insert(0, str(HERE))
    shapes = importlib.import_module("_shapes")
    nodes, edges, owner = shapes.forest(200, 1000)
    vertices, faces = shapes.surface(632, 317)
    cases = {"graph 200k": (nodes, edges, owner), "mesh 200k": (vertices, faces)}
    for count in (10_000, 100_000) if full else (10_000,):
        ids = np.random.default_rng(5).choice(count, 100, replace=False)
        cases[f"lines {count // 1000}k"] = (shapes.lines(count), ids)
    out = {}
    for case, arrays in cases.items():
        out[case] = folder / f"{case.replace(' ', '_')}.npz"
        np.savez(out[case], **dict(zip(NEEDS[case.split()[0]], arrays, strict=True)))
    return out


def _peak_bytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _resident_bytes():
    with open("/proc/self/statm") as f:
        return int(f.read().split()[1]) * resource.getpagesize()


def child(side, operation, store, data):
    """Run one operation and print its CPU and wall seconds and the memory it took."""
    sys.path.insert(0, str(HERE))
    if side != "peer":
        sys.path.insert(1, str(ROOT))
    run = getattr(importlib.import_module(f"_kinds_{side}"), operation)
    with np.load(data) as arrays:
        loaded = {name: arrays[name] for name in arrays}
    before, wall, cpu = _resident_bytes(), time.perf_counter(), time.process_time()
    found = run(store, loaded)
    out = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall, "found": found}
    out["memory"] = max(0, _peak_bytes() - before)
    out["data"] = sum(a.nbytes for a in loaded.values())
    print(json.dumps(out))


def sample(side, operation, store, data):
    bench_io = importlib.import_module("bench_io")
    python = str(bench_io.peer_python()) if side == "peer" else sys.executable
    command = [python, "-E", "-W", "ignore", HERE / "bench_kinds.py", "child", side, operation, store, data]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{side} {operation}: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def measure(case, data, folder, sides, repeats):
    kind = case.split()[0]
    operations = [name for name in OPERATIONS if name.startswith(kind)]
    out = {name: {} for name in operations}
    for repeat in range(repeats):
        turn = [*sides[repeat % len(sides) :], *sides[: repeat % len(sides)]]
        for operation in operations:
            for side in turn:
                if side == "limit" and operation in ("lines_ids", "lines_box"):
                    continue
                at = repeat if operation.endswith("write") else 0
                store = folder / f"{side}_{case.replace(' ', '_')}_{at}"
                out[operation].setdefault(side, []).append(sample(side, operation, store, data))
    for operation, found in out.items():
        answers = {json.dumps(s["found"]) for samples in found.values() for s in samples}
        if len(answers) != 1 and not operation.endswith(("write", "box")):
            raise RuntimeError(f"{case}, {operation}: the sides found {answers}")
    return out


def _median(samples, what):
    return statistics.median(s[what] for s in samples)


def rows(case, found):
    """Give the table's lines of one case."""
    for operation, samples in found.items():
        title, least, most = OPERATIONS[operation]
        cpu = {side: _median(s, "cpu") for side, s in samples.items()}
        cells = [f"{cpu[s]:.4f} ({_median(samples[s], 'wall'):.4f})" if s in cpu else "-" for s in SIDES]
        ratio = f"{cpu['peer'] / cpu['ours']:.1f}" if "peer" in cpu else "-"
        above = f"{cpu['ours'] / cpu['limit']:.2f}" if "limit" in cpu else "-"
        memory = f"{max(s['memory'] for s in samples['ours']) / samples['ours'][0]['data']:.2f}"
        limit = "-" if most is None else f"<= {most}"
        line = [title, case.split()[1], *cells, ratio, f">= {least}", above, limit, memory]
        yield f"| {' | '.join(line)} |"


def run(*, full=False, repeats=3):
    """Measure everything and give the table's lines."""
    sys.path.insert(0, str(HERE))
    sides = [s for s in SIDES if s != "peer" or importlib.import_module("bench_io").peer_python()]
    titles = ["operation", "size", *(f"{s} CPU (wall) s" for s in SIDES), "peer / ours", "wanted"]
    titles += ["ours / limit", "wanted", "memory / data"]
    table = [f"| {' | '.join(titles)} |", f"|{' --- |' * len(titles)}"]
    folder = Path(tempfile.mkdtemp(prefix="bench_kinds_"))
    try:
        for case, data in make(folder, full).items():
            table += rows(case, measure(case, data, folder, sides, repeats))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return table


if __name__ == "__main__":
    if sys.argv[1:2] == ["child"]:
        child(*sys.argv[2:])
    else:
        print("\n".join(run(full="--full" in sys.argv, repeats=1 if "--quick" in sys.argv else 3)))
