"""`zarr-vectors demo`: a picture of each kind of sample, small ones, and what it says of what it drew."""

from __future__ import annotations

from dataclasses import replace
from unittest.mock import MagicMock

import imageio.v3 as iio
import numpy as np
import pytest

from napari_zarr_vectors._cli import _demo
from napari_zarr_vectors._cli._demo import PICTURE_BUDGET, look_closely, what_is_drawn
from napari_zarr_vectors._layers import StreamingPoints, Window
from napari_zarr_vectors._model import LodControl, LodStatus
from napari_zarr_vectors._samples import stores

AMOUNTS = {"terrain-small": 20_000, "tractogram": 600, "neurons": 20, "surface": 16_000, "timelapse": 3_200}


@pytest.mark.gui
@pytest.mark.parametrize("name", AMOUNTS)
def test_the_picture_of_a_sample_is_complete_and_shows_it_in_the_middle(qapp, tmp_path, monkeypatch, capsys, name):
    small = {name: replace(stores.SAMPLES[name], amount=AMOUNTS[name])}
    monkeypatch.setattr(stores, "SAMPLES", small)
    monkeypatch.setattr(_demo, "SAMPLES", small)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert _demo.demo(name, tmp_path / "picture.png") == 0
    assert f"{AMOUNTS[name]:,} {small[name].unit}" in capsys.readouterr().out
    picture = iio.imread(tmp_path / "picture.png")
    lit = picture.max(axis=2) > 30
    height, width = lit.shape
    assert lit[height // 4 : -height // 4, width // 4 : -width // 4].mean() > 0.03
    assert lit.mean() < 0.9  # not a wall
    assert np.ptp(picture[lit].astype(int), axis=0).min() > 60  # not of one colour


@pytest.mark.parametrize(("shown", "levels", "said"), [
    (100, {0}, "100 of 100 vertices drawn"),
    (90, {0}, "90 of 100 vertices drawn; the others lie outside of the view"),
    (20, {0, 1}, "20 of 100 vertices drawn, of levels [0, 1]: they stand for the others in view"),
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
