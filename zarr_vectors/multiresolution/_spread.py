"""Reading a level into blocks, chunk by chunk: what of it is in memory at once does not grow with it.

1. Fragments get blocks: all of an object one where it is small, else those of neighbouring chunks.
2. Chunks are read in order, and their rows put behind what their blocks have already; where each went is noted.
3. Links are read some at a time and put behind one another, with a note which of them lie in which block.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from zarr_vectors._query import read_batch
from zarr_vectors._query.owned import numbers_of
from zarr_vectors._spec import absent_value
from zarr_vectors.core.arrays._draco import DracoColumn
from zarr_vectors.core.arrays._level import LevelArrays
from zarr_vectors.core.arrays._link_family import LinkFamily
from zarr_vectors.encoding import FragmentTable, offsets_of
from zarr_vectors.multiresolution._blocks import Blocked, mended
from zarr_vectors.multiresolution._pile import ContentPile, number_type
from zarr_vectors.multiresolution._shelf import Shelf
from zarr_vectors.multiresolution._tiles import tile_chunks
from zarr_vectors.spatial import extent, run_starts, sort_order
from zarr_vectors.types._content import Content, Links
from zarr_vectors.types._mapped import release
from zarr_vectors.typing import AnyArray, BoolArray, Float64Array, Int64Array

__all__ = ["BLOCK_ROWS", "Spread", "spread_level"]

BLOCK_ROWS = 1 << 17
_READ_ROWS = 1 << 17
_READ_LINKS = 1 << 17


@dataclass(frozen=True, slots=True, eq=False)
class Spread:
    """A level that was read.

    Attributes
    ----------
    blocked : Blocked
    places : (N,) whole numbers
        The vertex that each row of the level became.
    """

    blocked: Blocked
    places: AnyArray


@dataclass(frozen=True, slots=True, eq=False)
class _Plan:
    """Where fragments go, (F,) each in the order of the level.

    Attributes
    ----------
    table : FragmentTable
        They tile the rows of the level.
    owner : (F,) int64
        Object of each.
    block : (F,) int64
        Its block.
    starts : (B + 1,) int64
        Where the vertices of each block begin.
    """

    table: FragmentTable
    owner: Int64Array
    block: Int64Array
    starts: Int64Array


def spread_level(arrays: LevelArrays, like: Content, shelf: Shelf) -> Spread | None:
    """Read a level into blocks; None where fragments are not what each vertex is in once, or cells hold no plain rows.

    Parameters
    ----------
    arrays : LevelArrays
        With an object index.
    like : Content
        What the level is but for arrays.
    shelf : Shelf
    """
    if isinstance(arrays.positions, DracoColumn):
        return None
    plan = _planned(arrays)
    if plan is None:
        return None
    count = int(plan.starts[-1])
    places = shelf.room((count,), number_type(count))
    begins = shelf.room((count,), np.bool_) if like.topology.links == "branches" else None
    content = _vertices(arrays, plan, like, shelf, places, begins)
    links = _LinkPile(content, plan.starts, shelf)
    if arrays.links is not None:
        links.put_all(arrays, plan, places)
    if begins is not None:
        links.put_implied(begins)
    return Spread(links.blocked(), places)


# -- which block ------------------------------------------------------------------------------------------------------


def _planned(arrays: LevelArrays) -> _Plan | None:
    blocks, table = arrays.blocks(), arrays.fragment_table(arrays.coords)
    fragments = len(table.count)
    if not _tiles(table, arrays):
        return None
    numbers = numbers_of(arrays, table, blocks.chunks, blocks.fragments)
    if not (np.bincount(numbers, minlength=fragments) == 1).all():
        return None
    owner = np.empty(fragments, np.int64)
    owner[numbers] = blocks.owners
    chunk = np.repeat(np.arange(len(arrays.coords)), np.diff(table.first))
    tile = _tile_of_chunks(arrays, np.bincount(chunk, table.count, len(arrays.coords)).astype(np.int64))[chunk]
    # A small object is all in the tile where it begins.
    objects = len(blocks.offsets) - 1
    rows = np.bincount(owner, table.count, objects)
    home = np.zeros(objects, np.int64)
    filled = np.flatnonzero(np.diff(blocks.offsets))
    home[filled] = tile[numbers[blocks.offsets[filled]]]
    unit = np.where(rows[owner] <= BLOCK_ROWS, home[owner], tile) * objects + owner
    order = sort_order(unit.astype(np.uint64))
    first = run_starts(unit[order])
    sizes = np.add.reduceat(table.count[order], first) if len(first) else np.zeros(0, np.int64)
    starts = offsets_of(sizes)
    cuts = run_starts(starts[:-1] // BLOCK_ROWS)
    block = np.empty(fragments, np.int64)
    block[order] = np.repeat(np.repeat(np.arange(len(cuts)), np.diff(np.append(cuts, len(first)))),
                             np.diff(np.append(first, fragments)))  # fmt: skip
    return _Plan(table, owner, block, starts[np.append(cuts, len(first))])


def _tiles(table: FragmentTable, arrays: LevelArrays) -> bool:
    """Tell whether the fragments of each chunk are ranges that follow one another, and are all there is of it."""
    before = offsets_of(table.count)
    chunks = before[table.first]
    follows = table.start == before[:-1] - np.repeat(chunks[:-1], np.diff(table.first))
    known = arrays.counts is None or np.array_equal(arrays.counts, np.diff(chunks))
    return known and table.only_ranges and int(before[-1]) == arrays.meta.vertex_count and bool(follows.all())


def _tile_of_chunks(arrays: LevelArrays, counts: Int64Array) -> Int64Array:
    """Number the tiles of chunks, (n,), neighbours one after the other."""
    ones = np.ones(arrays.ndim, np.int64)
    out = np.zeros(len(counts), np.int64)
    for number, tile in enumerate(tile_chunks(arrays.coords[:, -arrays.ndim :], counts, ones, ones, BLOCK_ROWS)):
        out[tile] = number
    return out


# -- vertices ---------------------------------------------------------------------------------------------------------


def _vertices(
    arrays: LevelArrays,
    plan: _Plan,
    like: Content,
    shelf: Shelf,
    places: AnyArray,
    begins: BoolArray | None,
) -> Content:
    """Put the rows of the level where they belong; note where each went, and where fragments begin."""
    count, table, names = int(plan.starts[-1]), plan.table, arrays.value_names
    columns = [like.position_column, *(arrays.attribute(name).column for name in names)]
    room: list[AnyArray] = []
    owner_room = shelf.room((count,), np.uint32 if like.objects is None or len(like.objects.ids) < 2**32 else np.int64)
    cursor, bounds, row = plan.starts[:-1].copy(), [], 0
    for low, high in _groups(table, arrays):
        batch = read_batch(arrays, np.arange(low, high), names)
        values = [batch.positions, *batch.attributes.values()]
        room = room or [shelf.room((count, *each.shape[1:]), each.dtype) for each in values]
        fragments = slice(int(table.first[low]), int(table.first[high]))
        sizes = table.count[fragments]
        block = np.repeat(plan.block[fragments], sizes)
        order = sort_order(block.astype(np.uint32))
        ordered = block[order]
        cuts = np.append(run_starts(ordered), len(ordered))
        here = np.repeat(cursor[ordered[cuts[:-1]]] - cuts[:-1], np.diff(cuts)) + np.arange(len(ordered))
        owner = np.repeat(plan.owner[fragments], sizes)
        for first, last in pairwise(cuts.tolist()):
            target = slice(int(here[first]), int(here[first]) + last - first)
            for into, each in zip((*room, owner_room), (*values, owner), strict=True):
                into[target] = each[order[first:last]]
        cursor[ordered[cuts[:-1]]] += np.diff(cuts)
        went = places[row : row + len(order)]
        went[order] = here
        if begins is not None:
            marks = np.zeros(len(order), bool)
            marks[offsets_of(sizes[sizes > 0])[:-1]] = True
            begins[went] = marks
        row += len(order)
        if len(batch.positions):
            bounds.append(extent(batch.positions))
        release(*room, owner_room, places, begins)
    held: Float64Array = np.stack(bounds)
    objects = None if like.objects is None else replace(like.objects, owner=owner_room)
    return replace(
        like,
        positions=room[0],
        attributes=list(zip(columns[1:], room[1:], strict=True)),
        objects=objects,
        bounds=np.stack([held[:, 0].min(axis=0), held[:, 1].max(axis=0)]),
    )


def _groups(table: FragmentTable, arrays: LevelArrays) -> Iterator[tuple[int, int]]:
    """Cut the level's chunks into groups that are read together."""
    rows = offsets_of(table.count)[table.first]
    cuts = run_starts(rows[:-1] // _READ_ROWS)
    yield from pairwise([*cuts.tolist(), len(arrays.coords)])


# -- links ------------------------------------------------------------------------------------------------------------


class _LinkPile:
    """The links of a level as far as they were read, and which of them lie in which block."""

    def __init__(self, content: Content, starts: Int64Array, shelf: Shelf) -> None:
        self._content, self._starts, self._shelf = content, starts, shelf
        self._pile = ContentPile(content, shelf)
        self._runs: list[list[tuple[int, int]]] = [[] for _ in starts[1:]]
        self._between: list[Links] = []
        self._recorded = (
            shelf.room((len(content.positions),), np.bool_) if content.topology.links == "branches" else None
        )
        if self._recorded is not None:
            self._recorded[:] = False

    def put_all(self, arrays: LevelArrays, plan: _Plan, places: AnyArray) -> None:
        """Put the links that are recorded."""
        reader = arrays.links
        if reader is None:
            return
        rows = offsets_of(plan.table.count)[plan.table.first]
        columns = {name: reader.attribute_column(name) for name in reader.attribute_names}
        for found in reader.parts(rows, _READ_LINKS):
            for low in range(0, len(found.ends), _READ_LINKS):  # a cell may be large
                piece = slice(low, low + _READ_LINKS)
                ends = found.ends[piece]
                if self._recorded is not None:
                    ends = _child_first(reader.family, ends, rows)
                    self._recorded[places[ends[:, 0]]] = True
                values = [(columns[name], each[piece]) for name, each in found.attributes.items()]
                self._put(Links(places[ends], reader.family.directed, values))
                release(places, self._recorded)

    def put_implied(self, begins: BoolArray) -> None:
        """Put the links to the row before in a fragment, of rows that have no other."""
        columns = [] if self._content.links is None else [column for column, _ in self._content.links.attributes]
        recorded = self._recorded if self._recorded is not None else np.zeros(len(begins), bool)
        for low in range(0, len(begins), _READ_LINKS):
            piece = slice(low, low + _READ_LINKS)
            child = np.flatnonzero(~begins[piece] & ~recorded[piece]) + low
            values = [(c, np.full((len(child), *c.row_shape), absent_value(c.dtype), c.dtype)) for c in columns]
            self._put(Links(np.stack([child, child - 1], axis=1), self._directed, values))
            release(begins, recorded)

    @property
    def _directed(self) -> bool:
        return self._content.links is not None and self._content.links.directed

    def _put(self, links: Links) -> None:
        block = np.searchsorted(self._starts, links.ends, side="right") - 1
        inside = (block == block[:, :1]).all(axis=1)
        inner, across = np.flatnonzero(inside), np.flatnonzero(~inside)
        order = inner[sort_order(block[inner, 0].astype(np.uint32))]
        before = self._pile.link_starts[-1]
        cuts = np.append(run_starts(block[order, 0]), len(order))
        for first, last in pairwise(cuts.tolist()):
            self._runs[int(block[order[first], 0])].append((before + first, before + last))
        self._pile.put_links(_chosen(links, order))
        if len(across):
            self._between.append(_chosen(links, across))

    def blocked(self) -> Blocked:
        """Give the level."""
        inner = self._pile.link_starts[-1]
        for links in self._between:
            self._pile.put_links(links)
        content = replace(self._content, links=self._pile.links())
        runs = [np.array(each, np.int64).reshape(-1, 2) for each in self._runs]
        return mended(Blocked.of(content, self._starts, runs, np.arange(inner, self._pile.link_starts[-1])))


def _child_first(family: LinkFamily, ends: Int64Array, rows: Int64Array) -> Int64Array:
    """Turn links to ``[child, parent]``: where a family is directed, those that cross chunks are not."""
    if not family.directed:
        return ends
    chunk = np.searchsorted(rows, ends, side="right")
    across = chunk[:, 0] != chunk[:, 1]
    return np.where(across[:, None], ends[:, ::-1], ends)


def _chosen(links: Links, rows: Int64Array) -> Links:
    return Links(links.ends[rows], links.directed, [(column, values[rows]) for column, values in links.attributes])
