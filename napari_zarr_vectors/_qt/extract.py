"""The panel "Extract": a part of the selected layer's store to ordinary layers or a new store, and stills.

It asks and shows: jobs run on threads of their own, and are looked at a few times a second.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from qtpy.QtCore import QSize, Qt, QTimer
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QFormLayout,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QStackedLayout,
    QVBoxLayout,
    QWidget,
)
from superqt import QElidingLabel

from napari_zarr_vectors._qt._numbers import NumberSpin, format_count
from napari_zarr_vectors._qt._section import SPACING, plain_label, shorten, side_by_side, wrapping_label
from zarr_vectors.exceptions import ZarrVectorsError

if TYPE_CHECKING:
    from qtpy.QtGui import QHideEvent, QShowEvent

    from napari_zarr_vectors._controller._extract_panel import ExtractTarget, Outcome

__all__ = ["ExtractDock"]

POLL_MS = 100
COUNT_EVERY = 4
"""Polls from one look at the view to the next."""
MARGIN = 8
WIDTH = 320
FULL = 1000
LARGEST_SCALE = 20.0
NOTHING = (
    "No streaming layer is selected.\n\n"
    "Open a Zarr Vectors store (File > Open Folder, or drop one on the window), or select its layer in the layer list."
)
PARTS: tuple[tuple[Literal["visible", "selected", "all"], str], ...] = (
    ("visible", "What is in view"),
    ("selected", "Selected objects"),
    ("all", "All that the filter leaves"),
)
DETAILS = ((None, "All in view, of the finest level"), ("shown", "As much as is shown"))


FAILED = "It failed; napari's notifications say why."


class Running:
    """What a dock has begun; it outlives the dock's widgets by the moment that it takes to end it."""

    def __init__(self) -> None:
        self.job: Any = None
        self.counting: Any = None
        self.stop: threading.Event | None = None

    def cancel(self) -> None:
        """Ask what was asked for to end."""
        if self.job is not None:
            self.job.cancel()
        if self.stop is not None:
            self.stop.set()

    def end(self) -> None:
        """Ask everything to end."""
        self.cancel()
        if self.counting is not None:
            self.counting.cancel()


class ExtractDock(QWidget):
    """Extracts of the selected layer, or says that there is none."""

    def __init__(self) -> None:
        super().__init__()
        self._target: ExtractTarget | None = None
        self.running = Running()
        self._job_target: ExtractTarget | None = None
        self._counted: object = None
        self._generation = 0
        self._polls = 0
        self._written: Path | None = None
        self._make_widgets()
        self._lay_out()
        self._timer = QTimer(self)
        self._timer.setInterval(POLL_MS)
        self._timer.timeout.connect(self.poll)
        self._connect()
        self._show_state()

    # -- widgets

    def _make_widgets(self) -> None:
        self.name = QElidingLabel()
        self.name.setTextFormat(Qt.TextFormat.PlainText)
        self.part, self.level, self.to = QComboBox(), QComboBox(), QComboBox()
        for _, text in PARTS:
            self.part.addItem(text)
        self.to.addItems(["New layers of napari", "A new store"])
        self.path, self.browse = QLineEdit(), QPushButton("Choose...")
        self.path.setPlaceholderText("where the new store is to be")
        self.place = side_by_side((self.path, 1), (self.browse, 0))
        self.unlimited = QCheckBox("However large it is")
        self.run, self.cancel, self.open = QPushButton("Extract"), QPushButton("Cancel"), QPushButton("Open it")
        self.progress = QProgressBar()
        self.progress.setRange(0, FULL)
        self.said = wrapping_label()
        self.scale = NumberSpin(0.1, LARGEST_SCALE)
        self.scale.setValue(2.0)
        self.detail = QComboBox()
        for _, text in DETAILS:
            self.detail.addItem(text)
        shorten(self.part, self.level, self.to, self.detail)
        self.still = QPushButton("Save still...")

    def _lay_out(self) -> None:
        self._form = _form(
            ("Part", self.part, "Complete at the level below, whatever is loaded now."),
            ("Level", self.level, "How fine, and how many vertices that gives."),
            ("To", self.to, "Layers that napari's own tools edit and save; or a store with all that is said."),
            ("Place", self.place, "A path that is free; the store appears there once it is whole."),
            (
                "Limit",
                self.unlimited,
                "Also more than napari adds in some seconds, or half of the free memory holds.",
            ),
        )
        buttons = side_by_side((self.run, 1), (self.cancel, 1), (self.open, 1))
        heading = plain_label("Publication still")
        font = heading.font()
        font.setBold(True)
        heading.setFont(font)
        still = _form(
            ("Scale", self.scale, "Pixels of the picture for each pixel of the canvas."),
            ("Detail", self.detail, "Budgets are raised for the picture, which is taken once it is complete."),
        )
        panel = QWidget()
        column = QVBoxLayout(panel)
        column.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        column.setSpacing(MARGIN)
        column.addWidget(self.name)
        column.addLayout(self._form)
        for widget in (buttons, self.progress, self.said, heading):
            column.addWidget(widget)
        column.addLayout(still)
        column.addWidget(self.still)
        column.addStretch(1)
        self._panel = panel
        self.nothing = plain_label(NOTHING)
        self.nothing.setWordWrap(True)
        self.nothing.setMargin(MARGIN)
        self.nothing.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        self._stack = QStackedLayout(self)
        self._stack.addWidget(self.nothing)
        self._stack.addWidget(panel)

    def _connect(self) -> None:
        self.part.currentIndexChanged.connect(self._on_change)
        self.to.currentIndexChanged.connect(self._on_change)
        self.path.textChanged.connect(self._on_change)
        self.browse.clicked.connect(self._on_browse)
        self.run.clicked.connect(self._on_run)
        self.cancel.clicked.connect(self._on_cancel)
        self.open.clicked.connect(self._on_open)
        self.still.clicked.connect(self._on_still)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Ask for no more than the panel needs."""
        return QSize(max(WIDTH, self.minimumSizeHint().width()), self._panel.sizeHint().height())

    # -- which layer

    @property
    def is_empty(self) -> bool:
        """Whether there is no layer to show."""
        return self._stack.currentWidget() is self.nothing

    @property
    def is_busy(self) -> bool:
        """Whether something is being extracted or painted."""
        return self.running.job is not None or self.running.stop is not None

    def show_target(self, target: ExtractTarget | None) -> None:
        """Show a layer, or that there is none; what is extracted goes on, what is counted does not."""
        self._target, self._counted = target, None
        self._generation += 1
        if self.running.counting is not None:
            self.running.counting.cancel()
            self.running.counting = None
        self._stack.setCurrentWidget(self.nothing if target is None else self._panel)
        if target is not None:
            self.name.setText(target.name)
            self._show_levels({}, is_upper=False)
        self._show_state()
        if target is not None and self.isVisible():
            self._timer.start()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Begin to look."""
        super().showEvent(event)
        self._timer.start()

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802 - Qt's name
        """Look no more, unless something runs."""
        super().hideEvent(event)
        if not self.is_busy:
            self._timer.stop()

    # -- what runs

    def poll(self) -> None:
        """See how far jobs are, and whether another part is in view."""
        if self.running.job is not None:
            self._follow_job()
        elif not self.isVisible():
            self._timer.stop()
        self._polls += 1
        if self.running.counting is not None:
            self._follow_counting()
        elif self._polls % COUNT_EVERY == 0 or self._counted is None:
            self._count()

    def _follow_job(self) -> None:
        job, target = self.running.job, self._job_target
        step = job.step
        self.progress.setValue(round(FULL * step.share))
        self.progress.setFormat(f"{step.message} %p%" if step.message else "%p%")
        if job.is_done and target is not None:
            self.running.job = self._job_target = None
            self.said.setText(FAILED)
            try:
                outcome = target.finish(job)
            finally:
                self._show_state()
            self._tell(outcome)

    def _tell(self, outcome: Outcome) -> None:
        self._written = outcome.path
        self.said.setText(outcome.sentence)
        self._show_state()

    def _count(self) -> None:
        """Count anew if something else is meant than was counted last."""
        target = self._target
        if target is None or not target.is_open:
            return
        part = target.part(PARTS[self.part.currentIndex()][0])
        key = None if part is None else _key(part)
        if key is not None and key == self._counted:
            return
        self._counted = key
        if part is None:
            self._show_levels({}, is_upper=False)
            self._show_state()
            return
        self._generation += 1
        self.running.counting = target.count(part, self._generation)

    def _follow_counting(self) -> None:
        job = self.running.counting
        if not job.is_done:
            return
        self.running.counting = None
        if job.generation != self._generation or self._target is None:
            return
        try:
            counts = job.result()
        except (ZarrVectorsError, OSError, ValueError) as error:  # not counted again until something else is meant
            self._show_levels({}, is_upper=False)
            self.said.setText(f"It could not be counted: {error}")
            return
        self._show_levels(counts.by_level, is_upper=counts.is_upper)
        self._show_state()

    def _on_run(self) -> None:
        target = self._target
        if target is None or self.is_busy:
            return
        to = self.path.text() if self.to.currentIndex() else None
        choice, level = PARTS[self.part.currentIndex()][0], target.levels[max(0, self.level.currentIndex())]
        self._written, self._job_target = None, target
        self.said.setText("")
        try:
            self.running.job = target.begin(choice, level, to, limited=not self.unlimited.isChecked())
        except (ZarrVectorsError, OSError) as error:
            self._job_target = None
            self.said.setText(f"{error}")
        self._timer.start()
        self._show_state()

    def _on_cancel(self) -> None:
        self.running.cancel()

    def _on_open(self) -> None:
        if self._target is not None and self._written is not None:
            self._tell(self._target.open(self._written))

    def _on_still(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save still", "still.png", "PNG (*.png)")
        if path:
            self.save_still(path)

    def save_still(self, path: str) -> None:
        """Save a still; the window, and the button to cancel it, stay alive meanwhile."""
        target = self._target
        if target is None or self.is_busy:
            return
        self.running.stop = threading.Event()
        self.said.setText("Waiting until all of it is there...")
        self._show_state()
        named = path if path.lower().endswith(".png") else f"{path}.png"
        try:
            budget = DETAILS[self.detail.currentIndex()][0]
            outcome = target.still(named, scale=self.scale.value(), budget=budget, cancel=self.running.stop)  # type: ignore[arg-type]  # None or "shown"
        finally:
            self.running.stop = None
        if self._target is not None:
            self._tell(outcome)

    # -- what is shown

    def _on_change(self, *_: object) -> None:
        self._counted = None
        self._show_state()

    def _on_browse(self) -> None:
        path, _ = QFileDialog.getSaveFileName(
            self, "A new store", "extract.zarrvectors", "Zarr Vectors (*.zarrvectors)"
        )
        if path:
            self.path.setText(path)

    def _show_levels(self, counts: dict[int, Any], *, is_upper: bool) -> None:
        levels = () if self._target is None else self._target.levels
        word = "at most" if is_upper else "about"
        texts = [
            f"Level {n}: {word} {format_count(counts[n].about)} vertices" if n in counts else f"Level {n}"
            for n in levels
        ]
        at = max(0, self.level.currentIndex())
        if self.level.count() != len(texts):
            self.level.clear()
            self.level.addItems(texts)
            self.level.setCurrentIndex(min(at, len(texts) - 1))
        for i, text in enumerate(texts):
            self.level.setItemText(i, text)

    def _show_state(self) -> None:
        target, to_store = self._target, bool(self.to.currentIndex())
        ready = target is not None and target.is_open and not self.is_busy
        nothing = target is not None and PARTS[self.part.currentIndex()][0] == "selected" and not target.selection.ids
        self.place.setEnabled(to_store)
        self.run.setEnabled(ready and not nothing and (not to_store or bool(self.path.text().strip())))
        self.still.setEnabled(ready)
        self.cancel.setEnabled(self.is_busy)
        self.progress.setVisible(self.running.job is not None)
        self.open.setVisible(self._written is not None)


def _form(*rows: tuple[str, QWidget, str]) -> QFormLayout:
    """Put fields with labels and tool tips below each other."""
    form = QFormLayout()
    form.setSpacing(SPACING)
    form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
    for name, field, tip in rows:
        label = plain_label(name)
        label.setBuddy(field)
        for widget in (label, field):
            widget.setToolTip(tip)
        field.setAccessibleName(name)
        form.addRow(label, field)
    return form


def _key(part: Any) -> object:  # noqa: ANN401 - a Part
    """Give what tells two parts apart."""
    region = part.region
    seen = None if region is None else np.concatenate([region.lo, region.hi, region.planes.ravel()]).tobytes()
    return seen, part.object_ids, part.groups, repr(part.where), part.share
