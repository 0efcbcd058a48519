"""Content -> store: everything that a door does once its arguments are checked, for all kinds of geometry.

A door makes a `Content`, all of it in the order of its arguments: vertices, the object of each, links as numbers of
vertices. `write_content` puts it in stored order, turns objects into manifests and links into sorted rows, and writes
one level. What a kind chooses is in the content's `Topology`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np

from zarr_vectors._spec import LevelMetadata, LevelScale, RootMetadata
from zarr_vectors._spec.names import VERTEX_WEIGHTS, WEIGHTS
from zarr_vectors.constants import BLOCK_ROWS
from zarr_vectors.core._backends import Backend
from zarr_vectors.core._commit import check_target, new_store
from zarr_vectors.core.arrays._groups import write_groups
from zarr_vectors.core.arrays._link_family import LinkFamily
from zarr_vectors.core.arrays._link_writer import write_links
from zarr_vectors.core.arrays._objects import write_object_attributes, write_objects
from zarr_vectors.core.arrays._row_grid import RowGrid
from zarr_vectors.core.arrays._vertices import Column
from zarr_vectors.core.multiscale import stamp_root
from zarr_vectors.encoding import offsets_of
from zarr_vectors.exceptions import ArgumentError
from zarr_vectors.spatial import BinGrid, DividedGrid
from zarr_vectors.types._advice import advise_chunks
from zarr_vectors.types._beside import Beside
from zarr_vectors.types._division import Division
from zarr_vectors.types._draco import DracoRows
from zarr_vectors.types._layout import Layout
from zarr_vectors.types._mapped import held, is_mapped, release
from zarr_vectors.types._order import Fragments, OrderedRows, order_by_objects, order_by_runs
from zarr_vectors.types._owners import Objects
from zarr_vectors.types._pipeline import LevelRows, write_fragment_attributes, write_level
from zarr_vectors.types._sort import sort_rows
from zarr_vectors.types._source import check_attribute, check_mapping
from zarr_vectors.types._stripes import Room
from zarr_vectors.types._topology import Topology
from zarr_vectors.typing import AnyArray, BoolArray, Float64Array

__all__ = [
    "Content",
    "FragmentAttributesLike",
    "Links",
    "PreparedLevel",
    "prepare_level",
    "put_level",
    "write_content",
]

FragmentAttributesLike: TypeAlias = Mapping[str, Mapping[tuple[int, ...], Any]]
"""By name and chunk coordinate: one row for each fragment of the chunk, (F,) or (F, C)."""

_BLOCK_ROWS = BLOCK_ROWS // 8  # rows that are sorted by object together
_EMPTY_BOUNDS = 128.0


@dataclass(frozen=True, slots=True, eq=False)
class Links:
    """Edges or faces.

    Attributes
    ----------
    ends : (M, L) whole numbers
        Vertices in input order, all of them there. Of a tree's edge: child, parent; each child once.
    directed : bool
        Whether the stored order of endpoints says which is which.
    attributes : list of (Column, (M,) or (M, C) array)
    """

    ends: AnyArray
    directed: bool = False
    attributes: Sequence[tuple[Column, AnyArray]] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Content:
    """What one store is going to hold, checked, in input order.

    Attributes
    ----------
    topology : Topology
        ``fragments == "bins"``: `objects` is None; sources are read block by block.
        ``fragments == "objects"``: ``objects.owner`` names each vertex' object.
        ``fragments == "runs"``: ``objects.paths`` says where each object's vertices begin; vertices of an object follow
        one another, and transitions become links by themselves.
    positions : (N, D) numbers
        An array, or anything that slices like one.
    position_column : Column
        How they are stored; see `check_positions`, which gives this and the next.
    bounds : (2, D) float64
        Extent of the stored positions; not looked at where there are none.
    attributes : list of (Column, (N,) or (N, C) source)
        Vertex attributes; see `check_attributes`.
    objects : Objects or None
    links : Links or None
        Needed by topologies whose links are ``"records"``, which are all stored, or ``"branches"``: edges
        ``[child, parent]``, nodes in depth-first order. Of these only such are stored as the order of rows does not say
        already; all where edges have attributes.
    breaks : (N,) bool or None
        Vertices that begin a fragment wherever they come to lie: the roots of trees, because the row before the first
        of a fragment is no parent.
    fragment_attributes : dict of dict of arrays
    beside : Beside
        Headers, notes of users, parametric objects.
    declared : dict
        Further keys of the root's block: what the writer says of its data and no array tells.
    division : Division or None
        The attribute that chunks are divided by; `objects` is there then.
    draco_bits : int or None
        Where the encoding of `position_column` is ``"draco"``: bits that a coordinate of this mesh is rounded to.
    """

    topology: Topology
    positions: AnyArray
    position_column: Column
    bounds: Float64Array
    attributes: Sequence[tuple[Column, AnyArray]] = ()
    objects: Objects | None = None
    links: Links | None = None
    breaks: BoolArray | None = None
    fragment_attributes: FragmentAttributesLike = field(default_factory=dict)
    beside: Beside = field(default_factory=Beside)
    declared: Mapping[str, Any] = field(default_factory=dict)
    division: Division | None = None
    draco_bits: int | None = None

    @property
    def columns(self) -> list[tuple[Column, AnyArray]]:
        """Positions, then vertex attributes."""
        return [(self.position_column, self.positions), *self.attributes]


def write_content(target: Backend, content: Content, layout: Layout, *, overwrite: bool) -> None:
    """Write a new store with one level.

    Memory beside the content's own arrays is an index of 4 to 12 bytes a vertex and what one chunk takes.

    Parameters
    ----------
    target : Backend
    content : Content
    layout : Layout
    overwrite : bool
        Replace a Zarr Vectors store that lies there.

    Raises
    ------
    ArgumentError
        If fragment attributes do not fit the fragments; nothing has been written then.
    StoreExistsError, ConcurrentWriteError
        If something lies at `target`, or another writer was first.
    """
    check_target(target, overwrite=overwrite)
    level = prepare_level(content, layout)
    advise_chunks(level.rows.coords, content.positions.shape[0], layout.chunk_shape, stacklevel=3)
    with new_store(target, overwrite=overwrite) as publication:
        meta = LevelMetadata(0, 0, resolution=np.zeros(content.position_column.row_shape[0]))
        bounds = put_level(publication.backend, level, meta)
        content.beside.write(publication.backend)
        stamp_root(publication, _root(content, layout, bounds), target)


@dataclass(frozen=True, slots=True, eq=False)
class PreparedLevel:
    """A level in stored order: nothing of it has to be refused any more."""

    content: Content
    layout: Layout
    bounds: Float64Array
    rows: LevelRows
    fragment_attributes: Sequence[tuple[Column, Sequence[AnyArray]]]


def prepare_level(content: Content, layout: Layout, room: Room | None = None) -> PreparedLevel:
    """Put content in the order of a level's chunks.

    Parameters
    ----------
    content : Content
    layout : Layout
    room : Room, optional
        Where rows that lie in files are put in order; see `order_by_runs`.

    Raises
    ------
    ArgumentError
        If fragment attributes do not fit the fragments.
    """
    bounds = content.bounds if content.positions.shape[0] else _empty_bounds(len(layout.axes))
    rows = _ordered(content, layout, bounds, room if is_mapped(content.positions) else None)
    return PreparedLevel(content, layout, bounds, rows, _check_fragment_attributes(content.fragment_attributes, rows))


def put_level(backend: Backend, prepared: PreparedLevel, meta: LevelMetadata) -> Float64Array:
    """Write a level.

    Parameters
    ----------
    backend : Backend
    prepared : PreparedLevel
    meta : LevelMetadata
        Its number and where it comes from; what lies in it is filled in.

    Returns
    -------
    (2, D) float64
        Bounds of the positions as they are stored.
    """
    content, layout, rows = prepared.content, prepared.layout, prepared.rows
    base = str(meta.level)
    storage = layout.storage(rows.coords - rows.grid.origin, rows.grid.shape)
    cells: LevelRows = rows
    links: Links | None = None
    if content.objects is not None and isinstance(rows, OrderedRows):
        _write_objects(backend, base, content.objects, rows, layout)
        links = _placed_links(content, rows)
        # Links need the room.
        cells = rows = rows.without_paths()
        if content.draco_bits is not None and links is not None:
            cells = DracoRows(rows, links.ends, content.draco_bits, layout.chunk_shape)
            links = replace(links, ends=cells.crossing)
        _write_links(backend, base, links, rows, layout)
    write_fragment_attributes(backend, base, rows, prepared.fragment_attributes, storage)
    columns = [column for column, _ in content.columns]
    write_level(backend, _described(meta, content, layout, links), cells, columns, storage)
    return cells.bounds if isinstance(cells, DracoRows) and len(rows.counts) else prepared.bounds


def _empty_bounds(ndim: int) -> Float64Array:
    return np.stack([np.zeros(ndim), np.full(ndim, _EMPTY_BOUNDS)])


def _ordered(content: Content, layout: Layout, bounds: Float64Array, room: Room | None) -> LevelRows:
    chunk = layout.chunk_shape
    if content.objects is None:
        bins = BinGrid.of_extent(bounds, chunk, layout.bin_shape)
        column = content.position_column
        return sort_rows(bins, content.positions, column, content.attributes, block_rows=BLOCK_ROWS)
    # Fragments of objects are not cut at bins.
    places = BinGrid.of_extent(bounds, chunk, chunk)
    division = content.division
    grid = places if division is None else DividedGrid(places, division.codes, len(division.values))
    columns = [(column, np.asarray(values[...])) for column, values in content.columns]
    objects = content.objects
    if objects.paths is not None:
        return order_by_runs(grid, columns, objects.paths, room)
    return order_by_objects(
        grid, columns, objects.owner, len(objects.ids), breaks=content.breaks, block_rows=_BLOCK_ROWS
    )


# -- objects ----------------------------------------------------------------------------------------------------


def _write_objects(backend: Backend, base: str, objects: Objects, rows: OrderedRows, layout: Layout) -> None:
    manifests = rows.fragments.manifests(rows.coords)
    # They are written as one: in memory that was freed before, rather than beside it.
    ids = held(objects.ids)
    write_objects(backend, base, ids, manifests, rows.coords.shape[1], compressor=layout.compressor)
    write_object_attributes(backend, base, objects.attributes, layout.compressor)
    release(*objects.attributes.values())
    if (groups := objects.groups) is not None:
        write_groups(
            backend,
            base,
            groups.names,
            groups.offsets,
            groups.members,
            groups.attributes,
            compressor=layout.compressor,
        )


def _check_fragment_attributes(
    attributes: FragmentAttributesLike, rows: LevelRows
) -> list[tuple[Column, list[AnyArray]]]:
    """Check values of fragments, which have to be given for every chunk that holds vertices."""
    named = check_mapping(attributes, "fragment_attributes")
    coords = list(map(tuple, rows.coords.tolist()))
    return [_fragment_attribute(name, by_chunk, coords, rows) for name, by_chunk in named.items()]


def _fragment_attribute(
    name: str, by_chunk: object, coords: list[tuple[int, ...]], rows: LevelRows
) -> tuple[Column, list[AnyArray]]:
    if not isinstance(by_chunk, Mapping) or set(by_chunk) != set(coords):
        got = sorted(by_chunk) if isinstance(by_chunk, Mapping) else by_chunk
        msg = f"fragment attribute {name!r} must be a mapping from each of the chunks {coords} to values, got {got!r}"
        raise ArgumentError(msg)
    counts = rows.fragment_counts.tolist()
    for coord, count in zip(coords, counts, strict=True):
        if np.shape(by_chunk[coord])[:1] != (count,):
            msg = (
                f"fragment attribute {name!r} of chunk {coord} must have {count} rows, one a fragment, "
                f"got shape {np.shape(by_chunk[coord])}"
            )
            raise ArgumentError(msg)
    try:
        values = np.concatenate([by_chunk[coord] for coord in coords]) if coords else np.empty(0, np.float32)
    except ValueError as error:
        msg = f"fragment attribute {name!r} must have the same channels in all chunks: {error}"
        raise ArgumentError(msg) from error
    column, checked = check_attribute(name, values, sum(counts))
    stored = np.asarray(checked).astype(column.dtype, copy=False)
    return column, np.split(stored, offsets_of(np.array(counts, np.int64))[1:-1])


# -- links ------------------------------------------------------------------------------------------------------


def _write_links(backend: Backend, base: str, links: Links | None, rows: OrderedRows, layout: Layout) -> None:
    if links is None:
        return
    write_links(
        backend,
        base,
        links.ends,
        RowGrid(rows.coords, offsets_of(rows.counts)),
        LinkFamily(links.ends.shape[1], rows.coords.shape[1], links.directed),
        origin=rows.grid.origin,
        shape=rows.grid.shape,
        storage=layout.link_storage(rows.coords - rows.grid.origin, rows.grid.shape),
        attributes=links.attributes,
    )


def _placed_links(content: Content, rows: OrderedRows) -> Links | None:
    """Give the links that are stored, as sorted rows; None where the kind has none or needs none."""
    if content.topology.links == "transitions":
        transitions = rows.fragments.transitions()
        return Links(transitions) if len(transitions) else None
    if content.links is None or content.topology.links == "none":
        return None
    links = content.links
    ends = rows.places(links.ends)
    if content.topology.links == "branches" and not links.attributes:
        ends = ends[~_is_implied(ends, rows.fragments)]
    return Links(ends, links.directed, links.attributes)


def _is_implied(edges: AnyArray, fragments: Fragments) -> BoolArray:
    """Tell which edges, shape (M, 2), the order of rows says: the parent is the row before in the same fragment."""
    starts = fragments.starts
    begins = np.zeros(int(starts[-1]), bool)
    begins[starts[:-1]] = True
    child, parent = edges.T
    implied: BoolArray = (parent + edges.dtype.type(1) == child) & ~begins[child]
    return implied


# -- metadata ---------------------------------------------------------------------------------------------------


def _described(meta: LevelMetadata, content: Content, layout: Layout, links: Links | None) -> LevelMetadata:
    """Say of a level what lies in it."""
    objects = content.objects
    named = _attribute_names(content, links)
    optional = {
        "vertex_attributes": "vertex_attributes" in named,
        VERTEX_WEIGHTS: any(column.name == WEIGHTS for column, _ in content.attributes),
        "fragment_attributes": bool(content.fragment_attributes),
        "object_index": objects is not None,
        "object_attributes": objects is not None and bool(objects.attributes),
        "groups": objects is not None and objects.groups is not None,
        "links": links is not None,
    }
    return replace(
        meta,
        vertex_count=int(content.positions.shape[0]),
        arrays_present=("vertices", "vertex_fragments", *(name for name, there in optional.items() if there)),
        fragments_tile=True,
        attribute_names=named,
        chunk_dims=() if content.division is None else content.division.dims(layout.axes),
        other={**meta.other, **({} if content.division is None else content.division.level_keys())},
    )


def _attribute_names(content: Content, links: Links | None) -> dict[str, tuple[str, ...]]:
    objects = content.objects
    groups = None if objects is None else objects.groups
    named = {
        "vertex_attributes": [column.name for column, _ in content.attributes if column.name != WEIGHTS],
        "fragment_attributes": content.fragment_attributes,
        "object_attributes": () if objects is None else objects.attributes,
        "group_attributes": () if groups is None else groups.attributes,
        "link_attributes": () if links is None else [column.name for column, _ in links.attributes],
    }
    return {family: tuple(sorted(names)) for family, names in named.items() if names}


def _root(content: Content, layout: Layout, bounds: Float64Array) -> RootMetadata:
    return RootMetadata(
        chunk_shape=layout.chunk_shape,
        bounds=bounds,
        geometry_types=(content.topology.kind,),
        axes=layout.axes,
        scales=(LevelScale(0, np.ones(len(layout.axes)), layout.bin_shape),),
        base_bin_shape=layout.bin_shape if layout.has_bins else None,
        links_convention=content.topology.links_convention,
        crs=layout.crs,
        other=content.declared,
        other_root={"user_metadata": content.beside.user_metadata} if content.beside.user_metadata else {},
    )
