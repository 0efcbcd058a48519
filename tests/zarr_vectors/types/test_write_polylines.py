"""Polylines on disk, seen by a decoder of its own: every vertex, run, link and object is where the format says."""

from __future__ import annotations

import itertools
import tracemalloc

import numpy as np
import pytest
from zarr.storage import MemoryStore

from zarr_vectors.exceptions import ArgumentError, LimitError, StoreExistsError
from zarr_vectors.types.polylines import write_polylines

RNG = np.random.default_rng(5)


def walk(vertices, ndim=3, seed=0):
    rng = np.random.default_rng([seed, vertices])
    return np.cumsum(rng.normal(0, 4, (vertices, ndim)), axis=0).astype("f4")


LINES = [walk(n, seed=i) for i, n in enumerate((1, 2, 17, 0, 40, 9, 0))]


def check(found, lines, chunk, dtype="f4"):
    """Check everything that positions alone decide."""
    ids, manifests = found.objects()
    assert ids == list(range(len(lines)))
    links = []
    for line, entries in zip(lines, manifests, strict=True):
        rows = found.rows(entries)
        assert np.array_equal(found.positions[rows], np.asarray(line, dtype).reshape(len(rows), found.ndim))
        ends = np.cumsum([found.fragments[c][f][1] for c, f in entries])[:-1]
        links += [(int(rows[e - 1]), int(rows[e])) for e in ends]
        assert all(a[0] != b[0] for a, b in itertools.pairwise(entries))
    # In a chunk fragments come line by line, and along each line.
    for c in found.chunks:
        inside = np.floor(found.vertices[c].astype("f8") / chunk)
        assert (inside == c).all()
        numbers = [f for entries in manifests for chunk_, f in entries if chunk_ == c]
        assert numbers == list(range(len(found.fragments[c])))
    assert sorted(found.links()) == sorted(links)
    assert found.level.attrs["zarr_vectors_level"]["vertex_count"] == len(found.positions)
    assert found.level.attrs["zarr_vectors_level"]["fragments_tile"] is True


@pytest.mark.parametrize("compressor", ["none", "auto"])
@pytest.mark.parametrize("shard_shape", [None, 1, 2])
def test_lines_are_the_runs_that_their_manifests_name(tmp_path, decode, compressor, shard_shape):
    write_polylines(tmp_path / "s", LINES, chunk_shape=10.0, compressor=compressor, shard_shape=shard_shape)
    found = decode(tmp_path / "s")
    check(found, LINES, 10.0)
    assert found.meta["geometry_types"] == ["polyline"]
    assert found.meta["links_convention"] == "implicit_sequential"
    assert "base_bin_shape" not in found.meta


@pytest.mark.parametrize("ndim", [2, 3, 4, 5])
@pytest.mark.parametrize("dtype", ["f4", "f8", ">f8", "i4", "f2"])
def test_lines_of_any_number_of_axes_and_dtype(tmp_path, decode, ndim, dtype):
    lines = [walk(n, ndim, n).astype(dtype) for n in (5, 0, 30)]
    chunk = np.arange(6.0, 6.0 + ndim)
    write_polylines(tmp_path / "s", lines, chunk_shape=chunk, bin_shape=chunk / 2, geometry_type="streamline")
    found = decode(tmp_path / "s")
    check(found, lines, chunk, "f8" if dtype.endswith("f8") else "f4")
    assert found.positions.dtype == ("f8" if dtype.endswith("f8") else "f4")
    assert found.meta["geometry_types"] == ["streamline"]
    assert found.meta["base_bin_shape"] == (chunk / 2).tolist()


def test_a_line_that_comes_back_to_a_chunk_has_two_runs_in_it(tmp_path, decode):
    line = np.array([[1, 1], [2, 2], [11, 1], [3, 3], [4, 4], [-1, 1]], "f4")
    write_polylines(tmp_path / "s", [line], chunk_shape=10.0)
    found = decode(tmp_path / "s")
    _, (entries,) = found.objects()
    assert entries == [((0, 0), 0), ((1, 0), 0), ((0, 0), 1), ((-1, 0), 0)]
    assert len(found.links()) == 3
    check(found, [line], 10.0)


def test_a_vertex_on_a_face_is_in_the_higher_chunk(tmp_path, decode):
    line = np.array([[9.999, 0], [10.0, 0], [10.0, -1e-9]])
    write_polylines(tmp_path / "s", [line], chunk_shape=10.0)
    assert decode(tmp_path / "s").chunks == [(0, 0), (1, -1), (1, 0)]


def attribute_cases():
    total = sum(map(len, LINES))
    flat = RNG.normal(size=total)
    rgb = RNG.integers(0, 255, (total, 3)).astype("u1")
    words = np.array(["axon", "soma", "déndrite"])[RNG.integers(0, 3, total)]
    maybe = np.where(RNG.random(total) > 0.5, words.astype(object), None)
    return {"flat": flat, "rgb": rgb, "flag": flat > 0, "i8": flat.astype(">i8"), "half": flat.astype("f2"),
            "words": words, "maybe": maybe}  # fmt: skip


def split(values):
    return np.split(values, np.cumsum([len(line) for line in LINES])[:-1])


@pytest.mark.parametrize("argument", ["attributes", "vertex_attributes"])
@pytest.mark.parametrize("form", ["flat", "arrays", "lists"])
def test_attributes_follow_their_vertices(tmp_path, decode, form, argument):
    cases = attribute_cases()
    forms = {"flat": lambda v: v, "arrays": split, "lists": lambda v: [part.tolist() for part in split(v)]}
    if form == "lists":
        cases = {name: cases[name] for name in ("flat", "words", "maybe")}
    passed = {name: forms[form](values) for name, values in cases.items()}
    write_polylines(tmp_path / "s", LINES, chunk_shape=10.0, **{argument: passed})
    found = decode(tmp_path / "s")
    rows = np.concatenate([found.rows(entries) for entries in found.objects()[1]])
    for name, values in cases.items():
        column = found.column(name)[rows]
        assert column.tolist() == values.tolist(), name
        if values.dtype.kind not in "OU":
            assert column.dtype == values.dtype.newbyteorder("=")
            assert column.shape == values.shape


def test_one_array_of_equally_long_lines_and_its_attributes(tmp_path, decode):
    lines = RNG.uniform(-15, 15, (7, 5, 3))
    attributes = {"a": np.arange(35).reshape(7, 5), "b": np.arange(70.0).reshape(7, 5, 2), "d": np.arange(35)}
    write_polylines(tmp_path / "s", lines, chunk_shape=10.0, attributes=attributes)
    found = decode(tmp_path / "s")
    check(found, lines, 10.0, "f8")
    rows = np.concatenate([found.rows(entries) for entries in found.objects()[1]])
    assert found.column("a")[rows].tolist() == found.column("d")[rows].tolist() == list(range(35))
    assert found.column("b")[rows].tolist() == np.arange(70.0).reshape(35, 2).tolist()


@pytest.mark.parametrize("make", [list, tuple, iter, lambda lines: [line.tolist() for line in lines]])
def test_lines_may_come_in_any_list(tmp_path, decode, make):
    write_polylines(tmp_path / "s", make(LINES), chunk_shape=10.0)
    found = decode(tmp_path / "s")
    check(found, LINES, 10.0, found.positions.dtype)


def test_object_attributes_and_groups_of_lines(tmp_path, decode):
    objects = {"length": np.arange(7.0), "words": list("abcdefg"), "pair": np.arange(14).reshape(7, 2)}
    groups = {"one": [3, 0], "span": range(1, 6), "none": []}
    write_polylines(
        tmp_path / "s", LINES, chunk_shape=10.0, object_attributes=objects, groups=groups,
        group_attributes={"score": [0.5, 1.5, 2.5]},
    )  # fmt: skip
    found = decode(tmp_path / "s")
    for name, values in objects.items():
        assert found.level[f"object_attributes/{name}"][:].tolist() == np.asarray(values).tolist()
    assert found.groups() == {name: list(ids) for name, ids in groups.items()}
    assert found.level["group_attributes/score"][:].tolist() == [0.5, 1.5, 2.5]
    assert {"object_index", "object_attributes", "groups", "links"} <= set(
        found.level.attrs["zarr_vectors_level"]["arrays_present"]
    )


def test_groups_may_be_numbered_or_sets(tmp_path, decode):
    write_polylines(tmp_path / "s", LINES, chunk_shape=10.0, groups={1: {2, 1}, 0: np.array([4])})
    assert decode(tmp_path / "s").groups() == {"group_0": [4], "group_1": [1, 2]}


def test_fragment_attributes_have_a_row_for_each_run(tmp_path, decode):
    line = np.array([[1, 1], [2, 2], [11, 1], [3, 3]], "f4")
    values = {(0, 0): np.array([7, 8], "i4"), (1, 0): np.array([9], "i4")}
    write_polylines(tmp_path / "s", [line], chunk_shape=10.0, fragment_attributes={"tag": values})
    found = decode(tmp_path / "s")
    assert found.column("tag", "fragment_attributes").tolist() == [7, 8, 9]
    assert found.level["fragment_attributes/tag"].attrs["zv_array"] == "fragment_attribute"


def test_metadata_of_streamlines_axes_and_crs_are_kept(tmp_path, decode):
    write_polylines(
        tmp_path / "s", LINES, chunk_shape=10.0, geometry_type="streamline",
        streamline_metadata={"step": 0.5, "a": [1]},
        axes=["z", "y", "x"], axis_units="micrometer", coordinate_system={"name": "RAS"},
    )  # fmt: skip
    found = decode(tmp_path / "s")
    assert found.root["user_metadata"] == {"streamline_metadata": {"step": 0.5, "a": [1]}}
    assert found.meta["crs"] == {"name": "RAS"}
    assert found.root["multiscales"][0]["axes"][0] == {"name": "z", "type": "space", "unit": "micrometer"}


@pytest.mark.parametrize(
    ("lines", "chunk"), [([], (10, 10)), ([[], []], (10, 10)), ([np.empty((0, 2))], 10), (np.empty((0, 4, 2)), 10)]
)
def test_no_vertices_make_an_empty_store(tmp_path, decode, lines, chunk):
    write_polylines(tmp_path / "s", lines, chunk_shape=chunk, attributes={"a": [np.empty(0)] * len(lines)})
    found = decode(tmp_path / "s")
    assert found.ndim == 2
    assert found.chunks == []
    assert found.objects() == (list(range(len(lines))), [[]] * len(lines))
    assert found.links() == []


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_lines_that_are_all_empty_keep_their_type(tmp_path, decode, dtype):
    write_polylines(tmp_path / "s", [np.empty((0, 2), dtype), [], np.empty((0, 2), "f4")], chunk_shape=10.0)
    assert decode(tmp_path / "s").level["vertices"].attrs["dtype"] == np.dtype(dtype).name


def test_an_empty_line_has_no_say_in_how_positions_are_stored(tmp_path, decode):
    write_polylines(tmp_path / "s", [walk(3), np.empty((0, 3)), []], chunk_shape=10.0)
    assert decode(tmp_path / "s").positions.dtype == "f4"


def test_stores_in_memory_and_overwriting(tmp_path, decode):
    memory = MemoryStore()
    write_polylines(memory, LINES, chunk_shape=10.0)
    check(decode(memory), LINES, 10.0)
    for place in (memory, tmp_path / "s"):
        write_polylines(place, LINES, chunk_shape=10.0, overwrite=True)
        with pytest.raises(StoreExistsError):
            write_polylines(place, LINES, chunk_shape=10.0)
        write_polylines(place, LINES[:3], chunk_shape=20.0, overwrite=True)
        check(decode(place), LINES[:3], 20.0)


def test_many_chunks_are_sharded(tmp_path, decode, monkeypatch):
    monkeypatch.setattr("zarr_vectors.types._pipeline._SHARDS_ABOVE", 20)
    write_polylines(tmp_path / "s", LINES, chunk_shape=10.0)
    found = decode(tmp_path / "s")
    assert len(found.chunks) > 20
    assert found.level["vertices"].shards is not None
    check(found, LINES, 10.0)


def test_memory_is_bounded_by_twice_the_data(tmp_path):
    lines = list(np.cumsum(RNG.normal(0, 0.5, (3000, 100, 3)), axis=1).astype("f4") + RNG.uniform(0, 400, (3000, 1, 3)))
    lines = [line.astype("f4") for line in lines]
    values = [np.zeros(100, "f4") for _ in lines]
    data = 3000 * 100 * 16
    write_polylines(tmp_path / "warm", lines[:10], chunk_shape=100.0, attributes={"a": values[:10]})
    tracemalloc.start()
    write_polylines(tmp_path / "s", lines, chunk_shape=100.0, attributes={"a": values})
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 * data


NAN_LINE = np.array([[0, 0, 0], [0, np.nan, 0]])
WORD = [np.full(len(line), "x") for line in LINES]
BAD = {
    "one array of points": (LINES[2], {}, r"\(O, n, D\)"),
    "a number": (5, {}, "int"),
    "a word": ("lines", {}, "str"),
    "numbers": ([1.0, 2.0], {}, "single number"),
    "vectors": ([np.zeros(3), np.zeros(3)], {}, "line 0 of shape"),
    "mixed axes": ([np.zeros((2, 3)), np.zeros((2, 3)), np.zeros((4, 2))], {}, r"line 2 of shape \(4, 2\)"),
    "an empty line of other axes": ([np.zeros((2, 3)), np.zeros((0, 2))], {}, r"\[2, 3\]"),
    "one axis": ([np.zeros((2, 1))], {}, "D from 2 to 5"),
    "ragged": ([[[1, 2], [3]]], {}, "one array a line"),
    "NaN": ([LINES[1], NAN_LINE], {}, "line 1, vertex 1, axis 1 is nan"),
    "infinite": ([np.array([[0, np.inf]])], {}, "line 0, vertex 0, axis 1 is inf"),
    "complex": ([np.zeros((2, 3), complex)], {}, "complex128"),
    "bools": ([np.zeros((2, 3), bool)], {}, "bool"),
    "words as lines": ([np.full((2, 3), "x")], {}, "dtype"),
    "masked": ([np.ma.masked_less(np.arange(6.0).reshape(2, 3), 2)], {}, "masked"),
    "huge whole numbers": ([np.array([[2**53 + 1, 0]]), np.array([[0.5, 0]])], {}, "int64"),
    "empty without axes": ([[]], {}, "number of axes"),
    "kind": (LINES, {"geometry_type": "line"}, "'line'"),
    "attribute of too few lines": (LINES, {"attributes": {"a": WORD[:-1]}}, "list of 7 arrays"),
    "attribute of a short line": (LINES, {"attributes": {"a": [v[:5] for v in WORD]}}, "line 2 .* 17 vertices, got 5"),
    "attribute too short": (LINES, {"attributes": {"a": np.zeros(68)}}, "69 rows"),
    "attribute a number": (LINES, {"attributes": {"a": 5}}, "'a'"),
    "attribute of several types": (
        LINES, {"attributes": {"a": [*WORD[:-2], np.zeros(9), WORD[-1]]}}, "one type in all lines"),
    "attribute of several widths": (
        LINES, {"attributes": {"a": [np.zeros((len(v), 1 + (len(v) > 9))) for v in LINES]}}, "same channels"),
    "attribute 3-D": (LINES, {"attributes": {"a": np.zeros((69, 2, 2))}}, r"\(69, 2, 2\)"),
    "attribute dates": (LINES, {"attributes": {"a": np.zeros(69, "M8[s]")}}, "datetime64"),
    "attribute name": (LINES, {"attributes": {"a/b": np.zeros(69)}}, "a/b"),
    "attributes a list": (LINES, {"attributes": [np.zeros(69)]}, "mapping"),
    "attributes twice": (LINES, {"attributes": {}, "vertex_attributes": {"b": np.zeros(69)}}, "one argument"),
    "object attribute too short": (LINES, {"object_attributes": {"a": np.zeros(6)}}, r"\(7,\)"),
    "object attribute complex": (LINES, {"object_attributes": {"a": np.zeros(7, complex)}}, "complex128"),
    "object attribute masked": (LINES, {"object_attributes": {"a": np.ma.masked_less(np.arange(7), 3)}}, "masked"),
    "object attributes a list": (LINES, {"object_attributes": [1]}, "mapping"),
    "group of no line": (LINES, {"groups": {"a": [0, 7]}}, "'a' names object 7"),
    "group of a negative line": (LINES, {"groups": {"a": [-1]}}, "'a' names object -1"),
    "group with a line twice": (LINES, {"groups": {"a": [1], "b": [3, 1, 3]}}, "'b' names object 3, .*twice"),
    "group of halves": (LINES, {"groups": {"a": [0.5]}}, "'a'"),
    "groups a list": (LINES, {"groups": [[0]]}, "mapping"),
    "groups with gaps": (LINES, {"groups": {0: [1], 2: [2]}}, "0 to 1"),
    "group name": (LINES, {"groups": {("a",): [1]}}, "name"),
    "group attribute too long": (LINES, {"groups": {"a": [1]}, "group_attributes": {"x": [1, 2]}}, r"\(1,\)"),
    "group attributes without groups": (LINES, {"group_attributes": {"x": [1, 2]}}, r"\(0,\)"),
    "fragment attribute of few chunks": (LINES, {"fragment_attributes": {"x": {(0, 0, 0): [1]}}}, "each of the chunks"),
    "fragment attribute a list": (LINES, {"fragment_attributes": {"x": [1]}}, "mapping"),
    "metadata no JSON": (LINES, {"streamline_metadata": {"a": {1}}}, "JSON"),
    "metadata a list": (LINES, {"streamline_metadata": [1]}, "mapping"),
    "metadata with numbers": (LINES, {"streamline_metadata": {1: 2}}, "mapping from names"),
    "bins": (LINES, {"bin_shape": 3.0}, "whole multiple"),
    "chunk of two": (LINES, {"chunk_shape": (10, 10)}, "3 positive numbers"),
    "too wide": ([np.array([[0, 1e300]])], {}, "chunk_shape .* is too small"),
    "dtype": (LINES, {"dtype": "i4"}, "float32 or float64"),
    "compressor": (LINES, {"compressor": "lzma"}, "lzma"),
    "shard": (LINES, {"shard_shape": 0}, "shard_shape"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_refused_input_is_one_error_that_quotes_it_and_writes_nothing(tmp_path, case):
    lines, options, words = BAD[case]
    with pytest.raises((ArgumentError, LimitError), match=words):
        write_polylines(tmp_path / "deep" / "s", lines, **{"chunk_shape": 10.0, **options})
    assert list(tmp_path.iterdir()) == []
