"""What names nothing, because it is no name, is refused as every argument is."""

from __future__ import annotations

import pytest

from zarr_vectors.exceptions import ArgumentError
from zarr_vectors.lazy import open_zv


@pytest.mark.parametrize(
    ("ask", "told"),
    [
        (lambda store: store.read(groups=5.5), "groups are names or row numbers, got 5.5"),
        (lambda store: store.filter(0, groups=5.5), "groups are names or row numbers, got 5.5"),
        (lambda store: store.read(attributes=5), "attributes must be a list of names, got 5"),
        (lambda store: store.read(attributes=[[1]]), r"no vertex attribute \[1\]"),
        (lambda store: list(store.iter_chunks(attributes=5)), "attributes must be a list of names, got 5"),
        (lambda store: store.read_chunks(0, [], 5), "attributes must be a list of names, got 5"),
        (lambda store: store.categories([1]), r"no vertex attribute \[1\]"),
        (lambda store: store.attribute_dtype([1]), r"no vertex attribute \[1\]"),
        (lambda store: store.filter(0, share="x"), "share must be a number from 0 to 1, got 'x'"),
        (lambda store: store.lineage(0, "x"), "delta must be a whole number >= 0, got 'x'"),
        (lambda store: store.raw_array(5), "path must be a string such as .*, got 5"),
    ],
)
def test_what_is_no_name_is_refused_as_all_arguments_are(path, ask, told):
    with open_zv(path) as store, pytest.raises(ArgumentError, match=told):
        ask(store)
