"""What a ``where`` says of columns in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from zarr_vectors._query import Where
from zarr_vectors._query.where import Comparison, compare, parse_where, resolve
from zarr_vectors.exceptions import ArgumentError
from zarr_vectors.typing import AnyArray, BoolArray, Int64Array

__all__ = ["Words", "matching"]


@dataclass(frozen=True, slots=True, eq=False)
class Words:
    """A column of words: each row's number, (n,), -1 for none, and the words, (w,) str."""

    codes: Int64Array
    words: AnyArray


def matching(where: Where, columns: Mapping[str, AnyArray | Words], count: int) -> BoolArray:
    """Tell which of (count,) rows meet a condition, as reading with it would.

    Parameters
    ----------
    where : mapping
        As of `LazyStore.read`.
    columns : dict of (count,) arrays or Words

    Raises
    ------
    ArgumentError
        If it is no condition, or names a column that is not there or is of another kind.
    """

    def mask_of(test: Comparison) -> BoolArray:
        if test.name not in columns:
            have = ", ".join(map(repr, columns)) or "none"
            msg = f"there is no object attribute {test.name!r}; there are {have}"
            raise ArgumentError(msg)
        column = columns[test.name]
        if isinstance(column, Words):
            return np.append(compare(test, column.words), False)[column.codes]
        return compare(test, column)

    found = resolve(parse_where(where), mask_of)
    return np.ones(count, bool) if found is None else found
