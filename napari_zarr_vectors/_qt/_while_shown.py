"""Follow something while a widget is shown."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QWidget

__all__ = ["WhileShown"]


class WhileShown(QObject):
    """Begins whenever a widget is shown, and ends when it is hidden, but not when the whole window is put away.

    A helper beside the widget, not a base class of it: PyQt loses signals where two bases are Qt's.

    Parameters
    ----------
    widget : QWidget
        Owns this.
    begin, end : callable
        May be called twice in a row.
    """

    def __init__(self, widget: QWidget, begin: Callable[[], None], end: Callable[[], None]) -> None:
        super().__init__(widget)
        self._begin, self._end = begin, end
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802 - Qt's name
        """See what happens to the widget, and let it happen."""
        if event is not None and event.type() == QEvent.Type.Show:
            self._begin()
        elif event is not None and event.type() == QEvent.Type.Hide and not event.spontaneous():
            self._end()
        return False
