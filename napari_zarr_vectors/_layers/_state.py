"""Intent of a layer as plain values and back, as napari's and other tools' saved states have it.

Tools that replay states, napari-animation first of all, set every key of a layer's state that has changed as an
attribute of the layer, and go from one state to another by way of numbers between theirs. So each key is an attribute
that takes what the state holds, changes no more than what differs, and what is told by numbers but is no amount (ids)
is a set, between whose members there is nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, Generic, TypeVar, overload

__all__ = ["Intent", "state_of", "taken"]

Model = TypeVar("Model")
SETS = ("ids", "object_ids", "groups")
NOT_KEPT = ("timings",)


def state_of(model: object) -> dict[str, Any]:
    """Give a model's fields as plain values."""
    out = {f.name: getattr(model, f.name) for f in fields(model) if f.name not in NOT_KEPT}  # type: ignore[arg-type]  # models are dataclasses
    out = {n: frozenset(v) if n in SETS and v is not None else v for n, v in out.items()}
    return {n: dict(v) if isinstance(v, Mapping) else v for n, v in out.items()}


def taken(model: Model, state: object) -> Model:
    """Set what differs in a state (or in another model of this kind), and give the model.

    Raises
    ------
    ValueError
        For a state that is none, or a value that cannot be; fields before it are set then.
    """
    if isinstance(state, type(model)):
        state = state_of(state)
    known = state_of(model)
    if not isinstance(state, Mapping) or not set(state) <= set(known):
        msg = f"{type(model).__name__} is set by a dict of {', '.join(known)}, got {state!r}"
        raise ValueError(msg)
    for name, value in state.items():
        if name == "where" and isinstance(value, Mapping):
            # A condition without a value is one that goes while another state comes.
            value = {key: test for key, test in value.items() if test is not None} or None
        if name == "box" and isinstance(value, list | tuple) and len(value) == 2:
            value = _bounded(*value)
        if value != known[name]:
            setattr(model, name, sorted(value) if isinstance(value, frozenset) else value)
    return model


def _bounded(lo: Sequence[float], hi: Sequence[float]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Give a box without NaN, which lies between no bound and no bound."""
    return tuple(-math.inf if v != v else v for v in lo), tuple(math.inf if v != v else v for v in hi)


class Intent(Generic[Model]):
    """An attribute that holds a model: set once, from then on it takes values over, and the model stays the same.

    Parameters
    ----------
    of : str, optional
        Another attribute that holds the model.
    """

    def __init__(self, of: str = "") -> None:
        self._name = of

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = self._name or name

    @overload
    def __get__(self, layer: None, owner: type) -> Intent[Model]: ...
    @overload
    def __get__(self, layer: object, owner: type) -> Model: ...
    def __get__(self, layer: object | None, owner: type) -> Intent[Model] | Model:
        if layer is None:
            return self
        model: Model = layer.__dict__[self._name]
        return model

    def __set__(self, layer: object, value: Model | Mapping[str, Any]) -> None:
        if self._name in layer.__dict__:
            taken(layer.__dict__[self._name], value)
        else:
            layer.__dict__[self._name] = value
