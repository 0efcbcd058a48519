"""`zarr-vectors view`: what it opens, what it refuses, and a display that is not there."""

import subprocess
import sys

import numpy as np
import pytest
from typer.testing import CliRunner

from napari_zarr_vectors._cli import app
from napari_zarr_vectors._cli._display import no_display
from zarr_vectors.types.points import write_points
from zarr_vectors.types.polylines import write_polylines


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    """Stores of 2 and 3 axes, by number of axes."""
    folder = tmp_path_factory.mktemp("stores")
    for axes in (2, 3):
        positions = np.random.default_rng(axes).uniform(0, 40, (500, axes))
        attributes = {"height": positions[:, 0], "weight": positions[:, 1]}
        write_points(folder / f"{axes}.zarrvectors", positions, chunk_shape=20.0, attributes=attributes)
    return {axes: str(folder / f"{axes}.zarrvectors") for axes in (2, 3)}


@pytest.mark.parametrize(
    ("environ", "word"),
    [
        ({}, "neither DISPLAY nor WAYLAND_DISPLAY"),
        ({"DISPLAY": ":0", "ZARR_VECTORS_HEADLESS": "1"}, "ZARR_VECTORS_HEADLESS"),
        ({"DISPLAY": ":0", "QT_QPA_PLATFORM": "offscreen"}, "offscreen"),
        ({"DISPLAY": ":987"}, "no X server answers at DISPLAY=:987"),
    ],
)
def test_why_there_is_no_display(environ, word):
    assert word in no_display(environ, "linux")


@pytest.mark.parametrize(
    ("environ", "platform"),
    [
        ({}, "darwin"),
        ({}, "win32"),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "linux"),
        ({"DISPLAY": "elsewhere:0"}, "linux"),
        ({"QT_QPA_PLATFORM": "vnc"}, "linux"),
    ],
)
def test_where_there_may_be_one_qt_is_left_to_find_it(environ, platform):
    assert no_display(environ, platform) is None


def test_without_a_display_it_says_so_instead_of_aborting(stores):
    code = "from napari_zarr_vectors._cli import app; app()"
    environ = {"PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(sys.path)}
    words = [sys.executable, "-c", code, "view", stores[3]]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, env=environ)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("zarr-vectors: there is no display")
    assert done.stderr.count("\n") == 1


@pytest.fixture
def seen(monkeypatch, qapp):
    """What a person would have seen, in place of the window's event loop."""
    from napari_zarr_vectors._layers import Window

    found = {}

    def look(window):
        (layer,) = window.viewer.layers
        window.wait_until(lambda: layer.lod.status.complete, 20)
        found.update(layer=layer, ndisplay=window.viewer.dims.ndisplay, status=layer.lod.status)

    monkeypatch.setattr(Window, "run", look)
    monkeypatch.setattr("napari_zarr_vectors._cli.no_display", lambda: None)
    return found


@pytest.mark.gui
@pytest.mark.parametrize(("axes", "words", "ndisplay"), [(3, [], 3), (3, ["--ndisplay", "2"], 2), (2, [], 2)])
def test_a_store_is_shown_in_3_d_where_it_has_three_axes(stores, seen, axes, words, ndisplay):
    result = CliRunner().invoke(app, ["view", stores[axes], *words])
    assert (result.exit_code, result.stderr) == (0, "")
    assert seen["ndisplay"] == ndisplay
    assert seen["status"].complete


@pytest.mark.gui
def test_it_looks_as_asked_for(stores, seen):
    words = ["--budget", "100", "--color-by", "weight", "--colormap", "magma"]
    result = CliRunner().invoke(app, ["view", stores[3], *words])
    assert (result.exit_code, result.stderr) == (0, "")
    layer = seen["layer"]
    assert (layer.lod.budget, layer.style.color_by, layer.style.colormap) == (100, "weight", "magma")
    assert seen["status"].shown_vertices <= 100


@pytest.mark.gui
@pytest.mark.parametrize("name", ["fa", "mass", "score", "object", "group", "direction", "auto"])
def test_the_shell_colours_by_whatever_open_layer_colours_by(tmp_path, seen, name):
    lines = [np.linspace([0, k, 0], [9, k, 9], 5) for k in range(4)]
    said = {"attributes": {"fa": [np.arange(5.0)] * 4}, "object_attributes": {"mass": np.arange(4.0)}}
    groups = {"groups": {"a": [0, 1], "b": [2]}, "group_attributes": {"score": [0.5, 1.5]}}
    write_polylines(tmp_path / "s.zv", lines, chunk_shape=5.0, geometry_type="streamline", **said, **groups)
    result = CliRunner().invoke(app, ["view", str(tmp_path / "s.zv"), "--color-by", name])
    assert (result.exit_code, result.stderr) == (0, "")
    assert seen["layer"].style.color_by == ("fa" if name == "auto" else name)
    seen.clear()
    result = CliRunner().invoke(app, ["view", str(tmp_path / "s.zv"), "--color-by", "fb"])
    assert "nothing named 'fb' to colour by; it has fa, mass, score, object, group, direction\n" in result.stderr
    assert (result.exit_code, seen) == (1, {})


@pytest.mark.gui
@pytest.mark.parametrize(
    ("axes", "words", "reason"),
    [
        (3, ["--color-by", "missing"], "nothing named 'missing' to colour by; it has height, weight"),
        (3, ["--colormap", "missing"], "knows no colormap 'missing'; it has "),
        (3, ["--colormap", "virids"], "knows no colormap 'virids'; did you mean 'viridis'?"),
        (2, ["--ndisplay", "3"], "has 2 axes; it cannot be shown in 3-D"),
    ],
)
def test_what_there_is_not_is_refused_before_a_window_opens(stores, seen, axes, words, reason):
    result = CliRunner().invoke(app, ["view", stores[axes], *words])
    assert result.exit_code == 1
    assert reason in result.stderr
    assert result.stderr.count("\n") == 1
    assert seen == {}
