"""The fragment index of a chunk: which rows make up each fragment.

Layout (little-endian)::

    uint32 magic "GFVZ" | uint16 version 1 | uint16 flags 0 | uint32 F | uint32 R
    bitmap of F bits, LSB first, 1 = range, padded to whole 8 bytes
    R x (int64 start, int64 count)
    (F - R + 1) x uint32 running offsets into the index list, first 0
    int64 row indices of the other fragments, in fragment order

With F = 0 only the 16 header bytes are written.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from zarr_vectors.encoding.ragged import expand_ranges, offsets_of
from zarr_vectors.typing import AnyArray, BoolArray, Int64Array, UInt8Array

__all__ = [
    "FragmentIndex",
    "FragmentTable",
    "decode_fragments",
    "decode_some",
    "decode_tables",
    "encode_fragments",
    "encode_ranges",
    "encode_tiling_ranges",
]

MAGIC = 0x5A564647
_MOST_NARROW = 2**30  # start and count together fit 32 bits
_HEADER = struct.Struct("<4I")
_HEADER_BYTES = _HEADER.size
_RANGE_BYTES = 16
_ROWS_LIMIT = 2**62  # the sum of two numbers below it is an int64


@dataclass(frozen=True, slots=True, eq=False)
class FragmentIndex:
    """The fragments of one chunk.

    Attributes
    ----------
    is_range : (F,) bool
        Whether fragment ``f`` is a run of consecutive rows.
    ranges : (R, 2) int64
        (start, count) of each range fragment, in fragment order.
    offsets : (F - R + 1,) int64
        Where the indices of each other fragment begin in `rows`.
    rows : (T,) int64
        Row indices of the other fragments.
    """

    is_range: BoolArray
    ranges: Int64Array
    offsets: Int64Array
    rows: Int64Array

    @property
    def num_fragments(self) -> int:
        """Number of fragments F."""
        return len(self.is_range)

    @property
    def num_range_fragments(self) -> int:
        """Number of fragments that are ranges."""
        return len(self.ranges)

    def _check(self, fragment: int) -> int:
        if not 0 <= fragment < self.num_fragments:
            msg = f"fragment {fragment} of {self.num_fragments}"
            raise IndexError(msg)
        return int(np.count_nonzero(self.is_range[:fragment]))

    def range(self, fragment: int) -> tuple[int, int]:
        """Give (start, count) of a range fragment; ``ValueError`` for one that lists its rows."""
        before = self._check(fragment)
        if not self.is_range[fragment]:
            msg = f"fragment {fragment} lists its rows; ask for indices({fragment})"
            raise ValueError(msg)
        start, count = self.ranges[before].tolist()
        return start, count

    def indices(self, fragment: int) -> Int64Array:
        """Give the rows of any fragment, in its order."""
        before = self._check(fragment)
        if self.is_range[fragment]:
            start, count = self.ranges[before].tolist()
            return np.arange(start, start + count, dtype=np.int64)
        listed = fragment - before
        return self.rows[self.offsets[listed] : self.offsets[listed + 1]].copy()


@dataclass(frozen=True, eq=False)
class FragmentTable:
    """The fragments of n chunks, numbered through: chunk by chunk, in each chunk in its order.

    Attributes
    ----------
    first : (n + 1,) int64
        The fragments of chunk i are the numbers ``first[i]`` to ``first[i + 1] - 1``.
    is_range : (F,) bool
        Whether the fragment is a run of consecutive rows.
    start : (F,) int32 or int64
        Chunk-local row where a range begins; where the rows of another fragment begin in `rows`.
    count : (F,) int32 or int64
        Rows of each fragment.
    rows : (T,) int64
        Chunk-local rows of the fragments that are no ranges, one after the other in the order of fragments.
    """

    first: Int64Array
    is_range: BoolArray
    start: AnyArray
    count: AnyArray
    rows: Int64Array

    @classmethod
    def of(cls, indices: Sequence[FragmentIndex]) -> FragmentTable:
        """Number the fragments of many chunks through."""
        first = offsets_of(np.array([index.num_fragments for index in indices], np.int64))
        most = max((int(index.ranges.max(initial=0)) for index in indices), default=0)
        most = max(most, sum(len(index.rows) for index in indices))
        narrow = np.int32 if most <= _MOST_NARROW else np.int64
        is_range = np.ones(int(first[-1]), bool)
        start, count = np.empty(len(is_range), narrow), np.empty(len(is_range), narrow)
        listed = 0
        for index, low, high in zip(indices, first[:-1].tolist(), first[1:].tolist(), strict=True):
            mine = index.is_range
            if len(index.ranges) == high - low:
                start[low:high], count[low:high] = index.ranges.T
            else:
                is_range[low:high] = mine
                start[low:high][mine], count[low:high][mine] = index.ranges.T
                start[low:high][~mine] = index.offsets[:-1] + listed
                count[low:high][~mine] = np.diff(index.offsets)
                listed += len(index.rows)
        rows = np.concatenate([np.empty(0, np.int64), *(index.rows for index in indices)])
        return cls(first, is_range, start, count, rows)

    @classmethod
    def of_ranges(cls, first: Int64Array, ranges: Int64Array) -> FragmentTable:
        """Give the table of fragments that are ranges, (F, 2) of start and count, of chunks that begin at `first`."""
        narrow = np.int32 if int(ranges.max(initial=0)) <= _MOST_NARROW else np.int64
        start, count = ranges[:, 0].astype(narrow), ranges[:, 1].astype(narrow)
        return cls(first, np.ones(len(start), bool), start, count, np.empty(0, np.int64))

    @classmethod
    def joined(cls, tables: Sequence[FragmentTable]) -> FragmentTable:
        """Put the fragments of other chunks behind those of the first ones; rows count from 0 in each chunk."""
        if len(tables) == 1:
            return tables[0]
        none = np.empty(0, np.int32)
        before = offsets_of(np.array([len(table.rows) for table in tables], np.int64)).tolist()
        moved = (
            np.where(table.is_range, table.start, table.start + more) if len(table.rows) else table.start
            for table, more in zip(tables, before, strict=False)
        )
        return cls(
            offsets_of(np.concatenate([none, *(np.diff(table.first) for table in tables)])),
            np.concatenate([np.empty(0, bool), *(table.is_range for table in tables)]),
            np.concatenate([none, *moved]),
            np.concatenate([none, *(table.count for table in tables)]),
            np.concatenate([np.empty(0, np.int64), *(table.rows for table in tables)]),
        )

    @cached_property
    def only_ranges(self) -> bool:
        """Whether all fragments are runs of consecutive rows."""
        return bool(self.is_range.all())

    def take(self, numbers: AnyArray, first: Int64Array) -> FragmentTable:
        """Give some fragments, (k,) numbers, chunk by chunk; those of chunk i begin at ``first[i]``. One may repeat."""
        is_range, start, count = self.is_range[numbers], self.start[numbers], self.count[numbers]
        rows = self.rows[:0]
        if len(self.rows):
            listed = ~is_range
            rows = self.rows[expand_ranges(start[listed], count[listed])]
            start[listed] = offsets_of(count[listed])[:-1]
        return FragmentTable(first, is_range, start, count, rows)

    def tiles(self, count: int) -> bool:
        """Tell whether the fragments are ranges that follow one another and make up `count` rows."""
        ends = np.cumsum(self.count, dtype=np.int64)
        total = int(ends[-1]) if len(ends) else 0
        return total == count and self.only_ranges and bool((self.start == ends - self.count).all())

    def rows_of(self, numbers: AnyArray) -> tuple[Int64Array, AnyArray]:
        """Give the rows of some fragments, one fragment after the other.

        The result is as large as the fragments say: compare `vertex_counts` with the rows that there are first.

        Parameters
        ----------
        numbers : (k,) int64
            Fragments, in any order; one may repeat.

        Returns
        -------
        rows : (sum of counts,) int64
            Chunk-local rows, each fragment's in its order.
        counts : (k,) int64
            Rows of each of these fragments.
        """
        counts = self.count[numbers]
        rows = expand_ranges(self.start[numbers], counts)
        listed = ~self.is_range[numbers]
        if listed.any():
            places = np.repeat(listed, counts)
            rows[places] = self.rows[rows[places]]
        return rows, counts

    def chunk_of(self, numbers: Int64Array) -> Int64Array:
        """Give which chunk, 0..n-1, each of these fragments is in; shape (k,)."""
        return np.searchsorted(self.first, numbers, side="right") - 1

    def vertex_counts(self) -> Int64Array:
        """Give the largest row that a fragment names, plus 1, of each chunk; 0 where none names a row; shape (n,)."""
        ends = self.start + self.count
        ends[self.count == 0] = 0
        if self.only_ranges:
            return _largest(ends, self.first)
        ends[~self.is_range] = 0
        listed_before = offsets_of(np.where(self.is_range, 0, self.count))[self.first]
        return np.maximum(_largest(ends, self.first), _largest(self.rows + 1, listed_before))


def _largest(values: Int64Array, offsets: Int64Array) -> Int64Array:
    """Give the largest of each run of values, 0 of an empty run."""
    out = np.zeros(len(offsets) - 1, np.int64)
    filled = offsets[:-1] < offsets[1:]
    if filled.any():
        out[filled] = np.maximum.reduceat(values, offsets[:-1][filled])
    return out


def encode_ranges(counts: Int64Array) -> UInt8Array:
    """Encode the fragment index of one chunk whose fragments tile its rows in order.

    Parameters
    ----------
    counts : (F,) int64
        Rows of each fragment.

    Returns
    -------
    (b,) uint8
    """
    blob: UInt8Array = encode_tiling_ranges(counts[None])[0]
    return blob if len(counts) else blob[:_HEADER_BYTES]


def encode_tiling_ranges(counts: Int64Array) -> UInt8Array:
    """Encode the fragment indices of many chunks whose F fragments tile their rows in order.

    Parameters
    ----------
    counts : (n, F) int64
        Rows of each fragment.

    Returns
    -------
    (n, b) uint8
        One blob a row; all have the same length.
    """
    n, fragments = counts.shape
    bitmap_bytes = -(-fragments // 64) * 8
    record = np.zeros(
        n,
        np.dtype(
            [
                ("head", "<u4", 4),
                ("bitmap", "u1", bitmap_bytes),
                ("ranges", "<i8", (fragments, 2)),
                ("offsets", "<u4"),
            ]
        ),
    )
    record["head"] = MAGIC, 1, fragments, fragments
    record["bitmap"] = np.packbits(np.arange(bitmap_bytes * 8) < fragments, bitorder="little")
    np.cumsum(counts[:, :-1], axis=1, out=record["ranges"][:, 1:, 0])
    record["ranges"][:, :, 1] = counts
    return record.view(np.uint8).reshape(n, record.dtype.itemsize)


def encode_fragments(index: FragmentIndex) -> bytes:
    """Encode one chunk's fragment index; the inverse of `decode_fragments`."""
    count = index.num_fragments
    head = np.array([MAGIC, 1, count, index.num_range_fragments], "<u4").tobytes()
    if count == 0:
        return head
    bitmap = np.packbits(index.is_range, bitorder="little").tobytes()
    padding = bytes(-len(bitmap) % 8)
    offsets = index.offsets.astype("<u4").tobytes()
    return b"".join(
        [
            head,
            bitmap,
            padding,
            index.ranges.astype("<i8").tobytes(),
            offsets,
            index.rows.astype("<i8").tobytes(),
        ]
    )


def decode_fragments(payload: bytes | UInt8Array) -> FragmentIndex:
    """Decode one chunk's fragment index.

    Raises
    ------
    ValueError
        If the blob is too short, has another magic, version or flags, or contradicts itself.
    """
    raw = np.frombuffer(payload, np.uint8)
    if len(raw) < _HEADER_BYTES:
        msg = f"{len(raw)} bytes are too short for a fragment index"
        raise ValueError(msg)
    magic, version_flags, count, ranges = _HEADER.unpack_from(raw.data)
    if magic != MAGIC or version_flags != 1 or ranges > count:
        msg = f"header is magic {magic:#x}, version {version_flags & 0xFFFF}, {ranges} ranges of {count} fragments"
        raise ValueError(msg)
    empty = np.empty(0, np.int64)
    if count == 0:
        return FragmentIndex(np.empty(0, bool), np.empty((0, 2), np.int64), np.zeros(1, np.int64), empty)
    if ranges == count and (found := _only_ranges(raw, count)) is not None:
        return found
    reader = _Reader(raw, _HEADER_BYTES)
    bitmap = reader.take(-(-count // 64) * 8, "u1")
    is_range = np.unpackbits(bitmap, bitorder="little")[:count].astype(bool)
    if np.count_nonzero(is_range) != ranges:
        msg = f"bitmap names {np.count_nonzero(is_range)} ranges, header {ranges}"
        raise ValueError(msg)
    table = reader.take(16 * ranges, "<i8").reshape(-1, 2)
    offsets = reader.take(4 * (count - ranges + 1), "<u4").astype(np.int64)
    if offsets[0] != 0 or (np.diff(offsets) < 0).any():
        msg = "offsets of listed rows do not ascend from 0"
        raise ValueError(msg)
    rows = reader.take(8 * int(offsets[-1]), "<i8")
    if (table < 0).any() or (rows < 0).any():
        msg = "a fragment names a negative row"
        raise ValueError(msg)
    if (table >= _ROWS_LIMIT).any() or (rows >= _ROWS_LIMIT).any():
        msg = f"a fragment names a row beyond {_ROWS_LIMIT}"
        raise ValueError(msg)
    return FragmentIndex(is_range, table.astype(np.int64), offsets, rows.astype(np.int64))


def decode_tables(payloads: Sequence[UInt8Array]) -> FragmentTable | None:
    """Decode the fragment indices of many chunks in few calls, as one table.

    Returns
    -------
    FragmentTable or None
        None where a fragment is no range, or a blob is damaged; `decode_fragments` tells which.
    """
    parts = [_blob_ranges(raw) for raw in payloads]
    if any(part is None for part in parts):
        return None
    table = np.concatenate([np.empty(0, np.uint8), *(part for part in parts if part is not None)]).view("<i8")
    if _largest_range(table) >= _ROWS_LIMIT:
        return None
    counts = np.array([len(part) // _RANGE_BYTES for part in parts if part is not None], np.int64)
    return FragmentTable.of_ranges(offsets_of(counts), table.reshape(-1, 2))


def decode_some(payloads: Sequence[UInt8Array], numbers: AnyArray, bounds: Int64Array) -> FragmentTable | None:
    """Decode some fragments of many chunks; the others are not looked at.

    Parameters
    ----------
    payloads : (n,) blobs
    numbers : (k,) whole numbers
        Fragments, chunk by chunk; each a number in its chunk. One may repeat.
    bounds : (n + 1,) int64
        Those of chunk i are ``numbers[bounds[i] - bounds[0] : bounds[i + 1] - bounds[0]]``.

    Returns
    -------
    FragmentTable or None
        Of these fragments alone, in this order. None where `decode_tables` gives it, and where a chunk has no fragment
        of such a number.
    """
    first = bounds - bounds[0]
    picked = np.empty((len(numbers), 2), "<i8")
    for raw, low, high in zip(payloads, first[:-1].tolist(), first[1:].tolist(), strict=True):
        found, own = _blob_ranges(raw), numbers[low:high]
        if found is None:
            return None
        if low < high:
            ranges = found.view("<i8").reshape(-1, 2)
            if not 0 <= int(own.min()) <= int(own.max()) < len(ranges):
                return None
            picked[low:high] = ranges[own]
    return FragmentTable.of_ranges(first, picked) if _largest_range(picked) < _ROWS_LIMIT else None


def _blob_ranges(raw: UInt8Array) -> UInt8Array | None:
    """Give the bytes of a blob's ranges; None where a fragment is none, and where the blob is damaged."""
    if len(raw) < _HEADER_BYTES:
        return None
    magic, version_flags, count, ranges = _HEADER.unpack_from(raw.data)
    if magic != MAGIC or version_flags != 1 or ranges != count:
        return None
    return _range_bytes(raw, count) if count else raw[:0]


def _only_ranges(raw: UInt8Array, count: int) -> FragmentIndex | None:
    """Decode in few calls what nearly all blobs are: ranges and nothing else; None if there is anything odd."""
    found = _range_bytes(raw, count)
    if found is None:
        return None
    table = found.view("<i8").astype(np.int64, copy=False)
    if _largest_range(table) >= _ROWS_LIMIT:
        return None
    empty = np.empty(0, np.int64)
    return FragmentIndex(np.ones(count, bool), table.reshape(-1, 2), np.zeros(1, np.int64), empty)


def _range_bytes(raw: UInt8Array, count: int) -> UInt8Array | None:
    """Give the bytes of the ranges of a blob whose fragments are ranges and nothing else; None if it is another one."""
    size = -(-count // 64) * 8
    begin = _HEADER_BYTES + size
    end = begin + _RANGE_BYTES * count
    if len(raw) < end + 4:  # first of all: a damaged count may ask for a gigabyte
        return None
    bitmap = b"\xff" * (count // 8) + bytes([(1 << count % 8) - 1])
    if raw[_HEADER_BYTES:begin].tobytes() != bitmap.ljust(size, b"\0")[:size]:
        return None
    return raw[begin:end] if raw[end : end + 4].tobytes() == bytes(4) else None


def _largest_range(table: Int64Array) -> int:
    # Of a number below 0 the same bits are a large one.
    return int(table.view(np.uint64).max(initial=0))


class _Reader:
    """Takes sections off a blob; sections need not be aligned, so each is copied."""

    def __init__(self, raw: UInt8Array, position: int) -> None:
        self.raw, self.position = raw, position

    def take(self, size: int, dtype: str) -> AnyArray:
        end = self.position + size
        if end > len(self.raw):
            msg = f"truncated: {len(self.raw)} bytes where at least {end} are needed"
            raise ValueError(msg)
        section = self.raw[self.position : end].copy()
        self.position = end
        return section.view(dtype)
