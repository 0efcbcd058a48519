"""What some chunks draw: their vertices, and the links that touch them, with the ends that lie in other chunks.

A link is one chunk's own: one inside a chunk that chunk's, one that leaves a chunk that of the chunk that it is stored
with, and the step from a fragment of a line to the next one that of the former's chunk. So whoever draws a level chunk
by chunk can draw every link once; or, as all that reaches into a chunk comes with it, what of it lies in the chunk.

1. The vertices of the chunks are read.
2. Their links are found: of lines by manifests, of all other kinds by fragments and records.
3. The other chunks that links lead to are read too; of these only the ends are kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from zarr_vectors._query.execute import RaggedBatch, read_batch
from zarr_vectors._query.graph import links_within
from zarr_vectors._query.owned import batch_fragments, check_reach, numbers_of
from zarr_vectors.core.arrays._blocks import distinct
from zarr_vectors.core.arrays._level import LevelArrays
from zarr_vectors.core.arrays._link_sources import LinkSources
from zarr_vectors.encoding import FragmentTable, offsets_of
from zarr_vectors.exceptions import CorruptStoreError
from zarr_vectors.typing import AnyArray, BoolArray, FloatArray, Int64Array

__all__ = ["LinkedBatch", "read_linked"]

NO_OBJECT = -1
_EDGE = 2


@dataclass(frozen=True, slots=True, eq=False)
class LinkedBatch:
    """The vertices and links of some chunks.

    Attributes
    ----------
    level : int
    coords : (n, D) int64
        Chunk coordinates, in the order asked for.
    offsets : (n + 1,) int64
        Chunk ``i`` has rows ``offsets[i]:offsets[i + 1]``; the rows from ``offsets[-1]`` on lie in other chunks.
    positions : (N, D) float32 or float64
        World units, axis order as stored.
    attributes : dict of (N,) or (N, C) arrays
        Codes for categorical attributes.
    links : (M, L) int64
        Rows; two for a line's, skeleton's or graph's, corners of a face in their order.
    link_offsets : (n + 1,) int64
        Chunk ``i`` is touched by the links ``link_offsets[i]:link_offsets[i + 1]``.
    owned : (M,) bool
        Whether a link is that chunk's own; every link of a level is one chunk's.
    objects : (N,) int64 or None
        Row in the object index of each vertex' object, -1 for none, the first of several; None where not asked for.
    others : (K, D) int64
        Coordinates of other chunks that links lead to; where an attribute divides chunks some may be in one place.
    outside : (F, 2) int64 or None
        Of each row from ``offsets[-1]`` on, which of these it lies in and its row there; None where that is not known.
    """

    level: int
    coords: Int64Array
    offsets: Int64Array
    positions: FloatArray
    attributes: Mapping[str, AnyArray]
    links: Int64Array
    link_offsets: Int64Array
    owned: BoolArray
    objects: Int64Array | None
    others: Int64Array
    outside: Int64Array | None

    @property
    def nbytes(self) -> int:
        """Bytes of all values."""
        values = sum(a.nbytes for a in self.attributes.values())
        return int(self.positions.nbytes + values + self.links.nbytes + self.link_offsets.nbytes)


@dataclass(frozen=True, slots=True, eq=False)
class _Ends:
    """Links by chunk (a row of the level's chunk list) and row there, both (M, L).

    Each is told for a chunk that it touches, `of`, (M,), and is one chunk's own, `owner`, (M,).
    """

    of: Int64Array
    owner: Int64Array
    chunk: Int64Array
    row: Int64Array


def read_linked(
    arrays: LevelArrays,
    chunks: Int64Array,
    attributes: tuple[str, ...],
    *,
    is_sequence: bool,
    is_skeleton: bool,
    sources: LinkSources | None,
    with_objects: bool,
    groups: Int64Array | None = None,
) -> LinkedBatch:
    """Read the vertices and links of chunks.

    Parameters
    ----------
    chunks : (n,) int64
        Rows of the level's chunk list.
    is_sequence : bool
        Whether the vertices of an object are joined in the order of its manifest: lines of all kinds.
    is_skeleton : bool
        Whether a row's parent is the row before it in its fragment, unless a link says otherwise.
    sources : LinkSources or None
        The links that leave their chunk; None for lines, and where there are none.
    with_objects : bool
        Whether to tell the object of each vertex.
    groups : (n,) int64, optional
        Ascending numbers from 0: chunks of one number are one, as they lie in one place.
    """
    batch = read_batch(arrays, chunks, attributes)
    if is_sequence:
        table = arrays.fragment_table(batch.coords)
        check_reach(arrays, batch, table.vertex_counts())
        ends = _steps(arrays, chunks, table)
    else:
        table = None
        ends = _records(arrays, chunks, batch, sources, is_skeleton=is_skeleton)
    others = np.setdiff1d(distinct(ends.chunk), chunks)
    more = read_batch(arrays, others, attributes)
    rows, outside = _numbered(arrays, chunks, batch, others, more, ends)
    place = _places(arrays, chunks, groups)
    of = place[ends.of]
    # Where several chunks lie in one place, a link between them is told for each.
    told = np.arange(len(of)) if groups is None else np.flatnonzero(_once(ends, place))
    order = told[np.argsort(of[told], kind="stable")]
    objects = None
    if with_objects:
        inner = _objects(arrays, chunks, batch, table)
        beyond = _objects(arrays, others, more, None)[outside] if len(outside) else np.empty(0, np.int64)
        objects = np.concatenate([inner, beyond])
    return LinkedBatch(
        arrays.meta.level,
        batch.coords[:, arrays.rank - arrays.ndim :],
        batch.offsets,
        np.concatenate([batch.positions, more.positions[outside]]),
        {name: np.concatenate([values, more.attributes[name][outside]]) for name, values in batch.attributes.items()},
        rows[order],
        offsets_of(np.bincount(of[told], minlength=len(chunks) if groups is None else int(groups.max(initial=-1)) + 1)),
        (ends.of == ends.owner)[order],
        objects,
        more.coords,
        _placed(outside, more.offsets),
    )


def _placed(rows: Int64Array, offsets: Int64Array) -> Int64Array:
    """Give the chunk of each row of a batch, and the row there, (F, 2)."""
    chunk = np.searchsorted(offsets, rows, side="right") - 1
    return np.stack([chunk, rows - offsets[chunk]], axis=1)


def _places(arrays: LevelArrays, chunks: Int64Array, groups: Int64Array | None = None) -> Int64Array:
    """Give the place (or group) of each of the level's chunks among these, -1 where it is not among them."""
    out = np.full(len(arrays.coords), -1, np.int64)
    out[chunks] = np.arange(len(chunks)) if groups is None else groups
    return out


def _once(ends: _Ends, place: Int64Array) -> BoolArray:
    """Tell which links to keep of those that are told for several chunks of one group: its own, else the first."""
    of, owner, met = place[ends.of], place[ends.owner], place[ends.chunk]
    first = (met == of[:, None]).argmax(axis=1)
    is_first = np.take_along_axis(ends.chunk, first[:, None], axis=1)[:, 0] == ends.of
    return np.asarray((ends.of == ends.owner) | ((of != owner) & is_first), bool)


def _numbered(
    arrays: LevelArrays, chunks: Int64Array, batch: RaggedBatch, others: Int64Array, more: RaggedBatch, ends: _Ends
) -> tuple[Int64Array, Int64Array]:
    """Turn ends into rows of the batch, behind which the ends in other chunks stand; give these rows of `more` too."""
    base = np.empty(len(arrays.coords), np.int64)
    count = np.zeros(len(arrays.coords), np.int64)
    base[chunks], count[chunks] = batch.offsets[:-1], np.diff(batch.offsets)
    inner = len(batch.positions)
    base[others], count[others] = inner + more.offsets[:-1], np.diff(more.offsets)
    if (ends.row >= count[ends.chunk]).any():
        link, end = np.argwhere(ends.row >= count[ends.chunk])[0].tolist()
        chunk = tuple(arrays.coords[ends.chunk[link, end]].tolist())
        msg = (
            f"{arrays.where}: a link names row {ends.row[link, end]} of chunk {chunk}, "
            f"which has {count[ends.chunk[link, end]]} vertices"
        )
        raise CorruptStoreError(msg)
    rows = base[ends.chunk] + ends.row
    far = rows >= inner
    outside, number = np.unique(rows[far], return_inverse=True)
    rows[far] = inner + number.reshape(-1)
    return rows, outside - inner


def _steps(arrays: LevelArrays, chunks: Int64Array, table: FragmentTable) -> _Ends:
    """Give the steps of lines that touch some chunks: inside fragments, and from each to those beside it."""
    blocks = arrays.blocks()
    own = blocks.of_chunks(chunks)
    place = _places(arrays, chunks)
    numbers = numbers_of(arrays, table, place[blocks.chunks[own]], blocks.fragments[own])
    rows, counts = table.rows_of(numbers)
    chunk_of = blocks.chunks[own].astype(np.int64)
    filled = np.flatnonzero(counts > 0)
    bounds = offsets_of(counts.astype(np.int64))
    follows = np.ones(len(rows), bool)
    follows[bounds[:-1][filled]] = False
    at = np.flatnonzero(follows)
    inside = np.repeat(chunk_of, counts)[at]
    inner = np.stack([rows[at - 1], rows[at]], axis=1)
    own = own[filled]
    ends_at = np.stack([rows[bounds[:-1][filled]], rows[bounds[1:][filled] - 1]], axis=1)
    after, first, _ = _beside(arrays, own, 1)
    before, _, last = _beside(arrays, own, -1)
    mine = chunk_of[filled]
    leaving, entering = np.flatnonzero(after >= 0), np.flatnonzero(before >= 0)
    # A step from one fragment to another of the same chunk leaves the one, and is not told again as entering the other.
    entering = entering[blocks.chunks[before[entering]] != mine[entering]]
    of = np.concatenate([inside, mine[leaving], mine[entering]])
    return _Ends(
        of,
        np.concatenate([inside, mine[leaving], blocks.chunks[before[entering]].astype(np.int64)]),
        np.concatenate(
            [
                np.repeat(inside[:, None], _EDGE, axis=1),
                np.stack([mine[leaving], blocks.chunks[after[leaving]].astype(np.int64)], axis=1),
                np.stack([blocks.chunks[before[entering]].astype(np.int64), mine[entering]], axis=1),
            ]
        ),
        np.concatenate(
            [
                inner,
                np.stack([ends_at[leaving, 1], first[leaving]], axis=1),
                np.stack([last[entering], ends_at[entering, 0]], axis=1),
            ]
        ),
    )


def _beside(arrays: LevelArrays, own: Int64Array, step: int) -> tuple[Int64Array, Int64Array, Int64Array]:
    """Give the block before or after each of some blocks in its line, -1 for none, and its fragment's ends.

    Returns
    -------
    beside, first, last : (B,) int64
        First and last row of the fragment.
    """
    blocks = arrays.blocks()
    line = np.searchsorted(blocks.offsets, own, side="right") - 1
    beside = own + step
    beside = np.where((beside >= blocks.offsets[line]) & (beside < blocks.offsets[line + 1]), beside, -1)
    first, last = np.zeros(len(own), np.int64), np.zeros(len(own), np.int64)
    there = np.flatnonzero(beside >= 0)
    if len(there):
        met = blocks.chunks[beside[there]]
        chunks = distinct(met)
        table = arrays.fragment_table(arrays.coords[chunks])
        numbers = numbers_of(arrays, table, _places(arrays, chunks)[met], blocks.fragments[beside[there]])
        counts = table.count[numbers].astype(np.int64)
        # A fragment without rows is no place to go to; such lines are not written, and are not drawn across it.
        beside[there[counts == 0]] = -1
        first[there], last[there] = _fragment_ends(table, numbers, counts)
    return beside, first, last


def _fragment_ends(table: FragmentTable, numbers: AnyArray, counts: Int64Array) -> tuple[Int64Array, Int64Array]:
    start = table.start[numbers].astype(np.int64)
    ends = [start, start + np.maximum(counts - 1, 0)]
    listed = np.flatnonzero(~table.is_range[numbers] & (counts > 0))
    for rows in ends:
        rows[listed] = table.rows[rows[listed]]
    return ends[0], ends[1]


def _records(
    arrays: LevelArrays, chunks: Int64Array, batch: RaggedBatch, sources: LinkSources | None, *, is_skeleton: bool
) -> _Ends:
    """Give the links that touch some chunks: those inside of one, implied ones too, and those that are stored."""
    table = batch_fragments(arrays, batch) if is_skeleton else FragmentTable.of([])
    ends = links_within(arrays, batch, table, is_skeleton=is_skeleton)
    place = np.searchsorted(batch.offsets, ends, side="right") - 1
    inner = (place == place[:, :1]).all(axis=1)
    ends, place = ends[inner], place[inner]
    chunk, row = chunks[place], ends - batch.offsets[place]
    of = chunk[:, 0] if len(chunk) else np.empty(0, np.int64)
    crossing = None if sources is None else sources.read(chunks)
    if crossing is None or not len(crossing.of):
        return _Ends(of, of, chunk, row)
    width = crossing.chunk.shape[1]
    return _Ends(
        np.concatenate([of, crossing.of]),
        np.concatenate([of, crossing.source]),
        np.concatenate([chunk.reshape(-1, width), crossing.chunk]),
        np.concatenate([row.reshape(-1, width), crossing.row]),
    )


def _objects(arrays: LevelArrays, chunks: Int64Array, batch: RaggedBatch, table: FragmentTable | None) -> Int64Array:
    """Give the object of each row of whole chunks, as a row of the object index; -1 for none."""
    out = np.full(len(batch.positions), NO_OBJECT, np.int64)
    if arrays.objects is None or not len(chunks):
        return out
    blocks = arrays.blocks()
    own = blocks.of_chunks(chunks)[::-1]  # of values that are set twice the last one stays
    where = _places(arrays, chunks)[blocks.chunks[own]]
    found = arrays.fragment_table(batch.coords) if table is None else table
    rows, counts = found.rows_of(numbers_of(arrays, found, where, blocks.fragments[own]))
    out[rows + np.repeat(batch.offsets[where], counts)] = np.repeat(blocks.owners[own], counts)
    return out
