"""Which streaming layer of a viewer a person works on, and the colormaps there are to choose from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.utils.colormaps import AVAILABLE_COLORMAPS

from napari_zarr_vectors._layers._layer import StreamingLayer
from napari_zarr_vectors._layers._lut import colormap_lut

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import numpy.typing as npt
    from napari.viewer import Viewer

__all__ = ["LayerSelection", "colormap_luts"]

NO_CHOICE = "nan"
"""A colormap of napari's that shows what is missing."""


class LayerSelection:
    """Follows the layer list's selection; GUI thread only.

    Parameters
    ----------
    viewer : napari.Viewer
    changed : callable
        Called without arguments after the selection has changed. Napari holds it weakly, through this object.
    """

    def __init__(self, viewer: Viewer, changed: Callable[[], None]) -> None:
        self._selection = viewer.layers.selection
        self._changed = changed
        self._selection.events.changed.connect(self._on_changed)

    @property
    def current(self) -> StreamingLayer | None:
        """The one streaming layer that is selected; None for none, and for several."""
        found = [layer for layer in self._selection if isinstance(layer, StreamingLayer)]
        return found[0] if len(found) == 1 else None

    def close(self) -> None:
        """Stop following."""
        self._selection.events.changed.disconnect(self._on_changed)

    def _on_changed(self, event: object = None) -> None:
        self._changed()


def colormap_luts() -> dict[str, npt.NDArray[np.uint8]]:
    """Give the colours of every colormap that napari has, (256, 4) uint8 each, by name, sorted."""
    names = sorted((name for name in AVAILABLE_COLORMAPS if name != NO_CHOICE), key=str.lower)
    return {name: colormap_lut(name) for name in names}
