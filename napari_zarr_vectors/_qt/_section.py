"""One part of a panel: a heading over a form that sets one model and follows its signals."""

from __future__ import annotations

from collections.abc import Collection
from html import escape
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QFormLayout, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

if TYPE_CHECKING:
    from napari_zarr_vectors._controller._panels import DisplayFacts

__all__ = ["Section", "plain_label", "plain_tip", "shorten", "side_by_side", "wrapping_label"]

SPACING = 6


def plain_label(text: str = "") -> QLabel:
    """Give a label that never takes its text for HTML."""
    label = QLabel(text)
    label.setTextFormat(Qt.TextFormat.PlainText)
    return label


def wrapping_label() -> QLabel:
    """Give a label for texts that change: it takes the width that there is and asks for none."""
    label = plain_label()
    label.setWordWrap(True)
    policy = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
    policy.setHeightForWidth(True)
    label.setSizePolicy(policy)
    return label


def shorten(*combos: QComboBox) -> None:
    """Let a long choice be cut off rather than make the panel wide."""
    for combo in combos:
        combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        combo.setMinimumContentsLength(8)


def plain_tip(text: str) -> str:
    """Give a tool tip that shows this text as it is, also one that looks like HTML."""
    return f"<span>{escape(text)}</span>"


def side_by_side(*fields: tuple[QWidget, int]) -> QWidget:
    """Put fields into one row of a form, each with its stretch."""
    box = QWidget()
    layout = QHBoxLayout(box)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(SPACING)
    for field, stretch in fields:
        layout.addWidget(field, stretch)
    box.setFocusProxy(fields[0][0])
    return box


class Section(QWidget):
    """Widgets for some of a model's fields; `bind` gives it one, `unbind` lets go.

    The model is evented: its fields are set by name, ``model.events`` signals every change. Whatever it refuses is
    shown as it was.
    """

    def __init__(self, title: str) -> None:
        super().__init__()
        self._model: Any = None
        self._facts: DisplayFacts | None = None
        self._showing = False
        self._rows: list[tuple[QWidget, QWidget]] = []
        self._hidden: Collection[QWidget] = ()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SPACING)
        self._heading = plain_label(title)
        font = self._heading.font()
        font.setBold(True)
        self._heading.setFont(font)
        column.addWidget(self._heading)
        self.form = QFormLayout()
        self.form.setContentsMargins(SPACING, 0, 0, 0)
        self.form.setSpacing(SPACING)
        self.form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self.form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        column.addLayout(self.form)

    def add_row(self, name: str, field: QWidget, tip: str) -> None:
        """Add a field with its label; `tip` says in a sentence what it does."""
        label = plain_label(name)
        label.setBuddy(field)
        for widget in (label, field):
            widget.setToolTip(tip)
        field.setAccessibleName(name)
        self._rows.append((label, field))
        self.form.addRow(label, field)

    def hide_rows(self, hidden: Collection[QWidget]) -> None:
        """Take the rows of these fields out of the form, and put all others in."""
        if hidden == self._hidden:
            return
        self._hidden = hidden
        # Qt 5 leaves the spacing of a row behind whose widgets are only hidden.
        while self.form.rowCount():
            self.form.takeRow(0)
        for label, field in self._rows:
            shown = field not in hidden
            if shown:
                self.form.addRow(label, field)
            for widget in (label, field):
                widget.setVisible(shown)

    def labels(self) -> list[QWidget]:
        """Give the labels of all rows."""
        return [label for label, _ in self._rows]

    def bind(self, model: Any, facts: DisplayFacts) -> None:  # noqa: ANN401 - DisplayStyle or LodControl
        """Show a model and follow it, in place of the one before."""
        if model is not self._model:
            self.unbind()
            self._model = model
            model.events.connect(self._on_model)
        self._facts = facts
        self.refresh()

    def unbind(self) -> None:
        """Let go of the model."""
        if self._model is not None:
            self._model.events.disconnect(self._on_model)
        self._model = self._facts = None

    def refresh(self) -> None:
        """Show what the model says now; nothing is set by it."""
        if self._model is None or self._facts is None:
            return
        self._showing = True
        try:
            self._show(self._model, self._facts)
        finally:
            self._showing = False

    def _show(self, model: Any, facts: DisplayFacts) -> None:  # noqa: ANN401 - DisplayStyle or LodControl
        raise NotImplementedError

    def _ask(self, name: str, value: object) -> None:
        """Set a field of the model because a person did."""
        if self._showing or self._model is None:
            return
        try:
            setattr(self._model, name, value)
        except ValueError:
            self.refresh()

    def _on_model(self, info: object) -> None:
        self.refresh()
