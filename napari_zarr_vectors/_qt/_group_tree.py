"""The groups of a store as a tree: a check box shows or hides, a click chooses, a swatch is the colour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from qtpy.QtCore import QModelIndex, QSize, QSortFilterProxyModel, Qt, QTimer, Signal
from qtpy.QtGui import QStandardItem, QStandardItemModel
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QLineEdit, QTreeView, QVBoxLayout, QWidget

from napari_zarr_vectors._model.group_tree import GroupNode, group_tree, shown_groups
from napari_zarr_vectors._qt._numbers import format_count
from napari_zarr_vectors._qt._pictures import strip
from napari_zarr_vectors._qt._section import SPACING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["GroupsView"]

SWATCH = QSize(12, 12)
HEADS = ["Group", "Objects"]
SHOWN = Qt.ItemDataRole.CheckStateRole


class GroupsView(QWidget):
    """Shows groups, and asks what a person wants of them.

    Signals
    -------
    shown (object)
        Only these groups are to be shown, a tuple of str; all objects for None.
    chosen (list)
        The objects of these groups are to be chosen.
    """

    shown = Signal(object)
    chosen = Signal(list)

    def __init__(self) -> None:
        super().__init__()
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search groups")
        self.search.setClearButtonEnabled(True)
        self.items = QStandardItemModel(self)
        self._found = QSortFilterProxyModel(self)
        self._found.setRecursiveFilteringEnabled(True)
        self._found.setFilterCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self._found.setSourceModel(self.items)
        self.tree = QTreeView()
        self.tree.setModel(self._found)
        self.tree.setUniformRowHeights(True)
        self.tree.setIconSize(SWATCH)
        self.tree.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.tree.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.tree.setAccessibleName("Groups")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SPACING)
        column.addWidget(self.search)
        column.addWidget(self.tree, 1)
        self._names: list[str] = []
        self._of: dict[str, QStandardItem] = {}
        self._inner: list[tuple[QStandardItem, list[str]]] = []
        self._now: tuple[str, ...] | None = None
        self._showing = False
        self._forget = QTimer(self)
        self._forget.setSingleShot(True)
        self._forget.timeout.connect(self._on_told)
        self._ticked: QStandardItem | None = None
        self.search.textChanged.connect(self._on_search)
        self.tree.clicked.connect(self._on_clicked)
        self.items.itemChanged.connect(self._on_item)

    def show_tree(self, counts: Mapping[str, int]) -> None:
        """Show groups, given as the number of objects of each; all of them shown."""
        self._showing = True
        try:
            self.items.clear()
            self.items.setHorizontalHeaderLabels(HEADS)
            self._names, self._of, self._inner, self._now = list(counts), {}, [], None
            self._add(self.items.invisibleRootItem(), group_tree(counts).children)
        finally:
            self._showing = False
        head = self.tree.header()
        head.setStretchLastSection(False)
        head.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        head.setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)

    def show_groups(self, shown: tuple[str, ...] | None, colors: npt.NDArray[np.uint8] | None) -> None:
        """Check the boxes of groups that are shown, None for all; give each its colour, (n, 4), if there are any."""
        self._now = shown
        now = set(self._names if shown is None else shown)
        self._showing = True
        try:
            for code, name in enumerate(self._names):
                item = self._of[name]
                _check(item, Qt.CheckState.Checked if name in now else Qt.CheckState.Unchecked)
                color = None if colors is None else colors[code % len(colors)]
                item.setData(
                    None if color is None else strip(color[None], SWATCH).pixmap(SWATCH),
                    Qt.ItemDataRole.DecorationRole,
                )
            for item, names in self._inner:
                some = now.intersection(names)
                whole = Qt.CheckState.Checked if len(some) == len(names) else Qt.CheckState.PartiallyChecked
                _check(item, whole if some else Qt.CheckState.Unchecked)
        finally:
            self._showing = False

    def _add(self, parent: QStandardItem, nodes: Sequence[GroupNode]) -> None:
        for node in nodes:
            name, count = QStandardItem(node.label), QStandardItem(format_count(node.count))
            name.setCheckable(True)
            name.setCheckState(Qt.CheckState.Checked)
            names = node.groups()
            name.setData(names, Qt.ItemDataRole.UserRole)
            name.setToolTip("Click to choose its objects; the box shows or hides them.")
            count.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            if node.group is not None:
                self._of[node.group] = name
            if node.group is None or node.children:
                self._inner.append((name, names))
            parent.appendRow([name, count])
            self._add(name, node.children)

    def _on_search(self, text: str) -> None:
        self._found.setFilterFixedString(text.strip())
        if text.strip():
            self.tree.expandAll()

    def _on_clicked(self, index: QModelIndex) -> None:
        item = self.items.itemFromIndex(self._found.mapToSource(index.siblingAtColumn(0)))
        if item is not None and not self._is_ticked(item):
            self.chosen.emit(item.data(Qt.ItemDataRole.UserRole))

    def _is_ticked(self, item: QStandardItem) -> bool:
        """Whether the click that is told now was on the box of an item: it is told after the change of it."""
        ticked, self._ticked = self._ticked, None
        return ticked is item

    def _on_told(self) -> None:
        self._ticked = None

    def _on_item(self, item: QStandardItem) -> None:
        if self._showing or not item.isCheckable():
            return
        self._ticked = item
        self._forget.start()
        is_on = item.checkState() != Qt.CheckState.Unchecked
        self.shown.emit(shown_groups(self._names, self._now, item.data(Qt.ItemDataRole.UserRole), on=is_on))


def _check(item: QStandardItem, state: Qt.CheckState) -> None:
    if item.checkState() != state:
        item.setCheckState(state)
