"""Vertices and the links among them: graphs, skeletons, meshes.

1. `find_rows` gives the vertices that a selection asks for.
2. The links of the chunks that were read become rows of the batch; of a skeleton those that its fragments imply are
   added.
3. Links whose ends are not all wanted are dropped, the rest is renumbered to the result.

A box on a mesh asks for faces, by their centroids: the candidates are the faces whose chunks surround the box, and the
vertices are theirs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn

import numpy as np

from zarr_vectors._query.execute import ChunkSource, RaggedBatch, Vertices, join_batches, take_rows
from zarr_vectors._query.owned import batch_fragments
from zarr_vectors._query.rows import Found, RowFilter, find_rows
from zarr_vectors._query.selection import Selection
from zarr_vectors._spec import absent_value
from zarr_vectors.core._backends import room
from zarr_vectors.core.arrays._level import LevelArrays
from zarr_vectors.core.arrays._links import LinkReader, LinkRows
from zarr_vectors.encoding import FragmentTable
from zarr_vectors.exceptions import CorruptStoreError
from zarr_vectors.spatial import ChunkLookup, chunks_of_box
from zarr_vectors.typing import AnyArray, BoolArray, Float64Array, FloatArray, Int64Array

__all__ = ["Network", "links_within", "read_graph", "read_mesh"]

_EDGE = 2
_FARTHEST = 2.0**62
_PIECE_ROWS = 1 << 14


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """Vertices and links.

    Attributes
    ----------
    positions : (N, D) float32 or float64
    attributes : dict of (N,) or (N, C) arrays
        Codes for categorical attributes.
    links : (M, L) int64
        Vertices, counted from 0 in this result.
    link_attributes : dict of (M,) or (M, C) arrays
        Codes for categorical attributes.
    owners : (N,) int64 or None
        Object row of each vertex, -1 for none.
    """

    positions: FloatArray
    attributes: Mapping[str, AnyArray]
    links: Int64Array
    link_attributes: Mapping[str, AnyArray]
    owners: Int64Array | None


@dataclass(frozen=True, slots=True, eq=False)
class _Links:
    """Links as rows of a batch, (M, L); -1 for an end that is in none of its chunks."""

    ends: Int64Array
    attributes: Mapping[str, AnyArray]

    def take(self, chosen: Int64Array) -> _Links:
        return _Links(self.ends[chosen], {name: values[chosen] for name, values in self.attributes.items()})


def read_graph(
    source: ChunkSource, selection: Selection, *, is_skeleton: bool, with_owners: bool, with_boundary: bool
) -> Network:
    """Read vertices and the edges among them.

    Parameters
    ----------
    is_skeleton : bool
        Whether a row's parent is the row before it in its fragment, unless a link says otherwise.
    with_owners : bool
        Whether to tell the object of each vertex.
    with_boundary : bool
        Whether to read edges of which one end was asked for as well, and their other ends, which come last.
    """
    arrays = source.arrays
    with_owners = with_owners and arrays.objects is not None
    found = _unique(find_rows(source, selection, with_owners=with_owners))
    if with_boundary and not selection.is_everything and len(found.batch.coords):
        return _with_boundary(source, selection, found, is_skeleton=is_skeleton)
    # A link to a parent outside still says that the row before is not the parent.
    links = _links_of(arrays, found.batch, everything=selection.is_everything, is_skeleton=is_skeleton)
    if is_skeleton:
        links = _with_implied(links, batch_fragments(arrays, found.batch), len(found.batch.positions))
    vertices = take_rows(found.batch, found.rows, selection.attributes)
    return _network(vertices, len(found.batch.positions), found.rows, links, found.owners)


def read_mesh(source: ChunkSource, selection: Selection) -> Network:
    """Read vertices and the faces among them; with a box the faces whose centroids lie inside, and their vertices."""
    arrays = source.arrays
    with_owners = arrays.objects is not None
    if selection.box is not None:
        return _faces_in_box(source, selection, selection.box, with_owners=with_owners)
    found = _unique(find_rows(source, selection, with_owners=with_owners))
    links = _links_of(arrays, found.batch, everything=selection.is_everything, is_skeleton=False)
    vertices = take_rows(found.batch, found.rows, selection.attributes)
    return _network(vertices, len(found.batch.positions), found.rows, links, found.owners)


def _unique(found: Found) -> Found:
    """Leave each row once, where it came first: a vertex that two objects share is one vertex."""
    if found.rows is None:
        return found
    _, first = np.unique(found.rows, return_index=True)
    if len(first) == len(found.rows):
        return found
    first.sort()
    return Found(found.batch, found.rows[first], None if found.owners is None else found.owners[first])


def _network(
    vertices: Vertices, total: int, rows: Int64Array | None, links: _Links, owners: Int64Array | None
) -> Network:
    """Drop the links whose ends are not all wanted, and renumber the rest.

    Parameters
    ----------
    total : int
        Rows that ends may name.
    rows : (k,) int64 or None
        Those that are wanted, in the order of `vertices`; None for all of them.
    """
    ends = links.ends
    if rows is not None:
        place = np.full(total + 1, -1, np.int64)  # the last one is what -1 finds
        place[rows] = np.arange(len(rows))
        ends = place[ends]
    kept = _Links(ends, links.attributes)
    if int(ends.min(initial=0)) < 0:
        kept = kept.take(np.flatnonzero((ends >= 0).all(axis=1)))
    return Network(vertices.positions, vertices.attributes, kept.ends, kept.attributes, owners)


# -- links ---------------------------------------------------------------------------------------------------------


def links_within(arrays: LevelArrays, batch: RaggedBatch, table: FragmentTable, *, is_skeleton: bool) -> Int64Array:
    """Give the links all of whose ends are rows of a batch, (M, L), for chunks with these fragments."""
    links = _links_of(arrays, batch, everything=False, is_skeleton=is_skeleton)
    if is_skeleton:
        links = _with_implied(links, table, len(batch.positions))
    return links.ends[(links.ends >= 0).all(axis=1)]


def _links_of(arrays: LevelArrays, batch: RaggedBatch, *, everything: bool, is_skeleton: bool) -> _Links:
    """Read the links among the chunks of a batch; of a skeleton also those that lead out of them."""
    reader = arrays.links
    if reader is None:
        return _no_links()
    coords = None if everything else batch.coords
    if not (is_skeleton and reader.family.directed):
        ends = reader.ends(batch.offsets, coords, touching=is_skeleton and not everything)
        return _Links(ends.ends, ends.attributes)
    found = reader.read(coords, counts=np.diff(batch.offsets), touching=not everything)
    return _as_rows(_oriented(reader, found), batch.offsets)


def _no_links() -> _Links:
    return _Links(np.empty((0, 2), np.int64), {})


def _oriented(reader: LinkReader, found: LinkRows) -> LinkRows:
    """Turn links of a skeleton to ``[child, parent]``: where a family is directed, those that cross chunks are not."""
    if not reader.family.directed or reader.family.width != _EDGE:
        return found
    across = found.chunk[:, 0] != found.chunk[:, 1]
    chunk, row = found.chunk.copy(), found.row.copy()
    chunk[across], row[across] = chunk[across, ::-1], row[across, ::-1]
    return LinkRows(chunk, row, found.attributes)


def _as_rows(found: LinkRows, offsets: Int64Array) -> _Links:
    """Number the ends through; those in chunks -1 become -1."""
    if not len(found.chunk):
        return _Links(found.row, found.attributes)
    ends = np.take(offsets, found.chunk, mode="clip")  # what lies outside is set apart below
    ends += found.row
    ends[found.chunk < 0] = -1
    return _Links(ends, found.attributes)


def _with_implied(links: _Links, table: FragmentTable, count: int) -> _Links:
    """Add to links ``[child, parent]`` those that the fragments of `count` rows imply; ascending by child."""
    children = links.ends[:, 0]
    own = children[(children >= 0) & (children < count)]
    recorded = np.zeros(count, bool)
    recorded[own] = True
    inner = not links.attributes and int(links.ends.max(initial=0)) < count
    if inner and np.count_nonzero(recorded) == len(own) and table.tiles(count):
        return _one_parent_each(links.ends, table, count)
    rows, sizes = table.rows_of(np.arange(len(table.count)))
    follows = np.ones(len(rows), bool)
    follows[(np.cumsum(sizes) - sizes)[sizes > 0]] = False
    at = np.flatnonzero(follows)
    at = at[~recorded[rows[at]]]
    both = np.concatenate([links.ends, np.stack([rows[at], rows[at - 1]], axis=1)])
    order = np.argsort(both[:, 0], kind="stable")
    values = {name: _padded(column, len(at))[order] for name, column in links.attributes.items()}
    return _Links(both[order], values)


def _one_parent_each(ends: Int64Array, table: FragmentTable, count: int) -> _Links:
    """Give the links of rows of which each has at most one parent; those that lead out of the rows are left out."""
    # The row behind the last one is what child -1 finds.
    out = room((count + 1) * _EDGE, np.int64).reshape(-1, _EDGE)
    parents = out[:, 1]
    for low in range(0, count + 1, _PIECE_ROWS):
        piece = parents[low : low + _PIECE_ROWS]
        piece[:] = np.arange(low - 1, low - 1 + len(piece))
    parents[table.start[table.count > 0]] = -1
    parents[ends[:, 0]] = ends[:, 1]
    last = 0
    # What stays moves up, in pieces that stay in cache.
    for low in range(0, count, _PIECE_ROWS):
        piece = parents[low : min(low + _PIECE_ROWS, count)]
        children = np.flatnonzero(piece >= 0)
        first, last = last, last + len(children)
        out[first:last, 1] = piece[children]
        out[first:last, 0] = children + low
    # Few rows have no parent: cutting them off leaves little behind.
    return _Links(out[:last] if 2 * last > count else out[:last].copy(), {})


def _padded(values: AnyArray, count: int) -> AnyArray:
    """Add rows for edges that have no record to carry a value: absent, as the format spells it."""
    fill = np.full((count, *values.shape[1:]), absent_value(values.dtype), values.dtype)
    return np.concatenate([values, fill])


# -- edges across the boundary of what was asked for ---------------------------------------------------------------


def _with_boundary(source: ChunkSource, selection: Selection, found: Found, *, is_skeleton: bool) -> Network:
    arrays, batch = source.arrays, found.batch
    # All rows of the chunks that were read may be wanted, and edges still lead out of these chunks.
    rows = np.arange(len(batch.positions)) if found.rows is None else found.rows
    links, outside = _links_around(arrays, batch, is_skeleton=is_skeleton)
    if is_skeleton:
        links = _with_implied(links, batch_fragments(arrays, batch), len(batch.positions))
    count = len(batch.positions)
    wanted = np.zeros(count + len(outside), bool)
    wanted[rows] = True
    links = links.take(np.flatnonzero(wanted[links.ends].any(axis=1)))
    ends = np.unique(links.ends)
    ends = ends[~wanted[ends]]
    far = outside[ends[ends >= count] - count]
    chunks = np.unique(far[:, 0])
    more = source.batch(chunks, tuple(batch.attributes), of=len(chunks) + len(batch.coords))
    places = more.offsets[np.searchsorted(chunks, far[:, 0])] + far[:, 1]
    _check_ends(arrays, far, np.diff(more.offsets)[np.searchsorted(chunks, far[:, 0])])
    whole = join_batches(batch, more)
    near = ends[ends < count]
    added = _level_order(arrays, whole, np.concatenate([near, count + places]))
    # Ends beyond the batch were numbers of `outside`; now they are rows of what was read for them.
    renumbered = np.arange(count + len(outside))
    renumbered[ends[ends >= count]] = count + places
    links = _Links(renumbered[links.ends], links.attributes)
    rows = np.concatenate([rows, added])
    owners = None if found.owners is None else _owners_in(arrays, whole)[rows]
    return _network(take_rows(whole, rows, selection.attributes), len(whole.positions), rows, links, owners)


def _links_around(arrays: LevelArrays, batch: RaggedBatch, *, is_skeleton: bool) -> tuple[_Links, Int64Array]:
    """Read all links of a batch's chunks.

    Returns
    -------
    links : _Links
        Rows of the batch; an end outside is the number of rows plus its number in `outside`.
    outside : (K, 2) int64
        Row of the level's chunk list, and row in that chunk, of each end outside.
    """
    reader, inner = arrays.links, len(batch.coords)
    if reader is None or not inner:
        return _no_links(), np.empty((0, 2), np.int64)
    around = (batch.coords.min(axis=0), batch.coords.max(axis=0))
    reached = reader.chunks_around(*around)
    others = reached[ChunkLookup(batch.coords).find(reached) < 0]
    found = reader.read(np.concatenate([batch.coords, others]), around=around)
    if is_skeleton:
        found = _oriented(reader, found)
    far = found.chunk >= inner
    level_chunks = _find_chunks(arrays, others)
    pairs = np.stack([level_chunks[found.chunk[far] - inner], found.row[far]], axis=1)
    outside, number = np.unique(pairs, axis=0, return_inverse=True)
    _check_near(arrays, found, ~far, np.diff(batch.offsets))
    ends = _as_rows(found, batch.offsets).ends
    ends[far] = len(batch.positions) + number.reshape(-1)
    return _Links(ends, found.attributes), outside


def _find_chunks(arrays: LevelArrays, coords: Int64Array) -> Int64Array:
    """Give the rows of chunks in the level's list; links lead to chunks that have vertices."""
    rows = arrays.lookup.find(coords)
    if (rows < 0).any():
        coord = tuple(coords[int(np.argmax(rows < 0))].tolist())
        msg = f"{arrays.where}: links lead to chunk {coord}, which has no vertices"
        raise CorruptStoreError(msg)
    return rows


def _check_near(arrays: LevelArrays, found: LinkRows, near: BoolArray, counts: Int64Array) -> None:
    chunk, row = found.chunk[near], found.row[near]
    if (row >= counts[chunk]).any():
        end = int(np.argmax(row >= counts[chunk]))
        _no_such_row(arrays, row[end], counts[chunk[end]])


def _check_ends(arrays: LevelArrays, ends: Int64Array, counts: Int64Array) -> None:
    if (ends[:, 1] >= counts).any():
        end = int(np.argmax(ends[:, 1] >= counts))
        _no_such_row(arrays, ends[end, 1], counts[end])


def _no_such_row(arrays: LevelArrays, row: int, count: int) -> NoReturn:
    msg = f"{arrays.where}: a link names row {row} of a chunk that has {count} vertices"
    raise CorruptStoreError(msg)


def _level_order(arrays: LevelArrays, batch: RaggedBatch, rows: Int64Array) -> Int64Array:
    """Put rows of a batch whose chunks are in any order into the order of the level."""
    place = np.searchsorted(batch.offsets, rows, side="right") - 1
    return rows[np.lexsort((rows, arrays.lookup.find(batch.coords)[place]))]


def _owners_in(arrays: LevelArrays, batch: RaggedBatch) -> Int64Array:
    """Give the object of each row of a batch."""
    everything = Selection(None, ())
    owners = (
        RowFilter(arrays, everything)
        .apply(batch, arrays.lookup.find(batch.coords), None, None, with_owners=True)
        .owners
    )
    return np.empty(0, np.int64) if owners is None else owners


# -- faces in a box ------------------------------------------------------------------------------------------------


def _faces_in_box(
    source: ChunkSource, selection: Selection, box: tuple[Float64Array, Float64Array], *, with_owners: bool
) -> Network:
    arrays = source.arrays
    chosen = RowFilter(arrays, selection)
    faces, chunks = _candidates(arrays, chosen, box)
    batch = source.batch(chunks, chosen.attributes, of=len(chunks))
    if len(faces.chunk):
        _check_near(arrays, faces, np.ones(faces.chunk.shape, bool), np.diff(batch.offsets))
    links = _as_rows(faces, batch.offsets)
    corners = np.take(batch.positions, links.ends, axis=0)  # (M, L, D)
    kept = selection.inside(corners.mean(axis=1, dtype=np.float64)) if len(corners) else np.zeros(0, bool)
    found = _unique(chosen.apply(batch, chunks, None, None, with_owners=with_owners))
    allowed = np.zeros(len(batch.positions), bool)
    allowed[slice(None) if found.rows is None else found.rows] = True
    links = links.take(np.flatnonzero(kept & allowed[links.ends].all(axis=1)))
    used = np.zeros(len(batch.positions), bool)
    used[links.ends] = True
    some = used if found.rows is None else used[found.rows]
    rows = np.flatnonzero(used) if found.rows is None else found.rows[some]
    owners = None if found.owners is None else found.owners[some]
    return _network(take_rows(batch, rows, selection.attributes), len(batch.positions), rows, links, owners)


def _candidates(
    arrays: LevelArrays, chosen: RowFilter, box: tuple[Float64Array, Float64Array]
) -> tuple[LinkRows, Int64Array]:
    """Read the faces whose centroids may lie in a box; give them and the chunks that they are in, ascending."""
    reader = arrays.links
    if reader is None:
        nothing = np.empty((0, 3), np.int64)
        return LinkRows(nothing, nothing, {}), np.empty(0, np.int64)
    around = np.empty((2, arrays.rank), np.int64)
    around[:] = [[-_FARTHEST], [_FARTHEST]]
    # The mean of corners that all lie at the box's upper side may be rounded to below it.
    lo, above = box[0], np.nextafter(box[1], np.inf)
    around[:, arrays.rank - arrays.ndim :] = np.clip(
        chunks_of_box(lo, above, arrays.chunk_shape), -_FARTHEST, _FARTHEST
    )
    coords = reader.chunks_around(around[0], around[1])
    rows = _find_chunks(arrays, coords)
    if chosen.chosen.rows is not None:
        mine = np.isin(rows, chosen.chunks())
        coords, rows = coords[mine], rows[mine]
    found = reader.read(coords, around=(around[0], around[1]))
    used = np.unique(found.chunk)
    return LinkRows(np.searchsorted(used, found.chunk), found.row, found.attributes), rows[used]
