"""How much of a node lies in the slab, and which of its rows are drawn for it.

A node's box is divided into bins along each axis. The bins that the slab meets say which rows are drawn, so that a slab
that moves within a bin changes nothing. How many vertices these are is known of nodes that have been loaded, from
their rows; of others it is what the share of the box lets expect, one at least. The first is never less than what is
drawn: it is what the budget is held against.

What limits the slab along a displayed axis, a box around a part of the data, counts in the same way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_zarr_vectors._model.bins import BINS, pack_cut

if TYPE_CHECKING:
    from napari_zarr_vectors._lod.residency import Residency
    from napari_zarr_vectors._lod.view import View

__all__ = ["count_inside", "cut_codes"]

Float64Array = npt.NDArray[np.float64]
Int64Array = npt.NDArray[np.int64]
Level = int | npt.NDArray[np.integer]

_EDGE = 0.02
"""Bins within so much of a bin's edge count as met: the slab is compared with float32 positions when it is drawn."""


def count_inside(
    view: View, residency: Residency, level: Level, nodes: npt.NDArray[np.integer]
) -> tuple[Int64Array, Float64Array | None]:
    """Count the vertices of nodes that are drawn for the slab.

    Parameters
    ----------
    view : View
    residency : Residency
    level : int or (n,) int
        Tree level of the nodes.
    nodes : (n,) int

    Returns
    -------
    inside : (n,) int64
        As measured, else as expected; 1 at least where a node has any.
    share : (n,) float64 or None
        The same of the node's count; None where there is no slab and all are inside.
    """
    count = residency.count.take(nodes)
    if not len(view.slab_axes) or not len(nodes):
        return count, None
    share = np.ones(len(nodes))
    slot = residency.slot.take(nodes)
    known = (slot >= 0).nonzero()[0]
    measured, slot = count.take(known), slot.take(known).astype(np.int64)
    profiles, D = residency.profiles.reshape(-1), view.tree.half.shape[1]
    for axis in view.slab_axes.tolist():
        first, last = _met(view, level, nodes, axis)
        share *= (last - first + 1) / BINS
        if len(known):
            begun = (slot * 2 * D + axis) * (BINS + 1)
            ended = begun + D * (BINS + 1)
            begun, ended = begun + (last.take(known) + 1), ended + first.take(known)
            np.minimum(measured, profiles.take(begun) - profiles.take(ended), out=measured)
    share[known] = measured / np.maximum(count.take(known), 1)
    inside = np.ceil(count * share).astype(np.int64)
    inside[known] = measured
    return np.maximum(inside, np.minimum(count, 1), out=inside), share


def cut_codes(view: View, nodes: npt.NDArray[np.integer]) -> Int64Array:
    """Say in one number for each of (n,) nodes which bins the slab meets; 0 where it is all of them."""
    codes = np.zeros(len(nodes), np.int64)
    level = view.tree.level_of(nodes)
    for axis in view.slab_axes.tolist():
        codes += pack_cut(axis, *_met(view, level, nodes, axis))
    return codes


def _met(view: View, level: Level, nodes: npt.NDArray[np.integer], axis: int) -> tuple[Int64Array, Int64Array]:
    """Give the first and the last bin that the slab meets along an axis."""
    half = view.tree.half[level, axis]
    center = view.tree.center
    low = center.reshape(-1).take(nodes * center.shape[1] + axis) - half  # much faster than two indices
    scale = BINS / (2 * half)
    begin = _bin((view.camera.slab_lo[axis] - low) * scale - _EDGE)
    return begin, np.maximum(_bin((view.camera.slab_hi[axis] - low) * scale + _EDGE), begin)


def _bin(place: Float64Array) -> Int64Array:
    """Give the bin of each place, counted in bins; the nearest one beyond the box, the first one for NaN."""
    np.fmax(place, 0, out=place)
    return np.fmin(place, BINS - 1, out=place).astype(np.int64)
