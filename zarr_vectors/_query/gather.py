"""Copying the rows of fragments out of batches to where they belong.

Batches come chunk by chunk, rows belong to objects that run through many chunks. Where each fragment begins in its
chunk and among the rows of all objects is known for all of them from the start, fragments by chunk; a batch then costs
some calls a column, whatever the number of its fragments: a run of rows is copied as one or two pieces whose length is
a power of two, all pieces of one length at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from zarr_vectors._query.execute import RaggedBatch, as_items
from zarr_vectors.core._backends import room
from zarr_vectors.encoding import FragmentTable, expand_ranges
from zarr_vectors.spatial import group_order
from zarr_vectors.typing import AnyArray, FloatArray, Int64Array

__all__ = ["Gather", "copy_runs"]

_LONGEST_PIECE = 1 << 12  # it bounds what a copy takes
# Of each number of rows, which of the lengths is the largest that is not more.
_POWERS = np.frexp(np.arange(_LONGEST_PIECE + 1))[1].astype(np.uint8)
_LENGTHS = np.append(0, 1 << np.arange(_POWERS[-1]))


class Gather:
    """Room for the rows of fragments, filled batch by batch.

    Parameters
    ----------
    table : FragmentTable
        The fragments of chunks, rows counted in each chunk.
    places : (B,) whole numbers
        Which of these chunks each fragment is in.
    numbers : (B,) whole numbers
        Number of each fragment in the table.
    new : callable, optional
        Gives the room for the rows, of a shape and a dtype; else it is in memory.
    """

    def __init__(
        self,
        table: FragmentTable,
        places: AnyArray,
        numbers: AnyArray,
        new: Callable[[tuple[int, ...], np.dtype[Any]], AnyArray] | None = None,
    ) -> None:
        self._new = new or _in_memory
        self.starts = _starts(table.count[numbers])
        self._table = table
        self._numbers, self._targets, self._bounds = _by_chunk(table, places, numbers, self.starts)
        self._room: list[AnyArray] = []
        self._names: tuple[str, ...] = ()

    def add(self, batch: RaggedBatch, first: int) -> None:
        """Copy the rows of the next batch, whose chunks are number `first` and those that follow."""
        sources = [batch.positions, *batch.attributes.values()]
        if not self._room:
            self._names = tuple(batch.attributes)
            self._room = [self._new((int(self.starts[-1]), *a.shape[1:]), a.dtype) for a in sources]
        bounds = self._bounds[first : first + len(batch.coords) + 1]
        some = slice(*bounds[[0, -1]].tolist())
        numbers, bases = self._numbers[some], np.repeat(batch.offsets[:-1], np.diff(bounds))
        sizes, targets = self._table.count[numbers], self._targets[some]
        if self._table.only_ranges:
            copy_runs(self._table.start[numbers] + bases, targets, sizes, zip(sources, self._room, strict=True))
            return
        rows = self._table.rows_of(numbers)[0] + np.repeat(bases, sizes)
        places = expand_ranges(targets, sizes)
        for source, target in zip(sources, self._room, strict=True):
            as_items(target)[places] = as_items(source)[rows]

    @property
    def positions(self) -> FloatArray:
        """The rows' positions, (V, D)."""
        return self._room[0]

    @property
    def attributes(self) -> dict[str, AnyArray]:
        """The rows' attributes, (V,) or (V, C) each."""
        return dict(zip(self._names, self._room[1:], strict=True))


def _in_memory(shape: tuple[int, ...], dtype: np.dtype[Any]) -> AnyArray:
    return room(math.prod(shape), dtype).reshape(shape)


def _starts(counts: AnyArray) -> AnyArray:
    """Give where runs of these lengths begin, and the sum of all, shape (n + 1,), in 32 bits where that is enough."""
    total = int(counts.sum(dtype=np.int64))
    dtype = np.int32 if total <= np.iinfo(np.int32).max else np.int64
    out = np.zeros(len(counts) + 1, dtype)
    np.cumsum(counts, dtype=dtype, out=out[1:])
    return out


def _by_chunk(
    table: FragmentTable, places: AnyArray, numbers: AnyArray, starts: AnyArray
) -> tuple[AnyArray, AnyArray, Int64Array]:
    """Put fragments in the order of chunks.

    Returns
    -------
    numbers, targets : (B,) whole numbers
        Number of each fragment in the table, and where its rows go.
    bounds : (chunks + 1,) int64
        Where the fragments of each chunk begin.
    """
    targets = np.full(len(table.count), -1, starts.dtype)
    targets[numbers] = starts[:-1]
    named = np.flatnonzero(targets >= 0)
    if len(named) == len(numbers):
        # Each is named once, as is usual: the table has them in order, and nothing need be sorted.
        return named, targets[named], np.searchsorted(named, table.first)
    chunks = len(table.first) - 1
    order, bounds = group_order(places.astype(np.min_scalar_type(chunks)), chunks)
    return numbers[order], starts[:-1][order], bounds


def copy_runs(
    sources: AnyArray, targets: AnyArray, sizes: AnyArray, columns: Iterable[tuple[AnyArray, AnyArray]]
) -> None:
    """Copy runs of rows from one array to another, column by column.

    Parameters
    ----------
    sources, targets, sizes : (B,) whole numbers
        Where each run begins, where it goes, and its rows.
    columns : iterable of (source, target)
        Arrays of the same dtype and row shape.
    """
    pieces = _pieces(sources, targets, sizes)
    for source, target in columns:
        _copy(as_items(source), as_items(target), pieces)


# -- runs ----------------------------------------------------------------------------------------------------------


def _pieces(sources: AnyArray, targets: AnyArray, sizes: AnyArray) -> list[tuple[int, AnyArray, AnyArray]]:
    """Cut runs of rows into pieces whose lengths are powers of two: two of a run, which may overlap.

    Parameters
    ----------
    sources, targets, sizes : (B,) whole numbers
        Where each run begins, where it goes, and its rows.

    Returns
    -------
    list of (length, first rows (n,), where they go (n,))
    """
    if int(sizes.max(initial=0)) > _LONGEST_PIECE:
        sources, targets, sizes = _shortened(sources, targets, sizes)
    powers = _POWERS[sizes]
    order = np.argsort(powers, kind="stable")
    ends = np.cumsum(np.bincount(powers, minlength=len(_LENGTHS))).tolist()
    left = (sizes - _LENGTHS[powers])[order]
    first, to = np.empty((2, len(order), 2), np.int64)
    first[:, 0], to[:, 0] = sources[order], targets[order]
    np.add(first[:, 0], left, out=first[:, 1])
    np.add(to[:, 0], left, out=to[:, 1])
    out = []
    # Runs without rows come first; there is nothing to copy.
    for length, low, high in zip(_LENGTHS[1:].tolist(), ends[:-1], ends[1:], strict=True):
        if low < high:
            out.append((length, first[low:high].reshape(-1), to[low:high].reshape(-1)))
    return out


def _shortened(sources: AnyArray, targets: AnyArray, sizes: AnyArray) -> tuple[AnyArray, AnyArray, AnyArray]:
    """Cut runs that are longer than the longest piece."""
    parts = -(-sizes // _LONGEST_PIECE)
    before = _LONGEST_PIECE * expand_ranges(np.zeros(len(parts), np.int64), parts)
    sizes = np.minimum(np.repeat(sizes, parts) - before, _LONGEST_PIECE)
    return np.repeat(sources, parts) + before, np.repeat(targets, parts) + before, sizes


def _copy(source: AnyArray, target: AnyArray, pieces: list[tuple[int, AnyArray, AnyArray]]) -> None:
    for length, first, to in pieces:
        _windows(target, length)[to] = _windows(source, length)[first]


def _windows(items: AnyArray, length: int) -> AnyArray:
    """See the run of so many items that begins at each item as one opaque item."""
    size = items.itemsize
    return np.ndarray((len(items) - length + 1,), f"V{size * length}", items, strides=(size,))
