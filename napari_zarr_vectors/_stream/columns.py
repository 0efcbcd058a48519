"""Attributes of the vertices that built chunks draw, without positions or links: their own, and those of others.

Decoded columns stay in the cache of chunks: a chunk and its neighbours ask for the same ones, and who looks at one
attribute and then at another looks at the first again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from napari_zarr_vectors._build import BuiltChunk
    from napari_zarr_vectors._stream.cache import ByteCache
    from zarr_vectors.lazy import LazyStore

    Int64Array = npt.NDArray[np.int64]
    AnyArray = npt.NDArray[np.generic]
    Place = tuple[int, ...]

__all__ = ["read_columns"]


def read_columns(
    store: LazyStore,
    cache: ByteCache,
    level: int,
    coords: Int64Array,
    chunks: Sequence[BuiltChunk],
    names: Sequence[str],
) -> tuple[dict[str, AnyArray], Int64Array]:
    """Read attributes of the vertices of chunks of one level.

    Parameters
    ----------
    store : LazyStore
    cache : ByteCache
    level : int
    coords : (n, D) int64
        Of the chunks.
    chunks : sequence of BuiltChunk
        All with a `source`, whose order of vertices is kept: the chunk's own, then those of others.
    names : sequence of str

    Returns
    -------
    columns : dict of (N,) or (N, C) arrays
        Codes for categorical attributes.
    offsets : (n + 1,) int64
        Chunk ``i`` has the vertices ``offsets[i]:offsets[i + 1]``.

    Raises
    ------
    ZarrVectorsError, OSError
        If they cannot be read.
    """
    far = [None if chunk.source is None else chunk.source.far for chunk in chunks]
    counts = [chunk.count + (0 if other is None else len(other.rows)) for chunk, other in zip(chunks, far, strict=True)]
    offsets = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
    if not names:
        return {}, offsets
    own = [*map(tuple, coords.tolist())]
    others = [[] if other is None else [*map(tuple, other.coords.tolist())] for other in far]
    places = list(dict.fromkeys([*own, *(place for some in others for place in some)]))
    parts = _columns_at(store, cache, level, places, names)
    lengths = np.array([len(part[names[0]]) for part in parts], np.int64)
    starts = np.cumsum(lengths) - lengths
    begin = dict(zip(places, starts.tolist(), strict=True))
    rows = []
    for place, chunk, other, some in zip(own, chunks, far, others, strict=True):
        rows.append(np.arange(begin[place], begin[place] + chunk.count))
        if other is not None and len(some):
            rows.append(np.array([begin[each] for each in some], np.int64)[other.chunk] + other.rows)
    at = np.concatenate(rows)
    return {name: np.concatenate([part[name] for part in parts])[at] for name in names}, offsets


def _columns_at(
    store: LazyStore, cache: ByteCache, level: int, places: list[Place], names: Sequence[str]
) -> list[dict[str, AnyArray]]:
    """Give the columns of chunks, those that are not kept read in one go."""
    found = [{name: cache.get((level, place, name)) for name in names} for place in places]
    missing = [i for i, part in enumerate(found) if any(column is None for column in part.values())]
    if missing:
        batch = store.read_values(level, np.array([places[i] for i in missing]), names)
        for k, i in enumerate(missing):
            rows = slice(int(batch.offsets[k]), int(batch.offsets[k + 1]))
            for name in names:
                found[i][name] = batch.attributes[name][rows].copy()  # what is left of a batch is not all of it
                cache.put((level, places[i], name), found[i][name])
    return found
