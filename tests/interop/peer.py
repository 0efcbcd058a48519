"""Run the public package 0.9.2, and take what it says apart."""

from __future__ import annotations

import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from tests import geometries as geo

HERE = Path(__file__).parent


def run_there(python, script, *arguments) -> str:
    """Run a script of this folder by the peer's interpreter, and give what it prints."""
    command = [python, "-E", "-W", "ignore", HERE / script, *arguments]
    # Away from this repository, and without PYTHONPATH (-E): its own zarr_vectors must not be found.
    done = subprocess.run(command, capture_output=True, text=True, cwd=arguments[0].parent)
    assert done.returncode == 0, done.stderr
    return done.stdout


def judge(python, paths, script: str = "check_many.py") -> list[dict]:
    """Let the peer validate and read stores, in one process a processor; give its report on each."""
    paths, count = list(paths), min(len(paths), os.cpu_count() or 1)
    with ThreadPoolExecutor(count) as pool:
        shares = [paths[i::count] for i in range(count)]
        printed = pool.map(lambda some: run_there(python, script, *some), shares)
        reports = [json.loads(line) for text in printed for line in text.splitlines() if line.startswith("{")]
    by_path = {report["store"]: report for report in reports}
    assert len(by_path) == len(reports) == len(paths)
    return [by_path[str(path)] for path in paths]


def accepts(report: dict) -> None:
    """Check that the peer validates a store at its highest level and read all of it."""
    assert report["problems"] == []
    assert report["validate"]["ok"]
    assert report["validate"]["errors"] == []
    # It warns of links in every point cloud there is (a bug of its own), and of a store without a vertex.
    nothing = () if report["levels"]["0"]["vertex_count"] else ("no chunk data",)
    assert [w for w in report["validate"]["warnings"] if not any(map(w.__contains__, ("links array", *nothing)))] == []


def found_by_peer(path, report: dict, case: geo.Case) -> geo.Found:
    """Say what the peer read of level 0 of a store."""
    with np.load(f"{path}.peer.npz", allow_pickle=False) as dump:
        level = {key.removeprefix("L0|"): dump[key] for key in dump if key.startswith("L0|")}
    found = geo.Found(level["positions"], each_as(those(level, "attr"), case.attributes))
    if "object_ids_table" in level:
        found.objects = rows_of_objects(level, case)
        found.object_attributes = each_as(those(level, "oattr"), case.object_attributes)
    if case.groups:
        names = report["levels"]["0"]["groups"]
        found.groups = {name: level[f"group|{row}"].tolist() for row, name in enumerate(names)}
    if case.kind in geo.TIED:
        found.links = level["faces" if case.kind == "mesh" else "edges"]
        if case.link_attributes:
            found.links, found.link_attributes = records(level), each_as(those(level, "eattr"), case.link_attributes)
    return found


def each_as(found: dict, wanted: dict) -> dict:
    """Give one channel its axis back, which the peer leaves out; make flags of 0 and 1, and None of missing words."""
    out = {}
    for name, values in found.items():
        if values.dtype.kind == "U":
            values = np.array([*(None if word == "None" else word for word in values.tolist()), None], dtype=object)[
                :-1
            ]
        is_flag = name in wanted and wanted[name].dtype == bool and np.isin(values, [0, 1]).all()
        is_one = name in wanted and wanted[name].shape == (*values.shape, 1)
        values = values.astype(bool) if is_flag else values
        out[name] = values[:, None] if is_one else values
    return out


def those(level: dict, prefix: str) -> dict[str, np.ndarray]:
    return {key.removeprefix(f"{prefix}|"): level[key] for key in level if key.startswith(f"{prefix}|")}


def rows_of_objects(level: dict, case: geo.Case) -> dict[int, np.ndarray]:
    """Give the rows of each object: lines follow one another, of all other kinds an object has a fragment a chunk."""
    ids, counts = level["object_ids_table"].tolist(), level["object_positions_len"].tolist()
    ends = np.cumsum([0, *counts])
    if case.offsets is not None:
        assert level["object_positions"].tobytes() == level["positions"].tobytes()
        return {number: np.arange(ends[i], ends[i + 1]) for i, number in enumerate(ids)}
    # Rows that are the same are told apart by their order: chunks ascend in an object as they do in the level.
    rows = {number: [] for number in ids}
    places: dict[bytes, list[int]] = {}
    for row, position in enumerate(level["positions"]):
        places.setdefault(position.tobytes(), []).append(row)
    for i, number in enumerate(ids):
        for position in level["object_positions"][ends[i] : ends[i + 1]]:
            rows[number].append(places[position.tobytes()].pop(0))
    return {number: np.array(found, np.int64) for number, found in rows.items()}


def records(level: dict) -> np.ndarray:
    """Links as rows of the level: the start of the chunk plus the row in it."""
    chunks = level["chunk_coords"].tolist()
    first = {tuple(chunk): row for row, chunk in reversed(list(enumerate(chunks)))}
    vertices = level["links|0|vi"]
    starts = [[first[tuple(chunk)] for chunk in chunks] for chunks in level["links|0|chunks"].tolist()]
    return vertices + np.array(starts, np.int64).reshape(vertices.shape)
