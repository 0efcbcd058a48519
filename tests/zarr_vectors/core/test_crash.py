"""A writer that is killed leaves the store it found, or the whole new one; its half-made one lies beside it."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from zarr_vectors.exceptions import StoreNotFoundError
from zarr_vectors.lazy import open_zv
from zarr_vectors.types.points import read_points, write_points

ROOT = Path(__file__).resolve().parents[3]
POINTS = 10  # places to die at, spread over the whole run

# Dies before its k-th change of the file system; k = 0 counts them. One interpreter forks all trials.
CHILD = """
    import os, signal, sys
    import numpy as np
    from zarr_vectors.multiresolution.coarsen import build_pyramid
    from zarr_vectors.types.points import write_points

    folder, operation, trials = sys.argv[1], sys.argv[2], int(sys.argv[3])
    changes = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate"}
    state = {"seen": 0, "last": 0, "on": False}

    def hook(event, args):
        if not state["on"]:
            return
        writes = event == "open" and isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        if writes or event in changes:
            state["seen"] += 1
            if state["seen"] == state["last"]:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    points = np.random.default_rng(6).uniform(0, 100, (300, 3))

    def work(place):
        if operation == "pyramid":
            build_pyramid(place, [(2, 1), (2, 1)])
        else:
            attributes = {"i": points[:, 0]}
            write_points(place, points, chunk_shape=50.0, overwrite=operation == "overwrite", attributes=attributes)

    def trial(k):
        pid = os.fork()
        if pid:
            return os.waitpid(pid, 0)[1]
        state.update(last=k, on=True)
        work(f"{folder}/{k}/s.zv")
        state["on"] = False
        with open(f"{folder}/count", "w") as handle:
            handle.write(str(state["seen"]))
        os._exit(0)

    assert trial(0) == 0
    total = int(open(f"{folder}/count").read())
    for i, k in enumerate(np.unique(np.linspace(1, total, trials).astype(int)).tolist(), 1):
        os.rename(f"{folder}/t{i}", f"{folder}/{k}")
        assert trial(k) == signal.SIGKILL, k
    print("done", total)
"""


def prepare(folder, operation):
    """Lay what each trial begins with: trial 0 counts, the others die."""
    for name in ["0", *(f"t{i}" for i in range(1, POINTS + 1))]:
        (folder / name).mkdir()
        if operation == "write":
            continue
        rng = np.random.default_rng(5)
        write_points(folder / name / "s.zv", rng.uniform(0, 100, (200, 3)), chunk_shape=50.0)


def levels_of(place):
    with open_zv(place) as store:
        return [store.read(level).positions.tolist() for level in store.levels]


@pytest.mark.skipif(sys.platform != "linux", reason="forks, and counts system calls by audit events")
@pytest.mark.parametrize("operation", ["write", "overwrite", "pyramid"])
def test_a_killed_writer_leaves_old_or_new(tmp_path, operation):
    prepare(tmp_path, operation)
    old = None if operation == "write" else levels_of(tmp_path / "t1" / "s.zv")
    script = tmp_path / "child.py"
    script.write_text(textwrap.dedent(CHILD))
    done = subprocess.run(
        [sys.executable, script, tmp_path, operation, str(POINTS)],
        capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    new = levels_of(tmp_path / "0" / "s.zv")
    outcomes = []
    for trial in sorted(p for p in tmp_path.iterdir() if p.name.isdecimal() and p.name != "0"):
        try:
            found = levels_of(trial / "s.zv")
        except StoreNotFoundError:
            found = None
        assert found in (old, new)
        outcomes.append(found == new)
        assert all(p.name == "s.zv" or p.name.endswith(".writing") for p in trial.iterdir())
        # What the dead writer left does not stand in the way of the next one.
        write_points(trial / "s.zv", np.zeros((1, 2)), chunk_shape=1.0, overwrite=True)
        assert read_points(trial / "s.zv").vertex_count == 1
    assert len(outcomes) == POINTS
    assert not all(outcomes)
