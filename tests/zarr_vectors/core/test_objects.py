"""The object index: what is written is read to the bit, by us and by zarr; what is damaged says where."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from zarr.storage import MemoryStore

from tests.zarr_vectors.core.conftest import Bare, replace_item
from tests.zarr_vectors.core.object_levels import COMPRESSORS, put, simple
from zarr_vectors.core.arrays._objects import (
    open_objects,
    write_object_attributes,
    write_objects,
)
from zarr_vectors.core.store import load_store
from zarr_vectors.encoding.manifests import Manifests
from zarr_vectors.encoding.ragged import offsets_of
from zarr_vectors.exceptions import (
    ArgumentError,
    CorruptChunkError,
    CorruptStoreError,
    LimitError,
    StoreNotFoundError,
    UnsafeStoreError,
    UnsupportedFeatureError,
)

INT64 = st.integers(-(2**63), 2**63 - 1)


@st.composite
def indices(draw):
    """(ids, manifests, rank) of a few objects, some of them empty."""
    ids = draw(st.lists(INT64, max_size=12, unique=True))
    rank = draw(st.integers(1, 5))
    counts = np.array(draw(st.lists(st.integers(0, 5), min_size=len(ids), max_size=len(ids))), np.int64)
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    chunks = rng.integers(-(2**63), 2**63 - 1, (counts.sum(), rank))
    fragments = rng.integers(0, 2**32 - 1, counts.sum())
    return np.array(ids, np.int64), Manifests(offsets_of(counts), chunks, fragments), rank


def same(found: Manifests, wanted: Manifests) -> bool:
    return all(
        a.dtype == np.int64 and a.shape == b.shape and (a == b).all()
        for a, b in (
            (found.offsets, wanted.offsets),
            (found.chunks, wanted.chunks),
            (found.fragments, wanted.fragments),
        )
    )


# -- ids and manifests ---------------------------------------------------------------------------------------------


@given(index=indices(), compressor=st.sampled_from(COMPRESSORS))
@settings(max_examples=60)
def test_ids_and_manifests_come_back(index, compressor):
    ids, manifests, rank = index
    bare = Bare(MemoryStore())
    write_objects(bare.backend, "0", ids, manifests, rank, compressor=compressor)
    found = open_objects(bare.open(), 0)
    assert (found.num_objects, found.rank) == (len(ids), rank)
    assert found.ids.tolist() == ids.tolist()
    assert found.is_dense == (ids.tolist() == list(range(len(ids))))
    assert same(found.manifests(), manifests)
    order = np.random.default_rng(len(ids)).permutation(len(ids))
    assert found.rows_of(ids[order]).tolist() == order.tolist()
    assert same(found.manifests(order), manifests.take(order))
    assert same(found.manifests(order[:2]), manifests.take(order[:2]))


@pytest.mark.parametrize("compressor", COMPRESSORS[:4])
def test_manifests_are_compressed_unless_nothing_is(bare, compressor):
    put(bare, 40, compressor=compressor)
    codecs = bare.group("0/object_index")["manifests"].metadata.to_dict()["codecs"]
    names = [codec["name"] for codec in codecs]
    assert names == ["vlen-bytes", *(["zstd"] if compressor != "none" else []), "crc32c"]


def test_both_kinds_of_storage_hold_an_index(bare):
    ids = put(bare)
    found = open_objects(bare.open(), 0)
    assert found.ids.tolist() == ids.tolist()
    assert same(found.manifests(), simple(5))


def test_many_objects_lie_in_chunks_and_a_few_are_found_without_the_others(local):
    count, ids = 40_000, np.random.default_rng(2).permutation(90_000)[:40_000]
    manifests = simple(count)
    put(local, count, ids)
    folder = local.place / "0" / "object_index" / "manifests" / "c"
    (per,) = local.group("0/object_index")["manifests"].chunks
    assert len(list(folder.iterdir())) == -(-count // per) > 4
    assert same(open_objects(local.open(), 0).manifests(), manifests)
    rows = np.array([39_999, 3, per, per - 1, 3, 2 * per])
    assert same(open_objects(local.open(), 0).manifests(rows), manifests.take(rows))
    (folder / "1").unlink()
    found = open_objects(local.open(), 0)
    near = np.array([7, 39_000])
    assert same(found.manifests(near), manifests.take(near))
    with pytest.raises(CorruptChunkError, match="chunk 1 of array '0/object_index/manifests'"):
        found.manifests()


def test_of_some_objects_the_manifest_that_is_damaged_has_a_name_and_others_do_not_matter(local):
    count = 20_000
    put(local, count, compressor="none")
    array = local.group("0/object_index", mode="r+")["manifests"]
    (per,) = array.chunks
    bad = per + 5
    replace_item(array, bad, b"\x01\0\0\0")
    rows = np.array([3, per + 4, per + 6, count - 1])
    found = open_objects(local.open(), 0)
    assert same(found.manifests(rows), simple(count).take(rows))
    with pytest.raises(CorruptChunkError, match=rf"chunk 1 of .*object row 5.*rows counted from {per}"):
        found.manifests(np.append(rows, bad))


def test_objects_of_very_many_fragments_do_not_lie_in_very_many_chunks(bare):
    class Crowded:
        offsets = np.arange(0, 30_001 * 400, 400)

        def part(self, low, high):
            return simple(high - low)

    write_objects(bare.backend, "0", np.arange(30_000), Crowded(), 3, compressor="none")
    (per,) = bare.group("0/object_index")["manifests"].chunks
    assert per > 2048 / 400
    assert 1000 < 30_000 / per <= 4096


def test_one_object_of_very_many_fragments_does_not_put_all_others_into_chunks_of_their_own(bare):
    class Skewed:
        offsets = np.append(np.arange(15_000), np.arange(15_000, 30_002) + 2999)

        def part(self, low, high):
            return simple(high - low)

    write_objects(bare.backend, "0", np.arange(30_001), Skewed(), 3, compressor="none")
    (per,) = bare.group("0/object_index")["manifests"].chunks
    assert np.diff(Skewed.offsets).max() == 3000
    assert 30_001 / per <= 2048


def test_zarr_reads_what_is_written(bare):
    ids, manifests = put(bare, 20_000), simple(20_000)
    index = bare.group("0/object_index")
    assert dict(index.attrs)["layout"] == "vlen_manifests_v2"
    assert index.attrs["num_objects"] == 20_000
    assert index.attrs["num_present"] == int((np.diff(simple(20_000).offsets) > 0).sum())
    assert index.attrs["sid_ndim"] == 3
    assert index.attrs["object_ids_sorted"] is True
    assert index["object_ids"][:].tolist() == ids.tolist()
    (per,) = index["manifests"].chunks
    # Some thousand fragments: what is unpacked to find one object.
    assert np.diff(manifests.offsets[::per]).max() <= 2048 < np.diff(manifests.offsets[:: 2 * per]).max()
    blobs = index["manifests"][:]
    for row in (0, 7, per - 1, per, 19_999):
        wanted = manifests.take(np.array([row]))
        blob = b"".join(
            chunk.astype("<i8").tobytes() + b"\0" + int(fragment).to_bytes(8, "little")
            for chunk, fragment in zip(wanted.chunks, wanted.fragments, strict=True)
        )
        assert bytes(blobs[row]) == len(wanted.fragments).to_bytes(4, "little") + blob


def test_an_index_of_no_objects_has_no_arrays(bare):
    write_objects(bare.backend, "0", np.empty(0, np.int64), simple(0), 3, compressor="auto")
    assert list(bare.group("0/object_index").members()) == []
    found = open_objects(bare.open(), 0)
    assert (found.num_objects, len(found.ids), found.manifests().count, found.is_dense) == (0, 0, 0, True)
    with pytest.raises(ArgumentError, match="no object 3"):
        found.rows_of([3])
    assert found.rows_of([]).tolist() == []


def test_a_level_without_an_index_has_none(bare):
    assert open_objects(bare.open(), 0) is None


def test_ids_are_sorted_only_where_they_ascend(bare):
    put(bare, 3, [5, -2, 9])
    assert bare.group("0/object_index").attrs["object_ids_sorted"] is False


@pytest.mark.parametrize(
    ("ids", "words"),
    [([7], "no object 7"), ([2, 5, 2], "object 2 .* twice"), ([2.0], "whole"), ([[2]], "whole"), ([True], "whole"),
     (np.array([2**64 - 1], np.uint64), "no object"), (["a"], "whole")],
)  # fmt: skip
def test_what_is_no_object_is_refused(bare, ids, words):
    put(bare, 3, [5, -2, 2])
    with pytest.raises(ArgumentError, match=words):
        open_objects(bare.open(), 0).rows_of(ids)


@pytest.mark.parametrize("rows", [[5], [-1], [0, 99]])
def test_a_row_that_is_not_there_is_refused(bare, rows):
    put(bare)
    with pytest.raises(ArgumentError, match="rows 0 to 4"):
        open_objects(bare.open(), 0).manifests(np.array(rows))


def test_an_index_that_cannot_be_is_not_written(bare):
    for ids, count in (([1, 1], 2), ([1], 2)):
        with pytest.raises(ArgumentError, match="object ids"):
            write_objects(bare.backend, "0", np.array(ids), simple(count), 3, compressor="zstd")
    assert bare.backend.list_names("0") == ["zarr.json"]


def test_an_index_is_read_by_many_threads(local):
    ids = put(local, 40_000)
    found = open_objects(local.open(), 0)
    wanted = simple(40_000)

    def one(seed):
        rows = np.random.default_rng(seed).integers(0, 40_000, 50)
        return same(found.manifests(rows), wanted.take(rows)) and (found.ids == ids).all()

    with ThreadPoolExecutor(8, "zarr-vectors-test") as pool:
        assert all(pool.map(one, range(64)))


# -- what the peer wrote ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["s02", "s03", "s05", "s06", "s07", "s08", "s09", "s12", "s14"])
def test_an_index_of_the_peer_is_read(peers, name):
    data, about = peers.expected(name)
    store = peers.open(name)
    found = open_objects(store, 0)
    count = found.num_objects
    assert found.rank == store.root.ndim
    assert found.manifests().count == len(found.ids) == count
    if "object_ids" in data:
        assert sorted(found.ids.tolist()) == sorted(data["object_ids"].tolist())
    if "poly_off" in data and "ids" not in about:
        assert count == len(data["poly_off"]) - 1
    names = {key[6:] for key in data if key.startswith("oattr/")}
    assert names <= set(found.attribute_names)
    for attribute in names:
        values = found.attribute(attribute)
        assert values.dtype == data[f"oattr/{attribute}"].dtype
        assert values.tobytes() == data[f"oattr/{attribute}"].tobytes()
        assert found.present(attribute).all()


def test_objects_that_a_level_of_the_peer_leaves_out_are_absent(peers):
    store = peers.open("s06")
    fine, coarse = open_objects(store, 0), open_objects(store, 2)
    assert coarse.ids.tolist() == fine.ids.tolist()
    kept = np.diff(coarse.manifests().offsets) > 0
    assert 0 < kept.sum() < len(kept)
    for name in ("fa", "tag"):
        assert coarse.present(name).tolist() == kept.tolist()
        assert coarse.attribute(name)[kept].tolist() == fine.attribute(name)[kept].tolist()


def test_stores_of_the_peer_without_objects_have_none(peers):
    for name in ("s01", "s10", "s11", "s13"):
        assert open_objects(peers.open(name), 0) is None


def test_an_index_of_the_first_layout_has_dense_ids(bare):
    put(bare)
    bare.edit("0/object_index", lambda doc: doc["attributes"].update(layout="vlen_manifests_v1"))
    found = open_objects(bare.open(), 0)
    assert found.ids.tolist() == [0, 1, 2, 3, 4]
    assert found.is_dense


def test_dense_ids_of_another_writer_may_be_left_out(peers, tmp_path):
    place = peers.copy("s05", tmp_path / "s.zv")
    index = place / "0" / "object_index"
    for file in sorted((index / "object_ids").rglob("*"), reverse=True):
        file.rmdir() if file.is_dir() else file.unlink()
    (index / "object_ids").rmdir()
    found = open_objects(load_store(place), 0)
    assert found.is_dense
    assert found.ids.tolist() == list(range(found.num_objects))


# -- damage ----------------------------------------------------------------------------------------------------------


def read_all(place):
    found = open_objects(place.open(), 0)
    manifests = found.manifests()
    columns = {name: found.attribute(name).tolist() for name in found.attribute_names}
    return (found.ids.tolist(), manifests.offsets.tolist(), manifests.chunks.tolist(), manifests.fragments.tolist(),
            columns)  # fmt: skip


@pytest.fixture
def full(tmp_path):
    store = Bare(tmp_path / "s.zv", present=("object_index", "object_attributes"))
    put(store, 40)
    columns = {"x": np.arange(40.0), "flag": np.arange(40) % 3 == 0, "s": np.array(["word", "other"] * 20)}
    write_object_attributes(store.backend, "0", columns, "auto")
    return store


def files_of(store):
    return [file for file in sorted((store.place / "0").rglob("*")) if file.is_file()]


def test_no_flipped_bit_goes_unseen(full):
    whole = read_all(full)
    rng = np.random.default_rng(4)
    caught = 0
    for trial in range(400):
        files = files_of(full)
        file = files[trial % len(files)]
        raw = file.read_bytes()
        bad = bytearray(raw)
        bad[rng.integers(len(raw))] ^= 1 << int(rng.integers(8))
        file.write_bytes(bad)
        try:
            assert read_all(full) == whole, file
        except (CorruptStoreError, UnsupportedFeatureError) as error:
            caught += 1
            assert "s.zv" in str(error)
            if "/c/" in str(file):
                assert isinstance(error, CorruptChunkError)
        file.write_bytes(raw)
    assert caught > 300


def test_no_lost_or_cut_file_goes_unseen(full):
    whole = read_all(full)
    for file in files_of(full):
        raw = file.read_bytes()
        for left in (None, 0, 1, len(raw) // 2, len(raw) - 1):
            file.unlink()
            if left is not None:
                file.write_bytes(raw[:left])
            try:
                found = read_all(full)
            except CorruptStoreError as error:
                assert "s.zv" in str(error)
            else:
                # The group around the attributes says nothing that a reader needs.
                assert file.parts[-2:] == ("object_attributes", "zarr.json")
                assert found == whole
            file.write_bytes(raw)
    assert read_all(full) == whole


def test_a_damaged_chunk_is_named(full):
    for array, chunk in (("0/object_index/object_ids", "0"), ("0/object_attributes/x", "0")):
        file = full.place / array / "c" / chunk
        raw = file.read_bytes()
        file.write_bytes(raw[:-1] + b"x")
        with pytest.raises(CorruptChunkError) as caught:
            read_all(full)
        assert (caught.value.store, caught.value.array, caught.value.chunk) == (str(full.place), array, chunk)
        file.write_bytes(raw)


def set_keys(**keys):
    return lambda doc: doc["attributes"].update(keys)


def set_doc(**keys):
    return lambda doc: doc.update(keys)


INDEX, IDS, MANIFESTS, X, FLAG, S = (
    "0/object_index",
    "0/object_index/object_ids",
    "0/object_index/manifests",
    "0/object_attributes/x",
    "0/object_attributes/flag",
    "0/object_attributes/s",
)


def utf32(size):
    return {"name": "fixed_length_utf32", "configuration": {"length_bytes": size}}


DAMAGE = {
    "another layout": (INDEX, set_keys(layout="dense_manifests_v1"), UnsupportedFeatureError),
    "more objects": (INDEX, set_keys(num_objects=41), CorruptStoreError),
    "no whole number": (INDEX, set_keys(num_objects="40"), CorruptStoreError),
    "another rank": (INDEX, set_keys(sid_ndim=2), CorruptStoreError),
    "no rank": (INDEX, set_keys(sid_ndim=0), CorruptStoreError),
    "fewer ids": (IDS, set_doc(shape=[39]), CorruptStoreError),
    "ids of two axes": (IDS, set_doc(shape=[20, 2]), CorruptStoreError),
    "floating ids": (IDS, set_doc(data_type="float64", fill_value=0.0), CorruptStoreError),
    "pickled ids": (IDS, set_doc(data_type="object"), UnsupportedFeatureError),
    "manifests of numbers": (MANIFESTS, set_doc(data_type="uint8"), UnsupportedFeatureError),
    "fewer manifests": (MANIFESTS, set_doc(shape=[39]), CorruptStoreError),
    "chunks of other rows": (MANIFESTS, lambda d: d["chunk_grid"]["configuration"].update(chunk_shape=[8]),
                             CorruptStoreError),
    "a milliard manifests": (MANIFESTS, set_doc(shape=[10**9]), LimitError),
    "a milliard chunks": (X, lambda d: d.update(shape=[10**9]) or d["chunk_grid"]["configuration"].update(
        chunk_shape=[1]), LimitError),
    "a chunk of exabytes": (X, lambda d: d["chunk_grid"]["configuration"].update(chunk_shape=[2**60]), LimitError),
    "no chunks": (X, lambda d: d["chunk_grid"]["configuration"].update(chunk_shape=[0]), CorruptStoreError),
    "other keys": (X, set_doc(chunk_key_encoding={"name": "v2"}), UnsupportedFeatureError),
    "another width": (X, set_doc(data_type="float32"), CorruptChunkError),
    "another codec": (X, lambda d: d["codecs"].insert(1, {"name": "lzma"}), UnsupportedFeatureError),
    "no codec": (X, set_doc(codecs=[]), UnsupportedFeatureError),
    "a strange byte order": (X, lambda d: d["codecs"][0].update(configuration={"endian": "odd"}), CorruptStoreError),
    "another fill": (X, set_doc(fill_value="nothing"), CorruptStoreError),
    "a fill of another kind": (FLAG, set_doc(fill_value="1"), CorruptStoreError),
    "words that are flags": (S, set_keys(zv_dtype="bool"), CorruptStoreError),
    "half a character": (S, set_doc(data_type=utf32(6)), CorruptStoreError),
    "no character": (S, set_doc(data_type=utf32(0)), CorruptStoreError),
    "shorter words": (S, set_doc(data_type=utf32(4)), CorruptChunkError),
    "three axes": (X, lambda d: d.update(shape=[40, 1, 1]) or d["chunk_grid"]["configuration"].update(
        chunk_shape=[40, 1, 1]), CorruptStoreError),
}  # fmt: skip


@pytest.mark.timeout(20)
@pytest.mark.parametrize("case", DAMAGE)
def test_an_index_that_contradicts_itself_is_one_clear_error(full, case):
    path, change, kind = DAMAGE[case]
    full.edit(path, change)
    with pytest.raises(kind) as caught:
        read_all(full)
    assert path.rpartition("/")[2] in str(caught.value)
    assert "s.zv" in str(caught.value)


@pytest.mark.parametrize(
    ("file", "kind"),
    [("object_index/zarr.json", CorruptStoreError), ("object_index/manifests/zarr.json", CorruptStoreError),
     ("object_index/object_ids/zarr.json", CorruptStoreError), ("object_attributes/x/zarr.json", CorruptStoreError),
     ("object_index/manifests/c/0", CorruptChunkError), ("object_attributes/s/c/0", CorruptChunkError)],
)  # fmt: skip
def test_what_was_lost_is_not_read_as_nothing(full, file, kind):
    (full.place / "0" / file).unlink()
    with pytest.raises(kind, match=r"s\.zv"):
        read_all(full)


def test_manifests_that_the_peer_wrote_and_lost_are_missed(peers, tmp_path):
    place = peers.copy("s05", tmp_path / "s.zv")
    (place / "0" / "object_index" / "manifests" / "c" / "0").unlink()
    with pytest.raises(CorruptChunkError, match="object_index/manifests"):
        open_objects(load_store(place), 0).manifests()


def test_rows_that_nobody_wrote_are_a_limit_not_a_gigabyte(peers, tmp_path):
    place = peers.copy("s02", tmp_path / "s.zv")
    for path, key in (("object_index", "num_objects"), ("object_index/object_ids", 0), ("object_index/manifests", 0)):
        file = place / "0" / path / "zarr.json"
        doc = json.loads(file.read_text())
        if key:
            doc["attributes"] |= {key: 10**9, "num_present": 6}
        else:
            doc["shape"] = [10**9]
            doc["chunk_grid"]["configuration"]["chunk_shape"] = [16384]
        file.write_text(json.dumps(doc))
    found = open_objects(load_store(place), 0)
    for read in (lambda: found.ids, found.manifests):
        with pytest.raises((LimitError, CorruptChunkError)):
            read()


def test_ids_that_name_an_object_twice_are_corrupt(full):
    level = full.group(mode="r+")
    level["object_index/object_ids"][5] = level["object_index/object_ids"][6]
    with pytest.raises(CorruptStoreError, match="twice"):
        read_all(full)


def test_a_manifest_that_is_no_manifest_is_corrupt(full):
    replace_item(full.group(mode="r+")["object_index/manifests"], 7, b"\x01\0\0\0")
    with pytest.raises(CorruptChunkError, match="7"):
        read_all(full)


def test_an_index_that_was_removed_while_it_was_open_says_so(full):
    found = open_objects(full.open(), 0)
    for file in [*files_of(full), full.place / "zarr.json"]:
        file.unlink()
    with pytest.raises(StoreNotFoundError):
        found.manifests()


def test_a_chunk_that_leads_out_of_the_store_is_refused(full):
    file = full.place / "0" / "object_attributes" / "x" / "c" / "0"
    file.unlink()
    file.symlink_to("/etc/passwd")
    with pytest.raises(UnsafeStoreError):
        read_all(full)
