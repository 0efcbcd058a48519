"""How much a coarse level looks like the fine one, in numbers: none needs a window, and none asks the library why."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree
from scipy.stats import wasserstein_distance

CANDIDATES = 12
PER_CHORD = 8  # places on a chord at which its distance from the old line is taken


def histogram_distance(values, reference, weights=None, reference_weights=None):
    """Earth mover's distance of two histograms of a number, as a share of the range of `reference`.

    0.01 = values have to be moved by 1 % of the range, on average, to make one of the other.
    """
    span = float(reference.max() - reference.min())
    return float(wasserstein_distance(values, reference, weights, reference_weights)) / span


def label_distance(labels, reference, weights=None):
    """Share of the labels that would have to change: half the sum of the differences of all shares."""
    words = np.unique(reference)
    here = np.bincount(np.searchsorted(words, labels), weights, minlength=len(words))
    there = np.bincount(np.searchsorted(words, reference), minlength=len(words))
    return float(np.abs(here / here.sum() - there / there.sum()).sum() / 2)


def picture_distance(picture, reference):
    """Mean difference of two pictures, (h, w, 3) uint8, over the mean light of `reference`; a black one has 1."""
    a, b = picture.astype(float), reference.astype(float)
    return float(np.abs(a - b).mean() / b.mean())


def labels_of_nearest(coarse, fine, labels):
    """Most frequent label of the points of `fine` that lie nearest to each of `coarse`: the best that labels can be."""
    words, number = np.unique(labels, return_inverse=True)
    votes = np.zeros((len(coarse), len(words)), np.int64)
    np.add.at(votes, (KDTree(coarse).query(fine)[1], number), 1)
    return words[votes.argmax(axis=1)]


def stands_for(coarse, fine):
    """How many of `fine`, (N, D), lie nearest to each of `coarse`, (M, D)."""
    return np.bincount(KDTree(coarse).query(fine)[1], minlength=len(coarse)).astype(float)


def lengths_at(positions, ends):
    """Half the length of all edges (M, 2) at each vertex, (N,): its share of what a line or network draws."""
    length = np.linalg.norm(positions[ends[:, 0]].astype(float) - positions[ends[:, 1]], axis=1) / 2
    return np.bincount(ends.reshape(-1), np.repeat(length, 2), minlength=len(positions))


def areas_at(positions, faces):
    """A third of the area of all triangles (M, 3) at each vertex, (N,)."""
    return np.bincount(faces.reshape(-1), np.repeat(_areas(positions, faces) / 3, 3), minlength=len(positions))


def _areas(positions, faces):
    a, b, c = (positions.astype(float)[corner] for corner in faces.T)
    return np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2


def area(positions, faces):
    return float(_areas(positions, faces).sum())


def volume(positions, faces):
    """Volume inside a closed surface, positive where corners go anticlockwise."""
    a, b, c = (positions.astype(float)[corner] for corner in faces.T)
    return float(abs(np.einsum("ij,ij->", a, np.cross(b, c))) / 6)


def held(positions, faces, owner, count=0):
    """Area of each object, (O,), and volume inside it, positive where corners go anticlockwise."""
    count = max(count, int(owner.max(initial=-1)) + 1)
    vertices = np.maximum(np.bincount(owner, minlength=count), 1)
    middle = np.stack([np.bincount(owner, axis, count) / vertices for axis in positions.T.astype(float)], axis=1)
    a, b, c = ((positions - middle[owner])[corner] for corner in faces.T)
    across, of = np.cross(b - a, c - a), owner[faces[:, 0]]
    area = np.bincount(of, np.linalg.norm(across, axis=1) / 2, count)
    return area, np.bincount(of, np.einsum("ij,ij->i", a, across) / 6, count)


def components(edges, count):
    return int(connected_components(coo_array((np.ones(len(edges)), edges.T), (count, count)), directed=False)[0])


def path_edges(counts):
    """Edges (M, 2) of lines of `counts` vertices each, one after the other."""
    counts = np.asarray(counts)
    first = np.arange(int(counts.sum()))
    last = np.cumsum(counts) - 1
    inner = np.delete(first, last[counts > 0])
    return np.stack([inner, inner + 1], axis=1)


def line_distances(old, new):
    """Hausdorff distances of lines (n, D) and (m, D): of old vertices from the new line, of it from the old one."""
    old, new = old.astype(float), new.astype(float)
    chords = np.linspace(0, 1, PER_CHORD, endpoint=False)[:, None, None]
    along = new[None, :-1] + chords * (new[1:] - new[:-1])
    return _to_line(old, new), _to_line(along.reshape(-1, new.shape[1]), old)


def _to_line(points, line):
    start, chord = line[:-1], line[1:] - line[:-1]
    square = np.maximum(np.einsum("ij,ij->i", chord, chord), 1e-30)
    part = np.clip(((points @ chord.T) - np.einsum("ij,ij->i", start, chord)) / square, 0, 1)  # (points, segments)
    away = points[:, None] - start - part[..., None] * chord
    return float(np.sqrt(np.einsum("ijk,ijk->ij", away, away).min(axis=1).max()))


def farthest_from_edges(old, positions, edges, step):
    """Greatest distance of old vertices from edges: from places on them `step` apart, so step / 2 too far at most."""
    a, b = positions[edges[:, 0]].astype(float), positions[edges[:, 1]].astype(float)
    parts = np.ceil(np.linalg.norm(b - a, axis=1) / step).astype(np.int64) + 1
    begins = np.repeat(np.cumsum(parts) - parts, parts)
    t = (np.arange(parts.sum()) - begins) / np.repeat(parts, parts)
    places = np.repeat(a, parts, axis=0) + t[:, None] * np.repeat(b - a, parts, axis=0)
    return float(KDTree(np.concatenate([places, positions])).query(old)[0].max())


def farthest_from_faces(old, positions, faces):
    """Greatest distance of old vertices from triangles, of each the best of those with the nearest middles."""
    corners = positions.astype(float)[faces]  # (M, 3, 3)
    near = KDTree(corners.mean(axis=1)).query(old, k=min(CANDIDATES, len(faces)))[1].reshape(len(old), -1)
    points = np.repeat(old.astype(float), near.shape[1], axis=0)
    away = _to_triangles(points, *np.moveaxis(corners[near.reshape(-1)], 1, 0))
    return float(away.reshape(near.shape).min(axis=1).max())


def _to_triangles(points, a, b, c):
    """Distance of each of (n, 3) points from its triangle."""
    across = np.cross(b - a, c - a)
    height = _dot(points - a, across) / np.maximum(np.sqrt(_dot(across, across)), 1e-30)
    inside = np.ones(len(points), bool)
    out = np.full(len(points), np.inf)
    for start, end in ((a, b), (b, c), (c, a)):
        chord, to = end - start, points - start
        inside &= _dot(np.cross(chord, to), across) >= 0
        part = np.clip(_dot(to, chord) / np.maximum(_dot(chord, chord), 1e-30), 0, 1)
        out = np.minimum(out, np.linalg.norm(to - part[:, None] * chord, axis=1))
    return np.where(inside & (_dot(across, across) > 0), np.abs(height), out)


def _dot(a, b):
    return np.einsum("ij,ij->i", a, b)


# -- evenness ---------------------------------------------------------------------------------------------------------


def spacing_spread(screen):
    """Deviation of nearest distances on the screen, (N, 2), over their mean: 0.52 by chance, 0 on a lattice."""
    near = KDTree(screen).query(screen, k=2)[0][:, 1]
    return float(near.std() / near.mean())


def crowding(screen, reference, cells):
    """Variance over mean of counts in `cells` x `cells` screen cells, where 1 is chance and 0 is even.

    Counts are taken against what the share of `reference` in a cell lets expect.
    """
    low, high = reference.min(axis=0), reference.max(axis=0)
    bins = [np.linspace(low[i], high[i], cells + 1) for i in range(2)]
    found = np.histogram2d(*screen.T, bins=bins)[0]
    wanted = np.histogram2d(*reference.T, bins=bins)[0] * (len(screen) / len(reference))
    used = wanted > 1
    return float((((found - wanted) ** 2)[used] / wanted[used]).mean())


def pattern(screen, size):
    """Strongest frequency of the picture of points on the screen over the mean of all: high where a lattice shows.

    Points by chance give about 10 (the greatest of many exponential draws), a lattice hundreds.
    """
    low, high = screen.min(axis=0), screen.max(axis=0)
    image = np.histogram2d(*screen.T, bins=size, range=[(low[i], high[i]) for i in range(2)])[0]
    window = np.hanning(size)
    power = np.abs(np.fft.fft2((image - image.mean()) * window[:, None] * window)) ** 2
    power[:4, :4] = power[-4:, :4] = power[:4, -4:] = power[-4:, -4:] = 0  # the scene itself, not its points
    return float(power.max() / power.mean())
