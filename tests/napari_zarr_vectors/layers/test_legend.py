"""What a legend says, and that it is on the canvas and in pictures of it."""

import numpy as np
import pytest
from qtpy.QtWidgets import QApplication

from napari_zarr_vectors._layers import ValueInfo
from napari_zarr_vectors._layers._legend import MOST_ROWS, direction_order, drawing_of, legend_of, ticks
from napari_zarr_vectors._layers._lut import category_lut, colormap_lut
from napari_zarr_vectors._model import DisplayStyle

NEAR = 6
INK = np.array([255, 255, 255, 255], np.uint8)
SCALAR = ValueInfo("scalar", (0.0, 10.0), name="mass", unit="ng")


def words(count):
    return ValueInfo("category", categories=count + 1, name="kind", words=tuple(f"w{i}" for i in range(count)))


def texts(legend, most_px=1000):
    return drawing_of(legend, 16, INK, most_px).texts


def test_labels_that_are_known_have_a_row_each():
    style, lut = DisplayStyle(color_by="region", color_mode="cycle"), category_lut(64)
    labels = (-1, *range(3, 69))
    few = legend_of(style, ValueInfo("scalar", (-1.0, 68.0), name="region", labels=labels), lut, ())
    assert few.labels[:3] == ((0, "-1"), (1, "3"), (2, "4"))
    assert (len(few.labels), few.total, few.is_bar) == (MOST_ROWS, 67, False)
    assert few.colors == lut[np.array(labels[:MOST_ROWS]) % 64].tobytes()
    assert legend_of(style, ValueInfo("scalar", (-1.0, 65.0), name="region"), lut, ()).is_bar


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 1, ["0", "0.2", "0.4", "0.6", "0.8", "1"]),
        (4031, 5688, ["4031", "4500", "5000", "5500", "5688"]),
        (-1, 1, ["-1", "-0.5", "0", "0.5", "1"]),
        (1e6, 1e6 + 1, ["1000000", "1000000.2", "1000000.4", "1000000.6", "1000000.8", "1000001"]),
        (1e-9, 3e-9, ["1e-09", "1.5e-09", "2e-09", "2.5e-09", "3e-09"]),
        (5, 5, ["5", "5"]),
    ],
)
def test_a_bar_says_its_limits_and_round_numbers(low, high, expected):
    found = ticks(low, high)
    assert [text for _, text in found] == expected
    places = [at for at, _ in found]
    assert places == sorted(places)
    assert (places[0], places[-1]) == (0, 1)


def test_a_bar_has_the_colours_that_values_have():
    style = DisplayStyle(color_by="mass", gamma=2.0)
    legend = legend_of(style, SCALAR, colormap_lut("viridis"), ())
    assert legend.title == "mass (ng)"
    colors = np.frombuffer(legend.colors, np.uint8).reshape(-1, 4)
    middle = colors[len(colors) // 2]
    assert np.abs(middle.astype(int) - colormap_lut("viridis")[round(0.5**2 * 255)]).max() <= 3


def test_the_limits_of_the_style_come_first():
    legend = legend_of(DisplayStyle(color_by="mass", contrast_limits=(2, 4)), SCALAR, colormap_lut("gray"), ())
    assert (legend.labels[0][1], legend.labels[-1][1]) == ("2", "4")


def test_numbers_stand_apart_and_a_bar_fits_where_there_is_little_room():
    legend = legend_of(DisplayStyle(color_by="mass", contrast_limits=(0, 1.01)), SCALAR, colormap_lut("gray"), ())
    assert texts(legend)[1:] == ("0", "0.5", "1.01")  # no room for 1
    low = drawing_of(legend, 16, INK, 90)
    assert low.at[1] + len(low.picture) <= 90
    assert np.diff(np.sort(low.places[1:, 1])).min() >= 15


@pytest.mark.parametrize(("kind", "color_by"), [("none", "a"), ("rgb", "a"), ("scalar", None)])
def test_one_colour_and_stored_colours_have_no_legend(kind, color_by):
    assert legend_of(DisplayStyle(color_by=color_by), ValueInfo(kind), colormap_lut("gray"), ()) is None


def test_words_beyond_the_first_are_counted():
    few = legend_of(DisplayStyle(color_by="kind"), words(MOST_ROWS), category_lut(MOST_ROWS + 1), ())
    many = legend_of(DisplayStyle(color_by="kind"), words(57), category_lut(58), ())
    assert texts(few)[-1] == f"w{MOST_ROWS - 1}"
    assert texts(many)[-2:] == (f"w{MOST_ROWS - 1}", "and 37 more")
    assert texts(many, most_px=120)[1:] == ("w0", "w1", "w2", "w3", "w4", "and 52 more")
    assert texts(many, most_px=1)[1:] == ("w0", "and 56 more")


def test_words_are_one_line_each_and_never_empty():
    info = ValueInfo("category", categories=4, name="kind", words=("", "a\nb", "x" * 40))
    legend = legend_of(DisplayStyle(color_by="kind"), info, category_lut(4), ())
    assert texts(legend) == ("kind", "-", "a b", "x" * 27 + "…")


def test_words_have_the_colours_of_their_codes():
    legend = legend_of(DisplayStyle(color_by="kind"), words(3), category_lut(4), ())
    picture = drawing_of(legend, 16, INK, 1000).picture
    assert [tuple(picture[8 + 16 * k, 6]) for k in range(3)] == [tuple(c) for c in category_lut(4)[:3]]


def test_groups_that_are_hidden_are_not_in_the_legend():
    info = ValueInfo("category", categories=4, name="group", words=("a", "b", "c"))
    legend = legend_of(DisplayStyle(color_by="group"), info, category_lut(4), (), ["c", "a"])
    assert texts(legend) == ("group", "a", "c")
    assert legend.colors == category_lut(4)[[0, 2]].tobytes()
    assert legend.total == 2
    assert legend_of(DisplayStyle(color_by="group"), info, category_lut(4), (), []) is None
    other = legend_of(DisplayStyle(color_by="group"), info, category_lut(4), (), ["left"])
    assert texts(other) == ("group", "a", "b", "c"), "an attribute named group"
    kind = legend_of(DisplayStyle(color_by="kind"), words(3), category_lut(4), (), ["w1"])
    assert texts(kind) == ("kind", "w0", "w1", "w2")


def test_axes_are_named_in_their_colours():
    assert direction_order(("z", "y", "x")) == [2, 1, 0]
    assert direction_order(("a", "b", "c")) == [0, 1, 2]
    legend = legend_of(
        DisplayStyle(color_by="direction"), ValueInfo("direction", name="direction"), colormap_lut("gray"), "zyx"
    )
    assert [text for _, text in legend.labels] == ["z", "y", "x"]
    assert legend.colors == bytes([0, 0, 255, 255, 0, 255, 0, 255, 255, 0, 0, 255])


@pytest.fixture
def layer(stage):
    """A layer with a legend, and nothing else in the upper right corner."""
    layer = stage.add([[50, 50, 50]], values=np.array([5.0]))
    layer.style.color_by, layer.style.legend = "mass", True
    layer.value_info = SCALAR
    return layer


def in_corner(stage, color):
    """How many pixels of a colour are in the upper right corner."""
    picture = stage.picture()
    corner = picture[:300, picture.shape[1] // 2 :].astype(int)
    return int((np.abs(corner - np.asarray(color)[:3]).max(axis=2) <= NEAR).sum())


def test_it_is_on_the_canvas_and_follows(stage, layer):
    top = colormap_lut("viridis")[-1]
    assert in_corner(stage, top) >= 10
    layer.style.colormap = "magma"
    assert in_corner(stage, top) == 0
    assert in_corner(stage, colormap_lut("magma")[-1]) >= 10
    layer.style.gamma = 50.0  # all but the top is the lowest colour
    assert in_corner(stage, colormap_lut("magma")[0]) > 1000
    layer.value_info = words(3)
    assert in_corner(stage, category_lut(4)[2]) >= 80
    for hide, show in (
        (lambda: setattr(layer, "visible", False), lambda: setattr(layer, "visible", True)),
        (lambda: setattr(layer.style, "color_by", None), lambda: setattr(layer.style, "color_by", "kind")),
        (lambda: setattr(layer.style, "legend", False), lambda: setattr(layer.style, "legend", True)),
    ):
        hide()
        assert in_corner(stage, category_lut(4)[2]) == 0
        show()
        assert in_corner(stage, category_lut(4)[2]) >= 80


def test_it_can_be_read_on_any_background(stage, layer):
    layer.style.color = (0, 0, 0)
    for background in ("black", "white"):
        stage.viewer.canvas.background_color_override = background
        assert in_corner(stage, (255, 255, 255)) > 100
        assert in_corner(stage, (0, 0, 0)) > 100


def test_figures_have_it(stage, layer):
    figure = stage.viewer.export_figure(scale_factor=4, flash=False)[..., :3].astype(int)
    top = colormap_lut("viridis")[-1][:3]
    assert (np.abs(figure - top).max(axis=2) <= NEAR).sum() >= 10


def test_legends_of_layers_stand_side_by_side_and_go_with_them(stage, layer):
    other = stage.add([[20, 20, 50]], values=np.array([0.0]))
    other.style.color_by, other.style.legend = "kind", True
    other.value_info = words(3)
    assert in_corner(stage, colormap_lut("viridis")[-1]) >= 10
    assert in_corner(stage, category_lut(4)[2]) >= 80
    stage.viewer.layers.remove(layer)
    stage.layers.remove(layer)
    assert in_corner(stage, colormap_lut("viridis")[-1]) == 0
    assert in_corner(stage, category_lut(4)[2]) >= 80
    stage.viewer.canvas.grid.enabled = True
    QApplication.processEvents()
    stage.picture()  # lays the grid out
    assert in_corner(stage, category_lut(4)[2]) >= 80
