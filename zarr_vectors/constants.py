"""Fixed words and numbers of the format and the library's one default of each tuning number."""

from __future__ import annotations

__all__ = [
    "BLOCK_ROWS",
    "DEFAULT_CACHE_CHUNKS",
    "DEFAULT_WORKERS",
    "FORMAT_VERSION",
    "FRAGMENT_GROUP_BINS",
    "KNOWN_CAPABILITIES",
    "MAX_BINS_PER_CHUNK",
    "MAX_CELL_BYTES",
    "POINT_CLOUD",
    "RANGE_GAP_BYTES",
    "READABLE_VERSION",
]

FORMAT_VERSION = "0.9.2"
READABLE_VERSION = (0, 9)
"""Major and minor version of the format that this library reads."""

POINT_CLOUD = "point_cloud"

KNOWN_CAPABILITIES = frozenset({"additive_levels"})
"""Entries of ``required_capabilities`` that this library can serve."""

BLOCK_ROWS = 1 << 20
"""Rows that are sorted and gathered together: few enough to stay in the processor's cache while they are."""

FRAGMENT_GROUP_BINS = 1 << 18
"""Bins whose fragment indices are encoded together while a level is written."""

DEFAULT_CACHE_CHUNKS = 256
DEFAULT_WORKERS = 8

MAX_BINS_PER_CHUNK = 1 << 22
"""More bins are refused: every chunk stores 16 bytes for each of them, empty or not."""

MAX_CELL_BYTES = 1 << 31
"""A decoded cell larger than this is refused before it is allocated."""

RANGE_GAP_BYTES = 64 << 10
"""Two cells of a shard closer than this are fetched in one read."""
