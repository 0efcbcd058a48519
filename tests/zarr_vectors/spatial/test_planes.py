"""Half-spaces: exact for positions, never too small for chunks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zarr_vectors.exceptions import ArgumentError
from zarr_vectors.spatial import as_planes, inside_planes, meets_planes


def drawn(seed, ndim):
    rng = np.random.default_rng(seed)
    normals = rng.normal(size=(5, ndim)) * (rng.random((5, ndim)) < 0.7)
    planes = np.column_stack([normals, rng.uniform(-5, 25, 5)])
    return planes, rng.uniform(-20, 20, (400, ndim)).astype("float32")


@given(st.integers(0, 10_000), st.integers(2, 5))
def test_what_lies_inside_is_what_all_products_say_and_its_chunk_is_met(seed, ndim):
    planes, positions = drawn(seed, ndim)
    found = inside_planes(positions, planes)
    away = positions.astype(float) @ planes[:, :-1].T + planes[:, -1]
    clear = np.abs(away).min(axis=1) > 1e-9
    assert (found == (away >= 0).all(axis=1))[clear].all()
    shape = np.arange(1, ndim + 1) * 1.5
    met = meets_planes(np.floor(positions[found] / shape).astype(np.int64), planes, shape)
    assert met.all()


def test_a_chunk_far_behind_a_plane_is_not_met_and_what_divides_chunks_is_no_place():
    coords = np.array([[7, -3, 0], [7, 2, 0]])  # the first component is the value of an attribute
    assert meets_planes(coords, np.array([[1.0, 0.0, 0.0]]), np.array([1.0, 1.0])).tolist() == [False, True]


def test_the_plane_itself_is_inside():
    assert inside_planes(np.array([[1.0, 2.0]]), np.array([[1.0, 0.0, -1.0]])).all()


@pytest.mark.parametrize("planes", [[1, 2, 3], [[1, 2]], [[1, 2, np.nan]], [["a", "b", "c"]]])
def test_what_are_no_planes_is_refused(planes):
    with pytest.raises(ArgumentError, match="planes must be rows of 3"):
        as_planes(planes, 2)
