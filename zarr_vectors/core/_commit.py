"""Write -> publish: a store appears at its path whole or not at all.

Local: everything is written into a sibling folder ``.<name>.<id>.writing`` whose root says ``writing``; the
root's metadata is written last, then one rename puts the folder in its place. Replacing exchanges the two folders in
one step where the system can, and the old one, which is then under our name, is deleted. A writer that dies leaves the
sibling, never half a store at the path.

Other stores know no rename: the root says ``writing`` first, and its true metadata is the last key written. In a store
that takes every key only once, a zip file, the root is written last of all and nothing marks it before.

Every metadata document that is written here carries a seal, the attribute ``zv_crc32c``: the checksum of the
document's bytes with zeros in its place. A document that fails it is corrupt. Another writer that edits a document lays
it out anew (zarr-python indents); the seal then says nothing and is passed over.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import shutil
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

import google_crc32c

from zarr_vectors.constants import FORMAT_VERSION
from zarr_vectors.core._backends import Backend, LocalFiles, ZarrStoreBackend
from zarr_vectors.exceptions import ArgumentError, ConcurrentWriteError, StoreExistsError, UnsafeStoreError

__all__ = [
    "ROOT_KEY",
    "Publication",
    "check_revisable",
    "check_target",
    "check_writable",
    "dump_json",
    "new_store",
    "put_group",
    "read_json",
    "revised_store",
    "seal",
]

ROOT_KEY = "zarr.json"
_SEAL, _BLANK = "zv_crc32c", "0" * 8
_SEAL_MARK = f'"{_SEAL}":"'.encode()
_AT_FDCWD = -100
_RENAME_EXCHANGE = 2


class Publication:
    """A store that is being written: write into `backend`, then `publish` once."""

    def __init__(self, backend: Backend, commit_id: str) -> None:
        self.backend = backend
        self.commit_id = commit_id
        self.published = False

    def publish(self, attributes: Mapping[str, Any]) -> None:
        """Write the root's metadata, which must carry this `commit_id` as complete: the last key of the store."""
        put_group(self.backend, "", attributes)
        self.published = True


def dump_json(doc: Mapping[str, Any]) -> bytes:
    """Give the bytes of a metadata document, its attributes led by a blank seal; see `seal`."""
    attributes = {_SEAL: _BLANK, **doc.get("attributes", {})}
    return json.dumps({**doc, "attributes": attributes}, ensure_ascii=False, separators=(",", ":")).encode()


def seal(raw: bytes) -> bytes:
    """Fill the blank seal of a document."""
    crc = f"{google_crc32c.value(raw):08x}".encode()
    return raw.replace(_SEAL_MARK + _BLANK.encode(), _SEAL_MARK + crc, 1)


def check_seal(raw: bytes) -> None:
    """Check the seal of a document if it has one that is still in force; ``ValueError`` if it is broken."""
    at = raw.find(_SEAL_MARK)
    if at < 0 or b"\n" in raw:
        return
    begin = at + len(_SEAL_MARK)
    end = begin + len(_BLANK)
    found = f"{google_crc32c.value(raw[:begin] + _BLANK.encode() + raw[end:]):08x}".encode()
    if found != raw[begin:end]:
        stored = _plain(raw[begin:end])
        msg = f"its checksum is {found.decode()}, the stored one {stored}: it was changed after it was written"
        raise ValueError(msg)


def _plain(stored: bytes) -> str:
    """Give a stored checksum as the hex text that it is, or, where it is damaged itself, as something to print."""
    text = stored.decode(errors="replace")
    return text if text.isascii() and text.isalnum() else repr(text)


def read_json(backend: Backend, key: str) -> Any:  # noqa: ANN401 - JSON holds anything
    """Read a JSON document; None if it is missing.

    Raises
    ------
    ValueError
        If it is no JSON, nested deeper than the interpreter follows, or fails its seal.
    """
    stored = backend.get(key)
    if stored is None:
        return None
    raw = stored.tobytes()
    check_seal(raw)
    try:
        doc = json.loads(raw)
    except RecursionError as error:
        msg = "nested too deeply"
        raise ValueError(msg) from error
    if isinstance(doc, dict) and isinstance(doc.get("attributes"), dict):
        doc["attributes"].pop(_SEAL, None)
    return doc


def put_group(backend: Backend, path: str, attributes: Mapping[str, Any]) -> None:
    """Write a zarr group's metadata."""
    doc = {"zarr_format": 3, "node_type": "group", "attributes": attributes}
    backend.put(f"{path}/{ROOT_KEY}" if path else ROOT_KEY, [seal(dump_json(doc))])


@contextmanager
def new_store(target: Backend, *, overwrite: bool) -> Iterator[Publication]:
    """Write a new store at `target`.

    Raises
    ------
    StoreExistsError
        If something lies there that may not be replaced; nothing has been written then.
    ConcurrentWriteError
        If another writer published at the same place in the meantime.
    """
    occupied = check_target(target, overwrite=overwrite)
    commit_id = uuid.uuid4().hex
    if isinstance(target, LocalFiles):
        with _beside(target, commit_id, replace=occupied) as backend:
            yield from _published(Publication(backend, commit_id))
        return
    if occupied and isinstance(target, ZarrStoreBackend):
        target.delete("")  # `check_target` found out that it can
    yield from _published(Publication(target, commit_id))


@contextmanager
def revised_store(target: Backend, keep: Callable[[str], bool], *, drop: Sequence[str] = ()) -> Iterator[Publication]:
    """Write a revision of the store at `target`: top-level names that `keep` accepts are carried over, without `drop`.

    It is written into a folder of this machine, so the old store stays whole until all of the new one is there. Local
    stores carry files over as hard links (copies where the file system has none), and the folder takes the store's
    place. What was written for another store is then copied into it, names that have to go first leave its root marked
    as ``writing`` meanwhile, and the root is the last key.
    """
    commit_id = uuid.uuid4().hex
    if isinstance(target, LocalFiles):
        with _beside(target, commit_id, replace=True) as backend:
            _mark_writing(backend, commit_id)
            for name in target.list_names(""):
                if name != ROOT_KEY and keep(name):
                    _carry_over(target.path(name), backend.path(name))
            for path in drop:
                shutil.rmtree(backend.path(path))
            yield from _published(Publication(backend, commit_id), marked=True)
        return
    with TemporaryDirectory(prefix="zarr-vectors-") as folder:
        publication = Publication(LocalFiles(folder), commit_id)
        _mark_writing(publication.backend, commit_id)
        yield from _published(publication, marked=True)
        if isinstance(target, ZarrStoreBackend):
            gone = [name for name in target.list_names("") if name != ROOT_KEY and not keep(name)]
            gone += drop
            if gone:
                _mark_writing(target, commit_id)
            for name in gone:
                target.delete(name)
        _copy_files(folder, target)


def _copy_files(folder: str, target: Backend) -> None:
    """Put all files below a folder into a store, the root's metadata last."""
    for place, _, files in os.walk(folder):
        for name in files:
            path = os.path.join(place, name)
            key = os.path.relpath(path, folder).replace(os.sep, "/")
            if key != ROOT_KEY:
                _copy_file(path, key, target)
    _copy_file(os.path.join(folder, ROOT_KEY), ROOT_KEY, target)


def _copy_file(path: str, key: str, target: Backend) -> None:
    with open(path, "rb") as file:
        target.put(key, [file.read()])


def _published(publication: Publication, *, marked: bool = False) -> Iterator[Publication]:
    backend = publication.backend
    if not marked and (not isinstance(backend, ZarrStoreBackend) or backend.can_replace):
        _mark_writing(publication.backend, publication.commit_id)
    yield publication
    if not publication.published:
        msg = "a store was written but never published"
        raise RuntimeError(msg)


def _mark_writing(backend: Backend, commit_id: str) -> None:
    mark = {"zv_version": FORMAT_VERSION, "commit": {"state": "writing", "id": commit_id}}
    put_group(backend, "", {"zarr_vectors": mark})


def check_revisable(target: Backend) -> None:
    """Refuse a store that levels cannot be added to."""
    check_writable(target)
    _check_replaces(target)


def check_writable(target: Backend) -> None:
    """Refuse a place that cannot be written."""
    if target.read_only:
        msg = f"{target.name} is open for reading only"
        raise ArgumentError(msg)
    if isinstance(target, LocalFiles):
        _check_folder(os.path.dirname(os.path.realpath(target.root)), target.root)
    elif isinstance(target, ZarrStoreBackend) and target.unmade_file is not None:
        folder = os.path.dirname(os.path.abspath(target.unmade_file))
        if not os.path.isdir(folder):
            msg = f"{target.name} cannot be written: there is no folder {folder}; make it, zarr does not"
            raise ArgumentError(msg)
        _check_folder(folder, target.unmade_file)


def _check_folder(folder: str, store: str) -> None:
    """Refuse a place whose folder, or the nearest one above it that is there, takes no new names."""
    while not os.path.lexists(folder):
        folder = os.path.dirname(folder)
    if not os.path.isdir(folder):
        msg = f"{store} cannot be written: {folder} is a file, not a folder; choose another path"
        raise ArgumentError(msg)
    if not os.access(folder, os.W_OK | os.X_OK):
        msg = f"{store} cannot be written: the folder {folder} takes no new files; change its rights or the path"
        raise ArgumentError(msg)
    if os.path.ismount(store):
        msg = f"{store} cannot be written: a file system is mounted there; choose a path below it"
        raise ArgumentError(msg)


def _check_replaces(target: Backend) -> None:
    if isinstance(target, ZarrStoreBackend) and not target.can_replace:
        msg = (
            f"{target.name} holds something already, and a {type(target.store).__name__} takes every key only once; "
            f"write to a new one, or work in a folder and pack that"
        )
        raise ArgumentError(msg)


def check_target(target: Backend, *, overwrite: bool) -> bool:
    """Refuse a place where something lies that may not be replaced; tell whether something must be replaced."""
    check_writable(target)
    if not _is_occupied(target, overwrite=overwrite):
        return False
    if not _is_empty_group(target):
        _check_replaceable(target, overwrite=overwrite)
    _check_replaces(target)
    return True


def _is_occupied(target: Backend, *, overwrite: bool) -> bool:
    if isinstance(target, LocalFiles):
        return os.path.lexists(target.root) and not _is_empty_folder(target.root)
    if not isinstance(target, ZarrStoreBackend) or target.unmade_file is None:
        return bool(target.list_names(""))
    # Only opening it could tell what lies there, and that would empty it.
    if os.path.lexists(target.unmade_file) and not overwrite:
        msg = f"{target.unmade_file} exists already; pass overwrite=True to replace it by a new zip file"
        raise StoreExistsError(msg)
    return False


def _check_replaceable(target: Backend, *, overwrite: bool) -> None:
    if isinstance(target, LocalFiles) and not os.path.isdir(target.root):
        msg = f"{target.name} exists already as a file, not a folder; it is not replaced, choose another path"
        raise StoreExistsError(msg)
    if not _is_zarr_vectors(target):
        msg = f"{target.name} exists and is not a Zarr Vectors store; it is not replaced, choose another path"
        raise StoreExistsError(msg)
    if not overwrite:
        msg = f"{target.name} exists already; pass overwrite=True to replace this Zarr Vectors store"
        raise StoreExistsError(msg)


def _is_empty_folder(path: str) -> bool:
    return os.path.isdir(path) and not os.path.islink(path) and not os.listdir(path)


def _is_empty_group(target: Backend) -> bool:
    """Tell whether only a zarr group without attributes lies there, as a caller makes it to pass it on."""
    is_place = not isinstance(target, LocalFiles) or os.path.isdir(target.root)
    return is_place and target.list_names("") == [ROOT_KEY] and _group_attributes(target) == {}


def _is_zarr_vectors(target: Backend) -> bool:
    return "zarr_vectors" in (_group_attributes(target) or {})


def _group_attributes(target: Backend) -> dict[str, Any] | None:
    try:
        doc = read_json(target, ROOT_KEY)
    except (ValueError, UnsafeStoreError):
        return None
    if not isinstance(doc, dict) or doc.get("node_type") != "group":
        return None
    attributes = doc.get("attributes", {})
    return attributes if isinstance(attributes, dict) else None


@contextmanager
def _beside(target: LocalFiles, commit_id: str, *, replace: bool) -> Iterator[LocalFiles]:
    """Give a folder beside `target` that takes its place when the block ends without an error."""
    place = os.path.realpath(target.root)
    parent, name = os.path.split(place)
    folder = os.path.join(parent, f".{name}.{commit_id[:12]}.writing")
    try:
        os.makedirs(parent, exist_ok=True)
        os.mkdir(folder)
    except OSError as error:
        msg = f"{target.root} cannot be written: {folder}: {error.strerror}; choose another path or change its rights"
        raise ArgumentError(msg) from error
    before = _identity(place)
    try:
        yield LocalFiles(folder)
        _take_place(folder, place, replace=replace, before=before)
    finally:
        # After success this is gone or holds the replaced store; after a failure it is our unfinished one.
        shutil.rmtree(folder, ignore_errors=True)


_Identity: TypeAlias = tuple[int, int, int, bytes | None]


def _identity(path: str) -> _Identity | None:
    """Say which folder lies there, which a rename does not change; None where there is nothing.

    Numbers of inodes are given anew, so when names were put into it and what its root says count too.
    """
    try:
        info = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    root = LocalFiles(path).get(ROOT_KEY)
    return info.st_dev, info.st_ino, info.st_mtime_ns, None if root is None else root.tobytes()


def _take_place(folder: str, place: str, *, replace: bool, before: _Identity | None) -> None:
    try:
        os.rename(folder, place)
    except OSError as error:
        if error.errno not in {errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR}:
            raise
        if not replace:
            msg = f"{place} was written by somebody else in the meantime; this store was not published"
            raise ConcurrentWriteError(msg) from error
        _exchange(folder, place)
        # What is in `folder` now is about to be deleted: only the store that was to be replaced may be.
        if _identity(folder) != before or not _is_ours(LocalFiles(folder)):
            _exchange(folder, place)
            msg = f"{place} was replaced by somebody else in the meantime; theirs stays, this store was not published"
            raise ConcurrentWriteError(msg) from error


def _is_ours(found: LocalFiles) -> bool:
    return _is_empty_group(found) or _is_zarr_vectors(found)


def _exchange(folder: str, place: str) -> None:
    """Swap two folders: in one step where the system can, else by two renames."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        renameat2 = getattr(libc, "renameat2", None)
        if renameat2 is not None:
            paths = os.fsencode(folder), os.fsencode(place)
            if renameat2(_AT_FDCWD, paths[0], _AT_FDCWD, paths[1], _RENAME_EXCHANGE) == 0:
                return
    aside = f"{folder}.old"
    os.rename(place, aside)
    os.rename(folder, place)
    os.rename(aside, folder)


def _carry_over(source: str, destination: str) -> None:
    if os.path.isdir(source):
        shutil.copytree(source, destination, copy_function=_link_or_copy, symlinks=True)
    else:
        _link_or_copy(source, destination)


def _link_or_copy(source: str, destination: str) -> None:
    try:
        os.link(source, destination, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, destination, follow_symlinks=False)
