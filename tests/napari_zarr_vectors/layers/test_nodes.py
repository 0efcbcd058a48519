"""Vertices of lines as balls: at vertices only, as large as asked, and picked where they are seen."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_zarr_vectors._build import LinkedPart, Place, build_segments
from napari_zarr_vectors._build.chunk import NODE_STEP
from napari_zarr_vectors._layers import ValueInfo

PATH = np.array([[50, 20, 30], [50, 50, 40], [50, 80, 70]], dtype=float)
STEPS = [[0, 1], [1, 2]]
RED = (255, 0, 0)


@given(st.lists(st.tuples(*[st.floats(0, 0.999)] * 2), min_size=2, max_size=8), st.integers(1, 4))
def test_ends_of_pieces_are_marked_where_vertices_lie_and_nowhere_else(points, cells):
    positions = np.array(points) * 40
    links = np.stack([np.arange(len(points) - 1), np.arange(1, len(points))], axis=1)
    part = LinkedPart(positions, (0, len(points)), links, np.ones(len(links), bool))
    built = build_segments(part, Place([0, 0], [0, 0], [40 / cells] * 2, [[cells, cells]]))
    corners = built.positions[:, :2].reshape(-1, 4, 2)
    marks = (built.levels // NODE_STEP).astype(int).reshape(-1, 4)
    here, there = marks % 2 > 0, marks > 1
    known = {tuple(p) for p in positions.astype(np.float32).tolist()}
    for corner in range(4):
        where = [tuple(p) in known for p in corners[:, corner].tolist()]
        assert not (here[:, corner] & ~np.array(where, bool)).any()
    assert np.array_equal(here[:, 0], here[:, 1])
    assert np.array_equal(here[:, 2], here[:, 3])
    assert np.array_equal(there[:, :2], here[:, 2:])
    assert np.array_equal(there[:, 2:], here[:, :2])
    assert {tuple(p) for p in corners[:, ::2][here[:, ::2]].tolist()} == known


@pytest.fixture
def layer(stage):
    """A path of two steps, 4 px wide, with balls of 20 px, seen in 3-D."""
    layer = stage.add_linked(PATH, STEPS, objects=np.array([5, 5, 5]))
    layer.style.size, layer.style.node_size = 4, 20
    stage.viewer.dims.ndisplay = 3
    stage.viewer.reset_view()
    stage.viewer.scene.camera.angles = (0, 0, 90)
    return layer


def red(picture, at):
    return tuple(picture[int(at[1]), int(at[0])]) == RED


def around(at, radius):
    turn = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    return at + radius * np.stack([np.cos(turn), np.sin(turn)], axis=1)


@pytest.mark.gui
@pytest.mark.parametrize("perspective", [0.0, 45.0])
def test_each_vertex_is_a_ball_of_the_size_asked(stage, layer, perspective):
    stage.viewer.scene.camera.perspective = perspective
    picture = stage.picture()
    for at in stage.project(layer, PATH):
        assert all(red(picture, p) for p in around(at, 8.5))
    begin, end = stage.project(layer, PATH[:2])
    assert not all(red(picture, p) for p in around(begin, 11.5))
    middle = (begin + end) / 2
    assert red(picture, middle)
    assert sum(red(picture, p) for p in around(middle, 5)) <= 6
    layer.style.node_size = 0
    picture = stage.picture()
    assert sum(red(picture, p) for p in around(begin, 5)) <= 3


@pytest.mark.gui
def test_balls_follow_the_sizes_of_vertices_and_the_unit(stage):
    layer = stage.add_linked(PATH, STEPS, sizes=[1, 2, 1])
    layer.style.size, layer.style.node_size, layer.style.size_mode = 1, 4, "world"
    layer.style.size_by = "radius"
    layer.value_info = ValueInfo(size_by="radius")
    stage.viewer.dims.ndisplay = 3
    stage.viewer.reset_view()
    stage.viewer.scene.camera.angles = (0, 0, 90)
    zoom, picture = stage.viewer.scene.camera.zoom, stage.picture()
    for at, size in zip(stage.project(layer, PATH), (4, 8, 4), strict=True):
        assert all(red(picture, p) for p in around(at, size * zoom / 2 - 3))
        assert not all(red(picture, p) for p in around(at, size * zoom / 2 + 3))


@pytest.mark.gui
def test_where_the_slab_cuts_a_line_there_is_no_ball(stage):
    ends = np.array([[10, 20, 20], [90, 80, 80]], dtype=float)
    layer = stage.add_linked(ends, [[0, 1]])
    layer.style.size, layer.style.node_size, layer.style.slab_thickness = 4, 40, 1
    stage.viewer.reset_view()
    for depth, is_end in ((50, False), (10, True)):
        stage.viewer.dims.set_point(0, depth)
        (at,) = stage.project(layer, [[depth, *(20 + (depth - 10) * 0.75,) * 2]])
        lit = [red(stage.picture(), p) for p in around(at, 12)]
        assert all(lit) == is_end
        assert any(lit) == is_end


@pytest.mark.gui
def test_a_ball_is_picked_where_it_is_seen(stage, layer):
    stage.picture()
    (at,) = stage.project(layer, PATH[:1])
    across = stage.project(layer, [PATH[0] + [1, 0, 0]])[0] - at
    units = np.linalg.norm(across)  # px a unit
    beside = PATH[0] + [8.5 / units, 0, 0]
    assert layer.object_at(beside) == 5
    layer.style.node_size = 0
    stage.picture()
    assert layer.object_at(beside) is None


@pytest.mark.gui
@pytest.mark.parametrize("shading", ["flat", "round", "soft"])
def test_a_vertex_alone_and_a_line_seen_from_its_end_are_drawn(stage, shading):
    points = np.array([[20, 50, 30], [50, 20, 70], [50, 80, 70]], dtype=float)
    layer = stage.add_linked(points, [[0, 0], [1, 2]])
    layer.style.size, layer.style.shading = 9, shading
    stage.viewer.dims.ndisplay = 3
    stage.viewer.reset_view()
    stage.viewer.scene.camera.angles = (0, 0, 90)
    for nodes in (0, 20):
        layer.style.node_size = nodes
        picture = stage.picture()
        for at in stage.project(layer, points):
            assert picture[int(at[1]), int(at[0]), 0] > 200
            assert (picture[int(at[1]) + 6, int(at[0]), 0] > 150) == (nodes > 0)


@pytest.mark.gui
def test_a_vertex_alone_is_seen_where_direction_colours(stage):
    layer = stage.add_linked([[20, 50, 30]], [[0, 0]])
    layer.style.size, layer.style.color_by = 9, "direction"
    layer.value_info = ValueInfo("direction", name="direction")
    stage.viewer.dims.ndisplay = 3
    stage.viewer.reset_view()
    (at,) = stage.project(layer, [[20, 50, 30]])
    assert tuple(stage.picture()[int(at[1]), int(at[0])]) == (255, 255, 255)
