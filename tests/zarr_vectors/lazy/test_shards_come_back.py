"""A shard that was not there for a moment is read once it is back: its absence is not remembered."""

from __future__ import annotations

import os

import numpy as np
import pytest

from zarr_vectors.exceptions import CorruptStoreError
from zarr_vectors.lazy import open_zv
from zarr_vectors.types.points import write_points

POSITIONS = np.random.default_rng(0).uniform(0, 40, (500, 3)).astype("f4")


@pytest.mark.parametrize("call", ["read", "read_chunks", "iter_chunks"])
def test_that_a_shard_was_missing_once_is_not_remembered(tmp_path, call):
    path = tmp_path / "s.zv"
    write_points(path, POSITIONS, chunk_shape=10.0, shard_shape=2)
    with open_zv(path, cache_size=0) as store:
        coords = store.catalogue().levels[0].coords
        ask = {
            "read": lambda: store.read().vertex_count,
            "read_chunks": lambda: len(store.read_chunks(0, coords).positions),
            "iter_chunks": lambda: sum(len(chunk.positions) for _, chunk in store.iter_chunks()),
        }[call]
        os.rename(path / "0/vertices/c", path / "0/vertices/away")
        with pytest.raises(CorruptStoreError, match="has no bytes"):
            ask()
        os.rename(path / "0/vertices/away", path / "0/vertices/c")
        assert ask() == len(POSITIONS)
