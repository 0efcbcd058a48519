"""Opening a store: its root, its levels, their metadata."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import zarr
from zarr.abc.store import Store
from zarr.storage import LocalStore, StorePath

from zarr_vectors._spec import LevelMetadata, RootMetadata
from zarr_vectors.core._backends import Backend, LocalFiles, ZarrStoreBackend
from zarr_vectors.core._commit import ROOT_KEY, read_json
from zarr_vectors.core.paths import local_folder
from zarr_vectors.exceptions import (
    ArgumentError,
    CorruptStoreError,
    NotAStoreError,
    StoreNotFoundError,
)

__all__ = [
    "OpenStore",
    "StoreLike",
    "backend_of",
    "check_attribute_names",
    "list_resolution_levels",
    "load_array",
    "load_group",
    "load_level",
    "load_store",
    "open_store",
    "zarr_group",
]


StoreLike: TypeAlias = str | Path | Store | zarr.Group


def backend_of(path: StoreLike) -> Backend:
    """Give the backend of a local path, a ``file://`` URL, a zarr ``Store`` or a zarr ``Group``."""
    if isinstance(path, zarr.Group | StorePath):
        return _of_store(path.store, path.path)
    if isinstance(path, Store):
        return _of_store(path, "")
    if not isinstance(path, str | os.PathLike):
        msg = f"a store is a path, a zarr Store or a zarr Group, got {type(path).__name__}"
        raise ArgumentError(msg)
    return LocalFiles(local_folder(path))


def _of_store(store: Store, prefix: str) -> Backend:
    if isinstance(store, LocalStore):
        return LocalFiles(os.path.join(os.path.abspath(store.root), prefix).rstrip("/"), read_only=store.read_only)
    return ZarrStoreBackend(store, prefix)


@dataclass(frozen=True, slots=True, eq=False)
class OpenStore:
    """A store's place and the metadata of its root and levels."""

    backend: Backend
    root: RootMetadata
    levels: tuple[LevelMetadata, ...]

    @property
    def name(self) -> str:
        """What to call the store in messages."""
        return self.backend.name


def load_store(path: StoreLike) -> OpenStore:
    """Read the metadata of a store's root and levels.

    Raises
    ------
    StoreNotFoundError, NotAStoreError, FormatVersionError, UnsupportedFeatureError, IncompleteStoreError
        If there is no store that this library can read.
    CorruptStoreError
        If its metadata contradict themselves.
    """
    backend = backend_of(path)
    root = RootMetadata.from_dict(_root_attributes(backend), backend.name)
    numbers = tuple(scale.level for scale in root.scales) or _listed_levels(backend)
    return OpenStore(backend, root, tuple(load_level(backend, n, root.ndim) for n in numbers))


def _root_attributes(backend: Backend) -> dict[str, Any]:
    if isinstance(backend, LocalFiles):
        _check_rights(backend)
    if isinstance(backend, LocalFiles) and not os.path.isdir(backend.root):
        if os.path.lexists(backend.root):
            packed = (
                "; if it is one in a zip file, pass ZipStore(path, mode='r')" if backend.root.endswith(".zip") else ""
            )
            msg = f"{backend.name} is a file, not a Zarr Vectors store{packed}"
            raise NotAStoreError(msg)
        home = "; '~' is taken literally, pass os.path.expanduser(path)" if "/~" in backend.root else ""
        msg = f"there is nothing at {backend.name}{home}"
        raise StoreNotFoundError(msg)
    if isinstance(backend, ZarrStoreBackend) and backend.unmade_file is not None:
        if os.path.lexists(backend.unmade_file):
            msg = f"opening {backend.name} to write would empty it; to read it pass ZipStore(path, mode='r')"
            raise ArgumentError(msg)
        msg = f"there is nothing at {backend.name}"
        raise StoreNotFoundError(msg)
    doc = _document(backend, ROOT_KEY)
    if doc is None:
        if isinstance(backend, ZarrStoreBackend) and not backend.list_names(""):
            msg = f"there is nothing at {backend.name}"
            raise StoreNotFoundError(msg)
        msg = f"{backend.name} is not a Zarr Vectors store: it has no zarr.json"
        raise NotAStoreError(msg)
    if doc.get("node_type") != "group":
        msg = f"{backend.name} is not a Zarr Vectors store: its root is no Zarr group"
        raise NotAStoreError(msg)
    return _attributes(doc, f"{backend.name}: {ROOT_KEY}")


def _check_rights(backend: LocalFiles) -> None:
    """Refuse a store that is there and may not be read: it is not as if there were nothing."""
    for path in (backend.root, backend.path(ROOT_KEY)):
        try:
            os.stat(path)
        except PermissionError as error:
            msg = f"{backend.name} cannot be read: {error.strerror}; change the rights of the folders above it"
            raise ArgumentError(msg) from error
        except OSError:
            return  # nothing there, in one way or another; what that means is said elsewhere
        if not os.access(path, os.R_OK):
            msg = f"{backend.name} cannot be read: you have no right to read {path}; change its rights"
            raise ArgumentError(msg)


def _attributes(doc: dict[str, Any], where: str) -> dict[str, Any]:
    attributes = doc.get("attributes", {})
    if not isinstance(attributes, dict):
        msg = f"{where}: attributes must be an object, got {attributes!r}"
        raise CorruptStoreError(msg)
    return attributes


def _document(backend: Backend, key: str) -> dict[str, Any] | None:
    try:
        doc = read_json(backend, key)
    except ValueError as error:
        msg = f"{backend.name}: {key} is corrupt: {error}"
        raise CorruptStoreError(msg) from error
    if doc is not None and not isinstance(doc, dict):
        msg = f"{backend.name}: {key} must hold a JSON object, got {type(doc).__name__}"
        raise CorruptStoreError(msg)
    return doc


def _listed_levels(backend: Backend) -> tuple[int, ...]:
    return tuple(sorted(int(n) for n in backend.list_names("") if n.isdecimal()))


def load_level(backend: Backend, level: int, ndim: int) -> LevelMetadata:
    """Read a level's metadata."""
    doc = _document(backend, f"{level}/zarr.json")
    if doc is None:
        msg = f"{backend.name}: level {level} is named by the root but has no zarr.json"
        raise CorruptStoreError(msg)
    return LevelMetadata.from_dict(_attributes(doc, f"{backend.name}: {level}"), level, ndim, backend.name)


def load_array(backend: Backend, path: str) -> dict[str, Any] | None:
    """Read an array's ``zarr.json``; None if there is no such array."""
    doc = _document(backend, f"{path}/zarr.json")
    return doc if doc is not None and doc.get("node_type") == "array" else None


def load_group(backend: Backend, path: str) -> dict[str, Any] | None:
    """Read a group's attributes; None if there is no such group."""
    doc = _document(backend, f"{path}/zarr.json")
    if doc is None or doc.get("node_type") != "group":
        return None
    return _attributes(doc, f"{backend.name}: {path}")


def check_attribute_names(store: OpenStore, path: str, found: Collection[str]) -> None:
    """Check that the attributes found in a family, such as ``"0/vertex_attributes"``, are those its level names.

    Raises
    ------
    CorruptStoreError
        If one that the level names is gone, or the whole family is.
    """
    number, _, family = path.partition("/")
    meta = next((meta for meta in store.levels if str(meta.level) == number), None)
    if meta is None:
        return
    lost = [name for name in (meta.attribute_names or {}).get(family, ()) if name not in found]
    if lost:
        msg = f"{store.name}: array {path}/{lost[0]} is missing; level {number} names it in attribute_names"
        raise CorruptStoreError(msg)
    if not found and family in meta.arrays_present and load_group(store.backend, path) is None:
        msg = f"{store.name}: level {number} names {family!r} in arrays_present but has none"
        raise CorruptStoreError(msg)


def zarr_group(backend: Backend, mode: Literal["r", "r+"] = "r") -> zarr.Group:
    """Open the store's root with zarr-python."""
    if isinstance(backend, LocalFiles):
        return zarr.open_group(backend.root, mode=mode, use_consolidated=False)
    if isinstance(backend, ZarrStoreBackend):
        prefix = backend.prefix.rstrip("/")
        return zarr.open_group(backend.store, path=prefix, mode=mode, use_consolidated=False)
    msg = f"no zarr group for a {type(backend).__name__}"
    raise ArgumentError(msg)


def open_store(path: StoreLike, mode: Literal["r", "r+"] = "r") -> zarr.Group:
    """Open a store's root as a zarr group, after checking that it is a store this library reads.

    Parameters
    ----------
    path : str, Path, zarr Store or zarr Group
    mode : "r" or "r+"
    """
    if mode not in ("r", "r+"):
        msg = f"mode must be 'r' or 'r+', got {mode!r}"
        raise ArgumentError(msg)
    return zarr_group(load_store(path).backend, mode)


def list_resolution_levels(root: zarr.Group) -> list[int]:
    """Give the numbers of a store's levels, finest first."""
    return [meta.level for meta in load_store(root).levels]
