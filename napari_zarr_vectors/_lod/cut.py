"""The desired cut: which nodes the camera and the budget ask for.

1. *Walk* down (see `walk`) as far as refining within an allowance, a budget or more, can reach.
2. *Select* among what was walked, with the exact cost of the visible children: the bins before the one in which
   the budget is reached, and inside that one the prefix that fits, coarse levels first.
3. If the budget was not reached although the walk was pruned, walk again with twice the allowance. The allowance is
   learnt from plan to plan (`ratio`); it decides how long the walk takes, never what is selected.

The cost of refining is floored at 0. Hence every antichain of visible nodes between the roots and the cut costs at
most the budget: whatever subset is resident, there is something to show within it.

What the children of a virtual node cost is charged to its nearest real ancestor.
"Position" is an index into the arrays over the V nodes walked.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_zarr_vectors._lod.walk import ALWAYS, walk_down

if TYPE_CHECKING:
    from napari_zarr_vectors._lod.options import LodOptions
    from napari_zarr_vectors._lod.residency import Residency
    from napari_zarr_vectors._lod.view import View
    from napari_zarr_vectors._lod.walk import Held, Walk

__all__ = ["Cut", "make_cut", "topmost"]

BoolArray = npt.NDArray[np.bool_]
Float64Array = npt.NDArray[np.float64]
Int64Array = npt.NDArray[np.int64]

_FIRST_RATIO = 2.0
"""Allowance of the first walk, in budgets."""


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """The walked part of the tree and the choice made in it.

    Attributes
    ----------
    at : (L + 1,) ints
        Positions at which the tree levels begin.
    node : (V,) int64
        Node numbers, ascending.
    up : (V,) int64
        Position of the parent, -1 for roots.
    count : (V,) int64
        Vertices inside of the slab.
    error : (V,) float64
        Screen error, at most the parent's.
    refined, held, desired : (V,) bool
        `held` = refined by the previous plan too.
    items : (m,) int64
        Positions of what is desired, ascending.
    ratio : float
        Allowance to begin the next walk with, in budgets.
    thin : bool
        Not even the coarsest nodes fit: nothing was refined for the budget.
    pages : int
        What the cut would take of the pool if only the budget bounded it.
    """

    at: tuple[int, ...]
    node: Int64Array
    up: Int64Array
    count: Int64Array
    error: Float64Array
    refined: BoolArray
    held: BoolArray
    desired: BoolArray
    items: Int64Array
    ratio: float
    thin: bool
    pages: int


@dataclass(frozen=True, slots=True, eq=False)
class _Choice:
    """What was refined, the bin in which a limit was reached, whether nothing at all may be refined.

    `pages` is what the budget alone would let the cut take.
    """

    refined: BoolArray
    last_bin: int
    thin: bool
    pages: float


def make_cut(
    view: View,
    residency: Residency,
    held: Held,
    *,
    budget: int,
    page_limit: int,
    ratio: float,
    lock: int | None,
    options: LodOptions,
) -> Cut:
    """Choose the cut.

    Parameters
    ----------
    view : View
    residency : Residency
        Its counts are read, not what is resident: the cut does not depend on arrivals.
    held : Held
    budget : int
        Vertices that may be drawn.
    page_limit : int
        Pages that the cut may take.
    ratio : float
        Allowance learnt by the previous plan, or 0.
    lock : int or None
        Tree level that is wanted everywhere, whatever it costs.
    options : LodOptions
    """
    ratio = ratio or _FIRST_RATIO
    while True:
        walk = walk_down(view, residency, held, allowance=ratio * budget, budget=budget, lock=lock, options=options)
        choice = _select(walk, residency, budget, page_limit, lock=lock, options=options)
        if choice.thin or choice.last_bin <= walk.pruned_at:
            break
        ratio *= 2
    above = choice.refined.take(walk.up)
    above[: walk.at[1]] = True
    desired = above > choice.refined
    if walk.virtual is not None:
        desired &= ~walk.virtual
    return Cut(
        at=walk.at,
        node=walk.node,
        up=walk.up,
        count=walk.count,
        error=walk.error,
        refined=choice.refined,
        held=walk.held,
        desired=desired,
        items=desired.nonzero()[0],
        ratio=_learn(walk, choice, ratio, budget),
        thin=choice.thin,
        pages=int(choice.pages),
    )


def topmost(cut: Cut, flagged: BoolArray) -> Int64Array:
    """Give for each position the topmost flagged one among itself and its ancestors, -1 for none, (V,)."""
    top = np.where(flagged, np.arange(len(flagged)), -1)
    for begin, end in pairwise(cut.at[1:]):
        if end > begin:
            above = top.take(cut.up[begin:end])
            np.copyto(top[begin:end], above, where=above >= 0)
    return top


def _select(
    walk: Walk, residency: Residency, budget: int, page_limit: int, *, lock: int | None, options: LodOptions
) -> _Choice:
    """Refine, among what was expanded, all that fits."""
    cover_pages, pages = _cost(walk, -(-residency.rows.take(walk.node) // residency.page_rows))
    if lock is not None:
        return _Choice(walk.expanded, -1, False, cover_pages + float(pages[walk.expanded].sum()))
    cover_rows, rows = _cost(walk, walk.count)
    if cover_rows > budget or cover_pages > page_limit:
        return _Choice(_refine(walk, -2, rows, pages, (0, 0, 0)), -2, True, cover_pages)
    bins = options.bins
    some = (walk.expanded & (walk.rank >= 0)).nonzero()[0]
    rank = walk.rank.take(some)
    sum_rows = cover_rows + np.bincount(rank, weights=rows.take(some), minlength=bins).cumsum()
    sum_pages = cover_pages + np.bincount(rank, weights=pages.take(some), minlength=bins).cumsum()
    # Sums ascend: what is found is the first bin in which one is too large. Where all fits nothing has to be kept free.
    slack = 1.0 if sum_rows[-1] <= budget else options.slack
    full = int(sum_rows.searchsorted(slack * budget, side="right"))
    new = rank[~walk.held.take(some) & (rank >= full)]
    last = int(min(sum_rows.searchsorted(budget, side="right"), sum_pages.searchsorted(page_limit, side="right")))
    if len(new):
        last = min(last, int(new.min()))
    if last == bins:
        return _Choice(_refine(walk, bins, rows, pages, (0, 0, 0)), bins, False, float(sum_pages[-1]))
    asked = float(np.interp(budget, sum_rows, sum_pages))
    used_rows, used_pages = (sum_rows[last - 1], sum_pages[last - 1]) if last else (cover_rows, cover_pages)
    room = (budget - used_rows, options.slack * budget - used_rows, page_limit - used_pages)
    return _Choice(_refine(walk, last, rows, pages, room), last, False, asked)


def _cost(walk: Walk, amount: Int64Array) -> tuple[float, Float64Array]:
    """Give the amount of the coarsest visible cover, and what refining each node adds, floored at 0, (V,)."""
    own = amount.astype(np.float64)
    n = len(own)
    first = walk.at[1]
    below = np.bincount(walk.up[first:], weights=own[first:], minlength=n)
    if walk.virtual is not None:
        for i in range(len(walk.at) - 2, -1, -1):
            here, under = (
                slice(walk.at[i], walk.at[i + 1]),
                slice(walk.at[i + 1], walk.at[min(i + 2, len(walk.at) - 1)]),
            )
            below[here] = np.bincount(walk.up[under] - walk.at[i], weights=own[under], minlength=here.stop - here.start)
            own[here] = np.where(walk.virtual[here], below[here], own[here])
    return float(own[:first].sum()), np.maximum(below - own, 0.0)


def _refine(
    walk: Walk, last: int, rows: Float64Array, pages: Float64Array, room: tuple[float, float, float]
) -> BoolArray:
    """Refine all bins before `last` and, in it, the prefix that fits: coarse levels first, then held ones.

    `room` is what held nodes may add (rows), what new ones may (rows), and what all may (pages).
    """
    refined = walk.expanded & (walk.rank <= max(last, ALWAYS))
    _close(refined, walk)
    tied = (refined & (walk.rank == last)).nonzero()[0]
    room_held, room_new, room_pages = room
    for begin, end in pairwise(tied.searchsorted(walk.at).tolist() if len(tied) else ()):
        level = tied[begin:end]
        level = level[refined.take(level)]
        if not len(level):
            continue
        for mine, room_rows in ((True, room_held), (False, room_new)):
            group = level[walk.held.take(level) == mine]
            if not len(group):
                continue
            taken = _fitting(rows[group], pages[group], room_rows, room_pages)
            refined[group[taken:]] = False
            used = float(rows[group[:taken]].sum())
            room_held, room_new = room_held - used, room_new - used
            room_pages -= float(pages[group[:taken]].sum())
        if not refined[level].all():
            _close(refined, walk)
    return refined


def _close(refined: BoolArray, walk: Walk) -> None:
    """Unflag what is refined below something that is not."""
    first = walk.at[1]
    below, up = refined[first:], walk.up[first:]
    orphans = below > refined.take(up)
    while orphans.any():
        below[orphans] = False
        orphans = below > refined.take(up)


def _fitting(rows: Float64Array, pages: Float64Array, room_rows: float, room_pages: float) -> int:
    """Count how many of the first items fit into both rooms."""
    return int(
        min(
            rows.cumsum().searchsorted(room_rows, side="right"),
            pages.cumsum().searchsorted(room_pages, side="right"),
        )
    )


def _learn(walk: Walk, choice: _Choice, ratio: float, budget: int) -> float:
    """Keep the allowance, unless it is far more than the choice needed."""
    if not 0 <= choice.last_bin < len(walk.bound) or budget <= 0:
        return ratio
    need = float(walk.bound[choice.last_bin]) / budget
    return max(1.3 * need, 1.0) if ratio > 1.7 * need and ratio > 1.0 else ratio
