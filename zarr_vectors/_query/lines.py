"""Objects whose vertices are a sequence: lines, polylines, streamlines. A selection finds whole objects.

1. The candidates are the objects that ids, groups and object attributes leave; their manifests say in which chunks
   they are.
2. Where there is a box, only those of these chunks that it meets are read; the candidates of which a fragment there has
   a vertex inside stay.
3. The other chunks of those that stay are read, and their fragments, one after the other, are their vertices.
4. An object meets a comparison of a vertex attribute if any of its vertices does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from zarr_vectors._query.chosen import Chosen, choose_objects, vertex_masks
from zarr_vectors._query.execute import ChunkSource, RaggedBatch, Runs, Vertices, copy_rows, take_rows
from zarr_vectors._query.owned import (
    any_of_fragments,
    any_of_runs,
    check_reach,
    find_blocks,
    join_fragments,
    numbers_of,
)
from zarr_vectors._query.plan import meets_box
from zarr_vectors._query.selection import Selection
from zarr_vectors._query.where import Comparison, resolve
from zarr_vectors.core.arrays._level import LevelArrays
from zarr_vectors.core.arrays._objects import ObjectIndex
from zarr_vectors.encoding import FragmentTable, Manifests, expand_ranges, offsets_of
from zarr_vectors.exceptions import CorruptStoreError
from zarr_vectors.spatial import inside
from zarr_vectors.typing import AnyArray, BoolArray, Float64Array, FloatArray, Int64Array

__all__ = ["Sequences", "read_sequences"]

_GROUP_ROWS = 1 << 18


@dataclass(frozen=True, slots=True, eq=False)
class Sequences:
    """Objects and their vertices, one object after the other.

    Attributes
    ----------
    objects : (k,) int64
        Object rows.
    offsets : (k + 1,) int64
        Object ``i`` has the vertices ``offsets[i]:offsets[i + 1]``.
    positions : (V, D) float32 or float64
    attributes : dict of (V,) or (V, C) arrays
        Codes for categorical attributes.
    """

    objects: Int64Array
    offsets: Int64Array
    positions: FloatArray
    attributes: Mapping[str, AnyArray]


@dataclass(frozen=True, slots=True, eq=False)
class _Read:
    """Chunks that were read, as rows of the level's chunk list, and their fragments, rows counted in each chunk."""

    chunks: Int64Array
    batch: RaggedBatch
    table: FragmentTable


@dataclass(frozen=True, slots=True, eq=False)
class _Wanted:
    """Objects whose vertices are to be read: object rows, their manifests, and the attributes to read."""

    rows: Int64Array
    manifests: Manifests
    index: ObjectIndex
    names: tuple[str, ...]


def read_sequences(source: ChunkSource, selection: Selection) -> Sequences:
    """Read the objects that a selection asks for, in the order of its ids, else by ascending object row.

    Objects without vertices are left out above level 0, where writers drop objects, unless they are asked for by id.
    """
    arrays = source.arrays
    index = arrays.objects
    if index is None:
        return _without_index(source, selection)
    chosen = choose_objects(arrays, selection)
    names = tuple(dict.fromkeys((*selection.attributes, *chosen.names)))
    manifests = index.manifests(chosen.rows)
    rows = np.arange(index.num_objects) if chosen.rows is None else chosen.rows
    read = None
    if selection.box is not None:
        read, hit = _meeting_box(source, manifests, selection.box, names, index)
        rows, manifests = rows[hit], manifests.take(hit)
    elif arrays.meta.level > 0 and not chosen.is_ordered:
        hit = np.flatnonzero(np.diff(manifests.offsets))
        rows, manifests = rows[hit], manifests.take(hit)
    wanted = _Wanted(rows, manifests, index, names)
    found = _gathered(source, wanted, read, at_once=selection.is_everything)
    return _matching(arrays, chosen, found, selection.attributes)


def _without_index(source: ChunkSource, selection: Selection) -> Sequences:
    """Give no objects for a level that has no vertices either."""
    arrays = source.arrays
    if len(arrays.coords):
        msg = f"{arrays.where} has vertices but no object index, so it is not known which lines they make"
        raise CorruptStoreError(msg)
    choose_objects(arrays, selection)
    nothing = take_rows(source.batch(np.empty(0, np.int64), selection.attributes, of=0), None)
    return Sequences(np.empty(0, np.int64), np.zeros(1, np.int64), nothing.positions, nothing.attributes)


def _meeting_box(
    source: ChunkSource,
    manifests: Manifests,
    box: tuple[Float64Array, Float64Array],
    names: tuple[str, ...],
    index: ObjectIndex,
) -> tuple[_Read, Int64Array]:
    """Give which of the objects have a vertex in a box, ascending, and the chunks that were read to find out."""
    arrays = source.arrays
    near = np.flatnonzero(meets_box(manifests.chunks, box, arrays.chunk_shape))
    # Only blocks in these chunks matter, as objects of one block each.
    one_each = Manifests(np.arange(len(near) + 1), manifests.chunks[near], manifests.fragments[near])
    blocks = find_blocks(arrays, one_each, index)
    chunks = _distinct(arrays, blocks.chunks)
    batch = source.batch(chunks, names, of=len(chunks))
    table = arrays.fragment_table(batch.coords)
    check_reach(arrays, batch, table.vertex_counts())
    places = _places(arrays, chunks)[blocks.chunks]
    runs = Runs(numbers_of(arrays, table, places, blocks.fragments), batch.offsets[places])
    hit = any_of_fragments(table, runs, inside(batch.positions, *box))
    objects = np.searchsorted(manifests.offsets, near[hit], side="right") - 1
    return _Read(chunks, batch, table), np.unique(objects)


def _distinct(arrays: LevelArrays, chunks: Int64Array) -> Int64Array:
    """Give the chunks that are named, each once, ascending."""
    named = np.zeros(len(arrays.coords), bool)
    named[chunks] = True
    return np.flatnonzero(named)


def _places(arrays: LevelArrays, chunks: Int64Array) -> Int64Array:
    """Give the place of each of the level's chunks among these, -1 where it is not among them."""
    out = np.full(len(arrays.coords), -1, np.int64)
    out[chunks] = np.arange(len(chunks))
    return out


def _gathered(source: ChunkSource, wanted: _Wanted, read: _Read | None, *, at_once: bool) -> Sequences:
    """Read what is not read yet, group of chunks by group, and copy the rows of the objects out of it."""
    arrays = source.arrays
    blocks = find_blocks(arrays, wanted.manifests, wanted.index)
    more = _distinct(arrays, blocks.chunks)
    if read is not None:
        more = np.setdiff1d(more, read.chunks, assume_unique=True)
    table = arrays.fragment_table(arrays.coords[more])
    chunks = more
    if read is not None:
        chunks, table = np.concatenate([read.chunks, more]), join_fragments(read.table, table)
    places = _places(arrays, chunks)[blocks.chunks]
    numbers = numbers_of(arrays, table, places, blocks.fragments)
    starts = offsets_of(table.count[numbers])
    room, reach = _Room(int(starts[-1])), table.vertex_counts()
    by_place = np.argsort(places, kind="stable")
    first = 0
    for batch in _batches(source, read, more, wanted.names, at_once=at_once):
        last = first + len(batch.coords)
        check_reach(arrays, batch, reach[first:last])
        mine = by_place[slice(*np.searchsorted(places, [first, last], sorter=by_place))]
        mine.sort()
        runs = Runs(numbers[mine], batch.offsets[places[mine] - first])
        copy_rows(room.beside(batch), table, runs, starts[mine])
        first = last
    return Sequences(wanted.rows, starts[blocks.offsets], room.positions, room.attributes)


class _Room:
    """Arrays for rows that come batch by batch; made when the first batch tells what its rows are."""

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._columns: list[AnyArray] = []
        self._names: tuple[str, ...] = ()

    def beside(self, batch: RaggedBatch) -> list[tuple[AnyArray, AnyArray]]:
        """Give each of a batch's arrays, positions first, with the room for its rows."""
        sources = [batch.positions, *batch.attributes.values()]
        if not self._columns:
            self._names = tuple(batch.attributes)
            self._columns = [np.empty((self._rows, *a.shape[1:]), a.dtype) for a in sources]
        return list(zip(sources, self._columns, strict=True))

    @property
    def positions(self) -> FloatArray:
        return self._columns[0]

    @property
    def attributes(self) -> dict[str, AnyArray]:
        return dict(zip(self._names, self._columns[1:], strict=True))


def _batches(
    source: ChunkSource, read: _Read | None, more: Int64Array, names: tuple[str, ...], *, at_once: bool
) -> Iterator[RaggedBatch]:
    """Give what is read already, then the other chunks.

    Where few rows of them are wanted they come in groups, so that no more than a group is held: new memory costs more
    than the reading.
    """
    arrays = source.arrays
    if read is not None:
        yield read.batch
    total = 0 if at_once else len(more) + (0 if read is None else len(read.chunks))
    if at_once or not arrays.is_local:
        groups = [more] if len(more) or read is None else []
    else:
        share = -(-arrays.meta.vertex_count // max(1, len(arrays.coords)))
        rows = np.full(len(more), share) if arrays.counts is None else arrays.counts[more]
        groups = np.split(more, np.flatnonzero(np.diff(np.cumsum(rows) // _GROUP_ROWS)) + 1)
        groups = [group for group in groups if len(group) or read is None]
    for group in groups:
        yield source.batch(group, names, of=total)


def _matching(arrays: LevelArrays, chosen: Chosen, found: Sequences, attributes: tuple[str, ...]) -> Sequences:
    """Leave out the objects that do not meet the condition, and the attributes that only it asks for."""
    kept = {name: found.attributes[name] for name in attributes}
    whole = Sequences(found.objects, found.offsets, found.positions, kept)
    if chosen.condition is None:
        return whole
    matches = vertex_masks(arrays, chosen, found.attributes)

    def mask_of(test: Comparison) -> BoolArray:
        if test in matches:
            return any_of_runs(matches[test], found.offsets)
        return chosen.masks[test][found.objects]

    good = resolve(chosen.condition, mask_of)
    if good is None or good.all():
        return whole
    objects = np.flatnonzero(good)
    sizes = np.diff(found.offsets)[objects]
    rows = expand_ranges(found.offsets[objects], sizes)
    vertices = take_rows(Vertices(found.positions, kept), rows)
    return Sequences(found.objects[objects], offsets_of(sizes), vertices.positions, vertices.attributes)
