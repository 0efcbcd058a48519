"""Bare stores to write single array families into, and the stores that the peer wrote."""

from __future__ import annotations

import json
import shutil
import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import zarr
from zarr.storage import MemoryStore

from zarr_vectors._spec import Axis, LevelMetadata, LevelScale, RootMetadata
from zarr_vectors.core._backends import Backend
from zarr_vectors.core._commit import dump_json, put_group, seal
from zarr_vectors.core.store import OpenStore, backend_of, load_store

ARCHIVE = Path(__file__).parents[2] / "conformance" / "peer_0.9.2.tar.gz"


@dataclass
class Bare:
    """A store without vertices: its backend, what opens it, and zarr-python's own view of it."""

    place: object
    ndim: int = 3
    present: tuple[str, ...] = ()

    def __post_init__(self):
        ones = np.ones(self.ndim)
        axes = tuple(Axis(name) for name in "xyzwv"[: self.ndim])
        scales = (LevelScale(0, ones, ones),)
        root = RootMetadata(ones, np.zeros((2, self.ndim)), ("point_cloud",), axes, scales)
        put_group(self.backend, "", root.to_dict("bare"))
        put_group(self.backend, "0", LevelMetadata(0, 0, self.present).to_dict())

    @property
    def backend(self) -> Backend:
        return backend_of(self.place)

    def open(self) -> OpenStore:
        return load_store(self.place)

    def group(self, path: str = "0", mode: str = "r") -> zarr.Group:
        return zarr.open_group(self.place, path=path, mode=mode)

    def edit(self, path: str, change) -> None:
        """Change a metadata document as its writer would have."""
        key = f"{path}/zarr.json"
        doc = json.loads(self.backend.get(key).tobytes())
        doc["attributes"].pop("zv_crc32c", None)
        change(doc)
        self.backend.put(key, [seal(dump_json(doc))])


def memory(**options) -> Bare:
    return Bare(MemoryStore(), **options)


def replace_item(array: zarr.Array, row: int, blob: bytes) -> None:
    """Change one of an array's byte strings (one alone zarr cannot write)."""
    items = array[:]
    items[row] = blob
    array[:] = items


@pytest.fixture(params=["local", "memory"])
def bare(request, tmp_path) -> Bare:
    return Bare(tmp_path / "s.zv") if request.param == "local" else memory()


@pytest.fixture
def local(tmp_path) -> Bare:
    return Bare(tmp_path / "s.zv")


@dataclass(frozen=True)
class Peers:
    """The stores of zarr-vectors 0.9.2, each with the data that its writer was given."""

    folder: Path

    def path(self, name: str) -> Path:
        return next(self.folder.glob(f"{name}_*.zarrvectors"))

    def open(self, name: str) -> OpenStore:
        return load_store(self.path(name))

    def expected(self, name: str) -> tuple[dict[str, np.ndarray], dict]:
        stem = str(self.path(name)).removesuffix(".zarrvectors")
        with np.load(f"{stem}.expected.npz") as arrays:
            found = {key.replace("|", "/"): arrays[key] for key in arrays}
        return found, json.loads(Path(f"{stem}.expected.json").read_text())

    def copy(self, name: str, place: Path) -> Path:
        return shutil.copytree(self.path(name), place)


@pytest.fixture(scope="session")
def peers(tmp_path_factory) -> Peers:
    folder = tmp_path_factory.mktemp("peer_0.9.2")
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
    return Peers(next(folder.rglob("*.expected.json")).parent)
