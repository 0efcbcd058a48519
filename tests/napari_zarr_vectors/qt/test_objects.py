"""The object dock alone: a million rows, gestures, groups."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import QItemSelectionModel, QPoint, Qt
from qtpy.QtWidgets import QAbstractItemView

from napari_zarr_vectors._model.objects import Arrangement, ObjectTable, column_of
from napari_zarr_vectors._qt import ObjectsDock

pytestmark = pytest.mark.gui

MANY = 1_000_000


@pytest.fixture
def dock(qtbot):
    dock = ObjectsDock()
    qtbot.addWidget(dock)
    dock.resize(500, 700)
    dock.show()
    return dock


def small():
    columns = (*column_of("length", np.array([3.0, 1.0, 2.0])), *column_of("kind", np.array(["b", "a", "b"])))
    return ObjectTable(np.array([7, 8, 9]), columns, {"left/a": np.array([7]), "left/b": np.array([8]), "right": [9]})


def click(qtbot, table, place, modifier=Qt.KeyboardModifier.NoModifier):
    at = table.visualRect(table.rows.index(place, 0)).center()
    qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, modifier, at)


def chosen(table):
    return np.flatnonzero(table.selection.chosen.mask).tolist()


def test_a_million_rows_are_shown_sorted_and_chosen(dock):
    rng = np.random.default_rng(0)
    ids = rng.permutation(MANY)
    table = ObjectTable(ids, tuple(column_of("length", rng.uniform(0, 1, MANY))))
    dock.show_table("many", table)
    assert dock.table.rows.rowCount() == MANY
    dock.show_rows(table.arrange(Arrangement(0)))
    assert [dock.table.rows.index(place, 0).data() for place in (0, 1, MANY - 1)] == ["0", "1", str(MANY - 1)]
    rows = table.arrange(Arrangement(1, is_descending=True, where={"length": (">", 0.5)}))
    dock.show_rows(rows)
    assert dock.table.rows.rowCount() == len(rows) == (table.columns[0].values > 0.5).sum()
    shown = [float(dock.table.rows.index(place, 1).data()) for place in range(0, len(rows), len(rows) // 50)]
    assert shown == sorted(shown, reverse=True)
    some = rng.choice(MANY, 100_000, replace=False)
    dock.show_chosen(some)
    assert dock.table.selection.chosen.mask.sum() == 100_000
    assert "100,000 chosen" in dock.counts.text()
    assert len(dock.table.selection.selection()) == 0, "Qt keeps no list of ranges"
    places = [place for place in range(200) if dock.table.is_chosen(place)]
    assert places == np.flatnonzero(np.isin(rows[:200], some)).tolist()


def test_gestures_choose_rows_of_the_table_whatever_their_order(dock, qtbot):
    table = dock.table
    dock.show_table("small", small())
    dock.show_rows(np.array([1, 2, 0]))
    heard = []
    dock.chosen.connect(lambda rows: heard.append(rows.tolist()))
    click(qtbot, table, 0)
    assert heard[-1] == chosen(table) == [1]
    click(qtbot, table, 2, Qt.KeyboardModifier.ControlModifier)
    assert heard[-1] == [0, 1]
    click(qtbot, table, 0, Qt.KeyboardModifier.ControlModifier)
    assert heard[-1] == [0]
    click(qtbot, table, 1)
    click(qtbot, table, 2, Qt.KeyboardModifier.ShiftModifier)
    assert heard[-1] == [0, 2]
    table.selectAll()
    assert heard[-1] == [0, 1, 2]
    qtbot.keyClick(table, Qt.Key.Key_Up)
    assert len(heard[-1]) == 1
    count = len(heard)
    dock.show_chosen(np.array([2]))
    assert chosen(table) == [2]
    assert len(heard) == count, "showing asks nothing"
    table.selection.select(table.rows.index(0, 0), QItemSelectionModel.SelectionFlag.Toggle)
    assert heard[-1] == [1, 2]


def test_a_row_that_is_chosen_elsewhere_comes_into_view(dock, qtbot):
    dock.show_table("many", ObjectTable(np.arange(5000)))
    dock.show_chosen(np.array([4321]))
    at = dock.table.visualRect(dock.table.rows.index(4321, 0))
    assert dock.table.viewport().rect().contains(at)


def test_heads_search_and_conditions_ask_for_rows(dock, qtbot):
    dock.show_table("small", small())
    heard = []
    dock.arranged.connect(heard.append)
    head = dock.table.horizontalHeader()
    at = QPoint(head.sectionViewportPosition(1) + 5, head.height() // 2)
    qtbot.mouseClick(head.viewport(), Qt.MouseButton.LeftButton, pos=at)
    qtbot.mouseClick(head.viewport(), Qt.MouseButton.LeftButton, pos=at)
    assert heard == [Arrangement(1), Arrangement(1, is_descending=True)]
    dock.search.setText("b")
    qtbot.waitUntil(lambda: len(heard) == 3)
    assert heard[-1] == Arrangement(1, is_descending=True, text="b")
    dock.where.setText("length > 1")
    dock.where.editingFinished.emit()
    assert heard[-1].where == {"length": (">", 1)}
    dock.where.setText("length >")
    dock.where.editingFinished.emit()
    assert len(heard) == 4
    assert "no condition" in dock.problem.text()
    dock.show_rows(np.array([0]))
    assert not dock.problem.text()
    assert dock.counts.text() == "1 of 3 objects, 0 chosen"


def test_groups_are_shown_hidden_chosen_and_found(dock, qtbot):
    dock.show_table("small", small())
    view, items = dock.groups, dock.groups.items
    left, right = items.item(0), items.item(1)
    assert [left.text(), right.text(), items.item(0, 1).text()] == ["left", "right", "2"]
    assert not view.tree.isExpanded(view.tree.model().index(0, 0))
    asked = []
    view.shown.connect(asked.append)
    left.child(0).setCheckState(Qt.CheckState.Unchecked)
    assert asked == [("left/b", "right")]
    dock.show_groups(("left/b", "right"), np.array([[255, 0, 0, 255]], np.uint8))
    assert left.checkState() == Qt.CheckState.PartiallyChecked
    assert left.child(0).checkState() == Qt.CheckState.Unchecked
    assert not right.data(Qt.ItemDataRole.DecorationRole).isNull()
    assert len(asked) == 1, "showing asks nothing"
    left.setCheckState(Qt.CheckState.Checked)
    assert asked[-1] is None
    heard = []
    view.chosen.connect(heard.append)
    qtbot.wait(1)
    view.tree.scrollTo(view.tree.model().index(0, 0), QAbstractItemView.ScrollHint.EnsureVisible)
    at = view.tree.visualRect(view.tree.model().index(0, 0))
    qtbot.mouseClick(view.tree.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(at.right() - 3, at.center().y()))
    assert heard == [["left/a", "left/b"]]
    view.search.setText("B")
    model = view.tree.model()
    assert model.rowCount() == 1
    assert model.index(0, 0, model.index(0, 0)).data() == "b"


def test_a_box_that_is_clicked_chooses_nothing(dock, qtbot):
    dock.show_table("small", small())
    tree, chosen_groups, asked = dock.groups.tree, [], []
    dock.groups.chosen.connect(chosen_groups.append)
    dock.groups.shown.connect(asked.append)
    at = tree.visualRect(tree.model().index(1, 0))
    for x in range(at.left(), at.left() + 30, 3):
        if asked:
            break
        chosen_groups.clear()
        qtbot.mouseClick(tree.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(x, at.center().y()))
    assert asked == [("left/a", "left/b")]
    assert not chosen_groups


def test_a_sentence_stands_in_place_of_a_table(dock):
    dock.show_sentence("<b>Nothing</b>")
    assert dock.is_empty
    dock.show_table("small", small())
    assert not dock.is_empty
