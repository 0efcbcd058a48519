"""A box: whether there is one, two numbers an axis, and a way to take what is in view."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QGridLayout, QPushButton, QWidget

from napari_zarr_vectors._qt._numbers import NumberSpin
from napari_zarr_vectors._qt._section import SPACING, plain_label

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["BoxField"]

Box = tuple[tuple[float, ...], tuple[float, ...]]

STEPS = 100


class BoxField(QWidget):
    """Shows and asks for a box; it keeps none.

    Signals
    -------
    changed (object)
        A person wants this box, ``(lo, hi)``, or None for no box.
    view_clicked
        A person wants the box of what is in view.
    """

    changed = Signal(object)
    view_clicked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._showing = False
        self._bounds: Box = ((), ())
        self._box: Box | None = None
        self._axes: tuple[str, ...] = ()
        self.on = QCheckBox("Only inside")
        self.to_view = QPushButton("To view")
        self.to_view.setStyleSheet("padding: 3px 2px;")
        self.to_view.setToolTip("Take the box around what is in view now.")
        self.rows: list[tuple[QWidget, NumberSpin, NumberSpin]] = []
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(SPACING)
        self._grid.addWidget(self.on, 0, 0, 1, 2)
        self._grid.addWidget(self.to_view, 0, 2)
        self._grid.setColumnStretch(1, 1)
        self._grid.setColumnStretch(2, 1)
        self.setFocusProxy(self.on)
        self.on.toggled.connect(self._on_toggled)
        self.to_view.clicked.connect(self.view_clicked)

    def show_box(self, box: Box | None, axes: Sequence[str], bounds: Box) -> None:
        """Show a box, None for none; where it has no bound that of the data is shown."""
        self._showing = True
        try:
            self._box, self._bounds = box, bounds
            if tuple(axes) != self._axes:
                self._make_rows(tuple(axes))
            self.on.setChecked(box is not None)
            lo, hi = self._shown()
            for axis, (label, low, high) in enumerate(self.rows):
                for spin, value in ((low, lo[axis]), (high, hi[axis])):
                    spin.setSingleStep((bounds[1][axis] - bounds[0][axis]) / STEPS or 1.0)
                    spin.setValue(value)
                for widget in (label, low, high):
                    widget.setVisible(box is not None)
        finally:
            self._showing = False

    def _shown(self) -> Box:
        lo, hi = self._bounds
        if self._box is None:
            return self._bounds
        ends = (np.where(np.isinf(own), given, own) for own, given in zip(self._box, (lo, hi), strict=True))
        low, high = (tuple(map(float, end)) for end in ends)
        return low, high

    def _make_rows(self, axes: tuple[str, ...]) -> None:
        for row in self.rows:
            for widget in row:
                self._grid.removeWidget(widget)
                widget.deleteLater()
        self._axes, self.rows = axes, []
        for axis, name in enumerate(axes):
            label, low, high = plain_label(name), NumberSpin(), NumberSpin()
            for spin, which in ((low, "from"), (high, "to")):
                spin.setButtonSymbols(NumberSpin.ButtonSymbols.NoButtons)
                spin.steps_evenly = True
                spin.setAccessibleName(f"Box along {name}, {which}")
                spin.valueChanged.connect(self._on_number)
            for column, widget in enumerate((label, low, high)):
                self._grid.addWidget(widget, axis + 1, column)
            self.rows.append((label, low, high))

    def _on_toggled(self, on: bool) -> None:
        if not self._showing:
            self.changed.emit(self._bounds if on else None)

    def _on_number(self, value: float) -> None:
        if self._showing:
            return
        lo = tuple(low.value() for _, low, _ in self.rows)
        hi = tuple(high.value() for _, _, high in self.rows)
        if all(a <= b for a, b in zip(lo, hi, strict=True)):
            self.changed.emit((lo, hi))
        else:
            self.show_box(self._box, self._axes, self._bounds)  # takes back what cannot be
