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
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from zarr_vectors.core.arrays._vertices import Column
from zarr_vectors.encoding import Manifests, encode_ranges, expand_ranges, offsets_of
from zarr_vectors.spatial import BinGrid, DividedGrid, group_order, run_starts, sort_order
from zarr_vectors.types._mapped import release
from zarr_vectors.types._stripes import Room, put_in_order
from zarr_vectors.typing import AnyArray, BoolArray, Int64Array, UInt8Array

__all__ = ["Fragments", "ManifestsOf", "OrderedRows", "order_by_objects", "order_by_runs"]

Columns: TypeAlias = Sequence[tuple[Column, AnyArray]]
"""Positions first, then the vertex attributes: what is stored of each, and its values in input order."""

_PIECE_ROWS = 1 << 15
_KEY_ROWS = 1 << 17

Unsigned: TypeAlias = npt.NDArray[np.unsignedinteger[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Fragments:
    """The fragments of a level; together they tile its rows in order.

    Attributes
    ----------
    first : (n + 1,) int64
        Chunk ``i`` has the fragments ``first[i]:first[i + 1]``.
    counts : (F,) uint8 to uint64
        Rows of each.
    objects : (O + 1,) uint32 or uint64
        Object ``o`` has the fragments ``path[objects[o]:objects[o + 1]]``.
    path, place : (F,) uint32 or uint64, or None
        The fragments object by object, those of one object in the order of its vertices; or the place of each
        fragment in that order. One of the two is kept: the other is as large.
    """

    first: Int64Array
    counts: Unsigned
    objects: Unsigned
    path: Unsigned | None = None
    place: Unsigned | None = None

    @property
    def starts(self) -> Unsigned:
        """First sorted row of each fragment, and the number of all rows, shape (F + 1,)."""
        return _starts(self.counts)

    def manifests(self, coords: Int64Array) -> ManifestsOf:
        """Give the fragments of each object; `coords`, shape (n, D), are those of the chunks."""
        return ManifestsOf(self.objects, _inverse(self.place) if self.path is None else self.path, self.first, coords)

    def transitions(self) -> Unsigned:
        """Give the last row of each fragment and the first of its object's next one, shape (M, 2), sorted rows."""
        place = _inverse(self.path) if self.place is None else self.place
        follows = np.ones(len(place), bool)
        follows[-1:] = False
        for piece in _pieces(self.objects):
            ends = self.objects[piece]
            follows[ends[(ends > 0) & (ends < len(place))] - ends.dtype.type(1)] = False
            release(self.objects)
        number = np.cumsum(follows, dtype=place.dtype)  # one more than the number of the transition after each
        total = int(self.counts.sum(dtype=np.int64))
        out = np.empty((int(number[-1]) if len(number) else 0, 2), _width(total))
        low = 0
        for piece in (slice(at, at + _PIECE_ROWS) for at in range(0, len(place), _PIECE_ROWS)):
            starts = low + offsets_of(self.counts[piece].astype(np.int64))
            here = place[piece]
            has_next = follows[here]
            out[number[here[has_next]] - 1, 0] = starts[1:][has_next] - 1
            has_last = (here > 0) & follows[here - np.minimum(here, 1)]
            out[number[here[has_last] - 1] - 1, 1] = starts[:-1][has_last]
            low = int(starts[-1])
        return out


@dataclass(frozen=True, slots=True, eq=False)
class ManifestsOf:
    """The manifests of a level that is being written, made for some objects at a time.

    Attributes
    ----------
    offsets : (O + 1,) whole numbers
        Where the fragments of each object begin in `path`.
    path : (F,) whole numbers
        The fragments object by object.
    first : (n + 1,) int64
        First fragment of each chunk.
    coords : (n, D) int64
        Coordinates of the chunks.
    """

    offsets: AnyArray
    path: AnyArray
    first: Int64Array
    coords: Int64Array

    def part(self, low: int, high: int) -> Manifests:
        """Give the manifests of objects ``low:high``."""
        offsets = self.offsets[low : high + 1].astype(np.int64)
        path = self.path[offsets[0] : offsets[-1]]
        chunk = np.searchsorted(self.first, path, side="right") - 1
        release(self.offsets)
        return Manifests(offsets - offsets[0], self.coords[chunk], path - self.first[chunk])


class _Index(Protocol):
    """Which input rows the stored order names."""

    def rows(self, chunk: int) -> AnyArray | slice:
        """Give the rows of a chunk, in its order: input rows, or those of columns that were put in order."""
        ...

    def places(self, vertices: AnyArray) -> AnyArray:
        """Give the sorted rows of input vertices, in an array of any shape and as narrow as it can be."""
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
        rows = [_gather(column, values, index) for column, values in self._columns]
        release(*(values for _, values in self._columns))
        return rows

    def places(self, vertices: AnyArray) -> AnyArray:
        """Give the sorted rows of input vertices, in an array of any shape and as narrow as it can be."""
        return self._index.places(vertices)

    def without_paths(self) -> OrderedRows:
        """Forget which fragments are whose."""
        fragments = self.fragments
        return replace(self, fragments=Fragments(fragments.first, fragments.counts, fragments.objects[:0].copy()))


@dataclass(frozen=True, slots=True, eq=False)
class _Permutation:
    """An index of single rows."""

    order: Unsigned  # (N,)
    starts: Int64Array  # (n + 1,): where each chunk begins in it

    def rows(self, chunk: int) -> AnyArray:
        return self.order[self.starts[chunk] : self.starts[chunk + 1]]

    def places(self, vertices: AnyArray) -> AnyArray:
        inverse = _inverse(self.order)
        out = np.empty(vertices.shape, inverse.dtype)
        for piece in _pieces(vertices):
            out[piece] = np.take(inverse, vertices[piece])
            release(vertices)
        return out


@dataclass(frozen=True, slots=True, eq=False)
class _InOrder:
    """An index of rows that were put in order."""

    before: _Index
    starts: Int64Array  # (n + 1,): where each chunk begins

    def rows(self, chunk: int) -> slice:
        return slice(int(self.starts[chunk]), int(self.starts[chunk + 1]))

    def places(self, vertices: AnyArray) -> AnyArray:
        return self.before.places(vertices)


@dataclass(frozen=True, eq=False)
class _RunIndex:
    """An index of runs of consecutive rows."""

    order: Unsigned  # (S,): runs in stored order
    counts: Unsigned  # (S,): rows of each, in stored order
    first: Int64Array  # (n + 1,): where each chunk begins in them

    @cached_property
    def starts(self) -> Unsigned:
        """First input row of each run, in input order, and the number of all rows; not made before it is needed."""
        lengths = np.empty_like(self.counts)
        for piece in _pieces(self.order):
            lengths[self.order[piece]] = self.counts[piece]
        return _starts(lengths)

    def rows(self, chunk: int) -> AnyArray:
        part = slice(int(self.first[chunk]), int(self.first[chunk + 1]))
        return expand_ranges(self.starts[self.order[part]].astype(np.int64), self.counts[part].astype(np.int64))

    def places(self, vertices: AnyArray) -> Int64Array:
        shift = np.empty(len(self.order), np.int64)  # from input rows of a run to sorted rows
        shift[self.order] = _starts(self.counts)[:-1]
        shift -= self.starts[:-1].astype(np.int64)
        return np.take(shift, np.searchsorted(self.starts, vertices, side="right") - 1) + vertices


def order_by_runs(
    grid: BinGrid | DividedGrid, columns: Columns, paths: AnyArray | range, room: Room | None = None
) -> OrderedRows:
    """Order the vertices of paths: chunk by chunk the runs of consecutive vertices in it, as they come in the input.

    Parameters
    ----------
    grid : BinGrid or DividedGrid
        One bin a chunk; holds all positions.
    columns : list of (Column, (N, ...) array)
    paths : (O + 1,) whole numbers, or a range from 0
        Path ``o`` is the vertices ``paths[o]:paths[o + 1]``.
    room : Room, optional
        Where rows are put in order: taken from files as they are, all of these would be touched by each chunk.
    """
    keys = _chunk_keys(grid, *columns[0])
    starts = _run_starts(keys, paths)
    of_run = keys[starts[:-1]]
    del keys
    ranks = np.unique(of_run)
    order, first = group_order(_found(ranks, of_run), len(ranks))
    del of_run
    objects = _found(starts[:-1], paths, room)
    counts = _taken(_narrowest(np.diff(starts)), order)
    del starts
    in_chunk = np.array([counts[a:b].sum(dtype=np.int64) for a, b in pairwise(first.tolist())], np.int64)
    fragments = Fragments(first, counts, objects, place=order)
    index: _Index = _RunIndex(order, counts, first)
    ready = _ready(columns)
    if room is not None and len(order):
        rows = put_in_order([values for _, values in ready], order, counts, _starts(counts)[:-1], room)
        ready = tuple((column, values) for (column, _), values in zip(ready, rows, strict=True))
        index = _InOrder(index, offsets_of(in_chunk))
    return OrderedRows(grid, grid.chunk_coords(ranks), in_chunk, fragments, index, ready)


def _run_starts(keys: Unsigned, paths: AnyArray | range) -> Unsigned:
    """Give the first row of each run of one path in one chunk, and the number of all rows, shape (S + 1,)."""
    is_cut = np.empty(len(keys) + 1, bool)
    is_cut[[0, -1]] = True
    np.not_equal(keys[1:], keys[:-1], out=is_cut[1:-1])
    # An empty path begins where the next one does.
    if isinstance(paths, range):
        is_cut[:: paths.step] = True
    else:
        for piece in _pieces(paths):
            is_cut[paths[piece]] = True
            release(paths)
    out = np.empty(np.count_nonzero(is_cut), _width(len(keys)))
    at = 0
    for low in range(0, len(is_cut), _PIECE_ROWS):
        some = np.flatnonzero(is_cut[low : low + _PIECE_ROWS])
        out[at : at + len(some)] = some + low
        at += len(some)
    return out


def _found(ordered: AnyArray, values: AnyArray | range, room: Room | None = None) -> Unsigned:
    """Search sorted values, a piece at a time: places are found as numbers of 64 bits."""
    narrow = np.dtype(np.uint16) if len(ordered) <= np.iinfo(np.uint16).max else _width(len(ordered))
    out: Unsigned = np.empty(len(values), narrow) if room is None else room((len(values),), narrow)
    for low in range(0, len(values), _PIECE_ROWS):
        piece = slice(low, low + _PIECE_ROWS)
        out[piece] = np.searchsorted(ordered, np.asarray(values[piece]).astype(ordered.dtype, copy=False))
        release(values, out)
    return out


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
    # Each list is let go before the next one is put together: there may be a fragment a vertex.
    owner_of = np.concatenate(owners)
    owners.clear()
    path, objects = group_order(owner_of, num_objects)
    del owner_of
    begin_of = np.concatenate(begins)
    begins.clear()
    first = np.searchsorted(begin_of, starts)
    counts = np.diff(begin_of, append=begin_of.dtype.type(starts[-1]))
    fragments = Fragments(first, _narrowest(counts), _narrow(objects, len(counts)), path)
    index = _Permutation(narrow, starts)
    return OrderedRows(grid, grid.chunk_coords(ranks), np.diff(starts), fragments, index, _ready(columns))


def _chunk_keys(grid: BinGrid | DividedGrid, column: Column, positions: AnyArray) -> Unsigned:
    """Give the number of each row's chunk in the grid; a row is rounded to its stored dtype first."""
    if isinstance(grid, DividedGrid):
        return grid.divide(_chunk_keys(grid.places, column, positions))
    out = np.empty(len(positions), grid.key_dtype)
    for start in range(0, len(positions), _KEY_ROWS):
        piece = slice(start, start + _KEY_ROWS)
        out[piece] = grid.keys(positions[piece].astype(column.dtype, copy=False))
        release(positions)
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


def _starts(counts: Unsigned) -> Unsigned:
    """Give where runs of these lengths begin, and the sum of all, shape (n + 1,)."""
    dtype = _width(int(counts.sum(dtype=np.int64)))
    out: Unsigned = np.zeros(len(counts) + 1, dtype)
    np.cumsum(counts, dtype=dtype, out=out[1:])
    return out


def _inverse(order: Unsigned | None) -> Unsigned:
    """Give the permutation that undoes one."""
    if order is None:
        msg = "fragments that tell of no object"
        raise ValueError(msg)
    out = np.empty_like(order)
    for piece in _pieces(order):
        out[order[piece]] = np.arange(piece.start, piece.start + len(order[piece]))
    return out


def _taken(values: Unsigned, order: Unsigned) -> Unsigned:
    """Take values in an order."""
    out = np.empty(len(order), values.dtype)
    for piece in _pieces(order):
        out[piece] = values[order[piece]]
    return out


def _pieces(rows: AnyArray) -> list[slice]:
    """Cut rows into pieces: numpy makes numbers of 64 bits of an index before it uses it."""
    return [slice(low, low + _PIECE_ROWS) for low in range(0, len(rows), _PIECE_ROWS)]


def _width(most: int) -> np.dtype[Any]:
    """Give the narrower of uint32 and uint64 that holds numbers up to `most`."""
    return np.dtype(np.uint32 if most <= np.iinfo(np.uint32).max else np.uint64)


def _narrow(numbers: AnyArray, most: int) -> Unsigned:
    """Give numbers up to `most` as the narrower of uint32 and uint64."""
    out: Unsigned = numbers.astype(_width(most))
    return out


def _narrowest(numbers: Unsigned) -> Unsigned:
    """Give numbers in as few bytes as the largest takes."""
    out: Unsigned = numbers.astype(np.min_scalar_type(numbers.max(initial=0)))
    return out


def _ready(columns: Columns) -> tuple[tuple[Column, AnyArray], ...]:
    """Give columns from which numpy takes rows without making a copy of the whole each time."""
    return tuple((column, np.require(values, requirements=("C", "A"))) for column, values in columns)


def _gather(column: Column, values: AnyArray, index: AnyArray | slice) -> UInt8Array:
    """Take rows of a column and give them as bytes."""
    if isinstance(index, slice):
        return np.array(values[index], column.dtype, order="C").reshape(-1).view(np.uint8)
    # The index names rows that are there: without the check of that, numpy takes a third of the time. Rows of several
    # numbers are taken as one opaque item each, three times as fast.
    if values.dtype == column.dtype:
        width = column.dtype.itemsize * math.prod(column.row_shape)
        whole = values if values.ndim == 1 else values.view(f"V{width}").reshape(-1)
        return np.take(whole, index, mode="clip").view(np.uint8)
    taken = np.take(values, index, axis=0, mode="clip").astype(column.dtype)
    return taken.reshape(-1).view(np.uint8)
