"""Edges and faces as a caller passes them: rows of vertex numbers, of one graph or of many.

Many graphs or meshes in one store come as lists of arrays, one an object; their records count the vertices of their own
object. Everything here turns them into one array over all vertices.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence, Sized
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import numpy as np

from zarr_vectors.encoding import offsets_of
from zarr_vectors.exceptions import ArgumentError
from zarr_vectors.types._source import refuse_masked, sliceable
from zarr_vectors.typing import AnyArray, Int64Array

__all__ = ["MOST_CORNERS", "Parts", "check_edges", "check_faces", "check_same_object", "is_many", "join_parts"]

MOST_CORNERS = 20
"""The order of more corners than these has no 64-bit number."""

_PIECE_ROWS = 1 << 16

_NO_ARRAY = (TypeError, ValueError, OverflowError)


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """Arrays of many objects, one after the other.

    Attributes
    ----------
    name : str
        What the rows are, for messages.
    values : (sum, ...) array
    counts : (O,) int64
        Rows of each object.
    """

    name: str
    values: AnyArray
    counts: Int64Array

    def join_attributes(self, attributes: Mapping[str, object] | None) -> Mapping[str, object] | None:
        """Put attributes given as one array an object together; arrays over all rows are left as they are."""
        if not isinstance(attributes, Mapping):
            return attributes
        return {name: self._joined(name, value) for name, value in attributes.items()}

    def _joined(self, name: str, value: object) -> object:
        if not isinstance(value, list | tuple) or len(value) != len(self.counts) or not all(map(np.ndim, value)):
            return value
        lengths = np.fromiter(map(len, value), np.int64, len(value))
        if (wrong := np.flatnonzero(lengths != self.counts)).size:
            at = int(wrong[0])
            msg = (
                f"attribute {name!r} of object {at} must have {self.counts[at]} rows, one for each of its "
                f"{self.name}, got {lengths[at]}"
            )
            raise ArgumentError(msg)
        arrays = list(map(np.asarray, filter(len, value)))
        kinds = {"U" if dtype.kind in "UO" else dtype.kind for dtype in set(map(attrgetter("dtype"), arrays))}
        if len(kinds) > 1:
            msg = f"attribute {name!r} must have one type in all objects, got kinds {sorted(kinds)}"
            raise ArgumentError(msg)
        return _concatenate(value, f"attribute {name!r}")


def is_many(source: object) -> bool:
    """Tell a list of arrays, shape (n, D) each, from one array or its nested lists."""
    return isinstance(source, list | tuple) and bool(source) and set(map(np.ndim, source)) == {2}


def join_parts(source: object, name: str, width: int | None = None, count: int | None = None) -> Parts:
    """Put the arrays of many objects, shape (n, width) each, together.

    Parameters
    ----------
    source : list of arrays
    name : str
        What the rows are.
    width : int, optional
        Of what has no rows to tell it.
    count : int, optional
        How many objects there must be.
    """
    if not isinstance(source, list | tuple) or (count is not None and len(source) != count):
        have = f"{len(source)} of them" if isinstance(source, list | tuple) else type(source).__name__
        msg = f"{name} of {count} objects must be a list of {count} arrays, got {have}"
        raise ArgumentError(msg)
    try:
        counts = np.fromiter(map(len, source), np.int64, len(source))
    except TypeError as error:
        msg = f"{name} must be a list of arrays, one an object: {error}"
        raise ArgumentError(msg) from error
    values = _concatenate(source, name)
    if not len(values) and width is not None and values.ndim == 1:
        values = np.empty((0, width), np.int64)
    return Parts(name, values, counts)


def _concatenate(arrays: Sequence[Any], name: str) -> AnyArray:
    if any(hasattr(kind, "mask") for kind in set(map(type, arrays))):
        # A masked array hides values that must not be stored as if they were there.
        deque(map(refuse_masked, arrays), maxlen=0)
    found: list[AnyArray] = []
    try:
        found = list(map(np.asarray, arrays))
        # What is empty has no say in the shape and type of the whole: an empty list looks like no floats.
        rows = list(filter(len, found))
        return np.concatenate(rows) if rows else found[0]
    except _NO_ARRAY as error:
        msg = _mismatch(found, name) or f"{name} of several objects cannot be put together: {error}"
        raise ArgumentError(msg) from error


_COLUMNS = {"faces": "corners", "edges": "ends", "vertices": "axes", "positions": "axes"}


def _mismatch(arrays: Sequence[AnyArray], name: str) -> str:
    """Say which object's rows are longer or shorter than those of the first one that has any; "" where none are."""
    filled = [(at, array.shape[1]) for at, array in enumerate(arrays) if array.ndim == 2 and len(array)]
    other = next((found for found in filled if found[1] != filled[0][1]), None)
    if other is None:
        return ""
    what = _COLUMNS.get(name, "channels")
    return f"object {other[0]} has {name} of {other[1]} {what}, object {filled[0][0]} of {filled[0][1]}"


def check_edges(source: object, vertices: int | Int64Array) -> Int64Array:
    """Check edges, shape (M, 2): pairs of different vertices.

    Parameters
    ----------
    source : array-like or Parts
    vertices : int or (O,) int64
        How many there are, of each object where `source` is of many.
    """
    edges = _check_records(source, vertices, "edges", 2, 2)
    if (loops := np.flatnonzero(edges[:, 0] == edges[:, 1])).size:
        msg = f"an edge joins two different vertices, got edge {loops[0]} = {edges[loops[0]].tolist()}"
        raise ArgumentError(msg)
    return edges


def check_faces(source: object, vertices: int | Int64Array) -> Int64Array:
    """Check faces, shape (M, L) with L >= 3; a corner may be named twice where three different ones remain."""
    faces = _check_records(source, vertices, "faces", 3, MOST_CORNERS)
    repeated = _repeating(faces)
    corners = np.sort(faces[repeated], axis=1)
    distinct = 1 + (corners[:, 1:] != corners[:, :-1]).sum(axis=1)
    if (flat := repeated[distinct < 3]).size:
        msg = f"a face has 3 or more different corners, got face {flat[0]} = {faces[flat[0]].tolist()}"
        raise ArgumentError(msg)
    return faces


def _repeating(faces: Int64Array) -> Int64Array:
    """Give the faces that name a corner twice."""
    same = np.zeros(len(faces), bool)
    for i in range(1, faces.shape[1]):
        for j in range(i):
            same |= faces[:, i] == faces[:, j]
    return np.flatnonzero(same)


def _check_records(source: object, vertices: int | Int64Array, name: str, least: int, most: int) -> Int64Array:
    values = _as_array(source.values if isinstance(source, Parts) else source, name)
    if values.ndim == 1 and not len(values):
        values = np.empty((0, least), np.int64)
    if values.ndim != 2 or not least <= values.shape[1] <= most:
        shape = f"(M, {least})" if least == most else f"(M, L) with L from {least} to {most}"
        msg = f"{name} must have shape {shape}, got {values.shape}"
        raise ArgumentError(msg)
    if values.dtype.kind not in "iu":
        if values.size:
            msg = f"{name} must be whole numbers of vertices, got dtype {values.dtype}"
            raise ArgumentError(msg)
        values = values.astype(np.int64)
    if isinstance(source, Parts):
        return _numbered(source, values, np.asarray(vertices))
    _check_range(values, int(vertices), name)
    return np.ascontiguousarray(values, np.int64)


def _as_array(source: object, name: str) -> AnyArray:
    if not isinstance(source, list | tuple):
        return np.asarray(sliceable(source)[...])
    try:
        return np.asarray(source)
    except _NO_ARRAY as error:
        lengths = [len(row) if isinstance(row, Sized) else 0 for row in source]
        odd = next((i for i, length in enumerate(lengths) if length != lengths[0]), 0)
        told = f"row 0 has {lengths[0]}, row {odd} = {source[odd]!r}" if odd else str(error)
        msg = f"all {name} must have the same number of vertices, got others: {told}"
        raise ArgumentError(msg) from error


def _check_range(values: AnyArray, vertices: int, name: str) -> None:
    if values.size and (values.min() < 0 or values.max() >= vertices):
        row = int(np.argmax(((values < 0) | (values >= vertices)).any(axis=1)))
        told = f"got row {row} = {values[row].tolist()}{_root_hint(values[row])}"
        msg = f"{name} must name vertices 0 to {vertices - 1}, {told}"
        raise ArgumentError(msg)


def _root_hint(record: AnyArray) -> str:
    """Say what to do with the root of an SWC file, whose parent is -1."""
    is_root = len(record) == 2 and record[1] == -1
    return "; a root has no parent and no edge: leave out rows whose parent is -1" if is_root else ""


def _numbered(parts: Parts, values: AnyArray, vertices: Int64Array) -> Int64Array:
    """Turn records that count the vertices of their own object into records over all vertices."""
    owner = np.repeat(np.arange(len(parts.counts)), parts.counts)
    if (bad := ((values < 0) | (values >= vertices[owner, None])).any(axis=1)).any():
        row = int(np.argmax(bad))
        at = int(owner[row])
        row -= int(offsets_of(parts.counts)[at])
        msg = (
            f"{parts.name} of object {at} must name its own vertices 0 to {vertices[at] - 1}, got row {row} = "
            f"{values[int(np.argmax(bad))].tolist()}{_root_hint(values[int(np.argmax(bad))])}"
        )
        raise ArgumentError(msg)
    return values.astype(np.int64) + offsets_of(vertices)[owner, None]


def check_same_object(records: Int64Array, owner: Int64Array, ids: Int64Array, name: str) -> None:
    """Check that no edge or face joins two objects.

    Parameters
    ----------
    records : (M, L) int64
    owner : (N,) int64
        Object row of each vertex.
    ids : (O,) int64
    name : str
    """
    if len(ids) < 2:
        return
    for low in range(0, len(records), _PIECE_ROWS):
        owners = owner[records[low : low + _PIECE_ROWS]]
        if (bad := (owners != owners[:, :1]).any(axis=1)).any():
            at = int(np.argmax(bad))
            row = low + at
            msg = (
                f"the vertices of an edge or a face must be of one object, got {name} row {row} = "
                f"{records[row].tolist()} of objects {ids[owners[at]].tolist()}"
            )
            raise ArgumentError(msg)
