"""What is left out because it lies elsewhere on the screen is never what is picked."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_zarr_vectors._build import (
    LinkedPart,
    Place,
    Sight,
    build_points,
    build_segments,
    build_triangles,
    nearest,
    picking,
)


def chunk(rng, kind, ndim):
    low = rng.uniform(-50, 30, ndim)
    points = low + rng.uniform(0, 20, (30, ndim))
    place = Place(np.zeros(ndim), low, np.full(ndim, 20.0), np.empty((0, ndim), int))
    if kind == "points":
        wide = np.full(ndim, 20.0)
        built = build_points(points, None, origin=np.zeros(ndim), chunk_lo=low, cell_shape=wide, ratios=[])
    else:
        links = rng.integers(0, 30, (25, 2 if kind == "segments" else 3))
        sizes = rng.uniform(0.2, 3, 30).astype("f4")
        part = LinkedPart(points, (0, 30), links, np.ones(25, bool), None, sizes)
        built = (build_segments if kind == "segments" else build_triangles)(part, place)
    start = int(rng.integers(0, built.rows))
    return built, built.values, np.array([start]), np.array([built.rows])


def sight_of(rng, ndim, *, in_world, sized):
    """A camera somewhere in or before the scene, with perspective; slabs along some axes."""
    axes = np.zeros((5, 4))
    shown = rng.permutation(ndim)[: int(rng.integers(2, min(ndim, 3) + 1))]
    axes[shown] = rng.normal(0, 1, (len(shown), 4)) * [0.03, 0.03, 0.01, 0.004]
    lo, hi = np.full(5, -1e38), np.full(5, 1e38)
    for axis in set(range(ndim)) - set(shown.tolist()):
        lo[axis] = rng.uniform(-50, 40)
        hi[axis] = lo[axis] + 25
    return Sight(
        origin=np.zeros(ndim),
        axes=axes,
        base=np.array([0.0, 0.0, 0.1, rng.uniform(0.05, 1.5)]),
        half_px=np.array([200.0, 150.0]),
        lo=lo,
        hi=hi,
        size=(rng.uniform(0.5, 9), 1.0, 1.0, 256.0),
        in_world=in_world,
        sized=sized,
        square=False,
        spacing=np.full(16, rng.choice([0.0, 5.0])),
        fill=(rng.uniform(0, 5), 16.0),
        thin=1.0,
    )


@pytest.mark.parametrize("kind", ["points", "segments", "triangles"])
@given(seed=st.integers(0, 10**6), ndim=st.integers(2, 5), in_world=st.booleans(), sized=st.booleans())
def test_boxes_and_sides_leave_out_nothing_that_is_near(kind, seed, ndim, in_world, sized):
    rng = np.random.default_rng(seed)
    chunks = [chunk(rng, kind, ndim) for _ in range(4)]
    sight = sight_of(rng, ndim, in_world=in_world, sized=sized)
    at = rng.uniform(-150, 150, 2)
    found = nearest(chunks, sight, at, 3.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(picking, "_away", lambda built, *_: np.zeros(len(built)))
        patch.setattr(picking, "_rows_near", lambda built, rows, *_: rows)
        assert found == nearest(chunks, sight, at, 3.0)


def test_most_chunks_and_rows_are_left_out():
    rng = np.random.default_rng(0)
    chunks = [chunk(rng, "segments", 3) for _ in range(20)]
    axes = np.zeros((5, 4))
    axes[1, 0], axes[2, 1] = 0.02, 0.02
    sight = sight_of(rng, 3, in_world=False, sized=False)
    sight = Sight(**{name: getattr(sight, name) for name in Sight.__slots__} | {"axes": axes, "base": np.eye(4)[3]})
    away = picking._away([c[0] for c in chunks], sight, np.zeros(2), 3.0)
    assert 0 < (away >= 0).sum() < 12
    built = chunks[int(np.argmax(away))][0]
    assert len(picking._rows_near(built, np.arange(built.rows), sight, np.zeros(2), 5.0)) < built.rows / 2
