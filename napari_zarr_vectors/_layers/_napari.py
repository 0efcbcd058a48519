"""Every private import of napari, and nothing else knows them.

napari has no public way to bring a layer type of one's own (napari#4121). What this needs is looked up once, at
import. If a piece is missing `REASON` says which, the base classes below are placeholders, and `_fallback` is used.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import napari.layers
import napari.types

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.layers import Layer
    from napari.viewer import Viewer

__all__ = [
    "REASON",
    "CanvasOverlay",
    "ClippingPlanesMixin",
    "LayerOverlayMixin",
    "LayerSlicingState",
    "OverlayText",
    "VispyBaseLayer",
    "VispyCanvasOverlay",
    "add_overlay",
    "canvas_of",
    "corner",
    "draw_event",
    "is_registered",
    "native_canvas",
    "refusal",
    "register_layer",
    "register_overlay",
    "scene_canvas",
    "slice_input",
    "slice_units",
    "visual_of",
]

REASON: str | None
"""Why own layers cannot be registered with this napari; None when they can."""

try:
    from napari._qt.layer_controls.qt_layer_controls_base import QtLayerControls
    from napari._qt.layer_controls.qt_layer_controls_container import layer_to_controls as _layer_to_controls
    from napari._vispy.layers.base import VispyBaseLayer
    from napari._vispy.utils.visual import layer_to_visual as _layer_to_visual
    from napari._vispy.visuals.clipping_planes_mixin import ClippingPlanesMixin
    from napari.layers.base.base import _LayerSlicingState as LayerSlicingState
except ImportError as error:
    REASON = f"this napari has no place for layers of one's own: {error}"
    # One class each, and not `object`: they stand first among the bases of others.
    ClippingPlanesMixin = type("ClippingPlanesMixin", (), {})
    LayerSlicingState = type("LayerSlicingState", (), {})
    VispyBaseLayer = type("VispyBaseLayer", (), {})
else:
    REASON = (
        None
        if "font_info" in inspect.signature(VispyBaseLayer.__init__).parameters
        else "this napari makes visuals in a way that is not known here (no font_info)"
    )

HAS_OVERLAYS: bool
"""Whether there may be overlays of one's own; layers are shown without them."""

try:
    from napari._vispy.overlays.base import LayerOverlayMixin, VispyCanvasOverlay
    from napari._vispy.utils.visual import overlay_to_visual as _overlay_to_visual
    from napari._vispy.visuals.text import Text as OverlayText
    from napari.components._viewer_constants import CanvasPosition
    from napari.components.overlays import CanvasOverlay
except ImportError:
    HAS_OVERLAYS = False
    CanvasOverlay = type("CanvasOverlay", (), {})
    LayerOverlayMixin = type("LayerOverlayMixin", (), {})
    OverlayText = VispyCanvasOverlay = type("VispyCanvasOverlay", (), {})
else:
    HAS_OVERLAYS = True


def refusal() -> str | None:
    """Give `REASON` as it is now."""
    return REASON


def is_napari_mishap(error: RuntimeError) -> bool:
    """Tell whether `add_layer` failed by what is seen about once in some hundred openings, and never twice in a row.

    napari 0.9.2 connects a new layer's events and finds its own list of callbacks longer than a moment before.
    """
    return str(error).startswith("cannot place callback before")


def register_layer(layer_type: type[Layer], visual_type: type, create: Callable[..., Layer]) -> None:
    """Tell napari which visual and which controls belong to a layer type; doing it again changes nothing.

    `create` makes a layer of what `as_layer_data_tuple` of another one gave: napari duplicates layers so.

    Raises
    ------
    RuntimeError
        With `REASON`, when this napari cannot.
    """
    if REASON is not None:
        raise RuntimeError(REASON)
    _layer_to_visual[layer_type] = visual_type
    _layer_to_controls[layer_type] = QtLayerControls
    # `Layer.create` looks a type up among these names. Whoever goes through them all (napari does, for workers)
    # looks for the type of its data too.
    name = layer_type.__name__.lower()
    setattr(napari.layers, name.title(), create)
    setattr(napari.types, f"{name.title()}Data", layer_type)
    napari.layers.NAMES.add(name)


def is_registered(layer_type: type[Layer]) -> bool:
    """Whether `register_layer` was called for this type."""
    return REASON is None and layer_type in _layer_to_visual and layer_type in _layer_to_controls


def register_overlay(model_type: type, visual_type: type) -> None:
    """Tell napari what draws an overlay of one's own; without a place for these nothing happens."""
    if HAS_OVERLAYS:
        _overlay_to_visual[model_type] = visual_type


def corner() -> Any:  # noqa: ANN401  # napari's CanvasPosition
    """Where napari puts the colour bars of its layers."""
    return CanvasPosition.TOP_RIGHT


def add_overlay(layer: Layer, name: str, make: Callable[[], Any]) -> Any:  # noqa: ANN401  # an Overlay
    """Give a layer's overlay of this name, made if there is none; None where napari has no place for it."""
    if not HAS_OVERLAYS:
        return None
    if name not in layer._overlays:
        layer._overlays[name] = make()
    return layer._overlays[name]


def canvas_of(viewer: Viewer) -> Any:  # noqa: ANN401  # napari's VispyCanvas has no public type
    """Napari's canvas object, or None for a viewer model without a window (or one whose window is gone)."""
    window = getattr(viewer, "window", None)
    qt_viewer = getattr(window, "_qt_viewer", None)
    return getattr(qt_viewer, "canvas", None)


def native_canvas(viewer: Viewer) -> Any:  # noqa: ANN401  # a QWidget of whichever binding is in use
    """The widget that is painted, or None without a window."""
    canvas = canvas_of(viewer)
    return None if canvas is None else canvas.native


def scene_canvas(viewer: Viewer) -> Any:  # noqa: ANN401  # vispy has no types
    """Vispy's canvas, which paints what napari shows into a picture of any size; None without a window."""
    canvas = canvas_of(viewer)
    return None if canvas is None else canvas._scene_canvas


def draw_event(viewer: Viewer) -> Any:  # noqa: ANN401  # vispy has no types
    """The canvas' emitter of paint events, or None without a window."""
    canvas = canvas_of(viewer)
    return None if canvas is None else canvas.events.draw


def visual_of(viewer: Viewer, layer: Layer) -> Any:  # noqa: ANN401  # a VispyBaseLayer
    """The wrapper that draws `layer` in `viewer`, or None."""
    canvas = canvas_of(viewer)
    return None if canvas is None else canvas.layer_to_visual.get(layer)


def slice_input(layer: Layer) -> Any:  # noqa: ANN401  # napari's _SliceInput
    """How the layer was sliced last: ``ndisplay``, ``displayed``, ``world_slice`` (point and margins)."""
    return layer._slice_input


def slice_units(layer: Layer) -> Any:  # noqa: ANN401  # tuple of pint.Unit or None
    """Units of the world in which the layer was sliced last; None when they are the layer's own."""
    return layer._slicing_state._units
