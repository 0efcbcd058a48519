"""The display panel and its models: both ways, without loops, and nothing left behind."""

from dataclasses import replace

import numpy as np
import pytest

from napari_zarr_vectors._model import DisplayStyle, LodControl, LodStatus

pytestmark = pytest.mark.gui

STATUS = LodStatus(1500, 20_000, frozenset({0, 2}), wanted=4, loading=2, failed=0, complete=False, generation=3)
RED = np.array([[255, 0, 0, 255]], np.uint8)


def facts(**changes):
    from napari_zarr_vectors._controller._panels import DisplayFacts

    plain = DisplayFacts(
        "cells",
        levels=((0, 20_000), (1, 2_500)),
        attributes=("height", "part"),
        kind="scalar",
        limits=(0.0, 10.0),
        slab=5.0,
    )
    return replace(plain, **changes)


@pytest.fixture
def bench(qtbot):
    """A panel on two plain models."""
    from napari_zarr_vectors._qt import DisplayPanel

    ramp = np.stack([np.arange(256)] * 4, axis=1).astype(np.uint8)
    panel = DisplayPanel({"gray": ramp, "viridis": ramp, "fire": ramp})
    qtbot.addWidget(panel)
    style, lod = DisplayStyle(color_by="height"), LodControl()
    lod.set_status_provider(lambda: STATUS)
    panel.bind(style, lod, facts())
    yield panel, style, lod
    panel.unbind()


def listen(model):
    seen = []
    model.events.connect(lambda info: seen.append((info.signal.name, info.args[0])))
    return seen


def choose(combo, text):
    """As a person does: the item becomes current, then it is activated."""
    at = combo.findText(text)
    assert at >= 0
    combo.setCurrentIndex(at)
    combo.activated.emit(at)


@pytest.mark.parametrize(
    ("act", "name", "value"),
    [
        (lambda p: p.points.size.setValue(7.5), "size", 7.5),
        (lambda p: choose(p.points.size_mode, "data units"), "size_mode", "world"),
        (lambda p: choose(p.points.shading, "soft discs"), "shading", "soft"),
        (lambda p: p.points.adaptive.click(), "adaptive_size", False),
        (lambda p: p.points.dome.click(), "eye_dome", 1.0),
        (lambda p: p.points.nodes.setValue(2.5), "node_size", 2.5),
        (lambda p: p.points.automatic_slab.click(), "slab_thickness", 5.0),
        (lambda p: choose(p.colors.color_by, "part"), "color_by", "part"),
        (lambda p: choose(p.colors.color_by, "one colour"), "color_by", None),
        (lambda p: choose(p.colors.colormap, "fire"), "colormap", "fire"),
        (lambda p: p.colors.gamma.setValue(0.5), "gamma", 0.5),
        (lambda p: p.colors.limits.low.setValue(2.0), "contrast_limits", (2.0, 10.0)),
        (lambda p: p.colors.limits.high.setValue(25.0), "contrast_limits", (0.0, 25.0)),
        (lambda p: p.colors.limits.slider.setValue((2.0, 5.0)), "contrast_limits", (2.0, 5.0)),
    ],
)
def test_what_a_person_does_is_set_in_the_style_once(bench, act, name, value):
    panel, style, _ = bench
    seen = listen(style)
    act(panel)
    assert seen == [(name, value)]
    assert getattr(style, name) == value


@pytest.mark.parametrize(
    ("act", "name", "value"),
    [
        (lambda p: p.detail.automatic.click(), "budget", 20_000),
        (lambda p: choose(p.detail.level, "Level 1: 2,500 vertices"), "level", 1),
    ],
)
def test_what_a_person_does_is_set_in_the_lod_once(bench, act, name, value):
    panel, _, lod = bench
    seen = listen(lod)
    act(panel)
    assert seen == [(name, value)]


@pytest.mark.parametrize(
    ("act", "budget"),
    [
        (lambda p: p.detail.budget.setValue(123_456), 123_456),
        (lambda p: p.detail.slider.setValue(0), 10_000),
        (lambda p: p.detail.budget.stepUp(), 50_000),
        (lambda p: p.detail.automatic.click(), "auto"),
    ],
)
def test_a_budget_of_ones_own(bench, act, budget):
    panel, _, lod = bench
    lod.budget = 20_000
    assert panel.detail.budget.isEnabled()
    assert not panel.detail.automatic.isChecked()
    seen = listen(lod)
    act(panel)
    assert seen == [("budget", budget)]


def limits(panel):
    box = panel.colors.limits
    return box.low.value(), box.high.value(), tuple(box.slider.value())


@pytest.mark.parametrize(
    ("name", "value", "shown", "text"),
    [
        ("size", 3.25, lambda p: p.points.size.value(), 3.25),
        ("size", 4e-7, lambda p: p.points.size.text(), "4e-07"),
        ("size_mode", "world", lambda p: p.points.size_mode.currentText(), "data units"),
        ("shading", "flat", lambda p: p.points.shading.currentText(), "squares"),
        ("adaptive_size", False, lambda p: p.points.adaptive.isChecked(), False),
        ("eye_dome", 0.4, lambda p: p.points.dome.isChecked(), True),
        ("node_size", 4.0, lambda p: p.points.nodes.value(), 4.0),
        ("slab_thickness", 12.0, lambda p: (p.points.slab.value(), p.points.slab.isEnabled()), (12.0, True)),
        ("color_by", "part", lambda p: p.colors.color_by.currentText(), "part"),
        ("color_by", "elsewhere", lambda p: p.colors.color_by.currentText(), "elsewhere"),
        ("colormap", "gray", lambda p: p.colors.colormap.currentText(), "gray"),
        ("colormap", "of my own", lambda p: p.colors.colormap.currentText(), "of my own"),
        ("gamma", 2.0, lambda p: p.colors.gamma.value(), 2.0),
        ("contrast_limits", (-5.0, 4.0), limits, (-5.0, 4.0, (-5.0, 4.0))),
    ],
)
def test_what_the_style_signals_is_shown_and_sets_nothing(bench, name, value, shown, text):
    panel, style, _ = bench
    seen = listen(style)
    setattr(style, name, value)
    assert shown(panel) == text
    assert seen == [(name, value)]


def test_what_the_lod_signals_is_shown_and_sets_nothing(bench):
    panel, _, lod = bench
    seen = listen(lod)
    lod.level, lod.budget = 1, 60_000
    assert panel.detail.level.currentText() == "Level 1: 2,500 vertices"
    assert panel.detail.budget.text() == "60,000"
    lod.level = 9
    assert panel.detail.level.currentText() == "Level 9"
    assert seen == [("level", 1), ("budget", 60_000), ("level", 9)]


def test_limits_of_the_data_come_back(bench):
    panel, style, _ = bench
    assert not panel.colors.limits.from_data.isEnabled()
    style.contrast_limits = (3.0, 4.0)
    panel.colors.limits.from_data.click()
    assert style.contrast_limits is None
    assert limits(panel) == (0.0, 10.0, (0.0, 10.0))


def test_limits_that_cross_are_taken_back(bench):
    panel, style, _ = bench
    panel.colors.limits.low.setValue(11.0)
    assert style.contrast_limits is None
    assert limits(panel) == (0.0, 10.0, (0.0, 10.0))


def test_a_colour_for_all_is_asked_for(bench, monkeypatch):
    from qtpy.QtGui import QColor
    from qtpy.QtWidgets import QColorDialog

    panel, style, _ = bench
    monkeypatch.setattr(QColorDialog, "getColor", lambda *args: QColor(255, 0, 0, 51))
    panel.colors.color.click()
    assert style.color == pytest.approx((1.0, 0.0, 0.0, 0.2), abs=1e-4)
    monkeypatch.setattr(QColorDialog, "getColor", lambda *args: QColor())
    panel.colors.color.click()
    assert style.color == pytest.approx((1.0, 0.0, 0.0, 0.2), abs=1e-4)


def test_the_button_shows_the_colour_of_all_points(bench):
    panel, style, _ = bench
    for color, seen in (((1, 0.5, 0), (255, 128, 0, 255)), ((0, 0, 1, 0.2), (0, 0, 255, 51))):
        style.color = color
        icon = panel.colors.color.icon().pixmap(panel.colors.color.iconSize()).toImage()
        assert icon.pixelColor(icon.width() // 2, icon.height() // 2).getRgb() == pytest.approx(seen, abs=2)


@pytest.mark.parametrize(
    ("kind", "shown"),
    [
        ("none", {"color"}),
        ("scalar", {"colormap", "limits", "gamma", "in_canvas"}),
        ("category", {"legend", "in_canvas"}),
        ("direction", {"in_canvas"}),
        ("rgb", set()),
    ],
)
def test_only_what_has_an_effect_is_there(bench, kind, shown):
    panel, style, lod = bench
    if kind == "none":
        style.color_by = None
    panel.bind(style, lod, facts(kind=kind, words=("a",), colors=RED))
    colors = panel.colors
    fields = {name: getattr(colors, name) for name in ("color", "colormap", "limits", "gamma", "legend", "in_canvas")}
    assert {name for name, field in fields.items() if not field.isHidden()} == shown
    assert {name for name, field in fields.items() if colors.form.labelForField(field) is not None} == shown
    assert colors.form.rowCount() == 1 + len(shown)


@pytest.mark.parametrize("kind", ["scalar", "category"], ids=["amounts", "remainders"])
def test_whole_numbers_are_taken_for_labels_by_a_click(bench, kind):
    panel, style, lod = bench
    colors = panel.colors
    panel.bind(style, lod, facts(kind="scalar"))
    assert colors.as_labels.isHidden()
    lut = np.array([[255, 0, 0, 255], [0, 255, 0, 255]], np.uint8)
    panel.bind(style, lod, facts(kind=kind, labels=(-1, 0, 4), colors=lut))
    assert not colors.as_labels.isHidden()
    assert not colors.colormap.isHidden()
    colors.as_labels.click()
    assert style.color_mode == "cycle"
    fields = (colors.colormap, colors.limits, colors.gamma, colors.legend, colors.as_labels)
    assert [field.isHidden() for field in fields] == [True, True, True, False, False]
    legend = colors.legend
    assert [legend.item(i).text() for i in range(legend.count())] == ["-1", "0", "4"]
    seen = [legend.item(i).icon().pixmap(12, 12).toImage().pixelColor(6, 6).getRgb()[:3] for i in range(3)]
    assert seen == [(0, 255, 0), (255, 0, 0), (255, 0, 0)]
    style.color_mode = "colormap"
    assert not colors.as_labels.isChecked()
    assert colors.legend.isHidden()


def test_a_legend_in_the_canvas_is_asked_for(bench):
    panel, style, _ = bench
    panel.colors.in_canvas.click()
    assert style.legend
    style.legend = False
    assert not panel.colors.in_canvas.isChecked()


def test_a_legend_names_every_category_with_its_colour(bench):
    panel, style, lod = bench
    colors = np.array([[255, 0, 0, 255], [0, 255, 0, 255]], np.uint8)
    panel.bind(style, lod, facts(kind="category", words=("<b>soma</b>", "axon", "again"), colors=colors))
    legend = panel.colors.legend
    assert [legend.item(i).text() for i in range(legend.count())] == ["<b>soma</b>", "axon", "again"]
    assert [legend.item(i).toolTip() for i in range(2)] == ["<span>&lt;b&gt;soma&lt;/b&gt;</span>", "<span>axon</span>"]
    seen = [legend.item(i).icon().pixmap(12, 12).toImage().pixelColor(6, 6).getRgb()[:3] for i in range(3)]
    assert seen == [(255, 0, 0), (0, 255, 0), (255, 0, 0)]


def test_names_of_a_store_are_never_taken_for_html(bench):
    from qtpy.QtCore import Qt
    from qtpy.QtWidgets import QLabel

    panel, style, lod = bench
    panel.bind(style, lod, facts(name="<img src=x>"))
    assert {label.textFormat() for label in panel.findChildren(QLabel)} == {Qt.TextFormat.PlainText}
    assert panel.name.text() == "<img src=x>"


def test_every_field_has_a_name_and_a_tip_for_those_who_do_not_see_it(bench):
    from qtpy.QtWidgets import QAbstractSpinBox, QComboBox

    panel, _, _ = bench
    for field in [*panel.findChildren(QAbstractSpinBox), *panel.findChildren(QComboBox)]:
        assert field.accessibleName() or field.parent().accessibleName()


def test_the_status_is_asked_for_only_while_somebody_can_see_it(bench, qtbot):
    panel, _, lod = bench
    assert not panel.polls
    panel.show()
    qtbot.waitExposed(panel)
    assert panel.polls
    assert panel.status.shown.text() == "1,500 of 20,000 vertices"
    assert panel.status.line.text() == "Loading 4 chunks: levels 0, 2"
    lod.set_status_provider(lambda: replace(STATUS, shown_vertices=0, budget=700, wanted=0, loading=0, complete=True))
    qtbot.waitUntil(lambda: panel.status.shown.text() == "0 of 700 vertices")
    assert panel.detail.budget.text() == "700"
    assert lod.budget == "auto"
    panel.hide()
    assert not panel.polls
    panel.show()
    panel.unbind()
    assert not panel.polls


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"complete": True, "wanted": 0}, "Complete: levels 0, 2"),
        ({"complete": True, "wanted": 0, "levels": frozenset()}, "Complete: nothing in view"),
        ({"complete": True, "wanted": 0, "failed": 117}, "Shown, 117 chunks missing: levels 0, 2"),
        ({"complete": True, "wanted": 0, "failed": 1}, "Shown, 1 chunk missing: levels 0, 2"),
        ({"complete": True, "wanted": 0, "failed": 576, "levels": frozenset()}, "Nothing shown, 576 chunks missing"),
        ({"wanted": 1, "loading": 1, "levels": frozenset({3})}, "Loading 1 chunk: level 3"),
        ({"wanted": 0, "loading": 0}, "Looking for what to show: levels 0, 2"),
        ({"wanted": 0, "loading": 0, "levels": frozenset()}, "Opening"),
    ],
)
def test_the_status_in_one_line(changes, line):
    from napari_zarr_vectors._qt._status import status_line

    assert status_line(replace(STATUS, **changes)) == line


def test_failures_are_counted_and_can_be_tried_again(bench):
    panel, _, lod = bench
    assert panel.status.failures.isHidden()
    lod.set_status_provider(lambda: replace(STATUS, failed=3))
    panel.poll()
    assert not panel.status.failures.isHidden()
    assert panel.status.failed.text() == "3 chunks could not be read"
    asked = []
    lod.retry.connect(lambda: asked.append(True))
    panel.status.retry.click()
    assert asked == [True]


def test_another_layer_takes_the_place_of_the_one_before(bench):
    panel, style, _ = bench
    others = DisplayStyle(size=9.0), LodControl(budget=77_000)
    panel.bind(*others, facts(name="other"))
    assert panel.points.size.value() == 9.0
    assert panel.detail.budget.value() == 77_000
    seen = listen(style)
    panel.points.size.setValue(4.0)
    assert seen == []
    assert others[0].size == 4.0


def test_a_panel_that_let_go_neither_shows_nor_sets(bench):
    panel, style, lod = bench
    panel.unbind()
    assert len(style.events.all) == len(lod.events.all) == 0
    before = panel.points.size.value()
    style.size = before + 1
    assert panel.points.size.value() == before
    panel.points.size.setValue(33.0)
    assert style.size == before + 1
    panel.status.retry.click()


def test_it_fits_into_a_narrow_dock(bench):
    panel, style, lod = bench
    for kind in ("none", "scalar", "category", "rgb"):
        panel.bind(
            style, lod, facts(name="a rather long name of a layer " * 4, kind=kind, words=("w" * 200,), colors=RED)
        )
        assert panel.minimumSizeHint().width() <= 320


def test_what_the_status_says_never_makes_the_panel_wider(bench, qtbot):
    panel, _, lod = bench
    lod.set_status_provider(lambda: replace(STATUS, complete=True, failed=1, levels=frozenset()))
    panel.show()
    qtbot.waitExposed(panel)
    panel.poll()
    before = panel.minimumSizeHint().width()
    lod.set_status_provider(lambda: replace(STATUS, complete=True, failed=10**9, levels=frozenset(range(40))))
    panel.poll()
    assert panel.minimumSizeHint().width() == before
    panel.resize(before, 900)
    assert panel.status.retry.geometry().right() <= panel.status.failures.width()
    line = panel.status.line
    qtbot.waitUntil(lambda: line.height() >= 2 * line.fontMetrics().height())  # it takes more lines instead


def test_the_names_of_levels_never_make_the_panel_wider(bench, qtbot):
    from napari_zarr_vectors._qt import DisplayPanel

    panel, style, lod = bench
    other = DisplayPanel({"gray": np.zeros((256, 4), np.uint8)})  # a combo box keeps the width that it had first
    qtbot.addWidget(other)
    other.bind(style, lod, facts(levels=((1_000_000, 10**30),)))
    assert other.minimumSizeHint().width() == panel.minimumSizeHint().width()
    other.unbind()


def test_limits_are_shown_with_all_their_digits(bench, qtbot):
    panel, style, _ = bench
    style.contrast_limits = (-0.9750034, 1_234_567.8)
    panel.show()
    qtbot.waitExposed(panel)
    panel.resize(panel.minimumSizeHint().width(), panel.height())
    for box, text in ((panel.colors.limits.low, "-0.975003"), (panel.colors.limits.high, "1.23457e+06")):
        assert box.text() == text
        line = box.lineEdit()
        qtbot.waitUntil(lambda line=line, text=text: line.width() >= line.fontMetrics().horizontalAdvance(text) + 4)


@pytest.mark.parametrize(
    ("limits", "texts"),
    [
        ((1e9, 1e9 + 1.44), ("1000000000", "1000000001.44")),
        ((2**53 + 1, 2**53 + 144), ("9007199254740992", "9007199254741136")),
        ((2**63, 2**63 + 144), ("9.22337e+18", "9.22337e+18")),
        ((0.0, 10.0), ("0", "10")),
    ],
)
def test_limits_that_lie_near_together_are_told_apart(bench, qtbot, limits, texts):
    panel, style, lod = bench
    seen = listen(style)
    panel.bind(style, lod, facts(limits=limits))
    panel.show()
    qtbot.waitExposed(panel)
    field = panel.colors.limits
    for box, text in ((field.low, texts[0]), (field.high, texts[1])):
        assert box.text() == text
        line = box.lineEdit()
        qtbot.waitUntil(lambda line=line, text=text: line.width() >= line.fontMetrics().horizontalAdvance(text) + 4)
    assert not seen, "showing asks for nothing"
    panel.bind(style, lod, facts())
    assert (field.low.text(), field.high.text()) == ("0", "10")
