"""Colours of values as ordinary layers of napari take them: what the shaders of streaming layers do, in numpy."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_zarr_vectors._build import MISSING_VALUE, unpack_rgb
from napari_zarr_vectors._layers._lut import (
    DISTINCT,
    MISSING_RGBA,
    category_lut,
    colormap_lut,
    is_colormap,
    no_colormap,
)
from napari_zarr_vectors._layers._notify import notify
from napari_zarr_vectors._model import DisplayStyle

if TYPE_CHECKING:
    from napari_zarr_vectors._layers._layer import ValueInfo

__all__ = ["colors_of", "drawn_info", "drawn_limits", "known_colormap", "napari_size"]

Float32Array = npt.NDArray[np.float32]


def drawn_info(info: ValueInfo, style: DisplayStyle) -> ValueInfo:
    """Give what values are drawn as: labels as codes of a category, where the style says so."""
    if info.are_labels(style.color_mode):
        return replace(info, kind="category", categories=DISTINCT)
    return info


def drawn_limits(info: ValueInfo, style: DisplayStyle) -> tuple[float, float]:
    """Give the values, as they lie in the pool, at the ends of the colormap."""
    low, high = style.contrast_limits or info.limits
    return float(low - info.offset), float(high - info.offset)


def colors_of(values: Float32Array | None, count: int, info: ValueInfo, style: DisplayStyle) -> Float32Array:
    """Give the colours (n, 4), 0..1, of n values as `info` and a style say."""
    info = drawn_info(info, style)
    if values is None or info.kind in ("none", "direction"):
        return np.tile(np.array(style.color, dtype=np.float32), (count, 1))
    is_missing = values < MISSING_VALUE / 2
    values = np.where(is_missing, np.float32(0), values)
    if info.kind == "rgb":
        opaque = np.full((len(values), 1), 255, np.uint8)
        colors = np.concatenate([unpack_rgb(values), opaque], axis=1)
    elif info.kind == "category":
        lut = category_lut(info.categories)
        colors = lut[np.floor(values + 0.5).astype(np.int64) % len(lut)]
    else:
        low, high = drawn_limits(info, style)
        share = np.clip((values.astype(np.float64) - low) / (high - low), 0, 1) ** style.gamma
        lut = colormap_lut(known_colormap(style.colormap))
        colors = lut[np.round(share * (len(lut) - 1)).astype(np.int64)]
    out = np.asarray(colors / 255, dtype=np.float32)
    out[is_missing] = MISSING_RGBA
    return out


def known_colormap(name: str) -> str:
    """Give the name of a colormap, or that of the usual one if napari does not know it; then a person is told."""
    if is_colormap(name):
        return name
    usual = DisplayStyle().colormap
    notify(f"{no_colormap(name)} ({usual!r} is used)")
    return usual


def napari_size(style: DisplayStyle, zoom: float, unit: float, step: float) -> float:
    """Give a size as napari's layers have it, at this zoom where it is in pixels.

    `unit` is how much of the world a data unit is, as `world_unit` says. `step` is how much of it napari makes of 1:
    for lines that of a data unit along the last axis on the canvas, for points the scale of the last axis, whatever
    units and affine say.
    """
    world = style.size / zoom if style.size_mode == "px" else style.size * unit
    return world / abs(step)
