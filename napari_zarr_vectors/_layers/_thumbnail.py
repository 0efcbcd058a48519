"""Small pictures of a point layer for the layer list. Pure numpy."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["placeholder", "scatter"]

Uint8Array = npt.NDArray[np.uint8]

DOTS = 90


def scatter(
    xy: npt.ArrayLike, rgba: npt.ArrayLike, lo: npt.ArrayLike, hi: npt.ArrayLike, shape: tuple[int, int]
) -> Uint8Array:
    """Draw points as single pixels.

    Parameters
    ----------
    xy : (n, 2)
        Horizontal and vertical (downwards), data units.
    rgba : (n, 4) or (4,)
        0..1; later points lie on earlier ones.
    lo, hi : (2,)
        What the picture spans, in the order of `xy`; the aspect is kept.
    shape : (height, width)

    Returns
    -------
    (height, width, 4) uint8
    """
    points = np.asarray(xy, dtype=np.float64).reshape(-1, 2)
    low, high = np.asarray(lo, dtype=np.float64), np.asarray(hi, dtype=np.float64)
    height, width = shape
    side = max(float(np.max(high - low)), np.finfo(np.float64).tiny)
    frame = np.array([width, height])
    pixels = (points - (low + high) / 2) / side * (frame - 1) + (frame - 1) / 2
    column, row = np.round(np.clip(pixels, 0, frame - 1)).astype(np.int64).T
    picture = np.zeros((height, width, 4), dtype=np.float64)
    picture[..., 3] = 1
    picture[row, column] = rgba
    return np.round(255 * np.clip(picture, 0, 1)).astype(np.uint8)


def placeholder(rgba: npt.ArrayLike, lo: npt.ArrayLike, hi: npt.ArrayLike, shape: tuple[int, int]) -> Uint8Array:
    """Dots that fill the bounds, for as long as no data has come: (height, width, 4) uint8."""
    low, high = np.asarray(lo, dtype=np.float64), np.asarray(hi, dtype=np.float64)
    spread = np.random.default_rng(0).random((DOTS, 2))
    dim = np.asarray(rgba, dtype=np.float64) * (0.6, 0.6, 0.6, 1)
    return scatter(low + spread * (high - low), dim, low, high, shape)
