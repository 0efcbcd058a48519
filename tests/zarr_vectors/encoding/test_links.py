"""Link cells, permutations of endpoints, and names of offset arrays."""

from __future__ import annotations

from itertools import permutations
from math import factorial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from zarr_vectors.encoding import (
    decode_link_cell,
    decode_link_rows,
    decode_permutations,
    encode_link_cell,
    encode_permutations,
    format_offsets,
    parse_offsets,
)

INT64 = st.integers(-(2**63), 2**63 - 1)
ROWS = hnp.arrays(np.int64, st.tuples(st.integers(0, 6), st.integers(1, 5)), elements=INT64)


def lehmer_one_by_one(code: int, width: int) -> list[int]:
    """Decode a permutation as FORMAT 10.3 words it."""
    available, order = list(range(width)), []
    for i in range(width):
        quotient, code = divmod(code, factorial(width - 1 - i))
        order.append(available.pop(quotient))
    return order


@pytest.mark.parametrize("width", range(1, 7))
def test_every_permutation_has_the_code_of_the_format(width):
    codes = np.arange(factorial(width))
    order = decode_permutations(codes, width)
    assert order.tolist() == [lehmer_one_by_one(code, width) for code in codes.tolist()]
    assert sorted(order.tolist()) == [list(p) for p in permutations(range(width))]
    assert encode_permutations(order).tolist() == codes.tolist()


@given(st.integers(1, 20).flatmap(lambda width: st.lists(st.permutations(range(width)), min_size=1, max_size=5)))
def test_codes_lead_back_to_permutations_of_any_width(orders):
    codes = encode_permutations(np.array(orders, np.int64))
    assert codes.dtype == np.int64
    assert decode_permutations(codes, len(orders[0])).tolist() == [list(order) for order in orders]


def test_swapped_ends_are_code_one():
    assert encode_permutations(np.array([[0, 1], [1, 0]])).tolist() == [0, 1]


@given(st.integers(1, 6), st.lists(INT64, max_size=5))
def test_any_code_is_a_permutation_or_a_value_error(width, codes):
    try:
        order = decode_permutations(np.array(codes, np.int64), width)
    except ValueError as error:
        assert "has permutation" in str(error)
        assert any(not 0 <= code < factorial(width) for code in codes)
        return
    assert np.sort(order, axis=1).tolist() == [list(range(width))] * len(codes)


def test_a_wrong_code_is_named():
    with pytest.raises(ValueError, match="record 1 has permutation 6, records of 3 endpoints have 0 to 5"):
        decode_permutations(np.array([0, 6]), 3)


@pytest.mark.parametrize("width", [0, 21])
def test_records_have_a_width_that_codes_can_hold(width):
    with pytest.raises(ValueError, match="1 to 20 endpoints"):
        decode_permutations(np.zeros(1, np.int64), width)
    with pytest.raises(ValueError, match="1 to 20 endpoints"):
        encode_permutations(np.zeros((1, width), np.int64))


def cell(groups, dtype="<i8"):
    """Give the bytes of a cell of many groups, one group a list of rows."""
    data = [np.array(rows, dtype).tobytes() for rows in groups]
    begins = np.cumsum([0, *map(len, data)])[:-1]
    return np.array([len(data), *begins], "<i8").tobytes() + b"".join(data)


@given(ROWS)
def test_decode_inverts_encode(rows):
    raw = b"".join(part.tobytes() for part in encode_link_cell(rows))
    assert raw == cell([rows])
    assert np.array_equal(decode_link_cell(raw, rows.shape[1], "int64"), rows)
    assert np.array_equal(decode_link_rows(raw[16:], rows.shape[1], np.dtype("<i8")), rows)


def test_rows_that_lie_otherwise_in_memory_are_encoded_in_their_order():
    rows = np.arange(12).reshape(3, 4).T[:, ::-1]
    raw = b"".join(part.tobytes() for part in encode_link_cell(rows))
    assert np.array_equal(decode_link_cell(raw, 3, "int64"), rows)


def test_the_worked_bytes_of_the_format():
    raw = cell([[[0, 2, 5], [1, 1, 2]]])
    assert len(raw) == 8 + 8 + 48
    assert decode_link_cell(np.frombuffer(raw, np.uint8), 3, "int64").tolist() == [[0, 2, 5], [1, 1, 2]]


@given(
    st.lists(st.lists(st.lists(st.integers(0, 100), min_size=3, max_size=3), max_size=3), max_size=5),
    st.sampled_from(["int64", "int32", "uint8", "uint64"]),
)
def test_groups_are_joined_whatever_their_type(groups, dtype):
    found = decode_link_cell(cell(groups, np.dtype(dtype).newbyteorder("<")), 3, dtype)
    assert found.dtype == np.int64
    assert found.tolist() == [row for rows in groups for row in rows]


@pytest.mark.parametrize("raw", [b"", b"1234567", bytes(8), bytes(11)])
def test_a_cell_without_groups_has_no_rows(raw):
    assert decode_link_cell(raw, 2, "int64").shape == (0, 2)


@pytest.mark.parametrize(
    ("numbers", "why"),
    [
        ([2**62], "claims"),
        ([-1, 0], "claims"),
        ([2, 0], "claims"),
        ([1, 8, 1, 2], "ascend"),
        ([2, 0, 8, 1, 2], "ascend"),
        ([2, 0, 32, 1, 2], "ascend"),
        ([3, 0, 16, 0, 1, 2], "ascend"),
        ([3, 0, -(2**63), 2**63 - 1, 1, 2], "ascend"),
        ([2, 0, 0, 1, 2, 3], "whole rows"),
    ],
)
def test_a_cell_that_contradicts_itself_is_refused(numbers, why):
    with pytest.raises(ValueError, match=why):
        decode_link_cell(np.array(numbers, "<i8").tobytes(), 2, "int64")


@given(st.binary(max_size=120), st.integers(-1, 4), st.sampled_from(["int64", "int32", "float32", "", "i4,("]))
def test_any_bytes_are_rows_or_a_value_error(raw, width, dtype):
    for blob in (raw, cell([[]]) + raw, cell([[], []]) + raw):
        try:
            rows = decode_link_cell(blob, width, dtype)
        except ValueError:
            continue
        assert rows.shape[1] == width


OFFSETS = hnp.arrays(np.int64, st.tuples(st.integers(0, 4), st.integers(1, 4)), elements=INT64)


@given(OFFSETS)
def test_names_of_offsets_are_read_back(offsets):
    assert np.array_equal(parse_offsets(format_offsets(offsets), offsets.shape[1]), offsets)


def test_offsets_are_spelt_as_the_format_says():
    assert format_offsets(np.array([[0, 0, 1], [0, 1, 0]])) == "0.0.+1_0.+1.0"
    assert format_offsets(np.array([[1, -3]])) == "+1.-3"
    assert format_offsets(np.empty((0, 3), np.int64)) == "self"
    assert parse_offsets("self", 3).shape == (0, 3)


@pytest.mark.parametrize(
    "text",
    ["", ".", "self_0.0", "1.0", "+0.0", "-0.0", "0.00", "+01.0", "0.0_", "0", "0.0.0", "0.+٣", "0.0\n", "0. 0",
     f"0.+{2**63}", f"0.-{2**63 + 1}", "0.+" + "9" * 5000],
)  # fmt: skip
def test_other_spellings_are_refused(text):
    with pytest.raises(ValueError, match="names no offsets of 2"):
        parse_offsets(text, 2)


@given(st.text("0123+-._self", max_size=14), st.integers(-1, 3))
def test_any_text_names_offsets_or_is_a_value_error(text, rank):
    try:
        offsets = parse_offsets(text, rank)
    except ValueError:
        return
    assert format_offsets(offsets) == text
