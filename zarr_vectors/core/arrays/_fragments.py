"""Fragment indices of chunks, and attributes of fragments: one row a fragment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import zarr

from zarr_vectors._spec import GridMetadata
from zarr_vectors._spec.names import FRAGMENT_ATTRIBUTES, VERTICES, format_chunk_keys
from zarr_vectors.core._backends import Backend
from zarr_vectors.core.arrays._cells import GridArray, open_grid
from zarr_vectors.core.arrays._vertices import Column, VertexColumn
from zarr_vectors.core.store import OpenStore, backend_of, check_attribute_names, load_array
from zarr_vectors.encoding import FragmentIndex, decode_fragments
from zarr_vectors.encoding.fragments import FragmentTable, decode_some, decode_tables
from zarr_vectors.exceptions import ArgumentError, CorruptChunkError, CorruptStoreError
from zarr_vectors.typing import AnyArray, Int64Array, UInt8Array

__all__ = [
    "FragmentCells",
    "decode_fragment_cell",
    "fragment_attribute_names",
    "open_fragment_attribute",
    "read_fragment_index",
    "read_fragment_indices",
    "read_fragment_table",
]


def decode_fragment_cell(array: GridArray, coord: Sequence[int]) -> FragmentIndex:
    """Read and decode the fragment index of one chunk."""
    return _decode(array, coord, array.read(np.array([coord], np.int64))[0])


def _decode(array: GridArray, coord: Sequence[int], payload: UInt8Array) -> FragmentIndex:
    try:
        return decode_fragments(payload)
    except ValueError as error:
        key = format_chunk_keys(np.array([coord], np.int64))[0]
        raise CorruptChunkError(array.backend.name, array.path, key, str(error)) from error


def read_fragment_table(array: GridArray, coords: Int64Array) -> FragmentTable:
    """Read the fragments of chunks, shape (n, R), all in one table, in that order.

    Raises
    ------
    CorruptChunkError
        If a chunk's fragment index is missing or damaged.
    """
    return FragmentCells(array, coords, array.read(coords)).table()


@dataclass(frozen=True, eq=False)
class FragmentCells:
    """The fragments of some chunks as they are stored.

    Attributes
    ----------
    array : GridArray
    coords : (n, R) int64
    payloads : (n,) blobs
    """

    array: GridArray
    coords: Int64Array
    payloads: Sequence[UInt8Array]

    def table(self) -> FragmentTable:
        """Decode all of them; ``CorruptChunkError`` if a chunk's fragment index is damaged."""
        found = decode_tables(self.payloads)
        if found is not None:
            return found
        return FragmentTable.of(_decode_all(self.array, self.coords, self.payloads))

    def some(self, numbers: AnyArray, bounds: Int64Array) -> FragmentTable | None:
        """Decode some of them, where that is possible without the others; see `decode_some`."""
        return decode_some(self.payloads, numbers, bounds)


def read_fragment_indices(array: GridArray, coords: Int64Array) -> list[FragmentIndex]:
    """Read the fragment index of each chunk, shape (n, R); see `read_fragment_table`."""
    return _decode_all(array, coords, array.read(coords))


def _decode_all(array: GridArray, coords: Int64Array, payloads: Sequence[UInt8Array]) -> list[FragmentIndex]:
    return [_decode(array, coord, payload) for coord, payload in zip(coords.tolist(), payloads, strict=True)]


def fragment_attribute_names(store: OpenStore, level: int) -> tuple[str, ...]:
    """Give the names of a level's fragment attributes, sorted."""
    path = f"{level}/{FRAGMENT_ATTRIBUTES}"
    names = tuple(n for n in store.backend.list_names(path) if n != "zarr.json" and not n.startswith("."))
    check_attribute_names(store, path, names)
    return names


def open_fragment_attribute(store: OpenStore, level: int, name: str, rank: int) -> VertexColumn:
    """Open a fragment attribute: like a vertex attribute, with one row a fragment of each chunk.

    Parameters
    ----------
    store : OpenStore
    level : int
    name : str
    rank : int
        Components R of a chunk coordinate.

    Raises
    ------
    ArgumentError
        If there is no such attribute.
    """
    known = fragment_attribute_names(store, level)
    if name not in known:
        have = ", ".join(map(repr, known)) or "none"
        msg = f"{store.name}: level {level} has no fragment attribute {name!r}; it has {have}"
        raise ArgumentError(msg)
    path = f"{level}/{FRAGMENT_ATTRIBUTES}/{name}"
    array = open_grid(store, path)
    if array is None or len(array.grid.shape) != rank:
        found = "no zarr array" if array is None else f"an array of {len(array.grid.shape)} axes"
        msg = f"{store.name}: {path} must be a grid of {rank} axes, it is {found}"
        raise CorruptStoreError(msg)
    return VertexColumn(array, Column.of_attribute(name, array.grid, f"{store.name}/{path}"))


def read_fragment_index(level_group: zarr.Group, name: str, coord: Sequence[int]) -> FragmentIndex:
    """Read the fragment index of one chunk.

    Parameters
    ----------
    level_group : zarr.Group
        The group of a level, as `LazyStore.level_group` gives it.
    name : str
        ``"vertex_fragments"``.
    coord : D ints
        Chunk coordinate (absolute, not the cell's index).

    Raises
    ------
    ArgumentError
        If there is no such array or no such chunk.
    CorruptChunkError
        If the chunk's fragment index is missing or damaged.
    """
    backend = backend_of(level_group)
    doc = load_array(backend, name)
    if doc is None:
        msg = f"{backend.name} has no array {name!r}"
        raise ArgumentError(msg)
    array = GridArray(backend, name, GridMetadata.from_dict(doc, f"{backend.name}/{name}", with_chunks=False))
    try:
        asked = np.asarray(coord)
    except (TypeError, ValueError) as error:
        msg = f"a chunk coordinate is {len(array.grid.shape)} whole numbers, got {coord!r}"
        raise ArgumentError(msg) from error
    if asked.shape != (len(array.grid.shape),) or asked.dtype.kind not in "iu":
        count = len(array.grid.shape)
        msg = f"a chunk coordinate of {backend.name} has {count} components, whole numbers; got {coord!r}"
        raise ArgumentError(msg)
    asked = asked.astype(np.int64)
    payload = array.read_present(asked[None])[0]
    if payload is None and not _is_listed(backend, name, asked):
        msg = f"{backend.name} has no chunk {tuple(asked.tolist())}"
        raise ArgumentError(msg)
    return decode_fragment_cell(array, asked.tolist()) if payload is None else _decode(array, asked.tolist(), payload)


def _is_listed(backend: Backend, name: str, coord: Int64Array) -> bool:
    """Tell whether an array, or the level's vertices, names a chunk as one that is not empty."""
    docs = {path: load_array(backend, path) for path in (name, VERTICES)}
    grids = [GridMetadata.from_dict(doc, f"{backend.name}/{path}") for path, doc in docs.items() if doc is not None]
    lists = [grid.chunks for grid in grids if grid.chunks is not None]
    return any(bool((chunks == coord).all(axis=1).any()) for chunks in lists)
