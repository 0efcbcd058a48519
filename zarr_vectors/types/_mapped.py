"""Arrays that lie in files of this library's own: what a process has looked at of them can be let go again.

The pages of a mapped file count as the process' memory once they were touched, until the system takes them back, which
it does when it has to. Working through a large file piece by piece, and saying after each that it is not needed any
more, keeps a process small; what was written stays in the file.
"""

from __future__ import annotations

import errno
import math
import mmap
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from zarr_vectors.typing import AnyArray

__all__ = ["mapped", "release"]


class _OwnFile(mmap.mmap):
    """A file that is mapped with others: letting go of its pages loses nothing, which is not so of private maps."""


def mapped(path: Path, shape: tuple[int, ...], dtype: npt.DTypeLike) -> AnyArray:
    """Give the numbers of a file as an array that can be written to; the file is made as long as they need.

    Parameters
    ----------
    path : Path
    shape : tuple of ints
    dtype : dtype
    """
    kind: np.dtype[Any] = np.dtype(dtype)
    size = math.prod(shape) * kind.itemsize
    if not size:
        return np.empty(shape, kind)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)
    try:
        if os.fstat(handle).st_size < size:
            _lengthen(handle, size)
        room = _OwnFile(handle, size)
    finally:
        os.close(handle)
    return np.frombuffer(room, kind).reshape(shape)


def _lengthen(handle: int, size: int) -> None:
    """Make a file longer; ``OSError`` where the disk is full: touching what is not there would end the process."""
    try:
        os.posix_fallocate(handle, 0, size)
    except (AttributeError, OSError) as error:
        if isinstance(error, OSError) and error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
            raise
        os.truncate(handle, size)


def release(*arrays: object) -> None:
    """Let the pages go that were touched of arrays that `mapped` gave, or of views of them; others stay as they are."""
    for array in arrays:
        owner = array
        while isinstance(owner, np.ndarray | memoryview):
            owner = owner.base if isinstance(owner, np.ndarray) else owner.obj
        if isinstance(owner, _OwnFile) and hasattr(mmap, "MADV_DONTNEED"):
            owner.madvise(mmap.MADV_DONTNEED)
