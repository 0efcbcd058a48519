"""Assign -> bin -> encode -> write: one level of a store, once for all kinds.

A level is written as grid arrays of one cell a chunk: positions, fragments (one a bin, tiling the chunk's rows) and
vertex attributes. The level's metadata comes after its cells.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from zarr_vectors._spec import Codec, GridMetadata, LevelMetadata, codec_chain
from zarr_vectors._spec.names import (
    VERTEX_ATTRIBUTES,
    VERTEX_FRAGMENTS,
    VERTICES,
    attribute_path,
    format_cell_keys,
    format_chunk_keys,
)
from zarr_vectors.constants import FRAGMENT_GROUP_BINS
from zarr_vectors.core._backends import Backend
from zarr_vectors.core._commit import put_group
from zarr_vectors.core.arrays._vertices import Column
from zarr_vectors.core.arrays._writer import GridWriter, shard_order
from zarr_vectors.encoding import encode_tiling_ranges
from zarr_vectors.types._sort import SortedRows

__all__ = ["Storage", "automatic_shards", "write_level"]

_FRAGMENT_BYTES = 8
_SHARDS_ABOVE = 512
_SHARD_EDGE = {2: 16, 3: 8, 4: 4, 5: 3}


@dataclass(frozen=True, slots=True)
class Storage:
    """How cells are stored: the compressor's name or codecs, and the cells of a shard (None or ones: no shards)."""

    compressor: str | tuple[Codec, ...]
    shard_shape: tuple[int, ...] | None


def automatic_shards(chunks: int, ndim: int) -> tuple[int, ...]:
    """Give the cells of a shard for a level of so many chunks: a few hundred to a shard, ones for few chunks."""
    return (_SHARD_EDGE[ndim] if chunks > _SHARDS_ABOVE else 1,) * ndim


def write_level(
    backend: Backend, meta: LevelMetadata, rows: SortedRows, columns: Sequence[Column], storage: Storage
) -> None:
    """Write a level of points.

    Parameters
    ----------
    backend : Backend
    meta : LevelMetadata
    rows : SortedRows
    columns : list of Column
        Positions first, then the vertex attributes, as in `rows`.
    storage : Storage
    """
    base = str(meta.level)
    writers = [_writer(backend, base, column, rows, storage) for column in columns]
    fragments = _fragment_writer(backend, base, rows, storage)
    _write_cells(rows, writers, fragments, _shards(storage))
    _write_metadata(backend, base, meta, rows, [*writers, fragments], has_attributes=len(columns) > 1)


def _shards(storage: Storage) -> tuple[int, ...] | None:
    single = storage.shard_shape is None or all(n == 1 for n in storage.shard_shape)
    return None if single else storage.shard_shape


def _grid(rows: SortedRows, storage: Storage, itemsize: int, attributes: dict[str, Any]) -> GridMetadata:
    codecs = codec_chain(storage.compressor, itemsize)
    return GridMetadata(rows.grid.shape, rows.grid.origin, codecs, _shards(storage), attributes=attributes)


def _writer(backend: Backend, base: str, column: Column, rows: SortedRows, storage: Storage) -> GridWriter:
    itemsize = column.dtype.itemsize
    if column.name == "positions":
        # The list of chunk keys is sorted as strings; the counts run parallel to it.
        order = sorted(range(len(rows.counts)), key=format_chunk_keys(rows.coords).__getitem__)
        keys = {
            "zv_array": "vertices",
            "dtype": column.dtype.name,
            "encoding": "raw",
            "chunk_counts": rows.counts[order].tolist(),
        }
        return GridWriter(backend, f"{base}/{VERTICES}", _grid(rows, storage, itemsize, keys))
    grid = _grid(rows, storage, itemsize, column.attributes())
    return GridWriter(backend, f"{base}/{attribute_path(column.name)}", grid)


def _fragment_writer(backend: Backend, base: str, rows: SortedRows, storage: Storage) -> GridWriter:
    keys = {"zv_array": "vertex_fragments", "encoding": "fragment_index_v1"}
    return GridWriter(backend, f"{base}/{VERTEX_FRAGMENTS}", _grid(rows, storage, _FRAGMENT_BYTES, keys))


def _write_cells(
    rows: SortedRows,
    writers: Sequence[GridWriter],
    fragments: GridWriter,
    shard_shape: tuple[int, ...] | None,
) -> None:
    cells = rows.coords - rows.grid.origin
    keys = format_cell_keys(cells)
    places = cells.tolist()
    order = shard_order(cells, shard_shape)
    # Fragments of neighbouring chunks are encoded together; the group bounds what that takes.
    group = max(1, FRAGMENT_GROUP_BINS // rows.grid.bin_count)
    encoded, low = encode_tiling_ranges(np.empty((0, rows.grid.bin_count), np.int64)), 0
    for chunk in order.tolist():
        if not low <= chunk < low + len(encoded):
            low = chunk // group * group
            encoded = encode_tiling_ranges(rows.bin_counts(low, min(low + group, len(keys))))
        for writer, values in zip(writers, rows.rows(chunk), strict=True):
            writer.put(places[chunk], keys[chunk], [values])
        fragments.put(places[chunk], keys[chunk], [encoded[chunk - low]])


def _write_metadata(
    backend: Backend,
    base: str,
    meta: LevelMetadata,
    rows: SortedRows,
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
