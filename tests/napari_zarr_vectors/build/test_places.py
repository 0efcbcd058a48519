import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_zarr_vectors._build import place_interval, place_keys, place_shape


@st.composite
def ratio_tables(draw, most_places=4096):
    ndim = draw(st.integers(1, 4))
    depth = draw(st.integers(0, 4))
    table = draw(st.lists(st.lists(st.integers(1, 4), min_size=ndim, max_size=ndim), min_size=depth, max_size=depth))
    ratios = np.array(table, dtype=np.int64).reshape(depth, ndim)
    while len(ratios) and np.prod(ratios) > most_places:
        ratios = ratios[1:]
    return ratios


def every_cell(shape):
    return np.array(list(itertools.product(*map(range, shape))), dtype=np.int64).reshape(-1, len(shape))


@given(ratio_tables())
def test_keys_number_every_cell_once(ratios):
    cells = every_cell(place_shape(ratios, ratios.shape[1]))
    assert sorted(place_keys(cells, ratios).tolist()) == list(range(len(cells)))


@given(ratio_tables())
@settings(deadline=None)
def test_a_descendant_is_exactly_its_interval(ratios):
    cells = every_cell(place_shape(ratios, ratios.shape[1]))
    keys = place_keys(cells, ratios)
    for depth in range(len(ratios) + 1):
        under = cells // np.prod(ratios[depth:], axis=0, dtype=np.int64)
        for descendant in np.unique(under, axis=0)[:20]:
            lo, hi = place_interval(descendant, depth, ratios)
            inside = np.all(under == descendant, axis=1)
            assert np.array_equal(inside, (keys >= lo) & (keys < hi))
            assert hi - lo == inside.sum()


@given(ratio_tables())
def test_a_childs_interval_lies_in_its_parents(ratios):
    for depth in range(1, len(ratios) + 1):
        for child in every_cell(np.prod(ratios[:depth], axis=0, dtype=np.int64))[:20]:
            lo, hi = place_interval(child, depth, ratios)
            parent_lo, parent_hi = place_interval(child // ratios[depth - 1], depth - 1, ratios)
            assert parent_lo <= lo < hi <= parent_hi


def test_a_chunk_of_level_0_is_one_place():
    assert place_keys(np.zeros((3, 2), int), []).tolist() == [0, 0, 0]
    assert place_interval((0, 0), 0, np.empty((0, 2), int)) == (0, 1)


def test_more_places_than_numbers_is_an_error_that_says_so():
    with pytest.raises(ValueError, match=r"2\*\*66"):
        place_shape([[2, 2, 2]] * 22, 3)
