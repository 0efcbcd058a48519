"""Points of coarse levels on the screen: as large as their cell asks, and as bright as what they stand for."""

from __future__ import annotations

import numpy as np
import pytest

from napari_zarr_vectors._build import Below, build_points
from napari_zarr_vectors._layers import LevelInfo

pytestmark = pytest.mark.gui

MIDDLE = [[50, 50, 50]]


def show_as_level(layer, level, points=MIDDLE, weight=1):
    built = build_points(
        np.array(points, float),
        None,
        origin=layer.origin,
        chunk_lo=np.zeros(3),
        cell_shape=np.full(3, 100.0),
        ratios=[],
        level=level,
        below=Below(np.zeros(1, np.int64), np.array([weight * len(points)])),
    )
    assert layer.pool.upload(1, built)
    layer.pool.commit([1], [0], [len(points)])


def lit(stage, layer):
    return stage.blob(stage.picture(), stage.project(layer, MIDDLE)[0], reach=40)[1]


@pytest.fixture
def layer(stage):
    layer = stage.add(MIDDLE)
    stage.viewer.dims.ndisplay = 3
    stage.viewer.reset_view()
    stage.viewer.scene.camera.zoom = 2.0
    layer.style.size = 4
    return layer


def test_a_coarse_point_fills_its_cell(stage, layer):
    layer.levels = LevelInfo(spacing=(0.0, 5.0))
    assert lit(stage, layer) == pytest.approx(16, abs=2)
    show_as_level(layer, 1, weight=100)
    assert lit(stage, layer) == pytest.approx(81, rel=0.3)  # 0.9 * 5 units * 2 px


def test_but_no_more_than_its_points_would_paint(stage, layer):
    layer.levels = LevelInfo(spacing=(0.0, 5.0))
    show_as_level(layer, 1, weight=2)
    assert lit(stage, layer) == pytest.approx(32, rel=0.4)  # twice 16 px


def test_and_never_beyond_the_limit_and_not_at_all_if_unasked(stage, layer):
    layer.levels = LevelInfo(spacing=(0.0, 500.0))
    show_as_level(layer, 1, weight=10**9)
    assert lit(stage, layer) == pytest.approx(256, rel=0.15)  # 16 px across
    layer.style.adaptive_size = False
    assert lit(stage, layer) == pytest.approx(16, abs=2)


def test_additive_points_add_up_even_in_the_lowest_layer(stage, layer):
    layer.blending = "additive"
    layer.opacity = 0.2
    layer.style.color = (1, 1, 1)
    one = stage.picture().max()
    show_as_level(layer, 0, MIDDLE * 3)
    assert stage.picture().max() == pytest.approx(3 * one, rel=0.1)


def test_a_place_is_as_bright_at_every_level_where_points_add_up(stage, layer):
    layer.blending = "additive"
    layer.opacity = 0.1
    layer.style.color = (1, 1, 1)
    layer.levels = LevelInfo(spacing=(0.0, 5.0))
    fine = np.array(MIDDLE) + np.array([[0, i, j] for i in (-2, 2) for j in (-2, 2)])
    show_as_level(layer, 0, fine.tolist())
    energy = stage.picture().sum(dtype=float)
    show_as_level(layer, 1, weight=4)
    assert stage.picture().sum(dtype=float) == pytest.approx(energy, rel=0.25)


def test_what_is_left_out_of_thinned_chunks_is_made_up_for(stage, layer):
    layer.blending = "additive"
    layer.opacity = 0.1
    layer.style.color = (1, 1, 1)
    fine = np.array(MIDDLE) + np.array([[0, i, j] for i in (-2, 2) for j in (-2, 2)])
    show_as_level(layer, 0, fine.tolist())
    energy = stage.picture().sum(dtype=float)
    layer.pool.commit([1], [0], [2])
    layer.levels = LevelInfo(share=0.5)
    assert stage.picture().sum(dtype=float) == pytest.approx(energy, rel=0.1)
