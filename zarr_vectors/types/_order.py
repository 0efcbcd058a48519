"""Vertices in input order -> the level's stored order, by index: chunks ascending, fragments in them, rows in those.

The data are not sorted: an index says which input rows a chunk holds, and they are gathered when it is written. From
here on a vertex is its *sorted row*, its number in the stored order, and a fragment a number in that order too.

*By objects* the order is chunk, object, input: a radix sort by chunk, then, block of chunks by block of chunks, one by
object; a fragment lies between two places where the chunk or the object changes. *By runs* whole runs of consecutive
rows are sorted by chunk, which are far fewer than rows, and each is a fragment.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from zarr_vectors.core.arrays._vertices import Column
from zarr_vectors.encoding import Manifests, encode_ranges, expand_ranges, offsets_of
from zarr_vectors.spatial import BinGrid, DividedGrid, run_starts, sort_order
from zarr_vectors.typing import AnyArray, BoolArray, Int64Array, UInt8Array

__all__ = ["Fragments", "OrderedRows", "order_by_objects", "order_by_runs"]

Columns: TypeAlias = Sequence[tuple[Column, AnyArray]]
"""Positions first, then the vertex attributes: what is stored of each, and its values in input order."""

Unsigned: TypeAlias = npt.NDArray[np.unsignedinteger[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Fragments:
    """The fragments of a level; together they tile its rows in order.

    Attributes
    ----------
    first : (n + 1,) int64
        Chunk ``i`` has the fragments ``first[i]:first[i + 1]``.
    counts : (F,) uint32 or uint64
        Rows of each.
    path : (F,) uint32 or uint64
        The fragments object by object, those of one object in the order of its vertices.
    objects : (O + 1,) int64
        Object ``o`` has the fragments ``path[objects[o]:objects[o + 1]]``.
    """

    first: Int64Array
    counts: Unsigned
    path: Unsigned
    objects: Int64Array

    @property
    def starts(self) -> Int64Array:
        """First sorted row of each fragment, and the number of all rows, shape (F + 1,)."""
        return _offsets(self.counts)

    def manifests(self, coords: Int64Array) -> Manifests:
        """Give the fragments of each object; `coords`, shape (n, R), are those of the chunks."""
        per_chunk = np.diff(self.first)
        chunk = np.repeat(np.arange(len(per_chunk), dtype=self.path.dtype), per_chunk)
        number = np.arange(len(self.counts), dtype=self.path.dtype)
        number -= np.repeat(self.first[:-1].astype(self.path.dtype), per_chunk)
        places = np.take(coords, np.take(chunk, self.path), axis=0)
        return Manifests(self.objects, places, np.take(number, self.path).astype(np.int64))

    def transitions(self) -> Int64Array:
        """Give the last row of each fragment and the first of its object's next one, shape (M, 2), sorted rows."""
        follows = np.ones(max(len(self.path) - 1, 0), bool)
        ends = self.objects[1:-1]
        follows[ends[(ends > 0) & (ends < len(self.path))] - 1] = False
        at = np.flatnonzero(follows)
        starts = self.starts
        return np.stack([starts[1:][self.path[at]] - 1, starts[:-1][self.path[at + 1]]], axis=1)


class _Index(Protocol):
    """Which input rows the stored order names."""

    def rows(self, chunk: int) -> AnyArray:
        """Give the input rows of a chunk, in its order."""
        ...

    def places(self, vertices: AnyArray) -> Int64Array:
        """Give the sorted rows of input vertices, in an array of any shape."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class OrderedRows:
    """Rows in stored order, gathered chunk by chunk.

    Attributes
    ----------
    grid : BinGrid or DividedGrid
        One bin a chunk.
    coords : (n, R) int64
        Coordinates of the non-empty chunks, ascending.
    counts : (n,) int64
        Rows of each.
    fragments : Fragments
    """

    grid: BinGrid | DividedGrid
    coords: Int64Array
    counts: Int64Array
    fragments: Fragments
    _index: _Index
    _columns: tuple[tuple[Column, AnyArray], ...]

    @property
    def fragment_counts(self) -> Int64Array:
        """Fragments of each chunk, shape (n,)."""
        return np.diff(self.fragments.first)

    @property
    def fragment_group(self) -> int:
        """How many chunks' fragments are worth encoding together."""
        return 1

    def fragment_cells(self, low: int, high: int) -> list[UInt8Array]:
        """Encode the fragment indices of chunks ``low:high``."""
        first = self.fragments.first[low : high + 1].tolist()
        counts = self.fragments.counts
        return [encode_ranges(counts[a:b].astype(np.int64)) for a, b in pairwise(first)]

    def rows(self, chunk: int) -> list[UInt8Array]:
        """Give the rows of one chunk as bytes, one flat array a column."""
        index = self._index.rows(chunk)
        return [_gather(column, values, index) for column, values in self._columns]

    def places(self, vertices: AnyArray) -> Int64Array:
        """Give the sorted rows of input vertices, in an array of any shape."""
        return self._index.places(vertices)


@dataclass(frozen=True, slots=True, eq=False)
class _Permutation:
    """An index of single rows."""

    order: Unsigned  # (N,)
    starts: Int64Array  # (n + 1,): where each chunk begins in it

    def rows(self, chunk: int) -> AnyArray:
        return self.order[self.starts[chunk] : self.starts[chunk + 1]]

    def places(self, vertices: AnyArray) -> Int64Array:
        inverse = np.empty_like(self.order)
        inverse[self.order] = np.arange(len(self.order), dtype=self.order.dtype)
        return np.take(inverse, vertices).astype(np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class _RunIndex:
    """An index of runs of consecutive rows."""

    starts: Unsigned  # (S + 1,): first input row of each run, ascending, and the number of all rows
    order: Unsigned  # (S,): runs in stored order
    first: Int64Array  # (n + 1,): where each chunk begins in it

    def counts(self, runs: Unsigned) -> Unsigned:
        return self.starts[1:][runs] - self.starts[:-1][runs]

    def rows(self, chunk: int) -> AnyArray:
        runs = self.order[self.first[chunk] : self.first[chunk + 1]]
        return expand_ranges(self.starts[runs].astype(np.int64), self.counts(runs).astype(np.int64))

    def places(self, vertices: AnyArray) -> Int64Array:
        shift = np.empty(len(self.order), np.int64)  # from input rows of a run to sorted rows
        shift[self.order] = _offsets(self.counts(self.order))[:-1]
        shift -= self.starts[:-1].astype(np.int64)
        return np.take(shift, np.searchsorted(self.starts, vertices, side="right") - 1) + vertices


def order_by_runs(grid: BinGrid | DividedGrid, columns: Columns, paths: Int64Array) -> OrderedRows:
    """Order the vertices of paths: chunk by chunk the runs of consecutive vertices in it, as they come in the input.

    Parameters
    ----------
    grid : BinGrid or DividedGrid
        One bin a chunk; holds all positions.
    columns : list of (Column, (N, ...) array)
    paths : (O + 1,) int64
        Path ``o`` is the vertices ``paths[o]:paths[o + 1]``.
    """
    keys = _chunk_keys(grid, *columns[0])
    starts = _run_starts(keys, paths)
    order, ranks, first = _sorted_by_chunk(keys[starts[:-1]])
    index = _RunIndex(starts, _narrow(order, len(order)), first)
    del keys, order
    counts = index.counts(index.order)
    path = np.empty_like(index.order)
    path[index.order] = np.arange(len(path), dtype=path.dtype)
    fragments = Fragments(first, counts, path, np.searchsorted(starts[:-1], paths))
    in_chunk = np.diff(_offsets(counts)[first])
    return OrderedRows(grid, grid.chunk_coords(ranks), in_chunk, fragments, index, _ready(columns))


def _run_starts(keys: Unsigned, paths: Int64Array) -> Unsigned:
    """Give the first row of each run of one path in one chunk, and the number of all rows, shape (S + 1,)."""
    is_cut = np.empty(len(keys) + 1, bool)
    is_cut[[0, -1]] = True
    np.not_equal(keys[1:], keys[:-1], out=is_cut[1:-1])
    # An empty path begins where the next one does.
    is_cut[paths] = True
    return _narrow(np.flatnonzero(is_cut), len(keys))


def order_by_objects(
    grid: BinGrid | DividedGrid,
    columns: Columns,
    owner: AnyArray | None,
    num_objects: int,
    *,
    breaks: BoolArray | None,
    block_rows: int,
) -> OrderedRows:
    """Order vertices by chunk, then by object, else as they come.

    Parameters
    ----------
    grid : BinGrid or DividedGrid
        One bin a chunk; holds all positions.
    columns : list of (Column, (N, ...) array)
    owner : (N,) whole numbers or None
        Object row of each vertex; None = all are of object 0.
    num_objects : int
    breaks : (N,) bool or None
        Vertices that begin a fragment although the one before is in the same chunk and of the same object.
    block_rows : int
        Rows that are sorted by object together.
    """
    order, ranks, starts = _sorted_by_chunk(_chunk_keys(grid, *columns[0]))
    narrow = _narrow(order, len(order))
    del order
    begins, owners = [np.empty(0, narrow.dtype)], [np.empty(0, narrow.dtype)]
    for low, high in _blocks(starts, block_rows):
        rows = slice(int(starts[low]), int(starts[high]))
        keys = _object_keys(narrow[rows], np.diff(starts[low : high + 1]), owner, num_objects)
        if (keys[1:] < keys[:-1]).any():
            by_object = sort_order(keys)
            narrow[rows] = np.take(narrow[rows], by_object)
            keys = np.take(keys, by_object)
        begin = _fragment_starts(keys, None if breaks is None else np.take(breaks, narrow[rows]))
        begins.append((begin + rows.start).astype(narrow.dtype))
        owners.append((keys[begin] % keys.dtype.type(num_objects)).astype(narrow.dtype))
    fragments = _owned_fragments(np.concatenate(begins), np.concatenate(owners), starts, num_objects)
    index = _Permutation(narrow, starts)
    return OrderedRows(grid, grid.chunk_coords(ranks), np.diff(starts), fragments, index, _ready(columns))


def _chunk_keys(grid: BinGrid | DividedGrid, column: Column, positions: AnyArray) -> Unsigned:
    """Give the number of each row's chunk in the grid; a row is rounded to its stored dtype first."""
    if isinstance(grid, DividedGrid):
        return grid.divide(_chunk_keys(grid.places, column, positions))
    if positions.dtype == column.dtype:
        return grid.keys(positions)
    out = np.empty(len(positions), grid.key_dtype)
    step = 1 << 16
    for start in range(0, len(positions), step):
        piece = slice(start, start + step)
        out[piece] = grid.keys(positions[piece].astype(column.dtype))
    return out


def _sorted_by_chunk(keys: Unsigned) -> tuple[Int64Array, Unsigned, Int64Array]:
    """Give the stable order of chunk numbers, the n different ones, and where each begins in it, shape (n + 1,)."""
    order = sort_order(keys)
    ordered = np.take(keys, order)
    begin = run_starts(ordered)
    return order, ordered[begin], np.append(begin, len(keys))


def _blocks(starts: Int64Array, block_rows: int) -> list[tuple[int, int]]:
    """Cut chunks into blocks ``(low, high)`` of at most `block_rows` rows, or of one chunk."""
    out, low, chunks = [], 0, len(starts) - 1
    while low < chunks:
        reach = int(np.searchsorted(starts, starts[low] + block_rows, side="right")) - 1
        high = min(max(reach, low + 1), chunks)
        out.append((low, high))
        low = high
    return out


def _object_keys(rows: Unsigned, counts: Int64Array, owner: AnyArray | None, num_objects: int) -> Unsigned:
    """Number chunk and object together, for the rows of some chunks."""
    most = len(counts) * num_objects
    dtype: np.dtype[Any] = next(np.dtype(d) for d in (np.uint16, np.uint32, np.uint64) if most <= np.iinfo(d).max)
    keys: Unsigned = np.repeat(np.arange(len(counts), dtype=dtype) * dtype.type(num_objects), counts)
    if owner is not None:
        keys += np.take(owner, rows).astype(dtype, copy=False)
    return keys


def _fragment_starts(keys: Unsigned, breaks: BoolArray | None) -> Int64Array:
    if breaks is None:
        return run_starts(keys)
    begins = breaks.copy()
    begins[:1] = True
    begins[1:] |= keys[1:] != keys[:-1]
    return np.flatnonzero(begins)


def _owned_fragments(begins: Unsigned, owners: Unsigned, starts: Int64Array, num_objects: int) -> Fragments:
    return Fragments(
        first=np.searchsorted(begins, starts),
        counts=np.diff(begins, append=begins.dtype.type(starts[-1])),
        path=_narrow(sort_order(owners), len(owners)),
        objects=offsets_of(np.bincount(owners.astype(np.int64), minlength=num_objects)),
    )


def _offsets(counts: Unsigned) -> Int64Array:
    return offsets_of(counts.astype(np.int64))


def _narrow(numbers: AnyArray, most: int) -> Unsigned:
    """Give numbers up to `most` as the narrower of uint32 and uint64."""
    out: Unsigned = numbers.astype(np.uint32 if most <= np.iinfo(np.uint32).max else np.uint64)
    return out


def _ready(columns: Columns) -> tuple[tuple[Column, AnyArray], ...]:
    """Give columns from which numpy takes rows without making a copy of the whole each time."""
    return tuple((column, np.require(values, requirements=("C", "A"))) for column, values in columns)


def _gather(column: Column, values: AnyArray, index: AnyArray) -> UInt8Array:
    """Take rows of a column and give them as bytes."""
    # The index names rows that are there: without the check of that, numpy takes a third of the time. Rows of several
    # numbers are taken as one opaque item each, three times as fast.
    if values.dtype == column.dtype:
        width = column.dtype.itemsize * math.prod(column.row_shape)
        whole = values if values.ndim == 1 else values.view(f"V{width}").reshape(-1)
        return np.take(whole, index, mode="clip").view(np.uint8)
    taken = np.take(values, index, axis=0, mode="clip").astype(column.dtype)
    return taken.reshape(-1).view(np.uint8)
