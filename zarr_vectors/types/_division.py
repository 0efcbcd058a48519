"""The attribute that a level's chunks are divided by, checked.

Its different values, ascending, become the first component of chunk coordinates: a chunk then holds vertices of one
value in one place, and a value is found without reading the others. The attribute needs no array of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, TypeAlias

import numpy as np

from zarr_vectors._spec import Axis
from zarr_vectors.core.arrays._vertices import Column
from zarr_vectors.encoding import encode_categories
from zarr_vectors.exceptions import ArgumentError, LimitError
from zarr_vectors.types._owners import Objects
from zarr_vectors.types._topology import Topology
from zarr_vectors.typing import AnyArray, Int64Array

__all__ = ["Attributes", "Division", "divide"]

Attributes: TypeAlias = Sequence[tuple[Column, AnyArray]]

_MOST_VALUES = 1 << 16
_OF_WHOLE_OBJECTS = ("line", "skeleton", "graph", "mesh")


@dataclass(frozen=True, slots=True, eq=False)
class Division:
    """What divides the chunks of a level.

    Attributes
    ----------
    name : str
        The attribute.
    values : tuple
        Its K values, ascending: strings, bools or whole numbers.
    dtype : str or None
        Numpy's name of their type; None for strings.
    codes : (N,) whole numbers
        Which value each vertex has.
    """

    name: str
    values: tuple[Any, ...]
    dtype: str | None
    codes: AnyArray

    def dims(self, axes: Sequence[Axis]) -> tuple[str, ...]:
        """Name the components of a chunk coordinate."""
        return (self.name, *(axis.name for axis in axes))

    def level_keys(self) -> dict[str, Any]:
        """Give the keys that a level carries for it."""
        found: dict[str, Any] = {"chunk_attribute_name": self.name, "chunk_attribute_values": list(self.values)}
        return found if self.dtype is None else {**found, "chunk_attribute_dtype": self.dtype}


def divide(
    name: str | None,
    attributes: Attributes,
    objects: Objects | None,
    topology: Topology,
    *,
    rows: int,
    axes: Sequence[Axis],
) -> tuple[Division | None, Attributes]:
    """Find the attribute to divide by; give it, and the vertex attributes that are still to be stored.

    Parameters
    ----------
    name : str or None
        A vertex attribute, or one of objects; None = do not divide.
    attributes : list of (Column, (N,) or (N, C) source)
    objects : Objects or None
    topology : Topology
        Lines, skeletons, graphs and meshes are not cut: each object has one value.
    rows : int
        Vertices N.
    axes : list of D Axis

    Raises
    ------
    ArgumentError
        If there is no such attribute, or it cannot divide.
    LimitError
        If it has too many values.
    """
    if name is None:
        return None, attributes
    mine = [(column, source) for column, source in attributes if column.name == name]
    of_objects: Mapping[str, AnyArray] = {} if objects is None else objects.attributes
    if mine:
        values, dtype, codes = _of_vertices(*mine[0])
        if objects is not None and topology.kind in _OF_WHOLE_OBJECTS:
            _check_whole(name, codes, objects, _owners(objects, rows))
    elif objects is not None and name in of_objects:
        values, dtype, of_each = _of_values(name, of_objects[name])
        codes = of_each[_owners(objects, rows)]
    else:
        have = ", ".join(map(repr, [*(column.name for column, _ in attributes), *of_objects])) or "none"
        msg = f"chunk_by_attribute must name an attribute of vertices or objects, got {name!r}; there is {have}"
        raise ArgumentError(msg)
    if len(values) > _MOST_VALUES:
        msg = f"attribute {name!r} has {len(values)} values, which would cut the store in as many; the most is 65536"
        raise LimitError(msg)
    if name in (axis.name for axis in axes):
        msg = f"chunk_by_attribute {name!r} is the name of an axis as well; rename one of them"
        raise ArgumentError(msg)
    rest = [(column, source) for column, source in attributes if column.name != name]
    return Division(name, values, dtype, codes), rest


def _of_vertices(column: Column, source: AnyArray) -> tuple[tuple[Any, ...], str | None, AnyArray]:
    values = np.asarray(source[...])
    if column.categories is None:
        return _of_values(column.name, values)
    if column.categories.has_missing:
        _refuse(column.name, "a value for each vertex", "some that are None")
    return column.categories.words, None, values


def _of_values(name: str, values: AnyArray) -> tuple[tuple[Any, ...], str | None, AnyArray]:
    if values.ndim != 1:
        _refuse(name, "one value each", f"{values.shape[1]} channels")
    if values.dtype.kind in "UO":
        codes, categories = encode_categories(values, name)
        if categories.has_missing:
            _refuse(name, "a value for each object", "some that are None")
        return categories.words, None, codes
    if values.dtype.kind not in "biu":
        _refuse(name, "whole numbers, bools or strings", str(values.dtype))
    found, codes = np.unique(values, return_inverse=True)
    return tuple(found.tolist()), values.dtype.name, codes.reshape(-1)


def _refuse(name: str, wanted: str, got: str) -> NoReturn:
    msg = f"chunk_by_attribute {name!r} must have {wanted}, got {got}"
    raise ArgumentError(msg)


def _owners(objects: Objects, rows: int) -> Int64Array:
    """Give the object row behind each vertex."""
    if objects.paths is not None:
        return np.repeat(np.arange(len(objects.ids)), np.diff(np.asarray(objects.paths)))
    return np.zeros(rows, np.int64) if objects.owner is None else np.asarray(objects.owner, np.int64)


def _check_whole(name: str, codes: AnyArray, objects: Objects, owners: Int64Array) -> None:
    """Refuse objects whose vertices have different values."""
    value = np.zeros(max(1, len(objects.ids)), codes.dtype)
    value[owners] = codes
    wrong = np.flatnonzero(value[owners] != codes)
    if len(wrong):
        msg = (
            f"chunk_by_attribute {name!r} must have one value for all vertices of an object, object "
            f"{objects.ids[owners[wrong[0]]]} has several"
        )
        raise ArgumentError(msg)
