"""Where a store may lie: every kind of zarr store, and what is said where none can lie."""

from __future__ import annotations

import os
import zipfile

import fsspec
import numpy as np
import obstore.store
import pytest
from fsspec.implementations.asyn_wrapper import AsyncFileSystemWrapper
from zarr.storage import FsspecStore, LocalStore, MemoryStore, ObjectStore, ZipStore

from zarr_vectors.core import _commit
from zarr_vectors.exceptions import (
    ArgumentError,
    ConcurrentWriteError,
    NotAStoreError,
    StoreClosedError,
    StoreExistsError,
    StoreNotFoundError,
    ZarrVectorsError,
)
from zarr_vectors.lazy import open_zv
from zarr_vectors.multiresolution.coarsen import build_pyramid
from zarr_vectors.types.points import read_points, write_points

POINTS = np.random.default_rng(0).uniform(0, 40, (500, 3)).astype("f4")
FEW = POINTS[:7]


def in_fsspec_memory():
    filesystem = fsspec.filesystem("memory", skip_instance_cache=True)
    filesystem.store, filesystem.pseudo_dirs = {}, [""]
    return FsspecStore(AsyncFileSystemWrapper(filesystem, asynchronous=True), path="/bucket/cloud.zv")


def in_obstore_memory():
    return ObjectStore(obstore.store.MemoryStore())


STORES = {"memory": lambda _: MemoryStore(), "local": LocalStore,
          "fsspec": lambda _: in_fsspec_memory(), "obstore": lambda _: in_obstore_memory()}  # fmt: skip


@pytest.mark.parametrize("kind", STORES)
def test_every_kind_of_zarr_store_is_written_read_replaced_and_given_levels(tmp_path, kind):
    store = STORES[kind](tmp_path / "cloud.zv")
    write_points(store, POINTS, chunk_shape=10, attributes={"x": POINTS[:, 0]})
    assert read_points(store).vertex_count == 500
    with pytest.raises(StoreExistsError, match="overwrite=True"):
        write_points(store, FEW, chunk_shape=10)
    write_points(store, POINTS, chunk_shape=20, overwrite=True)
    build_pyramid(store, [(2, 1)])
    assert open_zv(store).levels == [0, 1]
    assert read_points(store, level=1).vertex_count > 0
    write_points(store, FEW, chunk_shape=10, overwrite=True)
    assert read_points(store).vertex_count == 7
    assert open_zv(store).levels == [0]


# -- zip files ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def packed(tmp_path):
    """A store in a zip file."""
    path = tmp_path / "cloud.zip"
    with ZipStore(path, mode="w") as store:
        write_points(store, POINTS, chunk_shape=10, attributes={"x": POINTS[:, 0]})
    return path


@pytest.mark.parametrize("mode", ["w", "x", "a"])
def test_a_zip_file_that_nobody_opened_is_written_and_read(tmp_path, mode):
    path = tmp_path / "cloud.zip"
    store = ZipStore(path, mode=mode)
    write_points(store, POINTS, chunk_shape=10)
    assert read_points(store).vertex_count == 500
    store.close()
    names = zipfile.ZipFile(path).namelist()
    assert len(names) == len(set(names))  # each key once: zip files keep what is overwritten
    assert read_points(ZipStore(path, mode="r"), bbox=([0, 0, 0], [20, 40, 40])).vertex_count > 0


def test_a_zip_file_is_not_made_before_the_arguments_are_checked(tmp_path):
    store = ZipStore(tmp_path / "cloud.zip", mode="w")
    with pytest.raises(ArgumentError, match="chunk_shape"):
        write_points(store, POINTS, chunk_shape=-1)
    with pytest.raises(ArgumentError, match="fragment attribute"):
        write_points(store, POINTS, chunk_shape=10, fragment_attributes={"f": {(0, 0, 0): np.zeros(1)}})
    with pytest.raises(StoreNotFoundError, match="nothing"):
        read_points(store)
    assert list(tmp_path.iterdir()) == []


def test_a_zip_file_is_not_emptied_by_reading_it(packed):
    with pytest.raises(ArgumentError, match="mode='r'"):
        read_points(ZipStore(packed, mode="w"))
    assert read_points(ZipStore(packed, mode="r")).vertex_count == 500


def test_a_zip_file_is_not_emptied_by_reading_on_after_it_was_closed(tmp_path):
    path = tmp_path / "cloud.zip"
    with ZipStore(path, mode="w") as store:
        write_points(store, POINTS, chunk_shape=10)
        lazy = open_zv(store, cache_size=0)
        lazy.read(bbox=([0, 0, 0], [9, 9, 9]))
    with pytest.raises(StoreClosedError, match="was closed"):
        lazy.read()
    assert read_points(ZipStore(path, mode="r")).vertex_count == 500


@pytest.mark.parametrize("mode", ["w", "x", "a"])
def test_a_zip_file_is_not_replaced_unless_asked(packed, mode):
    with pytest.raises(StoreExistsError, match="exists"):
        write_points(ZipStore(packed, mode=mode), FEW, chunk_shape=10)
    assert read_points(ZipStore(packed, mode="r")).vertex_count == 500


def test_a_zip_file_is_replaced_when_asked(packed):
    with ZipStore(packed, mode="w") as store:
        write_points(store, FEW, chunk_shape=10, overwrite=True)
    assert read_points(ZipStore(packed, mode="r")).vertex_count == 7


def test_a_store_in_which_keys_cannot_be_replaced_refuses_and_stays_as_it_was(packed):
    store = ZipStore(packed, mode="a")
    with pytest.raises(ArgumentError, match="takes every key only once"):
        write_points(store, FEW, chunk_shape=10, overwrite=True)
    with pytest.raises(ArgumentError, match="takes every key only once"):
        build_pyramid(store, [(2, 1)])
    store.close()
    assert read_points(ZipStore(packed, mode="r")).vertex_count == 500


def test_the_path_of_a_zip_file_is_no_store_but_says_what_is(packed):
    with pytest.raises(NotAStoreError, match=r"is a file, .* pass ZipStore\(path, mode='r'\)"):
        read_points(packed)


def test_what_is_no_zip_file_is_no_store(tmp_path):
    (tmp_path / "a.zip").write_bytes(b"not a zip file")
    with pytest.raises(NotAStoreError, match="not a zip file"):
        read_points(ZipStore(tmp_path / "a.zip", mode="r"))
    with pytest.raises(StoreNotFoundError, match="nothing"):
        read_points(ZipStore(tmp_path / "b.zip", mode="r"))
    with pytest.raises(ArgumentError, match="there is no folder .*no folder"):
        write_points(ZipStore(tmp_path / "no folder" / "b.zip", mode="w"), FEW, chunk_shape=10)


class Unwritable(MemoryStore):
    """A store over a file system that says only when it is asked that it cannot write, as http does."""

    async def set(self, key, value, byte_range=None):
        raise NotImplementedError


def test_a_store_that_cannot_write_is_refused_in_our_words():
    with pytest.raises(ArgumentError, match="another kind of store"):
        write_points(Unwritable(), FEW, chunk_shape=10)


# -- folders -----------------------------------------------------------------------------------------------------------


def test_a_file_is_no_folder_to_write_in(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    for path in (tmp_path / "notes.txt" / "cloud.zv", tmp_path / "notes.txt" / "deep" / "cloud.zv"):
        with pytest.raises(ArgumentError, match=r"notes\.txt is a file, not a folder; choose another path"):
            write_points(path, FEW, chunk_shape=10)
        with pytest.raises(StoreNotFoundError, match="nothing"):
            read_points(path)
    assert os.listdir(tmp_path) == ["notes.txt"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_file_at_the_path_is_not_replaced(tmp_path, overwrite):
    path = tmp_path / "cloud.zv"
    path.write_text("mine")
    with pytest.raises(StoreExistsError, match="as a file, not a folder"):
        write_points(path, FEW, chunk_shape=10, overwrite=overwrite)
    assert path.read_text() == "mine"


@pytest.fixture
def locked(tmp_path, monkeypatch):
    """A store in a folder that takes no new names; root may write everywhere, so the question is answered for it."""
    folder = tmp_path / "locked"
    write_points(folder / "cloud.zv", POINTS, chunk_shape=10)
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: os.fspath(path) != os.fspath(folder) and access(path, mode))
    return folder


def test_a_folder_that_takes_no_new_names_is_refused_before_the_work(locked, monkeypatch):
    monkeypatch.setattr(os, "mkdir", None)  # whoever comes that far has begun
    for write in (
        lambda: write_points(locked / "new.zv", FEW, chunk_shape=10),
        lambda: write_points(locked / "deep" / "new.zv", FEW, chunk_shape=10),
        lambda: write_points(locked / "cloud.zv", FEW, chunk_shape=10, overwrite=True),
        lambda: build_pyramid(locked / "cloud.zv", [(2, 1)]),
    ):
        with pytest.raises(ArgumentError, match=r"folder .*locked takes no new files; change its rights or the path"):
            write()
    assert os.listdir(locked) == ["cloud.zv"]
    assert open_zv(locked / "cloud.zv").levels == [0]


def test_a_store_that_may_not_be_read_is_not_taken_for_nothing(tmp_path, monkeypatch):
    path = tmp_path / "cloud.zv"
    write_points(path, FEW, chunk_shape=10)
    access, stat = os.access, os.stat
    monkeypatch.setattr(os, "access", lambda place, mode: not str(place).endswith("zarr.json") and access(place, mode))
    with pytest.raises(ArgumentError, match=r"no right to read .*cloud\.zv/zarr\.json"):
        read_points(path)
    monkeypatch.undo()

    def refused(place, **options):
        if str(place) == str(path):
            raise PermissionError(13, "Permission denied", place)
        return stat(place, **options)

    monkeypatch.setattr(os, "stat", refused)
    with pytest.raises(ArgumentError, match=r"cloud\.zv cannot be read: Permission denied"):
        read_points(path)


def test_what_only_the_system_refuses_is_said_in_our_words(tmp_path):
    with pytest.raises(ArgumentError, match="cannot be written.*too long"):
        write_points(tmp_path / ("n" * 250), FEW, chunk_shape=10)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def small_files():
    """Let no file grow beyond 20 kB, as on a disk that is full; the signal that goes with it is ignored."""
    resource, signal = pytest.importorskip("resource"), pytest.importorskip("signal")
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


def test_a_full_disk_names_the_file_and_leaves_the_old_store(tmp_path, small_files):
    path = tmp_path / "cloud.zv"
    write_points(path, FEW, chunk_shape=10)
    with pytest.raises(OSError, match=r"\[Errno \d+\] .*cloud\.zv.*vertices"):
        write_points(path, np.random.default_rng(0).uniform(0, 40, (20_000, 3)), chunk_shape=20, overwrite=True)
    assert read_points(path).vertex_count == 7
    assert os.listdir(tmp_path) == ["cloud.zv"]


@pytest.mark.skipif(not os.path.isdir("/proc"), reason="this system has no /proc")
def test_a_folder_that_only_looks_writable_is_said_in_our_words():
    with pytest.raises(ZarrVectorsError, match="/proc"):
        write_points("/proc/cloud.zv", FEW, chunk_shape=10)


def test_a_place_where_a_file_system_is_mounted_is_refused_before_the_work(tmp_path, monkeypatch):
    monkeypatch.setattr(os.path, "ismount", lambda path: os.fspath(path) == os.fspath(tmp_path))
    with pytest.raises(ArgumentError, match="mounted"):
        write_points(tmp_path, FEW, chunk_shape=10)


# -- nothing is deleted that was not looked at -------------------------------------------------------------------------


@pytest.fixture
def before_the_swap(monkeypatch):
    """Do something right before a new store takes the place of the old one."""

    def arrange(act):
        take = _commit._take_place

        def late(folder, place, **options):
            act(place)
            take(folder, place, **options)

        monkeypatch.setattr(_commit, "_take_place", late)

    return arrange


def put_into(place):
    (place / "notes.txt").write_text("mine")


def edit_root(place):
    """Keep the folder and the names in it, so that only the bytes of the root tell."""
    info = os.stat(place)
    (place / "zarr.json").write_text((place / "zarr.json").read_text() + "\n")
    os.utime(place, ns=(info.st_atime_ns, info.st_mtime_ns))


@pytest.mark.parametrize("act", [put_into, edit_root])
def test_a_store_that_somebody_changed_in_the_meantime_is_not_deleted(tmp_path, before_the_swap, act):
    path = tmp_path / "cloud.zv"
    write_points(path, POINTS, chunk_shape=10)
    before_the_swap(lambda _: act(path))
    with pytest.raises(ConcurrentWriteError, match="theirs stays"):
        write_points(path, FEW, chunk_shape=10, overwrite=True)
    assert read_points(path).vertex_count == 500
    assert os.listdir(tmp_path) == ["cloud.zv"]


def test_what_was_put_at_the_place_after_it_was_looked_at_is_not_deleted(tmp_path, monkeypatch):
    path = tmp_path / "cloud.zv"
    write_points(path, POINTS, chunk_shape=10)
    identity = _commit._identity

    def late(place):
        monkeypatch.setattr(_commit, "_identity", identity)
        os.rename(place, tmp_path / "moved.zv")
        os.mkdir(place)
        (path / "thesis.txt").write_text("mine")
        return identity(place)

    monkeypatch.setattr(_commit, "_identity", late)
    with pytest.raises(ConcurrentWriteError, match="theirs stays"):
        write_points(path, FEW, chunk_shape=10, overwrite=True)
    assert (path / "thesis.txt").read_text() == "mine"
    assert sorted(os.listdir(tmp_path)) == ["cloud.zv", "moved.zv"]
