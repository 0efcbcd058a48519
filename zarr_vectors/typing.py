"""Names for the types that cross rooms."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

AnyArray: TypeAlias = npt.NDArray[Any]
BoolArray: TypeAlias = npt.NDArray[np.bool_]
FloatArray: TypeAlias = npt.NDArray[np.floating[Any]]
Float64Array: TypeAlias = npt.NDArray[np.float64]
Int64Array: TypeAlias = npt.NDArray[np.int64]
UInt64Array: TypeAlias = npt.NDArray[np.uint64]
UInt8Array: TypeAlias = npt.NDArray[np.uint8]

PathLike: TypeAlias = str | Path
"""A place on a local disk; zarr ``Store`` and ``Group`` objects are taken beside it."""

Progress: TypeAlias = Callable[[int, int, str], None]
"""Called as ``progress(done, total, message)``."""


class Cancel(Protocol):
    """Something that can be asked whether the caller wants the work to stop (``threading.Event`` fits)."""

    def is_set(self) -> bool:
        """Tell whether the work shall stop."""
        ...
