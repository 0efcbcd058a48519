"""Meshes whose cells are Draco bitstreams: vertices come from them, and so do the faces within a chunk.

Rounded by Draco, a vertex could come to lie on the other side of its chunk's face; it is put back into its chunk, so
that boxes find it where it is.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from zarr_vectors.core.arrays._cells import GridArray
from zarr_vectors.core.arrays._links import LinkEnds, LinkReader, LinkRows
from zarr_vectors.core.arrays._vertices import Column, VertexColumn
from zarr_vectors.encoding.draco import decode_draco
from zarr_vectors.exceptions import CorruptChunkError, CorruptStoreError
from zarr_vectors.typing import AnyArray, BoolArray, Float64Array, Int64Array

__all__ = ["DracoColumn", "DracoLinks", "into_chunks"]

Positions = npt.NDArray[np.float32]

_CORNERS = 3


def into_chunks(positions: Positions, coords: Int64Array, chunk_shape: Float64Array) -> Positions:
    """Move positions, shape (n, 3), to the nearest place in their chunks, of coordinates (3,) or (n, 3)."""
    # The division that assigns a position to its chunk rounds: it is asked, not the chunk's edges.
    out = positions.copy()
    for aside, step in ((-1, np.inf), (1, -np.inf)):
        edge = ((coords + (aside > 0)) * chunk_shape).astype(np.float32)
        while (wrong := np.sign(np.floor(out.astype(np.float64) / chunk_shape) - coords) == aside).any():
            out = np.where(wrong, edge, out)
            edge = np.nextafter(edge, np.float32(step))
    return out


class _DracoCells(GridArray):
    """Cells whose size does not tell their rows."""

    def payload_sizes(self, coords: Int64Array) -> Int64Array | None:
        """Give None."""
        return None


class DracoColumn(VertexColumn):
    """Positions in Draco bitstreams."""

    def __init__(self, array: GridArray, column: Column, chunk_shape: Float64Array) -> None:
        super().__init__(_DracoCells(array.backend, array.path, array.grid), column)
        self._chunk_shape = chunk_shape

    def read(self, coords: Int64Array, counts: Int64Array | None) -> tuple[AnyArray, Int64Array]:
        """Give the positions of chunks one after the other, and the rows of each chunk."""
        meshes = self._meshes(coords)
        found = np.array([len(positions) for positions, _ in meshes], np.int64)
        joined = np.concatenate([np.empty((0, 3), np.float32), *(positions for positions, _ in meshes)])
        return into_chunks(joined, np.repeat(coords[:, -3:], found, axis=0), self._chunk_shape), found

    def read_one(self, coord: Sequence[int], count: int | None = None) -> AnyArray:
        """Give the positions of one chunk."""
        positions, found = self.read(np.array([coord], np.int64), None)
        if count is not None and int(found[0]) != count:
            self.wrong_length(coord, f"it has {found[0]} rows, its chunk has {count} vertices")
        return positions

    def read_faces(self, coords: Int64Array) -> tuple[Int64Array, Int64Array]:
        """Give the faces within chunks, rows of their chunk, shape (T, 3), and how many each chunk has."""
        faces = [triangles for _, triangles in self._meshes(coords)]
        joined = np.concatenate([np.empty((0, _CORNERS), np.int64), *faces])
        return joined, np.array([len(triangles) for triangles in faces], np.int64)

    def _meshes(self, coords: Int64Array) -> list[tuple[Positions, Int64Array]]:
        payloads = self.array.read(coords)
        return [self._mesh(payload, coord) for payload, coord in zip(payloads, coords.tolist(), strict=True)]

    def _mesh(self, payload: npt.NDArray[np.uint8], coord: Sequence[int]) -> tuple[Positions, Int64Array]:
        try:
            return decode_draco(payload)
        except ValueError as error:
            key = ".".join(map(str, coord))
            raise CorruptChunkError(self.array.backend.name, self.array.path, key, str(error)) from error


class DracoLinks(LinkReader):
    """Faces of a level with Draco: those within a chunk from its bitstream, the others from links."""

    def __init__(self, column: DracoColumn, links: LinkReader) -> None:
        if links.family.width != _CORNERS:
            msg = f"{links.store.name}: faces within chunks are triangles, links have {links.family.width} endpoints"
            raise CorruptStoreError(msg)
        super().__init__(links.store, links.level, links.family, links.num_links)
        self._column = column

    def read(
        self,
        coords: Int64Array | None = None,
        *,
        others: Int64Array | None = None,
        counts: Int64Array | None = None,
        touching: bool = False,
        around: tuple[Int64Array, Int64Array] | None = None,
        attributes: Sequence[str] | None = None,
    ) -> LinkRows:
        """Give the faces that lie in some chunks; those within a chunk come first. See `LinkReader.read`."""
        known = self._chunks(self.level) if coords is None else coords
        links = super().read(
            coords, others=others, counts=counts, touching=touching, around=around, attributes=attributes
        )
        asked = np.arange(len(known)) if around is None else np.flatnonzero(_in_range(known, *around))
        faces, sizes = self._column.read_faces(known[asked])
        chunk = np.repeat(asked, sizes)[:, None].repeat(_CORNERS, axis=1)
        return LinkRows(np.concatenate([chunk, links.chunk]), np.concatenate([faces, links.row]), links.attributes)

    def ends(self, starts: Int64Array, coords: Int64Array | None = None, *, touching: bool = False) -> LinkEnds:
        """Give the faces that lie in some chunks, with their corners numbered through; see `LinkReader.ends`."""
        found = self.read(coords, counts=np.diff(starts), touching=touching)
        return LinkEnds(np.where(found.chunk < 0, -1, starts[found.chunk] + found.row), found.attributes)

    def chunks_around(self, first: Int64Array, last: Int64Array) -> Int64Array:
        """Give the chunks of all faces of which a point may lie in a range of chunks."""
        known = self._chunks(self.level)
        return np.unique(
            np.concatenate([super().chunks_around(first, last), known[_in_range(known, first, last)]]), axis=0
        )


def _in_range(coords: Int64Array, first: Int64Array, last: Int64Array) -> BoolArray:
    return np.asarray(((coords >= first) & (coords <= last)).all(axis=1), bool)
