"""The cells of a mesh as Draco bitstreams: each chunk's vertices with the triangles that lie in it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zarr_vectors.core.arrays._draco import into_chunks
from zarr_vectors.core.arrays._row_grid import RowGrid
from zarr_vectors.encoding import offsets_of
from zarr_vectors.encoding.draco import decode_draco, encode_draco
from zarr_vectors.spatial import BinGrid, DividedGrid, extent
from zarr_vectors.types._order import OrderedRows
from zarr_vectors.typing import Float64Array, Int64Array, UInt8Array

__all__ = ["DracoRows"]


class DracoRows:
    """The rows of a level, their positions as bitstreams.

    Parameters
    ----------
    rows : OrderedRows
    faces : (M, 3) int64
        Sorted rows.
    bits : int
        What each coordinate is rounded to.
    chunk_shape : (3,) float64

    Attributes
    ----------
    crossing : (M', 3) int64
        The faces that do not lie in one chunk: no bitstream holds them.
    bounds : (2, 3) float64
        Extent of what has been encoded so far, as it is going to be read.
    """

    def __init__(self, rows: OrderedRows, faces: Int64Array, bits: int, chunk_shape: Float64Array) -> None:
        self._rows, self._bits, self._chunk_shape = rows, bits, chunk_shape
        starts = offsets_of(rows.counts)
        chunk = RowGrid(rows.coords, starts).chunk_of(faces)
        is_inside = (chunk == chunk[:, :1]).all(axis=1)
        self.crossing = faces[~is_inside]
        inner = chunk[is_inside, 0]
        order = np.argsort(inner, kind="stable")
        self._faces = (faces[is_inside] - starts[inner][:, None])[order]
        self._first = offsets_of(np.bincount(inner, minlength=len(rows.counts)))
        self.bounds = np.stack([np.full(3, np.inf), np.full(3, -np.inf)])

    @property
    def grid(self) -> BinGrid | DividedGrid:
        """The grid of chunks."""
        return self._rows.grid

    @property
    def coords(self) -> Int64Array:
        """Coordinates of the non-empty chunks, ascending, (n, 3)."""
        return self._rows.coords

    @property
    def counts(self) -> Int64Array:
        """Rows of each, (n,)."""
        return self._rows.counts

    @property
    def fragment_counts(self) -> Int64Array:
        """Fragments of each, (n,)."""
        return self._rows.fragment_counts

    @property
    def fragment_group(self) -> int:
        """How many chunks' fragments are worth encoding together."""
        return self._rows.fragment_group

    def fragment_cells(self, low: int, high: int) -> Sequence[UInt8Array]:
        """Encode the fragment indices of chunks ``low:high``."""
        return self._rows.fragment_cells(low, high)

    def rows(self, chunk: int) -> list[UInt8Array]:
        """Give one chunk as bytes: its bitstream, then the rows of each other column."""
        raw, *others = self._rows.rows(chunk)
        positions = raw.view("<f4").reshape(-1, 3)
        stream = encode_draco(positions, self._faces[self._first[chunk] : self._first[chunk + 1]], self._bits)
        rounded, _ = decode_draco(stream)
        found = extent(into_chunks(rounded, self.coords[chunk], self._chunk_shape))
        self.bounds = np.stack([np.minimum(self.bounds[0], found[0]), np.maximum(self.bounds[1], found[1])])
        return [np.frombuffer(stream, np.uint8), *others]
