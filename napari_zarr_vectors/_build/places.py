"""Keys that put the vertices of a chunk in the order of the finer grids below it.

A chunk of a coarse level covers ``prod(ratios, axis=0)`` cells of level 0. The key of such a cell is a number
of mixed radix whose digits go from coarse to fine: digit k says which child is taken at the k-th step down, and
within a step axis 0 weighs most. So the level-0 cells under any descendant, of any depth, are one interval.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["cells_of", "place_interval", "place_keys", "place_shape"]

Int64Array = npt.NDArray[np.int64]


def place_shape(ratios: npt.ArrayLike, ndim: int) -> Int64Array:
    """Level-0 cells of the chunk along each axis.

    Parameters
    ----------
    ratios : (depth, D) int
        Children per axis at each step from the chunk's level down to level 0; empty at level 0.
    ndim : int
        D.

    Returns
    -------
    (D,) int64

    Raises
    ------
    ValueError
        When the cells cannot be numbered in 63 bits.
    """
    steps = _steps(ratios, ndim)
    bits = float(np.log2(steps.astype(np.float64)).sum())
    if bits >= 63:
        msg = f"ratios {steps.tolist()} give 2**{bits:.0f} places in one chunk; at most 2**62 can be numbered"
        raise ValueError(msg)
    shape: Int64Array = np.prod(steps, axis=0, dtype=np.int64)
    return shape


def place_keys(cells: npt.ArrayLike, ratios: npt.ArrayLike) -> Int64Array:
    """Give level-0 cells numbers such that every descendant is an interval.

    Parameters
    ----------
    cells : (n, D) int
        Level-0 cells relative to the chunk's first one, each in ``[0, prod(ratios, axis=0))``.
    ratios : (depth, D) int
        Children per axis at each step from the chunk's level down to level 0; empty at level 0.

    Returns
    -------
    (n,) int64
    """
    array = np.asarray(cells, dtype=np.int64)  # (n, D)
    steps = _steps(ratios, array.shape[1])
    weights = _weights(steps)
    keys = np.zeros(len(array), dtype=np.int64)
    for axis, coordinates in enumerate(array.T):
        keys += _axis_keys(coordinates, steps[:, axis], weights[:, axis])
    return keys


def _weights(steps: Int64Array) -> Int64Array:
    """What one unit of each digit is worth in a key, (depth, D); axis 0 weighs most within a step."""
    flat = steps.reshape(-1)
    below = np.cumprod(flat[::-1], dtype=np.int64)[::-1] // flat
    return np.asarray(below.reshape(steps.shape))


def _axis_keys(coordinates: Int64Array, ratios: Int64Array, weights: Int64Array) -> Int64Array:
    """What one axis adds to the keys of (n,) cells: looked up, unless the axis is longer than there are cells."""
    length = int(np.prod(ratios, dtype=np.int64))
    if length <= len(coordinates):
        return np.asarray(_digits(np.arange(length), ratios, weights)[coordinates])
    return _digits(coordinates, ratios, weights)


def _digits(coordinates: Int64Array, ratios: Int64Array, weights: Int64Array) -> Int64Array:
    keys = np.zeros(len(coordinates), dtype=np.int64)
    rest = coordinates
    for ratio, weight in zip(ratios[::-1], weights[::-1], strict=True):  # the finest digit comes off first
        rest, digit = np.divmod(rest, ratio)
        keys += digit * weight
    return keys


def place_interval(cell: npt.ArrayLike, depth: int, ratios: npt.ArrayLike) -> tuple[int, int]:
    """Keys of the level-0 cells under one descendant.

    Parameters
    ----------
    cell : (D,) int
        The descendant relative to the chunk, counted in the grid of its own level.
    depth : int
        Steps from the chunk's level down to the descendant's; 0 is the chunk itself.
    ratios : (>= depth, D) int
        As in `place_keys`, always down to level 0.

    Returns
    -------
    lo, hi : int
        Half-open.
    """
    first = np.atleast_2d(np.asarray(cell, dtype=np.int64))  # (1, D)
    steps = _steps(ratios, first.shape[1])
    width = int(np.prod(steps[depth:], dtype=np.int64))
    lo = int(place_keys(first, steps[:depth])[0]) * width
    return lo, lo + width


def _steps(ratios: npt.ArrayLike, ndim: int) -> Int64Array:
    return np.asarray(ratios, dtype=np.int64).reshape(-1, ndim)


def cells_of(
    positions: npt.NDArray[np.floating], lo: npt.ArrayLike, cell_shape: npt.ArrayLike, shape: Int64Array
) -> Int64Array:
    """Level-0 cells of (n, D) positions relative to the chunk, clipped into it."""
    steps = (positions - np.asarray(lo, dtype=np.float64)) / np.asarray(cell_shape, dtype=np.float64)
    clipped = np.clip(np.floor(steps), 0, shape - 1)  # before the cast: a far outlier would overflow
    return clipped.astype(np.int64)
