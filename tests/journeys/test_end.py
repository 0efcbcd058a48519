"""A program ends well while objects are chosen: its window is closed, or it just ends.

Each in a process of its own: at the end of one napari's canvas is destroyed before the layers that draw on it end.
"""

import subprocess
import sys
import textwrap

import numpy as np
import pytest

from zarr_vectors.types.polylines import write_polylines

pytestmark = pytest.mark.gui

CHOSEN = textwrap.dedent(
    """
    import sys, time
    import napari
    from qtpy.QtCore import QTimer
    from qtpy.QtWidgets import QApplication
    from napari_zarr_vectors import open_layer
    from napari_zarr_vectors._controller._running import objects_of

    def wait(is_so, until=time.monotonic() + 60):
        while not is_so() and time.monotonic() < until:
            QApplication.processEvents()
            time.sleep(0.005)
        assert is_so()

    store, ndisplay, how = sys.argv[1:]
    viewer = napari.Viewer(ndisplay=int(ndisplay))
    (layer,) = open_layer(viewer, store)
    wait(lambda: layer.lod.status.complete)
    layer.selection.ids = [3, 8]
    highlighter = objects_of(layer)[0]
    wait(lambda: not highlighter.busy and layer.highlight.shown is not None and layer.lod.status.complete)
    if how == "closed":
        QTimer.singleShot(300, viewer.window._qt_window.close)
        napari.run()
        assert objects_of(layer) is None
        layer.style.size = 9.0  # whoever has the layer may go on with it
        layer.selection.ids = [5]
    print("ended well")
    """
)


@pytest.fixture(scope="module")
def lines(tmp_path_factory):
    path = tmp_path_factory.mktemp("end") / "lines.zarrvectors"
    along = np.linspace(0, 90, 40)
    rows = [np.stack([np.full(40, 40.0 + k / 10), np.full(40, 8.0 * k), along], axis=1) for k in range(12)]
    write_polylines(path, rows, chunk_shape=30.0, bin_shape=10.0)
    return path


@pytest.mark.parametrize("ndisplay", [2, 3])
@pytest.mark.parametrize("how", ["closed", "left open"])
def test_a_program_ends_well_while_objects_are_chosen(lines, ndisplay, how):
    command = [sys.executable, "-W", "ignore", "-c", CHOSEN, str(lines), str(ndisplay), how]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    told = done.stdout + done.stderr  # napari prints what was raised in a slot
    assert (done.returncode, done.stdout.splitlines()[-1:]) == (0, ["ended well"]), told[-3000:]
    assert "Error" not in told, told[-3000:]
