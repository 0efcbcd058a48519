"""A table over the objects of a store: columns in numpy, and which rows are shown in which order. Pure.

Rows are never objects of Python's: an order is an array of row numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from zarr_vectors.lazy import Words, matching

__all__ = ["Arrangement", "Column", "ObjectTable", "column_of"]

AnyArray = npt.NDArray[Any]
Int64Array = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

AT_ONCE = 1 << 13
"""Words that are turned into others in one call: it keeps the interpreter to itself."""
MOST_CHANNELS = 8
ID = "id"


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """One attribute of all objects.

    Attributes
    ----------
    name : str
    values : (n,) numbers or bools
        Of a column of words each row's code, -1 for none; the order of codes is that of words.
    words : (w,) str or None
        Ascending.
    lowered : (w,) str or None
        The same in small letters.
    """

    name: str
    values: AnyArray
    words: AnyArray | None = None
    lowered: AnyArray | None = None

    def text(self, row: int) -> str:
        """Write a row's value; nothing where there is none."""
        value = self.values[row]
        if self.words is not None:
            return "" if value < 0 else str(self.words[value])
        if value.dtype.kind == "f":
            return "" if np.isnan(value) else f"{value:.6g}"
        return str(value)

    def missing(self) -> BoolArray | None:
        """Tell which rows have no value, (n,); None where all have."""
        found = self.values < 0 if self.words is not None else np.isnan(self.values) if self._is_float else None
        return found if found is not None and found.any() else None

    @property
    def _is_float(self) -> bool:
        return self.values.dtype.kind == "f"


def column_of(name: str, values: AnyArray) -> list[Column]:
    """Make the columns of an attribute, (n,) or (n, C) numbers, or (n,) words: one a channel."""
    if values.ndim == 2:
        channels = values.T[:MOST_CHANNELS]
        return [Column(f"{name}[{k}]", np.ascontiguousarray(channel)) for k, channel in enumerate(channels)]
    if values.dtype.kind not in "OUST":
        return [Column(name, values)]
    present, text = _texts(values)
    words, inverse = np.unique(text[present], return_inverse=True)
    codes = np.full(len(values), -1, np.int64)
    codes[present] = inverse
    return [Column(name, codes, words, _lowered(words))]


def _texts(values: AnyArray) -> tuple[BoolArray, AnyArray]:
    """Give which values there are, and all as str."""
    parts = [values[i : i + AT_ONCE] for i in range(0, len(values), AT_ONCE)]
    if values.dtype.kind == "O":
        present = np.concatenate([np.zeros(0, bool), *(np.asarray(part != np.array(None), bool) for part in parts)])
    else:
        present = np.ones(len(values), bool)
    return present, np.concatenate([np.empty(0, "U1"), *(part.astype(str) for part in parts)])


def _lowered(words: AnyArray) -> AnyArray:
    parts = [np.char.lower(words[i : i + AT_ONCE]) for i in range(0, len(words), AT_ONCE)]
    return np.concatenate([np.empty(0, "U1"), *parts])


@dataclass(frozen=True, slots=True)
class Arrangement:
    """Which rows are shown, and in which order.

    Attributes
    ----------
    sort_by : int or None
        A column: 0 is the id, others follow in the order of the table; None leaves the store's order.
    is_descending : bool
    text : str
        What any word, or the beginning of the id, must be.
    where : dict or None
        A condition on columns.
    """

    sort_by: int | None = None
    is_descending: bool = False
    text: str = ""
    where: Mapping[str, Any] | None = field(default=None, hash=False)


@dataclass(frozen=True, slots=True, eq=False)
class ObjectTable:
    """All objects of a store.

    Attributes
    ----------
    ids : (n,) int64
        Each once.
    columns : tuple of Column
    groups : dict of (k,) int64
        Member ids by name.
    """

    ids: Int64Array
    columns: tuple[Column, ...] = ()
    groups: Mapping[str, Int64Array] = field(default_factory=dict)
    _by_id: Int64Array = field(init=False, repr=False)
    _ascending: Int64Array = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_id", np.argsort(self.ids, kind="stable"))
        object.__setattr__(self, "_ascending", self.ids[self._by_id])

    @property
    def names(self) -> tuple[str, ...]:
        """Heads of the columns, the id first."""
        return (ID, *(column.name for column in self.columns))

    def text(self, row: int, column: int) -> str:
        """Write what stands in a row and column."""
        return str(self.ids[row]) if column == 0 else self.columns[column - 1].text(row)

    def rows_of(self, ids: npt.ArrayLike) -> Int64Array:
        """Give the rows of ids, (k,); unknown ones are left out."""
        wanted = np.asarray(ids, np.int64).reshape(-1)
        if not len(self.ids):
            return np.empty(0, np.int64)
        at = np.minimum(np.searchsorted(self._ascending, wanted), len(self.ids) - 1)
        return np.asarray(self._by_id[at[self._ascending[at] == wanted]])

    def facts(self, number: int) -> dict[str, str]:
        """Write what is known of an object, by its id."""
        rows = self.rows_of([number])
        if not len(rows):
            return {}
        row = int(rows[0])
        return {column.name: text for column in self.columns if (text := column.text(row))}

    def arrange(self, wanted: Arrangement) -> Int64Array:
        """Give the rows that are shown, (k,), in their order; equal ones as in the store, missing values last.

        Raises
        ------
        ValueError
            If the condition cannot be asked of these columns.
        """
        rows = np.arange(len(self.ids))
        if wanted.where:
            rows = rows[matching(wanted.where, self._asked(), len(rows))]
        if wanted.text.strip():
            rows = rows[self._having(wanted.text.strip().lower(), rows)]
        if wanted.sort_by is None:
            return rows
        column = Column(ID, self.ids) if wanted.sort_by == 0 else self.columns[wanted.sort_by - 1]
        missing = column.missing()
        last = rows[missing[rows]] if missing is not None else rows[:0]
        first = rows[~missing[rows]] if missing is not None else rows
        return np.concatenate([first[_order(column.values[first], wanted.is_descending)], last])

    def _asked(self) -> dict[str, AnyArray | Words]:
        out: dict[str, AnyArray | Words] = {ID: self.ids}
        for column in self.columns:
            out[column.name] = column.values if column.words is None else Words(column.values, column.words)
        return out

    def _having(self, text: str, rows: Int64Array) -> BoolArray:
        """Tell which rows have a word that holds a text, or an id that begins with it."""
        found = _begins(self.ids[rows], text)
        for column in self.columns:
            if column.lowered is not None:
                holds = np.strings.find(column.lowered, text) >= 0
                found |= np.append(holds, False)[column.values[rows]]
        return found


def _order(keys: AnyArray, is_descending: bool) -> Int64Array:
    """Give a stable order."""
    if not is_descending:
        return np.argsort(keys, kind="stable")
    return np.asarray(len(keys) - 1 - np.argsort(keys[::-1], kind="stable")[::-1])


def _begins(ids: Int64Array, text: str) -> BoolArray:
    """Tell which ids, written in decimal, begin with a text: by division, without writing them."""
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit()) or (digits[0] == "0" and digits != "0") or len(digits) > 19:
        return np.zeros(len(ids), bool)
    negative = text.startswith("-")
    rest, start = np.abs(ids).astype(np.uint64), np.uint64(int(digits))
    right_sign = ids < 0 if negative else ids >= 0
    found = rest == start
    while start and (rest >= start).any():
        rest = rest // np.uint64(10)
        found |= rest == start
    return np.asarray(found & right_sign)
