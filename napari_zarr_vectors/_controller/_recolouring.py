"""Other colours, sizes, another filter: resident chunks get new values in the background, all change in one frame.

They are put in place as they arrive, in arrays that are not drawn, so that the change itself is one piece to send.

1. It is found out what is asked for; what is asked meanwhile is found out next.
2. All that is resident gets new values. What is asked for now pushes this aside, unless this has pushed another change
   aside: so of changes that come faster than they are done every second one is seen at least, and the last one always.
3. All is shown in one paint. What has arrived besides is put in place before the next change begins.
"""

from __future__ import annotations

from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING

from napari_zarr_vectors._controller._kinds import filter_of, wanted_of
from napari_zarr_vectors._controller._prepare import Colors, prepare_colors
from napari_zarr_vectors._controller._unknown import tell_unknown
from napari_zarr_vectors._layers import notify
from napari_zarr_vectors._stream import Request
from zarr_vectors.exceptions import ZarrVectorsError

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Set as AbstractSet
    from concurrent.futures import Future, ThreadPoolExecutor

    from napari_zarr_vectors._build import BuiltChunk
    from napari_zarr_vectors._layers import StreamingLayer
    from napari_zarr_vectors._model import DisplayFilter
    from napari_zarr_vectors._stream import PointSource
    from zarr_vectors.lazy import LazyStore

__all__ = ["Recolouring"]

MOST_ASKED, FEW_LEFT = 512, 128
"""Requests in the hands of the loader: a thousand take two milliseconds to make."""
FREED_TOGETHER = 64


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
        What values are to mean, as requests say it.
    shown : int
        What those that are drawn mean.
    colors : Colors or None
        Those that are shown.
    """

    def __init__(
        self, layer: StreamingLayer, store: LazyStore, opener: ThreadPoolExecutor, changed: Callable[[], None]
    ) -> None:
        self._layer, self._store, self._opener, self._changed = layer, store, opener, changed
        self.epoch = self.shown = 0
        self.colors: Colors | None = None
        self._source: PointSource | None = None
        self._asked = self._restores = False
        self._at_first = layer.style.color_by, layer.style.size_by, _parts(layer.filter)
        self._found: Future[Colors] | None = None
        self._later: Colors | None = None  # found, and not begun
        self._next: Colors | None = None  # whose values are awaited
        self._has_pushed = False  # whether these pushed others aside
        self._repaint: set[int] = set()  # chunks that get them
        self._order: list[int] = []  # the same, neighbours together
        self._missing: set[int] = set()  # those of these whose are not here
        self._requests: dict[int, Request] = {}  # for some of them, the first of the order
        self._old: list[BuiltChunk] = []  # what those had that have them
        self._has_taken = False  # something since the last step

    @property
    def busy(self) -> bool:
        """Other colours than those that are shown have been asked for."""
        return self.pending or self._next is not None

    @property
    def repainting(self) -> bool:
        """New values of resident chunks are awaited: what arrives besides has to wait."""
        return self._next is not None

    @property
    def pending(self) -> bool:
        """A change was asked for that has not begun."""
        return self._found is not None or self._later is not None

    def start(self, source: PointSource, colors: Colors) -> None:
        """Begin with the colours that the layer was opened with; what was asked for meanwhile comes next."""
        self._source = source
        style, wanted = self._layer.style, self._layer.style.color_by
        color_by, size_by, parts = self._at_first
        self._tell_unknown(colors)
        self._show(colors)
        # What the store has not is in force nowhere; what a person has changed since the layer was there stays.
        same_parts = all(a is b for a, b in zip(_parts(self._layer.filter), parts, strict=True))
        self._restore(colors, shown=same_parts or not self._asked, size=style.size_by == size_by)
        if self._asked:
            if wanted != color_by:
                with style.events.color_by.blocked():
                    style.color_by = wanted
            self.ask()

    def ask(self) -> None:
        """Find out how vertices are coloured and which are shown: both are the value that each has."""
        if self._restores:
            return
        if self._source is None or self._found is not None:
            self._asked = True
            return
        self._asked = False
        style, wanted = self._layer.style, wanted_of(self._layer.filter)
        self._found = self._opener.submit(
            prepare_colors,
            self._store,
            style.color_by,
            wanted=wanted,
            size_by=style.size_by,
            tree=self._source.tree,
            known=self.colors,
            as_labels=style.color_mode == "cycle",
        )
        self._changed()

    def ask_sizes(self) -> None:
        """Find out how large vertices are, unless that is known: sizes that do not count stay where they are."""
        if self._layer.style.size_by not in (None, self._layer.value_info.size_by):
            self.ask()

    def ask_labels(self) -> None:
        """Find out how labels that float32 does not tell apart are coloured, unless that is shown."""
        info = self._layer.value_info
        if info.wide and info.are_labels("") != (self._layer.style.color_mode == "cycle"):
            self.ask()

    def requests(self, failed: AbstractSet[int]) -> list[Request]:
        """List what of the resident chunks gets new values next, but for what failed.

        Neighbours come together, which share what is read. `has_more` tells whether there are others.
        """
        pool, known = self._layer.pool, self._requests
        self._missing = (self._missing & pool.resident) - failed
        self._requests = {}
        for node in islice((node for node in self._order if node in self._missing), MOST_ASKED):
            built, request = pool.chunk(node), known.get(node)
            if request is None or request.built is not built:
                request = Request(node, built.fraction, self.epoch, built)
            self._requests[node] = request
        return list(self._requests.values())

    @property
    def has_more(self) -> bool:
        """Values of more chunks are awaited than were asked for."""
        return len(self._missing) > len(self._missing & self._requests.keys())

    def may_ask(self, wanting: int) -> bool:
        """Tell whether more should be asked for, of a loader where so many chunks wait to be read or taken."""
        return wanting < FEW_LEFT and self.has_more

    def take(self, request: Request, built: BuiltChunk) -> bool:
        """Take a chunk that was read for its new values; False for another share of its rows than is resident."""
        pool = self._layer.pool
        fits = request.node in pool.resident and len(built.values) == len(pool.values(request.node))
        if fits:
            self._has_taken = True
            self._missing.discard(request.node)
            self._old.append(pool.chunk(request.node))
            pool.stage(request.node, built)
        return fits

    def awaits(self, node: int) -> bool:
        """Tell whether a chunk is to get new values."""
        return node in self._repaint

    def step(self, failed: AbstractSet[int], *, others_wait: bool) -> None:
        """Do what a frame can do.

        Parameters
        ----------
        failed : set of int
            Chunks that are waited for no longer.
        others_wait : bool
            Whether chunks with the values of now wait to be put in place: they would come too late.
        """
        if self._source is None:
            return
        if self._next is not None:
            self._finish(self._source, self._next, failed)
        if self._found is not None and self._found.done():
            self._take_found(self._found)
        may_begin = not (others_wait if self._next is None else self._has_pushed)
        if self._later is not None and may_begin:
            colors, self._later = self._later, None
            self._begin(self._source, colors, failed)

    def _take_found(self, future: Future[Colors]) -> None:
        self._found = None
        again = self._asked
        if again:
            self.ask()
        try:
            self._later = future.result()
        except (ZarrVectorsError, OSError) as error:
            if again:  # nobody asks for that any more
                return
            notify(f"{self._layer.name}: {error}")
            self._restore(self._later or self._next or self.colors)
            return
        self._tell_unknown(self._later)

    def _restore(self, good: Colors | None, *, shown: bool = True, size: bool = True) -> None:
        """Let style and filter say again what is in force: what was asked for cannot be."""
        if good is None:
            return
        self._restores = True
        try:
            for name, value in filter_of(good.coloring.wanted).items() if shown else ():
                setattr(self._layer.filter, name, value)
            if size:
                self._layer.style.size_by = good.info.size_by or None
            self._layer.style.color_by = good.name
        finally:
            self._restores = False

    def _tell_unknown(self, colors: Colors) -> None:
        """Say which ids that are to be shown no object has, once."""
        wanted = colors.coloring.wanted
        before = None if self.colors is None else self.colors.coloring.wanted
        if colors.unknown and wanted is not None and (before is None or before.object_ids != wanted.object_ids):
            tell_unknown(self._layer.name, colors.unknown, len(wanted.object_ids or ()), "object")

    def _begin(self, source: PointSource, colors: Colors, failed: AbstractSet[int]) -> None:
        self._has_pushed = self._next is not None
        self.epoch += 1
        source.coloring[self.epoch] = colors.coloring
        self._next = colors
        self._layer.pool.unstage()
        self._repaint = set(self._layer.pool.resident)
        self._order, self._missing = sorted(self._repaint), set(self._repaint)
        self._requests, self._old = {}, []
        self._finish(source, colors, failed)
        self._changed()

    def _finish(self, source: PointSource, colors: Colors, failed: AbstractSet[int]) -> None:
        """Change all colours at once, when the new values of every resident chunk are here."""
        pool = self._layer.pool
        has_taken, self._has_taken = self._has_taken, False
        if has_taken or pool.exchanging or (self._missing & pool.resident) - failed:
            return  # what shows them fills a frame of its own, and what goes with the next commit has the old colours
        exchanged = {n for n in self._repaint & pool.resident if not pool.is_staged(n)} - failed
        if exchanged:  # meanwhile, by larger shares of them
            self._missing = exchanged
            self._changed()
            return
        pool.swap()
        self.shown = self.epoch
        source.forget(self.epoch)
        self._next, self._repaint, self._missing = None, set(), set()
        self._requests, old, self._old = {}, self._old, []
        with suppress(RuntimeError):  # ended meanwhile
            self._opener.submit(_let_go, old)
        self._show(colors)
        self._changed()

    def _show(self, colors: Colors) -> None:
        """Say what values mean; the style says what a person asked for last, if that is still to come."""
        self.colors = colors
        if not self.pending:
            with self._layer.style.events.color_by.blocked():
                self._layer.style.color_by = colors.name
        if colors.info == self._layer.value_info:
            self._layer.events.value_info()
        else:
            self._layer.value_info = colors.info
        self.ask_labels()  # the style may have changed meanwhile


def _let_go(old: list[BuiltChunk]) -> None:
    """Free thousands of arrays where nobody waits for it, some at a time, so that others can run between."""
    while old:
        del old[-FREED_TOGETHER:]


def _parts(shown: DisplayFilter) -> list[object]:
    """Give what of a filter is asked of the store; one value of it may be an array, so it is known by identity."""
    return [getattr(shown, name) for name in filter_of(None)]
