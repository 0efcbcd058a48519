"""The limit: numpy and plain files for the same rows and links; no metadata, no checks, no order beyond the chunk's.

A chunk is one file of positions and one of what ties its rows together; lines also have the table of their runs. A box
is the files of the chunks it meets and a mask of their rows: nothing is found of lines, edges and faces.
"""

import os

import numpy as np
from _shapes import BOX_EDGE, CHUNKS, EDGE, box_corners


def _chunks(positions):
    cell = np.minimum((positions * np.float32(CHUNKS / EDGE)).astype(np.uint16), CHUNKS - 1)
    return (cell[:, 0] * CHUNKS + cell[:, 1]) * CHUNKS + cell[:, 2]


def _put(path, name, array):
    os.makedirs(path, exist_ok=True)
    fd = os.open(f"{path}/{name}", os.O_WRONLY | os.O_CREAT, 0o644)
    os.writev(fd, [np.ascontiguousarray(array).reshape(-1).view(np.uint8).data])
    os.close(fd)


def _get(path, name, dtype):
    fd = os.open(f"{path}/{name}", os.O_RDONLY)
    out = np.empty(os.fstat(fd).st_size, np.uint8)
    os.readv(fd, [out.data])
    os.close(fd)
    return out.view(dtype)


def _split(path, family, values, of):
    """Write the rows of each chunk to a file of its own."""
    order = np.argsort(of, kind="stable")
    ends = np.cumsum(np.bincount(of, minlength=CHUNKS**3))
    taken = np.take(values, order, axis=0, mode="clip")
    for chunk, (start, stop) in enumerate(zip([0, *ends[:-1].tolist()], ends.tolist(), strict=True)):
        if stop > start:
            _put(f"{path}/{family}", str(chunk), taken[start:stop])
    return order


def _join(path, family, dtype):
    files = sorted(os.listdir(f"{path}/{family}"), key=int)
    return np.concatenate([_get(f"{path}/{family}", name, dtype) for name in files])


def points_write(path, data):
    of = _chunks(data["positions"])
    _split(path, "owners", data["owner"], of)
    _split(path, "rows", data["positions"], of)


def lines_write(path, data):
    positions = np.concatenate(list(data["lines"]))
    of = _chunks(positions)
    _split(path, "rows", positions, of)
    starts = np.flatnonzero(np.append(True, of[1:] != of[:-1]) | (np.arange(len(of)) % data["lines"].shape[1] == 0))
    _put(path, "runs", np.stack([starts, of[starts]], axis=1))


def lines_read(path, data):
    rows = _join(path, "rows", "f4").reshape(-1, 3)
    runs = _get(path, "runs", "i8").reshape(-1, 2)
    lengths = np.diff(runs[:, 0], append=len(rows))
    by_chunk = np.argsort(runs[:, 1], kind="stable")
    first = np.empty(len(runs), np.int64)
    first[by_chunk] = np.cumsum(lengths[by_chunk]) - lengths[by_chunk]
    order = np.arange(len(rows)) + np.repeat(first - runs[:, 0], lengths)
    out = np.take(rows, order, axis=0, mode="clip")
    lines = np.split(out, np.arange(100, len(out), 100))
    return len(lines), len(out)


def _box(path, families):
    counts = []
    for lo in box_corners():
        first, last = (np.floor(at / (EDGE / CHUNKS)).astype(int) for at in (lo, lo + BOX_EDGE))
        axes = [range(a, b + 1) for a, b in zip(first, np.minimum(last, CHUNKS - 1), strict=True)]
        names = [str((i * CHUNKS + j) * CHUNKS + k) for i in axes[0] for j in axes[1] for k in axes[2]]
        found = [[_get(f"{path}/{family}", name, dtype) for name in names if os.path.exists(f"{path}/{family}/{name}")]
                 for family, dtype in families.items()]  # fmt: skip
        rows = np.concatenate([np.empty(0, "f4"), *found[0]]).reshape(-1, 3)
        low, high = lo.astype("f4"), (lo + BOX_EDGE).astype("f4")
        mask = np.ones(len(rows), bool)
        for axis in range(3):
            mask &= (rows[:, axis] >= low[axis]) & (rows[:, axis] < high[axis])
        counts.append(len(np.take(rows, np.flatnonzero(mask), axis=0)))
    return counts


def lines_box(path, data):
    return _box(path, {"rows": "f4"})


def _linked_write(path, positions, records):
    of = _chunks(positions)
    order = _split(path, "rows", positions, of)
    row = np.empty(len(order), np.int64)
    row[order] = np.arange(len(order))
    _split(path, "links", row[records], of[records[:, 0]])


def _linked_read(path, width):
    rows = _join(path, "rows", "f4").reshape(-1, 3)
    return len(rows), len(_join(path, "links", "i8").reshape(-1, width))


def graph_write(path, data):
    _linked_write(path, data["nodes"], data["edges"])


def graph_read(path, data):
    return _linked_read(path, 2)


def graph_box(path, data):
    return _box(path, {"rows": "f4", "links": "i8"})


skeleton_write, skeleton_read, skeleton_box = graph_write, graph_read, graph_box


def mesh_write(path, data):
    _linked_write(path, data["vertices"], data["faces"])


def mesh_read(path, data):
    return _linked_read(path, 3)


mesh_box = graph_box
