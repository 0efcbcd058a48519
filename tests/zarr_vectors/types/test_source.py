"""What a writer may be given: which whole numbers a float holds exactly."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zarr_vectors.types._source import is_exact

WHOLE = ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", ">i8", ">u4")
FLOATS = ("<f4", "<f8")


def as_python_compares(block, dtype) -> bool:
    return all(int(f) == int(i) for f, i in zip(block.astype(dtype).flat, block.flat, strict=True))


def edges(dtype):
    """Numbers beside powers of two, where floats begin to skip and where casts overflow."""
    info = np.iinfo(dtype)
    near = (sign * 2**power + d for sign in (1, -1) for power in range(65) for d in range(-3, 4))
    return sorted({n for n in near if info.min <= n <= info.max})


@pytest.mark.parametrize("floating", FLOATS)
@pytest.mark.parametrize("dtype", WHOLE)
def test_a_float_holds_exactly_what_comes_back_from_it_at_every_edge(dtype, floating):
    for number in edges(dtype):
        for block in (np.array([[number]], dtype), np.array([[0, number], [1, 2]], dtype)):
            assert is_exact(block, np.dtype(floating)) == as_python_compares(block, floating), number


@given(st.data(), st.sampled_from(WHOLE), st.sampled_from(FLOATS))
def test_a_float_holds_exactly_what_comes_back_from_it(data, dtype, floating):
    info = np.iinfo(dtype)
    numbers = st.one_of(st.integers(int(info.min), int(info.max)), st.sampled_from(edges(dtype)))
    block = np.array(data.draw(st.lists(numbers, max_size=5)), dtype)
    assert is_exact(block, np.dtype(floating)) == as_python_compares(block, floating)
