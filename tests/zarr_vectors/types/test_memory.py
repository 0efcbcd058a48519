"""The memory that writing and reading take beside their arguments: what Python and numpy ask for, at its peak."""

from __future__ import annotations

import shutil
import tracemalloc

import numpy as np
import pytest

from zarr_vectors.core._backends import keep_freed_memory
from zarr_vectors.types.graphs import read_graph, write_graph
from zarr_vectors.types.lines import read_lines, write_lines
from zarr_vectors.types.meshes import read_mesh, write_mesh
from zarr_vectors.types.points import read_points, write_points
from zarr_vectors.types.polylines import read_polylines, write_polylines

ROWS = 200_000
BUFFERS = 3_000_000  # what a piece takes does not grow with the data


def near():
    """Positions, and others a small step from each."""
    rng = np.random.default_rng(0)
    positions = rng.uniform(0, 990, (ROWS, 3)).astype("f4")
    return positions, positions + rng.uniform(0, 5, positions.shape).astype("f4")


def scattered_objects():
    positions, _ = near()
    return write_points, read_points, (positions,), {"object_ids": np.arange(ROWS) % 10_007}


def near_segments():
    return write_lines, read_lines, (np.stack(near(), axis=1),), {}


def far_segments():
    positions, _ = near()
    return write_lines, read_lines, (np.stack([positions, positions[::-1]], axis=1),), {}


def polylines():
    positions, _ = near()
    steps = np.cumsum(positions.reshape(-1, 100, 3) / 200 - 2.5, axis=1, dtype="f4")
    return write_polylines, read_polylines, (steps,), {}


def graph():
    positions, _ = near()
    order = np.lexsort(np.floor(positions / 100).T)
    edges = np.stack([order[1:], order[:-1]], axis=1)
    return write_graph, read_graph, (positions, edges), {}


def far_graph():
    positions, _ = near()
    order = np.random.default_rng(1).permutation(ROWS)
    return write_graph, read_graph, (positions, np.stack([order[1:], order[:-1]], axis=1)), {}


def mesh():
    positions, _ = near()
    order = np.lexsort(np.floor(positions / 100).T)
    return write_mesh, read_mesh, (positions, np.stack([order[2:], order[1:-1], order[:-2]], axis=1)), {}


def peak(call):
    """The peak of what is allocated while something is called, its result included."""
    keep_freed_memory()  # once a process, and nothing of it is touched
    tracemalloc.start()
    try:
        found = call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        del found


# What a fragment or an object takes when it is read is not in the data: where each row is a fragment of its own, as in
# far segments, that is most of it.
CASES = {
    scattered_objects: (2, 3), near_segments: (2, 3.5), far_segments: (2, 5.5), polylines: (2, 2), graph: (2, 2),
    far_graph: (2, 3), mesh: (2, 2.3),
}  # fmt: skip


@pytest.mark.parametrize("make", CASES, ids=lambda make: make.__name__)
def test_memory_is_a_small_multiple_of_the_data(tmp_path, make):
    write, read, arrays, options = make()
    path = tmp_path / "s"
    write(path, *arrays, chunk_shape=200.0, **options)  # what is made once for all is made
    read(path)
    shutil.rmtree(path)
    size = sum(array.nbytes for array in (*arrays, *options.values()))
    most_written, most_read = CASES[make]
    written = peak(lambda: write(path, *arrays, chunk_shape=200.0, **options)) - BUFFERS
    found = peak(lambda: read(path)) - BUFFERS
    assert written <= most_written * size, f"writing takes {written / size:.2f} times the data"
    assert found <= most_read * size, f"reading takes {found / size:.2f} times the data"
