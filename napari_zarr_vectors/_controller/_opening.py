"""What must be known before the first plan, and the first chunks, read while the layer is made."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import numpy as np

from napari_zarr_vectors._controller import _tuning as tuning
from napari_zarr_vectors._controller._kinds import source_of
from napari_zarr_vectors._controller._prepare import prepare
from napari_zarr_vectors._lod import plan_first
from napari_zarr_vectors._stream import ByteCache, Request, Threads, default_cache_bytes
from zarr_vectors.exceptions import ArgumentError, CorruptStoreError, ZarrVectorsError

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_zarr_vectors._build import BuiltChunk
    from napari_zarr_vectors._controller._kinds import Drawn
    from napari_zarr_vectors._controller._prepare import Opened
    from napari_zarr_vectors._model import DisplayStyle
    from napari_zarr_vectors._stream import PointSource, Wanted
    from zarr_vectors.lazy import LazyStore

__all__ = ["FirstRead", "Opening", "Ready"]

Asked = TypeVar("Asked")
First: TypeAlias = "list[tuple[Request, BuiltChunk]]"


class FirstRead:
    """Chunks that are read before anybody asks: what is seen first.

    Parameters
    ----------
    future : Future of First
        Under way.
    wait_s : float
        So long plans wait for it, because what they ask for would take its time.
    """

    def __init__(self, future: Future[First], wait_s: float) -> None:
        self._future, self._until = future, time.monotonic() + wait_s

    @property
    def done(self) -> bool:
        """They are here, or what went wrong."""
        return self._future.done()

    @property
    def is_awaited(self) -> bool:
        """Plans should wait for it still."""
        return time.monotonic() < self._until

    def take(self) -> First:
        """Give them, once; nothing if something went wrong: plans ask for the same, and the loader tells what it is."""
        if self._future.exception() is not None:
            return []
        found = self._future.result()
        taken = found.copy()
        found.clear()  # the future is kept
        return taken


@dataclass(frozen=True, slots=True, eq=False)
class Ready:
    """What an engine starts with; `refused` says what was asked for that cannot be, and is not in force.

    `first` is under way.
    """

    opened: Opened
    source: PointSource
    first: FirstRead
    refused: tuple[str, ...] = ()


class Opening:
    """What must be known before the first plan, being read on a thread while the GUI thread makes the layer.

    Parameters
    ----------
    store : LazyStore
    color_by : str or None
        An attribute, None, or "auto".
    drawn : Drawn
        How it is drawn.
    wanted : Wanted or None
        What is shown.
    origin : (D,) float64
        Of the layer.
    style : DisplayStyle
        What sizes the vertices, and whether whole numbers are labels: as it is now.
    """

    def __init__(
        self,
        store: LazyStore,
        color_by: str | None,
        drawn: Drawn,
        wanted: Wanted | None,
        *,
        origin: npt.NDArray[np.float64],
        style: DisplayStyle,
    ) -> None:
        self._store, self._color_by, self._drawn, self._wanted = store, color_by, drawn, wanted
        self._origin, self._size_by, self._as_labels = origin, style.size_by, style.color_mode == "cycle"
        self.planning, self.loading = Threads(1, "zarr-vectors-plan"), Threads(tuning.LOADERS, "zarr-vectors-load")
        self.pool = ThreadPoolExecutor(1, "zarr-vectors-open")
        self.future = self.pool.submit(self._open)

    def _open(self) -> Ready:
        opened, refused = self._prepare()
        cache = ByteCache(default_cache_bytes())
        source = source_of(self._drawn, self._store, opened.tree, self._origin, cache)
        source.coloring[0] = opened.colors.coloring
        nodes, share = plan_first(opened.tree, vertices=self._drawn.first_vertices, thins=not self._drawn.is_surface)
        try:
            first = self.pool.submit(_read_first, source, opened.tree.level_of(nodes), nodes, share)
        except RuntimeError:  # ended meanwhile
            first = Future()
        is_all = len(nodes) == len(opened.tree.tops)
        return Ready(opened, source, FirstRead(first, tuning.FIRST_WAIT_S if is_all else 0.0), refused)

    def _prepare(self) -> tuple[Opened, tuple[str, ...]]:
        """Prepare with as much of what was asked for as the store has, and give the errors of the rest."""
        errors: dict[str, Exception] = {}
        parts = product(_or_without(self._color_by), _or_without(self._size_by), _or_without(self._wanted))
        for color_by, size_by, wanted in parts:
            try:
                rows = self._drawn.rows_a_vertex
                opened = prepare(self._store, color_by, rows, wanted, size_by, as_labels=self._as_labels)
            except (ArgumentError, CorruptStoreError) as error:
                errors.setdefault(str(error), error)
            else:
                return opened, tuple(errors)
        raise next(iter(errors.values()))

    def cancel(self) -> None:
        """End without a layer; what is being read ends by itself, at the latest when the store is closed."""
        for pool in (self.pool, self.planning, self.loading):
            pool.shutdown(wait=False, cancel_futures=True)


def _or_without(asked: Asked | None) -> list[Asked | None]:
    return [None] if asked is None else [asked, None]


def _read_first(source: PointSource, level: npt.NDArray[np.int64], nodes: npt.NDArray[np.int64], share: float) -> First:
    """Read what is seen first, nodes of these levels; what cannot be read is told when it is asked for."""
    found: First = []
    with suppress(ZarrVectorsError, OSError):
        for one in np.unique(level).tolist():
            requests = [Request(node, share) for node in nodes[level == one].tolist()]
            found += zip(requests, source.load(requests), strict=True)
    return found
