"""Built chunks and columns by key, least recently used first out, bounded by bytes: the viewer's only cache."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Hashable

__all__ = ["ByteCache", "default_cache_bytes"]

_GIB = 1 << 30


def default_cache_bytes() -> int:
    """Give 1 GiB, or a quarter of the memory where that is less."""
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):  # not every system tells
        return _GIB
    return min(_GIB, memory // 4)


class _Sized(Protocol):
    """What can be kept: it says how many bytes it takes."""

    @property
    def nbytes(self) -> int: ...


class ByteCache:
    """A least-recently-used map that may be used from several threads at once.

    Parameters
    ----------
    max_bytes : int
        What the entries may take together; an entry that alone takes more is not kept.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.nbytes = 0
        self._entries: OrderedDict[Hashable, _Sized] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: Hashable) -> Any:  # noqa: ANN401  # one type a key
        """Give an entry and make it the most recent; None if there is none."""
        with self._lock:
            found = self._entries.get(key)
            if found is not None:
                self._entries.move_to_end(key)
            return found

    def put(self, key: Hashable, value: _Sized) -> None:
        """Add or replace an entry."""
        with self._lock:
            old = self._entries.pop(key, None)
            self.nbytes += value.nbytes - (0 if old is None else old.nbytes)
            self._entries[key] = value
            while self.nbytes > self.max_bytes:
                _, gone = self._entries.popitem(last=False)
                self.nbytes -= gone.nbytes

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._entries.clear()
            self.nbytes = 0
