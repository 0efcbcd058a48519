"""A small store of three levels with every kind of attribute, and what a test asks of a window."""

import time

import numpy as np
import pytest

WORDS = ("<b>soma</b>", "axon", "dendrite")


@pytest.fixture(scope="session")
def cells(tmp_path_factory):
    """20 000 points with a number, a category and colours."""
    from zarr_vectors.multiresolution.coarsen import build_pyramid
    from zarr_vectors.types.points import write_points

    path = tmp_path_factory.mktemp("stores") / "cells.zarrvectors"
    random = np.random.default_rng(7)
    positions = random.uniform(0, 100, (20_000, 3)).astype(np.float32)
    attributes = {
        "height": positions[:, 0],
        "part": np.array(WORDS)[np.arange(len(positions)) % 3],
        "rgb": random.integers(0, 255, (len(positions), 3), dtype=np.uint8),
    }
    write_points(path, positions, chunk_shape=25.0, bin_shape=5.0, attributes=attributes, axes=["z", "y", "x"])
    build_pyramid(path, [(2, 1), (2, 1)])
    return path


@pytest.fixture
def until(qapp):
    """Let the window live until a condition holds."""

    def wait(condition, seconds=20.0):
        end = time.monotonic() + seconds
        while not condition() and time.monotonic() < end:
            qapp.processEvents()
            time.sleep(0.005)
        assert condition()

    return wait
