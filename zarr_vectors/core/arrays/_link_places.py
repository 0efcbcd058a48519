"""Where each link is stored: records to offsets, cells and the order of their endpoints. Pure.

1. The order in which a record's endpoints are stored is chosen: as given within one chunk, between levels and where
   links are directed; by chunk and row where they are not; each chunk first once where copies are kept.
2. Records that meet the same chunks in the same order share a cell. They are sorted by cell piece by piece, pieces as
   large as fits the cache; the cells of all pieces together tell where each piece's share of a cell goes. What differs
   between cells is then worked out once a cell.
3. What is kept of a record is its number, in 4 bytes: stored rows are made, a few cells at a time, when they are asked
   for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from zarr_vectors.core.arrays._link_family import LinkFamily
from zarr_vectors.core.arrays._row_grid import RowGrid
from zarr_vectors.encoding import encode_permutations, expand_ranges, offsets_of
from zarr_vectors.spatial import run_starts, sort_order
from zarr_vectors.typing import AnyArray, BoolArray, Int64Array

__all__ = ["LinkTarget", "PlacedLinks", "anchors", "place_links"]

_MOST_KEYS = 2**62
_PIECE_RECORDS = 1 << 15


@dataclass(frozen=True, slots=True, eq=False)
class LinkTarget:
    """The level that endpoints other than the first lie in, where it is not their own.

    Attributes
    ----------
    grid : RowGrid
        That level's chunks and rows.
    own_ratio, ratio : (R,) int64
        Chunk edges of the links' own level and of that level, in chunks of the root.
    """

    grid: RowGrid
    own_ratio: Int64Array
    ratio: Int64Array


@dataclass(frozen=True, slots=True, eq=False)
class _Records:
    """Records as they were given, and how they are stored.

    Attributes
    ----------
    ends : (M, L) whole numbers
        Sorted rows, endpoints in input order.
    grids : tuple of L RowGrid
        What each endpoint counts rows of.
    family : LinkFamily
    """

    ends: AnyArray
    grids: tuple[RowGrid, ...]
    family: LinkFamily

    def stored(self, records: AnyArray, lead: AnyArray | None, met: Int64Array, counts: Int64Array) -> Int64Array:
        """Give the rows that are stored of some records.

        Parameters
        ----------
        records : (m,) whole numbers
            Cell by cell.
        lead : (m,) or None
            Which endpoint each begins with, where copies are kept.
        met : (c, L) int64
            Chunks of each cell.
        counts : (c,) int64
            Records of each.
        """
        ends: Int64Array = np.take(self.ends, records, axis=0).astype(np.int64, copy=False)
        bases = np.stack([grid.starts[chunk] for grid, chunk in zip(self.grids, met.T, strict=True)], axis=1)
        in_given_order = self.family.delta or (lead is None and self.family.directed)
        if in_given_order or not (met != met[:, :1]).any():
            ends -= np.repeat(bases, counts, axis=0)
            return ends
        order = np.argsort(ends, axis=1, kind="stable") if lead is None else _led_by(self.family.width)[lead]
        out = np.empty((len(ends), 1 + ends.shape[1]), np.int64)
        out[:, 0] = encode_permutations(order)
        np.subtract(np.take_along_axis(ends, order, axis=1), np.repeat(bases, counts, axis=0), out=out[:, 1:])
        return out


@dataclass(frozen=True, slots=True, eq=False)
class PlacedLinks:
    """The records of one offsets array, cell by cell.

    Attributes
    ----------
    offsets : (L - 1, R) int64
    source : (C,) int64
        Number of each cell's chunk, ascending.
    starts : (C + 1,) int64
        Records of cell i are ``starts[i]`` to ``starts[i + 1]``.
    records : (m,) whole numbers
        Input record behind each row.
    """

    offsets: Int64Array
    source: Int64Array
    starts: Int64Array
    records: AnyArray
    _met: Int64Array  # (C, L)
    _lead: AnyArray | None
    _all: _Records

    def __len__(self) -> int:
        """Number of records."""
        return len(self.records)

    def in_order(self, cells: Int64Array) -> PlacedLinks:
        """Give the same with the cells in another order."""
        counts = np.diff(self.starts)[cells]
        some = expand_ranges(self.starts[:-1][cells], counts)
        lead = None if self._lead is None else self._lead[some]
        return PlacedLinks(
            self.offsets, self.source[cells], offsets_of(counts), self.records[some], self._met[cells], lead, self._all
        )

    def pieces(self) -> Iterator[tuple[int, int]]:
        """Cut the cells into pieces ``(first, last + 1)`` of a bounded number of records, or of one cell."""
        first, cells = 0, len(self.source)
        while first < cells:
            reach = int(np.searchsorted(self.starts, self.starts[first] + _PIECE_RECORDS, side="right")) - 1
            last = min(max(reach, first + 1), cells)
            yield first, last
            first = last

    def rows(self, first: int, last: int) -> Int64Array:
        """Give the stored rows of cells ``first:last``: chunk-local endpoints, (m, L).

        Where the array has them, the codes of their permutations come first, (m, 1 + L).
        """
        part = slice(int(self.starts[first]), int(self.starts[last]))
        lead = None if self._lead is None else self._lead[part]
        counts = np.diff(self.starts[first : last + 1])
        return self._all.stored(self.records[part], lead, self._met[first:last], counts)


def place_links(
    ends: AnyArray, grid: RowGrid, family: LinkFamily, target: LinkTarget | None = None
) -> list[PlacedLinks]:
    """Place records in offsets arrays; the one of all-zero offsets comes first, empty or not, within a level.

    Takes about 8 bytes a record beside `ends`, which must not be changed while the result is used.

    Parameters
    ----------
    ends : (M, L) whole numbers
        Sorted rows, endpoints in input order; all but the first count rows of `target` where that is given.
    grid : RowGrid
    family : LinkFamily
    target : LinkTarget or None
        Needed where ``family.delta`` is not 0.
    """
    others = grid if target is None else target.grid
    grids = (grid, *[others] * (family.width - 1))
    pieces = _sorted_pieces(ends, grids, family)
    met, numbers, totals = _all_cells(pieces, grids)
    base = grid.coords if target is None else anchors(grid.coords, target.own_ratio, target.ratio)
    offsets = others.coords[met[:, 1:]] - base[met[:, :1]]  # (cells, L - 1, R)
    segment = _segments(offsets)
    if target is None:
        segment[~offsets.any(axis=(1, 2))] = -1  # first of all
    order = np.lexsort((met[:, 0], segment))
    starts = offsets_of(totals[order])
    cursor = np.empty(len(order), np.int64)
    cursor[order] = starts[:-1]
    records, lead = _scattered(pieces, numbers, cursor)
    everything = _Records(ends, grids, family)
    out = []
    if target is None and not (len(order) and segment[order[0]] == -1):
        none = np.empty(0, np.int64)
        zeros = np.zeros((family.width - 1, family.rank), np.int64)
        empty = np.empty((0, family.width), np.int64)
        out.append(PlacedLinks(zeros, none, np.zeros(1, np.int64), records[:0], empty, None, everything))
    firsts = np.append(run_starts(segment[order]), len(order)).tolist()
    for low, high in pairwise(firsts):
        part, here = slice(int(starts[low]), int(starts[high])), order[low:high]
        out.append(
            PlacedLinks(
                offsets[here[0]],
                met[here, 0],
                starts[low : high + 1] - starts[low],
                records[part],
                met[here],
                None if lead is None else lead[part],
                everything,
            )
        )
    return out


def anchors(coords: Int64Array, own_ratio: Int64Array, ratio: Int64Array) -> Int64Array:
    """Give the chunk of another level from which offsets are counted, for chunks of shape (n, R) of this level."""
    return coords * own_ratio // ratio


@dataclass(frozen=True, slots=True, eq=False)
class _Piece:
    """Some records, sorted by cell.

    Attributes
    ----------
    records : (p,) whole numbers
        The records, cell by cell, in a cell as they come.
    lead : (p,) uint8 or None
        The endpoint that each begins with, where copies are kept.
    met : (c, L) whole numbers
        Chunks of the endpoints in each cell.
    counts : (c,) uint32
        Records of each.
    """

    records: AnyArray
    lead: AnyArray | None
    met: AnyArray
    counts: AnyArray


def _sorted_pieces(ends: AnyArray, grids: tuple[RowGrid, ...], family: LinkFamily) -> list[_Piece]:
    chunks_of = [_chunk_finder(grids[0], ends)]
    chunks_of += [chunks_of[0] if grid is grids[0] else _chunk_finder(grid, ends) for grid in grids[1:]]
    number: np.dtype[Any] = np.dtype(np.uint32 if len(ends) <= np.iinfo(np.uint32).max else np.uint64)
    narrow = np.min_scalar_type(max(len(grid.coords) for grid in grids))
    out = []
    for low in range(0, len(ends), _PIECE_RECORDS):
        some = ends[low : low + _PIECE_RECORDS]
        chunk = np.stack([find(column) for find, column in zip(chunks_of, some.T, strict=True)], axis=1)
        records, lead = None, None
        if family.delta == 0 and family.store == "duplicate":
            records, lead = _copies(some, chunk, family.width)
            chunk = np.take_along_axis(chunk[records], _led_by(family.width)[lead], axis=1)
        elif family.delta == 0 and not family.directed:
            # Sorted rows ascend with their chunks: the order of endpoints is that of their chunks.
            across = np.flatnonzero((chunk != chunk[:, :1]).any(axis=1))
            chunk[across] = np.sort(chunk[across], axis=1)
        bounds = [len(grid.coords) for grid in grids]
        keys = _combined_keys(zip(chunk.T, bounds, strict=True), len(chunk))
        order = sort_order(keys.astype(np.uint64))
        begin = run_starts(keys[order])
        counts = np.diff(np.append(begin, len(order))).astype(np.uint32)
        taken = order if records is None else records[order]
        leads = None if lead is None else lead[order].astype(np.uint8)
        out.append(_Piece((taken + low).astype(number), leads, chunk[order[begin]].astype(narrow), counts))
    return out


def _chunk_finder(grid: RowGrid, ends: AnyArray) -> Callable[[AnyArray], Int64Array]:
    """Give what finds the chunk of sorted rows: a table of all rows where most are asked for, else a search."""
    if grid.num_rows > ends.size or len(grid.coords) > np.iinfo(np.uint16).max:
        return grid.chunk_of
    table = np.repeat(np.arange(len(grid.coords), dtype=np.uint16), np.diff(grid.starts))
    return lambda rows: np.take(table, rows).astype(np.int64)


def _all_cells(pieces: list[_Piece], grids: tuple[RowGrid, ...]) -> tuple[Int64Array, list[Int64Array], Int64Array]:
    """Give the chunks of all cells, (C, L), which of them each piece has, and the records of each."""
    met = np.concatenate([np.empty((0, len(grids)), np.uint8), *(piece.met for piece in pieces)])
    keys = _combined_keys(zip(met.T, [len(grid.coords) for grid in grids], strict=True), len(met))
    _, first, number = np.unique(keys, return_index=True, return_inverse=True)
    number = number.astype(np.min_scalar_type(len(first)))
    numbers = np.split(number, np.cumsum([len(piece.met) for piece in pieces])[:-1]) if pieces else []
    totals = np.zeros(len(first), np.int64)
    for piece, cells in zip(pieces, numbers, strict=True):
        totals[cells] += piece.counts
    return met[first].astype(np.int64), numbers, totals


def _scattered(pieces: list[_Piece], numbers: list[Int64Array], cursor: Int64Array) -> tuple[AnyArray, AnyArray | None]:
    """Put the records of all pieces together, cell by cell; `cursor` tells where each cell begins and is used up."""
    total = sum(len(piece.records) for piece in pieces)
    dtype = pieces[0].records.dtype if pieces else np.dtype(np.uint32)
    records = np.empty(total, dtype)
    copied = any(piece.lead is not None for piece in pieces)
    lead = np.empty(total, np.uint8) if copied else None
    for piece, cells in zip(pieces, numbers, strict=True):
        places = expand_ranges(cursor[cells], piece.counts.astype(np.int64))
        records[places] = piece.records
        if lead is not None and piece.lead is not None:
            lead[places] = piece.lead
        cursor[cells] += piece.counts
    return records, lead


def _copies(ends: AnyArray, chunk: Int64Array, width: int) -> tuple[Int64Array, Int64Array]:
    """Give the record and the first endpoint of each copy; one that stays in a chunk is kept once, as it is."""
    across = (chunk != chunk[:, :1]).any(axis=1)
    leads = _smallest_of_chunk(ends, chunk)
    leads[~across] = np.arange(width) == 0
    record, lead = np.nonzero(leads)
    return record, lead


def _led_by(width: int) -> Int64Array:
    """Give the orders of endpoints in which one goes first, (L, L): row k is k, then the others ascending."""
    return np.array([[k, *(j for j in range(width) if j != k)] for k in range(width)], np.int64)


def _smallest_of_chunk(ends: AnyArray, chunk: Int64Array) -> BoolArray:
    """Tell of each endpoint whether it is the smallest of its record in its chunk, the first of equal ones."""
    out = np.ones(ends.shape, bool)
    for k in range(ends.shape[1]):
        for j in range(ends.shape[1]):
            if j != k:
                ahead = ends[:, j] <= ends[:, k] if j < k else ends[:, j] < ends[:, k]
                out[:, k] &= ~(ahead & (chunk[:, j] == chunk[:, k]))
    return out


def _segments(offsets: Int64Array) -> Int64Array:
    """Number the different offsets of cells, shape (cells, L - 1, R)."""
    flat = offsets.reshape(len(offsets), math.prod(offsets.shape[1:]))
    low = flat.min(axis=0, initial=0)
    columns = [
        (column - least, int(column.max(initial=least)) - int(least) + 1)
        for column, least in zip(flat.T, low, strict=True)
    ]
    return _combined_keys(columns, len(flat))


def _combined_keys(columns: Iterable[tuple[Int64Array, int]], size: int) -> Int64Array:
    """Give one number for each row of columns, shape (size,), that sorts as the rows do.

    Parameters
    ----------
    columns : iterable of (values, bound)
        Values of shape (size,) in [0, bound).
    """
    keys, bound = np.zeros(size, np.int64), 1
    for values, most in columns:
        if bound * most > _MOST_KEYS:
            keys, bound = _numbered(keys)
        if bound * most > _MOST_KEYS:
            values, most = _numbered(values)
        keys = keys * most + values
        bound *= most
    return keys


def _numbered(values: Int64Array) -> tuple[Int64Array, int]:
    """Replace values by their numbers among the different ones, and count these."""
    distinct, number = np.unique(values, return_inverse=True)
    return number, len(distinct)
