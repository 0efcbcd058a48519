"""Checking the numbers that a caller of a lazy store passes, and the level that a resolution means. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Real

import numpy as np

from zarr_vectors.exceptions import ArgumentError

__all__ = ["check_whole", "level_for"]


def check_whole(name: str, value: object, least: int) -> int:
    """Check a whole number of at least `least`."""
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < least:
        msg = f"{name} must be a whole number >= {least}, got {value!r}"
        raise ArgumentError(msg)
    return int(value)


def level_for(target_resolution: object, level: int | None, edges: Mapping[int, float]) -> int:
    """Choose the highest level whose largest bin edge, by level, is not above a length in world units; 0 if none."""
    if level is not None:
        msg = f"pass level or target_resolution, not both (got {level} and {target_resolution})"
        raise ArgumentError(msg)
    try:
        is_number = isinstance(target_resolution, Real) and not isinstance(target_resolution, bool)
        largest = float(target_resolution) if is_number else math.nan  # type: ignore[arg-type]  # just looked at
    except OverflowError:
        largest = math.inf
    if not 0 <= largest < math.inf:
        msg = f"target_resolution must be a number >= 0, got {target_resolution!r}"
        raise ArgumentError(msg)
    return max((n for n, edge in edges.items() if edge <= largest), default=0)
