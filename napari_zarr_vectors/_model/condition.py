"""Conditions as people type them: ``length > 10 and kind in axon, dendrite``. Pure; a pair of inverses."""

from __future__ import annotations

import ast
import re
from typing import Any

__all__ = ["format_condition", "parse_condition"]

_CLAUSE = re.compile(r"\s*(?P<name>.+?)\s*(?P<operator>==|!=|<=|>=|<|>|\bin\b|\bbetween\b)\s*(?P<value>.+?)\s*", re.S)
_LISTS = ("in", "between")
_MOST_LETTERS = 10_000


def parse_condition(text: str) -> dict[str, Any] | None:
    """Read what is asked of attributes, also as Python has it (``{..}``); None for an empty text.

    Raises
    ------
    ValueError
        If a part is no ``name operator value``, or a name comes twice.
    """
    if text.strip().startswith("{"):
        return _literal(text.strip())
    out: dict[str, Any] = {}
    for clause in re.split(r"\s+and\s+", text.strip()) if text.strip() else []:
        found = _CLAUSE.fullmatch(clause)
        if found is None:
            msg = f"{clause!r} is no condition such as 'length > 10', 'kind in axon, dendrite' or 'fa between 0.2, 0.5'"
            raise ValueError(msg)
        name, operator, value = found["name"], found["operator"], found["value"]
        if name in out:
            msg = f"{name!r} is named twice; 'between' says two bounds"
            raise ValueError(msg)
        words = [_value(word) for word in value.split(",")]
        if operator == "between" and len(words) != 2:
            msg = f"between takes two values, as in '{name} between 1, 5', got {value!r}"
            raise ValueError(msg)
        out[name] = (operator, words if operator in _LISTS else _value(value))
    return out or None


def format_condition(where: dict[str, Any] | None) -> str:
    """Write what is asked of attributes as `parse_condition` reads it: as people do, or as Python has it."""
    if not where:
        return ""
    parts = []
    for name, test in where.items():
        plain = isinstance(test, (tuple, list)) and len(test) == 2 and isinstance(test[0], str)
        if not plain:
            return repr(where)
        value = ", ".join(map(_text, test[1])) if test[0] in _LISTS else _text(test[1])
        parts.append(f"{name} {test[0]} {value}")
    text = " and ".join(parts)
    return text if _reads_as(text, where) else repr(where)


def _literal(text: str) -> dict[str, Any] | None:
    try:
        found = ast.literal_eval(text[:_MOST_LETTERS])
    except (ValueError, SyntaxError, RecursionError, MemoryError) as error:  # what hundreds of brackets raise
        msg = f"{text!r} is no condition such as {{'length': ('>', 10)}}: {error}"
        raise ValueError(msg) from error
    if not isinstance(found, dict) or not all(isinstance(name, str) for name in found):
        msg = f"{text!r} is no condition such as {{'length': ('>', 10)}}"
        raise ValueError(msg)
    return found or None


def _reads_as(text: str, where: dict[str, Any]) -> bool:
    """Tell whether a text says what it is to say: names and words may hold what separates them."""
    try:
        found = parse_condition(text) or {}
    except ValueError:
        return False
    return {name: (test[0], _plain(test[1])) for name, test in where.items()} == found


def _plain(value: object) -> object:
    """Give a value as it is read: tuples and arrays as lists, numbers of numpy as Python's."""
    if hasattr(value, "tolist"):
        return value.tolist()
    return [_plain(one) for one in value] if isinstance(value, (list, tuple)) else value


def _value(text: str) -> int | float | str:
    word = text.strip()
    for kind in (int, float):
        try:
            return kind(word)
        except ValueError:
            continue
    return word.strip("'\"")


def _text(value: object) -> str:
    """Write a value; a word that looks like a number in quotes."""
    if isinstance(value, str) and not isinstance(_value(value), str):
        return repr(value)
    return str(value)
