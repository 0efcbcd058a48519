"""A slab counts what lies in it: P3 and P21 with points in the chunks, and levels chosen by the slab."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_zarr_vectors._build import build_points
from napari_zarr_vectors._lod.plan import plan
from napari_zarr_vectors._lod.residency import empty_residency
from napari_zarr_vectors._lod.slabs import count_inside, cut_codes
from napari_zarr_vectors._lod.tree import build_tree
from napari_zarr_vectors._lod.view import make_view
from napari_zarr_vectors._model.bins import BINS, pack_cut, unpack_cut
from tests.napari_zarr_vectors.lod import strategies as s

some = s.examples(60)


@given(st.lists(st.tuples(st.integers(0, BINS - 1), st.integers(0, BINS - 1)), min_size=1, max_size=5))
def test_a_cut_is_what_was_packed(ends):
    wanted = [(axis, min(pair), max(pair)) for axis, pair in enumerate(ends)]
    cut = sum(int(pack_cut(axis, np.array([a]), np.array([b]))[0]) for axis, a, b in wanted)
    assert unpack_cut(cut, len(ends)) == [w for w in wanted if w[1:] != (0, BINS - 1)]


def fill(scene, residency, nodes, flat):
    """Give nodes points in their boxes, in a few sheets if `flat`; tell of each which chunk it is then."""
    tree, chunks = scene.tree, {}
    for node in nodes.tolist():
        depth = int(tree.level_of(np.array(node)))
        size = tree.chunk_shape[depth]
        where = scene.rng.random((int(tree.count[node]), len(size)))
        if flat:
            where = np.floor(where * 3) / 3 + 1e-3
        chunks[node] = build_points(
            (tree.coords[node] + where) * size,
            None,
            origin=tree.center.mean(axis=0),
            chunk_lo=tree.coords[node] * size,
            cell_shape=tree.chunk_shape[-1],
            ratios=tree.ratios[depth:],
        )
    residency.load(nodes, residency.count[nodes], 1.0)
    if len(nodes):
        residency.profile(nodes, np.stack([chunks[n].profile for n in nodes.tolist()]))
    return chunks


def rows_of(chunk, cut):
    return chunk.picked(np.array([0]), np.array([chunk.rows]), cut)


@some
@given(s.scenes(dims=(3, 4)), st.booleans())
def test_p3_what_is_really_drawn_of_measured_chunks_is_within_the_bound(scene, flat):
    residency = scene.residency()
    real = np.flatnonzero(~scene.tree.is_virtual & (scene.tree.count < 500))
    chunks = fill(scene, residency, real[scene.rng.random(len(real)) < 0.7][:60], flat)
    previous = None
    for step in range(4):
        camera = scene.another_camera()
        previous = s.decide(scene, scene.ample_budget(), residency, previous, camera=camera, now=step / 10)
        # One that stands in for several places is drawn once at most: its whole is the bound.
        cuts = dict(zip(previous.show.tolist(), previous.cuts.tolist(), strict=True))
        drawn = sum(len(rows_of(chunks[node], cut)) for node, cut in cuts.items() if previous.fraction == 1)
        assert drawn <= previous.shown_vertices <= previous.budget


@some
@given(s.scenes(dims=(3, 4)))
def test_p21_all_that_lies_in_the_slab_is_drawn_and_little_else(scene):
    tree, residency = scene.tree, scene.residency()
    nodes = np.flatnonzero(~tree.is_virtual & (tree.count < 500))[:40]
    chunks = fill(scene, residency, nodes, flat=False)
    camera = scene.camera
    for node, cut in zip(nodes.tolist(), cut_codes(make_view(camera, tree, s.OPTIONS), nodes).tolist(), strict=True):
        rows = rows_of(chunks[node], cut)
        D = len(camera.slab_lo)
        at = chunks[node].positions.astype(float)[:, :D]
        if chunks[node].extra is not None:
            at = np.concatenate([at, chunks[node].extra[:, : D - 3]], axis=1)
        at += tree.center.mean(axis=0)
        bin_size = tree.chunk_shape[int(tree.level_of(np.array(node)))] / BINS
        hair = bin_size / 100  # float32
        seen = np.flatnonzero(((at >= camera.slab_lo + hair) & (at <= camera.slab_hi - hair)).all(axis=1))
        assert np.isin(seen, rows).all()
        box = tree.coords[node] * bin_size * BINS
        meets = ((camera.slab_hi >= box) & (camera.slab_lo <= box + bin_size * BINS)).all()
        near = (at >= camera.slab_lo - 1.1 * bin_size) & (at <= camera.slab_hi + 1.1 * bin_size)
        assert near[rows].all() or not meets


def test_a_thin_slab_is_shown_fine_where_all_of_its_chunks_would_be_too_much():
    rng = np.random.default_rng(0)
    cells = np.stack(np.meshgrid(*[np.arange(8)] * 3), axis=-1).reshape(-1, 3)
    tree = build_tree(s.make_catalogue(cells, base=[1.0] * 3, ratios=[[2] * 3] * 3, rng=rng, mean=1000, shrink=0.3))
    camera = s.look(tree, rng, displayed=(1, 2), perspective=False, zoom=0.3, canvas=(4000.0, 4000.0))
    budget = int(tree.count[tree.base[-2] :].sum() / 8 / 4)  # a quarter of a layer of the finest chunks
    thin, whole = (
        dataclasses.replace(camera, slab_lo=np.array([lo, -np.inf, -np.inf]), slab_hi=np.array([hi, np.inf, np.inf]))
        for lo, hi in ((3.4, 3.5), (3.0, 3.99))
    )
    levels = []
    for view in (thin, whole):
        residency = empty_residency(tree, 2**40, page_rows=s.PAGE)
        result = plan(view, tree, budget, residency, None, 0.0)
        levels.append(set(tree.level_of(result.desired).tolist()))
        residency.load(result.desired, residency.count[result.desired], 1.0)
        done = plan(view, tree, budget, residency, result, 1.0)
        assert done.complete
        assert done.shown_vertices <= budget
    assert levels[0] == {3}
    assert min(levels[1]) < 3


def test_what_was_measured_counts_in_place_of_what_was_expected():
    tree = build_tree(s.make_catalogue(np.zeros((1, 3)), base=[1.0] * 3, ratios=[], rng=np.random.default_rng(1)))
    residency = empty_residency(tree, 2**40)
    nodes = np.array([0])
    lo, hi = np.array([0.25, -np.inf, -np.inf]), np.array([0.49, np.inf, np.inf])
    camera = s.look(tree, np.random.default_rng(0), displayed=(1, 2), perspective=False)
    view = make_view(dataclasses.replace(camera, slab_lo=lo, slab_hi=hi), tree, s.OPTIONS)
    count = int(residency.count[0])
    assert count_inside(view, residency, 0, nodes)[0] == pytest.approx(count * 9 / 32, abs=1)  # a bin on the edge too
    z = np.concatenate([np.full(count - 3, 0.3), [0.0, 0.6, 0.99]])
    at = np.column_stack([z, z, z])
    built = build_points(at, None, origin=[0] * 3, chunk_lo=[0] * 3, cell_shape=[1] * 3, ratios=tree.ratios)
    residency.load(nodes, residency.count[nodes], 1.0)
    residency.profile(nodes, built.profile[None])
    inside, share = count_inside(view, residency, 0, nodes)
    assert inside[0] == count - 3
    assert share[0] == (count - 3) / count


def test_where_a_coarse_chunk_has_none_in_the_slab_its_children_are_looked_at():
    rng = np.random.default_rng(1)
    cells = np.stack(np.meshgrid([0, 1], [0, 1], [0, 1]), axis=-1).reshape(-1, 3)
    tree = build_tree(s.make_catalogue(cells, base=[1.0] * 3, ratios=[[2] * 3], rng=rng))
    residency = empty_residency(tree, 2**40)
    residency.load(np.array([0]), residency.count[:1], 1.0)
    residency.profile(np.array([0]), np.zeros((1, 2, 3, BINS + 1), np.int64))
    camera = s.look(tree, rng, displayed=(1, 2), perspective=False, zoom=0.3, canvas=(4000.0, 4000.0))
    thin = dataclasses.replace(camera, slab_lo=np.array([0.5, -s.INF, -s.INF]), slab_hi=np.array([0.6, s.INF, s.INF]))
    assert set(plan(thin, tree, 10**6, residency, None, 0.0).desired.tolist()) == {1, 2, 3, 4}
