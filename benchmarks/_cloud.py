"""The cloud that every side of the storage benchmark writes and reads: uniform float32, two float32 attributes."""

import numpy as np

EDGE = 1000.0  # of the volume, world units
BINS = 4  # along each axis of a chunk
BOXES = 20
BOX_EDGE = EDGE / 4  # a box is 1/64 of the volume


def make(rows):
    """Positions (N, 3) and attributes of a cloud."""
    rng = np.random.default_rng(1)
    positions = rng.uniform(0, EDGE, (rows, 3)).astype("f4")
    return positions, {"a": rng.random(rows, dtype="f4"), "b": rng.normal(size=rows).astype("f4")}


def box_corners():
    """Lower corners of the boxes, (BOXES, 3)."""
    return np.random.default_rng(2).uniform(0, EDGE - BOX_EDGE, (BOXES, 3))
