"""Selection -> typed result, the same for `read_points` and `open_zv(...).read`."""

from __future__ import annotations

from collections.abc import Mapping

from zarr_vectors.core.arrays._level import LevelArrays
from zarr_vectors.encoding import decode_categories
from zarr_vectors.exceptions import CorruptStoreError
from zarr_vectors.types._result import PointsResult
from zarr_vectors.typing import AnyArray, FloatArray

__all__ = ["decode_attributes", "points_result"]


def decode_attributes(arrays: LevelArrays, values: Mapping[str, AnyArray]) -> dict[str, AnyArray]:
    """Turn the codes of categorical attributes into strings."""
    return {name: decode_attribute(arrays, name, codes) for name, codes in values.items()}


def decode_attribute(arrays: LevelArrays, name: str, codes: AnyArray) -> AnyArray:
    """Turn the codes of one attribute into strings if it is categorical."""
    array = arrays.attribute(name)
    if array.column.categories is None:
        return codes
    try:
        return decode_categories(codes, array.column.categories)
    except ValueError as error:
        msg = f"{arrays.store.name}: array {array.array.path!r}: {error}"
        raise CorruptStoreError(msg) from error


def points_result(arrays: LevelArrays, positions: FloatArray, values: Mapping[str, AnyArray]) -> PointsResult:
    """Make the result of a read from positions and attributes as stored."""
    return PointsResult(positions, decode_attributes(arrays, values), arrays.meta.level)
