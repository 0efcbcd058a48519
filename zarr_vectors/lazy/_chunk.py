"""One decoded chunk and what it holds beside its vertices: fragments, their objects, links."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from zarr_vectors._query import RaggedBatch, links_within
from zarr_vectors.core.arrays._fragments import decode_fragment_cell
from zarr_vectors.core.arrays._level import LevelArrays
from zarr_vectors.encoding import FragmentIndex, FragmentTable
from zarr_vectors.types._read import SKELETON, kind_of
from zarr_vectors.typing import AnyArray, FloatArray, Int64Array

__all__ = ["Chunk", "ChunkParts"]

_LINKED_KINDS = ("graph", SKELETON, "mesh")
_NO_OBJECT = -1


@dataclass(frozen=True, slots=True, eq=False)
class Chunk(Mapping[str, Any]):
    """One decoded chunk, with its parts by name.

    Attributes
    ----------
    positions : (n, D) float32 or float64
    attributes : dict of (n,) or (n, C) arrays
        Strings for categorical attributes.
    fragments : FragmentIndex or None
        Which rows make up each fragment; None (and no key) for a cloud without objects.
    objects : (F,) int64 or None
        Id of the object of each fragment, -1 for none, the first of several; None (and no key) without objects.
    links : (M, L) int64 or None
        Edges or faces all of whose ends are rows of this chunk, of a skeleton ``[child, parent]``; None (and no key)
        for kinds that have none.
    """

    positions: FloatArray
    attributes: Mapping[str, AnyArray]
    fragments: FragmentIndex | None = None
    objects: Int64Array | None = None
    links: Int64Array | None = None

    def _names(self) -> tuple[str, ...]:
        parts = ("fragments", "objects", "links")
        return ("positions", "attributes", *(name for name in parts if getattr(self, name) is not None))

    def __getitem__(self, key: str) -> Any:  # noqa: ANN401 - one type a key
        if key not in self._names():
            raise KeyError(key)
        return getattr(self, key)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names())

    def __len__(self) -> int:
        return len(self._names())


class ChunkParts:
    """Finds the fragments, objects and links of chunks; may be used from several threads at once."""

    def __init__(self, arrays: LevelArrays) -> None:
        self.arrays = arrays
        self._lock = threading.Lock()
        self._owners: tuple[Int64Array, Int64Array, Int64Array] | None = None

    def complete(self, row: int, positions: FloatArray, attributes: Mapping[str, AnyArray]) -> Chunk:
        """Make a chunk, given as a row of the level's chunk list, of its vertices."""
        kind = kind_of(self.arrays.store)
        array = self.arrays.fragments
        if array is None or (self.arrays.objects is None and kind not in _LINKED_KINDS):
            return Chunk(positions, attributes)
        coords = self.arrays.coords[row : row + 1]
        fragments = decode_fragment_cell(array, coords[0].tolist())
        objects = None if self.arrays.objects is None else self._objects(row, fragments.num_fragments)
        links = None
        if kind in _LINKED_KINDS:
            batch = RaggedBatch(self.arrays.meta.level, coords, np.array([0, len(positions)]), positions, {})
            links = links_within(self.arrays, batch, FragmentTable.of([fragments]), is_skeleton=kind == SKELETON)
        return Chunk(positions, attributes, fragments, objects, links)

    def _objects(self, row: int, fragments: int) -> Int64Array:
        """Give the id of the object of each fragment of a chunk."""
        starts, numbers, ids = self._by_chunk()
        part = slice(int(starts[row]), int(starts[row + 1]))
        out = np.full(fragments, _NO_OBJECT, np.int64)
        known = numbers[part] < fragments
        # Of values that are set twice the last one stays.
        out[numbers[part][known][::-1]] = ids[part][known][::-1]
        return out

    def _by_chunk(self) -> tuple[Int64Array, Int64Array, Int64Array]:
        """Give all fragments that objects name, chunk by chunk: where each chunk's begin, numbers, and ids."""
        with self._lock:
            index = self.arrays.objects
            if self._owners is None and index is not None:
                blocks = self.arrays.blocks()
                order = np.argsort(blocks.chunks, kind="stable")
                starts = np.searchsorted(blocks.chunks[order], np.arange(len(self.arrays.coords) + 1))
                self._owners = starts, blocks.fragments[order], index.ids[blocks.owners[order]]
            nothing = np.empty(0, np.int64)
            return self._owners or (np.zeros(len(self.arrays.coords) + 1, np.int64), nothing, nothing)
