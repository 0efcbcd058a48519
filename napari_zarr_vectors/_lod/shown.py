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
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_zarr_vectors._lod.cut import expand
from napari_zarr_vectors._lod.residency import ascending

if TYPE_CHECKING:
    from napari_zarr_vectors._lod.cut import Cut
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
    "rows_of",
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
    """

    show: Int32Array
    part: Int32Array
    fraction: float
    vertices: int
    state: Int8Array
    stand_in: Int64Array
    gap_holes: Int64Array


def quantised_share(wanted: float) -> float:
    """Give the largest step of 2 ** (-k / 8) that is at most `wanted`; 0 for 0."""
    if wanted >= 1:
        return 1.0
    return float(2.0 ** (np.floor(np.log2(wanted) * _STEPS) / _STEPS)) if wanted > 0 else 0.0


def rows_of(residency: Residency, nodes: npt.NDArray[np.integer], fraction: float) -> Float64Array:
    """Rows drawn of resident nodes at a share: at most what is resident, rounded down."""
    share = residency.fraction[nodes].astype(np.float64) / ADEQUATE
    return np.asarray(np.floor(np.minimum(share, fraction) * residency.count[nodes]))


def choose_shown(
    view: View, cut: Cut, residency: Residency, settled: Int32Array, *, budget: int, fraction: float
) -> Shown:
    """Choose what is drawn.

    Parameters
    ----------
    view : View
    cut : Cut
    residency : Residency
    settled : (s,) int32
        Nodes that the previous plan drew whole, ascending: they do not wait again.
    budget : int
    fraction : float
        Share of the rows of the desired nodes that fits the budget.
    """
    scene = _arrange(view, cut, residency, fraction)
    if _total(scene) > budget:
        _let_newcomers_wait(scene, residency.tree, settled)
        _admit(scene, budget)
        _give_up_finer(scene, budget)
    cover = np.empty(0, np.int64)
    if _total(scene) > budget:
        cover = _collapse(scene, budget)
    return _draw(scene, cover, residency, budget, fraction)


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
    nodes; `gaps` (m,) how many places finer nodes leave open; `waiting` (m,) resident nodes that are held back.
    """

    cut: Cut
    items: Int64Array
    node: Int64Array
    state: Int8Array
    stand_in: Int64Array
    walk_rows: Float64Array
    finer: _Finer
    finer_rows: Float64Array
    gaps: Int64Array
    waiting: BoolArray


def _arrange(view: View, cut: Cut, residency: Residency, fraction: float) -> _Scene:
    """Represent every desired node as well as the residency allows, whatever it costs."""
    items = np.flatnonzero(cut.desired)
    resident = residency.fraction[cut.node] > 0
    nearest = _nearest(cut, resident)
    up = cut.up[items]
    stand_in = np.where(up >= 0, nearest[up], -1)
    state = np.where(resident[items], SELF, np.where(stand_in >= 0, STAND_IN, HOLE)).astype(np.int8)
    node = cut.node[items]
    finer = _look_below(view, node, np.flatnonzero(state != SELF), residency)
    m = len(items)
    drawn = finer.show >= 0
    rows = rows_of(residency, finer.show[drawn], fraction)
    finer_rows = np.bincount(finer.item[drawn], weights=rows, minlength=m).astype(np.float64)
    gaps = np.bincount(finer.item[~drawn], minlength=m)
    state[finer.item[drawn]] = FINER
    walk_rows = rows_of(residency, cut.node, fraction)
    return _Scene(cut, items, node, state, stand_in, walk_rows, finer, finer_rows, gaps, np.zeros(m, np.bool_))


def _nearest(cut: Cut, flagged: BoolArray) -> Int64Array:
    """Give for each position the nearest flagged one among itself and its ancestors, -1 for none, (V,)."""
    nearest = np.where(flagged, np.arange(len(flagged)), -1)
    for i in range(1, len(cut.at) - 1):
        here = slice(cut.at[i], cut.at[i + 1])
        above = nearest[cut.up[here]]
        nearest[here] = np.where(flagged[here], nearest[here], above)
    return nearest


def _look_below(view: View, node: Int64Array, missing: Int64Array, residency: Residency) -> _Finer:
    """Find the coarsest resident nodes below missing ones and the visible places that they leave open."""
    tree = view.tree
    empty = np.empty(0, np.int64)
    rows: list[tuple[Int64Array, Int64Array, Int64Array]] = [(empty, empty, empty)]
    missing = missing[node[missing] < tree.base[-2]] if tree.levels else missing
    missing = missing[_has_below(tree.child_ptr, node[missing], residency.residents, len(tree.levels))]
    level = tree.level_of(node[missing])
    items, nodes = empty, empty
    for i in range(int(level.min()) if len(level) else len(tree.levels), len(tree.levels) - 1):
        items = np.concatenate([items, missing[level == i]])
        nodes = np.concatenate([nodes, node[missing[level == i]]])
        children, of = expand(tree.child_ptr, nodes)
        seen, _ = view.inside(i + 1, children, view.place(children))
        children, of = children[seen], items[of[seen]]
        here = residency.fraction[children] > 0
        deeper = ~here
        deeper[deeper] = _has_below(tree.child_ptr, children[deeper], residency.residents, len(tree.levels))
        gap = ~here & ~deeper
        rows.append((of[here], children[here], children[here]))
        rows.append((of[gap], np.full(int(gap.sum()), -1), children[gap]))
        items, nodes = of[deeper], children[deeper]
    item, show, part = (np.concatenate(column) for column in zip(*rows, strict=True))
    return _Finer(item, show, part)


def _has_below(child_ptr: Int64Array, nodes: Int64Array, among: Int32Array, levels: int) -> BoolArray:
    """Tell which nodes have a descendant `among` some, ascending: descendants are an interval of each finer level."""
    found = np.zeros(len(nodes), np.bool_)
    if not len(nodes):
        return found
    ended = np.append(among, np.iinfo(np.int64).max)
    lo, hi = nodes, nodes + 1
    for _ in range(levels - 1):
        lo, hi = child_ptr[lo], child_ptr[hi]
        if not len(among) or among[-1] < lo.min():
            break
        found |= ended[np.searchsorted(ended, lo)] < hi
    return found


def _is_in(nodes: Int64Array, ascending: Int32Array) -> BoolArray:
    """Tell which of `nodes` occur among the `ascending` ones."""
    if not len(ascending):
        return np.zeros(len(nodes), np.bool_)
    at = np.minimum(np.searchsorted(ascending, nodes), len(ascending) - 1)
    return np.asarray(ascending[at] == nodes)


def _used(scene: _Scene) -> Int64Array:
    """List the positions of the stand-ins in use, ascending."""
    uses = (scene.state == STAND_IN) | ((scene.state == FINER) & (scene.gaps > 0))
    stand_in = scene.stand_in[uses]
    flags = np.zeros(len(scene.cut.node), np.bool_)
    flags[stand_in[stand_in >= 0]] = True
    return np.flatnonzero(flags)


def _total(scene: _Scene) -> float:
    """Rows drawn, stand-ins charged in full and once."""
    own = scene.walk_rows[scene.items[scene.state == SELF]].sum()
    finer = scene.finer_rows[scene.state == FINER].sum()
    return float(own + finer + scene.walk_rows[_used(scene)].sum())


def _let_newcomers_wait(scene: _Scene, tree: Tree, settled: Int32Array) -> None:
    """Go back to the stand-in wherever the previous plan did not draw what would now be drawn.

    What replaces finer nodes does not wait: its stand-in would be a loss.
    """
    finer = scene.finer
    known = _is_in(finer.show, settled)
    kept = np.bincount(finer.item[known], minlength=len(scene.items)) > 0
    new = (scene.state == FINER) & ~kept
    mine = np.flatnonzero((scene.state == SELF) & ~_is_in(scene.node, settled))
    new[mine[~_has_below(tree.child_ptr, scene.node[mine], settled, len(tree.levels))]] = True
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
    rows = scene.walk_rows[scene.items]
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
    own = scene.items[scene.state == SELF]
    rows[own] += scene.walk_rows[own]
    finer = scene.items[scene.state == FINER]
    rows[finer] += scene.finer_rows[scene.state == FINER]
    saved = np.bincount(above[above >= 0], weights=rows[above >= 0], minlength=len(rows))[order]
    enough = int(np.searchsorted(np.cumsum(saved), _total(scene) - budget))
    return np.sort(order[: enough + 1])


def _draw(scene: _Scene, cover: Int64Array, residency: Residency, budget: int, fraction: float) -> Shown:
    """Turn the representation into rows to draw: confined places are merged as far as they lie together."""
    cut = scene.cut
    label = np.full(len(cut.node), -1)
    collapsed = np.zeros(len(cut.node), np.bool_)
    collapsed[cover] = True
    over = _topmost(cut, collapsed)[scene.items]
    taken = over >= 0
    scene.state[taken] = STAND_IN
    source = np.where(taken, over, scene.stand_in)
    stood = scene.state == STAND_IN
    label[scene.items[stood]] = source[stood]
    whole = cut.node[scene.items[scene.state == SELF]]
    by, place = _merge(cut, label)
    finer = scene.finer
    of = scene.state[finer.item] == FINER
    fill = scene.stand_in[finer.item]
    filled = of & (finer.show < 0) & (fill >= 0)
    drawn = of & (finer.show >= 0)
    show = np.concatenate([whole, cut.node[by], finer.show[drawn], cut.node[fill[filled]]]).astype(np.int32)
    part = np.concatenate([whole, cut.node[place], finer.part[drawn], finer.part[filled]]).astype(np.int32)
    holes = np.bincount(finer.item[of & (finer.show < 0) & (fill < 0)], minlength=len(scene.items))
    share, vertices = _thin(residency, ascending(show), budget, fraction)
    return Shown(show, part, share, vertices, scene.state, scene.stand_in, holes)


def _topmost(cut: Cut, flagged: BoolArray) -> Int64Array:
    """Give for each position the topmost flagged one among itself and its ancestors, -1 for none, (V,)."""
    top = np.where(flagged, np.arange(len(flagged)), -1)
    if flagged.any():
        for i in range(1, len(cut.at) - 1):
            here = slice(cut.at[i], cut.at[i + 1])
            above = top[cut.up[here]]
            top[here] = np.where(above >= 0, above, top[here])
    return top


def _merge(cut: Cut, label: Int64Array) -> tuple[Int64Array, Int64Array]:
    """Join places that are drawn by one stand-in and fill all that is visible of a larger place.

    Parameters
    ----------
    cut : Cut
    label : (V,) int64
        Position of the stand-in of each desired node that has one, else -1.

    Returns
    -------
    by, place : (n,) int64
        Positions of stand-ins and of the largest places that each fills alone.
    """
    if not (label >= 0).any():
        return np.empty(0, np.int64), np.empty(0, np.int64)
    n = len(label)
    low = np.where(cut.desired, label, n)
    high = np.where(cut.desired, label, -1)
    for i in range(len(cut.at) - 2, 0, -1):
        here = slice(cut.at[i], cut.at[i + 1])
        up = cut.up[here]
        if len(up):
            first = np.flatnonzero(np.append(True, up[1:] != up[:-1]))  # siblings lie side by side
            low[up[first]] = np.minimum(low[up[first]], np.minimum.reduceat(low[here], first))
            high[up[first]] = np.maximum(high[up[first]], np.maximum.reduceat(high[here], first))
    # Positions ascend from coarse to fine: a place at or below its stand-in has no smaller position.
    alone = (low == high) & (low >= 0) & (low <= np.arange(n))
    inner = alone & (cut.up >= 0)
    inner[inner] = alone[cut.up[inner]] & (low[cut.up[inner]] == low[inner])
    place = np.flatnonzero(alone & ~inner)
    return low[place], place


def _thin(residency: Residency, show: Int32Array, budget: int, fraction: float) -> tuple[float, int]:
    """Lower the share until what is shown fits; give it and the rows."""
    total = float(rows_of(residency, show, fraction).sum())
    if total > budget:
        whole = float(residency.count[show].sum())
        fraction = min(fraction, quantised_share(budget / whole))
        total = float(rows_of(residency, show, fraction).sum())
    return fraction, int(total)
