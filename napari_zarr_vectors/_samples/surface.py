"""The surface of a brain: two folded hemispheres.

1. A smooth body: an ellipsoid cut at the midline, with a temporal lobe below the lateral fissure.
2. Folds: noise of one wavelength is zero along long winding curves, which become the valleys; finer noise dents the
   crowns.

Positions are ``(z, y, x)`` in millimetres: up, front, right.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_zarr_vectors._samples._curves import curves_through
from napari_zarr_vectors._samples._sample import MeshSample
from napari_zarr_vectors._samples._sphere import curvature_of, normals_of, smoothed, sphere
from napari_zarr_vectors._samples._waves import Waves, waves

Float64Array = npt.NDArray[np.float64]
Int64Array = npt.NDArray[np.int64]

_CENTRE = np.array([29.0, -17.0, 9.0])  # of the right hemisphere, x y z, mm
_STRETCH = np.array([33.0, 84.0, 54.0])  # about its radii
_WALL = 1.6  # x of the inner side, mm
_DEPTH = 9.5  # of a valley, mm
_FISSURE = np.array([[38, 33, -16], [50, 14, -8], [60, -8, 0], [63, -30, 8], [58, -50, 20]], np.float64)


def brain_surface(n: int = 360_000, *, seed: int = 12) -> MeshSample:
    """Return two closed surfaces of about ``n`` triangles together (320 or more).

    Vertex attributes ``depth`` (mm below the crowns) and ``curvature`` (1 / mm); object attribute ``side`` and groups
    of the same names.
    """
    if n < 320:
        raise ValueError(f"a brain needs at least 320 triangles, not {n}")
    rng = np.random.default_rng(seed)
    directions, faces = sphere(max(round((n / 40) ** 0.5), 2))
    pattern = _Folds(rng)
    body = _body(directions)
    right, right_depth = pattern.folded(body, faces, 0.0)
    left, left_depth = pattern.folded(body, faces, 1.0)
    left = left * [-1.0, 1.0, 1.0]
    curvature = curvature_of(right, faces), curvature_of(left, faces[:, ::-1])
    count = len(body)
    return MeshSample(
        name="surface",
        positions=np.concatenate([left, right])[:, ::-1].astype(np.float32),
        offsets=np.array([0, count, 2 * count]),
        # The order of axes turns the winding, and the mirror turns that of the left back.
        faces=np.concatenate([faces, faces[:, ::-1] + count]),
        attributes={
            "depth": np.concatenate([left_depth, right_depth]).astype(np.float32),
            "curvature": np.concatenate(curvature[::-1]).astype(np.float32),
        },
        object_attributes={"side": np.array(["left", "right"])},
        groups={"left": np.array([0]), "right": np.array([1])},
        axes=("z", "y", "x"),
        units=("millimeter", "millimeter", "millimeter"),
        chunk_shape=(24.0, 24.0, 24.0),
        bin_shape=(1.5, 1.5, 1.5),
        factors=((2, 1), (2, 1), (2, 1)),
    )


# --- the body


def _body(directions: Float64Array) -> Float64Array:
    """Find the surface (N, 3) of the smooth right hemisphere in these directions."""
    ways = directions * _STRETCH
    ways /= np.linalg.norm(ways, axis=1, keepdims=True)
    near, far = np.zeros(len(ways)), np.full(len(ways), 130.0)
    for _ in range(24):
        middle = (near + far) / 2
        inside = _inside(_CENTRE + ways * middle[:, None])
        near, far = np.where(inside, middle, near), np.where(inside, far, middle)
    return np.asarray(_CENTRE + ways * near[:, None])


def _inside(points: Float64Array) -> npt.NDArray[np.bool_]:
    x, y, z = points.T
    low = np.where(z < 9, 40.0, 66.0)
    cerebrum = (np.abs(x / 68) ** 2.2 + np.abs((y + 17) / 87) ** 2.2 + np.abs((z - 9) / low) ** 2.2) ** (1 / 2.2) - 1
    lobe = np.sqrt(((x - 42) / 23) ** 2 + ((y + 12) / 48) ** 2 + ((z + 23 - 0.12 * (y + 12)) / 20) ** 2) - 1
    both = _soft_least(cerebrum * 55, lobe * 20, 5.0)
    return np.asarray(-_soft_least(-both, x - _WALL, 3.0) < 0)


def _soft_least(a: Float64Array, b: Float64Array, width: float) -> Float64Array:
    blend = np.clip(0.5 + 0.5 * (b - a) / width, 0, 1)
    return np.asarray(b + (a - b) * blend - width * blend * (1 - blend))


# --- the folds


class _Folds:
    """A pattern of folds, drawn once and a little different on each side."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._bend = [waves(rng, 55.0, number=16, spread=0.3) for _ in range(3)]
        self._large = waves(rng, 22.0, number=60, spread=0.05)
        self._small = waves(rng, 13.0, number=60, spread=0.1)
        self._fine = waves(rng, 6.0, number=40, spread=0.2)
        self._side = [waves(rng, 38.0, number=12, spread=0.3) for _ in range(3)]

    def folded(self, body: Float64Array, faces: Int64Array, other: float) -> tuple[Float64Array, Float64Array]:
        """Fold a body: give its surface (N, 3) and the depth (N,) below the crowns, mm."""
        normals = smoothed(normals_of(body, faces), faces, 12)
        places = body + 5.0 * _shift(self._bend, body) + 2.2 * other * _shift(self._side, body)
        valley = _crown(self._large.at(places), 0.03)
        dent = _crown(self._small.at(places), 0.05)
        depth = _DEPTH * (1 - valley) + 2.2 * (1 - dent) * valley
        wall = np.exp(-(((body[:, 0] - _WALL) / 5.0) ** 2))
        hidden = np.exp(
            -(((body[:, 1] + 8) ** 2 / 34.0**2 + (body[:, 2] - 8) ** 2 / 17.0**2) ** 3)
        )  # below the callosum
        depth *= (1 - 0.35 * wall) * (1 - wall * hidden)
        fissure = 15.0 * np.exp(-((_distance(body, _FISSURE) / 4.2) ** 2))
        depth = np.maximum(depth, 0) + fissure * (1 - 0.3 * valley)
        swell = 0.7 * self._fine.at(places) * np.clip(valley, 0, 1) * 0.35
        points = body - normals * (depth - swell)[:, None]
        both = smoothed(np.column_stack([points, depth]), faces, 2)
        return both[:, :3], both[:, 3]


def _shift(fields: list[Waves], points: Float64Array) -> Float64Array:
    return np.stack([field.at(points) for field in fields], axis=1).astype(np.float64)


def _crown(noise: npt.NDArray[np.floating], sharp: float) -> Float64Array:
    """Give 0 in a valley, where noise is zero, to 1 on the crowns beside it."""
    away = np.sqrt(noise.astype(np.float64) ** 2 + sharp**2) - sharp
    return np.asarray(np.tanh(away / 0.45) ** 0.8)


def _distance(points: Float64Array, curve: Float64Array) -> Float64Array:
    """Return how far points (N, 3) lie from a smooth curve through (K, 3)."""
    along = curves_through(curve[None], 60)[0]
    square = (points**2).sum(axis=1)[:, None] - 2 * points @ along.T + (along**2).sum(axis=1)
    return np.asarray(np.sqrt(np.maximum(square.min(axis=1), 0)))
