"""Writing the cells of a grid array: one file a cell, or shards with an index at their end."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import google_crc32c
import numpy as np
import numpy.typing as npt

from zarr_vectors._spec import GridMetadata
from zarr_vectors.core._backends import Backend, Buffers, joined
from zarr_vectors.core._commit import dump_json, seal
from zarr_vectors.core.arrays._codecs import CellCodec
from zarr_vectors.typing import Int64Array

__all__ = ["GridWriter", "shard_order"]

_MISSING = 2**64 - 1
_MOST_BUFFERS = 1000
_KEYS_MARK = "\0nonempty_chunks\0"


def shard_order(cells: Int64Array, shard_shape: tuple[int, ...] | None) -> Int64Array:
    """Give the order in which cells, shape (n, D), must be written: shard by shard where there are shards."""
    if shard_shape is None:
        return np.arange(len(cells))
    shards = cells // np.array(shard_shape)
    return np.lexsort((*cells.T[::-1], *shards.T[::-1]))


class GridWriter:
    """Writes one grid array: its cells in `shard_order`, then its metadata.

    Parameters
    ----------
    backend : Backend
    path : str
        The array's path in the store.
    grid : GridMetadata
    """

    def __init__(self, backend: Backend, path: str, grid: GridMetadata) -> None:
        self.backend, self.path, self.grid = backend, path, grid
        self.codec = CellCodec(grid.codecs)
        self._shard: tuple[int, ...] | None = None
        self._parts: list[bytes] = []
        self._index: npt.NDArray[np.uint64] | None = None  # (cells of a shard, 2)
        self._end = 0

    def put(self, cell: Sequence[int], key: str, payload: Buffers) -> None:
        """Write one cell; `key` is the cell spelled as a key."""
        stored = self.codec.encode(payload)
        if self.grid.shard_shape is None:
            self.backend.put(f"{self.path}/c/{key}", stored)
            return
        shard = tuple(c // s for c, s in zip(cell, self.grid.shard_shape, strict=True))
        if shard != self._shard:
            self._flush()
            self._shard = shard
            self._index = np.full((int(np.prod(self.grid.shard_shape)), 2), _MISSING, "<u8")
        inner = 0
        for c, s in zip(cell, self.grid.shard_shape, strict=True):
            inner = inner * s + c % s
        size = sum(map(len, stored))
        if self._index is not None:
            self._index[inner] = self._end, size
        # The caller may reuse its buffers before the shard is full.
        self._parts.append(joined(stored))
        self._end += size

    def _flush(self) -> None:
        if self._shard is None or self._index is None:
            return
        index = self._index.tobytes()
        tail = google_crc32c.value(index).to_bytes(4, "little")
        key = "/".join(map(str, self._shard))
        # Joined they take as much again, but the system writes only so many buffers at once.
        parts = self._parts if len(self._parts) <= _MOST_BUFFERS else [b"".join(self._parts)]
        self.backend.put(f"{self.path}/c/{key}", [*parts, index, tail])
        self._shard, self._index, self._parts, self._end = None, None, [], 0

    def describe(self, attributes: Mapping[str, Any]) -> None:
        """Add to the array's attributes what is known only now."""
        self.grid = replace(self.grid, attributes={**self.grid.attributes, **attributes})

    def close(self, chunk_keys_json: bytes) -> None:
        """Write what is left and the array's metadata; the list of chunk keys comes spelled as JSON."""
        self._flush()
        # The list may be megabytes long and is the same for all arrays of a level: it is spelled once.
        doc = dump_json(self.grid.to_dict([_KEYS_MARK]))
        mark = json.dumps([_KEYS_MARK], ensure_ascii=False, separators=(",", ":")).encode()
        self.backend.put(f"{self.path}/zarr.json", [seal(doc.replace(mark, chunk_keys_json, 1))])
