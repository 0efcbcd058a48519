"""Chunks of an additive level: those of all levels that hold its content, put together where they lie in one place."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zarr_vectors._query import RaggedBatch, ValueBatch, plan_read
from zarr_vectors._query.selection import Selection
from zarr_vectors.encoding import FragmentIndex, expand_ranges, offsets_of
from zarr_vectors.exceptions import ArgumentError, CorruptStoreError, UnsupportedFeatureError
from zarr_vectors.lazy._chunk import Chunk
from zarr_vectors.lazy._level import LevelReader
from zarr_vectors.spatial import ChunkLookup
from zarr_vectors.typing import AnyArray, Int64Array

__all__ = ["LevelUnion"]


class LevelUnion:
    """Reads chunks of several levels as if they were one.

    Parameters
    ----------
    readers : list of LevelReader
        Finest first. All of the same chunks, none divided by an attribute.

    Attributes
    ----------
    places : (n, D) int64
        Where any of the levels has a chunk, ascending.

    Raises
    ------
    UnsupportedFeatureError
        If the levels have different chunks.
    """

    def __init__(self, readers: Sequence[LevelReader]) -> None:
        self._readers = tuple(readers)
        first = readers[0].arrays
        for arrays in (reader.arrays for reader in readers):
            if arrays.rank != first.ndim or not np.array_equal(arrays.chunk_shape, first.chunk_shape):
                msg = (
                    f"{first.where} adds to coarser levels whose chunks are others than its own: it can be read, "
                    "but not chunk by chunk"
                )
                raise UnsupportedFeatureError(msg)
        self.places = np.unique(np.concatenate([reader.places for reader in readers]), axis=0)
        self._rows = [ChunkLookup(reader.places).find(self.places) for reader in readers]

    def counts(self, of_levels: Sequence[Int64Array]) -> Int64Array:
        """Give the vertices in each place, given those in each level's own places."""
        out = np.zeros(len(self.places), np.int64)
        for rows, counts in zip(self._rows, of_levels, strict=True):
            out += np.where(rows >= 0, np.append(counts, 0)[rows], 0)
        return out

    def plan(self, selection: Selection) -> Int64Array:
        """Choose the places that a selection's box can meet."""
        return plan_read(selection, self.places, self._readers[0].arrays.chunk_shape).rows

    def chunk(self, place: int, attributes: tuple[str, ...]) -> Chunk:
        """Read and decode what lies in one place."""
        rows = [(reader, int(found[place])) for reader, found in zip(self._readers, self._rows, strict=True)]
        return _joined([reader.chunk(row, attributes) for reader, row in rows if row >= 0])

    def read_chunks(self, coords: Int64Array, attributes: tuple[str, ...]) -> RaggedBatch:
        """Read places, (n, D), in that order; codes for categorical attributes."""
        asked = self._asked(coords, attributes)
        batches = [reader.read_chunks(coords[own], attributes) for reader, own in asked]
        rows, offsets = _in_places([own for _, own in asked], [batch.offsets for batch in batches], len(coords))
        return RaggedBatch(
            batches[0].level,
            coords,
            offsets,
            np.concatenate([batch.positions for batch in batches])[rows],
            {name: np.concatenate([batch.attributes[name] for batch in batches])[rows] for name in attributes},
        )

    def read_values(self, coords: Int64Array, attributes: tuple[str, ...]) -> ValueBatch:
        """Read the attributes alone of places, (n, D), in that order."""
        asked = self._asked(coords, attributes)
        batches = [reader.read_values(coords[own], attributes) for reader, own in asked]
        rows, offsets = _in_places([own for _, own in asked], [batch.offsets for batch in batches], len(coords))
        values = {name: np.concatenate([batch.attributes[name] for batch in batches])[rows] for name in attributes}
        return ValueBatch(offsets, values)

    def _asked(self, coords: Int64Array, attributes: tuple[str, ...]) -> list[tuple[LevelReader, Int64Array]]:
        """Give for each level which of some places it has."""
        places = ChunkLookup(self.places).find(coords)
        if (places < 0).any():
            bad = tuple(coords[places < 0][0].tolist())
            msg = f"{self._readers[0].arrays.where} has no chunk {bad}"
            raise ArgumentError(msg)
        self._check_words(attributes)
        found = [np.flatnonzero(rows[places] >= 0) for rows in self._rows]
        return list(zip(self._readers, found, strict=True))

    def _check_words(self, attributes: tuple[str, ...]) -> None:
        """Refuse codes that mean different words in different levels."""
        for name in attributes:
            if len({reader.arrays.attribute(name).column.categories for reader in self._readers}) > 1:
                msg = f"{self._readers[0].arrays.where}: its levels have different categories of attribute {name!r}"
                raise UnsupportedFeatureError(msg)


def _in_places(
    owners: Sequence[Int64Array], offsets: Sequence[Int64Array], count: int
) -> tuple[Int64Array, Int64Array]:
    """Order the rows of batches, one behind the other, by place; `owners` says the place of each batch's chunks.

    Returns
    -------
    rows : (N,) int64
    offsets : (count + 1,) int64
        Of the places.
    """
    owner = np.concatenate(owners)
    order = np.argsort(owner, kind="stable")
    sizes = np.concatenate([np.diff(own) for own in offsets])
    rows = expand_ranges(offsets_of(sizes)[:-1][order], sizes[order])
    return rows, offsets_of(np.bincount(owner, sizes, count).astype(np.int64))


def _joined(chunks: Sequence[Chunk]) -> Chunk:
    """Put chunks that lie in one place together."""
    if len(chunks) == 1:
        return chunks[0]
    base = offsets_of(np.array([len(chunk.positions) for chunk in chunks]))
    fragments = [chunk.fragments for chunk in chunks]
    pairs = zip(chunks, base[:-1], strict=True)
    links = [chunk.links + start for chunk, start in pairs if chunk.links is not None]
    return Chunk(
        np.concatenate([chunk.positions for chunk in chunks]),
        {name: np.concatenate([chunk.attributes[name] for chunk in chunks]) for name in chunks[0].attributes},
        _fragments([found for found in fragments if found is not None], base) if None not in fragments else None,
        _all([chunk.objects for chunk in chunks]),
        _links(links),
    )


def _all(parts: Sequence[AnyArray | None]) -> AnyArray | None:
    some = [part for part in parts if part is not None]
    return np.concatenate(some) if len(some) == len(parts) else None


def _links(parts: Sequence[Int64Array]) -> Int64Array | None:
    some = [ends for ends in parts if len(ends)] or list(parts[:1])
    if len({ends.shape[1] for ends in some}) > 1:
        msg = "levels of one content have faces of different numbers of corners"
        raise CorruptStoreError(msg)
    return np.concatenate(some) if some else None


def _fragments(parts: Sequence[FragmentIndex], base: Int64Array) -> FragmentIndex:
    """Put fragments one behind the other, their rows moved."""
    moved = [part.ranges + np.array([start, 0]) for part, start in zip(parts, base, strict=False)]
    return FragmentIndex(
        np.concatenate([part.is_range for part in parts]),
        np.concatenate(moved),
        offsets_of(np.concatenate([np.diff(part.offsets) for part in parts])),
        np.concatenate([part.rows + start for part, start in zip(parts, base, strict=False)]),
    )
