"""A tractogram: streamlines of the white matter of a brain, as diffusion imaging finds them.

1. Bundles are grids of ways (`_bundles.py`); each line has a place in the grid of its bundle, and scatters around it.
2. Ends that reach the cortex are drawn to the crowns of its folds, so that bundles fan out into leaves.
3. Short fibres join neighbouring crowns.

Positions are ``(z, y, x)`` in millimetres: up, front, right; left and right are alike but for chance.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_zarr_vectors._samples._bundles import BUNDLES, Bundle
from napari_zarr_vectors._samples._curves import at_even_steps, curves_through, lengths_of
from napari_zarr_vectors._samples._sample import LineSample
from napari_zarr_vectors._samples._waves import Waves, waves

Float64Array = npt.NDArray[np.float64]

SHORT = "short association fibres"
SIDES = np.array(["left", "right", "both"])
_LEFT, _RIGHT, _BOTH = range(3)

_CENTRE = np.array([0.0, -17.0, 13.0])  # of the brain, mm
_RADII = np.array([69.0, 87.0, 63.0])
_LOW = 50.0  # radius downwards
_CEREBELLUM = np.array([22.0, -62.0, -36.0])
_CEREBELLUM_RADII = np.array([28.0, 25.0, 19.0])
_FOLD = 22.0  # distance from a crown to the next, mm
_STEP = 1.1  # mm between the points of a line
_FINE = 64  # points of a curve before it is cut into steps


def tractogram(n: int = 20_000, *, seed: int = 5) -> LineSample:
    """Return ``n`` streamlines (100 or more) of about a hundred points.

    Vertex attribute ``fa``; object attributes ``length`` (mm), ``bundle`` and ``side`` (words); a group a bundle.
    """
    if n < 100:
        raise ValueError(f"a tractogram needs at least 100 streamlines, not {n}")
    rng = np.random.default_rng(seed)
    folds = waves(rng, _FOLD)
    counts = [int(n * bundle.share) for bundle in BUNDLES]
    made = [_lines(rng, bundle, count, folds) for bundle, count in zip(BUNDLES, counts, strict=True)]
    made.append(_short_fibres(rng, n - sum(counts), folds))
    curves, sides = (np.concatenate(column) for column in zip(*made, strict=True))
    curves = _swayed(rng, curves)
    bundle = np.repeat(np.arange(len(made)), [len(curve) for curve, _ in made])
    names = np.array([*(bundle.name for bundle in BUNDLES), SHORT])
    points, part, offsets = at_even_steps(curves, _STEP)
    return LineSample(
        name="tractogram",
        positions=points[:, ::-1].astype(np.float32),
        offsets=offsets,
        attributes={"fa": _anisotropy(rng, points, part, offsets)},
        object_attributes={
            "length": lengths_of(curves).astype(np.float32),
            "bundle": names[bundle],
            "side": SIDES[sides],
        },
        groups={str(name): np.flatnonzero(bundle == i) for i, name in enumerate(names)},
        axes=("z", "y", "x"),
        units=("millimeter", "millimeter", "millimeter"),
        chunk_shape=(24.0, 24.0, 24.0),
        bin_shape=(3.0, 3.0, 3.0),
        factors=((2, 1), (1, 3), (2, 3)),
    )


_Made = tuple[Float64Array, npt.NDArray[np.int64]]  # curves (n, _FINE, 3) and sides (n,)


def _lines(rng: np.random.Generator, bundle: Bundle, n: int, folds: Waves) -> _Made:
    ways = _between(bundle.grid(), rng.random(n), rng.random(n))
    ways += _scatter(rng, n, bundle.spread)
    _draw_to_cortex(ways, bundle, folds)
    if bundle.across:
        other = _between(bundle.grid(), *_near(rng, bundle, ways)) + _scatter(rng, n, bundle.spread)
        _draw_to_cortex(other, bundle, folds)
        ways[:, -1, 0] = 0
        other[:, :-1, 0] *= -1
        ways = np.concatenate([ways, other[:, -2::-1]], axis=1)
        return curves_through(ways, _FINE), np.full(n, _BOTH)
    sides = rng.integers(0, 2, n)
    ways[..., 0] *= np.where(sides == _LEFT, -1, 1)[:, None]
    curves = curves_through(ways, _FINE)
    return (_parted(rng, curves) if bundle.parted else curves), sides


def _between(grid: Float64Array, row: Float64Array, column: Float64Array) -> Float64Array:
    """Interpolate the ways of a ``(R, C, K, 3)`` grid at places (n,) of 0..1: ``(n, K, 3)``."""
    rows, columns = grid.shape[:2]
    low = np.minimum((row * (rows - 1)).astype(int), max(rows - 2, 0))
    share = (row * (rows - 1) - low)[:, None, None]
    column = column[:, None, None]
    first, last = grid[:, 0], grid[:, columns - 1]
    high = np.minimum(low + 1, rows - 1)
    near, far = (side[low] * (1 - share) + side[high] * share for side in (first, last))
    return np.asarray(near * (1 - column) + far * column)


def _near(rng: np.random.Generator, bundle: Bundle, ways: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Find the places in the grid from which lines that crossed the midline go on: much as they came."""
    middle = bundle.grid()[:, 0, -1]  # where each row crosses
    distance = np.linalg.norm(ways[:, None, -1, 1:] - middle[None, :, 1:], axis=2)
    weight = 1 / (distance + 0.5) ** 3
    row = (weight * np.linspace(0, 1, len(middle))).sum(axis=1) / weight.sum(axis=1)
    return np.clip(row + 0.02 * rng.standard_normal(len(row)), 0, 1), rng.random(len(row))


def _scatter(rng: np.random.Generator, n: int, spread: tuple[float, ...]) -> Float64Array:
    """Return ``(n, K, 3)``: where a line lies in its bundle, the same all along, and a little of its own."""
    place = rng.standard_normal((n, 1, 3)) * 0.9
    own = rng.standard_normal((n, len(spread), 3)) * 0.35
    return np.asarray((place + own) * np.array(spread)[:, None])


def _parted(rng: np.random.Generator, curves: Float64Array) -> Float64Array:
    """Cut curves down to parts of them, of a fourth at least."""
    length = rng.uniform(0.25, 0.85, len(curves))
    start = rng.random(len(curves)) * (1 - length)
    at = (start[:, None] + length[:, None] * np.linspace(0, 1, _FINE)) * (_FINE - 1)
    low = np.minimum(at.astype(int), _FINE - 2)
    share = (at - low)[..., None]
    each = np.arange(len(curves))[:, None]
    return np.asarray(curves[each, low] * (1 - share) + curves[each, low + 1] * share)


def _short_fibres(rng: np.random.Generator, n: int, folds: Waves) -> _Made:
    """Draw arcs from one crown of the cortex under a fold to the next."""
    start = rng.standard_normal((n, 3))
    start /= np.linalg.norm(start, axis=1, keepdims=True)
    aside = np.cross(start, rng.standard_normal((n, 3)))
    aside /= np.linalg.norm(aside, axis=1, keepdims=True)
    angle = rng.gamma(6.0, 0.055, n)[:, None]
    places = [
        start * np.cos(a) + aside * np.sin(a) for a in (0 * angle, 0.15 * angle, 0.5 * angle, 0.85 * angle, angle)
    ]
    depth = np.clip(0.80 - 0.18 * angle + 0.03 * rng.standard_normal((n, 1)), 0.6, 0.9)
    flat = np.ones_like(depth)
    depths = (flat, 0.5 + 0.5 * depth, depth, 0.5 + 0.5 * depth, flat)
    ways = np.stack([_CENTRE + _RADII * place * down for place, down in zip(places, depths, strict=True)], axis=1)
    low = ways[..., 2] < _CENTRE[2]
    ways[..., 2] = np.where(low, _CENTRE[2] + (ways[..., 2] - _CENTRE[2]) * (_LOW / _RADII[2]), ways[..., 2])
    ways += rng.standard_normal((n, 5, 3)) * 0.7
    ways[:, 0], ways[:, -1] = _on_cortex(ways[:, 0], folds), _on_cortex(ways[:, -1], folds)
    return curves_through(ways, _FINE), (ways[:, 2, 0] > 0).astype(np.int64)


# --- the cortex


def _draw_to_cortex(ways: Float64Array, bundle: Bundle, folds: Waves) -> None:
    """Carry the ends of ``(n, K, 3)`` ways on to the cortex, in place."""
    for end, wanted in zip((0, -1), bundle.ends, strict=True):
        if wanted:
            ways[:, end] = _on_cortex(ways[:, end], folds)
    if bundle.cerebellar:
        away = (ways[:, 0] - _CEREBELLUM) / _CEREBELLUM_RADII
        leaf = 1 + 0.03 * np.sin(ways[:, 0, 2:] * 1.6)  # its leaves lie one above the other
        ways[:, 0] = _CEREBELLUM + _CEREBELLUM_RADII * leaf * away / np.linalg.norm(away, axis=1, keepdims=True)


def _on_cortex(points: Float64Array, folds: Waves) -> Float64Array:
    """Move points (n, 3) to the crowns of the folds near them, of one pattern left and right."""
    side = np.where(points[:, :1] < 0, (-1.0, 1.0, 1.0), (1.0, 1.0, 1.0))
    points = points * side
    for _ in range(3):
        points = _projected(points)
        points += 0.014 * _FOLD**2 * folds.slope_at(points)
    crown = np.tanh(folds.at(points))[:, None]
    points = _CENTRE + (_projected(points) - _CENTRE) * (1 + 0.025 * crown)
    points[:, 0] = np.maximum(points[:, 0], 2.0 + 0.3 * points[:, 0])
    return points * side


def _projected(points: Float64Array) -> Float64Array:
    away = points - _CENTRE
    radii = np.where(away[:, 2:] < 0, np.array([*_RADII[:2], _LOW]), _RADII)
    return np.asarray(_CENTRE + away / (np.abs(away / radii) ** 2.3).sum(axis=1, keepdims=True) ** (1 / 2.3))


def _swayed(rng: np.random.Generator, curves: Float64Array) -> Float64Array:
    """Bend space a little, alike on both sides, so that no bundle is as smooth as its waypoints."""
    points = curves.reshape(-1, 3)
    at = _both_right(points)
    shift = np.stack([waves(rng, 46.0, number=10, spread=0.3).at(at) for _ in range(3)], axis=1) * 1.3
    shift[:, 0] *= np.tanh(points[:, 0] / 6)
    return curves + shift.reshape(curves.shape)


def _both_right(points: Float64Array) -> npt.NDArray[np.float32]:
    """Mirror points (N, 3) of the left to the right."""
    out = points.astype(np.float32)
    np.abs(out[:, 0], out=out[:, 0])
    return out


def _anisotropy(
    rng: np.random.Generator, points: Float64Array, part: Float64Array, offsets: npt.NDArray[np.int64]
) -> npt.NDArray[np.float32]:
    """Return ``(N,)`` in 0..1: high in the core of the white matter, low where lines end and bundles cross."""
    counts = np.diff(offsets)
    core = np.minimum(part, 1 - part) * np.repeat(counts, counts) * _STEP  # mm to the nearer end
    middle = np.exp(-((points[:, 0] / 14) ** 2)) * (points[:, 2] > -20)
    crossing = waves(rng, 18.0, number=24, spread=0.3).at(_both_right(points))
    own = np.repeat(rng.standard_normal(len(counts)) * 0.03, counts)
    fa = 0.16 + 0.42 * (1 - np.exp(-core / 14)) + 0.2 * middle + 0.07 * crossing + own
    return np.asarray(np.clip(fa, 0.03, 0.95), np.float32)
