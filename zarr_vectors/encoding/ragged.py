"""Values + offsets: many runs of rows in one array."""

from __future__ import annotations

import numpy as np

from zarr_vectors.typing import Int64Array

__all__ = ["expand_ranges", "offsets_of"]


def offsets_of(counts: Int64Array) -> Int64Array:
    """Give the (n + 1,) offsets of runs with these lengths."""
    offsets = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=offsets[1:])
    return offsets


def expand_ranges(starts: Int64Array, counts: Int64Array) -> Int64Array:
    """Give the concatenation of ``arange(start, start + count)``."""
    offsets = offsets_of(counts)
    shift = np.repeat(starts - offsets[:-1], counts)
    return np.arange(offsets[-1], dtype=np.int64) + shift
