"""Colours of categories: apart from one another, from backgrounds and from what marks a selection."""

from __future__ import annotations

import numpy as np
import pytest

from napari_zarr_vectors._layers._lut import DISTINCT, MOST_CATEGORIES, TAKEN, _lab, category_lut


@pytest.mark.parametrize(("count", "apart"), [(8, 50), (14, 40), (20, 30), (DISTINCT, 19)])
def test_colours_of_categories_do_not_nearly_repeat(count, apart):
    seen = np.concatenate([_lab(category_lut(count)[:, :3].astype(float)), _lab(np.array(TAKEN))])
    distance = np.linalg.norm(seen[:, None] - seen[None], axis=2)
    assert distance[np.triu_indices(count, 1)].min() > apart
    assert distance[:count, count:].min() > min(apart, 20)


@pytest.mark.parametrize("count", [0, 1, 5, 100, MOST_CATEGORIES, 10 * MOST_CATEGORIES])
def test_a_category_has_one_colour_however_many_there_are(count):
    lut = category_lut(count)
    assert lut.shape == (min(max(count, 1), MOST_CATEGORIES), 4)
    assert (lut[:, 3] == 255).all()
    assert np.array_equal(lut, category_lut(MOST_CATEGORIES)[: len(lut)])
    assert (lut[1:] != lut[:-1]).any(axis=1).all()


def test_colours_are_far_apart_as_an_eye_sees_them():
    # Bruce Lindbloom's calculator, sRGB, D65.
    wanted = [[53.24, 80.09, 67.20], [87.73, -86.18, 83.18], [32.30, 79.19, -107.86], [53.59, 0, 0]]
    given = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [128, 128, 128]])
    assert np.allclose(_lab(given), wanted, atol=0.6)
