"""Whether a folder is a Zarr Vectors store, and where a new one may be: one look at each root's metadata."""

from __future__ import annotations

import json
import os
from pathlib import Path

from zarr_vectors.exceptions import ArgumentError, StoreExistsError

__all__ = ["check_free", "is_store"]

_LARGEST_ROOT = 64 << 20


def is_store(folder: Path) -> bool:
    """Look at the metadata of the root, and only there."""
    root = folder / "zarr.json"
    try:
        if not root.is_file() or root.stat().st_size > _LARGEST_ROOT:
            return False
        doc = json.loads(root.read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    attributes = doc.get("attributes") if isinstance(doc, dict) else None
    return isinstance(attributes, dict) and "zarr_vectors" in attributes


def check_free(path: Path) -> None:
    """Refuse a place for a new store where something is already, or that lies in a store.

    Raises
    ------
    StoreExistsError
    ArgumentError
        If it lies in the folder of a store, whichever: what is not of a store's own is not to be there.
    """
    if os.path.lexists(path):
        msg = f"{path} is there already; choose a name that is free"
        raise StoreExistsError(msg)
    for folder in path.resolve().parents:
        if is_store(folder):
            msg = f"{path} lies in the store {folder}; choose a place outside of it"
            raise ArgumentError(msg)
