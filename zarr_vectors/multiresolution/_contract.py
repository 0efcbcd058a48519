"""Contraction of graphs: vertices of one cell that hang together inside it become one.

Because only connected pieces are contracted, what was connected stays connected, what was apart stays apart, and a tree
stays a tree: of a contracted piece exactly one vertex has its parent outside. Nothing has to be repaired afterwards.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from zarr_vectors.multiresolution._reduce import Groups, group_rows
from zarr_vectors.multiresolution._thin import cell_numbers
from zarr_vectors.spatial import extent
from zarr_vectors.typing import Float64Array, FloatArray, Int64Array

__all__ = ["contracted_links", "in_one_cell", "pieces", "representatives"]


def pieces(positions: FloatArray, edges: Int64Array, owner: Int64Array, cell: Float64Array) -> Int64Array:
    """Tell which piece each vertex belongs to.

    Parameters
    ----------
    positions : (N, D)
        World units.
    edges : (M, 2) int64
        Edges of a graph, or of the faces of a mesh.
    owner : (N,) int64
        Object of each vertex; pieces do not reach from one into another.
    cell : (D,) float64
        Edge lengths of the cells, which lie on a grid through world 0.

    Returns
    -------
    (N,) int64
        Numbers from 0 on, without gaps.
    """
    count = len(positions)
    if not count:
        return np.zeros(0, np.int64)
    place = cell_numbers(positions, extent(positions), cell)
    first, second = edges.T
    inside = (place[first] == place[second]) & (owner[first] == owner[second])
    links = coo_array((np.ones(int(inside.sum()), np.int8), (first[inside], second[inside])), (count, count))
    return np.asarray(connected_components(links, directed=False)[1], np.int64)


def in_one_cell(positions: FloatArray, owner: Int64Array, cell: Float64Array) -> Int64Array:
    """Tell which piece each vertex, (N,), belongs to where all of an object's vertices in a cell become one."""
    if not len(positions):
        return np.zeros(0, np.int64)
    place = cell_numbers(positions, extent(positions), cell).astype(np.int64)
    return _numbered(np.stack([place, owner], axis=1))


def _numbered(rows: Int64Array) -> Int64Array:
    """Number the different rows, (N, C), as they ascend: equal rows have one number."""
    number = np.zeros(len(rows), np.int64)
    for column in rows.T:
        values, digit = np.unique(column, return_inverse=True)
        # Below N**2, whatever the values are.
        number = np.unique(number * max(1, len(values)) + digit, return_inverse=True)[1]
    return number.astype(np.int64)


def representatives(positions: FloatArray, edges: Int64Array, piece: Int64Array) -> tuple[Groups, Int64Array]:
    """Choose the vertex that stands for each piece: a tip or a branch before one of a path, then the most central.

    Returns
    -------
    groups : Groups
        The vertices of each piece.
    kept : (P,) int64
        The one that stands for it.
    """
    groups = group_rows(piece.astype(np.uint64))
    counts = groups.counts
    ordered = positions[groups.order].astype(np.float64)
    middle = np.add.reduceat(ordered, groups.starts[:-1], axis=0) / counts[:, None] if len(counts) else ordered
    away = ((ordered - np.repeat(middle, counts, axis=0)) ** 2).sum(axis=1)
    degree = np.bincount(edges.reshape(-1), minlength=len(positions))
    on_path = (degree == 2)[groups.order]
    best = np.lexsort((away, on_path, np.repeat(np.arange(len(counts)), counts)))
    return groups, groups.order[best[groups.starts[:-1]]].astype(np.int64)


def contracted_links(links: Int64Array, group: Int64Array, *, directed: bool) -> tuple[Int64Array, Int64Array]:
    """Map edges or faces to new vertices; those that collapse or repeat go.

    Parameters
    ----------
    links : (M, L) int64
        Old vertices.
    group : (N,) int64
        New vertex of each old one; -1 for one that goes.
    directed : bool
        ``[a, b]`` is another edge than ``[b, a]``. Faces keep their winding; two with the same corners are one.

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
    same_if = mapped[whole] if directed and width == 2 else ordered[whole]
    first = np.unique(_numbered(same_if), return_index=True)[1]
    source = whole[np.sort(first)]
    return mapped[source], source
