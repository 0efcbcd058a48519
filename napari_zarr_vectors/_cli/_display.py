"""Whether there is a display, found out without Qt: it aborts the whole process where there is none."""

from __future__ import annotations

import os
import re
import socket
import sys
from collections.abc import Mapping

__all__ = ["HEADLESS", "no_display"]

HEADLESS = "ZARR_VECTORS_HEADLESS"
BLIND = ("offscreen", "minimal", "minimalegl")
"""Qt platforms that nobody can look at."""
PATIENCE_S = 2.0


def no_display(environ: Mapping[str, str] = os.environ, platform: str = sys.platform) -> str | None:
    """Say why no window can be shown; None where one can."""
    if environ.get(HEADLESS):
        return f"{HEADLESS} is set"
    qt = environ.get("QT_QPA_PLATFORM", "").partition(":")[0].partition(";")[0]
    if qt in BLIND:
        return f"QT_QPA_PLATFORM is {qt}"
    if not platform.startswith(("linux", "freebsd")) or qt not in ("", "xcb", "wayland"):
        return None
    if environ.get("WAYLAND_DISPLAY"):
        return None
    display = environ.get("DISPLAY", "")
    if not display:
        return "neither DISPLAY nor WAYLAND_DISPLAY is set"
    return None if _answers(display) else f"no X server answers at DISPLAY={display}"


def _answers(display: str) -> bool:
    """Whether something listens where an X server of this name would."""
    found = re.fullmatch(r"(?:unix)?:(\d+)(?:\.\d+)?", display)
    if found is None:
        return True  # on another machine: Xlib knows the ways there
    place = f"/tmp/.X11-unix/X{found[1]}"  # noqa: S108 - where every X server has its socket
    for address in (place, f"\0{place}"):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(PATIENCE_S)
            if connection.connect_ex(address) == 0:
                return True
    return False
