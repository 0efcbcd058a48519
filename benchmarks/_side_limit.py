"""The limit: numpy and plain files for the same rows in the same order; no metadata, no checks, no errors.

Files lie as ``<family>/<i>/<j>/<k>``; how many rows each has is not stored, a reader asks for their sizes.
"""

import os

import numpy as np
from _cloud import BINS, BOX_EDGE, EDGE, box_corners

FAMILIES = {"vertices": 3, "a": 1, "b": 1}  # numbers in a row
BLOCK = 1 << 20  # rows sorted together: few enough to stay in the processor's cache


def _order(positions, chunks):
    """Stable order by chunk and bin: one radix sort where the key has 16 bits, else two."""
    bins = np.minimum((positions * np.float32(chunks * BINS / EDGE)).astype(np.int32), chunks * BINS - 1)
    chunk, local = np.divmod(bins, BINS)
    rank = (chunk[:, 0] * chunks + chunk[:, 1]) * chunks + chunk[:, 2]
    key = rank * BINS**3 + (local[:, 0] * BINS + local[:, 1]) * BINS + local[:, 2]
    order = np.argsort(key.astype(np.uint16), kind="stable")
    if chunks**3 * BINS**3 > 1 << 16:
        order = order[np.argsort((key[order] >> 16).astype(np.uint8), kind="stable")]
    return order, np.bincount(key, minlength=(chunks * BINS) ** 3)


def write(path, positions, attributes, chunks):
    columns = {"vertices": positions, **attributes}
    blocks, per_bin = [], 0
    for start in range(0, len(positions), BLOCK):
        rows = slice(start, start + BLOCK)
        order, counts = _order(positions[rows], chunks)
        taken = {name: np.take(values[rows], order, axis=0, mode="clip") for name, values in columns.items()}
        ends = np.cumsum(counts.reshape(chunks**3, -1).sum(axis=1))
        blocks.append((taken, np.concatenate([[0], ends]).tolist()))
        per_bin = per_bin + counts
    counts = per_bin.reshape(chunks**3, -1)
    fragments = np.stack([np.cumsum(counts, axis=1) - counts, counts], axis=2)
    for family in (*columns, "fragments"):
        for i in range(chunks):
            for j in range(chunks):
                os.makedirs(f"{path}/{family}/{i}/{j}")
    for c in range(chunks**3):
        i, rest = divmod(c, chunks * chunks)
        j, k = divmod(rest, chunks)
        for name in columns:
            parts = [taken[name][ends[c] : ends[c + 1]].reshape(-1).view(np.uint8).data for taken, ends in blocks]
            _put(f"{path}/{name}/{i}/{j}/{k}", parts)
        _put(f"{path}/fragments/{i}/{j}/{k}", [fragments[c].reshape(-1).view(np.uint8).data])


def _put(path, parts):
    fd = os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)
    os.writev(fd, parts)
    os.close(fd)


def _files(path, family):
    return [os.path.join(folder, name) for folder, _, names in os.walk(f"{path}/{family}") for name in names]


def _get(file, out):
    fd = os.open(file, os.O_RDONLY)
    got = os.readv(fd, [out.data])
    os.close(fd)
    return got


def _read(files, width):
    sizes = [os.stat(file).st_size for file in files]
    out = np.empty(sum(sizes), np.uint8)
    at = 0
    for file, size in zip(files, sizes, strict=True):
        at += _get(file, out[at : at + size])
    return out.view("f4").reshape(-1, width)


def read_all(path):
    columns = {family: _read(_files(path, family), width) for family, width in FAMILIES.items()}
    return len(columns["vertices"])


def boxes(path):
    chunks = len(os.listdir(f"{path}/vertices"))
    edge, total = EDGE / chunks, 0
    for lo in box_corners():
        first, last = (lo // edge).astype(int), np.minimum((lo + BOX_EDGE) // edge, chunks - 1).astype(int)
        cells = [f"{i}/{j}/{k}" for i in range(first[0], last[0] + 1) for j in range(first[1], last[1] + 1)
                 for k in range(first[2], last[2] + 1)]  # fmt: skip
        columns = [_read([f"{path}/{family}/{c}" for c in cells], width) for family, width in FAMILIES.items()]
        low, high = lo.astype("f4"), (lo + BOX_EDGE).astype("f4")
        mask = np.ones(len(columns[0]), bool)
        for axis in range(3):
            values = columns[0][:, axis]
            mask &= (values >= low[axis]) & (values < high[axis])
        rows = np.flatnonzero(mask)
        cut = [np.take(values, rows, axis=0, mode="clip") for values in columns]
        total += len(cut[0])
    return total


def iterate(path):
    total = 0
    for file in _files(path, "vertices"):
        cell = file.partition("/vertices/")[2]
        chunk = [_read([f"{path}/{family}/{cell}"], width) for family, width in FAMILIES.items()]
        total += len(chunk[0])
    return total
