"""The bins of a chunk's box along each axis: what plans counts by them, what builds sorts rows into them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["BINS", "pack_cut", "unpack_cut"]

Int64Array = npt.NDArray[np.int64]

_BITS = 5
BINS = 1 << _BITS
"""Of a box along an axis. A bin's number is a byte, and six axes of two numbers fit a cut."""


def pack_cut(axis: int, first: Int64Array, last: Int64Array) -> Int64Array:
    """Say in one number which bins along an axis are met, (n,) each; numbers of several axes add up.

    All bins of an axis are 0: 5 bits for the first one, and 5 for how many are left out at the end.
    """
    return np.asarray((first | ((BINS - 1 - last) << _BITS)) << (2 * _BITS * axis), np.int64)


def unpack_cut(cut: int, ndim: int) -> list[tuple[int, int, int]]:
    """List (axis, first, last) of those axes of which not all bins are met."""
    found = []
    for axis in range(ndim):
        digits = cut >> (2 * _BITS * axis)
        first, left_out = digits & (BINS - 1), (digits >> _BITS) & (BINS - 1)
        if first or left_out:
            found.append((axis, first, BINS - 1 - left_out))
    return found
