"""Links: what is written is read, whole and in part; what is broken is told by store, array and chunk."""

from __future__ import annotations

import struct
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.zarr_vectors.core.link_levels import (
    Level,
    Memory,
    cells,
    document,
    edges,
    grid_of,
    level_store,
    numbers,
)
from zarr_vectors._spec.names import format_chunk_keys
from zarr_vectors.core.arrays._cells import open_grid
from zarr_vectors.core.arrays._links import LinkFamily, LinkTarget
from zarr_vectors.core.arrays._vertices import Column
from zarr_vectors.encoding import decode_fragments, format_offsets, parse_offsets
from zarr_vectors.exceptions import ArgumentError


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
