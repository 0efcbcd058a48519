"""Chunks of many variable-length items."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numcodecs.vlen import VLenBytes

from zarr_vectors.encoding import decode_vlen, encode_vlen, offsets_of

ITEMS = st.lists(st.binary(max_size=12), max_size=20)


def pack(items):
    return np.frombuffer(b"".join(items), np.uint8), offsets_of(np.array([len(i) for i in items], np.int64))


def unpack(flat, offsets):
    return [flat[a:b].tobytes() for a, b in pairwise(offsets)]


@given(ITEMS)
def test_decode_inverts_encode(items):
    raw = encode_vlen(*pack(items))
    for blob in (raw, raw.tobytes()):
        assert unpack(*decode_vlen(blob)) == items


@given(ITEMS, st.data())
def test_some_items_come_in_the_order_asked_for(items, data):
    chosen = data.draw(st.lists(st.integers(0, len(items) - 1), max_size=6)) if items else []
    found = decode_vlen(encode_vlen(*pack(items)), np.array(chosen, np.int64))
    assert unpack(*found) == [items[i] for i in chosen]


@given(ITEMS)
def test_the_bytes_are_those_of_the_codec(items):
    values = np.empty(len(items), object)
    values[:] = items
    assert encode_vlen(*pack(items)).tobytes() == bytes(VLenBytes().encode(values))


@given(ITEMS, st.data())
def test_a_truncated_or_longer_chunk_is_a_value_error(items, data):
    raw = encode_vlen(*pack(items)).tobytes()
    cut = data.draw(st.integers(0, len(raw) - 1))
    with pytest.raises(ValueError, match="short|claims|truncated|take"):
        decode_vlen(raw[:cut])
    with pytest.raises(ValueError, match="take"):
        decode_vlen(raw + b"\0")


@given(st.binary(max_size=60))
def test_any_bytes_are_items_or_a_value_error(raw):
    for blob in (raw, b"\2\0\0\0" + raw):
        try:
            flat, offsets = decode_vlen(blob)
        except ValueError:
            continue
        assert encode_vlen(flat, offsets).tobytes() == blob


def test_nothing_is_made_for_items_that_the_bytes_cannot_hold():
    with pytest.raises(ValueError, match="claims 4294967295 items, its 8 bytes hold at most 1"):
        decode_vlen(b"\xff\xff\xff\xff\0\0\0\0")


def test_an_item_of_more_than_32_bits_is_refused():
    with pytest.raises(ValueError, match="32 bits"):
        encode_vlen(np.empty(0, np.uint8), np.array([0, 2**32]))
