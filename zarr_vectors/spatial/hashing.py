"""Whole numbers to whole numbers that look drawn by chance: the same on every machine and in every run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from zarr_vectors.typing import Int64Array, UInt64Array

__all__ = ["GOLDEN", "mix_bits", "splitmix64"]

GOLDEN = 0x9E3779B97F4A7C15
"""The odd number next to 2**64 over the golden ratio: multiples of it are spread evenly over 64 bits."""


def splitmix64(numbers: Int64Array | UInt64Array, seed: int = 0) -> UInt64Array:
    """Give 64 bits that look random to each of (N,) numbers (Steele, Lea and Flood 2014).

    Different numbers have different bits. `seed` gives another sequence for each of its values, modulo 2**63.
    """
    step = np.uint64((seed % 2**63 + 1) * GOLDEN % 2**64)
    with np.errstate(over="ignore"):
        return mix_bits(numbers.astype(np.uint64) + step)


def mix_bits(bits: UInt64Array) -> UInt64Array:
    """Let each of 64 bits, (N,), depend on all others: splitmix64's finaliser."""
    with np.errstate(over="ignore"):
        bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return np.asarray(bits ^ (bits >> np.uint64(31)))
