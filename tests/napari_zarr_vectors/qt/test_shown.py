"""The section that says what is shown sets one filter and follows it."""

from dataclasses import replace

import pytest

from napari_zarr_vectors._model import DisplayFilter

pytestmark = pytest.mark.gui


@pytest.fixture
def section(qtbot):
    from napari_zarr_vectors._controller._panels import DisplayFacts
    from napari_zarr_vectors._qt._shown import ShownSection

    found = ShownSection()
    qtbot.addWidget(found)
    found.facts = DisplayFacts("tracts", objects=20, groups=("left", "right"))
    found.shown = DisplayFilter()
    found.bind(found.shown, found.facts)
    found.show()
    yield found
    found.unbind()


def test_what_a_person_sets_is_set(section):
    section.share.setValue(25)
    assert section.shown.share == 0.25
    section.group.setCurrentIndex(2)
    section.group.activated.emit(2)
    assert section.shown.groups == ("right",)
    section.group.setCurrentIndex(0)
    section.group.activated.emit(0)
    assert section.shown.groups is None
    section.where.setText("length > 10 and kind in a, b")
    section.where.editingFinished.emit()
    assert section.shown.where == {"length": (">", 10), "kind": ("in", ["a", "b"])}
    section.where.setText("")
    section.where.editingFinished.emit()
    assert section.shown.where is None


def test_what_the_filter_says_is_shown_and_sets_nothing(section):
    told = []
    section.shown.share, section.shown.groups, section.shown.where = 0.5, ["left"], {"fa": (">", 0.5)}
    section.shown.events.connect(told.append)
    assert (section.share.value(), section.group.currentText(), section.where.text()) == (50, "left", "fa > 0.5")
    section.shown.groups = ["left", "right"]
    assert section.group.currentText() == "several groups"
    assert len(told) == 1


def test_a_text_that_is_no_condition_is_told_and_changes_nothing(section):
    section.where.setText("length")
    section.where.editingFinished.emit()
    assert "no condition such as" in section.problem.text()
    assert section.problem.isVisible()
    assert section.shown.where is None
    section.where.setText("length > 1")
    section.where.editingFinished.emit()
    assert not section.problem.isVisible()


def test_a_store_without_objects_or_groups_has_no_fields_for_them(section):
    section.bind(section.shown, replace(section.facts, groups=()))
    assert not section.group.isVisible()
    assert section.share.isVisible()
    section.bind(section.shown, replace(section.facts, objects=0, groups=()))
    assert not section.share.isVisible()
    assert section.where.isVisible()


def test_a_box_is_set_by_numbers_and_taken_from_the_view(section):
    asked = []
    section.box_to_view.connect(lambda: asked.append("view"))
    section.bind(section.shown, replace(section.facts, axes=("y", "x"), bounds=((0.0, 10.0), (5.0, 20.0))))
    assert not section.box.rows[0][1].isVisible()
    section.box.on.click()
    assert section.shown.box == ((0, 10), (5, 20))
    assert section.box.rows[1][1].isVisible()
    section.box.rows[1][1].setValue(12)
    section.box.rows[0][2].setValue(4)
    assert section.shown.box == ((0, 12), (4, 20))
    section.box.rows[0][1].setValue(4.5)  # above the upper one
    assert section.shown.box == ((0, 12), (4, 20))
    assert section.box.rows[0][1].value() == 0
    section.shown.box = ((float("-inf"), 13), (1, float("inf")))
    assert [(low.value(), high.value()) for _, low, high in section.box.rows] == [(0, 1), (13, 20)]
    section.box.to_view.click()
    assert asked == ["view"]
    section.box.on.click()
    assert section.shown.box is None


@pytest.mark.parametrize(
    ("shape", "heading", "seen", "unseen"),
    [("points", "Points", "adaptive", "wireframe"), ("lines", "Lines", "size_by", "adaptive"),
     ("lines", "Lines", "nodes", "dome"), ("points", "Points", "dome", "nodes"),
     ("surface", "Surface", "wireframe", "size_by")],
)  # fmt: skip
def test_the_section_of_shapes_has_what_the_shape_has(qtbot, shape, heading, seen, unseen):
    from napari_zarr_vectors._controller._panels import DisplayFacts
    from napari_zarr_vectors._model import DisplayStyle
    from napari_zarr_vectors._qt._points import SHADINGS, PointsSection

    section, style = PointsSection(), DisplayStyle()
    qtbot.addWidget(section)
    section.bind(style, DisplayFacts("x", shape=shape, sizes=("radius", "mass")))
    section.show()
    assert section._heading.text() == heading
    assert getattr(section, seen).isVisible()
    assert not getattr(section, unseen).isVisible()
    for at, (word, text) in enumerate(SHADINGS[shape].items()):
        section.shading.setCurrentIndex(at)
        section.shading.activated.emit(at)
        assert (style.shading, section.shading.currentText()) == (word, text)
    if shape != "surface":
        section.size_by.setCurrentIndex(2)
        section.size_by.activated.emit(2)
        assert style.size_by == "mass"
        style.size_by = None
        assert section.size_by.currentText() == "one size"
    if shape == "surface":
        section.wireframe.setChecked(True)
        section.backfaces.setChecked(False)
        assert (style.wireframe, style.backfaces) == (True, False)
    section.unbind()
