"""Arrays of many lines, one an object -> one array and where each line begins in it.

What comes in is a list of (n, D) arrays, or one array of lines that are equally long. Lines are never looked at one by
one: lengths, shapes and types of all are found by one call each.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import compress
from operator import attrgetter
from typing import Any, NoReturn, TypeGuard

import numpy as np

from zarr_vectors.encoding import offsets_of
from zarr_vectors.exceptions import ArgumentError
from zarr_vectors.types._source import is_exact, sliceable
from zarr_vectors.typing import AnyArray, Int64Array

__all__ = ["Lines", "join_lines"]

_NO_ARRAY = (TypeError, ValueError, OverflowError)


@dataclass(frozen=True, slots=True, eq=False)
class Lines:
    """Vertices of O lines, one line after the other.

    Attributes
    ----------
    positions : (N, D) array
    offsets : (O + 1,) int64
        Line ``o`` is the vertices ``offsets[o]:offsets[o + 1]``.
    """

    positions: AnyArray
    offsets: Int64Array

    def place_of(self, vertex: int) -> str:
        """Say which vertex of which line this is, for a message."""
        line = int(np.searchsorted(self.offsets, vertex, side="right")) - 1
        return f"line {line}, vertex {vertex - int(self.offsets[line])}"

    def join_attribute(self, name: str, source: object) -> AnyArray:
        """Give an attribute's values vertex by vertex, shape (N,) or (N, C).

        Parameters
        ----------
        name : str
        source : list of arrays, or one array
            One (n,) or (n, C) array a line, or (N,) or (N, C) values one line after the other, or, where all lines have
            k vertices, (O, k) or (O, k, C) values.
        """
        items = _items(source)
        if items is None:
            return self._flat(name, source)
        if len(items) != len(self.offsets) - 1:
            if len(items) == self.offsets[-1]:
                return self._flat(name, source)
            msg = f"attribute {name!r} must be a list of {len(self.offsets) - 1} arrays, one a line, got {len(items)}"
            raise ArgumentError(msg)
        arrays = _arrays(items, f"attribute {name!r}")
        lengths = _lengths(arrays, f"attribute {name!r}")
        wrong = np.flatnonzero(lengths != np.diff(self.offsets))
        if wrong.size:
            at = int(wrong[0])
            msg = (
                f"attribute {name!r} of line {at} must have one row for each of its "
                f"{self.offsets[at + 1] - self.offsets[at]} vertices, got {lengths[at]}"
            )
            raise ArgumentError(msg)
        arrays = list(compress(arrays, lengths)) or arrays[:1]
        _check_alike(arrays, f"attribute {name!r}")
        return np.concatenate(arrays) if arrays else np.empty(0, np.float32)

    def _flat(self, name: str, source: object) -> AnyArray:
        values = sliceable(source)
        shape, total = tuple(values.shape), int(self.offsets[-1])
        lines = len(self.offsets) - 1
        if len(shape) > 1 and shape[0] == lines and (np.diff(self.offsets) == shape[1]).all() and shape[0] != total:
            return np.asarray(values[...]).reshape(total, *shape[2:])
        if not shape or shape[0] != total:
            msg = (
                f"attribute {name!r} must be a list of {lines} arrays, one a line, or one array of {total} rows, "
                f"one a vertex, got shape {shape}"
            )
            raise ArgumentError(msg)
        return np.asarray(values[...])


def join_lines(source: object, ndim: int | None) -> Lines:
    """Put lines together.

    Parameters
    ----------
    source : list of (n, D) arrays, or (O, n, D) array
        Lines may have one vertex or none.
    ndim : int or None
        Axes of a store whose lines have no vertices to tell it.
    """
    if _is_one_array(source):
        shape = tuple(source.shape)
        if len(shape) != 3:
            msg = f"polylines must be a list of (n, D) arrays or one array of shape (O, n, D), got shape {shape}"
            raise ArgumentError(msg)
        values = np.asarray(sliceable(source)[...])
        return Lines(values.reshape(-1, shape[2]), np.arange(shape[0] + 1, dtype=np.int64) * int(shape[1]))
    arrays = _arrays(_listed(source), "polylines")
    lengths = _lengths(arrays, "polylines")
    filled = list(compress(arrays, lengths))
    axes = _check_axes(arrays, filled, lengths, ndim)
    if not filled:
        told = [array for array in arrays if array.ndim > 1]  # an empty list tells no type
        _check_kinds(told)
        dtype = np.result_type(*told) if told else np.dtype(np.float32)
        return Lines(np.empty((0, axes), dtype), np.zeros(len(arrays) + 1, np.int64))
    _check_kinds(filled)
    return Lines(np.concatenate(filled), offsets_of(lengths))


def _is_one_array(source: object) -> TypeGuard[AnyArray]:
    """Tell an array of numbers or strings, or what slices like one, from a list and from an array of objects."""
    dtype = getattr(source, "dtype", None)
    return dtype is not None and hasattr(source, "shape") and getattr(dtype, "kind", None) != "O"


def _listed(source: object) -> Sequence[Any]:
    if isinstance(source, list | tuple):
        return source
    if isinstance(source, Iterable) and not isinstance(source, str | bytes | dict):
        return list(source)
    msg = f"polylines must be a list of (n, D) arrays, got {type(source).__name__}"
    raise ArgumentError(msg)


def _items(source: object) -> Sequence[Any] | AnyArray | None:
    """Give a list whose items may be arrays; None for what is one array, or a list of values."""
    if _is_one_array(source) or not isinstance(source, list | tuple | np.ndarray) or getattr(source, "ndim", 1) != 1:
        return None
    is_ragged = all(hasattr(t, "__len__") and not issubclass(t, str | bytes) for t in set(map(type, source)))
    return source if is_ragged else None


def _arrays(items: Sequence[Any] | AnyArray, what: str) -> list[AnyArray]:
    """Make each item an array; those that are stay as they are."""
    types = set(map(type, items))
    try:
        if types <= {np.ndarray}:
            return list(items)
        # Masked arrays hide values that must not be stored as if they were there.
        return list(map(np.asarray, map(sliceable, items) if any(hasattr(t, "mask") for t in types) else items))
    except _NO_ARRAY as error:
        msg = f"{what} must hold one array a line: {error}"
        raise ArgumentError(msg) from error


def _lengths(arrays: Sequence[AnyArray], what: str) -> Int64Array:
    try:
        return np.fromiter(map(len, arrays), np.int64, len(arrays))
    except TypeError as error:
        msg = f"{what} must hold one array a line, got a single number in one's place"
        raise ArgumentError(msg) from error


def _check_axes(arrays: list[AnyArray], filled: list[AnyArray], lengths: Int64Array, ndim: int | None) -> int:
    """Find the axes D that all lines have; an empty line may also be an empty list."""
    shapes = list(map(attrgetter("shape"), filled))
    axes = {shape[1:] for shape in set(shapes)}
    if len(axes) > 1 or any(len(tail) != 1 for tail in axes):
        numbers = np.flatnonzero(lengths).tolist()
        _refuse_shapes(numbers, shapes)
    told = {tail[0] for tail in axes} | {shape[1] for shape in set(map(attrgetter("shape"), arrays)) if len(shape) == 2}
    if len(told) == 1:
        return int(told.pop())
    if not told and ndim is not None:
        return ndim
    msg = (
        f"all polylines must have the same number of axes, got shapes with {sorted(told)}"
        if told
        else "polylines without a vertex do not tell the number of axes; pass chunk_shape with one number for each"
    )
    raise ArgumentError(msg)


def _refuse_shapes(numbers: list[int], shapes: list[tuple[int, ...]]) -> NoReturn:
    usual = max(set(shapes), key=lambda shape: (len(shape) == 2, sum(other[1:] == shape[1:] for other in shapes[:100])))
    odd = next((i for i, shape in enumerate(shapes) if len(shape) != 2 or shape[1:] != usual[1:]), 0)
    axes = f"{usual[1]} as in other lines" if len(usual) == 2 else "the same for all"
    msg = f"a polyline must have shape (n, D) with D {axes}, got line {numbers[odd]} of shape {shapes[odd]}"
    raise ArgumentError(msg)


def _check_kinds(arrays: Sequence[AnyArray]) -> None:
    """Refuse lines of different types that have no common type which holds them exactly."""
    types = set(map(attrgetter("dtype"), arrays))
    if len(types) <= 1:
        return
    try:
        common = np.result_type(*types)
    except TypeError as error:
        msg = f"polylines must hold numbers, got lines of {sorted(map(str, types))}"
        raise ArgumentError(msg) from error
    for dtype in types:
        if common.kind == "f" and dtype.kind in "iu":
            those = np.concatenate([a for a in arrays if a.dtype == dtype])
            if not is_exact(those, common):
                msg = f"lines of {dtype} hold numbers that {common}, the common type of all lines, cannot"
                raise ArgumentError(msg)


def _check_alike(arrays: Sequence[AnyArray], what: str) -> None:
    """Refuse arrays of different channels, or of types of which numpy would make something else."""
    shapes = {shape[1:] for shape in set(map(attrgetter("shape"), arrays))}
    if len(shapes) > 1:
        msg = f"{what} must have the same channels in all lines, got rows of shapes {sorted(shapes)}"
        raise ArgumentError(msg)
    types = set(map(attrgetter("dtype"), arrays))
    if len({"U" if dtype.kind in "UO" else dtype.kind for dtype in types}) > 1:
        msg = f"{what} must have one type in all lines, got {sorted(map(str, types))}"
        raise ArgumentError(msg)
