"""Simple objects in a bare store."""

from __future__ import annotations

import numpy as np

from zarr_vectors.core.arrays._objects import write_objects
from zarr_vectors.encoding.manifests import Manifests
from zarr_vectors.encoding.ragged import offsets_of

COMPRESSORS = ("none", "zstd", "blosc", "auto", ({"name": "gzip", "configuration": {"level": 1}},))


def simple(count: int, rank: int = 3, seed: int = 0):
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 4, count)
    chunks = rng.integers(-9, 9, (counts.sum(), rank))
    return Manifests(offsets_of(counts), chunks, rng.integers(0, 99, counts.sum()))


def put(bare, count: int = 5, ids=None, **options):
    ids = np.arange(count) * 3 - 4 if ids is None else np.array(ids, np.int64)
    write_objects(bare.backend, "0", ids, simple(count), 3, **{"compressor": "zstd", **options})
    return ids
