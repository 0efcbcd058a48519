"""How far the newest view is on the screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QHBoxLayout, QProgressBar, QPushButton, QVBoxLayout, QWidget

from napari_zarr_vectors._qt._numbers import format_count
from napari_zarr_vectors._qt._section import SPACING, wrapping_label

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_zarr_vectors._model import LodControl, LodStatus

__all__ = ["StatusView", "status_line"]

FULL = 1000


def status_line(status: LodStatus) -> str:
    """Say in one line what is shown and what is under way."""
    levels = _level_words(status.levels)
    if status.complete and status.failed:
        missing = f"{_count(status.failed, 'chunk')} missing"
        return f"Shown, {missing}: {levels}" if status.levels else f"Nothing shown, {missing}"
    if status.complete:
        return f"Complete: {levels}"
    if status.wanted or status.loading:
        return f"Loading {_count(max(status.wanted, status.loading), 'chunk')}: {levels}"
    return f"Looking for what to show: {levels}" if status.levels else "Opening"


def failure_line(failed: int) -> str:
    """Say how many chunks were given up."""
    return f"{_count(failed, 'chunk')} could not be read"


def _count(count: int, noun: str) -> str:
    return f"{format_count(count)} {noun}{'' if count == 1 else 's'}"


def _level_words(levels: Iterable[int]) -> str:
    numbers = sorted(levels)
    if not numbers:
        return "nothing in view"
    return f"level{'' if len(numbers) == 1 else 's'} {', '.join(map(str, numbers))}"


class StatusView(QWidget):
    """Shows a `LodStatus`; a button asks for failed chunks to be read again."""

    def __init__(self) -> None:
        super().__init__()
        self.shown = QProgressBar()
        self.shown.setRange(0, FULL)
        self.shown.setAccessibleName("Vertices shown, of the budget")
        self.shown.setToolTip("Vertices that are drawn now, and the most that may be.")
        self.line = wrapping_label()
        self.failures = QWidget()
        self.failed = wrapping_label()
        self.retry = QPushButton("Retry")
        self.retry.setToolTip("Read the chunks that failed once more.")
        row = QHBoxLayout(self.failures)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.failed, 1)
        row.addWidget(self.retry)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SPACING)
        for widget in (self.shown, self.line, self.failures):
            column.addWidget(widget)
        self._lod: LodControl | None = None
        self.retry.clicked.connect(self._on_retry)

    def bind(self, lod: LodControl | None) -> None:
        """Show another layer's status, or none."""
        self._lod = lod
        self.poll()

    def poll(self) -> None:
        """Show the status as it is now."""
        if self._lod is None:
            return
        status = self._lod.status
        self.shown.setValue(FULL * status.shown_vertices // max(status.budget, 1))
        self.shown.setFormat(f"{format_count(status.shown_vertices)} of {format_count(status.budget)} vertices")
        self.line.setText(status_line(status))
        self.failed.setText(failure_line(status.failed))
        self.failures.setVisible(status.failed > 0)

    def _on_retry(self) -> None:
        if self._lod is not None:
            self._lod.retry()
            self.poll()
