"""Rules of the house that no linter knows."""

from __future__ import annotations

import ast
import importlib
import os
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("napari_zarr_vectors", "zarr_vectors")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
LONGEST = 500  # lines; a longer file says "over 500 lines because ..." in a line of its own


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def declared_names(path: Path) -> list[str] | None:
    """Return what ``__all__`` lists, or None where a module has none."""
    for node in ast.parse(path.read_text()).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets):
            return ast.literal_eval(node.value)
    return None


def is_public(path: Path) -> bool:
    return not any(part.startswith("_") for part in path.parent.relative_to(ROOT).parts)


def in_ruffs_order(names: list[str]) -> list[str]:
    """CONSTANTS, then Classes, then functions (ruff's RUF022), each once."""
    return sorted(set(names), key=lambda name: (not name.isupper(), not name[:1].isupper(), name))


def offers_something(path: Path) -> bool:
    """Whether a door has anything but its docstring."""
    return len(ast.parse(path.read_text()).body) > 1


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_a_declared_surface_is_sorted_and_names_each_thing_once(path):
    names = declared_names(path)
    assert names is None or names == in_ruffs_order(names)


DOORS = [path for path in SOURCES if path.name == "__init__.py" and is_public(path) and offers_something(path)]


@pytest.mark.parametrize("path", DOORS, ids=relative)
def test_every_public_door_declares_its_surface(path):
    assert declared_names(path) is not None


@pytest.mark.parametrize("path", [*SOURCES, *TESTS], ids=relative)
def test_a_long_file_says_why(path):
    lines = path.read_text().splitlines()
    assert len(lines) <= LONGEST or any("over 500 lines because" in line for line in lines)


def test_the_package_knows_the_version_it_is_distributed_as():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    package = importlib.import_module("napari_zarr_vectors")
    assert getattr(package, "__version__", version) == version


def test_continuous_integration_says_that_it_is_one_so_that_nothing_is_skipped(tmp_path):
    (tmp_path / "make").write_text('#!/bin/sh\necho "$CI:$*"\n')
    (tmp_path / "make").chmod(0o755)
    plain = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run([shutil.which("bash"), ROOT / ".ci" / "run"], env=plain, capture_output=True, text=True)
    assert done.stdout == "1:test\n", done.stderr


@pytest.mark.gui
def test_the_qt_binding_in_use_is_the_one_that_was_asked_for(qapp):
    qtpy = pytest.importorskip("qtpy")
    assert os.environ.get("QT_API", qtpy.API) == qtpy.API
    assert type(qapp).__module__.partition(".")[0].lower() == qtpy.API
