"""What to read next, and what gives way for it.

Tiers: COVER (the coarsest readable node over a hole) > URGENT (a node whose absence keeps finer ones on the screen) >
VISIBLE (gain over cost, near the middle first) > RING (the coarsest nodes out of view, so that turning the camera
shows no hole, and the rest of those of which a share is there) > AHEAD (what the next positions of a slab that moves
ask for). Within a tier by score, then by node
number: a total order; what lies ahead comes in the order of the positions.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_zarr_vectors._lod.cut import topmost
from napari_zarr_vectors._lod.residency import ascending, is_in, pages_of
from napari_zarr_vectors._lod.shown import ADEQUATE, FINER, HOLE

if TYPE_CHECKING:
    from napari_zarr_vectors._lod.cut import Cut
    from napari_zarr_vectors._lod.residency import Residency
    from napari_zarr_vectors._lod.shown import Shown
    from napari_zarr_vectors._lod.view import View

__all__ = [
    "AHEAD",
    "COVER",
    "RING",
    "URGENT",
    "VISIBLE",
    "Taken",
    "Wanted",
    "choose_fetched",
    "choose_taken",
    "ring_pages",
]

BoolArray = npt.NDArray[np.bool_]
Float64Array = npt.NDArray[np.float64]
Int8Array = npt.NDArray[np.int8]
Int32Array = npt.NDArray[np.int32]
Int64Array = npt.NDArray[np.int64]

COVER, URGENT, VISIBLE, RING, AHEAD = 0, 1, 2, 3, 4

_BEST = 1e300
"""Largest score: a view without a size has no finite ones."""
_LEAST_GAIN = 1e-3
"""Share of the shown error that counts as gained where the desired node is no better: area and nearness decide."""


@dataclass(frozen=True, slots=True, eq=False)
class Wanted:
    """The fetch list: (q,) nodes, best first, and their tiers.

    Of the (m,) desired nodes, `lacking` are those that are neither adequately resident nor `failed`.
    """

    nodes: Int32Array
    tier: Int8Array
    lacking: BoolArray
    failed: BoolArray


def ring_pages(residency: Residency) -> int:
    """Pages that the coarsest cover of the whole store takes, 0 where it is too large to be kept at all times."""
    tops = residency.tree.tops
    most = residency.capacity_pages // 2
    if len(tops) > most:
        return 0
    pages = int(pages_of(residency.rows[tops], 1.0, residency.page_rows).sum())
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
        Whether all of the coarsest nodes are wanted as well, in or out of view.
    max_fetch : int
    """
    failed = residency.failed.take(cut.node.take(cut.items))
    lacking = (shown.have < fraction * ADEQUATE) & ~failed
    position, tier = _visible(cut, shown, residency, lacking)
    nodes = cut.node.take(position)
    score = _scores(view, cut, shown, residency, position)
    outer = _ring(residency, nodes, fraction) if ring else nodes[:0]
    if len(outer):
        nodes = np.concatenate([nodes, outer])
        tier = np.concatenate([tier, np.full(len(outer), RING, np.int8)])
        score = np.concatenate([score, np.zeros(len(outer))])
    best = _best(tier, score, max_fetch)
    return Wanted(nodes.take(best).astype(np.int32), tier.take(best), lacking, failed)


def _visible(cut: Cut, shown: Shown, residency: Residency, lacking: BoolArray) -> tuple[Int64Array, Int8Array]:
    """List positions to read for what is in view, ascending, with their tiers."""
    position = cut.items[lacking]
    tier = np.where(shown.state[lacking] == FINER, np.int8(URGENT), np.int8(VISIBLE))
    bare = (shown.state == HOLE) | (shown.gap_holes > 0)
    if not bare.any():
        return position, tier
    tiers = np.full(len(cut.node), RING, np.int8)
    tiers[position] = tier
    tiers[_covers(cut, residency, cut.items[bare])] = COVER
    position = (tiers != RING).nonzero()[0]
    return position, tiers.take(position)


def _covers(cut: Cut, residency: Residency, bare: Int64Array) -> Int64Array:
    """Give the coarsest readable node over each of the `bare` positions, where there is one."""
    readable = residency.fraction.take(cut.node) == 0
    readable &= ~residency.failed.take(cut.node)
    if residency.tree.has_virtual:
        readable &= ~residency.tree.is_virtual.take(cut.node)
    cover = topmost(cut, readable).take(bare)
    return cover[cover >= 0]


def _scores(view: View, cut: Cut, shown: Shown, residency: Residency, position: Int64Array) -> Float64Array:
    """Gain over cost of reading positions: error removed x area x nearness / vertices."""
    if not len(position):
        return np.empty(0)
    nodes = cut.node.take(position)
    gain = _gain(cut, shown, position)
    place = view.place(nodes)
    level = view.tree.level_of(nodes)
    gain *= view.area(level, view.px_per_unit(level, place))
    gain *= view.fovea(place)
    gain /= np.maximum(residency.count.take(nodes), 1)  # what is read is the whole chunk
    np.fmax(gain, 0.0, out=gain)
    return np.fmin(gain, _BEST, out=gain)


def _gain(cut: Cut, shown: Shown, position: Int64Array) -> Float64Array:
    """Give the error that reading positions removes from the screen."""
    drawn = np.full(len(cut.node), -1)
    drawn[cut.items] = shown.stand_in
    stand_in = drawn.take(position)
    own = cut.error.take(position)
    now = cut.error.take(stand_in)
    bare = (stand_in < 0).nonzero()[0]
    if len(bare):
        # Over a hole the coarsest node arrives first; the root's error stands for its.
        now[bare] = np.maximum(_root_error(cut, position.take(bare)), own.take(bare))
    return np.maximum(now - own, 0.0) + _LEAST_GAIN * (1.0 + now)


def _root_error(cut: Cut, position: Int64Array) -> Float64Array:
    """Give the error of the root above each of some positions; 0 for a virtual root."""
    root = np.arange(len(cut.node))
    for begin, end in pairwise(cut.at[1:]):
        root[begin:end] = root.take(cut.up[begin:end])
    error = cut.error.take(root.take(position))
    error[~np.isfinite(error)] = 0.0
    return error


def _ring(residency: Residency, wanted: Int64Array, fraction: float) -> Int64Array:
    """List the coarsest real nodes of whose rows less than a share is resident, ascending.

    Those that failed or are `wanted` already are left out.
    """
    tops = residency.tree.tops
    outer = tops[(residency.fraction.take(tops) < fraction * ADEQUATE) & ~residency.failed.take(tops)].astype(np.int64)
    return np.asarray(outer[~is_in(outer, wanted)])


def _best(tier: Int8Array, score: Float64Array, most: int) -> Int64Array:
    """Order by tier, score and node number, and keep the first `most`; numbers ascend within a tier."""
    if len(tier) <= most:
        return np.lexsort((-score, tier))
    kept: list[Int64Array] = []
    for t in (COVER, URGENT, VISIBLE, RING):
        group = (tier == t).nonzero()[0]
        kept.append(group[_highest(score[group], most - sum(map(len, kept)))])
    some = np.concatenate(kept)
    return some[np.lexsort((-score[some], tier[some]))]


def _highest(score: Float64Array, most: int) -> Int64Array:
    """Find the highest scores; of equal ones the first, which a partition alone does not promise."""
    if len(score) <= most:
        return np.arange(len(score))
    if most <= 0:
        return np.empty(0, np.int64)
    last = np.partition(score, len(score) - most)[len(score) - most]
    above = np.flatnonzero(score > last)
    return np.concatenate([above, np.flatnonzero(score == last)[: most - len(above)]])


@dataclass(frozen=True, slots=True, eq=False)
class Taken:
    """What is read and what goes for it; the names are those of `LodPlan`."""

    fetch: Int32Array
    tier: Int8Array
    evict: Int32Array
    keep: Int32Array


def choose_taken(
    residency: Residency, wanted: Wanted, keep: Int32Array, fraction: float, coming: list[Int64Array]
) -> Taken:
    """Cut the fetch list to what the pool can take, and go on with what is `coming` as far as there is room.

    Parameters
    ----------
    residency : Residency
    wanted : Wanted
    keep : (k,) int32
        Nodes that stay, ascending.
    fraction : float
        Share of the rows that is fetched.
    coming : list of (n,) int64
        What the next positions of the slab ask for, nearest first.
    """
    nodes, tier = wanted.nodes, wanted.tier
    if coming:
        first = _first_of(np.concatenate(coming).astype(np.int32))
        there = residency.fraction.take(first) >= fraction * ADEQUATE
        stay = ascending(np.concatenate([keep, first[there]]))
        evict, fitting = _choose_evicted(residency, nodes, stay, fraction)
        if fitting == len(nodes):
            more = first[~there & ~residency.failed.take(first) & ~is_in(first, keep)]
            longer = np.concatenate([nodes, more])
            _, fitting = _choose_evicted(residency, longer, stay, fraction)
            nodes = longer[:fitting]
            tier = np.concatenate([tier, np.full(len(nodes) - len(tier), AHEAD, np.int8)])
            keep = ascending(np.concatenate([stay, nodes]))
    evict, fitting = _choose_evicted(residency, nodes, keep, fraction)
    return Taken(nodes[:fitting], tier[:fitting], evict, keep)


def _first_of(nodes: Int32Array) -> Int32Array:
    """Leave of each node the first occurrence, in order."""
    _, first = np.unique(nodes, return_index=True)
    return nodes[np.sort(first)]


def _choose_evicted(
    residency: Residency, wanted: Int32Array, keep: Int32Array, fraction: float
) -> tuple[Int32Array, int]:
    """Choose what to drop so that the fetch list fits, and how much of the list fits.

    Parameters
    ----------
    residency : Residency
    wanted : (q,) int32
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
    nothing = np.empty(0, np.int32)
    need = pages_of(residency.rows.take(wanted), fraction, residency.page_rows).cumsum()
    free = residency.capacity_pages - residency.used_pages
    if not len(need) or need[-1] <= free:
        return nothing, len(need)
    loose = residency.residents[~is_in(residency.residents, keep)][::-1]
    loose = loose[_stable_order(residency.last_kept.take(loose))]
    gained = residency.pages(loose).cumsum()
    fitting = int(np.searchsorted(need, free + (gained[-1] if len(loose) else 0), side="right"))
    short = int(need[fitting - 1] - free) if fitting else 0
    drop = int(np.searchsorted(gained, short)) + 1 if short > 0 else 0
    return loose[:drop], fitting


def _stable_order(values: Int64Array) -> npt.NDArray[np.intp]:
    """Sort whole numbers, equal ones in the order they have; 16 bits, where they suffice, are several times faster."""
    if len(values) and np.ptp(values) <= np.iinfo(np.uint16).max:
        return np.argsort((values - values.min()).astype(np.uint16), kind="stable")
    return np.argsort(values, kind="stable")
