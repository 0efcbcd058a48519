"""The one error tree of the library.

::

    ZarrVectorsError
    ├── ArgumentError (ValueError)           what the caller passed cannot be used
    ├── StoreNotFoundError (FileNotFoundError)
    ├── StoreExistsError (FileExistsError)
    ├── NotAStoreError                       there is something, but no Zarr Vectors store
    ├── FormatVersionError                   written by a version of the format we do not read
    ├── UnsupportedFeatureError              the store needs a capability we lack
    ├── IncompleteStoreError                 the writer stopped before its commit
    ├── StoreClosedError                     used after close()
    ├── ConcurrentWriteError                 another writer won
    ├── CorruptStoreError                    what is stored contradicts itself
    │   └── CorruptChunkError                ... in one chunk of one array
    ├── LimitError                           more memory, rows or time than the caller allows
    ├── UnsafeStoreError                     a name or link that leads out of the store
    ├── RemoteError                          the storage service failed
    └── CancelledError                       the caller asked to stop

    SmallChunksWarning (UserWarning)         a store is written in far too many chunks; it is written all the same

A message says what was refused, where (store, array, chunk), what was found and what was expected, and what to do.
What to do about damage is the same wherever it is found: those classes add it themselves.
"""

from __future__ import annotations

__all__ = [
    "ArgumentError",
    "CancelledError",
    "ConcurrentWriteError",
    "CorruptChunkError",
    "CorruptStoreError",
    "FormatVersionError",
    "IncompleteStoreError",
    "LimitError",
    "NotAStoreError",
    "RemoteError",
    "SmallChunksWarning",
    "StoreClosedError",
    "StoreExistsError",
    "StoreNotFoundError",
    "UnsafeStoreError",
    "UnsupportedFeatureError",
    "ZarrVectorsError",
]


class ZarrVectorsError(Exception):
    """Root of every error that this library raises on purpose."""


class ArgumentError(ZarrVectorsError, ValueError):
    """An argument has the wrong type, shape or value; nothing was written."""


class StoreNotFoundError(ZarrVectorsError, FileNotFoundError):
    """Nothing lies at the path."""


class StoreExistsError(ZarrVectorsError, FileExistsError):
    """Something lies at the path already and may not be replaced."""


class NotAStoreError(ZarrVectorsError):
    """What lies at the path is not a Zarr Vectors store."""


class _RemediedError(ZarrVectorsError):
    """An error whose remedy is that of its class: every message ends with it."""

    _remedy = ""

    def __str__(self) -> str:
        return f"{self._reason()}; {self._remedy}"

    def _reason(self) -> str:
        return super().__str__()


class FormatVersionError(_RemediedError):
    """The store was written in a version of the format that this library does not read."""

    _remedy = "read it with the version that wrote it, or write it again with this one"


class UnsupportedFeatureError(ZarrVectorsError):
    """The store requires a capability that this library does not have."""


class IncompleteStoreError(ZarrVectorsError):
    """The store's writer stopped before it had committed its work."""


class StoreClosedError(ZarrVectorsError):
    """The store was closed before this call."""


class ConcurrentWriteError(ZarrVectorsError):
    """Another writer changed the store in the meantime and won."""


class CorruptStoreError(_RemediedError):
    """Stored metadata or data contradict each other."""

    _remedy = "restore the store's files from a copy, or write the store again"


class CorruptChunkError(CorruptStoreError):
    """One chunk of one array cannot be what its writer wrote.

    Parameters
    ----------
    store, array, chunk
        Where: the store's name, the array's path in it, the key of the chunk.
    reason
        What was found and what was expected.
    """

    def __init__(self, store: str, array: str, chunk: str, reason: str) -> None:
        super().__init__(store, array, chunk, reason)
        self.store = store
        self.array = array
        self.chunk = chunk
        self.reason = reason

    def _reason(self) -> str:
        return f"{self.store}: chunk {self.chunk} of array {self.array!r} is corrupt: {self.reason}"


class LimitError(ZarrVectorsError):
    """A size exceeds what the caller allows."""


class UnsafeStoreError(ZarrVectorsError):
    """A stored name or link leads out of the store."""


class RemoteError(ZarrVectorsError):
    """The storage service refused or failed."""


class CancelledError(ZarrVectorsError):
    """The caller asked to stop."""


class SmallChunksWarning(UserWarning):
    """A store is written in very many chunks that hold next to nothing: slow to write, to copy and to read."""
