"""A build that is killed leaves the store it found or the whole new one, whatever the kind, byte for byte."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
KINDS = ["point_cloud", "added", "objects", "line", "polyline", "skeleton", "graph", "mesh"]
POINTS = 4  # places to die at, spread over the run; 50 in the long run

# One interpreter forks a process for each trial, which dies before its k-th change of the file system.
CHILD = """
    import hashlib, json, os, shutil, signal, sys
    import numpy as np
    from pathlib import Path
    from zarr_vectors.multiresolution.coarsen import build_pyramid
    from zarr_vectors.types.graphs import write_graph
    from zarr_vectors.types.lines import write_lines
    from zarr_vectors.types.meshes import write_mesh
    from zarr_vectors.types.points import write_points
    from zarr_vectors.types.polylines import write_polylines

    folder, points = Path(sys.argv[1]), int(sys.argv[2])
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
    os.fsync = lambda fd: None  # a killed process loses nothing that it wrote; only machines do

    def lay(kind, place):
        rng = np.random.default_rng(6)
        cloud = rng.uniform(0, 100, (300, 3))
        options = {"chunk_shape": 50.0, "bin_shape": 25.0}
        ids = np.repeat([7, 3, -2], 100)
        tied = {**options, "object_ids": ids, "vertex_attributes": {"v": cloud[:, 0]}, "groups": {"g": [3, 7]}}
        chain = np.flatnonzero(ids[1:] == ids[:-1])
        edges = np.stack([chain + 1, chain], axis=1)
        if kind in ("point_cloud", "added"):
            write_points(place, cloud, attributes={"v": cloud[:, 0]}, **options)
        elif kind == "objects":
            write_points(place, cloud, attributes={"v": cloud[:, 0]}, object_ids=ids, groups={"g": [3]}, **options)
        elif kind == "line":
            write_lines(place, cloud.reshape(-1, 2, 3), **options)
        elif kind == "polyline":
            write_polylines(place, list(cloud.reshape(10, 30, 3)), groups={"g": [1, 2]}, **options)
        elif kind == "mesh":
            write_mesh(place, cloud, np.stack([chain, chain + 1, np.roll(chain, 1)], axis=1)[1:-1], **{
                **tied, "object_ids": None, "groups": None})
        else:
            write_graph(place, cloud, edges, geometry_type=kind, edge_attributes={"w": np.arange(len(edges))}, **tied)

    def digest(place):
        if not place.exists():
            return None
        files = {str(p.relative_to(place)): p.read_bytes() for p in sorted(place.rglob("*")) if p.is_file()}
        root = json.loads(files["zarr.json"])
        del root["attributes"]["zarr_vectors"]["commit"]["id"], root["attributes"]["zv_crc32c"]  # of this build alone
        files["zarr.json"] = json.dumps(root).encode()
        return hashlib.sha256(repr(files).encode()).hexdigest()

    def forked(action, k=0):
        pid = os.fork()
        if pid:
            return os.waitpid(pid, 0)[1]
        state.update(seen=0, last=k, on=True)
        action()
        state["on"] = False
        (folder / "count").write_text(str(state["seen"]))
        os._exit(0)

    told = {}
    for kind in sys.argv[3:]:
        base, first = folder / kind, [(2, 1), (2, 2)]
        asked = {"added": {"refinement": "add"}, "graph": {"cross_level_storage": "explicit"}}.get(kind, {})
        assert forked(lambda: (base.mkdir(), lay(kind, base / "s.zv"))) == 0
        built = folder / (kind + " built")
        shutil.copytree(base, built)
        sparse = [(1, 2)] if kind == "line" else [(3, 1)]
        assert forked(lambda: build_pyramid(built / "s.zv", sparse)) == 0
        for name, start in (("first", base), ("again", built)):
            whole = folder / f"{kind} {name}"
            shutil.copytree(start, whole)
            assert forked(lambda: build_pyramid(whole / "s.zv", first, **asked)) == 0
            total = int((folder / "count").read_text())
            old, new = digest(start / "s.zv"), digest(whole / "s.zv")
            assert old != new
            trials = []
            for k in np.unique(np.linspace(1, total, points).astype(int)).tolist():
                here = folder / "trial"
                shutil.copytree(start, here)
                status = forked(lambda: build_pyramid(here / "s.zv", first, **asked), k)
                found = digest(here / "s.zv")
                left = sorted(p.name for p in here.iterdir() if p.name != "s.zv")
                outcome = "old" if found == old else "new" if found == new else "between"
                # No pyramid is built of additive levels.
                done = kind == "added" and found == new
                after = 0 if done else forked(lambda: build_pyramid(here / "s.zv", first, **asked))
                repeated = after == 0 and digest(here / "s.zv") == new
                trials.append([k, status, outcome, left, repeated])
                shutil.rmtree(here)
            told[f"{kind} {name}"] = trials
    (folder / "told").write_text(json.dumps(told))
"""


def killed(points: int, kinds: list[str]) -> dict:
    """Kill builds of each kind, where there was no pyramid and where there was one, and tell what is left."""
    memory = Path("/dev/shm")  # noqa: S108 - a file system like another, and a tenth of the time
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as folder:
        return killed_in(Path(folder), points, kinds)


def killed_in(folder: Path, points: int, kinds: list[str]) -> dict:
    script = folder / "child.py"
    script.write_text(textwrap.dedent(CHILD))
    done = subprocess.run(
        [sys.executable, script, folder, str(points), *kinds],
        capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads((folder / "told").read_text())


def check(trials: list, points: int) -> None:
    assert len(trials) == points
    for k, status, outcome, left, repeated in trials:
        assert status == signal.SIGKILL, k
        assert outcome in ("old", "new"), k
        assert all(name.endswith(".writing") for name in left), k
        assert repeated, k  # what the dead build left does not stand in the way of the next
    assert trials[0][2] == "old"


@pytest.fixture(scope="module")
def all_kinds():
    return killed(POINTS, KINDS)


@pytest.mark.skipif(sys.platform != "linux", reason="forks, and counts system calls by audit events")
@pytest.mark.parametrize("build", ["first", "again"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_killed_build_leaves_old_or_new(all_kinds, kind, build):
    check(all_kinds[f"{kind} {build}"], POINTS)


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.skipif(sys.platform != "linux", reason="forks, and counts system calls by audit events")
@pytest.mark.parametrize("kind", KINDS)
def test_a_build_killed_at_fifty_points_leaves_old_or_new(kind):
    told = killed(50, [kind])
    for build in ("first", "again"):
        check(told[f"{kind} {build}"], 50)
