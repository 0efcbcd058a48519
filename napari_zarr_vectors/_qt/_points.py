"""Points, lines or a surface: how large, of which shape, how far around the sliders' position."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QCheckBox, QComboBox

from napari_zarr_vectors._qt._numbers import NumberSpin
from napari_zarr_vectors._qt._section import Section, shorten, side_by_side

if TYPE_CHECKING:
    from napari_zarr_vectors._controller._panels import DisplayFacts
    from napari_zarr_vectors._model import DisplayStyle

__all__ = ["PointsSection"]

ONE_SIZE = "one size"
SMALLEST = 1e-30
MODE_WIDTH = 112
"""Room for the words below; Qt's own minimum counts an icon that is not there."""
SIZE_MODES = {"px": "pixels", "world": "data units"}
SHADINGS = {
    "points": {"flat": "squares", "round": "discs", "soft": "soft discs"},
    "lines": {"flat": "plain", "round": "tubes", "soft": "soft edges"},
    "surface": {"round": "smooth", "flat": "faces", "soft": "no light"},
}
HEADINGS = {"points": "Points", "lines": "Lines", "surface": "Surface"}
SIZES = {"points": "Size", "lines": "Width", "surface": "Wires"}


class PointsSection(Section):
    """Sets `DisplayStyle.size`, `size_mode`, `size_by`, `adaptive_size`, `shading`, `node_size`, `slab_thickness`.."""

    def __init__(self) -> None:
        super().__init__("Points")
        self.size = NumberSpin(SMALLEST)
        self.size_mode = QComboBox()
        self.size_mode.addItems(list(SIZE_MODES.values()))
        self.size_mode.setMinimumWidth(MODE_WIDTH)
        self.adaptive = QCheckBox("Larger where sparse")
        self.dome = QCheckBox("Shade by depth")
        self.nodes = NumberSpin(0.0)
        self.size_by = QComboBox()
        shorten(self.size_by)
        self._sizes: list[str | None] = []
        self.wireframe = QCheckBox("Edges only")
        self.backfaces = QCheckBox("Both sides")
        self.shading = QComboBox()
        self._shape = ""
        self.automatic_slab = QCheckBox("Auto")
        self.slab = NumberSpin(SMALLEST)
        size = side_by_side((self.size, 1), (self.size_mode, 1))
        self.add_row("Size", size, "Diameter of a point or width of a line, on the screen or in units of the data.")
        self.add_row("Size by", self.size_by, "The attribute that the size of each vertex is multiplied with.")
        self.add_row("", self.wireframe, "Draw the edges of faces only.")
        self.add_row("", self.backfaces, "Also draw faces that turn away.")
        self.add_row("", self.adaptive, "Points of a coarse level grow until they touch, so that it leaves no gaps.")
        nodes = "Diameter of a ball at each vertex, in the unit of the width; 0 for none."
        self.add_row("Nodes", self.nodes, nodes)
        dome = "In 3-D, what has nearer points beside it is darker (eye-dome lighting). Not where light adds up."
        self.add_row("", self.dome, dome)
        self.add_row("Shape", self.shading, "How it is drawn; the first is the fastest.")
        slab = side_by_side((self.automatic_slab, 0), (self.slab, 1))
        tip = "How much is shown around a slider's position, in data units, along axes that are not displayed."
        self.add_row("Slab", slab, tip)
        self.size_mode.setAccessibleName("Unit of the size")
        self.slab.setAccessibleName("Slab thickness")
        self.size.valueChanged.connect(lambda size: self._ask("size", size))
        self.nodes.valueChanged.connect(lambda size: self._ask("node_size", size))
        self.size_mode.activated.connect(lambda at: self._ask("size_mode", list(SIZE_MODES)[at]))
        self.adaptive.toggled.connect(lambda adaptive: self._ask("adaptive_size", adaptive))
        self.dome.toggled.connect(lambda on: self._ask("eye_dome", float(on)))
        self.size_by.activated.connect(lambda at: self._ask("size_by", self._sizes[at]))
        self.wireframe.toggled.connect(lambda wires: self._ask("wireframe", wires))
        self.backfaces.toggled.connect(lambda drawn: self._ask("backfaces", drawn))
        self.shading.activated.connect(lambda at: self._ask("shading", list(SHADINGS[self._shape])[at]))
        self.automatic_slab.toggled.connect(self._on_automatic_slab)
        self.slab.valueChanged.connect(lambda slab: self._ask("slab_thickness", slab))

    def _show(self, model: DisplayStyle, facts: DisplayFacts) -> None:
        self._show_shape(facts)
        self._show_sizes(model.size_by, facts)
        self.wireframe.setChecked(model.wireframe)
        self.backfaces.setChecked(model.backfaces)
        self.size.setValue(model.size)
        self.size_mode.setCurrentIndex(list(SIZE_MODES).index(model.size_mode))
        self.adaptive.setChecked(model.adaptive_size)
        self.dome.setChecked(model.eye_dome > 0)
        self.nodes.setValue(model.node_size)
        self.shading.setCurrentIndex(list(SHADINGS[self._shape]).index(model.shading))
        automatic = model.slab_thickness is None
        self.automatic_slab.setChecked(automatic)
        self.automatic_slab.setEnabled(facts.ndim > 2)
        self.slab.setEnabled(facts.ndim > 2 and not automatic)
        self.slab.setValue(facts.slab if model.slab_thickness is None else model.slab_thickness)

    def _show_shape(self, facts: DisplayFacts) -> None:
        """Name what is drawn, and hide what says nothing of it."""
        if facts.shape != self._shape:
            self._shape = facts.shape
            self._heading.setText(HEADINGS[facts.shape])
            self._rows[0][0].setText(SIZES[facts.shape])
            self.shading.clear()
            self.shading.addItems(list(SHADINGS[facts.shape].values()))
        only = {
            "points": [self.adaptive, self.dome],
            "lines": [self.nodes],
            "surface": [self.wireframe, self.backfaces],
        }
        hidden = [field for shape, fields in only.items() if shape != facts.shape for field in fields]
        self.hide_rows([*hidden, *([self.size_by] if facts.shape == "surface" or not facts.sizes else [])])

    def _show_sizes(self, size_by: str | None, facts: DisplayFacts) -> None:
        choices: list[str | None] = [None, *facts.sizes]
        if size_by not in choices:
            choices.append(size_by)
        if choices != self._sizes:
            self.size_by.clear()
            self.size_by.addItems([ONE_SIZE if name is None else name for name in choices])
            self._sizes = choices
        self.size_by.setCurrentIndex(choices.index(size_by))

    def _on_automatic_slab(self, automatic: bool) -> None:
        self._ask("slab_thickness", None if automatic else self.slab.value())
