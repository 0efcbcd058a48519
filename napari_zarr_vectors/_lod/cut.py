"""The desired cut: which nodes the camera and the budget ask for.

1. *Walk* down level by level on whole arrays. Errors fall from parent to child, so "refine everything above t" is
   closed under ancestors for every t, and a histogram of what refining costs over log2(error) stands for the
   best-first order. A node beyond the bin in which the allowance is reached is not expanded.
2. *Select* among what was walked, with the exact cost of the visible children: the bins before the one in which
   the budget is reached, and inside that one the prefix that fits, coarse levels first.
3. If the budget was not reached although the walk was pruned, walk again with twice the allowance. The allowance is
   learnt from plan to plan (`ratio`); it decides how long the walk takes, never what is selected.

The cost of refining is floored at 0. Hence every antichain of visible nodes between the roots and the cut costs at
most the budget: whatever subset is resident, there is something to show within it.

A virtual node is refined whenever it is reached; what its children cost is charged to its nearest real ancestor.
"Position" is an index into the arrays over the V nodes walked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from napari_zarr_vectors._lod.options import LodOptions
    from napari_zarr_vectors._lod.residency import Residency
    from napari_zarr_vectors._lod.tree import Tree
    from napari_zarr_vectors._lod.view import View

__all__ = ["Cut", "Held", "expand", "make_cut"]

BoolArray = npt.NDArray[np.bool_]
Float64Array = npt.NDArray[np.float64]
Int32Array = npt.NDArray[np.int32]
Int64Array = npt.NDArray[np.int64]

_OCTAVES = 16.0
"""log2 of the largest error that the histogram tells apart."""
_ALWAYS = -1
"""Bin of what is refined whatever it costs: virtual nodes, and levels above a locked one."""
_FIRST_RATIO = 2.0
"""Allowance of the first walk, in budgets."""


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """What the previous plan refined: (k,) node numbers ascending, and whether each is too young to be undone."""

    nodes: Int32Array
    young: BoolArray


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """The walked part of the tree and the choice made in it.

    Attributes
    ----------
    at : (L + 1,) int64
        Positions at which the tree levels begin.
    node : (V,) int64
        Node numbers, ascending.
    up : (V,) int64
        Position of the parent, -1 for roots.
    error : (V,) float64
        Screen error, at most the parent's.
    refined, held, desired : (V,) bool
        `held` = refined by the previous plan too.
    ratio : float
        Allowance to begin the next walk with, in budgets.
    thin : bool
        Not even the coarsest nodes fit: nothing was refined for the budget.
    """

    at: Int64Array
    node: Int64Array
    up: Int64Array
    error: Float64Array
    refined: BoolArray
    held: BoolArray
    desired: BoolArray
    ratio: float
    thin: bool


@dataclass(frozen=True, slots=True, eq=False)
class _Walk:
    """Arrays over positions as in `Cut`; `rank` is the bin (`bins` = never refined), `bound` their summed cost."""

    at: Int64Array
    node: Int64Array
    up: Int64Array
    count: Int64Array
    error: Float64Array
    rank: Int32Array
    held: BoolArray
    expanded: BoolArray
    virtual: BoolArray
    bound: Float64Array
    pruned_at: int


@dataclass(frozen=True, slots=True, eq=False)
class _Choice:
    """What was refined, the bin in which a limit was reached, whether nothing at all may be refined."""

    refined: BoolArray
    last_bin: int
    thin: bool


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
        walk = _walk(view, residency, held, allowance=ratio * budget, budget=budget, lock=lock, options=options)
        choice = _select(walk, budget, page_limit, residency.page_rows, lock=lock, options=options)
        if choice.thin or choice.last_bin <= walk.pruned_at:
            break
        ratio *= 2
    above = np.where(walk.up >= 0, choice.refined[walk.up], True)
    desired = ~choice.refined & ~walk.virtual & above
    return Cut(
        at=walk.at,
        node=walk.node,
        up=walk.up,
        error=walk.error,
        refined=choice.refined,
        held=walk.held,
        desired=desired,
        ratio=_learn(walk, choice, ratio, budget),
        thin=choice.thin,
    )


def expand(child_ptr: Int64Array, nodes: npt.NDArray[np.integer]) -> tuple[Int64Array, Int64Array]:
    """List the children of `nodes`, in order, and for each the index of its parent in `nodes`."""
    start = child_ptr[nodes]
    number = child_ptr[nodes + 1] - start
    first = np.cumsum(number) - number
    of = np.repeat(np.arange(len(nodes)), number)
    children = np.arange(len(of))
    children += (start - first)[of]
    return children, of


class _Descent:
    """The running state of one walk: the histogram, and the bin beyond which nothing is expanded."""

    __slots__ = ("allowance", "bins", "bound", "budget", "cover", "pruned_at")

    def __init__(self, allowance: float, budget: int, bins: int) -> None:
        self.allowance, self.budget, self.bins = allowance, budget, bins
        self.bound = np.zeros(bins)
        self.cover = 0.0
        """Cost of the coarsest real nodes; they are drawn in any case."""
        self.pruned_at = bins

    def charge(self, cover: float, rank: Int32Array, cost: Int64Array) -> None:
        """Add a level's costs and move the bin accordingly."""
        some = np.flatnonzero((rank >= 0) & (rank < self.bins))
        if len(some):
            self.bound += np.bincount(rank[some], weights=np.maximum(cost[some], 0), minlength=self.bins)
        self.cover += cover
        over = self.cover + np.cumsum(self.bound) > self.allowance
        self.pruned_at = int(over.argmax()) if over[-1] else self.bins
        if self.cover > self.budget:
            self.pruned_at = _ALWAYS


def _walk(
    view: View,
    residency: Residency,
    held: Held,
    *,
    allowance: float,
    budget: int,
    lock: int | None,
    options: LodOptions,
) -> _Walk:
    """Go down from the roots, expanding what may be refined within the allowance."""
    tree = view.tree
    state = _Descent(allowance, budget, options.bins)
    levels: list[tuple[npt.NDArray[np.generic], ...]] = []
    front = _roots(tree)
    for i in range(len(tree.levels)):
        front, place = _cull(view, i, front)
        nodes = front.node
        count = residency.count.take(nodes)
        virtual = tree.is_virtual.take(nodes) if tree.has_virtual else np.zeros(len(nodes), np.bool_)
        error = np.minimum(view.error(i, place, count), front.limit)
        if tree.has_virtual:
            error[virtual] = front.limit[virtual]
        was, young = _was_held(tree.base, i, nodes, held)
        if lock is not None:
            expanded = np.full(len(nodes), i < lock)
            rank = np.where(expanded, _ALWAYS, options.bins).astype(np.int32)
        else:
            below = residency.child_sum.take(nodes)
            rank = _rank(error, below, virtual, was, young, options)
            state.charge(float(count[front.top].sum()), rank, below - count)
            expanded = rank <= state.pruned_at
            if state.pruned_at >= 0:
                expanded |= was
            expanded &= rank < options.bins
        levels.append((nodes, front.up, count, error, rank, was, expanded, virtual))
        front = _descend(tree, front, error, expanded, virtual)
    return _concatenate(levels, state, options.bins)


@dataclass(frozen=True, slots=True, eq=False)
class _Front:
    """The nodes of one level that a walk has come to, n of them.

    `offset` is the position of the first; `up` are the parents' positions, `limit` their errors; `border` are those
    whose parent is not wholly in view; `top` those that have only virtual ancestors.
    """

    node: Int64Array
    up: Int64Array
    border: BoolArray
    limit: Float64Array
    top: BoolArray
    offset: int


def _roots(tree: Tree) -> _Front:
    """Begin a walk."""
    n = int(tree.base[1]) if tree.levels else 0
    every = np.ones(n, np.bool_)
    return _Front(np.arange(n), np.full(n, -1), every, np.full(n, np.inf), every, 0)


def _descend(tree: Tree, front: _Front, error: Float64Array, expanded: BoolArray, virtual: BoolArray) -> _Front:
    """Step to the children of what is expanded."""
    parents = np.flatnonzero(expanded)
    node, of = expand(tree.child_ptr, front.node[parents])
    of = parents.take(of)
    top = (front.top & virtual)[of] if tree.has_virtual else np.zeros(len(of), np.bool_)
    offset = front.offset + len(expanded)
    return _Front(node, of + front.offset, front.border[of], error[of], top, offset)


def _cull(view: View, level: int, front: _Front) -> tuple[_Front, Float64Array]:
    """Drop what is out of view, and gather the centres of the rest.

    Only boxes whose parent lies on the border of the view are tested.
    """
    place = view.place(front.node)
    tested = np.flatnonzero(front.border)
    if not len(tested):
        return front, place
    seen, whole = view.inside(level, front.node[tested], place[tested])
    border = front.border.copy()
    border[tested[whole]] = False
    keep = np.ones(len(border), np.bool_)
    keep[tested[~seen]] = False
    kept = np.flatnonzero(keep)
    seen_front = _Front(
        front.node[kept], front.up[kept], border[kept], front.limit[kept], front.top[kept], front.offset
    )
    return seen_front, place.take(kept, axis=0)


def _was_held(base: Int64Array, level: int, nodes: Int64Array, held: Held) -> tuple[BoolArray, BoolArray]:
    """Flag those of a level's `nodes` that the previous plan refined, and the young ones among them."""
    was, young = np.zeros(len(nodes), np.bool_), np.zeros(len(nodes), np.bool_)
    first, last = np.searchsorted(held.nodes, base[level : level + 2])
    if len(nodes) and last > first:
        mine = held.nodes[first:last].astype(np.int64)
        at = np.minimum(np.searchsorted(nodes, mine), len(nodes) - 1)
        met = nodes[at] == mine
        was[at[met]] = True
        young[at[met]] = held.young[first:last][met]
    return was, young


def _rank(
    error: Float64Array,
    below: Int64Array,
    virtual: BoolArray,
    was: BoolArray,
    young: BoolArray,
    options: LodOptions,
) -> Int32Array:
    """Sort nodes into bins, 0 = most urgent; what has nothing `below` it or is good enough gets `bins`.

    Held nodes count with a larger error; as all ancestors of a held node are held, errors still fall downwards.
    """
    felt = error.copy()
    felt[was] *= options.hysteresis
    # A young refinement is worth just more than none, so that only the budget can undo it.
    felt[young] = np.maximum(felt[young], np.nextafter(1.0, 2.0))
    rank = np.full(len(error), options.bins, np.int32)
    some = np.flatnonzero((felt > 1) & (below > 0))
    step = np.log2(felt[some]) * ((options.bins - 1) / _OCTAVES)
    rank[some] = options.bins - 1 - np.minimum(step, options.bins - 1).astype(np.int32)
    rank[virtual] = _ALWAYS
    return rank


def _concatenate(levels: list[tuple[npt.NDArray[np.generic], ...]], state: _Descent, bins: int) -> _Walk:
    """Join the levels of a walk."""
    if not levels:
        whole, flag = np.empty(0, np.int64), np.empty(0, np.bool_)
        levels = [(whole, whole, whole, np.empty(0), np.empty(0, np.int32), flag, flag, flag)]
    node, up, count, error, rank, held, expanded, virtual = (
        np.concatenate(parts) for parts in zip(*levels, strict=True)
    )
    at = np.concatenate([[0], np.cumsum([len(level[0]) for level in levels])])
    bound = state.cover + np.cumsum(state.bound)
    pruned_at = state.pruned_at if state.pruned_at >= 0 else bins
    return _Walk(at, node, up, count, error, rank, held, expanded, virtual, bound, pruned_at)


def _select(
    walk: _Walk, budget: int, page_limit: int, page_rows: int, *, lock: int | None, options: LodOptions
) -> _Choice:
    """Refine, among what was expanded, all that fits."""
    if lock is not None:
        return _Choice(walk.expanded, -1, False)
    bins = options.bins
    cover_rows, rows = _cost(walk, walk.count)
    cover_pages, pages = _cost(walk, -(-walk.count // page_rows))
    some = np.flatnonzero(walk.expanded & (walk.rank >= 0))
    if cover_rows > budget or cover_pages > page_limit:
        return _Choice(_refine(walk, -2, rows, pages, (0, 0, 0)), -2, True)
    rank = walk.rank[some]
    sum_rows = cover_rows + np.cumsum(np.bincount(rank, weights=rows[some], minlength=bins))
    sum_pages = cover_pages + np.cumsum(np.bincount(rank, weights=pages[some], minlength=bins))
    has_new = np.bincount(rank[~walk.held[some]], minlength=bins) > 0
    over = (sum_rows > budget) | (sum_pages > page_limit) | (has_new & (sum_rows > options.slack * budget))
    last = int(over.argmax()) if over.any() else bins
    if last == bins:
        return _Choice(_refine(walk, bins, rows, pages, (0, 0, 0)), bins, False)
    used_rows, used_pages = (sum_rows[last - 1], sum_pages[last - 1]) if last else (cover_rows, cover_pages)
    room = (budget - used_rows, options.slack * budget - used_rows, page_limit - used_pages)
    return _Choice(_refine(walk, last, rows, pages, room), last, False)


def _cost(walk: _Walk, amount: Int64Array) -> tuple[float, Float64Array]:
    """Give the amount of the coarsest visible cover, and what refining each node adds, floored at 0, (V,)."""
    own = amount.astype(np.float64)
    n = len(own)
    first = walk.at[1]
    below = np.bincount(walk.up[first:], weights=own[first:], minlength=n)
    if walk.virtual.any():
        for i in range(len(walk.at) - 2, -1, -1):
            here, under = (
                slice(walk.at[i], walk.at[i + 1]),
                slice(walk.at[i + 1], walk.at[min(i + 2, len(walk.at) - 1)]),
            )
            below[here] = np.bincount(walk.up[under] - walk.at[i], weights=own[under], minlength=here.stop - here.start)
            own[here] = np.where(walk.virtual[here], below[here], own[here])
    return float(own[:first].sum()), np.maximum(below - own, 0.0)


def _refine(
    walk: _Walk, last: int, rows: Float64Array, pages: Float64Array, room: tuple[float, float, float]
) -> BoolArray:
    """Refine all bins before `last` and, in it, the prefix that fits: coarse levels first, then held ones.

    `room` is what held nodes may add (rows), what new ones may (rows), and what all may (pages).
    """
    refined = np.zeros(len(walk.node), np.bool_)
    room_held, room_new, room_pages = room
    for i in range(len(walk.at) - 1):
        here = slice(walk.at[i], walk.at[i + 1])
        reached = walk.expanded[here] if i == 0 else walk.expanded[here] & refined[walk.up[here]]
        rank = walk.rank[here]
        refined[here] = reached & ((rank < last) | (rank == _ALWAYS))
        partly = np.flatnonzero(reached & (rank == last))
        if not len(partly):
            continue
        for mine, room_rows in ((True, room_held), (False, room_new)):
            group = partly[walk.held[here][partly] == mine] + here.start
            taken = _fitting(rows[group], pages[group], room_rows, room_pages)
            refined[group[:taken]] = True
            used = float(rows[group[:taken]].sum())
            room_held, room_new = room_held - used, room_new - used
            room_pages -= float(pages[group[:taken]].sum())
    return refined


def _fitting(rows: Float64Array, pages: Float64Array, room_rows: float, room_pages: float) -> int:
    """Count how many of the first items fit into both rooms."""
    fits = (np.cumsum(rows) <= room_rows) & (np.cumsum(pages) <= room_pages)
    return len(fits) if fits.all() else int(fits.argmin())


def _learn(walk: _Walk, choice: _Choice, ratio: float, budget: int) -> float:
    """Keep the allowance, unless it is far more than the choice needed."""
    if not 0 <= choice.last_bin < len(walk.bound) or budget <= 0:
        return ratio
    need = float(walk.bound[choice.last_bin]) / budget
    return max(1.3 * need, 1.0) if ratio > 1.7 * need and ratio > 1.0 else ratio
