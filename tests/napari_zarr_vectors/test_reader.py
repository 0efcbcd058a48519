"""The manifest's reader: quick to say no, honest about what it gives."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys

import numpy as np
import psutil
import pytest
import zarr
from napari.utils.notifications import notification_manager
from qtpy.QtCore import QTimer

from napari_zarr_vectors import _reader
from napari_zarr_vectors._layers import StreamingLines
from napari_zarr_vectors._samples import SAMPLES
from zarr_vectors.exceptions import FormatVersionError, ZarrVectorsError
from zarr_vectors.multiresolution.coarsen import build_pyramid
from zarr_vectors.types.points import write_points
from zarr_vectors.types.polylines import write_polylines


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    path = tmp_path_factory.mktemp("reader") / "cloud.zarrvectors"
    rng = np.random.default_rng(0)
    positions = rng.uniform(0, 100, (3000, 3)).astype(np.float32)
    write_points(path, positions, chunk_shape=50, bin_shape=10, attributes={"v": positions[:, 0]}, axes=["z", "y", "x"])
    build_pyramid(path, [(2, 1)])
    return path


def test_a_store_is_ours_whatever_its_name(store, tmp_path):
    other = tmp_path / "plain_name"
    shutil.copytree(store, other)
    assert _reader.get_reader(str(store)) is not None
    assert _reader.get_reader(f"{store}/") is not None
    assert _reader.get_reader(str(other)) is not None
    assert _reader.get_reader([str(store), str(other)]) is not None
    assert _reader.get_reader(store.as_uri()) is not None


def test_foreign_things_are_not_ours(store, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file.txt").write_text("no folder")
    zarr.open_group(tmp_path / "group", mode="w").attrs["multiscales"] = []
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "zarr.json").write_text("{")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "zarr.json").write_text("[" * 100_000)
    (tmp_path / "list").mkdir()
    (tmp_path / "list" / "zarr.json").write_text("[]")
    for name in ("empty", "file.txt", "group", "broken", "deep", "list", "missing"):
        assert _reader.get_reader(str(tmp_path / name)) is None, name
    assert _reader.get_reader("s3://bucket/x.zarr") is None
    assert _reader.get_reader("zv-sample://nothing.zarrvectors") is None
    assert _reader.get_reader([]) is None
    assert _reader.get_reader("") is None
    assert _reader.get_reader([str(store), str(tmp_path / "empty")]) is None


@pytest.fixture
def bad_stores(store, tmp_path):
    """By name: what has our suffix and is no store, and a word of what is wrong."""
    (tmp_path / "empty.zarrvectors").mkdir()
    (tmp_path / "file.zv").write_text("no folder")
    zarr.open_group(tmp_path / "group.zarrvectors", mode="w").attrs["multiscales"] = []
    (tmp_path / "broken.zv").mkdir()
    (tmp_path / "broken.zv" / "zarr.json").write_text("{")
    shutil.copytree(store, tmp_path / "old.zv")
    root = tmp_path / "old.zv" / "zarr.json"
    root.write_text(root.read_text().replace('"0.9.2"', '"0.5.0"'))
    return {
        str(tmp_path / "empty.zarrvectors"): "has no zarr.json",
        str(tmp_path / "file.zv"): "is a file",
        str(tmp_path / "group.zarrvectors"): "group.zarrvectors",
        str(tmp_path / "broken.zv"): "zarr.json is corrupt",
        str(tmp_path / "old.zv"): "old.zv",
        "s3://bucket/x.zarrvectors": "s3://bucket/x.zarrvectors",
    }


@pytest.mark.gui
def test_what_has_our_suffix_and_is_no_store_is_told_why_by_napari(make_napari_viewer, bad_stores):
    viewer = make_napari_viewer()
    for path, word in bad_stores.items():
        for one in (path, f"{path}/"):
            with pytest.raises(ZarrVectorsError, match=re.escape(word)):
                viewer.open(one, plugin="napari-zarr-vectors")
    assert len(viewer.layers) == 0


@pytest.mark.gui
def test_the_notification_of_a_bad_store_holds_our_words(make_napari_viewer, tmp_path, qtbot):
    (tmp_path / "empty.zarrvectors").mkdir()
    viewer = make_napari_viewer()
    with notification_manager:
        before = len(notification_manager.records)
        with qtbot.capture_exceptions() as raised:
            QTimer.singleShot(0, lambda: viewer.open(str(tmp_path / "empty.zarrvectors"), plugin="napari-zarr-vectors"))
            qtbot.wait(300)
    messages = [str(record.message) for record in notification_manager.records[before:]]
    messages += [str(error[1]) for error in raised]
    assert any("has no zarr.json" in message for message in messages)


def test_every_sample_has_an_address():
    for name in SAMPLES:
        assert _reader.get_reader(f"zv-sample://{name}.zarrvectors") is not None


def test_without_a_viewer_the_coarsest_level_comes_as_ordinary_points(store, monkeypatch):
    monkeypatch.setattr(_reader, "current_viewer", lambda: None)
    ((positions, options, kind),) = _reader.read(str(store))
    assert kind == "points"
    assert 0 < len(positions) < 3000
    assert options["features"]["v"].shape == (len(positions),)


@pytest.mark.gui
def test_a_viewer_gets_a_streaming_layer_with_extent_units_and_axes(make_napari_viewer, store):
    viewer = make_napari_viewer()
    assert _reader.read(str(store)) == [(None,)]
    (layer,) = viewer.layers
    assert layer.axis_labels == ("z", "y", "x")
    lo, hi = layer.extent.data
    assert (lo >= 0).all()
    assert (hi <= 100).all()
    assert (hi - lo > 95).all()


@pytest.mark.gui
def test_napari_opens_it_by_the_plugin(make_napari_viewer, store):
    viewer = make_napari_viewer()
    viewer.open(str(store), plugin="napari-zarr-vectors")
    assert [type(layer).__name__ for layer in viewer.layers] == ["StreamingPoints"]


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """Where samples are made."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "napari-zarr-vectors"


def processes():
    """The processes that this one has started and that run."""
    return [child for child in psutil.Process().children() if child.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.gui
def test_a_sample_is_made_in_a_process_and_opens_when_it_is_there(make_napari_viewer, cache, qtbot):
    viewer = make_napari_viewer()
    viewer.open_sample("napari-zarr-vectors", "terrain-small")
    assert len(viewer.layers) == 0
    assert len(processes()) == 1
    viewer.open_sample("napari-zarr-vectors", "terrain-small")  # impatient
    assert len(processes()) == 1
    qtbot.waitUntil(lambda: len(viewer.layers) == 1, timeout=30_000)
    (layer,) = viewer.layers
    assert layer.name == "terrain-small"
    assert layer.style.size == SAMPLES["terrain-small"].display["size"]
    assert (cache / "terrain-small.zarrvectors" / "zarr.json").is_file()
    assert processes() == []


@pytest.mark.gui
@pytest.mark.parametrize("when", ["at once", "computing", "writing"])
def test_closing_the_window_ends_the_making_of_a_sample_and_leaves_no_half_one(
    make_napari_viewer, cache, monkeypatch, qtbot, when
):
    opened = []
    monkeypatch.setattr(_reader, "open_layer", lambda *args, **options: opened.append(args))
    viewer = make_napari_viewer(show=True)
    viewer.open_sample("napari-zarr-vectors", "galaxy-1m")
    if when == "computing":
        qtbot.wait(700)
    elif when == "writing":
        qtbot.waitUntil(lambda: any(cache.glob(".*")), timeout=30_000)
    viewer.close()
    qtbot.waitUntil(lambda: not processes(), timeout=5000)  # half a second where nothing else runs
    qtbot.wait(300)
    assert opened == []
    assert not (cache / "galaxy-1m.zarrvectors").exists()
    assert [path.name for path in cache.glob(".*")] == []
    assert not any(is_running() for is_running in _reader._MAKING.values())


END_WHILE_MAKING = """
import napari
viewer = napari.Viewer(show=False)
viewer.open_sample("napari-zarr-vectors", "galaxy-1m")
import psutil
(child,) = psutil.Process().children()
print(child.pid)
"""


@pytest.mark.gui
def test_an_application_that_ends_leaves_no_process_behind(cache):
    command = [sys.executable, "-W", "ignore", "-c", END_WHILE_MAKING]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert not psutil.pid_exists(int(done.stdout.split()[-1]))
    assert "QProcess" not in done.stderr
    assert not (cache / "galaxy-1m.zarrvectors").exists()


@pytest.mark.gui
def test_a_sample_that_cannot_be_made_is_told(make_napari_viewer, tmp_path, monkeypatch, qtbot):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    told = []
    monkeypatch.setattr(_reader, "notify", told.append)
    viewer = make_napari_viewer()
    viewer.open_sample("napari-zarr-vectors", "terrain-small")
    qtbot.waitUntil(lambda: len(told) == 2, timeout=30_000)
    assert "NotADirectoryError" in told[1]
    viewer.open_sample("napari-zarr-vectors", "terrain-small")
    assert "once" in told[2]  # it is tried again


@pytest.mark.gui
def test_a_store_of_another_version_is_one_error_and_no_layer(make_napari_viewer, store, tmp_path):
    path = tmp_path / "old.zarrvectors"
    shutil.copytree(store, path)
    doc = json.loads((path / "zarr.json").read_text())
    doc["attributes"]["zarr_vectors"]["zv_version"] = "0.5.0"
    (path / "zarr.json").write_text(json.dumps(doc))
    viewer = make_napari_viewer()
    with pytest.raises(FormatVersionError, match=r"0\.5\.0"):
        _reader.read(str(path))
    assert len(viewer.layers) == 0


@pytest.mark.gui
def test_a_store_of_lines_is_a_layer_of_lines(make_napari_viewer, tmp_path):
    write_polylines(tmp_path / "l.zv", [np.arange(30.0).reshape(10, 3)] * 4, chunk_shape=100)
    viewer = make_napari_viewer()
    _reader.read(str(tmp_path / "l.zv"))
    assert [type(layer) for layer in viewer.layers] == [StreamingLines]
