"""Conditions are read as people type them, and written as they are read."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_zarr_vectors._model.condition import format_condition, parse_condition

WORDS = st.from_regex(r"[a-z][a-z_]{0,6}", fullmatch=True).filter(
    lambda w: w not in ("and", "in", "between", "inf", "nan", "infinity")
)
NUMBERS = st.one_of(st.integers(-(10**9), 10**9), st.floats(-1e9, 1e9, allow_nan=False))
VALUES = st.one_of(NUMBERS, WORDS)
TESTS = st.one_of(
    st.tuples(st.sampled_from(["==", "!=", "<", "<=", ">", ">="]), VALUES),
    st.tuples(st.just("in"), st.lists(VALUES, min_size=1, max_size=4)),
    st.tuples(st.just("between"), st.lists(NUMBERS, min_size=2, max_size=2)),
)


@given(st.dictionaries(WORDS, TESTS, min_size=1, max_size=3))
def test_what_is_written_is_read_again(where):
    assert parse_condition(format_condition(where)) == where


@pytest.mark.parametrize(
    ("text", "where"),
    [("", None), ("  ", None), ("fa>0.5", {"fa": (">", 0.5)}), ("kind == soma", {"kind": ("==", "soma")}),
     ("kind in axon, 'dendrite'  and  length<=10", {"kind": ("in", ["axon", "dendrite"]), "length": ("<=", 10)}),
     ("mean fa between 0.2,0.5", {"mean fa": ("between", [0.2, 0.5])})],
)  # fmt: skip
def test_people_type_as_they_like(text, where):
    assert parse_condition(text) == where


@given(
    st.dictionaries(st.text(max_size=6), st.one_of(TESTS, st.tuples(st.just("=="), st.text(max_size=5))), min_size=1)
)
def test_names_and_words_may_hold_what_separates_them(where):
    assert parse_condition(format_condition(where)) == where


@pytest.mark.parametrize(
    ("where", "text"),
    [({"fa": ("between", (0.3, 0.7))}, "fa between 0.3, 0.7"), ({"a": ["in", np.array([1, 2])]}, "a in 1, 2"),
     ({"a": (">", np.float32(0.5))}, "a > 0.5"), ({"kind": ("in", ("x", "y"))}, "kind in x, y")],
)  # fmt: skip
def test_tuples_and_arrays_are_written_as_people_do(where, text):
    assert format_condition(where) == text


def test_a_text_of_thousands_of_brackets_is_no_condition():
    for text in ("{'a':" + "-" * 9000 + "1}", "{'a':" + "[" * 20_000 + "]" * 20_000 + "}"):
        with pytest.raises(ValueError, match="no condition"):
            parse_condition(text)


def test_what_people_cannot_type_is_written_as_python_has_it():
    where = {"or": [{"a": (">", 1)}, {"kind": ("==", "x and y")}]}
    assert format_condition(where) == repr(where)
    assert parse_condition(repr(where)) == where


@pytest.mark.parametrize(
    "text", ["length", "{1: 2}", "{'a': ", "{'a'}", "> 10", "length >", "a > 1 and b", "a between 1", "a > 1 and a < 3"]
)
def test_what_is_no_condition_says_what_one_is(text):
    with pytest.raises(ValueError, match=r"condition such as|takes two values|named twice"):
        parse_condition(text)


def test_what_cannot_be_typed_is_shown_as_python_has_it():
    where = {"or": [{"a": (">", 1)}, {"b": ("<", 2)}]}
    assert format_condition(where) == repr(where)
