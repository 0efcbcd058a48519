"""A picture for print: more detail than a moving view has, and only once all of it is there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from napari_zarr_vectors._controller._running import engine_of, objects_of, status_of
from napari_zarr_vectors._layers import (
    StreamingLayer,
    canvas_picture,
    clips_of,
    has_window,
    save_png,
    snapshot,
    wait_alive,
)
from napari_zarr_vectors._lod import count_in, seen_region
from zarr_vectors.exceptions import ArgumentError, CancelledError, LimitError

if TYPE_CHECKING:
    import threading

    from napari.layers import Layer
    from napari.viewer import Viewer

__all__ = ["Still", "save_still"]

MOST_VERTICES = 20_000_000
"""More than so many are drawn only where a budget says so: they take gigabytes of memory."""
SLACK_VERTICES = 100_000
Budget: TypeAlias = int | Literal["shown"] | None


@dataclass(frozen=True, slots=True)
class Still:
    """A picture that was saved, and the detail it has.

    Attributes
    ----------
    path : Path
    size : (width, height)
        Pixels.
    vertices : int
        Drawn, of all streaming layers.
    levels : frozenset of int
        That are drawn.
    failed : int
        Chunks that could not be read and are missing.
    """

    path: Path
    size: tuple[int, int]
    vertices: int
    levels: frozenset[int]
    failed: int

    def __str__(self) -> str:
        levels = f"level{'' if len(self.levels) == 1 else 's'} {', '.join(map(str, sorted(self.levels))) or 'none'}"
        missing = f", {self.failed} chunks missing" if self.failed else ""
        return f"{self.path}: {self.size[0]} x {self.size[1]} px, {self.vertices:,} vertices of {levels}{missing}"


def save_still(
    viewer: Viewer,
    path: str | Path,
    *,
    scale: float = 1.0,
    budget: Budget = None,
    timeout: float | None = None,
    cancel: threading.Event | None = None,
) -> Still:
    """Save what a viewer shows as a PNG, in all detail, once it is complete. GUI thread only.

    Budgets and levels of its streaming layers are changed for it and put back, also after an error; the window stays
    alive meanwhile. What is in view and how large points and texts are in it is as on the screen.

    Parameters
    ----------
    viewer : napari.Viewer
    path : path
        Ends with ``.png``; a file that is there is replaced.
    scale : float
        Pixels of the picture for each pixel of the canvas.
    budget : int, "shown" or None
        None draws all of level 0 that is in view, up to 20 million vertices; a number draws so many at most of each
        layer, of the levels that the camera asks for; "shown" leaves budgets and levels as they are.
    timeout : float, optional
        Seconds to wait for.
    cancel : object with ``is_set()``, optional

    Returns
    -------
    Still
        The detail that it has; its text is a sentence.

    Raises
    ------
    ArgumentError
        For an argument that cannot be used.
    LimitError
        If it is too much to be drawn, or not complete in time; nothing is written then.
    CancelledError
        If `cancel` was set or the window went; nothing is written then.
    """
    viewer = getattr(viewer, "__wrapped__", viewer)
    target = _checked(viewer, path, scale, budget)
    layers = [layer for layer in viewer.layers if layer.visible]
    with _detailed(viewer, layers, budget):
        _wait(viewer, layers, timeout, cancel)
        picture = canvas_picture(viewer, scale)
        found = [status_of(layer) for layer in layers if _is_streamed(layer)]
    save_png(target, picture)
    return Still(
        target,
        (picture.shape[1], picture.shape[0]),
        sum(status.shown_vertices for status in found),
        frozenset().union(*(status.levels for status in found)),
        sum(status.failed for status in found),
    )


def _checked(viewer: Viewer, path: str | Path, scale: float, budget: Budget) -> Path:
    target = Path(path).expanduser().absolute()
    if target.suffix.lower() != ".png":
        msg = f"path must end with .png, got {str(path)!r}"
        raise ArgumentError(msg)
    if not target.parent.is_dir():
        msg = f"{target.parent} is no folder to save a picture in"
        raise ArgumentError(msg)
    if isinstance(scale, bool) or not isinstance(scale, int | float) or not 0 < scale < float("inf"):
        msg = f"scale must be a number > 0, got {scale!r}"
        raise ArgumentError(msg)
    is_number = isinstance(budget, int) and not isinstance(budget, bool) and budget >= 1
    if budget is not None and budget != "shown" and not is_number:
        msg = f"budget must be a whole number >= 1, 'shown' or None, got {budget!r}"
        raise ArgumentError(msg)
    if not has_window(viewer):
        msg = "a picture needs a viewer with a window"
        raise ArgumentError(msg)
    return target


def _is_streamed(layer: Layer) -> bool:
    """Whether somebody fills a layer: a streaming layer whose store has gone waits for nothing."""
    return engine_of(layer) is not None or (not isinstance(layer, StreamingLayer) and bool(status_of(layer).budget))


def _is_there(layer: Layer) -> bool:
    """Whether nothing of a layer is missing on the screen, also not of its chosen objects."""
    parts = objects_of(layer)
    return not _is_streamed(layer) or (status_of(layer).complete and (parts is None or not parts[0].busy))


@contextmanager
def _detailed(viewer: Viewer, layers: list[Layer], budget: Budget) -> Iterator[None]:
    """Give streaming layers a budget, and all of them back what they had."""
    mine: list[Any] = [layer for layer in layers if isinstance(layer, StreamingLayer) and engine_of(layer) is not None]
    before = [(layer.lod, layer.lod.budget, layer.lod.level) for layer in mine]
    try:
        for layer in mine if budget != "shown" else ():
            if budget is None:
                layer.lod.budget = _all_in_view(viewer, layer)
                layer.lod.level = 0 if layer.lod.level is None else layer.lod.level
            else:
                layer.lod.budget = budget
        yield
    finally:
        for lod, had, level in before:
            lod.budget, lod.level = had, level


def _all_in_view(viewer: Viewer, layer: StreamingLayer) -> int:
    """Give the vertices in view of the finest level, or of the one that is locked; refuse more than can be held."""
    engine = engine_of(layer)
    level = layer.lod.level or 0
    region = seen_region(snapshot(viewer, layer), layer.bounds, clips_of(viewer, layer))
    levels = () if engine is None else engine.store.catalogue().levels
    # What the stream draws are chunks; of lines, too, only the pieces in those, so the objects need not be asked.
    count = sum(count_in(entry, region).at_most for entry in levels if entry.level == level)
    if count > MOST_VERTICES:
        msg = (
            f"up to {count:,} vertices of level {level} of {layer.name} are in view, more than {MOST_VERTICES:,}: "
            "go nearer, lock a coarser level, or give a budget"
        )
        raise LimitError(msg)
    # Chunks of lines and surfaces also draw ends that lie in their neighbours.
    return count + count // 4 + SLACK_VERTICES


def _wait(viewer: Viewer, layers: list[Layer], timeout: float | None, cancel: threading.Event | None) -> None:
    """Wait until all layers that are filled are complete, with their chosen objects."""
    gone = False

    def on_gone() -> None:
        nonlocal gone
        gone = True

    def is_over() -> bool:
        stopped = gone or (cancel is not None and cancel.is_set())
        return stopped or all(map(_is_there, layers))

    in_time = wait_alive(viewer, is_over, seconds=timeout, ended=on_gone)
    if gone or (cancel is not None and cancel.is_set()):
        msg = "the picture was cancelled" if not gone else "the window went while a picture was being made"
        raise CancelledError(msg)
    if not in_time:
        waiting = [layer.name for layer in layers if not _is_there(layer)]
        msg = f"not complete after {timeout:g} s: {', '.join(waiting)}; give it longer or a smaller budget"
        raise LimitError(msg)
