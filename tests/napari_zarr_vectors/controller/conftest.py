"""What tests of a controller in a real window have in common."""

import pytest


@pytest.fixture
def settle(qtbot):
    def wait(*layers):
        qtbot.waitUntil(lambda: all(layer.lod.status.complete for layer in layers), timeout=20_000)

    return wait
