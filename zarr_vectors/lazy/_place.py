"""Whether the store that was opened still lies in its place.

Metadata are read once, chunks later: if another store has taken the place meanwhile, the two would be mixed without a
word. So every read ends with a look at the root's metadata, one ``stat`` or one small request; only if that has changed
is more looked at. A read that fails looks too: what seems to be damage is none if the store is another one or gone.
Coarser levels may be added: that is still the same store.
"""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

import numpy as np

from zarr_vectors.core._backends import LocalFiles
from zarr_vectors.core.store import OpenStore, StoreLike, load_store
from zarr_vectors.exceptions import ConcurrentWriteError, StoreClosedError, StoreNotFoundError, ZarrVectorsError

__all__ = ["Place", "at_place", "near_place"]

_ROOT = "zarr.json"
_LOOK_S = 1.0
Item = TypeVar("Item")
Given = ParamSpec("Given")


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
        self._looked = -np.inf

    def check(self) -> None:
        """Look whether the store that was opened is still there.

        Raises
        ------
        ConcurrentWriteError
            If another store has been written to its place.
        StoreNotFoundError
            If it was removed.
        ZarrVectorsError, OSError
            If what lies there now cannot be read.
        """
        mark = _mark(self._store, _ROOT)
        if mark is not None and mark == self._mark:
            return
        if mark is None:
            msg = f"{self._store.name} was removed while it was open"
            raise StoreNotFoundError(msg)
        now = load_store(self._path)
        if _identity(now, self._levels) != self._identity:
            msg = f"{self._store.name} was overwritten while it was open; open it again to see it as it is now"
            raise ConcurrentWriteError(msg)
        self._mark = mark

    @contextmanager
    def looking(self, *, often: bool = False) -> Iterator[None]:
        """Look when a read has ended, and before an error of it is told: then the place has the first word.

        Parameters
        ----------
        often : bool
            Whether many such reads follow each other: where a look is a request there is one a second.
        """
        try:
            yield
        except (ConcurrentWriteError, StoreClosedError, StoreNotFoundError):
            raise
        except (ZarrVectorsError, OSError, KeyError):
            self.check()
            raise
        if often:
            self._glance()
        else:
            self.check()

    def _glance(self) -> None:
        if isinstance(self._store.backend, LocalFiles) or time.monotonic() - self._looked >= _LOOK_S:
            self.check()
            self._looked = time.monotonic()

    def watch(self, items: Generator[Item]) -> Generator[Item]:
        """Look before each item is handed out and at the end; where that is a request, once a second."""
        with closing(items), self.looking():
            for item in items:
                self._glance()
                yield item


class _Placed(Protocol):
    """What has a place, such as `LazyStore`."""

    _place: Place


Owner = TypeVar("Owner", bound=_Placed)


def at_place(method: Callable[Concatenate[Owner, Given], Item]) -> Callable[Concatenate[Owner, Given], Item]:
    """Make a method answer for the store that was opened only; see `Place.looking`."""
    return _looked(method, often=False)


def near_place(method: Callable[Concatenate[Owner, Given], Item]) -> Callable[Concatenate[Owner, Given], Item]:
    """Do as `at_place` for a method that is called often."""
    return _looked(method, often=True)


def _looked(
    method: Callable[Concatenate[Owner, Given], Item], *, often: bool
) -> Callable[Concatenate[Owner, Given], Item]:
    @functools.wraps(method)
    def looked(self: Owner, /, *args: Given.args, **kwargs: Given.kwargs) -> Item:
        with self._place.looking(often=often):
            return method(self, *args, **kwargs)

    return looked


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
