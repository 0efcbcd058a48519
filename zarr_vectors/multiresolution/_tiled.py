"""A coarser level of content in blocks: blocks are clustered one after the other, each as if it were alone.

A cell that lies across two blocks is cut there and leaves a vertex on either side, which the search for
its size counts. What hangs together still does: links between blocks lead from one block's new vertices to the other's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from zarr_vectors.multiresolution._blocks import Blocked, regrouped
from zarr_vectors.multiresolution._cluster import Coarse, Web, carried, contracted, web_of
from zarr_vectors.multiresolution._contract import find_cell
from zarr_vectors.multiresolution._pile import ContentPile, number_type
from zarr_vectors.multiresolution._shelf import Shelf
from zarr_vectors.multiresolution._spread import BLOCK_ROWS
from zarr_vectors.multiresolution._tiles import spread_sample
from zarr_vectors.types._content import Content
from zarr_vectors.types._mapped import release
from zarr_vectors.types._owners import Objects
from zarr_vectors.types._tasks import TaskRunner
from zarr_vectors.typing import BoolArray, Float64Array, Int64Array

__all__ = ["coarsened_blocks"]

_SAMPLE_ROWS = 1 << 18
_COUNT_TOLERANCE = 0.03
_MOST_PASSES = 3


@dataclass(frozen=True, slots=True, eq=False)
class _Wanted:
    """How blocks are clustered.

    Attributes
    ----------
    share : float
        Vertices that are wanted, of one.
    bins : (D,) float64
    quadrics : bool
    """

    share: float
    bins: Float64Array
    quadrics: bool


def coarsened_blocks(
    blocked: Blocked,
    stays: BoolArray | None,
    coarsen: Int64Array,
    bins: Float64Array,
    modes: Mapping[str, str],
    shelf: Shelf,
    runner: TaskRunner,
    message: str,
    *,
    quadrics: bool,
    with_parents: bool,
) -> tuple[Coarse, Blocked]:
    """Make one of about ``prod(coarsen)`` vertices each, none moved by more than a bin.

    Parameters
    ----------
    blocked : Blocked
    stays : (O,) bool or None
        Objects that stay; None for all.
    coarsen : (D,) int64
    bins : (D,) float64
        Bins of the coarser level, world units.
    modes : dict
        How each vertex attribute is aggregated.
    shelf : Shelf
        Where the result is put.
    runner : TaskRunner
        Told of each block that is done, and asked between blocks whether to stop.
    message : str
        What is being done.
    quadrics : bool
        Whether the closed parts of meshes are decimated by quadrics.
    with_parents : bool
        Whether to tell which vertex stands for each.

    Returns
    -------
    coarse : Coarse
    blocked : Blocked
        Its content, in blocks again.
    """
    content, wanted = blocked.content, _Wanted(1 / float(np.prod(coarsen)), bins, quadrics)
    cell = _search(blocked, stays, wanted, runner)
    count, out, error = len(content.positions), ContentPile(content, shelf), np.zeros(len(bins))
    groups = shelf.room((count,), number_type(count))
    for number in range(len(blocked)):
        runner.check()
        block = blocked.block(number, stays)
        span = slice(int(blocked.starts[number]), int(blocked.starts[number + 1]))
        into = np.full(span.stop - span.start, -1, groups.dtype)
        objects = block.content.objects
        if block.own and objects is not None:
            web = web_of(block.content, block.own)
            found = web.clusters(cell, round(block.own * wanted.share), bins, quadrics=quadrics)
            part, group = carried(block.content, objects, found, modes)
            into[block.rows - span.start] = len(out) + group[: block.own]
            error = np.maximum(error, found.error)
            out.put(part)
        groups[span] = into
        release(groups)
        runner.advance(span.stop - span.start, message)
    starts, link_starts = np.array(out.starts), np.array(out.link_starts)
    for links in blocked.crossing():
        out.put_links(contracted(links, groups))
        release(groups)
    made = out.content(replace(_objects(content), owner=None))
    parents = np.array(groups, np.int64) if with_parents else None
    return Coarse(made, error, parents), regrouped(made, starts, link_starts, BLOCK_ROWS)


def _objects(content: Content) -> Objects:
    return Objects(np.empty(0, np.int64)) if content.objects is None else content.objects


def _search(blocked: Blocked, stays: BoolArray | None, wanted: _Wanted, runner: TaskRunner) -> Float64Array:
    """Search the cell that leaves the wanted share: on some of the blocks, then on all until it is near enough."""
    rows = np.array([blocked.rows_of(number, stays) for number in range(len(blocked))], np.int64)
    total = int(rows.sum())
    if not total:
        return wanted.bins
    target = round(total * wanted.share)
    chosen = spread_sample(rows, _SAMPLE_ROWS)
    sample = [_web(blocked, number, stays) for number in chosen.tolist()]

    def count(cell: Float64Array) -> int:
        runner.check()
        return sum(web.count(cell) for web in sample)

    sampled = int(rows[chosen].sum())
    cell = find_cell(count, round(target * sampled / total), wanted.bins)
    tried: list[tuple[float, Float64Array]] = []
    while sampled < total and len(tried) < _MOST_PASSES:
        found = 0
        for number in range(len(blocked)):
            runner.check()
            found += _web(blocked, number, stays).count(cell)
        tried.append((abs(math.log(max(found, 1) / max(target, 1))), cell))
        next_cell = find_cell(count, round(count(cell) * target / max(found, 1)), wanted.bins)
        if tried[-1][0] < _COUNT_TOLERANCE or np.array_equal(next_cell, cell):
            break
        cell = next_cell
    return min(tried, key=lambda miss: miss[0])[1] if tried else cell


def _web(blocked: Blocked, number: int, stays: BoolArray | None) -> Web:
    block = blocked.block(number, stays)
    return web_of(block.content, block.own)
