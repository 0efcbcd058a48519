"""What is shown of a layer: a part of the objects, a group, what meets a condition."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QDoubleSpinBox, QLineEdit

from napari_zarr_vectors._model.condition import format_condition, parse_condition
from napari_zarr_vectors._qt._box import BoxField
from napari_zarr_vectors._qt._section import Section, plain_tip, shorten, wrapping_label

if TYPE_CHECKING:
    from napari_zarr_vectors._controller._panels import DisplayFacts
    from napari_zarr_vectors._model import DisplayFilter

__all__ = ["ShownSection"]

ALL_GROUPS = "all"
SEVERAL = "several groups"
EXAMPLE = "length > 10 and kind in a, b"


class ShownSection(Section):
    """Sets `DisplayFilter.share`, `groups`, `where` and `box`."""

    box_to_view = Signal()
    """A person wants the box of what is in view."""

    def __init__(self) -> None:
        super().__init__("Show")
        self.share = QDoubleSpinBox()
        self.share.setRange(0, 100)
        self.share.setDecimals(1)
        self.share.setSuffix(" %")
        self.share.setKeyboardTracking(False)
        self.group = QComboBox()
        shorten(self.group)
        self.where = QLineEdit()
        self.where.setPlaceholderText(EXAMPLE)
        self.problem = wrapping_label()
        self.problem.hide()
        self._groups: list[tuple[str, ...] | None] = []
        self.add_row("Objects", self.share, "A part of the objects: always the same ones.")
        self.add_row("Group", self.group, "Only the objects of this group.")
        tip = "Only what meets this: attributes of vertices or objects, joined by 'and'. Empty shows everything."
        self.add_row("Where", self.where, tip)
        self.box = BoxField()
        self.add_row("Box", self.box, "Only what lies inside: lowest and highest coordinate of each axis.")
        column = self.layout()
        if column is not None:
            column.addWidget(self.problem)
        self.share.valueChanged.connect(lambda percent: self._ask("share", round(percent / 100, 6)))
        self.group.activated.connect(lambda at: self._ask("groups", self._groups[at]))
        self.where.editingFinished.connect(self._on_where)
        self.box.changed.connect(lambda box: self._ask("box", box))
        self.box.view_clicked.connect(self.box_to_view)

    def _show(self, model: DisplayFilter, facts: DisplayFacts) -> None:
        self.share.setValue(100 * model.share)
        self._show_groups(model.groups, facts)
        self.where.setText(format_condition(model.where))
        self._say("")
        self.box.show_box(model.box, facts.axes, facts.bounds)
        hidden = [] if facts.objects > 1 else [self.share, self.group]
        hidden += [] if facts.groups or self.group in hidden else [self.group]
        self.hide_rows([*hidden, *([] if facts.axes else [self.box])])

    def _show_groups(self, shown: tuple[str, ...] | None, facts: DisplayFacts) -> None:
        choices: list[tuple[str, ...] | None] = [None, *((name,) for name in facts.groups)]
        if shown not in choices:
            choices.append(shown)
        if choices != self._groups:
            self.group.clear()
            self.group.addItems([_name(choice) for choice in choices])
            self._groups = choices
        self.group.setCurrentIndex(choices.index(shown))

    def _on_where(self) -> None:
        if self._model is None or self.where.text() == format_condition(self._model.where):
            return
        try:
            where = parse_condition(self.where.text())
        except ValueError as error:
            self._say(str(error))
            return
        self._say("")
        self._ask("where", where)

    def _say(self, text: str) -> None:
        self.problem.setText(text)
        self.problem.setToolTip(plain_tip(text) if text else "")
        self.problem.setVisible(bool(text))


def _name(choice: tuple[str, ...] | None) -> str:
    if choice is None:
        return ALL_GROUPS
    return choice[0] if len(choice) == 1 else SEVERAL
