"""A coarser level of lines: some lines at a time, what comes out put one behind the other.

Beside the content that it is made from, which may lie in files, only these lines are held.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from zarr_vectors.encoding import expand_ranges, offsets_of
from zarr_vectors.multiresolution._cluster import Coarse, carried_lines
from zarr_vectors.multiresolution._contract import Clusters
from zarr_vectors.multiresolution._lines import significance, stretches
from zarr_vectors.multiresolution._pile import ContentPile
from zarr_vectors.multiresolution._reduce import Groups
from zarr_vectors.multiresolution._shelf import Shelf
from zarr_vectors.types._content import Content
from zarr_vectors.types._mapped import release
from zarr_vectors.types._owners import Objects
from zarr_vectors.types._tasks import TaskRunner
from zarr_vectors.typing import AnyArray, BoolArray, Float64Array, FloatArray, Int64Array

__all__ = ["line_parts", "simplified_lines"]

_SAMPLE_ROWS = 1 << 16
_LEAST_LINES, _MOST_LINES = 200, 2000
_BLOCK_ROWS = 1 << 18


@dataclass(frozen=True, slots=True, eq=False)
class _Stretches:
    """Lines, those of more than a block cut to pieces: stretches that follow one another.

    Attributes
    ----------
    starts : (S + 1,) whole numbers
        Where each begins.
    lines : (S,) int64 or None
        Line of each; None where each is a line.
    """

    starts: AnyArray
    lines: Int64Array | None

    @classmethod
    def of(cls, paths: AnyArray | range) -> _Stretches:
        """Cut lines, line ``i`` being the vertices ``paths[i]:paths[i + 1]``."""
        begins = np.asarray(paths)
        if _longest(begins) <= _BLOCK_ROWS:
            return cls(begins, None)
        counts = np.diff(begins)
        pieces = np.maximum(1, -(-counts // _BLOCK_ROWS))
        owner = np.repeat(np.arange(len(counts)), pieces)
        number = np.arange(len(owner)) - np.repeat(offsets_of(pieces)[:-1], pieces)
        return cls(np.append(begins[owner] + number * _BLOCK_ROWS, begins[-1]), owner)

    def blocks(self) -> Iterator[tuple[Int64Array, Int64Array]]:
        """Give stretches that are worked on together, a quarter of a million vertices: where they begin, and lines."""
        begins = np.arange(0, int(self.starts[-1]) + 1, _BLOCK_ROWS).astype(self.starts.dtype)
        cuts = np.searchsorted(self.starts, begins)
        for low, high in pairwise(np.unique(np.append(cuts, len(self.starts) - 1)).tolist()):
            owner = np.arange(low, high) if self.lines is None else self.lines[low:high]
            yield self.starts[low : high + 1].astype(np.int64), owner
            release(self.starts)


def _longest(begins: AnyArray) -> int:
    """Give the vertices of the longest line."""
    most = 0
    for low in range(0, len(begins) - 1, _BLOCK_ROWS):
        most = max(most, int(np.diff(begins[low : low + _BLOCK_ROWS + 1]).max()))
        release(begins)
    return most


def line_parts(content: Content) -> Iterator[tuple[Content, int]]:
    """Give lines some at a time, with the line of each vertex in place of where lines begin, and their vertices."""
    objects = content.objects
    if objects is None or objects.paths is None:
        return
    lines = _Stretches.of(objects.paths)
    for begins, lines_of in lines.blocks():
        owner = np.repeat(lines_of, np.diff(begins))
        rows = slice(int(begins[0]), int(begins[-1]))
        own = replace(objects, paths=None, owner=owner)
        yield replace(content, positions=content.positions[rows], attributes=(), objects=own), len(owner)
        release(content.positions)


def simplified_lines(
    content: Content,
    stays: BoolArray | None,
    coarsen: Int64Array,
    bins: Float64Array,
    modes: Mapping[str, str],
    shelf: Shelf,
    runner: TaskRunner,
    message: str,
    *,
    with_parents: bool,
) -> Coarse:
    """Leave lines out, and of the others what lies within a tolerance.

    Parameters
    ----------
    content : Content
        Of lines of any kind; segments, which have nothing to simplify, stay whole.
    stays : (O,) bool or None
        Lines that stay; None for all.
    coarsen, bins, modes, with_parents
        As for `coarsened`.
    shelf : Shelf
        Where the result is put.
    runner : TaskRunner
        Told of all lines that are done, and asked whether to stop.
    message : str
        What is being done.
    """
    objects = content.objects
    nothing, is_whole = np.zeros(len(bins)), content.topology.kind == "line"
    if objects is None or objects.paths is None or not len(content.positions) or (is_whole and stays is None):
        runner.advance(len(content.positions), message)
        return Coarse(content, nothing, np.arange(len(content.positions)) if with_parents else None)
    paths = np.asarray(objects.paths)
    tolerance = 0.0 if is_whole else _tolerance(content.positions, paths, stays, coarsen, bins)
    lines, out = _Stretches.of(paths), ContentPile(content, shelf)
    left = shelf.room((len(paths),), paths.dtype)
    left[:] = 0
    release(left)
    parents = [np.empty(0, np.int64)]
    for begins, owner in lines.blocks():
        part, rows = _part(content, objects, begins, None if stays is None else stays[owner])
        stretch = np.ones(len(part.positions), np.int64) if with_parents else None
        if not is_whole and len(part.positions) and part.objects is not None:
            found = _simplified(part, tolerance)
            part, stretch = carried_lines(part, part.objects, found, modes), found.groups.counts
        if part.objects is not None and part.objects.paths is not None:
            stay = np.bincount(owner - owner[0], np.diff(part.objects.paths))
            left[owner[0] + 1 : owner[0] + 1 + len(stay)] += stay.astype(left.dtype)
        if stretch is not None and with_parents:
            own = np.full(int(begins[-1] - begins[0]), -1, np.int64)
            own[rows] = len(out) + np.repeat(np.arange(len(stretch)), stretch)
            parents.append(own)
        if len(part.positions):
            out.put(part)
        release(left, content.positions, *(values for _, values in content.attributes))
        runner.advance(int(begins[-1] - begins[0]), message)
    _add_up(left)
    coarse = out.content(replace(objects, paths=left))
    error = nothing if is_whole else np.full(len(bins), tolerance)
    return Coarse(coarse, error, np.concatenate(parents) if with_parents else None)


def _part(
    content: Content, objects: Objects, begins: Int64Array, stays: BoolArray | None
) -> tuple[Content, slice | Int64Array]:
    """Give stretches as content of their own, those that go empty, and the rows among theirs that it has."""
    span = slice(int(begins[0]), int(begins[-1]))
    columns = [values[span] for _, values in content.columns]
    local = begins - begins[0]
    rows: slice | Int64Array = slice(None)
    if stays is not None and not stays.all():
        counts = np.where(stays, np.diff(local), 0)
        rows = expand_ranges(local[:-1], counts)
        columns, local = [values[rows] for values in columns], offsets_of(counts)
    attributes = [(column, values) for (column, _), values in zip(content.attributes, columns[1:], strict=True)]
    own = replace(content, positions=columns[0], attributes=attributes, objects=replace(objects, paths=local))
    return own, rows


def _simplified(content: Content, tolerance: float) -> Clusters:
    """Leave out what lies within a tolerance."""
    positions, objects = content.positions, content.objects
    paths = np.zeros(1, np.int64) if objects is None else np.asarray(objects.paths, np.int64)
    kept = np.flatnonzero(significance(positions, paths, tolerance) > tolerance)
    groups = Groups(np.arange(len(positions)), stretches(kept, len(positions)))
    return Clusters(groups, kept, None, np.full(positions.shape[1], tolerance))


def _add_up(counts: AnyArray) -> None:
    """Turn numbers into the sums up to each, where they lie."""
    before = 0
    for low in range(0, len(counts), _BLOCK_ROWS):
        piece = counts[low : low + _BLOCK_ROWS]
        np.cumsum(piece, dtype=piece.dtype, out=piece)
        piece += before
        before = int(piece[-1])
        release(counts)


def _tolerance(
    positions: FloatArray, paths: AnyArray, stays: BoolArray | None, coarsen: Int64Array, bins: Float64Array
) -> float:
    """Find the tolerance that leaves the wanted share of the lines that stay, at most a bin, on some of them."""
    counts = np.diff(paths) if stays is None else np.diff(paths) * stays
    total, lines, begins = int(counts.sum()), np.flatnonzero(counts), paths[:-1]
    if not total:
        return 0.0
    target = round(total / float(np.prod(coarsen)))
    wanted = min(max(_LEAST_LINES, len(lines) * _SAMPLE_ROWS // total), _MOST_LINES)
    some = lines[np.unique(np.linspace(0, len(lines) - 1, wanted).astype(np.int64))]
    rows = expand_ranges(begins[some], np.minimum(counts[some], _BLOCK_ROWS))
    found = significance(positions[rows], offsets_of(np.minimum(counts[some], _BLOCK_ROWS)), -1.0)
    release(positions)
    inner = np.sort(found[np.isfinite(found)])
    ends = len(found) - len(inner)
    wanted = max(0, round(len(found) * target / total) - ends)
    return min(float(inner[len(inner) - wanted - 1]) if wanted < len(inner) else 0.0, float(bins.min()))
