"""Draco bitstreams: the vertices of one chunk and the triangles inside it, both in the order in which they were given.

Positions are rounded to a lattice of ``2**bits`` steps along the longest edge of the chunk's extent. Needs DracoPy (the
extra ``draco``); without it both functions raise ``UnsupportedFeatureError``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from zarr_vectors.exceptions import UnsupportedFeatureError
from zarr_vectors.typing import Int64Array

try:
    import DracoPy
except ImportError:
    DracoPy = None

__all__ = ["DRACO_BITS", "check_draco", "decode_draco", "encode_draco"]

DRACO_BITS = range(1, 25)
"""Bits that a coordinate can be rounded to.

float32 has no more than 24, and Draco's tables grow with the number of steps: beyond 27 bits it takes minutes and
gigabytes for a handful of vertices, or ends the process."""


def check_draco(what: str = "Draco") -> None:
    """Raise ``UnsupportedFeatureError`` where DracoPy is not installed; `what` is what needs it."""
    if DracoPy is None:
        msg = f"{what} needs the package DracoPy: pip install 'napari-zarr-vectors[draco]'"
        raise UnsupportedFeatureError(msg)


def encode_draco(positions: npt.NDArray[np.float32], faces: Int64Array, bits: int) -> bytes:
    """Encode positions, shape (N, 3) with N >= 1, and triangles, shape (M, 3), as one bitstream."""
    check_draco()
    triangles = faces.astype(np.uint32) if len(faces) else None
    raw: bytes = DracoPy.encode(
        np.ascontiguousarray(positions, np.float32), triangles, quantization_bits=bits, preserve_order=True
    )
    return raw


def decode_draco(raw: bytes | memoryview | npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.float32], Int64Array]:
    """Decode positions, shape (N, 3), and triangles, shape (M, 3).

    Raises
    ------
    ValueError
        If the bytes are no Draco bitstream of 3-D vertices.
    """
    check_draco()
    try:
        found: Any = DracoPy.decode(bytes(raw))
        positions = np.asarray(found.points, np.float32)
    except (DracoPy.FileTypeException, DracoPy.EncodingFailedException, ValueError, RuntimeError) as error:
        msg = f"no Draco bitstream: {error}"
        raise ValueError(msg) from error
    faces = getattr(found, "faces", None)
    triangles = np.empty((0, 3), np.int64) if faces is None else np.asarray(faces, np.int64)
    if positions.ndim != 2 or positions.shape[1] != 3 or triangles.ndim != 2 or triangles.shape[1] != 3:
        msg = f"Draco bitstream of positions {positions.shape} and faces {triangles.shape}, not of 3-D triangles"
        raise ValueError(msg)
    if len(triangles) and int(triangles.max()) >= len(positions):
        msg = f"Draco bitstream whose triangles name vertex {triangles.max()} of {len(positions)}"
        raise ValueError(msg)
    return positions, triangles
