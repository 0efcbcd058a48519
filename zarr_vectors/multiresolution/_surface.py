"""Which vertices of a surface become one, and where the new ones lie.

``"clustering"`` takes faces of any width in any number of dimensions: vertices of a cell that hang together inside it
become one. ``"quadric"`` collapses the edges of closed triangle surfaces in 3-D one by one, the cheapest first
(`_decimate`), and clusters the rest. With both, vertices of an object that lie at one place are one, so that no crack
opens between faces that only touch; and a part of the surface that is larger than a bin keeps at least half of its
area, a part being what hangs together.
"""

from __future__ import annotations

import numpy as np

from zarr_vectors._spec.names import WEIGHTS
from zarr_vectors.core.arrays._level import LevelArrays
from zarr_vectors.encoding import offsets_of
from zarr_vectors.exceptions import ArgumentError
from zarr_vectors.multiresolution._contract import Clusters, connected, pieces, representatives
from zarr_vectors.multiresolution._decimate import check_quadric, decimated, has_quadric
from zarr_vectors.multiresolution._distance import displacements
from zarr_vectors.multiresolution._pile import number_type
from zarr_vectors.multiresolution._quadrics import areas, best_places, open_edges
from zarr_vectors.multiresolution._reduce import Groups, group_numbers
from zarr_vectors.types._content import Content
from zarr_vectors.types._topology import Topology
from zarr_vectors.typing import AnyArray, BoolArray, Float64Array, FloatArray, Int64Array

__all__ = ["Surface", "takes_quadrics"]

_METHODS = ("auto", "clustering", "quadric")
_LEAST_AREA = 0.5  # of what it was; below, a part is lost
_HALVINGS = 8
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
            Its error is the edge of a cell where vertices are clustered. By quadrics it is how far any old vertex is
            from the new surface, or, if there are values to see, from the vertex that took over its own.
        """
        positions, faces = self._content.positions, _faces(self._content)
        part = connected(self._edges, len(positions))
        places, error = None, cell
        if quadrics:
            piece, places, error = self._by_quadrics(faces, part, target, cell, bins)
        else:
            piece = _living_pieces(positions, faces, self._edges, self._inner, part, cell)
            if positions.shape[1] == 3:
                places = best_places(positions, faces, piece, cell)
        groups, kept = representatives(positions, self._edges, piece)
        if places is not None:
            places = np.clip(places, *self._content.bounds)  # the grid of chunks and every box end there
            alone = groups.counts == 1  # nothing to stand for: it stays where it was
            places = np.where(alone[:, None], positions[kept], places).astype(positions.dtype)
            if quadrics and _has_values(self._content):
                error = np.abs(places[piece].astype(np.float64) - positions).max(axis=0)
        return _of_first(Clusters(groups, kept, places, error), self._own)

    def _by_quadrics(
        self, faces: AnyArray, part: Int64Array, target: int, cell: Float64Array, bins: Float64Array
    ) -> tuple[Int64Array, Float64Array, Float64Array]:
        """Tell which vertices become one, (N,), where the new ones lie, (P, 3), and how far the surface moved, (3,).

        Small parts become one vertex each. Quadrics do not hold a border in place, nor can they tell a thin tube from a
        shorter one: what has much of a border is clustered, and so is what they would lose or move too far, and what
        has corners that stay as they are.
        """
        positions = self._content.positions
        weld = connected(self._twins, len(positions))
        first = np.unique(weld, return_index=True)[1]
        points, corners, own = positions[first], weld[faces], part[first]
        small = np.asarray((_extents(positions, part) < _SMALL * cell).all(axis=1))
        ordered = np.sort(corners, axis=1)
        whole = (ordered[:, 1:] != ordered[:, :-1]).all(axis=1) & (own[corners] == own[corners[:, :1]]).all(axis=1)
        is_open = _have_borders(points, corners[whole], own)
        reaches_out = np.bincount(part[self._own :], minlength=len(small)) > 0
        is_open |= reaches_out
        small &= ~reaches_out
        others = small | is_open
        solid = corners[whole & ~others[own[corners[:, 0]]]]
        rest = int((~small[own]).sum())
        keep = min(1.0, max(0, target - int(small.sum())) / max(1, rest))
        found = decimated(points, solid, own, keep, np.broadcast_to(cell, (len(small), 3)))
        moved = displacements(points, found.group, found.places, found.group[solid])
        farthest = _extremes(moved, own)[1]
        lost = _lost(points, solid, own, found.places, found.group) | ~(farthest <= bins).all(axis=1)
        fails = ~small & (is_open | lost)
        group = np.where(small[own], len(found.places) + own, found.group)
        if fails.any():
            clustered = _living_pieces(positions, faces, self._edges, self._inner, part, cell)[first]
            group = np.where(fails[own], len(found.places) + len(small) + clustered, group)
        named, piece = np.unique(group, return_inverse=True)
        piece = piece.reshape(-1)
        places = np.full((len(named), 3), np.nan)
        known = named < len(found.places)
        places[known] = found.places[named[known]]
        places = _filled(points, corners, piece, places, cell)
        well = ~(small | fails)
        error = farthest[well].max(axis=0, initial=0.0)
        if not well.all():
            error = np.maximum(error, np.abs(points - places[piece])[~well[own]].max(axis=0))
        return piece[weld], places, error


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


def _extremes(rows: FloatArray, part: Int64Array) -> tuple[Float64Array, Float64Array]:
    """Least and greatest values of each part's rows, (P, D) each."""
    groups = group_numbers(part)
    ordered = rows[groups.order].astype(np.float64)
    starts = groups.starts[:-1]
    return np.minimum.reduceat(ordered, starts), np.maximum.reduceat(ordered, starts)


def _extents(positions: FloatArray, part: Int64Array) -> Float64Array:
    """Extent of each part along each axis, (P, D)."""
    low, high = _extremes(positions, part)
    return high - low


def _lost(
    positions: FloatArray, faces: Int64Array, part: Int64Array, places: Float64Array, piece: Int64Array
) -> BoolArray:
    """Tell which parts, (P,), have lost most of their area."""
    count, of = int(part.max()) + 1, part[faces[:, 0]]
    had = np.bincount(of, areas(positions, faces), minlength=count)
    has = np.bincount(of, areas(places, piece[faces]), minlength=count)
    lost: BoolArray = ~(has >= _LEAST_AREA * had)  # a place may be NaN
    return lost


def _living_pieces(
    positions: FloatArray, faces: AnyArray, edges: AnyArray, inner: AnyArray, part: Int64Array, cell: Float64Array
) -> Int64Array:
    """Tell which vertices become one, (N,): those of a cell, and where a large part would be lost, of smaller cells.

    Only `inner` edges make vertices one; `edges`, these and more, say what hangs together.
    """
    finer = np.ones(int(part.max()) + 1)
    large = (_extents(positions, part) >= cell).any(axis=1)
    for _ in range(_HALVINGS):
        # Cells are cut smaller by making the part larger.
        piece = pieces(_enlarged(positions, finer, part), inner, part, cell, _SHIFT)
        lost = large & _lost(positions, faces, part, _middles(positions, piece), piece)
        if not lost.any():
            return piece
        finer[lost] *= 2
    return pieces(_enlarged(positions, finer, part), inner, part, cell, _SHIFT)


def _enlarged(positions: FloatArray, finer: Float64Array, part: Int64Array) -> FloatArray:
    return positions if (finer == 1).all() else positions * finer[part][:, None]


def _middles(positions: FloatArray, piece: Int64Array) -> Float64Array:
    groups = group_numbers(piece)
    ordered = positions[groups.order].astype(np.float64)
    return np.asarray(np.add.reduceat(ordered, groups.starts[:-1]) / groups.counts[:, None])


def _have_borders(points: FloatArray, faces: Int64Array, part: Int64Array) -> BoolArray:
    """Tell which parts, (P,), end in borders that are longer than a square of their area is wide."""
    count = int(part.max()) + 1
    first, second = open_edges(faces)[0].T
    length = np.linalg.norm(points[first].astype(np.float64) - points[second], axis=1)
    border = np.bincount(part[first], length, minlength=count)
    area = np.bincount(part[faces[:, 0]], areas(points, faces), minlength=count)
    return np.asarray(border**2 > area)


def _filled(
    positions: FloatArray, faces: Int64Array, piece: Int64Array, places: Float64Array, cell: Float64Array
) -> Float64Array:
    """Find the places that are NaN."""
    unknown = np.isnan(places[:, 0])
    if not unknown.any():
        return places
    rows = np.flatnonzero(unknown[piece])
    row, number = np.full(len(piece), -1), np.cumsum(unknown) - 1
    row[rows] = np.arange(len(rows))
    inner = row[faces]
    places[unknown] = best_places(positions[rows], inner[(inner >= 0).all(axis=1)], number[piece[rows]], cell)
    return places
