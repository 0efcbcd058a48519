"""Of links between vertices that stand for others a filter keeps those on which something is wanted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zarr_vectors._query.where import Comparison, compare, sides
from zarr_vectors.exceptions import ArgumentError
from zarr_vectors.lazy import open_zv
from zarr_vectors.types.polylines import write_polylines

NUMBERS = st.integers(-4, 4).map(float)
BETWEEN = np.linspace(0, 1, 161)  # whole numbers apart by up to 8 are met at multiples of a twentieth


def has_some(ends):
    """Apply the rule that `sides` states to the ends of a link, (2, C)."""
    return bool(((ends == 1).any(axis=0) | (ends[0] != ends[1])).all())


@given(st.sampled_from(["<", "<=", ">", ">="]) | st.just("between"), NUMBERS, NUMBERS, NUMBERS, NUMBERS)
def test_a_link_is_kept_if_a_value_between_its_ends_matches(word, bound, other, first, second):
    test = Comparison("v", word, (bound, other) if word == "between" else (bound,))
    along = first + (second - first) * BETWEEN
    found = sides(test, np.array([first, second]))
    assert has_some(found[:, None]) == compare(test, np.round(along, 9)).any()


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    path = tmp_path_factory.mktemp("sides") / "s.zarrvectors"
    line = np.array([[0.0, 0, 0], [1, 0, 0], [2, 0, 0], [3, 0, 0]])
    write_polylines(
        path,
        [line, line + 1],
        chunk_shape=10,
        attributes={
            "v": [np.array([0, 1, np.nan, 5.0])] * 2,
            "kind": [np.array(["a", "b", "c", "c"])] * 2,
            "label": [np.arange(4)] * 2,
        },
        object_attributes={"mass": [1.0, 9.0]},
    )
    with open_zv(path) as opened:
        yield opened


@pytest.mark.parametrize(
    ("where", "kept"),
    [
        ({"label": ("between", (1, 2))}, [1, 1, 1]),
        ({"label": ("between", (2, 1))}, [0, 0, 0]),
        ({"label": ("==", 1)}, [1, 1, 0]),
        ({"label": ("!=", 1)}, [1, 1, 1]),
        ({"label": ("in", [0, 3])}, [1, 0, 1]),
        ({"kind": ("==", "b")}, [1, 1, 0]),
        ({"v": ("between", (0.2, 0.8))}, [1, 0, 0]),
        ({"v": ("<", 3)}, [1, 0, 0]),
        ({"or": [{"label": ("==", 0)}, {"kind": ("==", "c")}]}, [1, 1, 1]),
        ({"and": [{"label": ("<", 1)}, {"v": (">", 4)}]}, [0, 0, 0]),
        ({"label": ("<", 2), "kind": ("==", "c")}, [0, 1, 0]),
    ],
)
@pytest.mark.parametrize("mass", [0, 5])
def test_links_are_kept_by_what_lies_between_their_ends(store, where, kept, mass):
    asked = store.filter(0, where=where | {"mass": (">", mass)})
    batch = store.read_linked(0, np.zeros((1, 3), np.int64), asked.attributes, with_objects=True)
    allowed, found = asked.sides(batch.attributes, batch.objects, len(batch.positions))
    links = batch.links[np.argsort(batch.positions[batch.links[:, 0]].sum(axis=1), kind="stable")]
    whose = batch.objects[links[:, 0]]
    for number in (0, 1):
        own = links[whose == number]
        is_kept = [bool(allowed[link].all()) and has_some(found[link]) for link in own]
        assert is_kept == [bool(k) and (number == 1 or mass == 0) for k in kept]


def test_a_filter_without_comparisons_has_no_sides(store):
    allowed, found = store.filter(0, object_ids=[1]).sides({}, np.array([0, 1, -1]), 3)
    assert allowed.tolist() == [False, True, False]
    assert found.shape == (3, 0)


def test_what_cannot_be_compared_is_refused(store):
    asked = store.filter(0, where={"label": ("between", ("a", "b"))})
    with pytest.raises(ArgumentError, match="the attribute holds numbers"):
        asked.sides({"label": np.arange(3)}, None, 3)
