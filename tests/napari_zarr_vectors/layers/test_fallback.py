"""Where napari takes no layer of our own, an ordinary one with few points is shown, and it is said why."""

import numpy as np
import pytest

from napari_zarr_vectors._layers import FallbackPoints, StreamingPoints, _napari, register

pytestmark = pytest.mark.gui


def test_the_fallback_refreshes_once_the_view_has_settled(make_napari_viewer, qtbot):
    asked = []

    def fetch(most):
        asked.append(most)
        return np.random.default_rng(0).random((most + 5, 3)) * 100

    viewer = make_napari_viewer(show=True)
    fallback = FallbackPoints(fetch, [[0, 0, 0], [100, 100, 100]], name="few")
    viewer.add_layer(fallback.layer)
    assert np.allclose(fallback.layer.extent.data, [[0, 0, 0], [100, 100, 100]])
    for _ in range(5):
        fallback.view_changed()
    assert asked == []
    qtbot.waitUntil(lambda: len(asked) == 1, timeout=3000)
    assert len(fallback.layer.data) == 50_000
    fallback.view_changed()
    fallback.close()
    qtbot.wait(400)
    assert len(asked) == 1


def test_registration_that_is_impossible_says_why(monkeypatch):
    monkeypatch.setattr(_napari, "REASON", "no such thing as layer_to_visual")
    with pytest.raises(RuntimeError, match="no such thing as layer_to_visual"):
        register()


def test_registering_again_changes_nothing():
    register()
    register()
    assert _napari.is_registered(StreamingPoints)
