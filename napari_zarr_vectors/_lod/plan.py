"""One view, one plan: what to draw, what to read, what to drop.

`plan` is pure: it reads the residency, changes nothing and gives the same answer to the same question. The steps
live beside it: `cut` (what is desired), `shown` (what is drawn of it), `fetching` (what is read and dropped).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_zarr_vectors._lod.cut import Cut, make_cut
from napari_zarr_vectors._lod.fetching import Wanted, choose_fetched, choose_taken, ring_pages
from napari_zarr_vectors._lod.options import LodOptions
from napari_zarr_vectors._lod.residency import ascending, is_in, pages_of
from napari_zarr_vectors._lod.shown import FINER, HOLE, SELF, Shown, choose_shown, quantised_share
from napari_zarr_vectors._lod.slabs import cut_codes
from napari_zarr_vectors._lod.view import make_view
from napari_zarr_vectors._lod.walk import Held

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_zarr_vectors._lod.camera import CameraState
    from napari_zarr_vectors._lod.residency import Residency
    from napari_zarr_vectors._lod.tree import Tree
    from napari_zarr_vectors._lod.view import View

__all__ = ["LodOptions", "LodPlan", "plan"]

Float64Array = npt.NDArray[np.float64]
Int8Array = npt.NDArray[np.int8]
Int32Array = npt.NDArray[np.int32]
Int64Array = npt.NDArray[np.int64]

_DEFAULTS = LodOptions()
_FETCH_STEPS = 2
"""Steps of the fetched share per factor of two: a budget that wanders does not fetch everything anew."""
_LEAST_SHARE = 2.0**-24


@dataclass(frozen=True, slots=True, eq=False)
class LodPlan:
    """What one view asks for.

    Attributes
    ----------
    generation : int
    budget : int
        Vertices that may be drawn.
    show : (m,) int32
        Nodes drawn.
    part : (m,) int32
        Node to whose place each is confined; the node itself, or a descendant.
    cuts : (m,) int64
        Which bins of each shown node's box the slab meets (see `slabs`); 0 for all.
    fraction : float
        Share of every shown node's rows that is drawn; 1 unless the budget is exceeded even so.
    shown_vertices : int
        Upper bound of what is drawn, at most `budget`.
    fetch : (q,) int32
        Nodes to read, best first.
    fetch_tier : (q,) int8
        0 COVER, 1 URGENT, 2 VISIBLE, 3 RING, 4 AHEAD.
    fetch_fraction : float
        Share of the rows to load of each.
    evict : (r,) int32
        Resident nodes to drop when this plan is committed.
    keep : (k,) int32
        Desired, drawn, wanted and pinned nodes, ascending.
    desired : (k,) int32
        The cut, ascending.
    refined : (k,) int32
        Nodes in view that were replaced by their children, ascending.
    refined_at : (k,) float64
        When each was refined, seconds.
    ratio : float
        Learnt length of the walk, in budgets; see `cut`.
    holes : int
        Visible places with nothing drawn.
    wanted : int
        Desired nodes neither adequately resident nor failed.
    failed : int
        Desired nodes that failed.
    levels : frozenset of int
        Store levels drawn.
    complete : bool
        Everything desired, except what failed, is drawn, whole, at the share that the budget allows.
    rows_asked : int
        Rows that a pool should have in which only the budget bounds what is desired.
    held : bool
        What is drawn is what the previous plan drew, of another place of the slab: this one is not covered yet.
    """

    generation: int
    budget: int
    show: Int32Array
    part: Int32Array
    cuts: Int64Array
    fraction: float
    shown_vertices: int
    fetch: Int32Array
    fetch_tier: Int8Array
    fetch_fraction: float
    evict: Int32Array
    keep: Int32Array
    desired: Int32Array
    refined: Int32Array
    refined_at: Float64Array
    ratio: float
    holes: int
    wanted: int
    failed: int
    levels: frozenset[int]
    complete: bool
    rows_asked: int
    held: bool


def plan(
    camera: CameraState,
    tree: Tree,
    budget: int,
    residency: Residency,
    previous: LodPlan | None,
    now: float,
    *,
    generation: int = 0,
    locked_level: int | None = None,
    options: LodOptions = _DEFAULTS,
    ahead: Sequence[CameraState] = (),
    hold: bool = False,
) -> LodPlan:
    """Decide what to draw, read and drop for one view.

    Parameters
    ----------
    camera : CameraState
    tree : Tree
    budget : int
        Vertices that may be drawn.
    residency : Residency
        Of `tree`; read only.
    previous : LodPlan or None
        The plan before this one, for hysteresis and continuity.
    now : float
        Seconds, of a clock that only rises.
    generation : int
        Number of this plan.
    locked_level : int or None
        Store level to show everywhere; the nearest one in the tree if it is left out.
    options : LodOptions
    ahead : sequence of CameraState
        Where the slab will be next, nearest first: what these ask for is read last, as far as there is room.
    hold : bool
        Go on drawing what the previous plan drew, where this view has holes.

    Notes
    -----
    A pool of at least twice the budget, with its pages' rounding, is large enough to replace one cut by any other.
    """
    # Degenerate cameras (zero-size canvas, no planes, NaN) divide by zero by nature; nothing visible is the answer.
    budget = max(budget, 0)
    with np.errstate(all="ignore"):
        view = make_view(camera, tree, options)
        pinned = ring_pages(residency)
        page_limit = max(residency.capacity_pages - pinned, 0) // 2
        cut = make_cut(
            view,
            residency,
            _held(previous, now, options.hold_s),
            budget=budget,
            page_limit=page_limit,
            ratio=previous.ratio if previous else 0.0,
            lock=_tree_level(tree, locked_level),
            options=options,
        )
        rows = _rows_to_find(residency, cut.node.take(cut.items), pinned > 0)
        fraction = _share(cut.count.take(cut.items), rows, budget, page_limit, residency.page_rows)
        shown = choose_shown(view, cut, residency, previous, budget=budget, fraction=fraction)
        wanted = choose_fetched(
            view, cut, shown, residency, fraction=fraction, ring=pinned > 0, max_fetch=options.max_fetch
        )
        coming = [
            _desired(make_view(c, tree, options), residency, budget, page_limit, cut.ratio, tree, locked_level, options)
            for c in ahead
        ]
        frame = _frame(view, shown, previous if hold else None, budget)
    return _assemble(
        tree, frame, budget, residency, previous, now, generation, cut, shown, wanted, pinned, fraction, coming
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Frame:
    """What is drawn; the names are those of `LodPlan`."""

    show: Int32Array
    part: Int32Array
    cuts: Int64Array
    nodes: Int32Array
    fraction: float
    vertices: int
    held: bool


def _frame(view: View, shown: Shown, held: LodPlan | None, budget: int) -> _Frame:
    """Draw what was chosen; where that has holes, what was drawn before goes on being drawn, if it may."""
    if held is None or not _holes(shown) or not 0 < held.shown_vertices <= budget:
        cuts = cut_codes(view, shown.show)
        return _Frame(shown.show, shown.part, cuts, shown.nodes, shown.fraction, shown.vertices, held=False)
    nodes = ascending(held.show)
    return _Frame(held.show, held.part, held.cuts, nodes, held.fraction, held.shown_vertices, held=True)


def _holes(shown: Shown) -> int:
    """Count visible places with nothing to show."""
    return int(np.count_nonzero(shown.state == HOLE) + shown.gap_holes[shown.state == FINER].sum())


def _desired(
    view: View,
    residency: Residency,
    budget: int,
    page_limit: int,
    ratio: float,
    tree: Tree,
    locked_level: int | None,
    options: LodOptions,
) -> Int64Array:
    """List what a view asks for."""
    cut = make_cut(
        view,
        residency,
        _held(None, 0.0, 0.0),
        budget=budget,
        page_limit=page_limit,
        ratio=ratio,
        lock=_tree_level(tree, locked_level),
        options=options,
    )
    return cut.node.take(cut.items)


def _held(previous: LodPlan | None, now: float, hold_s: float) -> Held:
    """Read off the previous plan what it refined."""
    if previous is None:
        return Held(np.empty(0, np.int32), np.empty(0, np.bool_))
    return Held(previous.refined, now - previous.refined_at < hold_s)


def _tree_level(tree: Tree, locked_level: int | None) -> int | None:
    """Find the tree level of a store level, or the nearest there is; the finer of two."""
    if locked_level is None or not tree.levels:
        return None
    return min(range(len(tree.levels)), key=lambda i: (abs(tree.levels[i] - locked_level), tree.levels[i]))


def _rows_to_find(residency: Residency, nodes: Int64Array, pin_tops: bool) -> Int64Array:
    """Give the rows that nodes need of the pool beside those that are kept for the coarsest ones."""
    rows = residency.rows.take(nodes)
    return np.where(is_in(nodes, residency.tree.tops), 0, rows) if pin_tops else rows


def _share(count: Int64Array, rows: Int64Array, budget: int, page_limit: int, page_rows: int) -> float:
    """Give the share of the desired nodes that fits the budget and, as far as pages allow, the pool."""
    total = float(count.sum())
    fraction = quantised_share(budget / total) if total > budget else 1.0
    while fraction > _LEAST_SHARE and int(pages_of(rows, fraction, page_rows).sum()) > page_limit:
        smaller = quantised_share(fraction * 2 ** (-1 / 2))
        if not (rows * smaller >= page_rows).any() and not (rows * fraction > page_rows).any():
            break
        fraction = smaller
    return fraction


def _fetch_share(fraction: float) -> float:
    """Round a share up to the next step of what is fetched."""
    if fraction <= 0:
        return 0.0
    return min(float(2.0 ** (np.ceil(np.log2(fraction) * _FETCH_STEPS - 1e-9) / _FETCH_STEPS)), 1.0)


def _assemble(
    tree: Tree,
    frame: _Frame,
    budget: int,
    residency: Residency,
    previous: LodPlan | None,
    now: float,
    generation: int,
    cut: Cut,
    shown: Shown,
    wanted: Wanted,
    pinned: int,
    fraction: float,
    coming: list[Int64Array],
) -> LodPlan:
    """Put a plan together, the fetch list cut to what the pool can take."""
    desired = cut.node.take(cut.items).astype(np.int32)
    fetch_fraction = _fetch_share(fraction)
    pins = tree.tops[residency.fraction.take(tree.tops) > 0] if pinned else desired[:0]
    keep = ascending(np.concatenate([desired, frame.nodes, wanted.nodes, pins]))
    take = choose_taken(residency, wanted, keep, fetch_fraction, coming)
    refined, refined_at = _refined(cut, previous, now)
    whole = (shown.state == SELF) | wanted.failed
    missing = int(np.count_nonzero(wanted.lacking))
    begin = frame.nodes.searchsorted(tree.base).tolist()
    return LodPlan(
        generation=generation,
        budget=budget,
        show=frame.show,
        part=frame.part,
        cuts=frame.cuts,
        fraction=frame.fraction,
        shown_vertices=frame.vertices,
        fetch=take.fetch,
        fetch_tier=take.tier,
        fetch_fraction=fetch_fraction,
        evict=take.evict,
        keep=take.keep,
        desired=desired,
        refined=refined,
        refined_at=refined_at,
        ratio=cut.ratio,
        holes=0 if frame.held else _holes(shown),
        wanted=missing,
        failed=int(np.count_nonzero(wanted.failed)),
        levels=frozenset(level for level, (a, b) in zip(tree.levels, pairwise(begin), strict=True) if b > a),
        complete=bool(whole.all() and not missing and shown.fraction == fraction and not frame.held),
        rows_asked=(2 * cut.pages + pinned) * residency.page_rows,
        held=frame.held,
    )


def _refined(cut: Cut, previous: LodPlan | None, now: float) -> tuple[Int32Array, Float64Array]:
    """List what is refined, and since when; a node is as young as the youngest refinement below it."""
    refined = cut.refined.nonzero()[0]
    since = np.full(len(cut.node), now)
    if previous is not None and len(previous.refined):
        old = (cut.refined & cut.held).nonzero()[0]
        since[old] = previous.refined_at[previous.refined.searchsorted(cut.node.take(old))]
    fresh = (cut.refined > cut.held).nonzero()[0]
    while len(fresh):
        fresh = cut.up[fresh]
        fresh = fresh[fresh >= 0]
        since[fresh] = now
    return cut.node.take(refined).astype(np.int32), since.take(refined)
