"""The fragment index blob, byte by byte."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from zarr_vectors.encoding import (
    FragmentIndex,
    FragmentTable,
    decode_fragments,
    encode_fragments,
    encode_ranges,
    encode_tiling_ranges,
    expand_ranges,
    offsets_of,
)
from zarr_vectors.encoding.fragments import decode_some, decode_tables

RANGES = st.tuples(st.integers(0, 2**40), st.integers(0, 2**40))
ROWS = st.lists(st.integers(0, 2**40), max_size=6)
FRAGMENTS = st.lists(st.one_of(RANGES, ROWS), max_size=140)

# FORMAT 23, the stored cell without its vlen-bytes header: one range (0, 1).
ONE_RANGE = bytes.fromhex(
    "47465645"[:0] + "4746565a" "0100" "0000" "01000000" "01000000" "0100000000000000"
    "0000000000000000" "0100000000000000" "00000000"
)  # fmt: skip
# FORMAT 23, fixture s12: [0,1,2,5] (2,4) [9,5,0] [] (3..6) (0,0) (6,4) [7,7] [8,1]
MIXED = [[0, 1, 2, 5], (2, 4), [9, 5, 0], [], (3, 4), (0, 0), (6, 4), [7, 7], [8, 1]]


def index_of(fragments) -> FragmentIndex:
    listed = [f for f in fragments if isinstance(f, list)]
    return FragmentIndex(
        np.array([isinstance(f, tuple) for f in fragments], bool),
        np.array([f for f in fragments if isinstance(f, tuple)], np.int64).reshape(-1, 2),
        offsets_of(np.array([len(f) for f in listed], np.int64)),
        np.array([row for f in listed for row in f], np.int64),
    )


def fragments_of(index: FragmentIndex) -> list:
    return [index.range(f) if index.is_range[f] else index.indices(f).tolist() for f in range(index.num_fragments)]


@given(FRAGMENTS)
def test_decode_inverts_encode(fragments):
    found = decode_fragments(encode_fragments(index_of(fragments)))
    assert fragments_of(found) == fragments
    assert found.num_range_fragments == sum(isinstance(f, tuple) for f in fragments)


@given(hnp.arrays(np.int64, st.tuples(st.integers(0, 4), st.integers(1, 130)), elements=st.integers(0, 1000)))
def test_tiling_ranges_are_what_encoding_one_by_one_gives(counts):
    blobs = encode_tiling_ranges(counts)
    assert len(blobs) == len(counts)
    for blob, row in zip(blobs, counts, strict=True):
        starts = offsets_of(row)[:-1]
        tiles = list(zip(starts.tolist(), row.tolist(), strict=True))
        assert blob.tobytes() == encode_fragments(index_of(tiles))


def test_the_worked_bytes_of_the_format():
    assert encode_tiling_ranges(np.array([[1]]))[0].tobytes() == ONE_RANGE
    assert len(ONE_RANGE) == 0x2C
    blob = encode_fragments(index_of(MIXED))
    assert blob[16] == 0x72
    assert np.frombuffer(blob[24 : 24 + 64], "<i8").reshape(-1, 2).tolist() == [[2, 4], [3, 4], [0, 0], [6, 4]]
    assert np.frombuffer(blob[88 : 88 + 24], "<u4").tolist() == [0, 4, 7, 7, 9, 11]
    assert fragments_of(decode_fragments(blob)) == MIXED


@given(hnp.arrays(np.int64, st.integers(0, 130), elements=st.integers(0, 1000)))
def test_one_chunks_tiling_ranges_are_what_encoding_them_gives(counts):
    tiles = list(zip(offsets_of(counts)[:-1].tolist(), counts.tolist(), strict=True))
    assert encode_ranges(counts).tobytes() == encode_fragments(index_of(tiles))


def test_no_fragments_are_sixteen_bytes():
    blob = encode_fragments(index_of([]))
    assert blob == bytes.fromhex("4746565a010000000000000000000000")
    assert decode_fragments(blob).num_fragments == 0


def test_bytes_after_the_index_are_passed_over():
    assert fragments_of(decode_fragments(encode_fragments(index_of(MIXED)) + b"xyz")) == MIXED


@given(FRAGMENTS, st.data())
def test_a_truncated_blob_is_a_value_error(fragments, data):
    blob = encode_fragments(index_of(fragments))
    cut = data.draw(st.integers(0, len(blob) - 1))
    with pytest.raises(ValueError, match="short|truncated"):
        decode_fragments(blob[:cut])


@given(st.one_of(FRAGMENTS, st.just(MIXED)), st.data())
def test_a_damaged_blob_is_a_value_error_and_nothing_else(fragments, data):
    blob = bytearray(encode_fragments(index_of(fragments)))
    for _ in range(data.draw(st.integers(1, 3))):
        blob[data.draw(st.integers(0, len(blob) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        found = decode_fragments(bytes(blob))
    except ValueError:
        return
    assert found.num_fragments == len(found.is_range)


@given(st.binary(max_size=200))
def test_any_bytes_are_an_index_or_a_value_error(raw):
    for blob in (raw, ONE_RANGE[:16] + raw, ONE_RANGE[:8] + raw):
        try:
            decode_fragments(blob)
        except ValueError:
            continue


@pytest.mark.parametrize(
    ("at", "value"),
    [(0, 0x46), (4, 2), (6, 1), (12, 2), (16, 0)],
    ids=["magic", "version", "flags", "more ranges than fragments", "bitmap against the count"],
)
def test_a_wrong_header_is_refused(at, value):
    blob = bytearray(ONE_RANGE)
    blob[at] = value
    with pytest.raises(ValueError, match="header|bitmap"):
        decode_fragments(bytes(blob))


def test_negative_rows_and_falling_offsets_are_refused():
    with pytest.raises(ValueError, match="negative"):
        decode_fragments(encode_fragments(index_of([(0, -1)])))
    with pytest.raises(ValueError, match="negative"):
        decode_fragments(encode_fragments(index_of([[-1]])))
    for beyond in ([(2**62, 0)], [(0, 2**62)], [[2**63 - 1]]):
        with pytest.raises(ValueError, match="beyond"):
            decode_fragments(encode_fragments(index_of(beyond)))
    bad = index_of([[1], [2]])
    falling = FragmentIndex(bad.is_range, bad.ranges, np.array([0, 2, 1]), bad.rows)
    with pytest.raises(ValueError, match="ascend"):
        decode_fragments(encode_fragments(falling))


def test_a_fragment_is_asked_for_by_its_number():
    index = index_of(MIXED)
    assert index.indices(4).tolist() == [3, 4, 5, 6]
    with pytest.raises(ValueError, match="lists its rows"):
        index.range(0)
    for number in (-1, len(MIXED)):
        with pytest.raises(IndexError):
            index.range(number)


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(0, 5)), max_size=10))
def test_ranges_expand_to_their_rows(ranges):
    starts, counts = (np.array([r[i] for r in ranges], np.int64) for i in range(2))
    assert expand_ranges(starts, counts).tolist() == [s + i for s, n in ranges for i in range(n)]


SMALL = st.lists(
    st.one_of(st.tuples(st.integers(0, 50), st.integers(0, 5)), st.lists(st.integers(0, 50), max_size=5)), max_size=6
)


def rows_named(fragment) -> list:
    return fragment if isinstance(fragment, list) else list(range(fragment[0], sum(fragment)))


@given(st.lists(SMALL, max_size=6), st.data())
def test_a_table_gives_the_rows_of_fragments_of_many_chunks(chunks, data):
    table = FragmentTable.of([decode_fragments(encode_fragments(index_of(fragments))) for fragments in chunks])
    flat = [(chunk, rows_named(f)) for chunk, fragments in enumerate(chunks) for f in fragments]
    assert table.first.tolist() == offsets_of(np.array([len(f) for f in chunks], np.int64)).tolist()
    assert table.is_range.tolist() == [isinstance(f, tuple) for fragments in chunks for f in fragments]
    assert table.count.tolist() == [len(rows) for _, rows in flat]
    numbers = data.draw(st.lists(st.integers(0, len(flat) - 1), max_size=10)) if flat else []
    rows, counts = table.rows_of(np.array(numbers, np.int64))
    assert rows.tolist() == [row for number in numbers for row in flat[number][1]]
    assert counts.tolist() == [len(flat[number][1]) for number in numbers]
    assert table.chunk_of(np.array(numbers, np.int64)).tolist() == [flat[number][0] for number in numbers]
    largest = [max((r for f in fragments for r in rows_named(f)), default=-1) for fragments in chunks]
    assert table.vertex_counts().tolist() == [row + 1 for row in largest]


@given(st.lists(SMALL, max_size=6), st.data())
def test_some_fragments_of_a_table_are_a_table_of_these(chunks, data):
    table = FragmentTable.of([index_of(fragments) for fragments in chunks])
    count = len(table.count)
    numbers = np.array(data.draw(st.lists(st.integers(0, count - 1), max_size=10)) if count else [], np.int64)
    numbers = numbers[np.argsort(table.chunk_of(numbers), kind="stable")]
    sizes = np.bincount(table.chunk_of(numbers), minlength=len(chunks))
    some = table.take(numbers, offsets_of(sizes))
    rows, counts = some.rows_of(np.arange(len(numbers)))
    assert (rows.tolist(), counts.tolist()) == tuple(values.tolist() for values in table.rows_of(numbers))
    assert some.chunk_of(np.arange(len(numbers))).tolist() == table.chunk_of(numbers).tolist()


@given(st.lists(SMALL, max_size=6))
def test_ranges_of_many_chunks_are_decoded_in_one_go(chunks):
    indices = [index_of(fragments) for fragments in chunks]
    found = decode_tables([np.frombuffer(encode_fragments(index), np.uint8) for index in indices])
    if all(isinstance(fragment, tuple) for fragments in chunks for fragment in fragments):
        wanted = FragmentTable.of(indices)
        for name in ("first", "is_range", "start", "count", "rows"):
            assert getattr(found, name).tolist() == getattr(wanted, name).tolist()
    else:
        assert found is None


@given(st.lists(SMALL, max_size=6), st.integers(0, 100), st.data())
def test_some_fragments_are_decoded_as_if_all_were(chunks, begin, data):
    indices = [index_of(fragments) for fragments in chunks]
    numbers = [data.draw(st.lists(st.integers(0, len(one) - 1), max_size=4)) if one else [] for one in chunks]
    flat = np.array([number for own in numbers for number in own], np.uint16)
    first = offsets_of(np.array([len(own) for own in numbers], np.int64))
    payloads = [np.frombuffer(encode_fragments(index), np.uint8) for index in indices]
    found = decode_some(payloads, flat, first + begin)
    if all(isinstance(fragment, tuple) for fragments in chunks for fragment in fragments):
        table = FragmentTable.of(indices)
        wanted = table.take(flat + np.repeat(table.first[:-1], np.diff(first)), first)
        for name in ("first", "is_range", "start", "count", "rows"):
            assert getattr(found, name).tolist() == getattr(wanted, name).tolist()
    else:
        assert found is None


def test_a_fragment_that_a_chunk_does_not_have_is_not_decoded():
    good = np.frombuffer(encode_fragments(index_of([(0, 2), (2, 5)])), np.uint8)
    assert decode_some([good], np.array([1, 0]), np.array([0, 2])).count.tolist() == [5, 2]
    for numbers in ([2], [-1], [0, 2]):
        assert decode_some([good], np.array(numbers), np.array([0, len(numbers)])) is None


def test_a_damaged_blob_among_many_is_not_decoded_in_one_go():
    one, where = np.array([0, 0]), np.array([0, 1, 2])
    good = np.frombuffer(encode_fragments(index_of([(0, 2), (2, 5)])), np.uint8)
    cut = [good[:size] for size in range(len(good))]
    # Magic, version, numbers, bitmap, a start below zero, the first offset.
    changed = [np.r_[good[:at], good[at] ^ 128, good[at + 1 :]] for at in (0, 4, 6, 8, 12, 16, 31, len(good) - 1)]
    assert decode_tables([good, good]) is not None
    assert all(decode_tables([good, bad.astype(np.uint8)]) is None for bad in (*cut, *changed))
    assert decode_some([good, good], one, where) is not None
    assert all(decode_some([good, bad.astype(np.uint8)], one, where) is None for bad in (*cut, *changed))


def test_a_count_that_its_blob_has_no_room_for_takes_no_memory():
    good = np.frombuffer(encode_fragments(index_of([(0, 2), (2, 5)])), np.uint8)
    bad = good.copy()
    bad[8:16] = 255
    tracemalloc.start()
    try:
        assert decode_tables([good, bad]) is None
        with pytest.raises(ValueError, match="truncated: 60 bytes"):
            decode_fragments(bad)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_the_rows_of_the_worked_bytes():
    table = FragmentTable.of([index_of(MIXED), index_of([]), index_of([(0, 2)])])
    assert table.vertex_counts().tolist() == [10, 0, 2]
    rows, counts = table.rows_of(np.array([9, 2, 3, 1]))
    assert rows.tolist() == [0, 1, 9, 5, 0, 2, 3, 4, 5]
    assert counts.tolist() == [2, 3, 0, 4]
    assert table.chunk_of(np.array([8, 9])).tolist() == [0, 2]


def test_a_table_of_no_chunks_is_empty():
    table = FragmentTable.of([])
    assert table.first.tolist() == [0]
    assert len(table.vertex_counts()) == len(table.rows_of(np.empty(0, np.int64))[0]) == 0
