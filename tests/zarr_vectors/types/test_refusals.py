"""Input that cannot be stored is refused by one clear error of ours, and nothing is left behind."""

from __future__ import annotations

import re

import numpy as np
import pytest
import zarr
from zarr.storage import LocalStore, MemoryStore

from zarr_vectors.exceptions import (
    ArgumentError,
    CorruptStoreError,
    IncompleteStoreError,
    LimitError,
    NotAStoreError,
    StoreExistsError,
    StoreNotFoundError,
    ZarrVectorsError,
)
from zarr_vectors.lazy import open_zv
from zarr_vectors.multiresolution.coarsen import build_pyramid
from zarr_vectors.types.lines import write_lines
from zarr_vectors.types.points import read_points, write_points

P = np.random.default_rng(1).uniform(0, 100, (20, 3))
INF, NAN = np.inf, np.nan


def with_value(value):
    out = P.copy()
    out[7, 1] = value
    return out


def objects(*items):
    out = np.empty(len(items), object)
    out[:] = items
    return out


BAD = {
    "1-D": (P[:, 0], {}),
    "3-D": (P[None], {}),
    "one axis": (P[:, :1], {}),
    "six axes": (np.zeros((4, 6)), {}),
    "a number": (5.0, {}),
    "None": (None, {}),
    "ragged": ([[1, 2, 3], [4, 5]], {}),
    "words": ([["a", "b"]], {}),
    "objects": (P.astype(object), {}),
    "complex": (P.astype(complex), {}),
    "bools": (P > 5, {}),
    "dates": (P.astype("i8").astype("M8[s]"), {}),
    "long double": (P.astype(np.longdouble), {}),
    "masked": (np.ma.masked_less(P, 5), {}),
    "NaN": (with_value(NAN), {}),
    "infinite": (with_value(INF), {}),
    "minus infinite": (with_value(-INF), {}),
    "too large for float32": (with_value(1e300), {"dtype": "float32"}),
    "too wide for the chunks": (with_value(1e300), {}),
    "whole numbers beyond float64": (np.array([[2**53 + 1, 0], [0, 0]]), {}),
    "dtype int": (P, {"dtype": "int32"}),
    "dtype half": (P, {"dtype": "float16"}),
    "dtype unknown": (P, {"dtype": "float33"}),
    "no chunk": (P, {"chunk_shape": None}),
    "chunk of two": (P, {"chunk_shape": (10, 10)}),
    "chunk zero": (P, {"chunk_shape": (10, 0, 10)}),
    "chunk negative": (P, {"chunk_shape": -10}),
    "chunk NaN": (P, {"chunk_shape": NAN}),
    "chunk infinite": (P, {"chunk_shape": INF}),
    "chunk a word": (P, {"chunk_shape": "ten"}),
    "chunk True": (P, {"chunk_shape": True}),
    "chunk of a True": (P, {"chunk_shape": (10, True, 10)}),
    "chunk of numpy's True": (P, {"chunk_shape": np.ones(3, bool)}),
    "chunk spelled": (P, {"chunk_shape": "10"}),
    "bin True": (P, {"chunk_shape": 10.0, "bin_shape": True}),
    "chunk complex": (P, {"chunk_shape": 1j}),
    "chunk tiny": (P, {"chunk_shape": 1e-300}),
    "chunk no multiple of bin": (P, {"bin_shape": 3.0}),
    "bin larger than chunk": (P, {"bin_shape": 20.0}),
    "bins beyond counting": (P, {"bin_shape": 1e-3}),
    "bin tiny": (P, {"bin_shape": 1e-308}),
    "attributes a list": (P, {"attributes": [np.zeros(20)]}),
    "attribute too short": (P, {"attributes": {"a": np.zeros(19)}}),
    "attribute too long": (P, {"attributes": {"a": np.zeros(21)}}),
    "attribute a number": (P, {"attributes": {"a": 5}}),
    "attribute 3-D": (P, {"attributes": {"a": np.zeros((20, 2, 2))}}),
    "attribute without channels": (P, {"attributes": {"a": np.zeros((20, 0))}}),
    "attribute complex": (P, {"attributes": {"a": np.zeros(20, complex)}}),
    "attribute dates": (P, {"attributes": {"a": np.zeros(20, "M8[s]")}}),
    "attribute durations": (P, {"attributes": {"a": np.zeros(20, "m8[s]")}}),
    "attribute bytes": (P, {"attributes": {"a": np.zeros(20, "S3")}}),
    "attribute records": (P, {"attributes": {"a": np.zeros(20, "f4,f4")}}),
    "attribute long double": (P, {"attributes": {"a": np.zeros(20, np.longdouble)}}),
    "attribute objects": (P, {"attributes": {"a": objects(*[{}] * 20)}}),
    "attribute mixed": (P, {"attributes": {"a": objects(*["x", 5] * 10)}}),
    "attribute words in channels": (P, {"attributes": {"a": np.full((20, 2), "x")}}),
    "attribute half a character": (P, {"attributes": {"a": objects(*["\ud800"] * 20)}}),
    "attribute masked": (P, {"attributes": {"a": np.ma.masked_less(np.arange(20), 5)}}),
    **{f"name {n!r}": (P, {"attributes": {n: np.zeros(20)}}) for n in ("", "a/b", "..", "zarr.json", "a\0b", 5)},
    "compressor unknown": (P, {"compressor": "lzma"}),
    "compressor None": (P, {"compressor": None}),
    "codec unknown": (P, {"compressor": [{"name": "lzma"}]}),
    "codec misconfigured": (P, {"compressor": [{"name": "blosc", "configuration": {"cname": "nope"}}]}),
    "codec with odd shuffle": (P, {"compressor": [{"name": "blosc", "configuration": {"shuffle": "nope"}}]}),
    "codec with no options": (P, {"compressor": [{"name": "zstd", "configuration": None}]}),
    "checksum not last": (P, {"compressor": [{"name": "crc32c"}, {"name": "zstd"}]}),
    "shard zero": (P, {"shard_shape": 0}),
    "shard of two": (P, {"shard_shape": (2, 2)}),
    "shard half": (P, {"shard_shape": 1.5}),
    "axes of two": (P, {"axes": ["x", "y"]}),
    "axes alike": (P, {"axes": ["x", "x", "y"]}),
    "axes numbers": (P, {"axes": [1, 2, 3]}),
    "axes a number": (P, {"axes": 3}),
    "axis half a character": (P, {"axes": ["\ud800", "y", "x"]}),
    "units of two": (P, {"axis_units": ["m", "m"]}),
    "units numbers": (P, {"axis_units": [1, 2, 3]}),
    "crs no JSON": (P, {"coordinate_system": {1, 2}}),
    "crs NaN": (P, {"coordinate_system": NAN}),
    "crs half a character": (P, {"coordinate_system": "\ud800"}),
}


@pytest.mark.parametrize("case", BAD)
def test_refused_input_is_one_error_of_ours_and_writes_nothing(tmp_path, case):
    positions, options = BAD[case]
    with pytest.raises((ArgumentError, LimitError)) as caught:
        write_points(tmp_path / "deep" / "s.zv", positions, **{"chunk_shape": 10.0, **options})
    assert len(str(caught.value)) > 15
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("case", ["NaN", "attribute too short", "codec misconfigured"])
def test_refused_input_leaves_a_store_in_memory_empty(case):
    positions, options = BAD[case]
    memory = MemoryStore()
    with pytest.raises(ArgumentError):
        write_points(memory, positions, **{"chunk_shape": 10.0, **options})
    assert memory._store_dict == {}


def test_the_place_of_a_bad_coordinate_is_named(tmp_path):
    with pytest.raises(ArgumentError, match="row 7, axis 1 is nan"):
        write_points(tmp_path / "s", with_value(NAN), chunk_shape=10.0)


@pytest.mark.parametrize("path", ["", "a\0b", "s3://bucket/x", "https://x/y", 5, None, b"x"])
def test_paths_that_are_none_are_refused(path):
    for call in (lambda: read_points(path), lambda: write_points(path, P, chunk_shape=10.0), lambda: open_zv(path)):
        with pytest.raises(ArgumentError):
            call()


# -- places where something lies already ------------------------------------------------------------------------


def occupied(folder):
    """Things at a path that are no store of ours."""
    (folder / "file").write_text("x")
    (folder / "folder").mkdir()
    (folder / "folder" / "note").write_text("x")
    zarr.open_group(folder / "group", mode="w", attributes={"a": 1})
    zarr.open_group(folder / "parent", mode="w").create_group("child")
    zarr.create_array(folder / "array", shape=(3,), dtype="f4")
    (folder / "loop").symlink_to(folder / "loop")
    (folder / "broken").mkdir()
    (folder / "broken" / "zarr.json").write_text('{"zarr_vectors"')
    return [folder / n for n in ("file", "folder", "group", "parent", "array", "loop", "broken")]


def listing(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))


@pytest.mark.parametrize("overwrite", [False, True])
def test_what_is_no_store_is_never_replaced(tmp_path, overwrite):
    places = occupied(tmp_path)
    before = listing(tmp_path)
    for place in places:
        with pytest.raises(StoreExistsError, match="exists"):
            write_points(place, P, chunk_shape=10.0, overwrite=overwrite)
    assert listing(tmp_path) == before


def test_what_is_no_store_is_not_read(tmp_path):
    for place in occupied(tmp_path):
        with pytest.raises((NotAStoreError, ZarrVectorsError)) as caught:
            open_zv(place)
        assert str(place) in str(caught.value)
        assert not isinstance(caught.value, StoreNotFoundError)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(NotAStoreError):
        read_points(empty)
    with pytest.raises(NotAStoreError):
        read_points(zarr.open_group(MemoryStore(), mode="w"))


def test_nothing_at_a_path_is_not_found(tmp_path):
    for place in (tmp_path / "x", tmp_path / "x" / "y", MemoryStore()):
        for call in (read_points, open_zv, build_pyramid_of):
            with pytest.raises(StoreNotFoundError, match="nothing at"):
                call(place)
    assert list(tmp_path.iterdir()) == []


def build_pyramid_of(place):
    build_pyramid(place, [(2, 1)])


def test_a_store_opened_for_reading_is_not_written_to(tmp_path):
    write_points(tmp_path / "s", P, chunk_shape=10.0)
    store = LocalStore(tmp_path / "s", read_only=True)
    assert read_points(store).vertex_count == 20
    for call in (
        lambda: write_points(store, P, chunk_shape=5.0, overwrite=True),
        lambda: build_pyramid(store, [(2, 1)]),
    ):
        with pytest.raises(ArgumentError, match="reading only"):
            call()
    with pytest.raises(ArgumentError, match="reading only"):
        write_points(MemoryStore(read_only=True), P, chunk_shape=10.0)


def test_a_failed_overwrite_leaves_the_store(tmp_path):
    write_points(tmp_path / "s", P, chunk_shape=10.0)
    with pytest.raises(ArgumentError):
        write_points(tmp_path / "s", with_value(NAN), chunk_shape=10.0, overwrite=True)
    assert read_points(tmp_path / "s").vertex_count == 20
    assert [p.name for p in tmp_path.iterdir()] == ["s"]


def test_a_source_that_fails_half_way_leaves_nothing(tmp_path):
    class Failing:
        shape, dtype = (20,), np.dtype("f4")

        def __getitem__(self, key):
            raise OSError("the disk of the source is gone")

    with pytest.raises(OSError, match="source is gone"):
        write_points(tmp_path / "s", P, chunk_shape=10.0, attributes={"a": Failing()})
    assert list(tmp_path.iterdir()) == []


def test_a_store_in_memory_whose_writer_stopped_is_incomplete(monkeypatch):
    memory = MemoryStore()
    monkeypatch.setattr("zarr_vectors.types._content.stamp_root", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_points(memory, P, chunk_shape=10.0)
    with pytest.raises(IncompleteStoreError, match="write it again"):
        read_points(memory)
    monkeypatch.undo()
    write_points(memory, P, chunk_shape=10.0, overwrite=True)
    assert read_points(memory).vertex_count == 20


@pytest.mark.parametrize("level", [1, -1, 0.5, "0", None])
def test_a_level_that_is_not_there_is_named(tmp_path, level):
    write_points(tmp_path / "s", P, chunk_shape=10.0)
    with pytest.raises(ArgumentError, match=r"has levels \[0\]"):
        read_points(tmp_path / "s", level=level)


@pytest.mark.parametrize(
    ("factors", "options"),
    [(5, {}), ([5], {}), ([(0, 1)], {}), ([(1.5, 1)], {}), ([(2, 0.5)], {}), ([(1, 1)], {}), ([((2, 2), 1)], {}),
     ("ab", {}),
     ([(2, np.inf)], {}), ([(2, np.nan)], {}), ([(np.nan, 1)], {}), ([(2, 1)], {"agg_mode": "median"}),
     ([(2, 1)], {"agg_mode": {"x": "mean"}}), ([(2, 1)], {"chunk_scale": 0}), ([(2, 1)], {"chunk_scale": "big"}),
     ([(2, 1)], {"sparsity_seed": -1}), ([(2, 1)], {"sparsity_seed": "x"}), ([(3, 1)], {"chunk_scale": 1}),
     ([(2, 1)], {"agg_mode": "sum"})],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["disk", "memory"])
def test_a_pyramid_that_cannot_be_leaves_the_store_as_it_was(tmp_path, kind, factors, options):
    place = tmp_path / "s" if kind == "disk" else MemoryStore()
    write_points(place, P, chunk_shape=100.0, bin_shape=25.0, attributes={"n": np.full(20, 250, "u1")})
    build_pyramid(place, [(2, 1)])
    before = listing(tmp_path)
    levels = [read_points(place, level=n).positions.tolist() for n in (0, 1)]
    with pytest.raises(ArgumentError):
        build_pyramid(place, factors, **options)
    assert listing(tmp_path) == before
    assert [read_points(place, level=n).positions.tolist() for n in (0, 1)] == levels


@pytest.mark.parametrize(("bbox", "said"), [
    (([0, 0, NAN], [1, 1, 1]), "got lo .*: axis 2"),
    (([0, 0, 0], [1, NAN, 1]), "got hi .*: axis 1"),
    (([0, 5, 0], [1, 1, 1]), "on axis 1 lo is 5.0 and hi is 1.0"),
])  # fmt: skip
def test_a_box_that_cannot_be_is_refused_by_edge_and_axis(tmp_path, bbox, said):
    write_points(tmp_path / "s.zv", P, chunk_shape=10.0)
    with pytest.raises(ArgumentError, match=said):
        read_points(tmp_path / "s.zv", bbox=bbox)


@pytest.mark.parametrize(("options", "said"), [
    ({"chunk_shape": 1e-9}, "chunk_shape"), ({"chunk_shape": 1e-20}, "chunk_shape"),
    ({"chunk_shape": 10, "bin_shape": 1e-8}, "bin_shape"),
])  # fmt: skip
def test_a_limit_names_the_argument_that_exceeds_it(tmp_path, options, said):
    with pytest.raises(LimitError, match=f"^{said} .* too small: .*; use larger"):
        write_points(tmp_path / "s.zv", P, **options)


def test_a_level_that_is_not_there_is_refused_with_those_that_are(tmp_path):
    write_points(tmp_path / "s.zv", P, chunk_shape=10.0)
    build_pyramid(tmp_path / "s.zv", [(2, 1), (2, 1)])
    with pytest.raises(ArgumentError, match=r"has levels \[0, 1, 2\], not 7"):
        read_points(tmp_path / "s.zv", level=7)


def test_a_broken_seal_is_told_in_text(tmp_path):
    write_points(tmp_path / "s.zv", P, chunk_shape=10.0)
    root = tmp_path / "s.zv" / "zarr.json"
    root.write_bytes(root.read_bytes().replace(b"point_cloud", b"point_clowd"))
    with pytest.raises(CorruptStoreError, match="the stored one [0-9a-f]{8}: it was changed"):
        read_points(tmp_path / "s.zv")
    root.write_bytes(re.sub(rb'("zv_crc32c":")..', lambda found: found[1] + b"\xff\x07", root.read_bytes()))
    with pytest.raises(CorruptStoreError, match=r"the stored one '\ufffd\\x07[0-9a-f]{6}': it was changed"):
        read_points(tmp_path / "s.zv")


@pytest.mark.parametrize("words", [np.full(19, "x"), np.full((20, 2), "x"), objects(*["x"] * 21)])
def test_strings_of_the_wrong_shape_are_told_the_only_one_that_they_may_have(tmp_path, words):
    said = rf"attribute 'a' of strings must have shape \(20,\), got {re.escape(str(words.shape))}$"
    with pytest.raises(ArgumentError, match=said):
        write_points(tmp_path / "s.zv", P, chunk_shape=10.0, attributes={"a": words})
    said = r"attribute 'a' of strings must have shape \(10, 2\), values of both ends"
    with pytest.raises(ArgumentError, match=said):
        write_lines(tmp_path / "s.zv", P.reshape(10, 2, 3), chunk_shape=10.0, attributes={"a": words})


def test_a_home_folder_is_not_looked_up_and_that_is_said():
    with pytest.raises(StoreNotFoundError, match="'~' is taken literally"):
        read_points("~/there is no such store.zv")
