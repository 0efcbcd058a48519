"""Reading few points: the finest level that fits, honest thinning, and an end when nobody wants them any more."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_zarr_vectors._build import MISSING_VALUE
from napari_zarr_vectors._controller import _few
from napari_zarr_vectors._controller._few import FewReader
from napari_zarr_vectors._lod import CameraState
from zarr_vectors.exceptions import CancelledError
from zarr_vectors.lazy import open_zv
from zarr_vectors.multiresolution.coarsen import build_pyramid
from zarr_vectors.types.points import write_points

COUNT = 20_000
WORDS = np.array(["soma", "axon", "dendrite"])


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("few") / "cloud.zarrvectors"
    rng = np.random.default_rng(0)
    positions = rng.uniform(-100, 300, (COUNT, 3)).astype(np.float32)
    attributes = {
        "height": positions[:, 0],
        "part": WORDS[np.arange(COUNT) % 3],
        "rgb": rng.integers(0, 255, (COUNT, 3), dtype=np.uint8),
    }
    write_points(path, positions, chunk_shape=100, bin_shape=25, attributes=attributes)
    build_pyramid(path, [(2, 1), (2, 1)])
    return path


@pytest.fixture
def store(path):
    with open_zv(path, cache_size=0) as store:
        yield store


def looking_at(lo, hi):
    """A camera that sees a box."""
    lo, hi = np.broadcast_to(lo, 3).astype(float), np.broadcast_to(hi, 3).astype(float)
    planes = np.concatenate([np.column_stack([np.eye(3), -lo]), np.column_stack([-np.eye(3), hi])])
    ones, inf = np.ones(3), np.full(3, np.inf)
    return CameraState((0, 1, 2), planes, None, ones, 1.0, (100, 100), (lo + hi) / 2, ones, -inf, inf)


EVERYTHING = looking_at(-1e4, 1e4)


def read(store, camera, most, color_by=None, **options):
    return FewReader(store, most=most, color_by=color_by, **options).read(camera, lambda: True)


def rows(points):
    return {tuple(point) for point in points.tolist()}


def test_what_fits_is_shown_at_level_0_and_whole(store):
    found = read(store, EVERYTHING, COUNT)
    assert (found.level, len(found.positions)) == (0, COUNT)
    assert rows(found.positions) == rows(store.read(0).positions.astype(float))


def test_the_finest_level_that_fits_is_shown_and_nothing_beside_the_view(store):
    for most in (20_000, 3000, 300):
        camera = looking_at((0, 0, 0), (110, 120, 130))
        found = read(store, camera, most)
        parts = {n: store.read(n, bbox=((0, 0, 0), (110, 120, 130))).positions for n in store.levels}
        finest = next(n for n in store.levels if len(parts[n]) <= most)
        assert found.level == finest
        assert rows(found.positions) == rows(parts[finest].astype(float))


def test_a_coarsest_level_with_too_many_is_thinned_to_what_is_allowed(store):
    coarsest = store.levels[-1]
    whole = rows(store.read(coarsest).positions.astype(float))
    most = len(whole) // 2
    found = read(store, EVERYTHING, most)
    assert (found.level, len(found.positions)) == (coarsest, most)
    assert rows(found.positions) <= whole


def test_views_that_overlap_show_the_same_points_of_what_is_thinned(store):
    """A point with a small key has it in every view: what is left out of the smaller view is left out of the larger."""
    half = looking_at((-100, -100, -100), (100, 300, 300))
    one, other = (read(store, camera, 500, level=0).positions for camera in (EVERYTHING, half))
    assert len(one) == len(other) == 500
    left = rows(one[one[:, 0] < 100])
    assert 150 < len(left) < 350
    assert left < rows(other)


def test_thinning_is_fair(store):
    found = read(store, EVERYTHING, 2000, level=0)
    assert np.allclose(found.positions.mean(axis=0), 100, atol=10)
    octants = (found.positions > 100) @ [1, 2, 4]
    assert np.bincount(octants).min() > 180


def test_batches_change_nothing(store, monkeypatch):
    before = read(store, EVERYTHING, 500, "height", level=0)
    monkeypatch.setattr(_few, "BATCH_ROWS", 700)
    after = read(store, EVERYTHING, 500, "height", level=0)
    assert rows(before.positions) == rows(after.positions)
    assert np.array_equal(after.values, after.positions[:, 0].astype(np.float32))


def test_reading_ends_between_batches_when_it_is_not_wanted(store, monkeypatch):
    monkeypatch.setattr(_few, "BATCH_ROWS", 700)
    asked, batches = [], []
    whole = store.read_chunks
    monkeypatch.setattr(store, "read_chunks", lambda *a: batches.append(len(asked)) or whole(*a))
    reader = FewReader(store, most=COUNT, color_by=None)
    reader.read(EVERYTHING, lambda: True)
    full, batches[:] = len(batches), []
    with pytest.raises(CancelledError, match="cloud"):
        reader.read(EVERYTHING, lambda: asked.append(0) or len(asked) < 4)
    assert full > 10
    assert len(batches) == 3


def test_a_level_with_too_many_is_given_up_early(store, monkeypatch):
    monkeypatch.setattr(_few, "BATCH_ROWS", 700)
    read_of = []
    whole = store.read_chunks
    monkeypatch.setattr(store, "read_chunks", lambda level, *a: read_of.append(level) or whole(level, *a))
    camera = looking_at(-99, 299)  # no chunk at the border is wholly inside: level 0 must be looked at
    assert read(store, camera, 10_000).level == 1
    assert 0 < read_of.count(0) <= 10_000 / 300
    read_of.clear()
    assert read(store, EVERYTHING, 10_000).level == 1  # all are: its points are counted without reading them
    assert read_of.count(0) == 0


@pytest.mark.parametrize("camera", [looking_at(1000, 2000), looking_at(-99.999, -99.99)])
def test_where_nothing_is_there_is_nothing(store, camera):
    found = read(store, camera, 100, "part")
    assert found.positions.shape == (0, 3)


def test_numbers_are_values_and_a_feature(store):
    found = read(store, EVERYTHING, COUNT, "height")
    assert found.info.kind == "scalar"
    assert np.array_equal(found.features["height"], found.positions[:, 0].astype(np.float32))
    assert np.array_equal(found.values, found.features["height"])


def test_words_are_codes_and_a_feature(store):
    for most in (COUNT, 5000):
        found = read(store, EVERYTHING, most, "part")
        words = store.categories("part", 0)
        assert found.info.kind == "category"
        assert set(found.features["part"]) == set(WORDS)
        assert [words[int(code)] for code in found.values[:50]] == found.features["part"][:50].tolist()


def test_colours_come_first_and_are_no_feature(store):
    found = read(store, EVERYTHING, COUNT, "auto")
    assert found.info.kind == "rgb"
    assert found.values.shape == (COUNT,)
    assert found.features == {}


def test_codes_of_a_level_with_words_of_its_own_mean_the_same_words():
    codes = np.array([0, 1, 2, -1, 9], np.int32)
    assert _few._words_of(("b", "a", "x"), codes).tolist() == ["b", "a", "x", "", ""]
    assert _few._codes_of(("b", "a", "x"), ("a", "b"), codes).tolist() == [1, 0, -1, -1, -1]


def test_a_level_without_the_attribute_is_shown_as_missing(tmp_path):
    path = tmp_path / "plain.zarrvectors"
    positions = np.random.default_rng(0).uniform(0, 100, (1000, 3)).astype(np.float32)
    for name, values in (("height", positions[:, 0]), ("part", WORDS[np.arange(1000) % 3])):
        write_points(path, positions, chunk_shape=50, bin_shape=10, attributes={name: values}, overwrite=True)
        with open_zv(path, cache_size=0) as store:
            reader = FewReader(store, most=1000, color_by=name)
            whole = reader.read(EVERYTHING, lambda: True)
            colors = reader._known[1]
            found = reader._dressed(0, [whole.positions], colors)
        assert (found.values == np.float32(MISSING_VALUE)).all()
        assert found.features == {}


def test_a_point_on_the_edge_of_the_extent_is_in_view(store):
    lo, hi = store.extent
    camera = replace(EVERYTHING, slab_lo=lo, slab_hi=hi)
    assert len(read(store, camera, COUNT).positions) == COUNT
