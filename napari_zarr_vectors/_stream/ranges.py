"""A plan's shown set -> row ranges of resident chunks. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_zarr_vectors._build import place_interval, row_range

if TYPE_CHECKING:
    from collections.abc import Callable, Container

    import numpy.typing as npt

    from napari_zarr_vectors._build import BuiltChunk
    from napari_zarr_vectors._lod import LodPlan, Tree

__all__ = ["ShownRanges", "shown_ranges"]


@dataclass(frozen=True, slots=True, eq=False)
class ShownRanges:
    """Rows ``starts[i]:stops[i]`` of node ``nodes[i]`` are drawn that lie in what ``cuts[i]`` meets, all (m,) int64."""

    nodes: npt.NDArray[np.int64]
    starts: npt.NDArray[np.int64]
    stops: npt.NDArray[np.int64]
    cuts: npt.NDArray[np.int64]


def shown_ranges(
    plan: LodPlan, tree: Tree, chunk: Callable[[int], BuiltChunk | None], *, only: Container[int] | None = None
) -> ShownRanges:
    """Find the rows of each shown place; with `only`, of those nodes.

    Raises
    ------
    LookupError
        If a shown node is not resident: the planner's book and the pool disagree, which would be a silent hole.
    """
    nodes: list[int] = []
    starts: list[int] = []
    stops: list[int] = []
    cuts: list[int] = []
    seen: set[tuple[int, int, int]] = set()
    for node, part, cut in zip(plan.show.tolist(), plan.part.tolist(), plan.cuts.tolist(), strict=True):
        if only is not None and node not in only:
            continue
        built = chunk(node)
        if built is None:
            msg = f"plan {plan.generation} shows node {node}, which is not in the pool"
            raise LookupError(msg)
        first, last = (0, built.rows) if node == part else _part_range(tree, node, part, built)
        if (node, first, last) in seen:  # a part that the chunk does not tell from another one
            continue
        seen.add((node, first, last))
        share = min(1.0, plan.fraction / built.fraction)
        if share >= 1:
            nodes.append(node)
            starts.append(first)
            stops.append(last)
            cuts.append(cut)
            continue
        begin, end = _places(built, first, last)
        keep = _first_rows(built, begin, end, share)
        nodes += [node] * len(begin)
        starts += begin.tolist()
        stops += keep.tolist()
        cuts += [cut] * len(begin)
    arrays = [np.array(a, dtype=np.int64) for a in (nodes, starts, stops, cuts)]
    return ShownRanges(*arrays)


def _part_range(tree: Tree, node: int, part: int, built: BuiltChunk) -> tuple[int, int]:
    """Give the rows of a part of a node; of one that the chunk does not tell apart, those of the place around it."""
    depth, fine = (int(i) for i in tree.level_of(np.array([node, part])))
    last = len(tree.ratios) if built.steps is None else depth + built.steps
    told = min(fine, last)
    around = tree.coords[part] // np.prod(tree.ratios[told:fine], axis=0)
    cell = around - tree.coords[node] * np.prod(tree.ratios[depth:told], axis=0)
    return row_range(built, *place_interval(cell, told - depth, tree.ratios[depth:last]))


def _places(built: BuiltChunk, first: int, last: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    low, high = np.searchsorted(built.starts, [first, last])
    bounds = built.starts[low : high + 1]
    return bounds[:-1], bounds[1:]


def _first_rows(
    built: BuiltChunk, begin: npt.NDArray[np.int64], end: npt.NDArray[np.int64], share: float
) -> npt.NDArray[np.int64]:
    """Give where the first rows of places end that draw a share of the chunk's vertices; never more in all.

    Points: each small place shows its share, and what rounding takes from one goes to the next, so that many places
    of few rows thin like few of many. Rows that have vertices in common: what is first in the order of their objects,
    the same ones in all places, because what a place leaves out may have to be drawn for another one.
    """
    if not len(begin):
        return begin
    if built.cost is None:
        bounds = np.append(begin, end[-1:])
        most: npt.NDArray[np.int64] = begin + np.diff(np.floor((bounds - begin[0]) * share).astype(np.int64))
        return most
    drawn = built.cost[begin[0] : end[-1]] <= share * built.vertices
    return begin + np.add.reduceat(drawn, begin - begin[0], dtype=np.int64)
