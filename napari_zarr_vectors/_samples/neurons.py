"""Neurons of a piece of cortex: skeletons with radii, as reconstructions from electron microscopy are.

All neurites grow at once, a step of a few micrometres at a time: a tip goes on in its direction, drawn towards where
its kind belongs and jostled by chance; now and then it splits, and both branches are thinner.

1. Cell bodies lie in layers, none too close to another.
2. Stems leave each body: basal dendrites all around, an apical one towards the surface, an axon downwards.
3. Rounds of growth; when a tip splits, its branches grow in the next round.

Positions are ``(z, y, x)`` in micrometres: the surface of the cortex is at ``z = 1400``, white matter at 0.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from napari_zarr_vectors._samples._sample import TreeSample

Float64Array = npt.NDArray[np.float64]
Int64Array = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

COMPARTMENTS = np.array(["soma", "axon", "basal dendrite", "apical dendrite"])
_SOMA, _AXON, _BASAL, _APICAL = range(4)

_SURFACE = 1400.0
_WIDTH, _DEPTH = 2000.0, 500.0  # x and y of the block, um
_STEP = 3.0


@dataclass(frozen=True, slots=True)
class _Kind:
    """A type of cell; lengths in um."""

    name: str
    share: float
    layer: tuple[float, float]  # of the bodies, z
    soma: float  # radius
    basal: int  # stems
    basal_reach: float  # length of a stem and its branches
    tuft: float  # where an apical dendrite branches, z; 0 for none
    axon: tuple[float, float]  # pull up (+) or down (-), and its length
    colour: tuple[int, int, int]


_KINDS = (
    _Kind("L2/3 pyramidal", 0.25, (1030, 1270), 7.0, 6, 130, 1290, (-0.5, 800), (255, 176, 60)),
    _Kind("L4 spiny stellate", 0.16, (830, 1000), 6.0, 7, 120, 0, (0.35, 600), (120, 214, 120)),
    _Kind("L5 thick-tufted", 0.15, (520, 740), 10.0, 8, 190, 1220, (-1.0, 900), (242, 74, 92)),
    _Kind("L6 corticothalamic", 0.17, (160, 430), 7.0, 6, 120, 900, (-0.9, 500), (170, 112, 245)),
    _Kind("basket", 0.14, (350, 1200), 7.5, 6, 150, 0, (0.0, 900), (64, 190, 255)),
    _Kind("Martinotti", 0.08, (450, 1100), 6.5, 5, 140, 0, (1.0, 900), (250, 240, 150)),
    _Kind("neurogliaform", 0.05, (1290, 1370), 5.0, 9, 90, 0, (0.0, 600), (255, 130, 220)),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Tips:
    """Ends that grow, all arrays of one row a tip."""

    node: Int64Array  # from which it grows
    cell: Int64Array
    place: Float64Array  # (n, 3) z, y, x
    direction: Float64Array  # (n, 3)
    radius: Float64Array
    left: Float64Array  # length that it and its branches may still grow
    order: Int64Array  # how often it has split
    part: Int64Array

    def take(self, rows: npt.NDArray[np.generic]) -> _Tips:
        return _Tips(*(getattr(self, name)[rows] for name in self.__slots__))


@dataclass(frozen=True, slots=True)
class _Nodes:
    """What has grown."""

    place: Float64Array
    parent: Int64Array  # -1 for a body
    cell: Int64Array
    radius: Float64Array
    part: Int64Array


def cortex_neurons(n: int = 200, *, seed: int = 3) -> TreeSample:
    """Return ``n`` neurons (7 or more) of some thousand nodes each.

    Vertex attributes ``radius`` (um), ``compartment`` (words), ``rgb`` (uint8, by type); object attributes ``type``
    (words), ``depth`` (um below the surface) and ``cable_length`` (um); a group a type.
    """
    if n < len(_KINDS):
        raise ValueError(f"this cortex needs at least {len(_KINDS)} neurons, not {n}")
    rng = np.random.default_rng(seed)
    kinds = np.sort(np.resize(np.repeat(np.arange(len(_KINDS)), _counts(n)), n))
    somas = _somas(rng, kinds)
    nodes = _grown(rng, kinds, somas)
    order = np.argsort(nodes.cell, kind="stable")
    number = np.empty(len(order), np.int64)
    number[order] = np.arange(len(order))
    child = order[nodes.parent[order] >= 0]
    edges = np.stack([number[child], number[nodes.parent[child]]], axis=1)
    steps = np.linalg.norm(nodes.place[child] - nodes.place[nodes.parent[child]], axis=1)
    names = np.array([kind.name for kind in _KINDS])
    return TreeSample(
        name="neurons",
        positions=nodes.place[order].astype(np.float32),
        offsets=np.append(0, np.cumsum(np.bincount(nodes.cell, minlength=n))),
        edges=edges,
        attributes={
            "radius": nodes.radius[order].astype(np.float32),
            "compartment": COMPARTMENTS[nodes.part[order]],
            "rgb": _colours(rng, kinds, nodes)[order],
        },
        object_attributes={
            "type": names[kinds],
            "depth": (_SURFACE - somas[:, 0]).astype(np.float32),
            "cable_length": np.bincount(nodes.cell[child], steps, n).astype(np.float32),
        },
        groups={str(name): np.flatnonzero(kinds == i) for i, name in enumerate(names)},
        axes=("z", "y", "x"),
        units=("micrometer", "micrometer", "micrometer"),
        chunk_shape=(200.0, 200.0, 200.0),
        bin_shape=(5.0, 5.0, 5.0),
        factors=((2, 1), (2, 1), (2, 1)),
    )


def _counts(n: int) -> Int64Array:
    """Give how many cells of each kind there are, one at least."""
    ideal = np.array([kind.share for kind in _KINDS]) * n
    counts = np.maximum(np.round(ideal).astype(np.int64), 1)
    counts[0] += n - counts.sum()
    while counts.min() < 1:  # a few cells only: the most frequent kind gives way
        counts[counts.argmax()] -= 1
        counts[counts.argmin()] += 1
    return counts


def _somas(rng: np.random.Generator, kinds: Int64Array) -> Float64Array:
    """Place the bodies ``(C, 3)``: of many draws for each the one farthest from those before."""
    layers = np.array([kind.layer for kind in _KINDS])[kinds]
    placed = np.empty((len(kinds), 3))
    for i in range(len(kinds)):
        drawn = rng.random((24, 3))
        drawn[:, 0] = layers[i, 0] + drawn[:, 0] * (layers[i, 1] - layers[i, 0])
        drawn[:, 1:] *= (_DEPTH, _WIDTH)
        apart = np.linalg.norm((drawn[:, None] - placed[None, :i]), axis=2)
        placed[i] = drawn[apart.min(axis=1).argmax()] if i else drawn[0]
    return placed


# --- growth


def _grown(rng: np.random.Generator, kinds: Int64Array, somas: Float64Array) -> _Nodes:
    cells = len(kinds)
    radius = np.array([kind.soma for kind in _KINDS])[kinds] * rng.normal(1, 0.08, cells)
    done = [_Nodes(somas, np.full(cells, -1), np.arange(cells), radius, np.full(cells, _SOMA))]
    count = cells
    tips = _stems(rng, kinds, somas)
    while len(tips.node):
        tips = _stepped(rng, kinds, tips)
        near = np.linalg.norm(tips.place - somas[tips.cell], axis=1) / radius[tips.cell]
        body = np.exp(-(np.maximum(near - 0.35, 0) ** 2) * 1.1)  # stems widen into the body
        thick = np.maximum(tips.radius, radius[tips.cell] * body * np.where(tips.part == _AXON, 0.5, 0.92))
        part = np.where(near < 1, _SOMA, tips.part)
        done.append(_Nodes(tips.place, tips.node, tips.cell, thick, part))
        tips = _split(rng, kinds, tips, count + np.arange(len(tips.node)))
        count += len(part)
    return _Nodes(*(np.concatenate([getattr(part, name) for part in done]) for name in _Nodes.__slots__))


def _stems(rng: np.random.Generator, kinds: Int64Array, somas: Float64Array) -> _Tips:
    """Draw the first tips of every cell."""
    basal = np.repeat(np.arange(len(kinds)), np.array([kind.basal for kind in _KINDS])[kinds])
    apical = np.flatnonzero(np.array([kind.tuft for kind in _KINDS])[kinds] > 0)
    cell = np.concatenate([basal, apical, np.arange(len(kinds))])
    part = np.repeat([_BASAL, _APICAL, _AXON], [len(basal), len(apical), len(kinds)])
    direction = rng.standard_normal((len(cell), 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    pyramid = np.isin(cell, apical) & (part == _BASAL)
    direction[pyramid, 0] = -np.abs(direction[pyramid, 0]) * 0.7 + 0.12
    direction[part == _APICAL] = (1, 0, 0) + 0.06 * rng.standard_normal((len(apical), 3))
    direction[part == _AXON] = (-1, 0, 0) + 0.3 * rng.standard_normal((len(kinds), 3))
    reach = np.array([kind.basal_reach for kind in _KINDS])[kinds[cell]] * rng.lognormal(0, 0.2, len(cell))
    axon = np.array([kind.axon[1] for kind in _KINDS])[kinds[cell]]
    left = np.choose(part, [reach, axon, reach, np.full(len(cell), 1500.0)])
    thick = np.choose(part, [1.0, 0.55, 1.25, np.where(kinds[cell] == 2, 3.0, 1.9)]) * rng.lognormal(0, 0.12, len(cell))
    return _Tips(cell, cell, somas[cell], _unit(direction), thick, left, np.zeros(len(cell), np.int64), part)


def _stepped(rng: np.random.Generator, kinds: Int64Array, tips: _Tips) -> _Tips:
    """Go on by one step."""
    n = len(tips.node)
    wander = np.array([0, 0.26, 0.2, 0.13])[tips.part]
    pull = np.zeros((n, 3))
    pull[:, 0] = _pull_up(kinds, tips)
    centre = np.array([0.0, _DEPTH / 2, _WIDTH / 2])
    outside = np.abs(tips.place - centre) - np.array([np.inf, _DEPTH / 2, _WIDTH / 2])
    pull -= 0.06 * np.sign(tips.place - centre) * (outside > 0)  # the block has soft walls
    pull[:, 0] -= 0.5 * (tips.place[:, 0] > _SURFACE - 12)
    direction = _unit(tips.direction + wander[:, None] * rng.standard_normal((n, 3)) + pull)
    direction[:, 0] = np.where((tips.place[:, 0] > _SURFACE - 4) & (direction[:, 0] > 0), -0.02, direction[:, 0])
    place = tips.place + _STEP * direction
    thin = np.array([0, 0.9997, 0.9965, 0.9988])[tips.part]
    least = np.array([0, 0.22, 0.3, 0.32])[tips.part]
    radius = np.maximum(tips.radius * thin, least)
    return replace(tips, place=place, direction=direction, radius=radius, left=tips.left - _STEP)


def _pull_up(kinds: Int64Array, tips: _Tips) -> Float64Array:
    """Give the pull towards the surface (n,) of each tip: apical trunks straight up, axons as their kind has it."""
    tuft = np.array([kind.tuft for kind in _KINDS])[kinds[tips.cell]]
    axon = np.array([kind.axon[0] for kind in _KINDS])[kinds[tips.cell]]
    trunk = (tips.part == _APICAL) & (tips.order == 0) & (tips.place[:, 0] < tuft)
    crown = (tips.part == _APICAL) & (tips.place[:, 0] >= tuft)
    main = (tips.part == _AXON) & (tips.order <= 1)
    pull = 0.16 * trunk + 0.03 * crown + np.where(main, 0.09, 0.012) * axon * (tips.part == _AXON)
    return np.asarray(pull)


def _split(rng: np.random.Generator, kinds: Int64Array, tips: _Tips, node: Int64Array) -> _Tips:
    """End what has grown out, let some of the others branch; the rest goes on from its new node."""
    tips = replace(tips, node=node)
    tips = tips.take(np.flatnonzero((tips.left > 0) & (tips.place[:, 0] > 0)))
    tuft = np.array([kind.tuft for kind in _KINDS])[kinds[tips.cell]]
    in_tuft = (tips.part == _APICAL) & (tips.place[:, 0] >= tuft)
    trunk = (tips.part == _APICAL) & (tips.order == 0) & ~in_tuft
    rate = np.array([0.0, 0.013, 0.030, 0.010])[tips.part]
    rate = np.where(trunk, 0.011, np.where(in_tuft, 0.040, rate))
    rate *= np.array([0.0, 0.86, 0.62, 0.66])[tips.part] ** tips.order
    rows = np.flatnonzero(rng.random(len(tips.node)) < rate)
    aside = _unit(np.cross(tips.direction[rows], rng.standard_normal((len(rows), 3))))
    side = trunk[rows]  # a trunk goes on and sends off an oblique branch
    angle = np.where(side, 1.15, rng.uniform(0.35, 0.75, len(rows)))[:, None]
    branch = tips.take(rows)
    reach = np.where(side, 130.0, branch.left * rng.uniform(0.6, 1.0, len(rows)))
    reach = np.where((branch.part == _APICAL) & ~side, np.minimum(reach, 210), reach)
    branch = replace(
        branch,
        direction=branch.direction * np.cos(angle) + aside * np.sin(angle),
        radius=branch.radius * np.where(side, 0.42, 0.76),
        left=reach,
        order=branch.order + 1,
    )
    keeps = np.zeros(len(tips.node), bool)
    keeps[rows] = ~side
    turned = tips.direction.copy()
    turned[rows[~side]] -= aside[~side] * 0.4
    left = np.where(keeps & (tips.part == _APICAL), np.minimum(tips.left, 210), tips.left)
    order = tips.order + keeps * (tips.part != _AXON)
    slimmer = tips.radius * np.where(keeps, 0.82, 1.0)
    on = replace(tips, direction=_unit(turned), radius=slimmer, left=left, order=order)
    return _Tips(*(np.concatenate([getattr(on, name), getattr(branch, name)]) for name in _Tips.__slots__))


def _unit(vectors: Float64Array) -> Float64Array:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12))


def _colours(rng: np.random.Generator, kinds: Int64Array, nodes: _Nodes) -> npt.NDArray[np.uint8]:
    """Return ``(N, 3)``: the colour of the type, of each cell a little different, axons dimmer, bodies brighter."""
    own = np.array([kind.colour for kind in _KINDS], np.float64)[kinds]
    own *= rng.uniform(0.78, 1.05, (len(kinds), 1)) * rng.normal(1, 0.05, (len(kinds), 3))
    part = np.array([1.08, 0.55, 0.95, 1.0])[nodes.part]
    return np.asarray(np.clip(own[nodes.cell] * part[:, None], 0, 255), np.uint8)
