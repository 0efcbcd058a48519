"""What of a layer is shown: intent that a person edits; the others are hidden, and stay loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, ClassVar

from psygnal import SignalGroupDescriptor

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
    values = value.tolist() if hasattr(value, "tolist") else value
    if not isinstance(values, (list, tuple)) or not all(isinstance(v, Integral) for v in values):
        msg = f"{name} must be None or a list of whole numbers, got {value!r}"
        raise ValueError(msg)
    return tuple(int(v) for v in values)


def _share(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 <= float(value) <= 1:
        msg = f"{name} must be a number from 0 to 1, got {value!r}"
        raise ValueError(msg)
    return float(value)


_CHECKS = {"where": _where, "groups": _groups, "object_ids": _ids, "share": _share}


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

    Raises
    ------
    ValueError
        When a value is set that is not one of these; the value before stays.
    """

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()

    where: dict[str, Any] | None = None
    groups: tuple[str, ...] | None = None
    object_ids: tuple[int, ...] | None = None
    share: float = 1.0

    def __setattr__(self, name: str, value: object) -> None:
        check = _CHECKS.get(name)
        object.__setattr__(self, name, value if check is None else check(name, value))

    @property
    def is_open(self) -> bool:
        """Whether everything is shown."""
        return self.where is None and self.groups is None and self.object_ids is None and self.share >= 1
