"""The planner's thread: applies arrivals to its book, plans the newest view, finds the rows to show.

One plan is in flight at a time and every plan that was made is handed out, so that the book and the pool agree: between
a plan and its commit the pool only gains nodes.
"""

from __future__ import annotations

import math
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Literal, TypeVar

import numpy as np

from napari_zarr_vectors._lod import empty_residency
from napari_zarr_vectors._lod.plan import plan
from napari_zarr_vectors._stream.loader import Request
from napari_zarr_vectors._stream.ranges import shown_ranges

if TYPE_CHECKING:
    from collections.abc import Callable, Container

    from napari_zarr_vectors._build import BuiltChunk
    from napari_zarr_vectors._lod import CameraState, LodPlan, Tree
    from napari_zarr_vectors._stream.ranges import ShownRanges

__all__ = ["Planned", "Planner", "View"]

Commit = TypeVar("Commit")


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """What a plan is asked for: the camera, the budget, the level lock, the number of the view, what values mean."""

    camera: CameraState
    budget: int
    locked_level: int | None
    generation: int
    capacity_rows: int
    epoch: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Planned(Generic[Commit]):
    """A plan, the commit that shows it, what it wants to be read (best first), and the milliseconds it took.

    `keep` is the plan's, as a set: the GUI thread asks for every chunk that arrives.
    """

    plan: LodPlan
    keep: frozenset[int]
    commit: Commit
    requests: list[Request]
    plan_ms: float


@dataclass(frozen=True, slots=True)
class _Note:
    """Something that happened to nodes since the last plan."""

    kind: Literal["load", "fail", "retry", "size"]
    node: int = -1
    count: int = 0
    fraction: float = 0.0
    rows: int = 0


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
    rows_a_vertex : float
        Rows of the pool that a vertex takes on average, for chunks that are not there yet.
    """

    def __init__(
        self,
        tree: Tree,
        page_rows: int,
        chunk: Callable[[int], BuiltChunk | None],
        prepare: Callable[[ShownRanges], Commit],
        *,
        rows_a_vertex: float = 1.0,
    ) -> None:
        self._tree, self._chunk, self._prepare = tree, chunk, prepare
        self._rows_a_vertex = rows_a_vertex
        self._book = empty_residency(tree, 0, page_rows=page_rows, rows_a_vertex=rows_a_vertex)
        self._previous: LodPlan | None = None
        self._notes: list[_Note] = []
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(1, "zarr-vectors-plan")
        self._flight: Future[Planned[Commit]] | None = None

    @property
    def busy(self) -> bool:
        """A plan is being made or waits to be taken."""
        return self._flight is not None

    def loaded(self, node: int, built: BuiltChunk, fraction: float = 1.0) -> None:
        """Note that a node lies in the pool, with the share of its rows that was asked for.

        The share that a chunk has is a whole number of rows and may be a little less; it counts as what was asked,
        or it would be asked for again.
        """
        self._notes.append(_Note("load", node, built.count, fraction, math.ceil(built.rows / fraction)))

    def too_large(self, node: int, built: BuiltChunk, fraction: float) -> None:
        """Note that a node did not fit the pool: it is larger than it was taken for, and others have to go for it."""
        self._notes.append(_Note("size", node, built.count, fraction, math.ceil(built.rows / fraction)))

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
        """Plan on the calling thread; no plan may be in flight."""
        notes, self._notes = self._notes, []
        return self._plan(view, notes)

    def _plan(self, view: View, notes: list[_Note]) -> Planned[Commit]:
        began = time.perf_counter()
        with self._lock:
            self._apply(notes)
            self._book.capacity_rows = view.capacity_rows
            made = plan(
                view.camera,
                self._tree,
                view.budget,
                self._book,
                self._previous,
                time.monotonic(),
                generation=view.generation,
                locked_level=view.locked_level,
            )
            commit = self._prepare(shown_ranges(made, self._tree, self._chunk))
            # Last: a plan that is not handed out evicts nothing from the pool, so it must not from the book.
            self._book.keep(made.keep, made.generation)
            self._book.evict(made.evict)
            self._previous = made
        requests = [Request(node, made.fetch_fraction, view.epoch) for node in made.fetch.tolist()]
        return Planned(made, frozenset(made.keep.tolist()), commit, requests, 1e3 * (time.perf_counter() - began))

    def _apply(self, notes: list[_Note]) -> None:
        loads = {n.node: n for n in notes if n.kind == "load"}
        if loads:
            self._book.load(
                np.array([*loads], np.int32),
                np.array([n.count for n in loads.values()], np.int64),
                np.array([n.fraction for n in loads.values()], np.float32),
                None if self._rows_a_vertex == 1 else np.array([n.rows for n in loads.values()], np.int64),
            )
        sized = {n.node: n.rows for n in notes if n.kind == "size"}
        if sized:
            self._book.measure(np.array([*sized], np.int32), np.array([*sized.values()], np.int64))
        failed = [n.node for n in notes if n.kind == "fail"]
        if failed:
            self._book.fail(np.array(failed, np.int32))
        if any(n.kind == "retry" for n in notes):
            self._book.retry()

    def commit_of(self, made: LodPlan, resident: Container[int]) -> Commit:
        """Find the rows of a plan's shown places again, of nodes that are still resident."""
        return self._prepare(shown_ranges(made, self._tree, self._chunk, only=resident))

    def close(self) -> None:
        """End; a plan in flight is dropped."""
        self._pool.shutdown(wait=False, cancel_futures=True)
