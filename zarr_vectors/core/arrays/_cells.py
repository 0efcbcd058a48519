"""Reading cells of a grid array below zarr's array class: the same bytes, a fraction of the calls.

zarr-python reads and writes the same arrays; tests hold both to it in both directions. What is saved is the work per
cell: one open, one read, one close, straight into the place where the rows are wanted when the counts are known.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import NoReturn

import google_crc32c
import numpy as np

from zarr_vectors._spec import GridMetadata
from zarr_vectors._spec.names import format_cell_keys
from zarr_vectors.constants import RANGE_GAP_BYTES
from zarr_vectors.core._backends import Backend, LocalFiles
from zarr_vectors.core.arrays._codecs import CRC_BYTES, HEADER_BYTES, CellCodec
from zarr_vectors.core.store import OpenStore, load_array
from zarr_vectors.exceptions import CorruptChunkError, StoreNotFoundError
from zarr_vectors.typing import BoolArray, Int64Array, UInt8Array

__all__ = ["GridArray", "open_grid"]


def open_grid(store: OpenStore, path: str, *, with_chunks: bool = False) -> GridArray | None:
    """Open a grid array by its path in the store; None if there is none."""
    doc = load_array(store.backend, path)
    if doc is None:
        return None
    grid = GridMetadata.from_dict(doc, f"{store.name}/{path}", with_chunks=with_chunks)
    return GridArray(store.backend, path, grid)


class GridArray:
    """One grid array, open for reading; may be used from several threads at once.

    Cells are asked for by chunk coordinate, shape (n, D).
    """

    def __init__(self, backend: Backend, path: str, grid: GridMetadata) -> None:
        self.backend, self.path, self.grid = backend, path, grid
        self.codec = CellCodec(grid.codecs)
        self._axes = list(zip(grid.origin.tolist(), grid.shape, strict=True))
        self._shards: dict[str, Int64Array] = {}

    @property
    def is_sharded(self) -> bool:
        """Whether several cells share a file."""
        return self.grid.shard_shape is not None

    def read(self, coords: Int64Array) -> list[UInt8Array]:
        """Give the payload of each cell.

        Raises
        ------
        CorruptChunkError
            If a cell is missing or its bytes are wrong.
        """
        out = self.read_present(coords)
        for i, payload in enumerate(out):
            if payload is None:
                self._missing(coords[i])
        return [payload for payload in out if payload is not None]

    def read_one(self, coord: Sequence[int]) -> UInt8Array:
        """Give the payload of one cell, as `read` does, with less work around it."""
        cell = [c - first for c, (first, _) in zip(coord, self._axes, strict=True)]
        if all(0 <= c < size for c, (_, size) in zip(cell, self._axes, strict=True)):
            stored = self._fetch_one(cell)
            if stored is not None:
                return self._decode(coord, stored)
        return self.read(np.array([coord], np.int64))[0]

    def _fetch_one(self, cell: Sequence[int]) -> UInt8Array | None:
        if self.grid.shard_shape is None:
            return self.backend.get(f"{self.path}/c/{'/'.join(map(str, cell))}")
        shard = "/".join(str(c // n) for c, n in zip(cell, self.grid.shard_shape, strict=True))
        inner = 0
        for c, n in zip(cell, self.grid.shard_shape, strict=True):
            inner = inner * n + c % n
        offset, size = self._shard_indices([shard])[shard][inner].tolist()
        return None if offset < 0 else self.backend.get(f"{self.path}/c/{shard}", (offset, size))

    def read_present(self, coords: Int64Array) -> list[UInt8Array | None]:
        """Give the payload of each cell; None where the array has no such cell."""
        inside = self._in_grid(coords)
        out: list[UInt8Array | None] = [None] * len(coords)
        if not inside.any():
            return out
        rows = np.flatnonzero(inside)
        cells = coords[rows] - self.grid.origin
        fetch = self._fetch_sharded if self.is_sharded else self._fetch_files
        for row, coord, stored in zip(rows.tolist(), coords[rows].tolist(), fetch(cells), strict=True):
            if stored is not None:
                out[row] = self._decode(coord, stored)
        return out

    def read_into(self, coords: Int64Array, counts: Int64Array, out: UInt8Array) -> None:
        """Read plain cells of known sizes, one after the other, into `out`.

        Parameters
        ----------
        coords : (n, D) int64
        counts : (n,) int64
            Payload bytes of each cell; their sum is ``len(out)``.
        """
        if isinstance(self.backend, LocalFiles) and self.codec.is_plain and not self.is_sharded:
            self._read_files_into(self.backend, coords, counts, out)
            return
        ends = np.cumsum(counts).tolist()
        start = 0
        for i, payload in enumerate(self.read(coords)):
            if len(payload) != ends[i] - start:
                self._wrong_size(coords[i], len(payload), ends[i] - start)
            out[start : ends[i]] = payload
            start = ends[i]

    def payload_sizes(self, coords: Int64Array) -> Int64Array | None:
        """Give the payload bytes of each cell from file sizes alone, -1 where there is none.

        None where stored sizes do not tell: compressed cells, and stores that are not local files.
        """
        if not (isinstance(self.backend, LocalFiles) and self.codec.is_plain) or self.is_sharded:
            return None
        base = self.backend.path(f"{self.path}/c/")
        sizes = []
        for key in format_cell_keys(coords - self.grid.origin):
            try:
                sizes.append(max(0, os.lstat(base + key).st_size - self.codec.overhead))
            except (FileNotFoundError, NotADirectoryError):
                sizes.append(-1)
        return np.array(sizes, np.int64)

    # -- files ---------------------------------------------------------------------------------------------

    def _fetch_files(self, cells: Int64Array) -> list[UInt8Array | None]:
        base = f"{self.path}/c/"
        return self.backend.get_many([(base + key, (0, None)) for key in format_cell_keys(cells)])

    def _read_files_into(self, backend: LocalFiles, coords: Int64Array, counts: Int64Array, out: UInt8Array) -> None:
        base = backend.path(f"{self.path}/c/")
        header = bytearray(HEADER_BYTES)
        tail = bytearray(CRC_BYTES * self.codec.has_crc + 1)  # one byte more than there must be
        ends, start = np.cumsum(counts).tolist(), 0
        overhead, verify = self.codec.overhead, self.codec.verify_plain
        paths = [base + key for key in format_cell_keys(coords - self.grid.origin)]
        for i, (fd, end) in enumerate(zip(backend.open_each(paths), ends, strict=True)):
            part = out[start:end]
            if fd is None:
                self._missing(coords[i])
            try:
                got = os.readv(fd, (header, part.data, tail))
            except (IsADirectoryError, BlockingIOError):
                self._corrupt(coords[i].tolist(), "it is not a regular file")
            finally:
                os.close(fd)
            if got != end - start + overhead:
                self._wrong_size(coords[i], got - overhead, end - start)
            try:
                verify(header, part, tail)
            except ValueError as error:
                self._corrupt(coords[i].tolist(), str(error))
            start = end

    # -- shards --------------------------------------------------------------------------------------------

    def _fetch_sharded(self, cells: Int64Array) -> list[UInt8Array | None]:
        shape = np.array(self.grid.shard_shape)
        shards, inner = np.divmod(cells, shape)
        flat = np.ravel_multi_index(tuple(inner.T), tuple(shape))
        by_shard = np.lexsort(shards.T[::-1])
        ordered = shards[by_shard]
        begin = np.flatnonzero(np.concatenate([[True], (ordered[1:] != ordered[:-1]).any(axis=1)]))
        keys = format_cell_keys(ordered[begin])
        indices = self._shard_indices(keys)
        requests: list[tuple[str, tuple[int, int]]] = []
        owners: list[Int64Array] = []
        spans = np.full((len(cells), 2), -1, np.int64)
        for key, members in zip(keys, np.split(by_shard, begin[1:]), strict=True):
            spans[members] = indices[key][flat[members]]
            for group in _near(members, spans):
                start = int(spans[group, 0].min())
                requests.append((f"{self.path}/c/{key}", (start, int(spans[group].sum(axis=1).max()) - start)))
                owners.append(group)
        out: list[UInt8Array | None] = [None] * len(cells)
        for (_key, (start, _size)), group, data in zip(requests, owners, self.backend.get_many(requests), strict=True):
            if data is None:
                continue
            for row in group.tolist():
                offset = int(spans[row, 0]) - start
                out[row] = data[offset : offset + int(spans[row, 1])]
        return out

    def _shard_indices(self, keys: Sequence[str]) -> dict[str, Int64Array]:
        """Give each shard's (cells, 2) table of offset and size; (-1, 0) for a cell without bytes.

        Tables that were read are kept. A shard that is not there may come back: its empty table is for this call only.
        """
        cells = int(np.prod(np.array(self.grid.shard_shape)))
        size = 16 * cells + CRC_BYTES
        found = {key: self._shards[key] for key in keys if key in self._shards}
        wanted = [key for key in keys if key not in found]
        tails = self.backend.get_many([(f"{self.path}/c/{key}", (-size, None)) for key in wanted])
        for key, tail in zip(wanted, tails, strict=True):
            if tail is None:
                found[key] = np.tile(np.array([-1, 0], np.int64), (cells, 1))
                continue
            if len(tail) != size:
                raise CorruptChunkError(self.backend.name, self.path, key, "the shard is shorter than its index")
            table = tail[:-CRC_BYTES]
            if google_crc32c.value(table) != int.from_bytes(tail[-CRC_BYTES:].tobytes(), "little"):
                raise CorruptChunkError(self.backend.name, self.path, key, "checksum of the shard's index")
            spans = table.view("<u8").reshape(cells, 2)
            missing = spans[:, 0] == np.iinfo(np.uint64).max
            clean = np.where(missing[:, None], 0, spans).astype(np.int64)
            clean[missing, 0] = -1
            found[key] = self._shards[key] = clean
        return found

    # -- errors --------------------------------------------------------------------------------------------

    def _in_grid(self, coords: Int64Array) -> BoolArray:
        cells = coords - self.grid.origin
        return np.asarray(((cells >= 0) & (cells < np.array(self.grid.shape))).all(axis=1))

    def _decode(self, coord: Sequence[int], stored: UInt8Array) -> UInt8Array:
        try:
            return self.codec.decode(stored)
        except ValueError as error:
            self._corrupt(coord, str(error))

    def _missing(self, coord: Int64Array) -> NoReturn:
        if self.backend.get("zarr.json") is None:
            msg = f"{self.backend.name} was removed while it was open"
            raise StoreNotFoundError(msg)
        self._corrupt(coord.tolist(), "it is listed in nonempty_chunks but has no bytes")

    def _wrong_size(self, coord: Int64Array, found: int, expected: int) -> NoReturn:
        self._corrupt(coord.tolist(), f"its payload has {found} bytes, expected {expected}")

    def _corrupt(self, coord: Sequence[int], reason: str) -> NoReturn:
        raise CorruptChunkError(self.backend.name, self.path, ".".join(map(str, coord)), reason)


def _near(rows: Int64Array, spans: Int64Array) -> Iterator[Int64Array]:
    """Group rows whose byte ranges lie close enough together to be read at once."""
    rows = rows[spans[rows, 0] >= 0]
    if not len(rows):
        return
    rows = rows[np.argsort(spans[rows, 0], kind="stable")]
    gaps = spans[rows[1:], 0] - spans[rows[:-1]].sum(axis=1)
    yield from np.split(rows, np.flatnonzero(gaps > RANGE_GAP_BYTES) + 1)
