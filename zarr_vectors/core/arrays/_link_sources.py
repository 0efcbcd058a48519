"""Links that leave their chunk, found by any chunk that they touch.

Every record lies in the cell of one chunk, its source: it is that chunk's own. The other chunks of its endpoints find
it too, so that each knows all that reaches into it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zarr_vectors.core.arrays._link_cells import LinkArray
from zarr_vectors.core.arrays._link_parts import MetCells
from zarr_vectors.core.arrays._links import LinkReader
from zarr_vectors.encoding import expand_ranges, offsets_of
from zarr_vectors.spatial import ChunkLookup
from zarr_vectors.typing import Int64Array

__all__ = ["CrossingLinks", "LinkSources"]


@dataclass(frozen=True, slots=True, eq=False)
class CrossingLinks:
    """Records whose endpoints lie in several chunks, once for each chunk asked for that they touch.

    Attributes
    ----------
    of : (M,) int64
        The chunk asked for.
    source : (M,) int64
        The chunk that each is stored with.
    chunk, row : (M, L) int64
        Chunk of each endpoint and its row there, in input order.

    Chunks are rows of the level's chunk list.
    """

    of: Int64Array
    source: Int64Array
    chunk: Int64Array
    row: Int64Array


class LinkSources:
    """The cells of a family's records that leave their chunk, by chunk; may be used from several threads at once.

    Parameters
    ----------
    reader : LinkReader
        Of links within one level.
    lookup : ChunkLookup
        Of the level's chunk list.
    """

    def __init__(self, reader: LinkReader, lookup: ChunkLookup) -> None:
        self._width = reader.family.width
        self._arrays = list(reader.leaving_arrays())
        self._met = [_found(lookup, array) for _, array in self._arrays]
        self._first = offsets_of(np.array([len(met) for met in self._met], np.int64))  # cells are numbered through
        nothing = np.empty((0, self._width), np.int64)
        touched = np.sort(np.concatenate([nothing, *self._met]), axis=1)
        distinct = np.ones(touched.shape, bool)
        distinct[:, 1:] = touched[:, 1:] != touched[:, :-1]
        chunk, cell = touched[distinct], np.nonzero(distinct)[0]
        order = np.argsort(chunk, kind="stable")
        self._chunk, self._cell = chunk[order], cell[order]

    def read(self, chunks: Int64Array) -> CrossingLinks:
        """Give the records that touch some chunks, (n,) rows of the level's chunk list."""
        low, high = (np.searchsorted(self._chunk, chunks, side=side) for side in ("left", "right"))
        cells, place = np.unique(self._cell[expand_ranges(low, high - low)], return_inverse=True)
        source, chunk, row, counts = self._read_cells(cells)
        starts = offsets_of(counts)
        some = expand_ranges(starts[place], counts[place])
        of = np.repeat(np.repeat(chunks, high - low), counts[place])
        return CrossingLinks(of, source[some], chunk[some], row[some])

    def _read_cells(self, cells: Int64Array) -> tuple[Int64Array, Int64Array, Int64Array, Int64Array]:
        """Read cells by number, ascending: source, chunks and rows of their records, and how many each has."""
        nothing = np.empty((0, self._width), np.int64)
        source, chunk, row, counts = [nothing[:, 0]], [nothing], [nothing], [nothing[:, 0]]
        bounds = np.searchsorted(cells, self._first)
        for i in np.flatnonzero(np.diff(bounds)).tolist():
            name, array = self._arrays[i]
            which = cells[bounds[i] : bounds[i + 1]] - self._first[i]
            met = self._met[i][which]
            part = MetCells(name, array, which, array.cells[which], met).read()
            source.append(np.repeat(met[:, 0], part.stored.counts))
            chunk.append(part.chunk())
            row.append(part.row())
            counts.append(part.stored.counts)
        return np.concatenate(source), np.concatenate(chunk), np.concatenate(row), np.concatenate(counts)


def _found(lookup: ChunkLookup, array: LinkArray) -> Int64Array:
    """Give the chunks of all endpoints, (c, L), of the records in an array's cells."""
    ends = np.concatenate([array.cells[:, None], array.cells[:, None] + array.offsets], axis=1)
    cells, width, rank = ends.shape
    met = lookup.find(ends.reshape(-1, rank)).reshape(cells, width)
    if (met < 0).any():
        cell, end = np.argwhere(met < 0)[0].tolist()
        array.corrupt(array.cells[cell], f"endpoint {end} of its links lies in a chunk that has no vertices")
    return met
