"""Which engine fills which layer, and that a streaming layer which comes back, or was duplicated, is filled again."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any
from weakref import WeakSet, ref

import numpy as np

from napari_zarr_vectors._controller._engine import Engine
from napari_zarr_vectors._controller._highlight import Highlighter
from napari_zarr_vectors._controller._kinds import drawn_as, wanted_of
from napari_zarr_vectors._controller._objects import ObjectFacts
from napari_zarr_vectors._controller._opening import Opening
from napari_zarr_vectors._controller._prepare import AUTO, color_choices, size_choices
from napari_zarr_vectors._layers import Clock, StreamingLayer, notify
from napari_zarr_vectors._model import LodStatus
from zarr_vectors.exceptions import ZarrVectorsError
from zarr_vectors.lazy import open_zv

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari.components import LayerList
    from napari.layers import Layer
    from napari.viewer import Viewer

    from napari_zarr_vectors._controller._fallback import Fallback
    from zarr_vectors.lazy import LazyStore

__all__ = [
    "adding",
    "engine_of",
    "leave_end",
    "objects_of",
    "on_end",
    "run",
    "status_of",
    "take_out",
    "viewer_of",
    "watch",
]

_ENGINES: dict[int, Engine | Fallback] = {}
"""By layer: what keeps an engine and its clock alive, which Qt and napari hold weakly, until the layer ends."""
_OBJECTS: dict[int, tuple[Highlighter, ObjectFacts]] = {}
"""By layer that an engine fills: what draws its chosen objects, and what is known of all of them."""
_VIEWERS: dict[int, ref[Viewer]] = {}
_ENDS: dict[int, list[Callable[[], None]]] = {}
_ADDING: list[Layer] = []
"""Layers that whoever adds them will have filled."""
_WATCHED: WeakSet[LayerList] = WeakSet()


def engine_of(layer: Layer) -> Engine | None:
    """Give the engine that streams into a layer; None once the layer has ended, and for an ordinary layer."""
    found = _ENGINES.get(id(layer))
    return found if isinstance(found, Engine) else None


def objects_of(layer: Layer) -> tuple[Highlighter, ObjectFacts] | None:
    """Give what draws a layer's chosen objects, and what is known of all; None once it has ended."""
    return _OBJECTS.get(id(layer))


def status_of(layer: Layer) -> LodStatus:
    """Give how much of the newest view is on the screen, for any layer that `open_layer` gave."""
    if isinstance(layer, StreamingLayer):
        return layer.lod.status
    found = _ENGINES.get(id(layer))
    return LodStatus() if found is None else found.status


def viewer_of(layer: Layer) -> Viewer | None:
    """Give the viewer in which a layer is being filled; None once that has ended."""
    found = _VIEWERS.get(id(layer))
    return None if found is None else found()


def on_end(layer: Layer, callback: Callable[[], None]) -> None:
    """Call back once, when a layer that is being filled ends, or its window does."""
    _ENDS.setdefault(id(layer), []).append(callback)


def leave_end(layer: Layer, callback: Callable[[], None]) -> None:
    """Take back `on_end`; nothing happens where there is nothing to take back."""
    with suppress(ValueError):
        _ENDS.get(id(layer), []).remove(callback)


def run(viewer: Viewer, layer: Layer, start: Callable[[Clock], Engine | Fallback]) -> None:
    """Have a layer of a viewer filled until it ends; where `start` raises its clock has ended too."""
    with ExitStack() as undo:
        clock = Clock(viewer, layer)
        undo.callback(clock.close)
        _ENGINES[id(layer)] = start(clock)
        _VIEWERS[id(layer)] = ref(viewer)
        clock.on_end(lambda: _forget(layer))
        engine = engine_of(layer)
        if engine is not None and isinstance(layer, StreamingLayer):
            _OBJECTS[id(layer)] = Highlighter(layer, engine), ObjectFacts(layer, engine.store)
        undo.pop_all()


def _forget(layer: Layer) -> None:
    """End what belongs to a layer, all of it whatever one part raises."""
    _ENGINES.pop(id(layer), None)
    _VIEWERS.pop(id(layer), None)
    closes = [part.close for part in _OBJECTS.pop(id(layer), ())]
    with ExitStack() as ends:
        for callback in reversed([*closes, *_ENDS.pop(id(layer), [])]):  # it calls the last first
            ends.callback(callback)


def take_out(viewer: Viewer, layer: Layer) -> None:
    """Remove a layer from a viewer if it is there, also one that napari could make no visual for."""
    if layer in viewer.layers:
        with suppress(KeyError):  # the layer has gone from the list by then; napari looks for its visual
            viewer.layers.remove(layer)


@contextmanager
def adding(layer: Layer) -> Iterator[None]:
    """Leave a layer alone that is being added: whoever adds it has it filled."""
    _ADDING.append(layer)
    try:
        yield
    finally:
        _ADDING.remove(layer)


def watch(viewer: Viewer) -> None:
    """Have streaming layers filled that are put back into this viewer, or duplicated in its layer list."""
    if viewer.layers in _WATCHED:
        return
    _WATCHED.add(viewer.layers)
    of = ref(viewer)

    def on_inserted(event: Any) -> None:  # noqa: ANN401  # napari's Event, which has the layer as value
        layer, viewer = event.value, of()
        ours = isinstance(layer, StreamingLayer) and layer.data.place is not None
        if ours and viewer is not None and engine_of(layer) is None and layer not in _ADDING:
            _run_again(viewer, layer)

    # Last: the layer has its visual by then. A function and no method, which napari would hold weakly.
    viewer.layers.events.inserted.connect(on_inserted, position="last")


def _run_again(viewer: Viewer, layer: StreamingLayer) -> None:
    """Open a layer's store anew; if it cannot be, the layer is empty and a person is told."""
    layer.pool.clear()
    layer.lod.set_status_provider(None)
    try:
        store = open_zv(layer.data.place, cache_size=0)
    except (ZarrVectorsError, OSError) as error:
        notify(f"{layer.name} shows nothing: {error}")
        return
    with ExitStack() as undo:
        undo.callback(store.close)
        if store.spatial_dims != layer.ndim:
            notify(f"{layer.name} shows nothing: {store.name} has {store.spatial_dims} axes now, it had {layer.ndim}")
            return
        if not np.array_equal(store.extent, layer.bounds):
            notify(f"{layer.name} shows nothing: {store.name} has other points now; open it again")
            return
        if not isinstance(layer, drawn_as(store).layer):
            notify(f"{layer.name} shows nothing: {store.name} holds another kind of geometry now; open it again")
            return
        color_by = _known_color(store, layer.style.color_by)
        if layer.style.size_by not in size_choices(store):
            layer.style.size_by = None
        shown = wanted_of(layer.filter)
        opening = Opening(store, color_by, drawn_as(store), shown, origin=layer.origin, style=layer.style)
        undo.callback(opening.cancel)
        run(viewer, layer, lambda clock: Engine(viewer, layer, store, clock, opening))
        undo.pop_all()


def _known_color(store: LazyStore, name: str | None) -> str | None:
    """Give the attribute that coloured a layer, if the store still has it."""
    return name if name in (None, *color_choices(store, with_direction=True)) else AUTO
