"""Points that belong to objects on disk, seen by a decoder of its own."""

from __future__ import annotations

import numpy as np
import pytest

from zarr_vectors.exceptions import ArgumentError
from zarr_vectors.types.points import write_points

RNG = np.random.default_rng(7)
P = RNG.uniform(-30, 30, (90, 3)).astype("f4")
SPARSE = RNG.choice([-(2**62), 3, 7, 8, 9, 20, 4_000_000_000], 90)


@pytest.mark.parametrize(
    "ids", [SPARSE, RNG.integers(-4, 4, 90).astype("i1"), np.full(90, 5, "u8"), np.arange(90)[::-1]]
)
def test_points_of_a_chunk_are_sorted_by_object_and_keep_their_order(tmp_path, decode, ids):
    write_points(tmp_path / "s", P, chunk_shape=20.0, bin_shape=10.0, attributes={"row": np.arange(90)}, object_ids=ids)
    found = decode(tmp_path / "s")
    row = found.column("row")
    assert np.array_equal(found.positions, P[row])
    cell = np.floor(P.astype("f8") / 20)
    assert row.tolist() == sorted(range(90), key=lambda v: (*cell[v], ids[v], v))
    listed, manifests = found.objects()
    assert listed == sorted(set(ids.tolist()))
    for one, entries in zip(listed, manifests, strict=True):
        assert [c for c, _ in entries] == sorted(
            {tuple(cell[v].astype(int).tolist()) for v in np.flatnonzero(ids == one)}
        )
        assert sorted(row[found.rows(entries)].tolist()) == np.flatnonzero(ids == one).tolist()
    assert "links" not in found.level


def test_objects_attributes_groups_and_fragment_attributes(tmp_path, decode):
    listed = np.unique(SPARSE)
    cell = np.floor(P.astype("f8") / 20).astype(int)
    owners = {c: np.unique(SPARSE[(cell == c).all(1)]) for c in set(map(tuple, cell.tolist()))}
    write_points(
        tmp_path / "s", P, chunk_shape=20.0, object_ids=SPARSE, fragment_attributes={"object_id": owners},
        object_attributes={"mass": np.arange(len(listed), dtype="f4"), "word": list("abcdefg"[: len(listed)])},
        groups={"first": [20, 3], "span": range(7, 10)}, group_attributes={"pair": [[1, 2], [3, 4]]},
    )  # fmt: skip
    found = decode(tmp_path / "s")
    assert found.objects()[0] == listed.tolist()
    assert found.level["object_attributes/word"][:].tolist() == list("abcdefg"[: len(listed)])
    assert found.groups() == {"first": [20, 3], "span": [7, 8, 9]}
    expected = [i for c in found.chunks for i in owners[c].tolist()]
    assert found.column("object_id", "fragment_attributes").tolist() == expected


def test_without_objects_a_fragment_is_a_bin(tmp_path, decode):
    values = {c: np.arange(8) for c in set(map(tuple, np.floor(P.astype("f8") / 20).astype(int).tolist()))}
    write_points(tmp_path / "s", P, chunk_shape=20.0, bin_shape=10.0, fragment_attributes={"bin": values})
    found = decode(tmp_path / "s")
    assert found.column("bin", "fragment_attributes").tolist() == list(range(8)) * len(found.chunks)
    assert "object_index" not in found.level


def test_an_attribute_may_be_called_positions(tmp_path, decode):
    write_points(tmp_path / "s", P, chunk_shape=20.0, attributes={"positions": np.arange(90)})
    found = decode(tmp_path / "s")
    assert np.array_equal(found.positions, P[found.column("positions")])


def test_no_points_of_no_objects(tmp_path, decode):
    write_points(tmp_path / "s", P[:0], chunk_shape=20.0, object_ids=[], object_attributes={"a": []})
    assert decode(tmp_path / "s").objects() == ([], [])


BAD = {
    "ids of some points": ({"object_ids": SPARSE[:5]}, r"\(90,\), got \(5,\)"),
    "ids of halves": ({"object_ids": SPARSE / 2}, "float64"),
    "ids of bools": ({"object_ids": SPARSE > 7}, "bool"),
    "ids of 64 bits": ({"object_ids": np.full(90, 2**64 - 1, np.uint64)}, "18446744073709551615"),
    "attributes of no objects": ({"object_attributes": {"a": np.zeros(90)}}, "object_ids"),
    "groups of no objects": ({"groups": {"a": [3]}}, "object_ids"),
    "object attribute": ({"object_ids": SPARSE, "object_attributes": {"a": np.zeros(90)}}, "one row a"),
    "group": ({"object_ids": SPARSE, "groups": {"a": [3, 4]}}, "'a' names object 4"),
    "attributes twice": ({"attributes": {"a": np.zeros(90)}, "vertex_attributes": {}}, "one argument"),
    "fragment attribute": ({"fragment_attributes": {"a": {(9, 9, 9): [1]}}}, "each of the chunks"),
}


@pytest.mark.parametrize("case", BAD)
def test_refused_input_is_one_error_that_quotes_it_and_writes_nothing(tmp_path, case):
    options, words = BAD[case]
    with pytest.raises(ArgumentError, match=words):
        write_points(tmp_path / "s", P, chunk_shape=20.0, **options)
    assert list(tmp_path.iterdir()) == []
