"""Columns of pandas as attributes: what converts exactly does, what is missing is said."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from zarr_vectors.exceptions import ArgumentError
from zarr_vectors.types.points import read_points, write_points

POSITIONS = np.arange(12, dtype="float32").reshape(4, 3)


def kept(tmp_path, column):
    """Write a column and give it in the order of its rows."""
    write_points(tmp_path / "s", POSITIONS, chunk_shape=100, attributes={"a": column, "row": np.arange(4)})
    found = read_points(tmp_path / "s").attributes
    return found["a"][np.argsort(found["row"])]


@pytest.mark.parametrize(("dtype", "values", "numpy"), [
    ("Int64", [1, 2**62, -3, 4], "int64"), ("UInt8", [1, 2, 3, 255], "uint8"), ("Float32", [0.5, 1, 2, 3], "float32"),
    ("boolean", [True, False, True, True], "bool"), ("int16", [1, 2, 3, 4], "int16"),
    ("float64", [0.1, np.nan, 2, 3], "float64"),
])  # fmt: skip
def test_numbers_keep_their_dtype(tmp_path, dtype, values, numpy):
    # An index of its own: rows are counted, not looked up.
    found = kept(tmp_path, pd.Series(values, dtype=dtype, index=[7.5, 1, 0, 2]))
    assert found.dtype == numpy
    np.testing.assert_array_equal(found, np.array(values, numpy))


@pytest.mark.parametrize("dtype", ["string", "category", "object", "str"])
@pytest.mark.parametrize("gap", [False, True])
def test_words_are_words_and_what_is_missing_is_none(tmp_path, dtype, gap):
    words = ["b", "a", None if gap else "c", "a"]
    assert kept(tmp_path, pd.Series(words, dtype=dtype)).tolist() == words


def test_categories_of_numbers_are_numbers(tmp_path):
    assert kept(tmp_path, pd.Series([3, 1, 3, 2], dtype="category")).tolist() == [3, 1, 3, 2]


def test_nan_among_words_of_a_plain_array_is_refused_with_what_to_do(tmp_path):
    with pytest.raises(ArgumentError, match="got float nan; put None where a word is missing"):
        kept(tmp_path, np.array(["a", np.nan, "b", None], object))


@pytest.mark.parametrize("dtype", ["Int64", "boolean", "Float64"])
def test_missing_numbers_are_refused_with_what_to_do(tmp_path, dtype):
    with pytest.raises(ArgumentError, match=r"attribute 'a'.*has missing values in 1 rows: fillna\(\.\.\.\) first"):
        kept(tmp_path, pd.Series([1, 0, None, 1], dtype=dtype))


def test_a_frame_is_told_from_a_mapping(tmp_path):
    frame = pd.DataFrame({"a": [1, 2, 3, 4]})
    with pytest.raises(ArgumentError, match=r"got DataFrame; pass dict\(frame\)"):
        write_points(tmp_path / "s", POSITIONS, chunk_shape=100, attributes=frame)
    write_points(tmp_path / "s", POSITIONS, chunk_shape=100, attributes=dict(frame))


def test_columns_of_a_frame_tell_of_objects_too(tmp_path):
    frame = pd.DataFrame({"n": pd.array([1, 2], "Int64"), "w": pd.Series(["x", None], dtype="string")})
    ids = pd.Series([5, 5, 9, 9], dtype="Int64")
    write_points(tmp_path / "s", POSITIONS, chunk_shape=100, object_ids=ids, object_attributes=dict(frame))
    assert read_points(tmp_path / "s", where={"n": ("==", 2)}).vertex_count == 2
    assert read_points(tmp_path / "s", where={"w": ("==", "x")}).vertex_count == 2
