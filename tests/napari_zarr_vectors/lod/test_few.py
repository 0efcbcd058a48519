"""Few points: the box of a view, and the finest level whose part in it fits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_zarr_vectors._lod.few import chunks_in, plan_few, view_box
from tests.napari_zarr_vectors.lod import strategies as s
from zarr_vectors.lazy import Catalogue, LevelCatalogue


def bounds_of(scene):
    """What the finest chunks cover."""
    entry = scene.catalogue.levels[0]
    low = entry.coords * entry.chunk_shape
    return np.stack([low.min(axis=0), (low + entry.chunk_shape).max(axis=0)])


def seen(camera, points):
    """Tell which points are in view, one by one."""
    d = len(camera.displayed)
    place = points[:, list(camera.displayed)]
    inside = (place @ camera.planes[:, :d].T + camera.planes[:, d] >= 0).all(axis=1)
    return inside & ((points >= camera.slab_lo) & (points <= camera.slab_hi)).all(axis=1)


def points_near(scene, bounds, count=2000):
    """Points all over the bounds, and some in the slab and about the focus."""
    camera, rng = scene.camera, scene.rng
    points = rng.uniform(bounds[0], bounds[1], (count, bounds.shape[1]))
    hidden = [axis for axis in range(bounds.shape[1]) if axis not in camera.displayed]
    points[:, hidden] = rng.uniform(camera.slab_lo[hidden], camera.slab_hi[hidden], (count, len(hidden)))
    axes = list(camera.displayed)
    share = rng.random((count // 2, 1)) ** 4
    points[: count // 2, axes] = camera.focus + share * (points[: count // 2, axes] - camera.focus)
    return points[((points >= bounds[0]) & (points <= bounds[1])).all(axis=1)]


@s.examples(200)
@given(s.scenes(dims=(2, 3, 4, 5)))
def test_whatever_is_in_view_is_in_the_box(scene):
    bounds = bounds_of(scene)
    points = points_near(scene, bounds)
    points = points[seen(scene.camera, points)]
    box = view_box(scene.camera, bounds)
    if box is None:
        assert not len(points)
    else:
        assert ((points >= box[0]) & (points <= box[1])).all()


@s.examples(100)
@given(s.scenes())
def test_no_smaller_box_would_do(scene):
    """The box of the view touches it: along each axis, the view cut at the box's face is not empty."""
    bounds = bounds_of(scene)
    box = view_box(scene.camera, bounds)
    if box is None:
        return
    assert (box[0] >= bounds[0] - 1e-5 * np.ptp(bounds)).all()
    assert (box[1] <= bounds[1] + 1e-5 * np.ptp(bounds)).all()
    margin = 1e-5 * float(np.ptp(bounds, axis=0).max())
    for axis in scene.displayed:
        for side, keep in ((0, 1), (1, 0)):
            cut = bounds.copy()
            cut[keep, axis] = box[side, axis] + (margin if side == 0 else -margin)
            cut[:, axis] = np.clip(cut[:, axis], *bounds[:, axis])
            assert view_box(scene.camera, cut) is not None


def parallel(lo, hi, *, slab=None):
    """A parallel 2-D view of the last two axes of three, from `lo` to `hi`."""
    lo, hi = np.array(lo, float), np.array(hi, float)
    planes = np.array([[1, 0, -lo[0]], [-1, 0, hi[0]], [0, 1, -lo[1]], [0, -1, hi[1]]])
    rng = np.random.default_rng(0)
    tree = s.build_tree(s.make_catalogue(np.zeros((1, 3), int), base=[1, 1, 1], ratios=[], rng=rng))
    camera = s.look(tree, rng, displayed=(1, 2), perspective=False)
    slab_lo, slab_hi = slab or (-np.inf, np.inf)
    return replace(
        camera,
        planes=planes,
        slab_lo=np.array([slab_lo, -np.inf, -np.inf]),
        slab_hi=np.array([slab_hi, np.inf, np.inf]),
    )


BOUNDS = np.array([[0.0, 0, 0], [100, 200, 300]])


def test_a_rectangle_and_a_slab_are_their_own_box():
    box = view_box(parallel((10, 20), (30, 1000), slab=(5, 6)), BOUNDS)
    assert np.allclose(box, [[5, 10, 20], [6, 30, 300]], atol=1e-3)


@pytest.mark.parametrize("slab", [(-9, -1), (101, 102)])
def test_a_slab_beside_the_store_shows_nothing(slab):
    assert view_box(parallel((10, 20), (30, 40), slab=slab), BOUNDS) is None


def test_a_rectangle_beside_the_store_shows_nothing():
    assert view_box(parallel((-50, 20), (-10, 40)), BOUNDS) is None


def test_a_store_that_is_flat_or_one_point_has_a_box():
    flat = np.array([[7.0, 0, 0], [7, 200, 300]])
    assert np.allclose(view_box(parallel((10, 20), (30, 40)), flat), [[7, 10, 20], [7, 30, 40]], atol=1e-3)
    point = np.array([[7.0, 20, 30], [7, 20, 30]])
    assert np.allclose(view_box(parallel((10, 20), (30, 40)), point), point, atol=1e-3)
    assert view_box(parallel((40, 20), (50, 40)), point) is None


# --- levels


def level_of(points, number, edge):
    """The catalogue's entry of (n, 3) points."""
    coords, counts = np.unique(np.floor(points / edge).astype(np.int64), axis=0, return_counts=True)
    return LevelCatalogue(number, np.full(3, float(edge)), np.zeros(3), coords, counts, True, len(points))


def within(points, box):
    return int(((points >= box[0]) & (points <= box[1])).all(axis=1).sum())


@st.composite
def pyramids(draw):
    """Points of 1 to 5 levels, some coarser ones with more points than finer ones, and a view of them."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    count = int(rng.integers(1, 5000))
    levels = [rng.normal(50, rng.uniform(2, 40), (count, 3)).clip(0, 99.999)]
    for _ in range(draw(st.integers(0, 4))):
        kept = rng.random(len(levels[-1])) < rng.choice([0.2, 0.5, 0.9])
        levels.append(levels[-1][kept])
    levels = [level for level in levels if len(level)] or levels[:1]
    lo, hi = np.sort(rng.uniform(-10, 110, (2, 2)), axis=0)
    middle, half = rng.uniform(0, 100), rng.choice([1, 20, 200])
    camera = parallel(lo, hi, slab=(middle - half, middle + half))
    entries = [level_of(level, k, 10.0 * 2**k) for k, level in enumerate(levels)]
    bounds = np.stack([levels[0].min(axis=0), levels[0].max(axis=0)])
    return Catalogue(bounds, tuple(entries)), levels, camera, int(np.exp(rng.uniform(0, np.log(6000))))


EVERYTHING = 2**40


@s.examples(300)
@given(pyramids())
def test_the_first_level_tried_that_fits_is_the_finest_that_fits(pyramid):
    catalogue, levels, camera, most = pyramid
    plan = plan_few(catalogue, camera, most=most, most_read=EVERYTHING)
    if not plan.levels:
        assert not any(seen(camera, level).any() for level in levels)
        return
    counts = [within(level, plan.box) for level in levels]
    fitting = [k for k, count in enumerate(counts) if count <= most]
    tried = [k for k in plan.levels if counts[k] <= most]
    assert (tried or [plan.levels[-1]])[0] == (fitting or [len(levels) - 1])[0]
    assert list(plan.levels) == sorted(set(plan.levels))


@s.examples(100)
@given(pyramids(), st.integers(1, 2000))
def test_no_more_is_read_to_find_out_than_is_allowed(pyramid, most_read):
    catalogue, levels, camera, most = pyramid
    plan = plan_few(catalogue, camera, most=most, most_read=most_read)
    for k in plan.levels[:-1]:
        entry = catalogue.levels[k]
        assert entry.counts[chunks_in(entry, plan.box)[0]].sum() <= most_read
    for k in plan.levels[-1:]:
        entry = catalogue.levels[k]
        assert k == len(levels) - 1 or entry.counts[chunks_in(entry, plan.box)[0]].sum() <= most


def test_estimated_counts_rule_no_level_out():
    points = np.random.default_rng(0).uniform(0, 99, (1000, 3))
    entries = tuple(replace(level_of(points[:: 10**k], k, 50.0), counts_exact=False) for k in range(3))
    catalogue = Catalogue(BOUNDS, entries)
    camera = parallel((-500, -500), (500, 500))
    assert plan_few(catalogue, camera, most=50, most_read=EVERYTHING).levels == (0, 1, 2)
    assert plan_few(catalogue, camera, most=50, most_read=99).levels == (2,)


def test_a_level_that_is_asked_for_is_the_only_one():
    points = np.random.default_rng(0).uniform(0, 99, (1000, 3))
    catalogue = Catalogue(BOUNDS, tuple(level_of(points, k, 50.0) for k in range(3)))
    camera = parallel((-500, -500), (500, 500))
    assert plan_few(catalogue, camera, most=5, most_read=5, level=1).levels == (1,)
    assert plan_few(catalogue, camera, most=5, most_read=5, level=7).levels == (2,)
