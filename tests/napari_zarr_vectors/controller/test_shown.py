"""Colours of objects and filters, live, on every kind and level, in a real window."""

from __future__ import annotations

import numpy as np
import pytest
from napari.utils.notifications import notification_manager

from napari_zarr_vectors._build import HIDDEN_VALUE, MISSING_VALUE
from napari_zarr_vectors._controller import engine_of, open_layer
from napari_zarr_vectors._controller._views import actions_of, limits_in_view
from napari_zarr_vectors._layers import StreamingLines, StreamingPoints, StreamingSurface, Window
from zarr_vectors.exceptions import ArgumentError
from zarr_vectors.multiresolution.coarsen import build_pyramid
from zarr_vectors.types.graphs import write_graph
from zarr_vectors.types.meshes import write_mesh
from zarr_vectors.types.points import write_points
from zarr_vectors.types.polylines import write_polylines

pytestmark = pytest.mark.gui

LINES, ROWS = 30, 40
GROUPS = {"even": list(range(0, LINES, 2)), "few": [3, 5]}


@pytest.fixture(scope="module")
def tracts(tmp_path_factory):
    """Lines along axis 2, of which line k lies at height 3 k and has the vertex values k + row / 100."""
    path = tmp_path_factory.mktemp("shown") / "tracts.zarrvectors"
    rows = np.linspace(1, 89, ROWS)
    lines = [np.stack([np.full(ROWS, 3.0 * k + 1), 45 + 5 * np.sin(rows / 9 + k), rows], axis=1) for k in range(LINES)]
    write_polylines(
        path,
        lines,
        chunk_shape=30,
        bin_shape=10,
        groups=GROUPS,
        group_attributes={"score": [2.5, 7.5], "side": ["left", "right"]},
        object_attributes={"mass": np.arange(LINES, dtype="f4") * 10},
        attributes={"along": [k + np.arange(ROWS, dtype="f4") / 100 for k in range(LINES)]},
    )
    build_pyramid(path, [(2, 1)])
    return path


@pytest.fixture
def viewer():
    window = Window(ndisplay=3, size=(500, 420))
    yield window.viewer
    window.close()


def rows_of(layer):
    """Height of the line of each resident row, and its value."""
    pool = layer.pool
    found = []
    for node in list(pool.resident):
        corners = pool.corners
        height = pool.chunk(node).positions[::corners, 0] + layer.origin[0]
        found.append(np.stack([np.round((height - 1) / 3), pool.values(node)[::corners]], axis=1))
    return np.concatenate(found)


def lines_shown(layer):
    rows = rows_of(layer)
    return set(rows[rows[:, 1] < HIDDEN_VALUE / 2, 0].astype(int).tolist())


def test_filters_change_what_is_shown_and_never_what_is_loaded(viewer, settle, tracts):
    (layer,) = open_layer(viewer, tracts, color_by="along")
    settle(layer)
    assert lines_shown(layer) == set(range(LINES))
    before = layer.lod.status.shown_vertices
    for level in (0, 1):
        layer.lod.level = level
        for name, value, wanted in (
            ("groups", ["few"], {3, 5}),
            ("object_ids", [7, 1, 2], {1, 2, 7}),
            ("where", {"mass": (">=", 250)}, set(range(25, LINES))),
            ("where", {"along": ("<", 4)}, set(range(4))),
            ("where", {"or": [{"mass": (">", 275)}, {"along": ("<", 1)}]}, {0, 28, 29}),
        ):
            setattr(layer.filter, name, value)
            assert not layer.lod.status.complete, "a filter makes the view incomplete at once"
            settle(layer)
            assert lines_shown(layer) == wanted, (level, name, value)
            setattr(layer.filter, name, None)
            settle(layer)
            assert lines_shown(layer) == set(range(LINES))
    layer.lod.level = None
    settle(layer)
    assert layer.lod.status.shown_vertices == before


def test_a_share_of_the_objects_is_whole_objects_and_the_same_ones(viewer, settle, tracts):
    (layer,) = open_layer(viewer, tracts, share=0.5)
    settle(layer)
    half = lines_shown(layer)
    assert 5 < len(half) < 25
    layer.lod.level = 1
    settle(layer)
    assert lines_shown(layer) == half
    layer.filter.share = 0.2
    settle(layer)
    assert lines_shown(layer) < half


def test_objects_colour_their_vertices_on_every_level(viewer, settle, tracts):
    (layer,) = open_layer(viewer, tracts, color_by="mass")
    settle(layer)
    assert layer.value_info.kind == "scalar"
    for level in (0, 1):
        layer.lod.level = level
        settle(layer)
        rows = rows_of(layer)
        assert np.allclose(rows[:, 1], 10 * rows[:, 0])
    layer.style.color_by = "group"
    settle(layer)
    assert engine_of(layer).colors.words == ("even", "few")
    rows = rows_of(layer)
    line = rows[:, 0].astype(int)
    wanted = np.where(line % 2 == 0, 0, np.where(np.isin(line, GROUPS["few"]), 1, np.float32(MISSING_VALUE)))
    assert np.array_equal(rows[:, 1], wanted)
    layer.style.color_by = "object"
    settle(layer)
    rows = rows_of(layer)
    assert np.array_equal(rows[:, 0], rows[:, 1])
    layer.style.color_by = "direction"
    settle(layer)
    assert layer.value_info.kind == "direction"


def test_attributes_of_groups_colour_their_objects_on_every_level(viewer, settle, tracts):
    (layer,) = open_layer(viewer, tracts, color_by="score", legend=True)
    for level in (0, 1):
        layer.lod.level = level
        layer.style.color_by = "score"
        settle(layer)
        rows = rows_of(layer)
        number, found = rows[:, 0].astype(int), rows[:, 1]
        assert (found[number % 2 == 0] == 2.5).all()
        assert (found[np.isin(number, GROUPS["few"])] == 7.5).all()
        assert (found[(number % 2 == 1) & ~np.isin(number, GROUPS["few"])] < -1e38).all(), "missing"
        assert (layer.value_info.kind, layer.value_info.name) == ("scalar", "score")
        layer.style.color_by = "side"
        settle(layer)
        number, found = rows_of(layer).T
        assert layer.value_info.words == ("left", "right")
        assert np.array_equal(
            found, np.where(number % 2 == 0, 0, np.where(np.isin(number, GROUPS["few"]), 1, np.float32(MISSING_VALUE)))
        )
    assert "score" in engine_of(layer).colors.choices


def test_a_filter_that_names_what_is_not_there_is_told_and_shows_what_was_shown(viewer, settle, tracts):
    (layer,) = open_layer(viewer, tracts, groups=["few"])
    settle(layer)
    with notification_manager:
        layer.filter.where = {"weight": (">", 1)}
        settle(layer)
        assert "no attribute 'weight'" in notification_manager.records[-1].message
    assert lines_shown(layer) == {3, 5}
    with pytest.raises(ArgumentError, match="colour by"):
        open_layer(viewer, tracts, color_by="weight")


def test_a_duplicate_shows_the_same(viewer, settle, tracts):
    (layer,) = open_layer(viewer, tracts, groups=["few"])
    settle(layer)
    other = type(layer).from_state(layer.data, **layer._get_state())
    assert other.filter.groups == ("few",)


@pytest.mark.parametrize(
    ("kind", "layer_type"), [("points", StreamingPoints), ("graph", StreamingLines), ("mesh", StreamingSurface)]
)
def test_objects_are_filtered_and_coloured_in_every_kind(viewer, settle, tmp_path, kind, layer_type):
    rng = np.random.default_rng(0)
    positions = rng.uniform(0, 90, (300, 3))
    owner = np.repeat(np.arange(10), 30)
    attributes = {"mass": np.arange(10.0)}
    path = tmp_path / "s.zv"
    if kind == "points":
        write_points(path, positions, chunk_shape=30, object_ids=owner, object_attributes=attributes)
    elif kind == "graph":
        edges = np.stack([np.arange(1, 300), np.arange(299)], axis=1)
        edges = edges[owner[edges[:, 0]] == owner[edges[:, 1]]]
        write_graph(path, positions, edges, chunk_shape=30, object_ids=owner, object_attributes=attributes)
    else:
        faces = [np.array([[k, k + 1, k + 2] for k in range(28)])] * 10
        write_mesh(
            path, [positions[owner == k] for k in range(10)], faces, chunk_shape=30, object_attributes=attributes
        )
    (layer,) = open_layer(viewer, path, color_by="mass", where={"mass": ("between", (2, 4))})
    settle(layer)
    assert isinstance(layer, layer_type)
    corners = layer.pool.corners
    values = np.concatenate([layer.pool.values(node)[::corners] for node in list(layer.pool.resident)])
    assert set(values[values < HIDDEN_VALUE / 2].tolist()) == {2, 3, 4}
    assert (values > HIDDEN_VALUE / 2).any()


def test_detail_goes_to_what_is_inside_a_box(viewer, tmp_path, settle):
    path = tmp_path / "cloud.zarrvectors"
    positions = np.random.default_rng(0).uniform(0, 100, (20_000, 3))
    write_points(path, positions, chunk_shape=25, bin_shape=5, attributes={"height": positions[:, 0].astype("f4")})
    build_pyramid(path, [(2, 1), (2, 1)])
    (layer,) = open_layer(viewer, path, color_by="height", budget=1000, box=((0, 0, 0), (24, 24, 24)))
    viewer.reset_view()
    settle(layer)
    assert layer.lod.status.levels == {0}
    inside = (positions <= 24).all(axis=1)
    assert limits_in_view(layer) == pytest.approx(np.percentile(positions[inside, 0], (1, 99)), abs=1.1)  # whole chunks
    layer.filter.box = None
    assert not layer.lod.status.complete
    settle(layer)
    assert max(layer.lod.status.levels) > 0
    camera = viewer.scene.camera
    camera.zoom *= 4
    actions_of(layer).box_to_view()
    lo, hi = np.array(layer.filter.box)
    assert (layer.bounds[0] <= lo).all()
    assert (hi <= layer.bounds[1]).all()
    assert np.prod(hi - lo) < 0.3 * np.prod(layer.bounds[1] - layer.bounds[0])
    settle(layer)
    actions_of(layer).limits_to_view()
    low, high = layer.style.contrast_limits
    assert layer.bounds[0][0] <= low < high <= layer.bounds[1][0]


def drawn_sizes(layer):
    return np.concatenate([chunk.sizes for chunk, _, _, _ in layer.pool.drawn()])


def test_points_are_sized_by_vertices_or_objects_on_every_level(viewer, tmp_path, settle):
    path = tmp_path / "cloud.zarrvectors"
    positions = np.random.default_rng(0).uniform(0, 100, (5000, 3))
    mass = np.where(np.arange(5000) % 10 == 0, np.nan, np.arange(5000) % 10 - 1.0).astype("f4")
    write_points(
        path,
        positions,
        chunk_shape=50,
        bin_shape=10,
        attributes={"mass": mass},
        object_ids=np.arange(5000) // 1000,
        object_attributes={"length": np.array([1, 2, 3, 4, 5], "f4")},
    )
    build_pyramid(path, [(2, 1)])
    (layer,) = open_layer(viewer, path, color_by="mass", size_by="mass")
    layer.lod.level = 0
    settle(layer)
    assert set(drawn_sizes(layer)) == {0, 1, 2, 3, 4, 5, 6, 7, 8}  # no number and below 0: 0
    layer.style.size_by = "length"
    assert not layer.lod.status.complete
    settle(layer)
    assert set(drawn_sizes(layer)) == {1, 2, 3, 4, 5}
    layer.lod.level = 1
    settle(layer)
    assert set(drawn_sizes(layer)) == {1, 2, 3, 4, 5}  # their representatives are of one object each
    told = len(notification_manager.records)
    layer.style.size_by = "nothing"
    settle(layer)
    assert "no number named 'nothing' to size by; it has mass, length" in notification_manager.records[told].message
    assert layer.style.size_by == "length"
    before = layer.value_info
    layer.style.size_by = None
    assert layer.lod.status.complete  # nothing is read for that
    layer.style.size_by = "length"
    assert layer.lod.status.complete
    assert layer.value_info == before
