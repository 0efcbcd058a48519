"""Content in blocks: vertices that are worked on together, with the links among them, and the links between blocks.

A block is some hundred thousand vertices of whole objects, or of a large object what lies in neighbouring chunks. Its
vertices follow one another. What becomes one vertex never reaches out of its block; a block is read along with the
corners, in other blocks, of links that lead out of it, so that what lies at its border is seen from all sides.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from zarr_vectors.encoding import expand_ranges, offsets_of
from zarr_vectors.multiresolution._pile import number_type
from zarr_vectors.spatial import group_order, run_starts
from zarr_vectors.types._content import Content, Links
from zarr_vectors.types._mapped import release
from zarr_vectors.typing import AnyArray, BoolArray, Int64Array

__all__ = ["Block", "Blocked", "mended", "regrouped"]


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Some vertices.

    Attributes
    ----------
    content : Content
        First the vertices of the block, with their attributes; then, without, those that links lead to.
    own : int
        How many the former are.
    rows : (own,) int64
        Their numbers in the whole.
    """

    content: Content
    own: int
    rows: Int64Array


@dataclass(frozen=True, slots=True, eq=False)
class Blocked:
    """Content and its blocks.

    Attributes
    ----------
    content : Content
    starts : (B + 1,) int64
        Block ``b`` has the vertices ``starts[b]:starts[b + 1]``.
    links : list of (k, 2) int64
        Of each block the links that lie in it, as runs ``low:high``.
    between : (K,) int64
        The links that do not lie in one block, those of the same first block together.
    """

    content: Content
    starts: Int64Array
    links: Sequence[Int64Array]
    between: Int64Array
    _begins: Int64Array  # (B + 1,): where those of each first block begin
    _reach: tuple[Int64Array, Int64Array]  # which of `between` touch each block, and where its begin

    @classmethod
    def of(cls, content: Content, starts: Int64Array, runs: Sequence[Int64Array], between: Int64Array) -> Blocked:
        """Note which links between blocks, in any order, touch which."""
        count = len(starts) - 1
        ends = _taken(content.links, between).ends
        block = np.sort(np.searchsorted(starts, ends, side="right") - 1, axis=1)
        by_first = np.argsort(block[:, 0], kind="stable")
        block = block[by_first]
        begins = np.searchsorted(block[:, 0], np.arange(count + 1))
        first = np.ones(block.shape, bool)
        first[:, 1:] = block[:, 1:] != block[:, :-1]
        touched, link = block[first], np.nonzero(first)[0]
        order = np.argsort(touched, kind="stable")
        reach = link[order], offsets_of(np.bincount(touched, minlength=count))
        return cls(content, starts, runs, between[by_first], begins, reach)

    @classmethod
    def whole(cls, content: Content) -> Blocked:
        """Put everything in one block."""
        count = 0 if content.links is None else len(content.links.ends)
        return cls.of(content, np.array([0, len(content.positions)]), [np.array([[0, count]])], np.empty(0, np.int64))

    def __len__(self) -> int:
        """Number of blocks."""
        return len(self.starts) - 1

    def rows_of(self, number: int, stays: BoolArray | None) -> int:
        """Count the vertices of a block whose objects stay."""
        rows = slice(int(self.starts[number]), int(self.starts[number + 1]))
        return rows.stop - rows.start if stays is None else int(np.count_nonzero(stays[self._owners(rows)]))

    def block(self, number: int, stays: BoolArray | None) -> Block:
        """Read a block.

        Parameters
        ----------
        number : int
        stays : (O,) bool or None
            Objects whose vertices are left; None for all.
        """
        content, low, high = self.content, int(self.starts[number]), int(self.starts[number + 1])
        owner = self._owners(slice(low, high))
        rows = np.arange(low, high)
        if stays is not None and not stays[owner].all():
            rows = rows[stays[owner]]
        own = slice(low, high) if len(rows) == high - low else rows
        attributes = [(column, np.array(values[own])) for column, values in content.attributes]
        links, beyond = self._links_of(number, rows, stays)
        positions = np.concatenate([content.positions[own], content.positions[beyond]])
        objects = content.objects
        if objects is not None:
            objects = replace(objects, owner=np.concatenate([self._owners(own), self._owners(beyond)]))
        made = replace(content, positions=positions, attributes=attributes, objects=objects, links=links, breaks=None)
        release(content.positions, *(values for _, values in content.attributes))
        return Block(made, len(rows), rows)

    def _owners(self, rows: slice | Int64Array) -> AnyArray:
        objects = self.content.objects
        if objects is None or objects.owner is None:
            return np.zeros(len(range(rows.start, rows.stop)) if isinstance(rows, slice) else len(rows), np.int32)
        found = np.array(objects.owner[rows])
        release(objects.owner)
        return found

    def _links_of(self, number: int, rows: Int64Array, stays: BoolArray | None) -> tuple[Links | None, Int64Array]:
        """Give the links that touch some vertices of a block, counted among these, and what else they lead to.

        Attributes are those of the links inside the block, which come first.
        """
        if self.content.links is None:
            return None, np.empty(0, np.int64)
        low, high = int(self.starts[number]), int(self.starts[number + 1])
        place = np.full(high - low, -1, number_type(len(self.content.positions)))
        place[rows - low] = np.arange(len(rows))
        runs = self.links[number]
        inner = _taken(self.content.links, expand_ranges(runs[:, 0], runs[:, 1] - runs[:, 0]))
        ends = place[inner.ends - low]
        if len(rows) < high - low:
            kept = np.flatnonzero((ends >= 0).all(axis=1))
            values = [(column, values[kept]) for column, values in inner.attributes]
            inner, ends = Links(inner.ends, inner.directed, values), ends[kept]
        touching, begins = self._reach
        across = _taken(self.content.links, self.between[touching[begins[number] : begins[number + 1]]]).ends
        mine = (across >= low) & (across < high)
        far = np.empty(across.shape, place.dtype)
        far[mine] = place[across[mine] - low]
        beyond, found = np.unique(across[~mine].astype(np.int64), return_inverse=True)
        alive = np.ones(len(beyond), bool) if stays is None else stays[self._owners(beyond)]
        far[~mine] = np.where(alive[found], len(rows) + found, -1)
        far = far[(far >= 0).all(axis=1) & (far < len(rows)).any(axis=1)]
        beyond, far = _used(far, len(rows), beyond)
        return replace(inner, ends=np.concatenate([ends, far])), beyond

    def crossing(self) -> Iterator[Links]:
        """Give the links between blocks, those that may become the same together."""
        for low, high in pairwise(self._begins.tolist()):
            if high > low:
                yield _taken(self.content.links, self.between[low:high])

    def parts(self) -> Iterator[tuple[Content, int]]:
        """Give the blocks' content one after the other, each with how many of its vertices are its own."""
        for number in range(len(self)):
            block = self.block(number, None)
            links = block.content.links
            if links is not None:
                # A link between blocks is counted in the block of its first end.
                links = replace(links, ends=links.ends[links.ends[:, 0] < block.own], attributes=())
            yield replace(block.content, links=links, attributes=()), block.own


def regrouped(content: Content, starts: Int64Array, link_starts: Int64Array, most: int) -> Blocked:
    """Make blocks of parts that follow one another.

    Parameters
    ----------
    content : Content
    starts, link_starts : (P + 1,) int64
        Part ``p`` has the vertices ``starts[p]:starts[p + 1]``, and ``link_starts[p]:link_starts[p + 1]`` are the links
        among them. The links behind those of all parts lie between parts.
    most : int
        Vertices of a block, and at most one part more.
    """
    first = np.append(run_starts(starts[:-1] // most), len(starts) - 1)
    count = 0 if content.links is None else len(content.links.ends)
    inner = np.stack([link_starts[:-1], link_starts[1:]], axis=1) if count else np.zeros((len(starts) - 1, 2), np.int64)
    runs = np.split(inner, np.arange(1, len(inner)))
    return _joined(content, starts, runs, np.arange(min(count, int(link_starts[-1])), count), first)


def mended(blocked: Blocked) -> Blocked:
    """Join blocks that a surface is torn into.

    One that wavers about the face between two chunks has every other vertex on either side; of two such blocks it would
    come out folded. They are known by the links between them, more than half as many as the smaller one has vertices.
    """
    count = len(blocked)
    block = np.searchsorted(blocked.starts, _taken(blocked.content.links, blocked.between).ends, side="right") - 1
    pairs, links = np.unique(block.min(axis=1) * count + block.max(axis=1), return_counts=True)
    rows = np.diff(blocked.starts)
    torn = pairs[2 * links > np.minimum(rows[pairs // count], rows[pairs % count])]
    if not len(torn):
        return blocked
    # All between the two are joined too: blocks follow one another.
    change = np.bincount(torn // count + 1, minlength=count + 2) - np.bincount(torn % count + 1, minlength=count + 2)
    first = np.flatnonzero(np.cumsum(change)[: count + 1] == 0)
    return _joined(blocked.content, blocked.starts, blocked.links, blocked.between, first)


def _joined(
    content: Content, starts: Int64Array, runs: Sequence[Int64Array], between: Int64Array, first: Int64Array
) -> Blocked:
    """Make blocks of blocks: the i-th of those from ``first[i]`` up to ``first[i + 1]``."""
    begins = starts[first]
    block = np.searchsorted(begins, _taken(content.links, between).ends, side="right") - 1
    inside = (block == block[:, :1]).all(axis=1)
    order, bounds = group_order(block[inside, 0].astype(np.uint32), len(first) - 1)
    inner = between[inside][order]
    single = np.stack([inner, inner + 1], axis=1)
    all_runs = [
        np.concatenate([*runs[low:high], single[bounds[i] : bounds[i + 1]]])
        for i, (low, high) in enumerate(pairwise(first.tolist()))
    ]
    return Blocked.of(content, begins, all_runs, between[~inside])


def _used(links: AnyArray, own: int, beyond: Int64Array) -> tuple[Int64Array, AnyArray]:
    """Leave out the vertices beyond a block that no link needs any more."""
    used = np.zeros(own + len(beyond), bool)
    used[:own] = True
    used[links] = True
    place = np.cumsum(used, dtype=links.dtype) - 1
    return beyond[used[own:]], place[links]


def _taken(links: Links | None, rows: Int64Array) -> Links:
    if links is None:
        return Links(np.empty((0, 2), np.int64))
    ends = links.ends[rows]
    attributes = [(column, values[rows]) for column, values in links.attributes]
    release(links.ends, *(values for _, values in links.attributes))
    return Links(ends, links.directed, attributes)
