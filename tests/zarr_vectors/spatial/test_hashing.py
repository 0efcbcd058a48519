"""Numbers that look drawn by chance are the same everywhere, and of different numbers different."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from zarr_vectors.spatial import splitmix64


def test_the_sequence_of_seed_0_is_that_of_the_reference():
    # Vigna's splitmix64.c, state 0: its first outputs are those of the state after 1, 2, 3 steps.
    assert splitmix64(np.array([0])).tolist() == [0xE220A8397B1DCDAF]
    assert [int(splitmix64(np.array([0]), seed)[0]) for seed in (1, 2)] == [0x6E789E6AA1B965F4, 0x06C45D188009454F]


@given(st.sets(st.integers(-(2**63), 2**63 - 1), min_size=2), st.integers(0, 2**64))
def test_different_numbers_have_different_bits(numbers, seed):
    assert len(np.unique(splitmix64(np.array(sorted(numbers), np.int64), seed))) == len(numbers)


def test_bits_are_even():
    bits = splitmix64(np.arange(100_000))
    ones = [np.mean((bits >> np.uint64(k)) & np.uint64(1)) for k in range(64)]
    assert 0.49 < min(ones) <= max(ones) < 0.51
