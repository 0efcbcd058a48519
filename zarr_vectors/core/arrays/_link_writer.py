"""Writing the links of a level: place them, write an array for each offset, then the groups that tell of them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

import numpy as np

from zarr_vectors._spec import Codec, GridMetadata, codec_chain
from zarr_vectors._spec.names import format_cell_keys, format_chunk_keys
from zarr_vectors.core._backends import Backend
from zarr_vectors.core._commit import put_group
from zarr_vectors.core.arrays._link_family import (
    LINK_ATTRIBUTES,
    LINK_FRAGMENTS,
    LINKS,
    LinkFamily,
    link_attributes_path,
    links_path,
)
from zarr_vectors.core.arrays._link_places import LinkTarget, PlacedLinks, place_links
from zarr_vectors.core.arrays._row_grid import RowGrid
from zarr_vectors.core.arrays._vertices import Column
from zarr_vectors.core.arrays._writer import GridWriter, shard_order
from zarr_vectors.encoding import encode_link_cell, encode_tiling_ranges, format_offsets
from zarr_vectors.exceptions import ArgumentError
from zarr_vectors.typing import AnyArray, Int64Array, UInt8Array

__all__ = ["CellStorage", "write_links"]

_ROW_DTYPE = np.dtype("<i8")
_CELLS_OF_A_SHARD = 4
"""Fewer cells a shard than this and they become files of their own: an index would outweigh them."""


class CellStorage(Protocol):
    """How cells are stored."""

    @property
    def compressor(self) -> str | tuple[Codec, ...]:
        """The compressor's name or the codecs of a cell."""
        ...

    @property
    def shard_shape(self) -> tuple[int, ...] | None:
        """Cells of a shard; None or ones: no shards."""
        ...


def write_links(
    backend: Backend,
    base: str,
    ends: AnyArray,
    grid: RowGrid,
    family: LinkFamily,
    *,
    origin: Int64Array,
    shape: tuple[int, ...],
    storage: CellStorage,
    attributes: Sequence[tuple[Column, AnyArray]] = (),
    target: LinkTarget | None = None,
) -> None:
    """Write the links of a level in the order given.

    Parameters
    ----------
    backend : Backend
    base : str
        Path of the level.
    ends : (M, L) whole numbers
        Sorted rows of the level, endpoints in input order.
    grid : RowGrid
        Where the level's rows lie.
    family : LinkFamily
    origin : (R,) int64
        Chunk coordinate of the first cell of the level's arrays.
    shape : tuple of R ints
        Cells of the level's arrays.
    storage : CellStorage
    attributes : list of (Column, array)
        Values of shape (M,) or (M, C), one row a record.
    target : LinkTarget or None
        The level of all endpoints but the first, needed where ``family.delta`` is not 0.

    Raises
    ------
    ArgumentError
        If an endpoint is no row, or shapes contradict the family.
    """
    _check(ends, grid, family, target)
    placed = place_links(ends, grid, family, target)
    out = _Level(backend, base, family, origin, shape, storage)
    names = _ChunkNames(grid.coords, placed, origin)
    arrays = [(np.asarray(values), column) for column, values in attributes]
    for part in placed:
        ordered, cells = _cells(part, names, storage)
        _write_rows(out, ordered, cells)
        for values, column in arrays:
            _write_values(out, ordered, cells, column, values)
    for column, _ in attributes:
        put_group(backend, f"{base}/{LINK_ATTRIBUTES}", {})
        put_group(backend, f"{base}/{LINK_ATTRIBUTES}/{column.name}", {})
        keys = {"zv_array": "link_attribute_family", "name": column.name, "level_delta": family.delta}
        put_group(backend, link_attributes_path(base, column.name, family.delta), {**keys, "num_links": len(ends)})
    # A level that was carried over has it already, as a file that another store may share.
    if not family.delta or backend.get(f"{base}/{LINKS}/zarr.json") is None:
        put_group(backend, f"{base}/{LINKS}", {})
    put_group(backend, links_path(base, family.delta), family.to_dict(len(ends), sum(map(len, placed))))


def _check(ends: AnyArray, grid: RowGrid, family: LinkFamily, target: LinkTarget | None) -> None:
    if (target is None) != (family.delta == 0):
        msg = f"links of delta {family.delta} {'need' if family.delta else 'have no'} target level"
        raise ArgumentError(msg)
    if ends.ndim != 2 or ends.shape[1] != family.width or grid.coords.shape[1] != family.rank:
        msg = (
            f"links of {family.width} endpoints in chunks of {family.rank} components were announced, got "
            f"endpoints of shape {ends.shape} and chunks of shape {grid.coords.shape}"
        )
        raise ArgumentError(msg)
    if not len(ends):
        return
    limits = [grid.num_rows, *[grid.num_rows if target is None else target.grid.num_rows] * (family.width - 1)]
    if int(ends.min()) < 0 or (ends.max(axis=0) >= limits).any():
        record, end = np.argwhere((ends < 0) | (ends >= np.array(limits, np.int64)))[0].tolist()
        msg = f"endpoint {end} of link {record} is row {ends[record, end]}, its level has {limits[end]} rows"
        raise ArgumentError(msg)


@dataclass(frozen=True, slots=True, eq=False)
class _Level:
    """Where and how the arrays of one family are written."""

    backend: Backend
    base: str
    family: LinkFamily
    origin: Int64Array
    shape: tuple[int, ...]
    storage: CellStorage

    def writer(self, path: str, itemsize: int, cells: _Cells, keys: dict[str, Any]) -> GridWriter:
        """Open a grid array of this level for writing."""
        codecs = codec_chain(self.storage.compressor, itemsize)
        grid = GridMetadata(self.shape, self.origin, codecs, cells.shards, attributes=keys)
        return GridWriter(self.backend, path, grid)

    def keys(self, offsets: Int64Array) -> dict[str, Any]:
        """Give the keys that links and their attributes share."""
        return {"offsets": offsets.tolist(), "level_delta": self.family.delta}


class _ChunkNames:
    """The spellings of the chunks that hold links, and the order in which their keys sort as strings."""

    def __init__(self, coords: Int64Array, placed: Sequence[PlacedLinks], origin: Int64Array) -> None:
        self.used = np.unique(np.concatenate([part.source for part in placed] or [np.empty(0, np.int64)]))
        self.cells = coords[self.used] - origin
        self.keys = format_chunk_keys(coords[self.used])
        self.paths = format_cell_keys(self.cells)
        self.rank = np.empty(len(self.used), np.int64)
        self.rank[sorted(range(len(self.used)), key=self.keys.__getitem__)] = np.arange(len(self.used))


@dataclass(frozen=True, slots=True, eq=False)
class _Cells:
    """The cells of one offsets array, as the arrays that mirror one another need them.

    Attributes
    ----------
    writing : list of (cell, path)
        In the order in which they are written.
    chunk_keys : bytes
        The chunk keys, sorted as strings, as JSON.
    counts : list of int
        Records of each cell, parallel to `chunk_keys`.
    shards : tuple of R ints or None
    """

    writing: list[tuple[list[int], str]]
    chunk_keys: bytes
    counts: list[int]
    shards: tuple[int, ...] | None


def _cells(part: PlacedLinks, names: _ChunkNames, storage: CellStorage) -> tuple[PlacedLinks, _Cells]:
    """Tell about the cells of a part, and give it in the order in which they are written."""
    number = np.searchsorted(names.used, part.source)
    cells = names.cells[number]
    by_key = np.argsort(names.rank[number])
    keys = json.dumps([names.keys[i] for i in number[by_key].tolist()], separators=(",", ":")).encode()
    counts = np.diff(part.starts)[by_key].tolist()
    shards = _shards(cells, storage.shard_shape)
    if shards is not None:
        order = shard_order(cells, shards)
        part, cells, number = part.in_order(order), cells[order], number[order]
    writing = list(zip(cells.tolist(), [names.paths[i] for i in number.tolist()], strict=True))
    return part, _Cells(writing, keys, counts, shards)


def _shards(cells: Int64Array, shard_shape: tuple[int, ...] | None) -> tuple[int, ...] | None:
    """Keep shards where enough cells share one; far offsets have few cells."""
    if shard_shape is None or all(n == 1 for n in shard_shape) or not len(cells):
        return None
    touched = len(np.unique(cells // np.array(shard_shape), axis=0))
    return shard_shape if len(cells) >= _CELLS_OF_A_SHARD * touched else None


def _write_rows(out: _Level, part: PlacedLinks, cells: _Cells) -> None:
    family = out.family
    keys = {
        "zv_array": "links",
        "dtype": _ROW_DTYPE.name,
        "has_perm": family.has_permutations(part.offsets),
        "link_width": family.width,
        "chunk_counts": cells.counts,
        **out.keys(part.offsets),
    }
    path = f"{links_path(out.base, family.delta)}/{format_offsets(part.offsets)}"
    writer = out.writer(path, _ROW_DTYPE.itemsize, cells, keys)
    if family.has_header(part.offsets):
        # What precedes the rows of a cell of one group does not depend on them.
        none = np.empty((0, family.width), np.int64)
        _put_all(writer, part, cells, part.rows, encode_link_cell(none)[0])
        return
    _put_all(writer, part, cells, part.rows)
    _write_fragments(out, part, cells)


def _write_fragments(out: _Level, part: PlacedLinks, cells: _Cells) -> None:
    """Write one fragment a cell over all its rows: the records of a chunk are one group."""
    keys = {"zv_array": "link_fragments", "encoding": "fragment_index_v1"}
    writer = out.writer(f"{out.base}/{LINK_FRAGMENTS}", _ROW_DTYPE.itemsize, cells, keys)
    counts = np.diff(part.starts).reshape(-1, 1)
    for (cell, path), blob in zip(cells.writing, encode_tiling_ranges(counts), strict=True):
        writer.put(cell, path, [blob])
    writer.close(cells.chunk_keys)


def _write_values(out: _Level, part: PlacedLinks, cells: _Cells, column: Column, values: AnyArray) -> None:
    keys = {**column.attributes(), **out.keys(part.offsets), "zv_array": "link_attribute"}
    group = link_attributes_path(out.base, column.name, out.family.delta)
    path = f"{group}/{format_offsets(part.offsets)}"
    writer = out.writer(path, column.dtype.itemsize, cells, keys)

    def taken(first: int, last: int) -> AnyArray:
        some = part.records[part.starts[first] : part.starts[last]]
        return np.take(values, some, axis=0).astype(column.dtype, copy=False)

    _put_all(writer, part, cells, taken)


def _put_all(
    writer: GridWriter, part: PlacedLinks, cells: _Cells, rows: Callable[[int, int], AnyArray], *head: UInt8Array
) -> None:
    """Write all cells; `rows` gives the rows of cells ``first:last``, `head` comes before those of each."""
    for first, last in part.pieces():
        values = np.ascontiguousarray(rows(first, last))
        size = values.dtype.itemsize * math.prod(values.shape[1:])
        flat = values.reshape(-1).view(np.uint8)
        ends = (size * (part.starts[first : last + 1] - part.starts[first])).tolist()
        for (cell, path), (low, high) in zip(cells.writing[first:last], pairwise(ends), strict=True):
            writer.put(cell, path, [*head, flat[low:high]])
    writer.close(cells.chunk_keys)
