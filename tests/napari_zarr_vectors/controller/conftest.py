"""What tests of a controller in a real window have in common."""

import pytest


@pytest.fixture
def settle(qtbot):
    def wait(layer):
        qtbot.waitUntil(lambda: layer.lod.status.complete, timeout=20_000)

    return wait
