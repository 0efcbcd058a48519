"""One cloud for all tests of lazy reading, and a spy that counts what is read of it."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from zarr_vectors.core._backends import LocalFiles
from zarr_vectors.types.points import write_points


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(3)
    p = rng.uniform([-20, -10, 0], [20, 10, 30], (3000, 3)).astype("f4")
    p = p[~((p[:, 0] < -10) & (p[:, 2] > 20))]  # some cells stay empty
    n = len(p)
    return p, {
        "f": rng.random(n),
        "i": rng.integers(-5, 5, n).astype("i2"),
        "b": rng.random(n) > 0.5,
        "rgb": rng.integers(0, 255, (n, 3)).astype("u1"),
        "word": np.array(["a", "bb", "ccc"])[rng.integers(0, 3, n)],
        "maybe": np.array(["a", None], dtype=object)[rng.integers(0, 2, n)],
    }


@pytest.fixture(scope="module")
def path(tmp_path_factory, data):
    place = tmp_path_factory.mktemp("lazy") / "s.zv"
    write_points(place, data[0], chunk_shape=10.0, bin_shape=5.0, attributes=data[1])
    return place


@pytest.fixture
def spy(monkeypatch):
    """Count what is read of each cell of the positions."""
    seen: Counter[str] = Counter()
    original = LocalFiles._opened

    def opened(self, file, folder=None):
        if "/vertices/c/" in file:
            seen[file.partition("/vertices/c/")[2]] += 1
        return original(self, file, folder)

    monkeypatch.setattr(LocalFiles, "_opened", opened)
    return seen
