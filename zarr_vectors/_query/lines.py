"""Objects whose vertices are a sequence: lines, polylines, streamlines. A selection finds whole objects.

1. The candidates are the objects that ids, groups and object attributes leave; their manifests say in which chunks
   they are.
2. Where there is a box, only those of these chunks that it meets are read; the candidates of which a fragment there has
   a vertex inside stay.
3. The other chunks of those that stay are read, and their fragments, one after the other, are their vertices.
4. An object meets a comparison of a vertex attribute if any of its vertices does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain

import numpy as np
import numpy.typing as npt

from zarr_vectors._query.chosen import Chosen, choose_objects, chunk_masks, vertex_masks
from zarr_vectors._query.execute import ChunkSource, RaggedBatch, Runs, Vertices, take_rows
from zarr_vectors._query.gather import Gather
from zarr_vectors._query.owned import (
    any_of_fragments,
    any_of_runs,
    check_reach,
    numbers_of,
)
from zarr_vectors._query.plan import meets
from zarr_vectors._query.selection import Selection
from zarr_vectors._query.where import Comparison, resolve
from zarr_vectors.core.arrays._blocks import Blocks, distinct
from zarr_vectors.core.arrays._level import LevelArrays
from zarr_vectors.encoding import FragmentTable, expand_ranges, offsets_of
from zarr_vectors.exceptions import CorruptStoreError
from zarr_vectors.typing import AnyArray, BoolArray, FloatArray, Int64Array

__all__ = ["Sequences", "read_sequences"]


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
    table: FragmentTable
    batches: list[RaggedBatch]


def read_sequences(source: ChunkSource, selection: Selection) -> Sequences:
    """Read the objects that a selection asks for, in the order of its ids, else by ascending object row.

    Objects without vertices are left out above level 0, where writers drop objects, unless they are asked for by id.
    """
    arrays = source.arrays
    if arrays.objects is None:
        return _without_index(source, selection)
    chosen = choose_objects(arrays, selection)
    names = tuple(dict.fromkeys((*selection.attributes, *chosen.names)))
    blocks = arrays.blocks(chosen.rows)
    rows = np.arange(arrays.objects.num_objects) if chosen.rows is None else chosen.rows
    if (may_match := _may_match(arrays, chosen, blocks)) is not None:
        rows, blocks = rows[may_match], blocks.take(may_match)
    read = None
    if selection.box is not None:
        read, hit = _meeting_box(source, blocks, selection, names)
        rows, blocks = rows[hit], blocks.take(hit)
    elif arrays.meta.level > 0 and not chosen.is_ordered:
        hit = np.flatnonzero(np.diff(blocks.offsets))
        rows, blocks = rows[hit], blocks.take(hit)
    found = _gathered(source, rows, blocks, names, read, worth_keeping=not selection.is_everything)
    return _matching(arrays, chosen, found, selection.attributes)


def _may_match(arrays: LevelArrays, chosen: Chosen, blocks: Blocks) -> Int64Array | None:
    """Give which objects can meet a condition on the attribute that divides chunks; None where it tells nothing."""
    if chosen.condition is None:
        return None
    of_chunks = chunk_masks(arrays, chosen, arrays.coords)
    masks = {test: any_of_runs(mask[blocks.chunks], blocks.offsets) for test, mask in of_chunks.items()}
    found = resolve(chosen.condition, masks.get)
    return None if found is None else np.flatnonzero(found)


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
    source: ChunkSource, blocks: Blocks, selection: Selection, names: tuple[str, ...]
) -> tuple[_Read, Int64Array]:
    """Give which of the objects have a vertex in a box, ascending, and the chunks that were read to find out."""
    arrays = source.arrays
    met = np.flatnonzero(meets(selection, arrays.coords, arrays.chunk_shape))
    near = blocks.of_chunks(met)
    chunks = distinct(blocks.chunks[near])
    read = _Read(chunks, source.fragments(chunks, of=len(chunks)), [])
    places = _places(arrays, chunks)[blocks.chunks[near]]  # ascending
    numbers = numbers_of(arrays, read.table, places, blocks.fragments[near])
    reach, hit, first = read.table.vertex_counts(), [np.empty(0, bool)], 0
    for batch in source.batches(chunks, names, of=len(chunks)):
        last = first + len(batch.coords)
        check_reach(arrays, batch, reach[first:last])
        mine = slice(*np.searchsorted(places, [first, last]).tolist())
        runs = Runs(numbers[mine], batch.offsets[places[mine] - first])
        hit.append(any_of_fragments(read.table, runs, selection.inside(batch.positions)))
        read.batches.append(batch)
        first = last
    objects = np.zeros(len(blocks.offsets) - 1, bool)
    objects[np.searchsorted(blocks.offsets, near[np.concatenate(hit)], side="right") - 1] = True
    return read, np.flatnonzero(objects)


def _places(arrays: LevelArrays, chunks: Int64Array) -> npt.NDArray[np.int32]:
    """Give the place of each of the level's chunks among these, -1 where it is not among them."""
    out = np.full(len(arrays.coords), -1, np.int32)
    out[chunks] = np.arange(len(chunks))
    return out


def _gathered(
    source: ChunkSource,
    rows: Int64Array,
    blocks: Blocks,
    names: tuple[str, ...],
    read: _Read | None,
    *,
    worth_keeping: bool,
) -> Sequences:
    """Read what is not read yet, batch by batch, and copy the rows of objects, given by their blocks, out of it."""
    arrays = source.arrays
    chunks = more = distinct(blocks.chunks)
    of = len(chunks) if worth_keeping else 0
    if read is None:
        table, batches = source.fragments(more, of=of), source.batches(more, names, of=of)
    else:
        more = np.setdiff1d(more, read.chunks, assume_unique=True)
        chunks = np.concatenate([read.chunks, more])
        table = FragmentTable.joined([read.table, source.fragments(more, of=of)])
        batches = chain(read.batches, source.batches(more, names, of=of))
    places = _places(arrays, chunks)[blocks.chunks]
    gather = Gather(table, places, numbers_of(arrays, table, places, blocks.fragments))
    del places
    reach, first = table.vertex_counts(), 0
    for batch in batches:
        last = first + len(batch.coords)
        check_reach(arrays, batch, reach[first:last])
        gather.add(batch, first)
        first = last
    return Sequences(rows, gather.starts[blocks.offsets], gather.positions, gather.attributes)


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
