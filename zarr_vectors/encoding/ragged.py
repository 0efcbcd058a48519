"""Values + offsets: many runs of rows in one array."""

from __future__ import annotations

from typing import Any

import numpy as np

from zarr_vectors.typing import AnyArray, Int64Array, UInt8Array

__all__ = ["expand_ranges", "offsets_of", "prefix_runs", "records_at", "write_records"]

_PREFIX_BYTES = 4


def offsets_of(counts: Int64Array) -> Int64Array:
    """Give the (n + 1,) offsets of runs with these lengths."""
    offsets = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=offsets[1:])
    return offsets


def expand_ranges(starts: Int64Array, counts: Int64Array) -> Int64Array:
    """Give the concatenation of ``arange(start, start + count)``."""
    offsets = offsets_of(counts)
    out: Int64Array = np.repeat(starts - offsets[:-1], counts)
    out += np.arange(offsets[-1], dtype=np.int64)
    return out


def prefix_runs(prefixes: Int64Array, flat: UInt8Array, offsets: Int64Array, head: bytes = b"") -> UInt8Array:
    """Put a uint32 in front of each run of bytes.

    Parameters
    ----------
    prefixes : (n,) int64
        Number before each run.
    flat : (T,) uint8
        The runs, one after the other.
    offsets : (n + 1,) int64
        Where each run begins in `flat`, from 0 to T.
    head : bytes
        What comes before all.

    Returns
    -------
    (T + 4 n + bytes of head,) uint8

    Raises
    ------
    ValueError
        If a prefix does not fit 32 bits.
    """
    if len(prefixes) and not 0 <= int(prefixes.min()) <= int(prefixes.max()) < 2**32:
        msg = f"numbers from {prefixes.min()} to {prefixes.max()} do not fit 32 bits"
        raise ValueError(msg)
    heads = offsets[:-1] + _PREFIX_BYTES * np.arange(len(prefixes)) + len(head)
    out = np.empty(len(head) + len(flat) + _PREFIX_BYTES * len(prefixes), np.uint8)
    out[: len(head)] = np.frombuffer(head, np.uint8)
    is_flat = np.ones(len(out), bool)
    is_flat[: len(head)] = False
    if len(prefixes):
        _windows(out, np.dtype("<u4"))[heads] = prefixes
        _windows(is_flat, np.dtype("<u4"))[heads] = 0
    out[is_flat] = flat
    return out


def records_at(raw: UInt8Array, positions: Int64Array, dtype: str | np.dtype[Any]) -> AnyArray:
    """Read the record that begins at each byte position, aligned or not.

    Parameters
    ----------
    raw : (b,) uint8
        Contiguous bytes.
    positions : (...) int64
        Byte positions; each from 0 to b less the record's size.
    dtype : dtype
        Type of a record, little-endian.

    Returns
    -------
    (...) of `dtype`
        A copy.
    """
    record = np.dtype(dtype)
    if len(raw) < record.itemsize:
        return np.empty(positions.shape, record)  # no position is possible, so there is none
    # As one opaque item each, records of several fields are taken four times as fast.
    out: AnyArray = _windows(raw, np.dtype((np.void, record.itemsize)))[positions]
    return out.view(record)


def write_records(raw: UInt8Array, positions: Int64Array, values: AnyArray) -> None:
    """Write a record, or a row of them, at each byte position, aligned or not.

    Parameters
    ----------
    raw : (b,) uint8
        Contiguous bytes.
    positions : (n,) int64
        As for `records_at`; what is written must not overlap.
    values : (n,) or (n, C) array
        Little-endian.
    """
    if not len(positions):
        return
    record = values.dtype if values.ndim == 1 else np.dtype((values.dtype, values.shape[1:]))
    _windows(raw, record)[positions] = values


def _windows(raw: AnyArray, record: np.dtype[Any]) -> AnyArray:
    """View the record that begins at each byte, shape (b less the record's size plus 1,)."""
    return np.ndarray((len(raw) - record.itemsize + 1,), record, raw, strides=(1,))
