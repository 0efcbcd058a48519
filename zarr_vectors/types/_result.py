"""What a read returns: typed attributes that can also be asked for by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from itertools import pairwise
from typing import Any

import numpy as np

from zarr_vectors.typing import AnyArray, FloatArray, Int64Array

__all__ = ["GraphResult", "LinesResult", "MeshResult", "PerLine", "PointsResult", "PolylinesResult", "Result"]


class _Fields(Mapping[str, Any]):
    """A mapping over the fields of a dataclass and its `_extra` properties.

    What is named in `_optional` is there only where it is not None; names that begin with ``_`` never are.
    """

    __slots__ = ()
    _extra: tuple[str, ...] = ()
    _optional: tuple[str, ...] = ()

    def _names(self) -> tuple[str, ...]:
        own = [f.name for f in fields(self) if not f.name.startswith("_")]  # type: ignore[arg-type]  # subclasses are dataclasses
        return tuple(n for n in (*own, *self._extra) if n not in self._optional or getattr(self, n) is not None)

    def __getitem__(self, key: str) -> Any:  # noqa: ANN401 - one type a field
        if key not in self._names():
            raise KeyError(key)
        return getattr(self, key)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names())

    def __len__(self) -> int:
        return len(self._names())


class PerLine(Mapping[str, list[AnyArray]]):
    """Vertex attributes as one list an attribute: an array a line, (n,) or (n, C).

    Lists are made when they are first asked for; their arrays are views of one array, which `flat` gives.
    """

    def __init__(self, values: Mapping[str, AnyArray], offsets: Int64Array) -> None:
        self._values, self._offsets = values, offsets
        self._lists: dict[str, list[AnyArray]] = {}

    def flat(self, name: str) -> AnyArray:
        """Give an attribute of all vertices, (V,) or (V, C), one line after the other."""
        return self._values[name]

    def __getitem__(self, key: str) -> list[AnyArray]:
        if key not in self._lists:
            self._lists[key] = split_views(self._values[key], self._offsets)
        return self._lists[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


def split_views(values: AnyArray, offsets: Int64Array) -> list[AnyArray]:
    """Give the views ``values[offsets[i]:offsets[i + 1]]``."""
    sizes = np.diff(offsets)
    size = int(sizes[0]) if len(sizes) else 0
    if size and (sizes == size).all():
        # The rows of one array: numpy makes them in half the time of slices.
        return list(values.reshape(len(sizes), size, *values.shape[1:]))
    return [values[low:high] for low, high in pairwise(offsets.tolist())]


@dataclass(frozen=True, slots=True, eq=False)
class PointsResult(_Fields):
    """Points that were read.

    Attributes
    ----------
    positions : (N, D) float32 or float64
        World units, axis order as stored. In level order (chunks ascending, rows as stored), or object by object where
        object ids were asked for.
    attributes : dict of (N,) or (N, C) arrays
        Strings for categorical attributes.
    level : int
    vertex_count : int
    object_ids : (N,) int64 or None
        The object of each point, -1 for none; None for a cloud without objects.
    """

    positions: FloatArray
    attributes: Mapping[str, AnyArray]
    level: int
    object_ids: Int64Array | None = None
    _extra = ("vertex_count",)

    @property
    def vertex_count(self) -> int:
        """Number of points N."""
        return len(self.positions)


@dataclass(frozen=True, slots=True, eq=False)
class LinesResult(_Fields):
    """Line segments that were read.

    Attributes
    ----------
    lines : (N, 2, D) float32 or float64
        World units, axis order as stored.
    attributes : dict of (N, 2) or (N, 2, C) arrays
        Values at both ends; strings for categorical attributes.
    level : int
    object_ids : (N,) int64
        Id of each line.
    object_attributes : dict of (N,) or (N, C) arrays, or None
        If they were asked for.
    positions : (2 N, D)
        The ends, line after line.
    line_count, vertex_count : int
    """

    lines: FloatArray
    attributes: Mapping[str, AnyArray]
    level: int
    object_ids: Int64Array
    object_attributes: Mapping[str, AnyArray] | None = None
    _extra = ("positions", "line_count", "vertex_count")
    _optional = ("object_attributes",)

    @property
    def positions(self) -> FloatArray:
        """The ends, (2 N, D), line after line."""
        return self.lines.reshape(-1, self.lines.shape[2])

    @property
    def line_count(self) -> int:
        """Number of lines N."""
        return len(self.lines)

    @property
    def vertex_count(self) -> int:
        """Number of ends, 2 N."""
        return 2 * len(self.lines)


@dataclass(frozen=True, slots=True, eq=False)
class PolylinesResult(_Fields):
    """Polylines or streamlines that were read.

    Attributes
    ----------
    positions : (V, D) float32 or float64
        World units, axis order as stored; one polyline after the other.
    offsets : (k + 1,) int64
        Polyline ``i`` has the vertices ``offsets[i]:offsets[i + 1]``.
    attributes : PerLine
        For each name a list of k arrays, (n,) or (n, C); strings for categorical attributes.
    level : int
    object_ids : (k,) int64
        Id of each polyline; an id comes several times where its polyline was cut into pieces.
    object_attributes : dict of (k,) or (k, C) arrays, or None
        If they were asked for.
    polylines : list of k (n, D) arrays
        Views of `positions`.
    polyline_count, vertex_count : int
    """

    positions: FloatArray
    offsets: Int64Array
    attributes: PerLine
    level: int
    object_ids: Int64Array
    object_attributes: Mapping[str, AnyArray] | None = None
    _lists: dict[str, list[FloatArray]] = field(default_factory=dict, repr=False)
    _extra = ("polylines", "polyline_count", "vertex_count")
    _optional = ("object_attributes",)

    @property
    def polylines(self) -> list[FloatArray]:
        """The polylines, (n, D) each; views, made when they are first asked for."""
        if "polylines" not in self._lists:
            self._lists["polylines"] = split_views(self.positions, self.offsets)
        return self._lists["polylines"]

    @property
    def polyline_count(self) -> int:
        """Number of polylines k."""
        return len(self.offsets) - 1

    @property
    def vertex_count(self) -> int:
        """Number of vertices V."""
        return len(self.positions)


@dataclass(frozen=True, slots=True, eq=False)
class GraphResult(_Fields):
    """A graph or skeletons that were read.

    Attributes
    ----------
    positions : (N, D) float32 or float64
        World units, axis order as stored. In level order (chunks ascending, rows as stored), or object by object where
        object ids were asked for; nodes beyond the boundary of what was asked for come last.
    edges : (M, 2) int64
        Rows of `positions`; of a skeleton ``[child, parent]``, ascending by child.
    attributes : dict of (N,) or (N, C) arrays
        Strings for categorical attributes.
    edge_attributes : dict of (M,) or (M, C) arrays
    level : int
    object_ids : (N,) int64 or None
        The object of each node, -1 for none, if it was asked for.
    node_count, edge_count, vertex_count : int
    """

    positions: FloatArray
    edges: Int64Array
    attributes: Mapping[str, AnyArray]
    edge_attributes: Mapping[str, AnyArray]
    level: int
    object_ids: Int64Array | None = None
    _extra = ("node_count", "edge_count", "vertex_count")

    @property
    def node_count(self) -> int:
        """Number of nodes N."""
        return len(self.positions)

    @property
    def edge_count(self) -> int:
        """Number of edges M."""
        return len(self.edges)

    @property
    def vertex_count(self) -> int:
        """Number of nodes N."""
        return len(self.positions)


@dataclass(frozen=True, slots=True, eq=False)
class MeshResult(_Fields):
    """Meshes that were read.

    Attributes
    ----------
    positions, vertices : (N, D) float32 or float64
        World units, axis order as stored. In level order (chunks ascending, rows as stored), or object by object where
        object ids were asked for.
    faces : (M, L) int64
        Rows of `positions`, in the order of winding.
    attributes : dict of (N,) or (N, C) arrays
        Strings for categorical attributes.
    face_attributes : dict of (M,) or (M, C) arrays, or None
        Where the store has some.
    level : int
    object_ids : (N,) int64 or None
        The object of each vertex, -1 for none; None for a store without objects.
    winding_order : "ccw" or "cw", or None
        How the corners of a face run as seen from outside, where the store says.
    face_count, vertex_count : int
    """

    positions: FloatArray
    faces: Int64Array
    attributes: Mapping[str, AnyArray]
    level: int
    object_ids: Int64Array | None = None
    face_attributes: Mapping[str, AnyArray] | None = None
    winding_order: str | None = None
    _extra = ("vertices", "face_count", "vertex_count")
    _optional = ("face_attributes", "winding_order")

    @property
    def vertices(self) -> FloatArray:
        """The vertices, the same as `positions`."""
        return self.positions

    @property
    def face_count(self) -> int:
        """Number of faces M."""
        return len(self.faces)

    @property
    def vertex_count(self) -> int:
        """Number of vertices N."""
        return len(self.positions)


Result = PointsResult | LinesResult | PolylinesResult | GraphResult | MeshResult
