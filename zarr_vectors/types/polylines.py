"""Polylines and streamlines: write and read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from zarr_vectors._query import GroupChoice, Where
from zarr_vectors._spec import Codec
from zarr_vectors.constants import BLOCK_ROWS
from zarr_vectors.core.side_blocks import Parametric
from zarr_vectors.core.store import StoreLike, backend_of
from zarr_vectors.exceptions import ArgumentError
from zarr_vectors.spatial import BoxLike
from zarr_vectors.types._beside import check_beside
from zarr_vectors.types._content import Content, FragmentAttributesLike, write_content
from zarr_vectors.types._division import divide
from zarr_vectors.types._layout import check_json, check_layout
from zarr_vectors.types._owners import GroupsLike, Objects, check_attributes_of, check_groups, ids_of_list
from zarr_vectors.types._ragged import Lines, join_lines
from zarr_vectors.types._read import Request, one_of_groups, read_store
from zarr_vectors.types._result import PolylinesResult
from zarr_vectors.types._source import check_attribute, check_mapping, check_positions, one_of
from zarr_vectors.types._topology import POLYLINES, STREAMLINES, Topology
from zarr_vectors.typing import AnyArray

__all__ = ["read_polylines", "write_polylines"]

_STREAMLINES = "streamline_metadata"
_KINDS = {topology.kind: topology for topology in (POLYLINES, STREAMLINES)}

# -- writing ----------------------------------------------------------------------------------------------------


def write_polylines(
    path: StoreLike,
    polylines: Iterable[npt.ArrayLike],
    *,
    chunk_shape: npt.ArrayLike,
    bin_shape: npt.ArrayLike | None = None,
    geometry_type: Literal["polyline", "streamline"] = "polyline",
    attributes: Mapping[str, Any] | None = None,
    vertex_attributes: Mapping[str, Any] | None = None,
    object_ids: npt.ArrayLike | None = None,
    object_attributes: Mapping[str, npt.ArrayLike] | None = None,
    groups: GroupsLike | None = None,
    group_attributes: Mapping[str, npt.ArrayLike] | None = None,
    fragment_attributes: FragmentAttributesLike | None = None,
    streamline_metadata: Mapping[str, Any] | None = None,
    chunk_by_attribute: str | None = None,
    headers: Mapping[str, Mapping[str, Any]] | None = None,
    user_metadata: Mapping[str, Mapping[str, Any]] | None = None,
    parametric: Parametric | None = None,
    dtype: npt.DTypeLike | None = None,
    coordinate_system: object = None,
    axis_units: Sequence[str | None] | str | None = None,
    axes: Sequence[object] | None = None,
    compressor: str | Sequence[Codec] = "auto",
    shard_shape: Sequence[int] | int | None = None,
    overwrite: bool = False,
) -> None:
    """Write polylines or streamlines as a new store with one level.

    Everything is checked before the first byte is written, and the store appears at `path` whole or
    not at all. Lines that come one by one are put together in memory once.

    Parameters
    ----------
    path : str, Path, zarr Store or zarr Group
    polylines : list of (n, D) arrays, or (O, n, D) array; D = 2..5
        World units; how numbers are stored is as in `write_points`. A line may have one vertex or none.
    chunk_shape, bin_shape : number or D numbers
        Edge lengths, world units. Lines are cut where they leave a chunk; bins do not cut them.
    geometry_type : "polyline" or "streamline"
    attributes, vertex_attributes : dict, optional
        Two names of one argument. Of each attribute a list of (n,) or (n, C) arrays, one a line, or one array of N
        rows for the vertices of all lines. Numbers, bools, or strings, which are stored as categories.
    object_ids : (O,) whole numbers, optional
        Id of each line, each once, in any order; None = 0 to O - 1, the only ones of which zarr-vectors 0.9.2 finds all
        when it reads all lines.
    object_attributes : dict of (O,) or (O, C) numbers, bools or strings, optional
        One row a line.
    groups : dict of lists of ids, optional
        By name; or by number, from 0.
    group_attributes : dict of (G,) or (G, C) numbers, bools or strings, optional
        One row a group.
    fragment_attributes : dict of dict of (F,) or (F, C) arrays, optional
        By name and chunk coordinate: one row a run of consecutive vertices in the chunk, by line, then along it.
    streamline_metadata : dict of JSON values, optional
        Kept as ``user_metadata["streamline_metadata"]``.
    chunk_by_attribute : str, optional
        An attribute of vertices or objects that divides the chunks, so that one value is read without the others:
        whole numbers, bools or strings. Lines are cut where it changes.
    headers, user_metadata, parametric, dtype, coordinate_system, axis_units, axes, compressor, shard_shape, overwrite
        As in `write_points`.

    Raises
    ------
    ArgumentError
        If an argument cannot be used.
    LimitError
        If the extent is too wide for the chunks, or a chunk would hold too many bins.
    StoreExistsError, ConcurrentWriteError
        If something lies at `path`, or another writer was first.
    """
    target = backend_of(path)
    topology = _check_kind(geometry_type)
    lines = join_lines(polylines, np.size(chunk_shape) if np.ndim(chunk_shape) == 1 else None)
    positions, column, bounds = check_positions(lines.positions, dtype, BLOCK_ROWS, lines.place_of)
    layout = check_layout(
        column.row_shape[0],
        chunk_shape=chunk_shape,
        bin_shape=bin_shape,
        axes=axes,
        axis_units=axis_units,
        coordinate_system=coordinate_system,
        compressor=compressor,
        shard_shape=shard_shape,
    )
    ids = ids_of_list(object_ids, len(lines.offsets) - 1)
    columns = check_attributes_of("object", object_attributes, len(ids))
    table = check_groups(groups, group_attributes, np.sort(ids))
    objects = Objects(ids, None, lines.offsets, columns, table)
    values = _check_attributes(one_of(attributes, vertex_attributes), lines)
    beside = check_beside(headers, _with_streamline_metadata(user_metadata, streamline_metadata), parametric)
    rows = len(lines.positions)
    division, rest = divide(chunk_by_attribute, values, objects, topology, rows=rows, axes=layout.axes)
    content = Content(
        topology=topology,
        positions=positions,
        position_column=column,
        bounds=bounds,
        attributes=rest,
        objects=objects,
        fragment_attributes={} if fragment_attributes is None else fragment_attributes,
        division=division,
        beside=beside,
    )
    write_content(target, content, layout, overwrite=overwrite)


def _check_kind(geometry_type: str) -> Topology:
    if geometry_type not in _KINDS:
        msg = f"geometry_type must be one of {sorted(_KINDS)}, got {geometry_type!r}"
        raise ArgumentError(msg)
    return _KINDS[geometry_type]


def _check_attributes(attributes: Mapping[str, Any] | None, lines: Lines) -> list[tuple[Any, AnyArray]]:
    named = check_mapping(attributes, "attributes")
    total = len(lines.positions)
    return [check_attribute(name, lines.join_attribute(name, source), total) for name, source in named.items()]


def _with_streamline_metadata(
    user_metadata: Mapping[str, Mapping[str, Any]] | None, metadata: Mapping[str, Any] | None
) -> Mapping[str, Mapping[str, Any]] | None:
    if metadata is None:
        return user_metadata
    if not isinstance(metadata, Mapping) or not all(isinstance(key, str) for key in metadata):
        msg = f"streamline_metadata must be a mapping from names to JSON values, got {metadata!r}"
        raise ArgumentError(msg)
    check_json(metadata, "streamline_metadata")
    if isinstance(user_metadata, Mapping) and _STREAMLINES in user_metadata:
        msg = f"streamline_metadata and user_metadata[{_STREAMLINES!r}] are one and the same; pass one of them"
        raise ArgumentError(msg)
    # What is no mapping is refused where notes are checked.
    notes = {} if user_metadata is None else user_metadata
    return {**notes, _STREAMLINES: dict(metadata)} if isinstance(notes, Mapping) else notes


# -- reading ----------------------------------------------------------------------------------------------------


def read_polylines(
    path: StoreLike,
    level: int = 0,
    bbox: BoxLike | None = None,
    attributes: Iterable[str] | None = None,
    object_ids: npt.ArrayLike | None = None,
    group_ids: GroupChoice | None = None,
    *,
    groups: GroupChoice | None = None,
    where: Where | None = None,
    clip: bool = False,
    include_object_attributes: bool = False,
) -> PolylinesResult:
    """Read polylines or streamlines.

    Parameters
    ----------
    path : str, Path, zarr Store or zarr Group
    level : int
    bbox : (lo, hi), optional
        Half-open box ``lo <= p < hi``, world units: whole polylines with at least one vertex inside.
    attributes : list of str, optional
        None = all vertex attributes, [] = none.
    object_ids : list of int, optional
        Only these polylines, in this order.
    group_ids, groups : names or row numbers of groups, optional
        Two names of one argument: only polylines in any of these groups.
    where : dict, optional
        ``{"fa": (">", 0.5), "label": ("in", [1, 2])}``: only polylines that match each key, an attribute of theirs or
        of any of their vertices. Operators are ``== != < <= > >= in between`` (both ends included); ``{"or": [..]}``
        and ``{"and": [..]}`` hold lists of such dicts. NaN and absent values never match.
    clip : bool
        Cut the polylines that a box gives at its faces, exactly: floating point attributes are interpolated
        linearly, of others the nearer vertex counts. A polyline may give several pieces, each a polyline with its id.
    include_object_attributes : bool
        Read the attributes of the polylines too.

    Returns
    -------
    PolylinesResult
        In the order of `object_ids`; else in the order in which they were written.

    Raises
    ------
    ArgumentError
        For a level, an attribute, an object or a group that is not there, or an object asked for twice.
    UnsupportedFeatureError
        If the store holds another kind of geometry.
    """
    request = Request(
        bbox=bbox,
        attributes=attributes,
        object_ids=object_ids,
        groups=one_of_groups(group_ids, groups),
        where=where,
        clip=clip,
        with_object_attributes=include_object_attributes,
    )
    return read_store(path, level, request, PolylinesResult)
