"""Properties over time, in a small world: P6, P7, P8, P14, P16, P23, P24, and the book of what is resident."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_zarr_vectors._lod.residency import empty_residency
from napari_zarr_vectors._lod.view import make_view
from tests.napari_zarr_vectors.lod import strategies as s
from tests.napari_zarr_vectors.lod.simulation import World

some = s.examples(60)


def world(scene, budget, capacity_rows=2**40, **more):
    return World(scene.tree, scene.camera, budget, scene.residency(capacity_rows), scene.rng, **more)


def enough_rows(scene, budget):
    """A pool of twice the budget, whole pages, and the coarsest cover once more."""
    tops = scene.tree.count[scene.tree.tops]
    return int(2 * (2 * budget + 2 * len(scene.tree.count) * s.PAGE + tops.sum() + len(tops) * s.PAGE))


def excess(scene, result, floor):
    """Screen error that each visible leaf is shown with, at least that of its desired node; inf in holes."""
    tree = scene.tree
    view = make_view(scene.camera, tree, s.OPTIONS)
    error = np.zeros(len(tree.count))
    for i in range(len(tree.levels)):
        here = np.arange(tree.base[i], tree.base[i + 1])
        error[here] = view.error(i, view.place(here), tree.count[here])
        if i:
            error[here] = np.minimum(error[here], np.where(tree.is_virtual[up := tree.parent[here]], np.inf, error[up]))
    seen = s.leaves(tree)[s.visible(tree, scene.camera, s.leaves(tree))]
    by = dict(zip(result.part.tolist(), result.show.tolist(), strict=True))
    desired = set(floor.tolist())
    out = []
    for leaf in seen:
        line = s.ancestors(tree, leaf)
        show = next((by[n] for n in line if n in by), None)
        want = next(n for n in line if n in desired)
        out.append(np.inf if show is None else max(error[show], error[want]))
    return np.array(out)


@some
@given(s.scenes())
def test_p6_once_covered_a_fixed_view_never_has_a_hole_again(scene):
    budget = scene.ample_budget()
    w = world(scene, budget, int(enough_rows(scene, budget) * scene.rng.uniform(0.1, 0.6)), fails=0.1)
    for _ in range(4):
        w.camera = scene.another_camera()
        w.replan()
        w.serve(30)
    w.plans.clear()
    w.run()
    holes = [result.holes for result in w.plans]
    first = holes.index(0) if 0 in holes else len(holes)
    assert not any(holes[first:])


@some
@given(s.scenes(), st.booleans())
def test_p7_a_fixed_view_never_gets_worse_in_any_place(scene, cold):
    budget = scene.ample_budget()
    w = world(scene, budget, covers_first=True)
    if not cold:
        # The coarsest cover, and some of what lies between it and the cut. (Below the cut, a node that replaces a few
        # finer ones may cost more than they do; without the cover, that of a hole may. Both may take from elsewhere.)
        desired = s.decide(scene, budget, w.residency).desired
        between = np.union1d(s.decide(scene, budget, w.residency).refined, desired)
        between = between[(scene.rng.random(len(between)) < 0.3) & ~scene.tree.is_virtual[between]]
        ready = np.union1d(scene.tree.tops, between)
        w.residency.load(ready, w.residency.count[ready], 1.0)
    w.run()
    last = None
    for result in w.plans:
        assert np.array_equal(result.desired, w.plans[0].desired)
        now = excess(scene, result, result.desired)
        assert last is None or (now <= last).all()
        last = now


@some
@given(s.scenes())
def test_p8_when_all_has_arrived_the_cut_is_shown_and_nothing_is_asked_for(scene):
    budget = scene.budget()
    w = world(scene, budget, enough_rows(scene, budget))
    result = w.run(2000)
    assert result.complete
    assert len(result.fetch) == result.wanted == result.holes == 0
    assert sorted(result.show.tolist()) == result.desired.tolist()
    assert len(w.loaded) == len(set(w.loaded))


@some
@given(s.scenes())
def test_p8_a_flight_ends_complete_too(scene):
    budget = scene.ample_budget()
    w = world(scene, budget, enough_rows(scene, budget))
    for _ in range(6):
        w.camera = scene.another_camera()
        for _ in range(3):
            w.replan()
            w.serve(20)
            assert w.residency.used_pages <= w.residency.capacity_pages
    w.now += 1
    result = w.run(2000)
    assert result.complete
    assert sorted(result.show.tolist()) == result.desired.tolist()


@some
@given(s.scenes())
def test_p14_nothing_is_evicted_and_read_again_in_a_fixed_view(scene):
    w = world(scene, scene.ample_budget(), int(scene.rng.integers(100, 100_000)))
    for _ in range(4):
        w.camera = scene.another_camera()
        w.replan()
        w.serve(30)
    w.now += 1
    w.replan()
    w.loaded, w.evicted = [], []
    w.run(1000)
    assert len(w.loaded) == len(set(w.loaded))
    assert not set(w.loaded) & set(w.evicted)


@some
@given(s.scenes())
def test_p16_the_pool_is_never_overfull_at_any_moment(scene):
    w = world(scene, scene.budget(), int(scene.rng.integers(0, 50_000)))
    for step in range(40):
        if step % 8 == 0:
            w.camera = scene.another_camera()
            w.budget = scene.budget()
        w.replan()
        w.serve(20)
        assert w.residency.used_pages <= w.residency.capacity_pages
        assert w.result.shown_vertices <= w.budget


@some
@given(s.scenes())
def test_p23_what_fails_is_not_asked_for_again_and_holds_nobody_up(scene):
    budget = scene.ample_budget()
    w = world(scene, budget, enough_rows(scene, budget), fails=0.3)
    result = w.run(2000)
    assert len(result.fetch) == result.wanted == 0
    assert result.failed == int(w.residency.failed[result.desired].sum())
    good = result.desired[~w.residency.failed[result.desired]]
    assert (w.residency.fraction[good] > 0).all()
    w.residency.retry()
    w.fails = 0.0
    assert w.run(2000).complete


@some
@given(s.scenes(exact=False), st.floats(0.1, 10.0))
def test_p24_with_estimates_wrong_by_ten_true_counts_keep_the_budget(scene, wrong):
    tree = scene.tree
    spread = np.exp(scene.rng.uniform(np.log(0.1), np.log(10.0), len(tree.count)) * scene.rng.integers(0, 2))
    true = np.maximum(1, tree.count * wrong * spread).astype(np.int64)
    budget = scene.ample_budget()
    w = world(scene, budget, true_count=true)
    w.run(2000)
    for result in w.plans:
        assert result.shown_vertices <= budget
    assert s.drawn_rows(w.residency, w.result) <= budget
    loaded = np.array(w.loaded, dtype=int)
    assert (w.residency.count[loaded] == true[loaded]).all()
    assert len(w.result.fetch) == 0


@some
@given(s.scenes())
def test_p6_a_smaller_budget_never_makes_a_hole(scene):
    budget = scene.ample_budget()
    w = world(scene, budget, enough_rows(scene, budget))
    w.run(2000)
    assert w.result.holes == 0
    for _ in range(4):
        w.budget = int(w.budget * scene.rng.uniform(0.3, 0.9))
        assert w.replan().holes == 0
        assert w.result.shown_vertices <= w.budget
        w.serve()


@some
@given(s.scenes())
def test_zooming_out_keeps_what_is_shown_until_the_coarse_has_come(scene):
    everything = 2**40
    w = world(scene, everything)
    w.run(2000)
    fine = set(w.result.show.tolist())
    w.residency.evict(np.setdiff1d(w.residency.residents, w.result.show))
    w.camera = s.look(
        scene.tree, scene.rng, displayed=scene.displayed, perspective=scene.perspective, zoom=0.01, slab=False
    )
    w.now += 1
    result = w.replan()
    below = [n for n in fine if set(s.ancestors(scene.tree, n)[1:]) & set(result.desired.tolist())]
    covered = [n for n in below if not (w.residency.fraction[s.ancestors(scene.tree, n)[1:]] > 0).any()]
    assert set(covered) <= set(result.show.tolist())
    late = [d for d in result.desired.tolist() if any(d in s.ancestors(scene.tree, n) for n in covered)]
    urgent = set(result.fetch[result.fetch_tier <= 1].tolist())
    assert len(result.fetch) == 512 or set(late) <= urgent


def test_the_book_agrees_with_a_fresh_count_after_any_history():
    rng = np.random.default_rng(0)
    for _ in range(20):
        from napari_zarr_vectors._lod.tree import build_tree

        coords = s.random_coords(rng, 3)
        tree = build_tree(s.make_catalogue(coords, base=[1.0] * 3, ratios=[[2] * 3] * 3, rng=rng, dropped=0.4))
        book = empty_residency(tree, 10**6, page_rows=s.PAGE)
        real = np.flatnonzero(~tree.is_virtual)
        for _ in range(10):
            nodes = rng.permutation(real)[: int(rng.integers(0, 30))]
            book.load(nodes, rng.integers(1, 500, len(nodes)), rng.choice([0.3, 1.0], len(nodes)))
            book.evict(rng.permutation(real)[: int(rng.integers(0, 30))])
        cost = book.count.copy()
        for n in range(len(cost) - 1, -1, -1):
            kids = slice(tree.child_ptr[n], tree.child_ptr[n + 1])
            assert book.child_sum[n] == cost[kids].sum()
            if tree.is_virtual[n]:
                cost[n] = book.child_sum[n]
        assert book.residents.tolist() == np.flatnonzero(book.fraction > 0).tolist()
        assert book.used_pages == int(book.pages(np.arange(len(cost))).sum())


def test_a_virtual_node_cannot_be_loaded():
    from napari_zarr_vectors._lod.tree import build_tree

    rng = np.random.default_rng(0)
    tree = build_tree(s.make_catalogue(np.zeros((1, 2), int), base=[1.0] * 2, ratios=[[2, 2]], rng=rng, dropped=1.0))
    # The coarse level holds nothing at all, so it is left out and nothing is virtual.
    assert not tree.has_virtual
    coords = np.array([[0, 0], [9, 9]])
    catalogue = s.make_catalogue(coords, base=[1.0] * 2, ratios=[[2, 2]], rng=rng)
    import dataclasses

    half = dataclasses.replace(
        catalogue.levels[1], coords=catalogue.levels[1].coords[:1], counts=catalogue.levels[1].counts[:1]
    )
    tree = build_tree(dataclasses.replace(catalogue, levels=(catalogue.levels[0], half)))
    virtual = np.flatnonzero(tree.is_virtual)
    assert len(virtual) == 1
    with pytest.raises(ValueError, match="virtual"):
        empty_residency(tree, 100).load(virtual, np.array([5]), 1.0)
