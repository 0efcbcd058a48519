"""Links that other writers left otherwise than we do, and links that are damaged: told by store, array and chunk."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from tests.zarr_vectors.core.link_levels import ACROSS, INSIDE, Level, edges, edit, grid_of, put
from zarr_vectors.core.arrays._links import LinkFamily, LinkTarget
from zarr_vectors.core.arrays._vertices import Column
from zarr_vectors.exceptions import ArgumentError, CorruptChunkError, CorruptStoreError, UnsupportedFeatureError

# -- what other writers leave ------------------------------------------------------------------------------

ROWS = np.array([[0, 0, 0], [0, 1, 1], [1, 2, 0]], "<i8")


def check_edges(level, ends):
    found = level.open().read(counts=level.counts)
    assert level.sorted_rows(found).tolist() == ends[found.attributes["number"]].tolist()
    assert len(found.row) == len(ends)


@pytest.mark.parametrize(
    "payload",
    [
        struct.pack("<3q", 2, 0, 24) + ROWS.tobytes(),
        struct.pack("<4q", 3, 0, 24, 72) + ROWS.tobytes(),
        struct.pack("<2q", 1, 0) + ROWS.tobytes(),
    ],
)
def test_a_cell_may_have_several_groups(payload):
    level, ends = edges()
    put(level, ACROSS, "0.0", payload)
    check_edges(level, ends)


def test_links_may_be_stored_as_int32():
    level, ends = edges()
    edit(level, ACROSS, dtype="int32")
    put(level, ACROSS, "0.0", struct.pack("<2q", 1, 0) + ROWS.astype("<i4").tobytes())
    check_edges(level, ends)


def test_what_the_format_lets_a_writer_leave_out_is_not_missed():
    level, ends = edges()
    edit(level, ACROSS, has_perm=None, dtype=None, offsets=None, chunk_counts=None)
    edit(level, INSIDE, has_perm=None, chunk_counts=None)
    edit(level, "0/links/0", num_links=None, num_physical_records=None, directed=None, store=None)
    edit(level, "0/link_attributes/number/0/0.+1", row_shape=None)
    check_edges(level, ends)


@pytest.mark.parametrize("payload", [b"", struct.pack("<q", 0), None])
def test_listed_cells_may_be_empty_where_nobody_counted(payload):
    level, ends = edges()
    edit(level, ACROSS, chunk_counts=None)
    edit(level, "0/links/0", num_links=None)
    put(level, ACROSS, "0.0", payload)
    check_edges(level, ends[:2])


def test_columns_that_row_shape_denies_are_found_from_the_cells():
    level, ends = edges()
    level.write(
        ends, LinkFamily(2, 2), attributes=[(Column("pair", np.dtype("<f4"), (2,)), np.arange(10.0).reshape(5, 2))]
    )
    for name in ("0.0", "0.+1"):
        edit(level, f"0/link_attributes/pair/0/{name}", row_shape=[], channel_names=None)
    assert level.open().read(attributes=["pair"]).attributes["pair"].shape == (5, 2)


def test_only_the_attributes_that_are_wanted_are_read():
    level, _ = edges()
    assert level.open().read(attributes=[]).attributes == {}
    with pytest.raises(ArgumentError, match="no attribute 'weight'; they have 'number'"):
        level.open().read(attributes=["weight"])


# -- damage ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("array", "payload"),
    [
        (INSIDE, struct.pack("<3q", 0, 1, 2)),
        (INSIDE, struct.pack("<2q", 0, -1)),
        (INSIDE, b"123"),
        (INSIDE, None),
        (ACROSS, ROWS.tobytes()[32:]),
        (ACROSS, struct.pack("<2q", 1, 0) + ROWS.tobytes()[:-1]),
        (ACROSS, struct.pack("<2q", 1, 0) + ROWS.tobytes()[:-8]),
        (ACROSS, struct.pack("<2q", -1, 0) + ROWS.tobytes()),
        (ACROSS, struct.pack("<2q", 2**62, 0) + ROWS.tobytes()),
        (ACROSS, struct.pack("<3q", 2, 0, 8) + ROWS.tobytes()),
        (ACROSS, struct.pack("<5q", 1, 0, 2, 0, 0)),
        (ACROSS, struct.pack("<5q", 1, 0, -1, 0, 0)),
        (ACROSS, struct.pack("<5q", 1, 0, 0, 3, 0)),
        (ACROSS, struct.pack("<5q", 1, 0, 0, 0, 2)),
        (ACROSS, struct.pack("<5q", 1, 0, 1, 2, 2)),
        (ACROSS, None),
        ("0/link_attributes/number/0/0.+1", b"\0" * 8),
        ("0/link_attributes/number/0/0.+1", b"\0" * 11),
        ("0/link_attributes/number/0/0.+1", None),
    ],
)
def test_a_broken_cell_is_named(array, payload):
    level, _ = edges()
    put(level, array, "0.0", payload)
    with pytest.raises(CorruptChunkError) as caught:
        level.open().read(counts=level.counts)
    assert (caught.value.store, caught.value.array, caught.value.chunk) == ("memory", array, "0.0")


def test_a_flipped_bit_is_found():
    level, _ = edges()
    key = f"{ACROSS}/c/0/0"
    for i in range(len(level.backend.values[key]) * 8):
        whole = level.backend.values[key]
        level.backend.values[key] = bytes(b ^ (1 << i % 8) * (n == i // 8) for n, b in enumerate(whole))
        with pytest.raises(CorruptChunkError, match=r"chunk 0\.0 of array '0/links/0/0\.\+1'"):
            level.open().read()
        level.backend.values[key] = whole


def test_links_to_a_chunk_that_is_not_there_are_damage():
    level, ends = edges()
    level.write(ends, LinkFamily(2, 2))
    fewer = Level(grid_of([(0, 0)], [3]), level.backend)
    with pytest.raises(CorruptChunkError, match="endpoint 1 of its links"):
        fewer.open().read(attributes=[])
    assert len(fewer.open().read(fewer.grid.coords).row) == 2


def test_a_lost_array_is_told():
    level, _ = edges()
    for key in [key for key in level.backend.values if key.startswith(f"{ACROSS}/")]:
        del level.backend.values[key]
    with pytest.raises(CorruptStoreError, match="2 of 5 links are there"):
        level.open().read()
    level.backend.values[f"{ACROSS}/c/0/0"] = b""
    with pytest.raises(CorruptStoreError, match="no zarr array"):
        level.open().read()


def test_a_lost_array_of_values_is_told():
    level, _ = edges()
    del level.backend.values["0/link_attributes/number/0/0.+1/zarr.json"]
    with pytest.raises(CorruptStoreError, match=r"no array 0/link_attributes/number/0/0\.\+1"):
        level.open().read()


def test_values_of_two_kinds_are_told():
    level, _ = edges()
    edit(level, "0/link_attributes/number/0/0.+1", dtype="float32")
    with pytest.raises(CorruptStoreError, match="differ in dtype or shape"):
        level.open().read()


@pytest.mark.parametrize(
    ("path", "keys", "error"),
    [
        ("0/links/0", {"link_width": None}, CorruptStoreError),
        ("0/links/0", {"link_width": 3}, CorruptStoreError),
        ("0/links/0", {"link_width": 30}, UnsupportedFeatureError),
        ("0/links/0", {"link_width": -1}, CorruptStoreError),
        ("0/links/0", {"sid_ndim": None}, CorruptStoreError),
        ("0/links/0", {"sid_ndim": 3}, CorruptStoreError),
        ("0/links/0", {"store": "somehow"}, CorruptStoreError),
        ("0/links/0", {"num_links": "many"}, CorruptStoreError),
        (ACROSS, {"dtype": "float64"}, CorruptStoreError),
        (ACROSS, {"nonempty_chunks": ["0.0", "0.0"]}, CorruptStoreError),
        (ACROSS, {"nonempty_chunks": None}, CorruptStoreError),
        (ACROSS, {"nonempty_chunks": ["0"]}, CorruptStoreError),
    ],
)
def test_metadata_that_contradict_are_told(path, keys, error):
    level, _ = edges()
    edit(level, path, **keys)
    with pytest.raises(error, match="0/links/0|nonempty_chunks"):
        level.open().read()


def test_a_name_that_spells_no_offsets_is_told():
    level, _ = edges()
    level.backend.values["0/links/0/north/zarr.json"] = level.backend.values[f"{ACROSS}/zarr.json"]
    with pytest.raises(CorruptStoreError, match="'north'"):
        level.open()


def test_links_to_a_level_that_is_not_there_are_told():
    level, ends = edges()
    level.write(
        ends, LinkFamily(2, 2, delta=1), target=LinkTarget(level.grid, np.ones(2, np.int64), np.ones(2, np.int64))
    )
    with pytest.raises(CorruptStoreError, match="level 1"):
        level.open(1, edges=(1.0,))
