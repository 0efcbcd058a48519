"""Pictures side by side: one camera, plain OpenGL off the screen, captions below.

Positions are projected here, by numpy; OpenGL gets places on the screen (x, y, depth in -1..1), triangles and discs.
Panels are drawn `FINER` times as large and averaged down, which smooths every edge alike on every machine.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from vispy import app, gloo

PANEL = 360  # px
FINER = 3
GAP = 4
MOST_BYTES = 240_000
BAND = 30
GROUND = (14, 17, 27)
INK = (206, 212, 226)
MAPS = {  # rrggbb at even steps
    "viridis": "440154472c7a3b518b2c718e21908d27ad815cc863aadc32fde725",
    "plasma": "3d0a9d6a00a88f0da4b12a90cc4778e16462f2844bfca636f0f921",
    "inferno": "2a1250550f6d88226aa83655cd4347e35933f98e09f9cb35fcffa4",
    "wheel": "e07a5fe0b45fb8d46a6fd08a5fc9c96a9fe08a7fe0c071d8e06fa6e07a5f",
}

_VERTEX = """
attribute vec3 a_place;
attribute vec4 a_color;
attribute float a_size;
varying vec4 v_color;
void main() {
    gl_Position = vec4(a_place, 1.0);
    gl_PointSize = a_size;
    v_color = a_color;
}
"""
_FILL = "varying vec4 v_color; void main() { gl_FragColor = v_color; }"
_DISC = """
varying vec4 v_color;
void main() {
    if (length(gl_PointCoord - vec2(0.5)) > 0.5) discard;
    gl_FragColor = v_color;
}
"""


@dataclass(frozen=True)
class Camera:
    """Looks at `centre` (z, y, x) from `away` world units; degrees; `fov` 0 is parallel."""

    centre: tuple[float, ...]
    away: float
    azimuth: float = 0.0
    elevation: float = 90.0
    fov: float = 30.0

    def axes(self):
        """Right, up and towards the eye, each (3,) in (x, y, z)."""
        a, e = np.radians(self.azimuth), np.radians(self.elevation)
        towards = np.array([np.sin(a) * np.cos(e), -np.cos(a) * np.cos(e), np.sin(e)])
        right = np.array([np.cos(a), np.sin(a), 0.0])
        return right, np.cross(towards, right), towards

    def project(self, positions):
        """Place on the screen (N, 3), and the pixels that a world unit takes there (N,)."""
        points = positions.astype(float)
        if points.shape[1] == 2:
            points = np.concatenate([np.zeros((len(points), 1)), points], axis=1)
        local = (points - np.resize(self.centre, 3))[:, ::-1] @ np.stack(self.axes(), axis=1)
        half = self.away * np.tan(np.radians(self.fov or 30.0) / 2)
        far = np.maximum(self.away - local[:, 2], self.away / 50) / self.away if self.fov else np.ones(len(local))
        scale = 1 / (half * far)
        place = np.stack([local[:, 0] * scale, local[:, 1] * scale, -local[:, 2] / (4 * self.away)], axis=1)
        return place.astype("f4"), scale * (PANEL * FINER / 2)

    def nearness(self, positions, low=0.45):
        """Brightness by depth, (N,): 1 in front, `low` at the back of what is seen."""
        depth = self.project(positions)[0][:, 2]
        front, back = np.quantile(depth, [0.02, 0.98])
        return np.clip(1 - (1 - low) * (depth - front) / max(back - front, 1e-9), low, 1)


@dataclass(frozen=True)
class Triangles:
    """Corners (3 M, 3) on the screen and their colours (3 M, 4)."""

    places: np.ndarray
    colors: np.ndarray


@dataclass(frozen=True)
class Discs:
    """Middles (N, 3) on the screen, colours (N, 4), diameters (N,) in framebuffer pixels."""

    places: np.ndarray
    colors: np.ndarray
    sizes: np.ndarray


def mapped(values, name, limits):
    """Colours (N, 4) of numbers, by a map of `MAPS`."""
    stops = np.frombuffer(bytes.fromhex(MAPS[name]), "u1").reshape(-1, 3) / 255
    part = np.clip((values - limits[0]) / (limits[1] - limits[0]), 0, 1) * (len(stops) - 1)
    rgb = [np.interp(part, np.arange(len(stops)), channel) for channel in stops.T]
    return np.stack([*rgb, np.ones(len(part))], axis=1)


def shaded(colors, light):
    return np.concatenate([colors[:, :3] * light[:, None], colors[:, 3:]], axis=1)


def discs(camera, positions, colors, px, *, depth_cue=True):
    """Points `px` wide on the finished picture, a number or one each."""
    colors = shaded(colors, camera.nearness(positions)) if depth_cue else colors
    sizes = np.broadcast_to(np.asarray(px, float) * FINER, len(positions))
    return Discs(camera.project(positions)[0], colors, sizes)


def ribbons(camera, positions, edges, colors, px=1.0, radius=None, *, depth_cue=True):
    """Edges (M, 2) as quads `px` wide, or as wide as the radius of their ends where that is more."""
    place, scale = camera.project(positions)
    colors = shaded(colors, camera.nearness(positions)) if depth_cue and len(positions) else colors
    half = np.full(len(positions), px * FINER / 2)
    if radius is not None:
        half = np.maximum(half, radius * scale)
    a, b = place[edges[:, 0]], place[edges[:, 1]]
    along = (b - a)[:, :2]
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-12)
    side = np.stack([-along[:, 1], along[:, 0], np.zeros(len(along))], axis=1) * (2 / (PANEL * FINER))
    wide_a, wide_b = side * half[edges[:, 0], None], side * half[edges[:, 1], None]
    quad = np.stack([a - wide_a, a + wide_a, b + wide_b, a - wide_a, b + wide_b, b - wide_b], axis=1)
    ends = edges[:, [0, 0, 1, 0, 1, 1]]
    return Triangles(quad.reshape(-1, 3).astype("f4"), colors[ends.reshape(-1)])


def joints(camera, positions, colors, radius):
    """Discs that close the gaps between thick edges."""
    scale = camera.project(positions)[1]
    return Discs(camera.project(positions)[0], shaded(colors, camera.nearness(positions)), 2 * radius * scale)


def surface(camera, positions, faces, colors, *, smooth=True):
    """Triangles lit from the eye and from above."""
    points = positions.astype(float)[:, ::-1]  # (x, y, z)
    a, b, c = (points[corner] for corner in faces.T)
    across = np.cross(b - a, c - a)
    if smooth:
        normal = np.stack(
            [np.bincount(faces.reshape(-1), np.repeat(n, 3), minlength=len(points)) for n in across.T], axis=1
        )[faces.reshape(-1)]
    else:
        normal = np.repeat(across, 3, axis=0)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
    right, up, towards = camera.axes()
    lamp = towards + 0.6 * up - 0.5 * right
    lamp /= np.linalg.norm(lamp)
    facing = np.sign(normal @ towards)  # lit from both sides
    light = 0.25 + 0.75 * np.clip((normal @ lamp) * facing, 0, 1)
    shine = 0.35 * np.clip((normal @ lamp) * facing, 0, 1) ** 24
    lit = shaded(colors[faces.reshape(-1)], light)
    lit[:, :3] = np.clip(lit[:, :3] + shine[:, None], 0, 1)
    return Triangles(camera.project(positions)[0][faces.reshape(-1)], lit)


def wires(camera, positions, faces, color, px=0.7):
    """Edges of faces, a little before them."""
    pairs = np.unique(np.sort(faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1), axis=0)
    colors = np.broadcast_to(np.asarray(color, float), (len(positions), 4))
    drawn = ribbons(camera, positions, pairs, colors, px, depth_cue=False)
    return Triangles(drawn.places - np.array([0, 0, 1e-3], "f4"), drawn.colors)


class Painter:
    """An OpenGL context off the screen."""

    def __init__(self):
        self._canvas = app.Canvas(size=(64, 64), show=False)
        self._canvas.set_current()
        size = PANEL * FINER
        self._buffer = gloo.FrameBuffer(gloo.Texture2D((size, size, 4)), gloo.RenderBuffer((size, size), "depth"))
        self._fill, self._disc = gloo.Program(_VERTEX, _FILL), gloo.Program(_VERTEX, _DISC)

    def paint(self, *things):
        """Draw into a panel, (PANEL, PANEL, 3) uint8; what lies nearer hides what lies behind."""
        size = PANEL * FINER
        with self._buffer:
            gloo.set_viewport(0, 0, size, size)
            gloo.set_clear_color((*(c / 255 for c in GROUND), 1))
            gloo.clear(color=True, depth=True)
            gloo.set_state(depth_test=True, blend=True, blend_func=("src_alpha", "one_minus_src_alpha"))
            gloo.gl.glEnable(0x8642)  # GL_VERTEX_PROGRAM_POINT_SIZE
            gloo.gl.glEnable(0x8861)  # GL_POINT_SPRITE
            for thing in things:
                if len(thing.places):
                    self._draw(thing)
            picture = gloo.read_pixels((0, 0, size, size), alpha=False)
        return picture.reshape(PANEL, FINER, PANEL, FINER, 3).mean(axis=(1, 3)).astype("u1")

    def _draw(self, thing):
        is_discs = isinstance(thing, Discs)
        program = self._disc if is_discs else self._fill
        program["a_place"] = gloo.VertexBuffer(np.ascontiguousarray(thing.places, "f4"))
        program["a_color"] = gloo.VertexBuffer(np.ascontiguousarray(thing.colors, "f4"))
        sizes = thing.sizes if is_discs else np.ones(len(thing.places))
        program["a_size"] = gloo.VertexBuffer(np.ascontiguousarray(sizes, "f4"))
        program.draw("points" if is_discs else "triangles")


def sheet(rows, captions):
    """Panels in rows, with a caption below each column of the last row or below every panel.

    Parameters
    ----------
    rows : list of lists of (h, w, 3) uint8
    captions : list of lists of str
        One list a row; an empty one leaves no room below its row.
    """
    width = max(sum(p.shape[1] for p in row) + GAP * (len(row) - 1) for row in rows)
    bands = [BAND if words else GAP for words in captions]
    height = sum(row[0].shape[0] + band for row, band in zip(rows, bands, strict=True))
    out = Image.new("RGB", (width, height), (4, 5, 9))
    pen, font = ImageDraw.Draw(out), ImageFont.load_default(size=17)
    top = 0
    for row, words, band in zip(rows, captions, bands, strict=True):
        left = 0
        for number, panel in enumerate(row):
            out.paste(Image.fromarray(panel), (left, top))
            if words:
                middle = (left + panel.shape[1] / 2, top + panel.shape[0] + band / 2)
                pen.text(middle, words[number], fill=INK, font=font, anchor="mm")
            left += panel.shape[1] + GAP
        top += row[0].shape[0] + band
    return out


def save(picture, path):
    """Write a PNG of as many colours as keep it small; return its bytes."""
    for colors in (224, 160, 112, 80, 56, 40, 28):
        few = picture.quantize(colors, Image.Quantize.MAXCOVERAGE, kmeans=2, dither=Image.Dither.NONE)
        few.save(path, optimize=True)
        if path.stat().st_size <= MOST_BYTES:
            break
    return path.stat().st_size
