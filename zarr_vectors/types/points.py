"""Point clouds: write and read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

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
from zarr_vectors.types._layout import check_layout
from zarr_vectors.types._owners import GroupsLike, Objects, check_attributes_of, check_groups, owners_of_ids
from zarr_vectors.types._read import Request, one_of_groups, read_store
from zarr_vectors.types._result import PointsResult
from zarr_vectors.types._source import check_attributes, check_positions, one_of
from zarr_vectors.types._topology import OWNED_POINTS, POINTS

__all__ = ["read_points", "write_points"]


def write_points(
    path: StoreLike,
    positions: npt.ArrayLike,
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
    """Write a point cloud as a new store with one level.

    Everything is checked before the first byte is written, and the store appears at `path` whole or not at all.

    Parameters
    ----------
    path : str, Path, zarr Store or zarr Group
    positions : (N, D) numbers, D = 2..5
        World units. float64 stays float64; integers and float16 become float32 where that is exact, else
        float64. Arrays, memory maps, HDF5 and zarr arrays are read block by block (with `object_ids`: as a whole).
    chunk_shape : number or D numbers
        Edge lengths of a chunk, world units.
    bin_shape : number or D numbers, optional
        Edge lengths of a bin; a chunk must hold a whole number of them along each axis. None = one bin a chunk.
    attributes, vertex_attributes : dict of (N,) or (N, C) numbers or bools, or (N,) strings
        Two names of one argument. Strings (or objects that are strings and None) are stored as categories.
    object_ids : (N,) whole numbers, optional
        The object that each point belongs to. Points of a chunk are then stored by ascending id instead of by bin, and
        keep their order only inside a chunk.
    object_attributes : dict of (O,) or (O, C) numbers, bools or strings, optional
        One row for each id that occurs, ascending.
    groups : dict of lists of object ids, optional
        By name; or by number, from 0.
    group_attributes : dict of (G,) or (G, C) numbers, bools or strings, optional
        One row a group.
    fragment_attributes : dict of dict of (F,) or (F, C) arrays, optional
        By name and chunk coordinate: one row a fragment, which is an object in the chunk (without objects: a bin).
    chunk_by_attribute : str, optional
        An attribute of vertices or objects that divides the chunks, so that one value is read without the others:
        whole numbers, bools or strings. Without `object_ids` each point becomes an object.
    headers : dict of dict, optional
        By format: the header of each file the data came from, any JSON object; ``open_zv(..).headers`` gives it back.
    user_metadata : dict of dict, optional
        Notes, any JSON values by namespace and key: ``open_zv(..).user_metadata``.
    parametric : Parametric, optional
        Planes, lines, spheres and types of your own that lie beside the geometry: ``open_zv(..).parametric``; see
        `zarr_vectors.core.side_blocks`.
    dtype : float32 or float64, optional
        How positions are stored.
    coordinate_system : JSON value, optional
        Stored as the root's ``crs``.
    axis_units : str or D strings, optional
    axes : D names or `Axis`, optional
        Default x, y, z, w, v.
    compressor : "none", "zstd", "blosc", "auto" or a list of codecs
    shard_shape : int or D ints, optional
        Cells of a shard; 1 = one file a cell. None = one file a cell for up to 512 chunks, else shards, because then
        files, not bytes, are what writing and copying costs.
    overwrite : bool
        Replace a Zarr Vectors store at `path`; anything else there is never replaced.

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
    source, column, bounds = check_positions(positions, dtype, BLOCK_ROWS)
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
    rows = int(source.shape[0])
    objects = _check_objects(rows, object_ids, object_attributes, groups, group_attributes)
    if objects is None and chunk_by_attribute is not None:
        ids = np.arange(rows)
        objects = Objects(ids, ids)  # so the format has it
    topology = POINTS if objects is None else OWNED_POINTS
    values = check_attributes(one_of(attributes, vertex_attributes), rows)
    division, rest = divide(chunk_by_attribute, values, objects, topology, rows=rows, axes=layout.axes)
    content = Content(
        topology=topology,
        positions=source,
        position_column=column,
        bounds=bounds,
        attributes=rest,
        objects=objects,
        fragment_attributes={} if fragment_attributes is None else fragment_attributes,
        division=division,
        beside=check_beside(headers, user_metadata, parametric),
    )
    write_content(target, content, layout, overwrite=overwrite)


def _check_objects(
    rows: int,
    object_ids: npt.ArrayLike | None,
    object_attributes: Mapping[str, npt.ArrayLike] | None,
    groups: GroupsLike | None,
    group_attributes: Mapping[str, npt.ArrayLike] | None,
) -> Objects | None:
    if object_ids is not None:
        ids, owner = owners_of_ids(object_ids, rows)
        columns = check_attributes_of("object", object_attributes, len(ids))
        return Objects(ids, owner, None, columns, check_groups(groups, group_attributes, ids))
    if object_attributes or groups or group_attributes:
        msg = "object_attributes, groups and group_attributes tell of objects; pass object_ids too"
        raise ArgumentError(msg)
    return None


def read_points(
    path: StoreLike,
    level: int = 0,
    bbox: BoxLike | None = None,
    attributes: Iterable[str] | None = None,
    object_ids: npt.ArrayLike | None = None,
    group_ids: GroupChoice | None = None,
    *,
    groups: GroupChoice | None = None,
    where: Where | None = None,
) -> PointsResult:
    """Read the points of a level.

    Parameters
    ----------
    path : str, Path, zarr Store or zarr Group
    level : int
    bbox : (lo, hi), optional
        Half-open box ``lo <= p < hi``, world units.
    attributes : list of str, optional
        None = all vertex attributes, [] = none.
    object_ids : list of int, optional
        Only points of these objects, in this order.
    group_ids, groups : names or row numbers of groups, optional
        Two names of one argument: only points of the objects in any of these groups.
    where : dict, optional
        ``{"mass": (">", 0.5), "label": ("in", ["a", "b"])}``: only points that match each key, an attribute of their
        object or their own. Operators are ``== != < <= > >= in between`` (both ends included); ``{"or": [..]}`` and
        ``{"and": [..]}`` hold lists of such dicts. NaN and absent values never match.

    Returns
    -------
    PointsResult
        Points in level order (chunks ascending, rows as stored); object by object where `object_ids` are given.

    Raises
    ------
    ArgumentError
        For a level, an attribute, an object or a group that is not there, or an object asked for twice.
    """
    request = Request(
        bbox=bbox, attributes=attributes, object_ids=object_ids, groups=one_of_groups(group_ids, groups), where=where
    )
    return read_store(path, level, request, PointsResult)
