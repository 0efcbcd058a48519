"""Telling a person, through napari's own notifications."""

from __future__ import annotations

from napari.utils.notifications import show_warning

__all__ = ["notify"]


def notify(message: str) -> None:
    """Show a warning; GUI thread only."""
    show_warning(message)
