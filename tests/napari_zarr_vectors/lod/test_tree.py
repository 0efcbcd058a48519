"""Trees: P18, virtual ancestors, slices of children."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_zarr_vectors._lod.tree import build_tree
from tests.napari_zarr_vectors.lod import strategies as s
from zarr_vectors.lazy._catalogue import Catalogue, LevelCatalogue


def level(number, shape, coords, counts=None):
    coords = np.array(coords, dtype=np.int64).reshape(-1, len(shape))
    counts = np.full(len(coords), 10) if counts is None else np.array(counts)
    resolution = np.zeros(len(shape)) if number == 0 else np.array(shape) / 4
    return LevelCatalogue(number, np.array(shape, float), resolution, coords, counts, True, int(counts.sum()))


def catalogue(*levels):
    D = len(levels[0].chunk_shape)
    return Catalogue(np.zeros((2, D)), levels)


@s.examples(100)
@given(s.scenes(dims=(2, 3, 4, 5)))
def test_every_child_lies_in_its_parent_and_every_parent_lists_its_children(scene):
    tree = scene.tree
    for i in range(1, len(tree.levels)):
        here = np.arange(tree.base[i], tree.base[i + 1])
        up = tree.parent[here]
        assert ((tree.base[i - 1] <= up) & (up < tree.base[i])).all()
        assert (tree.coords[here] // tree.ratios[i - 1] == tree.coords[up]).all()
        assert ((tree.child_ptr[up] <= here) & (here < tree.child_ptr[up + 1])).all()
    assert (tree.child_ptr[leaves := s.leaves(tree)] == tree.child_ptr[leaves + 1]).all()
    assert (np.diff(tree.child_ptr) >= 0).all()
    assert tree.child_ptr[-1] == len(tree.count)
    assert np.allclose(tree.center, (tree.coords + 0.5) * tree.chunk_shape[tree.level_of(np.arange(len(tree.count)))])


@s.examples(100)
@given(s.scenes(dims=(2, 3, 4, 5)))
def test_real_nodes_are_the_catalogues_chunks_with_their_counts(scene):
    tree = scene.tree
    for i, number in enumerate(tree.levels):
        here = np.arange(tree.base[i], tree.base[i + 1])
        real = here[~tree.is_virtual[here]]
        of = next(v for v in scene.catalogue.levels if v.level == number)
        order = np.lexsort(tree.coords[real].T[::-1])
        assert np.array_equal(tree.coords[real][order], of.coords[np.lexsort(of.coords.T[::-1])])
        assert tree.count[real].sum() == of.counts.sum()
        table = {tuple(c): n for c, n in zip(of.coords.tolist(), of.counts.tolist(), strict=True)}
        assert all(table[tuple(tree.coords[n])] == tree.count[n] for n in real)


@s.examples(60)
@given(s.scenes())
def test_virtual_nodes_are_the_missing_ancestors_and_nothing_else(scene):
    tree = scene.tree
    virtual = np.flatnonzero(tree.is_virtual)
    assert (tree.count[virtual] == 0).all()
    assert (tree.child_ptr[virtual + 1] > tree.child_ptr[virtual]).all()
    tops = [n for n in np.flatnonzero(~tree.is_virtual) if tree.is_virtual[s.ancestors(tree, n)[1:]].all()]
    assert tree.tops.tolist() == tops


@s.examples(60)
@given(s.scenes(), st.randoms(use_true_random=False))
def test_p9_the_order_of_the_catalogues_rows_is_irrelevant(scene, random):
    shuffled = []
    for v in scene.catalogue.levels:
        order = list(range(len(v.coords)))
        random.shuffle(order)
        shuffled.append(
            LevelCatalogue(v.level, v.chunk_shape, v.resolution, v.coords[order], v.counts[order], True, v.vertex_count)
        )
    other = build_tree(Catalogue(scene.catalogue.bounds, tuple(shuffled)))
    for name in ("base", "coords", "count", "parent", "child_ptr", "is_virtual", "tops"):
        assert np.array_equal(getattr(scene.tree, name), getattr(other, name)), name


def test_p18_a_level_that_does_not_nest_is_left_out_and_named():
    tree = build_tree(
        catalogue(
            level(0, [1, 1], [[0, 0], [5, 5]]),
            level(1, [2, 2], [[0, 0], [2, 2]]),
            level(2, [3, 3], [[0, 0], [1, 1]]),
            level(3, [4, 4], [[0, 0], [1, 1]]),
            level(4, [6.5, 4], [[0, 0]]),
        )
    )
    assert tree.levels == (3, 1, 0)
    assert tree.left_out == (2, 4)


def test_p18_the_chain_may_skip_a_level_that_is_a_multiple_of_the_root_only():
    tree = build_tree(
        catalogue(
            level(0, [1, 1], [[0, 0]]),
            level(1, [2, 2], [[0, 0]]),
            level(2, [3, 3], [[0, 0]]),
            level(3, [6, 6], [[0, 0]]),
            level(4, [9, 9], [[0, 0]]),
            level(5, [18, 18], [[0, 0]]),
        )
    )
    assert len(tree.levels) == 4
    assert tree.levels[-1] == 0


def test_p18_negative_coordinates_have_the_floor_as_parent():
    tree = build_tree(catalogue(level(0, [1, 1], [[-1, -3]]), level(1, [2, 2], [[-1, -2]])))
    assert not tree.has_virtual
    assert tree.parent.tolist() == [-1, 0]


def test_a_level_without_chunks_is_left_out():
    tree = build_tree(catalogue(level(0, [1, 1], [[0, 0]]), level(1, [2, 2], np.empty((0, 2)))))
    assert tree.levels == (0,)
    assert tree.left_out == (1,)


@pytest.mark.parametrize("levels", [(), (level(0, [1, 1], np.empty((0, 2))),)], ids=["no level", "no chunk"])
def test_an_empty_store_is_an_empty_tree(levels):
    tree = build_tree(Catalogue(np.zeros((2, 2)), levels))
    assert len(tree.count) == 0
    assert tree.child_ptr.tolist() == [0]


def test_coordinates_too_wide_to_pack_still_make_the_right_tree():
    rng = np.random.default_rng(0)
    coords = np.repeat(rng.integers(-(2**40), 2**40, (100, 5)) * 6, 5, axis=0) + rng.integers(0, 6, (500, 5))
    ratio = [[2] * 5, [3] * 5]
    tree = build_tree(s.make_catalogue(coords, base=[1.0] * 5, ratios=ratio, rng=rng))
    below = np.arange(tree.base[1], len(tree.count))
    level_of = tree.level_of(below)
    assert (tree.coords[below] // tree.ratios[level_of - 1] == tree.coords[tree.parent[below]]).all()
    assert not tree.has_virtual
    order = np.lexsort([*tree.coords[below].T[::-1], tree.parent[below]])
    assert (np.diff(order) > 0).all()


def test_two_million_chunks_are_a_tree_in_a_few_seconds():
    rng = np.random.default_rng(0)
    key = np.unique(rng.integers(0, 160**3, 2_600_000))
    coords = np.stack([key // 25600, key // 160 % 160, key % 160], axis=1)
    levels = []
    for number in range(5):
        levels.append(level(number, [2.0**number] * 3, coords))
        key = np.unique((coords[:, 0] // 2) << 40 | (coords[:, 1] // 2) << 20 | coords[:, 2] // 2)
        coords = np.stack([key >> 40, key >> 20 & 0xFFFFF, key & 0xFFFFF], axis=1)
    start = time.process_time()
    tree = build_tree(catalogue(*levels))
    assert time.process_time() - start < 5
    assert not tree.has_virtual
