"""Conditions on attributes: ``{"fa": (">", 0.5), "label": ("in", [1, 2])}`` and what they mean. Pure.

Keys of a mapping must all match. ``{"or": [..]}`` and ``{"and": [..]}`` hold lists of such mappings and may stand in
place of a key. Whole numbers compare with any number exactly, floats as numpy compares an array of them with it; NaN
and absent values never match, whatever the operator.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from zarr_vectors.encoding import Categories
from zarr_vectors.exceptions import ArgumentError
from zarr_vectors.typing import AnyArray, BoolArray

__all__ = [
    "Comparison",
    "Condition",
    "Every",
    "Some",
    "Where",
    "compare",
    "compare_codes",
    "comparisons",
    "parse_where",
    "resolve",
    "sides",
]

Where: TypeAlias = Mapping[str, Any]

_ORDERED: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_OPERATORS = (*_ORDERED, "in", "between")


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """One comparison: the attribute's name, an operator and what to compare with.

    Attributes
    ----------
    values : tuple of numbers or of strings
        One for an ordering, (lowest, highest) for ``between``, any number for ``in``.
    """

    name: str
    operator: str
    values: tuple[Any, ...]

    @property
    def is_text(self) -> bool:
        """Whether it compares with strings; False where there is nothing to compare with."""
        return any(isinstance(value, str) for value in self.values)


@dataclass(frozen=True, slots=True, eq=False)
class Every:
    """Matches where all parts match."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Some:
    """Matches where at least one part matches."""

    parts: tuple[Condition, ...]


Condition: TypeAlias = Comparison | Every | Some


def parse_where(where: Where) -> Condition:
    """Check a ``where`` argument; ``ArgumentError`` if it is none."""
    if not isinstance(where, Mapping):
        msg = f"where must be a mapping such as {{'fa': ('>', 0.5)}}, got {where!r}"
        raise ArgumentError(msg)
    return Every(tuple(_parse_item(key, value) for key, value in where.items()))


def _parse_item(key: object, value: object) -> Condition:
    if key in ("or", "and"):
        if isinstance(value, str | Mapping) or not isinstance(value, Sequence) or not value:
            msg = f"where {key!r} takes a list of mappings, got {value!r}"
            raise ArgumentError(msg)
        parts = tuple(map(parse_where, value))
        return Some(parts) if key == "or" else Every(parts)
    if not isinstance(key, str):
        msg = f"where: a key is an attribute's name, 'or' or 'and', got {key!r}"
        raise ArgumentError(msg)
    return _parse_test(key, value)


def _parse_test(name: str, value: object) -> Comparison:
    if isinstance(value, str) or not isinstance(value, Sequence) or len(value) != 2:
        msg = f"where {name!r}: expected (operator, value), such as ('>', 0.5) or ('between', (0, 10)), got {value!r}"
        raise ArgumentError(msg)
    word, operand = value
    if not isinstance(word, str) or word not in _OPERATORS:
        msg = (
            f"where {name!r}: operator must be one of {', '.join(_OPERATORS)}, such as ('>', 0.5), "
            f"('in', [1, 2]) or ('between', (0, 10)); got {word!r}"
        )
        raise ArgumentError(msg)
    if word in _ORDERED:
        return Comparison(name, word, (_scalar(name, operand),))
    if isinstance(operand, str | Mapping) or not hasattr(operand, "__iter__"):
        msg = f"where {name!r}: {word!r} takes a list of values, got {operand!r}"
        raise ArgumentError(msg)
    values = tuple(_scalar(name, item) for item in operand)
    if word == "between" and len(values) != 2:
        msg = f"where {name!r}: 'between' takes (lowest, highest), got {operand!r}"
        raise ArgumentError(msg)
    if len({isinstance(item, str) for item in values}) > 1:
        msg = f"where {name!r}: values are all numbers or all strings, got {operand!r}"
        raise ArgumentError(msg)
    return Comparison(name, word, values)


def _scalar(name: str, value: object) -> Any:  # noqa: ANN401 - a number or a string
    if isinstance(value, np.bool_ | np.str_):
        return value.item()
    if isinstance(value, str | Real):
        return value
    msg = f"where {name!r}: values are numbers or strings, got {value!r}"
    raise ArgumentError(msg)


def comparisons(condition: Condition) -> tuple[Comparison, ...]:
    """Give the comparisons that a condition is made of."""
    if isinstance(condition, Comparison):
        return (condition,)
    return tuple(test for part in condition.parts for test in comparisons(part))


def resolve(condition: Condition, mask_of: Callable[[Comparison], BoolArray | None]) -> BoolArray | None:
    """Combine the masks of a condition's comparisons.

    A comparison without a mask (None) is taken to match; since there is no negation the result then holds every match.
    None where nothing restricts.
    """
    if isinstance(condition, Comparison):
        return mask_of(condition)
    masks = [resolve(part, mask_of) for part in condition.parts]
    known = [mask for mask in masks if mask is not None]
    if isinstance(condition, Some):
        return None if len(known) < len(masks) else np.logical_or.reduce(known)
    return np.logical_and.reduce(known) if known else None


def compare(test: Comparison, values: AnyArray) -> BoolArray:
    """Tell which values, shape (n,), match: numbers, bools or strings.

    Raises
    ------
    ArgumentError
        If the values are of another kind than what they are compared with, or have channels.
    """
    if values.ndim != 1:
        msg = f"where {test.name!r}: an attribute with {values.shape[1]} channels cannot be compared"
        raise ArgumentError(msg)
    has_text = values.dtype.kind in "UOT"
    if test.values and test.is_text != has_text:
        kinds = ("numbers", "strings")
        msg = f"where {test.name!r}: the attribute holds {kinds[has_text]}, got {test.values[0]!r}"
        raise ArgumentError(msg)
    if has_text and values.dtype.kind == "O":
        present = np.asarray(values != np.array(None), bool)
        out = np.zeros(len(values), bool)
        out[present] = _matches(test, values[present].astype(str))
        return out
    return _matches(test, values)


def sides(test: Comparison, values: AnyArray) -> npt.NDArray[np.int8]:
    """Tell which of two bounds values, shape (n,), have passed: 0 none, 1 the first, so that they match, 2 both.

    Comparisons other than ``between`` have 1 for what matches, else 0. So something between two values matches where
    either is 1 or they differ. NaN passes none. Raises as `compare` does.
    """
    found = compare(test, values).astype(np.int8)
    if test.operator == "between" and test.values[0] <= test.values[1]:
        found[compare(Comparison(test.name, ">", test.values[1:]), values)] = 2
    return found


def compare_codes(test: Comparison, codes: AnyArray, categories: Categories) -> BoolArray:
    """Tell which codes of words, shape (n,), match; a missing word never does.

    Raises
    ------
    ValueError
        If a code names no word.
    """
    count = len(categories.words)
    if len(codes) and (int(codes.max()) >= count or int(codes.min()) < -int(categories.has_missing)):
        msg = f"codes run from {codes.min()} to {codes.max()}, but there are {count} categories"
        raise ValueError(msg)
    words = compare(test, np.array(categories.words, dtype=str))
    table = np.append(words, False)  # the last one is what code -1 finds
    return np.asarray(table[codes], bool)


def _matches(test: Comparison, values: AnyArray) -> BoolArray:
    if values.dtype.kind == "b":
        values = values.view(np.uint8)  # which compares with numbers of any size
    try:
        if test.operator == "in":
            return _is_in(values, test.values)
        if test.operator == "between":
            low, high = test.values
            return _compared(">=", values, low) & _compared("<=", values, high)
        return _compared(test.operator, values, test.values[0])
    except (OverflowError, TypeError) as error:
        msg = f"where {test.name!r}: {values.dtype} cannot be compared with {test.values}: {error}"
        raise ArgumentError(msg) from error


def _compared(word: str, values: AnyArray, value: Any) -> BoolArray:  # noqa: ANN401 - a number or a string
    if values.dtype.kind in "iu":
        return _compared_whole(word, values, value)
    if values.dtype.kind == "f":
        value = _rounded(value, values.dtype)
    found = np.asarray(_ORDERED[word](values, value), bool)
    if word == "!=" and values.dtype.kind == "f":
        # The one operator that NaN satisfies.
        found &= (values == values) & (value == value)  # false for NaN only
    return found


def _compared_whole(word: str, values: AnyArray, value: Any) -> BoolArray:  # noqa: ANN401 - any real number
    """Compare whole numbers, which a float that is to hold both numbers would round."""
    if not isinstance(value, Integral):
        if not math.isfinite(value):
            return np.full(len(values), not math.isnan(value) and _ORDERED[word](0, value))
        below = math.floor(value)
        if below != value and word in ("==", "!="):
            return np.full(len(values), word == "!=")
        # Between two whole numbers: less than it is what is less than the upper one.
        value = below + (below != value and word in ("<", ">="))
    return np.asarray(_ORDERED[word](values, int(value)), bool)


def _rounded(value: Any, dtype: np.dtype[Any]) -> Any:  # noqa: ANN401 - any real number
    """Give a number of Python the precision of the floats it is compared with, unless it lies beyond them."""
    if type(value) not in (int, float, bool):
        return value
    with np.errstate(over="ignore"):
        narrow = dtype.type(value)
    return narrow if np.isfinite(narrow) or not math.isfinite(value) else np.float64(value)


def _is_in(values: AnyArray, items: tuple[Any, ...]) -> BoolArray:
    """Tell which values equal one of the items, each compared as ``==`` compares."""
    if values.dtype.kind in "UT":
        return np.isin(values, np.array(items, dtype=str))
    if values.dtype.kind == "f":
        return np.isin(values, np.array([_rounded(i, values.dtype) for i in items], np.float64))
    whole = [int(i) for i in items if isinstance(i, Integral) or (math.isfinite(i) and math.floor(i) == i)]
    info = np.iinfo(values.dtype)
    return np.isin(values, np.array([i for i in whole if info.min <= i <= info.max], info.dtype))
