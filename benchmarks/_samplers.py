"""Other ways to thin a cloud, to hold ours against: centroids, by chance, blue noise. All leave about as many."""

from __future__ import annotations

import numpy as np
from scipy.spatial import KDTree

from zarr_vectors.multiresolution._thin import cell_numbers, find_cell, occupied, thin
from zarr_vectors.spatial import extent

TRIES = 12
PAIRS_ROWS = 20_000


def ours(positions, target, seed=0):
    """Give rows: one point of each cell, drawn by chance."""
    return np.sort(thin(positions, _cell(positions, target), (seed,)).kept)


def _cell(positions, target):
    ndim = positions.shape[1]
    size = np.ptp(positions, axis=0)
    return find_cell(lambda cell: occupied(positions, cell), size, target, np.ones(ndim), np.ones(ndim, bool))


def centroids(positions, target):
    """Give places: the mean of each cell's points."""
    groups = thin(positions, _cell(positions, target), (0,)).groups
    ordered = positions[groups.order].astype(float)
    return (np.add.reduceat(ordered, groups.starts[:-1], axis=0) / groups.counts[:, None]).astype(positions.dtype)


def central(positions, target):
    """Give rows: the point of each cell that lies nearest to the middle of it."""
    cell = _cell(positions, target)
    low = np.floor(extent(positions)[0] / cell)
    inside = positions / cell - low
    away = ((inside - np.floor(inside) - 0.5) ** 2).sum(axis=1)
    key = cell_numbers(positions, extent(positions), cell)
    order = np.lexsort((away, key))
    return np.sort(order[np.flatnonzero(np.diff(key[order], prepend=-1))])


def by_chance(positions, target, seed=0):
    """Give rows: any."""
    return np.sort(np.random.default_rng(seed).choice(len(positions), target, replace=False))


def blue_noise(positions, target, seed=0):
    """Give rows: in an order by chance each point that has no neighbour yet within a radius, which fits the target."""
    rank = np.random.default_rng(seed).permutation(len(positions))
    low, high = 0.0, None
    radius = 0.8 * float(_cell(positions, target).max())
    kept = np.arange(len(positions))
    for _ in range(TRIES):
        kept = _apart(positions, rank, radius)
        if abs(np.log(len(kept) / target)) < 0.02:
            break
        if len(kept) > target:
            low = radius
        else:
            high = radius
        step = radius * (len(kept) / target) ** (1 / 2.3)
        radius = step if step > low and (high is None or step < high) else (low + (high or 2 * step)) / 2
    return np.sort(kept)


def _apart(positions, rank, radius):
    """Take, of the points left, those that no earlier one lies near to, until none is left."""
    left = np.argsort(rank)
    kept = [np.empty(0, np.int64)]
    # A first share of the order, then more: later points mostly fall to those that are there already.
    for part in np.array_split(left, np.unique(np.geomspace(500, len(left), 24).astype(int))[:-1]):
        known = np.concatenate(kept)
        if len(known):
            part = part[np.isinf(KDTree(positions[known]).query(positions[part], distance_upper_bound=radius)[0])]
        kept.append(_first_come(positions, part, radius))
    return np.concatenate(kept)


def _first_come(positions, part, radius):
    """Of points in order those that no taken one before them lies near to: rounds of local firsts."""
    pairs = KDTree(positions[part]).query_pairs(radius, output_type="ndarray")
    state = np.zeros(len(part), np.int8)  # 0 open, 1 taken, 2 out
    first, second = pairs.min(axis=1, initial=0), pairs.max(axis=1, initial=0)
    while (state == 0).any():
        blocked = np.zeros(len(part), bool)
        blocked[second[(state[first] == 0)]] = True
        state[(state == 0) & ~blocked] = 1
        out = second[state[first] == 1]
        state[out[state[out] == 0]] = 2
        live = (state[first] == 0) & (state[second] == 0)
        first, second = first[live], second[live]
    return part[state == 1]


def best_of(positions, target, candidates=8, seed=0):
    """Give rows: as ours, but of some points of the cell the one farthest from what neighbours have taken.

    Cells take turns by the parity of their place, so that no two of one turn touch.
    """
    edges = _cell(positions, target)
    groups, rng = thin(positions, edges, (seed,)).groups, np.random.default_rng(seed)
    cell = np.floor(positions[groups.order[groups.starts[:-1]]] / edges).astype(np.int64)
    turn = rng.permutation(2 ** cell.shape[1])[(cell % 2) @ (2 ** np.arange(cell.shape[1]))]
    kept = np.empty(len(turn), np.int64)
    taken = np.empty((0, positions.shape[1]))
    for number in range(2 ** cell.shape[1]):
        cells = np.flatnonzero(turn == number)
        draw = rng.random((len(cells), candidates)) * groups.counts[cells, None]
        rows = groups.order[groups.starts[cells, None] + draw.astype(np.int64)]
        if len(taken):
            away = KDTree(taken).query(positions[rows].reshape(-1, positions.shape[1]))[0].reshape(rows.shape)
            # Of equals the first: where all lie far from everything the choice stays one by chance.
            best = np.argmax(np.minimum(away, edges.max()), axis=1)
        else:
            best = np.zeros(len(cells), np.int64)
        kept[cells] = rows[np.arange(len(cells)), best]
        taken = np.concatenate([taken, positions[kept[cells]]])
    return np.sort(kept)
