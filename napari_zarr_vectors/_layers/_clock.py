"""When things happen: changes of the view, frames, paints and the end, for one layer in one viewer.

The one timer runs while something is under way or a change of the view waits to be told; a change is told at most
once a tick, however many events it consists of (a wheel step in 2-D is two). After the end nothing of this class
runs and nothing refers to it any more.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from qtpy.compat import isalive
from qtpy.QtCore import QEvent, QObject, QTimer

from napari_zarr_vectors._layers._layer import StreamingLayer
from napari_zarr_vectors._layers._napari import draw_event, native_canvas
from napari_zarr_vectors._layers._snapshot import camera_of

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

__all__ = ["Clock"]

Callback = Callable[[], None]

TICK_MS = 15
HURRY_MS = 4
CAMERA_EVENTS = ("center", "zoom", "angles", "perspective", "orientation")
DIMS_EVENTS = ("point", "ndisplay", "order", "margin_left", "margin_right", "units")
LAYER_EVENTS = ("visible", "scale", "translate", "rotate", "shear", "affine", "units", "default_slab")
GRID_EVENTS = ("enabled", "stride", "shape", "spacing")
LIST_EVENTS = ("inserted", "removed")  # a grid has as many parts as there are layers


class Clock:
    """Events of one layer in one viewer, all on the GUI thread.

    Parameters
    ----------
    viewer : napari.Viewer
    layer : napari.layers.Layer
        Already added to the viewer.

    Notes
    -----
    Callbacks take no argument. One that raises stops nothing: the exception goes to napari's handler, the timer
    goes on. The clock must be kept by whoever made it: Qt and napari hold it weakly.
    """

    def __init__(self, viewer: Viewer, layer: Layer) -> None:
        self._layer: Layer | None = layer
        self._touched: list[Callback] = []
        self._view: list[Callback] = []
        self._frame: list[Callback] = []
        self._draw: list[Callback] = []
        self._end: list[Callback] = []
        self._active = False
        self.hurry = False
        """Frames come every 4 ms instead of 15: for work in short pieces while paints are slow."""
        self._dirty = False
        self._last_tick = -1.0
        self._timer = QTimer()
        self._timer.timeout.connect(self._tick)
        self._emitters = _view_emitters(viewer, layer)
        for emitter in self._emitters:
            emitter.connect(self._touch)
        self._signals = _own_signals(layer)
        for signal in self._signals:
            signal.connect(self._touch)
        self._removed = viewer.layers.events.removed
        self._removed.connect(self._on_removed)
        self._paint = draw_event(viewer)
        if self._paint is not None:
            self._paint.connect(self._on_paint)
        self._canvas = native_canvas(viewer)
        self._closing = False
        self._window: Any = None
        if self._canvas is not None:
            self._canvas.destroyed.connect(self._on_destroyed)
            self._window = self._canvas.window()
            self._filter = _CloseFilter(self._on_close_asked)
            self._window.installEventFilter(self._filter)

    # -- what a controller asks for

    @property
    def ended(self) -> bool:
        """The layer or the window is gone."""
        return self._layer is None

    @property
    def active(self) -> bool:
        """Something is under way: `on_frame` callbacks run every 15 ms."""
        return self._active

    @active.setter
    def active(self, value: bool) -> None:
        self._active = value and not self.ended
        if self._active and not self._timer.isActive():
            self._timer.start(TICK_MS)

    def on_touch(self, callback: Callback) -> None:
        """Call back at every single event that changes the view, at once; it must cost nothing."""
        self._touched.append(callback)

    def on_view_change(self, callback: Callback) -> None:
        """Call back after the view has changed, at most once a tick."""
        self._view.append(callback)

    def on_frame(self, callback: Callback) -> None:
        """Call back every tick while `active`."""
        self._frame.append(callback)

    def on_draw(self, callback: Callback) -> None:
        """Call back when the canvas is painted."""
        self._draw.append(callback)

    def on_end(self, callback: Callback) -> None:
        """Call back once, when the layer is removed, its window destroyed or its viewer closed."""
        self._end.append(callback)

    def close(self) -> None:
        """End now; `on_end` callbacks run if they have not yet, all of them whatever one raises."""
        if self._layer is None:
            return
        self._layer = None
        self._active = self._dirty = False
        self._disconnect()
        for callbacks in (self._touched, self._view, self._frame, self._draw):
            callbacks.clear()
        callbacks, self._end = self._end, []
        with ExitStack() as ends:
            for callback in reversed(callbacks):  # it calls the last first
                ends.callback(callback)

    # -- slots

    def _touch(self, event: object = None) -> None:
        if self.ended:
            return
        for callback in self._touched:
            callback()
        if not self._view:
            return
        self._dirty = True
        if not self._timer.isActive():
            since = 1e3 * (time.perf_counter() - self._last_tick)
            self._timer.start(max(0, TICK_MS - int(since)))

    def _tick(self) -> None:
        if self.ended:
            return
        if self._closing:
            self._closing = False
            if not isalive(self._window) or not self._window.isVisible():
                self.close()
                return
        self._last_tick = time.perf_counter()
        if self._active or self._dirty:
            # Before the callbacks: one that raises must not leave it at 0.
            self._timer.setInterval(HURRY_MS if self.hurry else TICK_MS)
        if self._dirty:
            self._dirty = False
            _call(self._view)
        if self._active:
            _call(self._frame)
        if not self._active and not self._dirty:
            self._timer.stop()

    def _on_paint(self, event: object = None) -> None:
        _call(self._draw)

    def _on_removed(self, event: Any) -> None:  # noqa: ANN401  # napari's Event, which has the layer as value
        if event.value is self._layer:
            self.close()

    def _on_close_asked(self) -> None:
        """Look a moment later whether the window is gone: its X does not call `viewer.close()` and may be refused."""
        self._closing = True
        self._timer.start(0)

    def _on_destroyed(self) -> None:
        """The window is gone without `viewer.close()`: its X, or the application's end."""
        self._canvas = self._paint = self._window = None  # half deleted: not to be touched
        self.close()

    def _disconnect(self) -> None:
        if isalive(self._timer):  # at the application's end it may be gone already
            self._timer.stop()
            self._timer.timeout.disconnect(self._tick)
        for emitter in self._emitters:
            emitter.disconnect(self._touch)
        self._emitters = []
        for signal in self._signals:
            signal.disconnect(self._touch)
        self._signals = []
        self._removed.disconnect(self._on_removed)
        if self._paint is not None:
            self._paint.disconnect(self._on_paint)
            self._paint = None
        if self._window is not None and isalive(self._window):
            self._window.removeEventFilter(self._filter)
        self._window = None
        if self._canvas is not None:
            self._canvas.destroyed.disconnect(self._on_destroyed)
            self._canvas = None


class _CloseFilter(QObject):
    """Tells when a window is asked to close."""

    def __init__(self, asked: Callback) -> None:
        super().__init__()
        self._asked = asked

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802  # Qt's name
        """Pass every event on."""
        if event is not None and event.type() == QEvent.Type.Close:
            self._asked()
        return False


def _call(callbacks: list[Callback]) -> None:
    for callback in tuple(callbacks):  # one of them may end the clock
        callback()


def _own_signals(layer: Layer) -> list[Any]:
    """Signals of a streaming layer's intent that a snapshot depends on; an ordinary layer has none."""
    if not isinstance(layer, StreamingLayer):
        return []
    return [layer.style.events.slab_thickness, layer.filter.events.box]


def _view_emitters(viewer: Viewer, layer: Layer) -> list[Any]:
    """Emitters of everything a snapshot depends on."""
    sources = (
        (camera_of(viewer).events, CAMERA_EVENTS),
        (viewer.canvas.events, ("size",)),
        (viewer.canvas.grid.events, GRID_EVENTS),
        (viewer.layers.events, LIST_EVENTS),
        (viewer.dims.events, DIMS_EVENTS),
        (layer.events, LAYER_EVENTS),
    )
    found = [getattr(events, name, None) for events, names in sources for name in names]
    return [emitter for emitter in found if emitter is not None]
