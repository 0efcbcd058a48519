"""Thinning: the count that was asked for, real points, each standing for its own cell."""

from __future__ import annotations

import numpy as np
import pytest

from zarr_vectors.multiresolution._thin import find_cell, occupied, thin

N = 40_000


def cloud(kind: str, ndim: int, dtype=np.float32):
    rng = np.random.default_rng(5)
    if kind == "uniform":
        p = rng.uniform(0, 1000, (N, ndim))
    elif kind == "clustered":
        centres = rng.uniform(0, 1000, (30, ndim))
        p = centres[rng.integers(0, 30, N)] + rng.normal(size=(N, ndim)) * rng.uniform(1, 30, (N, 1))
    elif kind == "anisotropic":
        p = rng.uniform(0, 1, (N, ndim)) * np.array([5000, 50, 3, 1, 1])[:ndim]
    elif kind == "flat":
        p = rng.uniform(0, 1000, (N, ndim)) * np.array([1, 1, 0, 0, 0])[:ndim]
    else:  # far from the origin, below zero
        p = rng.uniform(-1e6, -1e6 + 1000, (N, ndim))
    return p.astype(dtype)


def thinned(positions, target, unit, scales, seed):
    """Search the cell, then thin: what a level of one tile goes through."""
    size = np.ptp(positions.astype(np.float64), axis=0)
    cell = find_cell(lambda c: occupied(positions, c), size, target, unit, scales)
    return thin(positions, cell, (seed,)), cell


@pytest.mark.parametrize("ndim", [2, 3, 4, 5])
@pytest.mark.parametrize("kind", ["uniform", "clustered", "anisotropic", "flat", "far"])
@pytest.mark.parametrize("share", [4, 8, 100])
def test_about_the_wanted_number_is_left(kind, ndim, share):
    positions = cloud(kind, ndim)
    target = N // share
    found, _ = thinned(positions, target, np.full(ndim, 50.0), np.ones(ndim, bool), 1)
    assert len(found.kept) == pytest.approx(target, rel=0.1)


def test_every_point_kept_is_a_member_of_the_cell_it_stands_for():
    positions = cloud("clustered", 3)
    found, cell_shape = thinned(positions, 2000, np.full(3, 50.0), np.ones(3, bool), 1)
    cell = np.floor(positions.astype(np.float64) / cell_shape)
    assert len(found.kept) == len(np.unique(cell, axis=0)) == len(found.groups.counts)
    for g in range(0, len(found.kept), 50):
        members = found.groups.order[found.groups.starts[g] : found.groups.starts[g + 1]]
        assert found.kept[g] in members
        assert (cell[members] == cell[members[0]]).all()
    moved = np.abs(positions[found.groups.order] - np.repeat(positions[found.kept], found.groups.counts, axis=0))
    assert (moved.max(axis=0) <= cell_shape).all()


def test_the_same_seed_keeps_the_same_points_and_another_one_others():
    positions = cloud("uniform", 3)
    one, same, other = (
        thinned(positions, 2000, np.full(3, 50.0), np.ones(3, bool), seed)[0].kept for seed in (1, 1, 2)
    )
    assert one.tolist() == same.tolist()
    assert one.tolist() != other.tolist()


def test_axes_that_do_not_scale_keep_their_cells():
    positions = cloud("uniform", 3)
    found, cell_shape = thinned(positions, N // 4, np.array([50.0, 50.0, 100.0]), np.array([True, True, False]), 1)
    assert cell_shape[2] == 100.0
    assert cell_shape[0] == cell_shape[1]
    assert len(found.kept) == pytest.approx(N // 4, rel=0.1)


@pytest.mark.parametrize("ndim", [2, 3, 4, 5])
@pytest.mark.parametrize("distinct", [1, 10])
def test_equal_points_become_one_however_many_are_wanted(ndim, distinct):
    rng = np.random.default_rng(2)
    positions = np.repeat(rng.uniform(0, 1000, (distinct, ndim)), 100, axis=0)
    found, _ = thinned(positions, 50, np.full(ndim, 50.0), np.ones(ndim, bool), 1)
    assert len(found.kept) == distinct


def test_one_point_stays():
    assert thin(np.zeros((1, 3)), np.ones(3), (0,)).kept.tolist() == [0]
