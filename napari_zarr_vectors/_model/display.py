"""How points are to look: intent that a person edits and the layer turns into uniforms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import TYPE_CHECKING, ClassVar, Literal, cast

from psygnal import SignalGroupDescriptor

from napari_zarr_vectors._model.names import check_name

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["DisplayStyle"]

RGBA = tuple[float, float, float, float]
SizeMode = Literal["px", "world"]
Shading = Literal["flat", "round", "soft"]
ColorMode = Literal["colormap", "cycle"]

EVERY_WHOLE = 1 << 53
"""Whole numbers beyond it stay whole: float64 has not every one."""


def _refuse(name: str, expected: str, value: object) -> ValueError:
    return ValueError(f"{name} must be {expected}, got {value!r}")


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
        return None
    if isinstance(value, Integral) and abs(int(value)) > EVERY_WHOLE:
        return int(value)
    return float(value)


def _numbers(value: object) -> tuple[float, ...] | None:
    if isinstance(value, str) or not (isinstance(value, Sequence) or hasattr(value, "__array__")):
        return None
    numbers = [_number(v) for v in cast("Sequence[object]", value)]
    return None if None in numbers else tuple(cast("list[float]", numbers))


def _positive(name: str, value: object) -> float:
    number = _number(value)
    if number is None or number <= 0:
        raise _refuse(name, "a number > 0", value)
    return number


def _not_negative(name: str, value: object) -> float:
    number = _number(value)
    if number is None or number < 0:
        raise _refuse(name, "a number >= 0", value)
    return number


def _positive_or_none(name: str, value: object) -> float | None:
    return None if value is None else _positive(name, value)


def _text(name: str, value: object) -> str:
    if not isinstance(value, str) or not value:
        raise _refuse(name, "a non-empty name", value)
    return value


def _text_or_none(name: str, value: object) -> str | None:
    return None if value is None else _text(name, value)


def _rgba(name: str, value: object) -> RGBA:
    numbers = _numbers(value)
    if numbers is None or len(numbers) not in (3, 4) or not all(0 <= n <= 1 for n in numbers):
        raise _refuse(name, "3 or 4 numbers in 0..1", value)
    return cast("RGBA", (*numbers, 1.0)[:4])


def _limits(name: str, value: object) -> tuple[float, float] | None:
    if value is None:
        return None
    numbers = _numbers(value)
    if numbers is None or len(numbers) != 2 or not numbers[0] < numbers[1]:
        raise _refuse(name, "None or two numbers lo < hi", value)
    return numbers[0], numbers[1]


def _flag(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise _refuse(name, "True or False", value)
    return value


def _one_of(*words: str) -> Callable[[str, object], str]:
    def check(name: str, value: object) -> str:
        if value not in words:
            raise _refuse(name, f"one of {words}", value)
        return str(value)

    return check


_CHECKS: dict[str, Callable[[str, object], object]] = {
    "size": _positive,
    "size_mode": _one_of("px", "world"),
    "color_by": _text_or_none,
    "color": _rgba,
    "color_mode": _one_of("colormap", "cycle"),
    "colormap": _text,
    "contrast_limits": _limits,
    "gamma": _positive,
    "shading": _one_of("flat", "round", "soft"),
    "slab_thickness": _positive_or_none,
    "adaptive_size": _flag,
    "size_by": _text_or_none,
    "wireframe": _flag,
    "backfaces": _flag,
    "legend": _flag,
    "eye_dome": _not_negative,
    "node_size": _not_negative,
}


@dataclass(eq=False)
class DisplayStyle:
    """Display intent of one layer; ``style.events.<name>`` signals each change.

    Attributes
    ----------
    size : float
        Diameter of points, width of lines, > 0: logical pixels or data units. Width of a surface's wires: pixels.
    size_mode : "px" or "world"
        Whether `size` and `node_size` are logical pixels, or data units: lengths in the store's own units, as
        coordinates and radii are, whatever scale, rotation, affine and units the layer has. Where its scale is not the
        same along all axes on the canvas, a data unit is as long as their geometric mean.
    color_by : str or None
        Attribute of vertices, objects or groups that colours the vertices, of groups that of the first one an object is
        in; None shows them all in `color`. "direction" colours lines by where they
        run, unless the store has an attribute of that name.
    color_mode : "colormap" or "cycle"
        How numbers become colours: by the colormap, or, whole numbers that are labels, each with a colour of its own;
        a number has the same one in every store, and after 64 they come again. Numbers that are not whole have no
        labels' colours.
    color : (r, g, b, a)
        0..1 each; three numbers are taken as opaque. A layer's style also takes any colour that napari knows, such as
        ``"orange"`` and ``"#ff8000"``.
    colormap : str
        A name that napari knows.
    contrast_limits : (lo, hi) or None
        Values at the two ends of the colormap; None takes them from the data. Whole numbers beyond 2**53 stay whole.
    gamma : float
        > 0.
    shading : "flat", "round" or "soft"
        Points: squares, discs, discs with a smooth edge. Lines: of one brightness, as tubes, with a smooth edge.
        Surfaces: each face lit alone, smooth light, no light.
    adaptive_size : bool
        Let points of a coarse level grow until they touch, so that it leaves no gaps.
    size_by : str or None
        Attribute of vertices or objects that `size` is multiplied with, of points and lines; what is below 0 or no
        number counts as 0 and is as small as is drawn. None gives all the same size.
    wireframe : bool
        Draw the edges of a surface's faces only.
    backfaces : bool
        Draw faces that turn away, in 3-D, or leave them out. Which side is outside the store's ``winding_order`` says,
        "ccw" where it says nothing, the axes in their order taken as right-handed.
    legend : bool
        Say in the canvas what the colours mean: a bar for numbers, words, axes; nothing where there is one colour.
    eye_dome : float
        How much points in 3-D are darkened that have nearer ones beside them (eye-dome lighting); 0 for not at all,
        1 is usual. Colours are opaque then: what is less than half so is left out. Not where light adds up
        (``blending="additive"``).
    node_size : float
        Diameter of the balls that mark the vertices of lines, in the unit of `size`; 0 for none.
    slab_thickness : float or None
        Data units shown around the slider's position on axes that are not displayed; None is automatic.

    Raises
    ------
    ValueError
        When a value is set that is not one of these; the value before stays.
    AttributeError
        When a name is set that is none of these.
    """

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()

    size: float = 2.0
    size_mode: SizeMode = "px"
    color_by: str | None = None
    color_mode: ColorMode = "colormap"
    color: RGBA = (1.0, 1.0, 1.0, 1.0)
    colormap: str = "viridis"
    contrast_limits: tuple[float, float] | None = None
    gamma: float = 1.0
    shading: Shading = "round"
    slab_thickness: float | None = None
    adaptive_size: bool = True
    size_by: str | None = None
    wireframe: bool = False
    backfaces: bool = True
    legend: bool = False
    eye_dome: float = 0.0
    node_size: float = 0.0

    def bind_colors(self, read: Callable[[object], object]) -> None:
        """Take colours also as `read` makes numbers of them; what it does not know it refuses as ``ValueError``."""
        self._read_color = read

    def __setattr__(self, name: str, value: object) -> None:
        check_name(self, name)
        check = _CHECKS.get(name)
        if name == "color":
            read: Callable[[object], object] | None = getattr(self, "_read_color", None)
            value = value if read is None else read(value)
        object.__setattr__(self, name, value if check is None else check(name, value))
