"""A table view over millions of rows: numpy below, nothing of Python's per row.

Qt keeps what is selected as a list of ranges, and asks all of them for each cell: here it is a mask, which a delegate
paints.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QAbstractTableModel, QItemSelection, QItemSelectionModel, QModelIndex, Qt, Signal
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QStyle, QStyledItemDelegate, QTableView

from napari_zarr_vectors._model.objects import ObjectTable
from napari_zarr_vectors._model.row_mask import RowMask

if TYPE_CHECKING:
    import numpy.typing as npt
    from qtpy.QtCore import QEvent, QObject
    from qtpy.QtWidgets import QStyleOptionViewItem, QWidget

    from napari_zarr_vectors._model.row_mask import Change

__all__ = ["ObjectTableView", "RowsModel"]

Flag = QItemSelectionModel.SelectionFlag
NOTHING = ObjectTable(np.empty(0, np.int64))
ROW_PX, WIDEST_PX, MARGIN_PX = 22, 200, 12
ROWS_MEASURED = 50
CELL = QModelIndex()


class RowsModel(QAbstractTableModel):
    """Some rows of a table, in some order."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.table, self.rows = NOTHING, np.empty(0, np.int64)

    def set_table(self, table: ObjectTable) -> None:
        """Show another table, all of it."""
        self.beginResetModel()
        self.table, self.rows = table, np.arange(len(table.ids))
        self.endResetModel()

    def set_rows(self, rows: npt.NDArray[np.int64]) -> None:
        """Show these rows, in this order."""
        self.beginResetModel()
        self.rows = rows
        self.endResetModel()

    def rowCount(self, parent: QModelIndex = CELL) -> int:  # noqa: N802 - Qt's name
        """Count the rows that are shown."""
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: QModelIndex = CELL) -> int:  # noqa: N802 - Qt's name
        """Count the columns, the id among them."""
        return 0 if parent.isValid() else len(self.table.names)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: ANN401 - Qt's
        """Give what stands in a cell."""
        if role == Qt.ItemDataRole.DisplayRole:
            return self.table.text(int(self.rows[index.row()]), index.column())
        if role == Qt.ItemDataRole.TextAlignmentRole:
            column = index.column()
            is_text = column > 0 and self.table.columns[column - 1].words is not None
            side = Qt.AlignmentFlag.AlignLeft if is_text else Qt.AlignmentFlag.AlignRight
            return side | Qt.AlignmentFlag.AlignVCenter
        return None

    def headerData(  # noqa: N802 - Qt's name
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:  # noqa: ANN401 - Qt's
        """Give the head of a column."""
        if role != Qt.ItemDataRole.DisplayRole or orientation != Qt.Orientation.Horizontal:
            return None
        return self.table.names[section]


class MaskSelection(QItemSelectionModel):
    """Keeps which rows of the table are selected as a mask; tells what a person selects.

    Signals
    -------
    rows_chosen
        The mask has been changed by a person.
    """

    rows_chosen = Signal()

    def __init__(self, model: RowsModel, parent: QObject | None = None) -> None:
        super().__init__(model, parent)
        self._rows = model
        self.chosen = RowMask(0)

    def select(self, chosen: QItemSelection | QModelIndex, flags: Any) -> None:  # noqa: ANN401 - Qt's flags
        """Change the mask as Qt would change its list; Qt's own stays empty."""
        change: Change = "none"
        for flag, name in ((Flag.Select, "select"), (Flag.Deselect, "deselect"), (Flag.Toggle, "toggle")):
            if flags & flag:
                change = name  # type: ignore[assignment]  # one of the words above
        clears, is_drag = bool(flags & Flag.Clear), bool(flags & Flag.Current)
        if change == "none" and not clears:
            return
        self.chosen.apply(self._table_rows(chosen), change, clears=clears, is_drag=is_drag)
        self.rows_chosen.emit()

    def _table_rows(self, chosen: QItemSelection | QModelIndex) -> npt.NDArray[np.int64]:
        """Give the rows of the table that a person's gesture covers: as many ranges as gestures, a few."""
        rows = self._rows.rows
        if isinstance(chosen, QModelIndex):
            return rows[chosen.row() : chosen.row() + 1] if chosen.isValid() else rows[:0]
        spans = [rows[span.top() : span.bottom() + 1] for span in (chosen[i] for i in range(len(chosen)))]
        return np.concatenate([rows[:0], *spans])


class MaskDelegate(QStyledItemDelegate):
    """Paints cells of chosen rows as selected."""

    def __init__(self, view: ObjectTableView) -> None:
        super().__init__(view)
        self._view = view

    def initStyleOption(self, option: QStyleOptionViewItem, index: QModelIndex) -> None:  # noqa: N802 - Qt's name
        """Say whether a cell is selected."""
        super().initStyleOption(option, index)
        option.state &= ~QStyle.StateFlag.State_HasFocus
        if self._view.is_chosen(index.row()):
            option.state |= QStyle.StateFlag.State_Selected
        else:
            option.state &= ~QStyle.StateFlag.State_Selected


class ObjectTableView(QTableView):
    """Shows rows; asks for another order, and tells which are chosen.

    Signals
    -------
    chosen (object)
        A person has chosen these rows of the table, (k,) int64.
    sort_asked (int, bool)
        A person wants them by this column; whether descending.
    """

    chosen = Signal(object)
    sort_asked = Signal(int, bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows = RowsModel(self)
        self.setModel(self.rows)
        self.selection = MaskSelection(self.rows, self)
        self.setSelectionModel(self.selection)
        self.setItemDelegate(MaskDelegate(self))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setWordWrap(False)
        self.setAccessibleName("Objects")
        # Rows are of one height, so that none is asked for its own.
        upright = self.verticalHeader()
        upright.hide()
        upright.setMinimumSectionSize(ROW_PX)
        upright.setDefaultSectionSize(ROW_PX)
        upright.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        head = self.horizontalHeader()
        head.setHighlightSections(False)
        head.setSectionsClickable(True)
        head.setSortIndicatorShown(True)
        head.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        head.sortIndicatorChanged.connect(self._on_sort)
        self.selection.rows_chosen.connect(self._on_chosen)

    def is_chosen(self, place: int) -> bool:
        """Whether the row at this place is chosen."""
        return bool(self.selection.chosen.mask[self.rows.rows[place]])

    def show_table(self, table: ObjectTable) -> None:
        """Show another table: nothing of it is chosen, and it is in the order of the store."""
        self.selection.chosen = RowMask(len(table.ids))
        head = self.horizontalHeader()
        was_blocked = head.blockSignals(True)
        head.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        head.blockSignals(was_blocked)
        self.rows.set_table(table)
        # By some rows: asked for a column's width, a view that is not seen yet asks all rows.
        measure, rows = self.fontMetrics(), range(min(ROWS_MEASURED, len(table.ids)))
        for column in range(len(table.names)):
            widest = max((measure.horizontalAdvance(table.text(row, column)) for row in rows), default=0)
            head.resizeSection(column, min(max(widest + MARGIN_PX, head.sectionSizeHint(column)), WIDEST_PX))

    def show_rows(self, rows: npt.NDArray[np.int64]) -> None:
        """Show these rows of the table, in this order."""
        self.rows.set_rows(rows)

    def show_chosen(self, rows: npt.NDArray[np.int64]) -> None:
        """Paint exactly these rows of the table as chosen, and go to the first one if none of them is in view."""
        if np.array_equal(np.flatnonzero(self.selection.chosen.mask), np.sort(rows)):
            return
        self.selection.chosen.set_rows(rows)
        self.viewport().update()
        places = np.flatnonzero(self.selection.chosen.mask[self.rows.rows])
        top, bottom = self.rowAt(0), self.rowAt(self.viewport().height() - 1)
        last = len(self.rows.rows) - 1 if bottom < 0 else bottom
        if len(places) and not ((places >= top) & (places <= last)).any():
            self.scrollTo(self.rows.index(int(places[0]), 0), QAbstractItemView.ScrollHint.PositionAtCenter)

    def selectionCommand(self, index: QModelIndex, event: QEvent | None = None) -> Any:  # noqa: N802, ANN401 - Qt's
        """Say what a gesture does; whether a row is selected, which Qt asks its own list, says the mask."""
        flags = super().selectionCommand(index, event)
        if flags & Flag.Toggle and index.isValid():
            flags &= ~Flag.Toggle
            flags |= Flag.Deselect if self.is_chosen(index.row()) else Flag.Select
        return flags

    def _on_sort(self, column: int, order: Qt.SortOrder) -> None:
        if column >= 0:
            self.sort_asked.emit(column, order == Qt.SortOrder.DescendingOrder)

    def _on_chosen(self) -> None:
        self.viewport().update()
        self.chosen.emit(np.flatnonzero(self.selection.chosen.mask))
