"""Slow work for a viewer on a thread of napari's, and what follows from it on the GUI thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from napari.qt.threading import create_worker
from qtpy.compat import isalive

from napari_zarr_vectors._layers._napari import native_canvas

if TYPE_CHECKING:
    from napari.viewer import Viewer

__all__ = ["run_later"]

Result = TypeVar("Result")


def run_later(
    viewer: Viewer,
    work: Callable[[], Result],
    then: Callable[[Result], None],
    failed: Callable[[Exception], None],
) -> None:
    """Work on a thread; then call back on the GUI thread, unless the viewer's window is gone by then.

    Parameters
    ----------
    viewer : napari.Viewer
    work : callable
        Runs on the thread; touches nothing of napari or Qt.
    then, failed : callable
        Take the result, or what `work` raised.
    """
    canvas = native_canvas(viewer)
    was_visible = canvas is not None and canvas.window().isVisible()

    def is_open() -> bool:
        return isalive(canvas) and (canvas.window().isVisible() or not was_visible)

    def on_result(result: Result) -> None:
        if is_open():
            then(result)

    def on_error(error: Exception) -> None:
        if is_open():
            failed(error)

    if canvas is None:  # a viewer model without a window: nobody sees it wait
        then(work())
        return
    slots: dict[str, Any] = {"returned": on_result, "errored": on_error}
    create_worker(work, _connect=slots)
