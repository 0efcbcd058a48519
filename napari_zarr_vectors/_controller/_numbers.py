"""What the numbers of an attribute are as values of vertices: the offset that they lose, limits, labels. Pure.

float32 has 24 bits, and the graphics card nothing longer. Where numbers lie far from 0 and near together, an offset is
subtracted before they become float32; what a person sees (limits, legend, labels) are the attribute's own numbers.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_zarr_vectors._layers._lut import DISTINCT
from napari_zarr_vectors._stream import MOST_VALUE, Coloring, color_values

__all__ = ["are_wide", "limits_of", "offset_of", "own_number"]

LIMIT_PERCENTILES = (0.5, 99.5)
FINE = 1024
"""How many times as far from 0 as their range is wide numbers may lie: 16384 steps of float32 are left of it."""
EVERY_WHOLE = 1 << 52
"""Below it, with some room, float64 has every whole number."""
MANTISSA = 53
MOST_LABEL = 1 << 23
"""From here on float32 has no halves, and shaders round by adding one."""


def offset_of(values: npt.NDArray[Any] | None) -> float:
    """Give what is subtracted from numbers, of the kind that they are; 0 where float32 tells them apart as they are.

    It is the middle one of (N,) or the first channel of (N, C), so that an outlier moves it little. A whole number is
    a multiple of the colours of labels, which have the same remainders so, and float64 has it.
    """
    if (
        values is None
        or values.dtype.kind not in "iuf"
        or values.dtype.itemsize <= (4 if values.dtype.kind == "f" else 2)
    ):
        return 0.0
    column = values[:, 0] if values.ndim == 2 else values
    if column.dtype.kind == "f":
        column = column[np.isfinite(column)]
    if not len(column):
        return 0.0
    offset: float = np.partition(column, len(column) // 2)[len(column) // 2].item()
    if isinstance(offset, int):
        bits = max(int(math.log2(DISTINCT)), offset.bit_length() - MANTISSA)
        offset = (offset >> bits) << bits
    found = _middle(color_values(Coloring(kind="scalar", offset=offset), column))
    if found is None:
        return 0.0
    low, high = found
    farthest = max(abs(low + offset), abs(high + offset))
    return offset if farthest > FINE * ((high - low) or 1.0) else 0.0


def are_wide(labels: tuple[int, ...], values: npt.NDArray[Any] | None, offset: float) -> bool:
    """Tell whether float32 has not every one of some labels less an offset, and of the values they were found in."""
    if values is None or not labels:
        return False
    ends = min(labels[0], int(values.min())), max(labels[-1], int(values.max()))
    return max(abs(end - int(offset)) for end in ends) >= MOST_LABEL


def limits_of(numbers: npt.NDArray[np.float32], offset: float) -> tuple[float, float]:
    """Give the middle 99 % of values that have lost an offset, as the attribute's own numbers."""
    found = _middle(numbers)
    if found is None:
        return 0.0, 1.0
    low, high = (own_number(number, offset) for number in found)
    if low < high:
        return low, high
    return low, low + (1 if isinstance(low, int) else max(1.0, FINE * math.ulp(low)))


def own_number(value: float, offset: float) -> float:
    """Give the number of an attribute that a value was; whole where float64 has not every one."""
    if isinstance(offset, int) and abs(offset) >= EVERY_WHOLE:
        return offset + round(value)
    return float(offset + value)


def _middle(numbers: npt.NDArray[np.float32]) -> tuple[float, float] | None:
    """Give the middle 99 % of values; None where none is a number."""
    finite = numbers[np.abs(numbers) < MOST_VALUE]
    if not len(finite):
        return None
    low, high = (float(v) for v in np.percentile(finite, LIMIT_PERCENTILES))
    return low, high
