"""Whether the store that was opened still lies in its place.

Metadata are read once, chunks later: if another store has taken the place meanwhile, the two would be mixed without a
word. So every read ends with a look at the root's metadata, one ``stat`` or one small request; only if that has changed
is more looked at. Coarser levels may come and go: that is still the same store.
"""

from __future__ import annotations

import os
import time
from collections.abc import Generator
from contextlib import closing
from typing import Any, TypeVar

import numpy as np

from zarr_vectors.core._backends import LocalFiles
from zarr_vectors.core.store import OpenStore, StoreLike, load_store
from zarr_vectors.exceptions import ConcurrentWriteError

__all__ = ["Place"]

_ROOT = "zarr.json"
_LOOK_S = 1.0
Item = TypeVar("Item")


class Place:
    """Where a store was opened.

    Parameters
    ----------
    path : StoreLike
    store : OpenStore
        What was found there.
    """

    def __init__(self, path: StoreLike, store: OpenStore) -> None:
        self._path, self._store = path, store
        self._levels = [meta.level for meta in store.levels]
        self._mark = _mark(store, _ROOT)
        self._identity = _identity(store, self._levels)

    def check(self) -> None:
        """Look whether the store that was opened is still there.

        Raises
        ------
        ConcurrentWriteError
            If another store has been written to its place.
        ZarrVectorsError, OSError
            If there is none any more.
        """
        mark = _mark(self._store, _ROOT)
        if mark is not None and mark == self._mark:
            return
        now = load_store(self._path)
        if _identity(now, self._levels) != self._identity:
            msg = f"{self._store.name} was overwritten while it was open; open it again to see it as it is now"
            raise ConcurrentWriteError(msg)
        self._mark = mark

    def watch(self, items: Generator[Item]) -> Generator[Item]:
        """Look before each item is handed out and at the end; where that is a request, once a second."""
        looked = -np.inf
        with closing(items):
            for item in items:
                if isinstance(self._store.backend, LocalFiles) or time.monotonic() - looked >= _LOOK_S:
                    self.check()
                    looked = time.monotonic()
                yield item
        self.check()


def _mark(store: OpenStore, key: str) -> object:
    """Give what changes when a document is written anew; None if it is not there."""
    backend = store.backend
    if not isinstance(backend, LocalFiles):
        found = backend.get(key)
        return None if found is None else found.tobytes()
    try:
        about = os.lstat(backend.path(key))  # a link to itself has nothing behind it
    except (FileNotFoundError, NotADirectoryError):
        return None
    return about.st_ino, about.st_mtime_ns, about.st_size


def _identity(store: OpenStore, levels: list[int]) -> tuple[Any, ...]:
    """Give what tells a store from another one at its place; level 0 stays as it is when others are built."""
    root = store.root
    counts = tuple(meta.vertex_count for meta in store.levels if meta.level in levels)
    finest = _mark(store, f"{store.levels[0].level}/vertices/{_ROOT}")
    return root.geometry_types, root.chunk_shape.tolist(), root.bounds.tolist(), counts, finest
