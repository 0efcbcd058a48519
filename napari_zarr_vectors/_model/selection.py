"""Which objects of a layer a person has chosen; shown whole and highlighted, nothing else changes."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral
from typing import ClassVar

import numpy as np
from psygnal import SignalGroupDescriptor

from napari_zarr_vectors._model.names import check_name

__all__ = ["ObjectSelection", "as_ids"]


@dataclass(eq=False)
class ObjectSelection:
    """The chosen objects of one layer; ``selection.events.ids`` signals each change.

    Attributes
    ----------
    ids : tuple of int
        Ids of objects, each once, in the order they were chosen in; empty for none.

    Raises
    ------
    ValueError
        When `ids` is set to anything but whole numbers of 64 bits with a sign; the value before stays.
    AttributeError
        When another name is set.
    """

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()

    ids: tuple[int, ...] = ()

    def __setattr__(self, name: str, value: object) -> None:
        check_name(self, name)
        object.__setattr__(self, name, _ids(value) if name == "ids" else value)


def as_ids(value: object) -> tuple[int, ...] | None:
    """Give whole numbers as a tuple, None if they are no ids; a million are chosen at once, so not one by one."""
    if isinstance(value, np.ndarray) and value.ndim == 1 and value.dtype.kind in "iu":
        return tuple(value.tolist()) if value.dtype.kind == "i" or _are_ids(value.max(initial=0), 0) else None
    values = value.tolist() if hasattr(value, "tolist") else value
    if isinstance(values, set | frozenset | range):
        values = list(values)
    if not isinstance(values, list | tuple):
        return None
    if not set(map(type, values)) <= {int}:
        if not all(_is_id(v) for v in values):
            return None
        values = [int(v) for v in values]
    return tuple(values) if not values or _are_ids(max(values), min(values)) else None


def _ids(value: object) -> tuple[int, ...]:
    ids = as_ids(value)
    if ids is None:
        msg = f"ids must be whole numbers of 64 bits, such as [3, 17], got {value!r}"
        raise ValueError(msg)
    if isinstance(value, np.ndarray) and (value[1:] > value[:-1]).all():
        return ids
    return tuple(dict.fromkeys(ids))


def _are_ids(largest: int, smallest: int) -> bool:
    """Whether stores can have them: ids are 64 bits with a sign."""
    return int(largest) < 2**63 and smallest >= -(2**63)


def _is_id(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)
