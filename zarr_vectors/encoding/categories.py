"""Strings as integer codes into a sorted list of words.

Without missing values codes are the narrowest of uint8, uint16, uint32; with them the narrowest of int8, int16, int32
and -1 means missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from zarr_vectors.exceptions import ArgumentError
from zarr_vectors.typing import AnyArray

__all__ = ["MISSING", "Categories", "decode_categories", "encode_categories"]

MISSING = -1


@dataclass(frozen=True, slots=True)
class Categories:
    """The words of a categorical attribute, sorted; `has_missing` if code -1 may occur."""

    words: tuple[str, ...]
    has_missing: bool


def encode_categories(values: AnyArray, name: str) -> tuple[npt.NDArray[np.integer[Any]], Categories]:
    """Turn strings (or objects that are strings or None), shape (N,), into codes."""
    values = np.asarray(values)
    missing = np.zeros(len(values), bool)
    if values.dtype.kind != "U":
        items = values.astype(object).tolist()
        missing = np.array([item is None for item in items], bool)
        values = np.array([_word(item, name) for item in items], dtype=str)
    has_missing = bool(missing.any())
    words = np.unique(values[~missing] if has_missing else values)
    codes = np.searchsorted(words, values)
    limits = (np.int8, np.int16, np.int32) if has_missing else (np.uint8, np.uint16, np.uint32)
    dtype = next(d for d in limits if len(words) <= np.iinfo(d).max)
    unwritable = [word for word in words.tolist() if not _is_unicode(word)]
    if unwritable:
        msg = f"attribute {name!r} holds {unwritable[0]!r}, which is no Unicode text"
        raise ArgumentError(msg)
    narrow: npt.NDArray[np.integer[Any]] = codes.astype(dtype)
    if has_missing:
        narrow[missing] = MISSING
    return narrow, Categories(tuple(words.tolist()), has_missing)


def _is_unicode(word: str) -> bool:
    try:
        word.encode()
    except UnicodeEncodeError:
        return False
    return True


def _word(item: object, name: str) -> str:
    if item is None:
        return ""
    if not isinstance(item, str):
        hint = " nan; put None where a word is missing" if isinstance(item, float) and item != item else ""
        msg = f"attribute {name!r} of objects must hold strings and None only, got {type(item).__name__}{hint}"
        raise ArgumentError(msg)
    if item.endswith("\0"):
        msg = f"attribute {name!r} holds {item!r}; words that end in a NUL cannot be kept apart from those that do not"
        raise ArgumentError(msg)
    return item


def decode_categories(codes: AnyArray, categories: Categories) -> AnyArray:
    """Turn codes back into strings; objects with None where a value is missing.

    Raises
    ------
    ValueError
        If a code names no word.
    """
    words = categories.words
    if len(codes) and (int(codes.max()) >= len(words) or int(codes.min()) < (MISSING if categories.has_missing else 0)):
        msg = f"codes run from {codes.min()} to {codes.max()}, but there are {len(words)} categories"
        raise ValueError(msg)
    if categories.has_missing:
        table = np.array([*words, None], dtype=object)
    else:
        table = np.array(words, dtype=str) if words else np.empty(0, "<U1")
    return table[codes]
