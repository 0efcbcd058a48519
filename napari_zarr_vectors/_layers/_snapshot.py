"""A viewer's camera, canvas and sliders as one frozen value, and in a layer's data units.

Only public attributes of napari's models are read, which the camera's are kept right by napari after each paint.
napari's camera: `zoom` is logical pixels per world unit at the centre; `perspective` is the vertical angle of view
in degrees, 0 for parallel; the eye stands ``height / zoom / (2 tan(angle / 2))`` before the centre.

Everything is worked out in the world of the displayed axes first (w = L x + b, x data), then turned: a half-space
``n w + d >= 0`` is ``(n L) x + (n b + d) >= 0``, and the forward vector is given along the layer's own axes, so that
``(x - eye) * axis_scale @ forward`` is the depth before the eye for rotated and mirrored layers too. A 2-D layer in
a 3-D view lies at world depth 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from napari_zarr_vectors._layers._geometry import WorldMap, boxed, mean_scale, slab_bounds, world_map
from napari_zarr_vectors._layers._napari import slice_input
from napari_zarr_vectors._lod.camera import CameraState

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari.layers import Layer
    from napari.viewer import Viewer

    from napari_zarr_vectors._layers._layer import StreamingLayer
    from napari_zarr_vectors._model import DisplayFilter, DisplayStyle

__all__ = ["ViewerState", "camera_of", "clips_of", "snapshot", "viewer_state", "world_step", "world_unit"]

Float64Array = npt.NDArray[np.float64]


class Viewed(Protocol):
    """What `viewer_state` asks of a layer."""

    @property
    def ndim(self) -> int: ...

    @property
    def style(self) -> DisplayStyle: ...

    @property
    def filter(self) -> DisplayFilter: ...

    @property
    def default_slab(self) -> Float64Array: ...

    @property
    def world_map(self) -> Callable[[Sequence[Any] | None], WorldMap]: ...


@dataclass(frozen=True, slots=True, eq=False)
class ViewerState:
    """The numbers of a view of a layer with D axes, as napari has them.

    Attributes
    ----------
    axes : tuple of int
        Of the viewer, on the canvas.
    before : int
        Axes of the viewer that the layer has not.
    ndisplay : int
    sliders : three (D,) sequences
        Point, left and right margin along the layer's axes, world units.
    to_world : WorldMap
    thickness, default_slab, box
        Of the layer, data units: a number or None, (D,), lo and hi or None.
    canvas_px : tuple of float
        Height and width.
    center, zoom, perspective, forward, up
        Of the camera: world units, logical pixels for one of them, degrees, two unit vectors.
    """

    axes: tuple[int, ...]
    before: int
    ndisplay: int
    sliders: tuple[Sequence[float], Sequence[float], Sequence[float]]
    to_world: WorldMap
    thickness: float | None
    default_slab: Float64Array
    box: tuple[Sequence[float], Sequence[float]] | None
    canvas_px: tuple[float, float]
    center: tuple[float, ...]
    zoom: float
    perspective: float
    forward: tuple[float, float, float]
    up: tuple[float, float, float]

    def camera(self) -> CameraState:
        """Reckon what planning needs, in data units; may run on any thread."""
        displayed = tuple(int(axis) - self.before for axis in self.axes if axis >= self.before)
        point, left, right = self.sliders
        sliced = slab_bounds(
            self.to_world,
            displayed,
            point=point,
            margin_left=left,
            margin_right=right,
            thickness=self.thickness,
            default=self.default_slab,
        )
        lo, hi = boxed(sliced, self.box)
        view = _world_view(self)
        lost = self.ndisplay - len(self.axes)  # a world of two axes in 3-D lies at depth 0
        own = [k for k, axis in enumerate(self.axes, lost) if axis >= self.before]
        part = self.to_world.displayed(displayed)
        eye = _data_eye(view, own, part)
        axis_scale = np.linalg.norm(part.linear, axis=0)
        return CameraState(
            displayed=displayed,
            planes=_data_planes(view.planes, own, part),
            eye=eye,
            axis_scale=axis_scale,
            focal_px=view.focal_px if eye is not None else self.zoom,
            canvas_px=self.canvas_px,
            focus=part.inverse(view.focus[own]),
            forward=part.linear.T @ view.forward[own] / axis_scale,
            slab_lo=lo,
            slab_hi=hi,
        )


@dataclass(frozen=True, slots=True, eq=False)
class _WorldView:
    """The view in world units of the k axes on the canvas, k = 2 or 3."""

    planes: Float64Array  # (P, k + 1)
    eye: Float64Array | None  # (k,)
    focal_px: float
    focus: Float64Array  # (k,)
    forward: Float64Array  # (k,)


def camera_of(viewer: Viewer) -> Any:  # noqa: ANN401  # napari's Camera, which moved between versions
    """The camera model: `viewer.scene.camera`, or `viewer.camera` before napari 0.9."""
    scene = getattr(viewer, "scene", None)
    return viewer.camera if scene is None else scene.camera


def clips_of(viewer: Viewer, layer: StreamingLayer) -> Float64Array:
    """Give the clipping planes that are in force as half-spaces of the data, (m, D + 1).

    napari cuts in the world of the canvas: of a plane's three numbers the last ones belong to the axes of the layer
    that are displayed, and those before them to axes where the canvas, or the layer, lies at 0.
    """
    shown = list(layer.displayed_axes)
    part = world_map(layer, viewer.dims.units).displayed(shown)
    planes = layer.experimental_clipping_planes.as_array()  # (m, 2, 3): position, normal
    places, normals = planes[:, 0], planes[:, 1]
    own = normals[:, -len(shown) :]
    out = np.zeros((len(planes), layer.ndim + 1))
    out[:, shown] = own @ part.linear
    out[:, -1] = own @ part.offset - (normals * places).sum(axis=1)
    return out


def world_step(viewer: Viewer, layer: StreamingLayer) -> float:
    """Give how long a data unit along the last axis on the canvas is in the viewer's world, which has units."""
    return float(np.linalg.norm(world_map(layer, viewer.dims.units).linear[:, layer.displayed_axes[-1]]))


def world_unit(viewer: Viewer, layer: Layer) -> float:
    """Give how long a data unit is in the viewer's world, which has units: the mean of the axes on the canvas."""
    return mean_scale(world_map(layer, viewer.dims.units).displayed(slice_input(layer).displayed).linear)


def viewer_state(viewer: Viewer, layer: Viewed, default_slab: npt.ArrayLike | None = None) -> ViewerState:
    """Read what a viewer says of its view of a layer, and reckon nothing.

    Parameters
    ----------
    viewer : napari.Viewer
    layer : StreamingLayer, or what says the same of a layer of napari's own
    default_slab : (D,), optional
        Thickness along axes that are not displayed where neither the viewer nor the style says one, data units;
        the layer's own by default, which is what its visual uses.
    """
    dims, camera = viewer.dims, camera_of(viewer)
    before = dims.ndim - layer.ndim
    return ViewerState(
        axes=tuple(dims.displayed),
        before=before,
        ndisplay=dims.ndisplay,
        sliders=(dims.point[before:], dims.margin_left[before:], dims.margin_right[before:]),
        to_world=layer.world_map(dims.units),
        thickness=layer.style.slab_thickness,
        default_slab=np.array(layer.default_slab if default_slab is None else default_slab, dtype=np.float64),
        box=layer.filter.box,
        canvas_px=_canvas_px(viewer),
        center=camera.center,
        zoom=float(camera.zoom),
        perspective=float(camera.perspective),
        forward=camera.view_direction,
        up=camera.up_direction,
    )


def snapshot(viewer: Viewer, layer: Viewed, default_slab: npt.ArrayLike | None = None) -> CameraState:
    """Freeze what a viewer shows of a layer; parameters are those of `viewer_state`."""
    return viewer_state(viewer, layer, default_slab).camera()


def _canvas_px(viewer: Viewer) -> tuple[float, float]:
    height, width = viewer.canvas.viewbox_size(viewer.layers)
    return float(height), float(width)


def _world_view(seen: ViewerState) -> _WorldView:
    centre = np.array(seen.center, dtype=np.float64)[-seen.ndisplay :]
    half = np.array(seen.canvas_px) / 2 / seen.zoom  # world units at the centre: up, right
    if seen.ndisplay == 2:
        axes = np.eye(2)  # canvas rows and columns lie along the displayed axes
        return _WorldView(_parallel_planes(axes, half, centre), None, seen.zoom, centre, np.zeros(2))
    forward, up = np.array(seen.forward), np.array(seen.up)
    # By hand: `numpy.cross` is a third of this function. Which way it points does not matter: both sides are cut.
    right = forward[[1, 2, 0]] * up[[2, 0, 1]] - forward[[2, 0, 1]] * up[[1, 2, 0]]
    axes = np.stack([up, right])
    if seen.perspective <= 0:
        planes = _parallel_planes(axes, half, centre)
        return _WorldView(planes, None, seen.zoom, centre, forward)
    distance = half[0] / math.tan(math.radians(seen.perspective) / 2)
    eye = centre - forward * distance
    planes = _perspective_planes(axes, half / distance, forward, eye)
    return _WorldView(planes, eye, float(distance * seen.zoom), centre, forward)


def _parallel_planes(axes: Float64Array, half: Float64Array, centre: Float64Array) -> Float64Array:
    """Two planes for each of (a, k) unit axes, `half` (a,) away from the centre."""
    normals = np.concatenate([axes, -axes])
    return np.column_stack([normals, np.tile(half, 2) - normals @ centre])


def _perspective_planes(
    axes: Float64Array, slopes: Float64Array, forward: Float64Array, eye: Float64Array
) -> Float64Array:
    """Four sides through the eye, `slopes` (2,) half widths per unit of distance, and the plane of the eye."""
    sides = np.concatenate([slopes[:, None] * forward + axes, slopes[:, None] * forward - axes])
    normals = np.concatenate([sides / np.linalg.norm(sides, axis=1, keepdims=True), forward[None]])
    return np.column_stack([normals, -normals @ eye])


def _data_planes(planes: Float64Array, own: list[int], part: WorldMap) -> Float64Array:
    normals = planes[:, own]
    turned = np.column_stack([normals @ part.linear, planes[:, -1] + normals @ part.offset])
    lengths = np.linalg.norm(turned[:, :-1], axis=1, keepdims=True)
    # A 2-D layer in a 3-D view may lie along a plane; then only the sign of the last number matters.
    return turned / np.where(lengths > 0, lengths, 1)


def _data_eye(view: _WorldView, own: list[int], part: WorldMap) -> Float64Array | None:
    """The eye in data units; None for parallel projection, or where the layer lacks an axis of the view."""
    if view.eye is None or len(own) < len(view.eye):
        return None
    return part.inverse(view.eye[own])
