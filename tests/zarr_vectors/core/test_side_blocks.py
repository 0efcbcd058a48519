"""Headers, notes of users, parametric objects: written, read, read by zarr, as the peer lays them out, damaged."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import replace

import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st
from zarr.storage import MemoryStore

from tests.zarr_vectors.core.conftest import Bare, replace_item
from zarr_vectors._spec import LevelMetadata
from zarr_vectors.core._commit import put_group
from zarr_vectors.core.side_blocks import (
    PARAMETRIC_KINDS,
    Parametric,
    ParametricKind,
    check_headers,
    check_user_metadata,
    read_headers,
    read_parametric,
    read_user_metadata,
    with_user_metadata,
    write_headers,
    write_level_metadata,
    write_parametric,
)
from zarr_vectors.exceptions import ArgumentError, CorruptChunkError, CorruptStoreError
from zarr_vectors.lazy import open_zv

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
OBJECT = st.dictionaries(TEXT, JSON, max_size=4)


# -- headers ---------------------------------------------------------------------------------------------------------

TRK = {"voxel_size": [1.0, 2.5], "dim": [3, 4], "name": "größe", "nested": {"a": None, "b": [True, {}]}, "": "empty"}


@given(header=OBJECT)
def test_headers_come_back(header):
    bare = Bare(MemoryStore())
    write_headers(bare.backend, check_headers({"trk": header, "ply": {}}))
    assert read_headers(bare.open()) == {"ply": {}, "trk": header}


def test_zarr_finds_nothing_but_the_header_among_its_attributes(bare):
    write_headers(bare.backend, check_headers({"trk": TRK}))
    assert dict(bare.group("headers/trk").attrs) == TRK
    assert read_headers(bare.open()) == {"trk": TRK}
    with open_zv(bare.place) as store:
        assert store.headers == {"trk": TRK}


def test_no_headers_make_no_group(bare):
    write_headers(bare.backend, {})
    assert read_headers(bare.open()) == {}
    assert "headers" not in bare.backend.list_names("")


def test_a_header_that_another_writer_adds_or_changes_or_removes_is_read(bare):
    write_headers(bare.backend, check_headers({"trk": TRK, "tck": {"a": 1}, "ply": {}}))
    headers = bare.group("headers", mode="r+")
    headers.create_group("swc", attributes={"b": 2})
    headers["tck"].attrs["a"] = 5
    del headers["ply"]
    headers.attrs["zv_checksums"] = {k: v for k, v in headers.attrs["zv_checksums"].items() if k != "ply"}
    assert read_headers(bare.open()) == {"swc": {"b": 2}, "tck": {"a": 5}, "trk": TRK}


@pytest.mark.parametrize(
    "headers",
    [{"trk": [1]}, {"trk": {1: 2}}, {"trk": {"a": {2: 3}}}, {"trk": {"a": math.nan}}, {"trk": {"a": np.float32(1)}},
     {"trk": {"a": "\ud800"}}, {"trk": {"zv_crc32c": "x"}}, {"a/b": {}}, {"..": {}}, {"trk": {"a": {1, 2}}}],
    ids=repr,
)  # fmt: skip
def test_what_is_no_header_is_refused(headers):
    with pytest.raises(ArgumentError):
        check_headers(headers)


def test_a_circle_is_no_header():
    header: dict = {}
    header["a"] = header
    with pytest.raises(ArgumentError, match="trk"):
        check_headers({"trk": header})


def test_tuples_come_back_as_lists():
    assert check_headers({"trk": {"a": (1, (2, 3))}}) == {"trk": {"a": [1, [2, 3]]}}


@pytest.mark.parametrize("whole", [True, False])
def test_a_header_that_is_lost_is_missed(local, whole):
    write_headers(local.backend, check_headers({"trk": TRK, "tck": {"a": 1}}))
    lost = local.place / "headers" / "trk"
    shutil.rmtree(lost) if whole else (lost / "zarr.json").unlink()
    with pytest.raises(CorruptStoreError, match="headers/trk is missing; headers/zarr.json holds its checksum"):
        read_headers(local.open())


def test_parametric_objects_without_the_document_that_describes_them_are_missed(local):
    write_parametric(local.backend, some())
    (local.place / "parametric" / "zarr.json").unlink()
    with pytest.raises(CorruptStoreError, match="parametric holds .* but zarr.json is missing"):
        read_parametric(local.open())


def test_no_flipped_bit_of_a_header_goes_unseen(local):
    write_headers(local.backend, check_headers({"trk": TRK}))
    file = local.place / "headers" / "trk" / "zarr.json"
    raw = file.read_bytes()
    for at in range(len(raw)):
        file.write_bytes(raw[:at] + bytes([raw[at] ^ 4]) + raw[at + 1 :])
        try:
            assert read_headers(local.open()) == {"trk": TRK}
        except CorruptStoreError as error:
            assert "headers/trk" in str(error)
            assert "s.zv" in str(error)
        else:
            pytest.fail(f"byte {at}")


# -- notes of users ----------------------------------------------------------------------------------------------------

NOTES = {"lab": {"stain": "DAPI", "n": 3}, "empty": {}}


@given(notes=st.dictionaries(TEXT, OBJECT, max_size=3))
def test_notes_come_back(notes):
    bare = Bare(MemoryStore())
    root = with_user_metadata(bare.open().root, check_user_metadata(notes))
    put_group(bare.backend, "", root.to_dict("bare"))
    write_level_metadata(bare.backend, LevelMetadata(0, 0), notes)
    store = bare.open()
    assert read_user_metadata(store) == read_user_metadata(store, 0) == notes
    if notes:
        assert bare.group("").attrs["user_metadata"] == notes
        assert bare.group("0").attrs["user_metadata"] == notes


def test_empty_notes_take_the_place_of_others(bare):
    root = with_user_metadata(bare.open().root, NOTES)
    assert root.to_dict("bare")["user_metadata"] == NOTES
    assert "user_metadata" not in with_user_metadata(root, {}).to_dict("bare")


@pytest.mark.parametrize("notes", [{"lab": 5}, {"lab": [1]}, [1], {1: {}}, {"lab": {"a": math.inf}}], ids=repr)
def test_what_is_no_note_is_refused(notes):
    with pytest.raises(ArgumentError, match="user_metadata"):
        check_user_metadata(notes)


def test_notes_of_another_kind_are_corrupt(local):
    local.edit("", lambda doc: doc["attributes"].update(user_metadata=[1]))
    with pytest.raises(CorruptStoreError, match=r"s\.zv: user_metadata"):
        read_user_metadata(local.open())


# -- parametric objects ------------------------------------------------------------------------------------------------


def some() -> Parametric:
    nan = np.nan
    return Parametric(
        np.array([0, 1, 7, 2]),
        np.array([[1, 2, 3, 4, nan, nan], [1, 2, 3, 4, 5, 6], [9, nan, nan, nan, nan, nan], [0, 0, 0, 2.5, nan, nan]]),
        ("floor", "", "größe", "ball"),
        {**PARAMETRIC_KINDS, 7: ParametricKind("number", ("value",))},
        {"q": np.array([1.5, 2, nan, 4]), "word": np.array(["a", "", "c", "d"]), "flag": np.arange(4) > 1},
        np.array([0, 2, 2, 3]),
        np.array([0, 2, 1]),
        {"g": np.array([[1, 2], [3, 4], [5, 6]], "i4")},
    )


def same(found: Parametric, wanted: Parametric) -> bool:
    columns = (
        (found.types, wanted.types),
        (found.coefficients[:, : wanted.coefficients.shape[1]], wanted.coefficients),
        (found.group_offsets, wanted.group_offsets),
        (found.group_members, wanted.group_members),
        *((found.attributes[name], values) for name, values in wanted.attributes.items()),
        *((found.group_attributes[name], values) for name, values in wanted.group_attributes.items()),
    )
    return (
        all(
            a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
            for a, b in columns
        )
        and found.names == wanted.names
        and found.kinds == wanted.kinds
        and found.attributes.keys() == wanted.attributes.keys()
        and found.group_attributes.keys() == wanted.group_attributes.keys()
    )  # fmt: skip


def test_parametric_objects_come_back(bare):
    write_parametric(bare.backend, some())
    assert same(read_parametric(bare.open()), some())
    group = bare.group("parametric")
    assert group["objects"].shape == (4, 7)
    assert group["objects"][:, 0].tolist() == [0, 1, 7, 2]
    assert [bytes(name).decode() for name in group["names"][:]] == ["floor", "", "größe", "ball"]
    assert [np.frombuffer(bytes(b), "<i8").tolist() for b in group["groups"][:]] == [[0, 2], [], [1]]
    assert group["object_attributes/q"][...].tolist()[:2] == [1.5, 2]
    assert group.attrs["parametric_types"]["7"] == {"name": "number", "coefficients": ["value"]}


def test_names_that_are_not_given_are_made_of_type_and_row():
    assert replace(some(), names=()).names == ("plane_0", "line_1", "number_2", "sphere_3")


def test_no_parametric_objects_come_back(bare):
    assert read_parametric(bare.open()) is None
    nothing = Parametric(np.empty(0, np.int64), np.empty((0, 4)))
    write_parametric(bare.backend, nothing)
    found = read_parametric(bare.open())
    assert (found.count, found.group_count, found.names, found.kinds) == (0, 0, (), PARAMETRIC_KINDS)


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"types": np.array([0, 1, 9, 2])}, "type 9"), ({"types": np.zeros(3, int)}, "types"),
     ({"names": ("a",)}, "names"),
     ({"names": ("a", "b", "c", "\ud800")}, "names"), ({"group_members": np.zeros(5, int)}, "members"),
     ({"coefficients": np.zeros(4)}, "coefficients")],
)  # fmt: skip
def test_parametric_objects_that_cannot_be_are_refused(changes, words):
    with pytest.raises(ArgumentError, match=words):
        replace(some(), **changes)


def test_attributes_that_do_not_fit_are_refused_before_a_byte_is_written(bare):
    for changes in ({"attributes": {"q": np.zeros(3)}}, {"group_attributes": {"q": np.zeros(4)}}):
        with pytest.raises(ArgumentError, match="'q'"):
            write_parametric(bare.backend, replace(some(), **changes))
    assert "parametric" not in bare.backend.list_names("")


def test_parametric_objects_as_the_peer_lays_them_out_are_read(local):
    """As FORMAT 19 has it, and the peer's own stores: zarr's own codecs, no marks of ours."""
    group = zarr.open_group(local.place, path="parametric", mode="w")
    group.attrs["parametric_types"] = {"0": {"name": "plane", "coefficients": ["A", "B", "C", "D"]}}
    rows = np.array([[0, 1, 2, 3, 4], [2, 5, 6, 7, np.nan]])
    group.create_array("objects", data=rows, chunks=rows.shape)
    for name, blobs in (("names", [b"plane_0", b"ball"]), ("groups", [np.arange(2).astype("<i8").tobytes(), b""])):
        array = group.create_array(name, shape=2, chunks=2, dtype="variable_length_bytes")
        array[:] = np.array(blobs, dtype=object)
    group.create_group("object_attributes").create_array("q", data=np.array([0.0, 0.0]))
    found = read_parametric(local.open())
    assert found.types.tolist() == [0, 2]
    assert np.array_equal(found.coefficients, rows[:, 1:], equal_nan=True)
    assert found.names == ("plane_0", "ball")
    assert (found.group_offsets.tolist(), found.group_members.tolist()) == ([0, 2, 2], [0, 1])
    # zarr does not store a chunk of zeros.
    assert found.attributes["q"].tolist() == [0.0, 0.0]


DAMAGE = {
    "half a type": lambda place: place["objects"].__setitem__((1, 0), 0.5),
    "no type": lambda place: place["objects"].__setitem__((1, 0), np.nan),
    "an unknown type": lambda place: place["objects"].__setitem__((1, 0), 5),
    "a type beyond numbers": lambda place: place["objects"].__setitem__((1, 0), 1e300),
    "no text": lambda place: replace_item(place["names"], 1, b"\xff"),
    "no ids": lambda place: replace_item(place["groups"], 0, b"123"),
    "types without coefficients": lambda place: place.attrs.update(parametric_types={"0": {"name": "plane"}}),
    "types of another kind": lambda place: place.attrs.update(parametric_types={"x": {}}),
    "types in a list": lambda place: place.attrs.update(parametric_types=[1]),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_parametric_objects_that_contradict_themselves_are_one_clear_error(local, case):
    write_parametric(local.backend, some())
    DAMAGE[case](local.group("parametric", mode="r+"))
    with pytest.raises(CorruptStoreError, match=r"s\.zv.*parametric"):
        read_parametric(local.open())


def test_a_lost_or_damaged_chunk_of_parametric_objects_is_named(local):
    write_parametric(local.backend, some())
    for path in ("objects/c/0/0", "names/c/0", "groups/c/0", "object_attributes/q/c/0", "group_attributes/g/c/0/0"):
        file = local.place / "parametric" / path
        raw = file.read_bytes()
        for bad in (None, raw[:-3], raw[:-5] + b"x" + raw[-4:]):
            file.unlink()
            if bad is not None:
                file.write_bytes(bad)
            with pytest.raises(CorruptChunkError) as caught:
                read_parametric(local.open())
            array, _, chunk = f"parametric/{path}".partition("/c/")
            assert (caught.value.array, caught.value.chunk) == (array, chunk.replace("/", "."))
            file.write_bytes(raw)
    assert same(read_parametric(local.open()), some())


def test_documents_of_side_blocks_are_sealed(local):
    write_parametric(local.backend, some())
    file = local.place / "parametric" / "objects" / "zarr.json"
    doc = json.loads(file.read_bytes())
    assert doc["attributes"]["zv_crc32c"] != "0" * 8
    file.write_bytes(file.read_bytes().replace(b"float64", b"float32"))
    with pytest.raises(CorruptStoreError, match="checksum"):
        read_parametric(local.open())
