"""A level in memory that holds links and nothing else."""

from __future__ import annotations

import json
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from zarr_vectors._spec import GridMetadata, LevelMetadata
from zarr_vectors._spec.names import format_chunk_keys
from zarr_vectors.core._commit import put_group
from zarr_vectors.core.arrays._cells import open_grid
from zarr_vectors.core.arrays._codecs import CellCodec
from zarr_vectors.core.arrays._links import LinkFamily, RowGrid, open_links, write_links
from zarr_vectors.core.arrays._vertices import Column
from zarr_vectors.core.arrays._writer import GridWriter
from zarr_vectors.core.store import OpenStore


class Memory:
    """A backend in a dict."""

    name = "memory"
    read_only = False

    def __init__(self):
        self.values: dict[str, bytes] = {}

    def get(self, key, span=(0, None)):
        value = self.values.get(key)
        if value is None:
            return None
        start, count = span
        return np.frombuffer(value[start:] if count is None else value[start : start + count], np.uint8)

    def get_many(self, requests):
        return [self.get(*request) for request in requests]

    def put(self, key, buffers):
        self.values[key] = b"".join(bytes(b) for b in buffers)

    def list_names(self, prefix):
        prefix = f"{prefix}/" if prefix else ""
        return sorted({key[len(prefix) :].split("/")[0] for key in self.values if key.startswith(prefix)})


@dataclass
class Level:
    """A level's chunks, in a store of which only what links need is there."""

    grid: RowGrid
    backend: Memory
    number: int = 0

    def __post_init__(self):
        put_group(self.backend, "", {})
        vertices = GridMetadata(self.shape, self.origin, ())
        keys = json.dumps(sorted(format_chunk_keys(self.grid.coords))).encode()
        GridWriter(self.backend, f"{self.number}/vertices", vertices).close(keys)

    @property
    def counts(self):
        return np.diff(self.grid.starts)

    @property
    def origin(self):
        return self.grid.coords.min(axis=0)

    @property
    def shape(self):
        return tuple((self.grid.coords.max(axis=0) - self.origin + 1).tolist())

    def write(self, ends, family, *, attributes=(), shards=None, compressor="none", target=None):
        storage = SimpleNamespace(compressor=compressor, shard_shape=shards)
        write_links(
            self.backend, str(self.number), ends, self.grid, family, origin=self.origin, shape=self.shape,
            storage=storage, attributes=attributes, target=target,
        )  # fmt: skip

    def open(self, delta=0, edges=(1.0, 1.0)):
        """Open the links; `edges` are the chunk edges of levels 0, 1.."""
        ndim = self.grid.coords.shape[1]
        levels = tuple(LevelMetadata(i, 0, chunk_shape=np.full(ndim, edge)) for i, edge in enumerate(edges))
        root: Any = SimpleNamespace(ndim=ndim, chunk_shape=np.ones(ndim))
        return open_links(OpenStore(self.backend, root, levels), self.number, delta)

    def sorted_rows(self, found):
        """Turn endpoints that name chunks of the whole level into sorted rows."""
        return self.grid.starts[found.chunk] + found.row


def grid_of(coords, counts):
    coords = np.array(coords, np.int64)
    coords = coords[np.lexsort(coords.T[::-1])]
    return RowGrid(coords, np.concatenate([[0], np.cumsum(counts)]))


def numbers(count):
    """An attribute that tells which record a value belongs to."""
    return Column("number", np.dtype("<i4")), np.arange(count, dtype=np.int32)


def level_store(level) -> Any:
    return SimpleNamespace(backend=level.backend, name=level.backend.name)


def document(level, path):
    doc = json.loads(level.backend.values[f"{path}/zarr.json"])
    doc["attributes"].pop("zv_crc32c", None)
    return doc


def edit(level, path, **keys):
    """Change attributes of a node; None takes one away."""
    doc = document(level, path)
    merged = {**doc["attributes"], **keys}
    doc["attributes"] = {key: value for key, value in merged.items() if value is not None}
    level.backend.put(f"{path}/zarr.json", [json.dumps(doc, indent=1).encode()])


def cells(level, path):
    """Give the payloads of an array by chunk key."""
    array = open_grid(level_store(level), path, with_chunks=True)
    keys = format_chunk_keys(array.grid.chunks)
    return {key: payload.tobytes() for key, payload in zip(keys, array.read(array.grid.chunks), strict=True)}


def put(level, path, chunk, payload):
    """Replace a cell; no payload takes its bytes away."""
    array = open_grid(level_store(level), path)
    cell = np.array([int(c) for c in chunk.split(".")]) - array.grid.origin
    key = f"{path}/c/{'/'.join(map(str, cell.tolist()))}"
    if payload is None:
        del level.backend.values[key]
    else:
        level.backend.put(key, CellCodec(array.grid.codecs).encode([payload]))


def edges():
    """Five edges in two chunks: two inside the first, three across, the last of these against the order."""
    level = Level(grid_of([(0, 0), (0, 1)], [3, 2]), Memory())
    ends = np.array([[0, 1], [2, 1], [0, 3], [1, 4], [3, 2]])
    level.write(ends, LinkFamily(2, 2), attributes=[numbers(5)])
    return level, ends


INSIDE, ACROSS = "0/links/0/0.0", "0/links/0/0.+1"
