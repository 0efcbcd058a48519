"""From what a caller calls a store to a folder, and to a name for people. Pure."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

from zarr_vectors.exceptions import ArgumentError

__all__ = ["local_folder", "store_name"]

_SUFFIXES = (".zarrvectors", ".zv", ".zarr")


def local_folder(path: str | Path) -> str:
    """Give the absolute folder of a path or a ``file://`` URL; ``ArgumentError`` for any other address."""
    text = os.fspath(path)
    if "://" in text:
        url = urlsplit(text)
        if url.scheme != "file":
            msg = f"{url.scheme}:// addresses are not opened here; pass a zarr Store object for {text!r}"
            raise ArgumentError(msg)
        text = unquote(url.path)
    if not text or "\0" in text:
        msg = f"the path of a store must be a file system path, got {text!r}"
        raise ArgumentError(msg)
    return os.path.abspath(text)


def store_name(location: str) -> str:
    """Give a short name for a store: the last part of where it lies, without the usual suffix."""
    last = location.rstrip("/").rpartition("/")[2]
    for suffix in _SUFFIXES:
        last = last.removesuffix(suffix)
    return last or "zarr_vectors"
