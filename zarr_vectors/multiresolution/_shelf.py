"""Room for what a level holds while the next one is made: in memory where it is little, else in files.

The files lie in a folder of the build's own, inside the one that the build writes its store into: whatever ends the
build ends them too. docs/decisions/0012-pyramids.md says what goes there.
"""

from __future__ import annotations

import math
import shutil
from contextlib import suppress
from itertools import count
from pathlib import Path

import numpy as np
import numpy.typing as npt

from zarr_vectors.exceptions import IncompleteStoreError
from zarr_vectors.types._mapped import mapped, new_mapped, release
from zarr_vectors.typing import AnyArray

__all__ = ["Pile", "Shelf", "remove_scratch"]

_IN_MEMORY = 1 << 22
"""Bytes of one array that are held rather than put into a file."""


class Shelf:
    """Gives room for arrays.

    Parameters
    ----------
    folder : Path
        Made when it is first needed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._numbers = folder, count(1)
        self._files: list[Path] = []

    def room(self, shape: tuple[int, ...], dtype: npt.DTypeLike) -> AnyArray:
        """Give an array to write to; what is in it is anything."""
        if math.prod(shape) * np.dtype(dtype).itemsize <= _IN_MEMORY:
            return np.empty(shape, dtype)
        return new_mapped(self.new_file(), shape, dtype)

    def kept(self, values: AnyArray) -> AnyArray:
        """Give the same values where they take no memory, if they are numbers and many; `clear` leaves them."""
        if values.nbytes <= _IN_MEMORY or values.dtype.kind not in "biuf":
            return values
        out = new_mapped(self._named(f"kept{next(self._numbers)}"), values.shape, values.dtype)
        rows = max(1, _IN_MEMORY * len(values) // values.nbytes)
        for low in range(0, len(values), rows):
            piece = slice(low, low + rows)
            out[piece] = values[piece]
            release(out)
        return out

    def new_file(self) -> Path:
        """Name a file that is not there yet."""
        self._files.append(self._named(str(next(self._numbers))))
        return self._files[-1]

    def _named(self, name: str) -> Path:
        self._folder.mkdir(parents=True, exist_ok=True)
        return self._folder / name

    def pile(self, row_shape: tuple[int, ...], dtype: npt.DTypeLike) -> Pile:
        """Give an array that grows."""
        return Pile(self, row_shape, np.dtype(dtype))

    def clear(self) -> None:
        """Remove all files but those that are kept; arrays that lie in them must not be used any more.

        Where files in use cannot be removed they stay until the folder around goes, which the build sees to.
        """
        for path in self._files:
            with suppress(OSError):
                path.unlink()
        self._files.clear()


class Pile:
    """Rows that are put one behind the other; see `Shelf.pile`."""

    def __init__(self, shelf: Shelf, row_shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> None:
        self._shelf, self._row_shape, self._dtype = shelf, row_shape, dtype
        self._held: list[AnyArray] = []
        self._bytes = 0
        self._path: Path | None = None
        self._rows = 0

    def __len__(self) -> int:
        """Number of rows."""
        return self._rows

    def put(self, rows: AnyArray) -> None:
        """Put rows, (n, ...), behind those that are there; ``OSError`` where the disk is full."""
        if not len(rows):
            return
        self._held.append(np.ascontiguousarray(rows, self._dtype))
        self._rows += len(rows)
        self._bytes += self._held[-1].nbytes
        if self._bytes > _IN_MEMORY:
            self._write()

    def _write(self) -> None:
        if self._path is None:
            self._path = self._shelf.new_file()
        try:
            # Buffered: a raw file takes as much of a write as there is room for, and says so only by the count.
            with self._path.open("ab") as file:
                for rows in self._held:
                    file.write(rows.data.cast("B"))
        except OSError as error:
            # A full disk: the system does not say which file it was.
            raise OSError(error.errno, error.strerror, str(self._path)) from error
        self._held, self._bytes = [], 0

    def array(self) -> AnyArray:
        """Give all rows, (n, ...)."""
        shape = (self._rows, *self._row_shape)
        if self._path is None:
            none: AnyArray = np.empty((0, *self._row_shape), self._dtype)
            return np.concatenate([none, *self._held])
        self._write()
        return mapped(self._path, shape, self._dtype)


def remove_scratch(folder: Path) -> None:
    """Remove a folder of a build's own, if it is there, from among what is published next.

    Raises
    ------
    IncompleteStoreError
        If it cannot be removed.
    """
    if not folder.exists():
        return
    try:
        shutil.rmtree(folder)
    except OSError as error:
        msg = (
            f"{folder}: files of the build cannot be removed: {error}; nothing is published, the store is as it was; "
            f"close what has them open, and build again"
        )
        raise IncompleteStoreError(msg) from error
