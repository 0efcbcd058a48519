"""Manifest blobs, byte by byte, against a reader and a writer of one block at a time."""

from __future__ import annotations

import struct
import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zarr_vectors.encoding import Manifests, decode_manifests, encode_manifests, offsets_of
from zarr_vectors.encoding import manifests as module

FRAGMENT = st.integers(0, 2**32 - 1)
COMPONENT = st.integers(-(2**63), 2**63 - 1)
RUN = st.tuples(st.just(1), st.integers(0, 2**31), st.integers(0, 5))
LIST = st.tuples(st.just(2), st.lists(FRAGMENT, max_size=4))
ONE = st.tuples(st.just(0), FRAGMENT)


@st.composite
def objects(draw, blocks=(ONE, RUN, LIST), rank=None):
    """Give the rank and, an object, None (an empty blob) or its list of (chunk, block)."""
    rank = draw(st.integers(1, 4)) if rank is None else rank
    chunk = st.tuples(*[COMPONENT] * rank)
    one = st.lists(st.tuples(chunk, st.one_of(*blocks)), max_size=5)
    return rank, draw(st.lists(st.one_of(st.none(), one), max_size=24))


def blob_of(blocks) -> bytes:
    if blocks is None:
        return b""
    parts = [struct.pack("<I", len(blocks))]
    for chunk, (mode, *rest) in blocks:
        parts.append(struct.pack(f"<{len(chunk)}qB", *chunk, mode))
        if mode == 2:
            parts.append(struct.pack(f"<I{len(rest[0])}q", len(rest[0]), *rest[0]))
        else:
            parts.append(struct.pack(f"<{len(rest)}q", *rest))
    return b"".join(parts)


def entries_of(blocks) -> list:
    named = {0: lambda f: [f], 1: lambda start, n: range(start, start + n), 2: lambda fragments: fragments}
    return [(chunk, f) for chunk, (mode, *rest) in blocks or [] for f in named[mode](*rest)]


def pack(blobs):
    return np.frombuffer(b"".join(blobs), np.uint8), offsets_of(np.array([len(b) for b in blobs], np.int64))


def unpack(found: Manifests) -> list:
    pairs = list(zip(map(tuple, found.chunks.tolist()), found.fragments.tolist(), strict=True))
    return [pairs[a:b] for a, b in pairwise(found.offsets)]


def manifests_of(rank, manifests) -> Manifests:
    entries = [entries_of(blocks) for blocks in manifests]
    chunks = np.array([c for e in entries for c, _ in e], np.int64).reshape(-1, rank)
    fragments = np.array([f for e in entries for _, f in e], np.int64)
    return Manifests(offsets_of(np.array([len(e) for e in entries], np.int64)), chunks, fragments)


@pytest.mark.parametrize("few", [0, 2, 1000], ids=["all at once", "both", "one by one"])
@given(case=objects())
def test_blocks_of_every_mode_are_read(few, case):
    rank, manifests = case
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_FEW", few)
        found = decode_manifests(*pack([blob_of(m) for m in manifests]), rank)
    assert found.count == len(manifests)
    assert unpack(found) == [entries_of(m) for m in manifests]
    assert found.chunks.shape == (len(found.fragments), rank)
    assert {a.dtype for a in (found.offsets, found.chunks, found.fragments)} == {np.dtype(np.int64)}


@given(objects(blocks=(ONE,)))
def test_decode_inverts_encode(case):
    rank, manifests = case
    flat, offsets = encode_manifests(manifests_of(rank, manifests))
    blobs = [blob_of(m or []) for m in manifests]
    assert [flat[a:b].tobytes() for a, b in pairwise(offsets)] == blobs
    assert unpack(decode_manifests(flat, offsets, rank)) == [entries_of(m) for m in manifests]


@given(objects(), st.data())
def test_objects_are_taken_by_row(case, data):
    rank, manifests = case
    rows = data.draw(st.lists(st.integers(0, len(manifests) - 1), max_size=8)) if manifests else []
    taken = manifests_of(rank, manifests).take(np.array(rows, np.int64))
    assert taken.count == len(rows)
    assert unpack(taken) == [entries_of(manifests[row]) for row in rows]


def test_the_worked_bytes_of_the_format():
    one = bytes.fromhex("01000000" + "00" * 24 + "00" + "0100000000000000")
    flat, offsets = encode_manifests(Manifests(np.array([0, 1, 1]), np.zeros((1, 3), np.int64), np.array([1])))
    assert offsets.tolist() == [0, 37, 41]
    assert flat.tobytes() == one + bytes(4)


def test_a_blob_that_only_looks_like_single_fragments_is_read_as_it_is():
    lists_and_runs = [((7, 8), (1, 3, 2)), ((7, 8), (0, 9))]
    same_length = [((5, 6), (2, [])), ((1, 1), (2, [])), ((1, 1), (1, 3, 2))]  # 21 + 21 + 33 bytes
    assert len(blob_of(same_length)) == 4 + 3 * 25
    found = decode_manifests(*pack([blob_of(same_length), blob_of(lists_and_runs)]), 2)
    assert unpack(found) == [[((1, 1), 3), ((1, 1), 4)], [((7, 8), 3), ((7, 8), 4), ((7, 8), 9)]]


def test_a_long_blob_is_read_block_by_block():
    blocks = [((i,), (1, i, 2)) for i in range(3000)]
    assert unpack(decode_manifests(*pack([blob_of(blocks)] * 2), 1)) == [entries_of(blocks)] * 2


@pytest.mark.parametrize("few", [0, 1000], ids=["all at once", "one by one"])
@given(case=objects(rank=2), extra=st.binary(min_size=1, max_size=9), data=st.data())
def test_a_cut_or_longer_blob_is_refused_by_its_row(few, case, extra, data):
    _, manifests = case
    blobs = [blob_of(m) for m in manifests] + [blob_of([((1, 2), (0, 3)), ((4, 5), (2, [6]))])]
    row = data.draw(st.integers(0, len(blobs) - 1).filter(lambda row: blobs[row]))
    # Cutting all bytes away makes an object without fragments.
    cut = data.draw(st.integers(1, len(blobs[row]) - 1))
    longer = blobs[row] + extra
    for damaged in (blobs[row][:cut], longer):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "_FEW", few)
            with pytest.raises(ValueError, match=f"object row {row}: its bytes|object row {row}: it is too short"):
                decode_manifests(*pack([*blobs[:row], damaged, *blobs[row + 1 :]]), 2)


@pytest.mark.parametrize("few", [0, 1000], ids=["all at once", "one by one"])
@given(case=objects(), data=st.data())
def test_damaged_blobs_are_manifests_or_a_value_error(few, case, data):
    rank, manifests = case
    flat, offsets = pack([blob_of(m) for m in manifests])
    flat = flat.copy()
    for _ in range(data.draw(st.integers(1, 4)) if len(flat) else 0):
        flat[data.draw(st.integers(0, len(flat) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_FEW", few)
        try:
            found = decode_manifests(flat, offsets, rank, limit=1000)
        except ValueError as error:
            assert "object row" in str(error)
            return
    assert len(found.fragments) == len(found.chunks) == found.offsets[-1] <= 1000 + len(flat)


@given(st.lists(st.binary(max_size=80), max_size=5), st.integers(1, 3))
def test_any_bytes_are_manifests_or_a_value_error(blobs, rank):
    for head in (b"", b"\1\0\0\0", b"\2\0\0\0" + bytes(8 * rank)):
        try:
            decode_manifests(*pack([head + b for b in blobs]), rank, limit=1000)
        except ValueError as error:
            assert "object row" in str(error)


@pytest.mark.parametrize(
    ("block", "why"),
    [
        ((0, -1), "fragment -1"),
        ((0, 2**32), "fragment 4294967296"),
        ((2, [1, -7]), "fragment -7"),
        ((1, -1, 1), "1 fragments from -1 on"),
        ((1, 0, -1), "-1 fragments from 0 on"),
        ((1, 2**63 - 1, 2**63 - 1), "9223372036854775807 fragments"),
        ((1, 1, 2**32), "4294967296 fragments from 1 on"),
        ((1, 0, 2**32), "name 4294967299 fragments in runs, the limit is 16777216"),
        ((3, 0), "its bytes"),
        ((255, 0), "its bytes"),
    ],
)
def test_fragments_that_cannot_be_are_refused_by_row(block, why):
    good = [((0, 0), (0, 1)), ((0, 0), (1, 4, 3))]
    with pytest.raises(ValueError, match=f"object row 2: .*{why}"):
        decode_manifests(*pack([blob_of(m) for m in (good, None, [*good[:1], ((1, 1), block)], [])]), 2)


def test_few_bytes_never_make_a_large_array():
    hostile = [
        blob_of([((0,), (1, 0, 2**31))]),
        blob_of([((0,), (1, 0, 2**24))] * 3),
        struct.pack("<I", 2**32 - 1),
        struct.pack("<IqBI", 1, 0, 2, 2**32 - 1),
        struct.pack("<IqBI", 2**32 - 1, 0, 2, 0),
    ]
    tracemalloc.start()
    try:
        for blob in hostile:
            with pytest.raises(ValueError, match="object row 0"):
                decode_manifests(*pack([blob]), 1)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_a_caller_may_allow_more_or_less():
    blob = pack([blob_of([((0,), (1, 0, 10))])])
    assert len(decode_manifests(*blob, 1, limit=10).fragments) == 10
    with pytest.raises(ValueError, match="the limit is 9"):
        decode_manifests(*blob, 1, limit=9)
