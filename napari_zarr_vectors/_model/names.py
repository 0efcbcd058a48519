"""Which names a person may set, and the nearest one to a slip."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["check_name", "meant"]


def meant(name: str, names: Iterable[str]) -> str:
    """Say which of some names may be meant by one that is not among them; all of them where none is near."""
    known = sorted(names)
    near = difflib.get_close_matches(name, known)
    return f"did you mean {' or '.join(map(repr, near))}?" if near else f"it has {', '.join(known)}"


def check_name(model: DataclassInstance, name: str) -> None:
    """Refuse to set what a model has not; names that begin with "_" and what its class has are not for people.

    Raises
    ------
    AttributeError
        With the nearest name.
    """
    own = [field.name for field in fields(model)]
    if name in own or name.startswith("_") or hasattr(type(model), name):
        return
    msg = f"{type(model).__name__} has no {name!r}; {meant(name, own)}"
    raise AttributeError(msg)
