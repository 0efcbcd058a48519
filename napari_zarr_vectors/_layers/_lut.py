"""Colours of values: lookup tables of 8-bit RGBA."""

from __future__ import annotations

import colorsys
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from napari.utils.colormaps import ensure_colormap
from napari.utils.colormaps.standardize_color import transform_color

__all__ = ["category_lut", "colormap_lut", "is_colormap", "rgba_of"]

LUT_SIZE = 256
MOST_CATEGORIES = 4096
"""Width every GL 2.1 texture may have; codes beyond it start over."""
GOLDEN = 0.61803398875


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


def rgba_of(color: object) -> object:
    """Give the numbers of a colour that napari knows by a name or as ``#rrggbb``; anything else as it is.

    Raises
    ------
    ValueError
        When napari knows no such colour.
    """
    if isinstance(color, str) and not color.strip():
        msg = "a colour's name is missing"  # napari takes it for transparent
        raise ValueError(msg)
    return tuple(transform_color(color)[0].tolist()) if isinstance(color, str) else color


@lru_cache(maxsize=16)
def category_lut(count: int) -> npt.NDArray[np.uint8]:
    """Colours for codes 0..count-1 that differ between neighbours: (n, 4) uint8, n at most 4096."""
    codes = range(min(max(count, 1), MOST_CATEGORIES))
    rgb = [colorsys.hsv_to_rgb((0.11 + code * GOLDEN) % 1, (0.85, 0.55)[code % 2], 0.95) for code in codes]
    lut = np.full((len(rgb), 4), 255, dtype=np.uint8)
    lut[:, :3] = np.round(255 * np.array(rgb))
    return lut
