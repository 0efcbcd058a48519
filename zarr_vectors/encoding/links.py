"""Links: the cells that hold them, the order of their endpoints, and the names of their arrays.

A record of L endpoints is a row of L integers; in an array with ``has_perm`` of 1 + L, the permutation's code first.

Layout of a cell that is not of the all-zero offsets (little-endian)::

    int64 K                groups
    K x int64              where each group begins, in bytes after this table; the first at 0
    rows of all groups, one after the other

Fewer than 8 bytes, or K = 0, hold no rows. A cell of the all-zero offsets is its rows alone.
"""

from __future__ import annotations

import re
from math import factorial

import numpy as np

from zarr_vectors.typing import Int64Array, UInt8Array

__all__ = [
    "decode_link_cell",
    "decode_link_rows",
    "decode_permutations",
    "encode_link_cell",
    "encode_permutations",
    "format_offsets",
    "parse_offsets",
]

_INT = 8
_MAX_WIDTH = 20  # 20! is the last factorial that int64 holds
_DTYPES = {name: np.dtype(name).newbyteorder("<") for name in ("int8", "int16", "int32", "int64")}
_DTYPES |= {f"u{name}": np.dtype(f"u{name}").newbyteorder("<") for name in list(_DTYPES)}
_SELF = "self"
_COMPONENT = re.compile(r"0|[+-][1-9][0-9]{0,18}")
_LEAST, _MOST = np.iinfo(np.int64).min, np.iinfo(np.int64).max


# -- permutations ------------------------------------------------------------------------------------------


def encode_permutations(order: Int64Array) -> Int64Array:
    """Give the Lehmer code of each permutation.

    Parameters
    ----------
    order : (M, L) int64
        Row m is a permutation of 0..L-1: stored position i holds the input's endpoint ``order[m, i]``.

    Returns
    -------
    (M,) int64
        Codes in [0, L!); 0 where the stored order is the input's.

    Raises
    ------
    ValueError
        If L is not in 1..20.
    """
    width = _check_width(order.shape[1])
    codes = np.zeros(len(order), np.int64)
    for i in range(width - 1):
        smaller_after = np.count_nonzero(order[:, i + 1 :] < order[:, i : i + 1], axis=1)
        codes = codes * (width - i) + smaller_after
    return codes


def decode_permutations(codes: Int64Array, width: int) -> Int64Array:
    """Give the permutation of each Lehmer code; the inverse of `encode_permutations`.

    Parameters
    ----------
    codes : (M,) int64
    width : int
        Endpoints L of a record.

    Returns
    -------
    (M, L) int64
        ``input[m, order[m, i]] = stored[m, i]``.

    Raises
    ------
    ValueError
        If a code is not in [0, L!), or L not in 1..20.
    """
    limit = factorial(_check_width(width))
    wrong = (codes < 0) | (codes >= limit)
    if wrong.any():
        row = int(np.argmax(wrong))
        msg = f"record {row} has permutation {codes[row]}, records of {width} endpoints have 0 to {limit - 1}"
        raise ValueError(msg)
    order = np.zeros((len(codes), width), np.int64)
    rest = codes
    for i in range(width - 2, -1, -1):
        rest, rank = np.divmod(rest, width - i)
        order[:, i] = rank
        order[:, i + 1 :] += order[:, i + 1 :] >= rank[:, None]
    return order


def _check_width(width: int) -> int:
    if not 1 <= width <= _MAX_WIDTH:
        msg = f"a record has 1 to {_MAX_WIDTH} endpoints, got {width}"
        raise ValueError(msg)
    return width


# -- cells -------------------------------------------------------------------------------------------------


def encode_link_cell(rows: Int64Array) -> list[UInt8Array]:
    """Encode a cell of one group.

    Parameters
    ----------
    rows : (m, W) int64

    Returns
    -------
    list of (b,) uint8
        Parts that make the cell one after the other.
    """
    head = np.array([1, 0], "<i8").view(np.uint8)
    return [head, np.ascontiguousarray(rows, "<i8").reshape(-1).view(np.uint8)]


def decode_link_cell(raw: bytes | UInt8Array, width: int, dtype: str | np.dtype[np.generic]) -> Int64Array:
    """Decode a cell into the rows of all its groups; the inverse of `encode_link_cell`.

    Parameters
    ----------
    raw : (b,) uint8
    width : int
        Columns W: the endpoints, and the permutation where the array has it.
    dtype : str
        Integer type that the array names, ``"int64"`` or ``"int32"`` as a rule.

    Returns
    -------
    (m, W) int64
        As stored; whether the chunks have such rows is for the caller to check.

    Raises
    ------
    ValueError
        If the cell is no table of groups and whole rows, or the type is no integer type.
    """
    raw = np.frombuffer(raw, np.uint8)
    if len(raw) < _INT:
        return decode_link_rows(b"", width, dtype)
    groups = int(raw[:_INT].copy().view("<i8")[0])
    if not 0 <= groups <= len(raw) // _INT - 1:
        msg = f"the cell claims {groups} groups, its {len(raw)} bytes hold at most {len(raw) // _INT - 1}"
        raise ValueError(msg)
    if groups == 0:
        return decode_link_rows(b"", width, dtype)
    begins = raw[_INT : _INT * (1 + groups)].copy().view("<i8")
    data = raw[_INT * (1 + groups) :]
    rows = decode_link_rows(data, width, dtype)
    row_bytes = width * _dtype(dtype).itemsize
    ascend = begins[0] == 0 and (np.diff(begins) >= 0).all() and begins[-1] <= len(data)
    if not ascend or (begins % row_bytes).any():
        msg = f"groups of a cell of {len(data)} bytes do not ascend from 0 by whole rows of {row_bytes} bytes"
        raise ValueError(msg)
    return rows


def decode_link_rows(raw: bytes | UInt8Array, width: int, dtype: str | np.dtype[np.generic]) -> Int64Array:
    """Decode rows that nothing precedes: a cell of the all-zero offsets; parameters as for `decode_link_cell`."""
    stored = _dtype(dtype)
    if width < 1:
        msg = f"a record has 1 column or more, got {width}"
        raise ValueError(msg)
    raw = np.frombuffer(raw, np.uint8)
    if len(raw) % (width * stored.itemsize):
        msg = f"{len(raw)} bytes are no whole rows of {width} x {stored.itemsize} bytes"
        raise ValueError(msg)
    return raw.view(stored).reshape(-1, width).astype(np.int64)


def _dtype(dtype: str | np.dtype[np.generic]) -> np.dtype[np.generic]:
    found = _DTYPES.get(str(dtype))
    if found is None:
        msg = f"links are stored as one of {', '.join(_DTYPES)}, got {dtype}"
        raise ValueError(msg)
    return found


# -- names of arrays ---------------------------------------------------------------------------------------


def format_offsets(offsets: Int64Array) -> str:
    """Spell the chunk offsets of endpoints 1..L-1, shape (L-1, R): ``"0.0.+1_0.+1.0"``; ``"self"`` for L = 1."""
    if not len(offsets):
        return _SELF
    return "_".join(".".join(f"{component:+d}" if component else "0" for component in row) for row in offsets.tolist())


def parse_offsets(text: str, rank: int) -> Int64Array:
    """Read the chunk offsets of endpoints 1..L-1; the inverse of `format_offsets`.

    Parameters
    ----------
    text : str
    rank : int
        Components R of a chunk coordinate.

    Returns
    -------
    (L-1, R) int64

    Raises
    ------
    ValueError
        If it is spelt otherwise.
    """
    rows = [] if text == _SELF else [row.split(".") for row in text.split("_")]
    spelt = all(len(row) == rank and all(map(_COMPONENT.fullmatch, row)) for row in rows)
    numbers = [[int(component) for component in row] for row in rows] if spelt else []
    if not spelt or not all(_LEAST <= number <= _MOST for row in numbers for number in row):
        msg = f"{text!r} names no offsets of {rank} components each"
        raise ValueError(msg)
    return np.array(numbers, np.int64).reshape(len(rows), rank)
