"""What a legend says, and its picture in pixels. Pure.

Everything is values that compare: napari asks an overlay's model whether anything has changed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_zarr_vectors._layers._layer import ValueInfo
    from napari_zarr_vectors._model import DisplayStyle

__all__ = ["MOST_ROWS", "Drawing", "Legend", "direction_order", "drawing_of", "legend_of", "ticks"]

UInt8Array = npt.NDArray[np.uint8]

MOST_ROWS = 20
MOST_LETTERS = 28
BAR_PX = (16, 140)
"""Width and height of a bar; where there is less room it is lower."""
LOWEST_BAR_PX = 40
SWATCH_PX = 12
GAP_PX = 6
TICK_PX = 4
MOST_TICKS = 5
MOST_DIGITS = 17
"""With so many any two float64 differ."""
EVERY_WHOLE = 1 << 52
GROUP = "group"
"""What vertices are coloured by where each has the colour of its object's group."""
RGB_OF_AXES = {"x": 0, "y": 1, "z": 2}


@dataclass(frozen=True, slots=True)
class Legend:
    """Colours and what they mean.

    Attributes
    ----------
    title : str
    colors : bytes
        RGBA, four bytes each: of a bar from its lowest value to its highest, else one for each word.
    labels : tuple of (place, text)
        Of a bar: from 0, its lowest value, to 1. Else the words, by number.
    is_bar : bool
    total : int
        Of words: how many there are, shown or not.
    """

    title: str
    colors: bytes
    labels: tuple[tuple[float, str], ...]
    is_bar: bool
    total: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Drawing:
    """A legend laid out, logical pixels from its upper left corner.

    Attributes
    ----------
    picture : (h, w, 4) uint8
        Bar or swatches.
    at : (x, y)
        Where it begins.
    texts : tuple of str
    places : (n, 2) float64
        Left end and middle of each text.
    """

    picture: UInt8Array
    at: tuple[float, float]
    texts: tuple[str, ...]
    places: npt.NDArray[np.float64]


def legend_of(
    style: DisplayStyle, info: ValueInfo, lut: UInt8Array, axes: Sequence[str], groups: Sequence[str] | None = None
) -> Legend | None:
    """Say what colours mean; None where that is nothing (one colour) or what it looks like (colours of the store).

    Parameters
    ----------
    style : DisplayStyle
    info : ValueInfo
    lut : (n, 4) uint8
        Colours of scalars from the lowest, or of codes.
    axes : sequence of str
        Names of the data axes.
    groups : sequence of str or None
        Those that are shown, None for all: colours of groups are told of no others.
    """
    if style.color_by is None or info.kind in ("none", "rgb"):
        return None
    title = _short(f"{info.name or style.color_by} ({info.unit})" if info.unit else info.name or style.color_by)
    if info.are_labels(style.color_mode):
        some = info.labels[:MOST_ROWS]
        rows = tuple(enumerate(map(str, some)))
        return Legend(
            title, lut[[label % len(lut) for label in some]].tobytes(), rows, is_bar=False, total=len(info.labels)
        )
    if info.kind == "scalar":
        low, high = style.contrast_limits or info.limits
        at = np.linspace(0, 1, BAR_PX[1]) ** style.gamma
        colors = lut[np.round(at * (len(lut) - 1)).astype(np.int64)]
        return Legend(title, colors.tobytes(), ticks(low, high), is_bar=True)
    if info.kind == "direction":
        rgb = np.zeros((len(axes[:3]), 4), np.uint8)
        rgb[:, 3] = 255
        rgb[np.arange(len(rgb)), direction_order(axes)] = 255
        words, total, colors = tuple(axes[:3]), len(rgb), rgb
    else:
        # An attribute may be named so too: then its words are no names of groups.
        hides = groups is not None and info.name == GROUP and set(groups) <= set(info.words)
        shown = set(info.words if groups is None or not hides else groups)
        codes = [code for code, word in enumerate(info.words) if word in shown]
        words, total = tuple(info.words[code] for code in codes[:MOST_ROWS]), len(codes)
        if not codes:
            return None
        colors = lut[np.array(codes[:MOST_ROWS], np.int64) % len(lut)]
    return Legend(title, colors.tobytes(), tuple((i, _short(word)) for i, word in enumerate(words)), False, total)


def direction_order(names: Sequence[str]) -> list[int]:
    """Give what each of the first three axes is where directions colour: 0 red, 1 green, 2 blue.

    Axes named x, y, z have their own colour; where they are not all named so, the first is red and so on.
    """
    colors = [RGB_OF_AXES.get(name.lower(), -1) for name in names[:3]]
    return colors if sorted(colors) == [0, 1, 2][: len(colors)] else list(range(len(colors)))


def ticks(low: float, high: float) -> tuple[tuple[float, str], ...]:
    """Give places from 0 to 1 and what stands there: both limits, and round numbers between them."""
    width = float(high - low)
    ends = ((0.0, _number(low, width)), (1.0, _number(high, width)))
    if not (math.isfinite(width) and width > 0):
        return ends
    step = 10.0 ** math.floor(math.log10(width / MOST_TICKS))
    step *= next(factor for factor in (1, 2, 5, 10) if width / (step * factor) <= MOST_TICKS)
    between = {_number(n, width): float(n - low) / width for n in _multiples(step, low, high)}
    return (ends[0], *((at, text) for text, at in between.items() if text not in (ends[0][1], ends[1][1])), ends[1])


def _multiples(step: float, low: float, high: float) -> list[float]:
    """Give the multiples of a step between two numbers; whole ones between those that float64 has not."""
    if _is_long(low) or _is_long(high):
        whole = max(1, round(step))
        return list(range((math.floor(low) // whole + 1) * whole, math.ceil(high), whole))
    numbers = step * np.arange(math.ceil(low / step), math.floor(high / step) + 1)
    return [float(n) for n in numbers if low < n < high]


def drawing_of(legend: Legend, line_px: float, ink: npt.NDArray[np.uint8], most_px: float) -> Drawing:
    """Lay a legend out.

    Parameters
    ----------
    legend : Legend
    line_px : float
        Height of a line of text.
    ink : (4,) uint8
        Colour of frame and ticks.
    most_px : float
        Height that there is: a bar is as low as that, but for some pixels; words that do not fit are counted in the
        last line, and one is shown at least.
    """
    line = math.ceil(max(line_px, SWATCH_PX + 2))
    top = line + GAP_PX if legend.title else line // 2
    titles = [(legend.title, 0.0, line / 2)] if legend.title else []
    if legend.is_bar:
        height = int(min(BAR_PX[1], max(most_px - top - line / 2, LOWEST_BAR_PX)))
        labels = _apart(legend.labels, line / height)
        picture, right = _bar(legend.colors, labels, height, ink), BAR_PX[0] + TICK_PX + GAP_PX
        rows = [(text, float(right), top + (1 - at) * (height - 1) + 0.5) for at, text in labels]
    else:
        count = len(legend.labels)
        fits = max(1, int((most_px - top) // line))
        if min(count, fits) < legend.total:
            count = max(1, min(count, fits - 1))  # the last line says how many are not there
        picture, right = _swatches(legend, count, line, ink), SWATCH_PX + GAP_PX
        rows = [(text, float(right), top + (i + 0.5) * line) for i, (_, text) in enumerate(legend.labels[:count])]
        if count < legend.total:
            rows.append((f"and {legend.total - count:,} more", 0.0, top + (count + 0.5) * line))
    texts = [*titles, *rows]
    places = np.array([[x, y] for _, x, y in texts], dtype=np.float64).reshape(-1, 2)
    return Drawing(picture, (0.0, float(top)), tuple(text for text, _, _ in texts), places)


def _apart(labels: tuple[tuple[float, str], ...], gap: float) -> list[tuple[float, str]]:
    """Give the labels of a bar that have room: both ends, and of the others none too near to the one before."""
    kept = [labels[0]]
    for at, text in labels[1:-1]:
        if min(at - kept[-1][0], 1 - at) >= gap:
            kept.append((at, text))
    return [*kept, labels[-1]]


def _bar(rgba: bytes, labels: list[tuple[float, str]], height: int, ink: npt.NDArray[np.uint8]) -> UInt8Array:
    width = BAR_PX[0]
    colors = np.frombuffer(rgba, np.uint8).reshape(-1, 4)[::-1]
    picture = np.zeros((height, width + TICK_PX, 4), np.uint8)
    picture[:, :width] = colors[np.linspace(0, len(colors) - 1, height).astype(np.int64), None]
    picture[[0, -1], :width] = ink
    picture[:, [0, width - 1]] = ink
    for at, _ in labels:
        picture[round((1 - at) * (height - 1)), width:] = ink
    return picture


def _swatches(legend: Legend, count: int, line: int, ink: npt.NDArray[np.uint8]) -> UInt8Array:
    colors = np.frombuffer(legend.colors, np.uint8).reshape(-1, 4)[:count]
    picture = np.zeros((count, line, SWATCH_PX, 4), np.uint8)
    above = (line - SWATCH_PX) // 2
    swatches = picture[:, above : above + SWATCH_PX]
    swatches[:] = colors[:, None, None]
    swatches[:, [0, -1]] = ink
    swatches[:, :, [0, -1]] = ink
    return picture.reshape(-1, SWATCH_PX, 4)


def _is_long(value: float) -> bool:
    """Tell whether a number is whole and so large that float64 has not all that are."""
    return isinstance(value, int) and abs(value) >= EVERY_WHOLE


def _number(value: float, width: float) -> str:
    """Write a number with as many digits as the width of the bar asks for."""
    if _is_long(value):
        return str(value)
    if not math.isfinite(width) or width <= 0:
        return f"{value:.4g}"
    digits = 4 if value == 0 else max(4, math.ceil(math.log10(abs(value) / width)) + 3)
    rounded = round(value, 4 - math.floor(math.log10(width)))  # no 1e-17 in place of 0
    return f"{rounded:.{min(digits, MOST_DIGITS)}g}"


def _short(text: str) -> str:
    """Give a text as one line that is not too long, and not empty: vispy paints no text without letters."""
    text = " ".join(text.split()) or "-"
    return text if len(text) <= MOST_LETTERS else text[: MOST_LETTERS - 1] + "…"
