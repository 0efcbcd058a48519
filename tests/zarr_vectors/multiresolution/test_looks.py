"""Coarse levels look like level 0: bounds of the figures of docs/benchmarks/pyramids.md, on smaller data."""

from __future__ import annotations

import numpy as np
import pytest
from zarr.storage import MemoryStore

from benchmarks import _scenes
from benchmarks._figures import contrast, held_figures, line_figures, network_figures, points_figures, surface_figures
from benchmarks._looks import crowding, pattern, spacing_spread
from zarr_vectors.lazy import open_zv
from zarr_vectors.multiresolution._decimate import has_quadric
from zarr_vectors.multiresolution.coarsen import build_pyramid
from zarr_vectors.types.meshes import read_mesh
from zarr_vectors.types.points import read_points, write_points

HALVES = [(2, 1)] * 3
COARSE = (1, 2, 3)
DIAGONAL = 3**0.5  # a bound is along each axis


def built(write, *sizes, factors=HALVES, method="auto"):
    store = MemoryStore()
    write(store, *sizes)
    build_pyramid(store, factors, method=method)
    return store


# -- points -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bins", [2.5, 50.0], ids=["fine bins", "one bin a chunk"])
def test_a_factor_leaves_the_same_share_where_density_varies_by_1000_and_whatever_the_bins(bins):
    figures = points_figures(built(_scenes.write_cloud, 40_000, 50.0, bins), "wave", "kind")
    assert figures[0].contrast > 1000
    for level in COARSE:
        assert figures[level].share == pytest.approx(1 / 8, rel=0.06)
    assert figures[1].contrast < figures[0].contrast / 100


def test_points_keep_their_colours():
    figures = points_figures(built(_scenes.write_cloud, 40_000), "wave", "kind")
    assert [f.emd_weighted < bound for f, bound in zip(figures, (1e-9, 0.01, 0.02, 0.03), strict=True)] == [True] * 4
    for f in figures[1:]:
        assert f.labels_weighted < f.labels_best + 0.04


def test_representatives_are_even_on_the_screen_and_make_no_pattern():
    positions, height = _scenes.rolling_land(120_000)
    store = MemoryStore()
    write_points(store, positions, chunk_shape=25, bin_shape=6.25, attributes={"height": height})
    build_pyramid(store, [(4, 1)])
    screen = read_points(store, level=1).positions[:, 1:]
    by_chance = np.random.default_rng(1).permutation(positions[:, 1:])[: len(screen)]
    assert spacing_spread(screen) < 0.45 < spacing_spread(by_chance)
    assert crowding(screen, positions[:, 1:], 12) < 0.7 < crowding(by_chance, positions[:, 1:], 12)
    assert pattern(screen, 256) < 40  # centroids of cells: hundreds


# -- lines ------------------------------------------------------------------------------------------------------------


def test_streamlines_stay_within_the_stated_bound_both_ways_and_keep_their_colours():
    figures = line_figures(built(_scenes.write_bundles, 150, 150), "fa")
    assert figures[1].vertices == pytest.approx(figures[0].vertices / 8, rel=0.1)
    for f in figures[1:]:
        assert f.lines == 150
        assert 0 < f.old_to_new <= f.bound * (1 + 1e-6)  # positions are float32
        assert 0 < f.new_to_old <= f.bound * (1 + 1e-6)
        assert 0.9 < f.length <= 1
    assert [f.emd < bound for f, bound in zip(figures[1:], (0.01, 0.06, 0.06), strict=True)] == [True] * 3


def test_streamlines_that_stay_are_those_of_level_0():
    figures = line_figures(built(_scenes.write_bundles, 300, 60, factors=[(1, 3)] * 3), "fa")
    assert [f.lines for f in figures] == [300, 100, 34, 12]
    for f in figures:
        assert f.old_to_new == f.bound == 0
        assert f.new_to_old < 1e-9
        assert f.emd < 0.05


# -- trees and networks -----------------------------------------------------------------------------------------------


def test_trees_have_an_edge_less_than_nodes_and_their_colours_and_cables_on_every_level():
    figures = network_figures(built(_scenes.write_neurons, 3), "radius")
    for f in figures:
        assert f.components == 3
        assert f.edges == f.nodes - f.components
        assert f.farthest <= f.bound * DIAGONAL
        assert 0.8 < f.length <= 1
        assert f.emd < 0.02
    assert figures[1].length > 0.95


def test_networks_stay_in_one_piece_and_keep_their_colours():
    figures = network_figures(built(_scenes.write_streets, 250, 16), "traffic")
    for f in figures:
        assert f.components == 1
        assert f.farthest <= f.bound * DIAGONAL
        assert f.emd < 0.03
    assert figures[1].nodes == pytest.approx(figures[0].nodes / 4, rel=0.1)
    assert figures[1].cycles > 0.97 * figures[0].cycles
    assert figures[1].length == pytest.approx(1, abs=0.01)


# -- surfaces ---------------------------------------------------------------------------------------------------------


def test_surfaces_keep_area_volume_and_colours_while_cells_are_below_half_their_thickness():
    figures = surface_figures(built(_scenes.write_knot, 80, 750, factors=HALVES[:2]), "bump")
    for f, emd in zip(figures[1:], (0.03, 0.13), strict=True):
        assert f.area == pytest.approx(1, abs=0.05)
        assert f.volume == pytest.approx(1, abs=0.05)
        assert f.farthest <= f.bound * DIAGONAL
        assert f.emd < emd
    assert figures[1].vertices == pytest.approx(figures[0].vertices / 8, rel=0.1)


def test_small_surfaces_do_not_vanish_before_they_are_below_a_bin():
    store = built(_scenes.write_nuclei, 20)
    figures = surface_figures(store, "nucleus", "nucleus")
    assert figures[1].objects == _scenes.NUCLEI_ACROSS**2
    assert figures[1].area == pytest.approx(1, abs=0.05)
    assert figures[1].volume == pytest.approx(1, abs=0.05)
    with open_zv(store) as opened:
        bins = [max(opened.bin_shape_at(level)) for level in range(4)]
    found = [read_mesh(store, level=level) for level in range(4)]
    sizes = np.array([np.ptp(found[0].positions[found[0].attributes["nucleus"] == n], axis=0).max() for n in range(49)])
    for level in COARSE:
        drawn = np.unique(found[level].attributes["nucleus"][found[level].faces])
        assert set(np.flatnonzero(sizes >= bins[level])) <= set(drawn.tolist())
    assert (sizes >= bins[2]).sum() > 10


@pytest.mark.parametrize("method", ["clustering", *(["quadric"] if has_quadric() else [])])
def test_three_levels_keep_area_and_volume_of_all_balls_that_are_as_thick_as_a_bin_within_5_per_cent(method):
    figures = held_figures(built(_scenes.write_objects, _scenes.balls(500), 0.5, method=method))
    assert [f.thick > least for f, least in zip(figures[1:], (499, 400, 150), strict=True)] == [True] * 3
    assert max(f.worst_of_all for f in figures[1:]) < 0.05
    # No more vertices are kept for it than it takes: 12 a ball are an icosahedron, off by 3 %.
    shares = (0.8, 0.5, 0.3) if method == "clustering" else (0.4, 0.32, 0.18)
    assert [f.vertices < share * 60 * 500 for f, share in zip(figures[1:], shares, strict=True)] == [True] * 3


def test_contrast_is_that_of_the_density():
    rng = np.random.default_rng(0)
    dense, sparse = rng.uniform(0, 1, (20_000, 3)), rng.uniform(10, 20, (20_000, 3))
    assert 1000 < contrast(np.concatenate([dense, sparse])) < 10_000  # chance adds to the density's 1000
    assert contrast(sparse) < 20
