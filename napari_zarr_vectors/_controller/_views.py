"""What a person may take over from what is on the screen: the box in view, limits of the colours that are shown."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from napari_zarr_vectors._build import concatenated
from napari_zarr_vectors._controller._numbers import own_number
from napari_zarr_vectors._controller._running import viewer_of
from napari_zarr_vectors._layers import snapshot
from napari_zarr_vectors._lod.few import view_box
from napari_zarr_vectors._stream import MOST_VALUE

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt
    from napari.viewer import Viewer

    from napari_zarr_vectors._layers import StreamingLayer

__all__ = ["DisplayActions", "actions_of", "box_in_view", "limits_in_view"]

MOST_VALUES = 200_000
"""Of what is shown, for limits: a percentile of more is no better, and is found on the GUI thread."""
PERCENTILES = (1.0, 99.0)
"""Values beyond are those of vertices that are hidden, or have none."""


@dataclass(frozen=True, slots=True)
class DisplayActions:
    """What the buttons of a panel do to its layer."""

    box_to_view: Callable[[], None]
    limits_to_view: Callable[[], None]


def actions_of(layer: StreamingLayer) -> DisplayActions:
    """Bind the actions to a layer."""

    def box_to_view() -> None:
        viewer = viewer_of(layer)
        found = None if viewer is None else box_in_view(viewer, layer)
        if found is not None:
            layer.filter.box = (tuple(found[0].tolist()), tuple(found[1].tolist()))

    def limits_to_view() -> None:
        found = limits_in_view(layer)
        if found is not None:
            layer.style.contrast_limits = found

    return DisplayActions(box_to_view, limits_to_view)


def box_in_view(viewer: Viewer, layer: StreamingLayer) -> npt.NDArray[np.float64] | None:
    """Give the box, (2, D) data units, around what of a layer's bounds is in view; None where that is nothing.

    Along axes that are not displayed it is the layer's own: their sliders still say what is seen of them.
    """
    free = np.full(layer.ndim, np.inf)
    camera = replace(snapshot(viewer, layer), slab_lo=-free, slab_hi=free)
    found = view_box(camera, layer.bounds)
    return None if found is None else np.clip(found, *layer.bounds)


def limits_in_view(layer: StreamingLayer) -> tuple[float, float] | None:
    """Give the middle 98 % of the numbers that are drawn; None where there are no two of them."""
    if layer.value_info.kind != "scalar":
        return None
    drawn = layer.pool.drawn()
    total = sum(int((stops - starts).sum()) for _, _, starts, stops in drawn)
    step = max(1, -(-total // MOST_VALUES))
    found = [np.empty(0, np.float32)]
    for chunk, values, starts, stops in drawn:
        found.append(values[concatenated(starts, stops)[::step] * chunk.corners])
    values = np.concatenate(found)
    values = values[np.abs(values) < MOST_VALUE]
    if not len(values):
        return None
    low, high = (own_number(float(v), layer.value_info.offset) for v in np.percentile(values, PERCENTILES))
    return (low, high) if low < high else None
