"""Which chunks are thinned together: tiles of whole coarse chunks. Pure.

A tile is compact, because a thinning cell is cut at its border, and small enough to be held in memory. All tiles of a
shard follow one another, so that a writer needs to hold one shard.
"""

from __future__ import annotations

import numpy as np

from zarr_vectors.typing import BoolArray, Int64Array

__all__ = ["spread_sample", "tile_chunks"]


def tile_chunks(
    coords: Int64Array, counts: Int64Array, ratio: Int64Array, shard_shape: Int64Array, most_rows: int
) -> list[Int64Array]:
    """Divide the chunks of a level into tiles.

    Parameters
    ----------
    coords : (n, D) int64
        Chunk coordinates.
    counts : (n,) int64
        Rows of each.
    ratio : (D,) int64
        Chunks of this level along each axis of a chunk of the coarser one.
    shard_shape : (D,) int64
        Coarse chunks of a shard, counted from the first one; ones where there are no shards.
    most_rows : int
        Rows of a tile; more only where a single coarse chunk holds more.

    Returns
    -------
    list of (m,) int64
        Rows of `coords`, ascending; together all of them.
    """
    if not len(coords):
        return []
    coarse = coords // ratio
    shards = (coarse - coarse.min(axis=0)) // shard_shape
    out = []
    waiting = [np.arange(len(coords))]
    while waiting:
        tile = waiting.pop()
        first = None if int(counts[tile].sum()) <= most_rows else _lower_half(shards[tile], counts[tile])
        if first is None and int(counts[tile].sum()) > most_rows:
            first = _lower_half(coarse[tile], counts[tile])
        if first is None:
            out.append(tile)
        else:
            waiting += [tile[~first], tile[first]]
    return out


def _lower_half(cells: Int64Array, counts: Int64Array) -> BoolArray | None:
    """Choose about half of the rows along the axis on which cells, shape (n, D), spread most; None in a single cell."""
    spread = cells.max(axis=0) - cells.min(axis=0)
    if not spread.any():
        return None
    axis = cells[:, int(np.argmax(spread))]
    order = np.argsort(axis, kind="stable")
    below = np.cumsum(counts[order])
    middle = axis[order[np.searchsorted(below, below[-1] / 2)]]
    # Both sides have to hold something.
    first: BoolArray = axis < middle if middle > axis.min() else axis <= middle
    return first


def spread_sample(rows: Int64Array, wanted: int) -> Int64Array:
    """Choose tiles, given the rows of each, (t,), evenly spread over the list, until they have the rows wanted."""
    if int(rows.sum()) <= wanted:
        return np.arange(len(rows))
    count = max(1, int(len(rows) * wanted / int(rows.sum())))
    return np.unique(((np.arange(count) + 0.5) * len(rows) / count).astype(np.int64))
