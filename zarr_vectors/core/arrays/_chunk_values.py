"""The vertex attribute that a level's chunks are divided by: it has no array, a chunk's first coordinate tells it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zarr_vectors._spec import LevelMetadata
from zarr_vectors.core.arrays._cells import GridArray
from zarr_vectors.core.arrays._vertices import Column
from zarr_vectors.encoding import Categories
from zarr_vectors.exceptions import CorruptStoreError, UnsupportedFeatureError
from zarr_vectors.typing import AnyArray, Int64Array

__all__ = ["ChunkValues", "chunk_values"]


class ChunkValues:
    """Values of all vertices of a chunk, by the chunk's first coordinate.

    Parameters
    ----------
    array : GridArray
        The level's vertices.
    column : Column
    values : (B,) array
        Value of each bin; codes where they are words.
    """

    def __init__(self, array: GridArray, column: Column, values: AnyArray) -> None:
        self.array, self.column, self._values = array, column, values

    @property
    def values(self) -> AnyArray:
        """Value of each first component of a chunk's coordinate, (B,); codes where they are words."""
        return self._values

    def read_aligned(self, coords: Int64Array, counts: Int64Array) -> AnyArray:
        """Give the value of each vertex of chunks with these vertex counts, (sum of counts,)."""
        bins = coords[:, 0]
        if len(bins) and not 0 <= int(bins.min()) <= int(bins.max()) < len(self._values):
            msg = (
                f"{self.array.backend.name}/{self.array.path} has chunks in bins {bins.min()} to {bins.max()} of "
                f"attribute {self.column.name!r}, which has {len(self._values)} values"
            )
            raise CorruptStoreError(msg)
        return np.repeat(self._values[bins], counts)

    def read_one(self, coord: Sequence[int], count: int) -> AnyArray:
        """Give the value of each vertex of one chunk, (count,)."""
        return self.read_aligned(np.array([coord], np.int64), np.array([count]))


def chunk_values(meta: LevelMetadata, array: GridArray) -> ChunkValues | None:
    """Make the attribute that a level says its chunks are divided by; None where it names none."""
    name, listed = meta.other.get("chunk_attribute_name"), meta.other.get("chunk_attribute_values")
    if name is None and listed is None:
        return None
    where = f"{array.backend.name}: level {meta.level}: chunk_attribute_values"
    if not isinstance(name, str) or not isinstance(listed, list):
        msg = f"{where} must be a list, and chunk_attribute_name its attribute's name, got {listed!r} and {name!r}"
        raise CorruptStoreError(msg)
    if all(isinstance(item, str) for item in listed):
        codes = np.arange(len(listed)).astype(np.min_scalar_type(max(0, len(listed) - 1)))
        return ChunkValues(array, Column(name, codes.dtype, (), Categories(tuple(listed), has_missing=False)), codes)
    try:
        # Numbers of JSON have no type; what this library writes says which one they had.
        dtype = meta.other.get("chunk_attribute_dtype")
        values = np.array(listed, dtype if isinstance(dtype, str) else None)
    except (TypeError, ValueError, OverflowError) as error:
        msg = f"{where}: {error}"
        raise CorruptStoreError(msg) from error
    if values.ndim != 1 or values.dtype.kind not in "biuf":
        msg = f"{where} must be strings, or numbers, got {listed!r}"
        raise UnsupportedFeatureError(msg)
    return ChunkValues(array, Column(name, values.dtype), values)
