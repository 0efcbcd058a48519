"""A region is what a camera sees, and what it counts is never too little."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_zarr_vectors._lod import CameraState, box_region, count_in, seen_region
from zarr_vectors.lazy import LevelCatalogue

BOUNDS = np.array([[0.0, 0, 0], [100, 100, 100]])


def camera(planes, displayed=(0, 1, 2), lo=(-np.inf,) * 3, hi=(np.inf,) * 3):
    d = len(displayed)
    rest = {"focus": np.zeros(d), "forward": np.zeros(d), "canvas_px": (1.0, 1.0), "focal_px": 1.0}
    return CameraState(
        displayed, np.array(planes), None, np.ones(d), slab_lo=np.array(lo), slab_hi=np.array(hi), **rest
    )


def holds(region, points):
    inside = ((points >= region.lo) & (points < region.hi)).all(axis=1)
    return inside & (points @ region.planes[:, :-1].T + region.planes[:, -1] >= 0).all(axis=1)


@given(st.integers(0, 1000))
def test_a_view_and_a_slab_and_a_clipping_plane_hold_what_lies_in_all_of_them(seed):
    rng = np.random.default_rng(seed)
    planes = np.column_stack([rng.normal(size=(4, 2)), rng.uniform(0, 60, 4)])
    clips = np.column_stack([rng.normal(size=(2, 3)), rng.uniform(0, 60, 2)])
    region = seen_region(camera(planes, (2, 0), (-np.inf, 20, -np.inf), (np.inf, 70, np.inf)), BOUNDS, clips)
    points = rng.uniform(0, 100, (500, 3))
    wanted = (points[:, [2, 0]] @ planes[:, :2].T + planes[:, 2] >= 0).all(axis=1)
    wanted &= (points[:, 1] >= 20) & (points[:, 1] <= 70)
    wanted &= (points @ clips[:, :-1].T + clips[:, -1] >= 0).all(axis=1)
    assert np.array_equal(holds(region, points), wanted)


def test_both_ends_of_a_slab_belong_to_it_and_nothing_in_view_is_nothing():
    flat = camera(np.empty((0, 3)), (1, 2), (30, -np.inf, -np.inf), (30, np.inf, np.inf))
    assert holds(seen_region(flat, BOUNDS), np.array([[30.0, 5, 5], [30.1, 5, 5]])).tolist() == [True, False]
    away = seen_region(camera([[1.0, 0, 0, -200]]), BOUNDS)
    assert not holds(away, np.random.default_rng(0).uniform(0, 100, (99, 3))).any()


@settings(max_examples=25)
@given(st.integers(0, 1000))
def test_a_count_is_near_and_never_too_little(seed):
    rng = np.random.default_rng(seed)
    points = rng.uniform(0, 100, (20_000, 3))
    coords, counts = np.unique(np.floor(points / 10).astype(np.int64), axis=0, return_counts=True)
    entry = LevelCatalogue(0, np.array([10.0] * 3), np.zeros(3), coords, counts, True, len(points))
    region = seen_region(camera(np.column_stack([rng.normal(size=(3, 3)), rng.uniform(-20, 90, 3)])), BOUNDS)
    found, inside = count_in(entry, region), int(holds(region, points).sum())
    assert inside <= found.at_most
    assert found.about == pytest.approx(inside, rel=0.1, abs=250)
    assert count_in(entry, None) == count_in(entry, box_region([-1] * 3, [101] * 3))
