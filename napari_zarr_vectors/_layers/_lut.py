"""Colours of values: lookup tables of 8-bit RGBA."""

from __future__ import annotations

import colorsys
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from napari.utils.colormaps import AVAILABLE_COLORMAPS, ensure_colormap
from napari.utils.colormaps.standardize_color import transform_color

from napari_zarr_vectors._model.names import meant

__all__ = ["DISTINCT", "MISSING_RGBA", "category_lut", "colormap_lut", "is_colormap", "no_colormap", "rgba_of"]

LUT_SIZE = 256
MOST_CATEGORIES = 4096
"""Width every GL 2.1 texture may have; codes beyond it start over."""
GOLDEN = 0.61803398875
DISTINCT = 64
"""So many colours differ as much as they can; those of labels start over then."""
FIRST = (255, 158, 26)
MISSING_RGBA = (0.5, 0.5, 0.5, 1.0)
"""Colour of what has no value, whatever colours the others: no colour of a category, and seen on black and on white."""
TAKEN = ((0, 0, 0), (255, 255, 255), (0, 153, 255))
"""Usual backgrounds, and what napari marks a selection with."""


def colormap_lut(name: str) -> npt.NDArray[np.uint8]:
    """Sample a colormap of napari: (256, 4) uint8.

    Raises
    ------
    KeyError
        When napari knows no colormap of that name.
    """
    colours: npt.NDArray[np.float64] = ensure_colormap(name).map(np.linspace(0, 1, LUT_SIZE))
    lut: npt.NDArray[np.uint8] = np.round(255 * colours).astype(np.uint8)
    return lut


def is_colormap(name: str) -> bool:
    """Whether napari knows a colormap of this name; it knows more than it lists."""
    try:
        colormap_lut(name)
    except KeyError:
        return False
    return True


def no_colormap(name: str) -> str:
    """Say that napari knows no colormap of this name, and which may be meant."""
    return f"napari knows no colormap {name!r}; {meant(name, AVAILABLE_COLORMAPS)}"


def rgba_of(color: object) -> object:
    """Give the numbers of a colour that napari knows by a name or as ``#rrggbb``; anything else as it is.

    Raises
    ------
    ValueError
        When napari knows no such colour.
    """
    if not isinstance(color, str):
        return color
    try:
        if color.strip():  # napari takes no name for transparent
            return tuple(transform_color(color)[0].tolist())
    except ValueError:
        pass
    msg = f"napari knows no colour {color!r}; 'orange' and '#ff8000' are two that it knows"
    raise ValueError(msg)


@lru_cache(maxsize=16)
def category_lut(count: int) -> npt.NDArray[np.uint8]:
    """Colours for codes 0..count-1, the same whatever the count: (n, 4) uint8, n at most 4096.

    The first 64 differ as much as they can, from one another, from black, white and the colour of what is chosen; those
    beyond go around the circle of hues: neighbours differ, but some nearly repeat a colour of the first.
    """
    codes = np.arange(min(max(count, 1), MOST_CATEGORIES))
    rgb = [colorsys.hsv_to_rgb((0.11 + code * GOLDEN) % 1, (0.85, 0.55)[code % 2], 0.95) for code in codes.tolist()]
    lut = np.full((len(rgb), 4), 255, dtype=np.uint8)
    lut[:, :3] = np.round(255 * np.array(rgb))
    far = _far_apart()[: len(lut)]
    lut[: len(far), :3] = far
    return lut


@lru_cache(maxsize=1)
def _far_apart() -> npt.NDArray[np.uint8]:
    """Give colours of which each is as far as possible from those before: (64, 3) uint8."""
    steps = np.round(np.linspace(0, 255, 14)).astype(np.uint8)
    candidates = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1).reshape(-1, 3)
    seen = _lab(candidates)
    candidates = candidates[(seen[:, 0] > 40) & (seen[:, 0] < 92) & (np.hypot(seen[:, 1], seen[:, 2]) > 35)]
    seen = _lab(candidates)
    distance = np.linalg.norm(seen[:, None] - _lab(np.array(TAKEN)), axis=2).min(axis=1)
    best = int(np.linalg.norm(seen - _lab(np.array([FIRST])), axis=1).argmin())
    chosen = []
    for _ in range(DISTINCT):
        chosen.append(best)
        distance = np.minimum(distance, np.linalg.norm(seen - seen[best], axis=1))
        best = int(distance.argmax())
    return candidates[chosen]


def _lab(rgb: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Give sRGB of 0..255 as CIE 1976 L*a*b* under D65 (IEC 61966-2-1), where distance is about what an eye sees."""
    part = rgb / 255
    linear = np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
    xyz = linear @ np.array([[0.4124, 0.2126, 0.0193], [0.3576, 0.7152, 0.1192], [0.1805, 0.0722, 0.9505]])
    relative = xyz / np.array([0.9505, 1, 1.089])
    f = np.where(relative > 216 / 24389, np.cbrt(relative), (24389 / 27 * relative + 16) / 116)
    x, y, z = f[..., 0], f[..., 1], f[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)
