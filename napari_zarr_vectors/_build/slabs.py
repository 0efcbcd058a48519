"""Which bins of its chunk's box each row lies in, so that only the rows near a slab are drawn. Pure numpy."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_zarr_vectors._model.bins import BINS

__all__ = ["bins_of", "make_profile"]

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


def make_profile(bins: BinArray, weights: Int64Array | None) -> Int64Array:
    """Count the vertices of rows that begin, and of rows that end, before each edge of the bins.

    Parameters
    ----------
    bins : (1 or 2, D, n) uint8
        First and last bins of rows; one where they are the same.
    weights : (n,) int64 or None
        Vertices of each row; None for one.

    Returns
    -------
    (2, D, BINS + 1) int64
    """
    out = np.zeros((2, bins.shape[1], BINS + 1), np.int64)
    for end, axis in np.ndindex(len(bins), bins.shape[1]):
        out[end, axis, 1:] = np.cumsum(np.bincount(bins[end, axis], weights, BINS))
    if len(bins) == 1:
        out[1] = out[0]
    return out
