"""How far the levels of a store are from its level 0, kind by kind: a tuple a level. Shared by pictures and tests."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.spatial import KDTree

from benchmarks import _looks as looks
from zarr_vectors.lazy import open_zv
from zarr_vectors.types.graphs import read_graph
from zarr_vectors.types.meshes import read_mesh
from zarr_vectors.types.points import read_points
from zarr_vectors.types.polylines import read_polylines

NEIGHBOURS = 16


class Points(NamedTuple):
    """EMD: earth mover's distance from level 0 over the range; weighted: by the points of level 0 nearest to each."""

    level: int
    count: int
    share: float  # of the level before
    bound: float
    contrast: float  # density, 99th over 1st percentile
    emd: float
    emd_weighted: float
    labels: float  # share of labels that differ
    labels_weighted: float
    labels_best: float  # weighted, if each had the label most frequent among the points of level 0 nearest to it


class Lines(NamedTuple):
    """Hausdorff distances in world units; EMD by length drawn, and by vertex."""

    level: int
    lines: int
    vertices: int
    bound: float
    old_to_new: float
    new_to_old: float
    length: float  # over level 0, of the lines that stay
    emd: float
    emd_by_vertex: float


class Network(NamedTuple):
    """A graph or trees; a cycle is an edge more than a forest has."""

    level: int
    nodes: int
    edges: int
    components: int
    bound: float  # along each axis
    farthest: float  # node of level 0 from the edges
    length: float  # over level 0
    emd: float
    emd_by_vertex: float

    @property
    def cycles(self):
        return self.edges - self.nodes + self.components


class Held(NamedTuple):
    """How much closed objects hold on a level, over level 0."""

    level: int
    vertices: int
    bound: float  # along each axis
    area: float
    volume: float
    thick: int  # objects as thick as a bin: six times their volume over their area is that much
    worst: float  # of 19 of 20 of these: how far area or volume is off
    worst_of_all: float
    open_edges: int


class Surface(NamedTuple):
    """Open edges have one face, branching ones more than two."""

    level: int
    vertices: int
    faces: int
    objects: int  # that have a face
    bound: float  # along each axis
    farthest: float  # vertex of level 0 from the faces
    area: float  # over level 0
    volume: float
    open_edges: int
    branching: int
    emd: float
    emd_by_vertex: float


def _levels(store):
    with open_zv(store) as opened:
        return [(level, max(opened.resolution_at(level))) for level in opened.levels]


def points_figures(store, scalar, label):
    finest = read_points(store)
    out = []
    words = finest.attributes[label]
    for level, bound in _levels(store):
        found = read_points(store, level=level)
        here, there = found.attributes[scalar], finest.attributes[scalar]
        weights = looks.stands_for(found.positions, finest.positions)
        out.append(
            Points(
                level,
                len(found.positions),
                len(found.positions) / (out[-1].count if out else len(found.positions)),
                bound,
                contrast(found.positions),
                looks.histogram_distance(here, there),
                looks.histogram_distance(here, there, weights),
                looks.label_distance(found.attributes[label], words),
                looks.label_distance(found.attributes[label], words, weights),
                looks.label_distance(looks.labels_of_nearest(found.positions, finest.positions, words), words, weights),
            )
        )
    return out


def contrast(positions):
    """Density at the 99th over that at the 1st percentile of points, by the distance of the 16th neighbour."""
    if len(positions) <= NEIGHBOURS:
        return float("nan")
    reach = KDTree(positions).query(positions, k=[NEIGHBOURS + 1])[0][:, 0]
    low, high = np.quantile(reach, [0.01, 0.99])
    return float((high / low) ** positions.shape[1])


def line_figures(store, scalar):
    finest = read_polylines(store)
    old = dict(zip(np.asarray(finest.object_ids).tolist(), finest.polylines, strict=True))
    reference = _line_values(finest, scalar)
    out = []
    for level, bound in _levels(store):
        found = read_polylines(store, level=level)
        pairs = [
            (old[number], line)
            for number, line in zip(np.asarray(found.object_ids).tolist(), found.polylines, strict=True)
            if len(line)
        ]
        apart = np.array([looks.line_distances(a, b) for a, b in pairs]) if level else np.zeros((1, 2))
        values, lengths = _line_values(found, scalar)
        out.append(
            Lines(
                level,
                len(pairs),
                len(values),
                bound,
                *apart.max(axis=0).tolist(),
                float(lengths.sum()) / sum(_length(a) for a, _ in pairs),
                looks.histogram_distance(values, reference[0], lengths, reference[1]),
                looks.histogram_distance(values, reference[0]),
            )
        )
    return out


def _length(line):
    return float(np.linalg.norm(np.diff(line.astype(float), axis=0), axis=1).sum())


def _line_values(found, scalar):
    counts = [len(line) for line in found.polylines]
    positions = np.concatenate(list(found.polylines))
    return np.concatenate(list(found.attributes[scalar])), looks.lengths_at(positions, looks.path_edges(counts))


def network_figures(store, scalar):
    out, reference = [], None
    for level, bound in _levels(store):
        found = read_graph(store, level=level)
        lengths = looks.lengths_at(found.positions, found.edges)
        values = found.attributes[scalar]
        reference = reference or (values, lengths, found.positions)
        step = bound / 20
        out.append(
            Network(
                level,
                len(found.positions),
                len(found.edges),
                looks.components(found.edges, len(found.positions)),
                bound,
                looks.farthest_from_edges(reference[2], found.positions, found.edges, step) if level else 0.0,
                float(lengths.sum() / reference[1].sum()),
                looks.histogram_distance(values, reference[0], lengths, reference[1]),
                looks.histogram_distance(values, reference[0]),
            )
        )
    return out


def surface_figures(store, scalar, label=None):
    """`label`: attribute that tells objects apart; None where there is one."""
    out, reference = [], None
    for level, bound in _levels(store):
        found = read_mesh(store, level=level)
        areas = looks.areas_at(found.positions, found.faces)
        values = found.attributes[scalar]
        size = looks.area(found.positions, found.faces), looks.volume(found.positions, found.faces)
        reference = reference or (values, areas, *size, found.positions)
        sides = np.sort(found.faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
        shared = np.unique(sides, axis=0, return_counts=True)[1]
        of = np.zeros(len(found.positions)) if label is None else found.attributes[label]
        out.append(
            Surface(
                level,
                len(found.positions),
                len(found.faces),
                len(np.unique(of[found.faces[:, 0]])),
                bound,
                looks.farthest_from_faces(reference[4], found.positions, found.faces) if level else 0.0,
                size[0] / reference[2],
                size[1] / reference[3],
                int((shared == 1).sum()),
                int((shared > 2).sum()),
                looks.histogram_distance(values, reference[0], areas, reference[1]),
                looks.histogram_distance(values, reference[0]),
            )
        )
    return out


def held_figures(store):
    """Figures of closed objects, each of one part."""
    out, reference = [], None
    with open_zv(store) as opened:
        bins = [max(opened.bin_shape_at(level)) for level in opened.levels]
    for level, bound in _levels(store):
        found = read_mesh(store, level=level)
        reference = reference or looks.held(found.positions, found.faces, found.object_ids)
        area, volume = looks.held(found.positions, found.faces, found.object_ids, len(reference[0]))
        thick = 6 * reference[1] >= bins[level] * reference[0]
        off = np.maximum(abs(area / reference[0] - 1), abs(volume / reference[1] - 1))[thick]
        sides = np.sort(found.faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
        out.append(
            Held(
                level,
                len(found.positions),
                bound,
                float(area.sum() / reference[0].sum()),
                float(volume.sum() / reference[1].sum()),
                int(thick.sum()),
                *(np.quantile(off, [0.95, 1]).tolist() if len(off) else [float("nan")] * 2),
                int((np.unique(sides, axis=0, return_counts=True)[1] == 1).sum()),
            )
        )
    return out
