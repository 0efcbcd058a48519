"""The menus that the pages name are those of this napari."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs" / "guides").glob("*.md"))]


def entries(menu):
    """The words of a menu and, with " > " between, of those below it."""
    for action in menu.actions():
        word = action.text().replace("&", "")
        yield word
        if action.menu() is not None:
            yield from (f"{word} > {below}" for below in entries(action.menu()))


@pytest.mark.gui
def test_what_pages_name_of_the_plugins_menu_is_there(make_napari_viewer):
    told = {path for page in PAGES for path in re.findall(r"\*Plugins > ([^*]+)\*", page.read_text())}
    menu = make_napari_viewer().window.plugins_menu
    menu.aboutToShow.emit()
    there = set(entries(menu))
    assert {f"Zarr Vectors > {name}" for name in ("Display", "Objects", "Extract")} <= told
    assert told <= there, there
