"""Lines of two ends: write and read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from zarr_vectors._query import GroupChoice, Where
from zarr_vectors._spec import Codec
from zarr_vectors.constants import BLOCK_ROWS
from zarr_vectors.core.arrays._vertices import Column
from zarr_vectors.core.side_blocks import Parametric
from zarr_vectors.core.store import StoreLike, backend_of
from zarr_vectors.exceptions import ArgumentError
from zarr_vectors.spatial import BoxLike
from zarr_vectors.types._beside import check_beside
from zarr_vectors.types._content import Content, FragmentAttributesLike, write_content
from zarr_vectors.types._division import divide
from zarr_vectors.types._layout import check_layout
from zarr_vectors.types._owners import GroupsLike, Objects, check_attributes_of, check_groups, ids_of_list
from zarr_vectors.types._read import Request, one_of_groups, read_store
from zarr_vectors.types._result import LinesResult
from zarr_vectors.types._source import (
    check_attribute,
    check_mapping,
    check_positions,
    holds_strings,
    one_of,
    sliceable,
)
from zarr_vectors.types._topology import LINES
from zarr_vectors.typing import AnyArray

__all__ = ["read_lines", "write_lines"]

_ENDS = 2

# -- writing ----------------------------------------------------------------------------------------------------


def write_lines(
    path: StoreLike,
    segments: npt.ArrayLike,
    *,
    chunk_shape: npt.ArrayLike,
    bin_shape: npt.ArrayLike | None = None,
    attributes: Mapping[str, npt.ArrayLike] | None = None,
    vertex_attributes: Mapping[str, npt.ArrayLike] | None = None,
    object_ids: npt.ArrayLike | None = None,
    object_attributes: Mapping[str, npt.ArrayLike] | None = None,
    groups: GroupsLike | None = None,
    group_attributes: Mapping[str, npt.ArrayLike] | None = None,
    fragment_attributes: FragmentAttributesLike | None = None,
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
    """Write lines of two ends as a new store with one level, an object each.

    Parameters
    ----------
    path : str, Path, zarr Store or zarr Group
    segments : (N, 2, D) numbers, D = 2..5
        World units; how numbers are stored is as in `write_points`.
    chunk_shape, bin_shape : number or D numbers
        Edge lengths, world units. A line whose ends lie in two chunks is cut; bins do not cut it.
    attributes, vertex_attributes : dict of (N, 2) or (N, 2, C) arrays, optional
        Two names of one argument: values of the ends. Numbers, bools, or (N, 2) strings, stored as categories.
    object_ids : (N,) whole numbers, optional
        Id of each line, each once, in any order; None = 0 to N - 1, the only ones of which zarr-vectors 0.9.2 finds all
        when it reads all lines.
    object_attributes : dict of (N,) or (N, C) numbers, bools or strings, optional
        One row a line.
    groups : dict of lists of ids, optional
        By name; or by number, from 0.
    group_attributes : dict of (G,) or (G, C) numbers, bools or strings, optional
        One row a group.
    fragment_attributes : dict of dict of (F,) or (F, C) arrays, optional
        By name and chunk coordinate: one row a line, or end of a line, in the chunk.
    chunk_by_attribute : str, optional
        An attribute of vertices or objects that divides the chunks, so that one value is read without the others:
        whole numbers, bools or strings, the same at both ends of a line.
    headers, user_metadata, parametric, dtype, coordinate_system, axis_units, axes, compressor, shard_shape, overwrite
        As in `write_points`.

    Raises
    ------
    ArgumentError
        If an argument cannot be used; nothing has been written then.
    LimitError
        If the extent is too wide for the chunks, or a chunk would hold too many bins.
    StoreExistsError, ConcurrentWriteError
        If something lies at `path`, or another writer was first.
    """
    target = backend_of(path)
    ends = _check_segments(segments)
    positions, column, bounds = check_positions(ends, dtype, BLOCK_ROWS, _place_of)
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
    count = len(ends) // _ENDS
    ids = ids_of_list(object_ids, count)
    columns = check_attributes_of("object", object_attributes, count)
    table = check_groups(groups, group_attributes, np.sort(ids))
    objects = Objects(ids, None, range(0, len(ends) + 1, _ENDS), columns, table)
    values = _check_attributes(one_of(attributes, vertex_attributes), count)
    division, rest = divide(chunk_by_attribute, values, objects, LINES, rows=len(ends), axes=layout.axes)
    content = Content(
        topology=LINES,
        positions=positions,
        position_column=column,
        bounds=bounds,
        attributes=rest,
        objects=objects,
        fragment_attributes={} if fragment_attributes is None else fragment_attributes,
        division=division,
        beside=check_beside(headers, user_metadata, parametric),
    )
    write_content(target, content, layout, overwrite=overwrite)


def _check_segments(segments: object) -> AnyArray:
    """Give the ends of all lines, shape (2 N, D)."""
    try:
        source = sliceable(segments)
    except ArgumentError as error:
        msg = f"segments must have shape (N, 2, D), two ends of each line: {error}"
        raise ArgumentError(msg) from error
    shape = tuple(source.shape)
    if len(shape) != 3 or shape[1] != _ENDS:
        msg = f"segments must have shape (N, 2, D), got {shape}"
        raise ArgumentError(msg)
    return np.asarray(source[...]).reshape(shape[0] * _ENDS, shape[2])


def _place_of(end: int) -> str:
    return f"line {end // _ENDS}, end {end % _ENDS}"


def _check_attributes(attributes: Mapping[str, Any] | None, count: int) -> list[tuple[Column, AnyArray]]:
    named = check_mapping(attributes, "attributes")
    return [check_attribute(name, _of_ends(name, value, count), count * _ENDS) for name, value in named.items()]


def _of_ends(name: str, source: object, count: int) -> AnyArray:
    values = sliceable(source)
    shape = tuple(values.shape)
    strings = holds_strings(values)
    if len(shape) not in ((2,) if strings else (2, 3)) or shape[:2] != (count, _ENDS):
        wanted = f"of strings must have shape ({count}, 2)"
        if not strings:
            wanted = f"must have shape ({count}, 2) or ({count}, 2, C)"
        msg = (
            f"attribute {name!r} {wanted}, values of both ends, got {shape}; "
            "what a line has once is an object attribute"
        )
        raise ArgumentError(msg)
    return np.asarray(values[...]).reshape(count * _ENDS, *shape[2:])


# -- reading ----------------------------------------------------------------------------------------------------


def read_lines(
    path: StoreLike,
    level: int = 0,
    bbox: BoxLike | None = None,
    attributes: Iterable[str] | None = None,
    object_ids: npt.ArrayLike | None = None,
    group_ids: GroupChoice | None = None,
    *,
    groups: GroupChoice | None = None,
    where: Where | None = None,
    include_object_attributes: bool = False,
) -> LinesResult:
    """Read lines.

    Parameters
    ----------
    path : str, Path, zarr Store or zarr Group
    level : int
    bbox : (lo, hi), optional
        Half-open box ``lo <= p < hi``, world units: whole lines with at least one end inside.
    attributes : list of str, optional
        None = all vertex attributes, [] = none.
    object_ids : list of int, optional
        Only these lines, in this order.
    group_ids, groups : names or row numbers of groups, optional
        Two names of one argument: only lines in any of these groups.
    where : dict, optional
        ``{"fa": (">", 0.5), "label": ("in", [1, 2])}``: only lines that match each key, an attribute of theirs or
        of any of their vertices. Operators are ``== != < <= > >= in between`` (both ends included); ``{"or": [..]}``
        and ``{"and": [..]}`` hold lists of such dicts. NaN and absent values never match.
    include_object_attributes : bool
        Read the attributes of the lines too.

    Returns
    -------
    LinesResult
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
        with_object_attributes=include_object_attributes,
    )
    return read_store(path, level, request, LinesResult)
