"""Row ranges of nodes, sorted, and what differs between two sets of them. Pure numpy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Ranges", "changed_units", "concatenated", "make_ranges"]

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Ranges:
    """Ranges that are drawn, ascending by node and start, and the nodes with their first range."""

    nodes: IntArray  # (m,)
    starts: IntArray  # (m,)
    stops: IntArray  # (m,)
    units: IntArray  # (u,) distinct nodes
    first: IntArray  # (u + 1,)

    def of(self, unit: int) -> slice:
        """Ranges of one unit."""
        return slice(int(self.first[unit]), int(self.first[unit + 1]))


def make_ranges(nodes: IntArray, starts: IntArray, stops: IntArray) -> Ranges:
    """Sort ranges by node and start, and find where each node begins."""
    if not len(nodes):
        return Ranges(nodes, starts, stops, nodes, np.zeros(1, dtype=np.int64))
    order = np.lexsort((starts, nodes))
    nodes, starts, stops = nodes[order], starts[order], stops[order]
    begins = np.concatenate([[0], np.flatnonzero(np.diff(nodes)) + 1])
    return Ranges(nodes, starts, stops, nodes[begins], np.append(begins, len(nodes)))


def changed_units(old: Ranges, new: Ranges) -> IntArray:
    """Units of `new`, as positions, that `old` has not with the very same ranges."""
    if not len(new.units) or not len(old.units):
        return np.arange(len(new.units))
    match = np.minimum(np.searchsorted(old.units, new.units), len(old.units) - 1)
    counts = np.diff(new.first)
    same = (old.units[match] == new.units) & (np.diff(old.first)[match] == counts)
    # Range i of a new unit against range i of its match; where the counts differ the answer is known.
    at = np.minimum(
        np.repeat(old.first[match] - new.first[:-1], counts) + np.arange(len(new.nodes)), len(old.nodes) - 1
    )
    equal = (old.starts[at] == new.starts) & (old.stops[at] == new.stops)
    same &= np.logical_and.reduceat(equal, new.first[:-1])
    return np.flatnonzero(~same)


def concatenated(starts: IntArray, stops: IntArray) -> IntArray:
    """``[*range(starts[0], stops[0]), *range(starts[1], stops[1]), ..]`` without a loop."""
    lengths = stops - starts
    ends = np.cumsum(lengths)
    return np.asarray(np.arange(ends[-1]) + np.repeat(starts - (ends - lengths), lengths))
