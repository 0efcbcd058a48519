"""The metadata documents: parse and dump are inverses, and bad ones are refused with their place."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zarr_vectors._spec import Axis, GridMetadata, LevelMetadata, LevelScale, RootMetadata, codec_chain, default_axes
from zarr_vectors._spec.names import check_attribute_name, format_cell_keys, format_chunk_keys, parse_chunk_keys
from zarr_vectors.exceptions import (
    ArgumentError,
    CorruptStoreError,
    FormatVersionError,
    IncompleteStoreError,
    NotAStoreError,
    UnsupportedFeatureError,
    ZarrVectorsError,
)

NUMBER = st.floats(1e-6, 1e6)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=5,
)


def through_json(doc):
    return json.loads(json.dumps(doc))


@st.composite
def roots(draw) -> RootMetadata:
    ndim = draw(st.integers(2, 5))

    def vector(numbers=NUMBER):
        return np.array([draw(numbers) for _ in range(ndim)])

    bins = draw(st.one_of(st.none(), st.just(vector())))
    chunk = vector()
    ratios = [np.ones(ndim), *(vector(st.integers(1, 64).map(float)) for _ in range(draw(st.integers(0, 3))))]
    base = chunk if bins is None else bins
    return RootMetadata(
        chunk_shape=chunk,
        bounds=np.stack([vector(st.floats(-1e6, 0)), vector(st.floats(0, 1e6))]),
        geometry_types=("point_cloud",),
        axes=tuple(Axis(a.name, a.type, draw(st.sampled_from([None, "nanometer"]))) for a in default_axes(ndim)),
        scales=tuple(LevelScale(i, r, base * r) for i, r in enumerate(ratios)),
        version=draw(st.sampled_from(["0.9.0", "0.9.2", "0.9.17"])),
        base_bin_shape=bins,
        crs=draw(JSON),
        other={"reduction_factor": 8},
        other_root={"user_metadata": {"a": draw(JSON)}},
    )


@given(roots())
def test_root_metadata_come_back(root):
    found = RootMetadata.from_dict(through_json(root.to_dict("name")), "store")
    assert found.to_dict("name") == root.to_dict("name")
    assert found.axes == root.axes
    assert found.chunk_shape.tolist() == root.chunk_shape.tolist()
    assert found.bounds.tolist() == root.bounds.tolist()
    assert found.crs == root.crs
    assert found.other["reduction_factor"] == 8
    assert found.other_root["user_metadata"] == root.other_root["user_metadata"]
    for mine, its in zip(root.scales, found.scales, strict=True):
        assert (its.level, its.bin_ratio.tolist()) == (mine.level, mine.bin_ratio.tolist())
        np.testing.assert_allclose(its.bin_shape, mine.bin_shape, rtol=1e-15)


@given(st.integers(2, 5), st.data())
def test_level_metadata_come_back(ndim, data):
    def maybe():
        vector = st.lists(NUMBER, min_size=ndim, max_size=ndim).map(np.array)
        return data.draw(st.one_of(st.none(), vector))

    level = LevelMetadata(
        level=data.draw(st.integers(0, 9)),
        vertex_count=data.draw(st.integers(0, 2**50)),
        arrays_present=("vertices",),
        chunk_shape=maybe(),
        resolution=maybe(),
        parent_level=data.draw(st.integers(0, 8)),
        coarsening_method="per_object",
        object_sparsity=data.draw(st.floats(0.01, 1)),
        fragments_tile=data.draw(st.booleans()),
        other={"inherited_num_objects": 0},
    )
    doc = through_json(level.to_dict())
    found = LevelMetadata.from_dict(doc, level.level, ndim, "store")
    assert through_json(found.to_dict()) == doc
    assert (found.vertex_count, found.fragments_tile) == (level.vertex_count, level.fragments_tile)


@given(st.integers(2, 5), st.data())
def test_array_metadata_come_back(ndim, data):
    whole = st.integers(-50, 50)
    coords = data.draw(st.lists(st.tuples(*[whole] * ndim), max_size=8, unique=True))
    grid = GridMetadata(
        shape=tuple(data.draw(st.integers(1, 9)) for _ in range(ndim)),
        origin=np.array([data.draw(whole) for _ in range(ndim)]),
        codecs=codec_chain(data.draw(st.sampled_from(["none", "zstd", "blosc", "auto"])), 4),
        shard_shape=data.draw(st.one_of(st.none(), st.just((2,) * ndim))),
        attributes={"dtype": "float32", "row_shape": [2]},
    )
    keys = sorted(format_chunk_keys(np.array(coords, np.int64).reshape(-1, ndim)))
    doc = through_json(grid.to_dict(keys))
    found = GridMetadata.from_dict(doc, "store")
    assert through_json(found.to_dict(keys)) == doc
    assert found.origin.tolist() == grid.origin.tolist()
    assert (found.shape, found.shard_shape) == (grid.shape, grid.shard_shape)
    assert format_chunk_keys(found.chunks) == keys
    assert GridMetadata.from_dict(doc, "store", with_chunks=False).chunks is None


@given(st.integers(1, 5).flatmap(lambda d: st.lists(st.tuples(*[st.integers(-(10**12), 10**12)] * d), min_size=1)))
def test_chunk_keys_come_back(coords):
    array = np.array(coords, np.int64)
    assert parse_chunk_keys(format_chunk_keys(array), array.shape[1]).tolist() == array.tolist()
    assert format_cell_keys(array) == ["/".join(map(str, c)) for c in coords]


@pytest.mark.parametrize(
    "keys", [["1.2"], ["1.2.3", "4.5.6.7"], ["1.2", "3.4.5.6"], ["a.b.c"], ["1..3"], ["1.2.9" + "9" * 20]]
)
def test_chunk_keys_that_are_none_are_refused(keys):
    with pytest.raises(CorruptStoreError, match="nonempty_chunks"):
        parse_chunk_keys(keys, 3)


# -- documents of one small store, and what may be wrong with them ---------------------------------------------

AXES = [{"name": "x", "type": "space"}, {"name": "y", "type": "space"}]
ROOT = {
    "zarr_vectors": {
        "zv_version": "0.9.2",
        "chunk_shape": [10, 10],
        "bounds": [[0, 0], [1, 1]],
        "geometry_types": ["point_cloud"],
        "base_bin_shape": [5.0, 5.0],
    },
    "multiscales": [
        {
            "axes": AXES,
            "datasets": [
                {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [1, 1]}]},
                {
                    "path": "1",
                    "coordinateTransformations": [
                        {"type": "scale", "scale": [2, 2]},
                        {"type": "translation", "translation": [5, 5]},
                    ],
                },
            ],
        }
    ],
}
LEVEL = {"zarr_vectors_level": {"level": 0, "vertex_count": 5, "arrays_present": ["vertices"]}}
ARRAY = json.loads(
    json.dumps(
        GridMetadata((2, 2), np.zeros(2, np.int64), codec_chain("zstd", 4), (2, 2), attributes={"dtype": "f4"}).to_dict(
            ["0.0"]
        )
    )
)
PARSERS = {
    "root": (ROOT, lambda doc: RootMetadata.from_dict(doc, "here")),
    "level": (LEVEL, lambda doc: LevelMetadata.from_dict(doc, 0, 2, "here")),
    "array": (ARRAY, lambda doc: GridMetadata.from_dict(doc, "here")),
}


def changed(doc, path, value):
    out = copy.deepcopy(doc)
    at = out
    for key in path[:-1]:
        at = at[key]
    if value is None:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return out


def places(doc, path=()):
    items = doc.items() if isinstance(doc, dict) else enumerate(doc) if isinstance(doc, list) else ()
    for key, value in items:
        yield (*path, key)
        yield from places(value, (*path, key))


def test_the_documents_as_they_are_can_be_read():
    for doc, parse in PARSERS.values():
        parse(doc)
    root = RootMetadata.from_dict(ROOT, "here")
    assert root.scales[1].bin_shape.tolist() == [10, 10]
    assert root.commit is None


@pytest.mark.parametrize("which", PARSERS)
@given(data=st.data())
def test_any_value_in_any_place_is_read_or_refused_by_one_of_our_errors(which, data):
    doc, parse = PARSERS[which]
    place = data.draw(st.sampled_from(list(places(doc))))
    odd = st.one_of(JSON, st.sampled_from([0, -1, 10**400, 1e308, float("inf"), "x", [], {}, [[]], [{}], "\ud800"]))
    try:
        parse(changed(doc, place, data.draw(odd)))
    except ZarrVectorsError as error:
        assert "here" in str(error) or "nonempty_chunks" in str(error)


@pytest.mark.parametrize(
    ("which", "path", "value", "says"),
    [
        ("root", ("zarr_vectors", "chunk_shape"), None, "'chunk_shape' is missing"),
        ("root", ("zarr_vectors", "chunk_shape"), [10], "2 positive"),
        ("root", ("zarr_vectors", "chunk_shape"), [10, -1], "2 positive"),
        ("root", ("zarr_vectors", "bounds"), None, "'bounds' is missing"),
        ("root", ("zarr_vectors", "bounds"), [[0, 0]], "bounds must be"),
        ("root", ("zarr_vectors", "bounds"), [[0, 2], [1, 1]], "minimum of 2.0 above the maximum of 1.0 on axis 1"),
        ("root", ("zarr_vectors", "geometry_types"), None, "'geometry_types' is missing"),
        ("root", ("zarr_vectors", "geometry_types"), "point_cloud", "list of strings"),
        ("root", ("zarr_vectors", "base_bin_shape"), [0, 5], "positive"),
        ("root", ("zarr_vectors", "commit"), {"state": "odd"}, "commit must"),
        ("root", ("multiscales",), None, "multiscales"),
        ("root", ("multiscales", 0, "axes"), [], "list of axes"),
        ("root", ("multiscales", 0, "axes", 1, "name"), "x", "unique"),
        ("root", ("multiscales", 0, "datasets", 1, "path"), "0", "one dataset"),
        ("level", ("zarr_vectors_level",), None, "no 'zarr_vectors_level'"),
        ("level", ("zarr_vectors_level", "vertex_count"), None, "'vertex_count' is missing"),
        ("level", ("zarr_vectors_level", "vertex_count"), -1, "whole number >= 0"),
        ("level", ("zarr_vectors_level", "vertex_count"), True, "whole number >= 0"),
        ("array", ("shape",), None, "'shape' is missing"),
        ("array", ("attributes", "chunk_grid_origin"), [0], "2 whole numbers"),
        ("array", ("attributes", "nonempty_chunks"), ["0"], "2 whole numbers"),
        ("array", ("codecs",), [5], "expected an object"),
    ],
)
def test_a_bad_document_is_corrupt_and_says_where(which, path, value, says):
    doc, parse = PARSERS[which]
    with pytest.raises(CorruptStoreError, match=says):
        parse(changed(doc, path, value))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("data_type",), "float32"),
        (("codecs", 0, "configuration", "codecs", 0, "name"), "bytes"),
        (("codecs", 0, "configuration", "index_location"), "start"),
        (("codecs", 0, "configuration", "chunk_shape"), [2, 1]),
        (("codecs", 0, "configuration", "index_codecs"), [{"name": "bytes"}]),
        (("chunk_key_encoding", "configuration", "separator"), "."),
        (("chunk_key_encoding", "name"), "v2"),
        (("codecs",), [{"name": "vlen-bytes"}, {"name": "crc32c"}]),
    ],
)
def test_a_lawful_layout_that_is_not_ours_is_unsupported(path, value):
    with pytest.raises(UnsupportedFeatureError, match="here"):
        GridMetadata.from_dict(changed(ARRAY, path, value), "here")


@pytest.mark.parametrize("version", ["0.9.0", "0.9.2", "0.9.99", "0.9"])
def test_versions_that_are_read(version):
    assert RootMetadata.from_dict(changed(ROOT, ("zarr_vectors", "zv_version"), version), "here").version == version


@pytest.mark.parametrize(
    "version", ["0.8.1", "1.0.0", "0.10.0", "abc", "", "9", "0.x", "0.9.x", 0.9, 9, ["0.9.2"], "-0.9"]
)
def test_versions_that_are_refused(version):
    with pytest.raises(FormatVersionError, match=r"0\.9"):
        RootMetadata.from_dict(changed(ROOT, ("zarr_vectors", "zv_version"), version), "here")


def test_a_store_without_version_is_corrupt():
    with pytest.raises(CorruptStoreError, match="zv_version"):
        RootMetadata.from_dict(changed(ROOT, ("zarr_vectors", "zv_version"), None), "here")


def test_a_capability_we_lack_is_refused():
    path = ("zarr_vectors", "required_capabilities")
    assert RootMetadata.from_dict(changed(ROOT, path, []), "here").required_capabilities == ()
    assert RootMetadata.from_dict(changed(ROOT, path, ["additive_levels"]), "here").required_capabilities
    with pytest.raises(UnsupportedFeatureError, match="'time_travel'"):
        RootMetadata.from_dict(changed(ROOT, path, ["additive_levels", "time_travel"]), "here")


def test_a_store_whose_writer_stopped_is_incomplete():
    path = ("zarr_vectors", "commit")
    assert RootMetadata.from_dict(changed(ROOT, path, {"state": "complete", "id": "7"}), "here").commit.id == "7"
    with pytest.raises(IncompleteStoreError, match="abc"):
        RootMetadata.from_dict(changed(ROOT, path, {"state": "writing", "id": "abc"}), "here")


def test_a_group_of_somebody_else_is_no_store():
    with pytest.raises(NotAStoreError, match="here"):
        RootMetadata.from_dict({"multiscales": []}, "here")


@pytest.mark.parametrize("name", ["a", "mean fa", "é", "x.y", "A" * 200, "length_µm"])
def test_names_that_make_folders(name):
    assert check_attribute_name(name) == name


@pytest.mark.parametrize(
    "name",
    ["", "a/b", "..", ".", "zarr.json", "a\0b", "a\\b", " a", "a ", ".hidden", "__x", "A" * 201, "é" * 101,
     "a\nb", "a:b", "a*", "CON", "nul.txt", "a.", "\ud800", 5, None, b"a"],
)  # fmt: skip
def test_names_that_do_not(name):
    with pytest.raises(ArgumentError, match="attribute name"):
        check_attribute_name(name)


@pytest.mark.parametrize("bad", ["lzma", "", "ZSTD", [5], [{}], [{"name": 5}]])
def test_compressors_that_are_none_are_refused(bad):
    with pytest.raises(ArgumentError, match="compressor|codec"):
        codec_chain(bad, 4)


def test_words_for_compressors_end_with_a_checksum_and_shuffle_by_the_number():
    for word in ("none", "zstd", "blosc", "auto"):
        assert codec_chain(word, 8)[-1] == {"name": "crc32c"}
    assert codec_chain("auto", 8)[0]["configuration"]["typesize"] == 8
    given_codecs = [{"name": "zstd", "configuration": {"level": 3, "checksum": False}}]
    assert list(codec_chain(given_codecs, 8)) == given_codecs
