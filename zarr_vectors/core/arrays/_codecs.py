"""The bytes of one cell: ``vlen-bytes`` of one item, then compressors and the checksum of the array's chain.

Stored: ``uint32 1 | uint32 n | n payload bytes``, compressed, then four bytes of crc32c over all before. The checksum
is verified before anything is decompressed, because decompressors trust their input.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import google_crc32c
import numpy as np
from numcodecs import Blosc, GZip, Zstd

from zarr_vectors._spec import Codec
from zarr_vectors.constants import MAX_CELL_BYTES
from zarr_vectors.core._backends import Buffers, joined
from zarr_vectors.exceptions import UnsupportedFeatureError
from zarr_vectors.typing import UInt8Array

__all__ = ["CellCodec"]

_HEADER = struct.Struct("<II")
HEADER_BYTES = _HEADER.size
_CRC = struct.Struct("<I")
CRC_BYTES = _CRC.size
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_SHUFFLE = {"noshuffle": Blosc.NOSHUFFLE, "shuffle": Blosc.SHUFFLE, "bitshuffle": Blosc.BITSHUFFLE}

Step: TypeAlias = Callable[[Any], Any]


def _compressor(codec: Codec) -> Any:  # noqa: ANN401 - numcodecs has no common base with types
    try:
        return _numcodec(codec)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        msg = f"codec {codec!r} cannot be used: {error!r}"
        raise UnsupportedFeatureError(msg) from error


def _numcodec(codec: Codec) -> Any:  # noqa: ANN401 - see _compressor
    options = codec.get("configuration", {})
    match codec.get("name"):
        case "zstd":
            return Zstd(level=options.get("level", 0), checksum=bool(options.get("checksum", False)))
        case "gzip":
            return GZip(level=options.get("level", 5))
        case "blosc":
            return Blosc(
                cname=options.get("cname", "lz4"),
                clevel=options.get("clevel", 5),
                shuffle=_SHUFFLE[options.get("shuffle", "noshuffle")],
                blocksize=options.get("blocksize", 0),
                typesize=options.get("typesize"),
            )
        case name:
            msg = f"cells are encoded with codec {name!r}; this library has zstd, blosc, gzip and crc32c"
            raise UnsupportedFeatureError(msg)


class CellCodec:
    """Encodes and decodes the cells of one array: `pack` and `unpack` are the chain without the cell's framing."""

    def __init__(self, codecs: Sequence[Codec]) -> None:
        names = [codec.get("name") for codec in codecs]
        self.has_crc = names[-1:] == ["crc32c"]
        if "crc32c" in (names[:-1] if self.has_crc else names):
            msg = f"crc32c must be the last codec of a cell, got {names}"
            raise UnsupportedFeatureError(msg)
        self.compressors = [_compressor(c) for c in (codecs[:-1] if self.has_crc else codecs)]

    @property
    def is_plain(self) -> bool:
        """Whether payloads lie in the stored bytes as they are."""
        return not self.compressors

    @property
    def overhead(self) -> int:
        """Stored bytes beside the payload of a plain cell."""
        return HEADER_BYTES + CRC_BYTES * self.has_crc

    def encode(self, payload: Buffers) -> Buffers:
        """Give the stored bytes of a payload that is made of buffers in a row."""
        return self.pack([_HEADER.pack(1, sum(map(len, payload))), *payload])

    def pack(self, plain: Buffers) -> Buffers:
        """Send bytes, given as buffers in a row, through the compressors and add the checksum."""
        buffers = list(plain)
        for compressor in self.compressors:
            buffers = [bytes(compressor.encode(joined(buffers)))]
        if self.has_crc:
            crc = 0
            for buffer in buffers:
                crc = google_crc32c.extend(crc, buffer)
            buffers.append(crc.to_bytes(CRC_BYTES, "little"))
        return buffers

    def decode(self, stored: UInt8Array) -> UInt8Array:
        """Give the payload of stored bytes; a view of them where the cell is plain.

        Raises
        ------
        ValueError
            If the checksum, the framing or the compressed data are wrong.
        """
        stored = self.unpack(stored)
        if len(stored) < HEADER_BYTES:
            msg = f"{len(stored)} bytes are too short for a cell"
            raise ValueError(msg)
        items, size = _HEADER.unpack_from(stored.data)
        if items != 1 or size != len(stored) - HEADER_BYTES:
            msg = f"framing says {items} items, {size} bytes; found {len(stored) - HEADER_BYTES} bytes"
            raise ValueError(msg)
        return stored[HEADER_BYTES:]

    def unpack(self, stored: UInt8Array, most: int = MAX_CELL_BYTES) -> UInt8Array:
        """Give the bytes that `pack` was given; ``ValueError`` if they are damaged or announce to be over `most`."""
        if self.has_crc:
            stored = self._without_crc(stored)
        for compressor in reversed(self.compressors):
            stored = _decompress(compressor, stored, most)
        return stored

    def _without_crc(self, stored: UInt8Array) -> UInt8Array:
        if len(stored) < CRC_BYTES:
            msg = f"{len(stored)} bytes are too short for a checksum"
            raise ValueError(msg)
        body = stored[:-CRC_BYTES]
        expected = int.from_bytes(stored[-CRC_BYTES:].tobytes(), "little")
        found = google_crc32c.value(body)
        if found != expected:
            msg = f"checksum is {found:#010x}, the stored one {expected:#010x}"
            raise ValueError(msg)
        return body

    def verify_plain(self, header: bytearray, payload: UInt8Array, tail: bytearray) -> None:
        """Check a plain cell whose parts were read into separate places; its checksum begins the tail."""
        expected_header = _HEADER.pack(1, len(payload))
        if header != expected_header:
            items, size = _HEADER.unpack(header)
            msg = f"framing says {items} items, {size} bytes; expected {len(payload)} bytes"
            raise ValueError(msg)
        if self.has_crc:
            found = google_crc32c.extend(google_crc32c.value(expected_header), payload)
            (expected,) = _CRC.unpack_from(tail)
            if found != expected:
                msg = f"checksum is {found:#010x}, the stored one {expected:#010x}"
                raise ValueError(msg)


def _decompress(compressor: Any, stored: UInt8Array, most: int) -> UInt8Array:  # noqa: ANN401 - see _compressor
    if isinstance(compressor, Blosc):
        _check_blosc(stored, most)
    elif isinstance(compressor, Zstd):
        _check_zstd(stored, most)
    try:
        return np.frombuffer(compressor.decode(stored), np.uint8)
    except (RuntimeError, OSError, EOFError, MemoryError) as error:
        msg = f"{type(compressor).__name__} cannot decompress it: {error}"
        raise ValueError(msg) from error


def _check_blosc(stored: UInt8Array, most: int) -> None:
    """Refuse a blosc frame whose header lies about its sizes: the decoder would read out of bounds."""
    if len(stored) < 16:
        msg = f"{len(stored)} bytes are too short for blosc"
        raise ValueError(msg)
    full, _block, compressed = stored[4:16].view("<u4").tolist()
    if compressed != len(stored) or full > most:
        msg = f"blosc header says {compressed} bytes of {full}, found {len(stored)}"
        raise ValueError(msg)


def _check_zstd(stored: UInt8Array, most: int) -> None:
    """Refuse a zstd frame that announces more than a cell may hold: the decoder would allocate it first."""
    head = stored[:18].tobytes()
    if len(head) < 6 or head[:4] != _ZSTD_MAGIC:
        msg = "it does not begin with a zstd frame"
        raise ValueError(msg)
    # RFC 8878, 3.1.1.1: the descriptor says how wide the window, dictionary id and content size are.
    descriptor = head[4]
    single_segment = descriptor >> 5 & 1
    at = 5 + (1 - single_segment) + (0, 1, 2, 4)[descriptor & 3]
    width = (single_segment, 2, 4, 8)[descriptor >> 6]
    full = int.from_bytes(head[at : at + width], "little")
    if full > most:
        msg = f"zstd frame says {full} bytes, a chunk holds at most {most} here"
        raise ValueError(msg)
