"""What is known of a store's chunks before any of them is read: the facts that level of detail plans with.

Chunk coordinates are absolute: chunk ``c`` of a level covers ``[c * chunk_shape, (c + 1) * chunk_shape)``
in world units, axis order as stored.
"""

from __future__ import annotations

from dataclasses import dataclass

from zarr_vectors.typing import Float64Array, Int64Array

__all__ = ["Catalogue", "LevelCatalogue"]


@dataclass(frozen=True, slots=True, eq=False)
class LevelCatalogue:
    """The non-empty chunks of one level.

    Attributes
    ----------
    level : int
        Number of the level in the store; 0 is the finest.
    chunk_shape : (D,) float64
        Edge lengths of a chunk, world units.
    resolution : (D,) float64
        The largest displacement of a vertex at this level along each axis, world units: the edge of its
        thinning cell where the store tells it, else of its bin. Zero at level 0.
    coords : (n, D) int64
        Chunk coordinates, ascending (first axis slowest).
    counts : (n,) int64
        Vertices of each chunk; estimates (their sum is about `vertex_count`) unless `counts_exact`.
    counts_exact : bool
    vertex_count : int
        Vertices of the level.
    """

    level: int
    chunk_shape: Float64Array
    resolution: Float64Array
    coords: Int64Array
    counts: Int64Array
    counts_exact: bool
    vertex_count: int


@dataclass(frozen=True, slots=True, eq=False)
class Catalogue:
    """The chunks of all levels of a store.

    Attributes
    ----------
    bounds : (2, D) float64
        Smallest and largest coordinate of level 0 per axis, both inclusive, world units.
    levels : tuple of LevelCatalogue
        By level number, finest first.
    """

    bounds: Float64Array
    levels: tuple[LevelCatalogue, ...]
