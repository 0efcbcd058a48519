"""Aggregation against plain Python."""

from __future__ import annotations

import statistics
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from zarr_vectors.core.arrays._vertices import Column
from zarr_vectors.encoding import Categories
from zarr_vectors.exceptions import ArgumentError
from zarr_vectors.multiresolution._reduce import check_agg_mode, group_rows, reduce_rows, total_weights

KEYS = hnp.arrays(np.uint32, st.integers(1, 40), elements=st.integers(0, 6))
INTS = (np.int8, np.uint8, np.int16, np.uint32, np.int64, np.uint64)


def by_group(keys, values) -> list[list]:
    return [[v for k, v in zip(keys.tolist(), values, strict=True) if k == key] for key in sorted(set(keys.tolist()))]


def earliest_mode(values):
    most = max(Counter(values).values())
    return next(v for v in values if Counter(values)[v] == most)


NAIVE = {"min": min, "max": max, "sum": sum, "count": len, "mode": earliest_mode}


@given(KEYS)
def test_groups_hold_every_row_once_in_its_order(keys):
    groups = group_rows(keys)
    found = [groups.order[a:b].tolist() for a, b in zip(groups.starts[:-1], groups.starts[1:], strict=True)]
    assert found == by_group(keys, range(len(keys)))


@pytest.mark.parametrize("mode", sorted(NAIVE))
@pytest.mark.parametrize("dtype", INTS)
@given(KEYS, st.data())
def test_whole_numbers_aggregate_exactly(mode, dtype, keys, data):
    limits = np.iinfo(dtype)
    near = st.one_of(st.integers(0, 3), st.integers(int(limits.max) - 2, int(limits.max)), st.just(int(limits.min)))
    values = data.draw(hnp.arrays(dtype, len(keys), elements=near))
    expected = [NAIVE[mode](g) for g in by_group(keys, values.tolist())]
    if all(limits.min <= e <= limits.max for e in expected):
        found = reduce_rows(values, group_rows(keys), mode, "a")
        assert found.tolist() == expected
        assert found.dtype == dtype
    else:
        with pytest.raises(ArgumentError, match="cannot hold"):
            reduce_rows(values, group_rows(keys), mode, "a")


@given(KEYS, st.data())
def test_floats_aggregate_as_python_does(keys, data):
    values = data.draw(hnp.arrays(np.float64, len(keys), elements=st.floats(-1e6, 1e6)))
    groups = by_group(keys, values.tolist())
    for mode, naive in (*NAIVE.items(), ("mean", statistics.fmean)):
        found = reduce_rows(values, group_rows(keys), mode, "a")
        np.testing.assert_allclose(found, [naive(g) for g in groups], rtol=1e-9, atol=1e-6)


@given(KEYS, st.data())
def test_numbers_that_are_not_there_take_no_others_away(keys, data):
    values = data.draw(hnp.arrays(np.float32, (len(keys), 2), elements=st.sampled_from([np.nan, 1.0, 2.0, -3.0])))
    weights = data.draw(hnp.arrays(np.int64, len(keys), elements=st.integers(1, 4)))
    groups = group_rows(keys)
    rows = [groups.order[a:b] for a, b in zip(groups.starts[:-1], groups.starts[1:], strict=True)]
    for mode, naive in (("min", min), ("max", max), ("sum", sum), ("mean", None)):
        found = reduce_rows(values, groups, mode, "a", weights)
        for channel, members in ((c, m) for c in range(2) for m in enumerate(rows)):
            group, mine = members
            there = [(v, w) for v, w in zip(values[mine, channel], weights[mine], strict=True) if v == v]
            expected = np.nan
            if there and naive:
                expected = naive(v for v, _ in there)
            elif there:
                expected = sum(v * w for v, w in there) / sum(w for _, w in there)
            np.testing.assert_allclose(found[group, channel], expected, rtol=1e-6)


def test_a_mode_that_is_none_is_refused_where_there_is_nothing_to_aggregate_too():
    with pytest.raises(ArgumentError, match="agg_mode must be one of"):
        check_agg_mode("median", {})


@given(KEYS, st.data())
def test_the_mean_of_whole_numbers_is_rounded(keys, data):
    values = data.draw(hnp.arrays(np.int16, (len(keys), 2)))
    found = reduce_rows(values, group_rows(keys), "mean", "a")
    for channel in range(2):
        expected = [round(statistics.fmean(g)) for g in by_group(keys, values[:, channel].tolist())]
        assert found[:, channel].tolist() == expected


@pytest.mark.parametrize("mode", sorted(NAIVE))
@given(KEYS, st.data())
def test_channels_aggregate_one_by_one(mode, keys, data):
    values = data.draw(hnp.arrays(np.int32, (len(keys), 3), elements=st.integers(0, 5)))
    found = reduce_rows(values, group_rows(keys), mode, "a")
    for channel in range(3):
        assert found[:, channel].tolist() == reduce_rows(values[:, channel], group_rows(keys), mode, "a").tolist()


@pytest.mark.parametrize("mode", ["mean", "mode", "count", "min", "max"])
@given(KEYS, st.data())
def test_a_row_that_stands_for_many_counts_as_many(mode, keys, data):
    values = data.draw(hnp.arrays(np.int16, len(keys), elements=st.integers(-5, 5)))
    weights = data.draw(hnp.arrays(np.int64, len(keys), elements=st.integers(1, 4)))
    found = reduce_rows(values, group_rows(keys), mode, "a", weights)
    each = reduce_rows(np.repeat(values, weights), group_rows(np.repeat(keys, weights)), mode, "a")
    assert found.tolist() == each.tolist()
    assert total_weights(group_rows(keys), weights).tolist() == np.bincount(keys, weights)[np.unique(keys)].tolist()


@pytest.mark.parametrize(
    ("values", "mode"),
    [(np.full(300, 100, np.uint8), "sum"), (np.full(300, 1, np.uint8), "count"), (np.full(4, 2**62), "sum"),
     (np.full(2, 2**64 - 1, np.uint64), "sum"), (np.full(2, 60000, np.float16), "sum"), (np.ones(3, bool), "sum")],
)  # fmt: skip
def test_a_result_that_does_not_fit_its_dtype_is_refused(values, mode):
    with pytest.raises(ArgumentError, match="cannot hold"):
        reduce_rows(values, group_rows(np.zeros(len(values), np.uint32)), mode, "a")


def test_labels_have_a_mode_and_numbers_a_mean_by_default():
    columns = {
        "word": Column("word", np.dtype("u1"), (), Categories(("a",), False)),
        "flag": Column("flag", np.dtype("?")),
        "label": Column("label", np.dtype("i4")),
        "colour": Column("colour", np.dtype("u1"), (3,)),
        "fa": Column("fa", np.dtype("f4")),
    }
    assert check_agg_mode("mean", columns) == {
        "word": "mode", "flag": "mode", "label": "mode", "colour": "mean", "fa": "mean"
    }  # fmt: skip
    assert check_agg_mode({"label": "max", "fa": "min"}, columns) == {
        "word": "mode", "flag": "mode", "label": "max", "colour": "mean", "fa": "min"
    }  # fmt: skip


@pytest.mark.parametrize("bad", ["median", {"fa": "median"}, {"none": "mean"}, {"word": "mean"}])
def test_a_mode_that_cannot_be_is_refused(bad):
    columns = {
        "fa": Column("fa", np.dtype("f4")),
        "word": Column("word", np.dtype("u1"), (), Categories(("a",), False)),
    }
    with pytest.raises(ArgumentError, match="agg_mode|words"):
        check_agg_mode(bad, columns)
