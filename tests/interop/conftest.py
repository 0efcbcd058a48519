"""The public package zarr-vectors 0.9.2 in a virtual environment of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.package_index import peer_interpreter


@pytest.fixture(scope="session")
def peer_python() -> Path:
    """Give the interpreter that has the peer."""
    return peer_interpreter()
