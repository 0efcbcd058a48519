"""Row ranges of nodes, sorted, and what differs between two sets of them. Pure numpy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Ranges", "changed_units", "concatenated", "make_ranges", "slot_block"]

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

    def of_units(self, units: IntArray) -> IntArray:
        """Ranges of (k,) units, as positions, unit by unit."""
        return concatenated(self.first[units], self.first[units + 1])


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
    if not len(starts):
        return np.zeros(0, dtype=np.int64)
    lengths = stops - starts
    ends = np.cumsum(lengths)
    return np.asarray(np.arange(ends[-1]) + np.repeat(starts - (ends - lengths), lengths))


def slot_block(
    wanted: Ranges, units: IntArray, pages: list[list[tuple[int, int]]], page_rows: int
) -> tuple[IntArray, npt.NDArray[np.uint32]]:
    """Buffer rows that some units show, in whole slots padded with 0.

    Parameters
    ----------
    wanted : Ranges
    units : (k,) int64
        Which of its units.
    pages : list of list of (start, stop)
        Runs of pages of each of these units, in the order of its rows.
    page_rows : int
        A power of two.

    Returns
    -------
    slots : (k,) int64
        How many each unit fills.
    block : (sum(slots), page_rows) uint32
    """
    at = wanted.of_units(units)
    counts = wanted.first[units + 1] - wanted.first[units]
    lengths = wanted.stops[at] - wanted.starts[at]
    rows_of = np.add.reduceat(lengths, np.cumsum(counts) - counts) if len(units) else lengths
    slots = -(-rows_of // page_rows)
    # Rows are numbered through the pages of all units one after another, as if these lay side by side.
    runs = np.array([run for unit in pages for run in unit], dtype=np.int64).reshape(-1, 2)
    page = concatenated(runs[:, 0], runs[:, 1])
    counts_of_pages = [sum(stop - start for start, stop in unit) for unit in pages]
    first_page = np.cumsum([0, *counts_of_pages])[:-1]
    starts = wanted.starts[at] + np.repeat(first_page * page_rows, counts)
    rows = concatenated(starts, starts + lengths)
    moved = (page - np.arange(len(page))) * page_rows
    block = np.zeros((int(slots.sum()), page_rows), dtype=np.uint32)
    first_slot = np.cumsum(slots) - slots
    ends = np.cumsum(rows_of)
    # Each unit's rows go to the front of its slots.
    gap = first_slot * page_rows - (ends - rows_of)
    block.reshape(-1)[np.arange(len(rows)) + np.repeat(gap, rows_of)] = (
        rows + moved[rows >> (page_rows.bit_length() - 1)]
    )
    return slots, block
