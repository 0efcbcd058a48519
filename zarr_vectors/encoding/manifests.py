"""Manifests: which fragments make up each object, in which order.

Layout of one object's blob (little-endian, nothing aligned)::

    uint32 B                                    number of blocks
    B x ( int64 chunk[R] | uint8 mode | ... )   R = components of a chunk coordinate
        mode 0: int64 fragment
        mode 1: int64 start, int64 count        fragments start .. start + count - 1
        mode 2: uint32 count, int64 fragments[count]

An object without fragments is four zero bytes; no bytes at all mean the same. Only mode 0 is written.

How blobs are read: a blob whose length is that of B mode-0 blocks, and whose mode bytes at their places are all 0, is B
mode-0 blocks, so the places of all blocks of all such objects come from arithmetic. Blocks of other blobs are found one
after the other, in all these blobs at once. What the blocks say is then read at their places, for all objects at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

import numpy as np

from zarr_vectors.encoding.ragged import expand_ranges, offsets_of, records_at, write_records
from zarr_vectors.typing import Int64Array, UInt8Array

__all__ = ["MAX_LISTED_FRAGMENTS", "Manifests", "decode_manifests", "encode_manifests"]

MAX_LISTED_FRAGMENTS = 1 << 24
"""Fragments that the manifests of one call may name, unless the caller sets another limit.

A block of mode 1 names any number of fragments in a few bytes, so the bytes that are there do not bound the result.
"""

_ONE, _RUN, _LIST = range(3)
_COUNT_BYTES, _INT = 4, 8
_MAX_FRAGMENTS = 2**32  # a fragment index counts its fragments in 32 bits
_NO_BLOCKS = "its bytes are not the blocks that it counts"
_FEW = 8  # so few blobs are walked faster by an interpreter than by arrays


@dataclass(frozen=True, slots=True, eq=False)
class Manifests:
    """The fragments of O objects, each object's in its vertex order.

    Attributes
    ----------
    offsets : (O + 1,) int64
        Where the fragments of each object begin in `chunks` and `fragments`.
    chunks : (B, R) int64
        Absolute coordinate of the chunk that holds each fragment.
    fragments : (B,) int64
        Number of each fragment in its chunk.
    """

    offsets: Int64Array
    chunks: Int64Array
    fragments: Int64Array

    @property
    def count(self) -> int:
        """Number of objects O."""
        return len(self.offsets) - 1

    def part(self, low: int, high: int) -> Manifests:
        """Give the manifests of objects ``low:high``."""
        offsets = self.offsets[low : high + 1]
        blocks = slice(int(offsets[0]), int(offsets[-1]))
        return Manifests(offsets - offsets[0], self.chunks[blocks], self.fragments[blocks])

    def take(self, rows: Int64Array) -> Manifests:
        """Give the manifests of the objects in these rows, shape (k,), in this order; a row may repeat."""
        starts = self.offsets[:-1][rows]
        counts = self.offsets[1:][rows] - starts
        blocks = expand_ranges(starts, counts)
        return Manifests(offsets_of(counts), self.chunks[blocks], self.fragments[blocks])


def encode_manifests(manifests: Manifests) -> tuple[UInt8Array, Int64Array]:
    """Encode the blob of every object, with one mode-0 block a fragment.

    Returns
    -------
    flat : (T,) uint8
        The blobs, one after the other.
    offsets : (O + 1,) int64
        Where each object's blob begins in `flat`.
    """
    rank = manifests.chunks.shape[1]
    block, counts = _one_dtype(rank), np.diff(manifests.offsets)
    begins = manifests.offsets * block.itemsize + _COUNT_BYTES * np.arange(len(manifests.offsets))
    flat = np.zeros(int(begins[-1]), np.uint8)
    write_records(flat, begins[:-1], counts.astype("<u4"))
    # Blocks go to their places at once: a copy of them without the numbers before them would be as large again.
    places = np.repeat(_COUNT_BYTES * np.arange(1, len(begins)), counts)
    places += block.itemsize * np.arange(len(places))
    write_records(flat, places, manifests.chunks.astype("<i8", copy=False))
    write_records(flat, places + _INT * rank + 1, manifests.fragments.astype("<i8", copy=False))
    return flat, begins


def decode_manifests(
    flat: UInt8Array, offsets: Int64Array, rank: int, *, limit: int = MAX_LISTED_FRAGMENTS
) -> Manifests:
    """Decode the blobs of O objects; the inverse of `encode_manifests`, for blocks of all modes.

    Parameters
    ----------
    flat : (T,) uint8
        The blobs, one after the other.
    offsets : (O + 1,) int64
        Where each object's blob begins in `flat`, from 0 to T.
    rank : int
        Components R of a chunk coordinate.
    limit : int
        Fragments that runs (mode 1) may name beside those that the bytes name one by one.

    Raises
    ------
    ValueError
        If a blob is truncated or too long, has an unknown mode, or names fragments that cannot be; the message names
        the object's row.
    """
    raw = np.ascontiguousarray(flat)
    places, num_blocks, is_regular = _find_blocks(raw, offsets, rank)
    owner = np.repeat(np.arange(len(num_blocks)), num_blocks)
    block_offsets = offsets_of(num_blocks)
    if is_regular:
        blocks = records_at(raw, places, _one_dtype(rank))
        fragments = blocks["fragment"].astype(np.int64)
        _check_fragments(fragments, owner)
        return Manifests(block_offsets, blocks["chunk"].astype(np.int64), fragments)
    heads = records_at(raw, places, _head_dtype(rank))
    chunks, modes = heads["chunk"].astype(np.int64), heads["mode"]
    bodies = places + heads.itemsize
    starts, counts = _runs(raw, bodies, modes)
    _check_runs(starts, counts, modes, owner, limit)
    fragments = expand_ranges(starts, counts)
    listed = modes == _LIST
    entries = _INT * expand_ranges(np.zeros(np.count_nonzero(listed), np.int64), counts[listed])
    entries += np.repeat(bodies[listed] + _COUNT_BYTES, counts[listed])
    fragments[np.repeat(listed, counts)] = records_at(raw, entries, "<i8")
    _check_fragments(fragments, np.repeat(owner, counts))
    return Manifests(offsets_of(counts)[block_offsets], np.repeat(chunks, counts, axis=0), fragments)


def _head_dtype(rank: int) -> np.dtype[np.void]:
    return np.dtype([("chunk", "<i8", (rank,)), ("mode", "u1")])


def _one_dtype(rank: int) -> np.dtype[np.void]:
    return np.dtype([("chunk", "<i8", (rank,)), ("mode", "u1"), ("fragment", "<i8")])


# -- where blocks are --------------------------------------------------------------------------------------


def _find_blocks(raw: UInt8Array, offsets: Int64Array, rank: int) -> tuple[Int64Array, Int64Array, bool]:
    """Find the blocks of all objects.

    Returns
    -------
    places : (B,) int64
        Byte position of every block, ascending.
    num_blocks : (O,) int64
        Blocks of every object.
    is_regular : bool
        Whether all blocks name one fragment (mode 0).
    """
    begins, lengths = offsets[:-1], np.diff(offsets)
    if ((lengths > 0) & (lengths < _COUNT_BYTES)).any():
        _refuse(int(np.argmax((lengths > 0) & (lengths < _COUNT_BYTES))), "it is too short for a number of blocks")
    written = lengths > 0
    num_blocks = np.zeros(len(lengths), np.int64)
    num_blocks[written] = records_at(raw, begins[written], "<u4")
    size = _one_dtype(rank).itemsize
    regular = lengths == _COUNT_BYTES * written + num_blocks * size
    inner = np.where(regular, num_blocks, 0)
    places = np.repeat(begins + _COUNT_BYTES - size * offsets_of(inner)[:-1], inner)
    places += size * np.arange(len(places))
    other = raw[places + _INT * rank] != _ONE
    if other.any():
        owner = np.repeat(np.arange(len(inner)), inner)
        regular[owner[other]] = False
        places = places[regular[owner]]
    is_regular = bool(regular.all())
    if not is_regular:
        rows = np.flatnonzero(~regular)
        walked = _walk(raw, begins[rows] + _COUNT_BYTES, offsets[rows + 1], num_blocks[rows], rows, rank)
        places = np.sort(np.concatenate([places, walked]))
    return places, num_blocks, is_regular


def _walk(
    raw: UInt8Array, at: Int64Array, ends: Int64Array, left: Int64Array, rows: Int64Array, rank: int
) -> Int64Array:
    """Give the byte positions of blocks of any mode; one step finds the next block of every blob."""
    sizes = _block_sizes(rank)
    mode_at, count_at = _INT * rank, _INT * rank + 1
    # What tells a block's size lies inside the block, so a read past a blob's end shows in where the block ends.
    padded = np.concatenate([raw, np.zeros(count_at + _COUNT_BYTES, np.uint8)])
    found = []
    while len(at) > _FEW:
        over = np.where(left > 0, at >= ends, at != ends)
        if over.any():
            _refuse(int(rows[np.argmax(over)]), _NO_BLOCKS)
        going = left > 0
        at, ends, left, rows = at[going], ends[going], left[going] - 1, rows[going]
        found.append(at)
        modes = padded[at + mode_at]
        step = sizes[modes]
        listed = modes == _LIST
        step[listed] += _INT * records_at(padded, at[listed] + count_at, "<u4").astype(np.int64)
        at = at + step
    data, table = padded.tobytes() if len(at) else b"", sizes.tolist()
    for begin, end, blocks, row in zip(at.tolist(), ends.tolist(), left.tolist(), rows.tolist(), strict=True):
        places, stop = _walk_one(data, (begin, end), blocks, rank, table)
        if stop != end or len(places) != blocks:
            _refuse(row, _NO_BLOCKS)
        found.append(np.array(places, np.int64))
    return np.concatenate(found)


def _walk_one(data: bytes, span: tuple[int, int], blocks: int, rank: int, sizes: list[int]) -> tuple[list[int], int]:
    """Give the byte positions of one blob's blocks, and where the last one ends."""
    at, end = span
    mode_at, count_at, count_end = _INT * rank, _INT * rank + 1, _INT * rank + 1 + _COUNT_BYTES
    places: list[int] = []
    while at < end and len(places) < blocks:
        places.append(at)
        mode = data[at + mode_at]
        if mode == _LIST:
            at += _INT * int.from_bytes(data[at + count_at : at + count_end], "little")
        at += sizes[mode]
    return places, at


def _block_sizes(rank: int) -> Int64Array:
    """Give the bytes of a block of each mode, shape (256,), without listed fragments; no blob holds an unknown mode."""
    sizes = np.full(256, 2**48)
    sizes[[_ONE, _RUN, _LIST]] = _INT * rank + 1 + np.array([_INT, 2 * _INT, _COUNT_BYTES])
    return sizes


# -- what blocks say ---------------------------------------------------------------------------------------


def _runs(raw: UInt8Array, bodies: Int64Array, modes: UInt8Array) -> tuple[Int64Array, Int64Array]:
    """Give the first fragment and the number of fragments of each block; first 0 where a block lists them."""
    starts, counts = np.zeros(len(bodies), np.int64), np.ones(len(bodies), np.int64)
    listed, run = modes == _LIST, modes == _RUN
    starts[~listed] = records_at(raw, bodies[~listed], "<i8")
    counts[run] = records_at(raw, bodies[run] + _INT, "<i8")
    counts[listed] = records_at(raw, bodies[listed], "<u4")
    return starts, counts


def _check_runs(starts: Int64Array, counts: Int64Array, modes: UInt8Array, owner: Int64Array, limit: int) -> None:
    """Refuse runs that no chunk can hold, and more fragments than the limit, before anything is made for them."""
    run = modes == _RUN
    starts, counts, owner = starts[run], counts[run], owner[run]
    wrong = (starts < 0) | (counts < 0) | (starts > _MAX_FRAGMENTS) | (counts > _MAX_FRAGMENTS)
    wrong |= starts + counts > _MAX_FRAGMENTS
    if wrong.any():
        i = int(np.argmax(wrong))
        _refuse(int(owner[i]), f"it names {counts[i]} fragments from {starts[i]} on")
    total = np.cumsum(counts)
    if len(total) and total[-1] > limit:
        over = int(np.argmax(total > limit))
        _refuse(int(owner[over]), f"with it manifests name {total[over]} fragments in runs, the limit is {limit}")


def _check_fragments(fragments: Int64Array, owner: Int64Array) -> None:
    wrong = fragments.view(np.uint64) >= _MAX_FRAGMENTS
    if wrong.any():
        i = int(np.argmax(wrong))
        _refuse(int(owner[i]), f"it names fragment {fragments[i]}")


def _refuse(row: int, why: str) -> NoReturn:
    msg = f"manifest of object row {row}: {why}"
    raise ValueError(msg)
