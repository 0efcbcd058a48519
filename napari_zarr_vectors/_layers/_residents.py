"""What lies in the vertex buffer of a pool, and where it is sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from napari_zarr_vectors._build import BuiltChunk
    from napari_zarr_vectors._layers._ranges import Ranges

__all__ = ["Resident", "Shown", "Sink"]

Float32Array = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]


class Sink(Protocol):
    """Where buffers go. The pool calls it on the GUI thread.

    Its rows are vertices: corners of the pool's rows. Arrays are handed over without a copy and never change.
    """

    def allocate(self, rows: int, *, extra: bool) -> None:
        """Make vertex buffers of `rows` rows with undefined contents."""

    def write_vertices(self, row: int, positions: Float32Array, extra: Float32Array | None) -> None:
        """Write positions (n, 3) and, if there are any, further axes (n, 2) from row `row` on."""

    def write_others(self, row: int, others: Float32Array, extra: Float32Array | None) -> None:
        """Write other ends or normals (n, 3) and further axes (n, 2) from row `row` on, for chunks that have them."""

    def write_sizes(self, row: int, sizes: Float32Array) -> None:
        """Write sizes (n,) from row `row` on, for chunks that have them."""

    def write_values(self, row: int, values: Float32Array) -> None:
        """Write values (n,) from row `row` on."""

    def write_staged(self, row: int, values: Float32Array, sizes: Float32Array | None) -> None:
        """Keep values (n,) and sizes, 1 for None, apart from what is drawn."""

    def swap_staged(self) -> None:
        """Write all that was staged; of every row that is drawn something was."""

    def write_levels(self, row: int, levels: Float32Array) -> None:
        """Write levels and weights (n,) from row `row` on."""

    def allocate_indices(self, count: int) -> None:
        """Make an index buffer of `count` entries with undefined contents."""

    def write_indices(self, first: int, indices: npt.NDArray[np.uint32]) -> None:
        """Write indices (n,) from entry `first` on."""

    def show(self, count: int) -> None:
        """Draw the first `count` indices from now on."""


@dataclass(slots=True, eq=False)
class Resident:
    """A chunk in the buffer.

    `staged` has the values and sizes that are to be its next ones.
    """

    built: BuiltChunk
    runs: list[tuple[int, int]]  # of pages, half-open, ascending
    parts: list[tuple[int, slice]]  # first vertex in the buffer and vertices of the chunk of each of these runs
    owner: int  # number of the node in the slot table
    staged: BuiltChunk | None = None

    @property
    def page_count(self) -> int:
        return sum(stop - start for start, stop in self.runs)

    def send_vertices(self, sink: Sink | None) -> None:
        """Send what never changes."""
        built = self.built
        if sink is None:
            return
        for row, part in self.parts:
            extra = built.extra[part] if built.extra is not None else None
            sink.write_vertices(row, built.positions[part], extra)
            sink.write_levels(row, built.levels[part])
            if built.others is not None:
                extra = None if built.others_extra is None else built.others_extra[part]
                sink.write_others(row, built.others[part], extra)

    def send_values(self, sink: Sink | None) -> None:
        """Send what is drawn of values and sizes, and what is staged."""
        if sink is None:
            return
        for row, part in self.parts:
            sink.write_values(row, self.built.values[part])
            if self.built.sizes is not None:
                sink.write_sizes(row, self.built.sizes[part])
        if self.staged is not None:
            self.stage(self.staged, sink)

    def stage(self, built: BuiltChunk, sink: Sink | None) -> None:
        """Set the next values and sizes: those of the same rows."""
        self.staged, sizes = built, built.sizes
        if sink is not None:
            for row, part in self.parts:
                sink.write_staged(row, built.values[part], None if sizes is None else sizes[part])

    def swap(self) -> None:
        """Take what is staged for what is drawn."""
        if self.staged is not None:
            self.built, self.staged = self.staged, None


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """What is drawn, as one value: other threads read it, and ranges are rows of these very residents.

    Attributes
    ----------
    ranges : Ranges
    residents : (u,) tuple of Resident
        What each unit of `ranges` is drawn of.
    counts : (u,) int64
        Vertices that each draws.
    vertices : int
        Their sum: it is asked for at every paint.
    """

    ranges: Ranges
    residents: tuple[Resident, ...]
    counts: IntArray
    vertices: int
