"""Where bytes lie: plain files, or any zarr ``Store``, behind one small protocol.

Keys are paths inside the store (``"0/vertices/c/0/1"``). A missing key is ``None``, never an error; whoever knows
that the key must exist says what its absence means.
"""

from __future__ import annotations

import asyncio
import errno
import os
import stat
import zipfile
from collections.abc import Coroutine, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
from zarr.abc.store import ByteRequest, RangeByteRequest, Store, SuffixByteRequest
from zarr.core.buffer import default_buffer_prototype
from zarr.core.sync import sync
from zarr.storage import StorePath, ZipStore

from zarr_vectors.exceptions import (
    ArgumentError,
    NotAStoreError,
    StoreClosedError,
    StoreNotFoundError,
    UnsafeStoreError,
)
from zarr_vectors.typing import UInt8Array

__all__ = ["Backend", "Buffers", "ByteSpan", "LocalFiles", "ZarrStoreBackend", "joined", "keep_freed_memory", "room"]

Buffers: TypeAlias = Sequence[bytes | UInt8Array]

ByteSpan: TypeAlias = tuple[int, int | None]
"""(offset, length) of a part of a value; a negative offset and no length is a suffix, (0, None) all of it."""

_CONCURRENCY = 64
_KEPT_FREE_BYTES = 8 << 20
_LARGE_PAGE_BYTES = 2 << 20
_LEAST_ROOM_BYTES = 8 << 20  # of less, the unused ends of pages would be a good part


@cache
def keep_freed_memory() -> None:
    """Let the allocator keep blocks of up to some MB for the next ones, in large pages of memory; once a process.

    Until it has seen a larger block being freed, glibc maps every block of more than 128 KB anew and gives it back when
    it is freed. The system clears it page by page each time, which takes longer than reading a chunk into it. After the
    first block below has gone, the second one is memory that is kept; numpy asks for large pages for it. Nothing of
    either is touched. Other allocators do not mind.
    """
    np.empty(_KEPT_FREE_BYTES, np.uint8)
    np.empty(_KEPT_FREE_BYTES - _LARGE_PAGE_BYTES, np.uint8)


def room(count: int, dtype: np.dtype[Any] | type[np.generic]) -> npt.NDArray[Any]:
    """Give room for so many numbers, not cleared, that begins where a large page of memory does, if it is large itself.

    Page by page, memory takes longer to be touched for the first time than to be written to. Large pages, which numpy
    asks for, are given for whole ones only: not at the ends of an array that begins anywhere.
    """
    size = count * np.dtype(dtype).itemsize
    if size < _LEAST_ROOM_BYTES:
        return np.empty(count, dtype)
    pages = -(-size // _LARGE_PAGE_BYTES) + 1
    whole = np.empty(pages * _LARGE_PAGE_BYTES, np.uint8)
    first = -whole.ctypes.data % _LARGE_PAGE_BYTES
    return whole[first : first + size].view(dtype)


class Backend(Protocol):
    """A flat map from keys to bytes.

    Methods may be called from several threads at once. Buffers passed to `put` are not kept; arrays that are
    returned belong to the caller.
    """

    @property
    def name(self) -> str:
        """What to call this store in messages."""
        ...

    @property
    def read_only(self) -> bool:
        """Whether the caller opened it for reading only."""
        ...

    def get(self, key: str, span: ByteSpan = (0, None)) -> UInt8Array | None:
        """Give a value, or a part of it; None if the key is missing."""
        ...

    def get_many(self, requests: Sequence[tuple[str, ByteSpan]]) -> list[UInt8Array | None]:
        """Give several values; concurrently where waiting is what costs."""
        ...

    def put(self, key: str, buffers: Buffers) -> None:
        """Write a value made of buffers in a row."""
        ...

    def list_names(self, prefix: str) -> list[str]:
        """Give the names directly under a prefix, sorted."""
        ...


# O_NONBLOCK: opening a pipe that somebody put in the place of a chunk must not hang.
# O_NOFOLLOW: where a link leads is looked at first.
_READ_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_CAN_OPEN_FOLDERS = os.open in os.supports_dir_fd and hasattr(os, "O_DIRECTORY") and hasattr(os, "O_NOFOLLOW")
_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW if _CAN_OPEN_FOLDERS else 0
_WRITE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0)


class LocalFiles:
    """Plain files below a folder. Links may lead from one place in it to another, never out of it.

    Warm local reads cost a few microseconds each, so `get_many` reads one after the other: threads would only
    pass the interpreter's lock around (IO measurements in docs/decisions/0002).
    """

    def __init__(self, root: str | Path, *, read_only: bool = False) -> None:
        self.root = os.fspath(root)
        self.read_only = read_only
        self._checked = {self.root}

    @property
    def name(self) -> str:
        """The folder."""
        return self.root

    def path(self, key: str) -> str:
        """Give the file of a key."""
        return f"{self.root}/{key}" if key else self.root

    def get(self, key: str, span: ByteSpan = (0, None)) -> UInt8Array | None:
        """Read a file, or a part of it."""
        path = self.path(key)
        return _read_and_close(self.open(path), path, span)

    def open(self, path: str) -> int | None:
        """Open a file of this folder for reading; None if it is missing.

        Raises
        ------
        UnsafeStoreError
            If a link on the way leads out of the folder, or in circles.
        """
        folder = path.rpartition("/")[0]
        if folder not in self._checked:
            self._check_folder(folder)
        return self._opened(path)

    def open_each(self, paths: Sequence[str]) -> Iterator[int | None]:
        """Open files one after the other, as `open` does; the caller closes them.

        Of files that follow one another in one folder the folder is opened too, and they are found from there: that
        takes less time, and a folder that was opened so is no link, which need not be asked then.
        """
        folders = [path.rpartition("/")[0] for path in paths]
        inside, at = "", None
        try:
            for path, folder, following in zip(paths, folders, [*folders[1:], ""], strict=False):
                if folder != inside:
                    if at is not None:
                        os.close(at)
                        at = None
                    inside, at = folder, self._open_folder(folder) if folder == following else None
                yield self.open(path) if at is None else self._opened(path, at)
        finally:
            if at is not None:
                os.close(at)

    def _opened(self, path: str, folder: int | None = None) -> int | None:
        """Open a file, found from its folder if that is open: every file that is read comes by here."""
        name = path if folder is None else path.rpartition("/")[2]
        try:
            return os.open(name, _READ_FLAGS, dir_fd=folder)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            if error.errno not in {errno.ELOOP, errno.ENXIO}:
                raise
            return os.open(self._inside(path), _READ_FLAGS)

    def _open_folder(self, folder: str) -> int | None:
        """Open a folder that is no link; None for one that is, and where a folder cannot be opened."""
        if not _FOLDER_FLAGS:
            return None
        self._check_folder(folder.rpartition("/")[0])
        try:
            return os.open(folder, _FOLDER_FLAGS)
        except OSError:
            return None  # whoever opens a file in it finds out what is wrong

    def _check_folder(self, folder: str) -> None:
        if folder in self._checked or len(folder) <= len(self.root):
            return
        self._check_folder(folder.rpartition("/")[0])
        if os.path.islink(folder):
            self._inside(folder)
        self._checked.add(folder)

    def _inside(self, path: str) -> str:
        """Follow links; ``UnsafeStoreError`` unless they end at a folder or plain file of this store."""
        try:
            real = os.path.realpath(path, strict=True)
            kind = stat.S_IFMT(os.stat(real).st_mode)
        except OSError as error:
            msg = f"{path} is a link that leads nowhere: {error.strerror}"
            raise UnsafeStoreError(msg) from error
        home = os.path.realpath(self.root)
        if os.path.commonpath([real, home]) != home or kind not in {stat.S_IFREG, stat.S_IFDIR}:
            msg = f"{path} leads out of the store, to {real}"
            raise UnsafeStoreError(msg)
        return real

    def get_many(self, requests: Sequence[tuple[str, ByteSpan]]) -> list[UInt8Array | None]:
        """Read several files, one after the other."""
        paths = [self.path(key) for key, _ in requests]
        opened = zip(self.open_each(paths), paths, requests, strict=True)
        return [_read_and_close(fd, path, span) for fd, path, (_, span) in opened]

    def put(self, key: str, buffers: Buffers) -> None:
        """Write a file; its folder is made the first time."""
        path = self.path(key)
        try:
            fd = os.open(path, _WRITE_FLAGS, 0o644)
        except FileNotFoundError:
            _make_folder(path.rpartition("/")[0])
            fd = os.open(path, _WRITE_FLAGS, 0o644)
        try:
            write_all(fd, buffers)
        except OSError as error:
            # A full disk: the system does not say which file it was.
            raise OSError(error.errno, error.strerror, path) from error
        finally:
            os.close(fd)

    def list_names(self, prefix: str) -> list[str]:
        """List a folder."""
        folder = self.path(prefix)
        self._check_folder(folder)
        try:
            return sorted(os.listdir(folder))
        except (FileNotFoundError, NotADirectoryError):
            return []


def _make_folder(path: str) -> None:
    """Make a folder and those above it, the nearest one that is missing first; others may make them meanwhile."""
    try:
        os.mkdir(path)
    except FileNotFoundError:
        _make_folder(path.rpartition("/")[0])
        _make_folder(path)
    except FileExistsError:
        if not os.path.isdir(path):
            raise


def _read_and_close(fd: int | None, path: str, span: ByteSpan) -> UInt8Array | None:
    if fd is None:
        return None
    try:
        return _read_span(fd, path, span)
    finally:
        os.close(fd)


def _read_span(fd: int, path: str, span: ByteSpan) -> UInt8Array:
    info = os.fstat(fd)
    if not stat.S_ISREG(info.st_mode):
        msg = f"{path} is not a regular file"
        raise UnsafeStoreError(msg)
    offset, length = span
    size = info.st_size
    start = max(0, size + offset) if offset < 0 else min(offset, size)
    count = size - start if length is None else min(length, size - start)
    out = np.empty(count, np.uint8)
    got = os.preadv(fd, [out.data], start) if count else 0
    while got < count:
        more = os.preadv(fd, [out[got:].data], start + got)
        if more == 0:
            return out[:got]
        got += more
    return out


def joined(buffers: Buffers) -> bytes:
    """Give the buffers as one."""
    return b"".join(b if isinstance(b, bytes) else b.data for b in buffers)


def write_all(fd: int, buffers: Buffers) -> int:
    """Write buffers in a row to a file descriptor; return the number of bytes."""
    want = sum(map(len, buffers))
    done = os.writev(fd, [b if isinstance(b, bytes) else b.data for b in buffers])
    if done == want:
        return want
    # More than the kernel takes at once, or a signal in between: go on from where it stopped.
    rest = memoryview(joined(buffers))[done:]
    while len(rest):
        rest = rest[os.write(fd, rest) :]
    return want


class ZarrStoreBackend:
    """Any zarr ``Store``, below a prefix; reads of several keys wait together.

    A store that nobody opened yet is opened by the first call, not before: opening a ``ZipStore`` to write makes the
    file, or empties the one that lies there.
    """

    def __init__(self, store: Store, prefix: str = "") -> None:
        self.store = store
        self.prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._is_opened = False

    @property
    def name(self) -> str:
        """The store's own name and the prefix."""
        return f"{self.store}/{self.prefix}".rstrip("/")

    @property
    def read_only(self) -> bool:
        """What the store says."""
        return self.store.read_only

    @property
    def can_replace(self) -> bool:
        """Whether a key can be written twice and be deleted: not in a zip file."""
        return self.store.supports_deletes

    @property
    def unmade_file(self) -> str | None:
        """The file that opening the store would make anew; None where it is open already or opening keeps what is."""
        store = self.store
        # zarr tells neither in public whether a store is open nor what for.
        if not isinstance(store, ZipStore) or store._is_open:
            return None
        mode, path = getattr(store, "_zmode", "r"), os.fspath(store.path)
        makes = mode in ("w", "x") or (mode == "a" and not os.path.lexists(path))
        return path if makes else None

    async def _get(self, key: str, span: ByteSpan) -> UInt8Array | None:
        request: ByteRequest | None = None
        if span[0] < 0:
            request = SuffixByteRequest(-span[0])
        elif span[1] is not None:
            request = RangeByteRequest(span[0], span[0] + span[1])
        value = await self.store.get(self.prefix + key, default_buffer_prototype(), byte_range=request)
        return None if value is None else np.frombuffer(value.to_bytes(), np.uint8)

    def get(self, key: str, span: ByteSpan = (0, None)) -> UInt8Array | None:
        """Read a value, or a part of it."""
        value: UInt8Array | None = self._run(self._get(key, span))
        return value

    def get_many(self, requests: Sequence[tuple[str, ByteSpan]]) -> list[UInt8Array | None]:
        """Read several values, up to 64 at a time."""

        async def gather() -> list[UInt8Array | None]:
            slots = asyncio.Semaphore(_CONCURRENCY)

            async def one(key: str, span: ByteSpan) -> UInt8Array | None:
                async with slots:
                    return await self._get(key, span)

            return list(await asyncio.gather(*(one(key, span) for key, span in requests)))

        values: list[UInt8Array | None] = self._run(gather())
        return values

    def put(self, key: str, buffers: Buffers) -> None:
        """Write a value."""
        data = joined(buffers)
        self._run(self.store.set(self.prefix + key, default_buffer_prototype().buffer.from_bytes(data)))

    def list_names(self, prefix: str) -> list[str]:
        """List the names directly under a prefix."""

        async def collect() -> list[str]:
            names = self.store.list_dir((self.prefix + prefix).rstrip("/"))
            return [name.rstrip("/") async for name in names]

        return sorted(set(self._run(collect())))

    def delete(self, prefix: str) -> None:
        """Delete everything under a prefix."""
        self._run(self.store.delete_dir((self.prefix + prefix).rstrip("/")))

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:  # noqa: ANN401 - the coroutine's own result
        async def opened() -> Any:  # noqa: ANN401 - see above
            if not self._is_opened:
                await self._open()
            return await work

        if self._is_opened and self.unmade_file is not None:
            # zarr would open the file once more, to write, and so empty it.
            work.close()
            msg = f"{self.name} was closed; to read it pass ZipStore(path, mode='r')"
            raise StoreClosedError(msg)
        try:
            return sync(opened())
        except NotImplementedError as error:
            # Stores over http, say, learn only from their file system that it cannot write.
            msg = f"{self.name} cannot do what is asked of it ; use another kind of store"
            raise ArgumentError(msg) from error
        finally:
            work.close()

    async def _open(self) -> None:
        try:
            await StorePath.open(self.store, "")
        except FileNotFoundError as error:
            msg = f"there is nothing at {self.name}"
            raise StoreNotFoundError(msg) from error
        except zipfile.BadZipFile as error:
            msg = f"{self.name} is not a zip file: {error}"
            raise NotAStoreError(msg) from error
        except OSError as error:
            msg = f"{self.name} cannot be opened: {error.strerror or error}"
            raise ArgumentError(msg) from error
        self._is_opened = True
