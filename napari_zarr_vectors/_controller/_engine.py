"""The ring: camera -> plan -> read -> upload -> show, for one layer. All methods run on the GUI thread.

The engine owns the number of the view (its *generation*): every event that changes the view makes the layer incomplete
at once, and only a plan made after it and wholly shown makes it complete again. Each frame it commits the plan that
is ready, uploads what has arrived for a few milliseconds, and asks for the next plan if anything changed.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from napari_zarr_vectors._controller import _tuning as tuning
from napari_zarr_vectors._controller._arrivals import Arrivals
from napari_zarr_vectors._controller._governor import Governor
from napari_zarr_vectors._controller._kinds import drawn_as, follow_wanted, leave_wanted
from napari_zarr_vectors._controller._pace import Pace
from napari_zarr_vectors._controller._recolouring import Recolouring
from napari_zarr_vectors._controller._room import Room
from napari_zarr_vectors._layers import notify, viewer_state
from napari_zarr_vectors._model import LodStatus
from napari_zarr_vectors._stream import (
    HOLD_S,
    Loader,
    Planner,
    View,
)
from zarr_vectors.exceptions import ZarrVectorsError

if TYPE_CHECKING:
    from concurrent.futures import Future

    from napari.viewer import Viewer

    from napari_zarr_vectors._build import BuiltChunk
    from napari_zarr_vectors._controller._opening import FirstRead, Opening, Ready
    from napari_zarr_vectors._controller._prepare import Colors
    from napari_zarr_vectors._layers import Clock, Prepared, StreamingLayer
    from napari_zarr_vectors._lod import LodPlan
    from napari_zarr_vectors._stream import Planned, ShownRanges
    from zarr_vectors.lazy import LazyStore

__all__ = ["Engine"]


class Engine:
    """Streams one store into one layer.

    Parameters
    ----------
    viewer : napari.Viewer
    layer : StreamingLayer
    store : LazyStore
        Closed by the engine when the layer ends.
    clock : Clock
    opening : Opening
        Under way since before the layer was made; closed by the engine.
    """

    def __init__(self, viewer: Viewer, layer: StreamingLayer, store: LazyStore, clock: Clock, opening: Opening) -> None:
        self._viewer, self._layer, self._store, self._clock = viewer, layer, store, clock
        self._lod, self._pool = layer.lod, layer.pool
        self._governor = Governor()
        self._budget = self._asked_budget()
        self._generation = 0
        self._moved = False
        self._stale = True
        self._settle_at: float | None = None
        self._rest_at: float | None = None
        self._last: LodPlan | None = None
        self._room = Room(layer.pool)
        self._has_grown = False
        self._pace = Pace(time.perf_counter())
        self._late_at: float | None = None
        self._planner: Planner[Prepared] | None = None
        self._loader: Loader[BuiltChunk] | None = None
        self._threads = opening
        self._opening: Future[Ready] | None = opening.future
        self._first: FirstRead | None = None
        self._closed = False
        self._recolouring = Recolouring(layer, store, opening.pool, self._on_need)
        self._arrivals = Arrivals(layer, self._recolouring)
        self._bind_levels()
        self._connect()

    # -- what is asked of the engine

    @property
    def store(self) -> LazyStore:
        """The store that is shown."""
        return self._store

    @property
    def colors(self) -> Colors | None:
        """How vertices are coloured; None until that is known."""
        return self._recolouring.colors

    @property
    def status(self) -> LodStatus:
        """How much of the newest view is on the screen; right at every read."""
        plan = self._last
        if plan is None:
            return LodStatus(budget=self._budget, generation=self._generation)
        current = plan.generation == self._generation and not self._stale and not self._recolouring.busy
        return LodStatus(
            shown_vertices=self._layer.shown_vertices,
            budget=self._budget,
            levels=plan.levels,
            wanted=plan.wanted,
            loading=0 if self._loader is None else self._loader.loading,
            failed=len(self._arrivals.failed),
            complete=plan.complete and current,
            generation=self._generation,
        )

    @property
    def holes(self) -> int:
        """Visible places for which the newest plan had nothing to show."""
        return 0 if self._last is None else self._last.holes

    def _asked_budget(self) -> int:
        asked = self._lod.budget
        return self._governor.budget if asked == "auto" else int(asked)

    def _bind_levels(self) -> None:
        """Have levels that the store has not refused where they are set; the one that a layer came with is told."""
        try:
            self._lod.bind_levels(self._store.levels)
        except ValueError as error:
            notify(f"{self._layer.name}: {error}; all levels are shown, by camera")
            self._lod.level = None

    def _connect(self) -> None:
        self._lod.set_status_provider(lambda: self.status)
        self._lod.events.budget.connect(self.refit)
        self._lod.events.level.connect(self._on_change)
        self._lod.retry.connect(self._on_retry)
        self._layer.style.events.color_by.connect(self._on_color_by)
        self._layer.style.events.size_by.connect(self._on_size_by)
        self._layer.style.events.color_mode.connect(self._on_color_mode)
        follow_wanted(self._layer.filter, self._on_color_by)
        self._clock.on_touch(self._on_touch)
        self._clock.on_view_change(self._on_change)
        self._clock.on_frame(self._on_frame)
        self._clock.on_draw(self._on_draw)
        self._clock.on_end(self.close)
        self._clock.hurry = self._clock.active = True

    # -- slots

    def _on_touch(self) -> None:
        self._generation += 1
        self._moved = True
        if self._late_at is None:
            self._late_at = time.monotonic() + tuning.LATE_S

    def _on_change(self) -> None:
        if self._closed:
            return
        self._generation += 1
        self._stale = True
        self._clock.active = True
        self._rest_at = time.monotonic() + tuning.REST_S
        self._set_resting(False)

    def _on_need(self) -> None:
        """Plan again, of the same view: something is to be done."""
        self._stale = True
        self._clock.active = True

    def _on_color_by(self) -> None:
        if not self._closed:
            self._recolouring.ask()

    def _on_size_by(self) -> None:
        if not self._closed:
            self._recolouring.ask_sizes()

    def _on_color_mode(self) -> None:
        if not self._closed:
            self._recolouring.ask_labels()

    def _set_resting(self, resting: bool) -> None:
        """Take the automatic budget of a view that rests, or that of one that moves."""
        before, self._governor.resting = self._governor.budget, resting
        if self._lod.budget == "auto" and self._governor.budget != before:
            self._apply_budget(self._governor.budget)

    def _on_retry(self) -> None:
        if self._closed or self._planner is None or self._loader is None:
            return
        self._arrivals.failed.clear()
        self._planner.retry()
        self._loader.forget_failures()
        self._on_change()

    def refit(self) -> None:
        """Put the budget that is asked for in force, less what chosen objects take."""
        if self._closed:
            return
        self._apply_budget(self._asked_budget())

    def _on_draw(self) -> None:
        moved, self._moved = self._moved, False
        used = self._layer.shown_vertices > 0.8 * self._budget
        changed = self._governor.painted(time.perf_counter(), moving=moved, needed=used)
        if changed and self._lod.budget == "auto":
            self._apply_budget(self._governor.budget)

    def _on_frame(self) -> None:
        began = time.perf_counter()
        self._pace.frame(began)
        if self._opening is not None:
            self._finish_opening(self._opening)
        elif self._planner is not None and self._loader is not None:
            self._stream(self._planner, self._loader, began)
        self._lod.timings.frame(1e3 * (time.perf_counter() - began))

    # -- opening

    def _finish_opening(self, opening: Future[Ready]) -> None:
        if not opening.done():
            return
        self._opening = None
        self._clock.active = False  # whatever is raised here is told once
        try:
            found = opening.result()
        except (ZarrVectorsError, OSError) as error:
            notify(f"{self._layer.name}: {error}")
            return
        for message in found.refused:
            notify(f"{self._layer.name}: {message}")
        ready, source = found.opened, found.source
        self._room.most_rows, self._room.padding = ready.most_rows, ready.padding
        self._pool.set_page_rows(ready.page_rows)
        self._planner = Planner(
            ready.tree,
            ready.page_rows,
            self._resident,
            self._prepare,
            self._threads.planning,
            rows_a_vertex=drawn_as(self._store).rows_a_vertex,
            drawn=lambda prepared: prepared.vertices,
            bounds=self._layer.bounds,
        )
        self._loader = Loader(source, self._threads.loading)
        self._layer.levels = ready.levels
        self._layer.set_preview(ready.preview[:, [-1, -2]], np.array([0.8, 0.8, 0.8, 1.0]))
        self._room.make(self._budget)
        self._clock.active = True
        self._recolouring.start(source, ready.colors)
        self._first = found.first

    def _resident(self, node: int) -> BuiltChunk | None:
        """Give a resident chunk; called on the planner's thread, while the pool only gains nodes."""
        return self._pool.chunk(node) if node in self._pool.resident else None

    def _prepare(self, ranges: ShownRanges) -> Prepared:
        """Make the commit of a plan; called on the planner's thread."""
        return self._pool.prepare(ranges.nodes, ranges.starts, ranges.stops, ranges.cuts)

    def _take_first(self, first: FirstRead) -> bool:
        """Have what was read while the layer was made put in place, once; tell whether the first plan waits for it."""
        if not first.done:
            return first.is_awaited
        self._first = None
        self._arrivals.hold(first.take())
        self._stale = True
        return True

    # -- the ring

    def _stream(self, planner: Planner[Prepared], loader: Loader[BuiltChunk], began: float) -> None:
        """One frame: commit a plan, put what has come in place, or ask for a plan that shows more of what is drawn."""
        if self._first is not None and self._take_first(self._first):
            return
        now = time.monotonic()
        if self._settle_at is not None and now >= self._settle_at:
            self._settle_at, self._stale = None, True
        if self._rest_at is not None and now >= self._rest_at:
            self._rest_at = None
            self._set_resting(True)
        if self._late_at is not None and now >= self._late_at:
            self._late_at = None
            self._layer.forget_frame()
        arrivals = self._arrivals
        planned = planner.take() if self._is_due(loader, began) else None
        shown = planned is not None and self._commit(planned)
        if planned is not None and shown:
            self._pace.shown(generation=planned.plan.generation, holes=planned.plan.holes)
        # Also after a commit of nothing, or nothing would ever come while the camera moves.
        puts = not shown and not (arrivals.has_larger and self._asks(planner, loader, began))
        if puts and arrivals.put(planner, loader, began):
            self._stale = True
        epoch = self._recolouring.epoch
        self._recolouring.step(arrivals.failed, others_wait=arrivals.held)
        # After a commit not before its paint: a plan that lacks what comes meanwhile would cost a paint more.
        asks = self._asks(planner, loader, began)
        # What takes long has a frame of its own: the next one.
        asks &= not (arrivals.has_larger and (shown or puts))
        asks &= not (shown and 1e3 * (time.perf_counter() - began) > tuning.UPLOAD_MS)
        self._clock.active = asks or planned is not None or self._under_way(planner, loader)
        self._clock.hurry = self._hurries(planner, loader)
        if not self._clock.active:
            self._pace.rest()
        # Before the next plan is asked for, which knows what has come: the one at hand does not.
        came = {} if planned is None else arrivals.fresh
        # Last: these wake other threads, and whatever comes after would wait for the interpreter's lock.
        if asks:
            self._submit(planner)
        if planned is not None:
            self._want(planned, came)
        elif self._recolouring.epoch != epoch or self._recolouring.may_ask(loader.wanting + loader.waiting):
            loader.want(self._recolouring.requests(arrivals.failed))  # what else is wanted comes with the next plan
        if loader.pausing:
            loader.pump()

    def _asks(self, planner: Planner[Prepared], loader: Loader[BuiltChunk], began: float) -> bool:
        """Tell whether a plan is to be asked for; the first one shows all that is here."""
        waits = planner.busy or (self._arrivals.held and self._last is None)
        return self._stale and self._layer.visible and not waits and self._is_due(loader, began)

    def _is_due(self, loader: Loader[BuiltChunk], now: float) -> bool:
        return self._has_grown or self._pace.due(now, generation=self._generation, idle=loader.idle)

    def _hurries(self, planner: Planner[Prepared], loader: Loader[BuiltChunk]) -> bool:
        """Tell whether frames should come quicker: people wait for them, and each is short."""
        if not self._pool.draw_count:
            return True
        if self._pace.paint_s > tuning.SLOW_PAINT_S and (self._arrivals.held or loader.waiting):
            return True
        # A slice is painted where it was until its plan is here.
        return planner.busy and self._last is not None and bool(self._last.cuts.any())

    def _submit(self, planner: Planner[Prepared]) -> None:
        self._arrivals.exchange(planner, self._last)
        planner.submit(self._view())
        self._arrivals.asked()
        self._stale = False

    def _view(self) -> View:
        return View(
            viewer_state(self._viewer, self._layer).camera,
            self._layer.highlight.left_of(self._budget),
            self._lod.level,
            self._generation,
            min(self._room.rows(self._budget), self._pool.capacity_rows),
            self._recolouring.epoch,
        )

    def _commit(self, planned: Planned[Prepared]) -> bool:
        """Show a plan; tell whether there was anything to show before or after."""
        plan, before = planned.plan, self._pool.draw_count
        self._pool.show(planned.commit)
        self._arrivals.drop(plan)
        self._arrivals.follow(planned)
        self._last, self._has_grown = plan, False
        if plan.held:
            end = time.monotonic() + HOLD_S
            self._settle_at = end if self._settle_at is None else min(end, self._settle_at)
            return True
        self._late_at = None if plan.generation == self._generation else time.monotonic() + tuning.LATE_S
        self._layer.show_frame(planned.frame.displayed, planned.frame.slab_lo, planned.frame.slab_hi)
        if plan.fraction != self._layer.levels.share:
            self._layer.levels = replace(self._layer.levels, share=plan.fraction)
        # What did not fit is wanted at once, not when this is painted.
        self._has_grown = self._room.ask(plan.rows_asked, self._budget)
        self._stale |= self._has_grown
        changed = plan.generation != self._generation or not plan.complete
        self._settle_at = time.monotonic() + tuning.SETTLE_S if changed else self._settle_at
        return bool(before or self._pool.draw_count)

    def _want(self, planned: Planned[Prepared], came: dict[int, float]) -> None:
        """Replace the wanted list: new colours of what is resident first, then what the plan fetches.

        `came` is what was put in place since the plan was asked for, and how much of each.
        """
        if self._loader is None:
            return
        again = self._recolouring.requests(self._arrivals.failed)
        if self._arrivals.want(planned.wanted):
            self._stale = True
        if self._recolouring.has_more:
            self._loader.want(again)
        else:
            wanted = again + planned.requests if again else planned.requests
            self._loader.want(wanted, planned.ahead, have=came)

    def _under_way(self, planner: Planner[Prepared], loader: Loader[BuiltChunk]) -> bool:
        if not self._layer.visible:
            return False
        later = (self._settle_at, self._rest_at, self._late_at)
        waiting = any(moment is not None for moment in later) or self._recolouring.busy
        return bool(planner.busy or self._stale or self._arrivals.held or waiting or not loader.idle)

    # -- budget

    def _apply_budget(self, budget: int) -> None:
        """Put a budget in force: what is shown fits it before this returns."""
        began = time.perf_counter()
        self._budget = budget
        self._layer.highlight.fit(budget)
        if self._planner is not None:
            self._room.make(self._budget)
            self._stale = self._clock.active = True
        # Before the first plan there is nothing to fit, and what it waits for is better not read twice.
        if self._planner is not None and (self._first is None or self._last is not None or self._planner.busy):
            pending = self._planner.take(wait=True)
            if pending is not None and pending.commit.vertices <= self._layer.highlight.left_of(budget):
                self._commit(pending)
            elif pending is not None:
                # The planner has let go of these; nobody else would.
                self._arrivals.drop(pending.plan)
            self._generation += 1
            planned = self._planner.plan_now(self._view())
            self._arrivals.asked()
            self._commit(planned)
            self._want(planned, self._arrivals.fresh)
        self._lod.timings.add(1e3 * (time.perf_counter() - began))

    # -- end

    def close(self) -> None:
        """End: threads stop, the store is closed; what is shown stays until the layer goes."""
        if self._closed:
            return
        last, self._closed = self.status, True
        self._layer.forget_frame()
        self._clock.active = False
        self._lod.set_status_provider(lambda: last)
        self._lod.events.budget.disconnect(self.refit)
        self._lod.events.level.disconnect(self._on_change)
        self._lod.retry.disconnect(self._on_retry)
        self._layer.style.events.color_by.disconnect(self._on_color_by)
        self._layer.style.events.size_by.disconnect(self._on_size_by)
        self._layer.style.events.color_mode.disconnect(self._on_color_mode)
        leave_wanted(self._layer.filter, self._on_color_by)
        if self._loader is not None:
            self._loader.close()
        if self._planner is not None:
            self._planner.close()
        self._threads.cancel()
        self._store.close()
        self._clock.close()
