"""zarr-python reads the cells written here, and cells that zarr-python wrote are read here."""

from __future__ import annotations

import numpy as np
import pytest
import zarr
from zarr.codecs import BloscCodec, Crc32cCodec, GzipCodec, ShardingCodec, VLenBytesCodec, ZstdCodec
from zarr.storage import LocalStore, MemoryStore

from zarr_vectors.core.arrays._cells import GridArray, open_grid
from zarr_vectors.core.store import load_store
from zarr_vectors.types.points import read_points, write_points

CHAINS = {
    "none": "none",
    "zstd": "zstd",
    "blosc": "blosc",
    "auto": "auto",
    "gzip": [{"name": "gzip", "configuration": {"level": 5}}],
    "nothing": [],
    "objects of zarr": [BloscCodec(typesize=4, cname="lz4hc", shuffle="noshuffle"), Crc32cCodec()],
    "two": [ZstdCodec(level=3), GzipCodec()],
}
SHARDS = (None, 1, 2, (3, 1, 5))
FAMILIES = ("vertices", "vertex_fragments", "vertex_attributes/f", "vertex_attributes/w")


def positions():
    return np.random.default_rng(4).uniform(-20, 30, (400, 3)).astype("f4")


@pytest.mark.parametrize("shard", SHARDS, ids=str)
@pytest.mark.parametrize("chain", CHAINS)
def test_zarr_reads_every_cell_as_we_do(tmp_path, chain, shard):
    p = positions()
    attributes = {"f": p[:, 0].astype("f8"), "w": np.array(["a", None], dtype=object)[np.arange(400) % 2]}
    write_points(tmp_path / "s", p, chunk_shape=20.0, bin_shape=10.0, attributes=attributes,
                 compressor=CHAINS[chain], shard_shape=shard)  # fmt: skip
    store = load_store(tmp_path / "s")
    for family in FAMILIES:
        ours = open_grid(store, f"0/{family}", with_chunks=True)
        theirs = zarr.open_array(tmp_path / "s" / "0" / family, mode="r")
        assert theirs.shape == ours.grid.shape
        every = np.array(list(np.ndindex(*ours.grid.shape))) + ours.grid.origin
        listed = set(map(tuple, ours.grid.chunks.tolist()))
        for coord, payload in zip(every.tolist(), ours.read_present(every), strict=True):
            cell = tuple(slice(c - o, c - o + 1) for c, o in zip(coord, ours.grid.origin.tolist(), strict=True))
            found = theirs[cell].ravel()[0]
            assert found == (b"" if payload is None else payload.tobytes())
            assert (payload is not None) == (tuple(coord) in listed)
            if payload is not None:
                assert ours.read_one(coord).tobytes() == found


def written_by_zarr(store, source, chain, shard):
    """Copy a store cell by cell through zarr-python, under another chain of codecs."""
    group = zarr.open_group(store, mode="w")
    old = zarr.open_group(source, mode="r")
    group.attrs.update(dict(old.attrs))
    level = group.create_group("0")
    level.attrs.update(dict(old["0"].attrs))
    level.create_group("vertex_attributes")
    for family in FAMILIES:
        array = old[f"0/{family}"]
        inner = (1,) * array.ndim
        chunks, serializer, compressors = inner, VLenBytesCodec(), chain
        if shard is not None:
            chunks = (shard,) * array.ndim
            serializer, compressors = ShardingCodec(chunk_shape=inner, codecs=[VLenBytesCodec(), *chain]), []
        new = level.create_array(family, shape=array.shape, chunks=chunks, dtype="bytes", serializer=serializer,
                                 compressors=compressors, attributes=dict(array.attrs))  # fmt: skip
        new[...] = array[...]


@pytest.mark.parametrize("kind", ["disk", "memory"])
@pytest.mark.parametrize("shard", [None, 2, 5])
@pytest.mark.parametrize(
    "chain",
    [[], [Crc32cCodec()], [ZstdCodec(level=0)], [ZstdCodec(level=3, checksum=True), Crc32cCodec()],
     [BloscCodec(typesize=4, cname="zstd", shuffle="bitshuffle")],
     [BloscCodec(typesize=8, cname="lz4", shuffle="shuffle")],
     [GzipCodec(level=1)], [GzipCodec(), Crc32cCodec()]],
    ids=lambda c: "+".join(type(x).__name__ for x in c) or "none",
)  # fmt: skip
def test_we_read_every_cell_that_zarr_writes(tmp_path, chain, shard, kind):
    p = positions()
    w = np.array(["a", None], dtype=object)[np.arange(400) % 2]
    write_points(tmp_path / "s", p, chunk_shape=20.0, bin_shape=10.0, attributes={"f": p[:, 0].astype("f8"), "w": w})
    target = LocalStore(tmp_path / "t") if kind == "disk" else MemoryStore()
    written_by_zarr(target, tmp_path / "s", chain, shard)
    ours, theirs = read_points(tmp_path / "s"), read_points(target)
    assert theirs.positions.tobytes() == ours.positions.tobytes()
    for name in "fw":
        assert theirs.attributes[name].tolist() == ours.attributes[name].tolist()
    level = load_store(target)
    array = open_grid(level, "0/vertex_fragments", with_chunks=True)
    assert isinstance(array, GridArray)
    assert all(len(payload) > 16 for payload in array.read(array.grid.chunks))


def test_a_metadata_document_that_zarr_rewrites_stays_readable(tmp_path):
    write_points(tmp_path / "s", positions(), chunk_shape=10.0)
    group = zarr.open_group(tmp_path / "s", mode="r+")
    group.attrs["user_metadata"] = {"mine": {"note": "hello"}}
    group["0"].attrs["note"] = "hello"
    group["0/vertices"].attrs["note"] = "hello"
    assert read_points(tmp_path / "s").vertex_count == 400
    assert zarr.open_group(tmp_path / "s")["0/vertices"].attrs["note"] == "hello"


def test_zarr_sees_groups_and_arrays_and_nothing_consolidated(tmp_path):
    write_points(tmp_path / "s", positions(), chunk_shape=10.0, attributes={"f": np.zeros(400)})
    root = zarr.open_group(tmp_path / "s", mode="r")
    assert root.metadata.consolidated_metadata is None
    assert sorted(name for name, _ in root["0"].members(max_depth=None)) == [
        "vertex_attributes", "vertex_attributes/f", "vertex_fragments", "vertices"
    ]  # fmt: skip
