"""Advice on chunks: a warning where there are very many that hold next to nothing, before they are written."""

from __future__ import annotations

import math
import warnings

from zarr_vectors.exceptions import SmallChunksWarning
from zarr_vectors.types._pipeline import occupied
from zarr_vectors.typing import Float64Array, Int64Array

__all__ = ["advise_chunks", "small_chunks"]

_MANY_CHUNKS = 10_000
_FEW_VERTICES = 100
_GOOD_VERTICES = 10_000


def advise_chunks(coords: Int64Array, vertices: int, chunk_shape: Float64Array, *, stacklevel: int) -> None:
    """Warn with ``SmallChunksWarning`` where `small_chunks` has something to say."""
    said = small_chunks(coords, vertices, chunk_shape)
    if said is not None:
        warnings.warn(said, SmallChunksWarning, stacklevel=stacklevel + 1)


def small_chunks(coords: Int64Array, vertices: int, chunk_shape: Float64Array) -> str | None:
    """Say that chunks are too small, and which would not be; None where they are not.

    Parameters
    ----------
    coords : (n, R) int64
        Coordinates of the non-empty chunks; their last D components are those in space.
    vertices : int
        In all chunks together.
    chunk_shape : (D,) float64
        World units.
    """
    chunks = len(coords)
    if chunks <= _MANY_CHUNKS or vertices >= _FEW_VERTICES * chunks:
        return None
    said = (
        f"chunk_shape {chunk_shape.tolist()} puts {vertices:,} vertices into {chunks:,} chunks, "
        f"{vertices / chunks:.3g} each on average; that is slow to write and to read"
    )
    growth = _growth(coords, vertices, len(chunk_shape))
    if growth is None:
        return f"{said}. Divide them by an attribute of fewer values: larger chunks alone do not help"
    better = [float(f"{edge:.2g}") for edge in chunk_shape * growth]
    return f"{said}. chunk_shape={better} would give about {_GOOD_VERTICES:,} each"


def _growth(coords: Int64Array, vertices: int, ndim: int) -> float | None:
    """Find how many times longer the edges of chunks have to be, so that they hold enough; None if none do.

    Counted for 2, 4, 8.. times, because chunks of lines and surfaces fill up more slowly than those of a volume;
    between two of these the count is taken to follow a power of the edge.
    """
    division = (1,) * (coords.shape[1] - ndim)
    cells = coords - coords.min(axis=0)
    span = int(cells[:, -ndim:].max()) + 1
    edge, before = 1, vertices / len(coords)
    while edge < span:
        found = vertices / occupied(cells, (*division, *(2 * edge,) * ndim))
        if found >= _GOOD_VERTICES:
            part = math.log(_GOOD_VERTICES / before) / math.log(found / before)
            return float(edge * 2**part)
        edge, before = 2 * edge, found
    return None
