"""Buffers of a page pool as gloo objects.

20 bytes a vertex (positions 12, values 4, level 4, in buffers of their own so that new values do not resend
positions), 8 more above three axes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from vispy import gloo

__all__ = ["GlooSink"]

Float32Array = npt.NDArray[np.float32]


class _PartIndexBuffer(gloo.IndexBuffer):
    """An index buffer of which the first `used` entries are drawn: gloo asks `size` when it draws."""

    used = 0

    @property
    def size(self) -> int:
        return self.used


@dataclass(slots=True, eq=False)
class _Staged:
    """Values and sizes that are to be sent as one array each, up to `end`."""

    values: Float32Array
    sizes: Float32Array | None = None
    end: int = 0


class GlooSink:
    """Buffers of a pool as gloo objects; everything is queued and sent at the next paint.

    Parameters
    ----------
    changed : callable
        Called when what is drawn has changed, to ask for a paint.
    extra : bool
        Also a buffer of further axes.
    linked : bool
        Also buffers of other ends or normals.
    margin : int
        Vertices before and behind those of the pool, so that a vertex' neighbours can be read as well.
    """

    def __init__(self, changed: Callable[[], None], *, extra: bool, linked: bool = False, margin: int = 0) -> None:
        self.positions = gloo.VertexBuffer(np.zeros((1, 3), dtype=np.float32))
        self.values = gloo.VertexBuffer(np.zeros(1, dtype=np.float32))
        self.levels = gloo.VertexBuffer(np.zeros(1, dtype=np.float32))
        self.extra = gloo.VertexBuffer(np.zeros((1, 2), dtype=np.float32)) if extra else None
        self.others = gloo.VertexBuffer(np.zeros((1, 3), dtype=np.float32)) if linked else None
        self.others_extra = gloo.VertexBuffer(np.zeros((1, 2), dtype=np.float32)) if linked and extra else None
        self.sizes: gloo.VertexBuffer | None = None  # made when the first size comes
        self.on_buffers: Callable[[], None] = lambda: None
        """Called when buffers have another size, or there is one of sizes."""
        self._staged: _Staged | None = None
        self._rows, self.margin = 1, margin
        self.indices = _PartIndexBuffer(np.zeros(1, dtype=np.uint32))
        self._changed = changed

    def part(self, buffer: gloo.VertexBuffer, step: int = 0) -> Any:  # noqa: ANN401  # vispy has no types
        """Give what a vertex shader reads of a buffer: of each vertex, or of the one so many steps from it."""
        first = self.margin + step
        return buffer[first : first + self._rows] if self.margin and buffer.size > self._rows else buffer

    def allocate(self, rows: int, *, extra: bool) -> None:
        """Make room for `rows` rows."""
        self._rows, self._staged = rows, None
        optional = (self.extra, self.others, self.others_extra, self.sizes)
        for buffer in (self.positions, self.values, self.levels, *optional):
            if buffer is not None:
                buffer.resize_bytes((rows + 2 * self.margin) * buffer.itemsize)
        self.on_buffers()

    def write_vertices(self, row: int, positions: Float32Array, extra: Float32Array | None) -> None:
        """Queue positions (n, 3) and further axes (n, 2)."""
        self.positions.set_subdata(positions, offset=self.margin + row)
        if self.extra is not None and extra is not None:
            self.extra.set_subdata(extra, offset=self.margin + row)

    def write_others(self, row: int, others: Float32Array, extra: Float32Array | None) -> None:
        """Queue other ends or normals (n, 3) and further axes (n, 2)."""
        if self.others is not None:
            self.others.set_subdata(others, offset=self.margin + row)
        if self.others_extra is not None and extra is not None:
            self.others_extra.set_subdata(extra, offset=self.margin + row)

    def write_sizes(self, row: int, sizes: Float32Array) -> None:
        """Queue sizes (n,)."""
        if self.sizes is None:
            self.sizes = gloo.VertexBuffer(np.zeros(1, dtype=np.float32))
            self.sizes.resize_bytes((self._rows + 2 * self.margin) * self.sizes.itemsize)
            self.on_buffers()
        self.sizes.set_subdata(sizes, offset=self.margin + row)

    def write_values(self, row: int, values: Float32Array) -> None:
        """Queue values (n,)."""
        self.values.set_subdata(values, offset=self.margin + row)

    def write_staged(self, row: int, values: Float32Array, sizes: Float32Array | None) -> None:
        """Keep values (n,) and sizes (n,) for the next swap."""
        staged = self._staged
        if staged is None:
            staged = self._staged = _Staged(np.empty(self._rows, dtype=np.float32))
        part = slice(row, row + len(values))
        staged.values[part] = values
        staged.end = max(staged.end, part.stop)
        if sizes is not None or staged.sizes is not None:
            if staged.sizes is None:
                staged.sizes = np.ones(self._rows, dtype=np.float32)
            staged.sizes[part] = 1.0 if sizes is None else sizes

    def swap_staged(self) -> None:
        """Queue what was staged in one piece: thousands of small ones take the driver ten times as long."""
        staged, self._staged = self._staged, None
        if staged is not None:
            self.write_values(0, staged.values[: staged.end])
            if staged.sizes is not None:
                self.write_sizes(0, staged.sizes[: staged.end])

    def write_levels(self, row: int, levels: Float32Array) -> None:
        """Queue levels and weights (n,)."""
        self.levels.set_subdata(levels, offset=self.margin + row)

    def allocate_indices(self, count: int) -> None:
        """Make room for `count` indices."""
        self.indices.resize_bytes(max(count, 1) * 4)

    def write_indices(self, first: int, indices: npt.NDArray[np.uint32]) -> None:
        """Queue indices (n,)."""
        self.indices.set_subdata(indices, offset=first)

    def show(self, count: int) -> None:
        """Draw the first `count` indices from the next paint on."""
        self.indices.used = count
        self._changed()
