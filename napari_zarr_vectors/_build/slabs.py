"""Which bins of its chunk's box each row lies in, so that only the rows near a slab are drawn. Pure numpy."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_zarr_vectors._model.bins import BINS

__all__ = ["bins_of", "bins_of_drawn", "make_profile"]

Float64Array = npt.NDArray[np.float64]
Int64Array = npt.NDArray[np.int64]
BinArray = npt.NDArray[np.uint8]


def bins_of(
    positions: npt.NDArray[np.floating], lo: npt.ArrayLike, cell_shape: npt.ArrayLike, shape: Int64Array
) -> BinArray:
    """Give the bins of (n, D) positions in the box of a chunk of `shape` cells, (D, n); beyond it the nearest ones."""
    edges = np.asarray(cell_shape, np.float64) * shape
    steps = (positions - np.asarray(lo, np.float64)) * (BINS / edges)
    np.clip(np.floor(steps, out=steps), 0, BINS - 1, out=steps)
    return np.ascontiguousarray(steps.T.astype(np.uint8))


def bins_of_drawn(bins: BinArray, drawn: npt.NDArray[np.int32], count: int) -> BinArray:
    """Give the first and the last bin from which each vertex is drawn: those of all rows that it is an end of.

    Parameters
    ----------
    bins : (2, D, n) uint8
        First and last bins of rows.
    drawn : (n, L) int32
        Vertices that each row draws; `count` and more for none of the chunk's.
    count : int
        Vertices of the chunk.

    Returns
    -------
    (2, D, m) uint8
        Of the vertices that are drawn, and of the rows that draw none of the chunk's.
    """
    axes, drawn = bins.shape[1], np.minimum(drawn, count)
    out = np.zeros((2, axes, count + 1), np.uint8)
    out[0] = BINS
    for axis, corner in np.ndindex(axes, drawn.shape[1]):
        np.minimum.at(out[0, axis], drawn[:, corner], bins[0, axis])
        np.maximum.at(out[1, axis], drawn[:, corner], bins[1, axis])
    passing = (drawn == count).all(axis=1)
    return np.concatenate([out[:, :, :-1][:, :, out[0, 0, :-1] < BINS], bins[:, :, passing]], axis=2)


def make_profile(bins: BinArray) -> Int64Array:
    """Count what begins, and what ends, before each edge of the bins.

    Parameters
    ----------
    bins : (1 or 2, D, n) uint8
        First and last bins of rows or vertices; one where they are the same.

    Returns
    -------
    (2, D, BINS + 1) int64
    """
    out = np.zeros((2, bins.shape[1], BINS + 1), np.int64)
    for end, axis in np.ndindex(len(bins), bins.shape[1]):
        out[end, axis, 1:] = np.cumsum(np.bincount(bins[end, axis], minlength=BINS))
    if len(bins) == 1:
        out[1] = out[0]
    return out
