"""Attributes of objects: what is written is read to the bit, by us and by zarr; what is none is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from zarr.storage import MemoryStore

from tests.zarr_vectors.core.conftest import Bare
from tests.zarr_vectors.core.object_levels import COMPRESSORS, put, simple
from zarr_vectors.core.arrays._objects import (
    check_object_attributes,
    open_objects,
    write_object_attributes,
    write_objects,
)
from zarr_vectors.exceptions import (
    ArgumentError,
)

# -- attributes ----------------------------------------------------------------------------------------------------

NUMBERS = ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "?"]


@st.composite
def numbers(draw):
    count, channels = draw(st.integers(1, 9)), draw(st.sampled_from([None, 1, 3]))
    dtype = np.dtype(draw(st.sampled_from(NUMBERS)))
    shape = (count,) if channels is None else (count, channels)
    raw = draw(st.binary(min_size=int(np.prod(shape)) * dtype.itemsize, max_size=int(np.prod(shape)) * dtype.itemsize))
    values = np.frombuffer(raw, np.uint8) % 2 == 1 if dtype.kind == "b" else np.frombuffer(raw, dtype)
    return values.reshape(shape)


def attribute_round_trip(values, compressor="zstd"):
    bare = Bare(MemoryStore())
    count = len(values)
    put(bare, count)
    columns = check_object_attributes({"a": values}, count)
    write_object_attributes(bare.backend, "0", columns, compressor)
    found = open_objects(bare.open(), 0)
    assert found.attribute_names == ("a",)
    return found.attribute("a"), found.present("a"), bare


@given(values=numbers(), compressor=st.sampled_from(COMPRESSORS))
@settings(max_examples=100)
def test_numbers_come_back_to_the_bit(values, compressor):
    found, present, bare = attribute_round_trip(values, compressor)
    assert found.dtype == values.dtype
    assert found.shape == values.shape
    assert found.tobytes() == values.tobytes()
    assert present.all()
    stored = bare.group()["object_attributes/a"][...]
    assert stored.tobytes() == values.tobytes()


WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=6).filter(lambda word: not word.endswith("\0"))


@given(words=st.lists(WORDS, min_size=1, max_size=9))
def test_strings_come_back(words):
    found, present, bare = attribute_round_trip(words)
    assert found.dtype.kind == "U"
    assert found.tolist() == words
    assert present.all()
    assert bare.group()["object_attributes/a"][...].tolist() == words


@given(words=st.lists(st.none() | WORDS.filter(bool), min_size=1, max_size=9))
def test_missing_strings_come_back_as_none(words):
    found, present, _ = attribute_round_trip(np.array(words, dtype=object))
    assert found.tolist() == words
    assert present.tolist() == [word is not None for word in words]


def test_words_of_several_channels_and_another_byte_order_come_back():
    for given_, dtype in (
        (np.array([["a", "bb"], ["", "c"]]), "<U2"),
        (np.array([["a", "bb"], ["", "c"]], ">U2"), "<U2"),
        (np.array([1.5, -2], ">f8"), "<f8"),
        (np.array(["", ""]), "<U1"),
        (np.array([[True], [False]], order="F"), "?"),
    ):
        found, _, _ = attribute_round_trip(given_)
        assert found.dtype == np.dtype(dtype)
        assert found.tolist() == given_.tolist()


def test_rows_of_a_large_table_lie_in_several_chunks(local):
    count = 70_000
    put(local, count)
    rng = np.random.default_rng(3)
    columns = {"x": rng.normal(size=count), "rgb": rng.integers(0, 255, (count, 3)).astype("u1")}
    write_object_attributes(local.backend, "0", columns, "none")
    found = open_objects(local.open(), 0)
    for name, values in columns.items():
        assert found.attribute(name).tobytes() == values.tobytes()
        array = local.group()[f"object_attributes/{name}"]
        assert array.chunks[0] == 65536
        assert array[...].tobytes() == values.tobytes()


def test_a_small_table_takes_little_room(local):
    put(local)
    write_object_attributes(local.backend, "0", {"x": np.arange(5.0)}, "none")
    assert (local.place / "0" / "object_attributes" / "x" / "c" / "0").stat().st_size < 100


def test_a_wide_table_is_cut_into_chunks_that_can_be_read(local):
    values = np.random.default_rng(1).random((100, 50_000))
    put(local, 100)
    write_object_attributes(local.backend, "0", {"x": values}, "zstd")
    assert local.group()["object_attributes/x"].chunks == (41, 50_000)
    assert open_objects(local.open(), 0).attribute("x").tobytes() == values.tobytes()


def test_both_kinds_of_storage_hold_attributes(bare):
    put(bare)
    columns = {"x": np.array([1, np.nan, 3, -np.inf, 0], "f4"), "flag": np.arange(5) > 2, "s": np.array(list("abcde"))}
    write_object_attributes(bare.backend, "0", columns, "auto")
    found = open_objects(bare.open(), 0)
    assert found.attribute_names == ("flag", "s", "x")
    for name, values in columns.items():
        assert found.attribute(name).tobytes() == values.tobytes()
    assert found.attribute("flag").dtype == bool
    stored = bare.group()["object_attributes"]
    assert stored["flag"].dtype == np.uint8
    assert np.isnan(stored["x"].fill_value)
    assert stored["x"].attrs["fill_sentinel_meaning"] == "absent"
    assert stored["s"].attrs["shape"] == [5]


def test_a_table_of_no_objects_comes_back(bare):
    write_objects(bare.backend, "0", np.empty(0, np.int64), simple(0), 3, compressor="auto")
    write_object_attributes(bare.backend, "0", {"x": np.empty((0, 2), "f4"), "s": np.empty(0, "U3")}, "auto")
    found = open_objects(bare.open(), 0)
    assert found.attribute("x").shape == (0, 2)
    assert found.attribute("s").shape == (0,)


def test_no_attributes_make_no_group(bare):
    write_object_attributes(bare.backend, "0", {}, "auto")
    assert bare.backend.list_names("0") == ["zarr.json"]


@pytest.mark.parametrize(
    "value",
    [[1, 2], 5, np.zeros((3, 2, 2)), np.zeros((3, 0)), [1, 2, 2**70], [1, "a", None], ["a", b"b", "c"], [1, "a", "b"],
     np.array([b"a", b"b", b"c"]), np.zeros(3, "c8"), np.zeros(3, "M8[s]"), np.zeros(3, "f4,f4"), [[1], [1, 2], [3]],
     ["a", "", None], ["a\0", "b", "c"], ["\ud800", "b", "c"], np.array(["\ud800", "b", "c"]),
     [np.zeros(2), None, "a"]],
    ids=repr,
)  # fmt: skip
def test_what_is_no_column_is_refused(value):
    with pytest.raises(ArgumentError, match="object attribute 'a'"):
        check_object_attributes({"a": value}, 3)


@pytest.mark.parametrize("name", ["", "a/b", "..", "zarr.json", "CON", 5])
def test_a_name_that_is_no_folder_is_refused(name):
    with pytest.raises(ArgumentError, match="name"):
        check_object_attributes({name: [1.0]}, 1)


def test_strings_that_grow_beyond_all_measure_are_refused():
    words = ["a"] * 20_000 + ["b" * 100_000]
    with pytest.raises(ArgumentError, match="2 GiB"):
        check_object_attributes({"a": words}, len(words))


def test_an_unknown_attribute_is_refused(bare):
    put(bare)
    write_object_attributes(bare.backend, "0", {"x": np.arange(5.0)}, "none")
    found = open_objects(bare.open(), 0)
    for name in ("y", "../vertices", "zarr.json"):
        with pytest.raises(ArgumentError, match="it has 'x'"):
            found.attribute(name)


def test_another_writer_may_append_rows_and_leave_chunks_of_absent_ones_out(bare):
    put(bare, 3)
    write_object_attributes(bare.backend, "0", {"x": np.array([np.nan, 5, 6], "f4"), "n": np.arange(3)}, "zstd")
    level = bare.group(mode="r+")
    level["object_attributes/x"].resize((8,))
    level["object_attributes/n"].resize((8,))
    level["object_attributes/n"][6] = 77
    bare.edit("0/object_index", lambda doc: doc["attributes"].update(num_objects=8))
    for name in ("object_ids", "manifests"):
        level[f"object_index/{name}"].resize((8,))
    level["object_index/object_ids"][3:] = np.arange(100, 105)
    found = open_objects(bare.open(), 0)
    assert found.ids.tolist() == [-4, -1, 2, 100, 101, 102, 103, 104]
    assert np.diff(found.manifests().offsets)[3:].tolist() == [0] * 5
    assert found.attribute("x")[1:3].tolist() == [5, 6]
    assert found.present("x").tolist() == [True] * 3 + [False] * 5
    assert found.present("n").tolist() == [True] * 3 + [False] * 3 + [True, False]
