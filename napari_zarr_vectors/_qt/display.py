"""The display panel: how one streaming layer looks, how much of it is shown, and how far that is.

It shows two models and sets them, in both directions without loops: what a person changes is set in the model, what
the model signals is shown, and showing sets nothing. The status is asked for a few times a second while somebody
can see it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from qtpy.QtCore import QSize, Qt, QTimer
from qtpy.QtWidgets import QFrame, QScrollArea, QStackedLayout, QVBoxLayout, QWidget
from superqt import QElidingLabel

from napari_zarr_vectors._qt._colors import ColorSection
from napari_zarr_vectors._qt._detail import DetailSection
from napari_zarr_vectors._qt._points import PointsSection
from napari_zarr_vectors._qt._section import plain_label
from napari_zarr_vectors._qt._shown import ShownSection
from napari_zarr_vectors._qt._status import StatusView

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from qtpy.QtGui import QHideEvent, QShowEvent

    from napari_zarr_vectors._controller._panels import DisplayFacts, DisplayTarget
    from napari_zarr_vectors._controller._views import DisplayActions
    from napari_zarr_vectors._model import DisplayFilter, DisplayStyle, LodControl

__all__ = ["DisplayDock", "DisplayPanel"]

POLL_MS = 200
MARGIN = 8
WIDTH = 320
NOTHING = (
    "No streaming layer is selected.\n\n"
    "Open a Zarr Vectors store (File > Open Folder, or drop one on the window), or select its layer in the layer list."
)


class DisplayPanel(QWidget):
    """Everything that can be set for one layer.

    Parameters
    ----------
    colormaps : mapping of str to (n, 4) uint8
        Colormaps to choose from, with their colours from the lowest to the highest value.
    """

    def __init__(self, colormaps: Mapping[str, npt.NDArray[np.uint8]]) -> None:
        super().__init__()
        self.name = QElidingLabel()
        self.name.setTextFormat(Qt.TextFormat.PlainText)
        self.status = StatusView()
        self.detail = DetailSection()
        self.points = PointsSection()
        self.colors = ColorSection(colormaps)
        self.shown = ShownSection()
        column = QVBoxLayout(self)
        column.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        column.setSpacing(MARGIN)
        for widget in (self.name, self.status, self.detail, self.points, self.colors, self.shown):
            column.addWidget(widget)
        column.addStretch(1)
        self._timer = QTimer(self)
        self._timer.setInterval(POLL_MS)
        self._timer.timeout.connect(self.poll)
        self._bound = False
        self._actions: DisplayActions | None = None
        self.shown.box_to_view.connect(lambda: self._act("box_to_view"))
        self.colors.limits.from_view_clicked.connect(lambda: self._act("limits_to_view"))

    @property
    def polls(self) -> bool:
        """Whether the status is being asked for."""
        return bool(self._timer.isActive())

    def bind(
        self,
        style: DisplayStyle,
        lod: LodControl,
        facts: DisplayFacts,
        shown: DisplayFilter | None = None,
        actions: DisplayActions | None = None,
    ) -> None:
        """Show a layer and follow it, in place of the one before; without a filter all of it is shown."""
        self._bound, self._actions = True, actions
        self.name.setText(facts.name)
        self.detail.bind(lod, facts)
        self.points.bind(style, facts)
        self.colors.bind(style, facts)
        self.shown.setVisible(shown is not None)
        if shown is None:
            self.shown.unbind()
        else:
            self.shown.bind(shown, facts)
        self.status.bind(lod)
        self._poll_while_seen()

    def unbind(self) -> None:
        """Let go of the layer; nothing refers to the panel any more."""
        self.release()
        self._timer.stop()

    def release(self) -> None:
        """Disconnect from the models and touch no widget: Qt may have deleted them."""
        self._bound, self._actions = False, None
        for part in (self.detail, self.points, self.colors, self.shown):
            part.unbind()
        self.status.bind(None)

    def poll(self) -> None:
        """Show the status as it is now."""
        self.status.poll()
        self.detail.show_in_force()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Begin to ask for the status."""
        super().showEvent(event)
        self._align()
        self._poll_while_seen()

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802 - Qt's name
        """Stop asking."""
        super().hideEvent(event)
        self._timer.stop()

    def _act(self, name: str) -> None:
        if self._actions is not None:
            getattr(self._actions, name)()

    def _poll_while_seen(self) -> None:
        if self._bound and self.isVisible():
            self.poll()
            self._timer.start()
        else:
            self._timer.stop()

    def _align(self) -> None:
        """Let the fields of all sections begin at the same place; fonts are known once the panel is shown."""
        self.colors.limits.make_room()
        labels = [label for part in (self.detail, self.points, self.colors, self.shown) for label in part.labels()]
        width = max(label.sizeHint().width() for label in labels)
        for label in labels:
            label.setFixedWidth(width)


class DisplayDock(QWidget):
    """The display panel of the selected layer, or a sentence when there is none.

    Parameters
    ----------
    colormaps : mapping of str to (n, 4) uint8
        As for `DisplayPanel`.
    """

    def __init__(self, colormaps: Mapping[str, npt.NDArray[np.uint8]]) -> None:
        super().__init__()
        self.panel = DisplayPanel(colormaps)
        self.nothing = plain_label(NOTHING)
        self.nothing.setWordWrap(True)
        self.nothing.setMargin(MARGIN)
        self.nothing.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setWidget(self.panel)
        self._stack = QStackedLayout(self)
        self._stack.addWidget(self.nothing)
        self._stack.addWidget(self._scroll)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Ask for no more than the panel needs."""
        return QSize(max(WIDTH, self.minimumSizeHint().width()), self.panel.sizeHint().height())

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Ask for the width at which nothing is cut off; the height may be scrolled."""
        return QSize(self.panel.minimumSizeHint().width(), super().minimumSizeHint().height())

    @property
    def is_empty(self) -> bool:
        """Whether there is no layer to show."""
        return self._stack.currentWidget() is self.nothing

    def show_target(self, target: DisplayTarget | None) -> None:
        """Show a layer, or that there is none."""
        if target is None:
            self.panel.unbind()
            self._stack.setCurrentWidget(self.nothing)
        else:
            self.panel.bind(target.style, target.lod, target.facts, target.shown, target.actions)
            self._stack.setCurrentWidget(self._scroll)
