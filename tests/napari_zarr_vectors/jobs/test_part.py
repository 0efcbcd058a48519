"""What a part has is told before it is read: near enough, and too much is refused."""

import numpy as np
import pytest

from napari_zarr_vectors._jobs import Part, count_part, extract_part, refuse_too_large
from napari_zarr_vectors._jobs.part import needed_bytes
from napari_zarr_vectors._lod import box_region
from zarr_vectors.exceptions import LimitError
from zarr_vectors.lazy import open_zv
from zarr_vectors.types.points import write_points
from zarr_vectors.types.polylines import write_polylines

RNG = np.random.default_rng(3)
HALF = box_region([0, 0, 0], [50, 100, 100])


@pytest.fixture(scope="module")
def points(tmp_path_factory):
    path = tmp_path_factory.mktemp("part") / "s.zv"
    owner = np.arange(8000) % 40
    groups = {"few": [1, 2], "many": list(range(30))}
    attributes = {"mass": np.where(np.arange(40) % 2, np.nan, np.arange(40.0))}
    write_points(
        path, RNG.uniform(0, 100, (8000, 3)), chunk_shape=20.0, object_ids=owner, groups=groups,
        object_attributes=attributes,
    )  # fmt: skip
    with open_zv(path) as store:
        yield store


@pytest.fixture(scope="module")
def lines(tmp_path_factory):
    path = tmp_path_factory.mktemp("part") / "s.zv"
    starts = RNG.uniform(0, 90, (300, 1, 3))
    write_polylines(path, starts + np.linspace(0, 9, 50)[None, :, None], chunk_shape=10.0)
    with open_zv(path) as store:
        yield store


@pytest.mark.parametrize(
    "part",
    [
        Part(),
        Part(region=HALF),
        Part(region=box_region([5, 5, 5], [35, 30, 38])),
        Part(object_ids=(3, 4, 5)),
        Part(region=HALF, groups=("few",)),
        Part(share=0.5),
    ],
)
def test_a_part_of_points_is_counted_near_enough(points, part):
    found, counted = extract_part(points, part), count_part(points, part)
    assert found.vertex_count <= counted.at_most
    assert counted.about == pytest.approx(found.vertex_count, rel=0.15, abs=60)


def test_objects_are_counted_exactly(points, lines):
    parts = [(points, Part(object_ids=(3, 4, 77))), (points, Part(share=0.4)), (lines, Part(object_ids=(9,)))]
    for store, part in parts:
        assert count_part(store, part).about == extract_part(store, part).vertex_count


@pytest.mark.parametrize("part", [Part(), Part(region=HALF), Part(region=HALF, object_ids=tuple(range(100)))])
def test_a_part_of_lines_is_counted_with_all_of_the_lines(lines, part):
    found, counted = extract_part(lines, part), count_part(lines, part)
    assert found.vertex_count <= counted.about <= 1.3 * found.vertex_count


def test_objects_have_what_is_said_of_them_and_nothing_where_nothing_is(points):
    table = extract_part(points, Part(object_ids=(7, 4))).objects
    assert table.ids.tolist() == [4, 7]
    np.testing.assert_equal(table.columns["mass"], [4.0, np.nan])
    assert {name: ids.tolist() for name, ids in table.groups.items()} == {"few": [], "many": [4, 7]}
    np.testing.assert_equal(table.of(np.array([7, 4, 7]))["mass"], [np.nan, 4.0, np.nan])


def test_too_much_is_refused_by_vertices_and_by_bytes(points):
    refuse_too_large(points, Part(), most_vertices=8000, most_bytes=1 << 30)
    with pytest.raises(LimitError, match="about 8,000 vertices of level 0"):
        refuse_too_large(points, Part(), most_vertices=7999, most_bytes=None)
    with pytest.raises(LimitError, match="GB of memory"):
        refuse_too_large(points, Part(), most_vertices=None, most_bytes=1 << 18)
    refuse_too_large(points, Part(object_ids=(1,)), most_vertices=300, most_bytes=1 << 18)


def test_what_is_said_of_objects_counts_once_a_vertex_where_it_becomes_a_table(tmp_path):
    said = {f"m{i}": np.arange(10.0) for i in range(60)} | {"name": np.array(list("abcdefghij"))}
    said["rgb"] = np.zeros((10, 3), np.float32)
    owner = np.arange(1000) % 10
    write_points(tmp_path / "s.zv", RNG.uniform(0, 9, (1000, 3)), chunk_shape=10.0, object_ids=owner)
    write_points(
        tmp_path / "o.zv", RNG.uniform(0, 9, (1000, 3)), chunk_shape=10.0, object_ids=owner, object_attributes=said
    )
    with open_zv(tmp_path / "s.zv") as bare, open_zv(tmp_path / "o.zv") as store:
        least = needed_bytes(bare, 0, 1000)
        assert needed_bytes(store, 0, 1000) == least + 3 * 1000 * (60 * 8 + 64 + 12)
        assert needed_bytes(store, 0, 1000, is_table=False) == least
        refuse_too_large(store, Part(), most_vertices=None, most_bytes=2 * least, is_table=False)
        with pytest.raises(LimitError, match="GB of memory"):
            refuse_too_large(store, Part(), most_vertices=None, most_bytes=2 * least)
