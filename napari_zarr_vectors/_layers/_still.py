"""A picture of a viewer's canvas at any resolution, written whole or not at all."""

from __future__ import annotations

import os
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import imageio.v3 as iio
import numpy as np
import numpy.typing as npt
from vispy import gloo

from napari_zarr_vectors._layers._eye_dome import DEPTH_24
from napari_zarr_vectors._layers._napari import scene_canvas
from zarr_vectors.exceptions import ArgumentError, LimitError

if TYPE_CHECKING:
    from napari.viewer import Viewer

__all__ = ["canvas_picture", "save_png"]


def canvas_picture(viewer: Viewer, scale: float) -> npt.NDArray[np.uint8]:
    """Paint the canvas with `scale` pixels for each one that it has on the screen: (height, width, 3).

    What is in view, and the size of points and texts in it, are as on the screen.

    Raises
    ------
    ArgumentError
        If there is no window.
    LimitError
        If this graphics card paints no picture so large.
    """
    canvas = scene_canvas(viewer)
    if canvas is None:
        msg = "a picture needs a viewer with a window"
        raise ArgumentError(msg)
    canvas.set_current()
    size = tuple(max(1, round(side * canvas.pixel_scale * scale)) for side in canvas.size)
    most = int(gloo.gl.glGetParameter(gloo.gl.GL_MAX_RENDERBUFFER_SIZE))
    if max(size) > most:
        msg = f"a picture of {size[0]} x {size[1]} pixels is more than the {most} that can be painted here"
        raise LimitError(msg)
    return _painted(canvas, size)


def _painted(canvas: Any, size: tuple[int, ...]) -> npt.NDArray[np.uint8]:  # noqa: ANN401  # vispy has no types
    """Paint a canvas into a buffer of (width, height) pixels.

    It is what ``canvas.render(size=..)`` says it does: that one leaves the scene as large as on the screen.
    """
    shape = size[::-1]
    depth = gloo.RenderBuffer(shape, format=DEPTH_24, resizeable=False)
    buffer = gloo.FrameBuffer(color=gloo.RenderBuffer(shape), depth=depth)
    canvas.push_fbo(buffer, (0, 0), canvas.physical_size)
    try:
        whole = (0, 0, *canvas.physical_size)
        canvas.transforms.configure(viewport=(0, 0, *size), fbo_size=size, fbo_rect=whole)
        canvas.context.clear(color=canvas.bgcolor, depth=True)
        canvas.draw_visual(canvas.scene)
        picture = buffer.read("color")
    finally:
        canvas.pop_fbo()
        buffer.delete()
    return np.ascontiguousarray(picture[..., :3])


def save_png(path: Path, picture: npt.NDArray[np.uint8]) -> None:
    """Write a picture; the file appears at its path whole, and replaces one that is there."""
    beside = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.png")
    try:
        iio.imwrite(beside, picture, extension=".png")
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
