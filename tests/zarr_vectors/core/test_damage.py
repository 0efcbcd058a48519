"""Damaged and hostile stores: one error of ours that says where, or the data as they were written; never a hang."""

from __future__ import annotations

import json
import os
import shutil
import struct

import numpy as np
import pytest
import zarr
from numcodecs import Blosc, Zstd

from zarr_vectors.core._commit import dump_json, seal
from zarr_vectors.core.arrays import read_fragment_index
from zarr_vectors.exceptions import (
    CorruptChunkError,
    CorruptStoreError,
    IncompleteStoreError,
    NotAStoreError,
    UnsafeStoreError,
    UnsupportedFeatureError,
    ZarrVectorsError,
)
from zarr_vectors.lazy import WEIGHTS, open_zv
from zarr_vectors.multiresolution.coarsen import build_pyramid
from zarr_vectors.types.points import read_points, write_points

FLIPS = 300
KINDS = {
    "plain": {"compressor": "none"},
    "compressed": {"compressor": "auto"},
    "sharded": {"compressor": "zstd", "shard_shape": 2},
}


@pytest.fixture(scope="module", params=KINDS)
def original(request, tmp_path_factory):
    rng = np.random.default_rng(8)
    p = rng.uniform(-20, 20, (500, 3))
    words = np.array(["a", "bb", None], dtype=object)[rng.integers(0, 3, 500)]
    place = tmp_path_factory.mktemp("whole") / "s.zv"
    write_points(
        place, p, chunk_shape=20.0, bin_shape=10.0, attributes={"f": p[:, 0], "w": words}, **KINDS[request.param]
    )
    build_pyramid(place, [(2, 1)])
    return place


@pytest.fixture
def store(original, tmp_path):
    return shutil.copytree(original, tmp_path / "s.zv")


def everything(place):
    """All that a reader can ask of a store."""
    out = []
    with open_zv(place) as store:
        out += [store.levels, store.axes, [b.tolist() for b in store.bounding_box], store.chunk_shape, store.bin_shape]
        for level in store.levels:
            out += [
                store.bin_shape_at(level),
                store.chunk_shape_at(level),
                store.resolution_at(level),
                store.vertex_count(level),
            ]
            found = store.read(level)
            boxed = store.read(level, bbox=([-5] * 3, [15] * 3))
            for result in (found, boxed):
                out += [result.positions.tolist(), {k: v.tolist() for k, v in result.attributes.items()}]
            group = store.level_group(level)
            coords = store.catalogue().levels[level].coords.tolist()
            out += [coords]
            if store.has_weights(level):
                out += [store.read_chunks(level, coords, [WEIGHTS]).attributes[WEIGHTS].tolist()]
            for coord in coords:
                index = read_fragment_index(group, "vertex_fragments", coord)
                out += [[index.range(f) for f in range(index.num_fragments)]]
    return out


def families(place):
    """The files of a store, by what they are."""
    out: dict[str, list[str]] = {}
    for folder, _, names in os.walk(place):
        for name in names:
            file = os.path.join(folder, name)
            kind = os.path.relpath(file, place).split("/c/")[0]
            out.setdefault(kind, []).append(file)
    return out


def test_no_flipped_bit_goes_unseen(original, store):
    whole = everything(original)
    rng = np.random.default_rng(9)
    kinds = families(store)
    named = silent = 0
    for trial in range(FLIPS // len(KINDS)):
        kind = sorted(kinds)[trial % len(kinds)]
        file = rng.choice(kinds[kind])
        with open(file, "r+b") as handle:
            raw = bytearray(handle.read())
            at, bit = int(rng.integers(len(raw))), int(rng.integers(8))
            raw[at] ^= 1 << bit
            handle.seek(0)
            handle.write(raw)
        try:
            found = everything(store)
        except ZarrVectorsError as error:
            named += "s.zv" in str(error)
            assert "/c/" not in file or isinstance(error, CorruptChunkError)
        else:
            silent += 1
            assert found == whole, f"bit {bit} of byte {at} in {file} changed what is read"
        raw[at] ^= 1 << bit
        with open(file, "wb") as handle:
            handle.write(raw)
    assert named + silent == FLIPS // len(KINDS)
    assert named > silent
    assert everything(store) == whole


def test_no_truncated_or_missing_file_goes_unseen(original, store):
    whole = everything(original)
    for kind, files in families(store).items():
        for size in (0, 1, 7, -1, None):
            file = files[0]
            with open(file, "rb") as handle:
                raw = handle.read()
            if size is None:
                os.remove(file)
            else:
                os.truncate(file, len(raw) - 1 if size < 0 else min(size, len(raw) - 1))
            try:
                found = everything(store)
            except ZarrVectorsError as error:
                assert "s.zv" in str(error)
            else:
                # Groups between a level and its arrays say nothing that a reader needs.
                assert kind.endswith("vertex_attributes/zarr.json")
                assert found == whole
            with open(file, "wb") as handle:
                handle.write(raw)
    assert everything(store) == whole


def cell(store, family="vertices", level=0):
    folder = store / str(level) / family / "c"
    return sorted(p for p in folder.rglob("*") if p.is_file())[0]


def swap(path, make):
    path.unlink()
    make(path)


NO_FILES = {
    "pipe": os.mkfifo,
    "folder": os.mkdir,
    "link to itself": lambda p: p.symlink_to(p),
    "link to nothing": lambda p: p.symlink_to(p.parent / "nothing"),
    "link to a device": lambda p: p.symlink_to("/dev/zero"),
    "link out of the store": lambda p: p.symlink_to("/etc/passwd"),
    "link to a pipe": lambda p: (os.mkfifo(p.parent / "pipe"), p.symlink_to(p.parent / "pipe")),
}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("what", NO_FILES)
@pytest.mark.parametrize("where", ["cell", "attribute", "array", "root"])
def test_what_is_no_file_is_refused_and_does_not_hang(store, what, where):
    file = {
        "cell": lambda: cell(store),
        "attribute": lambda: cell(store, "vertex_attributes/f"),
        "array": lambda: store / "0" / "vertices" / "zarr.json",
        "root": lambda: store / "zarr.json",
    }[where]()
    swap(file, NO_FILES[what])
    for read in (read_points, lambda place: list(open_zv(place).iter_chunks())):
        with pytest.raises((UnsafeStoreError, CorruptStoreError, NotAStoreError)):
            read(store)


@pytest.mark.parametrize("folder", ["0", "0/vertices", "0/vertices/c", "0/vertices/c/0"])
def test_a_folder_that_leads_out_of_the_store_is_refused(store, tmp_path, folder):
    if not (store / folder).is_dir():
        pytest.skip("a shard has no such folder")
    shutil.move(store / folder, tmp_path / "elsewhere")
    (store / folder).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UnsafeStoreError, match="out of the store"):
        read_points(store)
    with pytest.raises(UnsafeStoreError, match="out of the store"):
        list(open_zv(store).iter_chunks())


def test_links_inside_a_store_are_followed(original, store):
    file = cell(store)
    shutil.move(file, store / "moved")
    file.symlink_to(store / "moved")
    shutil.move(store / "0" / "vertex_attributes" / "f", store / "f")
    (store / "0" / "vertex_attributes" / "f").symlink_to(store / "f")
    assert read_points(store).positions.tolist() == read_points(original).positions.tolist()


def test_a_damaged_cell_is_named_with_store_array_and_chunk(tmp_path):
    write_points(tmp_path / "s.zv", np.array([[-5.0, 15], [5, 5]]), chunk_shape=10.0, attributes={"f": np.zeros(2)})
    for family, array in (("vertices", "0/vertices"), ("vertex_attributes/f", "0/vertex_attributes/f")):
        file = tmp_path / "s.zv" / "0" / family / "c" / "0" / "1"
        raw = file.read_bytes()
        for damaged in (raw[:-1], raw + b"x", b"", raw[:20] + b"\xff" + raw[21:], None):
            file.unlink()
            if damaged is not None:
                file.write_bytes(damaged)
            for read in (
                read_points,
                lambda place: list(open_zv(place).iter_chunks()),
                lambda p: open_zv(p).read_chunks(0, [(-1, 1)]),
            ):
                with pytest.raises(CorruptChunkError) as caught:
                    read(tmp_path / "s.zv")
                error = caught.value
                assert (error.store, error.array, error.chunk) == (str(tmp_path / "s.zv"), array, "-1.1")
                assert all(part in str(error) for part in (error.store, error.array, error.chunk, error.reason))
            file.write_bytes(raw)
    assert read_points(tmp_path / "s.zv").vertex_count == 2


def edit(file, change):
    """Change a metadata document as its writer would have."""
    doc = json.loads(file.read_bytes())
    doc["attributes"].pop("zv_crc32c", None)
    change(doc)
    file.write_bytes(seal(dump_json(doc)))


def set_in(*path):
    *way, last, value = path

    def change(doc):
        at = doc
        for key in way:
            at = at[key]
        if value is KeyError:
            del at[last]
        else:
            at[last] = value

    return change


VERTICES, F, W = "0/vertices/zarr.json", "0/vertex_attributes/f/zarr.json", "0/vertex_attributes/w/zarr.json"
ROOT, LEVEL = ("attributes", "zarr_vectors"), ("attributes", "zarr_vectors_level")


def add_level_seven(doc):
    doc["attributes"]["multiscales"][0]["datasets"].append({"path": "7"})


HALF = {
    "level without metadata": ("0/zarr.json", None, CorruptStoreError),
    "array without metadata": (VERTICES, None, CorruptStoreError),
    "attribute without metadata": (F, None, CorruptStoreError),
    "no chunk list": (VERTICES, set_in("attributes", "nonempty_chunks", KeyError), CorruptStoreError),
    "a chunk twice": (VERTICES, set_in("attributes", "nonempty_chunks", ["0.0.0", "0.0.0"]), CorruptStoreError),
    "a chunk outside the grid": (VERTICES, set_in("attributes", "nonempty_chunks", ["50.0.0"]), CorruptChunkError),
    "a grid of another rank": (VERTICES, set_in("attributes", "chunk_grid_origin", [0, 0]), CorruptStoreError),
    "pickles": (F, set_in("attributes", "dtype", "object"), CorruptStoreError),
    "records": (F, set_in("attributes", "dtype", "f4,f4"), CorruptStoreError),
    "no dtype": (F, set_in("attributes", "dtype", "(((,"), CorruptStoreError),
    "complex": (VERTICES, set_in("attributes", "dtype", "complex64"), CorruptStoreError),
    "whole positions": (VERTICES, set_in("attributes", "dtype", "int32"), CorruptStoreError),
    "another width": (F, set_in("attributes", "row_shape", [3]), CorruptStoreError),
    "an unknown encoding": (VERTICES, set_in("attributes", "encoding", "gltf"), UnsupportedFeatureError),
    "no draco": (VERTICES, set_in("attributes", "encoding", "draco"), (CorruptChunkError, UnsupportedFeatureError)),
    "no rows": (F, set_in("attributes", "row_shape", [0]), CorruptStoreError),
    "words of numbers": (W, set_in("attributes", "categories", [1, 2]), CorruptStoreError),
    "too few words": (W, set_in("attributes", "categories", ["a"]), CorruptStoreError),
    "another missing code": (W, set_in("attributes", "_FillValue", 99), UnsupportedFeatureError),
    "chunked by attribute": ("0/zarr.json", set_in(*LEVEL, "chunk_dims", list("axyz")), UnsupportedFeatureError),
    "a mesh": ("zarr.json", set_in(*ROOT, "geometry_types", ["mesh"]), UnsupportedFeatureError),
    "a writer that stopped": ("zarr.json", set_in(*ROOT, "commit", {"state": "writing"}), IncompleteStoreError),
    "a level that is not there": ("zarr.json", add_level_seven, CorruptStoreError),
    "an array for a root": ("zarr.json", set_in("node_type", "array"), NotAStoreError),
    "no root": ("zarr.json", None, NotAStoreError),
}  # fmt: skip


@pytest.mark.parametrize("case", HALF)
def test_half_a_store_is_one_clear_error(store, case):
    file, change, kind = HALF[case]
    if change is None:
        (store / file).unlink()
    else:
        edit(store / file, change)
    with pytest.raises(kind) as caught:
        read_points(store)
    assert "s.zv" in str(caught.value)


def test_counts_that_disagree_with_the_cells_lose(store, original):
    edit(store / VERTICES, lambda d: d["attributes"]["chunk_counts"].reverse())
    assert read_points(store).positions.tolist() == read_points(original).positions.tolist()
    for counts in ([10**30], ["x"], [[1]], [None], [-1], {"a": 1}, [2**62]):
        edit(store / VERTICES, set_in("attributes", "chunk_counts", counts * 8 if isinstance(counts, list) else counts))
        assert read_points(store).positions.tolist() == read_points(original).positions.tolist()
        assert open_zv(store).catalogue().levels[0].vertex_count == 500


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"[]", b"5", b"null", b"\xff\xfe", b'{"a":' * 10_000, b"[" * 100_000, b'"x"']
)
def test_a_root_that_is_no_document_is_refused(store, raw):
    (store / "zarr.json").write_bytes(raw)
    with pytest.raises((CorruptStoreError, NotAStoreError), match=r"s\.zv"):
        read_points(store)


@pytest.mark.parametrize(
    "codec",
    [{"name": "lzma"}, {"name": "numcodecs.pickle"}, {"name": "blosc", "configuration": {"shuffle": "x"}},
     {"name": "gzip", "configuration": 5}],
)  # fmt: skip
def test_a_codec_that_is_not_known_is_named(tmp_path, codec):
    write_points(tmp_path / "s", np.zeros((3, 2)), chunk_shape=10.0)
    edit(tmp_path / "s" / VERTICES, lambda d: d["codecs"].insert(1, codec))
    with pytest.raises((UnsupportedFeatureError, CorruptStoreError), match=codec["name"]):
        read_points(tmp_path / "s")


BOMB = Zstd(level=19).encode(bytes(1 << 20))


@pytest.mark.parametrize(
    ("codec", "payload"),
    [
        ("zstd", b""), ("zstd", b"\x28\xb5\x2f\xfd"), ("zstd", b"no frame at all"), ("zstd", BOMB[:-3]),
        # A frame that announces 2**62 bytes.
        ("zstd", b"\x28\xb5\x2f\xfd\xe0" + struct.pack("<Q", 1 << 62) + b"\x01\x00\x00"),
        ("blosc", b"short"), ("blosc", bytes(40)),
        ("blosc", Blosc("lz4").encode(bytes(1000))[:-1]),
        ("blosc", b"\x02\x01\x03\x04" + struct.pack("<III", 2**32 - 1, 2**20, 16)),
        ("gzip", b"x"), ("gzip", b"\x1f\x8b" + bytes(20)),
    ],
)  # fmt: skip
def test_compressed_rubbish_without_a_checksum_is_a_corrupt_chunk(tmp_path, codec, payload):
    write_points(tmp_path / "s", np.zeros((3, 2)), chunk_shape=10.0, compressor=[{"name": codec, "configuration": {}}])
    file = cell(tmp_path / "s")
    file.write_bytes(payload)
    with pytest.raises(CorruptChunkError, match="0.0"):
        read_points(tmp_path / "s")
    with pytest.raises(CorruptChunkError, match="0.0"):
        list(open_zv(tmp_path / "s").iter_chunks())


def test_a_seal_that_another_writer_left_behind_says_nothing(tmp_path):
    write_points(tmp_path / "s", np.zeros((3, 2)), chunk_shape=10.0)
    group = zarr.open_group(tmp_path / "s", mode="r+")
    block = dict(group.attrs["zarr_vectors"])
    group.attrs["zarr_vectors"] = {**block, "crs": "by another writer"}
    with open_zv(tmp_path / "s") as found:
        assert found.crs == "by another writer"


def test_a_seal_that_is_broken_is_corrupt(tmp_path):
    write_points(tmp_path / "s", np.zeros((3, 2)), chunk_shape=10.0, coordinate_system="one")
    file = tmp_path / "s" / "zarr.json"
    file.write_bytes(file.read_bytes().replace(b'"one"', b'"two"'))
    with pytest.raises(CorruptStoreError, match="checksum"):
        open_zv(tmp_path / "s")


def test_a_foreign_coordinate_system_cannot_stand_in_for_the_seal(tmp_path):
    for text in ('"zv_crc32c":"00000000"', {"zv_crc32c": "00000000"}):
        write_points(tmp_path / "s", np.zeros((3, 2)), chunk_shape=10.0, coordinate_system=text, overwrite=True)
        with open_zv(tmp_path / "s") as found:
            assert found.crs == text
