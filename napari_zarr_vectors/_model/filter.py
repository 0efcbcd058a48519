"""What of a layer is shown: intent that a person edits; the others are hidden, and stay loaded."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, ClassVar, cast

from psygnal import SignalGroupDescriptor

from napari_zarr_vectors._model.names import check_name
from napari_zarr_vectors._model.selection import as_ids

__all__ = ["DisplayFilter"]


def _where(name: str, value: object) -> dict[str, Any] | None:
    if value is not None and not isinstance(value, Mapping):
        msg = f"{name} must be None or a dict such as {{'length': ('>', 10)}}, got {value!r}"
        raise ValueError(msg)
    return None if value is None else dict(value)


def _groups(name: str, value: object) -> tuple[str, ...] | None:
    if value is None:
        return None
    if isinstance(value, str) or not isinstance(value, (list, tuple)) or not all(isinstance(v, str) for v in value):
        msg = f"{name} must be None or a list of names, got {value!r}"
        raise ValueError(msg)
    return tuple(value)


def _ids(name: str, value: object) -> tuple[int, ...] | None:
    if value is None:
        return None
    ids = as_ids(value)
    if ids is None:
        msg = f"{name} must be None or a list of whole numbers of 64 bits, got {value!r}"
        raise ValueError(msg)
    return ids


def _share(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 <= float(value) <= 1:
        msg = f"{name} must be a number from 0 to 1, got {value!r}"
        raise ValueError(msg)
    return float(value)


def _box(name: str, value: object) -> Box | None:
    if value is None:
        return None
    rows = value.tolist() if hasattr(value, "tolist") else value
    ends = tuple(map(_numbers, rows)) if isinstance(rows, Sequence) and not isinstance(rows, str) else ()
    lo, hi = ends if len(ends) == 2 else (None, None)
    if lo is None or hi is None or len(lo) != len(hi) or not all(a <= b for a, b in zip(lo, hi, strict=True)):
        msg = f"{name} must be None or two rows lo <= hi of a number an axis (inf for no bound), got {value!r}"
        raise ValueError(msg)
    return lo, hi


def _numbers(value: object) -> tuple[float, ...] | None:
    row = value.tolist() if hasattr(value, "tolist") else value
    if isinstance(row, str) or not isinstance(row, Sequence):
        return None
    if any(isinstance(v, bool) or not isinstance(v, Real) or math.isnan(v) for v in row):
        return None
    return tuple(float(cast("float", v)) for v in row)


Box = tuple[tuple[float, ...], tuple[float, ...]]
_CHECKS = {"where": _where, "groups": _groups, "object_ids": _ids, "share": _share, "box": _box}


@dataclass(eq=False)
class DisplayFilter:
    """What is shown of a layer: what meets all of these. ``filter.events.<name>`` signals each change.

    Attributes
    ----------
    where : dict or None
        Comparisons of attributes of vertices and objects, as `zarr_vectors` reads them:
        ``{"length": (">", 10), "kind": ("in", ["a", "b"])}``.
    groups : tuple of str or None
        Objects of any of these groups.
    object_ids : tuple of int or None
        These objects.
    share : float
        Part of the objects, 0..1: always the same ones, and of a larger part all of a smaller one's.
    box : (lo, hi) or None
        Lowest and highest coordinates, a number for each data axis, data units; infinite for no bound. Lines and faces
        are cut where they leave it, and detail goes to what is inside.

    Raises
    ------
    ValueError
        When a value is set that is not one of these; the value before stays.
    AttributeError
        When a name is set that is none of these.
    """

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()

    where: dict[str, Any] | None = None
    groups: tuple[str, ...] | None = None
    object_ids: tuple[int, ...] | None = None
    share: float = 1.0
    box: Box | None = None

    def __post_init__(self) -> None:
        self._axes: int | None = None

    def __setattr__(self, name: str, value: object) -> None:
        check_name(self, name)
        check = _CHECKS.get(name)
        checked = value if check is None else check(name, value)
        if name == "box":
            self._check_axes(checked, getattr(self, "_axes", None))
        object.__setattr__(self, name, checked)

    def bind_axes(self, count: int) -> None:
        """Refuse boxes of another number of axes from now on, and the one that is set if it has not so many."""
        self._check_axes(self.box, count)
        self._axes = count

    def _check_axes(self, box: object, axes: int | None) -> None:
        if axes is not None and box is not None and len(cast("Box", box)[0]) != axes:
            msg = f"box must have {axes} numbers lo and {axes} hi, one an axis, got {box!r}"
            raise ValueError(msg)

    @property
    def is_open(self) -> bool:
        """Whether everything is shown."""
        chosen = (self.where, self.groups, self.object_ids, self.box)
        return all(part is None for part in chosen) and self.share >= 1
