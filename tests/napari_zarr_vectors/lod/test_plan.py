"""Properties of single plans, by their numbers in the design notes: P1-P5, P9-P13, P15-P18."""

from __future__ import annotations

import copy
import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_zarr_vectors._lod.cut import make_cut
from napari_zarr_vectors._lod.plan import LodOptions, plan
from napari_zarr_vectors._lod.residency import empty_residency
from napari_zarr_vectors._lod.tree import build_tree
from napari_zarr_vectors._lod.view import make_view
from napari_zarr_vectors._lod.walk import Held
from tests.napari_zarr_vectors.lod import strategies as s

EVERYTHING = 2**40
many = s.examples(100)
some = s.examples(60)


def assert_sound(scene, result, residency, camera=None):
    """P2, P3 and P5: what must hold of any plan whatsoever."""
    tree, camera = scene.tree, camera or scene.camera
    parts = set(result.part.tolist())
    assert len(parts) == len(result.part)
    for show, part in zip(result.show.tolist(), result.part.tolist(), strict=True):
        line = s.ancestors(tree, part)
        assert show in line
        assert not parts.intersection(line[1:])
    assert (residency.fraction[result.show] > 0).all()
    assert not tree.is_virtual[result.show].any()
    assert s.drawn_rows(residency, result) <= result.shown_vertices <= max(result.budget, 0)
    leaves = s.leaves(tree)
    seen = s.visible(tree, camera, leaves)
    assert (s.owners(tree, result.part) <= 1).all()
    bare = leaves[seen & (s.owners(tree, result.part) == 0)]
    desired = set(result.desired.tolist())
    for leaf in bare:
        line = s.ancestors(tree, leaf)
        above = next((i for i, n in enumerate(line) if n in desired), None)
        assert above is None or not (residency.fraction[line[above:]] > 0).any()
        assert above is None or result.holes > 0


def walked(scene, budget, camera=None, held=None):
    """Run the planner's own cut, for its errors and bins."""
    options = s.OPTIONS
    view = make_view(camera or scene.camera, scene.tree, options)
    held = held or Held(np.empty(0, np.int32), np.empty(0, bool))
    with np.errstate(all="ignore"):
        return make_cut(
            view,
            scene.residency(),
            held,
            budget=budget,
            page_limit=EVERYTHING,
            ratio=0.0,
            lock=None,
            options=options,
        )


@many
@given(s.scenes())
def test_p1_every_visible_cell_has_exactly_one_desired_owner(scene):
    tree = scene.tree
    for budget in (scene.budget(), scene.ample_budget(), EVERYTHING):
        result = s.decide(scene, budget, scene.random_residency())
        own = s.owners(tree, result.desired)
        assert (own <= 1).all()
        assert (own[s.visible(tree, scene.camera, s.leaves(tree))] == 1).all()
        assert not tree.is_virtual[result.desired].any()


@many
@given(s.scenes())
def test_p1_nothing_out_of_view_is_desired(scene):
    tree = scene.tree
    result = s.decide(scene, EVERYTHING, scene.residency())
    shy = ~s.visible(tree, scene.camera, result.desired, grown=1 + 1e-5)
    assert not shy.any()


@many
@given(s.scenes())
def test_p2_p3_p5_what_is_shown_is_disjoint_within_budget_and_without_avoidable_holes(scene):
    residency = scene.random_residency()
    previous = None
    for budget in (scene.ample_budget(), scene.budget(), scene.budget()):
        previous = s.decide(scene, budget, residency, previous)
        assert_sound(scene, previous, residency)


@many
@given(s.scenes())
def test_p2_p3_p5_hold_along_a_flight_over_a_changing_residency(scene):
    residency = scene.random_residency()
    previous = None
    budget = scene.ample_budget()
    for step in range(5):
        camera = scene.another_camera()
        previous = s.decide(scene, budget, residency, previous, camera=camera, now=step / 10)
        assert_sound(scene, previous, residency, camera)
        coming = previous.fetch[: int(scene.rng.integers(0, 40))]
        residency.load(coming, residency.count[coming], 1.0)
        going = scene.rng.permutation(residency.residents)[: int(scene.rng.integers(0, 10))]
        residency.evict(going)


@many
@given(s.scenes(), st.booleans())
def test_p3_any_antichain_between_the_coarsest_cover_and_the_cut_fits_the_budget(scene, shrinks):
    tree = scene.tree
    budget = scene.ample_budget()
    before = s.decide(scene, int(budget * 1.15), scene.residency()) if shrinks else None
    result = s.decide(scene, budget, scene.residency(), before)
    count = s.counts_inside(scene)
    cost = np.zeros(len(tree.count))
    cost[result.desired] = count[result.desired]
    refined = result.refined
    for n in refined[::-1]:  # children have larger numbers: the dearest antichain, from below
        kids = np.arange(tree.child_ptr[n], tree.child_ptr[n + 1])
        cost[n] = max(count[n], cost[kids].sum())
    assert cost[: tree.base[1] if tree.levels else 0].sum() <= budget


@many
@given(s.scenes())
def test_p3_over_a_resident_cover_detail_gives_way_and_nothing_is_thinned(scene):
    residency = scene.random_residency()
    residency.load(scene.tree.tops, residency.count[scene.tree.tops], 1.0)
    previous = None
    for _ in range(3):
        budget = scene.ample_budget()
        previous = s.decide(scene, budget, residency, previous)
        assert previous.fraction == 1
        assert previous.holes == 0
        assert_sound(scene, previous, residency)


@many
@given(s.scenes())
def test_p4_refined_nodes_have_refined_ancestors(scene):
    previous = None
    for step, budget in enumerate((scene.ample_budget(), scene.budget(), scene.ample_budget())):
        camera = scene.another_camera()
        previous = s.decide(scene, budget, scene.residency(), previous, camera=camera, now=step / 10)
        up = scene.tree.parent[previous.refined]
        assert np.isin(up[up >= 0], previous.refined).all()
        assert (np.diff(previous.refined) > 0).all()
        since = dict(zip(previous.refined.tolist(), previous.refined_at.tolist(), strict=True))
        assert all(since[p] >= t for p, t in zip(up.tolist(), previous.refined_at.tolist(), strict=True) if p >= 0)


@some
@given(s.scenes())
def test_p5_a_resident_cut_is_shown_whole_and_complete(scene):
    for budget in (scene.budget(), EVERYTHING):
        residency = scene.residency()
        real = np.flatnonzero(~scene.tree.is_virtual)
        residency.load(real, residency.count[real], 1.0)
        result = s.decide(scene, budget, residency)
        assert result.complete
        assert sorted(result.show.tolist()) == sorted(result.part.tolist()) == result.desired.tolist()
        assert len(result.fetch) == result.wanted == result.holes == 0


@some
@given(s.scenes())
def test_a_stand_in_that_fills_all_that_is_visible_of_it_is_drawn_whole(scene):
    tree = scene.tree
    residency = scene.residency()
    residency.load(tree.tops, residency.count[tree.tops], 1.0)
    result = s.decide(scene, EVERYTHING, residency)
    assert result.holes == 0
    assert set(result.show.tolist()) <= set(tree.tops.tolist())
    assert (result.show == result.part).all()


@some
@given(s.scenes())
def test_p9_p10_a_plan_repeats_itself_and_changes_nothing(scene):
    residency = scene.random_residency(capacity_rows=int(scene.rng.integers(0, 20000)))
    budget = scene.budget()
    untouched = copy.deepcopy(residency)
    first = s.decide(scene, budget, residency)
    s.same(untouched, residency, but=("tree",))
    before = copy.deepcopy((residency, scene.camera, first))
    again = [s.decide(scene, budget, residency, first, now=1.0) for _ in range(2)]
    s.same(*again)
    after = (residency, scene.camera, first)
    for old, new in zip(before, after, strict=True):
        for field in dataclasses.fields(old):
            if field.name != "tree":
                assert np.array_equal(getattr(old, field.name), getattr(new, field.name)), field.name
    s.same(first, s.decide(scene, budget, residency))


@many
@given(s.scenes())
def test_p11_a_larger_budget_refines_more_up_to_one_bin(scene):
    small = scene.ample_budget()
    large = small + scene.budget()
    few, more = (walked(scene, b) for b in (small, large))
    lost = np.setdiff1d(few.node[few.refined], more.node[more.refined])
    lost = lost[~scene.tree.is_virtual[lost]]
    error = few.error[np.searchsorted(few.node, lost)]
    if len(error):
        width = 16 / (s.OPTIONS.bins - 1)
        assert np.ptp(np.log2(error)) <= width


@many
@given(s.scenes(), st.sampled_from([1e-3, 0.1, 1.0, 7.0, 1000.0]))
def test_p11_the_learnt_allowance_decides_nothing_but_the_time(scene, ratio):
    budget = scene.ample_budget()
    residency = scene.residency()
    first = s.decide(scene, budget, residency)
    bare = dataclasses.replace(first, refined=first.refined[:0], refined_at=first.refined_at[:0])
    for previous in (first, bare):
        second = s.decide(scene, budget, residency, previous)
        other = s.decide(scene, budget, residency, dataclasses.replace(previous, ratio=ratio))
        s.same(second, other, but=("ratio",))


def test_held_refinements_may_fill_the_slack_that_new_ones_leave():
    rng = np.random.default_rng(0)
    filled = 0
    for _ in range(20):
        cells = rng.integers(0, 24, (2000, 2))
        tree = build_tree(s.make_catalogue(cells, base=[1.0, 1.0], ratios=[[2, 2]] * 3, rng=rng, shrink=0.3))
        camera = s.look(tree, rng, displayed=(0, 1), perspective=False, zoom=0.2, canvas=(9000.0, 9000.0))
        residency = empty_residency(tree, EVERYTHING)
        least = int(tree.count[tree.tops].sum())
        first = plan(camera, tree, int(least * rng.uniform(1.2, 4)), residency, None, 0.0)
        drawn = int(tree.count[first.desired].sum())
        tight = plan(camera, tree, int(np.ceil(drawn / 0.98)), residency, first, 9.0)
        assert np.array_equal(tight.refined, first.refined)
        fresh = plan(camera, tree, int(np.ceil(drawn / 0.98)), residency, None, 9.0)
        filled += int(tree.count[fresh.desired].sum()) < drawn
    assert filled > 10


def test_p12_a_hand_that_trembles_flips_little():
    rng = np.random.default_rng(3)
    flips, plain, weak = [], [], []
    feeble = LodOptions(hysteresis=1.0)
    for _ in range(25):
        coords = np.floor(rng.normal(size=(3000, 3)) * 5).astype(int)
        tree = build_tree(s.make_catalogue(coords, base=[1.0] * 3, ratios=[[2] * 3] * 4, rng=rng))
        residency = empty_residency(tree, EVERYTHING)
        camera = s.look(tree, rng, displayed=(0, 1, 2), perspective=True, zoom=float(rng.uniform(0.5, 4)))
        least = int(tree.count[tree.tops].sum())
        budget = int(least * rng.uniform(1.5, 8))
        previous = unheld = plan(camera, tree, budget, residency, None, 0.0)
        for step in range(4):
            shift = rng.normal(size=3) * np.linalg.norm(camera.eye - camera.focus) * 0.01
            planes = camera.planes.copy()
            planes[:, 3] -= planes[:, :3] @ shift
            moved = dataclasses.replace(camera, eye=camera.eye + shift, planes=planes)
            now = plan(moved, tree, budget, residency, previous, step + 1.0)
            size = max(len(previous.refined), 1)
            flips.append(len(np.setxor1d(now.refined, previous.refined)) / size)
            soft = plan(moved, tree, budget, residency, previous, step + 1.0, options=feeble)
            weak.append(len(np.setxor1d(soft.refined, previous.refined)) / size)
            bare = plan(moved, tree, budget, residency, None, step + 1.0)
            plain.append(len(np.setxor1d(bare.refined, unheld.refined)) / size)
            previous, unheld = now, bare
    assert np.mean(flips) <= 0.10
    assert np.mean(flips) < 0.8 * np.mean(weak)
    assert np.mean(flips) < 0.8 * np.mean(plain)


@many
@given(s.scenes())
def test_p13_a_plan_made_from_itself_is_itself(scene):
    residency = scene.random_residency()
    for budget in (scene.budget(), scene.ample_budget()):
        settled = s.settle(scene, budget, residency)
        s.same(settled, s.decide(scene, budget, residency, settled))
        assert np.array_equal(s.decide(scene, budget, residency).desired, settled.desired)


@many
@given(s.scenes())
def test_p15_p16_nothing_needed_is_evicted_and_the_pool_is_never_overfull(scene):
    residency = scene.random_residency(0.3)
    residency.capacity_rows = residency.used_pages * s.PAGE + int(scene.rng.integers(0, 3000))
    result = s.decide(scene, scene.budget(), residency)
    residency.keep(result.keep, 0)
    assert not np.isin(result.evict, result.keep).any()
    assert np.isin(np.concatenate([result.show, result.desired, result.fetch]), result.keep).all()
    assert (residency.fraction[result.evict] > 0).all()
    residency.evict(result.evict)
    still = residency.used_pages  # a node that is fetched again keeps its old pages until then
    coming = residency.page_rows * np.ceil(
        np.ceil(residency.count[result.fetch] * result.fetch_fraction) / residency.page_rows
    )
    assert still * residency.page_rows + coming.sum() <= residency.capacity_rows


@some
@given(s.scenes())
def test_p16_the_cut_takes_half_of_the_pool_at_most(scene):
    tops = scene.tree.count[scene.tree.tops]
    pinned = int(np.ceil(tops / s.PAGE).sum())
    capacity = int(pinned * scene.rng.uniform(3, 6)) + 1
    result = s.decide(scene, EVERYTHING, scene.residency(capacity * s.PAGE))
    pages = int(np.ceil(scene.tree.count[result.desired] / s.PAGE).sum())
    assert pages <= (capacity - pinned) // 2 or not len(result.refined) or scene.tree.has_virtual


@some
@given(s.scenes())
def test_with_room_for_everything_all_that_is_desired_is_good_enough(scene):
    tree = scene.tree
    result = s.decide(scene, EVERYTHING, scene.residency())
    cut = walked(scene, EVERYTHING)
    error = dict(zip(cut.node.tolist(), cut.error.tolist(), strict=True))
    kids = scene.residency().child_sum > 0
    assert all(error[n] <= 1 or not kids[n] for n in result.desired.tolist())
    assert all(error[n] > 1 or tree.is_virtual[n] for n in result.refined.tolist())
    assert result.fraction == 1


@some
@given(s.scenes())
def test_p16_what_was_not_kept_for_longest_goes_first(scene):
    residency = scene.random_residency(0.5)
    residency.last_kept[:] = scene.rng.integers(-1, 5, len(residency.last_kept))
    residency.capacity_rows = residency.used_pages * s.PAGE
    result = s.decide(scene, scene.ample_budget(), residency)
    loose = np.setdiff1d(residency.residents, np.union1d(result.keep, result.evict))
    if len(result.evict) and len(loose):
        age = lambda nodes: list(zip(residency.last_kept[nodes].tolist(), (-nodes).tolist(), strict=True))  # noqa: E731 -- read once
        assert max(age(result.evict)) < min(age(loose))


@some
@given(s.scenes())
def test_p17_the_fetch_list_is_ordered_by_tier_and_asks_only_for_what_can_be_had(scene):
    residency = scene.random_residency()
    result = s.decide(scene, scene.budget(), residency, options=LodOptions(max_fetch=50))
    assert len(set(result.fetch.tolist())) == len(result.fetch) <= 50
    assert (np.diff(result.fetch_tier) >= 0).all()
    assert not scene.tree.is_virtual[result.fetch].any()
    assert not residency.failed[result.fetch].any()
    assert (residency.fraction[result.fetch] < result.fetch_fraction).all()


@some
@given(s.scenes())
def test_p17_a_shorter_list_is_the_beginning_of_a_longer_one(scene):
    residency = scene.random_residency()
    budget = scene.budget()
    long = s.decide(scene, budget, residency, options=LodOptions(max_fetch=10**6))
    short = s.decide(scene, budget, residency, options=LodOptions(max_fetch=7))
    assert short.fetch.tolist() == long.fetch[:7].tolist()


def test_p17_equal_scores_are_ordered_by_node_number():
    rng = np.random.default_rng(0)
    tree = build_tree(s.make_catalogue(rng.integers(0, 30, (900, 3)), base=[1.0] * 3, ratios=[], rng=rng))
    camera = s.look(tree, rng, displayed=(0, 1, 2), perspective=True, zoom=0.5)
    camera = dataclasses.replace(camera, canvas_px=(0.0, 0.0), planes=np.zeros((0, 4)))
    for most in (7, 100, 500):
        result = plan(
            camera, tree, EVERYTHING, empty_residency(tree, EVERYTHING), None, 0.0, options=LodOptions(max_fetch=most)
        )
        assert result.fetch.tolist() == list(range(most))


@some
@given(s.scenes())
def test_p17_over_a_hole_the_coarsest_comes_first(scene):
    result = s.decide(scene, scene.ample_budget(), scene.residency())
    tops = set(scene.tree.tops.tolist())
    covers = set(result.fetch[result.fetch_tier == 0].tolist())
    assert covers <= tops
    assert all(tops.intersection(s.ancestors(scene.tree, n)) <= covers for n in result.desired)


@some
@given(s.scenes())
def test_roots_of_which_a_share_is_there_are_completed_and_before_that_stand_in_as_well_as_they_can(scene):
    tops = scene.tree.tops
    residency = scene.residency()
    residency.load(tops, residency.count[tops], 0.25)
    result = s.decide(scene, scene.ample_budget(), residency, options=LodOptions(max_fetch=10**6))
    assert set(tops.tolist()) <= set(result.fetch.tolist())
    assert result.fetch_fraction == 1
    assert not result.holes
    residency.load(tops, residency.count[tops], 1.0)
    again = s.decide(scene, scene.ample_budget(), residency, options=LodOptions(max_fetch=10**6))
    assert not set(tops.tolist()) & set(again.fetch.tolist())


@some
@given(s.scenes())
def test_roots_out_of_view_are_wanted_last_while_they_fit_half_the_pool(scene):
    tops = scene.tree.tops
    pages = int(np.ceil(scene.tree.count[tops] / s.PAGE).sum())
    roomy, tight = scene.residency(2 * pages * s.PAGE), scene.residency((2 * pages - 2) * s.PAGE)
    options = LodOptions(max_fetch=10**6)
    small = int(scene.tree.count[tops].sum())
    result = s.decide(scene, small, roomy, options=options)
    ring = result.fetch[result.fetch_tier == 3]
    assert set(ring.tolist()) <= set(tops.tolist())
    assert not (s.decide(scene, small, tight, options=options).fetch_tier == 3).any()
    roomy.load(tops, roomy.count[tops], 1.0)
    assert np.isin(tops, s.decide(scene, small, roomy, options=options).keep).all()


@some
@given(s.scenes())
def test_thinning_keeps_the_budget_and_shows_the_coarsest_cover_everywhere(scene):
    tree = scene.tree
    seen = s.decide(scene, EVERYTHING, scene.residency())
    tops = np.array([n for n in tree.tops if np.isin(s.ancestors(tree, n)[1:], seen.refined).all()], dtype=int)
    tops = tops[s.visible(tree, scene.camera, tops)] if len(tops) else tops
    total = int(s.counts_inside(scene)[tops].sum())
    if total < 2:
        return
    budget = int(scene.rng.integers(1, total))
    residency = scene.residency()
    residency.load(tree.tops, residency.count[tree.tops], 1.0)
    result = s.decide(scene, budget, residency)
    assert set(tops.tolist()) <= set(result.desired.tolist()) <= set(tree.tops.tolist())
    assert result.fraction <= result.fetch_fraction <= 1
    assert result.fraction * total <= budget
    assert (8 * np.log2(result.fraction)) == pytest.approx(np.round(8 * np.log2(result.fraction)))
    assert (2 * np.log2(result.fetch_fraction)) == pytest.approx(np.round(2 * np.log2(result.fetch_fraction)))
    assert result.complete
    assert result.shown_vertices == s.drawn_rows(residency, result)


@some
@given(s.scenes())
def test_a_share_that_is_resident_already_is_not_read_again_for_less(scene):
    residency = scene.residency()
    total = int(scene.tree.count[scene.tree.tops].sum())
    first = s.decide(scene, max(total // 3, 1), residency)
    residency.load(first.fetch, residency.count[first.fetch], first.fetch_fraction)
    for budget in (total // 3, total // 4, total // 5):
        result = s.decide(scene, max(budget, 1), residency, first)
        if np.array_equal(result.desired, first.desired):
            assert result.wanted == 0


@some
@given(s.scenes(), st.integers(0, 6))
def test_a_locked_level_is_all_that_is_desired(scene, number):
    tree = scene.tree
    residency = scene.random_residency()
    result = s.decide(scene, scene.budget(), residency, locked_level=number)
    level = min(tree.levels, key=lambda v: (abs(v - number), v))
    i = tree.levels.index(level)
    assert (tree.level_of(result.desired) == i).all()
    here = np.arange(tree.base[i], tree.base[i + 1])
    due = here[s.visible(tree, scene.camera, here) & ~tree.is_virtual[here]]
    assert np.isin(due, result.desired).all()
    assert s.drawn_rows(residency, result) <= result.shown_vertices <= result.budget
    residency.load(result.desired, residency.count[result.desired], 1.0)
    done = s.decide(scene, scene.budget(), residency, result, locked_level=number)
    assert done.complete
    assert done.levels == ({level} if len(result.desired) else set())


@some
@given(s.scenes())
def test_a_refinement_is_held_for_its_time_and_not_longer(scene):
    near, far = scene.camera, scene.another_camera()
    residency = scene.residency()
    first = s.decide(scene, EVERYTHING, residency, camera=near)
    soon = s.decide(scene, EVERYTHING, residency, first, camera=far, now=0.2)
    late = s.decide(scene, EVERYTHING, residency, first, camera=far, now=0.3)
    seen = first.refined[s.visible(scene.tree, far, first.refined)]
    assert np.isin(seen, soon.refined).all()
    strong = LodOptions(hysteresis=1.0)
    fresh = s.decide(scene, EVERYTHING, residency, camera=far)
    assert np.array_equal(
        s.decide(scene, EVERYTHING, residency, first, camera=far, now=0.3, options=strong).refined, fresh.refined
    )
    assert np.isin(fresh.refined, late.refined).all()
    tight = scene.ample_budget()
    result = s.decide(scene, tight, scene.random_residency(), first, camera=far, now=0.1)
    assert result.shown_vertices <= tight
