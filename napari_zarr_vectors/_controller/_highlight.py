"""Keeps what is drawn of a layer's chosen objects in step with its selection, filter and budget."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from napari_zarr_vectors._controller._kinds import shape_of, wanted_of
from napari_zarr_vectors._controller._unknown import tell_unknown, unknown_of
from napari_zarr_vectors._layers import Background, ChosenObjects, notify
from napari_zarr_vectors._stream import Wanted, read_chosen

if TYPE_CHECKING:
    from collections.abc import Callable

    from psygnal import EmissionInfo

    from napari_zarr_vectors._controller._engine import Engine
    from napari_zarr_vectors._layers import StreamingLayer

__all__ = ["Highlighter"]


class Highlighter:
    """Reads the chosen objects of one layer whole, on a thread, and has them drawn.

    What whole objects the filter hides is not drawn; what it hides of vertices is. Of each selection it is told once
    which ids no object has.

    Parameters
    ----------
    layer : StreamingLayer
    engine : Engine
        What streams into the layer; its store is read.
    """

    def __init__(self, layer: StreamingLayer, engine: Engine) -> None:
        self._layer, self._engine = layer, engine
        self._background = Background("zarr-vectors-chosen")
        self._then: list[Callable[[ChosenObjects | None], None]] = []
        self._told: tuple[int, ...] = ()  # the selection of which unknown ids are told
        self._shape = shape_of(layer)
        layer.highlight.hide()
        layer.highlight.asked = self._read
        layer.highlight.fit(engine.status.budget)
        layer.selection.events.ids.connect(self._read)
        layer.filter.events.connect(self._on_filter)
        layer.style.events.size_by.connect(self._read)
        if layer.selection.ids:
            self._read()

    @property
    def busy(self) -> bool:
        """Whether chosen objects are being read."""
        return self._background.busy

    def when_shown(self, then: Callable[[ChosenObjects | None], None]) -> None:
        """Call back with what is drawn of the newest selection, once it is; with None where there is nothing."""
        if self.busy:
            self._then.append(then)
        else:
            then(self._layer.highlight.shown)

    def close(self) -> None:
        """End; nothing is drawn any more."""
        layer = self._layer
        layer.selection.events.ids.disconnect(self._read)
        layer.filter.events.disconnect(self._on_filter)
        layer.style.events.size_by.disconnect(self._read)
        layer.highlight.asked = _nothing
        self._then.clear()
        self._background.close()
        layer.highlight.hide()

    def _on_filter(self, info: EmissionInfo) -> None:
        if self._layer.selection.ids and info.signal.name != "box":  # which cuts what is drawn
            self._read()

    def _read(self) -> None:
        layer, store = self._layer, self._engine.store
        ids, most = layer.selection.ids, layer.highlight.most
        layer.highlight.tried = most if ids else None
        if layer.highlight.tried is None:
            self._background.cancel()
            self._show(None)
            return
        shown = wanted_of(layer.filter) or Wanted()
        origin, size_by, shape, is_told = layer.origin, layer.style.size_by, self._shape, ids is self._told

        def work(go_on: Callable[[], bool]) -> tuple[ChosenObjects | None, tuple[int, ...]]:
            return chosen(go_on), () if is_told else unknown_of(store, ids)

        def chosen(go_on: Callable[[], bool]) -> ChosenObjects | None:
            if store.adds_levels or not store.n_objects:  # whose vertices have no ids on the screen
                return None
            wanted = replace(shown, object_ids=_both(ids, shown.object_ids))
            found = read_chosen(store, wanted, most, go_on, origin=origin, shape=shape, size_by=size_by)
            if found is None:
                return None
            positions = found.positions.astype(np.float64)
            bounds = np.stack([positions.min(axis=0), positions.max(axis=0)])
            away = (np.abs(positions - bounds.mean(axis=0)) / np.maximum(np.ptp(bounds, axis=0), 1e-30)).max(axis=1)
            return ChosenObjects(
                found.built, found.ids, found.level, found.is_finest, bounds, positions[int(np.argmin(away))]
            )

        def take(found: tuple[ChosenObjects | None, tuple[int, ...]]) -> None:
            self._told = ids
            tell_unknown(layer.name, found[1], len(ids), "chosen")
            self._show(found[0])

        self._background.ask(work, take, self._on_failure)

    def _show(self, chosen: ChosenObjects | None) -> None:
        highlight = self._layer.highlight
        if chosen is not None:
            highlight.tried = None if chosen.is_finest else highlight.tried
            highlight.show(chosen, self._engine.refit)
        elif highlight.shown is not None:
            highlight.hide()
            self._engine.refit()
        waiting, self._then = self._then, []
        for then in waiting:
            then(chosen)

    def _on_failure(self, error: Exception) -> None:
        notify(f"{self._layer.name}: the chosen objects could not be read: {error}")
        self._show(None)


def _both(ids: tuple[int, ...], shown: tuple[int, ...] | None) -> tuple[int, ...]:
    """Give the chosen ids that are shown, in their order."""
    if shown is None:
        return ids
    chosen = np.array(ids, np.int64)
    return tuple(chosen[np.isin(chosen, np.array(shown, np.int64))].tolist())


def _nothing() -> None:
    """Stand for a reader that has ended."""
