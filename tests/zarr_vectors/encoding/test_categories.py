"""Words as codes and back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zarr_vectors.encoding import Categories, decode_categories, encode_categories
from zarr_vectors.exceptions import ArgumentError

WORD = st.text(st.characters(exclude_categories=["Cs"]), max_size=8).filter(lambda w: not w.endswith("\0"))


@given(st.lists(st.one_of(st.none(), WORD), max_size=60))
def test_decode_inverts_encode(values):
    codes, categories = encode_categories(np.array(values, dtype=object), "a")
    found = decode_categories(codes, categories)
    assert found.tolist() == values
    assert list(categories.words) == sorted({v for v in values if v is not None})
    assert categories.has_missing == (None in values)
    assert found.dtype.kind == ("O" if None in values else "U")


@given(st.lists(WORD, max_size=60))
def test_arrays_of_strings_need_no_objects(values):
    kinds = [np.array(values, dtype=str), np.array(values, dtype=np.dtypes.StringDType())]
    for array in kinds:
        codes, categories = encode_categories(array, "a")
        assert decode_categories(codes, categories).tolist() == values


@pytest.mark.parametrize(
    ("words", "missing", "dtype"),
    [(0, False, "uint8"), (1, False, "uint8"), (255, False, "uint8"), (256, False, "uint16"), (70_000, False, "uint32"),
     (0, True, "int8"), (1, True, "int8"), (127, True, "int8"), (128, True, "int16"), (70_000, True, "int32")],
)  # fmt: skip
def test_codes_are_as_narrow_as_the_format_says(words, missing, dtype):
    values = [f"w{i}" for i in range(words)] + [None] * missing
    codes, categories = encode_categories(np.array(values, dtype=object), "a")
    assert codes.dtype == dtype
    assert len(categories.words) == words
    assert decode_categories(codes, categories).tolist() == values


def test_the_order_of_words_is_that_of_code_points():
    values = np.array(["z", "Z", "é", "a", "\U0001f600", "\uffff"])
    assert encode_categories(values, "a")[1].words == ("Z", "a", "z", "é", "\uffff", "\U0001f600")


@pytest.mark.parametrize("bad", [["a", 1], ["a", b"b"], ["a", np.nan], [("a",), "b"]])
def test_objects_that_are_no_words_are_refused(bad):
    array = np.empty(2, dtype=object)
    array[:] = bad
    with pytest.raises(ArgumentError, match="strings and None only"):
        encode_categories(array, "a")


@pytest.mark.parametrize("bad", ["a\0", "\ud800"])
def test_words_that_would_not_come_back_are_refused(bad):
    with pytest.raises(ArgumentError, match="holds"):
        encode_categories(np.array([bad, "x"], dtype=object), "a")


@pytest.mark.parametrize(("codes", "missing"), [([2], False), ([-1], False), ([-2], True), ([2], True), ([200], False)])
def test_codes_without_a_word_are_refused(codes, missing):
    with pytest.raises(ValueError, match="categories"):
        decode_categories(np.array(codes, np.int16), Categories(("a", "b"), missing))
