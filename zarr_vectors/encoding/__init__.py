"""Bytes of one cell to arrays and back; pure, each pair a round trip."""

from zarr_vectors.encoding.categories import MISSING, Categories, decode_categories, encode_categories
from zarr_vectors.encoding.fragments import (
    FragmentIndex,
    decode_fragments,
    encode_fragments,
    encode_tiling_ranges,
)
from zarr_vectors.encoding.ragged import expand_ranges, offsets_of

__all__ = [
    "MISSING",
    "Categories",
    "FragmentIndex",
    "decode_categories",
    "decode_fragments",
    "encode_categories",
    "encode_fragments",
    "encode_tiling_ranges",
    "expand_ranges",
    "offsets_of",
]
