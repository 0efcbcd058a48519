"""The wanted cells of one array of links, and their records as they were given: chunks, rows and numbers of ends."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zarr_vectors.core.arrays._link_cells import LinkArray, StoredLinks
from zarr_vectors.encoding import decode_permutations
from zarr_vectors.typing import Int64Array

__all__ = ["LinkPart", "MetCells"]

_PIECE = 1 << 16


@dataclass(frozen=True, slots=True, eq=False)
class MetCells:
    """The wanted cells of one offsets array, by number and by chunk (c, R), and the chunks that each meets (c, L)."""

    name: str
    array: LinkArray
    which: Int64Array
    cells: Int64Array
    met: Int64Array

    def read(self, into: Int64Array | None = None) -> LinkPart:
        """Read the records, to `into` where they can lie there as they are."""
        return LinkPart(self.name, self.array, self.cells, self.met, self.array.read(self.which, into))


@dataclass(frozen=True, slots=True, eq=False)
class LinkPart:
    """The wanted cells of one offsets array: cells (c, R), the chunks that each meets (c, L), and their records.

    A chunk is a number in the list of those asked for, -1 if it is not in it.
    """

    name: str
    array: LinkArray
    cells: Int64Array
    met: Int64Array
    stored: StoredLinks

    def chunk(self) -> Int64Array:
        """Give the chunk of each endpoint, (m, L), in input order."""
        return self._as_given(np.repeat(self.met, self.stored.counts, axis=0))

    def row(self) -> Int64Array:
        """Give the row of each endpoint in its chunk, (m, L), in input order."""
        return self._as_given(self.stored.rows)

    def number(self, starts: Int64Array, out: Int64Array) -> None:
        """Write the number of each endpoint, in input order, to `out`, (m, L); -1 in chunks that were not asked for.

        Parameters
        ----------
        starts : (n + 1,) int64
            Where the numbers of each chunk's rows begin.
        """
        rows, counts = self.stored.rows, self.stored.counts
        self._check_rows(np.diff(starts))
        bases = starts[self.met]
        if not self.array.offsets.any():
            # One chunk for all endpoints of a cell: its rows are one run of numbers.
            _add_runs(rows.reshape(-1), bases[:, 0], counts * rows.shape[1], out.reshape(-1))
            return
        np.add(rows, np.repeat(bases, counts, axis=0), out=out)
        if (self.met < 0).any():
            out[np.repeat(self.met < 0, counts, axis=0)] = -1
        out[:] = self._as_given(out)

    def _check_rows(self, limits: Int64Array) -> None:
        """Check that rows are below the limits, (n,), of the chunks that were asked for."""
        rows, counts = self.stored.rows, self.stored.counts
        filled = np.flatnonzero(counts)
        if not len(filled):
            return
        begins = (np.cumsum(counts) - counts)[filled]
        width = rows.shape[1]
        if self.array.offsets.any():
            most = np.maximum.reduceat(rows, begins, axis=0)  # (filled, L)
        else:
            most = np.maximum.reduceat(rows.reshape(-1), begins * width)[:, None]
        met = self.met[filled, : most.shape[1]]
        wrong = ((met >= 0) & (most >= limits[met])).any(axis=1)
        if wrong.any():
            at = int(np.argmax(wrong))
            said = f"it links row {most[at].max()}, and a chunk has {limits[met[at]].min()} vertices"
            self.array.corrupt(self.cells[filled[at]], said)

    def _as_given(self, values: Int64Array) -> Int64Array:
        """Put values of endpoints, (m, L) in stored order, into input order; `values` themselves where they are."""
        codes = self.stored.codes
        # Most records lie in one chunk or were in order already.
        turned = np.flatnonzero(codes) if codes is not None else np.empty(0, np.int64)
        if codes is None or not len(turned):
            return values
        out = values.copy()
        out[turned] = _scattered(values[turned], decode_permutations(codes[turned], values.shape[1]))
        return out


def _add_runs(values: Int64Array, bases: Int64Array, counts: Int64Array, out: Int64Array) -> None:
    """Add to each run of values, (c,) of them with these counts, its base."""
    ends = np.cumsum(counts)
    pieces = np.unique(np.append(np.searchsorted(ends, np.arange(_PIECE, len(values), _PIECE)), len(counts)))
    low, begin = 0, 0
    for high in pieces.tolist():
        # A piece at a time: as many numbers as there are values would take as much room again.
        some = np.repeat(bases[low:high], counts[low:high])
        np.add(values[begin : begin + len(some)], some, out=out[begin : begin + len(some)])
        low, begin = high, begin + len(some)


def _scattered(stored: Int64Array, order: Int64Array) -> Int64Array:
    out = np.empty_like(stored)
    np.put_along_axis(out, order, stored, axis=1)
    return out
