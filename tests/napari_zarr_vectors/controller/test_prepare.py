"""Pages of the pool: as large as waste little, and the pool larger by what they waste."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_zarr_vectors._build import MISSING_VALUE
from napari_zarr_vectors._controller import _prepare
from napari_zarr_vectors._controller._prepare import (
    PAGE_ROWS,
    PAGE_WASTE,
    _pages,
    color_choices,
    prepare,
    prepare_colors,
)
from napari_zarr_vectors._stream import Wanted
from zarr_vectors.exceptions import ArgumentError
from zarr_vectors.lazy import open_zv
from zarr_vectors.multiresolution.coarsen import build_pyramid
from zarr_vectors.types.points import write_points


@given(st.lists(st.integers(0, 3000), max_size=200))
def test_pages_are_the_largest_that_waste_little(counts):
    counts = np.array(counts, np.int64)
    size, padding = _pages(counts)
    padded = {rows: int((-(-counts // rows)).sum()) * rows for rows in PAGE_ROWS}
    assert padded[size] <= max(1, counts.sum()) * padding + 1e-6
    if size > PAGE_ROWS[-1]:
        assert padding <= 1 + PAGE_WASTE
    for larger in PAGE_ROWS[: PAGE_ROWS.index(size)]:
        assert padded[larger] > (1 + PAGE_WASTE) * max(1, counts.sum())


def test_chunks_of_thousands_of_rows_have_the_largest_pages_and_tiny_ones_the_smallest():
    assert _pages(np.full(500, 4000))[0] == 256
    assert _pages(np.full(500, 90))[0] < 128
    assert _pages(np.full(500, 2)) == (2, 1.0)
    assert _pages(np.zeros(0, np.int64))[1] == 1.0


def test_ids_that_no_object_has_are_found_out(tmp_path):
    ids = np.repeat([-5, 3, 2**62], 4)
    write_points(tmp_path / "p.zv", np.random.default_rng(0).uniform(0, 9, (12, 3)), chunk_shape=5, object_ids=ids)
    with open_zv(tmp_path / "p.zv") as store:
        for asked, unknown in ((None, ()), ((), ()), ((3, 4, -5, 2**62, -1), (4, -1))):
            assert prepare_colors(store, None, wanted=Wanted(object_ids=asked)).unknown == unknown


@pytest.mark.parametrize("factors", [(), [(4, 1), (4, 1)]], ids=["one level", "pyramid"])
def test_limits_are_those_of_the_finest_level_not_of_means(tmp_path, factors):
    rng = np.random.default_rng(0)
    values = rng.uniform(0, 1, 20_000).astype(np.float32)
    write_points(tmp_path / "p.zv", rng.uniform(0, 9, (20_000, 3)), chunk_shape=3, attributes={"a": values})
    if factors:
        build_pyramid(tmp_path / "p.zv", factors)
    with open_zv(tmp_path / "p.zv") as store:
        for found in (prepare_colors(store, "a"), prepare(store, "a").colors):
            assert found.info.limits == pytest.approx(np.percentile(values, (0.5, 99.5)), abs=0.01)


def test_objects_are_named_by_their_ids(tmp_path):
    ids = np.repeat([42, -3, 17], 4)
    write_points(tmp_path / "p.zv", np.random.default_rng(0).uniform(0, 9, (12, 3)), chunk_shape=5, object_ids=ids)
    with open_zv(tmp_path / "p.zv") as store:
        assert prepare_colors(store, "object").words == ("-3", "17", "42")


@pytest.mark.parametrize("name", ["direction", "group"])
def test_points_have_no_direction_and_objects_without_groups_no_group_to_colour_by(tmp_path, name):
    write_points(tmp_path / "p.zv", np.eye(3), chunk_shape=5, object_ids=[1, 2, 3])
    with (
        open_zv(tmp_path / "p.zv") as store,
        pytest.raises(ArgumentError, match=f"nothing named '{name}' to colour by; it has object$"),
    ):
        prepare_colors(store, name)


def test_of_points_without_objects_no_part_of_the_objects_is_shown(tmp_path):
    write_points(tmp_path / "p.zv", np.eye(3), chunk_shape=5)
    with open_zv(tmp_path / "p.zv") as store:
        assert prepare_colors(store, None, wanted=Wanted(share=1.0)).coloring.wanted == Wanted()
        with pytest.raises(ArgumentError, match="no objects to show a part of"):
            prepare_colors(store, None, wanted=Wanted(share=0.5))


def write_groups(path):
    """Objects 9, 3, 7 and 5: the first two in "b", 3 and 7 in "a", 5 in none."""
    write_points(
        path,
        np.random.default_rng(0).uniform(0, 9, (12, 3)),
        chunk_shape=5,
        object_ids=np.repeat([9, 3, 7, 5], 3),
        object_attributes={"mass": np.arange(4.0), "both": np.arange(4.0)},
        groups={"b": [9, 3], "a": [7, 3]},
        group_attributes={"score": [3, 4], "side": ["right", "left"], "both": [0.0, 0.0], "group": [1.0, 2.0]},
    )
    return path


def test_objects_have_the_value_of_the_first_group_they_are_in(tmp_path):
    with open_zv(write_groups(tmp_path / "p.zv")) as store:
        score = prepare_colors(store, "score")
        assert score.info.kind == "scalar"
        assert score.coloring.objects.ids.tolist() == [3, 5, 7, 9]
        assert score.coloring.objects.values.tolist() == [3, np.float32(MISSING_VALUE), 4, 3]
        side = prepare_colors(store, "side")
        assert (side.info.kind, side.words) == ("category", ("left", "right"))
        assert side.coloring.objects.values.tolist() == [1, np.float32(MISSING_VALUE), 0, 1]


def test_whole_numbers_may_be_labels(tmp_path):
    attributes = {
        "region": np.array([-3, 1035], "i8"),
        "big": np.array([0, 2**64 - 1], "u8"),
        "flag": np.array([True, False]),
        "mean": np.zeros(2),
        "pair": np.zeros((2, 2), "i4"),
    }
    ids = np.array([4, 5])
    write_points(
        tmp_path / "p.zv",
        np.zeros((2, 3)),
        chunk_shape=5,
        attributes=attributes,
        object_ids=ids,
        object_attributes={f"of_{name}": values for name, values in attributes.items()},
        groups={"a": [4]},
        group_attributes={"code": [7], "share": [0.5]},
    )
    with open_zv(tmp_path / "p.zv") as store:
        found = {name: prepare_colors(store, name).info.labels for name in color_choices(store) if name != "group"}
    both = {f"{of}{name}": labels for of in ("", "of_") for name, labels in LABELS.items()}
    assert {name: labels for name, labels in found.items() if labels} == {**both, "code": (7,)}


LABELS = {"region": (-3, 1035), "big": (0, 2**64 - 1), "flag": (0, 1)}


def test_labels_are_looked_for_everywhere(tmp_path, monkeypatch):
    monkeypatch.setattr(_prepare, "VALUE_CHUNKS", 2)  # those at both ends
    rows = np.arange(4000)
    points = np.stack([rows / 4, rows % 7, rows % 5], axis=1)
    region = (rows // 320).astype("i4")
    write_points(tmp_path / "p.zv", points, chunk_shape=10, bin_shape=5, attributes={"region": region})
    build_pyramid(tmp_path / "p.zv", [(2, 1)])
    with open_zv(tmp_path / "p.zv") as store:
        assert prepare_colors(store, "region").info.labels == tuple(range(13))
        assert prepare(store, "region").colors.info.labels == tuple(range(13))


def test_of_very_many_numbers_some_are_looked_at(tmp_path, monkeypatch):
    monkeypatch.setattr(_prepare, "SAMPLE_ROWS", 10)
    write_points(
        tmp_path / "p.zv",
        np.zeros((40, 3)),
        chunk_shape=5,
        object_ids=np.arange(40),
        object_attributes={"a": np.arange(40)},
    )
    with open_zv(tmp_path / "p.zv") as store:
        assert prepare_colors(store, "a").info.labels == tuple(range(0, 40, 4))


def test_group_attributes_are_to_choose_from_after_those_of_objects(tmp_path):
    with open_zv(write_groups(tmp_path / "p.zv")) as store:
        assert color_choices(store) == ["both", "mass", "group", "score", "side", "object"]
        both = prepare_colors(store, "both")
        assert both.coloring.objects.values.tolist() == [0, 1, 2, 3], "an object's own value comes first"
        assert prepare_colors(store, "group").info.kind == "scalar", "an attribute of that name comes first"
    write_points(tmp_path / "q.zv", np.zeros((2, 3)), chunk_shape=5, attributes={"a": np.zeros(2)})
    with open_zv(tmp_path / "q.zv") as store:
        assert color_choices(store) == ["a"]
