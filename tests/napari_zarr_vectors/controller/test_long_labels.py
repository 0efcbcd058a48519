"""Labels of more digits than float32 has: each has the colour of its remainder, and no two become one by rounding."""

from __future__ import annotations

import numpy as np
import pytest

from napari_zarr_vectors._controller import engine_of, open_layer
from napari_zarr_vectors._controller._few import FewReader
from napari_zarr_vectors._controller._prepare import prepare, prepare_colors
from napari_zarr_vectors._controller._views import limits_in_view
from napari_zarr_vectors._layers import snapshot
from napari_zarr_vectors._layers._colored import colors_of, drawn_info
from napari_zarr_vectors._layers._legend import legend_of
from napari_zarr_vectors._layers._lut import DISTINCT, category_lut, colormap_lut
from napari_zarr_vectors._layers._napari import visual_of
from napari_zarr_vectors._model import DisplayStyle
from napari_zarr_vectors._stream import Coloring, color_values
from zarr_vectors.lazy import open_zv
from zarr_vectors.multiresolution.coarsen import build_pyramid
from zarr_vectors.types.points import write_points
from zarr_vectors.types.polylines import write_polylines

SIDE = 8
COUNT = SIDE * SIDE
NUMBER = np.arange(COUNT)
PLACES = np.stack([np.full(COUNT, 50), 10 + 10 * (NUMBER // SIDE), 10 + 10 * (NUMBER % SIDE)], axis=1).astype(float)
WIDE = {
    "spread": np.random.default_rng(0).integers(0, 2**64, COUNT, dtype=np.uint64),
    "signed": np.random.default_rng(1).integers(-(2**63), 2**63, COUNT),
    "int32": np.random.default_rng(2).integers(-(2**31), 2**31, COUNT, dtype=np.int32),
    "where shaders round": np.concatenate([2**23 + NUMBER[:-1], [0]]),
}
NARROW = {
    "after 2**53": 2**53 + NUMBER,
    "after 2**63": np.uint64(2**63) + NUMBER.astype(np.uint64),
    "small": NUMBER - 5,
}
LABELS = DisplayStyle(color_by="a", color_mode="cycle")
wide = pytest.mark.parametrize("ids", WIDE.values(), ids=WIDE)


def write(path, ids, kind="vertices"):
    given = {"attributes": {"a": ids}} if kind == "vertices" else {"object_attributes": {"a": ids}}
    write_points(path, PLACES, chunk_shape=50, bin_shape=10, object_ids=NUMBER, **given)
    return path


def expected(ids):
    return category_lut(DISTINCT)[[label % DISTINCT for label in ids.tolist()], :3].astype(int)


def values_of(coloring, ids):
    return color_values(coloring, ids) if coloring.objects is None else coloring.objects.of(NUMBER)[:-1]


@pytest.mark.parametrize("ids", [*WIDE.values(), *NARROW.values()], ids=[*WIDE, *NARROW])
@pytest.mark.parametrize("kind", ["vertices", "objects"])
def test_each_label_has_the_colour_of_its_remainder(tmp_path, ids, kind):
    with open_zv(write(tmp_path / "s.zv", ids, kind)) as store:
        for colors in (prepare_colors(store, "a", as_labels=True), prepare(store, "a", as_labels=True).colors):
            found = colors_of(values_of(colors.coloring, ids), COUNT, colors.info, LABELS)
            assert np.array_equal(np.round(255 * found[:, :3]).astype(int), expected(ids))
            assert colors.info.labels == tuple(sorted(ids.tolist()))
            legend = legend_of(LABELS, drawn_info(colors.info, LABELS), category_lut(DISTINCT), ())
            assert [text for _, text in legend.labels] == [str(n) for n in sorted(ids.tolist())[:20]]
            swatches = np.frombuffer(legend.colors, np.uint8).reshape(-1, 4)[:, :3]
            assert np.array_equal(swatches, expected(np.sort(ids)[:20]))
        numbers = prepare_colors(store, "a")
        assert numbers.coloring.kind == "scalar", "numbers are amounts until they are said to be labels"


def test_means_of_labels_have_the_colour_of_the_nearest_and_what_is_none_has_none():
    coloring = Coloring(kind="label", cycle=DISTINCT)
    found = color_values(coloring, np.array([2.0**40 + 3.4, -1.0, np.nan, np.inf]))
    assert found[:2].tolist() == [3, 63]
    assert (found[2:] < -1e38).all()


def shown_colors(window, layer):
    node = visual_of(window.viewer, layer).node
    xyz = np.zeros((COUNT, 4))
    xyz[:, :2], xyz[:, 3] = PLACES[:, :0:-1], 1
    mapped = node.transforms.get_transform("visual", "canvas").map(xyz)
    at = np.round(mapped[:, :2] / mapped[:, 3:] - 0.5).astype(int)
    return window.viewer.screenshot(canvas_only=True, flash=False)[at[:, 1], at[:, 0], :3].astype(int)


def look(window, layer, settle):
    window.viewer.dims.ndisplay = 2
    window.viewer.reset_view()
    settle(layer)


def is_new(layer, epoch):
    recolouring = engine_of(layer)._recolouring
    return recolouring.shown > epoch and not recolouring.busy


@pytest.mark.gui
@wide
@pytest.mark.parametrize("kind", ["vertices", "objects"])
def test_long_labels_are_read_when_numbers_become_labels(tmp_path, window, qtbot, settle, ids, kind):
    write(tmp_path / "s.zv", ids, kind)
    (layer,) = open_layer(window.viewer, tmp_path / "s.zv", color_by="a", size=7, shading="flat", color_mode="cycle")
    look(window, layer, settle)
    assert np.abs(shown_colors(window, layer) - expected(ids)).max() <= 1, "as it was opened"
    assert limits_in_view(layer) is None, "these are no amounts"
    layer.style.color_mode = "colormap"
    qtbot.waitUntil(lambda: is_new(layer, 0))
    low, high = layer.value_info.limits
    shares = np.array([(number - low) / (high - low) for number in ids.tolist()]).clip(0, 1)
    ramp = colormap_lut("viridis")[np.round(255 * shares).astype(int), :3].astype(int)
    assert np.abs(shown_colors(window, layer) - ramp).max() <= 6
    before = shown_colors(window, layer)
    layer.style.color_mode = "cycle"
    assert np.array_equal(shown_colors(window, layer), before), "until the labels are there"
    qtbot.waitUntil(lambda: is_new(layer, 1))
    assert np.abs(shown_colors(window, layer) - expected(ids)).max() <= 1
    layer.style.gamma, layer.style.size = 2, 6
    window.process(0.1)
    assert is_new(layer, 1)
    assert engine_of(layer)._recolouring.epoch == 2, "nothing is read but for another meaning"


@pytest.mark.gui
def test_a_mode_that_changes_meanwhile_is_the_one_that_is_shown(tmp_path, window, qtbot, settle):
    write(tmp_path / "s.zv", WIDE["spread"])
    (layer,) = open_layer(window.viewer, tmp_path / "s.zv", color_by="a", size=7, shading="flat")
    layer.style.color_mode = "cycle"  # the store is still looked at
    look(window, layer, settle)
    qtbot.waitUntil(lambda: np.abs(shown_colors(window, layer) - expected(WIDE["spread"])).max() <= 1)
    layer.style.color_mode = "colormap"
    layer.style.color_mode = "cycle"
    qtbot.waitUntil(lambda: is_new(layer, 1) or not engine_of(layer)._recolouring.busy)
    settle(layer)
    assert np.abs(shown_colors(window, layer) - expected(WIDE["spread"])).max() <= 1


@pytest.mark.gui
@pytest.mark.parametrize("ids", NARROW.values(), ids=NARROW)
def test_labels_near_together_need_nothing_new(tmp_path, window, settle, ids):
    write(tmp_path / "s.zv", ids)
    (layer,) = open_layer(window.viewer, tmp_path / "s.zv", color_by="a", size=7, shading="flat")
    look(window, layer, settle)
    layer.style.color_mode = "cycle"
    assert np.abs(shown_colors(window, layer) - expected(ids)).max() <= 1
    assert engine_of(layer)._recolouring.epoch == 0


@pytest.mark.gui
def test_where_a_line_is_cut_it_has_the_label_of_the_nearer_end(tmp_path, window, settle):
    ids = WIDE["spread"][:2]
    ends = np.array([[50, 30, 10], [50, 60, 90]], float)
    write_polylines(tmp_path / "l.zv", [ends], chunk_shape=20.0, attributes={"a": [ids]})
    build_pyramid(tmp_path / "l.zv", [(2, 1)])
    (layer,) = open_layer(window.viewer, tmp_path / "l.zv", color_by="a", size=5, shading="flat", color_mode="cycle")
    look(window, layer, settle)
    picture = window.viewer.screenshot(canvas_only=True, flash=False)[..., :3].reshape(-1, 3).astype(int)
    is_one = [np.abs(picture - color).max(axis=1) <= 1 for color in expected(ids)]
    lit = picture.max(axis=1) > 40
    assert all(one.sum() > 100 for one in is_one)
    assert (lit & ~is_one[0] & ~is_one[1]).sum() <= 0.05 * lit.sum()


@pytest.mark.gui
def test_an_ordinary_layer_has_the_same_colours(tmp_path, window, settle):
    ids = WIDE["spread"]
    write(tmp_path / "s.zv", ids)
    (layer,) = open_layer(window.viewer, tmp_path / "s.zv", color_by=None)
    look(window, layer, settle)
    with open_zv(tmp_path / "s.zv") as store:
        reader = FewReader(store, most=1000, color_by="a", as_labels=True)
        points = reader.read(snapshot(window.viewer, layer), lambda: True)
    found = colors_of(points.values, len(points.positions), points.info, LABELS)
    color = {tuple(place): rgb for place, rgb in zip(PLACES.tolist(), expected(ids).tolist(), strict=True)}
    assert len(points.positions) == COUNT
    assert np.round(255 * found[:, :3]).astype(int).tolist() == [color[tuple(p)] for p in points.positions.tolist()]
