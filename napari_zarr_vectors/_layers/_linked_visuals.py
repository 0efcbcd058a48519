"""The vispy visuals of segments and triangles of a pool."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_zarr_vectors._layers._legend import direction_order
from napari_zarr_vectors._layers._sections import MARGIN, Sections
from napari_zarr_vectors._layers._shaders import (
    SEGMENT_FRAGMENT,
    TRIANGLE_FRAGMENT,
    segment_shader,
    triangle_shader,
)
from napari_zarr_vectors._layers._visual import FAR, LARGEST_PX, SHAPES, PoolVisual

__all__ = ["SegmentPoolVisual", "TrianglePoolVisual", "direction_order"]


Float64Array = npt.NDArray[np.float64]
SECTION_PX = 2.0
"""How thick lines are drawn in which a surface meets a slice, logical pixels."""


class SegmentPoolVisual(PoolVisual):
    """Segments of a pool as strips of some pixels with round ends, so that those of a line are one.

    The ends are moved aside on the screen by the vertex shader; what is beyond the radius is cut away by the fragment
    shader. A segment is cut at the slab, not left out.
    """

    def __init__(self, origin: npt.ArrayLike) -> None:
        extra = np.size(origin) > 3
        super().__init__(origin, segment_shader(extra=extra), SEGMENT_FRAGMENT, "triangles", linked=True)
        program = self.shared_program
        if extra:
            program["a_other_extra"] = self.sink.others_extra
        program["u_direction"] = np.eye(3, dtype=np.float32)
        self.set_nodes(0.0)
        self.set_shape("round")

    def set_shape(self, shading: str) -> None:
        """Draw lines of one brightness ("flat"), as tubes ("round"), or with a smooth edge ("soft")."""
        self._set_edged_shape(shading)

    def set_nodes(self, diameter: float) -> None:
        """Draw vertices as balls of this diameter, in the unit of the width; 0 for not."""
        self._nodes = diameter
        self.shared_program["u_node"] = diameter
        self.update()

    def set_axis_names(self, names: tuple[str, ...]) -> None:
        """Let axes named x, y, z give red, green, blue where directions colour; else the first three, in order."""
        colors = direction_order(names)
        turn = np.zeros((3, 3), dtype=np.float32)
        turn[np.arange(len(colors)), colors] = 1.0  # vispy sends rows as columns
        self.shared_program["u_direction"] = turn
        self.update()

    def _set_draw(self, view: Any, axes: Float64Array, origin: Float64Array) -> None:  # noqa: ANN401  # vispy has no types
        program, scale = self.shared_program, abs(float(view.transforms.pixel_scale))
        program["u_size"] = (self._size, float(self._in_world), self._least_px * scale, LARGEST_PX * scale)
        program["u_px"] = self._pixels(view)
        program["u_half"] = self._half_px(view).astype(np.float32)


def handedness(axes: Float64Array, origin: Float64Array) -> float:
    """Say whether what turns counter-clockwise in data does so on the screen: 1, or -1 where it is mirrored.

    Parameters
    ----------
    axes : (n, 4) float64
        Images in clip space of the displayed data axes, in the order of the data; 1 unless there are three.
    origin : (4,) float64
    """
    # Right-handed axes stay counter-clockwise where depth, which grows away from the eye, makes the frame left-handed.
    return 1.0 if len(axes) != 3 or np.linalg.det(np.vstack([axes, origin])) < 0 else -1.0


class TrianglePoolVisual(PoolVisual):
    """Triangles of a pool, lit from the eye."""

    _has_sizes, _margin = False, MARGIN

    def __init__(self, origin: npt.ArrayLike) -> None:
        self._sections: Sections | None = None
        super().__init__(
            origin, triangle_shader(extra=np.size(origin) > 3), TRIANGLE_FRAGMENT, "triangles", linked=True
        )
        self.set_shape("round")
        self.set_wire(0.0)
        self._back, self._outside = True, 1.0

    def set_shape(self, shading: str) -> None:
        """Light each face alone ("flat"), smoothly ("round"), or not at all ("soft")."""
        self._shading = shading
        self.update()

    def set_wire(self, width: float) -> None:
        """Draw the edges of faces only, of so many pixels; 0 draws the faces."""
        self.shared_program["u_wire"] = width
        self.update()

    def set_back(self, *, drawn: bool) -> None:
        """Draw faces that turn away, or leave them out where there is a side: in 3-D."""
        self._back = drawn
        self.update()

    def set_winding(self, *, clockwise: bool) -> None:
        """Say how corners run as seen from outside, where the data axes, in their order, are a right-handed frame."""
        self._outside = -1.0 if clockwise else 1.0
        self.update()

    def _bind(self) -> None:
        super()._bind()
        if self._sections is not None:
            self._sections.bind(self.sink)

    @property
    def _sliced_axis(self) -> int | None:
        """The axis of data in space along which a slice is thin; None where all is seen from one side."""
        hidden = [axis for axis in range(len(self._origin)) if axis not in self._axes]
        if len(self._origin) != 3 or len(hidden) != 1:
            return None
        low, high = self._slab[:, hidden[0]]
        return hidden[0] if -FAR < low <= high < FAR else None

    def _section(self, scale: float) -> tuple[int, float] | None:
        axis = self._sliced_axis
        return None if axis is None else (axis, SECTION_PX / 2 * scale)

    def draw(self) -> None:
        """Draw, as vispy asks; in a slice also where faces that stand on it meet its middle."""
        super().draw()
        sight = self.sight
        if sight is None or sight.section is None or not (self.visible and self.sink.indices.used):
            return
        if self._sections is None:
            self._sections = Sections(self.sink, self._lut)
        opacity = float(getattr(self, "opacity", 1.0))
        self._sections.draw(self.shared_program, self._index_buffer, sight, opacity)

    def _set_draw(self, view: Any, axes: Float64Array, origin: Float64Array) -> None:  # noqa: ANN401  # vispy has no types
        images, _ = self.scene_images(view)
        program = self.shared_program
        # In a slice most faces are seen from their edges, where no light falls: colours there are those of the legend.
        program["u_shape"] = SHAPES["soft" if self._sliced_axis is not None else self._shading]
        both, front = self._back or len(self._axes) < 3, self._outside * handedness(axes[sorted(self._axes)], origin)
        program["u_back"], program["u_front"] = float(both), front
        self._front = 0.0 if both else front
        program["u_scene"] = np.vstack([images[:3], [0, 0, 0, 1]]).astype(np.float32)
        program["u_scene_extra0"], program["u_scene_extra1"] = images[3:].astype(np.float32)
        linear = images[:3, :3]  # row k: where data axis k goes
        program["u_normal"] = np.linalg.pinv(linear).T.astype(np.float32)
        to_clip = view.transforms.get_transform("scene", "render")
        ends = to_clip.imap([[0, 0, -0.5, 1], [0, 0, 0.5, 1]])
        ends = ends[:, :3] / ends[:, 3:]
        light = ends[1] - ends[0]
        length = float(np.linalg.norm(light))
        program["u_light"] = (light / length if length > 0 else np.array([0.0, 0.0, 1.0])).astype(np.float32)
