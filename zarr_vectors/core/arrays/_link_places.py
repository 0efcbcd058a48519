"""Where each link is stored: records to offsets, cells and the order of their endpoints. Pure.

1. Endpoints become chunks and rows in them.
2. The order in which a record's endpoints are stored is chosen: as given within one chunk, between levels and where
   links are directed; by chunk and row where they are not; each chunk first once where copies are kept.
3. Records that meet the same chunks in the same order share a cell. One sort of their chunk numbers finds the cells;
   what differs between cells is then worked out once a cell.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from zarr_vectors.core.arrays._link_family import LinkFamily
from zarr_vectors.core.arrays._row_grid import RowGrid
from zarr_vectors.encoding import encode_permutations, expand_ranges, offsets_of
from zarr_vectors.spatial import run_starts, sort_order
from zarr_vectors.typing import BoolArray, Int64Array

__all__ = ["LinkTarget", "PlacedLinks", "anchors", "place_links"]

_MOST_KEYS = 2**62


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
class PlacedLinks:
    """The records of one offsets array, cell by cell.

    Attributes
    ----------
    offsets : (L - 1, R) int64
    source : (C,) int64
        Number of each cell's chunk, ascending.
    starts : (C + 1,) int64
        Records of cell i are ``starts[i]`` to ``starts[i + 1]``.
    rows : (m, L) or (m, 1 + L) int64
        Stored rows: chunk-local endpoints, led by the code of their permutation where the array has it.
    records : (m,) int64
        Input record behind each row.
    """

    offsets: Int64Array
    source: Int64Array
    starts: Int64Array
    rows: Int64Array
    records: Int64Array


def place_links(
    ends: Int64Array, grid: RowGrid, family: LinkFamily, target: LinkTarget | None = None
) -> list[PlacedLinks]:
    """Place records in offsets arrays; the one of all-zero offsets comes first, empty or not, within a level.

    Parameters
    ----------
    ends : (M, L) int64
        Sorted rows, endpoints in input order; all but the first count rows of `target` where that is given.
    grid : RowGrid
    family : LinkFamily
    target : LinkTarget or None
        Needed where ``family.delta`` is not 0.
    """
    records = np.arange(len(ends))
    if target is not None:
        chunk, row = _local(ends[:, :1], grid)
        other_chunk, other_row = _local(ends[:, 1:], target.grid)
        chunk, row = np.hstack([chunk, other_chunk]), np.hstack([row, other_row])
        return list(_cells(chunk, row, records, grid.coords, target))
    chunk, row = _local(ends, grid)
    across = (chunk != chunk[:, :1]).any(axis=1)
    inside = np.flatnonzero(~across)
    out = [_inside(chunk[inside, 0], row[inside], inside, family)]
    records = np.flatnonzero(across)
    stored = _stored_order(ends[records], chunk[records], family)
    if stored is None:
        return out + list(_cells(chunk[records], row[records], records, grid.coords, None))
    copy, order = stored
    records = records[copy]
    chunk = np.take_along_axis(chunk[records], order, axis=1)
    row = np.take_along_axis(row[records], order, axis=1)
    rows = np.column_stack([encode_permutations(order), row])
    return out + list(_cells(chunk, rows, records, grid.coords, None))


def anchors(coords: Int64Array, own_ratio: Int64Array, ratio: Int64Array) -> Int64Array:
    """Give the chunk of another level from which offsets are counted, for chunks of shape (n, R) of this level."""
    return coords * own_ratio // ratio


def _local(ends: Int64Array, grid: RowGrid) -> tuple[Int64Array, Int64Array]:
    """Give the chunk of each endpoint and its row in it."""
    chunk = grid.chunk_of(ends)
    return chunk, ends - grid.starts[chunk]


def _stored_order(ends: Int64Array, chunk: Int64Array, family: LinkFamily) -> tuple[Int64Array, Int64Array] | None:
    """Choose how records that cross chunks are stored; None where they stay as they are.

    Returns
    -------
    copy : (P,) int64
        Which record each stored one is, ascending.
    order : (P, L) int64
        The input endpoint in each stored place.
    """
    if family.store == "duplicate":
        copy, first = np.nonzero(_smallest_of_chunk(ends, chunk))
        return copy, _led_by(family.width)[first]
    if family.directed:
        return None
    return np.arange(len(ends)), np.argsort(ends, axis=1, kind="stable")


def _led_by(width: int) -> Int64Array:
    """Give the orders of endpoints in which one goes first, (L, L): row k is k, then the others ascending."""
    return np.array([[k, *(j for j in range(width) if j != k)] for k in range(width)], np.int64)


def _smallest_of_chunk(ends: Int64Array, chunk: Int64Array) -> BoolArray:
    """Tell of each endpoint whether it is the smallest of its record in its chunk, the first of equal ones."""
    out = np.ones(ends.shape, bool)
    for k in range(ends.shape[1]):
        for j in range(ends.shape[1]):
            if j != k:
                ahead = ends[:, j] <= ends[:, k] if j < k else ends[:, j] < ends[:, k]
                out[:, k] &= ~(ahead & (chunk[:, j] == chunk[:, k]))
    return out


def _inside(chunk: Int64Array, row: Int64Array, records: Int64Array, family: LinkFamily) -> PlacedLinks:
    """Place the records whose endpoints share a chunk."""
    order = sort_order(chunk.astype(np.uint64))
    begin = run_starts(chunk[order])
    starts = np.append(begin, len(order))
    offsets = np.zeros((family.width - 1, family.rank), np.int64)
    return PlacedLinks(offsets, chunk[order[begin]], starts, row[order], records[order])


def _cells(
    chunk: Int64Array, rows: Int64Array, records: Int64Array, coords: Int64Array, target: LinkTarget | None
) -> Iterator[PlacedLinks]:
    """Place records by the chunks of their endpoints, in stored order."""
    if not len(chunk):
        return
    others = coords if target is None else target.grid.coords
    bounds = [len(coords), *[len(others)] * (chunk.shape[1] - 1)]
    keys = _combined_keys(zip(chunk.T, bounds, strict=True), len(chunk))
    order = sort_order(keys.astype(np.uint64))
    begin = run_starts(keys[order])
    met = chunk[order[begin]]  # (cells, L)
    counts = np.diff(np.append(begin, len(order)))
    base = coords if target is None else anchors(coords, target.own_ratio, target.ratio)
    offsets = others[met[:, 1:]] - base[met[:, :1]]  # (cells, L - 1, R)
    segment = _segments(offsets)
    cells = np.lexsort((met[:, 0], segment))
    order = order[expand_ranges(begin[cells], counts[cells])]
    rows, records = rows[order], records[order]
    firsts = np.append(run_starts(segment[cells]), len(cells)).tolist()
    starts = offsets_of(counts[cells])
    for low, high in pairwise(firsts):
        part = slice(int(starts[low]), int(starts[high]))
        here = cells[low:high]
        yield PlacedLinks(
            offsets[here[0]], met[here, 0], starts[low : high + 1] - starts[low], rows[part], records[part]
        )


def _segments(offsets: Int64Array) -> Int64Array:
    """Number the different offsets of cells, shape (cells, L - 1, R)."""
    flat = offsets.reshape(len(offsets), -1)
    low = flat.min(axis=0, initial=0)
    columns = [(column - least, int(column.max()) - int(least) + 1) for column, least in zip(flat.T, low, strict=True)]
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
