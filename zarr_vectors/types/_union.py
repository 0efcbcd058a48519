"""Results of the levels of an additive store -> one result.

A level whose ``refinement`` is ``"add"`` holds only a part of its content: the rest is that of the next coarser level.
Each level is read as if it stood alone; here what was read is put together, the finest level's part first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from zarr_vectors.encoding import expand_ranges, offsets_of
from zarr_vectors.exceptions import CorruptStoreError
from zarr_vectors.types._result import GraphResult, LinesResult, MeshResult, PerLine, PointsResult, PolylinesResult
from zarr_vectors.typing import AnyArray, Int64Array

__all__ = ["join_graphs", "join_lines_read", "join_meshes", "join_points", "join_polylines", "ranks"]


def ranks(ids: Int64Array, order: Int64Array) -> Int64Array:
    """Give the place of each id in `order`, the number of these where it is not among them."""
    by_id = np.argsort(order, kind="stable")
    at = np.minimum(np.searchsorted(order, ids, sorter=by_id), max(0, len(order) - 1))
    found = by_id[at] if len(order) else np.zeros(len(ids), np.int64)
    known = order[found] == ids if len(order) else np.zeros(len(ids), bool)
    return np.where(known, found, len(order))


def join_points(parts: Sequence[PointsResult], order: Int64Array | None, where: str) -> PointsResult:
    """Put points together; object by object where an `order` of ids is given."""
    positions, attributes, ids = _vertices(parts, where)
    rows = None if order is None or ids is None else np.argsort(ranks(ids, order), kind="stable")
    return PointsResult(
        _take(positions, rows), _take_all(attributes, rows), parts[0].level, None if ids is None else _take(ids, rows)
    )


def join_graphs(parts: Sequence[GraphResult], order: Int64Array | None, where: str) -> GraphResult:
    """Put graphs together; object by object where an `order` of ids is given, nodes of other objects last."""
    positions, attributes, ids = _vertices(parts, where)
    rows = None if order is None or ids is None else np.argsort(ranks(ids, order), kind="stable")
    edges = _links([part.edges for part in parts], [part.vertex_count for part in parts], rows, where)
    values = _tables([part.edge_attributes for part in parts], [part.edge_count for part in parts], where)
    return GraphResult(
        _take(positions, rows),
        edges,
        _take_all(attributes, rows),
        values,
        parts[0].level,
        None if ids is None else _take(ids, rows),
    )


def join_meshes(parts: Sequence[MeshResult], order: Int64Array | None, where: str) -> MeshResult:
    """Put meshes together; object by object where an `order` of ids is given."""
    positions, attributes, ids = _vertices(parts, where)
    rows = None if order is None or ids is None else np.argsort(ranks(ids, order), kind="stable")
    faces = _links([part.faces for part in parts], [part.vertex_count for part in parts], rows, where)
    values = _tables([part.face_attributes or {} for part in parts], [part.face_count for part in parts], where)
    return replace(
        parts[0],
        positions=_take(positions, rows),
        faces=faces,
        attributes=_take_all(attributes, rows),
        object_ids=None if ids is None else _take(ids, rows),
        face_attributes=values or None,
    )


def join_lines_read(parts: Sequence[LinesResult], order: Int64Array, where: str) -> LinesResult:
    """Put lines together, in this order of ids."""
    counts = [part.line_count for part in parts]
    ids = np.concatenate([part.object_ids for part in parts])
    rows = np.argsort(ranks(ids, order), kind="stable")
    return LinesResult(
        np.concatenate([part.lines for part in parts])[rows],
        _take_all(_tables([part.attributes for part in parts], counts, where), rows),
        parts[0].level,
        ids[rows],
        _of_objects(parts, counts, rows, where),
    )


def join_polylines(parts: Sequence[PolylinesResult], order: Int64Array, where: str) -> PolylinesResult:
    """Put polylines together, in this order of ids; a level that only names a line has no say."""
    counts = [part.polyline_count for part in parts]
    ids = np.concatenate([part.object_ids for part in parts])
    sizes = np.concatenate([np.diff(part.offsets) for part in parts])
    starts = offsets_of(sizes)[:-1]
    filled = np.isin(ids, ids[sizes > 0])
    first = np.zeros(len(ids), bool)
    first[np.unique(ids, return_index=True)[1]] = True
    kept = np.flatnonzero((sizes > 0) | (~filled & first))
    lines = kept[np.argsort(ranks(ids[kept], order), kind="stable")]
    rows = expand_ranges(starts[lines], sizes[lines])
    offsets = offsets_of(sizes[lines])
    flat = [{name: part.attributes.flat(name) for name in part.attributes} for part in parts]
    values = _tables(flat, [part.vertex_count for part in parts], where)
    return PolylinesResult(
        np.concatenate([part.positions for part in parts])[rows],
        offsets,
        PerLine(_take_all(values, rows), offsets),
        parts[0].level,
        ids[lines],
        _of_objects(parts, counts, lines, where),
    )


def _vertices(
    parts: Sequence[PointsResult] | Sequence[GraphResult] | Sequence[MeshResult], where: str
) -> tuple[AnyArray, dict[str, AnyArray], Int64Array | None]:
    counts = [part.vertex_count for part in parts]
    ids = None
    if any(part.object_ids is not None for part in parts):
        ids = np.concatenate(
            [np.full(part.vertex_count, -1) if part.object_ids is None else part.object_ids for part in parts]
        )
    positions = np.concatenate([part.positions for part in parts])
    return positions, _tables([part.attributes for part in parts], counts, where), ids


def _links(links: Sequence[Int64Array], counts: Sequence[int], rows: Int64Array | None, where: str) -> Int64Array:
    """Number the ends of links through, for vertices that are then put in the order `rows`."""
    before = offsets_of(np.array(counts, np.int64))
    some = [(ends, base) for ends, base in zip(links, before[:-1], strict=True) if len(ends)] or [(links[0], 0)]
    if len({ends.shape[1] for ends, _ in some}) > 1:
        msg = f"{where}: its levels have faces of {[ends.shape[1] for ends, _ in some]} corners"
        raise CorruptStoreError(msg)
    joined = np.concatenate([ends + base for ends, base in some])
    if rows is None:
        return joined
    place = np.empty(len(rows), np.int64)
    place[rows] = np.arange(len(rows))
    out: Int64Array = place[joined]
    return out


def _of_objects(
    parts: Sequence[LinesResult] | Sequence[PolylinesResult], counts: Sequence[int], rows: Int64Array, where: str
) -> dict[str, AnyArray] | None:
    if any(part.object_attributes is None for part in parts):
        return None
    return _take_all(_tables([part.object_attributes or {} for part in parts], counts, where), rows)


def _tables(tables: Sequence[Mapping[str, AnyArray]], counts: Sequence[int], where: str) -> dict[str, AnyArray]:
    """Put attributes of the same names together; a part without rows has no say."""
    some = [table for table, count in zip(tables, counts, strict=True) if count] or [tables[0]]
    if any(set(table) != set(some[0]) for table in some):
        msg = f"{where}: its levels have different attributes, {' and '.join(str(sorted(t)) for t in some)}"
        raise CorruptStoreError(msg)
    try:
        return {name: np.concatenate([table[name] for table in some]) for name in some[0]}
    except (ValueError, TypeError) as error:
        msg = f"{where}: attributes of its levels do not go together: {error}"
        raise CorruptStoreError(msg) from error


def _take(values: AnyArray, rows: Int64Array | None) -> AnyArray:
    return values if rows is None else values[rows]


def _take_all(values: Mapping[str, AnyArray], rows: Int64Array | None) -> dict[str, AnyArray]:
    return {name: _take(column, rows) for name, column in values.items()}
