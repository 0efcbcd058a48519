"""Request -> typed result: the one engine behind `read_points`, `read_graph`.. and `open_zv(...).read`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, TypeVar

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
    check_ids,
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
from zarr_vectors.types._union import join_graphs, join_lines_read, join_meshes, join_points, join_polylines
from zarr_vectors.typing import AnyArray, BoolArray, Int64Array

__all__ = [
    "Request",
    "check_kind",
    "content_levels",
    "decode_attribute",
    "decode_attributes",
    "kind_of",
    "level_metadata",
    "one_of_groups",
    "read_level",
    "read_levels",
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
    planes : (P, D + 1) numbers or None
        Half-spaces ``planes[:, :D] @ p + planes[:, D] >= 0``; what lies in them and in the box is asked for.
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
    planes: npt.ArrayLike | None = None
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
    metas = content_levels(store, level)
    check_kind(store, *(kind for kind, (given, _, _) in _KINDS.items() if given is result))
    found = read_levels([DirectSource(LevelArrays(store, meta)) for meta in metas], request)
    if not isinstance(found, result):  # `check_kind` has seen to that
        raise TypeError(type(found))
    return found


def read_levels(sources: Sequence[ChunkSource], request: Request) -> Result:
    """Read what was asked for of a level whose content lies in several: `content_levels` names them.

    Raises
    ------
    ArgumentError
        If the request asks for something that is not there.
    UnsupportedFeatureError
        If a line has vertices in more than one level, so that nothing tells their order.
    """
    if len(sources) == 1:
        return read_level(sources[0], request)
    if request.object_ids is not None:
        sources = [source for source in sources if source.arrays.objects is not None] or sources[:1]
    kind, where = kind_of(sources[0].arrays.store), sources[0].arrays.where
    order = None if request.object_ids is None else check_ids(request.object_ids)
    if order is not None:
        _check_known(sources, order)
    elif kind in _LINES:
        order = np.concatenate([source.arrays.objects.ids for source in sources if source.arrays.objects is not None])
        order = order[np.sort(np.unique(order, return_index=True)[1])]
    parts = [read_level(source, _request_of(source, request)) for source in sources]
    if kind in _LINES:
        _check_whole(sources, parts)
    found = _KINDS[kind][2](parts, order, where)
    if isinstance(found, GraphResult) and not request.with_object_ids:
        return replace(found, object_ids=None)
    return found


def _request_of(source: ChunkSource, request: Request) -> Request:
    """Ask a level of several only for the objects that it has, and for their ids where these tell the order."""
    if request.object_ids is None:
        return request
    ids, index = check_ids(request.object_ids), source.arrays.objects
    own = ids[:0] if index is None else ids[np.isin(ids, index.ids)]
    return replace(request, object_ids=own, with_object_ids=True)


def _check_known(sources: Sequence[ChunkSource], ids: Int64Array) -> None:
    unknown = ids
    for source in sources:
        if source.arrays.objects is not None:
            unknown = np.setdiff1d(unknown, source.arrays.objects.ids)
    if len(unknown):
        msg = f"{sources[0].arrays.where} has no object {unknown[0]}"
        raise ArgumentError(msg)


def _check_whole(sources: Sequence[ChunkSource], parts: Sequence[Any]) -> None:
    """Refuse lines of which several levels have vertices."""
    for part, source in zip(parts, sources, strict=True):
        for index in (other.arrays.objects for other in sources if other is not source):
            if index is not None:
                rows = np.flatnonzero(np.isin(index.ids, part.object_ids[_has_vertices(part)]))
                split = rows[np.diff(index.manifests(rows).offsets) > 0]
                if len(split):
                    msg = (
                        f"{source.arrays.where} adds to coarser levels; line {index.ids[split[0]]} has vertices in two "
                        "of them, and nothing tells their order"
                    )
                    raise UnsupportedFeatureError(msg)


def _has_vertices(part: LinesResult | PolylinesResult) -> BoolArray:
    return np.diff(part.offsets) > 0 if isinstance(part, PolylinesResult) else np.ones(part.line_count, bool)


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
        planes=request.planes,
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


_READERS = {
    "point_cloud": "read_points",
    "line": "read_lines",
    "polyline": "read_polylines",
    "streamline": "read_polylines",
    "graph": "read_graph",
    "skeleton": "read_graph",
    "mesh": "read_mesh",
}


def check_kind(store: OpenStore, *wanted: str) -> None:
    """Refuse a store of another kind than those wanted."""
    if kind_of(store) not in wanted:
        kind = kind_of(store)
        reader = f"; {_READERS[kind]} reads it" if kind in _READERS else ""
        msg = f"{store.name} holds a {kind}, this reads {' or '.join(wanted)}{reader}"
        raise UnsupportedFeatureError(msg)


def level_metadata(store: OpenStore, level: int) -> LevelMetadata:
    """Give a level's metadata; ``ArgumentError`` if the store has no such level."""
    for meta in store.levels:
        if meta.level == level:
            return meta
    msg = f"{store.name} has levels {[meta.level for meta in store.levels]}, not {level!r}"
    raise ArgumentError(msg)


def content_levels(store: OpenStore, level: int) -> list[LevelMetadata]:
    """Give the levels that hold a level's content: itself, and, while these add to it, the next coarser ones."""
    found = [level_metadata(store, level)]
    coarser = {meta.level: meta for meta in store.levels}
    while found[-1].refinement == "add" and found[-1].level + 1 in coarser:
        found.append(coarser[found[-1].level + 1])
    return found


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
        winding_of(arrays.store),
    )


def winding_of(store: OpenStore) -> str | None:
    """Give how corners of faces run as seen from outside, "ccw" or "cw", where the store says."""
    said = store.root.other.get("winding_order")
    return said if said in ("ccw", "cw") else None


_LINES = ("line", "polyline", "streamline")
_Reader: TypeAlias = Callable[[ChunkSource, Selection, Request], Result]
_KINDS: Mapping[str, tuple[type[Result], _Reader, Callable[..., Result]]] = {
    POINT_CLOUD: (PointsResult, _read_points, join_points),
    "line": (LinesResult, _read_lines, join_lines_read),
    "polyline": (PolylinesResult, _read_polylines, join_polylines),
    "streamline": (PolylinesResult, _read_polylines, join_polylines),
    "graph": (GraphResult, _read_graph, join_graphs),
    SKELETON: (GraphResult, _read_graph, join_graphs),
    "mesh": (MeshResult, _read_mesh, join_meshes),
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
