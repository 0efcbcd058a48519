"""The planner's thread: applies arrivals to its book, plans the newest view, finds the rows to show.

One plan is in flight at a time and every plan that was made is handed out, so that the book and the pool agree: between
a plan and its commit the pool only gains nodes.
"""

from __future__ import annotations

import math
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Generic, Literal, TypeVar

import numpy as np

from napari_zarr_vectors._lod import empty_residency
from napari_zarr_vectors._lod.ahead import Steps, is_step, next_cameras, note_step
from napari_zarr_vectors._lod.fetching import AHEAD
from napari_zarr_vectors._lod.plan import plan
from napari_zarr_vectors._stream.loader import Request
from napari_zarr_vectors._stream.ranges import shown_ranges

if TYPE_CHECKING:
    from collections.abc import Callable, Container

    import numpy.typing as npt

    from napari_zarr_vectors._build import BuiltChunk
    from napari_zarr_vectors._lod import CameraState, LodPlan, Residency, Tree
    from napari_zarr_vectors._stream.ranges import ShownRanges
    from napari_zarr_vectors._stream.threads import Threads

__all__ = ["Planned", "Planner", "View"]

Commit = TypeVar("Commit")

HOLD_S = 0.25
"""So long the last whole frame stays while the next position of the slab is not covered."""
WINDOW = 64
"""So many nodes that are wanted one after another are put in order by level."""
MOST_SHARE, LEAST_SHARE = 0.9, 2.0**-24
"""A share that turns out too large is lowered to this part of it at most; below the other it is none."""


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """What a plan is asked for: the camera, the budget, the level lock, the number of the view, what values mean.

    The camera is reckoned where the plan is made, not on the GUI thread.
    """

    camera: Callable[[], CameraState]
    budget: int
    locked_level: int | None
    generation: int
    capacity_rows: int
    epoch: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Planned(Generic[Commit]):
    """A plan, the commit that shows it, what it wants to be read (best first), and the milliseconds it took.

    `keep` is the plan's, as a set, and `wanted` has the chunks of `requests`: the GUI thread asks for every chunk that
    arrives, and makes no sets of thousands. `frame` is the camera of what is drawn: the plan's own, or an earlier one
    whose frame is held. `ahead` is what is read when nothing else is.
    """

    plan: LodPlan
    keep: frozenset[int]
    commit: Commit
    requests: list[Request]
    wanted: frozenset[int]
    ahead: list[Request]
    frame: CameraState
    plan_ms: float


@dataclass(frozen=True, slots=True, eq=False)
class _Note:
    """Something that happened to nodes since the last plan."""

    kind: Literal["load", "fail", "retry", "size"]
    node: int = -1
    built: BuiltChunk | None = None
    fraction: float = 0.0

    @property
    def rows(self) -> int:
        """Rows of the pool that all of the chunk would take."""
        return 0 if self.built is None else math.ceil(self.built.rows / self.fraction)


def _whole_profile(built: BuiltChunk) -> npt.NDArray[np.int64] | None:
    """Give a chunk's profile; of one that was thinned, what all of it would have."""
    profile = built.profile
    if profile is None or built.fraction >= 1:
        return profile
    return np.ceil(profile / built.fraction).astype(np.int64)


def read_order(tree: Tree, nodes: npt.NDArray[np.int32], tier: npt.NDArray[np.int8]) -> npt.NDArray[np.intp]:
    """Put nodes of one level side by side, because those are read together; none leaves its tier or its window.

    Parameters
    ----------
    tree : Tree
    nodes, tier : (n,) int
        Best first, tiers ascending.
    """
    window = np.arange(len(nodes)) // WINDOW
    levels = len(tree.levels)
    group = (tier.astype(np.int64) * (1 + len(nodes) // WINDOW) + window) * levels + tree.level_of(nodes)
    _, first, number = np.unique(group, return_index=True, return_inverse=True)
    return np.argsort(first[number.reshape(-1)], kind="stable")


class Planner(Generic[Commit]):
    """Plans on a thread of its own; all methods are for the GUI thread.

    Parameters
    ----------
    tree : Tree
    page_rows : int
        Of the pool.
    chunk : callable
        Gives the resident chunk of a node, or None; called on the planner's thread.
    prepare : callable
        Makes a commit of the rows that a plan shows; called on the planner's thread.
    threads : Threads
        The one that plans; ended by the planner.
    rows_a_vertex : float
        Rows of the pool that a vertex takes on average, for chunks that are not there yet.
    drawn : callable
        Counts the vertices that a commit draws.
    bounds : (2, D), optional
        Lowest and highest coordinates, where what is played begins anew; without them nothing is read ahead.
    """

    def __init__(
        self,
        tree: Tree,
        page_rows: int,
        chunk: Callable[[int], BuiltChunk | None],
        prepare: Callable[[ShownRanges], Commit],
        threads: Threads,
        *,
        rows_a_vertex: float = 1.0,
        drawn: Callable[[Commit], int] = lambda commit: 0,
        bounds: npt.NDArray[np.float64] | None = None,
    ) -> None:
        self._tree, self._chunk, self._prepare = tree, chunk, prepare
        self._rows_a_vertex, self._drawn = rows_a_vertex, drawn
        self._page_rows = page_rows
        self._previous: LodPlan | None = None
        self._bounds = bounds
        self._steps: Steps | None = None
        self._frame: CameraState | None = None
        self._held_since: float | None = None
        self._notes: list[_Note] = []
        self._lock = threading.Lock()
        self._pool = threads
        self._flight: Future[Planned[Commit]] | None = None

    @cached_property
    def _book(self) -> Residency:
        """Made by the first plan: of millions of chunks it takes a while."""
        return empty_residency(self._tree, 0, page_rows=self._page_rows, rows_a_vertex=self._rows_a_vertex)

    @property
    def busy(self) -> bool:
        """A plan is being made or waits to be taken."""
        return self._flight is not None

    def loaded(self, node: int, built: BuiltChunk, fraction: float = 1.0) -> None:
        """Note that a node lies in the pool, with the share of its rows that was asked for.

        The share that a chunk has is a whole number of rows and may be a little less; it counts as what was asked,
        or it would be asked for again.
        """
        self._notes.append(_Note("load", node, built, fraction))

    def too_large(self, node: int, built: BuiltChunk, fraction: float) -> None:
        """Note that a node did not fit the pool: it is larger than it was taken for, and others have to go for it."""
        self._notes.append(_Note("size", node, built, fraction))

    def failed(self, node: int) -> None:
        """Note that a node was given up."""
        self._notes.append(_Note("fail", node))

    def retry(self) -> None:
        """Note that nodes that were given up may be asked for again."""
        self._notes.append(_Note("retry"))

    def submit(self, view: View) -> bool:
        """Begin a plan; False if one is in flight already."""
        if self._flight is not None:
            return False
        notes, self._notes = self._notes, []
        self._flight = self._pool.submit(self._plan, view, notes)
        return True

    def take(self, *, wait: bool = False) -> Planned[Commit] | None:
        """Give the plan that is ready, if any; with `wait`, the one in flight."""
        if self._flight is None or not (wait or self._flight.done()):
            return None
        future, self._flight = self._flight, None
        return future.result()

    def plan_now(self, view: View) -> Planned[Commit]:
        """Plan on the calling thread; no plan may be in flight. It looks ahead to nothing."""
        notes, self._notes = self._notes, []
        return self._plan(view, notes, ahead=False)

    def _plan(self, view: View, notes: list[_Note], *, ahead: bool = True) -> Planned[Commit]:
        began, now = time.perf_counter(), time.monotonic()
        with self._lock:
            self._apply(notes)  # first: what is raised later must not lose them
            camera = view.camera()
            self._book.capacity_rows = view.capacity_rows
            made = plan(
                camera,
                self._tree,
                view.budget,
                self._book,
                self._previous,
                now,
                generation=view.generation,
                locked_level=view.locked_level,
                ahead=self._ahead(camera, now) if ahead else (),
                hold=self._may_hold(camera, now),
            )
            made, commit = self._fitting(made)
            # Last: a plan that is not handed out evicts nothing from the pool, so it must not from the book.
            self._book.keep(made.keep, made.generation)
            self._book.evict(made.evict)
            self._previous = made
            if made.held:
                self._held_since = now if self._held_since is None else self._held_since
            else:
                self._frame, self._held_since = camera, None
        own = int(made.fetch_tier.searchsorted(AHEAD))
        order = np.arange(len(made.fetch))
        order[:own] = read_order(self._tree, made.fetch[:own], made.fetch_tier[:own])
        requests = [Request(node, made.fetch_fraction, view.epoch) for node in made.fetch[order].tolist()]
        return Planned(
            made,
            frozenset(made.keep.tolist()),
            commit,
            requests[:own],
            frozenset(made.fetch[:own].tolist()),
            requests[own:],
            camera if self._frame is None else self._frame,
            1e3 * (time.perf_counter() - began),
        )

    def _ahead(self, camera: CameraState, now: float) -> list[CameraState]:
        """Give where the slab will be next."""
        if self._bounds is None:
            return []
        self._steps = note_step(self._steps, camera, now)
        return next_cameras(self._steps, self._bounds, now)

    def _may_hold(self, camera: CameraState, now: float) -> bool:
        """Tell whether the last frame, if it was whole, may stay for a moment: only the slab has moved since."""
        if self._frame is None or self._previous is None or self._previous.holes:
            return False
        in_time = self._held_since is None or now - self._held_since < HOLD_S
        return in_time and is_step(self._frame, camera)

    def _fitting(self, made: LodPlan, only: Container[int] | None = None) -> tuple[LodPlan, Commit]:
        """Prepare the commit of a plan; a smaller share where chance put more of a thinned cloud into a slab."""
        commit = self._prepare(shown_ranges(made, self._tree, self._chunk, only=only))
        while (drawn := self._drawn(commit)) > made.budget and made.fraction > 0:
            share = made.fraction * min(made.budget / drawn, MOST_SHARE)
            made = replace(made, fraction=share if share > LEAST_SHARE else 0.0)
            commit = self._prepare(shown_ranges(made, self._tree, self._chunk, only=only))
        return made, commit

    def _apply(self, notes: list[_Note]) -> None:
        loads = {n.node: (n, n.built) for n in notes if n.kind == "load" and n.built is not None}
        if loads:
            nodes = np.array([*loads], np.int32)
            self._book.load(
                nodes,
                np.array([built.count for _, built in loads.values()], np.int64),
                np.array([n.fraction for n, _ in loads.values()], np.float32),
                None if self._rows_a_vertex == 1 else np.array([n.rows for n, _ in loads.values()], np.int64),
            )
            profiles = [_whole_profile(built) for _, built in loads.values()]
            known = [k for k, profile in enumerate(profiles) if profile is not None]
            if known:
                self._book.profile(nodes[known], np.stack([p for p in profiles if p is not None]))
        sized = {n.node: n.rows for n in notes if n.kind == "size"}
        if sized:
            self._book.measure(np.array([*sized], np.int32), np.array([*sized.values()], np.int64))
        failed = [n.node for n in notes if n.kind == "fail"]
        if failed:
            self._book.fail(np.array(failed, np.int32))
        if any(n.kind == "retry" for n in notes):
            self._book.retry()

    def commit_of(self, made: LodPlan, resident: Container[int]) -> Commit:
        """Find the rows of a plan's shown places again, of nodes that are still resident; what fits its budget."""
        return self._fitting(made, resident)[1]

    def close(self) -> None:
        """End; a plan in flight is dropped."""
        self._pool.shutdown(wait=False, cancel_futures=True)
