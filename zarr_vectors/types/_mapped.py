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

from zarr_vectors.exceptions import IncompleteStoreError
from zarr_vectors.typing import AnyArray

__all__ = ["held", "is_mapped", "mapped", "new_mapped", "release"]

_PIECE_ROWS = 1 << 17
_BINARY = getattr(os, "O_BINARY", 0)


class _OwnFile(mmap.mmap):
    """A file that is mapped with others: letting go of its pages loses nothing, which is not so of private maps."""


def mapped(path: Path, shape: tuple[int, ...], dtype: npt.DTypeLike) -> AnyArray:
    """Give the numbers that were written to a file as an array that can be written to.

    Parameters
    ----------
    path : Path
    shape : tuple of ints
    dtype : dtype

    Raises
    ------
    IncompleteStoreError
        If the file is not as long as these numbers are: which of them it has cannot be told.
    """
    size = _size(shape, dtype)
    handle = os.open(path, os.O_RDWR | _BINARY)
    try:
        found = os.fstat(handle).st_size
        if found != size:
            msg = (
                f"{path} has {found} bytes, but {size} were written to it: the disk was full or the file was changed; "
                f"make room, and build again"
            )
            raise IncompleteStoreError(msg)
        return _array(handle, shape, dtype)
    finally:
        os.close(handle)


def new_mapped(path: Path, shape: tuple[int, ...], dtype: npt.DTypeLike) -> AnyArray:
    """Make a file that is as long as such an array, and give it as one; ``OSError`` if there is one already."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | _BINARY, 0o600)
    try:
        _lengthen(handle, _size(shape, dtype))
        return _array(handle, shape, dtype)
    except OSError as error:
        # A full disk: the system does not say which file it was.
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        os.close(handle)


def _size(shape: tuple[int, ...], dtype: npt.DTypeLike) -> int:
    return math.prod(shape) * np.dtype(dtype).itemsize


def _array(handle: int, shape: tuple[int, ...], dtype: npt.DTypeLike) -> AnyArray:
    size = _size(shape, dtype)
    if not size:  # nothing cannot be mapped
        return np.empty(shape, dtype)
    kind: np.dtype[Any] = np.dtype(dtype)
    return np.frombuffer(_OwnFile(handle, size), kind).reshape(shape)


def _lengthen(handle: int, size: int) -> None:
    """Make a file longer; ``OSError`` where the disk is full: touching what is not there would end the process."""
    if not size:
        return
    try:
        os.posix_fallocate(handle, 0, size)
    except (AttributeError, OSError) as error:
        if isinstance(error, OSError) and error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
            raise
        os.truncate(handle, size)


def release(*arrays: object) -> None:
    """Let the pages go that were touched of arrays that `mapped` gave, or of views of them; others stay as they are."""
    for array in arrays:
        owner = _file_of(array)
        if owner is not None and hasattr(mmap, "MADV_DONTNEED"):
            owner.madvise(mmap.MADV_DONTNEED)


def held(array: AnyArray) -> AnyArray:
    """Give an array in memory, a copy of one that lies in a file."""
    if not is_mapped(array):
        return array
    out = np.empty_like(array)
    for low in range(0, len(array), _PIECE_ROWS):
        out[low : low + _PIECE_ROWS] = array[low : low + _PIECE_ROWS]
        release(array)
    return out


def is_mapped(array: object) -> bool:
    """Tell whether an array lies in a file as those that `mapped` gives do."""
    return _file_of(array) is not None


def _file_of(array: object) -> _OwnFile | None:
    owner = array
    while isinstance(owner, np.ndarray | memoryview):
        owner = owner.base if isinstance(owner, np.ndarray) else owner.obj
    return owner if isinstance(owner, _OwnFile) else None
