"""The manifest: valid, consistent in itself, and pointing at what exists."""

from __future__ import annotations

import importlib
import importlib.util
from importlib.resources import files
from pathlib import Path

import pytest
import yaml
from npe2 import PluginManifest

from napari_zarr_vectors._samples import SAMPLES

ROOT = Path(__file__).resolve().parents[2]
PATH = ROOT / "napari_zarr_vectors" / "napari.yaml"
MANIFEST = yaml.safe_load(PATH.read_text())
CONTRIBUTIONS = MANIFEST["contributions"]
COMMANDS = {command["id"]: command["python_name"] for command in CONTRIBUTIONS["commands"]}


def test_npe2_accepts_the_manifest():
    manifest = PluginManifest.from_file(PATH)
    assert manifest.name == "napari-zarr-vectors"


def test_the_installed_distribution_announces_the_manifest():
    assert PluginManifest.from_distribution("napari-zarr-vectors").display_name == MANIFEST["display_name"]


@pytest.mark.parametrize("python_name", COMMANDS.values())
def test_a_command_names_something_that_imports(python_name):
    module, _, attribute = python_name.partition(":")
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} is not written yet")
    assert callable(getattr(importlib.import_module(module), attribute))


def commands_used(node) -> set[str]:
    """Every value of a key ``command`` below ``node``."""
    if isinstance(node, dict):
        own = {node["command"]} if "command" in node else set()
        return own.union(*(commands_used(value) for value in node.values()))
    if isinstance(node, list):
        return set().union(*(commands_used(value) for value in node))
    return set()


def test_every_command_that_is_used_is_declared_and_the_reverse():
    assert commands_used(CONTRIBUTIONS) == set(COMMANDS)


def test_the_reader_is_offered_for_stores_with_and_without_a_slash():
    (reader,) = CONTRIBUTIONS["readers"]
    assert reader["accepts_directories"] is True
    assert set(reader["filename_patterns"]) >= {"*.zarrvectors", "*.zarrvectors/", "*.zv", "*.zv/"}


def test_the_icon_is_an_svg_in_the_package():
    package, _, name = MANIFEST["icon"].partition(":")
    assert "<svg" in files(package).joinpath(name).read_text()


def test_every_sample_of_the_menu_is_one_that_can_be_made():
    for sample in CONTRIBUTIONS["sample_data"]:
        assert sample["uri"] == f"zv-sample://{sample['key']}.zarrvectors"
        assert sample["key"] in SAMPLES


def test_the_menu_offers_every_kind():
    assert {"galaxy-1m", "tractogram", "neurons", "surface", "timelapse"} <= {
        s["key"] for s in CONTRIBUTIONS["sample_data"]
    }


@pytest.mark.parametrize("name", ["napari.yaml", "resources"])
def test_the_top_level_name_is_a_link_to_the_real_file(name):
    link = ROOT / name
    assert link.is_symlink()
    assert link.resolve() == ROOT / "napari_zarr_vectors" / name
