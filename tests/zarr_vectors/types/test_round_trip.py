"""What is written comes back: every row with its attributes, exactly once, in order inside its bin."""

from __future__ import annotations

import itertools
import shutil
from dataclasses import dataclass

import numpy as np
import pytest
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from zarr.storage import LocalStore, MemoryStore

from zarr_vectors.exceptions import ArgumentError, StoreExistsError
from zarr_vectors.lazy import open_zv
from zarr_vectors.types import _content, points
from zarr_vectors.types.points import read_points, write_points

NUMBERS = ("i1", "u1", "<i2", ">i2", "u2", "<i4", "u4", "<i8", ">i8", "u8", "f2", "<f4", ">f4", "f8", ">f8", "?")
COMPRESSORS = (
    "none",
    "zstd",
    "blosc",
    "auto",
    [{"name": "gzip", "configuration": {"level": 1}}],
    [],
    [{"name": "zstd", "configuration": {"level": 1, "checksum": True}}, {"name": "crc32c"}],
)
WORD = st.sampled_from(["", "a", "b", "axon", "Dendrit", "é", "\U0001f600", 'q"\\', "x y"])
REAL_STORE = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


@dataclass
class Case:
    positions: np.ndarray
    attributes: dict
    chunk: np.ndarray
    bins: np.ndarray | None
    options: dict


@st.composite
def attributes(draw, rows: int):
    out = {}
    for i in range(draw(st.integers(0, 3))):
        kind = draw(st.sampled_from([*NUMBERS, "words", "words or None"]))
        if kind == "words":
            out[f"a{i}"] = np.array(draw(st.lists(WORD, min_size=rows, max_size=rows)), dtype=str)
        elif kind == "words or None":
            values = draw(st.lists(st.one_of(st.none(), WORD), min_size=rows, max_size=rows))
            out[f"a{i}"] = np.array(values, dtype=object)
        else:
            shape = draw(st.sampled_from([(rows,), (rows, 1), (rows, 3)]))
            out[f"a{i}"] = draw(hnp.arrays(np.dtype(kind), shape))
    return out


@st.composite
def cases(draw):
    ndim, rows = draw(st.integers(2, 5)), draw(st.integers(0, 40))
    edges = np.array([draw(st.sampled_from([0.1, 1.1, 3.3, 7.7, 25.0])) for _ in range(ndim)])
    per = np.array([draw(st.integers(1, 4)) for _ in range(ndim)])
    dtype = draw(st.sampled_from(["<f4", ">f4", "<f8", ">f8"]))
    index = draw(hnp.arrays(np.int64, (rows, ndim), elements=st.integers(-9, 9)))
    inside = draw(hnp.arrays(np.float64, (rows, ndim), elements=st.sampled_from([0, 0.5, 0.999])))
    has_bins = draw(st.booleans())
    return Case(
        ((index + inside) * edges).astype(dtype),
        draw(attributes(rows)),
        edges * per if has_bins else edges,
        edges if has_bins else None,
        {
            "compressor": draw(st.sampled_from(COMPRESSORS)),
            "shard_shape": draw(st.sampled_from([None, None, 1, 2, 5])),
        },
    )


def row_keys(positions, attributes) -> list[bytes | tuple]:
    """One comparable thing a row, exact to the bit."""
    columns = [positions.astype(positions.dtype.newbyteorder("<"))]
    columns += [a if a.dtype.kind in "OU" else a.astype(a.dtype.newbyteorder("<")) for a in attributes.values()]
    spelled = [
        [repr(v) for v in c.tolist()] if c.dtype.kind in "OU" else [c[i].tobytes() for i in range(len(c))]
        for c in columns
    ]
    return list(zip(*spelled, strict=True))


def expected_order(case: Case) -> np.ndarray:
    """Rows by chunk, then by bin inside it, then as they were given."""
    p = case.positions.astype(np.float64)
    chunk = np.floor(p / case.chunk)
    if case.bins is None:
        local = np.zeros_like(chunk)
    else:
        per = np.round(case.chunk / case.bins)
        local = np.clip(np.floor(p / case.bins) - chunk * per, 0, per - 1)
    return np.lexsort((*local.T[::-1], *chunk.T[::-1])) if len(p) else np.empty(0, int)


def same(found, case: Case, order) -> None:
    native = case.positions.dtype.newbyteorder("=")
    assert found.positions.dtype == native
    assert found.vertex_count == len(case.positions)
    assert sorted(found.attributes) == sorted(case.attributes)
    taken = {name: case.attributes[name][order] for name in found.attributes}
    assert row_keys(found.positions, found.attributes) == row_keys(case.positions[order], taken)
    for name, values in case.attributes.items():
        if values.dtype.kind not in "OU":
            assert found.attributes[name].dtype == values.dtype.newbyteorder("=")
            assert found.attributes[name].shape == values.shape


@pytest.mark.parametrize("block_rows", [1 << 20, 7])
@REAL_STORE
@given(case=cases())
def test_rows_come_back_in_order(tmp_path, monkeypatch, block_rows, case):
    for module in (points, _content):
        monkeypatch.setattr(module, "BLOCK_ROWS", block_rows)
    path = tmp_path / "s.zv"
    shutil.rmtree(path, ignore_errors=True)
    write_points(path, case.positions, chunk_shape=case.chunk, bin_shape=case.bins, attributes=case.attributes,
                 **case.options)  # fmt: skip
    same(read_points(path), case, expected_order(case))
    with open_zv(path) as store:
        same(store.read(), case, expected_order(case))
        chunks = [chunk for _, chunk in store.iter_chunks()]
        assert sum(len(c["positions"]) for c in chunks) == len(case.positions)
        if chunks:
            together = np.concatenate([c["positions"] for c in chunks])
            assert together.tobytes() == store.read().positions.tobytes()


@settings(max_examples=25)
@given(case=cases())
def test_rows_come_back_from_a_store_in_memory(case):
    memory = MemoryStore()
    write_points(memory, case.positions, chunk_shape=case.chunk, bin_shape=case.bins, attributes=case.attributes,
                 **case.options)  # fmt: skip
    same(read_points(memory), case, expected_order(case))
    with open_zv(memory) as store:
        same(store.read(), case, expected_order(case))


@REAL_STORE
@given(case=cases(), data=st.data())
def test_a_box_is_what_numpy_cuts(tmp_path, case, data):
    path = tmp_path / "s.zv"
    shutil.rmtree(path, ignore_errors=True)
    write_points(path, case.positions, chunk_shape=case.chunk, bin_shape=case.bins, attributes=case.attributes,
                 **case.options)  # fmt: skip
    edges = [*np.unique(case.positions).astype(float).tolist(), -np.inf, np.inf, 0.0, 3.3]
    with open_zv(path, cache_size=data.draw(st.sampled_from([0, 2, 256]))) as store:
        for _ in range(4):
            box = np.array([[data.draw(st.sampled_from(edges)) for _ in case.chunk] for _ in range(2)])
            lo, hi = box.min(0), box.max(0)
            order = expected_order(case)
            p = case.positions[order]
            order = order[((p >= lo) & (p < hi)).all(axis=1)]
            cut = Case(case.positions[order], {n: a[order] for n, a in case.attributes.items()}, case.chunk, None, {})
            same(store.read(bbox=(lo, hi)), cut, np.arange(len(order)))
            same(read_points(path, bbox=(lo, hi)), cut, np.arange(len(order)))


def small(n=50, ndim=3):
    rng = np.random.default_rng(n)
    return rng.uniform(-20, 20, (n, ndim)).astype("f4")


def targets(folder):
    group = zarr.open_group(MemoryStore(), mode="w")
    return {
        "str": lambda: str(folder / "a.zv"),
        "Path": lambda: folder / "b.zv",
        "file URL": lambda: f"file://{folder}/c%20d.zv",
        "LocalStore": lambda: LocalStore(folder / "e.zv"),
        "MemoryStore": MemoryStore,
        "Group in memory": lambda: group.create_group("inner"),
        "Group on disk": lambda: zarr.open_group(folder / "f.zarr", mode="w").create_group("inner"),
        "empty folder": lambda: (folder / "g").mkdir() or folder / "g",
        "deep": lambda: folder / "h" / "i" / "j.zv",
    }


@pytest.mark.parametrize("kind", ["str", "Path", "file URL", "LocalStore", "MemoryStore", "Group in memory",
                                  "Group on disk", "empty folder", "deep"])  # fmt: skip
def test_a_store_lies_where_the_caller_says(tmp_path, kind):
    place = targets(tmp_path)[kind]()
    p = small()
    write_points(place, p, chunk_shape=10.0, attributes={"i": np.arange(50)})
    found = read_points(place)
    assert p[found["attributes"]["i"]].tolist() == found["positions"].tolist()
    with pytest.raises(StoreExistsError, match="exists"):
        write_points(place, p, chunk_shape=10.0)
    write_points(place, p[:7], chunk_shape=5.0, overwrite=True)
    assert read_points(place).vertex_count == 7
    assert read_points(place).attributes == {}


def test_a_relative_path_and_a_link_to_a_store_are_paths(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_points("s.zv", small(), chunk_shape=10.0)
    (tmp_path / "link.zv").symlink_to("s.zv")
    assert read_points("link.zv/").vertex_count == 50
    write_points("link.zv", small(9), chunk_shape=10.0, overwrite=True)
    assert (tmp_path / "link.zv").is_symlink()
    assert read_points("s.zv").vertex_count == 9


@pytest.mark.parametrize(
    ("given_dtype", "stored"),
    [("i1", "f4"), ("u8", "f4"), ("f2", "f4"), (">f4", "f4"), ("f4", "f4"), ("f8", "f8"), (">i8", "f4")],
)
def test_positions_take_the_narrowest_dtype_that_holds_them(tmp_path, given_dtype, stored):
    p = np.array([[1, 2], [3, 100]], given_dtype)
    write_points(tmp_path / "s", p, chunk_shape=10.0)
    found = read_points(tmp_path / "s").positions
    assert found.dtype == stored
    assert sorted(found.tolist()) == sorted(p.tolist())


@pytest.mark.parametrize(("value", "stored"), [(2**24, "f4"), (2**24 + 1, "f8"), (2**60, "f4"), (2**53 - 1, "f8")])
def test_whole_numbers_are_exact_or_wider(tmp_path, value, stored):
    p = np.array([[0, 0], [value, -value]])
    write_points(tmp_path / "s", p, chunk_shape=float(value))
    found = read_points(tmp_path / "s").positions
    assert found.dtype == stored
    assert sorted(map(int, found.ravel())) == [-value, 0, 0, value]


def test_whole_numbers_that_no_float_holds_are_refused_unless_rounding_is_asked_for(tmp_path):
    p = np.array([[0, 0], [2**53 + 1, 3]])
    with pytest.raises(ArgumentError, match="float64 cannot"):
        write_points(tmp_path / "s", p, chunk_shape=1e15)
    write_points(tmp_path / "s", p, chunk_shape=1e15, dtype="f8")
    assert read_points(tmp_path / "s").positions[1, 0] == 2.0**53


@pytest.mark.parametrize("dtype", ["f4", np.float64, ">f8"])
def test_dtype_says_how_positions_are_stored(tmp_path, dtype):
    p = small().astype("f8") / 3
    write_points(tmp_path / "s", p, chunk_shape=10.0, dtype=dtype)
    found = read_points(tmp_path / "s").positions
    assert found.dtype == np.dtype(dtype).newbyteorder("=")
    assert sorted(found.tolist()) == sorted(p.astype(found.dtype).tolist())


class Sliced:
    """A source that cannot be read whole: it only slices, and remembers the widest slice."""

    def __init__(self, values):
        self.values, self.shape, self.dtype, self.widest = values, values.shape, values.dtype, 0

    def __len__(self):
        return len(self.values)

    def __getitem__(self, key):
        out = self.values[key]
        self.widest = max(self.widest, len(out))
        return out

    def __array__(self, *_):
        pytest.fail("the source was read whole")


def test_sources_are_read_block_by_block(tmp_path, monkeypatch):
    for module in (points, _content):
        monkeypatch.setattr(module, "BLOCK_ROWS", 16)
    p, i = Sliced(small(200)), Sliced(np.arange(200))
    write_points(tmp_path / "s", p, chunk_shape=10.0, bin_shape=5.0, attributes={"i": i})
    assert p.widest == i.widest == 16
    found = read_points(tmp_path / "s")
    assert p.values[found.attributes["i"]].tolist() == found.positions.tolist()


def test_memory_maps_zarr_arrays_lists_and_strided_arrays_are_sources(tmp_path):
    p = small(60)
    mapped = np.memmap(tmp_path / "p.bin", "f4", "w+", shape=p.shape)
    mapped[:] = p
    sources = [
        mapped,
        zarr.array(p, chunks=(7, 3)),
        p.tolist(),
        np.asfortranarray(p),
        np.repeat(p, 2, 0)[::2],
        p[::-1][::-1],
    ]
    for i, source in enumerate(sources):
        write_points(tmp_path / str(i), source, chunk_shape=10.0, attributes={"x": source[:, 0] if i != 2 else p[:, 0]})
        found = read_points(tmp_path / str(i))
        assert sorted(found.positions.tolist()) == sorted(p.tolist())
        assert found.positions[:, 0].tolist() == found.attributes["x"].tolist()


def test_what_the_caller_passes_is_not_changed(tmp_path):
    p, a = small(), {"w": np.array(["a", None] * 25, dtype=object), "n": np.arange(50.0)}
    before = p.copy(), {k: v.copy() for k, v in a.items()}
    write_points(tmp_path / "s", p, chunk_shape=10.0, attributes=a)
    assert (p == before[0]).all()
    assert all((a[k] == before[1][k]).all() for k in a)


def test_results_are_mappings_with_typed_attributes(tmp_path):
    write_points(tmp_path / "s", small(), chunk_shape=10.0, attributes={"n": np.arange(50)})
    found = read_points(tmp_path / "s")
    assert set(found) == {"positions", "attributes", "level", "vertex_count", "object_ids"}
    assert dict(found)["vertex_count"] == found.vertex_count == len(found.positions) == 50
    assert found["level"] == 0
    assert found["object_ids"] is None
    with pytest.raises(KeyError):
        found["edges"]


def test_attributes_are_read_as_asked_for(tmp_path):
    write_points(tmp_path / "s", small(), chunk_shape=10.0, attributes={"b": np.arange(50), "a": np.arange(50.0)})
    assert list(read_points(tmp_path / "s").attributes) == ["a", "b"]
    assert list(read_points(tmp_path / "s", attributes=["b"]).attributes) == ["b"]
    assert read_points(tmp_path / "s", attributes=[]).attributes == {}
    for bad in (["c"], "a"):
        with pytest.raises(ArgumentError, match="attribute"):
            read_points(tmp_path / "s", attributes=bad)


def test_the_root_keeps_what_the_caller_says_of_the_coordinates(tmp_path):
    crs = {"type": "x", "list": [1, None, "é"]}
    write_points(tmp_path / "s", small(), chunk_shape=(10, 20, 30.5), coordinate_system=crs, axes=["z", "y", "x"],
                 axis_units=["nanometer", None, "micrometer"])  # fmt: skip
    with open_zv(tmp_path / "s") as store:
        assert store.crs == crs
        assert [(a.name, a.type, a.unit) for a in store.axes] == [
            ("z", "space", "nanometer"), ("y", "space", None), ("x", "space", "micrometer")
        ]  # fmt: skip
        assert store.chunk_shape == store.bin_shape == (10.0, 20.0, 30.5)
        assert store.geometry_type == "point_cloud"
        assert store.spatial_dims == 3
        assert store.vertex_count(0) == 50


def test_an_empty_cloud_is_a_store(tmp_path):
    write_points(tmp_path / "s", np.empty((0, 3), "f4"), chunk_shape=10.0, attributes={"n": np.empty(0, "i4")})
    found = read_points(tmp_path / "s")
    assert found.positions.shape == (0, 3)
    assert found.attributes["n"].dtype == "i4"
    assert read_points(tmp_path / "s", bbox=([0] * 3, [1] * 3)).vertex_count == 0


def test_the_bounding_box_holds_every_vertex_and_no_more(tmp_path):
    for i, dtype in itertools.product(range(3), ("f4", "f8")):
        p = small(20 + i).astype(dtype)
        write_points(tmp_path / f"{i}{dtype}", p, chunk_shape=10.0)
        with open_zv(tmp_path / f"{i}{dtype}") as store:
            lo, hi = store.bounding_box
            assert lo.tolist() == p.min(0).tolist()
            assert store.read(bbox=(lo, hi)).vertex_count == len(p)
            assert store.read(bbox=(lo, p.max(0))).vertex_count < len(p)
