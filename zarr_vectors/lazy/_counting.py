"""The catalogue of a level: where it has chunks, and how many vertices lie in each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zarr_vectors.lazy._catalogue import LevelCatalogue
from zarr_vectors.lazy._level import LevelReader
from zarr_vectors.lazy._union import LevelUnion

__all__ = ["level_catalogue"]


def level_catalogue(
    readers: Sequence[LevelReader], union: LevelUnion | None, resolution: tuple[float, ...], vertex_count: int
) -> LevelCatalogue:
    """List the chunks of a level.

    Parameters
    ----------
    readers : list of LevelReader
        Of the levels that hold its content, its own first.
    union : LevelUnion or None
        The same as one, where there are several.
    resolution : (D,) float
    vertex_count : int
    """
    found = [reader.known_counts() for reader in readers]
    arrays, places, counts = readers[0].arrays, readers[0].places, found[0][0]
    if union is not None:
        places, counts = union.places, union.counts([own for own, _ in found])
    return LevelCatalogue(
        arrays.meta.level,
        arrays.chunk_shape,
        np.array(resolution),
        places,
        counts,
        all(exact for _, exact in found),
        vertex_count,
    )
