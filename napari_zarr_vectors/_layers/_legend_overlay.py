"""A layer's legend in the canvas, as one of napari's overlays: it stacks with the others and follows the theme."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtGui import QFont, QFontMetricsF
from vispy.scene import Image, Node
from vispy.visuals.transforms import STTransform

from napari_zarr_vectors._layers._legend import Legend, drawing_of
from napari_zarr_vectors._layers._napari import (
    CanvasOverlay,
    LayerOverlayMixin,
    OverlayText,
    VispyCanvasOverlay,
    add_overlay,
    corner,
    register_overlay,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari.layers import Layer

__all__ = ["LegendOverlay", "register_legend", "show_legend"]

NAME = "zarr_vectors_legend"
FONT_SIZE = 10
LETTERS_PT = 256
PX_A_POINT = 96 / 72
"""As napari paints texts."""
EDGE_PX = 30.0
"""What a legend leaves free of the canvas' height, in all."""


class LegendOverlay(CanvasOverlay):
    """The model: what is to be said; a person may move it (`position`) and take the box away."""

    legend: Any = None
    """A `Legend`, or None."""


class _LegendNode(Node):
    """A picture and its texts."""

    def __init__(self, font_info: Any) -> None:  # noqa: ANN401 - napari's private type
        super().__init__()
        self.picture = Image(np.zeros((1, 1, 4), np.uint8), parent=self)
        self.picture.transform = STTransform()
        self.text = OverlayText(
            text="",
            pos=(0, 0),
            anchor_x="left",
            anchor_y="center",
            font_size=FONT_SIZE,
            font_info=font_info,
            parent=self,
        )

    def set_gl_state(self, **state: Any) -> None:  # noqa: ANN401 - vispy's
        """Set how both are blended."""
        for part in (self.picture, self.text):
            part.set_gl_state(**state)

    def _set_clipper(self, node: Any, clipper: Any) -> None:  # noqa: ANN401 - vispy's
        for child in self.children:
            child._set_clipper(node, clipper)


class VispyLegend(LayerOverlayMixin, VispyCanvasOverlay):
    """Draws a layer's legend in one canvas."""

    def __init__(self, *, font_info: Any, **options: Any) -> None:  # noqa: ANN401 - napari's
        super().__init__(node=_LegendNode(font_info), font_info=font_info, **options)
        self._room = self._canvas_px()
        self._face, self._metrics = "", QFontMetricsF(QFont())
        self.overlay.events.legend.connect(self._on_legend)
        self.overlay.events.box.connect(self._on_legend)
        self.overlay.events.box_color.connect(self._on_legend)
        self.viewer.canvas.events.background_color.connect(self._on_legend)
        self.viewer.canvas.events.size.connect(self._on_canvas_size)
        self.reset()

    def close(self) -> None:
        """Let go of the model."""
        for event in (self.overlay.events.legend, self.overlay.events.box, self.overlay.events.box_color):
            event.disconnect(self._on_legend)
        # Programs are left to the GL context, as `VispyStreaming.close` does and for the same reason.
        for part in (self.node.picture, self.node.text, *_simple(self.box)):
            part.view_program.delete = lambda: None
        super().close()

    def reset(self) -> None:
        """Draw everything anew."""
        super().reset()
        self._on_legend()

    def _canvas_px(self) -> float:
        return float(self.viewer.canvas.size[0])

    def _on_canvas_size(self, event: object = None) -> None:
        if self._canvas_px() != self._room:
            self._on_legend()

    def _on_legend(self, event: object = None) -> None:
        legend: Legend | None = self.overlay.legend
        if legend is None:
            return
        self._room = self._canvas_px()
        text, picture = self.node.text, self.node.picture
        text.font_size = FONT_SIZE  # once more: what it is to be divided by is known now
        ink = np.asarray(self._get_fgcolor(), dtype=np.float64)
        ink[3] = 1.0
        drawing = drawing_of(legend, text.get_line_height(), np.round(255 * ink).astype(np.uint8), self._room - EDGE_PX)
        picture.set_data(drawing.picture)
        picture.transform.translate = drawing.at
        picture.update()
        text.text = list(drawing.texts)
        text.pos = drawing.places
        text.color = ink
        ends = [begin + self._width(words) for words, begin in zip(drawing.texts, drawing.places[:, 0], strict=True)]
        self.x_size = max(drawing.picture.shape[1], *ends)
        half = text.get_line_height() / 2
        self.y_size = max(drawing.at[1] + drawing.picture.shape[0], drawing.places[:, 1].max() + half)
        self._on_position_change()

    def _width(self, words: str) -> float:
        """Give how wide a text is painted: letters are made at a large size, whose widths no hinting rounds."""
        face = self.node.text.face
        if face != self._face:
            self._face, self._metrics = face, QFontMetricsF(QFont(face, LETTERS_PT))
        return float(self._metrics.horizontalAdvance(words)) * FONT_SIZE / LETTERS_PT * PX_A_POINT


def _simple(visual: Any) -> Iterator[Any]:  # noqa: ANN401 - vispy's
    """Give what a compound visual is made of."""
    parts = getattr(visual, "_subvisuals", None)
    if parts is None:
        yield visual
    else:
        for part in parts:
            yield from _simple(part)


def register_legend() -> None:
    """Make the legend known to napari."""
    register_overlay(LegendOverlay, VispyLegend)


def show_legend(layer: Layer, legend: Legend | None) -> None:
    """Show a layer's legend, or none; where napari has no overlays nothing happens."""
    overlay = add_overlay(layer, NAME, lambda: LegendOverlay(position=corner()))
    if overlay is not None:
        if legend is not None:
            overlay.legend = legend
        overlay.visible = legend is not None
