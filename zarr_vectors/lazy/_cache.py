"""A least-recently-used cache of decoded chunks, bounded by chunks or by bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable

from zarr_vectors.typing import AnyArray

__all__ = ["ChunkCache"]


class ChunkCache:
    """Keeps the columns of decoded chunks; may be used from several threads at once.

    Parameters
    ----------
    max_chunks : int
        Chunks kept; 0 keeps none.
    max_bytes : int or None
        Bytes kept, in place of `max_chunks`.
    """

    def __init__(self, max_chunks: int, max_bytes: int | None) -> None:
        self.max_chunks, self.max_bytes = max_chunks, max_bytes
        self.nbytes = 0
        self._entries: OrderedDict[Hashable, dict[str, AnyArray]] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._entries)

    def admits(self, chunks: int) -> bool:
        """Tell whether this many chunks may stay; a larger request would only wash the cache out."""
        return self.max_bytes is not None or chunks <= self.max_chunks

    def get(self, key: Hashable, columns: tuple[str, ...]) -> dict[str, AnyArray] | None:
        """Give a chunk's columns if all of them are kept."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None or not all(name in entry for name in columns):
                return None
            self._entries.move_to_end(key)
            return {name: entry[name] for name in columns}

    def put(self, key: Hashable, columns: dict[str, AnyArray]) -> None:
        """Keep a chunk's columns, beside those of it that are kept already."""
        with self._lock:
            entry = self._entries.pop(key, {})
            self.nbytes -= sum(a.nbytes for a in entry.values())
            entry |= columns
            self._entries[key] = entry
            self.nbytes += sum(a.nbytes for a in entry.values())
            while self._entries and self._over():
                _, old = self._entries.popitem(last=False)
                self.nbytes -= sum(a.nbytes for a in old.values())

    def _over(self) -> bool:
        if self.max_bytes is not None:
            return self.nbytes > self.max_bytes
        return len(self._entries) > self.max_chunks

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._entries.clear()
            self.nbytes = 0
