"""The object browser: a table of objects and a tree of groups; it shows and asks, and holds no logic."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSize, Qt, QTimer, Signal
from qtpy.QtWidgets import QHBoxLayout, QLineEdit, QPushButton, QSplitter, QStackedLayout, QVBoxLayout, QWidget

from napari_zarr_vectors._model.condition import parse_condition
from napari_zarr_vectors._model.objects import Arrangement
from napari_zarr_vectors._qt._group_tree import GroupsView
from napari_zarr_vectors._qt._numbers import format_count
from napari_zarr_vectors._qt._object_table import ObjectTableView
from napari_zarr_vectors._qt._section import SPACING, plain_label, plain_tip, wrapping_label

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from napari_zarr_vectors._model.objects import ObjectTable

__all__ = ["ObjectsDock"]

MARGIN = 8
TYPING_MS = 250
SIZE = QSize(360, 520)
EXAMPLE = "length > 10 and kind in a, b"


class ObjectsDock(QWidget):
    """Objects and groups of one layer, or a sentence.

    Signals
    -------
    arranged (Arrangement)
        A person wants these rows in this order.
    chosen (object)
        A person has chosen these rows of the table, (k,) int64.
    """

    arranged = Signal(object)
    chosen = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.sentence = plain_label()
        self.sentence.setWordWrap(True)
        self.sentence.setMargin(MARGIN)
        self.sentence.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        self.search, self.where = QLineEdit(), QLineEdit()
        self.search.setPlaceholderText("Search words, or the beginning of an id")
        self.search.setClearButtonEnabled(True)
        self.where.setPlaceholderText(EXAMPLE)
        self.where.setClearButtonEnabled(True)
        self.where.setToolTip("Only objects that meet this: attributes of objects, joined by 'and'.")
        self.problem = wrapping_label()
        self.problem.hide()
        self.table = ObjectTableView()
        self.counts = wrapping_label()
        self.fly = QPushButton("Fly to")
        self.fly.setToolTip("Look at the chosen objects.")
        self.only = QPushButton("Show only these")
        self.only.setToolTip("Hide all other objects; with none chosen, show all again.")
        self.clear = QPushButton("Clear")
        self.clear.setToolTip("Choose nothing.")
        self.by_group = QPushButton("Colour by group")
        self.groups = GroupsView()
        self._lay_out()
        self._sort: tuple[int | None, bool] = (None, False)
        self._rows = self._all = 0
        self._typing = QTimer(self)
        self._typing.setSingleShot(True)
        self._typing.setInterval(TYPING_MS)
        self._typing.timeout.connect(self._arrange)
        self.search.textChanged.connect(lambda _: self._typing.start())
        self.where.editingFinished.connect(self._arrange)
        self.where.textChanged.connect(lambda text: None if text else self._typing.start())
        self.table.sort_asked.connect(self._on_sort)
        self.table.chosen.connect(self.chosen)
        self.table.chosen.connect(lambda rows: self._count(len(rows)))

    def _lay_out(self) -> None:
        upper, lower = QWidget(), QWidget()
        column = QVBoxLayout(upper)
        for widget in (self.search, self.where, self.problem):
            column.addWidget(widget)
        column.addWidget(self.table, 1)
        column.addWidget(self.counts)
        row = QHBoxLayout()
        for button in (self.fly, self.only, self.clear):
            row.addWidget(button)
        column.addLayout(row)
        below = QVBoxLayout(lower)
        below.addWidget(self.groups, 1)
        below.addWidget(self.by_group)
        for layout in (column, below):
            layout.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
            layout.setSpacing(SPACING)
        self._lower = lower
        self._both = QSplitter(Qt.Orientation.Vertical)
        self._both.addWidget(upper)
        self._both.addWidget(lower)
        self._both.setStretchFactor(0, 3)
        self._both.setStretchFactor(1, 1)
        self._stack = QStackedLayout(self)
        self._stack.addWidget(self.sentence)
        self._stack.addWidget(self._both)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Ask for room for some rows and columns."""
        return SIZE

    @property
    def is_empty(self) -> bool:
        """Whether a sentence stands in place of a table."""
        return self._stack.currentWidget() is self.sentence

    # -- what is shown

    def show_sentence(self, text: str) -> None:
        """Show a sentence in place of a table."""
        self.sentence.setText(text)
        self._stack.setCurrentWidget(self.sentence)

    def show_table(self, name: str, table: ObjectTable) -> None:
        """Show the objects of a layer, all of them in the order of the store."""
        self._sort = (None, False)
        for field in (self.search, self.where):
            was_blocked = field.blockSignals(True)
            field.clear()
            field.blockSignals(was_blocked)
        self.say("")
        self.table.show_table(table)
        self._rows = self._all = len(table.ids)
        self._lower.setVisible(bool(table.groups))
        self.groups.show_tree({group: len(members) for group, members in table.groups.items()})
        self.table.setToolTip(plain_tip(f"Objects of {name}."))
        self._count(0)
        self._stack.setCurrentWidget(self._both)

    def show_rows(self, rows: npt.NDArray[np.int64]) -> None:
        """Show these rows of the table, in this order."""
        self.say("")
        self.table.show_rows(rows)
        self._rows = len(rows)
        self._count(int(self.table.selection.chosen.mask.sum()))

    def show_chosen(self, rows: npt.NDArray[np.int64]) -> None:
        """Show which rows of the table are chosen."""
        self.table.show_chosen(rows)
        self._count(len(rows))

    def show_groups(self, shown: tuple[str, ...] | None, colors: npt.NDArray[np.uint8] | None) -> None:
        """Show which groups are shown, None for all, and the colour of each, (n, 4), where they have some."""
        self.groups.show_groups(shown, colors)

    def say(self, text: str) -> None:
        """Tell what is wrong; an empty text takes it back."""
        self.problem.setText(text)
        self.problem.setVisible(bool(text))

    # -- what is asked

    def _on_sort(self, column: int, is_descending: bool) -> None:
        self._sort = (column, is_descending)
        self._arrange()

    def _arrange(self) -> None:
        try:
            where = parse_condition(self.where.text())
        except ValueError as error:
            self.say(str(error))
            return
        self.arranged.emit(Arrangement(*self._sort, self.search.text(), where))

    def _count(self, chosen: int) -> None:
        part = "" if self._rows == self._all else f"{format_count(self._rows)} of "
        self.counts.setText(f"{part}{format_count(self._all)} objects, {format_count(chosen)} chosen")
