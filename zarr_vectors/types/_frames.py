"""Columns of data frames as numpy arrays. No data frame library is imported: a column is what has ``to_numpy``."""

from __future__ import annotations

from typing import Any

import numpy as np

from zarr_vectors.exceptions import ArgumentError

__all__ = ["unframed"]


def unframed(source: Any) -> Any:  # noqa: ANN401 - whatever a caller has
    """Give the numpy array of a column of pandas or its like; anything else as it is.

    Numbers and bools keep their dtype, words become objects with None where one is missing.

    Raises
    ------
    ArgumentError
        If numbers or bools are missing of a dtype that has a mark for them (``Int64``, ``boolean``).
    """
    if not hasattr(source, "to_numpy"):
        return source
    dtype = getattr(source, "dtype", None)
    missing = np.asarray(source.isna()) if hasattr(source, "isna") else np.zeros(np.shape(source)[:1], bool)
    if isinstance(dtype, np.dtype) and dtype.kind != "O":
        return source.to_numpy()
    plain: Any = getattr(dtype, "numpy_dtype", None)
    if isinstance(plain, np.dtype) and plain.kind in "biuf":
        if missing.any():
            msg = f"a column of dtype {dtype} has missing values in {int(missing.sum())} rows: fillna(...) first"
            raise ArgumentError(msg)
        return source.to_numpy(dtype=plain)
    values = np.asarray(source.to_numpy())
    if missing.ndim == 1 and missing.any() and values.dtype.kind == "O":
        values = values.copy()
        values[missing] = None
    return values
