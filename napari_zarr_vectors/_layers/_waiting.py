"""Waiting on the GUI thread while the window lives."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from qtpy.compat import isalive
from qtpy.QtWidgets import QApplication

from napari_zarr_vectors._layers._napari import native_canvas

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.viewer import Viewer

__all__ = ["wait_alive"]

STEP_S = 0.002


def wait_alive(
    viewer: Viewer, done: Callable[[], bool], *, seconds: float | None = None, ended: Callable[[], None] | None = None
) -> bool:
    """Let the window live until something is done; tell whether it was in time.

    `ended` is called, once, if the window goes meanwhile; what is waited for is expected to end soon then.
    """
    canvas = native_canvas(viewer)
    was_visible = canvas is not None and canvas.window().isVisible()
    end = None if seconds is None else time.monotonic() + seconds
    while not done():
        if end is not None and time.monotonic() > end:
            return False
        if canvas is not None and not (isalive(canvas) and (canvas.window().isVisible() or not was_visible)):
            canvas = None
            if ended is not None:
                ended()
        if QApplication.instance() is not None:
            QApplication.processEvents()
        time.sleep(STEP_S)
    return True
