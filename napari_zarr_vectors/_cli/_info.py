"""What there is to know of a store without reading its data, as frozen values; `to_json` gives them to programs."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass

from zarr_vectors.core.paths import local_folder
from zarr_vectors.core.store import load_array, load_store
from zarr_vectors.lazy import LazyStore, open_zv

__all__ = ["AttributeInfo", "AxisInfo", "LevelInfo", "StorageInfo", "StoreInfo", "read_info", "to_json"]

SHARDING = "sharding_indexed"
PLUMBING = ("vlen-bytes", "bytes", "crc32c")
"""Codecs that compress nothing."""


@dataclass(frozen=True, slots=True)
class AxisInfo:
    """One axis and where the data lies along it, both ends included."""

    name: str
    type: str
    unit: str | None
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class LevelInfo:
    """One level; lengths are in world units, by axis."""

    level: int
    vertices: int
    chunks: int
    chunk_shape: tuple[float, ...]
    bin_shape: tuple[float, ...]
    resolution: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class AttributeInfo:
    """One vertex attribute; `channels` is () for one number a vertex, `categories` None for numbers."""

    name: str
    dtype: str
    channels: tuple[int, ...]
    categories: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class StorageInfo:
    """How the bytes lie; `shard_shape` counts chunks, `bytes` is None for a store that is not local."""

    compressor: str
    shard_shape: tuple[int, ...] | None
    bytes: int | None


@dataclass(frozen=True, slots=True)
class StoreInfo:
    """A store; `groups` gives the number of members by name, all objects being counted at level 0."""

    path: str
    kind: str
    axes: tuple[AxisInfo, ...]
    levels: tuple[LevelInfo, ...]
    attributes: tuple[AttributeInfo, ...]
    objects: int
    object_attributes: tuple[str, ...]
    groups: dict[str, int]
    storage: StorageInfo


def read_info(path: str) -> StoreInfo:
    """Read a store's metadata.

    Raises
    ------
    ZarrVectorsError
        If there is no store that can be read.
    """
    with open_zv(path, cache_size=0) as store:
        low, high = store.extent.tolist()
        axes = zip(store.axes, low, high, strict=True)
        return StoreInfo(
            path=store.name,
            kind=store.geometry_type,
            axes=tuple(AxisInfo(axis.name, axis.type, axis.unit, lo, hi) for axis, lo, hi in axes),
            levels=_levels(store),
            attributes=tuple(_attribute(store, name) for name in store.attribute_names(store.levels[0])),
            objects=store.n_objects,
            object_attributes=store.object_attribute_names(),
            groups={name: len(members) for name, members in store.groups.items()},
            storage=_storage(path, store.levels[0]),
        )


def _levels(store: LazyStore) -> tuple[LevelInfo, ...]:
    return tuple(
        LevelInfo(
            level=found.level,
            vertices=found.vertex_count,
            chunks=len(found.coords),
            chunk_shape=tuple(found.chunk_shape.tolist()),
            bin_shape=store.bin_shape_at(found.level),
            resolution=tuple(found.resolution.tolist()),
        )
        for found in store.catalogue().levels
    )


def _attribute(store: LazyStore, name: str) -> AttributeInfo:
    dtype, channels = store.attribute_dtype(name, store.levels[0])
    return AttributeInfo(name, str(dtype), channels, store.categories(name, store.levels[0]))


def _storage(path: str, level: int) -> StorageInfo:
    doc = load_array(load_store(path).backend, f"{level}/vertices") or {}
    codecs, shard = doc.get("codecs", []), None
    for codec in codecs:
        if codec["name"] == SHARDING:
            inner = codec["configuration"]
            outer = doc["chunk_grid"]["configuration"]["chunk_shape"]
            shard = tuple(a // b for a, b in zip(outer, inner["chunk_shape"], strict=True))
            codecs = inner["codecs"]
    return StorageInfo(_compressor(codecs), shard, _bytes_below(local_folder(path)))


def _compressor(codecs: list[dict[str, object]]) -> str:
    found = [codec for codec in codecs if codec["name"] not in PLUMBING]
    return ", ".join(_codec_name(codec) for codec in found) or "none"


def _codec_name(codec: dict[str, object]) -> str:
    options = codec.get("configuration")
    inner = options.get("cname") if isinstance(options, dict) else None
    return str(codec["name"]) if inner is None else f"{codec['name']} ({inner})"


def _bytes_below(folder: str) -> int:
    """Add up the sizes of all files, without following links."""
    total = 0
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                total += _bytes_below(entry.path)
            else:
                total += entry.stat(follow_symlinks=False).st_size
    return total


def to_json(info: StoreInfo) -> str:
    """Give a store's facts as a JSON object."""
    return json.dumps(asdict(info), indent=2)
