"""Meshes: write and read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from zarr_vectors._query import GroupChoice, Where
from zarr_vectors._spec import Codec
from zarr_vectors.core.side_blocks import Parametric
from zarr_vectors.core.store import StoreLike, backend_of
from zarr_vectors.encoding.draco import DRACO_BITS, check_draco
from zarr_vectors.exceptions import ArgumentError
from zarr_vectors.spatial import BoxLike
from zarr_vectors.types._beside import check_beside
from zarr_vectors.types._connected import Nodes, check_links, check_nodes, check_objects
from zarr_vectors.types._content import Content, FragmentAttributesLike, Links, write_content
from zarr_vectors.types._division import divide
from zarr_vectors.types._layout import check_layout
from zarr_vectors.types._owners import GroupsLike
from zarr_vectors.types._read import Request, one_of_groups, read_store
from zarr_vectors.types._records import check_faces
from zarr_vectors.types._result import MeshResult
from zarr_vectors.types._source import one_of
from zarr_vectors.types._topology import MESHES

__all__ = ["read_mesh", "write_mesh"]


def write_mesh(
    path: StoreLike,
    vertices: npt.ArrayLike | Sequence[npt.ArrayLike],
    faces: npt.ArrayLike | Sequence[npt.ArrayLike],
    *,
    chunk_shape: npt.ArrayLike,
    bin_shape: npt.ArrayLike | None = None,
    winding_order: Literal["ccw", "cw"] | None = None,
    attributes: Mapping[str, Any] | None = None,
    vertex_attributes: Mapping[str, Any] | None = None,
    face_attributes: Mapping[str, Any] | None = None,
    object_ids: npt.ArrayLike | None = None,
    object_attributes: Mapping[str, Any] | None = None,
    groups: GroupsLike | None = None,
    group_attributes: Mapping[str, Any] | None = None,
    fragment_attributes: FragmentAttributesLike | None = None,
    use_draco: bool = False,
    draco_quantization: int = 11,
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
    """Write a mesh, or many of them, as a new store with one level.

    Everything is checked before the first byte is written, and the store appears at `path` whole or not at all.
    Vertices come back in level order: chunk by chunk, in it object by object. Faces come back with the corners in the
    order, and from the start, in which they were given.

    Parameters
    ----------
    path : str, Path, zarr Store or zarr Group
    vertices : (N, D) numbers, or a list of (n, D) arrays
        World units; see `write_points`. A list holds one mesh an object.
    faces : (M, L) whole numbers, or a list of (m, L) arrays, L = 3..20
        Rows of `vertices` (in a list: of their own object). All faces have the same number of corners L, of which 3
        must differ: a triangle among quads names a corner twice.
    chunk_shape, bin_shape : number or D numbers
        See `write_points`.
    winding_order : "ccw" or "cw", optional
        How the corners of a face run as seen from outside; written in the store, faces are left as they are.
    attributes, vertex_attributes : dict of (N,) or (N, C) numbers or bools, or (N,) strings
        One argument with two names. Where `vertices` is a list values may be one too.
    face_attributes : dict of (M,) or (M, C) values
        The same for faces.
    object_ids : (N,) whole numbers, optional
        Object of each vertex, any signed 64-bit number; None = all are of object 0. Where `vertices` is a list, the O
        ids of its items; None = 0 to O - 1.
    object_attributes : dict of (O,) or (O, C) values
        One row an object: by ascending id, or, where `vertices` is a list, by item.
    groups : dict of name to object ids
    group_attributes : dict of (G,) or (G, C) values
    fragment_attributes : dict of dict of (F,) or (F, C) arrays, optional
        By name and chunk coordinate: one row a fragment, which is an object in the chunk.
    chunk_by_attribute : str, optional
        An attribute of vertices or objects that divides the chunks, so that one value is read without the others:
        whole numbers, bools or strings, the same for all vertices of an object.
    use_draco : bool
        Compress vertices, and the triangles within a chunk, with Draco: smaller, but vertices are rounded. For
        triangles in three dimensions without attributes of their own. Needs DracoPy, for reading too.
    draco_quantization : int
        Bits that each coordinate is rounded to, 1 to 24: ``2 ** bits`` steps to the longest edge of a chunk's extent.
    headers, user_metadata, parametric, dtype, coordinate_system, axis_units, axes, compressor, shard_shape, overwrite
        See `write_points`.

    Raises
    ------
    ArgumentError
        If an argument cannot be used.
    UnsupportedFeatureError
        If Draco is asked for and DracoPy is not installed.
    StoreExistsError, ConcurrentWriteError
        If something lies at `path`, or another writer was first.
    """
    target = backend_of(path)
    if winding_order not in (None, "ccw", "cw"):
        msg = f"winding_order must be 'ccw', 'cw' or None, got {winding_order!r}"
        raise ArgumentError(msg)
    if use_draco:
        _check_draco(draco_quantization, face_attributes, chunk_by_attribute)
        dtype = np.float32 if dtype is None else dtype
    nodes = check_nodes(vertices, "vertices", dtype, one_of(attributes, vertex_attributes), object_ids)
    layout = check_layout(
        nodes.ndim,
        chunk_shape=chunk_shape,
        bin_shape=bin_shape,
        axes=axes,
        axis_units=axis_units,
        coordinate_system=coordinate_system,
        compressor=compressor,
        shard_shape=shard_shape,
    )
    links = check_links(nodes, faces, "faces", 3, check_faces, face_attributes)
    if use_draco:
        _check_triangles(nodes, links)
    objects = check_objects(nodes, object_attributes, groups, group_attributes)
    rows = int(nodes.positions.shape[0])
    division, values = divide(chunk_by_attribute, nodes.attributes, objects, MESHES, rows=rows, axes=layout.axes)
    content = Content(
        MESHES,
        nodes.positions,
        replace(nodes.column, encoding="draco") if use_draco else nodes.column,
        nodes.bounds,
        values,
        objects=objects,
        links=links,
        fragment_attributes={} if fragment_attributes is None else fragment_attributes,
        division=division,
        beside=check_beside(headers, user_metadata, parametric),
        draco_bits=int(draco_quantization) if use_draco else None,
        declared={} if winding_order is None else {"winding_order": winding_order},
    )
    write_content(target, content, layout, overwrite=overwrite)


def read_mesh(
    path: StoreLike,
    level: int = 0,
    bbox: BoxLike | None = None,
    attributes: Iterable[str] | None = None,
    object_ids: npt.ArrayLike | None = None,
    group_ids: GroupChoice | None = None,
    *,
    groups: GroupChoice | None = None,
    where: Where | None = None,
) -> MeshResult:
    """Read meshes.

    Parameters
    ----------
    path : str, Path, zarr Store or zarr Group
    level : int
    bbox : (lo, hi), optional
        Half-open box ``lo <= p < hi``, world units: the faces whose centroids lie in it, with all their vertices.
    attributes : list of str, optional
        Vertex attributes; None = all, [] = none. Face attributes always come.
    object_ids, group_ids, groups, where
        Which vertices, as in `read_points`; faces come with them where all their vertices do.

    Returns
    -------
    MeshResult
        Vertices in level order (chunks ascending, rows as stored); object by object where `object_ids` are given. The
        corners of a face are in the order in which they were written.

    Raises
    ------
    ArgumentError
        For a level, an attribute, an object or a group that is not there, or an object asked for twice.
    UnsupportedFeatureError
        If the store holds another kind of geometry, or is compressed with Draco and DracoPy is not installed.
    """
    request = Request(
        bbox=bbox, attributes=attributes, object_ids=object_ids, groups=one_of_groups(group_ids, groups), where=where
    )
    return read_store(path, level, request, MeshResult)


def _check_draco(bits: object, face_attributes: object, chunk_by_attribute: object) -> None:
    check_draco()
    if not isinstance(bits, int | np.integer) or isinstance(bits, bool) or int(bits) not in DRACO_BITS:
        msg = f"draco_quantization must be {DRACO_BITS[0]} to {DRACO_BITS[-1]} bits, got {bits!r}"
        raise ArgumentError(msg)
    if chunk_by_attribute is not None:
        msg = f"a store with Draco cannot be divided by an attribute, got chunk_by_attribute={chunk_by_attribute!r}"
        raise ArgumentError(msg)
    if face_attributes:
        msg = "a store with Draco has no room for face_attributes: faces within a chunk lie in the chunk's bitstream"
        raise ArgumentError(msg)


def _check_triangles(nodes: Nodes, links: Links) -> None:
    corners = links.ends.shape[1]
    if (nodes.ndim, corners, nodes.column.dtype) != (3, 3, np.dtype("<f4")):
        msg = (
            f"Draco holds triangles in 3 dimensions and float32, "
            f"got faces of {corners} corners in {nodes.ndim} and {nodes.column.dtype.name}"
        )
        raise ArgumentError(msg)
