"""Eye-dome lighting of points: what has something nearer beside it on the screen is darker.

C. Boucheny, *Interactive scientific visualization of large datasets: towards a perceptive-based approach* (2009).
Points have no normals, so light does not tell their shape; how far they are does. They are drawn into a texture first,
each with its distance, then that is put on the canvas with the shade, at the depth that they have there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from vispy import gloo

__all__ = ["DEPTH_24", "EyeDome", "Sightline", "sightline"]

Float64Array = npt.NDArray[np.float64]

RADIUS_PX = 1.4
"""How far away neighbours are looked at, logical pixels."""

DEPTH_24 = 0x81A6
"""GL_DEPTH_COMPONENT24; what gloo calls "depth" has 16 bits, which are too few for the depth range of napari."""

_VERTEX = """
attribute vec2 a_corner;
varying vec2 v_at;

void main() {
    v_at = 0.5 * a_corner + 0.5;
    gl_Position = vec4(a_corner, 0.0, 1.0);
}
"""

_FRAGMENT = """
uniform sampler2D u_drawn;     // colour, and how far away; 0 is nothing
uniform vec2 u_step;           // of neighbours, in parts of the texture
uniform float u_strength;
uniform float u_opacity;       // napari has multiplied distances with it
uniform vec2 u_far;            // distance is u_far.x log w + u_far.y z
uniform vec2 u_depth;          // z is u_depth.x w + u_depth.y
varying vec2 v_at;

float nearer(float own, vec2 step) {
    float there = texture2D(u_drawn, v_at + u_step * step).a / u_opacity;
    return there == 0.0 ? 0.0 : max(0.0, own - there);
}

void main() {
    vec4 drawn = texture2D(u_drawn, v_at);
    float own = drawn.a / u_opacity;
    if (own == 0.0) discard;
    float some = nearer(own, vec2(1.0, 0.0)) + nearer(own, vec2(-1.0, 0.0))
        + nearer(own, vec2(0.0, 1.0)) + nearer(own, vec2(0.0, -1.0))
        + nearer(own, vec2(0.7, 0.7)) + nearer(own, vec2(-0.7, 0.7))
        + nearer(own, vec2(0.7, -0.7)) + nearer(own, vec2(-0.7, -0.7));
    gl_FragColor = vec4(drawn.rgb * exp(-32.0 * u_strength * some), u_opacity);
    float z = u_far.x > 0.0 ? u_depth.x + u_depth.y / exp(own / u_far.x) : own / u_far.y;
    gl_FragDepth = clamp(0.5 * z + 0.5, 0.0, 1.0);
}
"""


@dataclass(frozen=True, slots=True)
class Sightline:
    """How depth in clip space and distance from the eye go together, along the middle of the view.

    Distance is counted in halves of the view's height, wherever that is: so a shade looks the same near and far.

    Attributes
    ----------
    far : (by log w, by z)
        Distance is ``far[0] * log(w) + far[1] * z`` of a place in clip space.
    depth : (a, b)
        z after division is ``a + b / w`` with perspective.
    """

    far: tuple[float, float]
    depth: tuple[float, float]


def sightline(to_clip: Any) -> Sightline:  # noqa: ANN401  # vispy has no types
    """Measure a camera's transform of the scene to clip space."""
    ends = to_clip.imap(np.array([[0, 0, -0.5, 1], [0, 0, 0.5, 1], [0, 1, -0.5, 1]], dtype=np.float64))
    ends = ends / ends[:, 3:]
    w = to_clip.map(ends)[:, 3]
    away = float(np.linalg.norm(ends[1, :3] - ends[0, :3]))
    half = float(np.linalg.norm(ends[2, :3] - ends[0, :3]))
    if abs(w[1] - w[0]) <= 1e-9 * abs(w[0]):
        return Sightline((0.0, away / half), (0.0, 0.0))
    by_log = away / abs(w[1] - w[0]) * w[0] / half
    b = -1.0 / (1 / w[0] - 1 / w[1])
    return Sightline((float(by_log), 0.0), (float(-0.5 - b / w[0]), float(b)))


class EyeDome:
    """The texture that points are drawn to, and what puts it on the canvas. Made while the canvas is drawn."""

    def __init__(self) -> None:
        self._drawn = gloo.Texture2D((1, 1, 4), format="rgba", internalformat="rgba32f", interpolation="nearest")
        self._depth = gloo.RenderBuffer((1, 1), format=DEPTH_24, resizeable=True)
        self._buffer = gloo.FrameBuffer(color=self._drawn, depth=self._depth)
        self._program = gloo.Program(_VERTEX, _FRAGMENT)
        self._program["a_corner"] = np.array([[-1, -1], [1, -1], [-1, 1], [1, 1]], dtype=np.float32)
        self._program["u_drawn"] = self._drawn

    @contextmanager
    def drawn_to(self, context: Any, viewport: Sequence[int]) -> Iterator[None]:  # noqa: ANN401  # vispy has no types
        """Draw into the texture in place of a part of the framebuffer: (x, y, width, height) px.

        Not by the canvas' own stack of buffers, which would forget the transforms of a canvas that is painted larger
        than it is on the screen.
        """
        _, _, width, height = viewport
        if self._drawn.shape[:2] != (height, width):
            self._buffer.resize((height, width))
        self._buffer.activate()
        try:
            context.set_viewport(0, 0, width, height)
            context.set_state(depth_test=True, blend=False, cull_face=False)
            context.clear(color=(0, 0, 0, 0), depth=1.0)
            context.set_clear_color((0, 0, 0, 1))  # vispy makes the canvas opaque with what is set here
            yield
        finally:
            self._buffer.deactivate()
            context.set_viewport(*viewport)

    def show(self, line: Sightline, strength: float, opacity: float, scale: float) -> None:
        """Put the texture on the canvas; `scale` is framebuffer pixels a logical one."""
        height, width = self._drawn.shape[:2]
        program = self._program
        program["u_step"] = (RADIUS_PX * scale / width, RADIUS_PX * scale / height)
        program["u_strength"], program["u_opacity"] = strength, max(opacity, 1e-6)
        program["u_far"], program["u_depth"] = line.far, line.depth
        program.draw("triangle_strip")
