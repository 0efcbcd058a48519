"""The window of the command line: a flight ends where it was aimed, or with whoever takes the camera."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from qtpy.QtCore import QTimer

from napari_zarr_vectors._layers import Window
from napari_zarr_vectors._layers._snapshot import camera_of

pytestmark = pytest.mark.gui

AIM = (0.0, -35.0, 55.0)


@pytest.fixture
def window():
    window = Window(ndisplay=3, size=(400, 300))
    yield window
    window.close()


def test_a_flight_ends_where_the_camera_was_aimed(window):
    camera = camera_of(window.viewer)
    camera.angles, camera.zoom = AIM, 3.0
    far = []
    QTimer.singleShot(200, lambda: far.append(camera.zoom))
    window.fly_in(0.8)
    assert far[0] < 2.9
    assert camera.zoom == pytest.approx(3.0)
    np.testing.assert_allclose(camera.angles, AIM, atol=1e-4)


def test_a_flight_ends_when_somebody_takes_the_camera(window):
    camera = camera_of(window.viewer)
    camera.angles, camera.zoom = AIM, 3.0
    QTimer.singleShot(200, lambda: setattr(camera, "zoom", 7.0))
    window.fly_in(60)
    assert camera.zoom == 7.0


CLOSED = """
from qtpy.QtCore import QTimer
from napari_zarr_vectors._layers import Window
window = Window(ndisplay=3, size=(400, 300))
QTimer.singleShot(200, window.click_x)
window.fly_in(60)
print("landed")
"""


def test_a_flight_ends_with_its_window():
    done = subprocess.run([sys.executable, "-c", CLOSED], capture_output=True, text=True, timeout=50)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("landed\n")
