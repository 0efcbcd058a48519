"""GLSL 1.20 of the point pool.

Data axes 0..2 come in `a_position`, 3 and 4 in `a_extra`. `u_clip` holds the images of the first three and of the
origin in clip space, `u_clip_extra` those of the others, composed in float64 on the CPU; an axis that is not
displayed has image 0. So a step of a slider, another order of axes or a camera move changes uniforms only.
"""

from __future__ import annotations

__all__ = ["EDGE_DEPTH", "FRAGMENT", "KEEP_DEPTH", "vertex_shader"]

_EXTRA_ATTRIBUTE = "attribute vec2 a_extra;"
_NO_EXTRA = "const vec2 a_extra = vec2(0.0);"

_VERTEX = """
attribute vec3 a_position;
attribute float a_value;
attribute float a_level;   // and log2 / 32 of how many points of level 0 it stands for
%s
uniform mat4 u_clip;
uniform vec4 u_clip_extra0;
uniform vec4 u_clip_extra1;
uniform vec3 u_lo;
uniform vec3 u_hi;
uniform vec2 u_extra_lo;
uniform vec2 u_extra_hi;
uniform vec4 u_size;      // diameter, 1 if in world units, least px, most px
uniform float u_px;       // framebuffer px per logical px, or per world unit at w = 1
uniform mat4 u_spacing;   // of 16 levels, data units
uniform float u_thin;     // points of a chunk for each one that is shown
uniform vec2 u_fill;      // framebuffer px per data unit at w = 1, most px
uniform float u_energy;   // 1 if a place shall give the same light at every level
uniform float u_mode;     // 0 one colour, 1 scalar, 2 category, 3 rgb
uniform vec3 u_limits;    // lo, 1 / (hi - lo), gamma
uniform float u_entries;  // width of the lookup table
varying vec4 v_color;
varying float v_entry;
varying float v_px;
varying float v_alpha;

void main() {
    vec4 clip = u_clip * vec4(a_position, 1.0) + u_clip_extra0 * a_extra.x + u_clip_extra1 * a_extra.y;
    bool inside = all(greaterThanEqual(a_position, u_lo)) && all(lessThanEqual(a_position, u_hi))
        && all(greaterThanEqual(a_extra, u_extra_lo)) && all(lessThanEqual(a_extra, u_extra_hi));
    float px = u_size.x * u_px;
    if (u_size.y > 0.5) px /= max(clip.w, 1e-30);
    px = clamp(px, u_size.z, u_size.w);
    // A coarse point fills its cell, so that a coarse level leaves no gaps, but never more than the points that it
    // stands for would have painted.
    int level = int(a_level);
    float own = px;
    float weight = u_thin * exp2(32.0 * fract(a_level));
    float cell = u_fill.x * u_spacing[level / 4][level - 4 * (level / 4)] / max(clip.w, 1e-30);
    px = max(own, min(min(cell, own * sqrt(weight)), u_fill.y));
    v_alpha = u_energy > 0.5 ? weight * own * own / (px * px) : 1.0;  // above 1 while the opacity is below
    // napari sets the range of depth when a layer is added, and caps it: what lies beyond is not to vanish.
    if (clip.w > 0.0) clip.z = clamp(clip.z, -clip.w, clip.w);
    gl_Position = inside ? clip : vec4(2.0, 2.0, 2.0, 1.0);
    gl_PointSize = px;
    v_px = px;
    v_color = vec4(0.0);
    v_entry = 0.5;
    if (u_mode > 2.5) {
        float low = mod(a_value, 65536.0);  // whole already; adding 0.5 would round white up to 2^24
        v_color = vec4(floor(a_value / 65536.0), floor(low / 256.0), mod(low, 256.0), 255.0) / 255.0;
    } else if (u_mode > 1.5) {
        v_entry = (mod(floor(a_value + 0.5), u_entries) + 0.5) / u_entries;
    } else if (u_mode > 0.5) {
        float t = pow(clamp((a_value - u_limits.x) * u_limits.y, 0.0, 1.0), u_limits.z);
        v_entry = (t * (u_entries - 1.0) + 0.5) / u_entries;
    }
}
"""

FRAGMENT = """
uniform sampler2D u_lut;
uniform vec4 u_color;
uniform float u_mode;
uniform float u_shape;    // 0 square, 1 disc, 2 disc with a smooth edge
varying vec4 v_color;
varying float v_entry;
varying float v_px;
varying float v_alpha;

void main() {
    float alpha = v_alpha;
    if (u_shape > 0.5) {
        float radius = 2.0 * length(gl_PointCoord - vec2(0.5));
        if (u_shape < 1.5) {
            if (radius > 1.0) discard;
        } else {
            alpha *= 1.0 - smoothstep(max(0.0, 1.0 - 3.0 / v_px), 1.0, radius);
            if (alpha <= 0.0) discard;
        }
    }
    vec4 color = u_color;
    if (u_mode > 2.5) color = v_color;
    else if (u_mode > 0.5) color = texture2D(u_lut, vec2(v_entry, 0.5));
    gl_FragColor = vec4(color.rgb, color.a * alpha);
    $set_depth(alpha);
}
"""

KEEP_DEPTH = """
void keep_depth(float alpha) {
}
"""

# An edge that is seen through must not hide what is drawn later behind it: that would be a dark ring. Only where it
# is needed, because a shader that writes depth cannot be skipped for hidden fragments.
EDGE_DEPTH = """
void edge_depth(float alpha) {
    gl_FragDepth = alpha < 0.99 ? 1.0 : gl_FragCoord.z;
}
"""


def vertex_shader(*, extra: bool) -> str:
    """GLSL of the vertex stage, with or without the buffer of further axes."""
    return _VERTEX % (_EXTRA_ATTRIBUTE if extra else _NO_EXTRA)
