"""How fast lines, graphs and meshes are written and read: us, the peer, and plain files.

The rules are those of `bench_io`: every sample a child process, sides take turns, the clock over the operation alone,
no compressor, CPU is what counts. Memory is a run of its own: what the operation adds to the child's peak, with the
result of a read in it, beside the bytes of the input.
"""

import importlib
import json
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
    "points_write": ("write points of 10k scattered objects", 8, 6),
    "points_ids": ("100 scattered objects by id", 5, None),
    "lines_write": ("write polylines", 8, 2),
    "lines_read": ("read polylines", 5, 2),
    "lines_ids": ("100 polylines by id", None, None),
    "lines_box": ("box of polylines", 30, 20),
    "graph_write": ("write graph", 2.5, 4),
    "graph_read": ("read graph", 8, 6),
    "graph_ids": ("10 parts of a graph by id", None, None),
    "graph_box": ("box of a graph", None, None),
    "skeleton_write": ("write skeletons", 2.5, 4),
    "skeleton_read": ("read skeletons", 8, 6),
    "skeleton_ids": ("10 skeletons by id", None, None),
    "skeleton_box": ("box of skeletons", None, None),
    "mesh_write": ("write mesh", 2.5, 4),
    "mesh_read": ("read mesh", 8, 6),
    "mesh_ids": ("10 meshes by id", None, None),
    "mesh_box": ("box of a mesh", None, None),
}
ONLY = {"lines_box": "100k"}
"""What is wanted of an operation at one size only."""
MOST_MEMORY = 2
WARM_BYTES = 400 << 20
SHORT_S, MORE_TURNS = 0.4, 6


def make(folder, *, small):
    """Write the input and give {case: file}."""
    sys.path.insert(0, str(HERE))
    shapes = importlib.import_module("_shapes")
    forest = dict(zip(("nodes", "edges", "owner"), shapes.forest(200, 1000), strict=True))
    some = {"ids": np.arange(0, 200, 20)}
    surface = dict(zip(("vertices", "faces"), shapes.surface(632, 317), strict=True))
    balls = dict(zip(("vertices", "faces", "owner"), shapes.balls(200, 25, 40), strict=True))
    rng = np.random.default_rng(6)
    scattered = {"positions": rng.uniform(0, shapes.EDGE, (1_000_000, 3)).astype("f4")}
    scattered |= {"owner": rng.integers(0, 10_000, 1_000_000), "ids": rng.choice(10_000, 100, replace=False)}
    cases = {
        "points 1M": scattered,
        "graph 200k": forest | some,
        "skeleton 200k": forest | some,
        "mesh 200k": surface,
        "mesh 200 x 1k": balls | some,
    }
    for count in (10_000,) if small else (10_000, 100_000):
        ids = np.random.default_rng(5).choice(count, 100, replace=False)
        cases[f"lines {count // 1000}k"] = {"lines": shapes.lines(count), "ids": ids}
    out = {}
    for case, arrays in cases.items():
        out[case] = folder / f"{case.replace(' ', '_')}.npz"
        np.savez(out[case], **arrays)
    return out


def _status_bytes(key):
    """Give a figure of this process; its peak as the system tells it elsewhere begins with that of its parent."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(key):
            return int(line.split()[1]) << 10
    raise KeyError(key)


def child(side, operation, store, data, purpose):
    """Run one operation and print its CPU and wall seconds, or the memory it took."""
    sys.path.insert(0, str(HERE))
    if side != "peer":
        sys.path.insert(1, str(ROOT))
    run = getattr(importlib.import_module(f"_kinds_{side}"), operation)
    with np.load(data) as arrays:
        loaded = {name: arrays[name] for name in arrays}
    if purpose == "time":
        # Memory that was touched before costs less to touch again: without this, allocation hides everything else.
        np.ones(WARM_BYTES, np.uint8)
    before, wall, cpu = _status_bytes("VmRSS:"), time.perf_counter(), time.process_time()
    found = run(store, loaded)
    out = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall, "found": found}
    if operation.endswith("box"):
        out |= {what: out[what] / len(found) for what in ("cpu", "wall")}
    out["memory"] = max(0, _status_bytes("VmHWM:") - before)
    out["data"] = sum(a.nbytes for name, a in loaded.items() if name != "ids")
    print(json.dumps(out))


def sample(side, operation, store, data, purpose="time"):
    bench_io = importlib.import_module("bench_io")
    python = str(bench_io.peer_python()) if side == "peer" else sys.executable
    command = [python, "-E", "-W", "ignore", HERE / "bench_kinds.py", "child", side, operation, store, data, purpose]
    done = subprocess.run([str(p) for p in command], capture_output=True, text=True, check=False, env=bench_io.ALONE)
    if done.returncode:
        raise RuntimeError(f"{side} {operation}: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def _can(side, operation, case):
    """Tell whether a side has an operation; the large surface is one object."""
    if operation == "mesh_ids" and case == "mesh 200k":
        return False
    return (
        not operation.endswith("_ids")
        or side == "ours"
        or (side == "peer" and operation in ("lines_ids", "points_ids"))
    )


def measure(case, data, folder, sides, repeats):
    kind = case.split()[0]
    operations = [name for name in OPERATIONS if name.startswith(kind)]
    out = {name: {} for name in operations}
    for repeat in range(repeats):
        turn = [*sides[repeat % len(sides) :], *sides[: repeat % len(sides)]]
        for operation in operations:
            for side in (side for side in turn if _can(side, operation, case)):
                at = repeat if operation.endswith("write") else 0
                store = folder / f"{side}_{case.replace(' ', '_')}_{at}"
                out[operation].setdefault(side, []).append(sample(side, operation, store, data))
    for operation, found in out.items():
        if repeats > 1 and _is_short(operation, found):
            for more in range(MORE_TURNS):
                for side in [*found][more % len(found) :] + [*found][: more % len(found)]:
                    store = folder / f"{side}_{case.replace(' ', '_')}_0"
                    found[side].append(sample(side, operation, store, data))
        if "ours" in found:
            store = folder / f"ours_{case.replace(' ', '_')}_{repeats if operation.endswith('write') else 0}"
            found["memory"] = [sample("ours", operation, store, data, "memory")]
        answers = {json.dumps(s["found"]) for samples in found.values() for s in samples}
        if len(answers) > 1 and not operation.endswith("box"):
            raise RuntimeError(f"{case}, {operation}: the sides found {answers}")
    return out


def _is_short(operation, found):
    """Tell whether an operation takes so little that single samples say little: a third more or less, here."""
    if operation.endswith("write") or "peer" not in found:
        return False
    return _median(found["peer"], "cpu") < SHORT_S


def _median(samples, what):
    return statistics.median(s[what] for s in samples)


def judge(case, found):
    """Give the table's lines of one case, and what falls short."""
    table, missed = [], []
    for operation, samples in found.items():
        if not samples:
            continue
        title, least, most = OPERATIONS[operation]
        size = case.split(maxsplit=1)[1]
        if ONLY.get(operation, size) != size:
            least = most = None
        used = samples.pop("memory")[0]
        cpu = {side: _median(s, "cpu") for side, s in samples.items()}
        cells = [f"{cpu[s]:.4f} ({_median(samples[s], 'wall'):.4f})" if s in cpu else "-" for s in SIDES]
        faster = cpu["peer"] / cpu["ours"] if "peer" in cpu else None
        above = cpu["ours"] / cpu["limit"] if "limit" in cpu else None
        memory = used["memory"] / used["data"] if operation.endswith(("write", "read")) else None
        if None not in (faster, least) and faster < least:
            missed.append(f"{title}, {size}: {faster:.1f} times as fast as the peer, {least} is wanted")
        if None not in (above, most) and above > most:
            missed.append(f"{title}, {size}: {above:.1f} times the limit, {most} is wanted")
        if memory is not None and memory > MOST_MEMORY:
            missed.append(f"{title}, {size}: {memory:.1f} times the data in memory, {MOST_MEMORY} is wanted")
        wanted = ["-" if least is None else f">= {least}", "-" if most is None else f"<= {most}"]
        line = [title, size, *cells, _figure(faster, 1), wanted[0], _figure(above, 2), wanted[1], _figure(memory, 2)]
        table.append(f"| {' | '.join(line)} |")
    return table, missed


def _figure(value, digits):
    return "-" if value is None else f"{value:.{digits}f}"


def run(*, small=False, repeats=3):
    """Measure everything and give the table's lines, and what falls short of what is wanted."""
    sys.path.insert(0, str(HERE))
    sides = [s for s in SIDES if s != "peer" or importlib.import_module("bench_io").peer_python()]
    titles = ["operation", "size", *(f"{s} CPU (wall) s" for s in SIDES), "peer / ours", "wanted"]
    titles += ["ours / limit", "wanted", "memory / data"]
    table, missed = [f"| {' | '.join(titles)} |", f"|{' --- |' * len(titles)}"], []
    folder = Path(tempfile.mkdtemp(prefix="bench_kinds_"))
    try:
        for case, data in make(folder, small=small).items():
            lines, short = judge(case, measure(case, data, folder, sides, repeats))
            table += lines
            missed += short
            print(*lines, sep="\n", file=sys.stderr, flush=True)  # all of it takes minutes
            for store in folder.glob(f"*_{case.replace(' ', '_')}_*"):
                shutil.rmtree(store)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return table, missed


if __name__ == "__main__":
    if sys.argv[1:2] == ["child"]:
        child(*sys.argv[2:])
    else:
        quick = "--quick" in sys.argv
        for part in run(small=quick, repeats=1 if quick else 3):
            print("\n".join(part), end="\n\n")
