"""Bytes of one cell to arrays and back; pure, each pair a round trip."""

from zarr_vectors.encoding.categories import MISSING, Categories, decode_categories, encode_categories
from zarr_vectors.encoding.fragments import (
    FragmentIndex,
    FragmentTable,
    decode_fragments,
    encode_fragments,
    encode_ranges,
    encode_tiling_ranges,
)
from zarr_vectors.encoding.links import (
    decode_link_cell,
    decode_link_rows,
    decode_permutations,
    encode_link_cell,
    encode_permutations,
    format_offsets,
    parse_offsets,
)
from zarr_vectors.encoding.manifests import MAX_LISTED_FRAGMENTS, Manifests, decode_manifests, encode_manifests
from zarr_vectors.encoding.ragged import expand_ranges, offsets_of
from zarr_vectors.encoding.vlen import decode_vlen, encode_vlen

__all__ = [
    "MAX_LISTED_FRAGMENTS",
    "MISSING",
    "Categories",
    "FragmentIndex",
    "FragmentTable",
    "Manifests",
    "decode_categories",
    "decode_fragments",
    "decode_link_cell",
    "decode_link_rows",
    "decode_manifests",
    "decode_permutations",
    "decode_vlen",
    "encode_categories",
    "encode_fragments",
    "encode_link_cell",
    "encode_manifests",
    "encode_permutations",
    "encode_ranges",
    "encode_tiling_ranges",
    "encode_vlen",
    "expand_ranges",
    "format_offsets",
    "offsets_of",
    "parse_offsets",
]
