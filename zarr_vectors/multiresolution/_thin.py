"""Thinning of points: the cell size that leaves the wanted number, and one representative a cell.

Cells of equal size even out density: where points crowd, many share a cell; where they are sparse, each keeps its own.
The size is found from the data, so that a factor means the same whether bins are coarse or fine. A cell is represented
by one of its own points, drawn by a fixed seed: centroids of well-filled cells would line up in a lattice that the eye
picks out at once (docs/decisions/0006-thinning.md).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from zarr_vectors.exceptions import LimitError
from zarr_vectors.multiresolution._reduce import Groups, group_rows
from zarr_vectors.spatial import extent
from zarr_vectors.typing import BoolArray, Float64Array, FloatArray, Int64Array

__all__ = ["Thinning", "cell_numbers", "find_cell", "occupied", "thin"]

CellNumbers: TypeAlias = npt.NDArray[np.unsignedinteger[Any]]

_TOLERANCE = 0.02
_MAX_STEPS = 24
_KEY_BITS = 60
_PIECE_ROWS = 1 << 14


@dataclass(frozen=True, slots=True, eq=False)
class Thinning:
    """Which points stand for which.

    Attributes
    ----------
    groups : Groups
        The points of each cell.
    kept : (m,) int64
        The point that represents each cell.
    """

    groups: Groups
    kept: Int64Array


def thin(positions: FloatArray, cell: Float64Array, seed: Sequence[int]) -> Thinning:
    """Leave one point of each cell.

    Parameters
    ----------
    positions : (N, D), N >= 1
    cell : (D,) float64
        Edge lengths, world units.
    seed : ints
        Of the choice of representatives.
    """
    groups = group_rows(cell_numbers(positions, extent(positions), cell))
    pick = np.random.default_rng(seed).random(len(groups.counts)) * groups.counts
    return Thinning(groups, groups.order[groups.starts[:-1] + pick.astype(np.int64)])


def cell_numbers(positions: FloatArray, bounds: Float64Array, cell: Float64Array) -> CellNumbers:
    """Give each point the number of its cell, (N,) unsigned; cells lie on a grid through world 0."""
    first, last = np.floor(bounds / cell)
    sizes = last - first + 1
    if np.prod(sizes) > 2**62:
        msg = f"{sizes.tolist()} thinning cells are more than can be numbered; use larger bins"
        raise LimitError(msg)
    keys: CellNumbers = np.empty(len(positions), np.uint32 if np.prod(sizes) < 2**32 else np.uint64)
    widths = [keys.dtype.type(size) for size in sizes]
    # In pieces that stay in cache: every step below makes an array of its own.
    for low in range(0, len(positions), _PIECE_ROWS):
        piece = positions[low : low + _PIECE_ROWS].astype(np.float64)
        index = np.floor(piece / cell) - first
        key = keys[low : low + _PIECE_ROWS]
        key[...] = index[:, 0]
        for axis, width in enumerate(widths[1:], 1):
            np.multiply(key, width, out=key)
            np.add(key, index[:, axis].astype(keys.dtype), out=key)
    return keys


def occupied(positions: FloatArray, cell: Float64Array) -> int:
    """Count the cells that hold a point of (N, D)."""
    if not len(positions):
        return 0
    keys = cell_numbers(positions, extent(positions), cell)
    keys.sort()
    return 1 + int(np.count_nonzero(keys[1:] != keys[:-1]))


def find_cell(
    count: Callable[[Float64Array], int], size: Float64Array, target: float, unit: Float64Array, scales: BoolArray
) -> Float64Array:
    """Search the cell size whose number of occupied cells is the target: bisection in the logarithm.

    Parameters
    ----------
    count : callable
        Gives the occupied cells of a size, (D,).
    size : (D,) float64
        Edge lengths of what the points fill, world units.
    target : float
        Cells wanted; met within 2 % where the data allow it (many equal points may not).
    unit : (D,) float64
        Proportions of a cell, world units.
    scales : (D,) bool
        Axes along which cells may grow; along the others they keep the size `unit`.
    """
    target = max(1, target)
    # Cells along each axis if they had the size `unit`.
    cells = np.maximum(size / unit, 1e-9)
    dims = max(1, int(scales.sum()))
    # Bounds of the search: cells so small that numbering them stays possible, one cell for everything.
    bits = (_KEY_BITS - float(np.log2(cells[~scales] + 2).sum())) / dims
    widest = float(cells[scales].max(initial=1e-9))
    low = max(widest * 2.0**-bits, 1e-12)
    high = max(widest * 2, low * 4, 1.0)
    guess = float(np.exp((np.log(cells[scales]).sum() - np.log(target)) / dims))
    for _ in range(_MAX_STEPS):
        guess = min(max(guess, low), high)
        cell = np.where(scales, unit * guess, unit)
        found = count(cell)
        if abs(np.log(found / target)) < _TOLERANCE:
            return cell
        if high / low < 1.001:
            break
        if found > target:
            low = guess
        else:
            high = guess
        step = guess * (found / target) ** (1 / dims)
        guess = step if low < step < high else float(np.sqrt(low * high))
    return _one_axis_at_a_time(count, target, unit, scales, (low, high))


def _one_axis_at_a_time(
    count: Callable[[Float64Array], int],
    target: float,
    unit: Float64Array,
    scales: BoolArray,
    sizes: tuple[float, float],
) -> Float64Array:
    """Choose between too small and too large cells, axis by axis.

    Where few cells hold many points, their number jumps as a whole layer of cells comes in along each axis at once.
    """
    low, high = sizes
    cell = np.where(scales, unit * high, unit)
    tried = [cell]
    for axis in np.flatnonzero(scales):
        cell = cell.copy()
        cell[axis] = unit[axis] * low
        tried.append(cell)
    misses = [abs(np.log(count(c) / target)) for c in tried]
    return tried[int(np.argmin(misses))]
