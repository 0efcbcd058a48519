"""Contraction of graphs: vertices of one cell that hang together inside it become one.

Because only connected pieces are contracted, what was connected stays connected, what was apart stays apart, and a tree
stays a tree: of a contracted piece exactly one vertex has its parent outside. Nothing has to be repaired afterwards.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from zarr_vectors.multiresolution._reduce import Groups, group_numbers
from zarr_vectors.multiresolution._thin import cell_numbers
from zarr_vectors.spatial import extent
from zarr_vectors.typing import AnyArray, BoolArray, Float64Array, FloatArray, Int64Array

__all__ = ["Clusters", "connected", "contracted_links", "find_cell", "in_one_cell", "pieces", "representatives"]


_SEARCH_STEPS = 10
_NEAR_ENOUGH = 0.03
_SMALLEST_CELL = 2.0**-20
_MOST_KEYS = 2**63


@dataclass(frozen=True, slots=True, eq=False)
class Clusters:
    """Which vertices become one.

    Attributes
    ----------
    groups : Groups
        Old vertices of each new one.
    kept : (M,) int64
        The old vertex that stands for each new one.
    positions : (M, D) or None
        Where the new ones lie, if not where `kept` lay.
    error : (D,) float64
        How far an old vertex may be from what stands for it, along each axis.
    """

    groups: Groups
    kept: Int64Array
    positions: FloatArray | None
    error: Float64Array


def pieces(
    positions: FloatArray, edges: AnyArray, owner: AnyArray, cell: Float64Array, shift: float = 0.0
) -> Int64Array:
    """Tell which piece each vertex belongs to.

    Parameters
    ----------
    positions : (N, D)
        World units.
    edges : (M, 2) whole numbers
        Edges of a graph, or of the faces of a mesh.
    owner : (N,) whole numbers
        Object of each vertex; pieces do not reach from one into another.
    cell : (D,) float64
        Edge lengths of the cells, which lie on a grid through world 0.
    shift : float
        How far the vertices are moved against that grid, in cells.

    Returns
    -------
    (N,) int64
        Numbers from 0 on, without gaps.
    """
    count = len(positions)
    if not count:
        return np.zeros(0, np.int64)
    inside = np.flatnonzero(_within_cells(positions, edges, owner, cell, shift))
    return connected(edges[inside], count)


def _within_cells(
    positions: FloatArray, edges: AnyArray, owner: AnyArray, cell: Float64Array, shift: float
) -> BoolArray:
    """Tell which edges lie in one object and one cell."""
    first, second = edges.T
    inside: BoolArray = owner[first] == owner[second]
    for axis, edge in enumerate(cell):
        place = positions[:, axis].astype(np.float64)
        if shift:
            place += shift * edge
        place /= edge
        np.floor(place, out=place)
        inside &= place[first] == place[second]
    return inside


def connected(edges: AnyArray, count: int) -> Int64Array:
    """Number the connected components of a graph: (count,), from 0 on, without gaps."""
    first, second = edges.T
    links = coo_array((np.ones(len(edges), np.int8), (first, second)), (count, count))
    return np.asarray(connected_components(links, directed=False)[1], np.int64)


def find_cell(count: Callable[[Float64Array], int], target: int, bins: Float64Array) -> Float64Array:
    """Search the cell that leaves about `target` vertices, between nothing and a bin."""
    if count(bins) >= target:
        return bins
    low, high = _SMALLEST_CELL, 1.0
    for _ in range(_SEARCH_STEPS):
        share = float(np.sqrt(low * high))
        found = count(bins * share)
        if abs(np.log(found / max(target, 1))) < _NEAR_ENOUGH:
            return bins * share
        low, high = (share, high) if found > target else (low, share)
    # Where few cells hold many vertices, a whole layer of them comes in along each axis at once.
    tried = [bins * np.where(np.arange(len(bins)) < axes, low, high) for axes in range(len(bins) + 1)]
    misses = [abs(np.log(count(cell) / max(target, 1))) for cell in tried]
    return tried[int(np.argmin(misses))]


def in_one_cell(positions: FloatArray, owner: AnyArray, cell: Float64Array) -> Int64Array:
    """Tell which piece each vertex, (N,), belongs to where all of an object's vertices in a cell become one."""
    if not len(positions):
        return np.zeros(0, np.int64)
    place = cell_numbers(positions, extent(positions), cell).astype(np.int64)
    return np.unique(_keys([place, owner]), return_inverse=True)[1].reshape(-1)


def _keys(columns: Sequence[Int64Array]) -> Int64Array:
    """Give one number for each row of columns, (N,) each, from 0 on: rows that are equal have the same one."""
    most = [int(column.max(initial=0)) + 1 for column in columns]
    if math.prod(most) >= _MOST_KEYS:
        return _numbered(columns)
    keys = columns[0].astype(np.int64)
    for column, size in zip(columns[1:], most[1:], strict=True):
        keys *= size
        keys += column
    return keys


def _numbered(columns: Sequence[Int64Array]) -> Int64Array:
    """Number the different rows as they ascend, whatever the values are."""
    number = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        values, digit = np.unique(column, return_inverse=True)
        # Below N**2.
        number = np.unique(number * max(1, len(values)) + digit, return_inverse=True)[1]
    return number.reshape(-1).astype(np.int64)


def representatives(positions: FloatArray, edges: AnyArray, piece: Int64Array) -> tuple[Groups, Int64Array]:
    """Choose the vertex that stands for each piece: a tip or a branch before one of a path, then the most central.

    Returns
    -------
    groups : Groups
        The vertices of each piece.
    kept : (P,) int64
        The one that stands for it.
    """
    groups = group_numbers(piece)
    counts = groups.counts
    away = np.zeros(len(positions))
    # Axis by axis: nothing of three numbers a vertex is made.
    for axis in positions.T if len(counts) else ():
        ordered = axis[groups.order].astype(np.float64)
        ordered -= np.repeat(np.add.reduceat(ordered, groups.starts[:-1]) / counts, counts)
        ordered *= ordered
        away += ordered
    degree = np.bincount(edges.reshape(-1), minlength=len(positions))
    on_path = (degree == 2)[groups.order]
    best = np.lexsort((away, on_path, np.repeat(np.arange(len(counts)), counts)))
    return groups, groups.order[best[groups.starts[:-1]]].astype(np.int64)


def contracted_links(links: AnyArray, group: Int64Array, *, directed: bool) -> tuple[Int64Array, Int64Array]:
    """Map edges or faces to new vertices; those that collapse or repeat go.

    Parameters
    ----------
    links : (M, L) whole numbers
        Old vertices.
    group : (N,) int64
        New vertex of each old one; -1 for one that goes.
    directed : bool
        ``[a, b]`` is another edge than ``[b, a]``. Faces keep their winding, and are the same if it is: of two that are
        turned against each other neither goes, or a closed surface would have a hole.

    Returns
    -------
    links : (K, L) int64
        New vertices, in the order of the old links.
    source : (K,) int64
        The first old link that became each.
    """
    width = links.shape[1]
    mapped = group[links]
    ordered = np.sort(mapped, axis=1)
    different = 1 + (ordered[:, 1:] != ordered[:, :-1]).sum(axis=1)
    whole = np.flatnonzero((different >= min(width, 3)) & (ordered[:, 0] >= 0))
    same_if = _from_the_smallest(mapped[whole]) if width > 2 else mapped[whole] if directed else ordered[whole]
    first = np.unique(_keys(list(same_if.T)), return_index=True)[1]
    source = whole[np.sort(first)]
    return mapped[source], source


def _from_the_smallest(faces: Int64Array) -> Int64Array:
    """Turn each face so that it begins at its smallest corner."""
    turn = faces.argmin(axis=1)[:, None] + np.arange(faces.shape[1])
    return np.take_along_axis(faces, turn % faces.shape[1], axis=1)
