"""Links that leave their chunk, found by the chunk that they are stored with.

Every record lies in the cell of one chunk, its source: whoever draws a level chunk by chunk draws it there, once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zarr_vectors.core.arrays._link_parts import MetCells
from zarr_vectors.core.arrays._links import LinkReader
from zarr_vectors.encoding import expand_ranges
from zarr_vectors.spatial import ChunkLookup
from zarr_vectors.typing import Int64Array

__all__ = ["CrossingLinks", "LinkSources"]


@dataclass(frozen=True, slots=True, eq=False)
class CrossingLinks:
    """Records whose endpoints lie in several chunks.

    Attributes
    ----------
    source : (M,) int64
        The chunk that each is stored with.
    chunk, row : (M, L) int64
        Chunk of each endpoint and its row there, in input order.

    Chunks are rows of the level's chunk list.
    """

    source: Int64Array
    chunk: Int64Array
    row: Int64Array


class LinkSources:
    """The cells of a family's records that leave their chunk, by source; may be used from several threads at once.

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
        none = np.empty(0, np.int64)
        self._met = [_found(lookup, _ends(array.cells, array.offsets)) for _, array in self._arrays]
        for (_, array), met in zip(self._arrays, self._met, strict=True):
            if (met < 0).any():
                cell, end = np.argwhere(met < 0)[0].tolist()
                array.corrupt(array.cells[cell], f"endpoint {end} of its links lies in a chunk that has no vertices")
        source = np.concatenate([none, *(met[:, 0] for met in self._met)])
        of = np.repeat(np.arange(len(self._arrays)), [len(met) for met in self._met])
        cell = np.concatenate([none, *(np.arange(len(met)) for met in self._met)])
        order = np.argsort(source, kind="stable")
        self._source, self._of, self._cell = source[order], of[order], cell[order]

    def read(self, chunks: Int64Array) -> CrossingLinks:
        """Give the records that are stored with some chunks, (n,) rows of the level's chunk list."""
        low, high = (np.searchsorted(self._source, chunks, side=side) for side in ("left", "right"))
        some = expand_ranges(low, high - low)
        of, cell = self._of[some], self._cell[some]
        nothing = np.empty((0, self._width), np.int64)
        source, chunk, row = [nothing[:, 0]], [nothing], [nothing]
        for i in np.unique(of).tolist():
            name, array = self._arrays[i]
            which = cell[of == i]
            met = self._met[i][which]
            part = MetCells(name, array, which, array.cells[which], met).read()
            source.append(np.repeat(met[:, 0], part.stored.counts))
            chunk.append(part.chunk())
            row.append(part.row())
        return CrossingLinks(np.concatenate(source), np.concatenate(chunk), np.concatenate(row))


def _ends(cells: Int64Array, offsets: Int64Array) -> Int64Array:
    """Give the chunks of all endpoints, (c, L, R), of records in cells (c, R)."""
    return np.concatenate([cells[:, None], cells[:, None] + offsets], axis=1)


def _found(lookup: ChunkLookup, ends: Int64Array) -> Int64Array:
    cells, width, rank = ends.shape
    return lookup.find(ends.reshape(-1, rank)).reshape(cells, width)
