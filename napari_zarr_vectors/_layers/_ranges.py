"""Row ranges of nodes, sorted, and what differs between two sets of them. Pure numpy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_zarr_vectors._build import concatenated

__all__ = ["Ranges", "changed_units", "make_ranges", "slot_block"]

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Ranges:
    """Ranges that are drawn, ascending by node and start, and the nodes with their first range."""

    nodes: IntArray  # (m,)
    starts: IntArray  # (m,)
    stops: IntArray  # (m,)
    units: IntArray  # (u,) distinct nodes
    first: IntArray  # (u + 1,)
    cuts: IntArray  # (u,) which rows of a unit's ranges: see `_model.bins`; 0 for all

    def of(self, unit: int) -> slice:
        """Ranges of one unit."""
        return slice(int(self.first[unit]), int(self.first[unit + 1]))

    @property
    def cuts_of_ranges(self) -> IntArray:
        """The cut of each range, (m,)."""
        return np.repeat(self.cuts, np.diff(self.first))


def make_ranges(nodes: IntArray, starts: IntArray, stops: IntArray, cuts: IntArray | None = None) -> Ranges:
    """Sort ranges by node and start, and find where each node begins; a node's ranges have one cut."""
    if not len(nodes):
        return Ranges(nodes, starts, stops, nodes, np.zeros(1, dtype=np.int64), nodes)
    order = np.lexsort((starts, nodes))
    nodes, starts, stops = nodes[order], starts[order], stops[order]
    begins = np.concatenate([[0], np.flatnonzero(np.diff(nodes)) + 1])
    of_units = np.zeros(len(begins), np.int64) if cuts is None else cuts[order][begins]
    return Ranges(nodes, starts, stops, nodes[begins], np.append(begins, len(nodes)), of_units)


def changed_units(old: Ranges, new: Ranges) -> IntArray:
    """Units of `new`, as positions, that `old` has not with the very same ranges."""
    if not len(new.units) or not len(old.units):
        return np.arange(len(new.units))
    match = np.minimum(np.searchsorted(old.units, new.units), len(old.units) - 1)
    counts = np.diff(new.first)
    same = (old.units[match] == new.units) & (np.diff(old.first)[match] == counts)
    same &= old.cuts[match] == new.cuts
    # Range i of a new unit against range i of its match; where the counts differ the answer is known.
    at = np.minimum(
        np.repeat(old.first[match] - new.first[:-1], counts) + np.arange(len(new.nodes)), len(old.nodes) - 1
    )
    equal = (old.starts[at] == new.starts) & (old.stops[at] == new.stops)
    same &= np.logical_and.reduceat(equal, new.first[:-1])
    return np.flatnonzero(~same)


def slot_block(
    picked: list[IntArray], pages: list[list[tuple[int, int]]], page_rows: int
) -> tuple[IntArray, npt.NDArray[np.uint32]]:
    """Buffer rows that some units show, in whole slots padded with 0.

    Parameters
    ----------
    picked : list of k (n,) int64
        Rows of each unit.
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
    rows_of = np.array([len(rows) for rows in picked], dtype=np.int64)
    slots = -(-rows_of // page_rows)
    # Rows are numbered through the pages of all units one after another, as if these lay side by side.
    runs = np.array([run for unit in pages for run in unit], dtype=np.int64).reshape(-1, 2)
    page = concatenated(runs[:, 0], runs[:, 1])
    counts_of_pages = [sum(stop - start for start, stop in unit) for unit in pages]
    first_page = np.cumsum([0, *counts_of_pages])[:-1]
    rows = np.concatenate([np.zeros(0, np.int64), *picked]) + np.repeat(first_page * page_rows, rows_of)
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
