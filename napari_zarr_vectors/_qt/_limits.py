"""A pair of numbers lo < hi: two boxes, a slider with two handles, and a way back to the data's own."""

from __future__ import annotations

import math

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QGridLayout, QHBoxLayout, QPushButton, QWidget
from superqt import QDoubleRangeSlider

from napari_zarr_vectors._qt._numbers import DIGITS, NumberSpin
from napari_zarr_vectors._qt._section import SPACING

__all__ = ["LimitsField"]

STEPS = 100
MOST_DIGITS = 17
"""With so many any two float64 differ."""
CURSOR = 6
"""What a field keeps free around its text."""
LONGEST = "-1.23457e+06"
"""As long as a limit of six digits is written at most, but for exponents of three."""


class LimitsField(QWidget):
    """Shows and asks for limits; it keeps none.

    Signals
    -------
    changed (float, float)
        A person wants these limits, lo < hi.
    from_data_clicked
        A person wants those of the data.
    from_view_clicked
        A person wants those of what is shown.
    """

    changed = Signal(float, float)
    from_data_clicked = Signal()
    from_view_clicked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shown = (0.0, 1.0)
        self._showing = False
        self._digits = DIGITS
        self.low, self.high = NumberSpin(), NumberSpin()
        self.low.setAccessibleName("Lower limit")
        self.high.setAccessibleName("Upper limit")
        self.slider = QDoubleRangeSlider(Qt.Orientation.Horizontal)
        self.from_data = QPushButton("Data")
        self.from_data.setToolTip("Take the limits from the data: the middle 99 % of a sample.")
        self.from_view = QPushButton("View")
        self.from_view.setToolTip("Take the limits from what is shown now: the middle 98 % of its values.")
        for button in (self.from_data, self.from_view):
            button.setStyleSheet("padding: 3px 4px;")
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACING)
        top = QHBoxLayout()
        top.setSpacing(SPACING)
        top.addWidget(self.slider, 1)
        top.addWidget(self.from_data)
        top.addWidget(self.from_view)
        layout.addLayout(top, 0, 0, 1, 2)
        for column, box in enumerate((self.low, self.high)):
            layout.addWidget(box, 1, column)
            layout.setColumnStretch(column, 1)
            # Without the arrows both are wide enough for their numbers; the keys still step.
            box.setButtonSymbols(NumberSpin.ButtonSymbols.NoButtons)
            box.steps_evenly = True
        self.make_room()
        self.setFocusProxy(self.low)
        self.low.valueChanged.connect(lambda low: self._emit(low, self._shown[1]))
        self.high.valueChanged.connect(lambda high: self._emit(self._shown[0], high))
        self.slider.valueChanged.connect(lambda pair: self._emit(*pair))
        self.from_data.clicked.connect(self.from_data_clicked)
        self.from_view.clicked.connect(self.from_view_clicked)

    def make_room(self) -> None:
        """Ask for the width of the longest number in the font that is in use, in place of napari's own width."""
        for box in (self.low, self.high):
            width = box.fontMetrics().horizontalAdvance(LONGEST + "0" * (box.digits - DIGITS)) + CURSOR
            box.setStyleSheet(f"min-width: {width}px; padding: 1px 1px;")

    def show_limits(self, limits: tuple[float, float] | None, data: tuple[float, float]) -> None:
        """Show limits, None for those of the data; the slider spans both."""
        self._showing = True
        try:
            self._shown = low, high = _as_floats(limits or data)
            data = _as_floats(data)
            digits = _digits(low, high)
            self.slider.setRange(min(low, data[0]), max(high, data[1]))
            self.slider.setSingleStep((self.slider.maximum() - self.slider.minimum()) / STEPS)
            self.slider.setValue((low, high))
            for box, value in ((self.low, low), (self.high, high)):
                box.set_digits(digits)
                box.setSingleStep((data[1] - data[0]) / STEPS)
                box.setValue(value)
            self.from_data.setEnabled(limits is not None)
            if digits != self._digits:
                self._digits = digits
                self.make_room()
        finally:
            self._showing = False

    def _emit(self, low: float, high: float) -> None:
        if self._showing:
            return
        if low < high:
            self.changed.emit(low, high)
        else:
            self._show_again()

    def _show_again(self) -> None:
        """Take back what cannot be."""
        self._showing = True
        try:
            self.low.setValue(self._shown[0])
            self.high.setValue(self._shown[1])
            self.slider.setValue(self._shown)
        finally:
            self._showing = False


def _as_floats(limits: tuple[float, float]) -> tuple[float, float]:
    """Give limits as boxes have them: whole numbers that float64 has not are rounded."""
    return float(limits[0]), float(limits[1])


def _digits(low: float, high: float) -> int:
    """Give how many digits tell limits, and some numbers between them, apart."""
    width = high - low
    if not width > 0:
        return DIGITS
    farthest = max(abs(low), abs(high))
    return min(MOST_DIGITS, max(DIGITS, math.ceil(math.log10(farthest / width)) + 3))
