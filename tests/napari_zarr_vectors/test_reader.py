"""The manifest's reader: quick to say no, honest about what it gives."""

from __future__ import annotations

import json
import shutil
import threading

import numpy as np
import pytest
import zarr
from napari.utils.notifications import notification_manager

from napari_zarr_vectors import _reader
from napari_zarr_vectors._samples import SAMPLES, sample_store
from zarr_vectors.exceptions import FormatVersionError
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
    (tmp_path / "file.zarrvectors").write_text("no folder")
    zarr.open_group(tmp_path / "group", mode="w").attrs["multiscales"] = []
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "zarr.json").write_text("{")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "zarr.json").write_text("[" * 100_000)
    (tmp_path / "list").mkdir()
    (tmp_path / "list" / "zarr.json").write_text("[]")
    for name in ("empty", "file.zarrvectors", "group", "broken", "deep", "list", "missing.zarrvectors"):
        assert _reader.get_reader(str(tmp_path / name)) is None, name
    assert _reader.get_reader("s3://bucket/x.zarrvectors") is None
    assert _reader.get_reader("zv-sample://nothing.zarrvectors") is None
    assert _reader.get_reader([]) is None
    assert _reader.get_reader("") is None
    assert _reader.get_reader([str(store), str(tmp_path / "empty")]) is None


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


@pytest.mark.gui
def test_a_sample_is_made_on_a_thread_and_opens_when_it_is_there(make_napari_viewer, tmp_path, monkeypatch, qtbot):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    threads = []

    def make(name, *args):
        threads.append(threading.current_thread())
        return sample_store(name, *args)

    monkeypatch.setattr(_reader, "sample_store", make)
    viewer = make_napari_viewer()
    viewer.open_sample("napari-zarr-vectors", "terrain-small")
    assert len(viewer.layers) == 0
    qtbot.waitUntil(lambda: len(viewer.layers) == 1, timeout=20_000)
    assert threading.main_thread() not in threads[:1]
    (layer,) = viewer.layers
    assert layer.name == "terrain-small"
    assert layer.style.size == SAMPLES["terrain-small"].display["size"]
    assert viewer.dims.ndisplay == 3
    np.testing.assert_allclose(viewer.scene.camera.angles, SAMPLES["terrain-small"].angles, atol=1e-6)
    assert (tmp_path / "napari-zarr-vectors" / "terrain-small.zarrvectors" / "zarr.json").is_file()


@pytest.mark.gui
def test_a_sample_that_is_made_for_a_closed_window_opens_nowhere(make_napari_viewer, tmp_path, monkeypatch, qtbot):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    opened, go = [], threading.Event()
    monkeypatch.setattr(_reader, "open_layer", lambda *args, **options: opened.append(args))

    def make(name, *args):
        go.wait(10)
        return tmp_path

    monkeypatch.setattr(_reader, "sample_store", make)
    viewer = make_napari_viewer(show=True)
    viewer.open_sample("napari-zarr-vectors", "terrain-small")
    viewer.close()
    go.set()
    qtbot.wait(300)
    assert opened == []


@pytest.mark.gui
def test_a_sample_that_cannot_be_made_is_told(make_napari_viewer, tmp_path, monkeypatch, qtbot):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    def make(name, *args):
        raise OSError("the disk is full")

    told = []
    monkeypatch.setattr(_reader, "sample_store", make)
    monkeypatch.setattr(_reader, "notify", told.append)
    viewer = make_napari_viewer()
    viewer.open_sample("napari-zarr-vectors", "terrain-small")
    qtbot.waitUntil(lambda: len(told) == 2, timeout=5000)
    assert "the disk is full" in told[1]


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
def test_a_store_of_another_kind_shows_its_vertices_and_says_so(make_napari_viewer, tmp_path):
    write_polylines(tmp_path / "l.zv", [np.arange(30.0).reshape(10, 3)] * 4, chunk_shape=100)
    viewer = make_napari_viewer()
    _reader.read(str(tmp_path / "l.zv"))
    assert len(viewer.layers) == 1
    assert "'polyline'" in notification_manager.records[-1].message
