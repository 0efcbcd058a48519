"""What napari makes for a streaming layer when it is added to a viewer: intent and sliders become uniforms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from napari.settings import get_settings
from qtpy.compat import isalive
from vispy import gloo
from vispy.scene.visuals import create_visual_node
from vispy.visuals.transforms import MatrixTransform

from napari_zarr_vectors._layers._colored import drawn_info, drawn_limits
from napari_zarr_vectors._layers._layer import StreamingLayer, StreamingLines, StreamingPoints, StreamingSurface
from napari_zarr_vectors._layers._legend import legend_of
from napari_zarr_vectors._layers._legend_overlay import register_legend, show_legend
from napari_zarr_vectors._layers._linked_visuals import SegmentPoolVisual, TrianglePoolVisual
from napari_zarr_vectors._layers._lut import category_lut, colormap_lut, is_colormap, no_colormap
from napari_zarr_vectors._layers._napari import ClippingPlanesMixin, VispyBaseLayer, register_layer
from napari_zarr_vectors._layers._notify import notify
from napari_zarr_vectors._layers._visual import PointPoolVisual, PoolVisual
from napari_zarr_vectors._model import DisplayStyle

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt
    from psygnal import EmissionInfo

    from napari_zarr_vectors._layers._layer import ValueInfo

__all__ = ["VispyStreaming", "register"]


GROWTH, LEAST_PX = 1.5, 3.0
"""What is chosen is drawn so many times as large, and at least so large."""
RIM, RIM_PX, BLACK = 1.6, 2.5, (0.0, 0.0, 0.0, 1.0)
"""Its rim is so many times as large, and at least so many pixels larger."""
NEAREST = 0.001
"""Part of the range of depth in front of all others, in which it is drawn; its rim in the next."""


class _InFront(PoolVisual):
    """Drawn before whatever lies nearer to the eye, with a black rim around what has a size."""

    has_rim = True

    def set_color(self, rgba: Sequence[float]) -> None:
        """Set the one colour."""
        self._color = tuple(rgba)
        super().set_color(rgba)

    def draw(self) -> None:
        """Draw, and leave depth as others expect it."""
        size, least = self._size, self._least_px
        if self.has_rim:
            self._size, self._least_px = RIM * size, least + RIM_PX
            self._draw_in(BLACK, (NEAREST, 2 * NEAREST))
        self._size, self._least_px = size, least
        self._draw_in(self._color, (0.0, NEAREST))
        gloo.set_depth_range(0.0, 1.0)

    def _draw_in(self, color: tuple[float, ...], depths: tuple[float, float]) -> None:
        self.shared_program["u_color"] = color
        self.update_gl_state(depth_range=depths)
        super().draw()


class _ClippedPointPoolVisual(ClippingPlanesMixin, PointPoolVisual):
    """Points of a pool that honour napari's clipping planes."""


class _ClippedSegmentPoolVisual(ClippingPlanesMixin, SegmentPoolVisual):
    """Segments of a pool that honour napari's clipping planes."""


class _ClippedTrianglePoolVisual(ClippingPlanesMixin, TrianglePoolVisual):
    """Triangles of a pool that honour napari's clipping planes."""


def _node_of(visual: type[PoolVisual]) -> Any:  # noqa: ANN401  # vispy has no types
    """Make what makes nodes, whose canvas is asked for a paint while there is one.

    A window may be destroyed before its layers end, and a layer may be kept longer than its window.
    """
    node: Any = create_visual_node(visual)

    def update(self: Any) -> None:  # noqa: ANN401  # vispy has no types
        canvas = getattr(self, "canvas", None)  # none until it is made
        if canvas is None or isalive(canvas.native):
            node.update(self)

    return type(node.__name__, (node,), {"__doc__": node.__doc__, "update": update})


class _FrontPointPoolVisual(_InFront, _ClippedPointPoolVisual):
    """Points of chosen objects."""


class _FrontSegmentPoolVisual(_InFront, _ClippedSegmentPoolVisual):
    """Segments of chosen objects."""


class _FrontTrianglePoolVisual(_InFront, _ClippedTrianglePoolVisual):
    """Triangles of chosen objects."""

    has_rim = False


class VispyStreaming(VispyBaseLayer):
    """Draws one layer in one canvas; lives until the layer is removed from it."""

    visual: ClassVar[Any]
    """Makes the node."""
    front: ClassVar[Any]
    """Makes the node of what is chosen."""

    def __init__(self, layer: StreamingLayer, font_info: Any) -> None:  # noqa: ANN401  # napari's private type
        self._colormap = layer.style.colormap if is_colormap(layer.style.colormap) else DisplayStyle().colormap
        self._lut: tuple[str, str | int] | None = None
        self._colors: npt.NDArray[np.uint8]
        super().__init__(layer, self.visual(layer.origin, font_info=font_info), font_info)
        self.chosen = self.front(layer.origin, font_info=font_info, parent=self.node)
        self.chosen.transform = MatrixTransform()  # napari sets its matrix
        self.chosen.set_limits(0.0, 1.0, 1.0)
        self.chosen.set_lut(colormap_lut("gray"), smooth=True)
        self.chosen.set_gl_state("translucent", cull_face=False)
        layer.highlight.set_sight_provider(lambda: self.chosen.sight)
        layer.highlight.pool.attach(self.chosen.sink)
        self._settings = get_settings().appearance.highlight.events
        self._settings.highlight_color.connect(self._on_highlight_color)
        self._on_highlight_color()
        layer.style.events.connect(self._on_style_change)
        layer.filter.events.box.connect(self._on_slice_change)
        layer.events.default_slab.connect(self._on_slice_change)
        layer.events.frame.connect(self._on_slice_change)
        layer.events.value_info.connect(self._on_look_change)
        layer.events.levels.connect(self._on_levels_change)
        layer.set_sight_provider(lambda: self.node.sight)
        layer.pool.attach(self.node.sink)
        self.reset()
        self._on_slice_change()
        self._on_look_change()
        self._on_levels_change()

    def close(self) -> None:
        """Let go of the layer; its pool keeps the vertices for the next canvas."""
        self.layer.style.events.disconnect(self._on_style_change)
        self.layer.filter.events.box.disconnect(self._on_slice_change)
        self.layer.pool.detach()
        self.layer.set_sight_provider(None)
        self.layer.highlight.pool.detach()
        self.layer.highlight.set_sight_provider(None)
        self._settings.highlight_color.disconnect(self._on_highlight_color)
        # Not deleted before its GL context is: with Mesa 22.3 (Debian 12) deleting a program crashes the next paint of
        # a visual with the same shaders, napari's own as well. Buffers and textures are let go of.
        for node in (self.node, self.chosen):
            node.view_program.delete = lambda: None
        self.chosen.parent = None
        super().close()

    def _on_data_change(self) -> None:
        """Follow the sliders, the order of axes, 2-D or 3-D: napari has sliced the layer anew."""
        self._on_matrix_change()

    def _on_matrix_change(self) -> None:
        super()._on_matrix_change()
        self._on_slice_change()

    def _on_slice_change(self) -> None:
        displayed, slab = self.layer.displayed_axes, self.layer.painted_slab()
        for node in (self.node, self.chosen):
            node.set_view(displayed, *slab)

    def _on_experimental_clipping_planes_change(self) -> None:
        super()._on_experimental_clipping_planes_change()
        self.chosen.clipping_planes = self.node.clipping_planes

    def _on_highlight_color(self, event: object = None) -> None:
        """Draw what is chosen in napari's own colour for it."""
        self.chosen.set_color(tuple(get_settings().appearance.highlight.highlight_color))

    def _on_blending_change(self, event: object = None) -> None:
        """Blend as napari says, but let points add up where they are additive.

        napari draws the lowest layer over the canvas instead of adding to it, which is right for one image: its
        pixels do not overlap. Points do.
        """
        super()._on_blending_change(event)
        additive = self.layer.blending == "additive"
        if additive and self.first_visible:
            self.node.set_gl_state(
                depth_test=False,
                cull_face=False,
                blend=True,
                blend_func=("src_alpha", "one", "one", "one"),
                blend_equation="func_add",
            )
        self.node.set_energy(keep=additive)

    def _on_levels_change(self) -> None:
        style, levels = self.layer.style, self.layer.levels
        self.node.set_levels(levels.spacing if style.adaptive_size else (), levels.share)
        self.chosen.set_levels(levels.spacing if style.adaptive_size else (), 1.0)

    def _on_style_change(self, info: EmissionInfo) -> None:
        if info.signal.name == "slab_thickness":
            self._on_slice_change()
        elif info.signal.name == "adaptive_size":
            self._on_levels_change()
        elif not (info.signal.name == "color_by" and None not in info.args and self.layer.value_info.name):
            # Other colours are seen once their values are there; until then nothing need be painted.
            self._on_look_change()

    def _on_look_change(self) -> None:
        style, node = self.layer.style, self.node
        info = drawn_info(self.layer.value_info, style)
        node.set_size(style.size, in_world=style.size_mode == "world")
        self.chosen.set_size(GROWTH * style.size, in_world=style.size_mode == "world", least_px=LEAST_PX)
        for each in (node, self.chosen):
            each.set_shape(style.shading)
            each.set_sized(sized=style.size_by is not None and info.size_by != "")
        node.set_color(style.color)
        node.set_limits(*drawn_limits(info, style), style.gamma)
        node.set_values_as("none" if style.color_by is None else info.kind)
        lut = self._update_lut(info)
        self._on_own_look()
        axes = tuple(self.layer.axis_labels)
        legend = legend_of(style, info, lut, axes, self.layer.filter.groups) if style.legend else None
        show_legend(self.layer, legend)

    def _on_own_look(self) -> None:
        """Follow what is special to the kind."""

    def _update_lut(self, info: ValueInfo) -> npt.NDArray[np.uint8]:
        """Send a lookup table if another one is needed; give the one in use."""
        coded, colormap = info.kind == "category", self._known_colormap()  # what is no colormap is refused in any case
        wanted = ("category", info.categories) if coded else ("colormap", colormap)
        if wanted != self._lut:
            self._lut = wanted
            self._colors = category_lut(info.categories) if coded else colormap_lut(str(wanted[1]))
            self.node.set_lut(self._colors, smooth=not coded)
        return self._colors

    def _known_colormap(self) -> str:
        """The style's colormap, or the one before if napari does not know it."""
        name = self.layer.style.colormap
        if is_colormap(name):
            self._colormap = name
        else:
            notify(f"{no_colormap(name)} ({self._colormap!r} stays)")
            self.layer.style.colormap = self._colormap
        return self._colormap


class VispyStreamingPoints(VispyStreaming):
    """Draws points."""

    visual, front = _node_of(_ClippedPointPoolVisual), _node_of(_FrontPointPoolVisual)

    def _on_own_look(self) -> None:
        self.node.set_eye_dome(self.layer.style.eye_dome)


class VispyStreamingLines(VispyStreaming):
    """Draws segments."""

    visual, front = _node_of(_ClippedSegmentPoolVisual), _node_of(_FrontSegmentPoolVisual)

    def _on_own_look(self) -> None:
        self.node.set_axis_names(tuple(self.layer.axis_labels))
        self.node.set_nodes(self.layer.style.node_size)
        self.chosen.set_nodes(GROWTH * self.layer.style.node_size)


class VispyStreamingSurface(VispyStreaming):
    """Draws triangles."""

    visual, front = _node_of(_ClippedTrianglePoolVisual), _node_of(_FrontTrianglePoolVisual)

    def _on_own_look(self) -> None:
        style = self.layer.style
        for node in (self.node, self.chosen):
            node.set_wire(style.size if style.wireframe else 0.0)
            node.set_back(drawn=style.backfaces)
            node.set_winding(clockwise=self.layer.winding_order == "cw")


def register() -> None:
    """Make the streaming layers known to napari; doing it again changes nothing.

    Raises
    ------
    RuntimeError
        With `_napari.REASON`, when this napari cannot.
    """
    register_legend()
    register_layer(StreamingPoints, VispyStreamingPoints, StreamingPoints.from_state)
    register_layer(StreamingLines, VispyStreamingLines, StreamingLines.from_state)
    register_layer(StreamingSurface, VispyStreamingSurface, StreamingSurface.from_state)
