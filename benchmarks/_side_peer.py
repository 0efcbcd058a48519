"""The public package zarr-vectors 0.9.2, run by an interpreter of its own.

Everything through its public functions: `zarr_vectors.open(...).level(0).read` gives positions and attributes, and
chunk by chunk its building functions do.
"""

from _cloud import BINS, BOX_EDGE, EDGE, box_corners

import zarr_vectors
from zarr_vectors import building
from zarr_vectors.types.points import write_points


def write(path, positions, attributes, chunks):
    edge = EDGE / chunks
    write_points(path, positions, chunk_shape=(edge,) * 3, bin_shape=(edge / BINS,) * 3, attributes=attributes)


def read_all(path):
    found = zarr_vectors.open(path).level(0).read()
    for name in "ab":
        assert len(found.attributes[name]) == len(found.positions)
    return len(found.positions)


def boxes(path):
    level = zarr_vectors.open(path).level(0)
    return sum(len(level.read(bbox=(lo, lo + BOX_EDGE)).positions) for lo in box_corners())


def iterate(path):
    level = building.get_resolution_level(building.open_store(path), 0)
    rows = 0
    for chunk in building.list_chunk_keys(level):
        rows += len(building.read_chunk_vertex_buffer(level, chunk, ndim=3))
        for name in "ab":
            building.read_chunk_attributes(level, name, chunk)
    return rows
