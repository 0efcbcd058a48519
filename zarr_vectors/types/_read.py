"""Request -> typed result: the one engine behind `read_points`, `read_graph`.. and `open_zv(...).read`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from zarr_vectors._query import (
    ChunkSource,
    DirectSource,
    GroupChoice,
    Network,
    Selection,
    Sequences,
    Where,
    find_rows,
    read_graph,
    read_mesh,
    read_sequences,
    select,
    take_rows,
)
from zarr_vectors._spec import LevelMetadata
from zarr_vectors.constants import POINT_CLOUD
from zarr_vectors.core.arrays._level import LevelArrays
from zarr_vectors.core.store import OpenStore, StoreLike, load_store
from zarr_vectors.encoding import Categories, decode_categories
from zarr_vectors.exceptions import ArgumentError, CorruptStoreError, UnsupportedFeatureError
from zarr_vectors.spatial import BoxLike, clip_lines
from zarr_vectors.types._result import (
    GraphResult,
    LinesResult,
    MeshResult,
    PerLine,
    PointsResult,
    PolylinesResult,
    Result,
)
from zarr_vectors.typing import AnyArray, Int64Array

__all__ = [
    "Request",
    "check_kind",
    "decode_attribute",
    "decode_attributes",
    "kind_of",
    "level_metadata",
    "one_of_groups",
    "read_level",
    "read_store",
]

SKELETON = "skeleton"

R = TypeVar("R", PointsResult, LinesResult, PolylinesResult, GraphResult, MeshResult)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a reader asks of a level; nothing is checked yet.

    Attributes
    ----------
    bbox : (lo, hi) or None
        Half-open box ``lo <= p < hi``, world units.
    attributes : list of str or None
        Vertex attributes; None = all, [] = none.
    object_ids : list of int or None
        Objects, in the order in which they shall come.
    groups : names or row numbers of groups, or None
    where : mapping or None
        Conditions on object attributes and vertex attributes.
    clip : bool
        Cut polylines at the faces of the box.
    with_object_attributes : bool
        Read object attributes of lines and polylines.
    with_boundary : bool
        Read edges of which one end was asked for, and their other ends.
    with_object_ids : bool
        Tell the object of each node of a graph.
    """

    bbox: BoxLike | None = None
    attributes: Iterable[str] | None = None
    object_ids: npt.ArrayLike | None = None
    groups: GroupChoice | None = None
    where: Where | None = None
    clip: bool = False
    with_object_attributes: bool = False
    with_boundary: bool = False
    with_object_ids: bool = False


def read_store(path: StoreLike, level: int, request: Request, result: type[R]) -> R:
    """Read a level of the store at `path` whose kind must give this type of result.

    Raises
    ------
    UnsupportedFeatureError
        If the store holds another kind of geometry.
    """
    store = load_store(path)
    meta = level_metadata(store, level)
    check_kind(store, *(kind for kind, (given, _) in _KINDS.items() if given is result))
    found = read_level(DirectSource(LevelArrays(store, meta)), request)
    if not isinstance(found, result):  # `check_kind` has seen to that
        raise TypeError(type(found))
    return found


def read_level(source: ChunkSource, request: Request) -> Result:
    """Read what was asked for of a level, as the result of the store's kind.

    Raises
    ------
    ArgumentError
        If the request asks for something that is not there.
    """
    arrays = source.arrays
    selection = select(
        arrays.ndim,
        arrays.attribute_names,
        request.bbox,
        request.attributes,
        f"level {arrays.meta.level} of {arrays.store.name}",
        object_ids=request.object_ids,
        groups=request.groups,
        where=request.where,
    )
    kind = kind_of(arrays.store)
    if kind not in _KINDS:
        msg = f"{arrays.store.name} holds {kind!r}; this library reads {', '.join(_KINDS)}"
        raise UnsupportedFeatureError(msg)
    return _KINDS[kind][1](source, selection, request)


def one_of_groups(group_ids: GroupChoice | None, groups: GroupChoice | None) -> GroupChoice | None:
    """Give groups passed under either of their two names."""
    if group_ids is not None and groups is not None:
        msg = "group_ids and groups are one argument; pass one of them"
        raise ArgumentError(msg)
    return groups if group_ids is None else group_ids


def kind_of(store: OpenStore) -> str:
    """Give the kind of geometry a store holds; a store that names none holds points."""
    kinds = store.root.geometry_types
    return kinds[0] if kinds else POINT_CLOUD


def check_kind(store: OpenStore, *wanted: str) -> None:
    """Refuse a store of another kind than those wanted."""
    if kind_of(store) not in wanted:
        msg = f"{store.name} holds a {kind_of(store)}, this reads {' or '.join(wanted)}"
        raise UnsupportedFeatureError(msg)


def level_metadata(store: OpenStore, level: int) -> LevelMetadata:
    """Give a level's metadata; ``ArgumentError`` if the store has no such level."""
    for meta in store.levels:
        if meta.level == level:
            return meta
    msg = f"{store.name} has levels {[meta.level for meta in store.levels]}, not {level!r}"
    raise ArgumentError(msg)


# -- kinds ---------------------------------------------------------------------------------------------------------


def _read_points(source: ChunkSource, selection: Selection, request: Request) -> PointsResult:
    del request
    arrays = source.arrays
    found = find_rows(source, selection, with_owners=arrays.objects is not None)
    vertices = take_rows(found.batch, found.rows, selection.attributes)
    values = decode_attributes(arrays, vertices.attributes)
    return PointsResult(vertices.positions, values, arrays.meta.level, _ids_of(arrays, found.owners))


def _read_lines(source: ChunkSource, selection: Selection, request: Request) -> LinesResult:
    arrays = source.arrays
    found = read_sequences(source, selection)
    counts = np.diff(found.offsets)
    if (counts > 2).any():
        line = int(np.argmax(counts > 2))
        msg = f"{arrays.where}: line {_object_ids(arrays, found.objects)[line]} has {counts[line]} vertices"
        raise CorruptStoreError(msg)
    ends: slice | Int64Array = slice(None)
    if (counts < 2).any():
        # A line of a coarse level may have shrunk to one vertex, which is both its ends, or to none.
        whole = counts > 0
        ends = np.stack([found.offsets[:-1][whole], found.offsets[1:][whole] - 1], axis=1).reshape(-1)
        found = Sequences(found.objects[whole], found.offsets, found.positions, found.attributes)
    values = {
        name: values[ends].reshape(-1, 2, *values.shape[1:])
        for name, values in decode_attributes(arrays, found.attributes).items()
    }
    return LinesResult(
        found.positions[ends].reshape(-1, 2, arrays.ndim),
        values,
        arrays.meta.level,
        _object_ids(arrays, found.objects),
        _object_attributes(arrays, found.objects, request),
    )


def _read_polylines(source: ChunkSource, selection: Selection, request: Request) -> PolylinesResult:
    arrays = source.arrays
    found = read_sequences(source, selection)
    if request.clip and selection.box is not None:
        pieces = clip_lines(found.positions, found.offsets, *selection.box)
        values = {name: pieces.interpolate(values) for name, values in found.attributes.items()}
        found = Sequences(found.objects[pieces.lines], pieces.offsets, pieces.positions, values)
    return PolylinesResult(
        found.positions,
        found.offsets,
        PerLine(decode_attributes(arrays, found.attributes), found.offsets),
        arrays.meta.level,
        _object_ids(arrays, found.objects),
        _object_attributes(arrays, found.objects, request),
    )


def _read_graph(source: ChunkSource, selection: Selection, request: Request) -> GraphResult:
    arrays = source.arrays
    found = read_graph(
        source,
        selection,
        is_skeleton=kind_of(arrays.store) == SKELETON,
        with_owners=request.with_object_ids,
        with_boundary=request.with_boundary,
    )
    return GraphResult(
        found.positions,
        found.links,
        decode_attributes(arrays, found.attributes),
        _decode_link_attributes(arrays, found),
        arrays.meta.level,
        _ids_of(arrays, found.owners),
    )


def _read_mesh(source: ChunkSource, selection: Selection, request: Request) -> MeshResult:
    del request
    arrays = source.arrays
    found = read_mesh(source, selection)
    links = found.links if arrays.links is not None else np.empty((0, 3), np.int64)
    return MeshResult(
        found.positions,
        links,
        decode_attributes(arrays, found.attributes),
        arrays.meta.level,
        _ids_of(arrays, found.owners),
        _decode_link_attributes(arrays, found) or None,
        _winding(arrays),
    )


def _winding(arrays: LevelArrays) -> str | None:
    said = arrays.store.root.other.get("winding_order")
    return said if said in ("ccw", "cw") else None


_KINDS: Mapping[str, tuple[type[Result], Callable[[ChunkSource, Selection, Request], Result]]] = {
    POINT_CLOUD: (PointsResult, _read_points),
    "line": (LinesResult, _read_lines),
    "polyline": (PolylinesResult, _read_polylines),
    "streamline": (PolylinesResult, _read_polylines),
    "graph": (GraphResult, _read_graph),
    SKELETON: (GraphResult, _read_graph),
    "mesh": (MeshResult, _read_mesh),
}


# -- objects and words ---------------------------------------------------------------------------------------------


def _ids_of(arrays: LevelArrays, owners: Int64Array | None) -> Int64Array | None:
    """Give the id of the object behind each vertex, -1 for none."""
    if owners is None or arrays.objects is None:
        return None
    # The last one is what owner -1 finds.
    return np.append(arrays.objects.ids, -1)[owners]


def _object_ids(arrays: LevelArrays, objects: Int64Array) -> Int64Array:
    return np.empty(0, np.int64) if arrays.objects is None else arrays.objects.ids[objects]


def _object_attributes(arrays: LevelArrays, objects: Int64Array, request: Request) -> dict[str, AnyArray] | None:
    if not request.with_object_attributes:
        return None
    index = arrays.objects
    return {} if index is None else {name: index.attribute(name)[objects] for name in index.attribute_names}


def decode_attributes(arrays: LevelArrays, values: Mapping[str, AnyArray]) -> dict[str, AnyArray]:
    """Turn the codes of categorical attributes into strings."""
    return {name: decode_attribute(arrays, name, codes) for name, codes in values.items()}


def decode_attribute(arrays: LevelArrays, name: str, codes: AnyArray) -> AnyArray:
    """Turn the codes of one vertex attribute into strings if it is categorical."""
    array = arrays.attribute(name)
    return _decode(codes, array.column.categories, f"{arrays.store.name}: array {array.array.path!r}")


def _decode_link_attributes(arrays: LevelArrays, found: Network) -> dict[str, AnyArray]:
    if arrays.links is None:
        return {}
    columns = {name: arrays.links.attribute_column(name) for name in found.link_attributes}
    return {
        name: _decode(values, columns[name].categories, f"{arrays.where}: link attribute {name!r}")
        for name, values in found.link_attributes.items()
    }


def _decode(codes: AnyArray, categories: Categories | None, where: str) -> AnyArray:
    if categories is None:
        return codes
    try:
        return decode_categories(codes, categories)
    except ValueError as error:
        msg = f"{where}: {error}"
        raise CorruptStoreError(msg) from error
