"""What is shown when this napari takes no layer of our own: an ordinary Points layer with few points.

Its points are set as a whole, because `Points.data =` takes tens of milliseconds however few of them change. The
first two are the corners of the store's bounds, always there and wholly transparent: sliders and `reset_view` go by a
layer's extent, which is to be the store's whatever part of it is shown.

Along axes that are not displayed it shows what napari's Points show: half a data unit before and behind the slider,
or the viewer's margins where it has some.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from napari.layers import Points

from napari_zarr_vectors._layers._colored import colors_of, known_colormap, napari_size
from napari_zarr_vectors._layers._geometry import WorldMap, world_map
from napari_zarr_vectors._layers._snapshot import camera_of, snapshot, world_unit
from napari_zarr_vectors._model import DisplayFilter, DisplayStyle

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_zarr_vectors._layers._layer import ValueInfo
    from napari_zarr_vectors._lod import CameraState

__all__ = ["MOST_POINTS", "FallbackPoints"]

Float32Array = npt.NDArray[np.float32]
Float64Array = npt.NDArray[np.float64]

MOST_POINTS = 50_000
CORNERS = 2
TINY = 1e-6
"""Size of the corners in shares of the bounds, until there are points."""
NO_LIMITS = (0, 10_000)
"""Of sizes on the canvas: napari's own lower one would blow the corners up."""


class FallbackPoints:
    """A public Points layer that is filled anew when the view has come to rest; GUI thread only.

    Parameters
    ----------
    bounds : (2, D)
        Lowest and highest coordinates, data units; the layer's extent.
    style : DisplayStyle
        Sizes and colours as they are now; for changes there are the layer's own controls. It has no shading, slab
        thickness and adaptive size, and a size in pixels is that of the view the points were read for.
    **options : Any
        Of `napari.layers.Points`.

    Attributes
    ----------
    layer : napari.layers.Points
    """

    def __init__(
        self,
        bounds: npt.ArrayLike,
        style: DisplayStyle,
        **options: Any,  # noqa: ANN401  # napari's own
    ) -> None:
        self._bounds = np.asarray(bounds, dtype=np.float64)
        self._style = replace(style, colormap=known_colormap(style.colormap))  # told once
        fixed = {
            "size": TINY * (float(np.ptp(self._bounds, axis=0).max()) or 1.0),
            "canvas_size_limits": NO_LIMITS,
            "border_width": 0,
            "face_color": "transparent",
            "projection_mode": "all",
        }
        self.layer = Points(self._bounds, **{**fixed, **options})

    def camera(self, viewer: Viewer) -> CameraState:
        """Freeze what a viewer shows of the layer."""
        layer = self.layer
        # A layer of napari's own has no style and no slab.
        framed = _Framed(
            layer.ndim, DisplayStyle(), DisplayFilter(), np.ones(layer.ndim), lambda units: world_map(layer, units)
        )
        return snapshot(viewer, framed)

    def show(
        self,
        viewer: Viewer,
        positions: Float64Array,
        values: Float32Array | None,
        info: ValueInfo,
        features: Mapping[str, npt.NDArray[np.generic]],
    ) -> None:
        """Show these points in place of those before.

        Parameters
        ----------
        viewer : napari.Viewer
        positions : (n, D) float64
            At most `MOST_POINTS`, data units.
        values : (n,) float32 or None
            What colours them.
        info : ValueInfo
            What the values mean.
        features : mapping of (n,) arrays
            For the layer's table of features, by name.
        """
        layer = self.layer
        layer.selected_data = set()
        with layer.events.set_data.blocker():  # the colours below send everything once
            layer.data = np.concatenate([self._bounds, positions])
            layer.size = self._size(viewer)
        layer.features = {name: _with_corners(column) for name, column in features.items()}
        colors = np.zeros((CORNERS + len(positions), 4), dtype=np.float32)
        colors[CORNERS:] = colors_of(values, len(positions), info, self._style)
        layer.face_color = colors

    def _size(self, viewer: Viewer) -> float:
        """Give the diameter in data units; napari scales sizes by the layer's last axis."""
        layer = self.layer
        unit = world_unit(viewer, layer)
        return napari_size(self._style, float(camera_of(viewer).zoom), unit, float(layer.scale[-1]))


@dataclass(frozen=True, slots=True)
class _Framed:
    """What `snapshot` asks of a layer."""

    ndim: int
    style: DisplayStyle
    filter: DisplayFilter
    default_slab: Float64Array
    world_map: Callable[[Sequence[Any] | None], WorldMap]


def _with_corners(column: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    """Put values for the two corners first: the first point's, which change no range and add no word."""
    first = column[:1] if len(column) else np.zeros(1, column.dtype)
    return np.concatenate([np.repeat(first, CORNERS), column])
