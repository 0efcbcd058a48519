"""The walk: what of the tree the desired cut is chosen from.

Down level by level on whole arrays. Errors fall from parent to child, so "refine everything above t" is closed under
ancestors for every t, and a histogram of what refining costs over log2(error) stands for the best-first order. A node
beyond the bin in which the allowance is reached is not expanded.

A virtual node is refined whenever it is reached. "Position" is an index into the arrays over the V nodes walked.

A plan's arrays are short, hundreds of nodes a level, so that its time is the number of numpy calls: what is empty is
skipped, and methods are called where numpy's functions would first look for them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_zarr_vectors._lod.slabs import count_inside

if TYPE_CHECKING:
    from napari_zarr_vectors._lod.options import LodOptions
    from napari_zarr_vectors._lod.residency import Residency
    from napari_zarr_vectors._lod.tree import Tree
    from napari_zarr_vectors._lod.view import View

__all__ = ["ALWAYS", "Held", "Walk", "expand", "walk_down"]

BoolArray = npt.NDArray[np.bool_]
Float64Array = npt.NDArray[np.float64]
Int32Array = npt.NDArray[np.int32]
Int64Array = npt.NDArray[np.int64]

ALWAYS = -1
"""Bin of what is refined whatever it costs: virtual nodes, and levels above a locked one."""
_OCTAVES = 16.0
"""log2 of the largest error that the histogram tells apart."""
_JUST_WORSE = float(np.nextafter(1.0, 2.0))
"""Error that is worth just more than none, so that only the budget can undo a young refinement."""


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """What the previous plan refined: (k,) node numbers ascending, and whether each is too young to be undone."""

    nodes: Int32Array
    young: BoolArray


@dataclass(frozen=True, slots=True, eq=False)
class Walk:
    """The walked part of the tree.

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
    rank : (V,) int64
        Bin of the histogram; their number for what is never refined.
    held, expanded, virtual : (V,) bool
        `held` = refined by the previous plan too, above the finest level; `virtual` is None for none.
    bound : (bins,) float64
        Cost of the coarsest cover and of refining all up to each bin, by estimate.
    pruned_at : int
        The bin beyond which nothing was expanded.
    """

    at: tuple[int, ...]
    node: Int64Array
    up: Int64Array
    count: Int64Array
    error: Float64Array
    rank: Int64Array
    held: BoolArray
    expanded: BoolArray
    virtual: BoolArray | None
    bound: Float64Array
    pruned_at: int


def walk_down(
    view: View,
    residency: Residency,
    held: Held,
    *,
    allowance: float,
    budget: int,
    lock: int | None,
    options: LodOptions,
) -> Walk:
    """Go down from the roots, expanding what may be refined within the allowance.

    Parameters
    ----------
    view : View
    residency : Residency
        Its counts are read, not what is resident.
    held : Held
    allowance : float
        Vertices up to which refinements are looked at.
    budget : int
        Vertices that may be drawn.
    lock : int or None
        Tree level that is wanted everywhere, whatever it costs.
    options : LodOptions
    """
    tree = view.tree
    state = _Descent(allowance, budget, options.bins)
    memory = _Memory(held, tree.base)
    walked: list[tuple[_Front, _Level]] = []
    at = [0]
    front: _Front | None = _roots(tree)
    for i in range(len(tree.levels)):
        if front is None:
            break
        front = _cull(view, i, front)
        if i == len(tree.levels) - 1:
            level = _finest(view, residency, i, front, state)
        elif lock is None:
            level = _weigh(view, residency, i, front, memory, state, options)
        else:
            level = _locked(view, residency, i, front, memory, lock, options.bins)
        walked.append((front, level))
        front = _descend(tree, front, level, at[-1])
        at.append(at[-1] + len(level.count))
    at += at[-1:] * (max(len(tree.levels), 1) + 1 - len(at))
    return _concatenate(tree, walked, tuple(at), state)


def expand(child_ptr: Int64Array, nodes: npt.NDArray[np.integer]) -> tuple[Int64Array, Int64Array]:
    """List the children of `nodes`, in order, and tell how many each of `nodes` has."""
    start = child_ptr.take(nodes)
    number = child_ptr.take(nodes + 1) - start
    children = (start - (number.cumsum() - number)).repeat(number)
    children += np.arange(len(children))
    return children, number


class _Descent:
    """The running state of one walk: the histogram, and the bin beyond which nothing is expanded."""

    __slots__ = ("allowance", "budget", "cost", "cover", "pruned_at", "total")

    def __init__(self, allowance: float, budget: int, bins: int) -> None:
        self.allowance, self.budget = allowance, budget
        self.cover = self.total = 0.0
        """Cost of the coarsest real nodes, which are drawn in any case; and of everything."""
        self.cost = np.zeros(bins)
        """Cost of refining each bin, with the cover in the first. Whole numbers: sums are exact in any order."""
        self.pruned_at = bins

    def charge(self, cover: float, rank: Int64Array, cost: Int64Array) -> None:
        """Add a level's cover and the costs of refining some of it, and move the bin accordingly."""
        if len(rank):
            floored = np.maximum(cost, 0)
            self.cost += np.bincount(rank, weights=floored, minlength=len(self.cost))
            self.total += float(floored.sum())
        self.cost[0] += cover
        self.cover += cover
        self.total += cover
        if self.total > self.allowance:
            self.pruned_at = int(self.cost.cumsum().searchsorted(self.allowance, side="right"))
        if self.cover > self.budget:
            self.pruned_at = ALWAYS


class _Memory:
    """What the previous plan refined, by tree level; `floor` is the least error that each counts with."""

    __slots__ = ("bounds", "floor", "nodes")

    def __init__(self, held: Held, base: Int64Array) -> None:
        self.nodes = held.nodes.astype(np.int64)
        self.floor = np.where(held.young, _JUST_WORSE, 0.0)
        self.bounds = self.nodes.searchsorted(base).tolist()

    def among(self, level: int, nodes: Int64Array) -> tuple[Int64Array, Float64Array]:
        """Find those of a level's `nodes` that are remembered: indices into `nodes`, and floors."""
        mine = slice(*self.bounds[level : level + 2])
        if not len(nodes) or mine.stop == mine.start:
            return np.empty(0, np.int64), np.empty(0)
        at = nodes.searchsorted(self.nodes[mine])
        met = nodes.take(at, mode="clip") == self.nodes[mine]
        return at[met], self.floor[mine][met]


@dataclass(frozen=True, slots=True, eq=False)
class _Front:
    """The nodes of one level that a walk has come to, n of them.

    `up` are the parents' positions, `limit` their errors; `border` are those whose parent is not wholly in view;
    `top` those that have only virtual ancestors, None for none of them.
    """

    node: Int64Array
    up: Int64Array
    border: BoolArray
    limit: Float64Array
    top: BoolArray | None


@dataclass(frozen=True, slots=True, eq=False)
class _Level:
    """What a walk found out about the n nodes of a level; `held` are indices, the rest as in `Walk`."""

    count: Int64Array
    error: Float64Array
    rank: Int64Array
    held: Int64Array
    expanded: BoolArray
    virtual: BoolArray | None


def _roots(tree: Tree) -> _Front:
    """Begin a walk."""
    n = int(tree.base[1]) if tree.levels else 0
    return _Front(np.arange(n), np.full(n, -1), np.ones(n, np.bool_), np.full(n, np.inf), np.ones(n, np.bool_))


def _cull(view: View, level: int, front: _Front) -> _Front:
    """Drop what is out of view.

    Only boxes whose parent lies on the border of the view are tested.
    """
    tested = front.border.nonzero()[0]
    if not len(tested):
        return front
    nodes = front.node.take(tested)
    seen, whole = view.inside(level, nodes, view.place(nodes))
    border = np.zeros(len(front.node), np.bool_)
    border[tested] = ~whole
    if seen.all():
        return _Front(front.node, front.up, border, front.limit, front.top)
    keep = np.ones(len(border), np.bool_)
    keep[tested] = seen
    kept = keep.nonzero()[0]
    return _Front(
        front.node.take(kept),
        front.up.take(kept),
        border.take(kept),
        front.limit.take(kept),
        None if front.top is None else front.top.take(kept),
    )


def _weigh(
    view: View,
    residency: Residency,
    i: int,
    front: _Front,
    memory: _Memory,
    state: _Descent,
    options: LodOptions,
) -> _Level:
    """Decide which nodes of a level may be refined within the allowance."""
    count, error, virtual, share = _errors(view, residency, i, front)
    held, floor = memory.among(i, front.node)
    below = residency.child_sum.take(front.node)
    if share is not None:
        # A coarse level may have none of the few that lie in the slab.
        below = np.maximum(np.ceil(below * share).astype(np.int64), np.minimum(below, 1))
    some, rank = _rank(_felt(error, held, floor, options.hysteresis), below, virtual, options.bins)
    state.charge(_cover(front, count), rank, below.take(some) - count.take(some))
    ranks = np.full(len(error), options.bins)
    ranks[some] = rank
    if virtual is not None:
        ranks[virtual] = ALWAYS
    expanded = ranks <= min(state.pruned_at, options.bins - 1)
    if state.pruned_at >= 0 and len(held):
        expanded[held] = ranks.take(held) < options.bins
    return _Level(count, error, ranks, held, expanded, virtual)


def _locked(view: View, residency: Residency, i: int, front: _Front, memory: _Memory, lock: int, bins: int) -> _Level:
    """Refine a level that is coarser than the locked one, whatever it costs."""
    count, error, virtual, _ = _errors(view, residency, i, front)
    held, _ = memory.among(i, front.node)
    n = len(count)
    return _Level(count, error, np.full(n, ALWAYS if i < lock else bins), held, np.full(n, i < lock), virtual)


def _finest(view: View, residency: Residency, i: int, front: _Front, state: _Descent) -> _Level:
    """Enter the finest level: no error, and nothing to refine."""
    count, _ = count_inside(view, residency, i, front.node)
    none = np.empty(0, np.int64)
    state.charge(_cover(front, count), none, none)
    n = len(count)
    return _Level(count, np.zeros(n), np.full(n, len(state.cost)), none, np.zeros(n, np.bool_), None)


def _errors(
    view: View, residency: Residency, i: int, front: _Front
) -> tuple[Int64Array, Float64Array, BoolArray | None, Float64Array | None]:
    """Give counts, errors, which nodes are virtual, None for none, and what share of each lies in the slab."""
    count, share = count_inside(view, residency, i, front.node)
    error = view.error(i, view.place(front.node), count)
    np.minimum(error, front.limit, out=error)
    if not view.tree.has_virtual:
        return count, error, None, share
    virtual = view.tree.is_virtual.take(front.node)
    error[virtual] = front.limit[virtual]
    return count, error, virtual, share


def _cover(front: _Front, count: Int64Array) -> float:
    """Sum the counts of a level's nodes that have no real ancestor."""
    return 0.0 if front.top is None else float(count[front.top].sum())


def _felt(error: Float64Array, held: Int64Array, floor: Float64Array, hysteresis: float) -> Float64Array:
    """Give the errors that nodes are ranked by.

    Held nodes count with a larger one; as all ancestors of a held node are held, errors still fall downwards.
    """
    if not len(held):
        return error
    felt = error.copy()
    felt[held] = np.maximum(error.take(held) * hysteresis, floor)
    return felt


def _rank(felt: Float64Array, below: Int64Array, virtual: BoolArray | None, bins: int) -> tuple[Int64Array, Int64Array]:
    """List what may be refined for its error, and its bins, 0 = most urgent.

    What has nothing `below` it or is good enough is left out.
    """
    worse = felt > 1
    worse &= below > 0
    if virtual is not None:
        worse &= ~virtual
    some = worse.nonzero()[0]
    step = np.log2(felt.take(some))
    step *= (bins - 1) / _OCTAVES
    np.minimum(step, bins - 1, out=step)
    return some, bins - 1 - step.astype(np.int64)


def _descend(tree: Tree, front: _Front, level: _Level, offset: int) -> _Front | None:
    """Step to the children of what is expanded, None for none; `offset` is the first one's position."""
    parents = level.expanded.nonzero()[0]
    if not len(parents):
        return None
    node, number = expand(tree.child_ptr, front.node.take(parents))
    of = parents.repeat(number)
    top = None
    if level.virtual is not None and front.top is not None:
        top = (front.top & level.virtual).take(of)
    return _Front(node, of + offset, front.border.take(of), level.error.take(of), top)


def _concatenate(tree: Tree, walked: list[tuple[_Front, _Level]], at: tuple[int, ...], state: _Descent) -> Walk:
    """Join the levels of a walk."""
    fronts, levels = [front for front, _ in walked], [level for _, level in walked]
    whole, flag = np.empty(0, np.int64), np.empty(0, np.bool_)
    held = np.zeros(at[-1], np.bool_)
    for begin, level in zip(at, levels, strict=False):
        held[begin + level.held] = True
    node = np.concatenate([whole, *(front.node for front in fronts)])
    return Walk(
        at=at,
        node=node,
        up=np.concatenate([whole, *(front.up for front in fronts)]),
        count=np.concatenate([whole, *(level.count for level in levels)]),
        error=np.concatenate([np.empty(0), *(level.error for level in levels)]),
        rank=np.concatenate([whole, *(level.rank for level in levels)]),
        held=held,
        expanded=np.concatenate([flag, *(level.expanded for level in levels)]),
        virtual=tree.is_virtual.take(node) if tree.has_virtual else None,
        bound=state.cost.cumsum(),
        pruned_at=state.pruned_at if state.pruned_at >= 0 else len(state.cost),
    )
