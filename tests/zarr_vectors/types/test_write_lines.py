"""Lines of two ends on disk, seen by a decoder of its own."""

from __future__ import annotations

import numpy as np
import pytest

from zarr_vectors.exceptions import ArgumentError
from zarr_vectors.types.lines import write_lines

RNG = np.random.default_rng(3)


def segments(count, ndim=3, dtype="f4"):
    ends = RNG.uniform(-40, 40, (count, 2, ndim))
    ends[: count // 3, 1] = ends[: count // 3, 0] + RNG.uniform(0, 1, (count // 3, ndim))  # mostly inside one chunk
    return ends.astype(dtype)


@pytest.mark.parametrize("ndim", [2, 3, 5])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_lines_are_whole_fragments_or_two_ends_and_a_link(tmp_path, decode, ndim, dtype):
    ends = segments(30, ndim, dtype)
    write_lines(tmp_path / "s", ends, chunk_shape=25.0, bin_shape=12.5)
    found = decode(tmp_path / "s")
    ids, manifests = found.objects()
    assert ids == list(range(30))
    assert found.meta["geometry_types"] == ["line"]
    chunks = np.floor(ends.astype("f8") / 25).astype(int)
    links = []
    for i, entries in enumerate(manifests):
        rows = found.rows(entries)
        assert np.array_equal(found.positions[rows], ends[i])
        sizes = [found.fragments[c][f][1] for c, f in entries]
        is_split = (chunks[i, 0] != chunks[i, 1]).any()
        assert sizes == ([1, 1] if is_split else [2])
        # The true rows, not the fragments' numbers: the public package writes these.
        links += [tuple(rows.tolist())] if is_split else []
    assert 0 < len(links) < 30
    assert sorted(found.links()) == sorted(links)
    for c in found.chunks:
        numbers = [f for entries in manifests for chunk, f in entries if chunk == c]
        assert numbers == list(range(len(found.fragments[c])))


def test_lines_that_stay_in_their_chunk_have_no_links(tmp_path, decode):
    write_lines(tmp_path / "s", np.array([[[1, 1], [2, 2]], [[-1, -1], [-2, -2]]]), chunk_shape=10.0)
    found = decode(tmp_path / "s")
    assert "links" not in found.level
    assert found.chunks == [(-1, -1), (0, 0)]


def test_attributes_of_ends_and_of_lines(tmp_path, decode):
    ends = segments(20)
    words = np.array(["a", "b", "c"])[RNG.integers(0, 3, (20, 2))]
    attributes = {"w": RNG.normal(size=(20, 2)), "uv": RNG.integers(-9, 9, (20, 2, 2)).astype("i2"), "word": words}
    write_lines(
        tmp_path / "s", ends, chunk_shape=25.0, vertex_attributes=attributes, groups={"g": [19, 0]},
        object_attributes={"id2": np.arange(20, dtype="u8") + 2**40},
    )  # fmt: skip
    found = decode(tmp_path / "s")
    rows = np.stack([found.rows(entries) for entries in found.objects()[1]])
    for name, values in attributes.items():
        assert found.column(name)[rows].tolist() == values.tolist()
    assert found.column("uv").dtype == "i2"
    assert found.level["vertex_attributes/uv"].attrs["row_shape"] == [2]
    assert found.level["object_attributes/id2"][:].tolist() == [2**40 + i for i in range(20)]
    assert found.groups() == {"g": [19, 0]}


def test_no_lines_make_an_empty_store(tmp_path, decode):
    write_lines(tmp_path / "s", np.empty((0, 2, 3)), chunk_shape=10.0, attributes={"a": np.empty((0, 2))})
    found = decode(tmp_path / "s")
    assert (found.ndim, found.chunks, found.objects()) == (3, [], ([], []))


ENDS = segments(6)
BAD = {
    "points": (ENDS[:, 0], {}, r"\(N, 2, D\), got \(6, 3\)"),
    "triangles": (np.zeros((4, 3, 3)), {}, r"\(4, 3, 3\)"),
    "ragged": ([[[0, 0], [1, 1]], [[0, 0]]], {}, "array"),
    "one axis": (np.zeros((4, 2, 1)), {}, "D from 2 to 5"),
    "NaN": (np.where(np.arange(36).reshape(6, 2, 3) == 22, np.nan, ENDS), {}, "line 3, end 1, axis 1 is nan"),
    "attribute of lines": (ENDS, {"attributes": {"a": np.zeros(6)}}, "object attribute"),
    "attribute of three ends": (ENDS, {"attributes": {"a": np.zeros((6, 3))}}, r"\(6, 3\)"),
    "attribute twice": (ENDS, {"attributes": {}, "vertex_attributes": {}}, "one argument"),
    "object attribute": (ENDS, {"object_attributes": {"a": np.zeros(12)}}, r"\(6,\)"),
    "group": (ENDS, {"groups": {"a": [6]}}, "'a' names object 6"),
    "masked": (np.ma.masked_less(ENDS, 0), {}, "masked"),
}


@pytest.mark.parametrize("case", BAD)
def test_refused_input_is_one_error_that_quotes_it_and_writes_nothing(tmp_path, case):
    ends, options, words = BAD[case]
    with pytest.raises(ArgumentError, match=words):
        write_lines(tmp_path / "s", ends, **{"chunk_shape": 10.0, **options})
    assert list(tmp_path.iterdir()) == []
