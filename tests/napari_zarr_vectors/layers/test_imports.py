"""Where private napari may be imported, and what the pure rooms may know."""

import ast
import importlib
from pathlib import Path

import pytest

import napari_zarr_vectors

ROOT = Path(napari_zarr_vectors.__path__[0])
ROOMS = [*sorted((ROOT / "_layers").glob("*.py"))]
PRIVATE_ATTRIBUTES = {"_qt_viewer", "_qt_window", "_slice_input", "_slicing_state", "_data_to_world", "_transforms"}


def imported(path):
    """Every dotted name a file imports, with the names taken out of modules."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_private_napari(name):
    parts = name.split(".")
    return parts[0] == "napari" and any(part.startswith("_") for part in parts)


def test_what_the_plugin_offers_can_be_listed_before_it_is_used():
    assert {"extract", "open_layer", "save_still"} <= set(dir(napari_zarr_vectors))


def test_the_test_knows_a_private_import_when_it_sees_one():
    assert is_private_napari("napari._vispy.canvas.VispyCanvas")
    assert is_private_napari("napari.layers.base.base._LayerSlicingState")
    assert not is_private_napari("napari.layers.Layer")
    assert not is_private_napari("napari_zarr_vectors._build.points")


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda p: str(p.relative_to(ROOT)))
def test_private_napari_is_imported_in_one_module_only(path):
    private = [name for name in imported(path) if is_private_napari(name)]
    if path == ROOT / "_layers" / "_napari.py":
        assert private
    else:
        assert not private


@pytest.mark.parametrize("path", ROOMS, ids=lambda p: p.name)
def test_private_attributes_of_napari_objects_are_read_in_one_module_only(path):
    if path.name == "_napari.py":
        return
    tree = ast.parse(path.read_text())
    touched = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert not touched & PRIVATE_ATTRIBUTES


@pytest.mark.parametrize("room", ["_build", "_model"])
def test_pure_rooms_know_no_window(room):
    for path in (ROOT / room).glob("*.py"):
        tops = {name.split(".")[0] for name in imported(path)}
        assert not tops & {"napari", "qtpy", "vispy", "superqt"}
        assert not any(name.startswith("napari_zarr_vectors._lod") for name in imported(path))


@pytest.mark.parametrize("room", ["_build", "_model", "_layers"])
def test_doors_are_sorted_and_true(room):
    door = importlib.import_module(f"napari_zarr_vectors.{room}")
    assert door.__all__ == sorted(door.__all__, key=lambda name: (not name.isupper(), name[:1].islower(), name))
    assert all(hasattr(door, name) for name in door.__all__)
