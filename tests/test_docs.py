"""What the guides show runs: the Python blocks of each page, in order, in an empty folder."""

from __future__ import annotations

import re
from pathlib import Path

import napari
import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = [*sorted((ROOT / "docs" / "guides").glob("*.md")), ROOT / "README.md"]
NEEDS_A_WINDOW = "import napari\n"
NOT_HERE = "napari_animation"
"""What a block needs that is not installed for tests."""


def blocks(page: Path) -> list[tuple[int, str]]:
    """Give the Python blocks of a page with the line each begins in."""
    text = page.read_text()
    return [
        (text.count("\n", 0, found.start(1)), found[1])
        for found in re.finditer(r"^```python\n(.*?)^```$", text, re.M | re.S)
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_of_a_page_runs_after_those_before(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    found = [(line, block) for line, block in blocks(page) if NEEDS_A_WINDOW not in block]
    assert found
    for line, block in found:
        # Lines of the page, so that a failure points into it.
        exec(compile("\n" * line + block, str(page), "exec"), names)  # noqa: S102 - our own pages


@pytest.mark.gui
@pytest.mark.parametrize("page", [ROOT / "docs" / "guides" / "viewing.md", ROOT / "README.md"], ids=lambda p: p.name)
def test_every_block_with_a_window_runs_after_those_that_write(page, tmp_path, monkeypatch, make_napari_viewer, qtbot):
    viewers = []
    monkeypatch.setattr(
        napari, "Viewer", lambda **options: viewers.append(make_napari_viewer(**options)) or viewers[-1]
    )
    monkeypatch.setattr(napari, "run", lambda: qtbot.wait(200))
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    ran = 0
    for line, block in blocks(page):
        if NOT_HERE not in block:
            exec(compile("\n" * line + block, str(page), "exec"), names)  # noqa: S102 - our own pages
            ran += NEEDS_A_WINDOW in block
        while viewers:
            viewers.pop().close()
    assert ran


@pytest.mark.parametrize("page", [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))], ids=lambda p: p.name)
def test_every_link_inside_the_repository_leads_somewhere(page):
    links = re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []
