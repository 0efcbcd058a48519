"""A level as a task reads it: small and picklable, so that a task may run in another process."""

from __future__ import annotations

import uuid
from collections import OrderedDict
from typing import Any

from zarr_vectors.core.arrays._level import LevelArrays
from zarr_vectors.core.store import OpenStore

__all__ = ["LevelSource"]

_MOST_OPEN = 4
_opened: OrderedDict[str, LevelArrays] = OrderedDict()
"""What tasks of this process have open, by token: a task that comes by pickle must not open its level anew."""


class LevelSource:
    """One level of a store.

    Parameters
    ----------
    arrays : LevelArrays
    """

    def __init__(self, arrays: LevelArrays) -> None:
        self._arrays: LevelArrays | None = arrays
        self._store: OpenStore = arrays.store
        self._level = arrays.meta
        self._token = uuid.uuid4().hex

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_arrays": None}

    @property
    def arrays(self) -> LevelArrays:
        """The level's arrays, opened once a process."""
        if self._arrays is None:
            found = _opened.get(self._token)
            if found is None:
                found = _opened[self._token] = LevelArrays(self._store, self._level)
                while len(_opened) > _MOST_OPEN:
                    _opened.popitem(last=False)
            self._arrays = found
        return self._arrays
