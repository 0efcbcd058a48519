"""The grid arrays of one level, opened when they are first needed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import cached_property

import numpy as np

from zarr_vectors._spec import LevelMetadata
from zarr_vectors._spec.names import (
    VERTEX_ATTRIBUTES,
    VERTEX_FRAGMENTS,
    VERTEX_WEIGHTS,
    VERTICES,
    WEIGHTS,
    attribute_path,
)
from zarr_vectors.core._backends import LocalFiles, keep_freed_memory
from zarr_vectors.core.arrays._blocks import Blocks, find_blocks, join_blocks
from zarr_vectors.core.arrays._cells import GridArray, open_grid
from zarr_vectors.core.arrays._chunk_values import ChunkValues, chunk_values
from zarr_vectors.core.arrays._draco import DracoColumn, DracoLinks
from zarr_vectors.core.arrays._fragments import FragmentCells, read_fragment_indices, read_fragment_table
from zarr_vectors.core.arrays._links import LinkFamily, LinkReader, open_links
from zarr_vectors.core.arrays._objects import ObjectIndex, open_objects
from zarr_vectors.core.arrays._vertices import Column, VertexColumn
from zarr_vectors.core.store import OpenStore, check_attribute_names
from zarr_vectors.encoding import FragmentIndex, FragmentTable
from zarr_vectors.exceptions import (
    ArgumentError,
    CorruptStoreError,
    StoreClosedError,
    StoreNotFoundError,
    UnsupportedFeatureError,
)
from zarr_vectors.spatial import ChunkLookup
from zarr_vectors.typing import Float64Array, Int64Array

__all__ = ["LevelArrays"]

_KEPT_BYTES = 64 << 20
# Chunks whose fragments are decoded at once: it bounds what that takes. Where chunks are looked at one by one, few at a
# time stay in memory that is used again.
_FRAGMENTS_TOGETHER, _FRAGMENTS_AHEAD = 32, 8


class LevelArrays:
    """Positions, vertex attributes, fragments, objects and links of one level.

    May be used from several threads at once.

    Attributes
    ----------
    rank : int
        Components R of a chunk coordinate: D, or D + 1 where chunks are divided by an attribute, which is the first.
    coords : (n, R) int64
        Non-empty chunks, ascending.
    counts : (n,) int64 or None
        Vertices of each, where the store tells them.
    closed : bool
        Whether the store was closed; every read is an error then.
    """

    def __init__(self, store: OpenStore, meta: LevelMetadata) -> None:
        keep_freed_memory()
        self.store, self.meta = store, meta
        self.ndim = store.root.ndim
        self.closed = False
        self._lock = threading.Lock()
        self._columns: dict[str, VertexColumn | ChunkValues] = {}
        self._names: tuple[str, ...] | None = None
        self._blocks: Blocks | None = None
        array = open_grid(store, f"{meta.level}/{VERTICES}", with_chunks=True)
        if array is None:
            self._check_root()
            msg = f"{store.name}: level {meta.level} has no array {VERTICES!r}"
            raise CorruptStoreError(msg)
        where = f"{store.name}/{array.path}"
        column = Column.of_positions(array.grid, self.ndim, where)
        is_draco = column.encoding == "draco"
        self.positions = DracoColumn(array, column, self.chunk_shape) if is_draco else VertexColumn(array, column)
        self.rank = _rank(array, meta, self.ndim, where)
        self.coords, self.counts = _chunks(array, self.rank, meta.vertex_count, where)
        self._divided = chunk_values(meta, array) if self.rank > self.ndim else None

    @property
    def divided(self) -> ChunkValues | None:
        """The attribute that chunks are divided by, if any: all vertices of a chunk have one value of it."""
        return self._divided

    @property
    def where(self) -> str:
        """What to call the level in messages."""
        return f"{self.store.name}: level {self.meta.level}"

    @property
    def is_local(self) -> bool:
        """Whether the store is files on this machine, whose reading is not what is waited for."""
        return isinstance(self.store.backend, LocalFiles)

    @property
    def fragment_path(self) -> str:
        """Path of the fragment indices."""
        return f"{self.meta.level}/{VERTEX_FRAGMENTS}"

    @property
    def chunk_shape(self) -> Float64Array:
        """Edge lengths of this level's chunks, (D,) float64."""
        own = self.meta.chunk_shape
        return self.store.root.chunk_shape if own is None else own

    @property
    def attribute_names(self) -> tuple[str, ...]:
        """Names of the vertex attributes, sorted."""
        if self._names is None:
            names = self.store.backend.list_names(f"{self.meta.level}/{VERTEX_ATTRIBUTES}")
            if not names:
                self._check_root()
            stored = [n for n in names if n != "zarr.json" and not n.startswith(".")]
            check_attribute_names(self.store, f"{self.meta.level}/{VERTEX_ATTRIBUTES}", stored)
            divided = () if self._divided is None else (self._divided.column.name,)
            self._names = tuple(sorted({*stored, *divided}))
        return self._names

    def attribute(self, name: str) -> VertexColumn | ChunkValues:
        """Open one vertex attribute, or the weights; an unknown name is an ``ArgumentError``."""
        with self._lock:
            found = self._columns.get(name) if isinstance(name, str) else None
            if found is None:
                found = self._columns[name] = self._open_attribute(name)
            return found

    def _open_attribute(self, name: str) -> VertexColumn | ChunkValues:
        path = f"{self.meta.level}/{attribute_path(name)}"
        if name == WEIGHTS and not self.has_weights:
            msg = f"{self.where} has no weights: each of its vertices stands for itself"
            raise ArgumentError(msg)
        if name != WEIGHTS and name not in self.attribute_names:
            have = ", ".join(map(repr, self.attribute_names)) or "none"
            msg = f"{self.store.name}: level {self.meta.level} has no vertex attribute {name!r}; it has {have}"
            raise ArgumentError(msg)
        array = open_grid(self.store, path)
        if array is None and self._divided is not None and self._divided.column.name == name:
            return self._divided
        if array is None:
            self._check_root()
            msg = f"{self.store.name}: {path} is listed but is no zarr array"
            raise CorruptStoreError(msg)
        if len(array.grid.shape) != self.rank:
            msg = f"{self.store.name}/{path} has {len(array.grid.shape)} axes, the level's chunks {self.rank}"
            raise CorruptStoreError(msg)
        return VertexColumn(array, Column.of_attribute(name, array.grid, f"{self.store.name}/{path}"))

    @property
    def has_weights(self) -> bool:
        """Whether the level says how many vertices of level 0 each vertex stands for; see `WEIGHTS`."""
        return VERTEX_WEIGHTS in self.meta.arrays_present

    @property
    def value_names(self) -> tuple[str, ...]:
        """Names of all that can be read of vertices beside positions: attributes, and weights where there are."""
        return (*self.attribute_names, WEIGHTS) if self.has_weights else self.attribute_names

    @cached_property
    def lookup(self) -> ChunkLookup:
        """Finds chunks in `coords`."""
        return ChunkLookup(self.coords)

    @cached_property
    def objects(self) -> ObjectIndex | None:
        """The objects; None if the level has no object index."""
        return open_objects(self.store, self.meta.level)

    def blocks(self, rows: Int64Array | None = None) -> Blocks:
        """Give the fragments of the objects in these rows of the object index, in this order; of all where it is None.

        Raises
        ------
        CorruptStoreError
            If the level has no object index, or its manifests name chunks that are not there.
        """
        if self._blocks is not None:
            return self._blocks if rows is None else self._blocks.take(rows)
        if self.objects is None:
            msg = f"{self.where} has no object index"
            raise CorruptStoreError(msg)
        if rows is not None:
            return find_blocks(self.objects.manifests(rows), self.lookup, self.objects, self.rank)
        # The numbers of fragments and chunks take a quarter of what manifests do.
        found = join_blocks([find_blocks(m, self.lookup, self.objects, self.rank) for m in self.objects.parts()])
        if found.nbytes <= _KEPT_BYTES:
            self._blocks = found
        return found

    @cached_property
    def links(self) -> LinkReader | None:
        """The links within the level; None if it has none."""
        links = open_links(self.store, self.meta.level)
        if not isinstance(self.positions, DracoColumn):
            return links
        return DracoLinks(self.positions, links or LinkReader(self.store, self.meta.level, LinkFamily(3, self.rank), 0))

    @cached_property
    def fragments(self) -> GridArray | None:
        """The fragment indices; None if the level has none."""
        return open_grid(self.store, self.fragment_path)

    def fragment_table(self, coords: Int64Array) -> FragmentTable:
        """Read the fragments of chunks, shape (n, R), in one table."""
        groups = self._groups(coords, _FRAGMENTS_TOGETHER)
        return FragmentTable.joined([read_fragment_table(self._require_fragments(), group) for group in groups])

    def iter_fragments(self, coords: Int64Array) -> Iterator[FragmentCells]:
        """Read the fragments of chunks, shape (n, R), some chunks at a time: all are never held at once."""
        array = self._require_fragments()
        for group in self._groups(coords, _FRAGMENTS_AHEAD):
            yield FragmentCells(array, group, array.read(group))

    def _groups(self, coords: Int64Array, size: int) -> list[Int64Array]:
        step = size if self.is_local else max(1, len(coords))
        return [coords[low : low + step] for low in range(0, max(1, len(coords)), step)]

    def fragment_indices(self, coords: Int64Array) -> list[FragmentIndex]:
        """Read the fragment index of each chunk, shape (n, R)."""
        return read_fragment_indices(self._require_fragments(), coords)

    def _require_fragments(self) -> GridArray:
        if self.fragments is None:
            self._check_root()
            msg = f"{self.where} has no array {VERTEX_FRAGMENTS!r}"
            raise CorruptStoreError(msg)
        return self.fragments

    def check_open(self) -> None:
        """Raise ``StoreClosedError`` once the store was closed."""
        if self.closed:
            msg = f"{self.store.name} was closed"
            raise StoreClosedError(msg)

    def _check_root(self) -> None:
        """Tell a store that was removed while it was open from one that lacks a part."""
        if self.store.backend.get("zarr.json") is None:
            msg = f"{self.store.name} was removed while it was open"
            raise StoreNotFoundError(msg)


def _rank(array: GridArray, meta: LevelMetadata, ndim: int, where: str) -> int:
    rank, named = len(array.grid.shape), len(meta.chunk_dims) or ndim
    if rank == named and rank in (ndim, ndim + 1):
        return rank
    if named > ndim + 1 or rank == ndim < named:
        msg = f"{where} has {rank} axes, the level names {named} for its chunks, which is not read"
        raise UnsupportedFeatureError(msg)
    msg = f"{where} has {rank} axes, the store {ndim}, the level's chunks {named}"
    raise CorruptStoreError(msg)


def _chunks(array: GridArray, ndim: int, vertex_count: int, where: str) -> tuple[Int64Array, Int64Array | None]:
    """Give the non-empty chunks in ascending order, and their vertex counts if they fit the level's."""
    chunks = array.grid.chunks
    if chunks is None:
        if vertex_count:
            msg = f"{where}: nonempty_chunks is missing, the level has {vertex_count} vertices"
            raise CorruptStoreError(msg)
        return np.empty((0, ndim), np.int64), np.empty(0, np.int64)
    order = np.lexsort(chunks.T[::-1])
    coords = chunks[order]
    if (coords[1:] == coords[:-1]).all(axis=1).any():
        msg = f"{where}: nonempty_chunks names a chunk twice"
        raise CorruptStoreError(msg)
    counts = array.grid.attributes.get("chunk_counts")
    if not isinstance(counts, list) or len(counts) != len(chunks):
        return coords, None
    try:
        found = np.array(counts, np.int64)
    except (TypeError, ValueError, OverflowError):
        return coords, None  # a hint that cannot be read is no hint
    if found.shape != (len(chunks),) or (found < 0).any() or found.sum() != vertex_count:
        return coords, None
    return coords, found[order]
