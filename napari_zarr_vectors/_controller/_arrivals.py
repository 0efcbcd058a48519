"""What was read, on its way into the pool of one layer. GUI thread only.

Most chunks are put in place as they come. Others wait: a larger share of a chunk that is drawn for the plan that shows
it, and what was read for other colours than those that come next until all others have these too.
"""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

from napari_zarr_vectors._controller import _tuning as tuning
from napari_zarr_vectors._layers import notify
from napari_zarr_vectors._stream import Failure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_zarr_vectors._build import BuiltChunk
    from napari_zarr_vectors._controller._recolouring import Recolouring
    from napari_zarr_vectors._layers import Prepared, StreamingLayer
    from napari_zarr_vectors._lod import LodPlan
    from napari_zarr_vectors._stream import Loader, Planned, Planner, Request

__all__ = ["Arrivals"]


class Arrivals:
    """Chunks that arrive.

    Parameters
    ----------
    layer : StreamingLayer
    recolouring : Recolouring

    Attributes
    ----------
    failed : set of int
        Chunks that were given up.
    """

    def __init__(self, layer: StreamingLayer, recolouring: Recolouring) -> None:
        self._layer, self._pool, self._recolouring = layer, layer.pool, recolouring
        self.failed: set[int] = set()
        self._held: deque[tuple[Request, BuiltChunk]] = deque()
        self._larger: dict[int, tuple[Request, BuiltChunk]] = {}
        self._kept: frozenset[int] = frozenset()  # by the newest plan
        self._wanted: frozenset[int] = frozenset()  # by it
        self._fresh: dict[int, float] = {}  # put in place since a plan was asked for, and shares of these

    @property
    def held(self) -> bool:
        """Something has arrived that is not in place."""
        return bool(self._held)

    @property
    def has_larger(self) -> bool:
        """Larger shares wait for the plan that shows them."""
        return bool(self._larger)

    def hold(self, found: Sequence[tuple[Request, BuiltChunk]]) -> None:
        """Take what was read before there was any plan."""
        self._held.extend(found)
        self._kept |= {request.node for request, _ in found}

    def follow(self, planned: Planned[Prepared]) -> None:
        """Keep what a plan keeps."""
        self._kept = planned.keep

    def want(self, nodes: frozenset[int]) -> bool:
        """Say which arrivals change what is shown; tell whether some are here already, which the plan does not know."""
        self._wanted = nodes
        return not nodes.isdisjoint(self._fresh)

    @property
    def fresh(self) -> dict[int, float]:
        """Chunks that the newest plan was made without, and how much of each is here."""
        return dict(self._fresh)

    def drop(self, plan: LodPlan) -> None:
        """Evict what a plan let go of; what was uploaded after it was asked for is news to the planner, and stays."""
        self._pool.evict(node for node in plan.evict.tolist() if node not in self._fresh)

    def put(self, planner: Planner[Prepared], loader: Loader[BuiltChunk], began: float) -> bool:
        """Put what has arrived into the pool until the frame's time or bytes are used up; one chunk at least.

        Returns
        -------
        bool
            Whether a plan would find something new.
        """
        sent, news = 0, False
        while not sent or (1e3 * (time.perf_counter() - began) < tuning.UPLOAD_MS and sent < tuning.UPLOAD_BYTES):
            item = self._held.popleft() if self._held and not self._recolouring.repainting else loader.take()
            if item is None:
                return news
            if isinstance(item, Failure):
                self._give_up(planner, item)
                news = True
            elif self._awaited(*item):
                sent += item[1].value_bytes
            elif self._is_wanted(*item):
                if not self._place(planner, *item):
                    return True
                sent += item[1].nbytes
                news |= item[0].node in self._wanted or item[0].node in self._larger
            else:
                sent += item[1].nbytes
        return news

    def _awaited(self, request: Request, built: BuiltChunk) -> bool:
        """Take the new values of a resident chunk; another share of it waits until all others have theirs."""
        if request.epoch != self._recolouring.epoch or not self._recolouring.awaits(request.node):
            return False
        if not self._recolouring.take(request, built):
            self._held.append((request, built))
        return True

    def _is_wanted(self, request: Request, built: BuiltChunk) -> bool:
        """Tell whether a chunk is to be put in place now."""
        if request.epoch != self._recolouring.epoch or request.node not in self._kept:
            return False
        if self._recolouring.repainting:
            # Its values belong to the next colours: it waits until all others have them too.
            self._held.append((request, built))
            return False
        return True

    def _place(self, planner: Planner[Prepared], request: Request, built: BuiltChunk) -> bool:
        """Put a chunk in place; False where there is no room."""
        if request.node in self._pool.resident:
            self._larger[request.node] = (request, built)
            return True
        if not self._pool.upload(request.node, built):
            # The next plan makes room, and what it still wants is in the cache by then.
            planner.too_large(request.node, built, request.fraction)
            return False
        planner.loaded(request.node, built, request.fraction)
        self._fresh[request.node] = request.fraction
        return True

    def exchange(self, planner: Planner[Prepared], last: LodPlan | None) -> None:
        """Put larger shares of resident chunks beside smaller ones, for the plan that comes; none is in flight.

        Where there is no room for both, the smaller one goes, and what was shown of it is found anew in the same call.
        """
        if not self._larger:
            return
        before = self._pool.shown_vertices
        for node, (request, built) in self._larger.items():
            if node not in self._pool.resident or request.epoch != self._recolouring.shown:
                continue
            enough = self._pool.chunk(node).fraction >= built.fraction
            if enough or self._pool.exchange(node, built) or self._pool.upload(node, built):
                planner.loaded(node, built, request.fraction)
            else:  # the plan that comes makes room or asks for less
                planner.too_large(node, built, request.fraction)
        self._larger = {}
        if self._pool.shown_vertices < before and last is not None:
            self._pool.show(planner.commit_of(last, self._pool.resident))

    def asked(self) -> None:
        """Note that a plan was asked for: it knows all that is in place."""
        self._fresh.clear()

    def _give_up(self, planner: Planner[Prepared], failure: Failure) -> None:
        if not self.failed:
            notify(f"{self._layer.name}: a chunk could not be read and is left out: {failure.error}")
        self.failed.add(failure.node)
        planner.failed(failure.node)
