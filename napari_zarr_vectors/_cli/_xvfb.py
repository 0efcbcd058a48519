"""A private X server with software OpenGL for programs that paint a picture where nobody looks."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["LACKING", "can_start", "private_display"]

LACKING = "Xvfb is not installed (Debian and Ubuntu: apt-get install xvfb libgl1-mesa-dri)"


def can_start() -> bool:
    """Tell whether a private X server can be started here."""
    return shutil.which("Xvfb") is not None


@contextmanager
def private_display() -> Iterator[None]:
    """Have DISPLAY lead to a private X server for the block; to be entered before Qt is imported."""
    read, write = os.pipe()
    command = [
        "Xvfb",
        "-displayfd",
        str(write),
        "-screen",
        "0",
        "1600x1200x24",
        "-nolisten",
        "tcp",
        "+extension",
        "GLX",
    ]
    with subprocess.Popen(  # noqa: S603 - a fixed command
        command, pass_fds=[write], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as server:
        os.close(write)
        try:
            with os.fdopen(read) as pipe:
                number = pipe.readline().strip()
            os.environ |= {"DISPLAY": f":{number}", "QT_QPA_PLATFORM": "xcb", "LIBGL_ALWAYS_SOFTWARE": "1"}
            os.environ["ZARR_VECTORS_HEADLESS"] = "1"
            os.environ.pop("WAYLAND_DISPLAY", None)
            yield
        finally:
            server.terminate()
