"""Assign -> order -> encode -> write: one level of a store, once for all kinds.

A level is written as grid arrays of one cell a chunk: positions, fragments (which tile the chunk's rows) and vertex
attributes. The level's metadata comes after its cells.
"""

from __future__ import annotations

import json
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

__all__ = ["LevelRows", "Storage", "automatic_shards", "write_fragment_attributes", "write_level"]

_FRAGMENT_BYTES = 8
_SHARDS_ABOVE = 512
_SHARD_EDGE = {2: 16, 3: 8, 4: 4, 5: 3}


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


def automatic_shards(chunks: int, ndim: int) -> tuple[int, ...]:
    """Give the cells of a shard for a level of so many chunks: a few hundred to a shard, ones for few chunks."""
    return (_SHARD_EDGE[ndim] if chunks > _SHARDS_ABOVE else 1,) * ndim


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
    base = str(meta.level)
    writers = [_position_writer(backend, base, columns[0], rows, storage)]
    writers += [_attribute_writer(backend, base, column, rows, storage) for column in columns[1:]]
    fragments = _fragment_writer(backend, base, rows, storage)
    _write_cells(rows, writers, fragments, _shards(storage))
    _write_metadata(backend, base, meta, rows, [*writers, fragments], has_attributes=len(columns) > 1)


def _shards(storage: Storage) -> tuple[int, ...] | None:
    single = storage.shard_shape is None or all(n == 1 for n in storage.shard_shape)
    return None if single else storage.shard_shape


def _grid(rows: LevelRows, storage: Storage, itemsize: int, attributes: dict[str, Any]) -> GridMetadata:
    codecs = codec_chain(storage.compressor, itemsize)
    return GridMetadata(rows.grid.shape, rows.grid.origin, codecs, _shards(storage), attributes=attributes)


def _position_writer(backend: Backend, base: str, column: Column, rows: LevelRows, storage: Storage) -> GridWriter:
    # The list of chunk keys is sorted as strings; the counts run parallel to it.
    order = sorted(range(len(rows.counts)), key=format_chunk_keys(rows.coords).__getitem__)
    keys = {
        "zv_array": "vertices",
        "dtype": column.dtype.name,
        "encoding": column.encoding,
        "chunk_counts": rows.counts[order].tolist(),
    }
    return GridWriter(backend, f"{base}/{VERTICES}", _grid(rows, storage, column.dtype.itemsize, keys))


def _attribute_writer(backend: Backend, base: str, column: Column, rows: LevelRows, storage: Storage) -> GridWriter:
    grid = _grid(rows, storage, column.dtype.itemsize, column.attributes())
    return GridWriter(backend, f"{base}/{attribute_path(column.name)}", grid)


def _fragment_writer(backend: Backend, base: str, rows: LevelRows, storage: Storage) -> GridWriter:
    keys = {"zv_array": "vertex_fragments", "encoding": "fragment_index_v1"}
    return GridWriter(backend, f"{base}/{VERTEX_FRAGMENTS}", _grid(rows, storage, _FRAGMENT_BYTES, keys))


def _write_cells(
    rows: LevelRows,
    writers: Sequence[GridWriter],
    fragments: GridWriter,
    shard_shape: tuple[int, ...] | None,
) -> None:
    cells = rows.coords - rows.grid.origin
    keys = format_cell_keys(cells)
    places = cells.tolist()
    order = shard_order(cells, shard_shape)
    group = rows.fragment_group
    encoded, low = rows.fragment_cells(0, 0), 0
    for chunk in order.tolist():
        if not low <= chunk < low + len(encoded):
            low = chunk // group * group
            encoded = rows.fragment_cells(low, min(low + group, len(keys)))
        for writer, values in zip(writers, rows.rows(chunk), strict=True):
            writer.put(places[chunk], keys[chunk], [values])
        fragments.put(places[chunk], keys[chunk], [encoded[chunk - low]])


def _write_metadata(
    backend: Backend,
    base: str,
    meta: LevelMetadata,
    rows: LevelRows,
    writers: Sequence[GridWriter],
    *,
    has_attributes: bool,
) -> None:
    chunk_keys = json.dumps(sorted(format_chunk_keys(rows.coords)), separators=(",", ":")).encode()
    for writer in writers:
        writer.close(chunk_keys)
    if has_attributes:
        put_group(backend, f"{base}/{VERTEX_ATTRIBUTES}", {})
    put_group(backend, base, meta.to_dict())


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
        grid = _grid(rows, storage, column.dtype.itemsize, about)
        writer = GridWriter(backend, f"{base}/{FRAGMENT_ATTRIBUTES}/{column.name}", grid)
        for chunk in order:
            writer.put(places[chunk], keys[chunk], [np.ascontiguousarray(values[chunk]).reshape(-1).view(np.uint8)])
        writer.close(chunk_keys)
