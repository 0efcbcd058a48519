"""What is shown when this napari takes no layer of our own: an ordinary Points layer with few points.

Its points are set as a whole, because `Points.data =` takes tens of milliseconds however few of them change. The
first two are the corners of the store's bounds, always there and wholly transparent: sliders and `reset_view` go by a
layer's extent, which is to be the store's whatever part of it is shown.

Along axes that are not displayed it shows what napari's Points show: half a data unit before and behind the slider,
or the viewer's margins where it has some.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt
from napari.layers import Points

from napari_zarr_vectors._build import unpack_rgb
from napari_zarr_vectors._layers._lut import category_lut, colormap_lut
from napari_zarr_vectors._layers._notify import notify
from napari_zarr_vectors._layers._snapshot import camera_of, snapshot
from napari_zarr_vectors._model import DisplayStyle

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_zarr_vectors._layers._layer import StreamingLayer, ValueInfo
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
        self._style = style
        self._lut = _known_lut(style.colormap)
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
        framed = _Framed(layer.ndim, layer.units, layer.data_to_world, DisplayStyle(), np.ones(layer.ndim))
        # A layer of napari's own has no style and no slab: `snapshot` reads these five of a layer.
        return snapshot(viewer, cast("StreamingLayer", framed))

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
        colors[CORNERS:] = self._style.color if values is None else self._colors(values, info)
        layer.face_color = colors

    def _size(self, viewer: Viewer) -> float:
        """Give the diameter in data units; napari scales sizes by the layer's last axis."""
        world = self._style.size / (float(camera_of(viewer).zoom) if self._style.size_mode == "px" else 1.0)
        return world / abs(float(self.layer.scale[-1]))

    def _colors(self, values: Float32Array, info: ValueInfo) -> Float32Array:
        """Colours as the streaming layer has them: (n, 4), 0..1."""
        if info.kind == "rgb":
            opaque = np.full((len(values), 1), 255, np.uint8)
            colors = np.concatenate([unpack_rgb(values), opaque], axis=1)
        elif info.kind == "category":
            lut = category_lut(info.categories)
            colors = lut[values.astype(np.int64) % len(lut)]
        else:
            low, high = self._style.contrast_limits or info.limits
            share = np.clip((values.astype(np.float64) - low) / (high - low), 0, 1) ** self._style.gamma
            colors = self._lut[np.round(share * (len(self._lut) - 1)).astype(np.int64)]
        return np.asarray(colors / 255, dtype=np.float32)


@dataclass(frozen=True, slots=True)
class _Framed:
    """What `snapshot` asks of a layer."""

    ndim: int
    units: tuple[Any, ...]
    data_to_world: Callable[[Float64Array], Float64Array]
    style: DisplayStyle
    default_slab: Float64Array


def _known_lut(name: str) -> npt.NDArray[np.uint8]:
    """Give the colours of a colormap, or of the usual one if napari does not know it."""
    try:
        return colormap_lut(name)
    except KeyError:
        usual = DisplayStyle().colormap
        notify(f"napari knows no colormap {name!r}; {usual!r} is used")
        return colormap_lut(usual)


def _with_corners(column: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    """Put values for the two corners first: the first point's, which change no range and add no word."""
    first = column[:1] if len(column) else np.zeros(1, column.dtype)
    return np.concatenate([np.repeat(first, CORNERS), column])
