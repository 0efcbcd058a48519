"""A click in the canvas chooses the object that is seen there; a drag does not."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from napari_zarr_vectors._layers._layer import StreamingLayer

__all__ = ["choose_by_click"]

STILL_PX = 4.0
"""A click moves no farther than this."""
ADDING = {"Shift", "Control", "Meta"}


def choose_by_click(layer: StreamingLayer, event: Any) -> Generator[None]:  # noqa: ANN401  # napari's mouse event
    """Choose the object under the cursor, or none; with Shift or Control add it to the chosen ones, or take it away.

    Napari calls it, for the layer that is selected, when a button is pressed, and goes on with it until it is released.
    """
    if event.button != 1 or not layer.visible:
        return
    began = np.array(event.pos, dtype=np.float64)
    moved = 0.0
    yield
    while event.type == "mouse_move":
        moved = max(moved, float(np.abs(event.pos - began).max()))
        yield
    if moved > STILL_PX:
        return
    found = layer.get_value(
        event.position, view_direction=event.view_direction, dims_displayed=list(event.dims_displayed), world=True
    )
    chosen = layer.selection.ids
    if ADDING & {modifier.name for modifier in event.modifiers}:
        if found is not None:
            layer.selection.ids = tuple(i for i in chosen if i != found) if found in chosen else (*chosen, found)
    else:
        layer.selection.ids = () if found is None else (found,)
