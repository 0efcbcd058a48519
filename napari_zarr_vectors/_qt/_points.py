"""Points: how large, of which shape, how far around the sliders' position."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QCheckBox, QComboBox

from napari_zarr_vectors._qt._numbers import NumberSpin
from napari_zarr_vectors._qt._section import Section, side_by_side

if TYPE_CHECKING:
    from napari_zarr_vectors._controller._panels import DisplayFacts
    from napari_zarr_vectors._model import DisplayStyle

__all__ = ["PointsSection"]

SMALLEST = 1e-30
MODE_WIDTH = 95
"""Room for the words below; Qt's own minimum counts an icon that is not there."""
SIZE_MODES = {"px": "pixels", "world": "world"}
SHADINGS = {"flat": "squares", "round": "discs", "soft": "soft discs"}


class PointsSection(Section):
    """Sets `DisplayStyle.size`, `size_mode`, `adaptive_size`, `shading` and `slab_thickness`."""

    def __init__(self) -> None:
        super().__init__("Points")
        self.size = NumberSpin(SMALLEST)
        self.size_mode = QComboBox()
        self.size_mode.addItems(list(SIZE_MODES.values()))
        self.size_mode.setMinimumWidth(MODE_WIDTH)
        self.adaptive = QCheckBox("Larger where sparse")
        self.shading = QComboBox()
        self.shading.addItems(list(SHADINGS.values()))
        self.automatic_slab = QCheckBox("Auto")
        self.slab = NumberSpin(SMALLEST)
        size = side_by_side((self.size, 1), (self.size_mode, 1))
        self.add_row("Size", size, "Diameter of a point, on the screen or in the units of the data.")
        self.add_row("", self.adaptive, "Points of a coarse level grow until they touch, so that it leaves no gaps.")
        self.add_row("Shape", self.shading, "Squares are drawn fastest, soft discs look best.")
        slab = side_by_side((self.automatic_slab, 0), (self.slab, 1))
        tip = "How much is shown around a slider's position, in data units, along axes that are not displayed."
        self.add_row("Slab", slab, tip)
        self.size_mode.setAccessibleName("Unit of the size")
        self.slab.setAccessibleName("Slab thickness")
        self.size.valueChanged.connect(lambda size: self._ask("size", size))
        self.size_mode.activated.connect(lambda at: self._ask("size_mode", list(SIZE_MODES)[at]))
        self.adaptive.toggled.connect(lambda adaptive: self._ask("adaptive_size", adaptive))
        self.shading.activated.connect(lambda at: self._ask("shading", list(SHADINGS)[at]))
        self.automatic_slab.toggled.connect(self._on_automatic_slab)
        self.slab.valueChanged.connect(lambda slab: self._ask("slab_thickness", slab))

    def _show(self, model: DisplayStyle, facts: DisplayFacts) -> None:
        self.size.setValue(model.size)
        self.size_mode.setCurrentIndex(list(SIZE_MODES).index(model.size_mode))
        self.adaptive.setChecked(model.adaptive_size)
        self.shading.setCurrentIndex(list(SHADINGS).index(model.shading))
        automatic = model.slab_thickness is None
        self.automatic_slab.setChecked(automatic)
        self.automatic_slab.setEnabled(facts.ndim > 2)
        self.slab.setEnabled(facts.ndim > 2 and not automatic)
        self.slab.setValue(facts.slab if model.slab_thickness is None else model.slab_thickness)

    def _on_automatic_slab(self, automatic: bool) -> None:
        self._ask("slab_thickness", None if automatic else self.slab.value())
