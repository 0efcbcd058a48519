"""Fills an ordinary Points layer where napari takes none of our own. All methods run on the GUI thread.

The whole part in view is read by one thread once the view has been still for a moment, and shown as a whole; what was
read for a view that has changed meanwhile is dropped, and what is shown stays until something else has come. A read
that fails is tried again, with growing pauses, and given up after a few tries, until the view changes.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from napari_zarr_vectors._layers import notify
from napari_zarr_vectors._model import LodStatus
from napari_zarr_vectors._stream import FIRST_PAUSE_S, RETRIES
from zarr_vectors.exceptions import ConcurrentWriteError, StoreClosedError, ZarrVectorsError

if TYPE_CHECKING:
    from concurrent.futures import Future

    from napari.viewer import Viewer

    from napari_zarr_vectors._controller._few import FewPoints, FewReader
    from napari_zarr_vectors._layers import Clock, FallbackPoints
    from zarr_vectors.lazy import LazyStore

__all__ = ["Fallback"]

SETTLE_S = 0.3


class Fallback:
    """Shows few points of one store in one layer.

    Parameters
    ----------
    viewer : napari.Viewer
    points : FallbackPoints
        Its layer has been added to the viewer.
    store : LazyStore
        Closed when the layer ends.
    reader : FewReader
        Of that store; called on a thread of its own.
    clock : Clock
        Of that layer.
    """

    def __init__(
        self, viewer: Viewer, points: FallbackPoints, store: LazyStore, reader: FewReader, clock: Clock
    ) -> None:
        self._viewer, self._points, self._store, self._reader, self._clock = viewer, points, store, reader, clock
        self._thread = ThreadPoolExecutor(1, "zarr-vectors-few")
        self._generation = 0
        self._due: float | None = time.monotonic() + SETTLE_S
        self._reading: tuple[int, Future[FewPoints]] | None = None
        self._shown: tuple[int, FewPoints] | None = None
        self._tries = 0
        self._failed = False
        self._told = False
        self._closed = False
        clock.on_touch(self._on_touch)
        clock.on_frame(self._on_frame)
        clock.on_end(self.close)
        clock.active = True

    @property
    def store(self) -> LazyStore:
        """The store that is shown."""
        return self._store

    @property
    def status(self) -> LodStatus:
        """How much of the newest view is on the screen; right at every read. `wanted` counts views, not chunks."""
        generation, shown = (-1, None) if self._shown is None else self._shown
        return LodStatus(
            shown_vertices=0 if shown is None else len(shown.positions),
            budget=self._reader.most,
            levels=frozenset() if shown is None or shown.level is None else frozenset([shown.level]),
            wanted=int(self._due is not None),
            loading=int(self._reading is not None),
            failed=int(self._failed),
            complete=generation == self._generation,
            generation=self._generation,
        )

    def _on_touch(self) -> None:
        self._generation += 1
        self._tries = 0
        self._due = time.monotonic() + SETTLE_S
        self._clock.active = True

    def _on_frame(self) -> None:
        if self._reading is not None and self._reading[1].done():
            generation, future = self._reading
            self._reading = None
            self._finish(generation, future)
        visible = bool(self._points.layer.visible)
        if self._reading is None and visible and self._due is not None and time.monotonic() >= self._due:
            self._begin()
        self._clock.active = self._reading is not None or (visible and self._due is not None)

    def _begin(self) -> None:
        self._due, generation = None, self._generation
        camera = self._points.camera(self._viewer)
        future = self._thread.submit(self._reader.read, camera, lambda: self._is_wanted(generation))
        self._reading = generation, future

    def _is_wanted(self, generation: int) -> bool:
        """Whether nothing has changed since; asked by the reading thread."""
        return generation == self._generation and not self._closed

    def _finish(self, generation: int, future: Future[FewPoints]) -> None:
        """Show what was read, if it is still what is in view."""
        if generation != self._generation:
            return
        try:
            found = future.result()
        except (ZarrVectorsError, OSError) as error:
            self._fail(error)
            return
        self._failed = self._told = False
        self._points.show(self._viewer, found.positions, found.values, found.info, found.features)
        self._shown = generation, found

    def _fail(self, error: Exception) -> None:
        """Try once more a little later; after the last try tell it, if it was not told since something was shown."""
        self._tries += 1
        if self._tries < RETRIES and not isinstance(error, (StoreClosedError, ConcurrentWriteError)):
            self._due = time.monotonic() + FIRST_PAUSE_S * 2 ** (self._tries - 1)
            return
        self._failed = True
        if not self._told:
            self._told = True
            notify(f"{self._points.layer.name}: {error}")

    def close(self) -> None:
        """End: the thread stops, the store is closed; what is shown stays until the layer goes."""
        if self._closed:
            return
        self._closed = True
        self._thread.shutdown(wait=False, cancel_futures=True)
        self._store.close()
        self._clock.close()
