"""A store that is removed or overwritten while it is open says so, and is never mixed with another one."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from zarr.storage import MemoryStore

from zarr_vectors.exceptions import ConcurrentWriteError, CorruptStoreError, StoreNotFoundError
from zarr_vectors.lazy import open_zv
from zarr_vectors.multiresolution.coarsen import build_pyramid
from zarr_vectors.types.points import write_points

BOX = ([0.0, 0.0, 0.0], [10.0, 10.0, 10.0])


def test_a_store_that_is_removed_while_open_says_so(tmp_path, data):
    write_points(tmp_path / "s", data[0], chunk_shape=10.0, attributes={"f": data[1]["f"]})
    used, fresh = open_zv(tmp_path / "s"), open_zv(tmp_path / "s")
    used.read(bbox=BOX)
    shutil.rmtree(tmp_path / "s")
    for store in (used, fresh):
        for call in (
            store.read,
            lambda s=store: list(s.iter_chunks()),
            lambda s=store: s.read(bbox=([-20] * 3, [0] * 3)),
        ):
            with pytest.raises(StoreNotFoundError, match="removed while it was open"):
                call()


@pytest.mark.parametrize("where", ["disk", "memory"])
def test_an_open_store_knows_another_one_at_its_place_and_coarser_levels_are_none(tmp_path, data, where):
    place = tmp_path / "s.zv" if where == "disk" else MemoryStore()
    write_points(place, data[0], chunk_shape=10.0, bin_shape=5.0)
    with open_zv(place) as store:
        store.check_unchanged()
        build_pyramid(place, [(2, 1)])
        store.check_unchanged()
        write_points(place, data[0] + 1, chunk_shape=10.0, bin_shape=5.0, overwrite=True)
        with pytest.raises(ConcurrentWriteError, match="overwritten while it was open"):
            store.check_unchanged()
    if where == "disk":
        shutil.rmtree(place)
        with pytest.raises(StoreNotFoundError, match="s.zv"):
            store.check_unchanged()


@pytest.mark.parametrize("where", ["disk", "memory"])
@pytest.mark.parametrize("change", ["moved", "same bounds", "other chunks"])
def test_a_store_that_was_overwritten_while_open_is_never_mixed_with_the_new_one(tmp_path, data, where, change):
    place = tmp_path / "s.zv" if where == "disk" else MemoryStore()
    write_points(place, data[0], chunk_shape=10.0, bin_shape=5.0)
    new = data[0] + 1 if change == "moved" else data[0][::-1].copy()
    with open_zv(place) as store:
        lo, hi = store.bounding_box
        inner = (np.array(lo), (np.array(lo) + hi) / 2)
        store.read(bbox=inner)  # some chunks are cached
        chunks = store.iter_chunks()
        next(chunks)
        write_points(place, new, chunk_shape=20.0 if change == "other chunks" else 10.0, overwrite=True)
        if where == "memory" and change == "same bounds":
            return  # nothing but the values tells these two apart
        for call in (
            store.read,
            lambda: store.read(bbox=inner),
            lambda: list(chunks),
            lambda: list(store.iter_chunks()),
        ):
            with pytest.raises((ConcurrentWriteError, CorruptStoreError)):
                call()
