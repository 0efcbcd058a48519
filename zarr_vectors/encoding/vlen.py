"""The bytes of zarr's ``vlen-bytes`` codec: many items of any length in one chunk.

Layout (little-endian)::

    uint32 n
    n x (uint32 length, bytes)
"""

from __future__ import annotations

import numpy as np
from numcodecs.vlen import VLenBytes

from zarr_vectors.encoding.ragged import offsets_of, prefix_runs
from zarr_vectors.typing import Int64Array, UInt8Array

__all__ = ["decode_vlen", "encode_vlen"]

_HEADER_BYTES = 4


def encode_vlen(flat: UInt8Array, offsets: Int64Array) -> UInt8Array:
    """Encode n items.

    Parameters
    ----------
    flat : (T,) uint8
        The items' bytes, one item after the other.
    offsets : (n + 1,) int64
        Where each item begins in `flat`, from 0 to T.

    Returns
    -------
    (4 + 4 n + T,) uint8

    Raises
    ------
    ValueError
        If an item is longer than 2**32 - 1 bytes.
    """
    return prefix_runs(np.diff(offsets), flat, offsets, np.array([len(offsets) - 1], "<u4").tobytes())


def decode_vlen(raw: bytes | UInt8Array, chosen: Int64Array | None = None) -> tuple[UInt8Array, Int64Array]:
    """Decode the items of one chunk; the inverse of `encode_vlen`.

    Parameters
    ----------
    raw : (b,) uint8
    chosen : (k,) int64 or None
        Items to give, in this order; None for all. The bytes of all of them are checked.

    Returns
    -------
    flat : (T,) uint8
        The items' bytes, one item after the other; read-only.
    offsets : (n + 1,) or (k + 1,) int64
        Where each item begins in `flat`, from 0 to T.

    Raises
    ------
    ValueError
        If the bytes end before the last item, or go on after it.
    """
    raw = np.frombuffer(raw, np.uint8)
    _check_item_count(raw)
    items: list[bytes] = VLenBytes().decode(raw).tolist()
    sizes = np.fromiter(map(len, items), np.int64, len(items))
    used = _HEADER_BYTES * (len(items) + 1) + int(sizes.sum())
    if used != len(raw):
        msg = f"{len(items)} items take {used} bytes, but there are {len(raw)}"
        raise ValueError(msg)
    if chosen is not None:
        items, sizes = [items[i] for i in chosen.tolist()], sizes[chosen]
    return np.frombuffer(b"".join(items), np.uint8), offsets_of(sizes)


def _check_item_count(raw: UInt8Array) -> None:
    """Refuse a number of items that the bytes cannot hold, before anything is made for them."""
    if len(raw) < _HEADER_BYTES:
        msg = f"{len(raw)} bytes are too short for a chunk of variable-length items"
        raise ValueError(msg)
    count = int(raw[:_HEADER_BYTES].view("<u4")[0])
    possible = len(raw) // _HEADER_BYTES - 1
    if count > possible:
        msg = f"the chunk claims {count} items, its {len(raw)} bytes hold at most {possible}"
        raise ValueError(msg)
