"""The forest of non-empty chunks: a node's parent is the chunk of the next coarser level that contains it.

1. Keep the longest chain of levels, level 0 included, in which every chunk edge is a whole multiple of the finer one.
2. Upwards: a level's cells are its own chunks and the parents of the finer cells; a cell that only the second
   names is a *virtual* node (count 0, always refined, covers nothing).
3. Downwards: sort each level by parent, then by coordinates, so that children are a slice and every node covers
   one interval of each finer level.

Tree levels run from coarsest (0) to finest; node numbers likewise, roots first. Axis order as stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zarr_vectors.lazy._catalogue import Catalogue, LevelCatalogue

__all__ = ["Tree", "build_tree"]

BoolArray = npt.NDArray[np.bool_]
Float64Array = npt.NDArray[np.float64]
Int32Array = npt.NDArray[np.int32]
Int64Array = npt.NDArray[np.int64]

_KEY_LIMIT = 2**62
"""Packed keys stay below it, so that one more axis never wraps an int64 unseen."""
_WHOLE = 1e-6
"""Relative distance from a whole number at which two chunk edges still count as nesting."""


@dataclass(frozen=True, slots=True, eq=False)
class Tree:
    """Nodes of all levels in one range of numbers, roots first.

    Attributes
    ----------
    levels : tuple of L ints
        Store levels, coarsest first.
    base : (L + 1,) int64
        Tree level i owns the nodes ``base[i]`` to ``base[i + 1]``.
    coords : (N, D) int64
        Chunk coordinates.
    center : (N, D) float64
        World units.
    half : (L, D) float64
        Half edges of a level's chunks, world units.
    count : (N,) int64
        Vertices, exact or estimated; 0 for virtual nodes.
    below : (N,) int64
        Vertices of the finest level that lie under each node; a node of the finest level counts its own.
    parent : (N,) int32
        -1 for roots.
    child_ptr : (N + 1,) int64
        Children of node n are the nodes ``child_ptr[n]`` to ``child_ptr[n + 1]``.
    is_virtual : (N,) bool
        Empty ancestors, made up for cells whose coarse chunk holds nothing.
    resolution, chunk_shape : (L, D) float64
        World units.
    ratios : (L - 1, D) int64
        ``chunk_shape[i] / chunk_shape[i + 1]``.
    left_out : tuple of int
        Store levels that do not nest or hold nothing.
    exact : (N,) bool
        Whether `count` is known, not estimated.
    tops : (T,) int32
        Real nodes without a real ancestor, ascending: the coarsest cover of everything. The roots, mostly.
    has_virtual : bool
        Whether any node is virtual.
    """

    levels: tuple[int, ...]
    base: Int64Array
    coords: Int64Array
    center: Float64Array
    half: Float64Array
    count: Int64Array
    below: Int64Array
    parent: Int32Array
    child_ptr: Int64Array
    is_virtual: BoolArray
    resolution: Float64Array
    chunk_shape: Float64Array
    ratios: Int64Array
    left_out: tuple[int, ...]
    exact: BoolArray
    tops: Int32Array
    has_virtual: bool

    def level_of(self, nodes: npt.NDArray[np.integer]) -> Int64Array:
        """Tell the tree level of each of `nodes`."""
        return np.searchsorted(self.base, nodes, side="right") - 1


def build_tree(catalogue: Catalogue) -> Tree:
    """Build the tree of a catalogue's chunks.

    Levels that do not nest are left out and named. O(n log n); nothing of it is repeated while viewing.
    """
    chain = _nesting_chain(catalogue.levels)
    D = catalogue.bounds.shape[1]
    shape = np.array([level.chunk_shape for level in chain], dtype=np.float64).reshape(-1, D)
    ratios = np.rint(shape[:-1] / shape[1:]).astype(np.int64)  # (L - 1, D)
    rows = _sort_by_parent(_complete_cells(chain, ratios))
    base = np.concatenate([[0], np.cumsum([len(row.coords) for row in rows], dtype=np.int64)]).astype(np.int64)
    coords = _concatenate([row.coords for row in rows], np.empty((0, D), np.int64))
    source = _concatenate([row.source for row in rows], np.empty(0, np.int64))
    parent = _concatenate(
        [row.parent if i == 0 else row.parent + base[i - 1] for i, row in enumerate(rows)],
        np.empty(0, np.int64),
    )
    is_virtual = source < 0
    count = _counts(chain, rows)
    return Tree(
        levels=tuple(level.level for level in chain),
        base=base,
        coords=coords,
        center=np.asarray((coords + 0.5) * np.repeat(shape, np.diff(base), axis=0), np.float64),
        half=shape / 2,
        count=count,
        below=_below(count, parent, base),
        parent=parent.astype(np.int32),
        child_ptr=_child_ptr(parent, base),
        is_virtual=is_virtual,
        resolution=_rising(np.array([level.resolution for level in chain], dtype=np.float64).reshape(-1, D)),
        chunk_shape=shape,
        ratios=ratios,
        left_out=tuple(sorted({v.level for v in catalogue.levels} - {v.level for v in chain})),
        exact=np.repeat([level.counts_exact for level in chain], np.diff(base)).astype(np.bool_) | is_virtual,
        tops=_tops(parent, is_virtual, base),
        has_virtual=bool(is_virtual.any()),
    )


def _nesting_chain(levels: Sequence[LevelCatalogue]) -> list[LevelCatalogue]:
    """Pick the longest chain of nesting levels from level 0 up, coarsest first; of equals the coarser ending."""
    ordered = sorted(levels, key=lambda v: v.level)
    usable = [v for i, v in enumerate(ordered) if i == 0 or len(v.coords)]
    chains: list[list[LevelCatalogue]] = []
    for level in usable:
        below = [chain for chain in chains if _nests(level, chain[0])]
        if below or not chains:
            chains.append([level, *max(below, key=len, default=[])])
    return max(chains, key=lambda chain: (len(chain), float(np.prod(chain[0].chunk_shape))), default=[])


def _nests(coarse: LevelCatalogue, fine: LevelCatalogue) -> bool:
    """Tell whether chunks of `coarse` are whole blocks of chunks of `fine`."""
    ratio = np.asarray(coarse.chunk_shape) / np.asarray(fine.chunk_shape)
    whole = np.rint(ratio)
    return bool(np.all((whole >= 1) & (np.abs(ratio - whole) <= _WHOLE * whole)))


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """One level's cells: (n, D) coordinates, (n,) row in the catalogue or -1, (n,) row of the parent or -1."""

    coords: Int64Array
    source: Int64Array
    parent: Int64Array


def _complete_cells(chain: Sequence[LevelCatalogue], ratios: Int64Array) -> list[_Rows]:
    """List each level's cells by coordinates, with a virtual cell wherever a finer one lacks its parent."""
    rows: list[_Rows] = []
    D = ratios.shape[1]
    below = np.empty((0, D), np.int64)
    for i in range(len(chain) - 1, -1, -1):
        own = np.asarray(chain[i].coords, dtype=np.int64).reshape(-1, D)
        wanted = below // ratios[i] if i < len(ratios) else below
        cells = np.concatenate([own, wanted])
        _, first, inverse = np.unique(_row_keys(cells), return_index=True, return_inverse=True)
        if rows:
            rows[-1] = _Rows(rows[-1].coords, rows[-1].source, inverse[len(own) :])
        # `own` comes first, so the first occurrence of a key tells whether the catalogue has the cell.
        rows.append(_Rows(cells[first], np.where(first < len(own), first, -1), np.full(len(first), -1)))
        below = rows[-1].coords
    return rows[::-1]


def _row_keys(rows: Int64Array) -> Int64Array:
    """Give each of the (n, D) rows a number such that numbers compare as the rows do, first axis slowest."""
    key = np.zeros(len(rows), np.int64)
    if not len(rows):
        return key
    size = 1
    for axis in rows.T:
        low = int(axis.min())
        span = int(axis.max()) - low + 1
        digit = axis - low if span < _KEY_LIMIT else np.unique(axis, return_inverse=True)[1].astype(np.int64)
        span = min(span, int(digit.max()) + 1)
        if size * span > _KEY_LIMIT:
            key, size = _dense(key)
            digit, span = _dense(digit)
        key = key * span + digit
        size *= span
    return key


def _dense(values: Int64Array) -> tuple[Int64Array, int]:
    """Replace values by their ranks; return them and their number."""
    unique, inverse = np.unique(values, return_inverse=True)
    return inverse.astype(np.int64), len(unique)


def _sort_by_parent(rows: list[_Rows]) -> list[_Rows]:
    """Order each level by its parents' final order, coordinates within."""
    out: list[_Rows] = []
    place = np.empty(0, np.int64)
    for i, level in enumerate(rows):
        parent = place[level.parent] if i else level.parent
        order = np.argsort(parent, kind="stable")
        place = np.empty(len(order), np.int64)
        place[order] = np.arange(len(order))
        out.append(_Rows(level.coords[order], level.source[order], parent[order]))
    return out


def _counts(chain: Sequence[LevelCatalogue], rows: list[_Rows]) -> Int64Array:
    """Carry the catalogue's counts over to the nodes, 0 for virtual ones."""
    parts = []
    for level, row in zip(chain, rows, strict=True):
        counts = np.append(np.asarray(level.counts, dtype=np.int64), 0)  # -1 reads the appended 0
        parts.append(np.maximum(counts[row.source], 0))
    return _concatenate(parts, np.empty(0, np.int64))


def _below(count: Int64Array, parent: Int64Array, base: Int64Array) -> Int64Array:
    """Sum the finest level's counts upwards."""
    below = count.copy()
    for i in range(len(base) - 3, -1, -1):
        finer = slice(int(base[i + 1]), int(base[i + 2]))
        size = int(base[i + 1] - base[i])
        summed = np.bincount(parent[finer] - base[i], weights=below[finer], minlength=size)
        below[base[i] : base[i + 1]] = summed.astype(np.int64)  # exact below 2^53
    return below


def _child_ptr(parent: Int64Array, base: Int64Array) -> Int64Array:
    """Turn parents, ascending within and over levels, into slices of children."""
    n = len(parent)
    roots = int(base[1]) if len(base) > 1 else 0
    kids = np.bincount(parent[roots:], minlength=n)
    return np.concatenate([[roots], roots + np.cumsum(kids)]).astype(np.int64)


def _rising(resolution: Float64Array) -> Float64Array:
    """Let no level, (L, D) coarsest first, be finer than the next: its points were moved by what those were."""
    return np.asarray(np.maximum.accumulate(resolution[::-1], axis=0)[::-1])


def _tops(parent: Int64Array, is_virtual: BoolArray, base: Int64Array) -> Int32Array:
    """List the real nodes all of whose ancestors are virtual."""
    uncovered = np.ones(len(parent), np.bool_)
    for i in range(1, len(base) - 1):
        up = parent[base[i] : base[i + 1]]
        uncovered[base[i] : base[i + 1]] = uncovered[up] & is_virtual[up]
    return np.flatnonzero(uncovered & ~is_virtual).astype(np.int32)


def _concatenate(parts: list[Int64Array], empty: Int64Array) -> Int64Array:
    return np.concatenate([empty, *parts])
