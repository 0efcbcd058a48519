"""The vispy visuals of a page pool: some vertex buffers, one index buffer, one draw call.

Axis order of everything that comes in is the data's; it is turned into vispy's
(x = last displayed axis) where clip space is composed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from vispy import gloo
from vispy.scene import PanZoomCamera, ViewBox
from vispy.visuals import Visual
from vispy.visuals.shaders import Function

from napari_zarr_vectors._build import Sight
from napari_zarr_vectors._layers._eye_dome import EyeDome, sightline
from napari_zarr_vectors._layers._geometry import mean_scale
from napari_zarr_vectors._layers._lut import MISSING_RGBA
from napari_zarr_vectors._layers._shaders import EDGE_DEPTH, FRAGMENT, KEEP_DEPTH, vertex_shader
from napari_zarr_vectors._layers._sink import GlooSink

__all__ = ["PointPoolVisual", "PoolVisual"]

Float64Array = npt.NDArray[np.float64]

MOST_AXES = 5
THINNEST_PX, LARGEST_PX = 1.0, 256.0
FAR = 1.0e38
"""Uniform for "no bound"; below `_pool.HIDDEN`, so that padding is outside of every slab."""

MOST_LEVELS = 16
FILL = 0.9
LARGEST_FILL_PX = 16.0
"""A point of a coarse level grows to this share of the level's spacing, up to this many logical pixels."""

MODES = {"none": 0.0, "scalar": 1.0, "category": 2.0, "rgb": 3.0, "direction": 4.0}
SHAPES = {"flat": 0.0, "round": 1.0, "soft": 2.0}


class PoolVisual(Visual):
    """What is drawn of a pool, of whatever shape.

    Parameters
    ----------
    origin : (D,)
        What was subtracted from the positions, data units; D at most 5. It is put back in float64, when the
        clip-space images of the axes are composed.
    vertex, fragment : str
        GLSL.
    draw_mode : str
        Of vispy.
    linked : bool
        Vertices have other ends or normals.
    """

    _has_sizes, _margin = True, 0

    def __init__(
        self, origin: npt.ArrayLike, vertex: str, fragment: str, draw_mode: str, *, linked: bool = False
    ) -> None:
        self._origin = np.asarray(origin, dtype=np.float64)
        super().__init__(vcode=vertex, fcode=fragment)
        self.sink = GlooSink(self.update, extra=len(self._origin) > 3, linked=linked, margin=self._margin)
        self._axes: tuple[int, ...] = tuple(range(len(self._origin)))[-2:]
        self._size, self._in_world, self._least_px, self._shading, self._sized = 2.0, False, THINNEST_PX, "", False
        self._front = 0.0
        self._slab, self._nodes = np.zeros((2, MOST_AXES)), 0.0
        self._spacing, self._fill, self._thin = np.zeros(MOST_LEVELS), (0.0, 0.0), 1.0
        self.sight: Sight | None = None
        """What the last paint was made with."""
        self._draw_mode = draw_mode
        self._index_buffer = self.sink.indices
        program = self.shared_program
        self._bind()
        self.sink.on_buffers = self._bind
        self._lut = gloo.Texture2D(
            np.full((1, 1, 4), 255, dtype=np.uint8), interpolation="linear", wrapping="clamp_to_edge"
        )
        program["u_lut"] = self._lut
        self.set_view(self._axes, -np.full(len(self._origin), np.inf), np.full(len(self._origin), np.inf))
        self.set_size(2.0, in_world=False)
        self.set_color((1.0, 1.0, 1.0, 1.0))
        program["u_missing"] = MISSING_RGBA
        self.set_values_as("none")
        self.set_limits(0.0, 1.0, 1.0)
        program["u_entries"] = 1.0

    def _bind(self) -> None:
        """Draw what lies in the buffers of the sink."""
        program, sink = self.shared_program, self.sink
        program["a_position"], program["a_value"] = sink.part(sink.positions), sink.part(sink.values)
        program["a_level"] = sink.part(sink.levels)
        if sink.extra is not None:
            program["a_extra"] = sink.part(sink.extra)
        if sink.others is not None:
            program["a_other"] = sink.part(sink.others)
        self._bind_sizes()

    def _bind_sizes(self) -> None:
        """Draw with the sizes of the sink, if it has some that count."""
        program, sizes = self.shared_program, self.sink.sizes
        if self._has_sizes:
            counts = self._sized and sizes is not None
            # vispy forgets that an attribute is one number for all, and none may be missing: any buffer will do.
            program["a_size"] = self.sink.part(sizes if counts and sizes is not None else self.sink.levels)
            program["u_sized"] = float(counts)

    def set_sized(self, *, sized: bool) -> None:
        """Let the vertices' own sizes count, or not."""
        if sized != self._sized:
            self._sized = sized
            self._bind_sizes()
            self.update()

    def set_levels(self, spacing: Sequence[float], share: float) -> None:
        """Say how far apart the points of each level are, data units; for points."""

    def set_energy(self, *, keep: bool) -> None:
        """Keep the light that a place gives the same at every level; for points."""

    def set_shape(self, shading: str) -> None:
        """Shade: a word of `DisplayStyle.shading`."""

    def _set_edged_shape(self, shading: str) -> None:
        """Shade what has a smooth edge where it is "soft"."""
        if shading == self._shading:
            return
        self._shading = shading
        self.shared_program["u_shape"] = SHAPES[shading]
        self.shared_program.frag["set_depth"] = Function(EDGE_DEPTH if shading == "soft" else KEEP_DEPTH)
        self.update()

    def set_view(self, displayed: Sequence[int], lo: Float64Array, hi: Float64Array) -> None:
        """Say which data axes are on the canvas, in napari's order, and the slab (D,) on all of them.

        What is said already paints nothing anew: with software GL a paint takes seconds.
        """
        bounds = np.full((2, MOST_AXES), FAR)
        bounds[0] *= -1
        bounds[:, : len(self._origin)] = np.clip(np.stack([lo, hi]) - self._origin, -FAR, FAR)
        if tuple(displayed) == self._axes and np.array_equal(bounds, self._slab):
            return
        self._axes, self._slab = tuple(displayed), bounds
        program = self.shared_program
        program["u_lo"], program["u_hi"] = bounds[:, :3].astype(np.float32)
        program["u_extra_lo"], program["u_extra_hi"] = bounds[:, 3:].astype(np.float32)
        self.update()

    def set_size(self, diameter: float, *, in_world: bool, least_px: float = THINNEST_PX) -> None:
        """Diameter of the points: logical pixels, or data units; at least so many logical pixels."""
        self._size, self._in_world, self._least_px = diameter, in_world, least_px
        self.update()

    def set_color(self, rgba: Sequence[float]) -> None:
        """Set the one colour of mode "none"."""
        self.shared_program["u_color"] = tuple(rgba)
        self.update()

    def set_values_as(self, mode: str) -> None:
        """Say what the value column means: "none" (nothing), "scalar", "category" or "rgb"."""
        self.shared_program["u_mode"] = MODES[mode]
        self.update()

    def set_lut(self, lut: npt.NDArray[np.uint8], *, smooth: bool) -> None:
        """Set the colours (n, 4) of scalars (between entries: `smooth`) or of codes."""
        self._lut.resize((1, len(lut), 4))
        self._lut.set_data(lut[None])
        self._lut.interpolation = "linear" if smooth else "nearest"
        self.shared_program["u_entries"] = float(len(lut))
        self.update()

    def set_limits(self, lo: float, hi: float, gamma: float) -> None:
        """Set the values at the ends of the lookup table."""
        width = hi - lo
        self.shared_program["u_limits"] = (lo, 1.0 / width if width > 0 else 0.0, gamma)
        self.update()

    def clip_images(self, view: Any) -> tuple[Float64Array, Float64Array]:  # noqa: ANN401  # vispy has no types
        """Images of the data axes and of the origin in clip space, float64.

        Returns
        -------
        axes : (5, 4)
            Of a step of one data unit along each data axis; 0 for one that is not displayed.
        origin : (4,)
        """
        shown = self._axes[::-1]  # vispy's x is the last displayed axis
        points = np.zeros((len(shown) + 1, 4))
        points[: len(shown), : len(shown)] = np.eye(len(shown))
        points[-1, : len(shown)] = self._origin[list(shown)]
        points[-1, 3] = 1
        scene = view.transforms.get_transform("visual", "scene").map(points)
        scene += scene[:, 3:] * _lost_of_camera(view)
        mapped = view.transforms.get_transform("scene", "render").map(scene)
        axes = np.zeros((MOST_AXES, 4))
        axes[list(shown)] = mapped[:-1]
        return axes, mapped[-1]

    def scene_images(self, view: Any) -> tuple[Float64Array, Float64Array]:  # noqa: ANN401  # vispy has no types
        """Give where a step along each data axis goes in the scene, (5, 4), and where the origin is, (4,)."""
        shown = self._axes[::-1]
        points = np.zeros((len(shown) + 1, 4))
        points[: len(shown), : len(shown)] = np.eye(len(shown))
        points[:, 3] = 1
        points[:, : len(shown)] += self._origin[list(shown)]
        mapped = view.transforms.get_transform("visual", "scene").map(points)
        out = np.zeros((MOST_AXES, 4))
        out[list(shown), :3] = mapped[:-1, :3] - mapped[-1, :3]
        return out, mapped[-1]

    def _data_planes(self, view: Any) -> Float64Array:  # noqa: ANN401  # vispy has no types
        """Give napari's clipping planes as half-spaces of data, (P, 6): five axes minus the origin, and an offset."""
        planes = np.asarray(getattr(self, "clipping_planes", ()), dtype=np.float64).reshape(-1, 2, 3)
        if not len(planes):
            return np.zeros((0, MOST_AXES + 1))
        axes, origin = self.scene_images(view)
        places, normals = planes[:, 0], planes[:, 1]
        return np.column_stack([normals @ axes[:, :3].T, ((origin[:3] - places) * normals).sum(axis=1)])

    def _pixels(self, view: Any) -> float:  # noqa: ANN401  # vispy has no types
        """Framebuffer pixels per logical one, or per data unit at clip w = 1."""
        transforms = view.transforms
        if not self._in_world:
            return abs(float(transforms.pixel_scale))
        clip = transforms.get_transform("scene", "render").map(np.eye(4)[:3])  # (3, 4)
        a_scene_unit = np.linalg.norm(clip[:, :2] * self._half_px(view), ord=2)
        n = len(self._axes)
        steps = transforms.get_transform("visual", "scene").map(np.eye(4)[:n])
        return float(a_scene_unit) * mean_scale(steps[:, :n])

    def _prepare_transforms(self, view: Any) -> None:  # noqa: ANN401  # vispy has no types
        """Nothing to connect: clip space is composed at each draw."""

    def _compute_bounds(self, axis: int, view: Any) -> None:  # noqa: ANN401  # vispy's signature
        """No bounds: napari asks the layer for its extent."""

    def _half_px(self, view: Any) -> Float64Array:  # noqa: ANN401  # vispy has no types
        """Half the width and height of the view in framebuffer pixels, (2,)."""
        low, high = self._corners_px(view)
        return np.asarray(np.abs(high - low) / 2)

    def _corners_px(self, view: Any) -> Float64Array:  # noqa: ANN401  # vispy has no types
        """Two opposite corners of the view in framebuffer pixels, (2, 2)."""
        corners = view.transforms.get_transform("render", "framebuffer").map([[-1, -1, 0, 1], [1, 1, 0, 1]])
        return np.asarray(corners[:, :2])

    def _prepare_draw(self, view: Any) -> bool:  # noqa: ANN401  # vispy has no types
        if not self.sink.indices.used:
            return False
        axes, origin = self.clip_images(view)
        program = self.shared_program
        program["u_clip"] = np.vstack([axes[:3], origin]).astype(np.float32)
        program["u_clip_extra0"], program["u_clip_extra1"] = axes[3:].astype(np.float32)
        self._set_draw(view, axes, origin)
        self.sight = self._sight_of(view, axes, origin)
        return True

    def _sight_of(self, view: Any, axes: Float64Array, base: Float64Array) -> Sight:  # noqa: ANN401  # vispy has no types
        """Freeze what this paint is made with."""
        scale = abs(float(view.transforms.pixel_scale))
        return Sight(
            origin=self._origin,
            axes=axes,
            base=base,
            half_px=self._half_px(view),
            lo=self._slab[0],
            hi=self._slab[1],
            size=(self._size, self._pixels(view), self._least_px * scale, LARGEST_PX * scale),
            in_world=self._in_world,
            sized=self._sized,
            square=self._shading == "flat",
            spacing=self._spacing,
            fill=self._fill,
            thin=self._thin,
            planes=self._data_planes(view),
            nodes=self._nodes,
            front=self._front,
            section=self._section(scale),
        )

    def _section(self, scale: float) -> tuple[int, float] | None:
        """Give along which axis lines are drawn where rows meet the slice, and their radius; None where none are."""
        return None

    def _set_draw(self, view: Any, axes: Float64Array, origin: Float64Array) -> None:  # noqa: ANN401  # vispy has no types
        """Set what depends on the camera beside the images of the (5, 4) axes and of the origin, (4,)."""


def _lost_of_camera(view: Any) -> Float64Array:  # noqa: ANN401  # vispy has no types
    """Give what puts the middle of the camera's view into the middle of its box: (4,) scene units, 0 in 3-D.

    In 2-D vispy keeps the image of the scene's origin, in pixels, as float32: where data is far from the origin and
    near to the eye all would be some hundred pixels off.
    """
    box = view.parent
    while box is not None and not isinstance(box, ViewBox):
        box = box.parent
    lost = np.zeros(4)
    if box is not None and isinstance(box.camera, PanZoomCamera):
        transform = box.camera.transform
        wanted = np.array([*box.rect.center, 0, 1])
        found = transform.map([*box.camera.rect.center, 0, 1])
        lost[:2] = (wanted - found)[:2] / transform.scale[:2].astype(np.float64)
    return lost


class PointPoolVisual(PoolVisual):
    """Points of a pool."""

    def __init__(self, origin: npt.ArrayLike) -> None:
        super().__init__(origin, vertex_shader(extra=np.size(origin) > 3), FRAGMENT, "points")
        self._dome_strength, self._keeps_energy = 0.0, False
        self._dome: EyeDome | None = None
        self.set_levels((), 1.0)
        self.set_energy(keep=False)
        self.set_shape("round")
        self.shared_program["u_dome"] = 0.0
        self.shared_program["u_far"] = (0.0, 0.0)

    def set_levels(self, spacing: Sequence[float], share: float) -> None:
        """Say how far apart the points of each level are, data units (0: their own size), and which part is shown."""
        table = np.zeros(MOST_LEVELS, dtype=np.float32)
        table[: len(spacing)] = np.asarray(spacing[:MOST_LEVELS], dtype=np.float32)
        self._spacing, self._thin = table.astype(np.float64), 1.0 / share
        self.shared_program["u_spacing"] = table.reshape(4, 4)
        self.shared_program["u_thin"] = self._thin
        self.update()

    def set_energy(self, *, keep: bool) -> None:
        """Keep the light that a place gives the same at every level: what is for blending that adds up."""
        self._keeps_energy = keep
        self.shared_program["u_energy"] = float(keep)
        self.update()

    def set_eye_dome(self, strength: float) -> None:
        """Darken points that have nearer ones beside them, in 3-D, where light does not add up; 0 for not."""
        self._dome_strength = strength
        if not strength:
            self._dome = None  # 20 bytes a pixel
        self.update()

    def draw(self) -> None:
        """Draw, as vispy asks; with eye-dome lighting by way of a texture."""
        if not (self._dome_strength and len(self._axes) == 3 and not self._keeps_energy):
            super().draw()
        elif self.visible and self._prepare_draw(self):
            self._draw_dome()

    def _draw_dome(self) -> None:
        self._dome = self._dome or EyeDome()
        context, program = self.transforms.canvas.context, self.shared_program
        corners = self._corners_px(self)
        low, high = np.round(corners.min(axis=0)), np.round(corners.max(axis=0))
        line = sightline(self.transforms.get_transform("scene", "render"))
        program["u_dome"], program["u_far"] = 1.0, line.far
        try:
            with self._dome.drawn_to(context, [int(n) for n in (*low, *np.maximum(high - low, 1))]):
                self._program.draw(self._draw_mode, self._index_buffer)
        finally:
            program["u_dome"] = 0.0
        self._configure_gl_state()
        scale = abs(float(self.transforms.pixel_scale))
        self._dome.show(line, self._dome_strength, float(getattr(self, "opacity", 1.0)), scale)

    def set_shape(self, shading: str) -> None:
        """Draw squares ("flat"), discs ("round") or discs with a smooth edge ("soft")."""
        self._set_edged_shape(shading)

    def _pixels_per_unit(self, view: Any, axes: Float64Array) -> float:  # noqa: ANN401  # vispy has no types
        """Framebuffer pixels per data unit at clip w = 1, along the displayed axis that has most."""
        return float(np.linalg.norm(axes[:, :2] * self._half_px(view), ord=2))

    def _set_draw(self, view: Any, axes: Float64Array, origin: Float64Array) -> None:  # noqa: ANN401  # vispy has no types
        program, scale = self.shared_program, abs(float(view.transforms.pixel_scale))
        program["u_size"] = (self._size, float(self._in_world), self._least_px * scale, LARGEST_PX * scale)
        program["u_px"] = self._pixels(view)
        self._fill = (FILL * self._pixels_per_unit(view, axes), LARGEST_FILL_PX * scale)
        program["u_fill"] = self._fill
