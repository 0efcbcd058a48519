"""Which vertex of one level stands for which of another: links between levels, read."""

from __future__ import annotations

import numpy as np

from zarr_vectors.core.arrays._level import LevelArrays
from zarr_vectors.core.arrays._links import LinkReader, open_links
from zarr_vectors.encoding import offsets_of
from zarr_vectors.exceptions import ArgumentError
from zarr_vectors.typing import Int64Array

__all__ = ["read_lineage"]

_PAIR = 2


def read_lineage(arrays: LevelArrays, other: LevelArrays) -> Int64Array:
    """Give pairs of a row of a level and one of another, (M, 2), ascending; rows chunk by chunk as they are stored.

    Raises
    ------
    ArgumentError
        If no links lead from one to the other.
    """
    level, delta = arrays.meta.level, other.meta.level - arrays.meta.level
    if delta and (links := open_links(arrays.store, level, delta)) is not None:
        pairs = _pairs(links, arrays, other)
    elif delta < 0 and (links := open_links(arrays.store, other.meta.level, -delta)) is not None:
        pairs = _pairs(links, other, arrays)[:, ::-1]
    else:
        msg = (
            f"{arrays.where} has no links to level {other.meta.level}; build the pyramid with "
            'cross_level_storage="implicit"'
        )
        raise ArgumentError(msg)
    return pairs[np.lexsort(pairs.T[::-1])]


def _pairs(links: LinkReader, arrays: LevelArrays, other: LevelArrays) -> Int64Array:
    if links.family.width != _PAIR:
        return np.empty((0, _PAIR), np.int64)
    found = links.read(arrays.coords, others=other.coords, attributes=())
    starts = [offsets_of(_counts(each)) for each in (arrays, other)]
    return np.stack([starts[end][found.chunk[:, end]] + found.row[:, end] for end in range(_PAIR)], axis=1)


def _counts(arrays: LevelArrays) -> Int64Array:
    """Give the rows of each chunk, which are read where the store does not tell them."""
    return arrays.positions.read(arrays.coords, None)[1] if arrays.counts is None else arrays.counts
