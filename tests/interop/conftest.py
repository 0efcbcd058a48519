"""The public package zarr-vectors 0.9.2 in a virtual environment of its own.

``ZV_PEER_VENV`` names one that is there; else ``.peer-venv`` in the repository's root is used, and made when it is
missing. Only when no package index can be reached are the tests skipped; where ``CI`` is set that is a failure.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENT = "zarr-vectors==0.9.2"
NO_INDEX = ("NewConnectionError", "ConnectionError", "ConnectTimeoutError", "Temporary failure in name resolution",
            "ProxyError", "No route to host", "ReadTimeoutError", "SSLError")  # fmt: skip


def has_peer(python: Path) -> bool:
    check = "import importlib.metadata as m; assert m.version('zarr-vectors') == '0.9.2'"
    return python.exists() and subprocess.run([python, "-c", check], capture_output=True).returncode == 0


@pytest.fixture(scope="session")
def peer_python() -> Path:
    """Give the interpreter that has the peer."""
    folder = Path(os.environ.get("ZV_PEER_VENV", ROOT / ".peer-venv"))
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    if has_peer(python):
        return python
    subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
    install = subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", REQUIREMENT],
        capture_output=True, text=True,
    )  # fmt: skip
    if install.returncode == 0:
        return python
    if any(sign in install.stderr for sign in NO_INDEX) and not os.environ.get("CI"):
        pytest.skip(f"no package index can be reached: {install.stderr.splitlines()[-1]}")
    return pytest.fail(f"{REQUIREMENT} cannot be installed:\n{install.stderr}")
