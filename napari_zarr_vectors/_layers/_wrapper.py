"""What napari makes for a streaming layer when it is added to a viewer: intent and sliders become uniforms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from vispy.scene.visuals import create_visual_node

from napari_zarr_vectors._layers._layer import StreamingLayer, StreamingLines, StreamingPoints, StreamingSurface
from napari_zarr_vectors._layers._linked_visuals import SegmentPoolVisual, TrianglePoolVisual
from napari_zarr_vectors._layers._lut import category_lut, colormap_lut
from napari_zarr_vectors._layers._napari import ClippingPlanesMixin, VispyBaseLayer, register_layer
from napari_zarr_vectors._layers._notify import notify
from napari_zarr_vectors._layers._visual import PointPoolVisual

if TYPE_CHECKING:
    from psygnal import EmissionInfo

__all__ = ["VispyStreaming", "register"]


class _ClippedPointPoolVisual(ClippingPlanesMixin, PointPoolVisual):
    """Points of a pool that honour napari's clipping planes."""


class _ClippedSegmentPoolVisual(ClippingPlanesMixin, SegmentPoolVisual):
    """Segments of a pool that honour napari's clipping planes."""


class _ClippedTrianglePoolVisual(ClippingPlanesMixin, TrianglePoolVisual):
    """Triangles of a pool that honour napari's clipping planes."""


class VispyStreaming(VispyBaseLayer):
    """Draws one layer in one canvas; lives until the layer is removed from it."""

    visual: ClassVar[Any]
    """Makes the node."""

    def __init__(self, layer: StreamingLayer, font_info: Any) -> None:  # noqa: ANN401  # napari's private type
        self._colormap = layer.style.colormap
        self._lut: tuple[str, str | int] | None = None
        super().__init__(layer, self.visual(layer.origin, font_info=font_info), font_info)
        layer.style.events.connect(self._on_style_change)
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
        self.layer.pool.detach()
        self.layer.set_sight_provider(None)
        # Not deleted before its GL context is: with Mesa 22.3 (Debian 12) deleting a program crashes the next paint of
        # a visual with the same shaders, napari's own as well. Buffers and textures are let go of.
        self.node.view_program.delete = lambda: None
        super().close()

    def _on_data_change(self) -> None:
        """Follow the sliders, the order of axes, 2-D or 3-D: napari has sliced the layer anew."""
        self._on_matrix_change()

    def _on_matrix_change(self) -> None:
        super()._on_matrix_change()
        self._on_slice_change()

    def _on_slice_change(self) -> None:
        self.node.set_view(self.layer.displayed_axes, *self.layer.painted_slab())

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

    def _on_style_change(self, info: EmissionInfo) -> None:
        if info.signal.name == "slab_thickness":
            self._on_slice_change()
        elif info.signal.name == "adaptive_size":
            self._on_levels_change()
        else:
            self._on_look_change()

    def _on_look_change(self) -> None:
        style, info, node = self.layer.style, self.layer.value_info, self.node
        node.set_size(style.size, in_world=style.size_mode == "world")
        node.set_shape(style.shading)
        node.set_color(style.color)
        node.set_limits(*(style.contrast_limits or info.limits), style.gamma)
        node.set_values_as("none" if style.color_by is None else info.kind)
        self._update_lut()
        self._on_own_look()

    def _on_own_look(self) -> None:
        """Follow what is special to the kind."""

    def _update_lut(self) -> None:
        """Send a lookup table if another one is needed."""
        info = self.layer.value_info
        wanted = ("category", info.categories) if info.kind == "category" else ("colormap", self._known_colormap())
        if wanted == self._lut:
            return
        self._lut = wanted
        if info.kind == "category":
            self.node.set_lut(category_lut(info.categories), smooth=False)
        else:
            self.node.set_lut(colormap_lut(str(wanted[1])), smooth=True)

    def _known_colormap(self) -> str:
        """The style's colormap, or the one before if napari does not know it."""
        name = self.layer.style.colormap
        try:
            colormap_lut(name)
        except KeyError:
            notify(f"napari knows no colormap {name!r}; {self._colormap!r} stays")
        else:
            self._colormap = name
        return self._colormap


class VispyStreamingPoints(VispyStreaming):
    """Draws points."""

    visual = create_visual_node(_ClippedPointPoolVisual)


class VispyStreamingLines(VispyStreaming):
    """Draws segments."""

    visual = create_visual_node(_ClippedSegmentPoolVisual)

    def _on_own_look(self) -> None:
        self.node.set_sized(sized=self.layer.style.size_by is not None)
        self.node.set_axis_names(tuple(self.layer.axis_labels))


class VispyStreamingSurface(VispyStreaming):
    """Draws triangles."""

    visual = create_visual_node(_ClippedTrianglePoolVisual)

    def _on_own_look(self) -> None:
        style = self.layer.style
        self.node.set_wire(style.size if style.wireframe else 0.0)
        self.node.set_back(drawn=style.backfaces)


def register() -> None:
    """Make the streaming layers known to napari; doing it again changes nothing.

    Raises
    ------
    RuntimeError
        With `_napari.REASON`, when this napari cannot.
    """
    register_layer(StreamingPoints, VispyStreamingPoints, StreamingPoints.from_state)
    register_layer(StreamingLines, VispyStreamingLines, StreamingLines.from_state)
    register_layer(StreamingSurface, VispyStreamingSurface, StreamingSurface.from_state)
