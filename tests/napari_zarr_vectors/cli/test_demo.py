"""`zarr-vectors demo`: what it says of what it drew."""

from __future__ import annotations

from unittest.mock import MagicMock

import pytest

from napari_zarr_vectors._cli._demo import PICTURE_BUDGET, look_closely, what_is_drawn
from napari_zarr_vectors._layers import StreamingPoints, Window
from napari_zarr_vectors._model import LodControl, LodStatus


@pytest.mark.parametrize(("shown", "levels", "said"), [
    (100, {0}, "100 of 100 points drawn"),
    (90, {0}, "90 of 100 points drawn; the others lie outside of the view"),
    (20, {0, 1}, "20 of 100 points drawn, of levels [0, 1]: they stand for the others in view"),
])  # fmt: skip
def test_it_says_where_the_other_points_are(shown, levels, said):
    assert what_is_drawn(LodStatus(shown_vertices=shown, levels=frozenset(levels)), 100) == said


def test_the_end_of_the_flight_shows_all_until_the_camera_moves():
    window, layer = MagicMock(spec=Window), MagicMock(spec=StreamingPoints, lod=LodControl())
    look_closely(window, layer)
    assert layer.lod.budget == PICTURE_BUDGET
    (moved,) = window.when_moved.call_args.args
    moved()
    assert layer.lod.budget == "auto"
