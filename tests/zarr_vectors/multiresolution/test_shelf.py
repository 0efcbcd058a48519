"""What a level holds lies in files where it is much, and no build leaves any."""

from __future__ import annotations

import gc
import shutil
from contextlib import contextmanager, suppress

import numpy as np
import pytest

from tests.zarr_vectors.multiresolution.test_weights import written
from zarr_vectors.exceptions import ArgumentError, IncompleteStoreError
from zarr_vectors.multiresolution import _additive, _content, _shelf, _simplify
from zarr_vectors.multiresolution._shelf import Shelf
from zarr_vectors.multiresolution.coarsen import build_pyramid
from zarr_vectors.types._mapped import _OwnFile, mapped, new_mapped, release
from zarr_vectors.types.lines import read_lines, write_lines
from zarr_vectors.types.points import write_points
from zarr_vectors.types.polylines import read_polylines, write_polylines


@pytest.fixture
def nothing_held(monkeypatch):
    monkeypatch.setattr(_shelf, "_IN_MEMORY", 0)


def files_below(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("held", [0, 100, 1 << 20])
def test_a_pile_holds_what_was_put_on_it(tmp_path, monkeypatch, held):
    monkeypatch.setattr(_shelf, "_IN_MEMORY", held)
    shelf = Shelf(tmp_path / "a" / "b")
    pile, rows = shelf.pile((3,), np.float32), np.arange(60, dtype="f4").reshape(20, 3)
    for low in range(0, 20, 7):
        pile.put(rows[low : low + 7])
    assert len(pile) == 20
    np.testing.assert_array_equal(pile.array(), rows)
    assert bool(files_below(tmp_path)) == (held < rows.nbytes)
    shelf.clear()
    assert not files_below(tmp_path)


def test_an_empty_pile_and_empty_room_have_their_shapes(tmp_path, nothing_held):
    shelf = Shelf(tmp_path / "s")
    assert shelf.pile((2,), np.int16).array().shape == (0, 2)
    assert shelf.room((0, 3), np.float32).shape == (0, 3)


def test_what_is_released_is_still_there(tmp_path):
    rows = new_mapped(tmp_path / "rows", (5000, 3), "f8")
    rows[:] = np.arange(15000).reshape(5000, 3)
    release(rows[10:20].view("V24"), None, np.arange(3))
    np.testing.assert_array_equal(rows.reshape(-1), np.arange(15000))
    assert (tmp_path / "rows").stat().st_size == rows.nbytes


def test_numbers_of_a_caller_s_own_map_are_not_let_go(tmp_path):
    np.arange(4000.0).tofile(tmp_path / "own")
    own = np.memmap(tmp_path / "own", np.float64, "c")  # what is written to it is nowhere else
    own[:] = 7
    release(own)
    assert (own == 7).all()


@contextmanager
def no_file_beyond(size):
    """Let no file grow beyond this, as on a disk that is full for a moment; the signal that goes with it is ignored."""
    resource, signal = pytest.importorskip("resource"), pytest.importorskip("signal")
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_short_write_is_told_and_a_pile_that_lost_rows_gives_none(tmp_path, nothing_held):
    pile, rows = Shelf(tmp_path / "s").pile((), np.int64), np.arange(3000)
    with no_file_beyond(20_000), pytest.raises(OSError, match=r"\[Errno \d+\] .*s.1'"):
        pile.put(rows)
    pile.put(rows)  # the disk has room again
    with pytest.raises(IncompleteStoreError, match=r"s.1 has \d+ bytes, but 48000 were written"):
        pile.array()


def test_room_for_which_the_disk_is_too_full_is_refused_by_its_file(tmp_path, nothing_held):
    with no_file_beyond(20_000), pytest.raises(OSError, match=r"\[Errno \d+\] .*s.1'"):
        Shelf(tmp_path / "s").room((3000,), np.int64)


@pytest.mark.parametrize("size", [0, 79, 81])
def test_a_file_of_another_size_than_its_numbers_is_never_padded(tmp_path, size):
    (tmp_path / "rows").write_bytes(bytes(size))
    with pytest.raises(IncompleteStoreError, match=f"rows has {size} bytes, but 80 were written"):
        mapped(tmp_path / "rows", (10,), np.int64)
    assert (tmp_path / "rows").stat().st_size == size


def test_a_file_that_is_there_is_no_room(tmp_path):
    (tmp_path / "rows").write_bytes(bytes(80))
    with pytest.raises(FileExistsError, match="rows"):
        new_mapped(tmp_path / "rows", (10,), np.int64)


@pytest.fixture
def before_the_scratch_goes(monkeypatch):
    """Do something right before the folder of what is held is removed."""

    def arrange(act):
        def removed(folder, ignore_errors=False, **named):
            with suppress(*[OSError] * ignore_errors):
                if str(folder).endswith((".held", _additive._SCRATCH)):
                    act()
                real(folder, ignore_errors, **named)

        real = shutil.rmtree
        monkeypatch.setattr(shutil, "rmtree", removed)

    return arrange


@pytest.mark.parametrize("storage", ["none", "explicit"])
@pytest.mark.parametrize("kind", ["points of objects", "polylines", "graph", "mesh"])
def test_no_file_is_mapped_any_more_when_files_are_removed(
    kind, storage, nothing_held, monkeypatch, before_the_scratch_goes
):
    def open_maps():
        return [each for each in gc.get_objects() if isinstance(each, _OwnFile)]

    monkeypatch.setattr(_content, "BLOCK_ROWS", 100)  # what is read as one block is not put into files
    store, before, found = written(kind), len(open_maps()), []
    before_the_scratch_goes(lambda: found.append(len(open_maps()) - before))
    build_pyramid(store, [(2, 1), (2, 2)], cross_level_storage=storage)
    assert found == [0]


@pytest.mark.parametrize("refinement", ["replace", "add"])
def test_files_that_cannot_be_removed_are_not_published(tmp_path, refinement, nothing_held, before_the_scratch_goes):
    def refuse():
        raise PermissionError(13, "in use")

    path, positions = tmp_path / "s.zv", np.random.default_rng(0).normal(size=(1000, 3))
    owners = None if refinement == "add" else np.arange(1000) // 50
    write_points(path, positions, chunk_shape=1, object_ids=owners)
    before = {file: file.read_bytes() for file in files_below(tmp_path)}
    before_the_scratch_goes(refuse)
    with pytest.raises(IncompleteStoreError, match="files of the build cannot be removed: .*in use"):
        build_pyramid(path, [(2, 1), (2, 1)], refinement=refinement)
    assert {file: file.read_bytes() for file in files_below(tmp_path)} == before


def test_a_build_from_files_is_the_build_from_memory_and_leaves_none(tmp_path, monkeypatch):
    rng = np.random.default_rng(3)
    lines = [np.cumsum(rng.normal(size=(count, 3)), axis=0) for count in rng.integers(1, 90, 200)]
    found = []
    for held in (1 << 24, 0):
        monkeypatch.setattr(_shelf, "_IN_MEMORY", held)
        path = tmp_path / f"{held}.zv"
        write_polylines(path, lines, chunk_shape=10, vertex_attributes={"v": [line[:, 0] for line in lines]})
        build_pyramid(path, [(2, 1), (2, 3)])
        levels = [read_polylines(path, level=level) for level in (1, 2)]
        found.append([(each.positions.tolist(), each.offsets.tolist(), each.attributes.flat("v").tolist())
                      for each in levels])  # fmt: skip
        assert not list(path.glob(".*"))
    assert found[0] == found[1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.zv", f"{1 << 24}.zv"]


def test_a_build_that_fails_on_the_way_leaves_no_files(tmp_path, nothing_held):
    lines = [np.random.default_rng(0).normal(size=(50, 3)) for _ in range(20)]
    path = tmp_path / "s.zv"
    write_polylines(path, lines, chunk_shape=1, vertex_attributes={"v": [np.full(50, 250, "u1") for _ in lines]})
    before = {file: file.read_bytes() for file in files_below(path)}
    with pytest.raises(ArgumentError, match="cannot hold"):
        build_pyramid(path, [(2, 1)], agg_mode="sum")
    assert {file: file.read_bytes() for file in files_below(tmp_path)} == before


def test_a_line_of_more_than_a_block_is_simplified_piece_by_piece(tmp_path, monkeypatch, nothing_held):
    monkeypatch.setattr(_simplify, "_BLOCK_ROWS", 100)
    turn = np.linspace(0, 20, 1000)
    line = np.stack([30 * np.cos(turn), 30 * np.sin(turn), turn], axis=1)
    write_polylines(tmp_path / "s.zv", [line[:5], line, line[:0], line[:99]], chunk_shape=10, bin_shape=5)
    build_pyramid(tmp_path / "s.zv", [(2, 1)], cross_level_storage="implicit")
    found = read_polylines(tmp_path / "s.zv", level=1, object_ids=[0, 1, 2, 3])
    counts = np.diff(found.offsets)
    assert counts[2] == 0
    assert 30 < counts[1] < 300
    for old, number in ((line[:5], 0), (line, 1), (line[:99], 3)):
        np.testing.assert_array_equal(found.polylines[number][[0, -1]], old[[0, -1]])


def test_segments_are_left_out_from_files(tmp_path, nothing_held):
    segments = np.random.default_rng(6).uniform(0, 100, (500, 2, 3)).astype("f4")
    write_lines(tmp_path / "s.zv", segments, chunk_shape=50)
    build_pyramid(tmp_path / "s.zv", [(2, 5), (2, 1), (2, 2)])
    for level, count in ((1, 100), (2, 100), (3, 50)):
        found = read_lines(tmp_path / "s.zv", level=level)
        assert found.line_count == count
        np.testing.assert_array_equal(found.lines, segments[found.object_ids])
