"""The samples of lines, trees, surfaces and time: whole, the same from the same seed, shaped as their stories say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_zarr_vectors._samples import brain_surface, cortex_neurons, embryo, stores, tractogram
from napari_zarr_vectors._samples._curves import at_even_steps, curves_through
from napari_zarr_vectors._samples._sphere import curvature_of, normals_of, sphere
from napari_zarr_vectors._samples._waves import waves
from zarr_vectors.lazy import open_zv

MAKERS = {
    "tractogram": (tractogram, 400),
    "neurons": (cortex_neurons, 12),
    "surface": (brain_surface, 12_000),
    "timelapse": (embryo, 800),
}
TOO_FEW = {"tractogram": 99, "neurons": 6, "surface": 319, "timelapse": 159}
BOUNDS = {  # lowest and highest corner that make sense, axes as stored
    "tractogram": ((-75, -115, -80), (85, 85, 80)),
    "neurons": ((-10, -400, -400), (1401, 900, 2400)),
    "surface": ((-55, -110, -72), (85, 75, 72)),
    "timelapse": ((0, -700, -450, -450), (50, 500, 500, 450)),
}
KINDS = {"tractogram": "streamline", "neurons": "skeleton", "surface": "mesh", "timelapse": "point_cloud"}


@pytest.fixture(scope="module")
def samples():
    return {name: make(n) for name, (make, n) in MAKERS.items()}


@pytest.fixture(params=MAKERS)
def name(request):
    return request.param


def arrays_of(sample):
    more = [getattr(sample, key) for key in ("offsets", "edges", "faces", "object_ids") if hasattr(sample, key)]
    named = (*sample.attributes.values(), *sample.object_attributes.values(), *sample.groups.values())
    return [sample.positions, *more, *named]


def test_the_same_seed_gives_the_same_bytes(samples, name):
    make, n = MAKERS[name]
    assert [a.tobytes() for a in arrays_of(make(n))] == [a.tobytes() for a in arrays_of(samples[name])]


def test_another_seed_gives_another_sample(samples, name):
    make, n = MAKERS[name]
    assert not np.array_equal(make(n, seed=99).positions, samples[name].positions)


def test_all_numbers_are_finite_and_lie_where_they_should(samples, name):
    sample = samples[name]
    assert all(np.isfinite(values).all() for values in arrays_of(sample) if values.dtype.kind in "fiu")
    low, high = np.array(BOUNDS[name])
    assert np.all(sample.positions.min(axis=0) >= low)
    assert np.all(sample.positions.max(axis=0) <= high)
    assert np.all(np.ptp(sample.positions, axis=0) > 0.5 * (high - low))  # and fill the space


def test_every_object_is_in_one_group(samples, name):
    sample = samples[name]
    members = np.concatenate(list(sample.groups.values()))
    assert np.array_equal(np.sort(members), np.arange(sample.object_count))
    assert all(len(group) for group in sample.groups.values())


def test_a_chunk_is_a_whole_number_of_bins(samples, name):
    ratio = np.array(samples[name].chunk_shape) / samples[name].bin_shape
    assert np.allclose(ratio, np.round(ratio))


def test_too_little_is_refused_with_the_number(name):
    with pytest.raises(ValueError, match=rf"at least .*not {TOO_FEW[name]}"):
        MAKERS[name][0](TOO_FEW[name])
    assert len(MAKERS[name][0](TOO_FEW[name] + 1).positions) > 0


def test_a_store_has_kind_axes_units_attributes_groups_and_fewer_vertices_a_level(samples, name, tmp_path, monkeypatch):
    sample = samples[name]
    entry = replace(stores.SAMPLES[name], amount=MAKERS[name][1])
    monkeypatch.setattr(stores, "SAMPLES", {name: entry})
    assert not stores.has_sample_store(name, tmp_path)
    place = stores.sample_store(name, tmp_path)
    assert stores.has_sample_store(name, tmp_path)
    with open_zv(place) as store:
        assert store.geometry_type == KINDS[name]
        assert [axis.name for axis in store.axes] == list(sample.axes)
        assert [axis.unit for axis in store.axes] == list(sample.units)
        assert [axis.type for axis in store.axes] == ["time" if a == "t" else "space" for a in sample.axes]
        assert set(store.attribute_names(0)) == set(sample.attributes)
        assert set(store.object_attribute_names()) == set(sample.object_attributes)
        assert set(store.groups) == set(sample.groups)
        counts = [store.vertex_count(level) for level in store.levels]
        assert counts[0] == len(sample.positions)
        assert counts[-1] < 0.5 * counts[0]
        wanted = entry.display["color_by"]
        assert wanted == "direction" or wanted in sample.attributes


# --- the tractogram


def test_a_line_has_about_a_hundred_points_at_even_steps(samples):
    sample = samples["tractogram"]
    counts = np.diff(sample.offsets)
    assert len(counts) == 400
    assert 70 < counts.mean() < 130
    inside = np.ones(len(sample.positions) - 1, bool)
    inside[sample.offsets[1:-1] - 1] = False
    steps = np.linalg.norm(np.diff(sample.positions, axis=0), axis=1)[inside]
    assert np.percentile(steps, 1) > 0.9
    assert steps.max() < 1.3
    line = np.repeat(np.arange(400), counts)[:-1][inside]
    assert np.allclose(np.bincount(line, steps), sample.object_attributes["length"], rtol=0.02)


def test_left_and_right_are_alike_and_the_callosum_crosses(samples):
    sample = samples["tractogram"]
    x = sample.positions[:, 2]
    assert abs(x.mean()) < 4
    ends = x[sample.offsets[:-1]], x[sample.offsets[1:] - 1]
    crosses = ends[0] * ends[1] < 0
    bundle, side = sample.object_attributes["bundle"], sample.object_attributes["side"]
    assert crosses[bundle == "corpus callosum"].mean() > 0.95
    assert crosses[bundle == "arcuate fasciculus"].mean() == 0
    middle = np.array([x[a:b].mean() for a, b in zip(sample.offsets, sample.offsets[1:], strict=False)])
    assert np.all(middle[side == "left"] < 0)
    assert np.all(middle[side == "right"] > 0)


def test_bundles_fan_out_at_the_cortex(samples):
    sample = samples["tractogram"]
    rows = np.flatnonzero(sample.object_attributes["bundle"] == "cortico-spinal tract")
    first, last = sample.positions[sample.offsets[rows]], sample.positions[sample.offsets[rows + 1] - 1]
    assert first[:, 0].min() > 20 > -40 > last[:, 0].max()  # from the cortex to the medulla
    spread = [np.abs(ends[:, 2]).std() for ends in (first, last)]
    assert spread[0] > 5 * spread[1]


def test_fa_is_high_inside_and_low_at_the_ends(samples):
    sample = samples["tractogram"]
    fa = sample.attributes["fa"]
    assert fa.min() >= 0
    assert fa.max() <= 1
    assert fa[sample.offsets[:-1]].mean() < 0.6 * np.median(fa)


# --- neurons


def test_every_neuron_is_one_tree(samples):
    sample = samples["neurons"]
    child, parent = sample.edges.T
    owner = np.repeat(np.arange(12), np.diff(sample.offsets))
    assert len(child) == len(sample.positions) - 12
    assert len(np.unique(child)) == len(child)
    assert np.array_equal(owner[child], owner[parent])
    above = np.arange(len(sample.positions))
    above[child] = parent
    for _ in range(12):  # twice as far up each time
        above = above[above]
    assert np.array_equal(above, sample.offsets[:-1][owner])


def test_dendrites_taper_and_bodies_are_thickest(samples):
    sample = samples["neurons"]
    radius, part = sample.attributes["radius"], sample.attributes["compartment"]
    child, parent = sample.edges.T
    thinner = radius[child] <= radius[parent] * 1.001
    assert thinner[part[child] == "basal dendrite"].mean() > 0.98
    bodies = radius[sample.offsets[:-1]]
    assert bodies.min() > 2 * np.percentile(radius, 95)
    assert np.array_equal(np.maximum.reduceat(radius, sample.offsets[:-1]), bodies)
    assert radius.min() > 0.1


def test_types_lie_in_their_layers(samples):
    sample = samples["neurons"]
    depth, kind = sample.object_attributes["depth"], sample.object_attributes["type"]
    assert len(set(kind)) == 7
    assert depth[kind == "L2/3 pyramidal"].max() < depth[kind == "L5 thick-tufted"].min()
    assert depth[kind == "L5 thick-tufted"].max() < depth[kind == "L6 corticothalamic"].min()


@pytest.mark.parametrize("n", [7, 8, 31])
def test_there_are_as_many_neurons_as_asked_for_and_of_every_type(n):
    sample = cortex_neurons(n)
    assert sample.object_count == n
    assert all(len(group) for group in sample.groups.values())


# --- the surface


def test_both_hemispheres_are_closed_and_their_faces_look_out(samples):
    sample = samples["surface"]
    faces, points = sample.faces, sample.positions.astype(np.float64)
    assert abs(len(faces) - 12_000) < 600
    directed = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    forward, back = (np.sort(e @ [len(points), 1]) for e in (directed, directed[:, ::-1]))
    assert len(np.unique(forward)) == len(forward)
    assert np.array_equal(forward, back)  # every edge once in each direction
    for side in (faces < sample.offsets[1], faces >= sample.offsets[1]):
        a, b, c = (
            points[faces[side.all(axis=1)][:, k]] for k in range(3)
        )  # columns right-handed, as the viewer has it
        volume = (a * np.cross(b, c)).sum() / 6
        assert 2.5e5 < volume < 7e5  # mm3; below 0 if it were inside out


def test_hemispheres_do_not_touch_and_valleys_are_deep(samples):
    sample = samples["surface"]
    x, depth = sample.positions[:, 2], sample.attributes["depth"]
    left, right = x[: sample.offsets[1]], x[sample.offsets[1] :]
    assert left.max() < right.min()
    assert depth.min() >= 0
    assert 5 < np.percentile(depth, 99) < 25
    curvature = sample.attributes["curvature"]
    assert curvature[depth > np.percentile(depth, 85)].mean() < 0 < curvature[depth < np.percentile(depth, 50)].mean()


# --- the embryo


def test_time_goes_by_whole_hours_and_cells_become_more(samples):
    sample = samples["timelapse"]
    t = sample.positions[:, 0]
    assert np.array_equal(np.unique(t), np.arange(51))
    count = np.bincount(t.astype(int))
    assert count[0] == 50
    assert 750 <= count[-1] <= 800
    assert np.all(np.diff(count) >= 0)


def test_a_track_goes_on_without_a_gap_and_daughters_begin_at_their_mother(samples):
    sample = samples["timelapse"]
    ids, t = sample.object_ids, sample.positions[:, 0]
    order = np.lexsort((t, ids))
    same = np.diff(ids[order]) == 0
    assert np.all(np.diff(t[order])[same] == 1)
    step = np.linalg.norm(np.diff(sample.positions[order, 1:], axis=0), axis=1)[same]
    assert np.percentile(step, 99) < 110
    mother = sample.object_attributes["mother"]
    first = order[np.append(0, np.flatnonzero(~same) + 1)]
    last = order[np.append(np.flatnonzero(~same), len(order) - 1)]
    born = np.flatnonzero(mother >= 0)
    assert len(born) > 500
    assert np.all(t[first[born]] == t[last[mother[born]]] + 1)
    apart = np.linalg.norm(sample.positions[first[born], 1:] - sample.positions[last[mother[born]], 1:], axis=1)
    assert np.median(apart) < 20
    assert np.array_equal(sample.object_attributes["lineage"][ids], sample.attributes["lineage"])


def test_cells_first_cap_the_yolk_and_then_cover_it(samples):
    sample = samples["timelapse"]
    t, z = sample.positions[:, :2].T
    assert z[t == 0].min() > 150
    assert z[t == 50].min() < -290


# --- what they stand on


def test_a_curve_goes_through_its_waypoints():
    ways = np.random.default_rng(0).normal(size=(1, 5, 3)) * 20
    fine = curves_through(ways, 4001)[0]
    for point in ways[0]:
        assert np.linalg.norm(fine - point, axis=1).min() < 0.05


def test_even_steps_keep_both_ends():
    curves = curves_through(np.random.default_rng(1).normal(size=(30, 4, 3)) * 20, 40)
    points, part, offsets = at_even_steps(curves, 1.0)
    assert np.allclose(points[offsets[:-1]], curves[:, 0], atol=1e-5)
    assert np.allclose(points[offsets[1:] - 1], curves[:, -1], atol=1e-5)
    assert part.min() == 0
    assert part.max() == 1


def test_a_ball_has_the_curvature_of_its_radius_and_normals_that_look_out():
    directions, faces = sphere(12)
    assert directions.shape == (1442, 3)
    assert faces.shape == (2880, 3)
    assert np.allclose(curvature_of(directions * 5, faces), 0.2, rtol=0.02)
    assert np.all((normals_of(directions, faces) * directions).sum(axis=1) > 0.99)


def test_the_slope_of_noise_is_its_slope():
    noise, points = waves(np.random.default_rng(2), 10.0), np.random.default_rng(3).uniform(-50, 50, (4000, 3))
    values = noise.at(points)
    assert abs(values.mean()) < 0.1
    assert abs(values.std() - 1) < 0.1
    slope = [(noise.at(points + step) - noise.at(points - step)) / 0.02 for step in 0.01 * np.eye(3)]
    assert np.abs(np.stack(slope, axis=1) - noise.slope_at(points)).max() < 0.02
