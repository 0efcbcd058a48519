"""Conditions: what they match, and what is refused."""

from __future__ import annotations

import operator
from fractions import Fraction

import numpy as np
import pytest

from zarr_vectors._query.where import Comparison, compare, compare_codes, comparisons, parse_where, resolve
from zarr_vectors.encoding import encode_categories
from zarr_vectors.exceptions import ArgumentError

ORDER = {"==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
NUMBERS = {
    "f4": np.array([0.1, -1.5, 0.0, 7, np.inf, -np.inf], "f4"),
    "f8": np.array([0.1, -1.5, 0.0, 7, 2**60, np.inf]),
    "i1": np.array([-128, 0, 7, 127], "i1"),
    "u1": np.array([0, 7, 255], "u1"),
    "i8": np.array([-(2**63), -1, 7, 2**53 + 1, 2**63 - 1]),
    "u8": np.array([0, 7, 2**53 + 1, 2**63, 2**64 - 1], "u8"),
    "bool": np.array([True, False, True]),
}
VALUES = [0, 7, 0.1, -1.5, 2**53, 2**53 + 1, 2**63, 2**64 - 1, 300, -300, np.inf, True, np.float64(0.1), np.int16(7)]
HUGE = 1e300
FLOATS = [
    2.0**53,
    2.0**53 + 2,
    2.0**63,
    2.0**64,
    -(2.0**63),
    6.5,
    7.5,
    -np.inf,
    1e300,
    np.float32(7),
    np.float64(2**60),
]
EXACT = [*VALUES, *FLOATS, Fraction(2**54 + 1, 2), np.uint64(2**64 - 1), np.int64(-1), -(10**30)]


def only(test_of) -> Comparison:
    return comparisons(parse_where({"a": test_of}))[0]


@pytest.mark.parametrize("word", ORDER)
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_floats_compare_as_those_of_numpy(dtype, word):
    values = NUMBERS[dtype]
    for value in [*VALUES, *FLOATS]:
        own = np.float64(value) if value is HUGE else value  # too large for float32, where it would be infinite
        assert compare(only((word, value)), values).tolist() == ORDER[word](values, own).tolist()


@pytest.mark.parametrize("word", ORDER)
@pytest.mark.parametrize("dtype", ["i1", "u1", "i8", "u8", "bool"])
def test_whole_numbers_compare_exactly_as_those_of_python(dtype, word):
    values = NUMBERS[dtype]
    for value in EXACT:
        own = value.item() if isinstance(value, np.generic) else value
        expected = [ORDER[word](int(each), own) for each in values.tolist()]
        assert compare(only((word, value)), values).tolist() == expected, value


def test_between_compares_whole_numbers_exactly():
    values = np.array([2**53, 2**53 + 1, 2**53 + 2, 2**63 - 1])
    assert compare(only(("between", (2.0**53, 2.0**53 + 2))), values).tolist() == [True, True, True, False]
    assert compare(only(("between", (2**53 + 0.5, 2.0**63))), values).tolist() == [True, True, True, True]
    assert compare(only(("between", (Fraction(2**54 + 1, 2), 2.0**63))), values).tolist() == [False, True, True, True]


@pytest.mark.parametrize("dtype", NUMBERS)
def test_in_is_any_of_its_equalities(dtype):
    values = NUMBERS[dtype]
    for items in (
        [],
        VALUES,
        FLOATS,
        VALUES[:1],
        [2.0**53],
        [2.0**63, 0.5],
        [np.nan, -np.inf, 7.0],
        [0.5, 1.5],
        values.tolist(),
        [2**70, -(2**70), 7],
    ):
        expected = np.zeros(len(values), bool)
        for item in items:
            expected |= compare(only(("==", item)), values)
        assert compare(only(("in", items)), values).tolist() == expected.tolist()


def test_between_has_both_its_ends():
    values = np.arange(10)
    assert np.flatnonzero(compare(only(("between", (3, 5))), values)).tolist() == [3, 4, 5]
    assert not compare(only(("between", (5, 3))), values).any()


@pytest.mark.parametrize("word", [*ORDER, "in", "between"])
def test_nan_never_matches(word):
    values = np.array([np.nan, 1.0, np.nan], "f4")
    for operand in (1.0, 0.0, np.nan):
        asked = {"in": [operand], "between": (operand, operand)}.get(word, operand)
        found = compare(only((word, asked)), values)
        assert not found[[0, 2]].any()
        assert not found.any() or not np.isnan(operand)
        assert not np.isnan(operand) or not compare(only((word, asked)), np.arange(3)).any()


def test_strings_compare_by_code_point_and_missing_ones_never_match():
    words = np.array(["b", None, "a", "é", "", "a"], dtype=object)
    codes, categories = encode_categories(words, "a")
    for test, expected in (
        (("==", "a"), [2, 5]), (("!=", "a"), [0, 3, 4]), (("<", "b"), [2, 4, 5]), (("in", ["é", "zz"]), [3]),
        (("between", ("a", "b")), [0, 2, 5]), (("in", []), []), (("==", np.str_("b")), [0]),
    ):  # fmt: skip
        assert np.flatnonzero(compare(only(test), words)).tolist() == expected
        assert np.flatnonzero(compare_codes(only(test), codes, categories)).tolist() == expected
        present = words[[0, 2, 3, 4, 5]].astype(str)
        assert np.flatnonzero(compare(only(test), present)).tolist() == [e - (e > 1) for e in expected]


def test_codes_that_name_no_word_are_an_error():
    codes, categories = encode_categories(np.array(["a", "b"]), "a")
    with pytest.raises(ValueError, match="2 categories"):
        compare_codes(only(("==", "a")), codes + 1, categories)


def test_keys_are_anded_and_lists_combine():
    x, y = np.arange(6), np.arange(6)[::-1]
    tree = {"x": (">", 0), "or": [{"x": ("==", 1)}, {"y": ("<=", 1), "x": ("!=", 5)}], "and": [{"y": ("!=", 9)}]}

    def mask(test):
        return compare(test, {"x": x, "y": y}[test.name])

    found = resolve(parse_where(tree), mask)
    assert np.flatnonzero(found).tolist() == [i for i in range(6) if i > 0 and (i == 1 or (y[i] <= 1 and i != 5))]
    assert [t.name for t in comparisons(parse_where(tree))] == ["x", "x", "y", "x", "y"]


def test_what_is_not_known_restricts_nothing():
    few, many = np.array([True, False]), np.array([True, True])
    known = {"few": few, "many": many}

    def upper(tree):
        return resolve(parse_where(tree), lambda test: known.get(test.name))

    any_value = ("==", 0)
    assert upper({"unknown": any_value}) is None
    assert upper({}) is None
    assert upper({"few": any_value, "unknown": any_value}).tolist() == [True, False]
    assert upper({"or": [{"few": any_value}, {"unknown": any_value}]}) is None
    assert upper({"or": [{"few": any_value}, {"many": any_value}], "few": any_value}).tolist() == [True, False]


@pytest.mark.parametrize(
    "bad",
    [
        5, [], {"a": 5}, {"a": ("==",)}, {"a": ("=", 1)}, {"a": (1, 1)}, {"a": "=="}, {"a": ("==", None)},
        {"a": ("==", [1])}, {"a": ("in", 5)}, {"a": ("in", "abc")}, {"a": ("between", (1,))}, {"a": ("between", 5)},
        {"a": ("in", [1, "a"])}, {"or": {}}, {"or": []}, {"and": "x"}, {"or": [5]}, {3: ("==", 1)},
        {"a": ("in", [None])},
        {"a": ("==", 1 + 2j)},
    ],
)  # fmt: skip
def test_what_is_no_condition_is_refused(bad):
    with pytest.raises(ArgumentError, match="where"):
        parse_where(bad)


@pytest.mark.parametrize(
    ("test", "values", "said"),
    [
        (("==", "a"), np.arange(3), "holds numbers"),
        (("==", 1), np.array(["a"]), "holds strings"),
        (("in", [1]), np.array(["a", None], dtype=object), "holds strings"),
        (("==", 1), np.zeros((3, 2)), "2 channels"),
        (("<", 10**400), np.zeros(3), "cannot be compared"),
    ],
)
def test_values_of_another_kind_are_refused(test, values, said):
    with pytest.raises(ArgumentError, match=said):
        compare(only(test), values)
