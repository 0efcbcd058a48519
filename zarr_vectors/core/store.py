"""Opening a store: its root, its levels, their metadata.

And what there is to do with a store as a whole: make an empty one, take a level out.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import zarr
from zarr.abc.store import Store
from zarr.storage import LocalStore, StorePath

from zarr_vectors._spec import (
    Axis,
    Commit,
    GridMetadata,
    LevelMetadata,
    RootMetadata,
    codec_chain,
    plan_empty_root,
)
from zarr_vectors._spec.names import VERTEX_FRAGMENTS, VERTICES
from zarr_vectors.core._backends import Backend, LocalFiles, ZarrStoreBackend
from zarr_vectors.core._commit import (
    ROOT_KEY,
    check_revisable,
    dump_json,
    new_store,
    put_group,
    read_json,
    revised_store,
    seal,
)
from zarr_vectors.core.paths import local_folder, store_name
from zarr_vectors.exceptions import (
    ArgumentError,
    CorruptStoreError,
    NotAStoreError,
    StoreNotFoundError,
    UnsupportedFeatureError,
)

__all__ = [
    "OpenStore",
    "StoreLike",
    "backend_of",
    "check_attribute_names",
    "create_store",
    "get_resolution_level",
    "list_resolution_levels",
    "load_array",
    "load_group",
    "load_level",
    "load_store",
    "open_store",
    "remove_resolution_level",
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


def get_resolution_level(root: zarr.Group, level: int) -> zarr.Group:
    """Give the zarr group of a level, open as the root is; ``ArgumentError`` if there is no such level.

    Parameters
    ----------
    root : zarr.Group
        As `open_store` gives it.
    level : int
    """
    found = root.get(str(_check_level(load_store(root), level)))
    if not isinstance(found, zarr.Group):
        msg = f"{backend_of(root).name}: level {level} is no zarr group"
        raise CorruptStoreError(msg)
    return found


def _check_level(store: OpenStore, level: object) -> int:
    numbers = [meta.level for meta in store.levels]
    if not isinstance(level, int | np.integer) or isinstance(level, bool) or level not in numbers:
        msg = f"{store.name} has no level {level!r}; it has {', '.join(map(str, numbers))}"
        raise ArgumentError(msg)
    return int(level)


def remove_resolution_level(root: StoreLike, level_index: int) -> None:
    """Take a coarser level out of a store; the numbers of the others stay.

    The store is as it was until it is without the level. `coarsen_level` fills a gap.

    Parameters
    ----------
    root : zarr.Group, open for writing, or whatever `open_store` takes
    level_index : int
        Of a coarser level: level 0 is the data.

    Raises
    ------
    ArgumentError
        If there is no such level, or the store cannot be written.
    UnsupportedFeatureError
        If another level needs it.
    """
    store = load_store(root)
    level = _check_level(store, level_index)
    check_revisable(store.backend)
    if level == store.levels[0].level:
        msg = f"{store.name}: level {level} is the data that all others are made of; it cannot be removed"
        raise ArgumentError(msg)
    _check_unneeded(store, level)
    scales = tuple(scale for scale in store.root.scales if scale.level != level)
    with revised_store(store.backend, keep=lambda name: name != str(level)) as publication:
        stamped = replace(store.root, scales=scales, commit=Commit("complete", publication.commit_id))
        publication.publish(stamped.to_dict(store_name(store.backend.name)))


def _check_unneeded(store: OpenStore, level: int) -> None:
    """Refuse to take out a level that others add to or link to."""
    numbers = [meta.level for meta in store.levels]
    finer = store.levels[numbers.index(level) - 1]
    needs = [finer.level] if finer.refinement == "add" else []
    linked = {number: store.backend.list_names(f"{number}/links") for number in numbers if number != level}
    needs += [number for number, names in linked.items() if f"{level - number:+d}" in names]
    if needs:
        msg = (
            f"{store.name}: level {needs[0]} adds to level {level} or has links to it; build the pyramid again to "
            f"have fewer levels"
        )
        raise UnsupportedFeatureError(msg)


def create_store(
    path: StoreLike,
    *,
    bounds: tuple[Sequence[float], Sequence[float]] | None = None,
    chunk_shape: npt.ArrayLike | None = None,
    base_bin_shape: npt.ArrayLike | None = None,
    axes: Sequence[Axis | str] | None = None,
    ndim: int | None = None,
    geometry_types: Sequence[str] = (),
    crs: Any = None,  # noqa: ANN401 - any JSON value
    overwrite: bool = False,
) -> zarr.Group:
    """Make a store without vertices, and open it to write.

    It reads as an empty one. The writers of this library write whole stores: they replace it with ``overwrite=True``.

    Parameters
    ----------
    path : str, Path, zarr Store or zarr Group
    bounds : (lo, hi), optional
        Smallest and largest coordinates that there are going to be; default 0 and 128.
    chunk_shape : float or D floats, optional
        Default: one chunk for all.
    base_bin_shape : float or D floats, optional
        Default: the chunk.
    axes : list of str or Axis, optional
    ndim : int, optional
        Axes D, where nothing else tells; default 3.
    geometry_types : list of str
        Kinds of geometry; none reads as points.
    crs : optional
        What the coordinates mean, any JSON value.
    overwrite : bool
        Replace a store that lies there.

    Raises
    ------
    ArgumentError
        If an argument cannot be used.
    StoreExistsError
        If something lies at `path`.
    """
    root = plan_empty_root(bounds, chunk_shape, base_bin_shape, axes, ndim, geometry_types, crs)
    first, last = np.floor(root.bounds / root.chunk_shape).astype(np.int64)
    about: dict[str, dict[str, Any]] = {
        VERTICES: {"zv_array": "vertices", "dtype": "float32", "encoding": "raw", "chunk_counts": []},
        VERTEX_FRAGMENTS: {"zv_array": "vertex_fragments", "encoding": "fragment_index_v1"},
    }
    target = backend_of(path)
    with new_store(target, overwrite=overwrite) as publication:
        for name, attributes in about.items():
            shape = tuple((last - first + 1).tolist())
            grid = GridMetadata(shape, first, codec_chain("auto", 4), attributes=attributes)
            publication.backend.put(f"0/{name}/{ROOT_KEY}", [seal(dump_json(grid.to_dict([])))])
        put_group(publication.backend, "0", LevelMetadata(0, 0, tuple(about)).to_dict())
        stamped = replace(root, commit=Commit("complete", publication.commit_id))
        publication.publish(stamped.to_dict(store_name(target.name)))
    return zarr_group(target, "r+")
