"""Reading JSON fields with errors that say where, got and expected."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from zarr_vectors.exceptions import CorruptStoreError
from zarr_vectors.typing import Float64Array

__all__ = ["array", "floats", "mapping", "require", "strings", "whole", "wholes"]

_WIDEST = 2**63 - 1


def require(block: Mapping[str, Any], key: str, where: str) -> Any:  # noqa: ANN401 - JSON holds anything
    """Give ``block[key]`` or raise ``CorruptStoreError`` naming `where`."""
    if key not in block:
        msg = f"{where}: required field {key!r} is missing"
        raise CorruptStoreError(msg)
    return block[key]


def mapping(value: object, where: str) -> Mapping[str, Any]:
    """Check for a JSON object."""
    if not isinstance(value, Mapping):
        msg = f"{where}: expected an object, got {value!r}"
        raise CorruptStoreError(msg)
    return value


def array(value: object, where: str) -> list[Any]:
    """Check for a JSON list."""
    if not isinstance(value, list):
        msg = f"{where}: expected a list, got {value!r}"
        raise CorruptStoreError(msg)
    return value


def whole(value: object, where: str, *, least: int = 0) -> int:
    """Check for a whole number of at most 63 bits, `least` or more."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= _WIDEST:
        msg = f"{where}: expected a whole number >= {least}, got {value!r}"
        raise CorruptStoreError(msg)
    return value


def wholes(value: object, where: str, *, size: int | None = None, least: int = 0) -> tuple[int, ...]:
    """Turn a JSON list of whole numbers into a tuple."""
    items = array(value, where)
    if size is not None and len(items) != size:
        msg = f"{where}: expected {size} whole numbers, got {value!r}"
        raise CorruptStoreError(msg)
    return tuple(whole(item, where, least=least) for item in items)


def floats(value: object, where: str, *, size: int | None = None, positive: bool = False) -> Float64Array:
    """Turn a JSON list of numbers (or of strings that spell numbers) into a float64 vector."""
    try:
        out = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        msg = f"{where}: expected a list of numbers, got {value!r}"
        raise CorruptStoreError(msg) from error
    wrong_size = out.ndim != 1 or (size is not None and out.size != size)
    if wrong_size or not np.isfinite(out).all() or (positive and not (out > 0).all()):
        kind = "positive finite numbers" if positive else "finite numbers"
        msg = f"{where}: expected {'some' if size is None else size} {kind}, got {value!r}"
        raise CorruptStoreError(msg)
    return out


def strings(value: object, where: str) -> tuple[str, ...]:
    """Turn a JSON list of strings into a tuple."""
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        msg = f"{where}: expected a list of strings, got {value!r}"
        raise CorruptStoreError(msg)
    return tuple(value)
