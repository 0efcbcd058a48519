"""Other colours, sizes, another filter: resident chunks get new values in the background, all change in one frame.

They are put in place as they arrive, in arrays that are not drawn, so that the change itself is one piece to send.
"""

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
        self._repaint: dict[int, bool] = {}  # resident chunks, and whether their next values are here

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
            with self._layer.style.events.color_by.blocked():
                self._layer.style.color_by = wanted
            self.ask()

    def ask(self) -> None:
        """Find out how vertices are coloured and which are shown: both are the value that each has."""
        if self._source is None:
            self._asked = True
            return
        style, wanted = self._layer.style, wanted_of(self._layer.filter)
        self._found = self._opener.submit(
            prepare_colors, self._store, style.color_by, wanted=wanted, size_by=style.size_by
        )
        self._changed()

    def ask_sizes(self) -> None:
        """Find out how large vertices are, unless that is known: sizes that do not count stay where they are."""
        if self._layer.style.size_by not in (None, self._layer.value_info.size_by):
            self.ask()

    def requests(self) -> list[Request]:
        """List what of the resident chunks is to be read anew."""
        pool = self._layer.pool
        return [
            Request(node, pool.chunk(node).fraction, self.epoch)
            for node, here in self._repaint.items()
            if not here and node in pool.resident
        ]

    def take(self, request: Request, built: BuiltChunk) -> bool:
        """Take a chunk that was read for its new values; False for another share of its rows than is resident."""
        pool = self._layer.pool
        fits = request.node in pool.resident and len(built.values) == len(pool.values(request.node))
        if fits:
            self._repaint[request.node] = True
            pool.stage(request.node, built.values, built.sizes)
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
                self._layer.style.size_by = self.colors.info.size_by or None
            return
        self.epoch += 1
        self._source.coloring[self.epoch] = colors.coloring
        self._next = colors
        self._layer.pool.unstage()
        self._repaint = dict.fromkeys(self._layer.pool.resident, False)
        self._finish_repaint(failed)
        self._changed()

    def _finish_repaint(self, failed: Container[int]) -> None:
        """Change all colours at once, when the new values of every resident chunk are here."""
        pool = self._layer.pool
        for node, here in self._repaint.items():
            if here and node in pool.resident and not pool.is_staged(node):
                self._repaint[node] = False  # it was exchanged meanwhile
                self._changed()
        waiting = any(not here and n in pool.resident and n not in failed for n, here in self._repaint.items())
        if waiting or self._next is None or self._source is None:
            return
        pool.swap()
        self._source.forget(self.epoch)
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
