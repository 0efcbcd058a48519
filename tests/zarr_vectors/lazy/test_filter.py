"""A filter asked of chunk after chunk says what one read of the level says."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zarr_vectors.exceptions import ArgumentError
from zarr_vectors.lazy import open_zv
from zarr_vectors.lazy._filter import share_of_ids
from zarr_vectors.types.graphs import write_graph
from zarr_vectors.types.points import write_points

IDS = np.array([7, 3, 20, -4, 9])
LENGTH = np.array([1.0, 5.0, 2.0, 8.0, np.nan])
QUESTIONS = [
    {},
    {"object_ids": [9, 3]},
    {"groups": ["small"]},
    {"where": {"length": (">", 1.5)}},
    {"where": {"kind": ("in", ["a", "c"])}},
    {"where": {"or": [{"length": ("<", 2)}, {"value": (">", 0.5)}]}},
    {"where": {"value": ("between", (0.2, 0.7)), "length": ("<=", 5)}, "groups": ["small", "all"]},
]


def write(path: Path, seed: int, *, as_graph: bool) -> None:
    rng = np.random.default_rng(seed)
    count = 60
    given = {
        "object_ids": IDS[rng.integers(0, len(IDS), count)],
        "object_attributes": None,
        "attributes": {
            "value": rng.uniform(size=count).astype("f4"),
            "kind": rng.choice(np.array(["a", "b", "c"]), count),
            "row": np.arange(count),
        },
        "groups": {"small": [3, 7], "all": IDS.tolist()},
    }
    own = np.unique(given["object_ids"])
    given["groups"] = {name: [i for i in members if i in own] for name, members in given["groups"].items()}
    given["object_attributes"] = {"length": LENGTH[np.argsort(IDS)][np.searchsorted(np.sort(IDS), own)]}
    positions = rng.uniform(-10, 10, (count, 3))
    if as_graph:
        edges = np.stack([np.arange(count - 1), np.arange(1, count)], axis=1)
        write_graph(path, positions, edges, chunk_shape=6.0, **given)
    else:
        write_points(path, positions, chunk_shape=6.0, **given)


@pytest.mark.parametrize("as_graph", [False, True], ids=["points", "graph"])
@settings(max_examples=25)
@given(st.integers(0, 1000), st.sampled_from(QUESTIONS))
def test_a_filter_keeps_what_reading_gives(as_graph, seed, question):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "s.zv"
        write(path, seed, as_graph=as_graph)
        with open_zv(path) as store:
            if "object_ids" in question:
                there = set(store.object_values()[0].tolist())
                question = {"object_ids": [i for i in question["object_ids"] if i in there]}
            wanted = np.sort(store.read(attributes=["row"], **question).attributes["row"])
            asked = store.filter(0, **question)
            found = []
            for coord in store.catalogue().levels[0].coords:
                batch = store.read_linked(0, coord[None], ["row", *asked.attributes], with_objects=True)
                own = slice(0, int(batch.offsets[-1]))
                mask = asked.mask(batch.attributes, batch.objects, len(batch.positions))
                found += np.asarray(batch.attributes["row"])[own][mask[own]].tolist()
            assert sorted(found) == wanted.tolist()


@pytest.mark.parametrize("as_graph", [False, True], ids=["points", "graph"])
@pytest.mark.parametrize("question", QUESTIONS)
def test_the_objects_of_a_filter_have_the_vertices_that_reading_them_gives(tmp_path, as_graph, question):
    write(tmp_path / "s.zv", 3, as_graph=as_graph)
    with open_zv(tmp_path / "s.zv") as store:
        ids, sizes = store.filter(0, **question).objects()
        for number, size in zip(ids.tolist(), sizes.tolist(), strict=True):
            assert store.read(object_ids=[number]).vertex_count == size
        named = question.get("object_ids", store.object_values()[0].tolist())
        if set(question) <= {"object_ids"}:
            assert ids.tolist() == list(named)
        if "groups" in question:
            assert np.isin(ids, np.concatenate([store.groups[name] for name in question["groups"]])).all()


def test_a_share_of_objects_is_stable_and_nested():
    ids = np.arange(-5000, 5000)
    kept = np.zeros(len(ids), bool)
    for share in (0, 0.01, 0.3, 0.5, 1):
        now = share_of_ids(ids, share)
        assert abs(now.mean() - share) < 0.02
        assert not (kept & ~now).any()
        kept = now
    with pytest.raises(ArgumentError, match="share"):
        share_of_ids(ids, 1.5)


def test_object_values_run_beside_the_ids(tmp_path):
    write(tmp_path / "s.zv", 1, as_graph=False)
    with open_zv(tmp_path / "s.zv") as store:
        ids, length = store.object_values("length")
        for number, value in zip(ids.tolist(), length.tolist(), strict=True):
            assert np.array_equal(value, LENGTH[number == IDS][0], equal_nan=True)
        with pytest.raises(ArgumentError, match="no object attribute 'x'"):
            store.object_values("x")


def test_group_values_run_beside_the_groups(tmp_path):
    positions = np.random.default_rng(0).uniform(0, 9, (6, 3))
    columns = {"score": [0.5, np.nan], "side": ["left", None], "rgb": [[1, 2, 3], [4, 5, 6]]}
    options = {"object_ids": np.arange(6), "groups": {"b": [1, 2], "a": [5]}, "group_attributes": columns}
    write_points(tmp_path / "s.zv", positions, chunk_shape=5, **options)
    with open_zv(tmp_path / "s.zv") as store:
        assert list(store.groups) == ["b", "a"]
        assert store.group_attribute_names() == ("rgb", "score", "side")
        assert np.array_equal(store.group_values("score"), [0.5, np.nan], equal_nan=True)
        assert store.group_values("side").tolist() == ["left", None]
        assert store.group_values("rgb").tolist() == [[1, 2, 3], [4, 5, 6]]
        with pytest.raises(ArgumentError, match="no group attribute 'x'; it has 'rgb', 'score', 'side'"):
            store.group_values("x")
    write_points(tmp_path / "none.zv", positions, chunk_shape=5)
    with open_zv(tmp_path / "none.zv") as store:
        assert store.group_attribute_names() == ()
        with pytest.raises(ArgumentError, match="no group attribute 'x'; it has none"):
            store.group_values("x")
