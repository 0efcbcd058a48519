"""What a generator returns: a cloud with everything that is needed to write it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class PointSample:
    """A cloud of points, ready to be written.

    Attributes
    ----------
    name
        Short, fit for a file name.
    positions : (N, 3) float32, world units
        Axis order as in ``axes``.
    attributes
        One array a name: ``(N,)`` numbers or strings, or ``(N, C)`` channels.
    axes, units
        Name and unit of each axis.
    chunk_shape, bin_shape
        Edges in world units; a chunk is a whole number of bins on each axis.
    factors
        ``(coarsen, sparsity)`` of each level above 0, for ``build_pyramid``.
    """

    name: str
    positions: npt.NDArray[np.float32]  # (N, 3)
    attributes: Mapping[str, npt.NDArray[Any]]
    axes: tuple[str, str, str]
    units: tuple[str, str, str]
    chunk_shape: tuple[float, float, float]
    bin_shape: tuple[float, float, float]
    factors: tuple[tuple[int, int], ...]

    def __post_init__(self) -> None:
        """Check that all parts speak of the same points."""
        shape, dtype = self.positions.shape, self.positions.dtype
        if len(shape) != 2 or shape[1] != 3 or dtype != np.float32:
            raise ValueError(f"{self.name}: positions are (N, 3) float32, not {shape} {dtype}")
        for name, values in self.attributes.items():
            if len(values) != len(self.positions):
                raise ValueError(
                    f"{self.name}: attribute {name!r} has {len(values)} rows, the cloud {len(self.positions)}"
                )
