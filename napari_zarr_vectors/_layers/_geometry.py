"""Data units <-> world units of one layer, and the slab on axes that are not displayed. Pure numpy on float64.

World means the viewer's world: a layer in micrometres shown beside one in millimetres is scaled by napari, and so
it is here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from napari.layers import Layer

__all__ = ["MOST_PLACES", "WorldMap", "boxed", "mean_scale", "slab_bounds", "slider_step", "world_map"]

Float64Array = npt.NDArray[np.float64]

_BEYOND = 1e300
MOST_PLACES = 900_000_000
"""Of a slider: it counts with 31 bits, and napari asks it for a power of ten above all places."""


@dataclass(frozen=True, slots=True, eq=False)
class WorldMap:
    """``world = linear @ data + offset``.

    Attributes
    ----------
    linear : (D, D) float64
    offset : (D,) float64
    """

    linear: Float64Array
    offset: Float64Array

    def inverse(self, world: Float64Array) -> Float64Array:
        """Data coordinates (D,) of a place in the world."""
        return np.asarray(np.linalg.solve(self.linear, world - self.offset), dtype=np.float64)

    def displayed(self, axes: Sequence[int]) -> WorldMap:
        """The part among displayed axes, which is what napari draws with."""
        on = list(axes)
        return WorldMap(self.linear[np.ix_(on, on)], self.offset[on])


def mean_scale(linear: Float64Array) -> float:
    """Give how long a data unit is in the world where every direction is to count alike.

    It is the geometric mean of the scales of a linear map (n, n), which no rotation, shear or order of axes changes:
    the side of a square (n = 2) or cube as large as one of the data becomes in the world.
    """
    return float(abs(np.linalg.det(linear)) ** (1 / len(linear)))


def world_map(layer: Layer, world_units: Sequence[Any] | None) -> WorldMap:
    """Scale, rotation, shear, translation, affine and units of a layer as one affine map."""
    ndim = layer.ndim
    points = np.concatenate([np.zeros((1, ndim)), np.eye(ndim)])
    mapped = np.array([layer.data_to_world(point) for point in points], dtype=np.float64)
    factors = _unit_factors(layer.units, world_units)
    return WorldMap(
        linear=(mapped[1:] - mapped[0]).T * factors[:, None],
        offset=mapped[0] * factors,
    )


def _unit_factors(own: Sequence[Any], world: Sequence[Any] | None) -> Float64Array:
    """World units in one of the layer's units, (D,); 1 where one is no other, as then napari leaves units alone."""
    if world is None or len(world) < len(own):
        return np.ones(len(own))
    pairs = list(zip(own, world[len(world) - len(own) :], strict=True))
    if not all(a.is_compatible_with(b) for a, b in pairs):
        return np.ones(len(own))
    return np.array([1.0 if a == b else (1 * a).to(b).magnitude for a, b in pairs])


def slab_bounds(
    to_world: WorldMap,
    displayed: Sequence[int],
    *,
    point: npt.ArrayLike,
    margin_left: npt.ArrayLike,
    margin_right: npt.ArrayLike,
    thickness: float | None,
    default: npt.ArrayLike,
) -> tuple[Float64Array, Float64Array]:
    """What is shown along axes that are not displayed.

    Parameters
    ----------
    to_world : WorldMap
    displayed : sequence of int
        Data axes on the canvas.
    point, margin_left, margin_right : (D,)
        The viewer's sliders, world units.
    thickness : float or None
        Data units; the same on every axis that has no margins.
    default : (D,)
        Thickness where neither the viewer nor the layer says one, data units.

    Returns
    -------
    lo, hi : (D,) float64
        Data units, both ends belong to the slab; -inf and inf along displayed axes.
    """
    ndim = len(to_world.offset)
    lo, hi = np.full(ndim, -np.inf), np.full(ndim, np.inf)
    hidden = [axis for axis in range(ndim) if axis not in displayed]
    if not hidden:
        return lo, hi
    inverse = np.linalg.inv(to_world.linear)
    part = inverse[np.ix_(hidden, hidden)]
    shift = -(inverse @ to_world.offset)[hidden]
    middle, left, right = (np.asarray(a, dtype=np.float64)[hidden] for a in (point, margin_left, margin_right))
    ends = np.stack([part @ (middle - left), part @ middle, part @ (middle + right)]) + shift  # (3, h)
    half = np.asarray(default, dtype=np.float64)[hidden] / 2 if thickness is None else thickness / 2
    thin = left + right == 0
    lo[hidden] = np.where(thin, ends[1] - half, ends.min(axis=0))
    hi[hidden] = np.where(thin, ends[1] + half, ends.max(axis=0))
    return lo, hi


def slider_step(slab: Float64Array, bounds: Float64Array) -> Float64Array:
    """Give how far a step of napari's sliders goes, (D,) data units: one, or as thick a slab (D,) as is thinner.

    But a slider has no more than `MOST_PLACES` between the bounds, (2, D).
    """
    return np.asarray(np.maximum(np.minimum(slab, 1.0), (bounds[1] - bounds[0]) / MOST_PLACES))


def boxed(
    slab: tuple[Float64Array, Float64Array], box: tuple[Sequence[float], Sequence[float]] | None
) -> tuple[Float64Array, Float64Array]:
    """Give what a slab and a box (lo and hi, (D,), data units) have in common.

    Where that is nothing both ends are beyond everything: the part of a segment between ends in the wrong order would
    be taken for one in the right order.
    """
    if box is None:
        return slab
    lo, hi = np.maximum(slab[0], box[0]), np.minimum(slab[1], box[1])
    empty = lo > hi
    return np.where(empty, _BEYOND, lo), np.where(empty, _BEYOND, hi)
