"""A napari window for programs that show something and end: the command line, the benchmarks, the pictures."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import imageio.v3 as iio
import napari
import numpy as np
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication

from napari_zarr_vectors._layers._napari import native_canvas
from napari_zarr_vectors._layers._snapshot import camera_of
from napari_zarr_vectors._layers._viewer import look

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Window"]

STEP_S = 0.002
FLIGHT_STEP_MS = 10
FLIGHT_TURN = (0.0, 25.0, -70.0)
FLIGHT_ZOOM = 0.35


class Window:
    """A viewer in a window of its own.

    Parameters
    ----------
    ndisplay : 2 or 3
    size : (width, height)
        Of the window, logical pixels.
    """

    def __init__(self, *, ndisplay: int, size: tuple[int, int]) -> None:
        self.viewer = napari.Viewer(ndisplay=ndisplay, show=True)
        self.viewer.window.resize(*size)
        self.process(0.2)

    def look(self, *, angles: tuple[float, float, float], zoom: float) -> None:
        """Look at everything in 3-D from these angles (degrees), `zoom` times as near as fits."""
        look(self.viewer, angles=angles, zoom=zoom)

    def fly_in(self, seconds: float, landed: Callable[[], None] = lambda: None) -> None:
        """Fly to where the camera is now, from afar and from the side, and call `landed` there.

        The flight ends at once if somebody takes the camera; nobody has landed then.
        """
        camera, timer = camera_of(self.viewer), QTimer(native_canvas(self.viewer))
        zoom, angles, began = camera.zoom, np.array(camera.angles), time.monotonic()
        last = (camera.zoom, *camera.angles)

        def step() -> None:
            nonlocal last
            part = min(1.0, (time.monotonic() - began) / seconds)
            if not np.allclose((camera.zoom, *camera.angles), last):
                timer.stop()
                return
            left = (1 - part) ** 2 * (1 + 2 * part)  # from 1 to 0, slow at both ends
            camera.angles = tuple(angles + left * np.array(FLIGHT_TURN))
            camera.zoom = zoom * FLIGHT_ZOOM**left
            last = (camera.zoom, *camera.angles)
            if part == 1:
                timer.stop()
                landed()

        timer.timeout.connect(step)
        timer.start(FLIGHT_STEP_MS)

    def when_moved(self, act: Callable[[], None]) -> None:
        """Call `act` once, when the camera is moved next."""
        events = camera_of(self.viewer).events

        def once(_: object) -> None:
            events.disconnect(once)
            act()

        events.connect(once)

    def process(self, seconds: float) -> None:
        """Let the window live for a while."""
        self.wait_until(lambda: False, seconds)

    def wait_until(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Let the window live until a condition holds; tell whether it did in time."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            QApplication.processEvents()
            if condition():
                return True
            time.sleep(STEP_S)
        return condition()

    def save(self, path: Path, *, whole: bool = False) -> None:
        """Write the canvas, or the whole window, to a PNG."""
        iio.imwrite(path, self.viewer.screenshot(canvas_only=not whole, flash=False)[..., :3])

    def run(self) -> None:
        """Let the person have it until the window is closed."""
        napari.run()

    def click_x(self) -> None:
        """Close the window as its X does: `viewer.close()` is not called."""
        native_canvas(self.viewer).window().close()
        self.process(0.1)

    def close(self) -> None:
        """Close the viewer."""
        self.viewer.close()
        self.process(0.1)
