"""The sample clouds: the same from the same seed, whole, and shaped as their stories say."""

from __future__ import annotations

import numpy as np
import pytest

from napari_zarr_vectors._samples import PointSample, lidar_terrain, spiral_galaxy

N = 60_000
MAKERS = {"galaxy": spiral_galaxy, "terrain": lidar_terrain}


@pytest.fixture(scope="module")
def samples() -> dict[str, PointSample]:
    return {name: make(N) for name, make in MAKERS.items()}


@pytest.fixture(params=MAKERS)
def sample(request, samples) -> PointSample:
    return samples[request.param]


def test_there_are_as_many_points_as_asked_for(sample):
    assert sample.positions.shape == (N, 3)
    assert all(len(values) == N for values in sample.attributes.values())


def test_numbers_are_finite_and_positions_are_float32(sample):
    assert sample.positions.dtype == np.float32
    numeric = [v for v in (sample.positions, *sample.attributes.values()) if v.dtype.kind in "fiu"]
    assert all(np.isfinite(values).all() for values in numeric)


def test_the_same_seed_gives_the_same_bytes(sample):
    again = MAKERS[sample.name](N)
    assert again.positions.tobytes() == sample.positions.tobytes()
    assert all(again.attributes[k].tobytes() == v.tobytes() for k, v in sample.attributes.items())


def test_another_seed_gives_another_cloud(sample):
    assert not np.array_equal(MAKERS[sample.name](N, seed=99).positions, sample.positions)


def test_a_chunk_is_a_whole_number_of_bins(sample):
    ratio = np.array(sample.chunk_shape) / sample.bin_shape
    assert np.array_equal(ratio, np.round(ratio))


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
@pytest.mark.parametrize("n", [100, 101, 1234])
def test_small_clouds_have_exactly_n_points(make, n):
    assert len(make(n).positions) == n


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_too_few_points_are_refused_with_the_number(make):
    with pytest.raises(ValueError, match=r"at least 100 .* not 7"):
        make(7)


def test_a_sample_whose_parts_disagree_is_refused(samples):
    galaxy = samples["galaxy"]
    with pytest.raises(ValueError, match="'temperature' has 3 rows"):
        PointSample(
            name="broken",
            positions=galaxy.positions,
            attributes={"temperature": np.zeros(3)},
            axes=galaxy.axes,
            units=galaxy.units,
            chunk_shape=galaxy.chunk_shape,
            bin_shape=galaxy.bin_shape,
            factors=galaxy.factors,
        )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("galaxy", {"temperature": np.float32, "luminosity": np.float32, "rgb": np.uint8}),
        ("terrain", {"elevation": np.float32, "intensity": np.uint16, "rgb": np.uint8}),
    ],
)
def test_attributes_have_their_types(samples, name, expected):
    attributes = samples[name].attributes
    assert {k: attributes[k].dtype for k in expected} == expected
    assert attributes["rgb"].shape == (N, 3)


def test_all_populations_and_classes_occur(samples):
    assert set(samples["galaxy"].attributes["population"]) == {"arm", "bulge", "cluster", "disc", "halo"}
    assert set(samples["terrain"].attributes["classification"]) == {
        "ground",
        "low vegetation",
        "tree",
        "water",
    }


def test_the_galaxy_is_more_than_a_thousand_times_denser_in_some_cells_than_in_others(samples):
    cells = np.floor(samples["galaxy"].positions).astype(np.int64)  # of 1 kpc
    _, counts = np.unique(cells, axis=0, return_counts=True)
    assert counts.max() > 1000 * counts.min()


def test_arms_are_hotter_than_the_bulge_and_the_bulge_lies_inside(samples):
    galaxy = samples["galaxy"]
    population, kelvin = galaxy.attributes["population"], galaxy.attributes["temperature"]
    radius = np.linalg.norm(galaxy.positions, axis=1)
    assert np.median(kelvin[population == "arm"]) > 1.5 * np.median(kelvin[population == "bulge"])
    assert np.median(radius[population == "bulge"]) < 2 < np.median(radius[population == "halo"])


def test_the_scan_lies_in_its_tile_and_trees_stand_above_the_water(samples):
    terrain = samples["terrain"]
    kinds, elevation = terrain.attributes["classification"], terrain.attributes["elevation"]
    assert terrain.positions[:, 1:].min() >= 0
    assert terrain.positions[:, 1:].max() < 2048
    assert np.array_equal(elevation, terrain.positions[:, 0])
    assert elevation[kinds == "water"].min() < np.quantile(elevation[kinds == "tree"], 0.05)
    assert np.ptp(elevation) > 200
