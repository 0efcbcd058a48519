"""Links: what is written is read, whole and in part; what is broken is told by store, array and chunk."""

from __future__ import annotations

import json
import struct
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zarr_vectors._spec import GridMetadata, LevelMetadata
from zarr_vectors._spec.names import format_chunk_keys
from zarr_vectors.core._commit import put_group
from zarr_vectors.core.arrays._cells import open_grid
from zarr_vectors.core.arrays._codecs import CellCodec
from zarr_vectors.core.arrays._links import LinkFamily, LinkTarget, RowGrid, open_links, write_links
from zarr_vectors.core.arrays._vertices import Column
from zarr_vectors.core.arrays._writer import GridWriter
from zarr_vectors.core.store import OpenStore
from zarr_vectors.encoding import decode_fragments, format_offsets, parse_offsets
from zarr_vectors.exceptions import ArgumentError, CorruptChunkError, CorruptStoreError, UnsupportedFeatureError


class Memory:
    """A backend in a dict."""

    name = "memory"
    read_only = False

    def __init__(self):
        self.values: dict[str, bytes] = {}

    def get(self, key, span=(0, None)):
        value = self.values.get(key)
        if value is None:
            return None
        start, count = span
        return np.frombuffer(value[start:] if count is None else value[start : start + count], np.uint8)

    def get_many(self, requests):
        return [self.get(*request) for request in requests]

    def put(self, key, buffers):
        self.values[key] = b"".join(bytes(b) for b in buffers)

    def list_names(self, prefix):
        prefix = f"{prefix}/" if prefix else ""
        return sorted({key[len(prefix) :].split("/")[0] for key in self.values if key.startswith(prefix)})


@dataclass
class Level:
    """A level's chunks, in a store of which only what links need is there."""

    grid: RowGrid
    backend: Memory
    number: int = 0

    def __post_init__(self):
        put_group(self.backend, "", {})
        vertices = GridMetadata(self.shape, self.origin, ())
        keys = json.dumps(sorted(format_chunk_keys(self.grid.coords))).encode()
        GridWriter(self.backend, f"{self.number}/vertices", vertices).close(keys)

    @property
    def counts(self):
        return np.diff(self.grid.starts)

    @property
    def origin(self):
        return self.grid.coords.min(axis=0)

    @property
    def shape(self):
        return tuple((self.grid.coords.max(axis=0) - self.origin + 1).tolist())

    def write(self, ends, family, *, attributes=(), shards=None, compressor="none", target=None):
        storage = SimpleNamespace(compressor=compressor, shard_shape=shards)
        write_links(
            self.backend, str(self.number), ends, self.grid, family, origin=self.origin, shape=self.shape,
            storage=storage, attributes=attributes, target=target,
        )  # fmt: skip

    def open(self, delta=0, edges=(1.0, 1.0)):
        """Open the links; `edges` are the chunk edges of levels 0, 1.."""
        ndim = self.grid.coords.shape[1]
        levels = tuple(LevelMetadata(i, 0, chunk_shape=np.full(ndim, edge)) for i, edge in enumerate(edges))
        root: Any = SimpleNamespace(ndim=ndim, chunk_shape=np.ones(ndim))
        return open_links(OpenStore(self.backend, root, levels), self.number, delta)

    def sorted_rows(self, found):
        """Turn endpoints that name chunks of the whole level into sorted rows."""
        return self.grid.starts[found.chunk] + found.row


def grid_of(coords, counts):
    coords = np.array(coords, np.int64)
    coords = coords[np.lexsort(coords.T[::-1])]
    return RowGrid(coords, np.concatenate([[0], np.cumsum(counts)]))


def numbers(count):
    """An attribute that tells which record a value belongs to."""
    return Column("number", np.dtype("<i4")), np.arange(count, dtype=np.int32)


@st.composite
def grids(draw, ndim):
    coord = st.tuples(*[st.integers(-2, 2)] * ndim)
    coords = draw(st.lists(coord, min_size=1, max_size=6, unique=True))
    counts = draw(st.lists(st.integers(1, 4), min_size=len(coords), max_size=len(coords)))
    return grid_of(coords, counts)


@st.composite
def links(draw):
    """(level, ends, family)."""
    ndim, width = draw(st.integers(2, 4)), draw(st.integers(1, 4))
    level = Level(draw(grids(ndim)), Memory())
    row = st.integers(0, level.grid.num_rows - 1)
    ends = draw(st.lists(st.lists(row, min_size=width, max_size=width), max_size=12))
    family = LinkFamily(width, ndim, draw(st.booleans()), draw(st.sampled_from(["canonical", "duplicate"])))
    return level, np.array(ends, np.int64).reshape(-1, width), family


# -- round trips -------------------------------------------------------------------------------------------


@given(links(), st.sampled_from([None, 1, 2]), st.sampled_from(["none", "zstd", "auto"]))
def test_links_come_back_with_the_order_of_their_endpoints_and_their_attributes(drawn, shards, compressor):
    level, ends, family = drawn
    values = np.random.default_rng(0).random((len(ends), 3)).astype("<f4")
    flags = np.arange(len(ends)) % 2 == 0
    attributes = [
        numbers(len(ends)),
        (Column("vector", np.dtype("<f4"), (3,)), values),
        (Column("flag", np.dtype(bool)), flags),
    ]
    shard_shape = shards and (shards,) * family.rank
    level.write(ends, family, attributes=attributes, compressor=compressor, shards=shard_shape)
    reader = level.open()
    assert reader.family == family
    assert reader.num_links == len(ends)
    assert reader.attribute_names == ("flag", "number", "vector")
    assert {name: reader.attribute_column(name) for name in reader.attribute_names} == {
        column.name: column for column, _ in attributes
    }
    found = reader.read(counts=level.counts)
    record = found.attributes["number"]
    assert sorted(record.tolist()) == list(range(len(ends)))
    assert level.sorted_rows(found).tolist() == ends[record].tolist()
    assert found.attributes["vector"].tobytes() == values[record].tobytes()
    assert found.attributes["vector"].shape == (len(ends), 3)
    assert found.attributes["flag"].tolist() == flags[record].tolist()


@given(links(), st.data())
def test_some_chunks_give_what_all_chunks_give_for_them(drawn, data):
    level, ends, family = drawn
    level.write(ends, family, attributes=[numbers(len(ends))])
    chosen = np.array(data.draw(st.lists(st.integers(0, len(level.counts) - 1), unique=True)), np.int64)
    coords = level.grid.coords[chosen]
    reader = level.open()
    everything = reader.read()
    number = np.full(len(level.counts), -1)
    number[chosen] = np.arange(len(chosen))
    chunk = number[everything.chunk]
    for touching, keep in ((False, (chunk >= 0).all(axis=1)), (True, (chunk >= 0).any(axis=1))):
        found = reader.read(coords, counts=level.counts[chosen], touching=touching)
        assert found.chunk.tolist() == chunk[keep].tolist()
        assert found.row.tolist() == everything.row[keep].tolist()
        assert found.attributes["number"].tolist() == everything.attributes["number"][keep].tolist()


@given(links())
def test_records_are_filed_as_the_format_says(drawn):
    level, ends, family = drawn
    level.write(ends, family, attributes=[numbers(len(ends))])
    reader = level.open()
    chunk = level.grid.chunk_of(ends)
    copies = [len(set(row)) for row in chunk.tolist()]
    attributes = document(level, "0/links/0")["attributes"]
    assert attributes["num_links"] == len(ends)
    assert attributes["num_physical_records"] == (sum(copies) if family.store == "duplicate" else len(ends))
    names = level.backend.list_names("0/links/0")
    assert format_offsets(np.zeros((family.width - 1, family.rank), np.int64)) in names
    for name in names[:-1]:
        keys = document(level, f"0/links/0/{name}")["attributes"]
        assert keys["offsets"] == parse_offsets(name, family.rank).tolist()
        assert keys["has_perm"] == (
            any(map(any, keys["offsets"])) and not (family.directed and family.store == "canonical")
        )
        if not family.directed and family.store == "canonical":
            steps = [[0] * family.rank, *keys["offsets"]]
            assert steps == sorted(steps)  # no offset leads back
    if family.store == "canonical":
        record = reader.read().attributes["number"]
        source = chunk[:, 0] if family.directed else chunk.min(axis=1, initial=len(level.counts))
        ordered = chunk if family.directed else np.sort(chunk, axis=1)
        coords = level.grid.coords
        offsets = [format_offsets(coords[row[1:]] - coords[row[0]]) for row in ordered]
        keys = format_chunk_keys(coords[source])
        assert record.tolist() == sorted(range(len(ends)), key=lambda i: (offsets[i], keys[i], i))


def test_links_between_levels_count_offsets_from_the_anchor():
    rng = np.random.default_rng(4)
    memory = Memory()
    fine = Level(grid_of(np.stack(np.unravel_index(np.arange(36), (6, 6)), 1) - 3, [3] * 36), memory)
    coarse = Level(grid_of(np.stack(np.unravel_index(np.arange(9), (3, 3)), 1) - 2, [2] * 9), memory, number=1)
    one, two = np.array([1, 1]), np.array([2, 2])
    for own, other, delta, ratios in ((fine, coarse, 1, (one, two)), (coarse, fine, -1, (two, one))):
        ends = np.stack([rng.integers(0, g.num_rows, 50) for g in (own.grid, other.grid)], axis=1)
        family = LinkFamily(2, 2, directed=True, delta=delta)
        own.write(ends, family, attributes=[numbers(50)], target=LinkTarget(other.grid, *ratios))
        reader = own.open(delta, edges=(1.0, 2.0))
        found = reader.read(counts=own.counts)
        starts = np.stack([own.grid.starts[found.chunk[:, 0]], other.grid.starts[found.chunk[:, 1]]], axis=1)
        assert (starts + found.row).tolist() == ends[found.attributes["number"]].tolist()
        some = reader.read(own.grid.coords[5:7], others=other.grid.coords)
        assert len(some.row) == np.isin(own.grid.chunk_of(ends[:, 0]), [5, 6]).sum()
        assert own.open() is None
    # Chunk (-3, 2) of the fine level lies in chunk (-2, 1) of the coarse one.
    fine.write(np.array([[15, 4]]), LinkFamily(2, 2, True, delta=1), target=LinkTarget(coarse.grid, one, two))
    assert cells(fine, "0/links/+1/0.-1") == {"-3.2": struct.pack("<4q", 1, 0, 0, 0)}


def test_a_level_without_links_has_no_reader():
    assert Level(grid_of([(0, 0)], [1]), Memory()).open() is None


def test_no_links_are_a_family_with_one_empty_array():
    level = Level(grid_of([(0, 0)], [1]), Memory())
    level.write(
        np.empty((0, 2), np.int64),
        LinkFamily(2, 2),
        attributes=[(Column("v", np.dtype("<u2"), (2,)), np.empty((0, 2)))],
    )
    found = level.open().read()
    assert (found.chunk.shape, found.row.shape) == ((0, 2), (0, 2))
    assert (found.attributes["v"].shape, found.attributes["v"].dtype) == ((0, 2), np.dtype("<u2"))
    assert level.backend.list_names("0/links/0") == ["0.0", "zarr.json"]
    assert level.open().read(np.empty((0, 2), np.int64)).row.shape == (0, 2)


def test_the_stored_bytes_are_those_of_the_format():
    """FORMAT 23."""
    level = Level(grid_of([(-2, 1), (-1, -2)], [6, 6]), Memory())
    level.write(np.array([[2, 11], [8, 1], [2, 1]]), LinkFamily(2, 2))
    assert cells(level, "0/links/0/+1.-3") == {"-2.1": struct.pack("<8q", 1, 0, 0, 2, 5, 1, 1, 2)}
    assert cells(level, "0/links/0/0.0") == {"-2.1": struct.pack("<2q", 2, 1)}
    (fragments,) = map(decode_fragments, cells(level, "0/link_fragments").values())
    assert (fragments.num_fragments, fragments.range(0)) == (1, (0, 1))


def test_a_wide_grid_is_no_obstacle():
    far = 2**40
    level = Level(grid_of([(-far, 0, -far), (0, 0, 0), (far, far, far)], [2, 2, 2]), Memory())
    ends = np.random.default_rng(1).integers(0, 6, (40, 3))
    level.write(ends, LinkFamily(3, 3), attributes=[numbers(40)])
    found = level.open().read()
    assert level.sorted_rows(found).tolist() == ends[found.attributes["number"]].tolist()


def test_far_offsets_are_not_sharded():
    coords = np.stack(np.unravel_index(np.arange(64), (8, 8)), axis=1)
    level = Level(grid_of(coords, [1] * 64), Memory())
    near = np.stack([np.arange(63), np.arange(1, 64)], axis=1)
    level.write(np.concatenate([near, [[0, 63]]]), LinkFamily(2, 2), shards=(4, 4))
    assert open_grid(level_store(level), "0/links/0/0.+1").is_sharded
    assert not open_grid(level_store(level), "0/links/0/+7.+7").is_sharded
    assert len(level.open().read().row) == 64


def test_readers_may_be_shared_by_threads():
    level, ends = edges()
    reader = level.open()
    with ThreadPoolExecutor(8, thread_name_prefix="zarr-vectors-test") as pool:
        found = list(pool.map(lambda _: reader.read(), range(16)))
    for one in found:
        assert level.sorted_rows(one).tolist() == ends[one.attributes["number"]].tolist()


# -- what cannot be written --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ends", "family"),
    [
        ([[0, 4]], LinkFamily(2, 2)),
        ([[-1, 0]], LinkFamily(2, 2)),
        ([[0, 1]], LinkFamily(3, 2)),
        ([[0, 1]], LinkFamily(2, 3)),
        ([[0, 1]], LinkFamily(2, 2, delta=1)),
    ],
)
def test_links_that_cannot_be_are_refused_before_the_first_byte(ends, family):
    level = Level(grid_of([(0, 0), (0, 1)], [2, 2]), Memory())
    before = set(level.backend.values)
    with pytest.raises(ArgumentError):
        level.write(np.array(ends), family)
    assert set(level.backend.values) == before


@pytest.mark.parametrize("options", [{"width": 0}, {"width": 21}, {"rank": 0}, {"store": "twice"}])
def test_a_family_that_cannot_be_is_refused(options):
    with pytest.raises(ArgumentError):
        LinkFamily(**{"width": 2, "rank": 2, **options})


# -- what other writers leave ------------------------------------------------------------------------------


def level_store(level) -> Any:
    return SimpleNamespace(backend=level.backend, name=level.backend.name)


def document(level, path):
    doc = json.loads(level.backend.values[f"{path}/zarr.json"])
    doc["attributes"].pop("zv_crc32c", None)
    return doc


def edit(level, path, **keys):
    """Change attributes of a node; None takes one away."""
    doc = document(level, path)
    merged = {**doc["attributes"], **keys}
    doc["attributes"] = {key: value for key, value in merged.items() if value is not None}
    level.backend.put(f"{path}/zarr.json", [json.dumps(doc, indent=1).encode()])


def cells(level, path):
    """Give the payloads of an array by chunk key."""
    array = open_grid(level_store(level), path, with_chunks=True)
    keys = format_chunk_keys(array.grid.chunks)
    return {key: payload.tobytes() for key, payload in zip(keys, array.read(array.grid.chunks), strict=True)}


def put(level, path, chunk, payload):
    """Replace a cell; no payload takes its bytes away."""
    array = open_grid(level_store(level), path)
    cell = np.array([int(c) for c in chunk.split(".")]) - array.grid.origin
    key = f"{path}/c/{'/'.join(map(str, cell.tolist()))}"
    if payload is None:
        del level.backend.values[key]
    else:
        level.backend.put(key, CellCodec(array.grid.codecs).encode([payload]))


def edges():
    """Five edges in two chunks: two inside the first, three across, the last of these against the order."""
    level = Level(grid_of([(0, 0), (0, 1)], [3, 2]), Memory())
    ends = np.array([[0, 1], [2, 1], [0, 3], [1, 4], [3, 2]])
    level.write(ends, LinkFamily(2, 2), attributes=[numbers(5)])
    return level, ends


INSIDE, ACROSS = "0/links/0/0.0", "0/links/0/0.+1"
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
