"""How fast points are written and read: us, the public package zarr-vectors 0.9.2, and plain files.

Every sample is a child process of its own; the sides take turns, so that a slow minute of the machine meets all of
them. The clock runs over the operation alone: imports and input are there before, opening a store is inside. No
compressor on any side. CPU is user + system time of the child; figures are medians.

The peer runs in a virtual environment of its own: ``ZV_PEER_VENV``, else ``.peer-venv`` in the repository's root
(``make`` or the interop tests make it). Without one its columns stay empty.
"""

import importlib
import json
import os
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
SIDES = ("ours", "default", "peer", "limit")  # default: ours, with files shared by many cells
OPERATIONS = {
    "write": "write, 2 attributes",
    "read_all": "read all",
    "boxes": "20 boxes of 1/64",
    "iterate": "chunk by chunk",
}
SIZES = ((1_000_000, 5), (1_000_000, 10))  # rows, chunks along each axis
FULL = (10_000_000, 10)
# CPU of the peer divided by ours that has to be reached, by operation, for each of the sizes.
WANTED = {"write": (4, 6, 2.5), "read_all": (5, 5, 5), "boxes": (6, 6, 6), "iterate": (None, 20, 20)}
WARM_BYTES = 400 << 20
ALONE = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
"""Of any side: OpenBLAS lets a second thread spin for 15 ms after a small product, as CPU that nobody used."""


def peer_python():
    folder = Path(os.environ.get("ZV_PEER_VENV", ROOT / ".peer-venv"))
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    return python if python.exists() else None


# -- a child: one operation, once --------------------------------------------------------------------------------


def child(side, operation, store, data, chunks):
    """Run one operation and print its CPU and wall seconds."""
    sys.path.insert(0, str(HERE))
    if side != "peer":
        sys.path.insert(1, str(ROOT))
    run = getattr(importlib.import_module(f"_side_{side}"), operation)
    arguments = [store]
    if operation == "write":
        with np.load(data) as arrays:
            loaded = {name: arrays[name] for name in arrays}
        arguments += [loaded.pop("positions"), loaded, int(chunks)]
    # Memory that was touched before costs less to touch again: without this, allocation hides everything else.
    np.ones(WARM_BYTES, np.uint8)
    wall, cpu = time.perf_counter(), time.process_time()
    found = run(*arguments)
    out = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall, "found": found}
    print(json.dumps(out))


# -- the parent ---------------------------------------------------------------------------------------------------


def sample(side, operation, store, data, chunks):
    python = str(peer_python()) if side == "peer" else sys.executable
    command = [python, "-E", "-W", "ignore", HERE / "bench_io.py", "child", side, operation, store, data, chunks]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, env=ALONE)
    if done.returncode:
        raise RuntimeError(f"{side} {operation}: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def measure(rows, chunks, folder, sides, repeats):
    """Give {operation: {side: [samples]}} of one size; files are deleted at the end only."""
    data = folder / f"{rows}.npz"
    if not data.exists():
        sys.path.insert(0, str(HERE))
        positions, attributes = importlib.import_module("_cloud").make(rows)
        np.savez(data, positions=positions, **attributes)
    out = {operation: {side: [] for side in sides} for operation in OPERATIONS}
    for repeat in range(repeats):
        # Another side begins each time: the first after a pause of the machine is not always the same.
        turn = [*sides[repeat % len(sides) :], *sides[: repeat % len(sides)]]
        for operation in OPERATIONS:
            for side in turn:
                at = repeat if operation == "write" else 0
                store = folder / f"{side}_{rows}_{chunks}_{at}"
                out[operation][side].append(sample(side, operation, store, data, chunks))
    for operation in ("read_all", "boxes", "iterate"):
        answers = {s["found"] for samples in out[operation].values() for s in samples}
        if len(answers) != 1:
            raise RuntimeError(f"{operation}: the sides found {answers} rows")
    return out


def median(samples, what):
    return statistics.median(s[what] for s in samples)


def lines(results, sides):
    """Give the table, a line an operation and size."""
    titles = ("operation", "rows / chunks", *(f"{side} CPU (wall) s" for side in SIDES), "peer / ours", "wanted")
    yield _row(*titles, "ours / limit")
    yield _row(*["---"] * (len(titles) + 1))
    for operation, title in OPERATIONS.items():
        for i, ((rows, chunks), found) in enumerate(results.items()):
            cells = {s: f"{median(x, 'cpu'):.4f} ({median(x, 'wall'):.4f})" for s, x in found[operation].items()}
            cpu = {s: median(x, "cpu") for s, x in found[operation].items()}
            ratio = f"{cpu['peer'] / cpu['ours']:.1f}" if "peer" in sides else "-"
            wanted = WANTED[operation][i]
            times = [cells.get(side, "-") for side in SIDES]
            least = "-" if wanted is None else f">= {wanted}"
            size = f"{rows // 1_000_000}M / {chunks**3}"
            yield _row(title, size, *times, ratio, least, f"{cpu['ours'] / cpu['limit']:.2f}")


def _row(*cells):
    return f"| {' | '.join(cells)} |"


def run(*, full=False, repeats=3):
    """Measure everything and give the table's lines."""
    sides = [side for side in SIDES if side != "peer" or peer_python()]
    folder = Path(tempfile.mkdtemp(prefix="bench_io_"))
    try:
        sizes = (*SIZES, FULL) if full else SIZES
        results = {size: measure(*size, folder, sides, repeats) for size in sizes}
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return list(lines(results, sides))


if __name__ == "__main__":
    if sys.argv[1:2] == ["child"]:
        child(*sys.argv[2:])
    else:
        print("\n".join(run(full="--full" in sys.argv)))
