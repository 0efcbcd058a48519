"""What a generator returns: geometry with everything that is needed to write it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

Factor = tuple[int | tuple[int, ...], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Vertices of D axes and what all kinds have, ready to be written.

    Attributes
    ----------
    name
        Short, fit for a file name.
    positions : (N, D) float32, world units
        Axis order as in ``axes``.
    attributes
        One array a name: ``(N,)`` numbers or strings, or ``(N, C)`` channels.
    axes, units
        Name and unit of each axis.
    chunk_shape, bin_shape
        Edges in world units; a chunk is a whole number of bins on each axis.
    factors
        ``(coarsen, sparsity)`` of each level above 0, for ``build_pyramid``.
    object_attributes
        One array a name, one row an object.
    groups
        Ids of objects by name.
    """

    name: str
    positions: npt.NDArray[np.float32]  # (N, D)
    attributes: Mapping[str, npt.NDArray[Any]]
    axes: tuple[str, ...]
    units: tuple[str, ...]
    chunk_shape: tuple[float, ...]
    bin_shape: tuple[float, ...]
    factors: tuple[Factor, ...]
    object_attributes: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)
    groups: Mapping[str, npt.NDArray[np.int64]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check that all parts speak of the same vertices and objects."""
        shape, dtype = self.positions.shape, self.positions.dtype
        if len(shape) != 2 or shape[1] != len(self.axes) or dtype != np.float32:
            raise ValueError(f"{self.name}: positions are (N, {len(self.axes)}) float32, not {shape} {dtype}")
        for name, values in self.attributes.items():
            self._check_rows("attribute", name, len(values), len(self.positions))
        for name, values in self.object_attributes.items():
            self._check_rows("object attribute", name, len(values), self.object_count)

    @property
    def object_count(self) -> int:
        """How many objects there are."""
        return 0

    def _check_rows(self, what: str, name: str, rows: int, expected: int) -> None:
        if rows != expected:
            raise ValueError(f"{self.name}: {what} {name!r} has {rows} rows, the sample {expected}")


@dataclass(frozen=True, slots=True, kw_only=True)
class PointSample(Sample):
    """A cloud of points.

    Attributes
    ----------
    object_ids : (N,) int64 or None
        The object of each point, all of 0 to O - 1.
    """

    object_ids: npt.NDArray[np.int64] | None = None

    @property
    def object_count(self) -> int:
        """How many objects there are."""
        return 0 if self.object_ids is None else int(self.object_ids.max()) + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectSample(Sample):
    """Vertices that lie object by object.

    Attributes
    ----------
    offsets : (O + 1,) int64
        Object i has the rows ``offsets[i]:offsets[i + 1]``.
    """

    offsets: npt.NDArray[np.int64]

    @property
    def object_count(self) -> int:
        """How many objects there are."""
        return len(self.offsets) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class LineSample(ObjectSample):
    """Streamlines: an object is a line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeSample(ObjectSample):
    """Skeletons: an object is a tree.

    Attributes
    ----------
    edges : (M, 2) int64
        ``[child, parent]``, rows of ``positions``.
    """

    edges: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class MeshSample(ObjectSample):
    """Closed surfaces: an object is a mesh.

    Attributes
    ----------
    faces : (M, 3) int64
        Rows of ``positions``, counter-clockwise from outside where the columns are taken as a right-handed x, y, z.
    """

    faces: npt.NDArray[np.int64]
