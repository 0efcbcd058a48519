"""Which rows of a batch a selection asks for: those of its objects, in its box, that match its condition.

Where objects matter, a row is looked at once for each object that names it: as an *instance*, a pair of row and
object.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zarr_vectors._query.chosen import Chosen, choose_objects, chunk_masks, vertex_masks
from zarr_vectors._query.execute import ChunkSource, RaggedBatch
from zarr_vectors._query.owned import batch_fragments, named_fragments, numbers_of
from zarr_vectors._query.plan import meets
from zarr_vectors._query.selection import Selection
from zarr_vectors._query.where import Comparison, resolve
from zarr_vectors.core.arrays._blocks import Blocks, distinct
from zarr_vectors.core.arrays._level import LevelArrays
from zarr_vectors.encoding import FragmentTable
from zarr_vectors.typing import BoolArray, Int64Array

__all__ = ["Found", "RowFilter", "find_rows"]

NO_OWNER = -1


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """Rows that were asked for.

    Attributes
    ----------
    batch : RaggedBatch
        The chunks that were read, ascending.
    rows : (k,) int64 or None
        Rows of the batch; None for all of them in order.
    owners : (k,) int64 or None
        Object row behind each, -1 for none; None where objects do not matter.
    """

    batch: RaggedBatch
    rows: Int64Array | None
    owners: Int64Array | None


@dataclass(frozen=True, slots=True, eq=False)
class _Instances:
    """Rows of a batch, each with the object that names it; one object after the other."""

    rows: Int64Array
    owners: Int64Array


@dataclass(frozen=True, slots=True, eq=False)
class _Owned:
    """Fragments of a batch, (B,) numbers in its table, and the object row behind each; one object after the other."""

    table: FragmentTable
    numbers: Int64Array
    owners: Int64Array

    def instances(self) -> _Instances:
        rows, counts = self.table.rows_of(self.numbers)
        return _Instances(rows, np.repeat(self.owners, counts))

    def of_tiling_rows(self, count: int) -> Int64Array | None:
        """Give the object of each of `count` rows where fragments tile them; None where they do not."""
        table = self.table
        if not table.tiles(count):
            return None
        owner = np.full(len(table.count), NO_OWNER, np.int64)
        # Of values that are set twice the last one stays.
        owner[self.numbers[::-1]] = self.owners[::-1]
        return np.repeat(owner, table.count)


class RowFilter:
    """A selection with its objects looked up, ready for any batch of its level.

    Parameters
    ----------
    arrays : LevelArrays
    selection : Selection
        Its box is not looked at.
    """

    def __init__(self, arrays: LevelArrays, selection: Selection) -> None:
        self.arrays = arrays
        self.chosen: Chosen = choose_objects(arrays, selection)
        self.attributes = tuple(dict.fromkeys((*selection.attributes, *self.chosen.names)))
        self._blocks: Blocks | None = None

    @property
    def blocks(self) -> Blocks:
        """The fragments of the objects that were chosen, of all objects where none were."""
        if self._blocks is None:
            self._blocks = self.arrays.blocks(self.chosen.rows)
        return self._blocks

    def chunks(self) -> Int64Array:
        """Give the chunks, rows of the level's chunk list, ascending, that can hold what was asked for."""
        everywhere = self.chosen.rows is None
        rows = np.arange(len(self.arrays.coords)) if everywhere else distinct(self.blocks.chunks)
        if self.chosen.condition is None:
            return rows
        masks = chunk_masks(self.arrays, self.chosen, self.arrays.coords[rows])
        may_match = resolve(self.chosen.condition, masks.get)
        return rows if may_match is None else rows[may_match]

    def apply(
        self,
        batch: RaggedBatch,
        chunks: Int64Array,
        table: FragmentTable | None,
        mask: BoolArray | None,
        *,
        with_owners: bool,
    ) -> Found:
        """Give the rows of a batch that were asked for.

        Parameters
        ----------
        batch : RaggedBatch
        chunks : (n,) int64
            The batch's chunks as rows of the level's chunk list.
        table : FragmentTable or None
            Their fragments, where they are read already.
        mask : (N,) bool or None
            What else a row must satisfy.
        with_owners : bool
            Whether to tell the object of each row.
        """
        matches = vertex_masks(self.arrays, self.chosen, batch.attributes)
        if self.chosen.rows is None and not self.chosen.masks and not with_owners:
            return Found(batch, _marked(_both(mask, self._row_mask(matches, len(batch.positions)))), None)
        owned = self._owned(batch, chunks, table)
        if self.chosen.rows is None and self.chosen.condition is None and mask is None:
            owners = owned.of_tiling_rows(len(batch.positions))
            if owners is not None:
                return Found(batch, None, owners)
        instances = owned.instances()
        good = self._instance_mask(matches, instances, mask)
        if self.chosen.is_ordered:
            return Found(batch, _pick(instances.rows, good), _pick(instances.owners, good))
        marked = np.zeros(len(batch.positions), bool)
        marked[_pick(instances.rows, good)] = True
        if self.chosen.rows is None:  # rows of no object may match as well
            alone = _both(mask, self._row_mask(matches, len(marked)))
            marked |= True if alone is None else alone
        rows = _marked(marked)
        owners = _owners(instances, good, rows, len(marked)) if with_owners else None
        return Found(batch, rows, owners)

    def _owned(self, batch: RaggedBatch, chunks: Int64Array, table: FragmentTable | None) -> _Owned:
        place = np.full(len(self.arrays.coords), -1, np.int64)
        place[chunks] = np.arange(len(chunks))
        blocks = self.blocks.within(place[self.blocks.chunks] >= 0)
        places = place[blocks.chunks]
        if table is None and self.chosen.rows is not None:
            fragments, numbers = named_fragments(self.arrays, batch, places, blocks.fragments)
        else:
            fragments = batch_fragments(self.arrays, batch) if table is None else table
            numbers = numbers_of(self.arrays, fragments, places, blocks.fragments)
        owners = blocks.owners if self.chosen.rows is None else self.chosen.rows[blocks.owners]
        return _Owned(fragments, numbers, owners)

    def _row_mask(self, matches: dict[Comparison, BoolArray], count: int) -> BoolArray | None:
        """Tell which rows match whatever their object is: taken alone, it matches nothing."""
        if self.chosen.condition is None:
            return None
        nothing = np.zeros(count, bool)
        return resolve(self.chosen.condition, lambda test: matches.get(test, nothing))

    def _instance_mask(
        self, matches: dict[Comparison, BoolArray], instances: _Instances, mask: BoolArray | None
    ) -> BoolArray | None:
        also = None if mask is None else mask[instances.rows]
        if self.chosen.condition is None:
            return also

        def mask_of(test: Comparison) -> BoolArray:
            if test in matches:
                return matches[test][instances.rows]
            return self.chosen.masks[test][instances.owners]

        return _both(also, resolve(self.chosen.condition, mask_of))


def find_rows(source: ChunkSource, selection: Selection, *, with_owners: bool) -> Found:
    """Read the chunks that a selection needs and find its rows in them.

    Rows come in level order (chunks ascending, rows as stored), or object by object where ids were asked for; then a
    row that two objects share comes twice.
    """
    arrays = source.arrays
    chosen = RowFilter(arrays, selection)
    chunks = chosen.chunks()
    chunks = chunks[meets(selection, arrays.coords[chunks], arrays.chunk_shape)]
    batch = source.batch(chunks, chosen.attributes, of=0 if selection.is_everything else len(chunks))
    mask = None if selection.box is None else selection.inside(batch.positions)
    return chosen.apply(batch, chunks, None, mask, with_owners=with_owners)


def _both(first: BoolArray | None, second: BoolArray | None) -> BoolArray | None:
    if first is None or second is None:
        return second if first is None else first
    return first & second


def _pick(values: Int64Array, mask: BoolArray | None) -> Int64Array:
    return values if mask is None else values[mask]


def _marked(mask: BoolArray | None) -> Int64Array | None:
    """Give the rows that are marked; None where all are."""
    return None if mask is None or mask.all() else np.flatnonzero(mask)


def _owners(instances: _Instances, good: BoolArray | None, rows: Int64Array | None, count: int) -> Int64Array:
    """Give the object of each row: of several that match the first."""
    owner = np.full(count, NO_OWNER, np.int64)
    # Of values that are set twice the last one stays.
    owner[_pick(instances.rows, good)[::-1]] = _pick(instances.owners, good)[::-1]
    return owner if rows is None else owner[rows]
