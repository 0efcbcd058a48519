"""Fragments of many chunks as one table, and attributes of fragments, of the peer's stores."""

from __future__ import annotations

import numpy as np
import pytest

from zarr_vectors.core.arrays._cells import open_grid
from zarr_vectors.core.arrays._fragments import (
    fragment_attribute_names,
    open_fragment_attribute,
    read_fragment_table,
)
from zarr_vectors.core.arrays._objects import open_objects
from zarr_vectors.core.store import load_store
from zarr_vectors.exceptions import ArgumentError, CorruptChunkError, CorruptStoreError

EXPLICIT = [[0, 1, 2, 5], [2, 3, 4, 5], [9, 5, 0], [], [3, 4, 5], [], [6, 7, 8, 9], [7, 7], [8, 1]]


def coords_of(store) -> np.ndarray:
    chunks = open_grid(store, "0/vertices", with_chunks=True).grid.chunks
    return chunks[np.lexsort(chunks.T[::-1])]


def table_of(store):
    coords = coords_of(store)
    return coords, read_fragment_table(open_grid(store, "0/vertex_fragments"), coords)


def test_fragments_of_all_chunks_are_one_table(peers):
    coords, table = table_of(peers.open("s12"))
    assert len(table.first) == len(coords) + 1
    first, last = table.first[0], table.first[1]
    rows, counts = table.rows_of(np.arange(first, last))
    found = np.split(rows, np.cumsum(counts)[:-1])
    assert coords[0].tolist() == [0, 0, 0]
    assert [part.tolist()[:1] for part in found][:3] == [[0], [2], [9]]
    assert len(found) == 9
    assert found[0].tolist() == EXPLICIT[0]
    assert found[2].tolist() == EXPLICIT[2]
    assert found[7].tolist() == EXPLICIT[7]
    assert found[8].tolist() == EXPLICIT[8]


def test_no_chunks_make_an_empty_table(peers):
    array = open_grid(peers.open("s12"), "0/vertex_fragments")
    table = read_fragment_table(array, np.empty((0, 3), np.int64))
    assert table.first.tolist() == [0]


@pytest.mark.parametrize("name", ["s01", "s02", "s05", "s06", "s07", "s08", "s09"])
def test_fragments_of_the_peer_tile_their_chunks(peers, name):
    _, table = table_of(peers.open(name))
    assert table.is_range.all()
    per_chunk = np.add.reduceat(np.append(table.count, 0), table.first[:-1]) * (np.diff(table.first) > 0)
    assert table.vertex_counts().tolist() == per_chunk.tolist()


def test_an_attribute_of_fragments_is_read_like_one_of_vertices(peers):
    store = peers.open("s02")
    coords, table = table_of(store)
    assert fragment_attribute_names(store, 0) == ("object_id",)
    column = open_fragment_attribute(store, 0, "object_id", 3)
    owner = column.read_aligned(coords, np.diff(table.first))
    index = open_objects(store, 0)
    manifests = index.manifests()
    numbers = [
        int(table.first[np.flatnonzero((coords == chunk).all(axis=1))[0]] + fragment)
        for chunk, fragment in zip(manifests.chunks, manifests.fragments, strict=True)
    ]
    assert owner[numbers].tolist() == np.repeat(index.ids, np.diff(manifests.offsets)).tolist()


def test_ids_of_segments_keep_all_their_bits(peers):
    store = peers.open("s14")
    coords, table = table_of(store)
    column = open_fragment_attribute(store, 0, "segment_id", 3)
    segments = column.read_aligned(coords, np.diff(table.first))
    assert segments.dtype == np.uint64
    assert set(segments.tolist()) == set(peers.expected("s14")[0]["segment"].tolist())


def test_an_unknown_attribute_of_fragments_is_refused(peers):
    with pytest.raises(ArgumentError, match="it has 'object_id'"):
        open_fragment_attribute(peers.open("s02"), 0, "nothing", 3)
    with pytest.raises(CorruptStoreError, match="2 axes"):
        open_fragment_attribute(peers.open("s02"), 0, "object_id", 2)
    assert fragment_attribute_names(peers.open("s01"), 0) == ()


def test_a_damaged_or_missing_fragment_index_is_named(peers, tmp_path):
    place = peers.copy("s05", tmp_path / "s.zv")
    file = sorted(f for f in (place / "0" / "vertex_fragments" / "c").rglob("*") if f.is_file())[0]
    raw = file.read_bytes()
    for bad in (None, raw[:-1], raw[:8] + b"X" + raw[9:]):
        file.unlink()
        if bad is not None:
            file.write_bytes(bad)
        with pytest.raises(CorruptChunkError, match="vertex_fragments"):
            table_of(load_store(place))
        file.write_bytes(raw)
