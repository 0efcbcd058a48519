"""A mountain valley as an airborne laser scanner would see it.

1. A height field of ``_GRID`` x ``_GRID`` cells: ridges of noise, worn by rain, and a river to a lake.
2. Returns from the ground on an even low-discrepancy pattern, thin over water.
3. Trees where it is neither high, steep nor wet: returns from the mantle of a cone or of an ellipsoid.

Positions are ``(z, y, x)`` in metres, the tile is ``0 <= x, y < 2048``; fields are indexed ``[y, x]``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_zarr_vectors._samples._erosion import eroded
from napari_zarr_vectors._samples._noise import Field, band_field, fractal_field, look_up
from napari_zarr_vectors._samples._sample import PointSample

CLASSIFICATIONS = np.array(["ground", "low vegetation", "tree", "water"])
_GROUND, _LOW, _TREE, _WATER = range(4)

_SIDE = 2048.0  # edge of the tile, m
_GRID = 1024  # cells a side of the height field
_LAKE_LEVEL = 42.0  # m
_TREE_SHARE = 0.36  # of all returns
_TREE_RETURNS = 15  # returns of a tree
_SUN = np.array([0.62, -0.48, -0.62], np.float32)  # towards the light: z, y, x (north-west, y grows to the south)


@dataclass(frozen=True, slots=True)
class _Land:
    """The scene as fields on the grid."""

    height: Field  # m, of the ground or of the bed
    water: Field  # m, depth; 0 on land
    slope: Field  # rise over run
    shade: Field  # 0..1, how the sun lights the ground
    hollow: Field  # 0..1, dark in gullies
    moisture: Field  # mean 0, deviation 1


def lidar_terrain(n: int = 2_000_000, *, seed: int = 11) -> PointSample:
    """Return a laser scan of ``n`` returns (100 or more): 2 km x 2 km of mountains, forest, river, lake.

    Attributes: ``elevation`` (m), ``intensity`` (uint16), ``classification`` (words), ``rgb`` (uint8).
    """
    if n < 100:
        raise ValueError(f"a scan needs at least 100 returns, not {n}")
    rng = np.random.default_rng(seed)
    land = _land(rng)
    n_trees = int(n * _TREE_SHARE)
    parts = [_ground_returns(rng, land, n - n_trees), _tree_returns(rng, land, n_trees)]
    positions, kinds, colours = (np.concatenate(column) for column in zip(*parts, strict=True))
    return PointSample(
        name="terrain",
        positions=positions,
        attributes={
            "elevation": positions[:, 0].copy(),
            "intensity": _intensity(rng, kinds, colours),
            "classification": CLASSIFICATIONS[kinds],
            "rgb": np.clip(colours * 255, 0, 255).astype(np.uint8),
        },
        axes=("z", "y", "x"),
        units=("metre", "metre", "metre"),
        chunk_shape=(512.0, 128.0, 128.0),
        bin_shape=(512.0, 32.0, 32.0),
        factors=((2, 1), (2, 1), (2, 1)),
    )


# --- the land


def _land(rng: np.random.Generator) -> _Land:
    x, y = np.meshgrid(*[(np.arange(_GRID, dtype=np.float32) + 0.5) / _GRID] * 2)
    ragged = fractal_field(rng, _GRID, slope=2.3, lowest=4)
    height, water = _with_river_and_lake(_mountains(rng, x, y), ragged, x, y)
    surface = height + water
    dy, dx = np.gradient(surface, _SIDE / _GRID)
    steepness = np.sqrt(1 + dx * dx + dy * dy)
    light = (_SUN[0] - _SUN[1] * dy - _SUN[2] * dx) / (steepness * np.linalg.norm(_SUN))
    return _Land(
        height=height,
        water=water,
        slope=np.hypot(dx, dy).astype(np.float32),
        shade=np.clip(light, 0, 1).astype(np.float32),
        hollow=np.clip(0.5 + (surface - _blurred(surface, 14)) / 22, 0, 1).astype(np.float32),
        moisture=fractal_field(rng, _GRID, slope=1.7, lowest=3),
    )


def _mountains(rng: np.random.Generator, x: Field, y: Field) -> Field:
    """Return heights, m: ridges in the north and east, low land in the south-west where the lake will lie."""
    half = _GRID // 2
    ridges = np.zeros((half, half), np.float32)
    for frequency, amplitude in ((1.9, 1.0), (3.7, 0.5), (7.1, 0.22), (13.0, 0.09)):
        noise = band_field(rng, half, frequency)
        ridges += np.float32(amplitude) * (1 - np.sqrt(noise * noise + np.float32(0.05)))  # crests at noise 0
    ridges += np.float32(0.045) * fractal_field(rng, half, slope=1.9, lowest=16)
    low, high = np.quantile(ridges[::4, ::4], [0.02, 0.995])
    ridges = np.clip((ridges - low) / (high - low), 0, 1.15)
    uplift = _smooth(0.10, 1.2, np.hypot(x[::2, ::2] - 0.12, 1.0 - y[::2, ::2] - 0.12))
    height = 42 + 26 * ridges + uplift * (30 + 400 * ridges**1.15)
    height = eroded(rng, height, rounds=9, drops=14_000, steps=60, depth=6.5)
    fine = fractal_field(rng, _GRID, slope=1.6, lowest=60)
    return _doubled(height) + fine * (0.35 + 1.6 * _smooth(120, 330, _doubled(height)))


def _with_river_and_lake(height: Field, ragged: Field, x: Field, y: Field) -> tuple[Field, Field]:
    """Carve the bed of a river that falls into a lake. Returns ``(height, depth of water)``, m."""
    t = 0.5 * (x + 1 - y)  # along the river: 0 in the south-west, 1 in the north-east
    across = (x - (1 - y)) * np.float32(0.5 * np.sqrt(2) * _SIDE)  # m from the diagonal
    bends = 150 * np.sin(9.5 * t + 0.5) + 34 * np.sin(27 * t) + 11 * np.sin(66 * t + 1)
    distance = np.abs(across - bends * _smooth(0.1, 0.3, t)) * np.float32(0.72)
    level = _LAKE_LEVEL + 150 * np.maximum(t - 0.24, 0) ** 1.3
    wall = np.clip((distance * (1 + 0.30 * ragged) - 14) / (120 + 190 * t * (1 - t)), 0, 1)
    carved = np.minimum(height, level + 2 + wall ** (0.8 + 0.5 * wall) * (height - level))
    width = 16 - 10 * t
    river = distance < width
    carved = np.where(river, level - 3.2 * (1 - (distance / width) ** 2), carved)
    basin = np.hypot(x - 0.21, (1 - y - 0.19) * 1.2)
    dip = _smooth(0.085, -0.06, basin - 0.115 - 0.022 * ragged)
    carved = carved - dip * (carved - (_LAKE_LEVEL - 17))
    lake = (carved < _LAKE_LEVEL) & (basin < 0.3)
    depth = np.where(lake, _LAKE_LEVEL - carved, np.where(river, level - 0.7 - carved, 0))
    return carved.astype(np.float32), np.maximum(depth, 0).astype(np.float32)


def _doubled(field: Field) -> Field:
    """Interpolate a field to twice as many cells a side."""
    place = (np.arange(2 * field.shape[0], dtype=np.float32) - 0.5) / 2
    lower = np.clip(place.astype(np.int64), 0, field.shape[0] - 2)
    share = np.clip(place - lower, 0, 1).astype(np.float32)
    rows = field[lower] * (1 - share[:, None]) + field[lower + 1] * share[:, None]
    finer: Field = rows[:, lower] * (1 - share) + rows[:, lower + 1] * share
    return finer


def _blurred(field: Field, radius: int) -> Field:
    """Mean over a square of ``2 * radius`` cells, edges repeated."""
    padded = np.pad(field.astype(np.float64), radius, mode="edge").cumsum(0).cumsum(1)
    size = 2 * radius
    total = padded[size:, size:] - padded[:-size, size:] - padded[size:, :-size] + padded[:-size, :-size]
    return np.asarray((total / size**2)[: field.shape[0], : field.shape[1]], np.float32)


# --- returns: each function gives positions (N, 3), classes (N,) and colours (N, 3) in 0..1

_Returns = tuple[npt.NDArray[np.float32], npt.NDArray[np.int64], npt.NDArray[np.float32]]


def _ground_returns(rng: np.random.Generator, land: _Land, n: int) -> _Returns:
    x, y = _even_places(rng, int(n * 1.35) + 64)
    depth = _at(land.water, x, y)
    answered = (depth <= 0) | (rng.random(len(x), dtype=np.float32) < 0.5)
    kept = np.resize(np.flatnonzero(answered), n)
    x, y, depth = x[kept], y[kept], depth[kept]
    wet = depth > 0
    z = _at(land.height, x, y) + depth + rng.normal(0, 0.06, n).astype(np.float32) * ~wet
    slope = _at(land.slope, x, y)
    moisture = _at(land.moisture, x, y)
    shrub = ~wet & (slope < 0.8) & (z < 330) & (rng.random(n, dtype=np.float32) < 0.10 + 0.08 * (moisture > 0))
    z += shrub * rng.gamma(2.0, 0.45, n).astype(np.float32)
    colours = _ground_colour(land, x, y, z, slope, moisture)
    colours[shrub] *= np.array([0.62, 0.86, 0.60], np.float32)
    colours[wet] = _water_colour(depth[wet])
    colours *= rng.normal(1, 0.045, (n, 1)).astype(np.float32)
    kinds = np.where(wet, _WATER, np.where(shrub, _LOW, _GROUND))
    return np.stack([z, y, x], axis=1), kinds, colours


def _tree_returns(rng: np.random.Generator, land: _Land, n: int) -> _Returns:
    trees = max(n // _TREE_RETURNS, 1)
    x, y, conifer = _tree_places(rng, land, trees)
    base = _at(land.height, x, y)
    tall = np.where(conifer, rng.gamma(12, 1.45, trees), rng.gamma(14, 0.95, trees)).astype(np.float32)
    crown = np.where(conifer, 0.17 * tall, 0.33 * tall).astype(np.float32)
    tint = rng.normal(1, 0.13, trees).astype(np.float32)
    tree = rng.choice(trees, n, p=tall / tall.sum())
    up, out = _crown_profile(rng, conifer[tree])
    angle = rng.random(n, dtype=np.float32) * np.float32(2 * np.pi)
    px = np.clip(x[tree] + crown[tree] * out * np.cos(angle), 0, np.float32(_SIDE - 0.01))
    py = np.clip(y[tree] + crown[tree] * out * np.sin(angle), 0, np.float32(_SIDE - 0.01))
    pz = base[tree] + tall[tree] * up
    dark_green, light_green = (
        np.array([0.115, 0.24, 0.125], np.float32),
        np.array([0.265, 0.365, 0.125], np.float32),
    )
    colours = np.where(conifer[tree][:, None], dark_green, light_green) * tint[tree][:, None]
    sunny = 0.55 + 0.40 * up - 0.30 * out * np.cos(angle - np.float32(0.66))  # the north-west side is lit
    ground_light = 0.55 + 0.6 * _at(land.shade, px, py)
    colours *= (sunny * ground_light * rng.normal(1, 0.08, n).astype(np.float32))[:, None] * np.float32(1.35)
    return np.stack([pz, py, px], axis=1).astype(np.float32), np.full(n, _TREE), colours.astype(np.float32)


def _tree_places(rng: np.random.Generator, land: _Land, trees: int) -> tuple[Field, Field, npt.NDArray[np.bool_]]:
    """Draw ``x, y, is a conifer``, each (T,): denser where moist, none in water, on rock, up high."""
    row_col = _SIDE / _GRID
    height, moisture = land.height, land.moisture
    line = 300 + 22 * moisture
    liked = _smooth(1.0, 0.45, land.slope) * _smooth(line + 35, line - 45, height) * _smooth(-0.55, 0.35, moisture)
    liked *= (_blurred(land.water, 3) <= 0) * (0.03 + 0.97 * _smooth(_LAKE_LEVEL, _LAKE_LEVEL + 18, height))
    cumulated = np.cumsum(liked.ravel(), dtype=np.float64)
    cell = np.searchsorted(cumulated, rng.random(trees) * cumulated[-1], side="right")
    cell = np.minimum(cell, _GRID * _GRID - 1)
    x = ((cell % _GRID + rng.random(trees)) * row_col).astype(np.float32)
    y = ((cell // _GRID + rng.random(trees)) * row_col).astype(np.float32)
    high = _at(height, x, y) + 45 * _at(moisture, x, y)
    return x, y, rng.random(trees) < _smooth(70, 190, high)


def _crown_profile(rng: np.random.Generator, conifer: npt.NDArray[np.bool_]) -> tuple[Field, Field]:
    """Draw ``(height, reach)`` of returns, (N,) in 0..1: a cone, or an ellipsoid on a trunk."""
    n = len(conifer)
    share = rng.random(n, dtype=np.float32)
    jitter = 1 - 0.35 * rng.random(n, dtype=np.float32) ** np.float32(2)
    cone_up = 1 - 0.88 * np.sqrt(share)
    cone_out = (1 - cone_up) * jitter
    cosine = 1 - 1.5 * share  # the top three quarters of the ellipsoid are seen from the air
    ball_up = 0.62 + 0.38 * cosine
    ball_out = np.sqrt(np.maximum(1 - cosine**2, 0)) * jitter
    up = np.where(conifer, cone_up, ball_up).astype(np.float32)
    return up, np.where(conifer, cone_out, ball_out).astype(np.float32)


def _even_places(rng: np.random.Generator, n: int) -> tuple[Field, Field]:
    """Return ``x, y``, each (N,): the R2 sequence (Roberts 2018), more even than chance."""
    index = np.arange(1, n + 1, dtype=np.float64)
    start = rng.random(2)
    u, v = ((start[k] + index * g) % 1.0 for k, g in enumerate((0.7548776662466927, 0.5698402909980532)))
    limit = np.nextafter(np.float32(_SIDE), np.float32(0))
    return np.minimum((u * _SIDE).astype(np.float32), limit), np.minimum((v * _SIDE).astype(np.float32), limit)


def _at(field: Field, x: Field, y: Field) -> Field:
    """Interpolate a field of the grid at places in metres; at the very edge the nearest cell counts."""
    half = np.float32(0.5 / _GRID)
    inside = np.float32(1 - 1.001 / _GRID)
    u = np.clip(y / np.float32(_SIDE) - half, 0, inside)
    return look_up(field, u, np.clip(x / np.float32(_SIDE) - half, 0, inside))


# --- light and colour


def _ground_colour(land: _Land, x: Field, y: Field, z: Field, slope: Field, moisture: Field) -> Field:
    meadow, dry = np.array([0.37, 0.47, 0.21], np.float32), np.array([0.60, 0.55, 0.33], np.float32)
    rock, snow = np.array([0.50, 0.47, 0.44], np.float32), np.array([0.97, 0.98, 1.0], np.float32)
    sand = np.array([0.78, 0.71, 0.53], np.float32)
    colours = _mixed(dry, meadow, _smooth(-1.2, 0.7, moisture - (z - 120) / 160))
    colours = _mixed(colours, rock, np.maximum(_smooth(0.75, 1.15, slope), _smooth(290, 370, z + 16 * moisture)))
    colours = _mixed(colours, snow, _smooth(345, 400, z + 14 * moisture) * _smooth(1.9, 1.1, slope))
    colours = _mixed(colours, sand, _smooth(4.5, 1.0, np.abs(z - _LAKE_LEVEL)) * _smooth(0.6, 0.2, slope))
    light = (0.34 + 0.86 * _at(land.shade, x, y)) * (0.62 + 0.5 * _at(land.hollow, x, y))
    cool = _mixed(
        np.array([0.86, 0.94, 1.16], np.float32),
        np.array([1.05, 1.0, 0.92], np.float32),
        np.clip(light, 0, 1),
    )
    lit: Field = (colours * cool * light[:, None] * np.float32(1.12)).astype(np.float32)
    return lit


def _water_colour(depth: Field) -> Field:
    return _mixed(
        np.array([0.36, 0.62, 0.66], np.float32),
        np.array([0.07, 0.22, 0.40], np.float32),
        _smooth(0, 9, depth),
    )


def _intensity(rng: np.random.Generator, kinds: npt.NDArray[np.int64], colours: Field) -> npt.NDArray[np.uint16]:
    """Return how strongly the laser came back: foliage well, bare ground by its brightness, water hardly."""
    strength = np.array([1.0, 1.35, 1.1, 0.10], np.float32)[kinds] * (0.35 + 0.65 * colours.mean(axis=1))
    strength *= np.exp(0.18 * rng.standard_normal(len(kinds), dtype=np.float32))
    return np.asarray(np.clip(strength * 30000, 0, 65535), np.uint16)


def _mixed(low: Field, high: Field, share: Field) -> Field:
    """Blend colours ``(3,)`` or ``(N, 3)`` by ``share`` (N,)."""
    blend: Field = low + (high - low) * share[:, None]
    return blend


def _smooth(low: float | Field, high: float | Field, value: Field) -> Field:
    """Return a smooth step from 0 at ``low`` to 1 at ``high`` (which may be below ``low``)."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)
