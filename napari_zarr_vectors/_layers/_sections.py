"""Where surfaces meet the middle of a slice, as lines: a wall that stands on it has no area on the screen.

A triangle becomes another one on the screen, around the line in which it meets the plane; what is not near the line is
cut away. Each vertex reads all corners of its triangle, its neighbours in the buffers of the pool, so that neither
memory nor a transfer is needed, and a step of a slider changes a uniform.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from vispy import gloo

from napari_zarr_vectors._build import Sight
from napari_zarr_vectors._layers._shaders import COLOR, PAINT
from napari_zarr_vectors._layers._sink import GlooSink

__all__ = ["MARGIN", "Sections"]

MARGIN = 2
"""How far from a vertex other corners of its triangle are in the buffers."""
MOST_PLANES = 8
_COLORS = ("u_color", "u_missing", "u_mode", "u_limits", "u_entries")

_VERTEX = (
    """
attribute vec3 a_before2;  // corners before this one, this one, and those behind it
attribute vec3 a_before;
attribute vec3 a_position;
attribute vec3 a_next;
attribute vec3 a_next2;
attribute float a_value_before2;
attribute float a_value_before;
attribute float a_value;
attribute float a_value_next;
attribute float a_value_next2;
attribute float a_level;   // and 16 x the corner
uniform mat4 u_clip;
uniform vec3 u_axis;       // 1 along the axis that is not displayed
uniform vec2 u_slab;       // its middle there, and how thick it is
uniform vec2 u_half;       // half of the view, framebuffer px
uniform float u_radius;    // of the line, framebuffer px
varying vec2 v_at;         // along and across the line, px
varying float v_length;
varying vec3 v_data;
"""
    + PAINT
    + """
void main() {
    gl_Position = vec4(2.0, 2.0, 2.0, 1.0);
    v_at = vec2(0.0);
    v_length = 0.0;
    v_data = vec3(0.0);
    v_color = vec4(0.0);
    v_entry = vec2(0.5, 1.0);
    float corner = floor(a_level / 16.0);
    vec3 a = corner < 0.5 ? a_position : corner < 1.5 ? a_before : a_before2;
    vec3 b = corner < 0.5 ? a_next : corner < 1.5 ? a_position : a_before;
    vec3 c = corner < 0.5 ? a_next2 : corner < 1.5 ? a_next : a_position;
    vec3 value = vec3(
        corner < 0.5 ? a_value : corner < 1.5 ? a_value_before : a_value_before2,
        corner < 0.5 ? a_value_next : corner < 1.5 ? a_value : a_value_before,
        corner < 0.5 ? a_value_next2 : corner < 1.5 ? a_value_next : a_value
    );
    if (a_position.x > 1e37 || a_value > 1e38) return;
    vec3 off = vec3(dot(u_axis, a), dot(u_axis, b), dot(u_axis, c)) - u_slab.x;
    bvec3 above = greaterThanEqual(off, vec3(0.0));
    if (above.x == above.y && above.y == above.z) return;
    // From here on the first corner is the one that lies alone on its side.
    if (above.y != above.x && above.y != above.z) {
        vec3 first = a;
        a = b;
        b = c;
        c = first;
        off = off.yzx;
        value = value.yzx;
    } else if (above.z != above.x && above.z != above.y) {
        vec3 first = a;
        a = c;
        c = b;
        b = first;
        off = off.zxy;
        value = value.zxy;
    }
    vec2 part = off.xx / (off.xx - off.yz);
    vec4 clip_a = u_clip * vec4(a, 1.0);
    vec4 clip_b = u_clip * vec4(b, 1.0);
    vec4 clip_c = u_clip * vec4(c, 1.0);
    vec2 to_b = (clip_b.xy - clip_a.xy) * u_half;
    vec2 to_c = (clip_c.xy - clip_a.xy) * u_half;
    // Where as much of the face lies in the slab as the line would hide, the face is what is seen.
    vec2 level = (off.y - off.x) * to_c - (off.z - off.x) * to_b;
    if (u_slab.y * abs(to_b.x * to_c.y - to_b.y * to_c.x) > 2.0 * u_radius * length(level)) return;
    vec2 here = clip_a.xy * u_half + part.x * to_b;
    vec2 there = clip_a.xy * u_half + part.y * to_c;
    float run = length(there - here);
    vec2 along = run > 1e-6 ? (there - here) / run : vec2(1.0, 0.0);
    // A triangle around all that is within the radius of the line.
    v_at = corner < 1.5 ? vec2(-u_radius, corner < 0.5 ? -2.0 : 2.0) : vec2(2.0 * run + 3.0 * u_radius, 0.0);
    if (corner < 1.5) v_at.y *= u_radius;
    vec2 px = here + along * v_at.x + vec2(-along.y, along.x) * v_at.y;
    float z = clamp(mix(clip_a.z, clip_b.z, part.x) - 1e-5, -1.0, 1.0);
    gl_Position = vec4(px / u_half, z, 1.0);
    v_length = run;
    float share = v_at.x / max(run, 2.0 * u_radius);
    vec3 p = mix(a, b, part.x);
    v_data = p + share * (mix(a, c, part.y) - p);
    if (u_mode > 1.5 && u_mode < 2.5) {
        float second = part.y < 0.5 ? value.x : value.z;
        v_color = vec4(code_of(part.x < 0.5 ? value.x : value.y), code_of(second), 0.0, 0.0);
        return;
    }
    paint(value.x);
    vec4 color = v_color;
    vec2 entry = v_entry;
    paint(value.y);
    vec4 color_here = mix(color, v_color, part.x);
    vec2 entry_here = mix(entry, v_entry, part.x);
    paint(value.z);
    v_color = color_here + share * (mix(color, v_color, part.y) - color_here);
    v_entry = entry_here + share * (mix(entry, v_entry, part.y) - entry_here);
}
"""
)

_FRAGMENT = (
    COLOR
    + """
uniform vec3 u_axis;
uniform vec2 u_slab;
uniform float u_radius;
uniform float u_opacity;
uniform vec3 u_lo;
uniform vec3 u_hi;
uniform vec4 u_planes[8];
varying vec2 v_at;
varying float v_length;
varying vec3 v_data;

void main() {
    float beyond = v_at.x - clamp(v_at.x, 0.0, v_length);
    if (length(vec2(beyond, v_at.y)) > u_radius) discard;
    vec3 place = mix(v_data, vec3(u_slab.x), u_axis);
    if (any(lessThan(place, u_lo)) || any(greaterThan(place, u_hi))) discard;
    for (int k = 0; k < 8; k++) if (dot(u_planes[k], vec4(place, 1.0)) < 0.0) discard;
    vec4 own = color();
    if (u_mode > 1.5 && u_mode < 2.5) own = color_of(v_at.x < 0.5 * v_length ? v_color.x : v_color.y);
    gl_FragColor = vec4(own.rgb, own.a * u_opacity);
}
"""
)


class Sections:
    """The program that draws the lines. Made while the canvas is drawn."""

    def __init__(self, sink: GlooSink, lut: gloo.Texture2D) -> None:
        self._program = gloo.Program(_VERTEX, _FRAGMENT)
        self._program.delete = lambda: None  # goes with its GL context, for the reason that `_wrapper` gives
        self._program["u_lut"] = lut
        self.bind(sink)

    def bind(self, sink: GlooSink) -> None:
        """Draw what lies in the buffers of a sink."""
        for name, buffer in (("a_{}", sink.positions), ("a_value_{}", sink.values)):
            for word, step in (("before2", -2), ("before", -1), ("next", 1), ("next2", 2)):
                self._program[name.format(word)] = sink.part(buffer, step)
        self._program["a_position"], self._program["a_value"] = sink.part(sink.positions), sink.part(sink.values)
        self._program["a_level"] = sink.part(sink.levels)

    def draw(
        self,
        like: Any,  # noqa: ANN401  # a program of vispy, which has no types
        indices: gloo.IndexBuffer,
        sight: Sight,
        opacity: float,
    ) -> None:
        """Draw what a program has just drawn, in its colours and with its bounds.

        Parameters
        ----------
        like : vispy program
        indices : vispy.gloo.IndexBuffer
        sight : Sight
            What it was drawn with; the first 8 clipping planes count.
        opacity : float
        """
        axis, radius = sight.section or (0, 0.0)
        program = self._program
        for name in (*_COLORS, "u_clip", "u_lo", "u_hi"):
            program[name] = like[name]
        program["u_axis"] = np.eye(3, dtype=np.float32)[axis]
        low, high = sight.lo[axis], sight.hi[axis]
        program["u_slab"] = (float(low + high) / 2, float(high - low))
        program["u_half"], program["u_radius"], program["u_opacity"] = sight.half_px, radius, opacity
        planes = np.tile(np.array([0, 0, 0, 1], np.float32), (MOST_PLANES, 1))
        planes[: len(sight.planes)] = sight.planes[:MOST_PLANES, [0, 1, 2, -1]]
        program["u_planes"] = planes
        program.draw("triangles", indices)
