"""What tests of a controller in a real window have in common."""

import pytest

from napari_zarr_vectors._layers import Window


@pytest.fixture
def settle(qtbot):
    def wait(*layers):
        qtbot.waitUntil(lambda: all(layer.lod.status.complete for layer in layers), timeout=20_000)

    return wait


@pytest.fixture
def window():
    window = Window(ndisplay=3, size=(500, 420))
    yield window
    window.close()
