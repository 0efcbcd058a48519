"""Level of detail: how many vertices, of which level."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QCheckBox, QComboBox, QSlider

from napari_zarr_vectors._qt._numbers import CountSpin, format_count
from napari_zarr_vectors._qt._section import Section, shorten, side_by_side

if TYPE_CHECKING:
    from napari_zarr_vectors._controller._panels import DisplayFacts
    from napari_zarr_vectors._model import LodControl

__all__ = ["BUDGETS", "DetailSection"]

BUDGETS = tuple(digit * 10**power for power in (4, 5, 6, 7) for digit in (1, 2, 5))
"""What the slider offers."""


class DetailSection(Section):
    """Sets `LodControl.budget` and `level`."""

    def __init__(self) -> None:
        super().__init__("Level of detail")
        self.automatic = QCheckBox("Auto")
        self.budget = CountSpin()
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, len(BUDGETS) - 1)
        self.slider.setPageStep(3)
        self.slider.setAccessibleName("Point budget, coarse steps")
        self.level = QComboBox()
        shorten(self.level)
        self._numbers: list[int | None] = []
        tip = "The most vertices that are drawn at once. Auto: as many as this machine draws in time."
        self.add_row("Budget", side_by_side((self.automatic, 0), (self.budget, 1)), tip)
        self.add_row("", self.slider, tip)
        self.budget.setAccessibleName("Point budget")
        self.add_row("Level", self.level, "By camera, or one level only; as much of it as the budget allows.")
        self.automatic.toggled.connect(self._on_automatic)
        self.budget.valueChanged.connect(lambda count: self._ask("budget", count))
        self.slider.valueChanged.connect(lambda at: self._ask("budget", BUDGETS[at]))
        self.level.activated.connect(lambda at: self._ask("level", self._numbers[at]))

    def show_in_force(self) -> None:
        """Show the number that is in force now, while it is chosen automatically."""
        if self._model is None or self._model.budget != "auto":
            return
        self._showing = True
        try:
            self._show_budget(self._model.status.budget)
        finally:
            self._showing = False

    def _show(self, model: LodControl, facts: DisplayFacts) -> None:
        automatic = model.budget == "auto"
        self.automatic.setChecked(automatic)
        for field in (self.budget, self.slider):
            field.setEnabled(not automatic)
        self._show_budget(model.status.budget if model.budget == "auto" else model.budget)
        self._show_levels(model.level, facts)

    def _show_budget(self, budget: int) -> None:
        self.budget.setValue(budget)
        self.slider.setValue(sum(budget >= number for number in BUDGETS[1:]))

    def _show_levels(self, level: int | None, facts: DisplayFacts) -> None:
        names: dict[int | None, str] = {None: "By camera"}
        names |= {number: f"Level {number}: {format_count(count)} vertices" for number, count in facts.levels}
        if level not in names:
            names[level] = f"Level {level}"
        if [self.level.itemText(i) for i in range(self.level.count())] != list(names.values()):
            self.level.clear()
            self.level.addItems(list(names.values()))
        self._numbers = list(names)
        self.level.setCurrentIndex(self._numbers.index(level))

    def _on_automatic(self, automatic: bool) -> None:
        self._ask("budget", "auto" if automatic else self.budget.value())
