"""The window of the command line: a flight ends where it was aimed, or with whoever takes the camera.

Each in a process of its own, as the command line is: napari's window belongs to a program, not to a test.
"""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.gui

FLIGHT = """
import json, sys
from qtpy.QtCore import QTimer
from napari_zarr_vectors._layers import Window
from napari_zarr_vectors._layers._snapshot import camera_of

what, seconds = sys.argv[1], float(sys.argv[2])
window = Window(ndisplay=3, size=(400, 300))
camera = camera_of(window.viewer)
camera.angles, camera.zoom = (0.0, -35.0, 55.0), 3.0
early, moves = [], []

def end():
    where = [camera.zoom, *camera.angles]
    moves.append("moved here")
    camera.zoom, camera.zoom = 4.0, 5.0
    print("LANDED", json.dumps([early, moves, *where]), flush=True)
    window.viewer.close()

def at_the_end():
    moves.append("landed")
    window.when_moved(lambda: moves.append("told"))

happens = {"look": lambda: early.append(camera.zoom), "take": lambda: setattr(camera, "zoom", 7.0),
           "X": window.click_x, "close": window.viewer.close}
window.fly_in(seconds, at_the_end)
QTimer.singleShot(300, happens[what])
if what in ("look", "take"):
    QTimer.singleShot(2500, end)
window.run()
print("RETURNED")
"""


def landed(what, seconds):
    """Fly, have something happen after 0.3 s; give what was seen then and called, and zoom and angles at the end."""
    words = [sys.executable, "-c", FLIGHT, what, str(seconds)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("RETURNED\n")
    early, moves, zoom, *angles = json.loads(done.stdout.partition("LANDED")[2].partition("\n")[0] or "[[], [], 0]")
    return early, moves, zoom, angles


def test_a_flight_ends_where_the_camera_was_aimed():
    early, moves, zoom, angles = landed("look", 0.8)
    assert early[0] < 2.9
    assert zoom == pytest.approx(3.0)
    assert angles == pytest.approx([0, -35, 55], abs=1e-3)
    assert moves == ["landed", "moved here", "told"]  # told once, of two moves


def test_a_flight_ends_when_somebody_takes_the_camera():
    _, moves, zoom, _ = landed("take", 1000)
    assert zoom == 7.0
    assert moves == ["moved here"]  # nobody landed


@pytest.mark.parametrize("how", ["X", "close"])
def test_a_flight_ends_with_its_window_and_the_program_with_it(how):
    landed(how, 1000)
