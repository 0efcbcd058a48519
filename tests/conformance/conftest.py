"""The stores of the public package, unpacked once."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

ARCHIVE = Path(__file__).with_name("peer_0.9.2.tar.gz")


@pytest.fixture(scope="session")
def stores(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("peer_0.9.2")
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
    return next(folder.iterdir())
