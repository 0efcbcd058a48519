"""Where things lie in a store, and how chunk coordinates are spelled.

A chunk coordinate ``(-1, 0, 2)`` is the chunk key ``"-1.0.2"``; its cell in a grid array with origin ``(-1, 0, 0)``
is ``0/0/2`` and lies under ``<array>/c/``.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat

import numpy as np

from zarr_vectors.exceptions import ArgumentError, CorruptStoreError
from zarr_vectors.typing import Int64Array

__all__ = [
    "FRAGMENT_ATTRIBUTES",
    "GROUPS",
    "GROUP_ATTRIBUTES",
    "OBJECT_ATTRIBUTES",
    "OBJECT_INDEX",
    "VERTEX_ATTRIBUTES",
    "VERTEX_FRAGMENTS",
    "VERTEX_WEIGHTS",
    "VERTICES",
    "WEIGHTS",
    "attribute_path",
    "check_attribute_name",
    "format_cell_keys",
    "format_chunk_keys",
    "is_unicode",
    "parse_chunk_keys",
]

VERTICES = "vertices"
VERTEX_FRAGMENTS = "vertex_fragments"
VERTEX_ATTRIBUTES = "vertex_attributes"
VERTEX_WEIGHTS = "vertex_weights"
FRAGMENT_ATTRIBUTES = "fragment_attributes"
OBJECT_INDEX = "object_index"
OBJECT_ATTRIBUTES = "object_attributes"
GROUPS = "groups"
GROUP_ATTRIBUTES = "group_attributes"

WEIGHTS = "/weights"
"""How many vertices of level 0 each vertex of a coarse level stands for, (N,) uint32.

It is asked for like an attribute, where a level has it, and no attribute has this name.
"""

_RESERVED = {"", ".", "..", "zarr.json"}
_FORBIDDEN = set('/\\:*?"<>|') | {chr(i) for i in range(32)}
_DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{i}" for port in ("com", "lpt") for i in range(1, 10))}
_MAX_NAME_BYTES = 200


def attribute_path(name: str) -> str:
    """Give the path of a vertex attribute's grid array, or of the weights', inside its level."""
    if name == WEIGHTS:
        return VERTEX_WEIGHTS
    return f"{VERTEX_ATTRIBUTES}/{name}"


def is_unicode(text: str) -> bool:
    """Tell whether a string can be written as UTF-8: it holds no half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def check_attribute_name(name: object) -> str:
    """Return `name` if it may become a folder on every file system, else raise ``ArgumentError``."""
    if not isinstance(name, str):
        msg = f"an attribute name must be a string, got {name!r}"
        raise ArgumentError(msg)
    odd = name.startswith((".", "__")) or name.strip() != name or bool(_FORBIDDEN & set(name)) or not is_unicode(name)
    # Windows knows no folder that ends in a dot or is called like a device, whatever its suffix.
    device = name.endswith(".") or name.partition(".")[0].lower() in _DEVICES
    if name in _RESERVED or odd or device or len(name.encode()) > _MAX_NAME_BYTES:
        msg = f"attribute name {name!r} cannot be stored: it must be a plain folder name of at most 200 bytes"
        raise ArgumentError(msg)
    return name


def format_chunk_keys(coords: Int64Array) -> list[str]:
    """Spell chunk coordinates, shape (n, D), as keys such as ``"-1.0.2"``."""
    return [".".join(map(str, row)) for row in coords.tolist()]


def parse_chunk_keys(keys: Sequence[str], ndim: int) -> Int64Array:
    """Read chunk keys into coordinates, shape (n, D); the inverse of `format_chunk_keys`."""
    if not keys:
        return np.empty((0, ndim), np.int64)
    try:
        if set(map(str.count, keys, repeat("."))) != {ndim - 1}:
            msg = "a key has another number of components"
            raise ValueError(msg)
        flat = np.array(".".join(keys).split("."), dtype=np.int64)
        return flat.reshape(len(keys), ndim)
    except (ValueError, TypeError, OverflowError) as error:
        msg = f"nonempty_chunks must hold keys of {ndim} whole numbers such as {'.'.join('0' * ndim)!r}: {error}"
        raise CorruptStoreError(msg) from error


def format_cell_keys(cells: Int64Array) -> list[str]:
    """Spell cell indices, shape (n, D), as the part of their key that follows ``c/``."""
    return ["/".join(map(str, row)) for row in cells.tolist()]
