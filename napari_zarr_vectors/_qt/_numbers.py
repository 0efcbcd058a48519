"""Boxes for numbers of any size: counts with separators that step 1-2-5, and floats that step by their magnitude."""

from __future__ import annotations

import math
import re

from qtpy.QtGui import QValidator
from qtpy.QtWidgets import QDoubleSpinBox, QSpinBox, QWidget

__all__ = ["DIGITS", "CountSpin", "NumberSpin", "format_count", "parse_count", "step_count"]

LARGEST_COUNT = 2**31 - 1
LARGEST = 1e300
DECIMALS = 30
DIGITS = 6
_FACTORS = {"": 1, "k": 1_000, "m": 1_000_000}
_COUNT = re.compile(r"(\d+(?:\.\d+)?)([km]?)")
_FLOAT_PART = re.compile(r"[-+]?\d*\.?\d*(?:[eE][-+]?\d*)?")


def format_count(count: int) -> str:
    """Write a count with thousands apart: ``1,234,567``."""
    return f"{count:,}"


def parse_count(text: str) -> int | None:
    """Read a count, also as ``500k`` or ``1.5 M``; None for anything else."""
    found = _COUNT.fullmatch(re.sub(r"[\s,_']", "", text).lower())
    return None if found is None else round(float(found[1]) * _FACTORS[found[2]])


def step_count(count: int, steps: int) -> int:
    """Go to the next number of 1, 2, 5, 10, 20, 50.. above (or, for `steps` < 0, below) a count, so many times."""
    for _ in range(abs(steps)):
        decade = 10 ** (len(str(count)) - 1)
        around = [decade // 2, decade, 2 * decade, 5 * decade, 10 * decade]
        count = min(n for n in around if n > count) if steps > 0 else max((n for n in around if n < count), default=1)
    return max(1, count)


class CountSpin(QSpinBox):
    """A whole number from 1 on, signalled when it is complete."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setRange(1, LARGEST_COUNT)
        self.setKeyboardTracking(False)

    def textFromValue(self, value: int) -> str:  # noqa: N802 - Qt's name
        """Write the number."""
        return format_count(value)

    def valueFromText(self, text: str) -> int:  # noqa: N802 - Qt's name
        """Read the number."""
        found = parse_count(text)
        return int(self.value()) if found is None else min(max(found, 1), LARGEST_COUNT)

    def validate(self, text: str, at: int) -> tuple[QValidator.State, str, int]:
        """Let every text through that is, or may become, a count."""
        good = parse_count(text) is not None
        part = re.fullmatch(r"[\d\s,_'.kKmM]*", text) is not None
        state = QValidator.State.Intermediate if part else QValidator.State.Invalid
        return (QValidator.State.Acceptable if good else state), text, at

    def stepBy(self, steps: int) -> None:  # noqa: N802 - Qt's name
        """Step through 1, 2, 5, 10, .."""
        self.setValue(min(step_count(self.value(), steps), LARGEST_COUNT))


class NumberSpin(QDoubleSpinBox):
    """A float, shown with six digits or as many as are set, signalled when it is complete.

    It steps by a tenth to a hundredth of itself, or by `setSingleStep` once `steps_evenly` is set.
    """

    def __init__(self, lowest: float = -LARGEST, highest: float = LARGEST, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.steps_evenly = False
        self.digits = DIGITS
        self.setDecimals(DECIMALS)  # what Qt rounds to
        self.setRange(lowest, highest)
        self.setKeyboardTracking(False)

    def textFromValue(self, value: float) -> str:  # noqa: N802 - Qt's name
        """Write the number."""
        return f"{value:.{self.digits}g}"

    def set_digits(self, digits: int) -> None:
        """Show so many digits from now on."""
        self.digits = digits

    def valueFromText(self, text: str) -> float:  # noqa: N802 - Qt's name
        """Read the number; a text that nobody edited stands for all digits."""
        value = float(self.value())
        if text.strip() == self.textFromValue(value):
            return value
        try:
            return float(text)
        except ValueError:
            return value

    def validate(self, text: str, at: int) -> tuple[QValidator.State, str, int]:
        """Let every text through that is, or may become, a number in range."""
        text = text.strip()
        if _FLOAT_PART.fullmatch(text) is None:
            return QValidator.State.Invalid, text, at
        try:
            good = self.minimum() <= float(text) <= self.maximum()
        except ValueError:
            good = False
        return (QValidator.State.Acceptable if good else QValidator.State.Intermediate), text, at

    def stepBy(self, steps: int) -> None:  # noqa: N802 - Qt's name
        """Step by a number that fits the value."""
        value = float(self.value())
        step = self.singleStep()
        if value and not self.steps_evenly:
            step = 10.0 ** (math.floor(math.log10(abs(value)) + 1e-9) - 1)
        self.setValue(float(f"{value + steps * step:.12g}"))
