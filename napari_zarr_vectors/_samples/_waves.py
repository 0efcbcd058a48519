"""Noise of about one wavelength in space: where it is zero run long winding curves, which is what folds look like."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating]


@dataclass(frozen=True, slots=True, eq=False)
class Waves:
    """A sum of plane waves, of mean 0 and deviation 1.

    Attributes
    ----------
    vectors : (W, 3) float32
        Radians a unit.
    phases : (W,) float32
    """

    vectors: npt.NDArray[np.float32]
    phases: npt.NDArray[np.float32]

    def at(self, points: FloatArray) -> npt.NDArray[np.float32]:
        """Return the values (N,) at ``(N, 3)`` points."""
        places, total = points.astype(np.float32), np.zeros(len(points), np.float32)
        for vector, phase in zip(self.vectors, self.phases, strict=True):
            total += np.cos(places @ vector + phase)
        return np.asarray(total * np.float32(np.sqrt(2 / len(self.phases))), np.float32)

    def slope_at(self, points: FloatArray) -> npt.NDArray[np.float32]:
        """Return the gradients ``(N, 3)`` at ``(N, 3)`` points."""
        places, total = points.astype(np.float32), np.zeros((len(points), 3), np.float32)
        for vector, phase in zip(self.vectors, self.phases, strict=True):
            total -= np.sin(places @ vector + phase)[:, None] * vector
        return np.asarray(total * np.float32(np.sqrt(2 / len(self.phases))), np.float32)


def waves(rng: np.random.Generator, wavelength: float, *, number: int = 40, spread: float = 0.12) -> Waves:
    """Draw waves of every direction whose lengths differ by about the share `spread`."""
    directions = rng.standard_normal((number, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    numbers = 2 * np.pi / (wavelength * np.exp(spread * rng.standard_normal(number)))
    return Waves(
        (directions * numbers[:, None]).astype(np.float32),
        rng.uniform(0, 2 * np.pi, number).astype(np.float32),
    )
