"""The viewer that is open, and units that napari knows."""

from __future__ import annotations

from collections.abc import Sequence

import napari
import pint
from napari.viewer import Viewer

__all__ = ["current_viewer", "known_units"]


def current_viewer() -> Viewer | None:
    """Give the viewer in front; None where napari runs without one."""
    viewer: Viewer | None = napari.current_viewer()
    return viewer


def known_units(units: Sequence[str | None]) -> tuple[str, ...] | None:
    """Give units as napari takes them: all of them lengths or times it knows, else None."""
    registry = pint.get_application_registry()
    out = []
    for unit in units:
        if unit is None or unit not in registry:
            return None
        out.append(unit)
    return tuple(out)
