"""The limit: numpy and plain files that thin as much as ours does; no metadata, no checks, the cell is not searched.

Points: one of each cell stays, attributes are means. Lines: what a line has in a cell, one vertex after the other,
becomes one, the mean of these; cells are as large as leave about as many as ours.
"""

import os

import numpy as np
from _cloud import EDGE
from _side_limit import FAMILIES, _files, _read
from _side_limit import write as write_level

LEVELS = 3
LINE_CELLS = (45.0, 270.0, 270.0)  # edges that leave as many vertices as ours, about
LINE_CHUNKS = 5


def points_write(path, data, chunks):
    write_level(f"{path}/0", data["positions"], {n: data[n] for n in "ab"}, chunks)
    with open(f"{path}/chunks", "w") as file:
        file.write(str(chunks))


def points_build(path):
    with open(f"{path}/chunks") as file:
        chunks = int(file.read())
    for level in range(1, LEVELS + 1):
        columns = {}
        files = _files(f"{path}/{level - 1}", "vertices")
        for family, width in FAMILIES.items():
            columns[family] = _read([file.replace("/vertices/", f"/{family}/") for file in files], width)
        chunks = max(1, chunks // 2)
        kept = _thinned(columns, len(columns["vertices"]) / 8)
        write_level(f"{path}/{level}", kept["vertices"], {n: kept[n] for n in "ab"}, chunks)


def _thinned(columns, wanted):
    positions = columns["vertices"]
    across = max(1, int(np.ceil(wanted ** (1 / 3))))
    index = (positions * np.float32(across / EDGE)).astype(np.uint32)
    key = (index[:, 0] * across + index[:, 1]) * across + index[:, 2]
    order = np.argsort(key.astype(np.uint16), kind="stable")
    if across**3 > 1 << 16:
        order = order[np.argsort((key[order] >> 16).astype(np.uint16), kind="stable")]
    ordered = key[order]
    starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
    counts = np.diff(np.append(starts, len(order)))
    out = {"vertices": positions[order[starts + counts // 2]]}
    for name in "ab":
        out[name] = (np.add.reduceat(columns[name][order, 0], starts) / counts).astype("f4")
    return out


def lines_write(path, data, chunks):
    lines = data["lines"]
    offsets = np.arange(0, lines.shape[0] * lines.shape[1] + 1, lines.shape[1])
    _put_lines(f"{path}/0", lines.reshape(-1, 3), offsets, LINE_CHUNKS)


def _put_lines(path, positions, offsets, chunks):
    """Write runs of vertices of one chunk, chunk by chunk, and beside each its lines and the places in them."""
    index = np.minimum((positions * np.float32(chunks / EDGE)).astype(np.int16), chunks - 1)
    chunk = ((index[:, 0] * chunks + index[:, 1]) * chunks + index[:, 2]).astype(np.uint16)
    begins = chunk[1:] != chunk[:-1]
    begins[offsets[1:-1] - 1] = True
    starts = np.append(0, np.flatnonzero(begins) + 1)
    counts = np.diff(np.append(starts, len(positions)))
    by_chunk = np.argsort(chunk, kind="stable")
    ends = np.cumsum(np.bincount(chunk, minlength=chunks**3))
    taken = np.take(positions, by_chunk, axis=0, mode="clip")
    runs = np.stack([starts, counts], axis=1)[np.argsort(chunk[starts], kind="stable")]
    run_ends = np.cumsum(np.bincount(chunk[starts], minlength=chunks**3))
    os.makedirs(path)
    _put(f"{path}/offsets", offsets)
    for c, (low, high) in enumerate(zip(np.append(0, ends[:-1]).tolist(), ends.tolist(), strict=True)):
        _put(f"{path}/v{c}", taken[low:high])
        _put(f"{path}/r{c}", runs[0 if not c else run_ends[c - 1] : run_ends[c]])


def _put(path, values):
    with open(path, "wb", buffering=0) as file:
        file.write(np.ascontiguousarray(values).data)


def _get_lines(path):
    offsets = np.fromfile(f"{path}/offsets", np.int64)
    positions = np.empty((offsets[-1], 3), "f4")
    for c in range((len(os.listdir(path)) - 1) // 2):
        runs = np.fromfile(f"{path}/r{c}", np.int64).reshape(-1, 2)
        values = np.fromfile(f"{path}/v{c}", "f4").reshape(-1, 3)
        shift = np.repeat(runs[:, 0] - np.cumsum(runs[:, 1]) + runs[:, 1], runs[:, 1])
        positions[shift + np.arange(len(shift))] = values
    return positions, offsets


def lines_build(path):
    chunks = LINE_CHUNKS
    for level, cell in enumerate(LINE_CELLS, 1):
        positions, offsets = _get_lines(f"{path}/{level - 1}")
        index = np.floor(positions / np.float32(cell)).astype(np.int32)
        key = (index[:, 0] * 1024 + index[:, 1]) * 1024 + index[:, 2]
        begins = np.append(True, key[1:] != key[:-1])
        begins[offsets[:-1]] = True
        starts = np.flatnonzero(begins)
        counts = np.diff(np.append(starts, len(key)))
        means = (np.add.reduceat(positions.astype(float), starts, axis=0) / counts[:, None]).astype("f4")
        offsets = np.append(np.searchsorted(starts, offsets[:-1]), len(starts))
        chunks = max(1, chunks // 2)
        _put_lines(f"{path}/{level}", means, offsets, chunks)


def counts(path):
    def vertices(level):
        folder = f"{path}/{level}"
        if os.path.exists(f"{folder}/offsets"):
            return int(np.fromfile(f"{folder}/offsets", np.int64)[-1])
        return sum(os.stat(file).st_size for file in _files(folder, "vertices")) // 12

    return [vertices(level) for level in range(LEVELS + 1)]
