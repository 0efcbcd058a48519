"""Which vertices of a surface become one, and where the new ones lie.

``"clustering"`` takes faces of any width in any number of dimensions: vertices of a cell that hang together inside it
become one. ``"quadric"`` collapses the edges of closed triangle surfaces in 3-D one by one, the cheapest first
(`_decimate`), and clusters the rest. With both, vertices of an object that lie at one place are one, so that no crack
opens between faces that only touch. Of the parts of a surface, a part being what hangs together, one that is larger
than a cell keeps at least half of its area, one that is closed gets its volume back (`_volume`), and one that is as
thick as a bin, too, keeps so many vertices that its volume is nearly what it was, and its area hardly more.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from zarr_vectors._spec.names import WEIGHTS
from zarr_vectors.core.arrays._level import LevelArrays
from zarr_vectors.encoding import offsets_of
from zarr_vectors.exceptions import ArgumentError
from zarr_vectors.multiresolution._contract import Clusters, connected, contracted_links, pieces, representatives
from zarr_vectors.multiresolution._decimate import check_quadric, decimated, has_quadric
from zarr_vectors.multiresolution._distance import displacements
from zarr_vectors.multiresolution._parts import Parts, extremes
from zarr_vectors.multiresolution._pile import number_type
from zarr_vectors.multiresolution._quadrics import best_places
from zarr_vectors.multiresolution._reduce import Groups, group_numbers
from zarr_vectors.multiresolution._volume import Settled, settled
from zarr_vectors.types._content import Content
from zarr_vectors.types._topology import Topology
from zarr_vectors.typing import AnyArray, BoolArray, Float64Array, FloatArray, Int64Array

__all__ = ["Surface", "takes_quadrics"]

_METHODS = ("auto", "clustering", "quadric")
_LEAST_AREA = 0.5  # of what it was; below, a part is lost
_MOST_OFF = 0.0165  # of volume, or of area too much, of what is as thick as a bin: three levels make up to 5.03 %
_THICK = 0.85  # bins: what was as thick as one has become a little thinner on the levels before
_FINER = 2**0.5  # times smaller cells for parts that would be lost
_A_LITTLE_FINER = 2**0.25  # for parts that hold too little: in larger steps they keep many more vertices than they need
_MOST_TURNS = 32
_FINEST = 16.0  # times, by quadrics
_SHIFT = (5**0.5 - 1) / 2
"""Of the grid of cells, in cells: surfaces often lie in planes of round numbers, and one that wavers about a face of
cells would be torn to pieces of both."""
_SMALL = 0.5  # cells; what is smaller becomes one vertex by quadrics, as it nearly does by clustering


def takes_quadrics(method: str, arrays: LevelArrays, topology: Topology) -> bool:
    """Tell whether a method decimates the closed parts of a level's surfaces by quadrics.

    At the same error that leaves several times fewer vertices than clustering. It moves them far where a surface is
    flat, though. Shapes do not show that but colours would, so "auto" clusters surfaces with values of vertices or
    faces.

    Raises
    ------
    ArgumentError
        If there is no such method, or the kind has no use for it, or its surfaces are not of triangles in 3-D.
    UnsupportedFeatureError
        If the method's package is not installed.
    """
    if method not in _METHODS:
        msg = f"method must be one of {', '.join(map(repr, _METHODS))}, got {method!r}"
        raise ArgumentError(msg)
    if topology.kind != "mesh":
        if method != "auto":
            msg = f"method {method!r} is one of meshes; {arrays.where} holds {topology.kind}, which has 'auto' only"
            raise ArgumentError(msg)
        return False
    links = arrays.links
    width = 3 if links is None else links.family.width
    fits = arrays.ndim == 3 and width == 3
    if method == "auto":
        has_values = bool(arrays.attribute_names) or (links is not None and bool(links.attribute_names))
        return fits and has_quadric() and not has_values
    if method == "quadric":
        check_quadric()
        if not fits:
            msg = (
                f"method 'quadric' takes triangles in 3-D, and {arrays.where} holds faces of {width} corners in "
                f"{arrays.ndim}-D; use 'clustering'"
            )
            raise ArgumentError(msg)
    return method == "quadric"


def _has_values(content: Content) -> bool:
    has_own = any(column.name != WEIGHTS for column, _ in content.attributes)
    return has_own or (content.links is not None and bool(content.links.attributes))


class Surface:
    """The web of meshes.

    Parameters
    ----------
    content : Content
        With links.
    owner : (N,) whole numbers
    own : int
        How many of the vertices become one; the others only are corners of their faces.
    """

    def __init__(self, content: Content, owner: AnyArray, own: int) -> None:
        self._content, self._owner, self._own = content, owner, own
        positions, faces = content.positions, _faces(content)
        self._twins = _coincident(positions[:own], owner[:own])
        edges = np.concatenate([*(faces[:, [i - 1, i]] for i in range(faces.shape[1])), self._twins])
        edges = edges[owner[edges[:, 0]] == owner[edges[:, 1]]]
        # Those among the first vertices come first.
        inner = (edges < own).all(axis=1)
        self._edges = edges if inner.all() else np.concatenate([edges[inner], edges[~inner]])
        self._inner = self._edges[: np.count_nonzero(inner)]

    def count(self, cell: Float64Array) -> int:
        """Count what is left of the first vertices with cells of a size, (D,)."""
        positions = self._content.positions[: self._own]
        return int(pieces(positions, self._inner, self._owner, cell, _SHIFT).max(initial=-1)) + 1

    def clusters(self, cell: Float64Array, target: int, bins: Float64Array, *, quadrics: bool) -> Clusters:
        """Cluster the first vertices.

        Parameters
        ----------
        cell : (D,) float64
        target : int
            How many are wanted; `cell` was found for it.
        bins : (D,) float64
        quadrics : bool
            Whether closed parts are decimated; all others are clustered.

        Returns
        -------
        Clusters
            Its error is the edge of a cell where vertices are clustered, or how far one is moved, if that is more. By
            quadrics it is how far any old vertex is from the new surface, or, if there are values to see, from the
            vertex that took over its own.
        """
        positions = self._content.positions
        part = connected(self._edges, len(positions))
        weld = connected(self._twins, len(positions)).astype(number_type(len(positions)))
        first = np.unique(weld, return_index=True)[1]
        is_whole = np.bincount(part[self._own :], minlength=int(part.max()) + 1) == 0
        # The new level leaves out what is a line or there twice; counted here, it would be missed there.
        faces = contracted_links(_faces(self._content), weld, directed=False)[0]
        parts = Parts(positions[first], faces, weld[self._inner], part[first], is_whole)
        rules = _Rules(cell, bins, self._content.bounds)
        found = _by_quadrics(parts, rules, target) if quadrics else _clustered(parts, rules)
        piece = found.piece[weld]
        groups, kept = representatives(positions, self._edges, piece)
        places = np.clip(found.places, *self._content.bounds)  # the grid of chunks and every box end there
        error = found.error
        if _has_values(self._content):
            error = np.maximum(error, np.abs(places[piece] - positions).max(axis=0))
        return _of_first(Clusters(groups, kept, places.astype(positions.dtype), error), self._own)


def _of_first(found: Clusters, own: int) -> Clusters:
    """Leave only the clusters of the first vertices; the others' are of one vertex each."""
    mine = found.kept < own
    if mine.all():
        return found
    counts = found.groups.counts
    groups = Groups(found.groups.order[np.repeat(mine, counts)], offsets_of(counts[mine]))
    places = None if found.positions is None else found.positions[mine]
    return Clusters(groups, found.kept[mine], places, found.error)


def _faces(content: Content) -> AnyArray:
    return np.empty((0, 3), np.int64) if content.links is None else content.links.ends


def _coincident(positions: FloatArray, owner: AnyArray) -> AnyArray:
    """Give edges, (K, 2), between the vertices of an object that lie at the same place."""
    order = np.lexsort((*positions.T, owner)).astype(number_type(len(owner)))
    before, after = order[:-1], order[1:]
    same = owner[before] == owner[after]
    for axis in positions.T:
        same &= axis[before] == axis[after]
    return np.stack([before[same], after[same]], axis=1)


@dataclass(frozen=True, slots=True, eq=False)
class _Rules:
    """What a level asks of each part: cells and bins, (D,) each, and the box, (2, D), that it stays in."""

    cell: Float64Array
    bins: Float64Array
    bounds: Float64Array

    def are_off(self, kept: Settled) -> BoolArray:
        """Tell which parts, (P,), are thick and yet do not hold what they held."""
        # Area that a smoother surface lacks is no loss: the steps of voxels, kept, would keep all their vertices. What
        # has no volume is NaN here, which is not above.
        off = np.maximum(np.abs(kept.volumes - 1), kept.areas - 1) > _MOST_OFF
        return np.asarray(off & (kept.thickness >= _THICK * self.bins.max()))


class _Made:
    """The surface of fewer vertices, as far as it is made.

    Parameters
    ----------
    count : int
        Vertices that there were.
    error : (D,) float64
        How far one may be from the surface in any case.

    Attributes
    ----------
    piece : (N,) int64
        New vertex of each old one, -1 where that is not known yet.
    error : (D,) float64
        How far an old one may be from the new surface.
    """

    def __init__(self, count: int, error: Float64Array) -> None:
        self.piece, self.error = np.full(count, -1), error
        self._places: list[Float64Array] = []
        self._made = 0

    def put(self, rows: Int64Array, group: Int64Array, places: Float64Array) -> None:
        """Add what some vertices, (n,), became: numbers of new ones, (n,), and where these lie."""
        names, number = np.unique(group, return_inverse=True)
        self.piece[rows] = self._made + number.reshape(-1)
        self._made += len(names)
        self._places.append(places[names])

    @property
    def places(self) -> Float64Array:
        """Where the new ones lie, (V, D)."""
        return np.concatenate(self._places)


def _clustered(parts: Parts, rules: _Rules) -> _Made:
    """Make vertices of a cell one; where a part would be lost or is off, those of smaller cells."""
    made, rows, finer = _Made(len(parts.points), rules.cell), np.arange(len(parts.points)), np.ones(len(parts))
    for turn in range(_MOST_TURNS):
        # Cells are cut smaller by making the part larger.
        points = parts.points if turn == 0 else parts.points * finer[parts.part][:, None]
        piece = pieces(points, parts.edges, parts.part, rules.cell, _SHIFT)
        places = _places(parts, piece, rules)
        kept = settled(parts, piece, places, rules.bins, rules.bounds, were_carried=False)
        large = (parts.extents() >= rules.cell).any(axis=1)
        # By their middles thin things are lost sooner: by the best places they would be kept in shreds. What had no
        # area loses none: that is NaN, which is not below.
        lost = large & (parts.areas_kept(piece, _middles(parts.points, piece)) < _LEAST_AREA)
        again = (lost | rules.are_off(kept)) & (turn < _MOST_TURNS - 1)
        good = ~again[parts.part]
        moved = np.abs(kept.places[piece[good]] - parts.points[good]).max(axis=0, initial=0)
        made.error = np.maximum(made.error, moved)
        made.put(rows[good], piece[good], kept.places)
        if not again.any():
            break
        finer = (finer * np.where(lost, _FINER, _A_LITTLE_FINER))[again]
        parts, chosen = parts.chosen(again)
        rows = rows[chosen]
    return made


def _places(parts: Parts, piece: Int64Array, rules: _Rules) -> Float64Array:
    """Find where the vertex of each piece lies."""
    is_space = parts.points.shape[1] == 3
    places = best_places(parts.points, parts.faces, piece, rules.cell) if is_space else _middles(parts.points, piece)
    return _with_lone_ones(parts, piece, np.clip(places, *rules.bounds))


def _with_lone_ones(parts: Parts, piece: Int64Array, places: Float64Array) -> Float64Array:
    """Leave those where they were that stand for nothing else."""
    alone = np.bincount(piece)[piece] == 1
    places = places.copy()
    places[piece[alone]] = parts.points[alone]
    return places


def _by_quadrics(parts: Parts, rules: _Rules, target: int) -> _Made:
    """Decimate closed parts; its error is how far the surface moved.

    Small parts become one vertex each. Quadrics do not hold a border in place, nor can they tell a thin tube from a
    shorter one: what has much of a border is clustered, and so is what they would lose or move too far, and what
    has corners that stay as they are.
    """
    small: BoolArray = (parts.extents() < _SMALL * rules.cell).all(axis=1) & parts.is_whole
    part, closed = parts.part, _of_whole_faces(parts)
    others = small | closed.have_borders() | ~parts.is_whole
    made = _Made(len(part), np.zeros(3))
    keep = min(1.0, max(0, target - int(small.sum())) / max(1, int((~small[part]).sum())))
    fails = others & ~small
    fails[np.flatnonzero(~others)[_decimated(*closed.chosen(~others), rules, keep, made)]] = True
    if small.any():
        some, rows = parts.chosen(small)
        places = _places(some, some.part, rules)
        made.error = np.maximum(made.error, np.abs(places[some.part] - some.points).max(axis=0))
        made.put(rows, some.part, places)
    if fails.any():
        some, rows = parts.chosen(fails)
        found = _clustered(some, rules)
        made.error = np.maximum(made.error, np.abs(found.places[found.piece] - some.points).max(axis=0))
        made.put(rows, found.piece, found.places)
    return made


def _of_whole_faces(parts: Parts) -> Parts:
    """Leave out faces that have a corner twice, or corners of several parts."""
    ordered = np.sort(parts.faces, axis=1)
    whole = (ordered[:, 1:] != ordered[:, :-1]).all(axis=1)
    whole &= (parts.part[parts.faces] == parts.of_face[:, None]).all(axis=1)
    return parts if whole.all() else replace(parts, faces=parts.faces[whole])


def _decimated(parts: Parts, rows: Int64Array, rules: _Rules, keep: float, made: _Made) -> Int64Array:
    """Decimate parts, and give the numbers of those that would be lost or moved too far."""
    failed = [np.empty(0, np.int64)]
    left, finer = np.arange(len(parts)), 1.0
    while len(left):
        limit = np.broadcast_to(rules.cell / finer, (len(parts), 3))
        found = decimated(parts.points, parts.faces, parts.part, keep, limit)
        bare = np.isnan(found.places[:, 0])
        places = np.where(bare[:, None], _middles(parts.points, found.group), found.places)
        places = _with_lone_ones(parts, found.group, np.clip(places, *rules.bounds))
        lost = ~(parts.areas_kept(found.group, places) >= _LEAST_AREA)
        kept = settled(parts, found.group, places, rules.bins, rules.bounds, were_carried=True)
        again = ~lost & rules.are_off(kept) & (finer < _FINEST)
        some, chosen = parts.chosen(~(lost | again))
        group = found.group[chosen]
        farthest = extremes(displacements(some.points, group, kept.places, group[some.faces]), some.part)[1]
        near = np.asarray((farthest <= rules.bins).all(axis=1))
        made.error = np.maximum(made.error, farthest[near].max(axis=0, initial=0))
        good = near[some.part]
        made.put(rows[chosen[good]], group[good], kept.places)
        failed += [left[lost], left[~(lost | again)][~near]]
        parts, chosen = parts.chosen(again)
        rows, left, finer = rows[chosen], left[again], _A_LITTLE_FINER * finer
    return np.concatenate(failed)


def _middles(positions: FloatArray, piece: Int64Array) -> Float64Array:
    groups = group_numbers(piece)
    ordered = positions[groups.order].astype(np.float64)
    return np.asarray(np.add.reduceat(ordered, groups.starts[:-1]) / groups.counts[:, None])
