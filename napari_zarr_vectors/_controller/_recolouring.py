"""Other colours, another filter: resident chunks get new values in the background, and all change in one frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_zarr_vectors._controller._kinds import wanted_of
from napari_zarr_vectors._controller._prepare import Colors, prepare_colors
from napari_zarr_vectors._layers import notify
from napari_zarr_vectors._stream import Request
from zarr_vectors.exceptions import ZarrVectorsError

if TYPE_CHECKING:
    from collections.abc import Callable, Container
    from concurrent.futures import Future, ThreadPoolExecutor

    from napari_zarr_vectors._build import BuiltChunk
    from napari_zarr_vectors._layers import StreamingLayer
    from napari_zarr_vectors._stream import PointSource
    from zarr_vectors.lazy import LazyStore

__all__ = ["Recolouring"]


class Recolouring:
    """The colours of one layer, and the change to others. GUI thread only.

    Parameters
    ----------
    layer : StreamingLayer
    store : LazyStore
    opener : ThreadPoolExecutor
        Where it is found out what colours vertices.
    changed : callable
        Called when there is something to do at the next frame.

    Attributes
    ----------
    epoch : int
        What values mean now, as requests say it.
    colors : Colors or None
        Those that are shown.
    """

    def __init__(
        self, layer: StreamingLayer, store: LazyStore, opener: ThreadPoolExecutor, changed: Callable[[], None]
    ) -> None:
        self._layer, self._store, self._opener, self._changed = layer, store, opener, changed
        self.epoch = 0
        self.colors: Colors | None = None
        self._source: PointSource | None = None
        self._asked = False
        self._found: Future[Colors] | None = None
        self._next: Colors | None = None
        self._repaint: dict[int, BuiltChunk | None] = {}

    @property
    def busy(self) -> bool:
        """Other colours than those that are shown have been asked for."""
        return self._found is not None or bool(self._repaint)

    @property
    def repainting(self) -> bool:
        """New values of resident chunks are awaited: what arrives besides has to wait."""
        return bool(self._repaint)

    @property
    def looking(self) -> bool:
        """It is being found out what colours vertices."""
        return self._found is not None

    def start(self, source: PointSource, colors: Colors) -> None:
        """Begin with the colours that the layer was opened with; what was asked for meanwhile comes next."""
        self._source = source
        wanted = self._layer.style.color_by
        self._show(colors)
        if self._asked:
            self._layer.style.color_by = wanted

    def ask(self) -> None:
        """Find out how vertices are coloured and which are shown: both are the value that each has."""
        if self._source is None:
            self._asked = True
            return
        name = self._layer.style.color_by
        self._found = self._opener.submit(prepare_colors, self._store, name, None, wanted_of(self._layer.filter))
        self._changed()

    def requests(self) -> list[Request]:
        """List what of the resident chunks is to be read anew."""
        pool = self._layer.pool
        return [
            Request(node, pool.chunk(node).fraction, self.epoch)
            for node, built in self._repaint.items()
            if built is None and node in pool.resident
        ]

    def take(self, request: Request, built: BuiltChunk) -> bool:
        """Take a chunk that was read for its new values; False for another share of its rows than is resident."""
        pool = self._layer.pool
        fits = request.node in pool.resident and len(built.values) == len(pool.values(request.node))
        if fits:
            self._repaint[request.node] = built
        return fits

    def awaits(self, node: int) -> bool:
        """Tell whether a chunk is to get new values."""
        return node in self._repaint

    def step(self, failed: Container[int]) -> None:
        """Do what a frame can do; `failed` chunks are waited for no longer."""
        if self._repaint:
            self._finish_repaint(failed)
        future = self._found
        if future is None or not future.done() or self._source is None:
            return
        self._found = None
        try:
            colors = future.result()
        except (ZarrVectorsError, OSError) as error:
            notify(f"{self._layer.name}: {error}")
            if self.colors is not None:
                self._show(self.colors)
            return
        self.epoch += 1
        self._source.coloring[self.epoch] = colors.coloring
        self._next = colors
        self._repaint = dict.fromkeys(self._layer.pool.resident)
        self._finish_repaint(failed)
        self._changed()

    def _finish_repaint(self, failed: Container[int]) -> None:
        """Change all colours at once, when the new values of every resident chunk are here."""
        pool = self._layer.pool
        for node, built in self._repaint.items():
            if built is not None and node in pool.resident and len(built.values) != len(pool.values(node)):
                self._repaint[node] = None  # it was exchanged meanwhile
                self._changed()
        waiting = [n for n, built in self._repaint.items() if built is None and n in pool.resident and n not in failed]
        if waiting or self._next is None:
            return
        for node, built in self._repaint.items():
            if built is not None and node in pool.resident:
                pool.set_values(node, built.values)
        self._repaint = {}
        colors, self._next = self._next, None
        self._show(colors)
        self._changed()

    def _show(self, colors: Colors) -> None:
        self.colors = colors
        self._layer.value_info = colors.info
        with self._layer.style.events.color_by.blocked():
            self._layer.style.color_by = colors.name
        self._layer.events.value_info()
