"""Our side of the storage benchmark, laid out as the peer and the limit are: one file a cell."""

from _cloud import BINS, BOX_EDGE, EDGE, box_corners

from zarr_vectors.lazy import open_zv
from zarr_vectors.types.points import read_points, write_points


def write(path, positions, attributes, chunks):
    edge = EDGE / chunks
    shapes = {"chunk_shape": edge, "bin_shape": edge / BINS, "shard_shape": 1}
    write_points(path, positions, **shapes, attributes=attributes, compressor="none")


def read_all(path):
    return len(read_points(path).positions)


def boxes(path):
    with open_zv(path) as store:
        return sum(len(store.read(bbox=(lo, lo + BOX_EDGE)).positions) for lo in box_corners())


def iterate(path):
    with open_zv(path) as store:
        return sum(len(chunk["positions"]) for _, chunk in store.iter_chunks())
