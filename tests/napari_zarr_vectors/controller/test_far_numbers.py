"""Numbers that lie far from 0 and near together have colours of their own, though float32 does not tell them apart."""

from __future__ import annotations

import numpy as np
import pytest

from napari_zarr_vectors._controller import engine_of, extract, open_layer
from napari_zarr_vectors._controller._numbers import limits_of, offset_of, own_number
from napari_zarr_vectors._controller._prepare import prepare, prepare_colors
from napari_zarr_vectors._controller._views import limits_in_view
from napari_zarr_vectors._layers._colored import colors_of, drawn_limits
from napari_zarr_vectors._layers._legend import legend_of
from napari_zarr_vectors._layers._lut import colormap_lut
from napari_zarr_vectors._layers._napari import visual_of
from napari_zarr_vectors._model import DisplayStyle
from napari_zarr_vectors._stream import Coloring, color_values
from zarr_vectors.lazy import open_zv
from zarr_vectors.multiresolution.coarsen import build_pyramid
from zarr_vectors.types.meshes import write_mesh
from zarr_vectors.types.points import write_points
from zarr_vectors.types.polylines import write_polylines

SIDE = 12
COUNT = SIDE * SIDE
NUMBER = np.arange(COUNT)
FAR = {
    "time": 1e9 + 0.01 * NUMBER,
    "after 2**53": 2**53 + NUMBER,
    "after 2**63": np.uint64(2**63) + NUMBER.astype(np.uint64),
    "before -2**60": -(2**60) - 1 - NUMBER[::-1],
    "int32": np.int32(2_000_000_000) + NUMBER.astype(np.int32),
    "near 1": 1 + 1e-12 * NUMBER,
}
PLACES = np.stack([np.full(COUNT, 50), 10 + 7 * (NUMBER // SIDE), 10 + 7 * (NUMBER % SIDE)], axis=1).astype(float)
CORNERS = NUMBER.reshape(SIDE, SIDE)
FACES = np.stack([CORNERS[:-1, :-1], CORNERS[:-1, 1:], CORNERS[1:, :-1]], axis=-1).reshape(-1, 3)
FACES = np.concatenate([FACES, FACES + np.array([1, SIDE, 0])])
far = pytest.mark.parametrize("values", FAR.values(), ids=FAR)


def exact(values):
    """The numbers as Python has them, and so without rounding."""
    return values.tolist()


def write_as(path, kind, values):
    """Write values as those of points, of objects, or of groups; all levels have them."""
    objects = {"object_ids": NUMBER}
    if kind == "vertices":
        objects = {"attributes": {"a": values}}
    elif kind == "objects":
        objects["object_attributes"] = {"a": values}
    else:
        objects |= {"groups": {str(i): [i] for i in range(COUNT)}, "group_attributes": {"a": values}}
    write_points(path, PLACES, chunk_shape=50, bin_shape=10, **objects)
    return path


@far
@pytest.mark.parametrize("kind", ["vertices", "objects", "groups"])
def test_numbers_far_from_0_stay_apart_and_limits_are_their_own(tmp_path, values, kind):
    with open_zv(write_as(tmp_path / "s.zv", kind, values)) as store:
        for colors in (prepare_colors(store, "a"), prepare(store, "a").colors):
            coloring, info = colors.coloring, colors.info
            made = color_values(coloring, values) if coloring.objects is None else coloring.objects.of(NUMBER)[:-1]
            assert (np.diff(made) > 0).all()
            low, high = info.limits
            span = exact(values)[-1] - exact(values)[0]
            assert abs((low - exact(values)[0]) / span) < 0.02
            assert abs((high - exact(values)[-1]) / span) < 0.02
            least, most = drawn_limits(info, DisplayStyle())
            shares = (made.astype(float) - least) / (most - least)
            np.testing.assert_allclose(shares, np.linspace(shares[0], shares[-1], COUNT), atol=0.002)


@pytest.mark.parametrize(
    "values",
    [
        np.linspace(0, 1, 50),
        np.linspace(4031, 5688, 50),
        np.linspace(1000, 1001, 50),
        np.linspace(1e9, 1e9 + 640, 50, dtype=np.float32),
        np.arange(256, dtype=np.uint8),
        np.arange(60_000, 60_010, dtype=np.uint16),
        np.arange(-50, 70_000),
        np.array([0, 2**63], np.uint64),
        np.full(9, 5.0),
        np.array([np.nan, np.inf]),
        np.array([True, False]),
        np.empty(0),
    ],
)
def test_ordinary_numbers_lose_nothing(values):
    assert offset_of(values) == 0
    numbers = color_values(Coloring(kind="scalar"), values)
    finite = numbers[np.abs(numbers) < 1e30]
    low, high = limits_of(numbers, 0.0)
    if len(finite) and len(set(finite.tolist())) > 1:
        assert (low, high) == tuple(np.percentile(finite, (0.5, 99.5)).astype(float))
    else:
        assert (low, high) == ((5, 6) if len(finite) else (0, 1))


def test_what_lies_far_from_the_others_lies_beyond_their_colours():
    values = np.uint64(2**63) + NUMBER.astype(np.uint64)
    values[0], values[1] = 0, 2**64 - 1
    coloring = Coloring(kind="scalar", offset=offset_of(values))
    made = color_values(coloring, values)
    assert made[0] < made[2:].min() - 1e18
    assert made[1] > made[2:].max() + 1e18
    times = np.array([np.nan, -np.inf, 1e9, 1e9 + 1e-3, np.inf, -1.0])
    made = color_values(Coloring(kind="scalar", offset=1e9), times)
    assert made[0] < -1e38
    assert (np.diff(made[1:5]) > 0).all()
    least = np.iinfo(np.int64).min + NUMBER
    assert (np.diff(color_values(Coloring(kind="scalar", offset=offset_of(least)), least)) == 1).all()


def test_means_of_whole_numbers_lose_the_same_as_these():
    whole = 2**53 + 64 * NUMBER
    coloring = Coloring(kind="scalar", offset=offset_of(whole))
    assert np.array_equal(color_values(coloring, whole), color_values(coloring, whole.astype(float)))
    assert own_number(float(color_values(coloring, whole)[5]), coloring.offset) == 2**53 + 320


def test_numbers_that_are_all_one_have_limits_that_differ():
    for values in (np.full(9, 2**63 + 5, np.uint64), np.full(9, 1e17), np.full(9, -3e300)):
        low, high = limits_of(np.zeros(9, np.float32), offset_of(values))
        assert low < high


def shown_colors(window, layer, places):
    """The colour of each place on the canvas, (n, 3)."""
    node = visual_of(window.viewer, layer).node
    xyz = np.zeros((len(places), 4))
    xyz[:, :2], xyz[:, 3] = places[:, :0:-1], 1
    mapped = node.transforms.get_transform("visual", "canvas").map(xyz)
    at = np.round(mapped[:, :2] / mapped[:, 3:] - 0.5).astype(int)
    picture = window.viewer.screenshot(canvas_only=True, flash=False)[..., :3]
    return picture[at[:, 1], at[:, 0]].astype(int)


def look(window, layer, settle):
    window.viewer.dims.ndisplay = 2
    window.viewer.reset_view()
    settle(layer)


@pytest.mark.gui
@far
def test_each_number_has_its_colour_on_the_canvas(tmp_path, window, settle, values):
    write_as(tmp_path / "s.zv", "vertices", values)
    (layer,) = open_layer(window.viewer, tmp_path / "s.zv", size=7, shading="flat")
    look(window, layer, settle)
    low, high = layer.value_info.limits
    lut = colormap_lut("viridis")[:, :3].astype(int)

    def expected(low, high):
        shares = np.array([(number - low) / (high - low) for number in exact(values)])
        return lut[np.round(np.clip(shares, 0, 1) * 255).astype(int)]

    assert np.abs(shown_colors(window, layer, PLACES) - expected(low, high)).max() <= 6
    made = colors_of(color_values(engine_of(layer).colors.coloring, values), COUNT, layer.value_info, layer.style)
    assert np.abs(np.round(made[:, :3] * 255) - expected(low, high)).max() <= 1
    # Limits are set in the attribute's own numbers, and nothing is read anew for them.
    epoch = engine_of(layer)._recolouring.epoch
    middle = exact(values)[COUNT // 2]
    layer.style.contrast_limits = (middle, exact(values)[-1])
    assert layer.style.contrast_limits == (middle, exact(values)[-1])
    assert np.abs(shown_colors(window, layer, PLACES) - expected(middle, exact(values)[-1])).max() <= 6
    assert engine_of(layer)._recolouring.epoch == epoch
    low, high = limits_in_view(layer)
    assert exact(values)[0] <= low <= exact(values)[3]
    assert exact(values)[-4] <= high <= exact(values)[-1]


@far
def test_what_stands_beside_a_bar_differs(tmp_path, values):
    with open_zv(write_as(tmp_path / "s.zv", "vertices", values)) as store:
        info = prepare_colors(store, "a").info
    texts = [text for _, text in legend_of(DisplayStyle(color_by="a"), info, colormap_lut("gray"), ()).labels]
    assert len(set(texts)) == len(texts) > 3
    numbers = [int(text) if values.dtype.kind in "iu" and "." not in text else float(text) for text in texts]
    assert numbers == sorted(numbers)
    assert exact(values)[0] <= numbers[0]
    assert numbers[-1] <= exact(values)[-1]


@pytest.mark.gui
@pytest.mark.parametrize("kind", ["lines", "surface"])
def test_lines_and_surfaces_have_the_colours_of_what_is_less_far(tmp_path, window, settle, kind):
    pictures = []
    for name, values in (("near", NUMBER.astype(float)), ("far", 1e12 + 1e-3 * NUMBER)):
        path = tmp_path / f"{name}.zv"
        options = {"chunk_shape": 25.0, "bin_shape": 12.5}
        if kind == "lines":
            lines = list(PLACES.reshape(SIDE, SIDE, 3))
            write_polylines(path, lines, attributes={"a": list(values.reshape(SIDE, SIDE))}, **options)
        else:
            write_mesh(path, PLACES, FACES, attributes={"a": values}, **options)
        build_pyramid(path, [(2, 1)])
        for level in (0, 1):
            shading = "flat" if kind == "lines" else "soft"
            (layer,) = open_layer(window.viewer, path, size=5, shading=shading, level=level)
            look(window, layer, settle)
            pictures.append(window.viewer.screenshot(canvas_only=True, flash=False)[..., :3].astype(int))
            window.viewer.layers.clear()
    for near, distant in zip(pictures[:2], pictures[2:], strict=True):
        assert np.ptp(near[..., 0]) > 100
        assert np.abs(near - distant).max() <= 8


@pytest.mark.gui
def test_a_surface_that_is_extracted_has_the_colours_that_it_had(tmp_path, window, settle):
    write_mesh(tmp_path / "s.zv", PLACES, FACES, chunk_shape=25.0, attributes={"a": FAR["time"]})
    (layer,) = open_layer(window.viewer, tmp_path / "s.zv", color_by="a")
    settle(layer)
    (surface,) = extract(layer, "all")
    colors = {
        tuple(place): color for place, color in zip(surface.vertices.tolist(), surface.vertex_colors, strict=True)
    }
    found = np.array([colors[tuple(place)] for place in PLACES.tolist()])
    lut = colormap_lut("viridis")
    assert np.abs(255 * found - lut[np.round(255 * np.linspace(0, 1, COUNT)).astype(int)]).max() <= 5
