"""A barred spiral galaxy of stars.

Parts, each drawn on its own and joined at the end:

1. bulge: old stars in a stretched spheroid; 2. disc: exponential, thin and thick, gathered towards the arms;
3. arms: two strong and two weak logarithmic spirals, with spurs; 4. clusters: young ones along the arms, pink
knots of ionised gas, globular ones in the halo; 5. halo: a sparse power law.

Dust is shown as absence: stars of the plane that fall into a dust lane are not drawn.
A logarithmic spiral is ``theta = ln(R / R0) / tan(pitch)``; the *phase* of a place is its angle beyond that.
Positions are ``(z, y, x)`` in kiloparsec, the galactic plane is ``z = 0``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_zarr_vectors._samples._noise import Field, fractal_field, look_up
from napari_zarr_vectors._samples._sample import PointSample

POPULATIONS = np.array(["arm", "bulge", "cluster", "disc", "halo"])
_ARM, _BULGE, _CLUSTER, _DISC, _HALO = range(5)

_EDGE = 16.0  # radius of the disc, kpc
_BAR_END = 2.6  # where the arms begin, kpc
_TAN_PITCH = np.float32(np.tan(np.radians(17.0)))
_SIN_PITCH = np.float32(np.sin(np.radians(17.0)))
_OVERSAMPLING = 1.7  # drawn for each star that is kept where dust may take some away

# Share of the stars in each part; the disc takes what is left.
_SHARES = {
    "bulge": 0.15,
    "arms": 0.23,
    "spurs": 0.04,
    "young": 0.095,
    "knots": 0.02,
    "globular": 0.015,
    "halo": 0.02,
}


@dataclass(frozen=True, slots=True)
class _Stars:
    """A part of the galaxy: cylindrical only while it is made, Cartesian here."""

    x: Field
    y: Field
    z: Field
    kelvin: Field
    population: int
    glow: float = 0.0  # 1 = the pink of ionised hydrogen, 0 = the colour of a black body

    def __len__(self) -> int:
        return len(self.x)

    def take(self, rows: npt.NDArray[np.intp]) -> _Stars:
        return _Stars(self.x[rows], self.y[rows], self.z[rows], self.kelvin[rows], self.population, self.glow)


def spiral_galaxy(n: int = 2_000_000, *, seed: int = 7) -> PointSample:
    """Return a galaxy of ``n`` stars (100 or more); the density of its cells spans more than three decades.

    Attributes: ``temperature`` (kelvin), ``luminosity`` (suns), ``population`` (words), ``rgb`` (uint8).
    """
    if n < 100:
        raise ValueError(f"a galaxy needs at least 100 stars, not {n}")
    rng = np.random.default_rng(seed)
    counts = {part: int(n * share) for part, share in _SHARES.items()}
    texture = fractal_field(rng, 512, slope=1.15, lowest=2)
    ridges = 1 - np.abs(fractal_field(rng, 512, slope=1.2, lowest=4))
    parts = [
        _bulge(rng, counts["bulge"]),
        _disc(rng, n - sum(counts.values()), texture, ridges),
        _arms(rng, counts["arms"], texture, ridges),
        _spurs(rng, counts["spurs"], texture),
        _young_clusters(rng, counts["young"], texture),
        _knots(rng, counts["knots"], texture),
        _globular_clusters(rng, counts["globular"]),
        _halo(rng, counts["halo"]),
    ]
    return _sample(rng, parts)


def _sample(rng: np.random.Generator, parts: list[_Stars]) -> PointSample:
    lengths = [len(part) for part in parts]
    population = np.repeat([part.population for part in parts], lengths)
    glow = np.repeat(np.array([part.glow for part in parts], np.float32), lengths)
    columns = [np.concatenate([getattr(part, axis) for part in parts]) for axis in "zyx"]
    kelvin = np.concatenate([part.kelvin for part in parts])
    luminosity = _luminosity(rng, kelvin)
    return PointSample(
        name="galaxy",
        positions=np.stack(columns, axis=1),
        attributes={
            "temperature": kelvin,
            "luminosity": luminosity,
            "population": POPULATIONS[population],
            "rgb": _star_colour(kelvin, luminosity, glow),
        },
        axes=("z", "y", "x"),
        units=("kiloparsec", "kiloparsec", "kiloparsec"),
        chunk_shape=(2.0, 2.0, 2.0),
        bin_shape=(0.5, 0.5, 0.5),
        factors=((2, 1), (2, 1), (2, 1), (2, 1)),
    )


# --- parts


def _bulge(rng: np.random.Generator, n: int) -> _Stars:
    """Draw a spheroid: exponential in radius, longer along the bar."""
    radius = np.minimum(rng.standard_gamma(2.2, n, dtype=np.float32) * 0.36, 4.5)
    x, y, z = _on_sphere(rng, n) * radius
    in_bar = rng.random(n, dtype=np.float32) < 0.45
    stretch = np.where(in_bar, np.float32(2.6), np.float32(1.0))
    x, y, z = x * stretch, y * np.where(in_bar, np.float32(0.7), np.float32(1.0)), z * np.float32(0.62)
    kelvin = _around(rng, n, 4100, 0.10) + 500 * np.exp(-radius)
    return _Stars(*_turned(x, y, 0.35), z, kelvin.astype(np.float32), _BULGE)


def _disc(rng: np.random.Generator, n: int, texture: Field, ridges: Field) -> _Stars:
    m = int(n * _OVERSAMPLING) + 64
    radius = rng.standard_gamma(2.0, m, dtype=np.float32) * np.float32(3.1)
    phase = rng.random(m, dtype=np.float32) * np.float32(2 * np.pi)
    pull = 0.36 * _ramp(radius, 2.0, 4.5)
    theta = phase - pull * np.sin(2 * phase) + _winding(radius)  # crowds the stars at phase 0 and pi
    thick = rng.random(m, dtype=np.float32) < 0.2
    height = np.where(thick, np.float32(0.62), np.float32(0.17)) * (0.8 + 0.03 * radius)
    z = rng.laplace(0.0, 1.0, m).astype(np.float32) * height + _warp(radius, theta)
    kelvin = _around(rng, m, 5200, 0.16) + np.where(thick, -500, 60 * radius).astype(np.float32)
    stars = _Stars(radius * np.cos(theta), radius * np.sin(theta), z, kelvin, _DISC)
    clear = _transmission(radius, theta, z, texture, ridges) * _flocculence(radius, theta, texture, 0.3)
    return _thinned(rng, stars, clear * _ramp(-radius, -_EDGE - 2, -9.0), n)


def _arms(rng: np.random.Generator, n: int, texture: Field, ridges: Field) -> _Stars:
    m = int(n * _OVERSAMPLING) + 64
    spread = np.where(rng.random(m, dtype=np.float32) < 0.55, np.float32(0.25), np.float32(0.8))
    x, y, radius = _along_arms(rng, m, spread, texture)
    theta = np.arctan2(y, x)
    z = rng.laplace(0.0, 0.075, m).astype(np.float32) + _warp(radius, theta)
    kelvin = _around(rng, m, 8600, 0.25) - np.float32(1800) * (spread > 0.5)
    clear = _transmission(radius, theta, z, texture, ridges) * _flocculence(radius, theta, texture, 0.75)
    return _thinned(rng, _Stars(x, y, z, kelvin, _ARM), clear, n)


def _spurs(rng: np.random.Generator, n: int, texture: Field) -> _Stars:
    """Draw short feathers that leave the arms outwards at a steeper pitch and fade."""
    feathers = 160
    which = _lots(rng, n, feathers, 0.8)
    start_x, start_y, start_radius = (a[which] for a in _along_arms(rng, feathers, 0.2, texture))
    along = rng.random(n, dtype=np.float32) ** np.float32(1.8)
    length = rng.uniform(0.10, 0.26, feathers).astype(np.float32)[which]
    radius = start_radius * np.exp(along * length)
    steep = np.tan(np.radians(rng.uniform(26, 42, feathers))).astype(np.float32)[which]
    theta = np.arctan2(start_y, start_x) + along * length / steep
    spread = 0.05 + 0.16 * along
    x = radius * np.cos(theta) + spread * rng.standard_normal(n, dtype=np.float32)
    y = radius * np.sin(theta) + spread * rng.standard_normal(n, dtype=np.float32)
    x, y = _stirred(x, y, texture)
    z = rng.laplace(0.0, 0.06, n).astype(np.float32) + _warp(radius, theta)
    return _Stars(x, y, z, _around(rng, n, 8800, 0.22), _ARM)


def _young_clusters(rng: np.random.Generator, n: int, texture: Field) -> _Stars:
    clusters = 1400
    which = _lots(rng, n, clusters, 1.1)
    centre_x, centre_y, radius = (a[which] for a in _along_arms(rng, clusters, 0.26, texture))
    size = rng.lognormal(np.log(0.05), 0.55, clusters).astype(np.float32)[which]
    dx, dy, dz = _plummer(rng, n) * size
    theta = np.arctan2(centre_y, centre_x)
    height = rng.normal(0.0, 0.05, clusters).astype(np.float32)[which]
    heat = rng.lognormal(np.log(13500), 0.3, clusters).astype(np.float32)[which]
    kelvin = heat * np.exp(0.18 * rng.standard_normal(n, dtype=np.float32))
    return _Stars(
        centre_x + dx,
        centre_y + dy,
        height + dz + _warp(radius, theta),
        np.clip(kelvin, 6500, 32000),
        _CLUSTER,
    )


def _knots(rng: np.random.Generator, n: int, texture: Field) -> _Stars:
    """Draw clouds of ionised hydrogen: at the arms, 10 000 kelvin, pink."""
    clouds = 320
    which = _lots(rng, n, clouds, 1.0)
    centre_x, centre_y, radius = (a[which] for a in _along_arms(rng, clouds, 0.12, texture))
    size = rng.lognormal(np.log(0.075), 0.45, clouds).astype(np.float32)[which]
    dx, dy, dz = (rng.standard_normal((3, n), dtype=np.float32)) * size
    z = dz * np.float32(0.6) + _warp(radius, np.arctan2(centre_y, centre_x))
    return _Stars(centre_x + dx, centre_y + dy, z, _around(rng, n, 10000, 0.05), _CLUSTER, glow=1.0)


def _globular_clusters(rng: np.random.Generator, n: int) -> _Stars:
    clusters = 130
    which = _lots(rng, n, clusters, 0.6)
    distance = 1.5 + 20 * rng.random(clusters, dtype=np.float32) ** np.float32(1.6)
    centre = (_on_sphere(rng, clusters) * distance)[:, which]
    x, y, z = centre + _plummer(rng, n) * np.float32(0.045)
    return _Stars(x, y, z, _around(rng, n, 4700, 0.12), _CLUSTER)


def _halo(rng: np.random.Generator, n: int) -> _Stars:
    radius = np.float32(1.5) * (np.float32(23.0 / 1.5) ** rng.random(n, dtype=np.float32))
    x, y, z = _on_sphere(rng, n) * radius
    return _Stars(x, y, z * np.float32(0.8), _around(rng, n, 4500, 0.1), _HALO)


# --- the spiral


def _winding(radius: Field) -> Field:
    turned: Field = np.log(np.maximum(radius, np.float32(0.3)) / np.float32(_BAR_END)) / _TAN_PITCH
    return turned


def _along_arms(rng: np.random.Generator, n: int, spread: float | Field, texture: Field) -> tuple[Field, Field, Field]:
    """Draw places on the arms: ``x, y, radius``, each (N,), scattered by ``spread`` kpc, outside more."""
    arm = rng.choice(4, n, p=[0.36, 0.34, 0.16, 0.14])
    start = np.array([0.0, np.pi, 0.5 * np.pi, 1.5 * np.pi], np.float32)[arm]
    minor = arm >= 2
    span = rng.beta(1.15, 2.0, n).astype(np.float32)
    radius = np.where(minor, 4.2 + 8.6 * span, _BAR_END + 13.0 * span).astype(np.float32)
    theta = start + _winding(radius) + np.float32(0.08) * np.sin(1.7 * radius + 2.0 * arm).astype(np.float32)
    width = (spread * (0.55 + 0.075 * radius)).astype(np.float32)
    scatter = rng.standard_normal((2, n), dtype=np.float32) * width
    x, y = _stirred(radius * np.cos(theta) + scatter[0], radius * np.sin(theta) + scatter[1], texture)
    return x, y, np.hypot(x, y)


def _stirred(x: Field, y: Field, texture: Field) -> tuple[Field, Field]:
    """Shift places by up to some 0.3 kpc with the noise, so that no arm is a clean curve."""
    u, v = x / np.float32(18), y / np.float32(18)
    reach = np.float32(0.17)
    return x + reach * look_up(texture, u, v), y + reach * look_up(texture, v + np.float32(0.37), u)


def _transmission(radius: Field, theta: Field, z: Field, texture: Field, ridges: Field) -> Field:
    """Return the share (N,) of light that dust lets through: lanes along the inner edge of the arms."""
    phase = theta - _winding(radius)
    u, v = np.log(np.maximum(radius, np.float32(0.3))) * np.float32(0.8), phase * np.float32(0.5 / np.pi)
    ragged = look_up(texture, u, v)
    offset = np.float32(0.30) + np.float32(0.09) * ragged
    around = np.mod(phase - offset + np.float32(np.pi / 2), np.float32(np.pi)) - np.float32(np.pi / 2)
    across = around * radius * _SIN_PITCH  # kpc from the middle of the nearest lane
    lane = np.exp(-((across / (0.12 + 0.016 * radius)) ** 2)) * _ramp(radius, 1.6, 3.2) * _ramp(-radius, -12.5, -9.0)
    feather = np.clip((look_up(ridges, u * np.float32(2.0), v * np.float32(2.0)) - 0.72) * 4.0, 0, 1)
    feather *= _ramp(radius, 1.2, 2.5) * _ramp(-radius, -11.0, -7.0)
    in_plane = np.exp(-((z / np.float32(0.45)) ** 2))
    clear: Field = (1 - in_plane * np.maximum(0.93 * lane, 0.6 * feather)).astype(np.float32)
    return clear


def _flocculence(radius: Field, theta: Field, texture: Field, strength: float) -> Field:
    """Return, (N,) in 0..1, the patchiness of the gas the stars were born from, drawn out along the arms."""
    phase = theta - _winding(radius)
    noise = look_up(texture, np.log(np.maximum(radius, np.float32(0.3))) * 1.3, phase * np.float32(1.0 / np.pi))
    patches: Field = np.clip(1 - strength * (0.5 - 0.5 * np.tanh(1.2 * noise)), 0, 1).astype(np.float32)
    return patches


def _thinned(rng: np.random.Generator, stars: _Stars, chance: Field, n: int) -> _Stars:
    """Keep ``n`` stars, each with its chance."""
    kept = np.flatnonzero(rng.random(len(stars), dtype=np.float32) < chance)
    return stars.take(np.resize(kept, n))


# --- distributions


def _warp(radius: Field, theta: Field) -> Field:
    bend: Field = np.float32(0.016) * np.maximum(radius - 8.0, 0.0).astype(np.float32) ** 2 * np.sin(theta - 0.6)
    return bend


def _on_sphere(rng: np.random.Generator, n: int) -> Field:
    """Return ``(3, N)`` directions."""
    vectors = rng.standard_normal((3, n), dtype=np.float32)
    directions: Field = vectors / np.maximum(np.sqrt((vectors * vectors).sum(axis=0)), np.float32(1e-6))
    return directions


def _plummer(rng: np.random.Generator, n: int) -> Field:
    """Return ``(3, N)`` places in a star cluster of size 1, cut at 6."""
    share = rng.uniform(0.01, 0.96, n).astype(np.float32)
    radius = 1 / np.sqrt(share ** np.float32(-2 / 3) - 1)
    return np.asarray(_on_sphere(rng, n) * radius, np.float32)


def _lots(rng: np.random.Generator, n: int, kinds: int, spread: float) -> npt.NDArray[np.intp]:
    """Return ``(N,)`` draws of 0..kinds-1 whose shares are log-normal."""
    weights = rng.lognormal(0.0, spread, kinds)
    return rng.choice(kinds, n, p=weights / weights.sum())


def _around(rng: np.random.Generator, n: int, kelvin: float, spread: float) -> Field:
    drawn: Field = np.float32(kelvin) * np.exp(np.float32(spread) * rng.standard_normal(n, dtype=np.float32))
    return np.asarray(np.clip(drawn, 2800, 32000), np.float32)


def _turned(x: Field, y: Field, angle: float) -> tuple[Field, Field]:
    c, s = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    return c * x - s * y, s * x + c * y


def _ramp(value: Field, low: float, high: float) -> Field:
    t = np.clip((value - np.float32(low)) / np.float32(high - low), 0, 1)
    smooth: Field = t * t * (3 - 2 * t)
    return smooth


# --- light


def _luminosity(rng: np.random.Generator, kelvin: Field) -> Field:
    """Return the light of each star in suns: hotter is much brighter, with a scatter."""
    scatter = np.exp(np.float32(0.5) * rng.standard_normal(len(kelvin), dtype=np.float32))
    return np.asarray(np.clip((kelvin / np.float32(5800)) ** 4 * scatter, 0.01, 2000), np.float32)


# Colours of black bodies, a little more saturated than the eye sees them: kelvin, red, green, blue.
_BLACK_BODY = np.array(
    [
        (2800, 255, 150, 70),
        (3600, 255, 178, 100),
        (4400, 255, 204, 140),
        (5400, 255, 228, 190),
        (6400, 255, 244, 230),
        (7600, 222, 232, 255),
        (9500, 176, 204, 255),
        (13000, 142, 180, 255),
        (20000, 118, 160, 255),
        (32000, 104, 148, 255),
    ]
)
_PINK = np.array([255, 84, 122], np.float32)


def _star_colour(kelvin: Field, luminosity: Field, glow: Field) -> npt.NDArray[np.uint8]:
    """Return ``(N, 3)`` colours: that of a black body, dimmer where the star is."""
    table_at = np.linspace(2800, 32000, 1461)
    table = np.stack([np.interp(table_at, _BLACK_BODY[:, 0], _BLACK_BODY[:, c]) for c in (1, 2, 3)], axis=1)
    row = np.clip((kelvin - 2800) * np.float32(0.05), 0, 1460).astype(np.int16)
    colour = table.astype(np.float32)[row]
    colour += glow[:, None] * (_PINK - colour)
    bright = np.clip(0.62 + 0.10 * np.log(luminosity), 0.42, 1.0)
    return np.asarray(colour * bright[:, None], np.uint8)
