"""What lies in the GPU pool, and what is known of the nodes: the planner's one mutable book.

The planner thread owns it and applies arrivals, evictions and failures between two plans; `plan` only reads.
Rows lie in pages of `page_rows`; a resident node takes whole pages.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from napari_zarr_vectors._lod.tree import Tree

__all__ = ["Residency", "ascending", "empty_residency", "is_in", "pages_of"]

BoolArray = npt.NDArray[np.bool_]
Int32Array = npt.NDArray[np.int32]
Int64Array = npt.NDArray[np.int64]
Nodes = npt.NDArray[np.integer]

_SURPRISE = 0.15
"""Guesses are made anew when chunks take so much more or less of the pool than was guessed."""


@dataclass(slots=True, eq=False)
class Residency:
    """Arrays over the N nodes of a tree.

    Attributes
    ----------
    tree : Tree
    fraction : (N,) float32
        0 = not resident, 1 = all rows are, between = a thinned share is.
    count : (N,) int64
        Best known vertex count; corrected when a node is loaded.
    child_sum : (N,) int64
        What drawing the children instead costs: their counts, where a virtual child counts its own `child_sum`.
    rows : (N,) int64
        Best known rows of the pool that a node takes: points, segments or triangles.
    failed : (N,) bool
        Given up after retries.
    last_kept : (N,) int64
        Generation of the last plan that kept the node, -1 for never.
    capacity_rows, page_rows : int
        Size of the pool and of a page.
    residents : (k,) int32
        Resident nodes, ascending.
    used_pages : int
        Pages they take.
    slot : (N,) int32
        Row of `profiles` of each node that was ever loaded, -1 for others.
    profiles : (S, 2, D, bins + 1) int64
        Vertices of rows that begin, and of rows that end, before each edge of the bins of the node's box (see `slabs`).
    profiled : int
        Rows of `profiles` in use.
    sized : (N,) bool
        Whether `rows` was counted, not guessed; of what came without a row it is not.
    seen : (L, 3) float64
        Of each level the vertices and rows of what was counted, and the rows a vertex that others are guessed by.
    """

    tree: Tree
    fraction: npt.NDArray[np.float32]
    count: Int64Array
    child_sum: Int64Array
    rows: Int64Array
    failed: BoolArray
    last_kept: Int64Array
    capacity_rows: int
    page_rows: int
    residents: Int32Array
    used_pages: int
    slot: Int32Array
    profiles: Int64Array
    profiled: int
    sized: BoolArray
    seen: npt.NDArray[np.float64]

    @property
    def capacity_pages(self) -> int:
        """Whole pages of the pool."""
        return self.capacity_rows // self.page_rows

    def pages(self, nodes: Nodes) -> Int64Array:
        """Pages that each of `nodes` takes now; 0 where not resident."""
        return pages_of(self.rows[nodes], self.fraction[nodes], self.page_rows)

    def load(
        self, nodes: Nodes, counts: Nodes, fractions: npt.NDArray[np.floating] | float, rows: Nodes | None = None
    ) -> None:
        """Enter arrivals.

        Parameters
        ----------
        nodes : (m,) int
            Distinct real nodes.
        counts : (m,) int
            Their true vertex counts.
        fractions : (m,) float or float
            Shares of their rows that were loaded, above 0.
        rows : (m,) int, optional
            Rows of the pool that all of each would take; one a vertex by default.

        Raises
        ------
        ValueError
            For a virtual node, which has nothing to load.
        """
        own: Int32Array = nodes.astype(np.int32)
        if self.tree.is_virtual[own].any():
            raise ValueError(f"nodes {own[self.tree.is_virtual[own]].tolist()} are virtual: nothing to load")
        self.used_pages -= int(self.pages(own).sum())
        self._correct(own, counts.astype(np.int64))
        if rows is None:
            self.rows[own] = counts
        else:
            self._learn(own, counts, rows)
            # A share of no rows does not say how many all are: that stays as it was guessed.
            said = (rows > 0) | (np.asarray(fractions) >= 1)
            self.rows[own[said]] = rows[said]
        self.fraction[own] = fractions
        self.failed[own] = False
        self.residents = ascending(np.concatenate([self.residents, own]))
        self.used_pages += int(self.pages(own).sum())

    def profile(self, nodes: Nodes, profiles: Int64Array) -> None:
        """Enter how the vertices of whole nodes lie in the bins of their boxes, (m, 2, D, bins + 1)."""
        fresh = nodes[self.slot[nodes] < 0]
        short = self.profiled + len(fresh) - len(self.profiles)
        if short > 0:
            more = np.zeros((max(len(self.profiles), short, 64), *profiles.shape[1:]), np.int64)
            self.profiles = np.concatenate([self.profiles, more]) if self.profiled else more
        self.slot[fresh] = np.arange(self.profiled, self.profiled + len(fresh))
        self.profiled += len(fresh)
        self.profiles[self.slot[nodes]] = profiles

    def measure(self, nodes: Nodes, rows: Nodes) -> None:
        """Enter how many rows of the pool all of each node takes, of those for which there was no room.

        What is known of resident nodes is only raised: a share is drawn of them, and the larger one did not fit.
        """
        self.used_pages -= int(self.pages(nodes).sum())
        self.rows[nodes] = np.where(self.fraction[nodes] == 0, rows, np.maximum(rows, self.rows[nodes]))
        self.sized[nodes] = True
        self.used_pages += int(self.pages(nodes).sum())

    def evict(self, nodes: Nodes) -> None:
        """Forget that `nodes` are resident; those that are not are passed over."""
        self.used_pages -= int(self.pages(nodes).sum())
        self.fraction[nodes] = 0
        self.residents = self.residents[self.fraction[self.residents] > 0]

    def fail(self, nodes: Nodes) -> None:
        """Mark `nodes` as not to be asked for again."""
        self.failed[nodes] = True

    def retry(self) -> None:
        """Let failed nodes be asked for again."""
        self.failed[:] = False

    def keep(self, nodes: Nodes, generation: int) -> None:
        """Note that the plan of `generation` kept `nodes`."""
        self.last_kept[nodes] = generation

    def _learn(self, nodes: Int32Array, counts: Nodes, rows: Nodes) -> None:
        """Guess what is not there yet by what is, level by level: how often lines are cut depends on the level.

        Chunks without rows teach nothing: a small chunk's share is none although it has some.
        """
        new = ~self.sized[nodes] & (rows > 0)
        self.sized[nodes[new]] = True
        level = self.tree.level_of(nodes[new])
        for k, amount in enumerate((counts[new], rows[new])):
            self.seen[:, k] += np.bincount(level, weights=amount, minlength=len(self.seen))
        known = self.seen[:, 0] > 0
        ratio = np.divide(self.seen[:, 1], self.seen[:, 0], out=self.seen[:, 2].copy(), where=known)
        for i in np.flatnonzero(np.abs(ratio / self.seen[:, 2] - 1) > _SURPRISE).tolist():
            self.seen[i, 2] = ratio[i]
            here = np.arange(self.tree.base[i], self.tree.base[i + 1])
            here = here[~self.sized[here] & (self.fraction[here] == 0)]  # of residents pages are counted already
            self.rows[here] = np.ceil(self.count[here] * ratio[i]).astype(np.int64)

    def _correct(self, nodes: Int32Array, counts: Int64Array) -> None:
        """Set counts and carry the difference up: one step, and on through virtual parents."""
        change = counts - self.count[nodes]
        self.count[nodes] = counts
        nodes, change = nodes[change != 0], change[change != 0]
        up = self.tree.parent[nodes]
        while len(up):
            up, change = up[up >= 0], change[up >= 0]
            np.add.at(self.child_sum, up, change)
            carries = self.tree.is_virtual[up]
            up, change = self.tree.parent[up[carries]], change[carries]


def empty_residency(tree: Tree, capacity_rows: int, *, page_rows: int = 256, rows_a_vertex: float = 1.0) -> Residency:
    """Begin a book in which nothing is resident.

    `rows_a_vertex` is what chunks are taken to need of the pool until they are there.

    Raises
    ------
    ValueError
        If the pool cannot be divided into pages.
    """
    if page_rows < 1 or capacity_rows < 0:
        raise ValueError(f"capacity_rows={capacity_rows}, page_rows={page_rows}: expected >= 0 and >= 1")
    n = len(tree.count)
    return Residency(
        tree=tree,
        fraction=np.zeros(n, np.float32),
        count=tree.count.copy(),
        child_sum=_child_sums(tree),
        rows=np.ceil(tree.count * rows_a_vertex).astype(np.int64),
        failed=np.zeros(n, np.bool_),
        last_kept=np.full(n, -1, np.int64),
        capacity_rows=capacity_rows,
        page_rows=page_rows,
        residents=np.empty(0, np.int32),
        used_pages=0,
        slot=np.full(n, -1, np.int32),
        profiles=np.empty((0, 2, tree.half.shape[1], 1), np.int64),
        profiled=0,
        sized=np.zeros(n, np.bool_),
        seen=np.tile([0.0, 0.0, rows_a_vertex], (len(tree.levels), 1)),
    )


def ascending(nodes: Int32Array) -> Int32Array:
    """Sort nodes and drop repetitions; for a plan's few thousand, faster than `numpy.unique` and its hashing."""
    nodes = nodes.copy()
    nodes.sort()
    first = np.ones(len(nodes), np.bool_)
    np.not_equal(nodes[1:], nodes[:-1], out=first[1:])
    return nodes[first]


def is_in(nodes: Nodes, among: Nodes) -> BoolArray:
    """Tell which of `nodes` occur `among` some, ascending."""
    if not len(among):
        return np.zeros(len(nodes), np.bool_)
    return np.asarray(among.take(among.searchsorted(nodes), mode="clip") == nodes)


def pages_of(count: Int64Array, fraction: npt.NDArray[np.floating] | float, page_rows: int) -> Int64Array:
    """Pages for a share of so many rows, both rounded up."""
    rows = count * (fraction.astype(np.float64) if isinstance(fraction, np.ndarray) else fraction)
    np.ceil(rows, out=rows)
    rows /= page_rows
    np.ceil(rows, out=rows)
    return rows.astype(np.int64)


def _child_sums(tree: Tree) -> Int64Array:
    """Sum the children's counts, finest level first, a virtual child standing for its own children."""
    sums = np.zeros(len(tree.count), np.int64)
    cost = tree.count.copy()
    for i in range(len(tree.levels) - 2, -1, -1):
        own = slice(tree.base[i], tree.base[i + 1])
        ptr = tree.child_ptr[tree.base[i] : tree.base[i + 1] + 1]
        below = np.concatenate([[0], np.cumsum(cost[tree.base[i + 1] : tree.base[i + 2]])])
        sums[own] = np.diff(below[ptr - tree.base[i + 1]])
        cost[own] = np.where(tree.is_virtual[own], sums[own], cost[own])
    return sums
