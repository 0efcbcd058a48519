"""Groups: names, members as lists or ranges, attributes; written, read, read by zarr, damaged."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from zarr.storage import MemoryStore

from tests.zarr_vectors.core.conftest import Bare, replace_item
from zarr_vectors.core.arrays._groups import check_group_attributes, check_groups, read_groups, write_groups
from zarr_vectors.exceptions import (
    ArgumentError,
    CorruptChunkError,
    CorruptStoreError,
    LimitError,
    UnsupportedFeatureError,
)
from zarr_vectors.lazy._objects import group_members

INT64 = st.integers(-(2**63), 2**63 - 1)
LISTS = st.lists(INT64, max_size=5) | st.builds(
    lambda first, size: range(first, first + size), st.integers(-(2**63), 2**63 - 1 - 80), st.integers(0, 80)
)
NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8).filter(
    lambda name: not name.startswith("group_")
)


def put(bare, groups, attributes=None, **options):
    names, offsets, members = check_groups(groups)
    columns = check_group_attributes(attributes or {}, len(names))
    write_groups(bare.backend, "0", names, offsets, members, columns, **options)


def as_lists(groups):
    return {name: list(ids) for name, ids in groups.items()}


@given(groups=st.dictionaries(NAMES, LISTS, min_size=1, max_size=6))
@settings(max_examples=100)
def test_groups_come_back(groups):
    bare = Bare(MemoryStore())
    put(bare, groups)
    found = read_groups(bare.open(), 0)
    assert found.names == tuple(groups)
    assert found.count == len(groups)
    assert found.members.dtype == found.offsets.dtype == np.int64
    assert {name: found.members_of(name).tolist() for name in found.names} == as_lists(groups)
    assert [found.members_of(row).tolist() for row in range(found.count)] == list(as_lists(groups).values())
    assert {k: v.tolist() for k, v in group_members(bare.open(), 0).items()} == as_lists(groups)


EDGES = {
    "list": [3, 8, 20],
    "range": range(7, 100),
    "none": [],
    "range by list": list(range(-50, 50)),
    "short range": range(5),
    "a gap": [*range(60), 61],
    "backwards": range(60, 0, -1),
    "steps": range(0, 200, 2),
    "repeats": [4] * 50,
    "last": range(2**63 - 40, 2**63),
    "first": range(-(2**63), -(2**63) + 40),
    "around": [*range(2**63 - 30, 2**63), *range(-(2**63), -(2**63) + 30)],
    "far": range(-(2**63), 2**63, 2**64 - 1),
    "one": range(5, 6, 2**70),
    "arrays": np.arange(40, dtype=np.uint8),
}


def test_both_kinds_of_storage_hold_lists_and_ranges(bare):
    put(bare, EDGES)
    found = read_groups(bare.open(), 0)
    assert {name: found.members_of(name).tolist() for name in found.names} == as_lists(EDGES)
    array = bare.group()["groups"]
    ranges = array.attrs["group_ranges"]
    by_name = {found.names[int(row)]: ends for row, ends in ranges.items()}
    first = -(2**63)
    assert by_name == {
        "range": [7, 100], "range by list": [-50, 50], "first": [first, first + 40], "arrays": [0, 40]
    }  # fmt: skip
    assert array.attrs["group_names"] == list(EDGES)
    assert array.attrs["num_groups"] == array.shape[0] == array.chunks[0] == len(EDGES)
    for row, (name, ids) in enumerate(EDGES.items()):
        blob = bytes(array[row : row + 1][0])
        assert np.frombuffer(blob, "<i8").tolist() == ([] if name in by_name else list(ids))


def test_attributes_of_groups_come_back(bare):
    columns = {
        "score": np.array([1.5, np.nan, 0], "f4"),
        "pair": np.array([[0, 0], [1, 2], [3, 4]], "i2"),
        "flag": [True, False, True],
        "word": ["a", "", "ccc"],
        "maybe": ["a", None, "b"],
    }
    put(bare, {"a": [1], "b": [], "c": range(99)}, columns, compressor="blosc")
    found = read_groups(bare.open(), 0)
    assert found.attributes.names == ("flag", "maybe", "pair", "score", "word")
    for name, values in columns.items():
        wanted = np.array(values, dtype=object if name == "maybe" else None)
        assert found.attribute(name).dtype == wanted.dtype
        assert np.array_equal(found.attribute(name), wanted, equal_nan=name == "score")
    assert found.attributes.read_with_presence("pair")[1].all()
    stored = bare.group()["group_attributes"]
    assert stored["pair"][...].tolist() == columns["pair"].tolist()
    assert stored["pair"].attrs["zv_array"] == "groupings_attribute"
    assert stored["score"].fill_value == 0


def test_no_groups_make_no_array(bare):
    put(bare, {})
    assert bare.backend.list_names("0") == ["zarr.json"]
    assert read_groups(bare.open(), 0) is None
    assert group_members(bare.open(), 0) == {}


def test_many_groups_are_one_chunk(local):
    rng = np.random.default_rng(1)
    groups = {f"g{i}": rng.integers(0, 10**6, rng.integers(0, 30)) for i in range(5000)}
    put(local, groups)
    assert [file.name for file in (local.place / "0" / "groups" / "c").iterdir()] == ["0"]
    found = read_groups(local.open(), 0)
    assert all((found.members_of(name) == ids).all() for name, ids in groups.items())


def test_members_belong_to_the_caller(bare):
    put(bare, {"a": [1, 2]})
    found = read_groups(bare.open(), 0)
    found.members_of("a")[:] = 0
    assert found.members_of("a").tolist() == [1, 2]


@pytest.mark.parametrize("group", ["b", 1, -1, True, None, 0.0, ""])
def test_an_unknown_group_is_refused(bare, group):
    put(bare, {"a": [1, 2]})
    with pytest.raises(ArgumentError, match="it has 'a'"):
        read_groups(bare.open(), 0).members_of(group)


@pytest.mark.parametrize(
    "groups",
    [[1, 2], "ab", {1: [2]}, {"a": [1.5]}, {"a": 5}, {"a": [[1]]}, {"a": ["x"]}, {"a": [2**63]}, {"a": [True]},
     {"\ud800": [1]}, {"group_1": [1], "": [2]}, {"a": None}, {"a": range(2**63 - 5, 2**63 + 1)}, {"a": range(10**12)},
     {"a": range(2**64)},
     {"a": range(-(2**63), 2**63)}],
    ids=repr,
)  # fmt: skip
def test_what_is_no_group_is_refused(groups):
    with pytest.raises(ArgumentError, match="group"):
        check_groups(groups)


def test_groups_that_cannot_be_are_not_written(bare):
    one = np.array([0, 2]), np.array([1, 2])
    for names, (offsets, members) in ((["a", "b"], one), (["a"], (one[0], one[1][:1]))):
        with pytest.raises(ArgumentError, match="groups"):
            write_groups(bare.backend, "0", names, offsets, members, {})
    with pytest.raises(ArgumentError, match="differ"):
        write_groups(bare.backend, "0", ["a", "a"], np.array([0, 1, 2]), one[1], {})
    assert bare.backend.list_names("0") == ["zarr.json"]


# -- what the peer wrote ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["s02", "s05"])
def test_groups_of_the_peer_are_read(peers, name):
    data, about = peers.expected(name)
    found = read_groups(peers.open(name), 0)
    wanted = {int(key[6:]): ids for key, ids in data.items() if key.startswith("group/")}
    assert found.count == len(wanted)
    for row, ids in wanted.items():
        assert found.members_of(row).tolist() == ids.tolist()
    assert list(found.names) == about.get("group_names", [f"group_{row}" for row in sorted(wanted)])
    for key in data:
        if key.startswith("gattr/"):
            values = found.attribute(key[6:])
            assert values.dtype == data[key].dtype
            assert values.tobytes() == data[key].tobytes()


def test_a_level_of_the_peer_without_groups_has_none(peers):
    for name in ("s01", "s06", "s09"):
        assert read_groups(peers.open(name), 0) is None


def test_names_may_be_fewer_than_groups_or_repeat(bare):
    put(bare, {"a": [1], "b": [2], "c": [3], "d": [4]})
    for names, wanted in (
        (None, ["group_0", "group_1", "group_2", "group_3"]),
        (["x"], ["x", "group_1", "group_2", "group_3"]),
        (["x", "", None, 5], ["x", "group_1", "group_2", "group_3"]),
        (["x", "x", "y", "x"], ["x", "group_1", "y", "group_3"]),
        (["group_1", "", "", ""], ["group_1", "group_1_", "group_2", "group_3"]),
        (["x", "y", "z", "w", "v"], ["x", "y", "z", "w"]),
    ):
        bare.edit("0/groups", lambda doc, names=names: doc["attributes"].update(group_names=names))
        found = read_groups(bare.open(), 0)
        assert list(found.names) == wanted
        assert [found.members_of(name).tolist() for name in wanted] == [[1], [2], [3], [4]]


def test_a_range_wins_over_the_list_of_the_same_row(bare):
    put(bare, {"a": [1, 9], "b": [2, 3], "c": [5]})
    for ranges, wanted in (
        ({"1": [10, 13]}, [[1, 9], [10, 11, 12], [5]]),
        ({"2": [3, 3], "0": [-2, 0]}, [[-2, -1], [2, 3], []]),
        ({"0": [5, 2]}, [[], [2, 3], [5]]),
        ({"0": [2**63 - 1, -(2**63)]}, [[], [2, 3], [5]]),
        ({}, [[1, 9], [2, 3], [5]]),
        (None, [[1, 9], [2, 3], [5]]),
    ):
        bare.edit("0/groups", lambda doc, ranges=ranges: doc["attributes"].update(group_ranges=ranges))
        found = read_groups(bare.open(), 0)
        assert [found.members_of(row).tolist() for row in range(3)] == wanted


# -- damage ----------------------------------------------------------------------------------------------------------


def set_keys(**keys):
    return lambda doc: doc["attributes"].update(keys)


DAMAGE = {
    "another count": (set_keys(num_groups=4), CorruptStoreError),
    "no count": (set_keys(num_groups="3"), CorruptStoreError),
    "names of another kind": (set_keys(group_names="abc"), CorruptStoreError),
    "ranges of another kind": (set_keys(group_ranges=[1, 2]), CorruptStoreError),
    "a range of a group that is not there": (set_keys(group_ranges={"3": [1, 2]}), CorruptStoreError),
    "a range of no group": (set_keys(group_ranges={"x": [1, 2]}), CorruptStoreError),
    "a range of a group beyond words": (set_keys(group_ranges={"9" * 5000: [1, 2]}), CorruptStoreError),
    "a range of one end": (set_keys(group_ranges={"1": [1]}), CorruptStoreError),
    "a range of halves": (set_keys(group_ranges={"1": [0.5, 2]}), CorruptStoreError),
    "a range beyond 64 bits": (set_keys(group_ranges={"1": [0, 2**64]}), CorruptStoreError),
    "a range of a milliard": (set_keys(group_ranges={"1": [0, 10**9]}), LimitError),
    "a range of everything": (set_keys(group_ranges={"1": [-(2**63), 2**63 - 1]}), LimitError),
    "numbers": (lambda doc: doc.update(data_type="int64"), UnsupportedFeatureError),
    "chunks of other rows": (
        lambda doc: doc["chunk_grid"]["configuration"].update(chunk_shape=[2]), CorruptChunkError
    ),
}  # fmt: skip


@pytest.mark.timeout(20)
@pytest.mark.parametrize("case", DAMAGE)
def test_groups_that_contradict_themselves_are_one_clear_error(local, case):
    change, kind = DAMAGE[case]
    put(local, {"a": [1, 9], "b": [2, 3], "c": [5]})
    local.edit("0/groups", change)
    with pytest.raises(kind) as caught:
        read_groups(local.open(), 0)
    assert "s.zv" in str(caught.value)
    assert "0/groups" in str(caught.value)


def test_members_that_are_no_whole_numbers_are_corrupt(local):
    put(local, {"a": [1, 9], "b": [2, 3]})
    replace_item(local.group(mode="r+")["groups"], 1, b"1234567")
    with pytest.raises(CorruptChunkError, match="row 1: 7 bytes"):
        read_groups(local.open(), 0)


def test_an_attribute_of_other_groups_is_corrupt(local):
    put(local, {"a": [1, 9], "b": [2, 3]}, {"x": np.arange(2)})
    local.edit("0/group_attributes/x", lambda doc: doc.update(shape=[3]))
    with pytest.raises(CorruptStoreError, match="group_attributes/x"):
        read_groups(local.open(), 0).attribute("x")


def test_no_flipped_bit_and_no_lost_file_goes_unseen(tmp_path):
    store = Bare(tmp_path / "s.zv", present=("groups", "group_attributes"))
    put(store, EDGES, {"x": np.arange(len(EDGES)), "w": ["word"] * len(EDGES)})

    def everything():
        found = read_groups(store.open(), 0)
        columns = [found.attribute(name).tolist() for name in ("x", "w")]
        return found.names, found.offsets.tolist(), found.members.tolist(), columns

    whole = everything()
    rng = np.random.default_rng(5)
    files = [f for f in sorted((store.place / "0").rglob("*")) if f.is_file() and f.parts[-2] != "group_attributes"]
    caught = 0
    for trial in range(40 * len(files)):
        file = files[trial % len(files)]
        raw = file.read_bytes()
        bad = bytearray(raw)
        if trial < len(files):
            file.unlink()
        elif trial < 2 * len(files):
            file.write_bytes(raw[: len(raw) // 2])
        else:
            bad[rng.integers(len(raw))] ^= 1 << int(rng.integers(8))
            file.write_bytes(bad)
        try:
            assert everything() == whole, file
        except (CorruptStoreError, UnsupportedFeatureError) as error:
            caught += 1
            assert "s.zv" in str(error)
        else:
            assert trial >= 2 * len(files)
        file.write_bytes(raw)
    assert caught > 30 * len(files)
