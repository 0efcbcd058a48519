"""What is drawn of the cut while data is missing, within the budget.

For each desired node: (1) itself, if resident; (2) else the resident nodes below it, if there are any, and an
ancestor in the gaps between them; (3) else the nearest resident ancestor, confined to the node's place; (4) else
there is a hole.

Over the budget (a stand-in is charged in full, however little of it is drawn), in this order and only as far as
needed: arrivals wait beside the stand-in that they would otherwise have to share the budget with; nodes below the
cut give way to an ancestor; stand-ins take over their whole branch, lowest error first; all is thinned. The third
step leaves an antichain between roots and cut, which fits by construction of the cut.

"Position" is an index into the walked nodes, see `cut`; "item" an index into the m desired nodes.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_zarr_vectors._lod.cut import topmost
from napari_zarr_vectors._lod.residency import ascending, is_in
from napari_zarr_vectors._lod.slabs import count_inside
from napari_zarr_vectors._lod.walk import expand

if TYPE_CHECKING:
    from napari_zarr_vectors._lod.cut import Cut
    from napari_zarr_vectors._lod.plan import LodPlan
    from napari_zarr_vectors._lod.residency import Residency
    from napari_zarr_vectors._lod.tree import Tree
    from napari_zarr_vectors._lod.view import View

__all__ = [
    "ADEQUATE",
    "FINER",
    "HOLE",
    "SELF",
    "STAND_IN",
    "Shown",
    "choose_shown",
    "quantised_share",
]

BoolArray = npt.NDArray[np.bool_]
Float64Array = npt.NDArray[np.float64]
Int8Array = npt.NDArray[np.int8]
Int32Array = npt.NDArray[np.int32]
Int64Array = npt.NDArray[np.int64]

SELF, STAND_IN, FINER, HOLE = 0, 1, 2, 3

ADEQUATE = 1 - 1e-5
"""A resident share this near the wanted one is the wanted one; float32 cannot tell more."""
_STEPS = 8
"""Steps of a share per factor of two."""


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """What is drawn.

    Attributes
    ----------
    show, part : (n,) int32
        Nodes and the node to whose place each is confined.
    nodes : (k,) int32
        The nodes of `show`, each once, ascending.
    fraction : float
        Share of the rows that is drawn.
    vertices : int
        Upper bound of what is drawn.
    state : (m,) int8
        How each desired node is represented: SELF, STAND_IN, FINER or HOLE.
    stand_in : (m,) int64
        Position of the nearest resident strict ancestor of each desired node, -1 for none.
    gap_holes : (m,) int64
        Holes inside of desired nodes that are shown by finer ones.
    have : (m,) float32
        Resident share of each desired node's rows.
    """

    show: Int32Array
    part: Int32Array
    nodes: Int32Array
    fraction: float
    vertices: int
    state: Int8Array
    stand_in: Int64Array
    gap_holes: Int64Array
    have: npt.NDArray[np.float32]


def quantised_share(wanted: float) -> float:
    """Give the largest step of 2 ** (-k / 8) that is at most `wanted`; 0 for 0."""
    if wanted >= 1:
        return 1.0
    return float(2.0 ** (np.floor(np.log2(wanted) * _STEPS) / _STEPS)) if wanted > 0 else 0.0


def _rows_of(view: View, residency: Residency, nodes: npt.NDArray[np.integer], fraction: float) -> Float64Array:
    """Rows drawn of resident nodes at a share: at most what is resident, rounded down."""
    inside, _ = count_inside(view, residency, view.tree.level_of(nodes), nodes)
    return _rows(residency.fraction.take(nodes), inside, fraction)


def _rows(have: npt.NDArray[np.float32], count: Int64Array, fraction: float) -> Float64Array:
    """Rows drawn at a share of nodes of so many rows, of which they `have` a share."""
    rows = have.astype(np.float64)
    rows /= ADEQUATE
    np.minimum(rows, fraction, out=rows)
    rows *= count
    return np.floor(rows, out=rows)


def choose_shown(
    view: View, cut: Cut, residency: Residency, previous: LodPlan | None, *, budget: int, fraction: float
) -> Shown:
    """Choose what is drawn.

    Parameters
    ----------
    view : View
    cut : Cut
    residency : Residency
    previous : LodPlan or None
        What it drew whole does not wait again.
    budget : int
    fraction : float
        Share of the rows of the desired nodes that fits the budget.
    """
    scene = _arrange(view, cut, residency, fraction)
    cover = np.empty(0, np.int64)
    if _total(scene) > budget:
        _let_newcomers_wait(scene, residency.tree, _settled(previous))
        _admit(scene, budget)
        _give_up_finer(scene, budget)
        if _total(scene) > budget:
            cover = _collapse(scene, budget)
    return _draw(view, scene, cover, residency, budget, fraction)


def _settled(previous: LodPlan | None) -> Int32Array:
    """List what the previous plan drew whole, ascending."""
    if previous is None:
        return np.empty(0, np.int32)
    return np.sort(previous.show[previous.show == previous.part])


@dataclass(slots=True, eq=False)
class _Finer:
    """Representations inside of desired nodes that are missing: k rows, each for one item.

    `show` is the resident node, or -1 where the item's stand-in (or a hole) fills the place `part`.
    """

    item: Int64Array
    show: Int64Array
    part: Int64Array


@dataclass(slots=True, eq=False)
class _Scene:
    """The representation under construction; `state` is what the steps change.

    `walk_rows` (V,) are the rows that each walked node would draw; `finer_rows` (m,) those of an item's finer
    nodes; `gaps` (m,) how many places finer nodes leave open; `waiting` (m,) resident nodes that are held back; `have`
    (m,) the resident shares of items.
    """

    cut: Cut
    node: Int64Array
    state: Int8Array
    stand_in: Int64Array
    walk_rows: Float64Array
    finer: _Finer
    finer_rows: Float64Array
    gaps: Int64Array
    waiting: BoolArray
    have: npt.NDArray[np.float32]


def _arrange(view: View, cut: Cut, residency: Residency, fraction: float) -> _Scene:
    """Represent every desired node as well as the residency allows, whatever it costs."""
    walk_have = residency.fraction.take(cut.node)
    have = walk_have.take(cut.items)
    stand_in = _above(cut, walk_have > 0)
    state = np.full(len(have), HOLE, np.int8)
    state[stand_in >= 0] = STAND_IN
    state[have > 0] = SELF
    node = cut.node.take(cut.items)
    finer = _look_below(view, node, (state != SELF).nonzero()[0], residency)
    m = len(have)
    finer_rows, gaps = np.zeros(m), np.zeros(m, np.int64)
    if len(finer.item):
        drawn = finer.show >= 0
        item = finer.item[drawn]
        rows = _rows_of(view, residency, finer.show[drawn], fraction)
        finer_rows = np.bincount(item, weights=rows, minlength=m).astype(np.float64)
        gaps = np.bincount(finer.item[~drawn], minlength=m)
        state[item] = FINER
    walk_rows = _rows(walk_have, cut.count, fraction)
    waiting = np.zeros(m, np.bool_)
    return _Scene(cut, node, state, stand_in, walk_rows, finer, finer_rows, gaps, waiting, have)


def _above(cut: Cut, flagged: BoolArray) -> Int64Array:
    """Give the nearest flagged position strictly above each desired one, -1 for none, (m,)."""
    nearest = cut.up.take(cut.items)
    on = np.zeros(len(flagged) + 1, np.bool_)  # -1 reads the last
    np.logical_not(flagged, out=on[:-1])
    todo = on.take(nearest).nonzero()[0]
    while len(todo):
        further = cut.up.take(nearest.take(todo))
        nearest[todo] = further
        todo = todo[on.take(further)]
    return nearest


def _nearest(cut: Cut, flagged: BoolArray) -> Int64Array:
    """Give for each position the nearest flagged one among itself and its ancestors, -1 for none, (V,)."""
    nearest = np.where(flagged, np.arange(len(flagged)), -1)
    for begin, end in pairwise(cut.at[1:]):
        np.copyto(nearest[begin:end], nearest.take(cut.up[begin:end]), where=~flagged[begin:end])
    return nearest


def _look_below(view: View, node: Int64Array, missing: Int64Array, residency: Residency) -> _Finer:
    """Find the coarsest resident nodes below missing ones and the visible places that they leave open."""
    tree = view.tree
    empty = np.empty(0, np.int64)
    rows: list[tuple[Int64Array, Int64Array, Int64Array]] = [(empty, empty, empty)]
    if not len(missing) or not len(residency.residents):
        return _Finer(empty, empty, empty)
    residents = _ended(residency.residents)
    missing = missing[node.take(missing) < tree.base[-2]]
    missing = missing[_has_below(tree, node.take(missing), residents)]
    level = tree.level_of(node.take(missing))
    items, nodes = empty, empty
    for i in range(int(level.min()) if len(level) else len(tree.levels), len(tree.levels) - 1):
        own = missing[level == i]
        items = np.concatenate([items, own])
        nodes = np.concatenate([nodes, node.take(own)])
        if not len(items):
            continue
        children, number = expand(tree.child_ptr, nodes)
        seen = view.visible(i + 1, children, view.place(children))
        children, of = children[seen], items.repeat(number)[seen]
        here = residency.fraction.take(children) > 0
        deeper = ~here
        deeper[deeper] = _has_below(tree, children[deeper], residents)
        gap = ~(here | deeper)
        rows.append((of[here], children[here], children[here]))
        rows.append((of[gap], np.full(np.count_nonzero(gap), -1), children[gap]))
        items, nodes = of[deeper], children[deeper]
    item, show, part = (np.concatenate(column) for column in zip(*rows, strict=True))
    return _Finer(item, show, part)


def _ended(ascending: Int32Array) -> Int64Array:
    """Put a number above all others behind some nodes."""
    ended = np.full(len(ascending) + 1, np.iinfo(np.int64).max)
    ended[:-1] = ascending
    return ended


def _has_below(tree: Tree, nodes: Int64Array, among: Int64Array) -> BoolArray:
    """Tell which nodes have a descendant `among` some, `_ended`: descendants are an interval of each finer level."""
    found = np.zeros(len(nodes), np.bool_)
    if not len(nodes) or len(among) == 1:
        return found
    lo, hi = nodes, nodes + 1
    for _ in range(len(tree.levels) - 1):
        lo, hi = tree.child_ptr.take(lo), tree.child_ptr.take(hi)
        if among[-2] < lo.min():
            break
        found |= among.take(among.searchsorted(lo)) < hi
    return found


def _used(scene: _Scene) -> Int64Array:
    """List the positions of the stand-ins in use, ascending."""
    uses = scene.state == STAND_IN
    if len(scene.finer.item):
        uses |= (scene.state == FINER) & (scene.gaps > 0)
    flags = np.zeros(len(scene.cut.node) + 1, np.bool_)  # -1 marks the last
    flags[scene.stand_in[uses]] = True
    return flags[:-1].nonzero()[0]


def _total(scene: _Scene) -> float:
    """Rows drawn, stand-ins charged in full and once."""
    total = scene.walk_rows.take(scene.cut.items[scene.state == SELF]).sum()
    total += scene.walk_rows.take(_used(scene)).sum()
    if len(scene.finer.item):
        total += scene.finer_rows[scene.state == FINER].sum()
    return float(total)


def _let_newcomers_wait(scene: _Scene, tree: Tree, settled: Int32Array) -> None:
    """Go back to the stand-in wherever the previous plan did not draw what would now be drawn.

    What replaces finer nodes does not wait: its stand-in would be a loss.
    """
    finer = scene.finer
    known = is_in(finer.show, settled)
    kept = np.bincount(finer.item[known], minlength=len(scene.cut.items)) > 0
    new = (scene.state == FINER) & ~kept
    mine = np.flatnonzero((scene.state == SELF) & ~is_in(scene.node, settled))
    new[mine[~_has_below(tree, scene.node[mine], _ended(settled))]] = True
    new &= scene.stand_in >= 0
    scene.waiting = new & (scene.state == SELF)
    scene.state[new] = STAND_IN


def _admit(scene: _Scene, budget: int) -> None:
    """Draw waiting nodes after all, as far as they fit, highest error first.

    A node beside missing siblings is admitted by itself, as the stand-in is drawn anyhow. One whose siblings are
    all there is admitted with them: together they replace the stand-in, at once if that costs nothing.
    """
    stand_in, waiting = scene.stand_in, scene.waiting
    n = len(scene.cut.node)
    others = ~waiting & ((scene.state == STAND_IN) | ((scene.state == FINER) & (scene.gaps > 0)))
    forced = np.zeros(n, np.bool_)
    forced[stand_in[others & (stand_in >= 0)]] = True
    rows = scene.walk_rows[scene.cut.items]
    single = np.flatnonzero(waiting & forced[stand_in])
    branch = np.unique(stand_in[waiting & ~forced[stand_in]])
    replaced = np.bincount(stand_in[waiting], weights=rows[waiting], minlength=n) - scene.walk_rows
    cost = np.concatenate([rows[single], replaced[branch]])
    error = scene.cut.error[np.concatenate([stand_in[single], branch])]
    order = np.lexsort((-error, cost > 0))
    room = budget - _total(scene)
    admitted = order[(cost[order] <= 0) | (np.cumsum(cost[order]) <= room)]
    scene.state[single[admitted[admitted < len(single)]]] = SELF
    opened = np.zeros(n, np.bool_)
    opened[branch[admitted[admitted >= len(single)] - len(single)]] = True
    scene.state[waiting & opened[stand_in]] = SELF


def _give_up_finer(scene: _Scene, budget: int) -> None:
    """Let the ancestor stand in for nodes below the cut, lowest error first, until the rest fits."""
    over = _total(scene) - budget
    some = np.flatnonzero((scene.state == FINER) & (scene.stand_in >= 0))
    if over <= 0 or not len(some):
        return
    used = np.zeros(len(scene.cut.node), np.bool_)
    used[_used(scene)] = True
    fresh = np.unique(scene.stand_in[some])
    over += scene.walk_rows[fresh[~used[fresh]]].sum()
    some = some[np.argsort(scene.cut.error[scene.stand_in[some]], kind="stable")]
    enough = int(np.searchsorted(np.cumsum(scene.finer_rows[some]), over))
    scene.state[some[: enough + 1]] = STAND_IN


def _collapse(scene: _Scene, budget: int) -> Int64Array:
    """Choose stand-ins that take over all below them, lowest error first; give the topmost ones' positions.

    Errors fall downwards, so a nested stand-in always goes before the outer one, and what a stand-in saves is what
    hangs on it directly.
    """
    cut = scene.cut
    used = np.zeros(len(cut.node), np.bool_)
    used[_used(scene)] = True
    order = np.flatnonzero(used)[::-1]
    order = order[np.argsort(cut.error[order], kind="stable")]
    nearest = _nearest(cut, used)
    above = np.where(cut.up >= 0, nearest[cut.up], -1)
    rows = np.where(used, scene.walk_rows, 0.0)
    own = scene.cut.items[scene.state == SELF]
    rows[own] += scene.walk_rows[own]
    finer = scene.cut.items[scene.state == FINER]
    rows[finer] += scene.finer_rows[scene.state == FINER]
    saved = np.bincount(above[above >= 0], weights=rows[above >= 0], minlength=len(rows))[order]
    enough = int(np.searchsorted(np.cumsum(saved), _total(scene) - budget))
    return np.sort(order[: enough + 1])


def _draw(view: View, scene: _Scene, cover: Int64Array, residency: Residency, budget: int, fraction: float) -> Shown:
    """Turn the representation into rows to draw: confined places are merged as far as they lie together."""
    cut, state = scene.cut, scene.state
    source = scene.stand_in
    if len(cover):
        collapsed = np.zeros(len(cut.node), np.bool_)
        collapsed[cover] = True
        over = topmost(cut, collapsed).take(cut.items)
        taken = over >= 0
        state[taken] = STAND_IN
        source = np.where(taken, over, source)
    whole = scene.node[state == SELF]
    by, place = _merge(cut, np.where(state == STAND_IN, source, -1))
    finer, gaps, holes = _drawn_below(scene)
    below = scene.finer
    fill = scene.stand_in.take(below.item.take(gaps))
    show = np.concatenate([whole, cut.node.take(by), below.show.take(finer), cut.node.take(fill)]).astype(np.int32)
    part = np.concatenate([whole, cut.node.take(place), below.part.take(finer), below.part.take(gaps)]).astype(np.int32)
    nodes = ascending(show)
    share, vertices = _thin(view, residency, nodes, budget, fraction)
    return Shown(show, part, nodes, share, vertices, state, scene.stand_in, holes, scene.have)


def _drawn_below(scene: _Scene) -> tuple[Int64Array, Int64Array, Int64Array]:
    """List the finer rows that are drawn and those that a stand-in fills; count the holes of each item, (m,)."""
    finer, m = scene.finer, len(scene.state)
    if not len(finer.item):
        return finer.item, finer.item, np.zeros(m, np.int64)
    of = scene.state.take(finer.item) == FINER
    there = finer.show >= 0
    gap = of & ~there
    filled = scene.stand_in.take(finer.item) >= 0
    holes = np.bincount(finer.item[gap & ~filled], minlength=m)
    return (of & there).nonzero()[0], (gap & filled).nonzero()[0], holes


def _merge(cut: Cut, label: Int64Array) -> tuple[Int64Array, Int64Array]:
    """Join places that are drawn by one stand-in and fill all that is visible of a larger place.

    Parameters
    ----------
    cut : Cut
    label : (m,) int64
        Position of the stand-in of each desired node that has one, else -1.

    Returns
    -------
    by, place : (n,) int64
        Positions of stand-ins and of the largest places that each fills alone.
    """
    if not (label >= 0).any():
        return np.empty(0, np.int64), np.empty(0, np.int64)
    n = len(cut.node)
    common = np.full(n, n)  # the label of all that is desired inside of each place, n where nothing is
    common[cut.items] = label
    for begin, end in reversed([*pairwise(cut.at[1:])]):
        some = (common[begin:end] < n).nonzero()[0]
        some += begin
        mine, up = common.take(some), cut.up.take(some)
        common[up] = mine  # any child's, and then it is compared with all
        common[up[common.take(up) != mine]] = -1
    # Positions ascend from coarse to fine: a place at or below its stand-in has no smaller position.
    alone = (common >= 0) & (common <= np.arange(n))
    place = alone.nonzero()[0]
    by, up = common.take(place), cut.up.take(place)
    largest = (up < 0) | ~alone.take(up) | (common.take(up) != by)
    return by[largest], place[largest]


def _thin(view: View, residency: Residency, show: Int32Array, budget: int, fraction: float) -> tuple[float, int]:
    """Lower the share until what is shown fits; give it and the rows."""
    inside, _ = count_inside(view, residency, view.tree.level_of(show), show)
    have = residency.fraction.take(show)
    total = float(_rows(have, inside, fraction).sum())
    if total > budget:
        fraction = min(fraction, quantised_share(budget / float(inside.sum())))
        total = float(_rows(have, inside, fraction).sum())
    return fraction, int(total)
