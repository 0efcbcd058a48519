"""A fish embryo in its first two days, cell by cell: a time series of points in four axes.

1. Founder cells sit on the animal pole of a ball of yolk; each divides some times, at moments of its own.
2. The sheet of cells spreads over the yolk (epiboly).
3. Cells move towards the back and stretch along it (convergence and extension): a body rises from the ball.
4. Blocks of muscle form along the body, from head to tail, while a tail grows out.

A cell is followed from its division to the next: that is a track, the object of its points. Daughters part from where
their mother was. Positions are ``(t, z, y, x)``: hours and micrometres; the yolk's centre is the origin, the animal
pole, where the head will be, is up, the back of the animal lies at ``+y``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_zarr_vectors._samples._sample import PointSample

Float64Array = npt.NDArray[np.float64]
Int64Array = npt.NDArray[np.int64]

FATES = np.array(["skin", "nervous system", "muscle", "yolk layer"])
_SKIN, _NERVE, _MUSCLE, _YOLK = range(4)

TIMES = 51
_ROUNDS = 4  # of divisions
_RADIUS = 300.0  # of the yolk, um
_BLOCKS = 32.0  # furrows between the blocks of muscle, radians a radian
_PART_TIME = 2.0  # times in which daughters part


@dataclass(frozen=True, slots=True)
class _Tracks:
    """Every cell there ever is, one row each."""

    mother: Int64Array  # -1 for founders
    founder: Int64Array
    generation: Int64Array
    born: Float64Array  # in times; founders before 0
    ends: Float64Array
    sheet: Float64Array  # (n, 2): share of the sheet from the pole, angle around it, 0 at the back
    depth: Float64Array  # 0 outside, 1 at the yolk


def embryo(n: int = 32_000, *, seed: int = 21) -> PointSample:
    """Return a time series of an embryo that has ``n`` cells (160 or more) at its end, or a few less.

    Vertex attributes ``lineage`` (the founder, numbered around the animal), ``fate`` (words), ``speed`` (um an hour),
    ``generation`` and ``rgb`` (uint8: fate, lineage and a light from the side). The object of a point is its cell,
    with ``mother`` (-1 for founders), ``lineage`` and ``born`` (hours); a group a fate.
    """
    if n < 160:
        raise ValueError(f"an embryo needs at least 160 cells, not {n}")
    rng = np.random.default_rng(seed)
    tracks = _tracks(rng, max(n >> _ROUNDS, 10))
    fate = _fates(tracks)
    times = np.arange(TIMES, dtype=np.float64)
    first = np.ceil(np.maximum(tracks.born, 0)).astype(np.int64)
    last = np.minimum(np.ceil(tracks.ends), TIMES).astype(np.int64)
    count = np.maximum(last - first, 0)
    track = np.repeat(np.arange(len(first)), count)
    t = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count - first, count)
    wander = rng.standard_normal((len(first), 3, 3))
    place = _places(tracks, fate, wander, track, times[t])
    before = _places(tracks, fate, wander, track, times[t] - 0.5)
    seen = np.flatnonzero(count > 0)
    number = np.full(len(first), -1)
    number[seen] = np.arange(len(seen))
    mother = np.where(tracks.mother[seen] < 0, -1, number[tracks.mother[seen]])
    order = np.argsort(t, kind="stable")
    track, t, place, before = track[order], t[order], place[order], before[order]
    return PointSample(
        name="timelapse",
        positions=np.column_stack([times[t], place]).astype(np.float32),
        attributes={
            "lineage": tracks.founder[track].astype(np.float32),
            "fate": FATES[fate[track]],
            "speed": (np.linalg.norm(place - before, axis=1) / (0.5)).astype(np.float32),
            "generation": tracks.generation[track].astype(np.uint8),
            "rgb": _colours(tracks, fate, track, place, times[t] / (TIMES - 1)),
        },
        object_ids=number[track],
        object_attributes={
            "mother": mother,
            "lineage": tracks.founder[seen],
            "born": (np.maximum(tracks.born[seen], 0)).astype(np.float32),
        },
        groups={str(name): np.flatnonzero(fate[seen] == i) for i, name in enumerate(FATES)},
        axes=("t", "z", "y", "x"),
        units=("hour", "micrometer", "micrometer", "micrometer"),
        chunk_shape=(5.0, 240.0, 240.0, 240.0),
        bin_shape=(1.0, 15.0, 15.0, 15.0),
        factors=((1, 4), (1, 4)),  # tracks are left out: a cell at one time is a single point
    )


# --- who descends from whom


def _tracks(rng: np.random.Generator, founders: int) -> _Tracks:
    """Draw the tree of all cells, generation by generation; each cell's place in the sheet is near its mother's."""
    share, angle = _even_sheet(founders)
    order = np.argsort(angle, kind="stable")
    sheet = np.stack([share[order], angle[order]], axis=1)
    depth = rng.random(founders)
    own = _Tracks(
        np.full(founders, -1), np.arange(founders), np.zeros(founders, np.int64), np.full(founders, -9.0),
        rng.uniform(0.5, 6.0, founders), sheet, depth,
    )  # fmt: skip
    all_of_them, start = [own], 0
    for generation in range(1, _ROUNDS + 1):
        count = len(own.founder)
        apart = np.sqrt(1.0 / (founders * 2**generation)) * 0.8  # shrinks with the cells
        way = rng.uniform(0, 2 * np.pi, count)
        step = np.stack([np.cos(way), np.sin(way) * 2 * np.pi], axis=1) * apart
        step[:, 1] /= np.maximum(2 * np.sqrt(own.sheet[:, 0]), 0.3)
        pair = np.concatenate([own.sheet + step, own.sheet - step])
        pair[:, 0] = 1 - np.abs(1 - np.abs(pair[:, 0]))
        ends = np.tile(own.ends, 2) + rng.normal(7.5 + 2.2 * generation, 1.8, 2 * count)
        own = _Tracks(
            np.tile(np.arange(start, start + count), 2), np.tile(own.founder, 2), np.full(2 * count, generation),
            np.tile(own.ends, 2), ends if generation < _ROUNDS else np.full(2 * count, 2.0 * TIMES), pair,
            np.clip(np.tile(own.depth, 2) + 0.1 * rng.standard_normal(2 * count), 0, 1),
        )  # fmt: skip
        start += count
        all_of_them.append(own)
    return _Tracks(*(np.concatenate([getattr(part, name) for part in all_of_them]) for name in _Tracks.__slots__))


def _even_sheet(n: int) -> tuple[Float64Array, Float64Array]:
    """Give ``n`` even places in the sheet: a sunflower's share of the area from the middle, and its angles."""
    share = (np.arange(n) + 0.5) / n
    return share, np.angle(np.exp(1j * np.arange(n) * np.pi * (3 - 5**0.5)))


def _fates(tracks: _Tracks) -> Int64Array:
    """Say what becomes of each cell, by where its founder lies."""
    share, angle = tracks.sheet[tracks.founder].T
    depth = tracks.depth[tracks.founder]
    nerve = (np.abs(angle) < 1.0 + 1.1 * (1 - share) ** 2) & (depth < 0.7)
    muscle = (np.abs(angle) < 2.4) & (np.abs(angle) > 0.35) & (depth >= 0.5) & (share > 0.28) & ~nerve
    return np.where(nerve, _NERVE, np.where(muscle, _MUSCLE, np.where(depth > 0.75, _YOLK, _SKIN)))


# --- where they are


def _places(
    tracks: _Tracks, fate: Int64Array, wander: Float64Array, track: Int64Array, t: Float64Array
) -> Float64Array:
    """Return where cells are at times (m,), ``(m, 3)`` z, y, x in um."""
    share, angle, depth = _in_sheet(tracks, track, t)
    part, kind = t / (TIMES - 1), fate[track]
    spread = 0.8 + 2.2 * _rise(0.0, 0.30, part)  # how far down the sheet reaches, radians
    down = np.arccos(np.clip(1 - share * (1 - np.cos(spread)), -1, 1))
    gather = _rise(0.14, 0.50, part)
    around = angle * (1 - gather * np.array([0.0, 0.88, 0.87, 0.0])[kind])
    # Skin and yolk layer spread into the flanks that the others leave.
    wide = np.sign(angle) * (np.pi - (np.pi - np.abs(angle)) * (1 + 0.42 * gather)) - around
    around += wide * ((kind == _SKIN) & (np.abs(angle) > 0.95))
    body = _rise(0.22, 0.60, part) * ((kind == _NERVE) | (kind == _MUSCLE))
    reach = 2.35 + 0.75 * _rise(0.3, 1.0, part)  # of the body, radians from pole to pole
    down += body * (0.18 + share * reach - down)
    tail = np.maximum(down - 2.45, 0) * body
    layer = 64.0 - 44.0 * _rise(0.0, 0.3, part)  # um, of the sheet
    radius = _RADIUS + layer * (1 - depth)
    radius += body * _ridge(down, around, depth, part) + 260 * tail
    furrow = _blocks(down, part) * body * (kind == _MUSCLE)
    down += 0.027 * furrow
    around *= 1 + 0.9 * body * np.exp(-(((down - 0.5) / 0.22) ** 2)) * (kind == _NERVE)  # the brain is wider
    around += np.sign(around) * body * (kind == _MUSCLE) * 0.07
    around *= 1 - 0.75 * np.clip(tail / 0.5, 0, 1)
    sway = np.array([0.25, 0.5, 0.8])
    own = (wander[track] * np.sin(t[:, None, None] * sway + wander[track] * 5)).sum(axis=2) * 1.5
    x, y = radius * np.sin(down) * np.sin(around), radius * np.sin(down) * np.cos(around)
    return np.asarray(np.stack([radius * np.cos(down), y, x], axis=1) + own)


def _ridge(down: Float64Array, around: Float64Array, depth: Float64Array, part: Float64Array) -> Float64Array:
    """Return how high the body rises at places, um: highest where brain and eyes will be, flat towards its flanks."""
    brain = np.exp(-(((down - 0.50) / 0.22) ** 2)) + 0.8 * np.exp(-(((down - 0.95) / 0.15) ** 2))
    eyes = np.exp(-(((down - 0.42) / 0.17) ** 2)) * np.exp(-(((np.abs(around) - 0.34) / 0.13) ** 2))
    rising = 0.5 + 0.5 * _rise(0.4, 1.0, part)
    flank = np.clip(1 - (around / 0.5) ** 2, 0, 1)
    return np.asarray((44 + 50 * brain * rising) * flank * (0.3 + 0.7 * (1 - depth)) + 46 * eyes * rising)


def _in_sheet(tracks: _Tracks, track: Int64Array, t: Float64Array) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Return the share, angle and depth (m,): daughters go from their mother's place to their own."""
    rows = np.concatenate([tracks.sheet, tracks.depth[:, None]], axis=1)
    mother = np.where(tracks.mother < 0, np.arange(len(rows)), tracks.mother)
    step = rows - rows[mother]
    gone = _rise(0, _PART_TIME, t - tracks.born[track])[:, None]
    share, angle, depth = (rows[mother][track] + step[track] * gone).T
    return np.clip(share, 1e-4, 1), angle, depth


def _blocks(down: Float64Array, part: Float64Array) -> Float64Array:
    """Return -1..1: which way a cell goes to leave a furrow between two blocks; furrows run from the head backwards."""
    return np.asarray(np.sin(down * _BLOCKS) * _blocks_are(down, part))


def _blocks_are(down: Float64Array, part: Float64Array) -> Float64Array:
    """Return 0..1: how far the blocks at a place have formed."""
    return _rise(0.0, 0.08, part - 0.30 - 0.2 * (down - 1.05)) * (down > 1.05)


def _rise(low: float, high: float, value: Float64Array) -> Float64Array:
    """Return a smooth step from 0 at ``low`` to 1 at ``high``."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t))


# --- light

_TINTS = np.array(
    [
        [[44, 110, 150], [60, 168, 178]],
        [[255, 196, 84], [255, 236, 170]],
        [[226, 62, 96], [255, 120, 92]],
        [[58, 70, 120], [70, 92, 150]],
    ],
    np.float64,
)
"""Of each fate, two colours between which its lineages lie."""
_SUN = np.array([0.62, 0.55, -0.56])  # towards the light: z, y, x


def _colours(
    tracks: _Tracks, fate: Int64Array, track: Int64Array, place: Float64Array, part: Float64Array
) -> npt.NDArray[np.uint8]:
    """Return ``(m, 3)``: the colour of the fate, shaded as if the embryo were a ball in the sun, furrows dark."""
    founder, kind = tracks.founder[track], fate[track]
    mix = (0.5 + 0.5 * np.sin(founder * 2.399))[:, None]
    low, high = _TINTS[kind].transpose(1, 0, 2)
    distance = np.linalg.norm(place, axis=1)
    lit = 0.40 + 0.70 * np.clip(0.25 + 0.75 * (place @ _SUN) / distance, 0, 1)
    down = np.arccos(np.clip(place[:, 0] / distance, -1, 1))
    furrow = np.clip(np.cos(down * _BLOCKS), 0, 1) * _blocks_are(down, part) * (kind == _MUSCLE)
    lit *= 1 - 0.6 * furrow
    return np.asarray(np.clip((low * (1 - mix) + high * mix) * lit[:, None], 0, 255), np.uint8)
