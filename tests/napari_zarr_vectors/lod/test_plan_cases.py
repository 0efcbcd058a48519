"""Single plans that went wrong once or might: degenerate views, borders, arrivals, options."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from napari_zarr_vectors._lod.plan import LodOptions, plan
from napari_zarr_vectors._lod.residency import empty_residency
from napari_zarr_vectors._lod.tree import build_tree
from tests.napari_zarr_vectors.lod import strategies as s

EVERYTHING = 2**40

DEGENERATE = {
    "eye in a cell": lambda c, t: dataclasses.replace(c, eye=t.center[-1][list(c.displayed)].copy()),
    "no canvas": lambda c, t: dataclasses.replace(c, canvas_px=(0.0, 0.0)),
    "NaN planes": lambda c, t: dataclasses.replace(c, planes=c.planes * np.nan),
    "NaN eye": lambda c, t: dataclasses.replace(c, eye=np.full(3, np.nan)),
    "no planes": lambda c, t: dataclasses.replace(c, planes=c.planes[:0]),
    "flat axis": lambda c, t: dataclasses.replace(c, axis_scale=c.axis_scale * [1, 1, 0]),
    "no focal length": lambda c, t: dataclasses.replace(c, focal_px=0.0),
    "endless focal length": lambda c, t: dataclasses.replace(c, focal_px=np.inf),
    "no direction": lambda c, t: dataclasses.replace(c, forward=np.zeros(3), focus=c.focus * np.nan),
    "empty slab": lambda c, t: dataclasses.replace(c, slab_lo=c.slab_lo + 1e9, slab_hi=c.slab_hi - 1e9),
}


@pytest.mark.parametrize("case", DEGENERATE, ids=str)
@pytest.mark.parametrize("offset", [0, 2**20])
@pytest.mark.parametrize("perspective", [True, False])
def test_p17_degenerate_views_are_planned_without_nan(case, offset, perspective):
    rng = np.random.default_rng(1)
    coords = rng.integers(0, 12, (300, 3)) + offset
    tree = build_tree(s.make_catalogue(coords, base=[1.0] * 3, ratios=[[2] * 3] * 2, rng=rng, dropped=0.2))
    camera = s.look(tree, rng, displayed=(2, 0, 1), perspective=perspective)
    camera = DEGENERATE[case](camera, tree)
    residency = empty_residency(tree, EVERYTHING)
    previous = None
    for budget in (5000, 0, 10**6):
        previous = plan(camera, tree, budget, residency, previous, 0.0)
        for name in previous.__slots__:
            assert not np.isnan(np.sum(np.asarray(getattr(previous, name), dtype=float)) if name != "levels" else 0)
        assert previous.shown_vertices <= budget
        coming = previous.fetch[:100]
        residency.load(coming, residency.count[coming], previous.fetch_fraction or 1.0)


@pytest.mark.parametrize("budget", [0, -5, 1, 10**9])
@pytest.mark.parametrize("levels", [0, 1])
def test_p17_an_empty_store_is_an_empty_plan(budget, levels):
    rng = np.random.default_rng(0)
    full = s.make_catalogue(np.empty((0, 3), int), base=[1.0] * 3, ratios=[], rng=rng)
    tree = build_tree(dataclasses.replace(full, levels=full.levels[:levels]))
    camera = s.look(build_tree(full), rng, displayed=(0, 1, 2), perspective=True)
    for lock in (None, 0, 3):
        result = plan(camera, tree, budget, empty_residency(tree, 1000), None, 0.0, locked_level=lock)
        assert len(result.show) == len(result.fetch) == len(result.desired) == 0
        assert result.complete


def test_a_slab_on_the_border_of_two_chunks_shows_one_of_them():
    rng = np.random.default_rng(0)
    coords = np.stack(np.meshgrid(np.arange(8), np.arange(4), np.arange(4), indexing="ij"), axis=-1).reshape(-1, 3)
    tree = build_tree(s.make_catalogue(coords, base=[0.1, 1.0, 1.0], ratios=[[2, 2, 2]], rng=rng))
    camera = s.look(tree, rng, displayed=(1, 2), perspective=False, zoom=0.5)
    for t in range(8):
        at = np.array([t * 0.1, -np.inf, -np.inf]), np.array([t * 0.1, np.inf, np.inf])
        result = plan(
            dataclasses.replace(camera, slab_lo=at[0], slab_hi=at[1]),
            tree,
            EVERYTHING,
            empty_residency(tree, EVERYTHING),
            None,
            0.0,
            locked_level=0,
        )
        assert set(tree.coords[result.desired, 0].tolist()) == {t}


def families(counts):
    """Make so many families in a row, all in view: a root, four children, sixteen leaves, with counts per level."""
    cells = np.stack(np.meshgrid(np.arange(8), np.arange(4), indexing="ij"), axis=-1).reshape(-1, 2)
    plain = s.make_catalogue(cells, base=[1.0, 1.0], ratios=[[2, 2], [2, 2]], rng=np.random.default_rng(0))
    levels = [
        dataclasses.replace(v, counts=np.full(len(v.coords), n)) for v, n in zip(plain.levels, counts, strict=True)
    ]
    tree = build_tree(dataclasses.replace(plain, levels=tuple(levels)))
    camera = s.look(tree, np.random.default_rng(1), displayed=(0, 1), perspective=False, zoom=0.1)
    canvas = (90000.0, 90000.0)
    return tree, dataclasses.replace(camera, canvas_px=canvas, focal_px=1e5, planes=camera.planes[:0])


def test_arrivals_that_fit_beside_their_stand_in_are_drawn_and_no_more():
    tree, camera = families([20, 70, 200])  # roots 0-1, children 2-9, leaves 10-41
    budget = 700  # leaves cost 640, roots as stand-ins 400
    residency = empty_residency(tree, EVERYTHING)
    residency.load(np.arange(2), residency.count[:2], 1.0)
    leaves = s.leaves(tree)
    late = leaves[[0, 31]]
    ready = np.setdiff1d(leaves, late)
    residency.load(ready, residency.count[ready], 1.0)
    first = plan(camera, tree, budget, residency, None, 0.0)
    assert np.isin(leaves, first.desired).all()
    assert np.isin(first.show, leaves).sum() == (700 - 400) // 20
    assert first.shown_vertices == 700
    residency.load(late, residency.count[late], 1.0)
    assert plan(camera, tree, budget, residency, first, 0.1).complete


def test_nested_stand_ins_give_way_to_the_outer_ones_until_the_budget_holds():
    tree, camera = families([23, 90, 300])
    budget = 790  # leaves cost 736; roots 600 and three children of each 540 more
    residency = empty_residency(tree, EVERYTHING)
    ready = np.array([0, 1, 2, 3, 4, 6, 7, 8])
    residency.load(ready, residency.count[ready], 1.0)
    result = plan(camera, tree, budget, residency, None, 0.0)
    assert np.isin(s.leaves(tree), result.desired).all()
    assert result.fraction == 1
    assert result.show.tolist() == result.part.tolist() == [0, 1]


def test_a_store_of_one_level_that_fits_its_pool_twice_is_drawn_whole():
    coords = np.stack(np.meshgrid(np.arange(16), np.arange(16), indexing="ij"), axis=-1).reshape(-1, 2)
    plain = s.make_catalogue(coords, base=[1.0, 1.0], ratios=[], rng=np.random.default_rng(0))
    level = dataclasses.replace(plain.levels[0], counts=np.full(256, 3 * s.PAGE))
    tree = build_tree(dataclasses.replace(plain, levels=(level,)))
    camera = s.look(tree, np.random.default_rng(1), displayed=(0, 1), perspective=False, zoom=0.1)
    camera = dataclasses.replace(camera, planes=camera.planes[:0])
    total = int(tree.count.sum())
    residency = empty_residency(tree, 2 * total, page_rows=s.PAGE)
    result = plan(camera, tree, total, residency, None, 0.0)
    assert (result.fraction, result.fetch_fraction) == (1, 1)
    assert len(result.fetch) == 256
    residency.load(tree.tops, residency.count[tree.tops], 1.0)
    result = plan(camera, tree, total, residency, result, 0.1)
    assert result.complete
    assert result.shown_vertices == total


def test_the_cut_takes_no_more_of_the_pool_than_its_rows_leave_room_for():
    tree, camera = families([20, 70, 200])  # leaves cost 640, of the pool five times as much
    for rows, refined in ((16000, True), (8000, False)):
        residency = empty_residency(tree, rows, page_rows=16, rows_a_vertex=5.0)
        result = plan(camera, tree, EVERYTHING, residency, None, 0.0)
        assert np.isin(s.leaves(tree), result.desired).all() == refined
        pages = int(np.ceil(residency.rows[result.desired] / 16).sum())
        assert pages <= residency.capacity_pages // 2


def test_a_node_that_is_larger_than_it_was_taken_for_counts_as_large_as_it_is():
    tree, _ = families([20, 70, 200])
    residency = empty_residency(tree, EVERYTHING, page_rows=16)
    residency.load(np.array([0]), np.array([200]), 1.0)
    residency.measure(np.array([0, 2]), np.array([150, 999]))
    assert residency.rows[[0, 2]].tolist() == [200, 999], "what is resident is known better"
    residency.measure(np.array([0]), np.array([999]))
    assert residency.rows[0] == 999, "a larger share of it did not fit"
    assert residency.used_pages == residency.pages(np.arange(len(residency.rows))).sum()


def test_shares_without_rows_teach_nothing_of_other_chunks():
    tree, _ = families([20, 70, 200])
    residency = empty_residency(tree, EVERYTHING, page_rows=16, rows_a_vertex=1.5)
    leaves, guessed = s.leaves(tree), residency.rows.copy()
    for nodes, rows in ((leaves[:3], 0), (leaves[3:6], 0), (leaves[6:9], 1000), (leaves[:2], 300), (leaves[2:3], 0)):
        residency.load(nodes, residency.count[nodes], 0.25, np.full(len(nodes), rows))
        assert residency.used_pages == residency.pages(np.arange(len(residency.rows))).sum()
        if not rows:
            assert residency.rows[nodes].tolist() == guessed[nodes].tolist()
    assert residency.sized[leaves].tolist() == [k in {0, 1, 6, 7, 8} for k in range(len(leaves))]
    ratio = (3 * 1000 + 2 * 300) / residency.count[leaves[[0, 1, 6, 7, 8]]].sum()
    assert np.isclose(residency.seen[tree.level_of(leaves[:1])[0], 2], ratio)
    residency.load(leaves[2:3], residency.count[leaves[2:3]], 1.0, np.zeros(1, int))
    assert residency.rows[leaves[2]] == 0, "all of it has none"


def test_detail_near_the_middle_is_fetched_first():
    rng = np.random.default_rng(0)
    coords = np.stack(np.meshgrid(np.arange(9), np.arange(9), indexing="ij"), axis=-1).reshape(-1, 2)
    catalogue = s.make_catalogue(coords, base=[1.0, 1.0], ratios=[[9, 9]], rng=rng)
    level = dataclasses.replace(catalogue.levels[0], counts=np.full(81, 50))
    tree = build_tree(dataclasses.replace(catalogue, levels=(level, catalogue.levels[1])))
    camera = s.look(tree, rng, displayed=(0, 1), perspective=False, zoom=0.5, canvas=(900.0, 900.0))
    middle = np.array([4.5, 4.5])
    camera = dataclasses.replace(camera, focus=middle, axis_scale=np.ones(2))
    residency = empty_residency(tree, EVERYTHING)
    residency.load(tree.tops, residency.count[tree.tops], 1.0)
    result = plan(camera, tree, EVERYTHING, residency, None, 0.0)
    away = np.linalg.norm(tree.center[result.fetch] - middle, axis=1)
    assert len(away) > 20
    assert (np.diff(away) >= -1e-9).all()


def test_bad_options_are_refused():
    with pytest.raises(ValueError, match="hysteresis >= 1"):
        LodOptions(hysteresis=0.5)
