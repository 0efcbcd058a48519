"""A store that is removed or overwritten while it is open says so, and is never mixed with another one."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from zarr.storage import MemoryStore

from zarr_vectors.core.side_blocks import Parametric
from zarr_vectors.exceptions import ConcurrentWriteError, CorruptChunkError, StoreNotFoundError
from zarr_vectors.lazy import open_zv
from zarr_vectors.multiresolution.coarsen import build_pyramid
from zarr_vectors.types.points import write_points
from zarr_vectors.types.polylines import write_polylines

BOX = ([0.0, 0.0, 0.0], [10.0, 10.0, 10.0])


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
        with pytest.raises(StoreNotFoundError, match="s.zv was removed while it was open"):
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
            with pytest.raises(ConcurrentWriteError):
                call()


def write_lines_of_all_kinds(place, seed, count=12, **options):
    """Lines in groups, with attributes, a header and a parametric object."""
    rng = np.random.default_rng(seed)
    lines = [rng.uniform(0, 40, (20, 3)).astype("f4") for _ in range(count)]
    write_polylines(
        place,
        lines,
        chunk_shape=20.0,
        attributes={"f": [line[:, 0] for line in lines], "word": [np.array(["a", "b"] * 10) for _ in lines]},
        object_attributes={"mass": np.arange(float(count))},
        groups={"some": [0, count - 1]},
        group_attributes={"score": [0.5]},
        headers={"trk": {"seed": seed}},
        parametric=Parametric(np.array([2]), np.array([[0.0, 0, 0, seed]])),
        **options,
    )


ASKED = {
    "read": lambda store: store.read(),
    "read a box": lambda store: store.read(bbox=BOX),
    "iter_chunks": lambda store: list(store.iter_chunks()),
    "iter_chunks ahead": lambda store: list(store.iter_chunks(prefetch=3)),
    "read_chunks": lambda store: store.read_chunks(0, [(0, 0, 0), (1, 1, 1)]),
    "read_values": lambda store: store.read_values(0, [(0, 0, 0), (1, 1, 1)]),
    "read_linked": lambda store: store.read_linked(0, [(0, 0, 0), (1, 1, 1)]),
    "raw_array": lambda store: store.raw_array("vertices"),
    "groups": lambda store: store.groups,
    "group_attribute_names": lambda store: store.group_attribute_names(),
    "group_values": lambda store: store.group_values("score"),
    "n_objects": lambda store: store.n_objects,
    "object_attribute_names": lambda store: store.object_attribute_names(),
    "headers": lambda store: store.headers,
    "parametric": lambda store: store.parametric,
    "attribute_names": lambda store: store.attribute_names(),
    "categories": lambda store: store.categories("word"),
    "bounding_box": lambda store: store.bounding_box,
    "catalogue": lambda store: store.catalogue(),
    "object_values": lambda store: store.object_values("mass"),
    "filter": lambda store: store.filter(groups=["some"]),
    "level_group": lambda store: store.level_group(),
}
NEW = {"other values": {"seed": 1}, "fewer lines": {"seed": 1, "count": 2}}


@pytest.mark.parametrize("where", ["disk", "memory"])
@pytest.mark.parametrize("new", NEW)
@pytest.mark.parametrize("ask", ASKED)
def test_a_store_that_was_replaced_is_neither_damaged_nor_silently_the_new_one(tmp_path, where, new, ask):
    place = tmp_path / "s.zv" if where == "disk" else MemoryStore()
    write_lines_of_all_kinds(place, 0)
    with open_zv(place, cache_size=0) as store, open_zv(place) as used:
        used.read()
        write_lines_of_all_kinds(place, overwrite=True, **NEW[new])
        for each in (store, used):
            with pytest.raises(ConcurrentWriteError, match="overwritten while it was open"):
                ASKED[ask](each)


@pytest.mark.parametrize("where", ["disk", "memory", "only the root"])
@pytest.mark.parametrize("ask", ASKED)
def test_a_store_that_is_removed_while_open_says_so_whatever_is_asked(tmp_path, where, ask):
    place = MemoryStore() if where == "memory" else tmp_path / "s.zv"
    write_lines_of_all_kinds(place, 0)
    with open_zv(place, cache_size=0) as store, open_zv(place) as used:
        used.read()
        if where == "memory":
            place._store_dict.clear()
        elif where == "disk":
            shutil.rmtree(place)
        else:
            (place / "zarr.json").unlink()
        for each in (store, used):
            with pytest.raises(StoreNotFoundError, match="was removed while it was open"):
                ASKED[ask](each)


@pytest.mark.parametrize("where", ["disk", "memory"])
@pytest.mark.parametrize("new", NEW)
def test_a_padded_view_never_shows_the_store_that_replaced_its_own(tmp_path, where, new):
    place = tmp_path / "s.zv" if where == "disk" else MemoryStore()
    write_lines_of_all_kinds(place, 0)
    with open_zv(place) as store:
        views = [store.raw_array("vertices"), store.raw_array("vertex_attributes/f")]
        write_lines_of_all_kinds(place, overwrite=True, **NEW[new])
        for call in (lambda view: view[0, 0, 0], lambda view: view[...], lambda view: view.shape, np.asarray):
            for view in views:
                with pytest.raises(ConcurrentWriteError):
                    call(view)


def test_damage_is_still_damage_where_the_store_is_the_same(tmp_path):
    place = tmp_path / "s.zv"
    write_lines_of_all_kinds(place, 0)
    with open_zv(place) as store:
        shutil.rmtree(place / "0/vertices/c")
        for name in ("read", "iter_chunks", "read_chunks", "read_linked"):
            with pytest.raises(CorruptChunkError):
                ASKED[name](store)
