"""Colour: one for all, or by an attribute: its colormap and limits, or its legend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QCheckBox, QColorDialog, QComboBox, QListWidget, QListWidgetItem, QPushButton

from napari_zarr_vectors._qt._limits import LimitsField
from napari_zarr_vectors._qt._numbers import NumberSpin
from napari_zarr_vectors._qt._pictures import strip
from napari_zarr_vectors._qt._section import Section, plain_tip, shorten

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_zarr_vectors._controller._panels import DisplayFacts
    from napari_zarr_vectors._model import DisplayStyle

__all__ = ["ColorSection"]

ONE_COLOR = "one colour"
STRIP = QSize(64, 12)
SWATCH = QSize(12, 12)
LEGEND_ROWS = 6
MOST_LEGEND = 4096


class ColorSection(Section):
    """Sets `DisplayStyle.color_by`, `color_mode`, `color`, `colormap`, `contrast_limits`, `gamma` and `legend`.

    Parameters
    ----------
    colormaps : mapping of str to (n, 4) uint8
        Those to choose from.
    """

    def __init__(self, colormaps: Mapping[str, npt.NDArray[np.uint8]]) -> None:
        super().__init__("Colour")
        self.color_by = QComboBox()
        self.color = QPushButton()
        self.color.setIconSize(STRIP)
        self.colormap = QComboBox()
        self.colormap.setIconSize(STRIP)
        for name, colors in colormaps.items():
            self.colormap.addItem(strip(colors, STRIP), name)
        self.as_labels = QCheckBox("Numbers are labels")
        self.limits = LimitsField()
        self.gamma = NumberSpin(0.01, 100.0)
        self.in_canvas = QCheckBox("Legend in the canvas")
        self.legend = QListWidget()
        self.legend.setIconSize(SWATCH)
        self.legend.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.legend.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._legend_of: tuple[tuple[str, ...], Sequence[int]] = ((), ())
        self._choices: list[str | None] = []
        self.add_row("Colour by", self.color_by, "The attribute that colours the points.")
        self.add_row("", self.as_labels, "Whole numbers are names and no amounts: each has a colour of its own.")
        self.add_row("Colour", self.color, "The colour of all points.")
        self.add_row("Colormap", self.colormap, "Colours from the lowest to the highest value.")
        self.add_row("Limits", self.limits, "Values at the two ends of the colormap.")
        self.add_row("Gamma", self.gamma, "Below 1 brightens low values, above 1 darkens them.")
        self.add_row("Legend", self.legend, "Colour of each category.")
        self.add_row("", self.in_canvas, "Say in the canvas, and in pictures of it, what the colours mean.")
        shorten(self.color_by, self.colormap)
        self.color_by.activated.connect(lambda at: self._ask("color_by", self._choices[at]))
        self.color.clicked.connect(self._on_color)
        self.as_labels.toggled.connect(lambda cycle: self._ask("color_mode", "cycle" if cycle else "colormap"))
        self.colormap.activated.connect(lambda at: self._ask("colormap", self.colormap.itemText(at)))
        self.limits.changed.connect(lambda low, high: self._ask("contrast_limits", (low, high)))
        self.limits.from_data_clicked.connect(lambda: self._ask("contrast_limits", None))
        self.gamma.valueChanged.connect(lambda gamma: self._ask("gamma", gamma))
        self.in_canvas.toggled.connect(lambda shown: self._ask("legend", shown))

    def _show(self, model: DisplayStyle, facts: DisplayFacts) -> None:
        kind = "none" if model.color_by is None else facts.kind
        may_be_labels = kind != "none" and bool(facts.labels)
        self.as_labels.setChecked(model.color_mode == "cycle")
        if may_be_labels:
            kind = "category" if model.color_mode == "cycle" else "scalar"
        self._show_choices(model.color_by, facts)
        self.color.setIcon(strip(np.round(np.array([model.color]) * 255).astype(np.uint8), STRIP))
        self._show_colormap(model.colormap)
        self.limits.show_limits(model.contrast_limits, facts.limits)
        self.gamma.setValue(model.gamma)
        if kind == "category":
            self._show_legend(facts)
        self.in_canvas.setChecked(model.legend)
        rows = {"none": [self.color], "scalar": [self.colormap, self.limits, self.gamma], "category": [self.legend]}
        hidden = [field for of, fields in rows.items() if of != kind for field in fields]
        hidden += [] if may_be_labels else [self.as_labels]
        self.hide_rows([*hidden, *([self.in_canvas] if kind in ("none", "rgb") else [])])

    def _show_choices(self, color_by: str | None, facts: DisplayFacts) -> None:
        choices: list[str | None] = [None, *facts.attributes]
        if color_by not in choices:
            choices.append(color_by)
        if choices != self._choices:
            self.color_by.clear()
            self.color_by.addItems([ONE_COLOR if name is None else name for name in choices])
            self._choices = choices
        self.color_by.setCurrentIndex(choices.index(color_by))

    def _show_colormap(self, name: str) -> None:
        at = self.colormap.findText(name)
        if at < 0:
            self.colormap.addItem(name)
            at = self.colormap.count() - 1
        self.colormap.setCurrentIndex(at)

    def _show_legend(self, facts: DisplayFacts) -> None:
        codes: Sequence[int] = facts.labels[:MOST_LEGEND] or range(len(facts.words))[:MOST_LEGEND]
        words = tuple(map(str, codes)) if facts.labels else facts.words[:MOST_LEGEND]
        if (words, codes) == self._legend_of:
            return
        self._legend_of = words, codes
        self.legend.clear()
        for code, word in zip(codes, words, strict=True):
            color = facts.colors[code % len(facts.colors)]
            item = QListWidgetItem(strip(color[None], SWATCH), word)
            item.setToolTip(plain_tip(word))
            self.legend.addItem(item)
        rows = min(max(len(words), 1), LEGEND_ROWS)
        self.legend.setFixedHeight(rows * max(self.legend.sizeHintForRow(0), SWATCH.height()) + 6)

    def _on_color(self) -> None:
        """Ask for a colour in the system's own dialog."""
        if self._model is None:
            return
        before = QColor.fromRgbF(*self._model.color)
        options = QColorDialog.ColorDialogOption.ShowAlphaChannel
        chosen = QColorDialog.getColor(before, self, "Colour of all points", options)
        if chosen.isValid():
            self._ask("color", chosen.getRgbF())
