"""GLSL 1.20 of the pools of points, segments and triangles.

Data axes 0..2 come in `a_position`, 3 and 4 in `a_extra`. `u_clip` holds the images of the first three and of the
origin in clip space, `u_clip_extra` those of the others, composed in float64 on the CPU; an axis that is not
displayed has image 0. So a step of a slider, another order of axes or a camera move changes uniforms only.
"""

from __future__ import annotations

__all__ = [
    "COLOR",
    "EDGE_DEPTH",
    "FRAGMENT",
    "KEEP_DEPTH",
    "PAINT",
    "SEGMENT_FRAGMENT",
    "TRIANGLE_FRAGMENT",
    "segment_shader",
    "triangle_shader",
    "vertex_shader",
]

_EXTRA_ATTRIBUTE = "attribute vec2 a_extra;"
_NO_EXTRA = "const vec2 a_extra = vec2(0.0);"

PAINT = """
uniform float u_mode;     // 0 one colour, 1 scalar, 2 category, 3 rgb, 4 direction
uniform vec3 u_limits;    // lo, 1 / (hi - lo), gamma
uniform float u_entries;  // width of the lookup table
varying vec4 v_color;
varying vec2 v_entry;

float code_of(float value) {
    return value < -1e38 ? -1.0 : mod(floor(value + 0.5), u_entries);
}

void paint(float value) {
    v_color = vec4(0.0);
    v_entry = vec2(0.5, 1.0);
    if (u_mode > 3.5) {
        return;
    } else if (value < -1e38) {
        v_entry = vec2(0.0);  // no part of what is between: its neighbours' own colours reach half-way, then it is grey
    } else if (u_mode > 2.5) {
        float low = mod(value, 65536.0);  // whole already; adding 0.5 would round white up to 2^24
        v_color = vec4(floor(value / 65536.0), floor(low / 256.0), mod(low, 256.0), 255.0) / 255.0;
    } else if (u_mode > 1.5) {
        v_entry.x = (code_of(value) + 0.5) / u_entries;
    } else if (u_mode > 0.5) {
        float t = pow(clamp((value - u_limits.x) * u_limits.y, 0.0, 1.0), u_limits.z);
        v_entry.x = (t * (u_entries - 1.0) + 0.5) / u_entries;
    }
}
"""
"""What a value becomes on its way to `COLOR`."""

_COMMON = (
    """
attribute vec3 a_position;
attribute float a_value;
attribute float a_level;   // and log2 / 32 of how many points of level 0 it stands for; 16 x the corner; 64 x nodes
%s
uniform mat4 u_clip;
uniform vec4 u_clip_extra0;
uniform vec4 u_clip_extra1;
uniform vec3 u_lo;
uniform vec3 u_hi;
uniform vec2 u_extra_lo;
uniform vec2 u_extra_hi;

vec4 clip_of(vec3 position, vec2 extra) {
    vec4 clip = u_clip * vec4(position, 1.0) + u_clip_extra0 * extra.x + u_clip_extra1 * extra.y;
    return clip;
}

vec4 within_depth(vec4 clip) {
    // napari sets the range of depth when a layer is added, and caps it: what lies beyond is not to vanish.
    if (clip.w > 0.0) clip.z = clamp(clip.z, -clip.w, clip.w);
    return clip;
}
"""
    + PAINT
)

_VERTEX = """
attribute float a_size;
uniform float u_sized;     // 1 if a_size counts
uniform vec4 u_size;      // diameter, 1 if in data units, least px, most px
uniform float u_px;       // framebuffer px per logical px, or per data unit at w = 1
uniform mat4 u_spacing;   // of 16 levels, data units
uniform float u_thin;     // points of a chunk for each one that is shown
uniform vec2 u_fill;      // framebuffer px per data unit at w = 1, most px
uniform float u_energy;   // 1 if a place shall give the same light at every level
uniform vec2 u_far;       // distance from the eye by log w and by z, for eye-dome lighting
varying float v_px;
varying float v_alpha;
varying float v_far;

void main() {
    vec4 clip = clip_of(a_position, a_extra);
    v_far = u_far.x * log(max(clip.w, 1e-30)) + u_far.y * clip.z;
    bool inside = all(greaterThanEqual(a_position, u_lo)) && all(lessThanEqual(a_position, u_hi))
        && all(greaterThanEqual(a_extra, u_extra_lo)) && all(lessThanEqual(a_extra, u_extra_hi)) && a_value < 1e38;
    float px = u_size.x * u_px * (u_sized > 0.5 ? a_size : 1.0);
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
    clip = within_depth(clip);
    gl_Position = inside ? clip : vec4(2.0, 2.0, 2.0, 1.0);
    gl_PointSize = px;
    v_px = px;
    paint(a_value);
}
"""

_SEGMENT = """
attribute vec3 a_other;    // the other end
attribute float a_size;
uniform float u_sized;     // 1 if a_size counts
%s
uniform vec4 u_size;       // width, 1 if in data units, least px, most px
uniform float u_px;        // framebuffer px per logical px, or per data unit at w = 1
uniform vec2 u_half;       // half of the view, framebuffer px
uniform float u_shape;     // 0 plain, 1 as a tube, 2 with a smooth edge
uniform mat3 u_direction;  // data axes to red, green, blue
uniform float u_node;      // diameter of nodes, as u_size.x; 0 for none
varying vec4 v_at;         // along, across and length in px, and the radius, all times v_w
varying vec2 v_node;       // radius in px of what is at either end, times v_w; 0 for none
varying float v_w;

// The part of a segment, from 0 at p to 1 at q, that lies between bounds along one axis.
void cut(float p, float q, float lo, float hi, inout float first, inout float last) {
    float d = q - p;
    if (abs(d) < 1e-30) {
        if (p < lo || p > hi) last = -1.0;
        return;
    }
    float a = (lo - p) / d;
    float b = (hi - p) / d;
    first = max(first, min(a, b));
    last = min(last, max(a, b));
}

float radius_px(float w, float diameter) {
    float px = diameter * u_px * (u_sized > 0.5 ? a_size : 1.0);
    if (u_size.y > 0.5) px /= max(w, 1e-30);
    return 0.5 * clamp(px, u_size.z, u_size.w);
}

void main() {
    float corner = mod(floor(a_level / 16.0), 4.0);
    float nodes = u_node > 0.0 ? floor(a_level / 64.0) : 0.0;  // 1 here, 2 at the other end
    float first = 0.0;
    float last = 1.0;
    for (int k = 0; k < 3; k++) cut(a_position[k], a_other[k], u_lo[k], u_hi[k], first, last);
    for (int k = 0; k < 2; k++) cut(a_extra[k], a_other_extra[k], u_extra_lo[k], u_extra_hi[k], first, last);
    vec4 own = clip_of(a_position, a_extra);
    vec4 other = clip_of(a_other, a_other_extra);
    vec4 p = mix(own, other, clamp(first, 0.0, 1.0));
    vec4 q = mix(own, other, clamp(last, 0.0, 1.0));
    paint(a_value);
    float code = code_of(a_value);
    if (u_mode > 1.5 && u_mode < 2.5) v_color = corner < 1.5 ? vec4(code, 0.0, 1.0, 0.0) : vec4(0.0, code, 0.0, 1.0);
    vec3 step = a_other - a_position;
    float run = length(step);
    if (u_mode > 3.5) v_color = run > 0.0 ? vec4(abs(u_direction * step) / run, 1.0) : vec4(1.0);
    bool hidden = first > last || a_position.x > 1e37 || a_value > 1e38;
    // What lies behind the eye has no place on the screen: the segment ends before it.
    float near = 1e-5 * max(abs(p.w), abs(q.w));
    if (p.w < near && q.w < near) hidden = true;
    if (p.w < near) p = mix(p, q, (near - p.w) / (q.w - p.w));
    if (q.w < near) q = mix(q, p, (near - q.w) / (p.w - q.w));
    if (hidden) {
        gl_Position = vec4(2.0, 2.0, 2.0, 1.0);
        v_at = vec4(0.0);
        v_node = vec2(0.0);
        v_w = 1.0;
        return;
    }
    vec2 here = p.xy / p.w * u_half;
    vec2 there = q.xy / q.w * u_half;
    float size = length(there - here);
    bool begins = corner < 1.5;
    // A vertex alone, or a segment seen from its end, is a place on the screen: a square around it.
    vec2 along = size > 1e-6 ? (there - here) / size : vec2(begins ? 1.0 : -1.0, 0.0);
    vec2 forward = begins ? along : -along;   // the same from both ends
    float side = mod(corner, 2.0) < 0.5 ? -1.0 : 1.0;
    float radius = radius_px(p.w, u_size.x);
    float node_here = mod(nodes, 2.0) > 0.5 && first <= 0.0 ? radius_px(p.w, u_node) : 0.0;
    float node_there = nodes > 1.5 && last >= 1.0 ? radius_px(q.w, u_node) : 0.0;
    // No further than the fragment shader draws: what it cuts away costs as much as what is seen.
    float reach = max(max(radius, radius_px(q.w, u_size.x)), max(0.5, max(node_here, node_there)));
    reach += u_shape > 1.5 ? 1.0 : 0.05;
    vec2 px = here - along * reach + vec2(-forward.y, forward.x) * side * reach;
    vec4 clip = within_depth(p);
    gl_Position = vec4(px / u_half * p.w, clip.z, p.w);
    // Times w: divided by it in the fragment shader, they change evenly over the screen.
    v_w = p.w;
    v_at = vec4(begins ? -reach : size + reach, side * reach, size, radius) * p.w;
    v_node = (begins ? vec2(node_here, node_there) : vec2(node_there, node_here)) * p.w;
}
"""

_TRIANGLE = """
attribute vec3 a_other;    // the normal
%s
uniform mat3 u_normal;     // of data to scene
uniform mat4 u_scene;      // data to scene
uniform vec4 u_scene_extra0;
uniform vec4 u_scene_extra1;
varying vec3 v_normal;
varying vec3 v_scene;
varying vec3 v_data;
varying vec2 v_extra;
varying vec3 v_edge;

void main() {
    float corner = floor(a_level / 16.0);
    bool hidden = a_position.x > 1e37 || a_value > 1e38;
    vec4 clip = clip_of(a_position, a_extra);
    // Where levels meet they overlap: the finer one lies in front.
    clip.z += 2e-5 * (a_level - 16.0 * corner) * abs(clip.w);
    gl_Position = hidden ? vec4(2.0, 2.0, 2.0, 1.0) : within_depth(clip);
    v_normal = u_normal * a_other;
    v_scene = (u_scene * vec4(a_position, 1.0) + u_scene_extra0 * a_extra.x + u_scene_extra1 * a_extra.y).xyz;
    v_data = a_position;
    v_extra = a_extra;
    v_edge = vec3(corner < 0.5, corner > 0.5 && corner < 1.5, corner > 1.5);
    paint(a_value);
    if (u_mode > 1.5 && u_mode < 2.5) v_color = vec4(v_edge * code_of(a_value), 0.0);
}
"""

COLOR = """
uniform sampler2D u_lut;
uniform vec4 u_color;
uniform vec4 u_missing;   // of what has no value
uniform float u_mode;
uniform float u_entries;
varying vec4 v_color;     // where it is codes, those of the corners times the share of each in this place
varying vec2 v_entry;     // of the lookup table, times which part of it has a value; and that

vec4 color() {
    if (u_mode < 0.5) return u_color;
    if (v_entry.y < 0.5) return u_missing;
    if (u_mode > 2.5) return v_color / v_entry.y;
    return texture2D(u_lut, vec2(v_entry.x / v_entry.y, 0.5));
}

// A code of a category is the one or the other: what lies between two in the table is neither.
vec4 color_of(float code) {
    return code < -0.5 ? u_missing : texture2D(u_lut, vec2((floor(code + 0.5) + 0.5) / u_entries, 0.5));
}
"""

SEGMENT_FRAGMENT = (
    COLOR
    + """
uniform float u_shape;    // 0 plain, 1 as a tube, 2 with a smooth edge
varying vec4 v_at;
varying vec2 v_node;
varying float v_w;

// The code of the nearer end.
float code() {
    return v_color.z >= v_color.w ? v_color.x / v_color.z : v_color.y / v_color.w;
}

void main() {
    vec4 at = v_at / v_w;
    vec2 node = v_node / v_w;
    float beyond = at.x - clamp(at.x, 0.0, at.z);
    float away = length(vec2(beyond, at.y));
    float radius = max(at.w, 0.5);
    vec2 middle = vec2(length(at.xy), length(vec2(at.x - at.z, at.y)));  // how far from either end
    vec2 outside = middle - node;
    bool is_node = min(outside.x, outside.y) < 0.0;
    float edge = min(away - radius, min(node.x > 0.0 ? outside.x : 1e9, node.y > 0.0 ? outside.y : 1e9));
    vec4 own = u_mode > 1.5 && u_mode < 2.5 ? color_of(code()) : color();
    float alpha = 1.0;
    if (u_shape > 1.5) {
        alpha = 1.0 - smoothstep(-0.7, 0.7, edge);
        if (alpha <= 0.01) discard;
    } else if (edge > 0.0) {
        discard;
    }
    if (u_shape > 0.5 && u_shape < 1.5 && is_node) {
        float part = outside.x < outside.y ? middle.x / node.x : middle.y / node.y;
        own.rgb *= 0.3 + 0.7 * sqrt(max(0.0, 1.0 - part * part));
    } else if (u_shape > 0.5 && u_shape < 1.5) {
        float across = min(abs(at.y) / radius, 1.0);  // round ends go on as the tube does: no beads where parts meet
        own.rgb *= 0.3 + 0.7 * sqrt(1.0 - across * across);
    }
    gl_FragColor = vec4(own.rgb, own.a * alpha);
    $set_depth(alpha);
}
"""
)

TRIANGLE_FRAGMENT = (
    COLOR
    + """
uniform float u_shape;    // 0 flat, 1 smooth, 2 no light
uniform float u_wire;     // px of the edges that are drawn, 0 for faces
uniform float u_back;     // 1 if faces that turn away are drawn
uniform vec3 u_light;     // where the light goes, scene
uniform float u_front;    // -1 where corners that are seen from outside run clockwise on the screen
uniform vec3 u_lo;
uniform vec3 u_hi;
uniform vec2 u_extra_lo;
uniform vec2 u_extra_hi;
varying vec3 v_normal;
varying vec3 v_scene;
varying vec3 v_data;
varying vec2 v_extra;
varying vec3 v_edge;

// The code that has the largest share of this place.
float code() {
    vec3 codes = floor(v_color.xyz / max(v_edge, vec3(1e-6)) + 0.5);
    vec3 next = codes.yzx;
    vec3 share = v_edge + vec3(equal(codes, next)) * v_edge.yzx + vec3(equal(codes, next.yzx)) * v_edge.zxy;
    if (share.x >= share.y && share.x >= share.z) return codes.x;
    return share.y >= share.z ? codes.y : codes.z;
}

void main() {
    if (any(lessThan(v_data, u_lo)) || any(greaterThan(v_data, u_hi))) discard;
    if (any(lessThan(v_extra, u_extra_lo)) || any(greaterThan(v_extra, u_extra_hi))) discard;
    vec3 face = cross(dFdx(v_scene), dFdy(v_scene));
    if (u_back < 0.5 && (gl_FrontFacing ? 1.0 : -1.0) * u_front < 0.0) discard;
    if (u_wire > 0.0) {
        vec3 px = v_edge / max(fwidth(v_edge), vec3(1e-12));
        if (min(px.x, min(px.y, px.z)) > u_wire) discard;
    }
    vec4 own = u_mode > 1.5 && u_mode < 2.5 ? color_of(code()) : color();
    if (u_shape < 1.5) {
        vec3 normal = u_shape < 0.5 || dot(v_normal, v_normal) < 1e-12 ? face : v_normal;
        float lit = abs(dot(normalize(normal + vec3(1e-30)), u_light));
        own.rgb *= 0.25 + 0.75 * lit;
    }
    gl_FragColor = own;
}
"""
)

FRAGMENT = (
    COLOR
    + """
uniform float u_shape;    // 0 square, 1 disc, 2 disc with a smooth edge
uniform float u_dome;     // 1 while the distance is drawn, for eye-dome lighting
varying float v_px;
varying float v_alpha;
varying float v_far;

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
    vec4 own = color();
    if (u_dome > 0.5 && own.a * alpha < 0.5) discard;  // no room for half of it: the distance is where it would be
    float far = abs(v_far) < 1e-20 ? 1e-20 : v_far;  // 0 is where nothing was drawn
    gl_FragColor = vec4(own.rgb, u_dome > 0.5 ? far : own.a * alpha);
    $set_depth(u_dome > 0.5 ? 1.0 : alpha);
}
"""
)

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
    """GLSL of the vertex stage of points, with or without the buffer of further axes."""
    return _COMMON % (_EXTRA_ATTRIBUTE if extra else _NO_EXTRA) + _VERTEX


def segment_shader(*, extra: bool) -> str:
    """GLSL of the vertex stage of segments."""
    return _COMMON % (_EXTRA_ATTRIBUTE if extra else _NO_EXTRA) + _SEGMENT % (
        _EXTRA_ATTRIBUTE.replace("a_extra", "a_other_extra") if extra else _NO_EXTRA.replace("a_extra", "a_other_extra")
    )


def triangle_shader(*, extra: bool) -> str:
    """GLSL of the vertex stage of triangles."""
    return _COMMON % (_EXTRA_ATTRIBUTE if extra else _NO_EXTRA) + _TRIANGLE % ""
