"""What to read next, and what gives way for it.

Tiers: COVER (the coarsest readable node over a hole) > URGENT (a node whose absence keeps finer ones on the screen) >
VISIBLE (gain over cost, near the middle first) > RING (the coarsest nodes out of view, so that turning the camera
shows no hole). Within a tier by score, then by node number: a total order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_zarr_vectors._lod.residency import pages_of
from napari_zarr_vectors._lod.shown import ADEQUATE, FINER, HOLE

if TYPE_CHECKING:
    from napari_zarr_vectors._lod.cut import Cut
    from napari_zarr_vectors._lod.residency import Residency
    from napari_zarr_vectors._lod.shown import Shown
    from napari_zarr_vectors._lod.view import View

__all__ = ["COVER", "RING", "URGENT", "VISIBLE", "Wanted", "choose_evicted", "choose_fetched", "ring_pages"]

BoolArray = npt.NDArray[np.bool_]
Float64Array = npt.NDArray[np.float64]
Int8Array = npt.NDArray[np.int8]
Int32Array = npt.NDArray[np.int32]
Int64Array = npt.NDArray[np.int64]

COVER, URGENT, VISIBLE, RING = 0, 1, 2, 3

_BEST = 1e300
"""Largest score: a view without a size has no finite ones."""
_LEAST_GAIN = 1e-3
"""Share of the shown error that counts as gained where the desired node is no better: area and nearness decide."""


@dataclass(frozen=True, slots=True, eq=False)
class Wanted:
    """The fetch list: (q,) nodes, best first, and their tiers."""

    nodes: Int32Array
    tier: Int8Array


def ring_pages(residency: Residency) -> int:
    """Pages that the coarsest cover of the whole store takes, 0 where it is too large to be kept at all times."""
    tops = residency.tree.tops
    most = residency.capacity_pages // 2
    if len(tops) > most:
        return 0
    pages = int(pages_of(residency.count[tops], 1.0, residency.page_rows).sum())
    return pages if pages <= most else 0


def choose_fetched(
    view: View, cut: Cut, shown: Shown, residency: Residency, *, fraction: float, ring: bool, max_fetch: int
) -> Wanted:
    """List what to read, best first.

    Parameters
    ----------
    view : View
    cut : Cut
    shown : Shown
    residency : Residency
    fraction : float
        Share of the rows that a desired node has to have.
    ring : bool
        Whether the coarsest nodes out of view are wanted as well.
    max_fetch : int
    """
    position, tier = _visible(cut, shown, residency, fraction)
    score = _scores(view, cut, shown, residency, position)
    nodes = cut.node[position]
    if ring:
        outer = _ring(residency, nodes)
        nodes = np.concatenate([nodes, outer])
        tier = np.concatenate([tier, np.full(len(outer), RING, np.int8)])
        score = np.concatenate([score, np.zeros(len(outer))])
    best = _best(nodes, tier, score, max_fetch)
    return Wanted(nodes[best].astype(np.int32), tier[best])


def _visible(cut: Cut, shown: Shown, residency: Residency, fraction: float) -> tuple[Int64Array, Int8Array]:
    """List positions to read for what is in view, with their tiers."""
    items = np.flatnonzero(cut.desired)
    nodes = cut.node[items]
    lacking = (residency.fraction[nodes] < fraction * ADEQUATE) & ~residency.failed[nodes]
    tier = np.full(len(cut.node), RING, np.int8)
    tier[items[lacking]] = np.where(shown.state[lacking] == FINER, URGENT, VISIBLE)
    bare = (shown.state == HOLE) | (shown.gap_holes > 0)
    if bare.any():
        tier[_covers(cut, residency, items[bare])] = COVER
    position = np.flatnonzero(tier != RING)
    return position, tier[position]


def _covers(cut: Cut, residency: Residency, bare: Int64Array) -> Int64Array:
    """Give the coarsest readable node over each of the `bare` positions, where there is one."""
    cover = np.full(len(cut.node), -1)
    readable = ~residency.tree.is_virtual[cut.node] & ~residency.failed[cut.node]
    readable &= residency.fraction[cut.node] == 0
    own = np.where(readable, np.arange(len(cover)), -1)
    cover[: cut.at[1]] = own[: cut.at[1]]
    for i in range(1, len(cut.at) - 1):
        here = slice(cut.at[i], cut.at[i + 1])
        above = cover[cut.up[here]]
        cover[here] = np.where(above >= 0, above, own[here])
    found = cover[bare]
    return found[found >= 0]


def _scores(view: View, cut: Cut, shown: Shown, residency: Residency, position: Int64Array) -> Float64Array:
    """Gain over cost of reading positions: error removed x area x nearness / vertices."""
    nodes = cut.node[position]
    if not len(nodes):
        return np.empty(0)
    drawn = np.full(len(cut.node), -1)
    drawn[cut.desired] = shown.stand_in
    stand_in = drawn[position]
    own = cut.error[position]
    # Over a hole the coarsest node arrives first; the root's error stands for its.
    now = np.where(stand_in >= 0, cut.error[stand_in], np.maximum(_root_error(cut, position), own))
    gain = np.maximum(now - own, 0.0) + _LEAST_GAIN * (1.0 + now)
    place = view.place(nodes)
    area = np.empty(len(nodes))
    bounds = np.searchsorted(position, cut.at)
    for i in range(len(cut.at) - 1):
        here = slice(bounds[i], bounds[i + 1])
        if here.stop > here.start:
            area[here] = view.area(i, view.px_per_unit(i, place[here]))
    score = gain * area * view.fovea(place) / np.maximum(residency.count[nodes], 1)
    return np.fmin(np.fmax(score, 0.0), _BEST)


def _root_error(cut: Cut, position: Int64Array) -> Float64Array:
    """Give the error of the root above each of some positions; 0 for a virtual root."""
    root = position
    for _ in range(len(cut.at) - 2):
        above = cut.up[root]
        root = np.where(above >= 0, above, root)
    error = cut.error[root]
    return np.where(np.isfinite(error), error, 0.0)


def _ring(residency: Residency, wanted: Int64Array) -> Int64Array:
    """List the coarsest real nodes that are neither resident nor failed nor wanted already."""
    tops = residency.tree.tops
    outer = tops[(residency.fraction[tops] == 0) & ~residency.failed[tops]]
    return np.setdiff1d(outer, wanted, assume_unique=True).astype(np.int64)


def _best(nodes: Int64Array, tier: Int8Array, score: Float64Array, most: int) -> Int64Array:
    """Order by tier, score and node number, and keep the first `most`; numbers ascend within a tier."""
    some = np.arange(len(nodes))
    if len(some) > most:
        kept: list[Int64Array] = []
        for t in (COVER, URGENT, VISIBLE, RING):
            group = np.flatnonzero(tier == t)
            kept.append(group[_highest(score[group], most - sum(map(len, kept)))])
        some = np.concatenate(kept)
    return some[np.lexsort((nodes[some], -score[some], tier[some]))]


def _highest(score: Float64Array, most: int) -> Int64Array:
    """Find the highest scores; of equal ones the first, which a partition alone does not promise."""
    if len(score) <= most:
        return np.arange(len(score))
    if most <= 0:
        return np.empty(0, np.int64)
    last = np.partition(score, len(score) - most)[len(score) - most]
    above = np.flatnonzero(score > last)
    return np.concatenate([above, np.flatnonzero(score == last)[: most - len(above)]])


def choose_evicted(residency: Residency, wanted: Wanted, keep: Int32Array, fraction: float) -> tuple[Int32Array, int]:
    """Choose what to drop so that the fetch list fits, and how much of the list fits.

    Parameters
    ----------
    residency : Residency
    wanted : Wanted
    keep : (k,) int32
        Nodes that stay, ascending.
    fraction : float
        Share of the rows that is fetched.

    Returns
    -------
    evict : (r,) int32
        Not kept for the longest time first, then finer before coarser; no more than needed.
    fitting : int
        How many nodes of the list fit once these are gone.
    """
    pages = pages_of(residency.count[wanted.nodes], fraction, residency.page_rows)
    need = np.cumsum(pages)
    free = residency.capacity_pages - residency.used_pages
    nothing = np.empty(0, np.int32)
    if not len(need) or need[-1] <= free:
        return nothing, len(need)
    at = np.minimum(np.searchsorted(keep, residency.residents), max(len(keep) - 1, 0))
    loose = residency.residents[keep[at] != residency.residents] if len(keep) else residency.residents
    loose = loose[np.lexsort((-loose, residency.last_kept[loose]))]
    gained = np.cumsum(residency.pages(loose))
    fitting = int(np.searchsorted(need, free + (gained[-1] if len(loose) else 0), side="right"))
    short = int(need[fitting - 1] - free) if fitting else 0
    drop = int(np.searchsorted(gained, short)) + 1 if short > 0 else 0
    return loose[:drop], fitting
