"""Reading and writing flat arrays below zarr's array class: tables of objects and groups, lists of byte strings.

zarr-python reads and writes the same arrays; tests hold both to it. What is gained is that damage has a name, that
links are not followed out of the store, and that a chunk which was lost is not read as fill values.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NoReturn, TypeAlias

import numpy as np

from zarr_vectors._spec import Codec, FlatMetadata
from zarr_vectors.constants import MAX_CELL_BYTES
from zarr_vectors.core._backends import Backend, Buffers, LocalFiles
from zarr_vectors.core._commit import dump_json, seal
from zarr_vectors.core.arrays._codecs import CellCodec
from zarr_vectors.core.store import OpenStore, load_array
from zarr_vectors.encoding.vlen import decode_vlen, encode_vlen
from zarr_vectors.exceptions import CorruptChunkError, LimitError, StoreNotFoundError, UnsupportedFeatureError
from zarr_vectors.typing import AnyArray, Int64Array, UInt8Array

__all__ = ["FlatArray", "Items", "open_flat", "write_flat", "write_items"]

Items: TypeAlias = tuple[UInt8Array, Int64Array]
"""Byte strings: (T,) uint8, one after the other, and their (n + 1,) offsets."""

_FETCHED_TOGETHER = 64
_OPENED_TOGETHER = 8
_MOST_ABSENT_BYTES = 1 << 28  # rows of chunks that are not stored
_ITEMS_BYTES = 1 << 28  # a chunk of byte strings up to this size is read however well it was compressed
_MOST_RATIO = 1024


def write_flat(
    backend: Backend,
    path: str,
    values: AnyArray,
    *,
    chunk_rows: int,
    codecs: Sequence[Codec],
    fill: Any,  # noqa: ANN401 - a scalar of the values' dtype
    attributes: Mapping[str, Any],
) -> None:
    """Write numbers or strings, shape (R,) or (R, C), in chunks of so many rows."""
    chunk = (chunk_rows, *values.shape[1:])
    meta = FlatMetadata(values.shape, chunk, values.dtype, tuple(codecs), fill, attributes=attributes)
    codec = CellCodec(codecs)
    for i in range(meta.chunk_counts[0]):
        block = np.ascontiguousarray(values[i * chunk_rows : (i + 1) * chunk_rows], values.dtype.newbyteorder("<"))
        if len(block) < chunk_rows:
            rest = np.full((chunk_rows - len(block), *values.shape[1:]), fill, block.dtype)
            block = np.concatenate([block, rest])
        stored = codec.pack([block.reshape(-1).view(np.uint8)])
        backend.put(_chunk_path(path, (i,) + (0,) * (values.ndim - 1)), stored)
    _put_document(backend, path, meta)


def write_items(
    backend: Backend,
    path: str,
    chunks: Iterable[Items],
    *,
    count: int,
    chunk_rows: int,
    codecs: Sequence[Codec],
    attributes: Mapping[str, Any],
) -> None:
    """Write `count` byte strings, given chunk by chunk."""
    meta = FlatMetadata((count,), (chunk_rows,), None, tuple(codecs), b"", attributes=attributes)
    codec = CellCodec(codecs)
    for i, (flat, offsets) in enumerate(chunks):
        filled = np.append(offsets, np.repeat(offsets[-1:], chunk_rows + 1 - len(offsets)))
        backend.put(_chunk_path(path, (i,)), codec.pack([encode_vlen(flat, filled)]))
    _put_document(backend, path, meta)


def _chunk_path(path: str, chunk: Sequence[int]) -> str:
    return f"{path}/c/{'/'.join(map(str, chunk))}"


def _put_document(backend: Backend, path: str, meta: FlatMetadata) -> None:
    buffers: Buffers = [seal(dump_json(meta.to_dict()))]
    backend.put(f"{path}/zarr.json", buffers)


def open_flat(store: OpenStore, path: str) -> FlatArray | None:
    """Open a flat array by its path in the store; None if there is none."""
    doc = load_array(store.backend, path)
    return None if doc is None else FlatArray(store.backend, path, FlatMetadata.from_dict(doc, f"{store.name}: {path}"))


class FlatArray:
    """One flat array, open for reading; may be used from several threads at once.

    A chunk that is not stored is one of fill values, unless the array was written whole (by this library, or because
    the caller says so).
    """

    def __init__(self, backend: Backend, path: str, meta: FlatMetadata, *, is_whole: bool = False) -> None:
        self.backend, self.path, self.meta = backend, path, meta
        self.is_whole = is_whole
        try:
            self._codec = CellCodec(meta.codecs)
        except UnsupportedFeatureError as error:
            msg = f"{self.where}: {error}"
            raise UnsupportedFeatureError(msg) from error

    @property
    def where(self) -> str:
        """Store and path, for messages."""
        return f"{self.backend.name}: {self.path}"

    def read(self) -> AnyArray:
        """Read all rows, (R,) or (R, C), in the machine's byte order; the caller's own.

        Raises
        ------
        CorruptChunkError
            If a chunk is damaged or was lost.
        LimitError
            If the array is too large for this machine, or announces rows that nobody wrote.
        """
        meta = self.meta
        if meta.dtype is None:
            msg = f"{self.where} holds byte strings"
            raise TypeError(msg)
        if meta.chunk_shape == meta.shape and meta.dtype.kind != "U" and (whole := self._read_whole()) is not None:
            return whole
        try:
            out = np.empty(meta.shape, meta.dtype.newbyteorder("="))
        except (MemoryError, ValueError) as error:
            msg = f"{self.where}: an array of shape {list(meta.shape)} does not fit this machine"
            raise LimitError(msg) from error
        absent = 0
        chunks = list(itertools.product(*map(range, meta.chunk_counts)))
        for chunk, stored in self._fetch(chunks):
            place = tuple(slice(i * n, (i + 1) * n) for i, n in zip(chunk, meta.chunk_shape, strict=True))
            if stored is None:
                absent = self._count_absent(absent, out[place].nbytes)
                out[place] = meta.fill
            else:
                block = self._block(chunk, stored)
                out[place] = block[tuple(slice(0, n) for n in out[place].shape)]
        if out.dtype.kind == "U":
            self._check_text(out)
        return out

    def _read_whole(self) -> AnyArray | None:
        """Read an array of one chunk, without a copy where none is needed; None if the chunk is not stored."""
        chunk = (0,) * len(self.meta.shape)
        for _, stored in self._fetch([chunk]):
            if stored is not None:
                block = self._block(chunk, stored)
                is_own = block.flags.writeable and block.dtype.isnative
                native = block.dtype.newbyteorder("=")
                return block.view(native) if is_own else block.astype(native)
        return None

    def read_items(self, chunks: Sequence[int]) -> Iterator[Items]:
        """Read chunks of byte strings, given by number, one after the other."""
        for chunk, stored in zip(chunks, self.read_stored(chunks), strict=True):
            yield self.items(chunk, stored)

    def read_stored(self, chunks: Sequence[int]) -> Iterator[UInt8Array | None]:
        """Read chunks of byte strings as they are stored, one after the other; some are fetched ahead."""
        absent = 0
        for (chunk,), stored in self._fetch([(i,) for i in chunks]):
            if stored is None:
                absent = self._count_absent(absent, 8 * self._rows(chunk))
            yield stored

    def items(self, chunk: int, stored: UInt8Array | None, rows: Int64Array | None = None) -> Items:
        """Decode what `read_stored` gave for a chunk into its items, or into those in some rows of it, (k,)."""
        present = self._rows(chunk)
        if stored is None:
            return np.empty(0, np.uint8), np.zeros((present if rows is None else len(rows)) + 1, np.int64)
        raw = self._unpack((chunk,), stored, min(MAX_CELL_BYTES, max(_ITEMS_BYTES, _MOST_RATIO * len(stored))))
        found = int.from_bytes(raw[:4].tobytes(), "little")
        if found != self.meta.chunk_shape[0]:
            self._corrupt((chunk,), f"it has {found} items, expected {self.meta.chunk_shape[0]}")
        some = np.arange(present) if rows is None and present < found else rows
        try:
            return decode_vlen(raw, some)
        except ValueError as error:
            self._corrupt((chunk,), str(error))

    def _rows(self, chunk: int) -> int:
        """Give the rows of the array that a chunk holds; what it holds beyond them is filled up."""
        most = self.meta.chunk_shape[0]
        return min(most, self.meta.shape[0] - chunk * most)

    def _fetch(self, chunks: Sequence[tuple[int, ...]]) -> Iterable[tuple[tuple[int, ...], UInt8Array | None]]:
        # Files of this machine need not be fetched ahead: some are found from their folder, which is opened once.
        step = _OPENED_TOGETHER if isinstance(self.backend, LocalFiles) else _FETCHED_TOGETHER
        for low in range(0, len(chunks), step):
            some = chunks[low : low + step]
            found = self.backend.get_many([(_chunk_path(self.path, chunk), (0, None)) for chunk in some])
            missing = [chunk for chunk, stored in zip(some, found, strict=True) if stored is None]
            if missing:
                self._check_unwritten(missing)
            yield from zip(some, found, strict=True)

    def _block(self, chunk: tuple[int, ...], stored: UInt8Array) -> AnyArray:
        """Decode a chunk of numbers or strings, in its stored byte order."""
        expected, dtype = self.meta.chunk_bytes, self.meta.dtype
        raw = self._unpack(chunk, stored, expected + expected // 16 + 4096)
        if len(raw) != expected:
            self._corrupt(chunk, f"it has {len(raw)} bytes, expected {expected}")
        values = raw != 0 if dtype is None or dtype.kind == "b" else raw.view(dtype)
        return values.reshape(self.meta.chunk_shape)

    def _unpack(self, chunk: tuple[int, ...], stored: UInt8Array, most: int) -> UInt8Array:
        try:
            return self._codec.unpack(stored, most)
        except ValueError as error:
            self._corrupt(chunk, str(error))

    def _check_text(self, words: AnyArray) -> None:
        points = np.ascontiguousarray(words).reshape(-1).view(np.uint32)
        if len(points) and (int(points.max()) > 0x10FFFF or ((points >= 0xD800) & (points < 0xE000)).any()):
            self._corrupt((0,), "it holds what is no Unicode text")

    def _check_unwritten(self, chunks: Sequence[tuple[int, ...]]) -> None:
        """Raise if one of the chunks that are not stored must have been."""
        if self.backend.get("zarr.json") is None:
            msg = f"{self.backend.name} was removed while it was open"
            raise StoreNotFoundError(msg)
        written = self.meta.shape if self.is_whole else self.meta.written
        if written is None:
            return
        lost = (np.array(chunks) * self.meta.chunk_shape < written).all(axis=1)
        if lost.any():
            self._corrupt(chunks[int(lost.argmax())], "it was written but has no bytes")

    def _count_absent(self, before: int, more: int) -> int:
        if before + more > _MOST_ABSENT_BYTES:
            msg = f"{self.where}: shape {list(self.meta.shape)} is mostly of chunks that are not stored"
            raise LimitError(msg)
        return before + more

    def _corrupt(self, chunk: tuple[int, ...], reason: str) -> NoReturn:
        raise CorruptChunkError(self.backend.name, self.path, ".".join(map(str, chunk)), reason)

    @property
    def chunk_count(self) -> int:
        """Number of chunks."""
        return math.prod(self.meta.chunk_counts)
