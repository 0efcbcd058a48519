"""Assign -> order -> encode -> write: one level of a store, once for all kinds.

A level is written as grid arrays of one cell a chunk: positions, fragments (which tile the chunk's rows) and vertex
attributes. The level's metadata comes after its cells.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from zarr_vectors._spec import Codec, GridMetadata, LevelMetadata, codec_chain
from zarr_vectors._spec.names import (
    FRAGMENT_ATTRIBUTES,
    VERTEX_ATTRIBUTES,
    VERTEX_FRAGMENTS,
    VERTICES,
    WEIGHTS,
    attribute_path,
    format_cell_keys,
    format_chunk_keys,
)
from zarr_vectors.core._backends import Backend
from zarr_vectors.core._commit import put_group
from zarr_vectors.core.arrays._vertices import Column
from zarr_vectors.core.arrays._writer import GridWriter, shard_order
from zarr_vectors.spatial import BinGrid, DividedGrid
from zarr_vectors.typing import AnyArray, Int64Array, UInt8Array

__all__ = [
    "LevelRows",
    "LevelWriter",
    "Storage",
    "automatic_shards",
    "occupied",
    "write_fragment_attributes",
    "write_level",
]

_FRAGMENT_BYTES = 8
_SHARDS_ABOVE = 512
_SHARD_EDGE = {2: 16, 3: 8, 4: 4, 5: 3}
_FILE_BYTES = 4096  # a file takes a block of the disk, and the time of creating it, however little it holds
_INDEX_BYTES = 16  # of each cell of a shard, also of those that are not there


@dataclass(frozen=True, slots=True)
class Storage:
    """How cells are stored: the compressor's name or codecs, and the cells of a shard (None or ones: no shards)."""

    compressor: str | tuple[Codec, ...]
    shard_shape: tuple[int, ...] | None


class LevelRows(Protocol):
    """The rows of a level in stored order, given chunk by chunk; they are not changed while they are written."""

    @property
    def grid(self) -> BinGrid | DividedGrid:
        """The grid of chunks."""
        ...

    @property
    def coords(self) -> Int64Array:
        """Coordinates of the non-empty chunks, ascending, shape (n, R)."""
        ...

    @property
    def counts(self) -> Int64Array:
        """Rows of each, shape (n,)."""
        ...

    @property
    def fragment_counts(self) -> Int64Array:
        """Fragments of each, shape (n,)."""
        ...

    @property
    def fragment_group(self) -> int:
        """How many chunks' fragments are worth encoding together: it bounds what that takes."""
        ...

    def rows(self, chunk: int) -> Sequence[UInt8Array]:
        """Give the rows of one chunk as bytes, one flat array a column."""
        ...

    def fragment_cells(self, low: int, high: int) -> Sequence[UInt8Array] | UInt8Array:
        """Give the encoded fragment indices of chunks ``low:high``."""
        ...


def automatic_shards(
    coords: Int64Array, grid_shape: tuple[int, ...], ndim: int, *, above: int | None = None
) -> tuple[int, ...]:
    """Choose the cells of a shard: a few hundred where the grid is full, fewer the emptier it is, ones for few chunks.

    A shard saves files and costs an index of all its cells, there or not: of some edges, 1 to that of a full grid, the
    one that makes the least of both is taken.

    Parameters
    ----------
    coords : (n, R) int64
        Coordinates of the non-empty chunks. Where ``R > ndim`` the first components are values of an attribute that
        divides chunks; no shard holds chunks of two of them.
    grid_shape : tuple of R ints
    ndim : int
    above : int, optional
        Up to so many chunks there are no shards; None = 512.
    """
    rank, widest = len(grid_shape), _SHARD_EDGE[ndim]
    ones = (1,) * rank
    if len(coords) <= (_SHARDS_ABOVE if above is None else above):
        return ones
    edges = [edge for edge in (1, 2, 4, 8) if edge < widest] + [widest]
    shapes = [ones[ndim:] + (edge,) * ndim for edge in reversed(edges)]
    return min(shapes, key=lambda shape: _shard_bytes(coords, grid_shape, shape))


def _shard_bytes(coords: Int64Array, grid_shape: tuple[int, ...], shape: tuple[int, ...]) -> int:
    """Reckon what files and indices of shards of this shape cost."""
    cells = math.prod(map(min, shape, grid_shape))
    index = _INDEX_BYTES * cells if cells > 1 else 0
    return occupied(coords, shape) * (_FILE_BYTES + index)


def occupied(coords: Int64Array, shape: tuple[int, ...]) -> int:
    """Count the boxes of `shape` cells that hold any of `coords`, shape (n, R)."""
    boxes = coords // np.array(shape)
    boxes -= boxes.min(axis=0, initial=np.iinfo(np.int64).max)
    key = np.zeros(len(boxes), np.int64)  # a grid has fewer than 2**62 cells
    for column in boxes.T:
        key = key * (int(column.max(initial=0)) + 1) + column
    return len(np.unique(key))


def write_level(
    backend: Backend, meta: LevelMetadata, rows: LevelRows, columns: Sequence[Column], storage: Storage
) -> None:
    """Write the vertices of a level: positions, fragments, vertex attributes and the level's metadata.

    Parameters
    ----------
    backend : Backend
    meta : LevelMetadata
    rows : LevelRows
    columns : list of Column
        Positions first, then the vertex attributes, as in `rows`.
    storage : Storage
    """
    writer = LevelWriter(backend, meta.level, rows.grid, columns, storage)
    writer.put(rows)
    writer.close(meta)


class LevelWriter:
    """Writes a level part by part: chunks that have not been written yet, and all of a shard before the next one.

    Parameters
    ----------
    backend : Backend
    level : int
    grid : BinGrid or DividedGrid
        Of the whole level.
    columns, storage
        As in `write_level`.
    """

    def __init__(
        self, backend: Backend, level: int, grid: BinGrid | DividedGrid, columns: Sequence[Column], storage: Storage
    ) -> None:
        self._backend, self._base, self._origin = backend, str(level), grid.origin
        self._shards = _shards(storage)
        self._has_attributes = any(column.name != WEIGHTS for column in columns[1:])
        position = {"zv_array": "vertices", "dtype": columns[0].dtype.name, "encoding": columns[0].encoding}
        fragment = {"zv_array": "vertex_fragments", "encoding": "fragment_index_v1"}

        def writer(path: str, itemsize: int, attributes: dict[str, Any]) -> GridWriter:
            return GridWriter(backend, f"{self._base}/{path}", _grid(grid, storage, itemsize, attributes))

        self._columns = [writer(VERTICES, columns[0].dtype.itemsize, position)]
        self._columns += [writer(attribute_path(c.name), c.dtype.itemsize, c.attributes()) for c in columns[1:]]
        self._fragments = writer(VERTEX_FRAGMENTS, _FRAGMENT_BYTES, fragment)
        self._coords: list[Int64Array] = []
        self._counts: list[Int64Array] = []

    def put(self, rows: LevelRows) -> None:
        """Write the cells of some chunks."""
        self._coords.append(rows.coords)
        self._counts.append(rows.counts)
        cells = rows.coords - self._origin
        keys = format_cell_keys(cells)
        places = cells.tolist()
        group = rows.fragment_group
        encoded, low = rows.fragment_cells(0, 0), 0
        for chunk in shard_order(cells, self._shards).tolist():
            if not low <= chunk < low + len(encoded):
                low = chunk // group * group
                encoded = rows.fragment_cells(low, min(low + group, len(keys)))
            for writer, values in zip(self._columns, rows.rows(chunk), strict=True):
                writer.put(places[chunk], keys[chunk], [values])
            self._fragments.put(places[chunk], keys[chunk], [encoded[chunk - low]])

    def close(self, meta: LevelMetadata) -> None:
        """Write the metadata, the level's last."""
        keys = format_chunk_keys(np.concatenate(self._coords)) if self._coords else []
        counts = np.concatenate(self._counts) if self._counts else np.zeros(0, np.int64)
        # The list of chunk keys is sorted as strings; the counts run parallel to it.
        order = sorted(range(len(keys)), key=keys.__getitem__)
        if len(set(keys)) != len(keys):
            msg = f"level {self._base} was given a chunk twice: rows would be lost"
            raise RuntimeError(msg)
        chunk_keys = json.dumps([keys[i] for i in order], separators=(",", ":")).encode()
        self._columns[0].describe({"chunk_counts": counts[order].tolist()})
        for writer in (*self._columns, self._fragments):
            writer.close(chunk_keys)
        if self._has_attributes:
            put_group(self._backend, f"{self._base}/{VERTEX_ATTRIBUTES}", {})
        put_group(self._backend, self._base, meta.to_dict())


def _shards(storage: Storage) -> tuple[int, ...] | None:
    single = storage.shard_shape is None or all(n == 1 for n in storage.shard_shape)
    return None if single else storage.shard_shape


def _grid(grid: BinGrid | DividedGrid, storage: Storage, itemsize: int, attributes: dict[str, Any]) -> GridMetadata:
    codecs = codec_chain(storage.compressor, itemsize)
    return GridMetadata(grid.shape, grid.origin, codecs, _shards(storage), attributes=attributes)


def write_fragment_attributes(
    backend: Backend,
    base: str,
    rows: LevelRows,
    attributes: Sequence[tuple[Column, Sequence[AnyArray]]],
    storage: Storage,
) -> None:
    """Write values of fragments: for each attribute one array a chunk, one row a fragment."""
    if not attributes:
        return
    cells = rows.coords - rows.grid.origin
    places, keys = cells.tolist(), format_cell_keys(cells)
    order = shard_order(cells, _shards(storage)).tolist()
    chunk_keys = json.dumps(sorted(format_chunk_keys(rows.coords)), separators=(",", ":")).encode()
    put_group(backend, f"{base}/{FRAGMENT_ATTRIBUTES}", {})
    for column, values in attributes:
        about = column.attributes() | {"zv_array": "fragment_attribute"}
        grid = _grid(rows.grid, storage, column.dtype.itemsize, about)
        writer = GridWriter(backend, f"{base}/{FRAGMENT_ATTRIBUTES}/{column.name}", grid)
        for chunk in order:
            writer.put(places[chunk], keys[chunk], [np.ascontiguousarray(values[chunk]).reshape(-1).view(np.uint8)])
        writer.close(chunk_keys)
