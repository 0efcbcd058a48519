"""What running water does to a height field, in a few whole-array steps.

Drops of rain are set down at random and all run downhill together; where many pass and fall steeply, the
ground is worn away. The next round of drops follows the gullies of the last, so that they grow into a tree of
valleys.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from napari_zarr_vectors._samples._noise import Field


def eroded(rng: np.random.Generator, height: Field, *, rounds: int, drops: int, steps: int, depth: float) -> Field:
    """Return ``height`` (S, S) with gullies; ``depth`` is what one round takes where the most water runs."""
    ground = height.copy()
    for _ in range(rounds):
        flow = _softened(_softened(_flow(rng, ground, drops, steps)))
        cut = np.float32(depth) * np.minimum(flow / np.quantile(flow[::4, ::4], 0.995), 1.5) ** np.float32(0.7)
        ground -= np.minimum(cut, np.float32(0.8) * (ground - _lowest_near(ground)))
        ground = 0.75 * ground + 0.25 * _softened(ground)
    return ground


def _flow(rng: np.random.Generator, ground: Field, drops: int, steps: int) -> Field:
    """Return, (S, S), the wear of each cell: drops that pass, each counted by how steeply it falls there."""
    size = ground.shape[0]
    down_y, down_x = (-g.ravel() for g in np.gradient(ground))
    y, x = rng.random((2, drops), dtype=np.float32) * np.float32(size - 1)
    speed_y, speed_x = np.zeros((2, drops), np.float32)
    fall = np.clip(np.hypot(down_y, down_x) - np.float32(0.25), 0, 2)
    wear = np.zeros(size * size)
    for _ in range(steps):
        cell = y.astype(np.int32) * size + x.astype(np.int32)
        wear += np.bincount(cell, weights=fall[cell], minlength=size * size)
        speed_y = np.float32(0.55) * speed_y + down_y[cell]
        speed_x = np.float32(0.55) * speed_x + down_x[cell]
        scale = np.float32(1.0) / (np.hypot(speed_y, speed_x) + np.float32(0.02))
        y = np.clip(y + speed_y * scale, 0, size - 1.01).astype(np.float32)
        x = np.clip(x + speed_x * scale, 0, size - 1.01).astype(np.float32)
    return wear.reshape(size, size).astype(np.float32)


def _lowest_near(field: Field) -> Field:
    """Minimum of each cell and its neighbours: water digs no deeper than the place it runs off to."""
    padded = np.pad(field, 1, mode="edge")
    rows = np.minimum(np.minimum(padded[:-2], padded[1:-1]), padded[2:])
    lowest: Field = np.minimum(np.minimum(rows[:, :-2], rows[:, 1:-1]), rows[:, 2:])
    return lowest


def _softened(field: Field) -> Field:
    """Mean of each cell with its neighbours, weights 1 2 1 on each axis."""
    padded = np.pad(field, 1, mode="edge")
    rows = padded[:-2] + 2 * padded[1:-1] + padded[2:]
    return ((rows[:, :-2] + 2 * rows[:, 1:-1] + rows[:, 2:]) / 16).astype(np.float32)
